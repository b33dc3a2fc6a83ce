//! `metalith serve` as a process: what it tells in its log, and what is left when it is killed.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use metalith_testkit::s3_server::S3Server;
use serde_json::{Value, json};

use super::told;

pub(crate) const BUCKET: &str = "heimdall-synthetic-iq";

struct World {
    folder: tempfile::TempDir,
    bucket: PathBuf,
    // Last, so that it outlives the others.
    s3: S3Server,
}

fn world() -> World {
    let (folder, s3) = (tempfile::tempdir().unwrap(), S3Server::start());
    let bucket = s3.add_bucket(BUCKET);
    let options: String =
        s3.options().iter().map(|(name, value)| format!("{name} = \"{value}\"\n")).collect();
    let config = format!("project = \"iq\"\n[registry]\n[objects.\"s3://{BUCKET}\"]\n{options}");
    fs::write(folder.path().join("metalith.toml"), config).unwrap();
    fs::write(folder.path().join("features.toml"), "").unwrap();
    World { folder, bucket, s3 }
}

/// A server, with what it says.
pub(crate) struct Server {
    process: Child,
    address: String,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// Starts one that looks for work in the background so often.
    pub(crate) fn start_every(folder: &Path, every: &str) -> Self {
        Self::run(folder, every, &[])
    }

    /// Starts it with variables of the environment.
    pub(crate) fn start_with(folder: &Path, environment: &[(String, String)]) -> Self {
        Self::run(folder, "1s", environment)
    }

