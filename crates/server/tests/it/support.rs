//! A project with a registry, its server, and a client.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use metalith_project::{Project, ProjectOptions};
use metalith_registry::{JobSettings, Session, Space};
use metalith_server::{Running, Settings, start};
use metalith_testkit::s3_server::S3Server;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Runtime,
};

/// The bucket of the document.
pub(crate) const BUCKET: &str = "heimdall-synthetic-iq";

/// A project on Delta tables in a folder, whose datasets have their objects in S3.
pub(crate) struct World {
    pub(crate) s3: S3Server,
    pub(crate) bucket: PathBuf,
    folder: TempDir,
    server: Option<Running>,
    address: SocketAddr,
    token: Option<String>,
}

impl World {
    /// A server of a project.
    pub(crate) async fn new() -> Self {
        Self::with_settings(settings()).await
    }

    /// A server of a project, run in a particular way.
    pub(crate) async fn with_settings(settings: Settings) -> Self {
        let mut world = Self::stopped();
        world.start(settings).await;
        world
    }

    /// A project whose server is not running.
    pub(crate) fn stopped() -> Self {
        Self::stopped_with("")
    }

    /// The same with more in its configuration.
    pub(crate) fn stopped_with(more: &str) -> Self {
        let s3 = S3Server::start();
        let bucket = s3.add_bucket(BUCKET);
        let folder = TempDir::new().unwrap();
        let options: String =
            s3.options().iter().map(|(name, value)| format!("{name} = \"{value}\"\n")).collect();
        let config = format!(
            "project = \"iq\"\nactor = \"tester\"\n{more}[registry]\n[objects.\"s3://{BUCKET}\"]\n{options}"
        );
        fs::write(folder.path().join("metalith.toml"), config).unwrap();
        let features = r#"
            [[features]]
            key = "video/raw"
            id_columns = ["path"]
            fields = ["content"]

            [[features]]
            key = "video/crop"
            id_columns = ["path"]
            deps = ["video/raw"]
            fields = ["content"]

            [[features]]
            key = "favourite"
            id_columns = ["path"]
            objects = [{ column = "seen", owned = false }]

            [[features]]
            key = "note"
            id_columns = ["path"]
            retention = { keep_deleted = "0s" }
        "#;
        fs::write(folder.path().join("features.toml"), features).unwrap();
        let address = (Ipv4Addr::LOCALHOST, 0).into();
        Self { s3, bucket, folder, server: None, address, token: None }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn project(&self) -> Project {
        let project = Some(self.folder.path().to_owned());
        Project::load(&ProjectOptions { project, ..ProjectOptions::default() }).unwrap()
    }

    /// Somebody at work on the same store, beside the server.
    pub(crate) async fn session(&self) -> Session {
        let space = Space::open(self.project()).await.unwrap();
        Session::new(&std::sync::Arc::new(space), "beside")
    }

    pub(crate) async fn start(&mut self, settings: Settings) {
        let running = start(self.project(), settings).await.unwrap();
        self.address = running.address();
        self.server = Some(running);
    }

    /// Starts a server that dies with a runtime.
    pub(crate) async fn start_in(&mut self, runtime: &Runtime, settings: Settings) {
        let running = runtime.spawn(start(self.project(), settings)).await.unwrap().unwrap();
        self.address = running.address();
        self.server = Some(running);
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.server.take() {
            running.stop().await;
        }
    }

    /// Speaks with a token from now on.
    pub(crate) fn set_token(&mut self, token: Option<&str>) {
        self.token = token.map(str::to_owned);
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        self.at(self.address).send(method, path, headers, body).await
    }

    /// Sends a change, and goes away after a while.
    pub(crate) async fn send_and_leave(&self, path: &str, body: &Value, after: Duration) {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let (host, body) = (self.address, body.to_string());
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        tokio::time::sleep(after).await;
    }

    /// Sends bytes as they are, and returns the first line of what comes back.
    pub(crate) async fn send_raw(&self, request: &str) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[], Some(body)).await
    }

    /// Sends a form as a browser does.
    /// Plans a deletion.
    pub(crate) async fn planned(&self, body: Value) -> Value {
        let plan = self.post("/api/v1/deletions/plans", body).await;
        assert_eq!(plan.status, StatusCode::CREATED, "{}", plan.text());
        plan.json()
    }

    /// Carries a planned deletion out, or tries to.
    pub(crate) async fn carry_out(&self, plan: &Value) -> Answer {
        let execute = format!("/api/v1/deletions/plans/{}/execute", text(plan, "id"));
        self.post(&execute, json!({})).await
    }

    pub(crate) async fn form(&self, path: &str, body: &str) -> Answer {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.at(self.address).send_body("POST", path, &kind, Body::from(body.to_owned())).await
    }

    /// Begins a job that makes a dataset.
    pub(crate) async fn begin_job(&self, name: &str, samples: u32) -> Value {
        let config = json!({ "dataset_name": name, "num_samples": samples, "receivers": 2 });
        let job = json!({ "name": format!("make {name}"), "kind": "iq_raw", "config": config });
        let answer = self.post("/api/v1/jobs/synthetic", job).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        answer.json()
    }

    /// A job as soon as it is such.
    pub(crate) async fn job_when(&self, job: &Value, is_such: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/api/v1/jobs/synthetic/{}", text(job, "job_id"));
        // Machines that do other things as well take their time.
        for _ in 0..2400 {
            let job = self.get(&path).await.json();
            if is_such(&job) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never is: {}", self.get(&path).await.json())
    }

    /// A job that made a dataset, and the dataset.
    pub(crate) async fn made(&self, name: &str, samples: u32) -> (String, String) {
        let job = self.begin_job(name, samples).await;
        let job = self.job_when(&job, |it| it["finished_at"].is_string()).await;
        assert_eq!(job["status"], "completed", "{job}");
        (text(&job, "job_id"), text(&job["config"], "dataset_id"))
    }

    /// A model that uses datasets.
    pub(crate) async fn model(&self, name: &str, active: bool, datasets: &[&str]) -> String {
        let body = json!({ "name": name, "is_active": active, "dataset_ids": datasets });
        let answer = self.post("/api/v1/models", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        text(&answer.json(), "model_id")
    }

    /// Where its server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same world, asked at another server.
    pub(crate) fn at(&self, address: SocketAddr) -> Elsewhere {
        Elsewhere { address, token: self.token.clone() }
    }

    /// How many objects a dataset has.
    pub(crate) fn objects(&self, dataset: &str) -> usize {
        files(&self.bucket.join("synthetic").join(dataset))
    }
}

/// Jobs of dead servers are taken up soon, and nothing in the background happens by itself.
pub(crate) fn settings() -> Settings {
    let jobs = JobSettings {
        // Long enough for a busy machine to renew it.
        lease: Duration::from_secs(8),
        patience: Duration::from_secs(20),
        ..JobSettings::default()
    };
    let every = Duration::from_secs(3600);
    Settings { jobs, every, ..Settings::at((Ipv4Addr::LOCALHOST, 0).into()) }
}

/// A server, and who speaks to it.
pub(crate) struct Elsewhere {
    address: SocketAddr,
    token: Option<String>,
}

impl Elsewhere {
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send_body(method, path, headers, body).await
    }

    /// Deletes at a server that may die.
    pub(crate) async fn try_delete(&self, path: &str) -> Option<Answer> {
        self.try_send("DELETE", path, &[], Body::empty()).await
    }

    async fn send_body(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Option<Answer> {
        let socket = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", self.address.to_string());
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = sender.send_request(request.body(body).unwrap()).await.ok()?;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(Body::new(body), usize::MAX).await.ok()?.to_vec();
        connection.abort();
        Some(Answer { status: parts.status, headers: parts.headers, body })
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    /// What a problem says.
    pub(crate) fn detail(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        text(&self.json(), "detail")
    }
}

pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |path: PathBuf| if path.is_dir() { files(&path) } else { 1 };
    entries.map(|entry| count(entry.unwrap().path())).sum()
}
