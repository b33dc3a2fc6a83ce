//! Developer commands: `cargo xtask <command>`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command-line program")]

mod interop;
mod pins;
mod step;
mod tidy;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Result, bail};

use crate::step::{cargo, step};

const USAGE: &str = "\
cargo xtask <command>

  test     everything that decides whether a change lands (the README's test command)
  check    the quick part of it, for before a push
  golden   the vectors of the versioning contract alone
  tidy     layers, heavy dependencies, licences, file sizes, stray paths
  pins     choose the features of shared dependencies anew, into crates/pins
  fix      format, and let clippy mend what it can";

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    match run(&command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run(command: &str) -> Result<()> {
    match command {
        "test" => test(),
        "check" => check(),
        "golden" => golden(),
        "tidy" => step("tidy", tidy::run),
        "pins" => step("pins", pins::generate),
        "fix" => fix(),
        "" | "help" | "--help" => {
            println!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown command `{other}`\n\n{USAGE}"),
    }
}

fn test() -> Result<()> {
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("tidy", tidy::run)?;
    step("pins", pins::check)?;
    let python = step("tools", interop::python)?;
    step("tests", || {
        step::cargo_with(
            &["test", "--workspace", "--all-targets"],
            &[("METALITH_TEST_PYTHON", &python)],
        )
    })?;
    step("doc tests", || cargo(&["test", "--workspace", "--doc"]))?;
    step("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("docs", || {
        step::cargo_with(
            &["doc", "--workspace", "--no-deps", "--document-private-items"],
            &[("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links")],
        )
    })
}

/// The crates that build in seconds.
const LIGHT: [&str; 8] = [
    "-p",
    "metalith-base",
    "-p",
    "metalith-document",
    "-p",
    "metalith-graph",
    "-p",
    "metalith-expr",
];

fn check() -> Result<()> {
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("tidy", tidy::run)?;
    let light = |command: &'static str| [&[command][..], &LIGHT].concat();
    step("clippy of the light crates", || {
        cargo(&[&light("clippy")[..], &["--all-targets", "--", "-D", "warnings"]].concat())
    })?;
    step("tests of the light crates", || cargo(&light("test")))
}

fn golden() -> Result<()> {
    step("vectors", || cargo(&["test", "--workspace", "--all-targets", "vector"]))
}

fn fix() -> Result<()> {
    step("clippy --fix", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--fix",
            "--allow-dirty",
            "--allow-staged",
        ])
    })?;
    step("format", || cargo(&["fmt", "--all"]))
}