    fn run(folder: &Path, every: &str, environment: &[(String, String)]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_metalith"))
            .args(["serve", "--listen", "127.0.0.1:0", "--every", every])
            .current_dir(folder)
            .env("USER", "anna")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut errors = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut address = None;
        while address.is_none() {
            let line = errors.next().expect("it says where it listens").unwrap();
            address = line.split_once("http://").map(|(_, it)| it.trim().to_owned());
        }
        let kept = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            errors.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line));
        });
        Self { process, address: address.unwrap(), lines, reader: Some(reader) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks for something; nothing comes back from a server that dies.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = self.send(method, path, &body)?;
        Some((status, serde_json::from_str(&answer).unwrap_or_default()))
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut socket = TcpStream::connect(&self.address).ok()?;
        let (host, length) = (&self.address, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        socket.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// A job that made a dataset.
    pub(crate) fn made(&self, name: &str, samples: u32) -> (String, String) {
        let config = json!({ "dataset_name": name, "num_samples": samples });
        let job = json!({ "name": name, "kind": "iq_raw", "config": config });
        let (status, job) = self.ask("POST", "/api/v1/jobs/synthetic", &job).unwrap();
        assert_eq!(status, 202, "{job}");
        let id = job["job_id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/jobs/synthetic/{id}");
        let start = Instant::now();
        while self.ask("GET", &path, &Value::Null).unwrap().1["status"] != "completed" {
            assert!(start.elapsed() < Duration::from_secs(60), "the job does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        (id, job["config"]["dataset_id"].as_str().unwrap().to_owned())
    }

    /// Waits until no deletion is unfinished.
    pub(crate) fn finishes(&self) {
        let start = Instant::now();
        loop {
            let (_, deletions) = self.ask("GET", "/api/v1/deletions", &Value::Null).unwrap();
            let items = deletions["items"].as_array().unwrap();
            if items.iter().all(|it| it["state"] == "done") {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(120), "{deletions}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Lets it end in order, and returns the events it told, by name.
    pub(crate) fn events(mut self) -> Vec<Value> {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
        self.reader.take().unwrap().join().unwrap();
        let lines = self.lines.lock().unwrap();
        let events = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|it| it["event"].is_string()).collect()
    }

    /// Kills it, as power cuts and the system do.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Server {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        // It has ended already where it was told to.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn the<'a>(events: &'a [Value], name: &str) -> &'a Value {
    let found: Vec<&Value> = events.iter().filter(|it| it["event"] == name).collect();
    assert_eq!(found.len(), 1, "{name}: {events:?}");
    found[0]
}

#[cfg(target_os = "linux")]
#[test]
fn the_log_tells_what_the_document_says() {
    let world = world();
    let server = Server::start(world.folder.path());
    let (_, dataset) = server.made("test_dataset", 50);
    let path = format!("/api/v1/jobs/synthetic/datasets/{dataset}");
    assert_eq!(server.ask("DELETE", &path, &Value::Null).unwrap().0, 204);
    let events = server.events();
    let deleted = the(&events, "synthetic_dataset_deleted");
    for (name, value) in [
        ("dataset_id", json!(dataset)),
        ("dataset_name", json!("test_dataset")),
        ("dataset_type", json!("iq_raw")),
        ("minio_cleanup_success", json!(true)),
        ("minio_files_deleted", json!(150)),
        ("actor", json!("anna")),
    ] {
        assert_eq!(deleted[name], value, "{deleted}");
    }
    let cleaned = the(&events, "minio_cleanup_complete");
    assert_eq!((&cleaned["dataset_id"], &cleaned["files_deleted"]), (&json!(dataset), &json!(150)));

    let server = Server::start(world.folder.path());
    let (job, dataset) = server.made("more", 2);
    world.s3.refuse(Some(|key| key.ends_with("rx_1.npy")));
    let path = format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true");
    assert_eq!(server.ask("DELETE", &path, &Value::Null).unwrap().0, 200);
    let events = server.events();
    let deleted = the(&events, "synthetic_job_deleted");
    assert_eq!(
        (&deleted["job_id"], &deleted["datasets_deleted"], &deleted["minio_files_deleted"]),
        (&json!(job), &json!(1), &json!(4))
    );
    let failed: Vec<&Value> =
        events.iter().filter(|it| it["event"] == "minio_cleanup_failed").collect();
    assert_eq!(failed.len(), 2, "each by itself");
    assert!(failed[0]["address"].as_str().unwrap().contains(&dataset), "{failed:?}");
    assert_eq!(failed[0]["dataset_id"], dataset.as_str(), "{failed:?}");
    let along = the(&events, "synthetic_dataset_deleted");
    for (name, value) in [
        ("dataset_id", json!(dataset)),
        ("dataset_name", json!("more")),
        ("dataset_type", json!("iq_raw")),
        ("minio_cleanup_success", json!(false)),
        ("minio_files_deleted", json!(4)),
    ] {
        assert_eq!(along[name], value, "{along}");
    }

    world.s3.refuse(None);
    let server = Server::start(world.folder.path());
    let (job, _) = server.made("kept", 1);
    let path = format!("/api/v1/jobs/synthetic/{job}");
    assert_eq!(server.ask("DELETE", &path, &Value::Null).unwrap().0, 200);
    let events = server.events();
    let deleted = the(&events, "synthetic_job_deleted");
    assert_eq!(
        (&deleted["datasets_deleted"], &deleted["minio_files_deleted"]),
        (&json!(0), &json!(0))
    );
    assert!(!events.iter().any(|it| it["event"] == "synthetic_dataset_deleted"), "{events:?}");
}

/// Files at any depth.
pub(crate) fn count(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |path: PathBuf| if path.is_dir() { count(&path) } else { 1 };
    entries.map(|entry| count(entry.unwrap().path())).sum()
}

#[test]
fn a_server_that_is_killed_leaves_a_job_whole_or_gone() {
    let world = world();
    let folder = world.folder.path();
    world.s3.delay(Duration::from_millis(40));
    let mut server = Server::start(folder);
    for round in 0..5u64 {
        let (job, dataset) = server.made(&format!("round {round}"), 3);
        let path = format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true");
        let objects = world.bucket.join("synthetic").join(&dataset);
        std::thread::scope(|scope| {
            scope.spawn(|| server.ask("DELETE", &path, &Value::Null));
            // Wherever that is: what must hold does so everywhere.
            std::thread::sleep(Duration::from_millis(50 * round * round));
            Command::new("kill")
                .args(["-KILL", &server.process.id().to_string()])
                .status()
                .unwrap();
        });
        server.kill();
        // The next server finishes what was begun, and the queue of objects with it.
        server = Server::start(folder);
        server.finishes();
        let job = server.ask("GET", path.split_once('?').unwrap().0, &Value::Null).unwrap().0;
        let of_dataset = format!("/api/v1/jobs/synthetic/datasets/{dataset}");
        let dataset = server.ask("GET", &of_dataset, &Value::Null).unwrap().0;
        match (job, dataset, count(&objects)) {
            (200, 200, 9) | (404, 404, 0) => {}
            left => panic!("round {round}: {left:?}"),
        }
    }
    server.kill();
}

#[cfg(target_os = "linux")]
#[test]
fn objects_that_others_name_are_told_as_kept() {
    let world = world();
    let folder = world.folder.path();
    let feature = "[[features]]\nkey = \"favourite\"\nid_columns = [\"id\"]\n\
                   objects = [{ column = \"seen\", owned = false }]\n";
    fs::write(folder.join("features.toml"), feature).unwrap();
    let server = Server::start(folder);
    let (_, dataset) = server.made("shared", 1);
    let seen = format!("s3://{BUCKET}/synthetic/{dataset}/sample-0/rx_2.npy");
    let rows = format!("id,seen,metaxy_provenance_by_field.default\n1,{seen},x\n");
    fs::write(folder.join("favourites.csv"), rows).unwrap();
    told(folder, &["metadata", "write", "favourite", "favourites.csv"]);
    let path = format!("/api/v1/jobs/synthetic/datasets/{dataset}");
    assert_eq!(server.ask("DELETE", &path, &Value::Null).unwrap().0, 204);
    assert_eq!(count(&world.bucket), 1);
    let events = server.events();
    let kept = the(&events, "minio_cleanup_kept");
    assert_eq!((&kept["files_deleted"], &kept["files_kept"]), (&json!(2), &json!(1)));
    assert_eq!(kept["dataset_id"], dataset.as_str());
    let deleted = the(&events, "synthetic_dataset_deleted");
    assert_eq!(deleted["minio_files_kept"], 1, "{deleted}");
    assert!(!events.iter().any(|it| it["event"] == "minio_cleanup_complete"), "{events:?}");
}

#[test]
fn tokens_are_made_listed_and_revoked() {
    let world = world();
    let folder = world.folder.path();
    let made = told(folder, &["token", "add", "ci", "--role", "delete", "--space", "a"]);
    assert!(made.starts_with("mlt_"), "{made}");
    let listed = told(folder, &["token", "list"]);
    assert!(listed.contains("ci") && listed.contains("valid"), "{listed}");
    assert!(!listed.contains(made.trim()), "the secret is not shown again");
    told(folder, &["token", "revoke", "ci"]);
    assert!(told(folder, &["token", "list"]).contains("revoked"));
}
