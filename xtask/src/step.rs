//! Steps that say how long they took, and commands they run.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Runs a step and says how long it took.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {name}");
    let start = Instant::now();
    let done = work().with_context(|| format!("step `{name}` failed"))?;
    println!("    {name}: {:.1} s", start.elapsed().as_secs_f64());
    Ok(done)
}

/// Runs cargo.
pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    cargo_with(args, &[])
}

/// Runs cargo with variables of the environment.
pub(crate) fn cargo_with(args: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    command(cargo_command().args(args).envs(variables.iter().copied()))
}

/// Cargo, without what the cargo that started us says about this package: build scripts that look
/// at it would run again, and their dependents with them, whenever it is there and then is not.
pub(crate) fn cargo_command() -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if is_ours {
            command.env_remove(name);
        }
    }
    command
}

/// Builds some targets, and says where the one of a name is. Of the whole workspace: a package alone
/// selects other features of its dependencies, and would build them again.
pub(crate) fn built(targets: &[&str], name: &str) -> Result<PathBuf> {
    let output = cargo_command()
        .args(["build", "--workspace", "--message-format=json-render-diagnostics"])
        .args(targets)
        .stderr(Stdio::inherit())
        .output()
        .context("cargo build could not be started")?;
    if !output.status.success() {
        bail!("cargo build ended with {}", output.status);
    }
    let built = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["filenames"][0].as_str().map(PathBuf::from));
    built.with_context(|| format!("cargo did not build `{name}`"))
}

/// Runs a command that must succeed.
pub(crate) fn command(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} could not be started"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}
