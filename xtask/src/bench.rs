//! Metalith and its peer, side by side: the work is done by `tools/bench/bench.py`. Deletions, which
//! no peer does, are measured by `tools/bench/deletions.py`, how cost grows by
//! `tools/bench/growth.py`; pipelines are measured against Polars by `tools/bench/pipelines.py`, and a
//! server under many clients by `tools/bench/load.py`.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    databases, interop, python, root,
    step::{cargo, command, step},
    tidy,
};

/// Builds our binary, installs the peer, and measures both. Options go to the script. With
/// `deletions`, `growth`, `load` or `pipelines` first, only these are measured.
pub(crate) fn run(options: &[String]) -> Result<()> {
    step("build", || {
        let packages = ["--package", "metalith-cli", "--package", "metalith-python"];
        cargo(&[&["build", "--release"][..], &packages].concat())
    })?;
    let python = step("peer", || interop::python("tools/bench/requirements.txt"))?;
    let target = target()?;
    python::put_engine(&target.join("release/lib_metalith.so"))?;
    let script = |name: &str, options: &[String]| {
        let output = target.join(name).with_extension("json");
        command(
            Command::new(&python)
                .arg("-B")
                .arg(root().join("tools/bench").join(name))
                .arg("--metalith")
                .arg(target.join("release/metalith"))
                .arg("--scratch")
                .arg(target.join("bench"))
                .arg("--output")
                .arg(output)
                .args(options),
        )
    };
    // DuckDB's library; PostgreSQL, and the driver for it.
    let with_databases = |name: &str, options: &[String]| {
        let databases = databases::folder()?.display().to_string();
        let own = ["--databases".to_owned(), databases];
        script(name, &[&own[..], options].concat())
    };
    let load = |store: &str, options: &[String]| {
        let own = ["--store", store].map(str::to_owned);
        with_databases("load.py", &[&own[..], options].concat())
    };
    if let [first, options @ ..] = options {
        match first.as_str() {
            "deletions" => return step("bench deletions", || script("deletions.py", options)),
            "growth" => return step("bench growth", || script("growth.py", options)),
            "load" => return step("bench load", || load("delta", options)),
            "pipelines" => return step("bench pipelines", || script("pipelines.py", options)),
            _ => {}
        }
    }
    let package = ["--package".to_owned(), root().join("python").display().to_string()];
    step("bench", || with_databases("bench.py", &[&package[..], options].concat()))?;
    step("bench deletions", || script("deletions.py", &[]))?;
    step("bench growth", || script("growth.py", &[]))?;
    step("bench pipelines", || script("pipelines.py", &[]))?;
    step("bench load", || load("delta", &[]))?;
    step("bench load on PostgreSQL", || load("postgresql", &[]))
}

fn target() -> Result<PathBuf> {
    let metadata = tidy::metadata(&["--no-deps"])?;
    let target = metadata["target_directory"].as_str().context("cargo names no target folder")?;
    Ok(PathBuf::from(target))
}
