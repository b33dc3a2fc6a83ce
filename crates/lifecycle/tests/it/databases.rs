//! Deletions over several features in databases: they do what they do in memory, and a process that
//! is killed in the middle of one leaves nothing half done.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    Context,
    deletion::{Cascade, DeletionError, RestoreMode, finish_interrupted},
};
use metalith_objects::ObjectPlaces;
use metalith_sql::{Database, open_backend};
use metalith_store::{DeletionMode, OpenOptions, Store};
use metalith_testkit::{
    databases::{self, FreshDatabase},
    fixtures::{graph, read, write},
};
use serde_json::{Value, json};

use crate::{
    crashes::Later,
    support::{GRAPH, bring_back, delete, left, made, make, request, two_videos_in},
};

async fn store_in(place: &FreshDatabase, options: OpenOptions) -> Store {
    let database = Database::named(place.kind).unwrap();
    let backend = open_backend(database, &place.address, Some(&place.driver), &place.options);
    Store::open(backend, options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn cascades_take_along_and_come_back_in_every_database() {
    for database in Database::all() {
        let place = databases::fresh(database.name());
        let store = store_in(&place, OpenOptions::write()).await;
        let (store, graph) = two_videos_in(store).await;
        let all = left(&store, &graph).await;
        let soft = request("video/raw", DeletionMode::Soft, "video_id = 'v1'", Cascade::Downstream);
        let done = delete(&store, &graph, &soft).await;
        assert_eq!(left(&store, &graph).await, ["v2", "c d", "c d", "v2"], "{database:?}");
        bring_back(&store, &graph, &done.id, RestoreMode::Apply).await.unwrap();
        assert_eq!(left(&store, &graph).await, all);
        let hard = request("video/raw", DeletionMode::Hard, "video_id = 'v1'", Cascade::Downstream);
        delete(&store, &graph, &hard).await;
        assert_eq!(left(&store, &graph).await, ["v2", "c d", "c d", "v2"]);
        // Another process sees the same.
        drop(store);
        let store = store_in(&place, OpenOptions::write()).await;
        assert_eq!(left(&store, &graph).await, ["v2", "c d", "c d", "v2"]);
    }
}

/// Rows that are removed for good may be on the disk for a while. It is said where they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_hard_deletion_says_whether_its_bytes_are_gone() {
    for database in Database::all() {
        let place = databases::fresh(database.name());
        let store = store_in(&place, OpenOptions::write()).await;
        let graph = graph(GRAPH);
        let videos = ["the-deleted-one", "the-kept-one"].map(|id| json!({ "video_id": id }));
        write(&store, &graph, "video/raw", &made("frames", &videos)).await.unwrap();
        let filter = "video_id = 'the-deleted-one'";
        let hard = request("video/raw", DeletionMode::Hard, filter, Cascade::Downstream);
        let done = delete(&store, &graph, &hard).await;
        assert!(done.files.files > 0, "{done:?}");
        let are_gone = database.name() == "sqlite";
        assert_eq!(done.files.overwritten_later, !are_gone, "{database:?}");
        if are_gone {
            let file = std::fs::read(&place.address).unwrap();
            let log = std::fs::read(format!("{}-wal", place.address)).unwrap_or_default();
            let holds = |text: &[u8]| [&file, &log].iter().any(|it| contains(it, text));
            assert!(holds(b"the-kept-one") && !holds(b"the-deleted-one"));
        }
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|it| it == text)
}

/// What makes a database refuse changes of a table, and what ends that.
fn refusal(kind: &str, table: &str) -> [String; 2] {
    if kind == "sqlite" {
        let trigger = |event: &str| {
            format!(
                "CREATE TRIGGER refuse_{event} BEFORE {event} ON {table} BEGIN \
                 SELECT RAISE(ABORT, 'not this one'); END"
            )
        };
        let both = format!("{}; {}", trigger("INSERT"), trigger("DELETE"));
        return [both, "DROP TRIGGER refuse_INSERT; DROP TRIGGER refuse_DELETE".to_owned()];
    }
    let refuse = format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'not this one'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON {table} EXECUTE FUNCTION refuse()"
    );
    [refuse, format!("DROP TRIGGER refuse ON {table}")]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cascade_that_cannot_do_one_step_does_none() {
    for (kind, table, mode) in [
        ("postgresql", "video__raw", DeletionMode::Soft),
        ("postgresql", "video__summary", DeletionMode::Hard),
        ("sqlite", "video__raw", DeletionMode::Soft),
        ("sqlite", "video__summary", DeletionMode::Hard),
    ] {
        let place = databases::fresh(kind);
        let store = store_in(&place, OpenOptions::write()).await;
        let (store, graph) = two_videos_in(store).await;
        let all = left(&store, &graph).await;
        let [refuse, allow] = refusal(kind, table);
        place.ask(&refuse);
        let wanted = request("video/raw", mode, "video_id = 'v1'", Cascade::Downstream);
        let plan = make(&store, &graph, &wanted).await.unwrap();
        let places = ObjectPlaces::default();
        let context = Context { store: &store, graph: &graph, places: &places, space: None };
        let refused = plan.apply(context).await;
        assert!(matches!(refused, Err(DeletionError::Unfinished { .. })), "{refused:?}");
        // It is told why, and nobody is said to have been at it at the same time.
        let told = format!("{refused:?}");
        assert!(told.contains("not this one") && !told.contains("Conflict"), "{told}");
        assert_eq!(left(&store, &graph).await, all, "{kind}, {table}");

        place.ask(&allow);
        let finished = finish_interrupted(context).await.unwrap();
        assert!(finished[0].outcome.is_ok(), "{finished:?}");
        assert_eq!(left(&store, &graph).await, ["v2", "c d", "c d", "v2"], "{kind}, {table}");
    }
}

const FILES: &str = r#"
[[features]]
key = "file"
id_columns = ["path"]
fields = ["content"]
objects = [{ column = "path" }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_nobodys_object() {
    for kind in ["duckdb", "sqlite", "postgresql"] {
        let (place, folder) = (databases::fresh(kind), tempfile::tempdir().unwrap());
        let (store, graph) = (store_in(&place, OpenOptions::write()).await, graph(FILES));
        let file = folder.path().join("a.bin");
        std::fs::write(&file, "content").unwrap();
        let is_file = kind != "postgresql";
        let mut rows = vec![json!({ "path": file })];
        if is_file {
            rows.push(json!({ "path": place.address }));
        }
        write(&store, &graph, "file", &made("content", &rows)).await.unwrap();
        let all = request("file", DeletionMode::Hard, "path IS NOT NULL", Cascade::Downstream);
        let objects = delete(&store, &graph, &all).await.objects.unwrap();
        assert_eq!((objects.deleted, objects.skipped), (1, u64::from(is_file)), "{kind}");
        assert!(!file.exists());
        assert_eq!(std::path::Path::new(&place.address).exists(), is_file);
        assert!(read(&store, &graph, "file", &["path"]).await.is_empty());
    }
}

const PLACE: &str = "METALITH_TEST_CASCADES";
const VIDEOS: usize = 24;

/// Deletes one video after the other, with all that was made of it, until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(told) = std::env::var(PLACE) else { return };
    let told: Value = serde_json::from_str(&told).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let place = FreshDatabase {
        kind: "postgresql",
        address: text(&told["address"]),
        driver: text(&told["driver"]),
        options: BTreeMap::from([("schema".to_owned(), text(&told["schema"]))]),
    };
    let store = store_in(&place, OpenOptions::write()).await;
    let graph = graph(GRAPH);
    let first = told["first"].as_u64().unwrap() as usize;
    for video in first..VIDEOS {
        let mode = if video % 2 == 0 { DeletionMode::Soft } else { DeletionMode::Hard };
        let filter = format!("video_id = 'v{video}'");
        delete(&store, &graph, &request("video/raw", mode, &filter, Cascade::Downstream)).await;
        println!("deleted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_cascade_nothing_is_half_done() {
    let place = databases::fresh("postgresql");
    let graph = graph(GRAPH);
    {
        let store = store_in(&place, OpenOptions::write()).await;
        let all = 0..VIDEOS;
        let rows = |of: fn(usize) -> Value| all.clone().map(of).collect::<Vec<_>>();
        let videos = rows(|it| json!({ "video_id": format!("v{it}") }));
        let chunks =
            rows(|it| json!({ "chunk_id": format!("c{it}"), "video_id": format!("v{it}") }));
        let faces = rows(|it| json!({ "chunk": format!("c{it}") }));
        let summaries = rows(|it| json!({ "video_id": format!("v{it}") }));
        write(&store, &graph, "video/raw", &made("frames", &videos)).await.unwrap();
        write(&store, &graph, "video/chunk", &made("frames", &chunks)).await.unwrap();
        write(&store, &graph, "video/faces", &made("faces", &faces)).await.unwrap();
        write(&store, &graph, "video/summary", &made("text", &summaries)).await.unwrap();
    }
    let (mut killed, mut first) = (0, 0);
    for round in 0..8_u64 {
        let told = json!({
            "address": place.address, "driver": place.driver,
            "schema": place.options["schema"], "first": first,
        });
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "databases::child", "--nocapture"])
            .env(PLACE, told.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("deleted")));
        // Each time somewhere else in the next one.
        tokio::time::sleep(Duration::from_millis(round * 53)).await;
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        // A process that begins when the lease of the one that died is over.
        let clock = Arc::new(Later(OpenOptions::write().clock));
        let store = store_in(&place, OpenOptions { clock, ..OpenOptions::write() }).await;
        // Nothing is half done, even before anybody looks after it.
        whole_videos(&store, &graph, round).await;
        let places = ObjectPlaces::default();
        let context = Context { store: &store, graph: &graph, places: &places, space: None };
        finish_interrupted(context).await.unwrap();
        let expected = whole_videos(&store, &graph, round).await;
        first = expected.first().copied().unwrap_or(VIDEOS);
        assert_eq!(expected, (first..VIDEOS).collect::<Vec<_>>(), "they go one after the other");
        if first == VIDEOS {
            break;
        }
    }
    assert!(killed > 0 && first > 0, "{killed} were killed, {first} deletions came through");
}

/// The videos that are there, each with all that was made of it.
async fn whole_videos(store: &Store, graph: &FeatureGraph, round: u64) -> Vec<usize> {
    let numbers = async |feature: &str, id: &str, start: char| -> Vec<usize> {
        let names = read(store, graph, feature, &[id]).await;
        let number = |it: &String| it.trim_start_matches(start).parse().unwrap();
        let mut numbers: Vec<usize> = names.iter().map(number).collect();
        numbers.sort_unstable();
        numbers
    };
    let videos = numbers("video/raw", "video_id", 'v').await;
    for (feature, id, start) in [
        ("video/chunk", "chunk_id", 'c'),
        ("video/faces", "chunk", 'c'),
        ("video/summary", "video_id", 'v'),
    ] {
        assert_eq!(numbers(feature, id, start).await, videos, "{feature} in round {round}");
    }
    videos
}
