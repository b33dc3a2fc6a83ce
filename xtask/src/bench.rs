//! Metalith and its peer, side by side: the work is done by `tools/bench/bench.py`.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    interop, root,
    step::{cargo, command, step},
    tidy,
};

/// Builds our binary, installs the peer, and measures both. Options go to the script.
pub(crate) fn run(options: &[String]) -> Result<()> {
    step("build", || cargo(&["build", "--release", "--package", "metalith-cli"]))?;
    let python = step("peer", || interop::python("tools/bench/requirements.txt"))?;
    let target = target()?;
    step("bench", || {
        command(
            Command::new(&python)
                .arg("-B")
                .arg(root().join("tools/bench/bench.py"))
                .arg("--metalith")
                .arg(target.join("release/metalith"))
                .arg("--scratch")
                .arg(target.join("bench"))
                .arg("--output")
                .arg(target.join("bench.json"))
                .args(options),
        )
    })
}

fn target() -> Result<PathBuf> {
    let metadata = tidy::metadata(&["--no-deps"])?;
    let target = metadata["target_directory"].as_str().context("cargo names no target folder")?;
    Ok(PathBuf::from(target))
}
