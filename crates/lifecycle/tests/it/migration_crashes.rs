//! The process ends before any single change of storage while a migration is applied or taken back,
//! or a call to storage fails or is made twice: doing the same again ends where it would have ended.

use std::{io::Write as _, sync::Arc};

use metalith_base::Diagnostic as _;
use metalith_delta::{DeltaBackend, Layout};
use metalith_lifecycle::{
    Context, audit,
    deletion::finish_interrupted,
    migrations::{Migration, MigrationError, MigrationState, Operation, Step, status},
};
use metalith_objects::{ObjectPlaces, OpenedLocation};
use metalith_store::{Backend, Execution, OpenOptions, ReadOptions, Store};
use metalith_testkit::{
    faulty::{Fault, Faults, FaultyStore},
    fixtures::{key, read, read_with},
};
use object_store::{ObjectStore, memory::InMemory, path::Path};

use crate::{
    crashes::Later,
    migrations::{code, custom, migration, run, take_back, worked_off},
};

/// Storage that goes wrong as `faults` say.
fn backend(disk: &Arc<InMemory>, faults: &Arc<Faults>) -> Arc<dyn Backend> {
    let inner = Arc::clone(disk) as Arc<dyn ObjectStore>;
    let place = OpenedLocation {
        store: Arc::new(FaultyStore::new(inner, Arc::clone(faults))),
        prefix: Path::default(),
        url: "s3://store/".parse().unwrap(),
        folder: None,
    };
    Arc::new(DeltaBackend::new(place, "s3://store".to_owned(), Layout::Nested))
}

async fn open(disk: &Arc<InMemory>, faults: &Arc<Faults>) -> Store {
    Store::open(backend(disk, faults), OpenOptions::write()).await.unwrap()
}

async fn healthy(disk: &Arc<InMemory>) -> Store {
    open(disk, &Faults::new(Fault::None)).await
}

/// A process that begins when the lease of one that died is over.
async fn later(disk: &Arc<InMemory>) -> Store {
    let clock = Arc::new(Later(OpenOptions::write().clock));
    let options = OpenOptions { clock, ..OpenOptions::write() };
    Store::open(backend(disk, &Faults::new(Fault::None)), options).await.unwrap()
}

/// What is done to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Apply,
    TakeBack,
    /// Apply, and take back what was done of it.
    GiveUp,
}

async fn act(store: &Store, migration: &Migration, deed: Deed) -> Result<(), MigrationError> {
    let graph = code("2");
    match deed {
        Deed::Apply | Deed::GiveUp => {
            run(store, &graph, migration, Execution::Apply).await.map(drop)
        }
        Deed::TakeBack => match take_back(store, &graph, &migration.id).await {
            // The answer was lost, not the deed.
            Err(MigrationError::NotApplied { .. }) => Ok(()),
            other => other.map(drop),
        },
    }
}

/// Two features that are carried over, and another step of each kind that writes.
async fn prepared() -> (Arc<InMemory>, Migration) {
    let disk = Arc::new(InMemory::new());
    let store = healthy(&disk).await;
    worked_off(&store).await;
    let mut migration = migration(&store, &code("2")).await;
    let set = vec![("note".to_owned(), "'filled'".to_owned())];
    let fill = Operation::Backfill { set, filters: Vec::new() };
    let delete = Operation::Delete { filters: vec!["video = 'a'".to_owned()], downstream: false };
    for operation in [fill, custom("fixes:shout", &[]), delete] {
        let (feature, reason) = (key("video/crop"), "because".to_owned());
        migration.steps.push(Step { feature, operation, reason });
    }
    (disk, migration)
}

/// What a reader sees of the features, under both definitions.
async fn seen(store: &Store) -> [Vec<String>; 3] {
    let columns = ["video", "note", "metaxy_provenance", "metaxy_feature_version"];
    let old = read(store, &code("1"), "video/crop", &columns).await;
    let faces = ["face", "metaxy_provenance", "metaxy_feature_version"];
    let faces = read(store, &code("2"), "video/face", &faces).await;
    [old, read(store, &code("2"), "video/crop", &columns).await, faces]
}

/// How many rows are stored, history and tombstones included.
async fn stored(store: &Store) -> usize {
    let everything = ReadOptions {
        feature_history: true,
        sample_history: true,
        include_deleted: true,
        ..ReadOptions::default()
    };
    let graph = code("2");
    let crops = read_with(store, &graph, "video/crop", &["video"], &everything).await;
    crops.len() + read_with(store, &graph, "video/face", &["face"], &everything).await.len()
}

/// Tries a fault at every call of a deed where it matters, and returns how many that were.
/// What is done about a deed that was interrupted.
async fn go_on(store: &Store, migration: &Migration, deed: Deed) -> Result<(), MigrationError> {
    let deed = if deed == Deed::GiveUp { Deed::TakeBack } else { deed };
    act(store, migration, deed).await
}

async fn at_every_point(deed: Deed, fault: impl Fn(u64) -> Fault) -> u64 {
    at_points(deed, 1, fault).await
}

