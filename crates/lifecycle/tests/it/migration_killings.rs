//! A process is killed while it applies a migration, within its steps and between them: what is
//! stored is whole, and applying it again ends where it would have ended.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use metalith_base::FeatureKey;
use metalith_delta::Layout;
use metalith_lifecycle::{
    Context, audit,
    migrations::{
        Applied, ApplyRequest, Functions, Migration, MigrationState, Step, StepState, apply, status,
    },
    snapshots,
};
use metalith_objects::ObjectPlaces;
use metalith_sql::Database;
use metalith_store::{
    Execution, Frame, FunctionError, OpenOptions, ReadOptions, ResolveOptions, Store,
};
use metalith_testkit::{
    databases,
    fixtures::{key, read, read_with, write},
    rows_to_json,
};
use serde_json::{Value, json};

use crate::{
    crashes::Later,
    migrations::{code, custom, migration, open, shouted},
};

const PLACE: &str = "METALITH_TEST_MIGRATIONS";
const VIDEOS: usize = 150;

/// An empty place for a store, as a child process is told of it.
fn fresh(kind: &'static str) -> Value {
    if kind == "delta" {
        return json!({ "kind": kind, "address": tempfile::tempdir().unwrap().keep() });
    }
    let place = databases::fresh(kind);
    json!({
        "kind": kind, "address": place.address, "driver": place.driver, "options": place.options,
    })
}

async fn open_at(place: &Value, options: OpenOptions) -> Store {
    let text = |name: &str| place[name].as_str().unwrap();
    let backend = match text("kind") {
        "delta" => {
            let none = BTreeMap::new();
            metalith_delta::open_backend(text("address"), &none, Layout::Nested).unwrap()
        }
        kind => {
            let given: BTreeMap<String, String> =
                serde_json::from_value(place["options"].clone()).unwrap();
            let database = Database::named(kind).unwrap();
            metalith_sql::open_backend(database, text("address"), Some(text("driver")), &given)
        }
    };
    Store::open(backend, options).await.unwrap()
}

/// A process that begins when the lease of one that died is over.
async fn later(place: &Value) -> Store {
    let clock = Arc::new(Later(OpenOptions::write().clock));
    open_at(place, OpenOptions { clock, ..OpenOptions::write() }).await
}

/// Tells what it is at, and stays there for ever when it is to halt there.
#[derive(Debug)]
struct Halting {
    at: Option<String>,
    step: AtomicUsize,
}

impl Halting {
    fn at(place: Option<&str>) -> Self {
        Self { at: place.map(str::to_owned), step: AtomicUsize::new(0) }
    }

    fn tell(&self, number: usize) {
        self.step.store(number + 1, Ordering::Relaxed);
        self.reach(&format!("step {}", number + 1));
    }

    fn reach(&self, point: &str) {
        // Whoever waits for it reads it or is gone.
        writeln!(std::io::stdout(), "{point}.").ok();
        while self.at.as_deref() == Some(point) {
            std::thread::park();
        }
    }
}

impl Functions for Halting {
    fn call(
        &self,
        _name: &str,
        _feature: &FeatureKey,
        samples: Frame,
    ) -> BoxFuture<'_, Result<Frame, FunctionError>> {
        // It is tried out as well, before the first step.
        self.reach(&format!("called in {}", self.step.load(Ordering::Relaxed)));
        async move { Ok(shouted(&samples)) }.boxed()
    }
}

/// Videos, crops whose data versions are given by hand, and two faces in each, all with notes.
async fn prepare(store: &Store) {
    let graph = code("1");
    let name = |number: usize| format!("v{number:03}");
    let videos = (0..VIDEOS).map(
        |it| json!({ "video": name(it), "metaxy_provenance_by_field": { "frames": name(it) } }),
    );
    write(store, &graph, "video/raw", &videos.collect()).await.unwrap();
    for feature in ["video/crop", "video/face"] {
        let found = store.resolve(&graph, &key(feature), ResolveOptions::default()).await.unwrap();
        let mut rows = Vec::new();
        for row in rows_to_json(&found.new.batches) {
            let mut row: serde_json::Map<String, Value> = row.into_iter().collect();
            let video = row["video"].as_str().unwrap().to_owned();
            row.insert("note".to_owned(), json!(format!("of {video}")));
            if feature == "video/crop" {
                let given = json!({ "frames": format!("given-{video}") });
                row.insert("metaxy_data_version_by_field".to_owned(), given);
                rows.push(Value::Object(row));
                continue;
            }
            for number in 0..2 {
                row.insert("face".to_owned(), json!(format!("{video}-{number}")));
                rows.push(Value::Object(row.clone()));
            }
        }
        write(store, &graph, feature, &Value::Array(rows)).await.unwrap();
    }
    snapshots::push(store, &graph, "test", &BTreeMap::new()).await.unwrap();
}

/// Two features that are carried over, and a function that adds to the notes of one.
async fn refactoring(store: &Store) -> Migration {
    let mut migration = migration(store, &code("2")).await;
    let operation = custom("fixes:shout", &[]);
    let reason = "because".to_owned();
    migration.steps.push(Step { feature: key("video/crop"), operation, reason });
    migration
}

async fn apply_to(store: &Store, halting: &Halting) -> Applied {
    let (graph, places, migration) = (code("2"), ObjectPlaces::default(), refactoring(store).await);
    let context = Context { store, graph: &graph, places: &places, space: None };
    let functions: Option<&dyn Functions> = Some(halting);
    let execution = Execution::Apply;
    let request = ApplyRequest { project: "test", migration: &migration, execution, functions };
    apply(context, request, |number, _| halting.tell(number)).await.unwrap()
}

