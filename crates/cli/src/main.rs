//! The `metalith` command: a door that parses, calls and prints. No rule lives here.

mod app;
mod commands;
mod context;
mod failure;
mod log;
mod printer;
mod progress;

use std::process::ExitCode;

fn main() -> ExitCode {
    app::run()
}
