//! Fallback chains: what is missing in a store is read from the next one, and never written there.

use std::{collections::BTreeMap, sync::Arc};

use metalith_base::Diagnostic as _;
use metalith_delta::{Layout, open_backend};
use metalith_expr::parse;
use metalith_graph::{FeatureGraph, HashLength};
use metalith_lifecycle::{
    copying::{CopyRequest, copy},
    holds,
};
use metalith_store::{
    Backend, CommitNote, DeletionMode, DeletionRequest, HashAlgorithm, HashSettings, MarkerState,
    MemoryBackend, Mode, OpenOptions, OverFallback, PlaceProblem, ResolveOptions, RestoreRequest,
    Rows, Store, StoreError, WriteOptions,
};
use metalith_testkit::fixtures::{graph, key, read, rows, write};
use serde_json::{Value, json};

const GRAPH: &str = r#"
[[features]]
key = "raw"
id_columns = ["id"]
fields = ["x"]

[[features]]
key = "crop"
id_columns = ["id"]
deps = ["raw"]
fields = [{ key = "x", code_version = "CODE" }]
"#;

fn code(version: &str) -> FeatureGraph {
    graph(&GRAPH.replace("CODE", version))
}

fn made(ids: &[&str]) -> Value {
    let row = |id: &&str| json!({ "id": id, "metaxy_provenance_by_field": { "x": id } });
    ids.iter().map(row).collect()
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Memory,
    Delta,
}

const MIXES: [(Kind, Kind); 4] = [
    (Kind::Memory, Kind::Memory),
    (Kind::Memory, Kind::Delta),
    (Kind::Delta, Kind::Memory),
    (Kind::Delta, Kind::Delta),
];

fn place(kind: Kind) -> Arc<dyn Backend> {
    match kind {
        Kind::Memory => Arc::new(MemoryBackend::new()),
        Kind::Delta => {
            let folder = tempfile::tempdir().unwrap().keep();
            open_backend(folder.to_str().unwrap(), &BTreeMap::new(), Layout::Nested).unwrap()
        }
    }
}

/// A store with three samples of both features, and a branch of it.
async fn prod_and_branch((branch, prod): (Kind, Kind)) -> (Store, Store) {
    let (prod, place) = (place(prod), place(branch));
    let writer = Store::open(Arc::clone(&prod), OpenOptions::write()).await.unwrap();
    write(&writer, &code("1"), "raw", &made(&["a", "b", "c"])).await.unwrap();
    work_off(&writer, &code("1")).await;
    let reader = Store::open(prod, OpenOptions::read()).await.unwrap();
    (writer, branch_of(place, reader).await)
}

async fn branch_of(place: Arc<dyn Backend>, prod: Store) -> Store {
    let options = OpenOptions { fallback: Some(prod), ..OpenOptions::write() };
    Store::open(place, options).await.unwrap()
}

async fn work_off(store: &Store, graph: &FeatureGraph) {
    let found = store.resolve(graph, &key("crop"), ResolveOptions::default()).await.unwrap();
    let rows = Rows::from_batches(found.new.schema, found.new.batches);
    store.write(graph, &key("crop"), rows, &WriteOptions::default()).await.unwrap();
}

/// Samples, new and stale of the crops.
async fn status(store: &Store, graph: &FeatureGraph) -> (u64, u64, u64, bool) {
    let status = store.status(graph, &key("crop")).await.unwrap();
    let increment = status.increment.unwrap();
    (status.samples, increment.new, increment.stale, status.read_from.is_some())
}

#[tokio::test]
async fn a_branch_reads_what_it_lacks_and_writes_what_it_computes() {
    for mix in MIXES {
        let (prod, branch) = prod_and_branch(mix).await;
        assert_eq!(read(&branch, &code("1"), "crop", &["id"]).await, ["a", "b", "c"], "{mix:?}");
        assert_eq!(status(&branch, &code("1")).await, (3, 0, 0, true), "{mix:?}");

        // Other code in the branch: all of it is computed there, from what is behind.
        assert_eq!(status(&branch, &code("2")).await, (0, 3, 0, true), "{mix:?}");
        work_off(&branch, &code("2")).await;
        assert_eq!(status(&branch, &code("2")).await, (3, 0, 0, false), "{mix:?}");
        assert_eq!(status(&prod, &code("1")).await, (3, 0, 0, false), "{mix:?}");
        assert_eq!(prod.features().await.unwrap().len(), 2);
        assert_eq!(branch.features().await.unwrap(), [key("crop")], "{mix:?}");

        // What comes behind is seen at once, and only then computed here.
        write(&prod, &code("1"), "raw", &made(&["d"])).await.unwrap();
        assert_eq!(status(&branch, &code("2")).await, (3, 1, 0, false), "{mix:?}");
    }
}

