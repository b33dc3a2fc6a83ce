//! Failures as Python exceptions. Their classes are declared in Python, by the kind of failure.

use std::error::Error;

use metalith_base::{Diagnostic, Kind};
use pyo3::{exceptions::PyRuntimeError, prelude::*};

/// The exception for a failure, with the texts of what caused it.
pub(crate) fn raise(error: &(impl Diagnostic + ?Sized)) -> PyErr {
    let hint = error.hint().map(|hint| hint.into_owned());
    raise_as(error.kind(), error.code(), &with_causes(error), hint.as_deref())
}

/// A failure of this door itself.
pub(crate) fn raise_as(kind: Kind, code: &str, message: &str, hint: Option<&str>) -> PyErr {
    Python::attach(|py| {
        let made = py
            .import("metalith.errors")
            .and_then(|module| module.getattr("from_engine"))
            .and_then(|make| make.call1((kind.name(), code, message, hint)));
        match made {
            Ok(exception) => PyErr::from_value(exception),
            // Without the package around it the message must not be lost.
            Err(_) => PyRuntimeError::new_err(message.to_owned()),
        }
    })
}

/// A message, and after colons those of its causes that it does not repeat.
fn with_causes(error: &(impl Diagnostic + ?Sized)) -> String {
    let mut message = error.to_string();
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    message
}
