//! Developer commands: `cargo xtask <command>`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command-line program")]

mod bench;
mod counted;
mod databases;
mod debian;
mod interop;
mod python;
mod step;
mod tidy;
mod web;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Result, bail};

use crate::{
    counted::Counts,
    step::{cargo, step},
};

const USAGE: &str = "\
cargo xtask <command>

  test     everything that decides whether a change lands (the README's test command)
  check    the quick part of it, for before a push
  golden   the vectors of the versioning contract alone
  python   the Python package alone: build its engine, check and test it
  web      the server from outside alone: its description, the TypeScript client, the page
  tools    install the Python packages that tests need, and say how to use them
  tidy     layers, heavy dependencies, licences, file sizes, stray paths
  bench    Metalith and Metaxy side by side; `bench --help` lists its options
  fix      format, and let clippy mend what it can";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    match run(&command, &args.collect::<Vec<_>>()) {
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

fn run(command: &str, options: &[String]) -> Result<()> {
    if !options.is_empty() && command != "bench" {
        bail!("`{command}` takes no options\n\n{USAGE}");
    }
    match command {
        "bench" => bench::run(options),
        "test" => test(),
        "check" => check(),
        "golden" => golden(),
        "tidy" => step("tidy", tidy::run),
        "python" => python::test().map(drop),
        "web" => web::test().map(drop),
        "tools" => tools(),
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
    let tools = installed()?;
    let unit = step("tests", || {
        let tools = tools.each_ref().map(|(name, place)| (*name, place.as_str()));
        counted::tests(&["--workspace", "--all-targets"], &tools)
    })?;
    let documented = step("doc tests", || counted::tests(&["--workspace", "--doc"], &[]))?;
    step("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("docs", || {
        step::cargo_with(
            &["doc", "--workspace", "--no-deps"],
            &[("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links")],
        )
    })?;
    let (in_python, in_web) = (python::test()?, web::test()?);
    let Counts { passed, failed, .. } = unit.and(documented).and(in_python).and(in_web);
    println!("==> format, tidy, clippy and docs are clean");
    println!("==> {passed} passed, {failed} failed");
    Ok(())
}

/// What tests need beside what is built here, by the variables that tell them.
fn installed() -> Result<[(&'static str, String); 3]> {
    let python = step("tools", || interop::python("tools/requirements.txt"))?;
    let databases = step("databases", databases::folder)?;
    let peer = step("peer", || interop::python(python::PEER))?;
    let places = [
        ("METALITH_TEST_PYTHON", python),
        (databases::VARIABLE, databases),
        ("METALITH_PEER_PYTHON", peer),
    ];
    Ok(places.map(|(name, place)| (name, place.display().to_string())))
}

/// For running single tests by hand.
fn tools() -> Result<()> {
    for (name, place) in installed()? {
        println!("export {name}={place}");
    }
    Ok(())
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
    let vectors =
        step("vectors", || counted::tests(&["--workspace", "--all-targets", "vector"], &[]))?;
    let Counts { passed, failed, .. } = vectors;
    if passed == 0 {
        bail!("no test has `vector` in its path, so nothing was checked");
    }
    println!("==> {passed} passed, {failed} failed");
    Ok(())
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
