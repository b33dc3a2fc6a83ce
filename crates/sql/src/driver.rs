//! Finding ADBC drivers, as ADBC's driver manager does.

use std::path::Path;

use adbc_core::{LOAD_FLAG_DEFAULT, error::Error, options::AdbcVersion};
use adbc_driver_manager::ManagedDriver;
use metalith_store::{PlaceProblem, StoreError};

use crate::{dialect::Dialect, place::Place};

/// Loads the driver of a database: a manifest by its name, or a library by its path.
pub(crate) fn load(dialect: &dyn Dialect, place: &Place) -> Result<ManagedDriver, StoreError> {
    let facts = dialect.driver();
    let name = place.driver().unwrap_or(facts.name);
    let is_path = name.contains(['/', '\\']) || Path::new(name).extension().is_some();
    let refuse = |problem| StoreError::Place { location: place.shown().to_owned(), problem };
    if is_path && !Path::new(name).exists() {
        return Err(refuse(missing(dialect, name, "there is no such file")));
    }
    let (version, flags) = (AdbcVersion::V110, LOAD_FLAG_DEFAULT);
    ManagedDriver::load_from_name(name, facts.entrypoint, version, flags, None).map_err(|error| {
        let detail = place.redact(error.message.lines().next().unwrap_or_default());
        if is_path || !is_missing(&error) {
            let driver = name.to_owned();
            refuse(PlaceProblem::NotADriver { driver, detail })
        } else {
            refuse(missing(dialect, name, &detail))
        }
    })
}

fn missing(dialect: &dyn Dialect, name: &str, detail: &str) -> PlaceProblem {
    PlaceProblem::NoDriver {
        database: dialect.title(),
        driver: name.to_owned(),
        detail: detail.to_owned(),
        advice: dialect.driver().advice,
    }
}

/// Whether there is no driver of a name; else there is one that cannot be used.
fn is_missing(error: &Error) -> bool {
    let texts = ["not found", "No such file", "cannot open shared object", "could not find"];
    texts.iter().any(|text| error.message.contains(text))
}
