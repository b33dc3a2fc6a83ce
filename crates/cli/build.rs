//! Asks the linker for a smaller program, in what is built to be used.
//!
//! Functions with the same code are kept once, and addresses that are only known when the program is
//! loaded take a sixteenth of the room. Not every linker and C library can do that: it is tried on
//! a program that does nothing, and left out where that does not run.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

const SMALLER: [&str; 2] = ["-Wl,--icf=all", "-Wl,-z,pack-relative-relocs"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    if variable("PROFILE") != "release" || variable("HOST") != variable("TARGET") {
        return;
    }
    for flag in SMALLER {
        if runs_with(flag, Path::new(&variable("OUT_DIR"))) {
            println!("cargo::rustc-link-arg-bins={flag}");
        }
    }
}

/// Whether a program can be linked with a flag, and runs.
fn runs_with(flag: &str, folder: &Path) -> bool {
    let (source, program) = (folder.join("nothing.rs"), folder.join("nothing"));
    if fs::write(&source, "fn main() {}").is_err() {
        return false;
    }
    let mut compiler = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    compiler.arg(&source).arg("-o").arg(&program).arg(format!("-Clink-arg={flag}"));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        compiler.arg(format!("-Clinker={linker}"));
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    compiler.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    let is_fine = |command: &mut Command| {
        let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        ended.is_ok_and(|status| status.success())
    };
    is_fine(&mut compiler) && is_fine(&mut Command::new(&program))
}
