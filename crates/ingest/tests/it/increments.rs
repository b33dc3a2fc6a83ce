//! What a resolve finds, in files.

use std::fs;

use arrow::array::RecordBatch;
use metalith_graph::FeatureGraph;
use metalith_ingest::{FileFormat, RowSink, read_file, write_increment, write_work};
use metalith_store::{Finding, ReadOptions, ResolveOptions, Store, WriteOptions};
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

#[tokio::test]
async fn what_is_to_be_computed_goes_to_one_place() {
    let ((store, graph), folder) = (videos().await, tempdir().unwrap());
    let (crop, from) = (key("crop"), (&store, &graph));
    let file = |name: &str| folder.path().join(name);
    let new = store.resolve(&graph, &crop, ResolveOptions::default()).await.unwrap().new;
    write(&store, &graph, "crop", &json!(rows_to_json(&new.batches))).await.unwrap();
    let video =
        |id: &str, is: &str| json!({"id": id, "metaxy_provenance_by_field": {"frames": is}});
    write(&store, &graph, "video", &json!([video("b", "other"), video("c", "c")])).await.unwrap();
    for format in [FileFormat::Csv, FileFormat::JsonLines, FileFormat::Parquet, FileFormat::Arrow] {
        let file = file(&format!("work.{}", format.ending()));
        let sink = RowSink::file(&file, format).unwrap();
        let written = write_work(from, &crop, ResolveOptions::default(), sink).await.unwrap();
        let count = |finding| written.rows.get(&finding).copied();
        assert_eq!(count(Finding::New), Some(1), "{format}");
        assert_eq!(count(Finding::Stale), Some(1), "{format}");
        assert_eq!(count(Finding::Orphaned), Some(1), "{format}: counted");
        let batches = read_file(&file, None).unwrap().collect().await.unwrap();
        let told = rows_to_json(&batches).into_iter();
        let mut told: Vec<_> = told.map(|it| json!([it["metalith_finding"], it["id"]])).collect();
        told.sort_by_key(ToString::to_string);
        assert_eq!(told, [json!(["new", "c"]), json!(["stale", "b"])], "{format}");
    }
    // Who worked it off writes it back as it is.
    let rows = read_file(&file("work.arrow"), None).unwrap();
    store.write(&graph, &crop, rows, &WriteOptions::default()).await.unwrap();
    let sink = RowSink::file(&file("none.csv"), FileFormat::Csv).unwrap();
    let written = write_work(from, &crop, ResolveOptions::default(), sink).await.unwrap();
    assert_eq!(written.rows.keys().copied().collect::<Vec<_>>(), [Finding::Orphaned]);
    let none = fs::read_to_string(file("none.csv")).unwrap();
    assert!(none.starts_with("metalith_finding,id,") && none.lines().count() == 1, "{none}");
    let stored = store.read(&graph, &crop, &ReadOptions::default()).await.unwrap();
    assert!(stored.schema().index_of("metalith_finding").is_err(), "it is no column of samples");
}
