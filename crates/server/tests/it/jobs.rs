//! Jobs at work: progress, stopping, and servers that come and go.

use std::{sync::Arc, time::Duration};

use arrow::array::{ArrayRef, AsArray as _, RecordBatch, StringArray, TimestampMicrosecondArray};
use axum::http::StatusCode;
use metalith_lifecycle::deletion::{CascadePlan, CascadeRequest, Records};
use metalith_registry::{JobSettings, Session};
use metalith_server::Settings;
use metalith_store::{CommitNote, DeletionMode, Rows};
use metalith_testkit::fixtures::write;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::{World, settings, text};

/// So many samples take a while.
const MANY: u32 = 100_000;

fn one_at_once() -> Settings {
    let jobs = JobSettings { at_once: 1, ..settings().jobs };
    Settings { jobs, ..settings() }
}

fn is_at_work(job: &Value) -> bool {
    job["status"] == "running" && job["done"].as_u64().unwrap_or_default() >= 2
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_writes_files_that_numpy_reads() {
    let world = World::new().await;
    let (job, dataset) = world.made("tones", 3).await;
    let seen = world.get(&format!("/api/v1/jobs/synthetic/{job}")).await.json();
    assert_eq!((&seen["total"], &seen["done"]), (&json!(3), &json!(3)));
    assert_eq!(seen["created_by"], "tester");
    let file = world.bucket.join(format!("synthetic/{dataset}/sample-2/rx_1.npy"));
    let content = std::fs::read(file).unwrap();
    assert_eq!(&content[..8], b"\x93NUMPY\x01\x00");
    let header = usize::from(u16::from_le_bytes([content[8], content[9]]));
    assert_eq!((10 + header) % 64, 0);
    assert_eq!(
        std::str::from_utf8(&content[10..10 + header]).unwrap().trim_end(),
        "{'descr': '<c8', 'fortran_order': False, 'shape': (256,), }"
    );
    assert_eq!(content.len(), 10 + header + 256 * 8);
    let seen = world.get(&format!("/api/v1/jobs/synthetic/datasets/{dataset}")).await.json();
    assert_eq!(seen["bytes"], 6 * content.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_at_work_is_stopped_and_writes_nothing_afterwards() {
    let world = World::with_settings(one_at_once()).await;
    let job = world.begin_job("endless", MANY).await;
    let job = world.job_when(&job, is_at_work).await;
    let (id, dataset) = (text(&job, "job_id"), text(&job["config"], "dataset_id"));
    let gone = world.delete(&format!("/api/v1/jobs/synthetic/{id}?delete_dataset=true")).await;
    assert_eq!(gone.status, StatusCode::OK, "{}", gone.text());
    let files = gone.json()["minio_files_deleted"].as_u64().unwrap();
    assert!(files >= 4, "{files}");
    assert_eq!(world.objects(&dataset), 0);
    // Another job has the only seat by now, so the first one is really over.
    world.made("next", 1).await;
    assert_eq!(world.objects(&dataset), 0);
    assert_eq!(world.get("/api/v1/jobs/synthetic").await.json()["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_job_goes_on_working() {
    let world = World::new().await;
    let job = world.begin_job("endless", MANY).await;
    let job = world.job_when(&job, is_at_work).await;
    let (id, dataset) = (text(&job, "job_id"), text(&job["config"], "dataset_id"));
    world.model("eager", true, &[&dataset]).await;
    let path = format!("/api/v1/jobs/synthetic/{id}");
    let blocked = world.delete(&format!("{path}?delete_dataset=true")).await;
    assert_eq!(blocked.status, StatusCode::CONFLICT);
    assert_eq!(world.get(&path).await.json()["status"], "running");

    let stopped = world.post(&format!("{path}/cancel"), json!(null)).await;
    assert_eq!(stopped.json()["status"], "cancelled", "{}", stopped.text());
    let again = world.post(&format!("{path}/cancel"), json!(null)).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.detail().contains("is over already"), "{}", again.detail());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_taken_up_by_the_next_server() {
    let mut world = World::new().await;
    let job = world.begin_job("long", 60).await;
    world.job_when(&job, is_at_work).await;
    world.stop().await;
    world.start(settings()).await;
    let job = world.job_when(&job, |it| it["finished_at"].is_string()).await;
    assert_eq!(job["status"], "completed", "{job}");
    let dataset = text(&job["config"], "dataset_id");
    assert_eq!(world.objects(&dataset), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_servers_die_is_taken_up_and_in_the_end_given_up() {
    let mut world = World::stopped();
    let jobs = JobSettings { lease: Duration::from_secs(4), ..settings().jobs };
    let restless = Settings { jobs, every: Duration::from_millis(200), ..settings() };
    let (mut job, mut attempts) = (json!(null), 0);
    for _ in 1..=3 {
        let runtime = Runtime::new().unwrap();
        world.start_in(&runtime, restless).await;
        if job.is_null() {
            job = world.begin_job("endless", MANY).await;
        }
        // On a busy machine a server may lose the lease while it lives, and begin once more.
        let is_new = |it: &Value| it["attempts"].as_u64().is_some_and(|now| now > attempts);
        let is_there = |it: &Value| it["finished_at"].is_string() || is_at_work(it) && is_new(it);
        let seen = world.job_when(&job, is_there).await;
        attempts = seen["attempts"].as_u64().unwrap();
        // Nothing has time to say goodbye.
        runtime.shutdown_background();
    }
    world.start(restless).await;
    let job = world.job_when(&job, |it| it["finished_at"].is_string()).await;
    assert_eq!(
        (&job["status"], &job["error"]),
        (&json!("failed"), &json!("it was interrupted 3 times"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_jobs() {
    let world = World::new().await;
    let other = metalith_server::start(world.project(), settings()).await.unwrap();
    let job = world.begin_job("endless", MANY).await;
    let job = world.job_when(&job, is_at_work).await;
    // The other server does not work on it, and can stop it all the same.
    let id = text(&job, "job_id");
    let elsewhere = world.at(other.address());
    let gone = elsewhere.delete(&format!("/api/v1/jobs/synthetic/{id}")).await;
    assert_eq!(gone.status, StatusCode::OK, "{}", gone.text());
    assert_eq!(world.get("/api/v1/jobs/synthetic").await.json()["total"], 0);
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_before_it_is_written_down() {
    let world = World::new().await;
    let body = |kind: &str, config: Value| json!({ "name": "x", "kind": kind, "config": config });
    let scan = |place: &str| json!({ "location": place, "feature": "video/raw" });
    for (body, part) in [
        (body("dance", json!({})), "`dance` is not a kind of job"),
        (body("iq_raw", json!({})), "missing field `dataset_name`"),
        (body("iq_raw", json!({"dataset_name": "x", "num_samples": 0})), "`num_samples` is 0"),
        (body("iq_raw", json!({"dataset_name": "x", "colour": 1})), "unknown field `colour`"),
        (
            body(
                "iq_raw",
                json!({"dataset_name": "x", "num_samples": 100_000, "points": 1_000_000, "receivers": 64}),
            ),
            "at most 1099511627776 are made at once",
        ),
        (body("scan", scan("/etc")), "is not below any place"),
        (
            body(
                "scan",
                json!({"location": "s3://heimdall-synthetic-iq/x", "feature": "synthetic/job"}),
            ),
            "records of the registry",
        ),
        (body("scan", scan("s3://elsewhere/x")), "is not below any place"),
        (json!({ "name": " ", "kind": "iq_raw" }), "`name` must not be empty"),
        (json!({ "kind": "iq_raw" }), "missing field `name`"),
        (json!([1]), "the body is not what is expected"),
    ] {
        let refused = world.post("/api/v1/jobs/synthetic", body.clone()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(refused.detail().contains(part), "{}", refused.detail());
    }
    assert_eq!(world.get("/api/v1/jobs/synthetic").await.json()["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_makes_samples_of_what_lies_in_a_bucket() {
    let world = World::new().await;
    world.made("tones", 2).await;
    let config = json!({
        "location": format!("s3://{}/synthetic", crate::support::BUCKET),
        "feature": "video/raw",
        "glob": "**/rx_0.npy",
    });
    let body = json!({ "name": "look", "kind": "scan", "config": config });
    let job = world.post("/api/v1/jobs/synthetic", body).await.json();
    let job = world.job_when(&job, |it| it["finished_at"].is_string()).await;
    assert_eq!(job["status"], "completed", "{job}");
    let log = job["log"].to_string();
    assert!(log.contains("2 new, 0 changed"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_is_still_being_made_stays() {
    let world = World::new().await;
    let job = world.begin_job("endless", MANY).await;
    let job = world.job_when(&job, is_at_work).await;
    let (id, dataset) = (text(&job, "job_id"), text(&job["config"], "dataset_id"));
    let path = format!("/api/v1/jobs/synthetic/datasets/{dataset}");
    let refused = world.delete(&path).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.detail(), format!("dataset `{dataset}` is still being made by job `{id}`"));
    // Nor is there a way around it.
    for (feature, cascade) in [("synthetic/job", "none"), ("synthetic/sample", "upstream")] {
        for mode in ["soft", "hard"] {
            let body = json!({ "feature": feature, "filters": ["TRUE"], "cascade": cascade, "mode": mode });
            let refused = world.post("/api/v1/deletions/plans", body).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
            assert_eq!(refused.json()["code"], "deletion.records");
        }
    }
    world.post(&format!("/api/v1/jobs/synthetic/{id}/cancel"), json!(null)).await;
    assert_eq!(world.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.objects(&dataset), 0);
}

/// Writes down that somebody has the lease of a job for the next hour.
async fn take_lease(session: &Session, job: &str) {
    let store = session.store();
    let now = store.now().as_micros();
    let time = |at: i64| {
        let time = TimestampMicrosecondArray::from_value(at, 1).with_timezone("UTC");
        Arc::new(time) as ArrayRef
    };
    let name = |of: &str| Arc::new(StringArray::from(vec![of.to_owned()])) as ArrayRef;
    let row = RecordBatch::try_from_iter_with_nullable([
        ("name", name(&format!("job/{job}")), true),
        ("holder", name("a thief"), true),
        ("until", time(now + 3_600_000_000), true),
        ("at", time(now + 1_000_000), true),
        ("ends", name("9999"), true),
    ]);
    let table = "metalith-system/leases".parse().unwrap();
    let rows = Rows::from_batch(row.unwrap());
    store.append_system(&table, rows, CommitNote::new("lease")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_over_needs_no_lease_to_be_deleted() {
    let world = World::new().await;
    let (id, _) = world.made("tones", 1).await;
    // As if the server had died before it gave it back.
    take_lease(&world.session().await, &id).await;
    let gone = world.delete(&format!("/api/v1/jobs/synthetic/{id}")).await;
    assert_eq!(gone.status, StatusCode::OK, "{}", gone.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_lease_somebody_else_got_writes_nothing_any_more() {
    let world = World::new().await;
    let job = world.begin_job("endless", MANY).await;
    // Some time before it writes down the first hundred samples.
    let job = world.job_when(&job, |it| it["done"].as_u64().unwrap_or_default() >= 30).await;
    let (id, dataset) = (text(&job, "job_id"), text(&job["config"], "dataset_id"));
    // As if the server's clock had stood still for a long time.
    let session = world.session().await;
    take_lease(&session, &id).await;

    // The thief deletes everything; what the job does meanwhile comes to nothing.
    let records = [("synthetic/sample", "dataset_id", &dataset), ("synthetic/job", "job_id", &id)];
    let remove = async || {
        for (feature, column, id) in records {
            let filters = vec![metalith_expr::parse(&format!("{column} = '{id}'")).unwrap()];
            let request = CascadeRequest {
                records: Records::AtRest,
                feature_history: true,
                ..CascadeRequest::new(feature.parse().unwrap(), DeletionMode::Hard, filters)
            };
            let plan = CascadePlan::make(session.context(), &request).await.unwrap();
            plan.apply(session.context()).await.unwrap();
        }
    };
    remove().await;
    let path = format!("/api/v1/jobs/synthetic/{id}");
    assert_eq!(world.get(&path).await.status, StatusCode::NOT_FOUND);
    // The next server that is told to stop knows that nothing of it is at work.
    world.made("next", 1).await;
    let mut seen = world.objects(&dataset);
    let mut same = 0;
    while same < 20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = world.objects(&dataset);
        same = if now == seen { same + 1 } else { 0 };
        seen = now;
    }
    assert_eq!(world.get(&path).await.status, StatusCode::NOT_FOUND);
    let samples = world.get("/api/v1/features/synthetic__sample/samples").await.json();
    assert_eq!(samples["total"], 1, "those of the other one: {samples}");
}

/// How often somebody took or gave back the lease of the background.
async fn turns(session: &Session) -> usize {
    let table = "metalith-system/leases".parse().unwrap();
    let rows = session.store().read_system(&table).await.unwrap().unwrap();
    let batches = rows.collect().await.unwrap();
    let names = batches.iter().filter_map(|it| it.column_by_name("name").cloned());
    names
        .map(|it| it.as_string::<i32>().iter().filter(|it| *it == Some("background")).count())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_here_and_is_at_work_elsewhere_is_stopped_there() {
    let world = World::with_settings(one_at_once()).await;
    let job = world.begin_job("endless", MANY).await;
    world.job_when(&job, is_at_work).await;
    // The other server has its only seat taken, and looks for work all the time.
    let restless = Settings { every: Duration::from_millis(100), ..one_at_once() };
    let other = metalith_server::start(world.project(), restless).await.unwrap();
    let elsewhere = world.at(other.address());
    let config = json!({ "dataset_name": "its own", "num_samples": MANY });
    let own = json!({ "name": "its own", "kind": "iq_raw", "config": config });
    let own = elsewhere.send("POST", "/api/v1/jobs/synthetic", &[], Some(own)).await.json();
    world.job_when(&own, is_at_work).await;
    // Its background takes up jobs before it takes its turn, and each turn leaves two rows.
    let session = world.session().await;
    let before = turns(&session).await;
    while turns(&session).await < before + 4 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let gone = elsewhere.delete(&format!("/api/v1/jobs/synthetic/{}", text(&job, "job_id"))).await;
    assert_eq!(gone.status, StatusCode::OK, "{}", gone.text());
    elsewhere.delete(&format!("/api/v1/jobs/synthetic/{}", text(&own, "job_id"))).await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_does_not_make_more_than_the_quota_allows() {
    let mut world = World::stopped_with("[quota]\nobjects = { refuse = 10 }\n");
    world.start(settings()).await;
    world.made("small", 4).await;
    let config = json!({ "dataset_name": "large", "num_samples": 2, "receivers": 2 });
    let job = json!({ "name": "large", "kind": "iq_raw", "config": config });
    let refused = world.post("/api/v1/jobs/synthetic", job).await;
    assert_eq!(refused.json()["code"], "store.quota", "{}", refused.text());
    world.made("fits", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_hides_no_other() {
    let world = World::new().await;
    let (job, _) = world.made("fine", 1).await;
    let session = world.session().await;
    let odd = json!([{ "job_id": "odd", "metaxy_provenance_by_field": { "default": "x" } }]);
    write(session.store(), session.graph(), "synthetic/job", &odd).await.unwrap();
    let listed = world.get("/api/v1/jobs/synthetic").await;
    assert_eq!(listed.status, StatusCode::OK, "{}", listed.text());
    assert_eq!(listed.json()["items"][0]["job_id"], job.as_str());
    world.made("still", 1).await;
}
