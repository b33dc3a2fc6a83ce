//! What a server does by itself: one at a time, told by figures.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::TimestampMicrosecondType,
};
use axum::http::StatusCode;
use metalith_registry::Session;
use metalith_server::Settings;
use metalith_testkit::fixtures::write;
use serde_json::json;

use crate::support::{World, settings, text};

fn restless() -> Settings {
    Settings { every: Duration::from_millis(100), ..settings() }
}

/// The figures as soon as they have a line.
async fn figures_with(world: &World, line: &str) -> String {
    for _ in 0..1200 {
        let figures = world.get("/metrics").await.text();
        if figures.lines().any(|it| it == line) {
            return figures;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no `{line}` in\n{}", world.get("/metrics").await.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_what_lies_around_is_counted() {
    let mut world = World::stopped();
    let stray = world.bucket.join("synthetic/lost");
    fs::create_dir_all(&stray).unwrap();
    fs::write(stray.join("a.npy"), "xyz").unwrap();
    // Younger ones may be about to be named.
    let long_ago = SystemTime::now() - Duration::from_secs(3 * 24 * 60 * 60);
    fs::File::open(stray.join("a.npy")).unwrap().set_modified(long_ago).unwrap();
    world.start(restless()).await;
    let figures = figures_with(&world, "metalith_orphan_objects{space=\"\"} 1").await;
    for line in
        ["metalith_stored_objects{space=\"\"} 1", "metalith_stored_object_bytes{space=\"\"} 3"]
    {
        assert!(figures.contains(line), "{line}\n{figures}");
    }
    figures_with(&world, "metalith_purge_queue{space=\"\"} 0").await;

    let (_, dataset) = world.made("tones", 2).await;
    world.s3.refuse(Some(|_| true));
    let path = format!("/api/v1/jobs/synthetic/datasets/{dataset}");
    assert_eq!(world.delete(&path).await.header("metalith-objects-pending"), "4");
    let figures = figures_with(&world, "metalith_purge_queue{space=\"\"} 1").await;
    for line in [
        "metalith_deletions_unfinished{space=\"\"} 0",
        "metalith_cleanups_total{outcome=\"failure\"} 1",
        "metalith_objects_failed_total 4",
    ] {
        assert!(figures.contains(line), "{line}\n{figures}");
    }
    world.s3.refuse(None);
    world.post("/api/v1/deletions/purge", json!({})).await;
    let figures = figures_with(&world, "metalith_purge_queue{space=\"\"} 0").await;
    assert!(figures.contains("metalith_objects_deleted_total 4\n"), "{figures}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_long_enough_goes_by_itself() {
    let world = World::with_settings(restless()).await;
    let session = world.session().await;
    let note =
        |path: &str| json!({ "path": path, "metaxy_provenance_by_field": { "default": "x" } });
    let rows = json!([note("a"), note("b")]);
    write(session.store(), session.graph(), "note", &rows).await.unwrap();
    let plan = world.planned(json!({ "feature": "note", "filters": ["path = 'a'"] })).await;
    assert_eq!(world.carry_out(&plan).await.status, StatusCode::OK);
    let hidden = "/api/v1/features/note/samples?include_deleted=true";
    while world.get(hidden).await.json()["total"] != 1 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let seen = world.get("/api/v1/deletions").await.json();
    let newest = &seen["items"][0];
    assert_eq!(
        (&newest["mode"], &newest["actor"]),
        (&json!("hard"), &json!("background")),
        "{seen}"
    );
}

/// The rows of a lease: when, until when, and whose, in order.
async fn leases(session: &Session, name: &str) -> Vec<(i64, i64, String)> {
    let table = "metalith-system/leases".parse().unwrap();
    let Some(rows) = session.store().read_system(&table).await.unwrap() else { return Vec::new() };
    let of_batch = |batch: &RecordBatch| {
        let text = |column: &str, row: usize| {
            batch.column_by_name(column).unwrap().as_string::<i32>().value(row).to_owned()
        };
        let time = |column: &str, row: usize| {
            let times = batch.column_by_name(column).unwrap();
            times.as_primitive::<TimestampMicrosecondType>().value(row)
        };
        let rows = (0..batch.num_rows()).filter(|row| text("name", *row) == name);
        rows.map(|row| (time("at", row), time("until", row), text("holder", row)))
            .collect::<Vec<_>>()
    };
    let mut found: Vec<_> = rows.collect().await.unwrap().iter().flat_map(of_batch).collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_at_a_time_looks_after_a_store() {
    let world = World::with_settings(restless()).await;
    let other = metalith_server::start(world.project(), restless()).await.unwrap();
    let session = world.session().await;
    let turns = loop {
        let turns = leases(&session, "background").await;
        let mut holders: Vec<&String> = turns.iter().map(|(_, _, holder)| holder).collect();
        let changes = holders.windows(2).filter(|two| two[0] != two[1]).count();
        holders.sort();
        holders.dedup();
        assert!(holders.len() <= 2, "{turns:?}");
        if changes > 4 {
            break turns;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    for two in turns.windows(2) {
        let ((_, until, before), (at, _, after)) = (&two[0], &two[1]);
        assert!(before == after || until <= at, "{before} had it until {until}: {turns:?}");
    }
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_is_held_stays_with_its_job() {
    let world = World::new().await;
    let (job, dataset) = world.made("tones", 2).await;
    let filter = format!("dataset_id = '{dataset}'");
    let body =
        json!({ "feature": "synthetic/dataset", "filters": [filter], "reason": "a lawsuit" });
    let hold = world.post("/api/v1/holds", body).await;
    assert_eq!(hold.status, StatusCode::CREATED, "{}", hold.text());
    for path in [
        format!("/api/v1/jobs/synthetic/datasets/{dataset}"),
        format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true"),
    ] {
        let blocked = world.delete(&path).await;
        assert_eq!(blocked.status, StatusCode::CONFLICT, "{}", blocked.text());
        assert!(blocked.detail().contains("a lawsuit"), "{}", blocked.detail());
        assert_eq!(blocked.json()["blockers"][0]["hold"], hold.json()["id"]);
    }
    assert_eq!(world.objects(&dataset), 4);
    let release = format!("/api/v1/holds/{}/release", text(&hold.json(), "id"));
    assert_eq!(world.post(&release, json!({})).await.status, StatusCode::OK);
    let gone = world.delete(&format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true")).await;
    assert_eq!(gone.json()["minio_files_deleted"], 4, "{}", gone.text());
}
