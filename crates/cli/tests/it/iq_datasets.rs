//! The example of datasets and jobs runs as its readers would run it: each line of its page, by
//! curl, against `metalith serve` and a real server of the S3 protocol.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use metalith_testkit::{
    databases::{self, FreshDatabase},
    s3_server::S3Server,
};
use serde_json::Value;

use crate::{
    branches::example,
    serving::{BUCKET, Server, count},
};

/// A block of commands, with what the page says comes back.
struct Step {
    command: String,
    told: Option<Value>,
}

/// The commands of the page that call the API, in order.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in page.split("```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        match language {
            "sh" if text.starts_with("curl") => {
                steps.push(Step { command: text.trim().to_owned(), told: None });
            }
            "sh" => {}
            "json" => {
                steps.last_mut().unwrap().told = Some(serde_json::from_str(text).unwrap());
            }
            other => panic!("a block of {other}"),
        }
    }
    steps
}

/// What curl got.
struct Got {
    status: u16,
    headers: String,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body))
    }

    fn header(&self, name: &str) -> String {
        let line = self.headers.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name}: {}", self.headers)).trim().to_owned()
    }

    fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap().to_owned()
    }
}

/// A reader of the page.
struct Reader {
    steps: std::vec::IntoIter<Step>,
    address: String,
    folder: tempfile::TempDir,
    /// What the page calls `$JOB` and the like.
    names: BTreeMap<&'static str, String>,
}

impl Reader {
    /// Runs a command of the page, which speaks to port 8002 of this machine.
    fn curl(&self, command: &str) -> Got {
        let at = |name: &str| self.folder.path().join(name);
        let (host, port) = self.address.split_once(':').unwrap();
        let script = format!(
            "curl() {{ command curl -sS --connect-to localhost:8002:{host}:{port} \
             -D headers -o body -w '%{{http_code}}' \"$@\"; }}\n{}",
            command.replace("curl -i ", "curl ")
        );
        let output = Command::new("bash")
            .args(["-euc", &script])
            .envs(&self.names)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {errors}");
        let body = fs::read_to_string(at("body")).unwrap_or_default();
        fs::remove_file(at("body")).ok();
        Got {
            status: String::from_utf8(output.stdout).unwrap().parse().unwrap(),
            headers: fs::read_to_string(at("headers")).unwrap(),
            body,
        }
    }

    /// Runs the next step, and checks that what the page says comes back.
    fn next(&mut self, status: u16) -> Got {
        let step = self.steps.next().expect("the page has it");
        let got = self.curl(&step.command);
        assert_eq!(got.status, status, "{}: {}", step.command, got.body);
        let Some(mut told) = step.told else { return got };
        let mut text = told.to_string();
        for (name, value) in &self.names {
            text = text.replace(&format!("${name}"), value);
        }
        told = serde_json::from_str(&text).unwrap();
        let json = got.json();
        for (name, value) in told.as_object().unwrap() {
            assert_eq!(&json[name], value, "{}: {}", step.command, got.body);
        }
        got
    }

