//! Pipelines of spaces: each runs its own, on what is its own.

use std::{fs, os::unix::fs::symlink};

use axum::http::StatusCode;
use metalith_registry::tokens::{self, Role};
use serde_json::{Value, json};

use crate::support::{Answer, BUCKET, World, settings};

/// Whatever one of the spaces has.
const SECRET: &str = "secret";

/// Reads a file, and writes a file, an object and samples.
const KEEP: &str = r"
name: keep
datasources:
- {id: in, path: in}
- {id: out, path: out}
- {id: bucket, path: 's3://BUCKET/synthetic/SPACE/tables', type: csv}
- {id: features, type: store}
input: {datasource_id: in, table: videos}
operations:
- {seq: 1, type: output, destination: {datasource_id: out, table: kept.csv}}
- {seq: 2, type: output, destination: {datasource_id: bucket, table: kept}}
- {seq: 3, type: output, destination: {datasource_id: features, table: video/raw}, versions: {content: hash}}
";

/// Somebody who works in two spaces and above them, each with a token.
struct Spaces {
    world: World,
    tokens: [String; 3],
}

impl Spaces {
    async fn new() -> Self {
        let mut world = World::stopped();
        let config = world.folder().join("metalith.toml");
        let told = fs::read_to_string(&config).unwrap();
        let named = told.replace("[registry]\n", "[registry]\npipelines = \"pipelines\"\n");
        fs::write(config, named).unwrap();
        for (space, row) in [("anna", "secret.mp4,a1"), ("ben", "ben.mp4,b2")] {
            let folder = world.folder().join("pipelines").join(space);
            fs::create_dir_all(folder.join("in")).unwrap();
            fs::write(folder.join("in/videos.csv"), format!("path,hash\n{row}\n")).unwrap();
            let objects = world.bucket.join("synthetic").join(space).join("given");
            fs::create_dir_all(&objects).unwrap();
            fs::write(objects.join("videos.csv"), format!("path,hash\n{row}\n")).unwrap();
        }
        let session = world.session().await;
        let mut made = Vec::new();
        for (name, space) in [("anna", Some("anna")), ("ben", Some("ben")), ("above", None)] {
            let token = tokens::add(session.store(), name, Role::Admin, space).await.unwrap();
            made.push(token.reveal().to_owned());
        }
        world.start(settings()).await;
        Self { world, tokens: made.try_into().unwrap() }
    }

    fn put(&self, file: &str, text: &str) {
        fs::write(self.world.folder().join("pipelines").join(file), text).unwrap();
    }

    fn be(&mut self, who: usize) {
        self.world.set_token(Some(&self.tokens[who]));
    }

    async fn submit(&self, pipeline: &str) -> Answer {
        let config = json!({ "pipeline": pipeline });
        let job = json!({ "name": "a job", "kind": "pipeline", "config": config });
        self.world.post("/api/v1/jobs/synthetic", job).await
    }

