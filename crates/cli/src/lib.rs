//! The `metalith` command: a door that parses, calls and prints. No rule lives here.
//!
//! The binary calls [`run`] with what the shell gave it; the Python package calls it with the
//! features that a project declares in Python.

mod app;
mod commands;
mod context;
mod failure;
mod log;
mod output;
mod printer;
mod progress;

use std::{ffi::OsString, sync::Arc};

use metalith_graph::FeatureDefinition;
use metalith_lifecycle::migrations::Functions;

/// What a project has in Python, as whoever loaded it hands it over.
#[derive(Clone, Debug)]
pub struct InPython {
    /// The features that it declares.
    pub declared: Vec<FeatureDefinition>,
    /// What calls its functions.
    pub functions: Arc<dyn Functions>,
}

/// Runs a command, the name of the program first, and returns its exit code.
///
/// `python` is what the project has in Python; `None` if nobody loaded it.
pub fn run(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    python: Option<InPython>,
) -> u8 {
    app::run(arguments, python)
}
