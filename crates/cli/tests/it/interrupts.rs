//! What Ctrl-C does.

use std::{
    fs,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use metalith_testkit::s3_server::{Moment, S3Server};

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

#[cfg(target_os = "linux")]
#[test]
fn a_pipeline_that_is_interrupted_leaves_no_half_of_a_file_and_a_record() {
    let project = project();
    let here = project.path();
    let pipeline = "name: long\n\
        datasources: [{id: in, path: in.csv}, {id: out, path: out}]\n\
        input: {datasource_id: in, table: t}\n\
        operations:\n\
        - {seq: 1, type: update, assignments: {b: \"CONCAT(a, UPPER('x'), a)\"}}\n\
        - {seq: 2, type: output, destination: {datasource_id: out, table: t.csv}}\n";
    fs::write(here.join("long.yaml"), pipeline).unwrap();
    // On a fast machine a run may be over before it is interrupted; a longer one will not be.
    for rows in [100_000, 1_000_000, 10_000_000] {
        fs::write(here.join("in.csv"), "a\n".to_owned() + &"1\n".repeat(rows)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_metalith"))
            .args(["run", "long.yaml"])
            .current_dir(here)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = || fs::read_dir(here.join("out")).ok()?.next();
        eventually("an output", begun).unwrap();
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let status = eventually("the end", || child.try_wait().unwrap());
        if status.success() {
            fs::remove_dir_all(here.join("out")).unwrap();
            continue;
        }
        assert_eq!(status.code(), Some(130));
        assert!(fs::read_dir(here.join("out")).unwrap().next().is_none());
        let runs = told(here, &["runs", "--json", "--limit", "1"]);
        let runs: serde_json::Value = serde_json::from_str(&runs).unwrap();
        assert_eq!(runs["runs"][0]["outcome"], "interrupted");
        assert!(runs["runs"][0]["finished_at"].is_string());
        return;
    }
    panic!("it was always over before it was interrupted");
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipeline_that_is_interrupted_while_it_sends_leaves_nothing_in_the_bucket() {
    let (project, server) = (project(), S3Server::start());
    let here = project.path();
    let mut rows = "id,note\n".to_owned();
    for id in 0..40 {
        rows.push_str(&format!("{id},{}\n", "x".repeat(1 << 20)));
    }
    fs::write(here.join("in.csv"), rows).unwrap();
    let options = server.options().into_iter().map(|(name, value)| format!("{name}: '{value}'"));
    let pipeline = format!(
        "name: long\n\
         datasources:\n\
         - {{id: in, path: in.csv}}\n\
         - {{id: out, path: 's3://bucket/data', options: {{{}}}}}\n\
         input: {{datasource_id: in, table: t}}\n\
         operations:\n\
         - {{seq: 1, type: output, destination: {{datasource_id: out, table: t.csv}}}}\n",
        options.collect::<Vec<_>>().join(", ")
    );
    fs::write(here.join("long.yaml"), pipeline).unwrap();
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_metalith"));
        command.args(["run", "long.yaml"]).current_dir(here).stdout(Stdio::null());
        command.spawn().unwrap()
    };
    // What is there is looked at, then there is one request to begin, and then come the parts.
    for request in [3, 5] {
        let process = Arc::new(AtomicU32::new(0));
        let (release, released) = mpsc::channel();
        let (known, released) = (Arc::clone(&process), Mutex::new(released));
        server.at_request(request, Moment::After, move || {
            let id = eventually("the process", || {
                Some(known.load(Ordering::SeqCst)).filter(|it| *it > 0)
            });
            Command::new("kill").args(["-INT", &id.to_string()]).status().unwrap();
            // No answer before the process has ended: so it is in the middle of sending.
            released.lock().unwrap().recv_timeout(Duration::from_secs(60)).unwrap();
        });
        let mut child = start();
        process.store(child.id(), Ordering::SeqCst);
        let status = eventually("the end", || child.try_wait().unwrap());
        release.send(()).unwrap();
        assert_eq!(status.code(), Some(130), "request {request}");
        assert!(!server.disarm(), "request {request}");
        assert_eq!(server.unfinished_uploads(), 0, "request {request}");
        assert!(!server.bucket_folder().join("data/t.csv").exists(), "request {request}");
    }
    let runs = told(here, &["runs", "--json", "--limit", "1"]);
    let runs: serde_json::Value = serde_json::from_str(&runs).unwrap();
    assert_eq!(runs["runs"][0]["outcome"], "interrupted");
    // And it was large enough to be sent in parts.
    assert!(start().wait().unwrap().success());
    assert!(server.bucket_folder().join("data/t.csv").exists());
    assert_eq!(server.unfinished_uploads(), 0);
}
