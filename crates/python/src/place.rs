//! Where a store's tables are.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use metalith_base::Kind;
use metalith_delta::{Layout, open_backend, space_of};
use metalith_project::{ConfiguredPlace, configured_place};
use metalith_store::{Backend, Compute, MemoryBackend, SpaceOf};
use pyo3::prelude::*;

use crate::{
    errors::{raise, raise_as},
    wait::wait,
};

/// A place that keeps tables. Naming it does no I/O.
#[pyclass(frozen, module = "metalith._metalith")]
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) space_of: Option<SpaceOf>,
    /// Where increments are found.
    pub(crate) compute: Compute,
}

#[pymethods]
impl Place {
    #[staticmethod]
    fn memory() -> Self {
        let backend = Arc::new(MemoryBackend::new());
        Self { backend, space_of: None, compute: Compute::default() }
    }

    #[staticmethod]
    fn delta(address: &str, options: BTreeMap<String, String>, layout: &str) -> PyResult<Self> {
        let layout = match layout {
            "nested" => Layout::Nested,
            "flat" => Layout::Flat,
            other => {
                let message = format!("`{other}` is no layout");
                let hint = Some("choose `nested` or `flat`");
                return Err(raise_as(Kind::Invalid, "store.layout", &message, hint));
            }
        };
        // The file and network clients of a place belong to worker threads.
        let workers = crate::wait::workers()?;
        let _entered = workers.enter();
        let backend = open_backend(address, &options, layout).map_err(|error| raise(&error))?;
        let space_of = space_of(address, &options, layout).map_err(|error| raise(&error))?;
        Ok(Self { backend, space_of, compute: Compute::default() })
    }

    /// The place of the store that a text in the form of `metalith.toml` configures, of whatever
    /// kind that is. Paths in it are relative to `folder`.
    #[staticmethod]
    fn configured(py: Python<'_>, folder: PathBuf, settings: String) -> PyResult<Self> {
        let found =
            wait(py, "opening a store", async move { configured_place(&folder, &settings).await })?;
        let ConfiguredPlace { backend, space_of, compute } =
            found.map_err(|error| raise(&error))?;
        Ok(Self { backend, space_of, compute })
    }

    fn location(&self) -> String {
        self.backend.location()
    }
}