    /// A job like the first one, until it is over.
    fn make(&mut self, command: &str) {
        let begun = self.curl(command);
        assert_eq!(begun.status, 202, "{}", begun.body);
        self.names.insert("JOB", begun.text("job_id"));
        let dataset = begun.json()["config"]["dataset_id"].as_str().unwrap().to_owned();
        self.names.insert("DATASET", dataset);
        let start = Instant::now();
        while
            self.curl("curl http://localhost:8002/api/v1/jobs/synthetic/$JOB").json()["finished_at"]
                .is_null()
        {
            assert!(start.elapsed() < Duration::from_secs(120), "the job does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn the_page_goes_as_written() {
    goes_as_written(None);
}

#[test]
fn the_page_goes_as_written_with_a_store_in_postgresql() {
    goes_as_written(Some(&databases::fresh("postgresql")));
}

fn goes_as_written(database: Option<&FreshDatabase>) {
    let mut s3 = S3Server::start();
    let bucket = s3.add_bucket(BUCKET);
    let options = s3.options();
    let folder = example("iq-datasets");
    if let Some(database) = database {
        let file = folder.path().join("metalith.toml");
        let config = fs::read_to_string(&file).unwrap();
        let on_delta = "[stores.dev]\npath = \".metalith/store\"\n";
        assert!(config.contains(on_delta), "{config}");
        fs::write(file, config.replace(on_delta, &database.settings("dev"))).unwrap();
    }
    let page = fs::read_to_string(folder.path().join("README.md")).unwrap();
    let steps = steps(&page);
    let made = steps[0].command.clone();
    let environment =
        [("ENDPOINT", "endpoint"), ("KEY", "access_key_id"), ("SECRET", "secret_access_key")]
            .map(|(name, option)| (format!("S3_{name}"), options[option].clone()));
    let server = Server::start_with(folder.path(), &environment);
    let address = server.address().to_owned();
    let mut reader = Reader { steps: steps.into_iter(), address, folder, names: BTreeMap::new() };
    let objects = |dataset: &str| count(&bucket.join("synthetic").join(dataset));

    reader.steps.next();
    reader.make(&made);
    reader.next(200);
    let dataset = reader.names["DATASET"].clone();
    assert_eq!(objects(&dataset), 150);
    let file = bucket.join("synthetic").join(&dataset).join("sample-49/rx_2.npy");
    assert_eq!(&fs::read(file).unwrap()[..6], b"\x93NUMPY");

    let model = reader.next(201).text("model_id");
    let other = reader.next(201).text("model_id");
    reader.names.extend([("MODEL", model), ("OTHER_MODEL", other)]);
    for _ in 0..2 {
        let blocked = reader.next(409);
        assert_eq!(blocked.header("content-type"), "application/problem+json");
        assert_eq!(blocked.json()["blockers"][0]["names"][1], "localization_v2");
        assert_eq!(objects(&dataset), 150);
    }
    let gone = reader.next(200);
    assert_eq!(gone.json().as_object().unwrap().len(), 4, "{}", gone.body);
    reader.next(200);
    assert_eq!(objects(&dataset), 150);

    assert_eq!(reader.next(200).json()["is_active"], false);
    reader.next(204);
    let gone = reader.next(204);
    assert_eq!(
        (gone.header("metalith-objects-deleted"), gone.body.as_str()),
        ("150".to_owned(), "")
    );
    assert_eq!(gone.header("metalith-cleanup"), "complete");
    assert!(!gone.header("metalith-deletion").is_empty());
    assert_eq!(objects(&dataset), 0);

    reader.make(&made);
    assert_eq!(objects(&reader.names["DATASET"]), 150);
    reader.next(200);
    assert_eq!(reader.next(200).json().as_object().unwrap().len(), 4);
    assert_eq!(objects(&reader.names["DATASET"]), 0);

    reader.make(&made);
    s3.kill();
    let gone = reader.next(204);
    assert_eq!(gone.header("metalith-cleanup"), "pending");
    assert_ne!(gone.header("metalith-objects-pending"), "0");
    reader.names.insert("DELETION", gone.header("metalith-deletion"));
    reader.next(200);
    assert_eq!(objects(&reader.names["DATASET"]), 150);
    s3.restart();
    reader.next(200);
    assert_eq!(count(&bucket), 0);

    reader.next(200);
    let metrics = reader.next(200).body;
    for line in [
        "metalith_datasets_deleted_total 3\n",
        "metalith_jobs_deleted_total 2\n",
        "metalith_objects_deleted_total 450\n",
        "metalith_cleanups_total{outcome=\"success\"} 3\n",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(reader.steps.next().is_none(), "the page has more");

    let events = server.events();
    for (name, times) in [
        ("synthetic_dataset_deleted", 3),
        ("synthetic_job_deleted", 2),
        ("minio_cleanup_complete", 3),
    ] {
        let told = events.iter().filter(|it| it["event"] == name).count();
        assert_eq!(told, times, "{name}: {events:?}");
    }
    assert!(events.iter().any(|it| it["event"] == "minio_cleanup_failed"));
    assert!(Path::new(&bucket).is_dir());
}
