//! A few rows are read without a plan, and are the same as with one.

use datafusion::arrow::array::{RecordBatch, StringArray};
use metalith_expr::parse;
use metalith_graph::FeatureGraph;
use metalith_store::{DeletionMode, DeletionRequest, Keys, ReadOptions, Store};
use metalith_testkit::{
    fixtures::{graph, key, memory_store, rows, write},
    rows_to_json,
};
use serde_json::{Value, json};

use crate::VIDEO;

/// Videos of several commits: overwritten ones, deleted ones, and ones that say little.
async fn videos() -> (Store, FeatureGraph) {
    let (store, graph) = (memory_store().await, graph(VIDEO));
    let video = |id: usize, size: Option<usize>, kind: Option<&str>| {
        json!({
            "id": format!("v{id}"), "size": size, "kind": kind, "score": id as f64 / 2.0,
            "metaxy_provenance_by_field": { "frames": id.to_string() },
        })
    };
    let kinds = [Some("a"), Some("ab"), None, Some("b")];
    for commit in 0..4 {
        let rows =
            (0..12).map(|id| video(commit * 8 + id, (id % 3 > 0).then_some(id), kinds[id % 4]));
        write(&store, &graph, "video", &Value::Array(rows.collect())).await.unwrap();
        let filter = parse(&format!("id = 'v{}'", commit * 8 + 1)).unwrap();
        let request = DeletionRequest::new(DeletionMode::Soft, vec![filter]);
        store.delete(&graph, &key("video"), &request).await.unwrap();
    }
    (store, graph)
}

/// The columns with their types, and the rows as text, sorted.
async fn seen(store: &Store, graph: &FeatureGraph, options: &ReadOptions) -> (String, Vec<String>) {
    let frame = store.read_whole(graph, &key("video"), options).await.unwrap();
    let fields = frame.schema.fields().iter();
    let fields: Vec<String> =
        fields.map(|it| format!("{} {} {}", it.name(), it.data_type(), it.is_nullable())).collect();
    let mut rows: Vec<String> =
        rows_to_json(&frame.batches).iter().map(|row| json!(row).to_string()).collect();
    rows.sort();
    (fields.join(", "), rows)
}

/// Keys of the values in a column of some rows.
async fn keys(column: &str, values: &[&str]) -> Keys {
    let given: Vec<Value> = values.iter().map(|value| json!({ column: value })).collect();
    let given = rows(&Value::Array(given));
    let schema = given.schema();
    let batches = given.collect().await.unwrap();
    let names = [column.to_owned()];
    Keys::new(&names, &names, &schema, &batches).unwrap()
}

#[tokio::test]
async fn what_is_read_without_a_plan_is_what_a_plan_gives() {
    let (store, graph) = videos().await;
    let filters = [
        "TRUE",
        "FALSE",
        "size > 4",
        "size IS NULL",
        "NOT (size > 4)",
        "kind = 'a' OR size IS NULL",
        "kind IN ('a', 'b') AND score >= 3",
        "kind LIKE 'a%'",
        "score / size > 0.5",
        "size BETWEEN 2 AND 7 AND id <> 'v9'",
        "metalith_deleted_by IS NULL",
        "coalesce(kind, 'x') = 'x'",
        "NULL",
    ];
    let within = [
        None,
        Some(Keys::none()),
        Some(keys("id", &["v3", "v4", "v17", "nobody"]).await),
        Some(keys("kind", &["a", "b"]).await),
    ];
    let columns = [None, Some(vec!["id"]), Some(vec!["score", "id", "metalith_recoverable_until"])];
    let mut count = 0;
    for filter in filters {
        for within in &within {
            for columns in &columns {
                for shape in 0..8 {
                    let names = columns.as_ref();
                    let options = ReadOptions {
                        filters: vec![parse(filter).unwrap()],
                        within: within.clone(),
                        columns: names.map(|it| it.iter().map(|it| (*it).to_owned()).collect()),
                        include_deleted: shape & 1 > 0,
                        sample_history: shape & 2 > 0,
                        feature_history: shape & 4 > 0,
                        ..ReadOptions::default()
                    };
                    let planned = ReadOptions { limit: Some(1 << 30), ..options.clone() };
                    let directly = seen(&store, &graph, &options).await;
                    assert_eq!(directly, seen(&store, &graph, &planned).await, "{options:?}");
                    count += directly.1.len();
                }
            }
        }
    }
    assert!(count > 1000, "{count}");
}

/// Of a large chunk it is found out first which rows are wanted.
#[tokio::test]
async fn what_is_read_of_a_large_chunk_is_what_a_plan_gives() {
    let (store, graph) = (memory_store().await, graph(VIDEO));
    let video = |id: usize| {
        json!({
            "id": format!("v{id:04}"), "size": id % 100, "kind": (!id.is_multiple_of(7)).then_some("a"),
            "metaxy_provenance_by_field": { "frames": id.to_string() },
        })
    };
    for ids in [0..5000, 4990..5010] {
        write(&store, &graph, "video", &Value::Array(ids.map(video).collect())).await.unwrap();
    }
    let filter = parse("size = 3 AND id < 'v2000'").unwrap();
    let request = DeletionRequest::new(DeletionMode::Soft, vec![filter]);
    assert_eq!(store.delete(&graph, &key("video"), &request).await.unwrap().samples, 20);
    let filters = ["TRUE", "id = 'v4995'", "size < 4 AND kind IS NULL", "size > 100", "id > 'v1'"];
    let few = ["v0000", "v0003", "v4999", "v5009", "nobody"];
    let mut count = 0;
    for filter in filters {
        for within in [None, Some(keys("id", &few).await), Some(keys("kind", &["a"]).await)] {
            for sample_history in [false, true] {
                let options = ReadOptions {
                    filters: vec![parse(filter).unwrap()],
                    within: within.clone(),
                    sample_history,
                    ..ReadOptions::default()
                };
                let planned = ReadOptions { limit: Some(1 << 30), ..options.clone() };
                let directly = seen(&store, &graph, &options).await;
                assert_eq!(directly, seen(&store, &graph, &planned).await, "{options:?}");
                count += directly.1.len();
            }
        }
    }
    assert!(count > 10_000, "{count}");
}

#[tokio::test]
async fn every_stored_row_is_read_in_the_order_of_commits() {
    let (store, _) = videos().await;
    let columns = ["id", "kind", "unknown"].map(str::to_owned);
    let filter = parse("kind = 'ab'").unwrap();
    let read = store.read_everything(&key("video"), &[filter], &columns).await.unwrap().unwrap();
    let batches: Vec<RecordBatch> = read.collect().await.unwrap();
    let ids = batches.iter().flat_map(|batch| {
        assert_eq!(batch.num_columns(), 2);
        let ids = batch.column(0).as_any().downcast_ref::<StringArray>().unwrap();
        ids.iter().map(|id| id.unwrap().to_owned()).collect::<Vec<_>>()
    });
    // Each of the first is deleted behind a tombstone that says the same.
    let expected = ["v1", "v5", "v9", "v1"].map(str::to_owned);
    assert_eq!(ids.take(4).collect::<Vec<_>>(), expected);
}
