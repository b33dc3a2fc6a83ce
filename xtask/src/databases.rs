//! Drivers of databases, and a PostgreSQL server, for tests.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{debian, interop, step::command};

/// What tests find the folder by.
pub(crate) const VARIABLE: &str = "METALITH_TEST_DATABASES";

/// The shared library of DuckDB is on npm; in Python's package it is one that only Python can load.
const DUCKDB: &str = "1.5.6-r.1";

/// What a locale is made of, in which texts are not in the order of their bytes.
const LOCALE: &str = "/usr/share/i18n/locales/en_US";

/// The folder of an environment with everything in `tools/databases.txt`, and with DuckDB.
pub(crate) fn folder() -> Result<PathBuf> {
    debian::package("locales", LOCALE, "PostgreSQL is tested with texts in another order")?;
    let python = interop::python("tools/databases.txt")?;
    let folder = python.parent().and_then(|bin| bin.parent()).context("an odd environment")?;
    let duckdb = folder.join("duckdb");
    let ready = duckdb.join(format!("ready-{DUCKDB}"));
    if !ready.exists() {
        let machine = match std::env::consts::ARCH {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            other => bail!("there is no DuckDB for {other}"),
        };
        let package = format!("@duckdb/node-bindings-linux-{machine}@{DUCKDB}");
        fs::create_dir_all(&duckdb)?;
        let npm = ["install", "--silent", "--no-audit", "--no-fund", "--prefix"];
        command(interop::npm(&interop::node()?)?.args(npm).arg(&duckdb).arg(&package))
            .with_context(|| format!("{package} could not be installed"))?;
        fs::write(&ready, "")?;
    }
    Ok(folder.to_path_buf())
}
