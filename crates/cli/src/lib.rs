//! The `metalith` command: a door that parses, calls and prints. No rule lives here.
//!
//! The binary calls [`run`] with what the shell gave it; the Python package calls it with the
//! features that a project declares in Python.

mod app;
mod commands;
mod context;
mod failure;
mod log;
mod printer;
mod progress;

use std::ffi::OsString;

use metalith_graph::FeatureDefinition;

/// Runs a command, the name of the program first, and returns its exit code.
///
/// `declared` are the features that the project declares in Python; `None` if nobody loaded them.
pub fn run(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    declared: Option<Vec<FeatureDefinition>>,
) -> u8 {
    app::run(arguments, declared)
}
