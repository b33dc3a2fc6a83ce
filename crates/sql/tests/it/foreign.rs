//! A store in DuckDB that Metaxy itself made is read, resolved and written as it is.

use std::{collections::BTreeMap, path::Path, process::Command, sync::Arc};

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use metalith_document::Format;
use metalith_graph::{FeatureGraph, HashLength, parse_features};
use metalith_store::{
    Backend, CommitNote, Computed, DeletionMode, DeletionRequest, HashAlgorithm, HashSettings,
    Increment, MarkerState, OpenOptions, ResolveOptions, Rows, Store, WriteOptions,
};
use metalith_testkit::{
    both_ways, databases,
    fixtures::{all_rows, key, read},
    rows_to_json,
};
use serde_json::{Value, json};

use crate::support::{backend, raw};

const FEATURES: &str = r#"
[[features]]
key = "video/raw"
id_columns = ["id"]
fields = [{ key = "audio", code_version = "1" }, { key = "frames", code_version = "1" }]

[[features]]
key = "video/crop"
id_columns = ["id"]
fields = [{ key = "frames", code_version = "1" }]
deps = ["video/raw"]

[[features]]
key = "video/face"
id_columns = ["id"]
fields = [{ key = "faces", code_version = "1" }]
deps = ["video/crop"]
"#;

/// Lets Metaxy work on a file, and returns what it finds to do.
fn metaxy(work: &str, file: &Path) -> Value {
    let python = std::env::var("METALITH_PEER_PYTHON").expect(
        "METALITH_PEER_PYTHON names a Python with tools/bench/requirements.txt: run `cargo xtask \
         test`",
    );
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/metaxy_duckdb.py");
    let output =
        Command::new(python).args(["-W", "ignore", script, work]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn graph(length: HashLength) -> FeatureGraph {
    let definitions = parse_features("features.toml", FEATURES, Format::Toml);
    FeatureGraph::new(definitions.unwrap_or_else(|error| panic!("{error}")), length)
        .unwrap_or_else(|error| panic!("{error}"))
}

async fn resolve(store: &Store, graph: &FeatureGraph, feature: &str) -> Increment {
    store.resolve(graph, &key(feature), ResolveOptions::default()).await.unwrap()
}

/// The same that the script tells.
async fn found(store: &Store, graph: &FeatureGraph) -> Value {
    let mut found = BTreeMap::new();
    for feature in ["video/crop", "video/face"] {
        // It hashes with MD5, so DuckDB does all of it.
        let options = ResolveOptions::default();
        let found_both = both_ways::resolve(store, graph, &key(feature), &options).await.unwrap();
        let Increment { new, stale, orphaned, computed, .. } = found_both;
        assert!(matches!(computed, Computed::Native { .. }), "{computed:?}");
        let mut kinds = BTreeMap::new();
        for (name, frame) in [("new", new), ("stale", stale), ("orphaned", orphaned)] {
            let rows = rows_to_json(&frame.batches);
            let mut pairs: Vec<[Value; 2]> = rows
                .iter()
                .map(|row| [row["id"].clone(), row["metaxy_provenance"].clone()])
                .collect();
            pairs.sort_by_key(|pair| pair[0].to_string());
            kinds.insert(name, pairs);
        }
        found.insert(feature, kinds);
    }
    json!(found)
}

async fn work_off(store: &Store, graph: &FeatureGraph, feature: &str) {
    let Increment { new, stale, .. } = resolve(store, graph, feature).await;
    for frame in [new, stale].into_iter().filter(|it| it.rows() > 0) {
        let rows = Rows::from_batches(frame.schema, frame.batches);
        store.write(graph, &key(feature), rows, &WriteOptions::default()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_metaxy_wrote_resolves_with_equal_hashes() {
    let place = databases::fresh("duckdb");
    let expected = metaxy("write", Path::new(&place.address));
    assert_eq!(expected["video/crop"]["new"][0][0], "d");
    assert_eq!(expected["video/crop"]["stale"][0][0], "b");
    let hash =
        HashSettings { algorithm: HashAlgorithm::Md5, length: HashLength::cut_to(8).unwrap() };
    let graph = graph(hash.length);
    {
        let backend: Arc<dyn Backend> = backend(&place);
        assert_eq!(backend.marker().await.unwrap(), MarkerState::Foreign);
        let tables = ["video/crop", "video/face", "video/raw"].map(key);
        assert_eq!(backend.tables().await.unwrap(), tables);
        let options = OpenOptions { hash: Some(hash), ..OpenOptions::read() };
        let store = Store::open(Arc::clone(&backend), options).await.unwrap();
        assert_eq!(found(&store, &graph).await, expected);
        assert_eq!(
            backend.marker().await.unwrap(),
            MarkerState::Foreign,
            "reading changes nothing"
        );

        let options = OpenOptions { hash: Some(hash), ..OpenOptions::write() };
        let store = Store::open(Arc::clone(&backend), options).await.unwrap();
        work_off(&store, &graph, "video/crop").await;
        let filter = metalith_expr::parse("id = 'a'").unwrap();
        let request = DeletionRequest::new(DeletionMode::Hard, vec![filter]);
        assert_eq!(store.delete(&graph, &key("video/raw"), &request).await.unwrap().samples, 1);
        assert_eq!(read(&store, &graph, "video/raw", &["id"]).await, ["b", "c", "d"]);
        assert_eq!(read(&store, &graph, "video/crop", &["id"]).await, ["a", "b", "c", "d"]);
        let options = metalith_store::MaintainOptions {
            vacuum: Some(std::time::Duration::ZERO),
            ..Default::default()
        };
        store.maintain(&key("video/raw"), &options).await.unwrap();
    }
    // Metaxy goes on with the same file, and sees what happened.
    let after = metaxy("resolve", Path::new(&place.address));
    assert_eq!(after["video/crop"]["orphaned"][0][0], "a");
    let backend = backend(&place);
    let store = Store::open(backend, OpenOptions::write()).await.unwrap();
    assert_eq!(found(&store, &graph).await, after);
}

/// Metaxy writes `_` for `-` in the names of tables.
#[tokio::test]
async fn tables_of_keys_with_a_hyphen_are_found() {
    let place = databases::fresh("duckdb");
    for statement in [
        "CREATE TABLE h_x (id VARCHAR, metaxy_provenance_by_field STRUCT(a VARCHAR))",
        "INSERT INTO h_x VALUES ('1', {'a': 'v'})",
        "CREATE TABLE metaxy_system__feature_versions (project VARCHAR, feature_spec VARCHAR, \
         metaxy_definition_version VARCHAR)",
        "INSERT INTO metaxy_system__feature_versions VALUES ('media', '{}', 'd')",
    ] {
        raw(&place, statement);
    }
    let backend = backend(&place);
    for feature in ["h-x", "metaxy-system/feature_versions"] {
        let table = backend.open_table(&key(feature)).await.unwrap().expect(feature);
        assert_eq!(all_rows(&table).await.unwrap().num_rows(), 1, "{feature}");
    }
    // From the first write on it is known which feature's it is.
    let id: ArrayRef = Arc::new(StringArray::from(vec!["2"]));
    let rows = Rows::from_batch(RecordBatch::try_from_iter([("id", id)]).unwrap());
    backend.append(&key("h-x"), rows, CommitNote::new("write")).await.unwrap();
    assert_eq!(backend.tables().await.unwrap(), [key("h-x")]);
    let table = backend.open_table(&key("h-x")).await.unwrap().unwrap();
    assert_eq!(all_rows(&table).await.unwrap().num_rows(), 2);
}
