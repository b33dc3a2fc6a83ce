//! The `metalith` command as the wheel installs it.

use std::sync::Arc;

use futures::future::BoxFuture;
use metalith_base::FeatureKey;
use metalith_cli::InPython;
use metalith_lifecycle::migrations::Functions;
use metalith_store as store;
use pyo3::prelude::*;

use crate::{
    arrow::{Frame, collect},
    graph::definitions,
};

/// Runs the command with these arguments, the name of the program first; returns its exit code.
///
/// `declared` is a JSON list of the features that the project declares in Python; `call` takes the
/// name of a function, the key of a feature and samples of it, and calls the function.
#[pyfunction]
pub(crate) fn run_command(
    py: Python<'_>,
    arguments: Vec<String>,
    declared: &str,
    call: Py<PyAny>,
) -> PyResult<u8> {
    let declared = definitions(declared)?;
    let python = InPython { declared, functions: Arc::new(Callable(call)) };
    Ok(py.detach(|| metalith_cli::run(arguments, Some(python))))
}

/// What calls functions of the project.
#[derive(Debug)]
struct Callable(Py<PyAny>);

impl Functions for Callable {
    fn call(
        &self,
        name: &str,
        feature: &FeatureKey,
        samples: store::Frame,
    ) -> BoxFuture<'_, Result<store::Frame, store::FunctionError>> {
        let (name, feature) = (name.to_owned(), feature.to_string());
        Box::pin(async move {
            // It may take as long as it likes: the worker hands its other tasks over first.
            let answer = tokio::task::block_in_place(|| {
                Python::attach(|py| {
                    let answer = self.0.call1(py, (name, feature, Frame::from(samples)))?;
                    collect(answer.bind(py))
                })
            });
            answer.map_err(|error: PyErr| error.to_string().into())
        })
    }
}
