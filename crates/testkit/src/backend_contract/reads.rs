//! Reading chunks, whole and in part.

#![expect(clippy::unwrap_used, reason = "a case that fails is a test that fails")]

use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, Int64Array, RecordBatch},
    buffer::BooleanBuffer,
    compute::concat_batches,
};
use metalith_store::{Backend, ChunkRequest, Rows};

use super::rows::{
    append, batch, column_of_numbers, column_of_texts, feature, note, numbers, open, read,
    replacement, stored, texts,
};

const ROWS: i64 = 1000;

async fn one_chunk(backend: &Arc<dyn Backend>) -> Arc<dyn metalith_store::Table> {
    append(backend, numbers(0..ROWS)).await;
    let table = open(backend).await;
    assert_eq!(table.chunks().len(), 1);
    table
}

fn every_third() -> BooleanBuffer {
    BooleanBuffer::collect_bool(ROWS as usize, |row| row % 3 == 0)
}

fn joined(batches: &[RecordBatch]) -> Vec<i64> {
    let Some(first) = batches.first() else { return Vec::new() };
    column_of_numbers(&concat_batches(&first.schema(), batches).unwrap())
}

pub(super) async fn a_snapshot_does_not_change(backend: Arc<dyn Backend>) {
    append(&backend, numbers([1, 2])).await;
    let before = open(&backend).await;
    append(
        &backend,
        batch([("n", Arc::new(Int64Array::from(vec![3])) as ArrayRef), ("t", texts(&["x"]))]),
    )
    .await;
    let rows = Rows::from_batch(numbers([9]));
    backend.replace(&feature(), replacement(&before, &[0], rows), note()).await.unwrap();
    assert_eq!(before.schema().fields().len(), 1);
    assert_eq!(stored(&before).await, [1, 2]);
    assert!(open(&backend).await.version() > before.version());
}

pub(super) async fn a_range_is_read(backend: Arc<dyn Backend>) {
    let table = one_chunk(&backend).await;
    for range in [0..10, 500..777, 990..1000, 0..1000, 40..40] {
        let request = ChunkRequest { columns: vec![0], range: Some(range.clone()), rows: None };
        let expected: Vec<i64> = range.map(|it| it as i64).collect();
        assert_eq!(joined(&read(&table, 0, request).await), expected);
    }
}

pub(super) async fn chosen_rows_are_read(backend: Arc<dyn Backend>) {
    let table = one_chunk(&backend).await;
    let request = ChunkRequest { columns: vec![0], range: None, rows: Some(every_third()) };
    let expected: Vec<i64> = (0..ROWS).filter(|it| it % 3 == 0).collect();
    assert_eq!(joined(&read(&table, 0, request).await), expected);
    let none = BooleanBuffer::new_unset(ROWS as usize);
    let request = ChunkRequest { columns: vec![0], range: None, rows: Some(none) };
    assert!(joined(&read(&table, 0, request).await).is_empty());
}

pub(super) async fn a_range_of_chosen_rows_is_read(backend: Arc<dyn Backend>) {
    let table = one_chunk(&backend).await;
    let request =
        ChunkRequest { columns: vec![0], range: Some(100..203), rows: Some(every_third()) };
    let expected: Vec<i64> = (100..203).filter(|it| it % 3 == 0).collect();
    assert_eq!(joined(&read(&table, 0, request).await), expected);
}

pub(super) async fn columns_come_in_the_order_asked_for(backend: Arc<dyn Backend>) {
    let number = Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    append(&backend, batch([("a", texts(&["A"])), ("n", number), ("c", texts(&["C"]))])).await;
    let request = ChunkRequest { columns: vec![2, 1, 0], ..ChunkRequest::default() };
    let table = open(&backend).await;
    let rows = &read(&table, 0, request).await[0];
    assert_eq!(column_of_texts(rows.column(0)), ["C"]);
    assert_eq!(column_of_texts(rows.column(2)), ["A"]);
    assert_eq!(rows.schema().field(1), table.schema().field(1));
}

pub(super) async fn no_columns_still_have_rows(backend: Arc<dyn Backend>) {
    let table = one_chunk(&backend).await;
    let request = ChunkRequest { columns: vec![], range: Some(10..30), rows: None };
    let rows: usize = read(&table, 0, request).await.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 20);
}

pub(super) async fn old_chunks_read_new_columns_as_null(backend: Arc<dyn Backend>) {
    append(&backend, numbers([1, 2])).await;
    append(&backend, batch([("t", texts(&["x"]))])).await;
    let table = open(&backend).await;
    let request = ChunkRequest { columns: vec![1], range: Some(1..2), rows: None };
    let rows = &read(&table, 0, request).await[0];
    assert_eq!(rows.num_columns(), 1);
    assert_eq!(column_of_texts(rows.column(0)), ["-"]);
}
