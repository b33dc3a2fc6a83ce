//! What Ctrl-C does.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{project, told};

/// Starts a command that waits for its standard input.
fn waiting(folder: &std::path::Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_metalith"))
        .args(["metadata", "write", "video/raw", "-"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Whether a process handles interrupts itself, as Linux tells.
fn listens(child: &Child) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    // Signal 2 is the second bit.
    u64::from_str_radix(caught.trim(), 16).unwrap() & 2 != 0
}

/// Waits for what comes within a minute.
fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::yield_now();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_command_that_waits_for_a_pipe_ends_and_has_done_nothing() {
    let project = project();
    let read = ["metadata", "read", "video/raw", "--json"];
    let before = told(project.path(), &read);
    let mut child = waiting(project.path());
    eventually("a listener", || listens(&child).then_some(()));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let status = eventually("the end", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(130));
    assert_eq!(told(project.path(), &read), before);
}
