//! The Python package: its engine, its checks and its tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    counted::Counts,
    databases, interop, root,
    step::{built, command, step},
};

/// The packages that the tests of the Python package need.
const REQUIREMENTS: &str = "python/requirements-test.txt";
/// Metaxy, in an environment of its own.
pub(crate) const PEER: &str = "tools/bench/requirements.txt";

/// Everything that decides about the Python package.
pub(crate) fn test() -> Result<Counts> {
    let python = step("python packages", || interop::python(REQUIREMENTS))?;
    step("python engine", engine)?;
    step("python style", || style(&python))?;
    step("python types", || {
        let checker = python.with_file_name("basedpyright");
        command(Command::new(checker).arg("--pythonpath").arg(&python).current_dir(folder()))
    })?;
    let peer = step("peer", || interop::python(PEER))?;
    let databases = step("databases", databases::folder)?;
    let environment = [("METALITH_PEER_PYTHON", peer), (databases::VARIABLE, databases)];
    let own = step("python tests", || {
        let tests = ["python/src", "python/tests"];
        pytest(&python, &environment, "python/pyproject.toml", &tests)
    })?;
    let compatible = step("python tests under the names of Metaxy", || {
        let config = "python/metaxy-compat/pyproject.toml";
        pytest(&python, &environment, config, &["python/metaxy-compat/tests"])
    })?;
    Ok(own.and(compatible))
}

/// Builds the engine as the tests of Rust build it, and puts it into the package.
fn engine() -> Result<()> {
    put_engine(&built(&["--lib"], "_metalith")?)
}

/// Makes the package use an engine.
pub(crate) fn put_engine(library: &Path) -> Result<()> {
    let place = folder().join("src/metalith/_metalith.abi3.so");
    if place.symlink_metadata().is_ok() {
        fs::remove_file(&place)?;
    }
    std::os::unix::fs::symlink(library, &place)
        .with_context(|| format!("{} cannot be made", place.display()))
}

fn folder() -> PathBuf {
    root().join("python")
}

fn style(python: &Path) -> Result<()> {
    let ruff = python.with_file_name("ruff");
    for folder in [folder(), root().join("tools")] {
        command(Command::new(&ruff).args(["format", "--check", "."]).current_dir(&folder))?;
        command(Command::new(&ruff).args(["check", "."]).current_dir(&folder))?;
    }
    Ok(())
}

/// Runs tests from the folder of the repository. One that is skipped counts as a failure.
fn pytest(
    python: &Path,
    environment: &[(&str, PathBuf)],
    config: &str,
    tests: &[&str],
) -> Result<Counts> {
    let sources = [folder().join("src"), folder().join("metaxy-compat/src")];
    let report = tempfile::NamedTempFile::new()?;
    let mut pytest = Command::new(python);
    pytest
        .args(["-m", "pytest", "--quiet", "-rs", "-c", config, "--junit-xml"])
        .arg(report.path())
        .args(tests)
        .env("PYTHONPATH", std::env::join_paths(sources)?)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(environment.iter().map(|(name, value)| (*name, value)))
        .current_dir(root());
    let ended = command(&mut pytest);
    let report = fs::read_to_string(report.path()).unwrap_or_default();
    let count = |name: &str| attribute(&report, name);
    let failed = count("failures") + count("errors");
    if let Err(error) = ended {
        bail!("{error}: {failed} failed");
    }
    if count("skipped") > 0 {
        bail!("{} tests were skipped; run them or remove them", count("skipped"));
    }
    Ok(Counts { passed: count("tests"), failed, ignored: 0 })
}

/// A number in the first element of a report that has it.
fn attribute(report: &str, name: &str) -> u64 {
    let start = format!(" {name}=\"");
    let value = report.split_once(&start).and_then(|(_, rest)| rest.split('"').next());
    value.and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::attribute;

    #[test]
    fn a_report_tells_its_counts() {
        let report = r#"<testsuites><testsuite name="pytest" errors="1" failures="2" tests="30">"#;
        assert_eq!(attribute(report, "tests"), 30);
        assert_eq!(attribute(report, "failures") + attribute(report, "errors"), 3);
        assert_eq!(attribute(report, "skipped"), 0);
    }
}
