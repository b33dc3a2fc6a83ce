//! Small graphs and stores to tell stories with.

use std::sync::Arc;

use datafusion::arrow::{array::RecordBatch, compute::concat_batches};
use metalith_base::FeatureKey;
use metalith_document::Format;
use metalith_graph::{FeatureGraph, HashLength, parse_features};
use metalith_store::{
    Backend, ChunkRequest, MemoryBackend, OpenOptions, Rows, Store, StoreError, Table, WriteOptions,
};
use serde_json::{Map, Value};

use crate::{batch_from_json, rows_to_json};

/// A graph from the text of a features file in TOML.
///
/// # Panics
///
/// With the error, when the text is not a graph.
pub fn graph(text: &str) -> FeatureGraph {
    let text = format!("project = \"test\"\n{text}");
    let definitions = match parse_features("features.toml", &text, Format::Toml) {
        Ok(definitions) => definitions,
        Err(error) => panic!("{error}"),
    };
    match FeatureGraph::new(definitions, HashLength::UNCUT) {
        Ok(graph) => graph,
        Err(error) => panic!("{error}"),
    }
}

/// A feature key.
pub fn key(text: &str) -> FeatureKey {
    text.parse().expect("a test names real keys")
}

/// A new store in memory.
pub async fn memory_store() -> Store {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    Store::open(backend, OpenOptions::write()).await.expect("memory can be opened")
}

/// Rows from a JSON array of objects.
pub fn rows(json: &Value) -> Rows {
    let rows: Vec<Map<String, Value>> =
        json.as_array().into_iter().flatten().filter_map(Value::as_object).cloned().collect();
    Rows::from_batch(batch_from_json(&rows, &[]))
}

/// Writes rows given as JSON.
pub async fn write(
    store: &Store,
    graph: &FeatureGraph,
    feature: &str,
    json: &Value,
) -> Result<(), StoreError> {
    let options = WriteOptions::default();
    store.write(graph, &key(feature), rows(json), &options).await.map(drop)
}

/// The values of some columns of a feature's current rows, one text a row, sorted.
pub async fn read(
    store: &Store,
    graph: &FeatureGraph,
    feature: &str,
    columns: &[&str],
) -> Vec<String> {
    let options = metalith_store::ReadOptions::default();
    read_with(store, graph, feature, columns, &options).await
}

/// Like [`read`], of the rows that the options choose.
pub async fn read_with(
    store: &Store,
    graph: &FeatureGraph,
    feature: &str,
    columns: &[&str],
    options: &metalith_store::ReadOptions,
) -> Vec<String> {
    let rows = store.read(graph, &key(feature), options).await.expect("the feature can be read");
    let rows = rows.collect().await.expect("rows can be read");
    shown(&rows_to_json(&rows), columns)
}

/// The values of some columns, one text a row, sorted.
pub fn shown(rows: &[std::collections::BTreeMap<String, Value>], columns: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let values = columns.iter().map(|name| match row.get(*name) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => "-".to_owned(),
            });
            values.collect::<Vec<_>>().join(" ")
        })
        .collect();
    lines.sort();
    lines
}

/// All rows of a table, chunk by chunk.
pub async fn all_rows(table: &Arc<dyn Table>) -> Result<RecordBatch, StoreError> {
    let columns: Vec<usize> = (0..table.schema().fields().len()).collect();
    let mut batches = Vec::new();
    for chunk in 0..table.chunks().len() {
        let request = ChunkRequest { columns: columns.clone(), ..ChunkRequest::default() };
        batches.extend(table.read_chunk(chunk, request).await?.collect().await?);
    }
    Ok(concat_batches(&table.schema(), &batches).expect("they have the columns of the table"))
}
