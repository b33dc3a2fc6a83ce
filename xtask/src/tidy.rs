//! What the compiler does not check: layers, heavy dependencies, licences, sizes, stray paths.

mod files;
mod packages;

use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Checks everything and lists every complaint.
pub(crate) fn run() -> Result<()> {
    let metadata = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .context("cargo metadata could not be started")?;
    if !metadata.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&metadata.stderr));
    }
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)?;
    let mut complaints = packages::complaints(&metadata);
    complaints.extend(files::complaints()?);
    if complaints.is_empty() {
        return Ok(());
    }
    bail!("{} complaints:\n  {}", complaints.len(), complaints.join("\n  "));
}
