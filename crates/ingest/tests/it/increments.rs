//! What a resolve finds, in files.

use std::fs;

use arrow::array::RecordBatch;
use metalith_graph::FeatureGraph;
use metalith_ingest::{FileFormat, read_file, write_increment};
use metalith_store::{Finding, ResolveOptions, Store};
use metalith_testkit::{
    fixtures::{graph, key, memory_store, write},
    rows_to_json,
};
use serde_json::json;
use tempfile::tempdir;

const GRAPH: &str = r#"
[[features]]
key = "video"
id_columns = ["id"]
fields = ["frames"]

[[features]]
key = "crop"
id_columns = ["id"]
fields = ["image"]
deps = ["video"]
"#;

/// Two videos, of which one has a crop that nobody needs to make again.
async fn videos() -> (Store, FeatureGraph) {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let video = |id: &str| json!({"id": id, "metaxy_provenance_by_field": {"frames": id}});
    write(&store, &graph, "video", &json!([video("a"), video("b")])).await.unwrap();
    let old = json!([{"id": "z", "metaxy_provenance_by_field": {"image": "of nothing"}}]);
    write(&store, &graph, "crop", &old).await.unwrap();
    (store, graph)
}

fn sorted(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows: Vec<String> =
        rows_to_json(batches).iter().map(|row| json!(row).to_string()).collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn each_kind_of_rows_has_a_file_also_without_any() {
    let ((store, graph), folder) = (videos().await, tempdir().unwrap());
    let (crop, options) = (key("crop"), ResolveOptions::default());
    let from = (&store, &graph);
    let written =
        write_increment(from, &crop, options, folder.path(), FileFormat::Parquet).await.unwrap();
    assert_eq!(written.rows.get(&Finding::New), Some(&2));
    assert_eq!(written.rows.get(&Finding::Orphaned), Some(&1));
    let in_memory = store.resolve(&graph, &crop, ResolveOptions::default()).await.unwrap();
    let frames = [in_memory.new, in_memory.stale, in_memory.orphaned];
    for (file, frame) in written.files.iter().zip(frames) {
        let rows = read_file(file, None).unwrap();
        assert_eq!(rows.schema().fields().len(), frame.schema.fields().len(), "{file:?}");
        let batches = rows.collect().await.unwrap();
        assert_eq!(sorted(&batches), sorted(&frame.batches), "{file:?}");
    }
}

#[tokio::test]
async fn no_file_takes_its_name_where_one_of_them_cannot() {
    let ((store, graph), folder) = (videos().await, tempdir().unwrap());
    fs::write(folder.path().join("new.csv"), "of last week\n").unwrap();
    fs::create_dir(folder.path().join("orphaned.csv")).unwrap();
    let options = ResolveOptions::default();
    let from = (&store, &graph);
    let refused =
        write_increment(from, &key("crop"), options, folder.path(), FileFormat::Csv).await;
    assert!(refused.unwrap_err().to_string().contains("orphaned.csv"));
    assert_eq!(fs::read_to_string(folder.path().join("new.csv")).unwrap(), "of last week\n");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no part is left behind");
}