    /// Runs a pipeline to its end.
    async fn run(&self, pipeline: &str) -> Value {
        let begun = self.submit(pipeline).await;
        assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text());
        self.world.job_when(&begun.json(), |it| it["finished_at"].is_string()).await
    }

    /// A pipeline of one datasource and one output to it, as somebody who may name all of it.
    fn naming(&self, datasource: &str, table: &str) -> String {
        let (folder, bucket) = (self.world.folder().display(), BUCKET);
        let datasource =
            datasource.replace("FOLDER", &folder.to_string()).replace("BUCKET", bucket);
        format!(
            "name: naming\ndatasources:\n- {{id: it, {datasource}}}\n\
             input: {{datasource_id: it, table: {table}}}\noperations:\n\
             - {{seq: 1, type: output, mode: replace, destination: {{datasource_id: it, table: made}}}}\n"
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_runs_its_own_pipelines_on_its_own_things() {
    let mut spaces = Spaces::new().await;
    spaces.put("anna/keep.yaml", &KEEP.replace("BUCKET", BUCKET).replace("SPACE", "anna"));
    spaces.put("keep-above.yaml", KEEP);
    spaces.be(0);
    let job = spaces.run("keep").await;
    assert_eq!(job["status"], "completed", "{job}");
    let world = &spaces.world;
    for file in [
        world.folder().join("pipelines/anna/out/kept.csv"),
        world.bucket.join("synthetic/anna/tables/kept.csv"),
    ] {
        assert!(fs::read_to_string(&file).unwrap().contains("secret.mp4"), "{}", file.display());
    }
    let samples = "/api/v1/features/video__raw/samples";
    let seen = world.get(samples).await.json();
    assert_eq!((&seen["total"], &seen["items"][0]["path"]), (&json!(1), &json!("secret.mp4")));
    let runs = world.get("/api/v1/runs").await.json();
    assert_eq!((&runs["total"], &runs["items"][0]["actor"]), (&json!(1), &json!("anna")));

    for who in [1, 2] {
        spaces.be(who);
        for path in [samples, "/api/v1/runs", "/api/v1/jobs/synthetic"] {
            assert_eq!(spaces.world.get(path).await.json()["total"], 0, "{path} for {who}");
        }
        // It is answered as if it were nowhere.
        let (theirs, nobodys) = (spaces.submit("keep").await, spaces.submit("nobodys").await);
        assert_eq!(theirs.status, StatusCode::BAD_REQUEST, "{}", theirs.text());
        assert_eq!(theirs.detail().replace("`keep`", "`nobodys`"), nobodys.detail());
    }
    spaces.be(1);
    for odd in ["keep-above", "anna/keep", "../anna/keep", "../keep-above"] {
        let refused = spaces.submit(odd).await;
        assert!(refused.detail().contains("which the project does not have"), "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_of_a_space_names_nothing_that_may_be_anothers() {
    let mut spaces = Spaces::new().await;
    let pipelines = spaces.world.folder().join("pipelines");
    symlink(pipelines.join("anna/in"), pipelines.join("ben/link")).unwrap();
    // From now on there is such a space.
    spaces.be(0);
    assert_eq!(spaces.world.get("/api/v1/features").await.status, StatusCode::OK);
    spaces.be(1);
    for datasource in [
        "path: ../anna/in",
        "path: in/../../anna/in",
        "path: ..",
        "path: nowhere/../../anna/in",
        "path: '../*/in/*.csv'",
        "path: link",
        "path: link/videos.csv",
        "path: FOLDER/pipelines/anna/in",
        "path: 'file://FOLDER/pipelines/anna/in'",
        "path: /etc",
        "path: 's3://BUCKET/synthetic/anna/given'",
        "path: 's3://BUCKET/synthetic/anna/given/videos.csv'",
        "path: 's3://BUCKET/synthetic'",
        "path: 's3://BUCKET/synthetic/anna/ben'",
        "path: 's3://BUCKET'",
        "path: 's3://BUCKET/*/anna/given/*.csv'",
        "path: 's3://BUCKET/synthetic/ben/../anna/given'",
        "path: 's3://BUCKET/synthetic/ben%2F..%2Fanna/given'",
        "path: 's3://elsewhere/ben'",
        "path: 's3://BUCKET/synthetic/ben/given', options: {aws_endpoint: 'http://127.0.0.1:1'}",
        "type: delta, path: ../../.metalith/store",
        "type: delta, path: 'file://FOLDER/.metalith/store/spaces/anna/video'",
        "type: database",
    ] {
        spaces.put("ben/odd.yaml", &spaces.naming(datasource, "videos"));
        let refused = spaces.submit("odd").await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{datasource}: {}", refused.text());
        assert!(refused.detail().contains("Invalid datasource `it`"), "{}", refused.detail());
        assert!(refused.detail().contains("space"), "{}", refused.detail());
        assert!(!refused.text().contains(SECRET), "{}", refused.text());
    }
    // What is its own by name leads elsewhere.
    symlink(pipelines.join("anna/in/videos.csv"), pipelines.join("ben/in/theirs.csv")).unwrap();
    symlink(pipelines.join("anna/in/videos.csv"), pipelines.join("ben/in/made.csv")).unwrap();
    for table in ["theirs", "videos", "../../anna/in/videos"] {
        spaces.put("ben/odd.yaml", &spaces.naming("path: in, type: csv", table));
        let refused = spaces.submit("odd").await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{table}: {}", refused.text());
        assert!(!refused.text().contains(SECRET), "{}", refused.text());
    }
    assert_eq!(spaces.world.get("/api/v1/jobs/synthetic").await.json()["total"], 0);
    let theirs = fs::read_to_string(pipelines.join("anna/in/videos.csv")).unwrap();
    assert_eq!(theirs, "path,hash\nsecret.mp4,a1\n");

    fs::remove_file(pipelines.join("ben/in/made.csv")).unwrap();
    for datasource in [
        "path: in, type: csv",
        "path: FOLDER/pipelines/ben/in, type: csv",
        "path: 's3://BUCKET/synthetic/ben/given', type: csv",
    ] {
        spaces.put("ben/own.yaml", &spaces.naming(datasource, "videos"));
        let job = spaces.run("own").await;
        assert_eq!(job["status"], "completed", "{datasource}: {job}");
    }
    for made in [pipelines.join("ben/in"), spaces.world.bucket.join("synthetic/ben/given")] {
        assert_eq!(fs::read_to_string(made.join("made.csv")).unwrap(), "path,hash\nben.mp4,b2\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_works_above_spaces_runs_nothing_on_what_is_theirs() {
    let mut spaces = Spaces::new().await;
    spaces.put("anna/keep.yaml", &KEEP.replace("BUCKET", BUCKET).replace("SPACE", "anna"));
    spaces.be(0);
    assert_eq!(spaces.run("keep").await["status"], "completed");
    let s3 = &spaces.world.s3;
    let options: Vec<String> =
        s3.options().iter().map(|(name, value)| format!("{name}: '{value}'")).collect();
    let options = format!("options: {{{}}}", options.join(", "));
    spaces.be(2);
    for (datasource, table) in [
        ("path: anna/in", "videos"),
        ("path: .", "anna/in"),
        ("path: '*/in/*.csv'", "videos"),
        ("path: 's3://BUCKET/synthetic/anna/given', OPTIONS", "videos"),
        ("path: 's3://BUCKET/synthetic', OPTIONS", "anna/given"),
        ("path: 's3://BUCKET', OPTIONS", "synthetic/anna/given"),
        ("path: 's3://BUCKET/synthetic/anna/g*/*.csv', OPTIONS", "videos"),
        ("path: 's3://BUCKET/syn*/anna/given/*.csv', OPTIONS", "videos"),
    ] {
        let datasource = datasource.replace("OPTIONS", &options);
        spaces.put("odd.yaml", &spaces.naming(&datasource, table));
        let refused = spaces.submit("odd").await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{datasource}: {}", refused.text());
        assert!(refused.detail().contains("may be a space's own"), "{}", refused.detail());
        assert!(!refused.text().contains(SECRET), "{}", refused.text());
    }
    fs::create_dir(spaces.world.folder().join("in")).unwrap();
    fs::write(spaces.world.folder().join("in/videos.csv"), "path,hash\nall.mp4,c3\n").unwrap();
    spaces.put("own.yaml", &spaces.naming("path: ../in, type: csv", "videos"));
    let job = spaces.run("own").await;
    assert_eq!(job["status"], "completed", "{job}");
}