const CROP: [&str; 5] = [
    "video",
    "note",
    "metaxy_data_version_by_field",
    "metaxy_provenance",
    "metaxy_feature_version",
];
const FACE: [&str; 5] = ["face", "video", "note", "metaxy_provenance", "metaxy_feature_version"];

/// What a reader sees of both features under both definitions, and every row that is stored.
async fn everything(store: &Store) -> Vec<Vec<String>> {
    let all = ReadOptions {
        feature_history: true,
        sample_history: true,
        include_deleted: true,
        ..ReadOptions::default()
    };
    let (old, new) = (code("1"), code("2"));
    vec![
        read(store, &old, "video/crop", &CROP).await,
        read(store, &old, "video/face", &FACE).await,
        read(store, &new, "video/crop", &CROP).await,
        read(store, &new, "video/face", &FACE).await,
        read_with(store, &new, "video/crop", &CROP, &all).await,
        read_with(store, &new, "video/face", &FACE, &all).await,
    ]
}

/// How many crops and faces are carried over, and how many notes of crops were added to.
async fn progress(store: &Store) -> [usize; 3] {
    let graph = code("2");
    let notes = read(store, &graph, "video/crop", &["note"]).await;
    let shouted = notes.iter().filter(|it| it.ends_with('!')).count();
    let faces = read(store, &graph, "video/face", &["face"]).await.len();
    [notes.len(), faces, shouted]
}

/// Applies the migration, until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(told) = std::env::var(PLACE) else { return };
    let told: Value = serde_json::from_str(&told).unwrap();
    let store = open_at(&told["place"], OpenOptions::write()).await;
    apply_to(&store, &Halting::at(told["halt"].as_str())).await;
}

/// Where it is killed.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// Where it halts: what is there then is known.
    At(&'static str, [usize; 3]),
    /// So many milliseconds after it told this.
    After(&'static str, u64),
}

const POINTS: [Point; 9] = [
    Point::At("step 1", [0, 0, 0]),
    Point::At("step 2", [VIDEOS, 0, 0]),
    Point::At("step 3", [VIDEOS, 2 * VIDEOS, 0]),
    Point::At("called in 3", [VIDEOS, 2 * VIDEOS, 0]),
    Point::After("step 1", 0),
    Point::After("step 1", 60),
    Point::After("step 2", 20),
    Point::After("step 2", 90),
    Point::After("step 3", 40),
];

/// Applies the migration in a process that is killed; whether it was before its end.
fn kill_at(point: Point, place: &Value) -> bool {
    let (line, halt, pause) = match point {
        Point::At(line, _) => (line, Some(line), 0),
        Point::After(line, pause) => (line, None, pause),
    };
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "migration_killings::child", "--nocapture"])
        .env(PLACE, json!({ "place": place, "halt": halt }).to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let line = format!("{line}.");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|it| it.unwrap().contains(&line)), "{point:?} was not reached");
    std::thread::sleep(Duration::from_millis(pause));
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

async fn killed_anywhere(kind: &'static str) {
    let unharmed = fresh(kind);
    let store = open_at(&unharmed, OpenOptions::write()).await;
    prepare(&store).await;
    let before = read(&store, &code("1"), "video/crop", &CROP[..3]).await;
    apply_to(&store, &Halting::at(None)).await;
    let expected = everything(&store).await;
    assert_eq!(progress(&store).await, [VIDEOS, 2 * VIDEOS, VIDEOS]);
    // Notes and data versions are what they were, but for what the last step did.
    let carried = read(&store, &code("2"), "video/crop", &CROP[..3]).await;
    let carried: Vec<String> = carried.iter().map(|it| it.replacen('!', "", 1)).collect();
    assert_eq!(carried, before);
    assert!(before[0].contains("given-v000"), "{}", before[0]);

    for point in POINTS {
        let place = fresh(kind);
        prepare(&open_at(&place, OpenOptions::write()).await).await;
        let was_killed = kill_at(point, &place);
        let store = later(&place).await;
        let story = format!("{kind}, {point:?}");
        // Each step is done or not, even before anybody looks after it.
        let found = progress(&store).await;
        let [crops, faces, shouted] = found;
        let is_whole = [(crops, VIDEOS), (faces, 2 * VIDEOS), (shouted, VIDEOS)];
        assert!(is_whole.iter().all(|(are, all)| *are == 0 || are == all), "{story}: {found:?}");
        assert!(shouted <= faces && faces <= 2 * crops, "{story}: {found:?}");
        if let Point::At(_, known) = point {
            assert!(was_killed, "{story}");
            assert_eq!(found, known, "{story}");
            let state = status(&store, Vec::new()).await.unwrap()[0].state;
            assert_eq!(state, MigrationState::Unfinished, "{story}");
        }
        apply_to(&store, &Halting::at(None)).await;
        let again = apply_to(&store, &Halting::at(None)).await;
        assert!(again.steps.iter().all(|it| it.state == StepState::WasDone), "{story}");
        assert!(everything(&store).await == expected, "{story}: other rows than unharmed");
        for feature in ["video/crop", "video/face"] {
            assert_eq!(open(&store, &code("2"), feature).await, (0, 0, 0), "{story}: {feature}");
        }
        let log = audit::read(&store).await.unwrap();
        let told = log.iter().filter(|it| it.event == audit::Event::Migrated.name()).count();
        assert_eq!(told, 1, "{story}");
        assert_eq!(audit::verify(&store).await.unwrap().findings, [], "{story}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_migration_in_postgresql() {
    killed_anywhere("postgresql").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_migration_in_delta_tables() {
    killed_anywhere("delta").await;
}
