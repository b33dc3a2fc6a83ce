//! Jobs that run pipelines of the project.

use std::{fs, sync::Arc};

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use axum::http::StatusCode;
use metalith_registry::JobSettings;
use metalith_server::Settings;
use metalith_store::{CommitNote, Rows};
use serde_json::{Value, json};

use crate::support::{World, settings, text};

const CLEAN: &str = r"
name: clean
variables: {LEAST: 0, FILE: kept.csv}
datasources:
- {id: in, path: ../in}
- {id: out, path: ../out}
- {id: features, type: store}
input: {datasource_id: in, table: orders}
operations:
- {seq: 1, type: delete, selector: 'amount < {{LEAST}}'}
- {seq: 2, type: output, destination: {datasource_id: out, table: '${FILE}'}}
";

fn world_with_pipelines() -> World {
    let world = World::stopped();
    let config = world.folder().join("metalith.toml");
    let told = fs::read_to_string(&config).unwrap();
    fs::write(config, told.replace("[registry]\n", "[registry]\npipelines = \"pipelines\"\n"))
        .unwrap();
    for folder in ["pipelines", "in"] {
        fs::create_dir(world.folder().join(folder)).unwrap();
    }
    fs::write(world.folder().join("pipelines/clean.yaml"), CLEAN).unwrap();
    fs::write(world.folder().join("in/orders.csv"), "id,amount\n1,5\n2,1\n3,9\n").unwrap();
    world
}

async fn submit(world: &World, config: Value) -> crate::support::Answer {
    let body = json!({ "name": "tidy up", "kind": "pipeline", "config": config });
    world.post("/api/v1/jobs/synthetic", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_a_pipeline_of_the_project() {
    let mut world = world_with_pipelines();
    world.start(settings()).await;
    let begun = submit(&world, json!({ "pipeline": "clean", "variables": { "LEAST": "2" } })).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text());
    let job = world.job_when(&begun.json(), |it| it["finished_at"].is_string()).await;
    assert_eq!(job["status"], "completed", "{job}");
    let log = job["log"].to_string();
    assert!(log.contains("1 delete: 3 rows in, 1 matched, 2 out"), "{log}");
    let kept = fs::read_to_string(world.folder().join("out/kept.csv")).unwrap();
    assert_eq!(kept.lines().count(), 3, "{kept}");
    let runs = world.get("/api/v1/runs").await.json();
    let run = &runs["items"][0];
    assert_eq!((&run["outcome"], &run["actor"]), (&json!("succeeded"), &json!("tester")), "{runs}");
    assert_eq!(run["run"], format!("{}-1", text(&job, "job_id")), "{runs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_is_refused_before_it_is_written_down() {
    let mut world = world_with_pipelines();
    let wrong = CLEAN.replace("amount <", "amuont <");
    fs::write(world.folder().join("pipelines/wrong.yaml"), wrong).unwrap();
    fs::write(world.folder().join("secret.yaml"), CLEAN).unwrap();
    world.start(settings()).await;
    for (config, told) in [
        (
            json!({ "pipeline": "wrong", "variables": { "LEAST": "2" } }),
            "Column 'amuont' not found",
        ),
        (json!({ "pipeline": "other" }), "is `other`, which the project does not have"),
        (json!({ "pipeline": "../secret" }), "which the project does not have"),
        (json!({ "pipeline": "clean", "variables": { "MOST": "1" } }), "`MOST` is not declared"),
        (json!({ "pipeline": "clean", "variables": { "FILE": "../x.csv" } }), "variable `FILE`"),
        (json!({ "pipeline": "clean", "file": "x" }), "unknown field `file`"),
    ] {
        let refused = submit(&world, config).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
        assert!(refused.detail().contains(told), "{}", refused.detail());
    }
    assert_eq!(world.get("/api/v1/jobs/synthetic").await.json()["total"], 0);
    let plain = World::new().await;
    let refused = submit(&plain, json!({ "pipeline": "clean" })).await;
    assert!(refused.detail().contains("names no folder of `pipelines`"), "{}", refused.detail());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_died_while_it_wrote_is_not_begun_again() {
    let mut world = world_with_pipelines();
    let jobs = JobSettings { at_once: 1, ..settings().jobs };
    world.start(Settings { jobs, ..settings() }).await;
    // The only seat is taken while the run of an earlier server is written down.
    let endless = world.begin_job("endless", 100_000).await;
    let begun = submit(&world, json!({ "pipeline": "clean", "variables": { "LEAST": "2" } })).await;
    let job = begun.json();
    let text_of = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    let at = TimestampMicrosecondArray::from(vec![1]).with_timezone("UTC");
    let row = RecordBatch::try_from_iter_with_nullable([
        ("run_id", text_of(&format!("{}-1", text(&job, "job_id"))), true),
        ("started_at", Arc::new(at) as ArrayRef, true),
        ("outcome", text_of("publishing"), true),
        ("details", text_of(r#"{"publishing": ["out/kept.csv"]}"#), true),
    ]);
    let table = "metalith-system/runs".parse().unwrap();
    let session = world.session().await;
    let rows = Rows::from_batch(row.unwrap());
    session.store().append_system(&table, rows, CommitNote::new("run")).await.unwrap();
    let path = format!("/api/v1/jobs/synthetic/{}/cancel", text(&endless, "job_id"));
    world.post(&path, json!(null)).await;

    let job = world.job_when(&job, |it| it["finished_at"].is_string()).await;
    let error = text(&job, "error");
    assert_eq!(job["status"], "failed", "{job}");
    assert!(error.contains("interrupted while it wrote to out/kept.csv"), "{error}");
    assert!(!world.folder().join("out/kept.csv").exists());
}