#[tokio::test]
async fn a_first_write_does_not_hide_what_is_read_from_behind() {
    for mix in MIXES {
        let (_, branch) = prod_and_branch(mix).await;
        let graph = code("1");
        let refused = write(&branch, &graph, "raw", &made(&["z"])).await.expect_err("it hides");
        let text = refused.to_string();
        assert!(text.starts_with("`raw`: its 3 samples are read from "), "{text}");
        assert_eq!(refused.kind().name(), "blocked");
        let hide = WriteOptions { over_fallback: OverFallback::Hide, ..WriteOptions::default() };
        branch.write(&graph, &key("raw"), rows(&made(&["z"])), &hide).await.unwrap();
        assert_eq!(read(&branch, &graph, "raw", &["id"]).await, ["z"], "{mix:?}");
        write(&branch, &graph, "raw", &made(&["y"])).await.unwrap();
        assert_eq!(read(&branch, &graph, "raw", &["id"]).await, ["y", "z"], "{mix:?}");
    }
}

#[tokio::test]
async fn a_first_copy_does_not_hide_what_is_read_from_behind() {
    for mix in MIXES {
        let (prod, branch) = prod_and_branch(mix).await;
        let graph = code("1");
        let other = Store::open(place(Kind::Memory), OpenOptions::write()).await.unwrap();
        write(&other, &graph, "raw", &made(&["z"])).await.unwrap();
        let request = |over_fallback| CopyRequest::everything(over_fallback);
        // Whether the graph knows the feature or not.
        for known in [&graph, &metalith_testkit::fixtures::graph("")] {
            let refused =
                copy(&other, &branch, known, &request(OverFallback::Refuse), |_| {}).await;
            let Err(StoreError::Request { problem, .. }) = refused else { panic!("{refused:?}") };
            assert!(problem.to_string().starts_with("its 3 samples are read from "), "{problem}");
        }
        assert!(branch.features().await.unwrap().is_empty(), "{mix:?}");
        copy(&other, &branch, &graph, &request(OverFallback::Hide), |_| {}).await.unwrap();
        assert_eq!(read(&branch, &graph, "raw", &["id"]).await, ["z"], "{mix:?}");
        // What is the branch's own may grow.
        copy(&prod, &branch, &graph, &request(OverFallback::Hide), |_| {}).await.unwrap();
        copy(&prod, &branch, &graph, &request(OverFallback::Refuse), |_| {}).await.unwrap();
        assert_eq!(read(&branch, &graph, "raw", &["id"]).await, ["a", "b", "c", "z"], "{mix:?}");
    }
}

#[tokio::test]
async fn what_is_behind_is_held_there_and_not_here() {
    for mix in MIXES {
        let (prod, branch) = prod_and_branch(mix).await;
        let graph = code("1");
        let filters = [parse("id = 'a'").unwrap()];
        let refused = holds::add(&branch, &graph, &key("raw"), &filters, None).await;
        let text = refused.expect_err("nobody there would see it").to_string();
        assert!(text.ends_with("which is only read from here"), "{text}");
        assert_eq!(holds::list(&branch).await.unwrap(), [], "{mix:?}");
        let (_, held) = holds::add(&prod, &graph, &key("raw"), &filters, None).await.unwrap();
        assert_eq!(held, 1, "{mix:?}");
        branch.write(&graph, &key("raw"), rows(&made(&["a"])), &hide()).await.unwrap();
        let (_, held) = holds::add(&branch, &graph, &key("raw"), &filters, None).await.unwrap();
        assert_eq!(held, 1, "{mix:?}");
    }
}

#[tokio::test]
async fn an_empty_table_hides_nothing_and_an_emptied_one_does() {
    for mix in MIXES {
        let (_, branch) = prod_and_branch(mix).await;
        let graph = code("1");
        // A writer that had nothing to write, twice.
        for _ in 0..2 {
            let none = rows(&made(&["a"])).schema();
            let none = Rows::from_batches(none, Vec::new());
            branch.write(&graph, &key("raw"), none, &hide()).await.unwrap();
        }
        assert_eq!(read(&branch, &graph, "raw", &["id"]).await, ["a", "b", "c"], "{mix:?}");

        branch.write(&graph, &key("raw"), rows(&made(&["a", "b"])), &hide()).await.unwrap();
        for mode in [DeletionMode::Soft, DeletionMode::Hard] {
            let everything = DeletionRequest::new(mode, Vec::new());
            branch.delete(&graph, &key("raw"), &everything).await.unwrap();
            assert!(read(&branch, &graph, "raw", &["id"]).await.is_empty(), "{mix:?} {mode:?}");
        }
        let status = branch.status(&graph, &key("raw")).await.unwrap();
        assert_eq!((status.rows, status.read_from), (0, None), "{mix:?}");
        // Dropped, it is not the branch's any more.
        branch.drop_feature(&key("raw")).await.unwrap();
        assert_eq!(read(&branch, &graph, "raw", &["id"]).await, ["a", "b", "c"], "{mix:?}");
    }
}

fn hide() -> WriteOptions {
    WriteOptions { over_fallback: OverFallback::Hide, ..WriteOptions::default() }
}

