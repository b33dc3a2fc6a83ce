//! The `metalith` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(metalith_cli::run(std::env::args_os(), None))
}
