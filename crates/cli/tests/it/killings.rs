//! The server is killed at twenty points of the deletion of a job, at calls to storage, some of which
//! are carried out and some not; whoever comes next leaves every job whole or gone.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use metalith_testkit::s3_server::{BUCKET as STORE, Moment, S3Server};
use serde_json::Value;

use crate::serving::{BUCKET, Server, count};

const POINTS: u64 = 20;

/// A project all of which lies in buckets: its tables, and the objects of its datasets.
fn project(folder: &Path, s3: &S3Server) {
    let options: Vec<String> =
        s3.options().iter().map(|(name, value)| format!("{name} = \"{value}\"")).collect();
    let (lines, inline) = (options.join("\n"), options.join(", "));
    let config = format!(
        "project = \"iq\"\nstore = \"main\"\n[stores.main]\naddress = \"s3://{STORE}/store\"\n\
         options = {{ {inline} }}\n[registry]\n[objects.\"s3://{BUCKET}\"]\n{lines}\n"
    );
    fs::write(folder.join("metalith.toml"), config).unwrap();
    fs::write(folder.join("features.toml"), "").unwrap();
}

/// A world of its own: storage, and a project that lies in it.
struct World {
    s3: S3Server,
    folder: tempfile::TempDir,
}

impl World {
    fn of(s3: S3Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        project(folder.path(), &s3);
        Self { s3, folder }
    }

    /// A server on a copy of everything, that has looked at what it will be told to delete. Nothing
    /// but the deletion is at work.
    fn fork(&self, path: &str) -> (Self, Server) {
        let world = Self::of(self.s3.fork());
        let server = Server::start_every(world.folder.path(), "1h");
        let plan = path.replace('?', "/plan?");
        assert_eq!(server.ask("GET", &plan, &Value::Null).unwrap().1["objects"], 3);
        server.ask("GET", "/api/v1/deletions", &Value::Null).unwrap();
        (world, server)
    }
}

/// Kills a server at a call to storage on the way of a deletion; whether it lived that long.
fn kill_at(call: u64, moment: Moment, (world, server): (&World, Server), path: &str) -> bool {
    let process = server.id().to_string();
    let struck = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&struck);
    world.s3.at_request(call, moment, move || {
        // First: who waits for an answer may go on as soon as the process is gone.
        told.store(true, Ordering::SeqCst);
        Command::new("kill").args(["-KILL", &process]).status().unwrap();
    });
    let answer = server.ask("DELETE", path, &Value::Null);
    world.s3.disarm();
    let is_struck = struck.load(Ordering::SeqCst);
    assert!(is_struck || answer.is_some_and(|(status, _)| status == 200), "{call}");
    server.kill();
    is_struck
}

/// Lets somebody else look, and checks that the job is whole or gone; which of both.
fn is_whole(world: &World, (job, dataset): (&str, &str), story: &str) -> bool {
    let server = Server::start(world.folder.path());
    server.finishes();
    let get = |path: &str| server.ask("GET", path, &Value::Null).unwrap();
    let seen = (
        get(&format!("/api/v1/jobs/synthetic/{job}")).0,
        get(&format!("/api/v1/jobs/synthetic/datasets/{dataset}")).0,
        count(&world.s3.folder_of(BUCKET).join("synthetic").join(dataset)),
    );
    assert!(matches!(seen, (200, 200, 3) | (404, 404, 0)), "{story}: {seen:?}");
    let log = get("/api/v1/audit/verification").1;
    assert_eq!(log["holds"], true, "{story}: {log}");
    let objects = get("/api/v1/objects/audit").1;
    assert_eq!((&objects["orphans"], &objects["missing"]), (&0.into(), &0.into()), "{story}");
    server.kill();
    seen.0 == 200
}

#[cfg(target_os = "linux")]
#[test]
fn wherever_it_is_killed_a_job_is_whole_or_gone() {
    let s3 = S3Server::start();
    s3.add_bucket(BUCKET);
    let world = World::of(s3);
    let server = Server::start_every(world.folder.path(), "1h");
    let (job, dataset) = server.made("tones", 1);
    server.kill();
    let path = format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true");

    let (measured, server) = world.fork(&path);
    let before = measured.s3.requests();
    assert_eq!(server.ask("DELETE", &path, &Value::Null).unwrap().0, 200);
    let calls = measured.s3.requests() - before;
    assert!(calls > 2 * POINTS, "{calls}");
    server.kill();

    let mut worlds = Vec::new();
    let mut killed = 0;
    for point in 0..POINTS {
        let (copy, server) = world.fork(&path);
        let (call, moment) = match point % 2 {
            0 => (1 + point * calls / POINTS, Moment::Before),
            _ => (1 + point * calls / POINTS, Moment::After),
        };
        killed += u64::from(kill_at(call, moment, (&copy, server), &path));
        worlds.push((copy, format!("{moment:?} call {call} of {calls}")));
    }
    // How many calls there are differs a little from time to time.
    assert!(killed + 2 >= POINTS, "{killed}");
    let whole = worlds.iter().filter(|(world, story)| is_whole(world, (&job, &dataset), story));
    let whole = whole.count();
    // Some were killed before it was written down what they would do, and others later.
    assert!(whole > 0 && whole < worlds.len(), "{whole}");
}
