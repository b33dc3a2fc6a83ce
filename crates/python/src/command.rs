//! The `metalith` command as the wheel installs it.

use pyo3::prelude::*;

use crate::graph::definitions;

/// Runs the command with these arguments, the name of the program first; returns its exit code.
///
/// `declared` is a JSON list of the features that the project declares in Python.
#[pyfunction]
pub(crate) fn run_command(py: Python<'_>, arguments: Vec<String>, declared: &str) -> PyResult<u8> {
    let declared = definitions(declared)?;
    Ok(py.detach(|| metalith_cli::run(arguments, Some(declared))))
}
