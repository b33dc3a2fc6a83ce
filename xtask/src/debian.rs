//! What tests need of Debian.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::step::command;

/// Installs a package where a file of it is missing. `why` tells who lacks the rights for that what
/// to do.
pub(crate) fn package(name: &str, file: &str, why: &str) -> Result<()> {
    if Path::new(file).exists() {
        return Ok(());
    }
    let hint = || format!("{why}: install Debian's package `{name}`");
    command(Command::new("apt-get").args(["-qq", "update"])).with_context(hint)?;
    let install = ["-qq", "install", "--yes", "--no-install-recommends", name];
    command(Command::new("apt-get").args(install).env("DEBIAN_FRONTEND", "noninteractive"))
        .with_context(hint)
}
