//! The rules of the store, on Delta tables in folders.

use std::{process::Command, sync::Arc, time::Duration};

use datafusion::arrow::array::AsArray as _;
use metalith_expr::parse;
use metalith_store::{Backend, DeletionMode, DeletionRequest, OpenOptions, Store};
use metalith_testkit::{
    fixtures::{graph, key, read, write},
    golden, model,
};
use serde_json::json;

use super::support::local;

/// A backend over a folder that lives as long as the process.
fn fresh() -> Arc<dyn Backend> {
    local(&tempfile::tempdir().unwrap().keep())
}

#[tokio::test]
async fn every_vector_of_the_contract_holds() {
    golden::check_all(|| async { fresh() }).await;
}

#[test]
fn random_stories_end_as_the_model_says() {
    let told = model::check(10_000, Duration::from_secs(60), || async { fresh() });
    assert!(told > 5, "only {told} stories were told");
}

const GRAPH: &str = "[[features]]\nkey = \"video\"\nid_columns = [\"id\"]\nfields = [\"frames\"]";

#[tokio::test]
async fn a_tombstone_never_hides_a_row_it_has_not_seen() {
    let backend = fresh();
    let store = Store::open(backend, OpenOptions::write()).await.unwrap();
    let graph = graph(GRAPH);
    let row = |size: i64| json!([{"id": "a", "size": size, "metaxy_provenance_by_field": {"frames": "f"}}]);
    write(&store, &graph, "video", &row(1)).await.unwrap();
    let filter = parse("size = 1").unwrap();
    let request = DeletionRequest::new(DeletionMode::Soft, vec![filter]);
    let plan = store.plan_deletion(&graph, &key("video"), &request).await.unwrap();
    write(&store, &graph, "video", &row(2)).await.unwrap();
    let refused = store.apply_deletion(plan).await.expect_err("the plan has not seen the write");
    assert_eq!(metalith_base::Diagnostic::kind(&refused).name(), "conflict");
    assert_eq!(read(&store, &graph, "video", &["id", "size"]).await, ["a 2"]);
    assert_eq!(store.delete(&graph, &key("video"), &request).await.unwrap().samples, 0);
}

/// What footers say lets current rows be found without reading: only what was checked is said.
#[tokio::test]
async fn data_files_say_how_rows_differ_where_that_was_checked() {
    let backend = fresh();
    let store = Store::open(Arc::clone(&backend), OpenOptions::write()).await.unwrap();
    let graph = graph(GRAPH);
    for ids in [["a", "c"], ["m", "k"]] {
        let rows = ids.map(|id| json!({"id": id, "metaxy_provenance_by_field": {"frames": "f"}}));
        write(&store, &graph, "video", &json!(rows)).await.unwrap();
    }
    let filter = parse("id = 'a'").unwrap();
    let request = DeletionRequest::new(DeletionMode::Soft, vec![filter]);
    store.delete(&graph, &key("video"), &request).await.unwrap();

    let table = backend.open_table(&key("video")).await.unwrap().unwrap();
    let columns = ["id", "metaxy_deleted_at"].map(|it| table.schema().index_of(it).unwrap());
    let mut told = Vec::new();
    for chunk in 0..table.chunks().len() {
        let facts = table.chunk_facts(chunk, &columns).await.unwrap();
        let differ = facts.distinct.map(|it| it.columns.join(" "));
        let bounds = facts.columns[0].bounds.clone().unwrap();
        let bounds = bounds.as_string::<i32>().iter().flatten().collect::<Vec<_>>().join("-");
        told.push((differ, bounds, facts.columns[1].nulls));
    }
    let ids = Some("id".to_owned());
    assert_eq!(told[0], (ids.clone(), "a-c".to_owned(), Some(2)));
    assert_eq!(told[1], (ids, "k-m".to_owned(), Some(2)));
    // A tombstone is a copy of a row: nobody checked anything.
    assert_eq!(told[2], (None, "a-a".to_owned(), Some(0)));
}

/// Who adds few rows puts small files together now and then, and what is known of their rows stays
/// known, as long as it holds.
#[tokio::test]
async fn a_table_that_grows_by_few_rows_stays_quick_to_read() {
    let backend = fresh();
    let store = Store::open(Arc::clone(&backend), OpenOptions::write()).await.unwrap();
    let graph = graph(GRAPH);
    let film = async |id: usize| {
        let row =
            json!([{"id": format!("{id:03}"), "metaxy_provenance_by_field": {"frames": "f"}}]);
        write(&store, &graph, "video", &row).await.unwrap();
    };
    let table = async || backend.open_table(&key("video")).await.unwrap().unwrap();
    let differ = async || {
        let table = table().await;
        let mut told = Vec::new();
        for chunk in 0..table.chunks().len() {
            let distinct = table.chunk_facts(chunk, &[]).await.unwrap().distinct;
            told.push(distinct.map(|it| it.columns.join(" ")));
        }
        told
    };
    let ids = Some("id".to_owned());
    for id in 0..150 {
        film(id).await;
        let chunks = table().await.chunks().len();
        assert!(chunks <= 33, "{chunks} files after {} writes", id + 1);
    }
    assert!(differ().await.iter().all(|it| *it == ids));
    let all: Vec<String> = (0..150).map(|id| format!("{id:03}")).collect();
    assert_eq!(read(&store, &graph, "video", &["id"]).await, all);

    // Ids that come again do not differ any more from those that were there.
    for id in (0..150).step_by(3) {
        film(id).await;
    }
    assert_eq!(read(&store, &graph, "video", &["id"]).await, all);
    assert!(differ().await.contains(&None), "files with one id twice were put together");
}

/// Reads our table with the Python packages `deltalake`, Polars, and DuckDB over Arrow.
#[tokio::test]
async fn others_read_the_same_rows() {
    let python = std::env::var("METALITH_TEST_PYTHON").expect(
        "METALITH_TEST_PYTHON names a Python with tools/requirements.txt: run `cargo xtask test`",
    );
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(local(folder.path()), OpenOptions::write()).await.unwrap();
    let graph = graph(GRAPH);
    for size in [1, 2] {
        let rows = json!([
            {"id": "a", "size": size, "metaxy_provenance_by_field": {"frames": "f"}},
            {"id": format!("b{size}"), "size": 5, "metaxy_provenance_by_field": {"frames": "g"}},
        ]);
        write(&store, &graph, "video", &rows).await.unwrap();
    }
    let history = metalith_store::ReadOptions { sample_history: true, ..Default::default() };
    let columns = ["id", "size", "metaxy_provenance", "metaxy_feature_version"];
    let expected =
        metalith_testkit::fixtures::read_with(&store, &graph, "video", &columns, &history).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/read_table.py");
    let output = Command::new(python)
        .arg(script)
        .arg(folder.path().join("video.delta"))
        .args(columns)
        .output()
        .unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    for reader in ["deltalake", "polars", "duckdb"] {
        let lines: Vec<&str> =
            found.lines().filter_map(|line| line.strip_prefix(&format!("{reader}: "))).collect();
        assert_eq!(lines, expected, "{reader}: {errors}");
    }
}