#[tokio::test]
async fn what_is_behind_is_not_deleted_or_restored_from_here() {
    for mix in MIXES {
        let (prod, branch) = prod_and_branch(mix).await;
        let graph = code("1");
        let filter = vec![parse("id = 'a'").unwrap()];
        for mode in [DeletionMode::Soft, DeletionMode::Hard] {
            let request = DeletionRequest::new(mode, filter.clone());
            let refused = branch.delete(&graph, &key("raw"), &request).await;
            let Err(StoreError::Request { problem, .. }) = refused else { panic!("{refused:?}") };
            assert!(problem.to_string().ends_with("which is only read from here"), "{problem}");
            let nobody = DeletionRequest::new(mode, vec![parse("id = 'q'").unwrap()]);
            assert_eq!(branch.delete(&graph, &key("raw"), &nobody).await.unwrap().rows, 0);
        }
        let request = DeletionRequest::new(DeletionMode::Soft, filter);
        prod.delete(&graph, &key("raw"), &request).await.unwrap();
        assert_eq!(read(&branch, &graph, "raw", &["id"]).await, ["b", "c"], "{mix:?}");
        let refused = branch.restore(&graph, &key("raw"), &RestoreRequest::default()).await;
        let Err(StoreError::Request { problem, .. }) = refused else { panic!("{refused:?}") };
        assert!(problem.to_string().contains("is only read"), "{problem}");
        assert!(branch.features().await.unwrap().is_empty(), "{mix:?}");
    }
}

#[tokio::test]
async fn chains_have_one_hash() {
    let md5 = HashSettings { algorithm: HashAlgorithm::Md5, length: HashLength::UNCUT };
    let options = OpenOptions { hash: Some(md5), ..OpenOptions::write() };
    let prod = Store::open(place(Kind::Memory), options).await.unwrap();
    // A new store takes over the hash, also when it is only read.
    for mode in [Mode::Read, Mode::Write] {
        let fallback = Some(prod.clone());
        let options = OpenOptions { mode, fallback, ..OpenOptions::write() };
        assert_eq!(Store::open(place(Kind::Memory), options).await.unwrap().hash(), md5);
    }
    // What another system made hashes somehow; what is behind does not tell how.
    for mode in [Mode::Read, Mode::Write] {
        let foreign = place(Kind::Memory);
        let some = rows(&made(&["a"]));
        foreign.append(&key("raw"), some, CommitNote::new("theirs")).await.unwrap();
        let fallback = Some(prod.clone());
        let options = OpenOptions { mode, fallback, ..OpenOptions::write() };
        let refused = Store::open(foreign, options).await.expect_err("nobody said how");
        let StoreError::Place { problem, .. } = refused else { panic!("{refused:?}") };
        assert!(matches!(problem, PlaceProblem::HashUnknown), "{problem:?}");
    }
    // A store that is refused is not made before.
    let new = place(Kind::Memory);
    let hash = Some(HashSettings::default());
    let options = OpenOptions { hash, fallback: Some(prod.clone()), ..OpenOptions::write() };
    Store::open(Arc::clone(&new), options).await.expect_err("another hash");
    assert!(matches!(new.marker().await.unwrap(), MarkerState::Empty));
    let other = place(Kind::Memory);
    Store::open(Arc::clone(&other), OpenOptions::write()).await.unwrap();
    let options = OpenOptions { fallback: Some(prod), ..OpenOptions::read() };
    let refused = Store::open(other, options).await.expect_err("another hash");
    assert_eq!(
        refused.to_string(),
        "memory: the store hashes with xxhash64, uncut, but memory, which it falls back to, with \
         md5, uncut"
    );
}

#[tokio::test]
async fn the_first_store_of_several_that_has_a_feature_is_read() {
    let graph = code("1");
    let mut behind: Option<Store> = None;
    for (feature, ids) in [("crop", ["far"]), ("raw", ["near"]), ("none", ["-"])] {
        let options = OpenOptions { fallback: behind.take(), ..OpenOptions::write() };
        let store = Store::open(place(Kind::Memory), options).await.unwrap();
        if feature != "none" {
            write(&store, &graph, feature, &made(&ids)).await.unwrap();
        }
        behind = Some(store);
    }
    let store = behind.unwrap();
    assert_eq!(read(&store, &graph, "raw", &["id"]).await, ["near"]);
    assert_eq!(read(&store, &graph, "crop", &["id"]).await, ["far"]);
    assert_eq!(store.chain().count(), 3);
    let missing = store.alone().status(&graph, &key("raw")).await.unwrap();
    assert!(!missing.exists);
}

#[tokio::test]
async fn a_table_that_another_system_only_made_hides_nothing() {
    for kind in [Kind::Memory, Kind::Delta] {
        let (_, branch) = prod_and_branch((Kind::Memory, Kind::Memory)).await;
        let place = place(kind);
        let empty = Rows::from_batches(rows(&made(&["a"])).schema(), Vec::new());
        place.append(&key("raw"), empty, CommitNote::new("create")).await.unwrap();
        let hash = Some(branch.hash());
        let fallback = branch.chain().nth(1).cloned();
        let options = OpenOptions { hash, fallback, ..OpenOptions::write() };
        let store = Store::open(place, options).await.unwrap();
        assert_eq!(read(&store, &code("1"), "raw", &["id"]).await, ["a", "b", "c"], "{kind:?}");
    }
}
