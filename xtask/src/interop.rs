//! The Python packages that read our stores in tests, in an environment of their own.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::step::command;

/// The interpreter of an environment with everything in `tools/requirements.txt`. It is made
/// once for each content of that file, in the user's cache.
pub(crate) fn python() -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let requirements = root.join("tools/requirements.txt");
    let text = std::fs::read(&requirements).context("tools/requirements.txt cannot be read")?;
    let environment = cache()?.join(format!("python-{:016x}", fingerprint(&text)));
    let python = environment.join("bin/python");
    let ready = environment.join("ready");
    if !ready.exists() {
        command(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))
            .context("python3 with its venv module is needed: install it, then run this again")?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        command(Command::new(&python).args(pip).arg(&requirements))?;
        std::fs::write(&ready, "")?;
    }
    Ok(python.display().to_string())
}

fn cache() -> Result<PathBuf> {
    let cache = match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(cache.join("metalith"))
}

/// FNV-1a, to name a folder after a file's content.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
