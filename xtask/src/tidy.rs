//! What the compiler does not check: layers, heavy dependencies, licences, sizes, stray paths.

mod dependencies;
mod files;
mod functions;
mod packages;

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::root;

/// Checks everything and lists every complaint.
pub(crate) fn run() -> Result<()> {
    let metadata = metadata(&["--locked"])?;
    let mut complaints = packages::complaints(&metadata);
    complaints.extend(dependencies::Rules::load()?.complaints(&metadata));
    complaints.extend(files::complaints()?);
    if complaints.is_empty() {
        return Ok(());
    }
    bail!("{} complaints:\n  {}", complaints.len(), complaints.join("\n  "));
}

/// What cargo knows about the workspace.
pub(crate) fn metadata(options: &[&str]) -> Result<serde_json::Value> {
    let metadata = Command::new("cargo")
        .args(["metadata", "--format-version", "1"])
        .args(options)
        .current_dir(root())
        .output()
        .context("cargo metadata could not be started")?;
    if !metadata.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&metadata.stderr));
    }
    Ok(serde_json::from_slice(&metadata.stdout)?)
}