/// The same at every so many of these points.
async fn at_points(deed: Deed, every: usize, fault: impl Fn(u64) -> Fault) -> u64 {
    let (disk, migration) = prepared().await;
    if deed == Deed::TakeBack {
        act(&healthy(&disk).await, &migration, Deed::Apply).await.unwrap();
    }
    let (sound, calls) = (Arc::new(disk.fork()), Faults::new(Fault::None));
    act(&open(&sound, &calls).await, &migration, deed).await.unwrap();
    let points = points(&calls.log());
    let sound = healthy(&sound).await;
    if deed == Deed::GiveUp {
        go_on(&sound, &migration, deed).await.unwrap();
    }
    let (wanted, rows) = (seen(&sound).await, stored(&sound).await);
    let state = match deed {
        Deed::Apply => MigrationState::Applied,
        Deed::TakeBack | Deed::GiveUp => MigrationState::RolledBack,
    };
    let mut tried: u64 = 0;
    for point in points.into_iter().step_by(every) {
        let copy = Arc::new(disk.fork());
        let fault = fault(point);
        let faults = Faults::new(fault);
        let first = match Store::open(backend(&copy, &faults), OpenOptions::write()).await {
            Ok(store) => act(&store, &migration, deed).await,
            Err(_) => Ok(()),
        };
        if !faults.has_struck() {
            first.unwrap();
            continue;
        }
        tried += 1;
        let log = faults.log();
        let story = format!("{fault:?} of {:?}", log.get(point as usize - 1));
        // Now and then two take it up at once.
        let helpers = if tried.is_multiple_of(5) { 2 } else { 1 };
        let helpers = (0..helpers).map(|_| async {
            let store = later(&copy).await;
            go_on(&store, &migration, deed).await
        });
        for done in futures::future::join_all(helpers).await {
            let done = match done {
                // Of two at once, one may have to wait for the other.
                Err(busy) if busy.code() == "migration.busy" => {
                    go_on(&later(&copy).await, &migration, deed).await
                }
                other => other,
            };
            done.unwrap_or_else(|error| panic!("{story}: {error}: {error:?}"));
        }
        let store = later(&copy).await;
        // Whoever opens the store next finishes deletions: none may be left of what is taken back.
        let (graph, places) = (code("2"), ObjectPlaces::default());
        let context = Context { store: &store, graph: &graph, places: &places, space: None };
        finish_interrupted(context).await.unwrap();
        assert_eq!(seen(&store).await, wanted, "{story}");
        let known = status(&store, Vec::new()).await.unwrap();
        match (deed, known.first()) {
            // It was never begun.
            (Deed::GiveUp, None) => {}
            (_, known) => assert_eq!(known.map(|it| it.state), Some(state), "{story}"),
        }
        if deed != Deed::GiveUp {
            assert_eq!(stored(&store).await, rows, "{story}");
            assert_eq!(entries(&store, deed).await, 1, "{story}");
        }
        assert_eq!(audit::verify(&store).await.unwrap().findings, [], "{story}");
    }
    tried
}

/// The numbers of calls at which it matters that something goes wrong: every one that changes
/// storage, and some of those between, which find it as the one before left it.
fn points(calls: &[String]) -> Vec<u64> {
    let changes =
        |call: &String| ["put", "delete", "copy"].iter().any(|verb| call.starts_with(verb));
    let numbered = calls.iter().zip(1_u64..);
    let points = numbered.filter(|(call, number)| changes(call) || number.is_multiple_of(64));
    points.map(|(_, number)| number).collect()
}

/// How often the audit log tells of a deed.
async fn entries(store: &Store, deed: Deed) -> usize {
    let event = match deed {
        Deed::Apply => audit::Event::Migrated,
        Deed::TakeBack | Deed::GiveUp => audit::Event::MigrationRolledBack,
    };
    let log = audit::read(store).await.unwrap();
    log.iter().filter(|entry| entry.event == event.name()).count()
}

fn say(points: u64) {
    writeln!(std::io::stderr(), "{points} points tried").ok();
}

#[tokio::test]
async fn the_process_ends_before_any_change_of_applying() {
    let tried = Box::pin(at_every_point(Deed::Apply, Fault::StopBefore)).await;
    say(tried);
    assert!(tried > 15, "{tried}");
}

#[tokio::test]
async fn any_change_of_applying_fails_once() {
    let tried = Box::pin(at_points(Deed::Apply, 6, Fault::FailOnce)).await;
    say(tried);
    assert!(tried > 4, "{tried}");
}

#[tokio::test]
async fn any_change_of_applying_is_made_twice() {
    let tried = Box::pin(at_points(Deed::Apply, 6, Fault::Twice)).await;
    say(tried);
    assert!(tried > 4, "{tried}");
}

#[tokio::test]
async fn the_process_ends_before_any_change_of_taking_back() {
    let tried = Box::pin(at_every_point(Deed::TakeBack, Fault::StopBefore)).await;
    say(tried);
    assert!(tried > 8, "{tried}");
}

#[tokio::test]
async fn what_was_applied_before_the_process_ended_is_taken_back() {
    let tried = Box::pin(at_points(Deed::GiveUp, 3, Fault::StopBefore)).await;
    say(tried);
    assert!(tried > 8, "{tried}");
}
