//! Rows for the contract, small and readable.

use std::sync::Arc;

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray, StructArray},
    compute::concat_batches,
    datatypes::{DataType, Field, Fields, Int64Type, Schema},
};
use futures::stream;
use metalith_base::FeatureKey;
use metalith_store::{
    Backend, ChunkRequest, Commit, CommitNote, Replacement, Rows, StoreError, Table,
};

/// The feature that most cases are about.
pub(super) fn feature() -> FeatureKey {
    "video/raw".parse().expect("it is a key")
}

/// Rows with one column of numbers.
pub(super) fn numbers(values: impl IntoIterator<Item = i64>) -> RecordBatch {
    let column = Int64Array::from_iter_values(values);
    batch([("n", Arc::new(column) as ArrayRef)])
}

pub(super) fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .expect("the columns are of one length")
}

pub(super) fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// A struct with members of text.
pub(super) fn members<const N: usize>(columns: [(&str, ArrayRef); N]) -> ArrayRef {
    let fields: Fields =
        columns.iter().map(|(name, _)| Field::new(*name, DataType::Utf8, true)).collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    Arc::new(StructArray::new(fields, columns, None))
}

/// Rows that end in an error after some of them.
pub(super) fn failing(rows: RecordBatch) -> Rows {
    let schema = rows.schema();
    let error = StoreError::UnknownAlgorithm { name: "the end".to_owned() };
    Rows::new(schema, stream::iter([Ok(rows), Err(error)]))
}

pub(super) fn note() -> CommitNote {
    CommitNote::new("write").with("reason", "a test")
}

pub(super) async fn append(backend: &Arc<dyn Backend>, rows: RecordBatch) -> Commit {
    backend.append(&feature(), Rows::from_batch(rows), note()).await.expect("it is appended")
}

pub(super) async fn open(backend: &Arc<dyn Backend>) -> Arc<dyn Table> {
    let table = backend.open_table(&feature()).await.expect("it can be opened");
    table.expect("there is a table")
}

/// A replacement of some chunks of a table.
pub(super) fn replacement(table: &Arc<dyn Table>, chunks: &[usize], rows: Rows) -> Replacement {
    let change = metalith_store::Change::Content;
    Replacement { table: Arc::clone(table), chunks: chunks.to_vec(), rows, change }
}

/// All rows of a table, all columns, chunk after chunk.
pub(super) async fn all(table: &Arc<dyn Table>) -> RecordBatch {
    let columns = (0..table.schema().fields().len()).collect::<Vec<_>>();
    let mut batches = Vec::new();
    for chunk in 0..table.chunks().len() {
        let request = ChunkRequest { columns: columns.clone(), ..ChunkRequest::default() };
        batches.extend(read(table, chunk, request).await);
    }
    concat_batches(&table.schema(), &batches).expect("batches have the schema of the table")
}

pub(super) async fn read(
    table: &Arc<dyn Table>,
    chunk: usize,
    request: ChunkRequest,
) -> Vec<RecordBatch> {
    let rows = table.read_chunk(chunk, request).await.expect("it can be read");
    rows.collect().await.expect("it can be read to its end")
}

/// The numbers of a table, in order.
pub(super) async fn stored(table: &Arc<dyn Table>) -> Vec<i64> {
    column_of_numbers(&all(table).await)
}

pub(super) async fn stored_sorted(backend: &Arc<dyn Backend>) -> Vec<i64> {
    let mut numbers = stored(&open(backend).await).await;
    numbers.sort_unstable();
    numbers
}

pub(super) fn column_of_numbers(rows: &RecordBatch) -> Vec<i64> {
    let column = rows.column_by_name("n").expect("there is a column n");
    column.as_primitive::<Int64Type>().values().to_vec()
}

/// A column of text, NULL as `-`.
pub(super) fn column_of_texts(column: &ArrayRef) -> Vec<String> {
    let column = column.as_string::<i32>();
    let text = |row| if column.is_null(row) { "-" } else { column.value(row) };
    (0..column.len()).map(|row| text(row).to_owned()).collect()
}

/// A schema of one column.
pub(super) fn one_column(name: &str, of: DataType) -> Arc<Schema> {
    Arc::new(Schema::new(vec![Field::new(name, of, true)]))
}
