//! The engine of the Python package `metalith`.
//!
//! A door: it turns Python objects into requests, waits without the interpreter's lock, and turns
//! results and errors into Python objects. What is public to users, with its names and its sugar,
//! is written in Python (`python/src/metalith`) and calls this module alone.

// A test program has no interpreter to be linked with: the tests are in Python.
#![cfg(not(test))]

mod arrow;
mod command;
mod deletion;
mod errors;
mod graph;
mod holds;
mod place;
mod project;
mod store;
mod wait;

use pyo3::prelude::*;

/// The module that the package imports.
#[pymodule]
#[pyo3(name = "_metalith")]
fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<graph::Graph>()?;
    module.add_class::<place::Place>()?;
    module.add_class::<project::Project>()?;
    module.add_class::<store::Store>()?;
    module.add_class::<arrow::Frame>()?;
    module.add_class::<store::Increment>()?;
    module.add_class::<deletion::Plan>()?;
    module.add_function(wrap_pyfunction!(store::check_filter, module)?)?;
    module.add_function(wrap_pyfunction!(command::run_command, module)?)?;
    let end_workers = wrap_pyfunction!(wait::end_workers, module)?;
    module.py().import("atexit")?.call_method1("register", (end_workers,)).map(drop)
}
