//! Reading chunks, whole and in part.

#![expect(clippy::unwrap_used, reason = "a case that fails is a test that fails")]

use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, AsArray as _, Int64Array, RecordBatch},
    buffer::BooleanBuffer,
    compute::concat_batches,
};
use metalith_store::{Backend, ChunkRequest, Rows};

use super::rows::{
    append, batch, column_of_numbers, column_of_texts, feature, members, note, numbers, open, read,
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

pub(super) async fn each_of_many_small_chunks_is_read_by_itself(backend: Arc<dyn Backend>) {
    let of_chunk = |chunk: usize| {
        let first = chunk as i64 * 10;
        first..first + 1 + chunk as i64 % 3
    };
    for chunk in 0..12 {
        append(&backend, numbers(of_chunk(chunk))).await;
    }
    let check = async |table: &Arc<dyn metalith_store::Table>, chunk: usize| {
        let whole = ChunkRequest { columns: vec![0], ..ChunkRequest::default() };
        let expected: Vec<i64> = of_chunk(chunk).collect();
        assert_eq!(joined(&read(table, chunk, whole.clone()).await), expected, "{chunk}");
        let last = expected.len() - 1;
        let request = ChunkRequest { range: Some(last..last + 1), ..whole.clone() };
        assert_eq!(joined(&read(table, chunk, request).await), expected[last..], "{chunk}");
        let rows = Some(BooleanBuffer::collect_bool(expected.len(), |row| row == 0));
        let request = ChunkRequest { rows, ..whole };
        assert_eq!(joined(&read(table, chunk, request).await), expected[..1], "{chunk}");
    };
    let before = open(&backend).await;
    // Whichever is the first, and whatever is there already.
    for chunk in [7, 3, 11] {
        check(&before, chunk).await;
    }
    append(&backend, numbers(of_chunk(12))).await;
    let after = open(&backend).await;
    check(&after, 12).await;
    let rows = Rows::from_batch(numbers([1000]));
    backend.replace(&feature(), replacement(&after, &[4, 5], rows), note()).await.unwrap();
    let replaced = open(&backend).await;
    for chunk in 0..12 {
        check(&before, chunk).await;
    }
    let mut kept: Vec<i64> =
        [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12].map(of_chunk).into_iter().flatten().collect();
    kept.push(1000);
    let mut found = stored(&replaced).await;
    found.sort_unstable();
    assert_eq!(found, kept);
}

pub(super) async fn a_larger_chunk_is_read_again_in_other_parts(backend: Arc<dyn Backend>) {
    const MANY: usize = 9000;
    let number = |row: usize| row as i64 * 7;
    let all = Int64Array::from_iter_values((0..MANY).map(number));
    let names: Vec<String> = (0..MANY).map(|row| format!("of {row}")).collect();
    let names = texts(&names.iter().map(String::as_str).collect::<Vec<_>>());
    append(&backend, batch([("n", Arc::new(all) as ArrayRef), ("t", names)])).await;
    append(&backend, batch([("n", Arc::new(Int64Array::from(vec![1])) as ArrayRef)])).await;
    let parts: [fn(usize) -> bool; 4] =
        [|row| row % 4000 == 17, |row| row % 2 == 0, |row| row == MANY - 1, |_| true];
    // The state is opened anew, as somebody else would.
    for table in [open(&backend).await, open(&backend).await] {
        for part in parts {
            for range in [None, Some(16..4100)] {
                let within = range.clone().unwrap_or(0..MANY);
                let rows = Some(BooleanBuffer::collect_bool(MANY, part));
                let request = ChunkRequest { columns: vec![1, 0], range, rows };
                let found = read(&table, 0, request).await;
                let expected: Vec<usize> = within.filter(|row| part(*row)).collect();
                let numbers: Vec<i64> = expected.iter().map(|row| number(*row)).collect();
                assert_eq!(joined(&found), numbers);
                let names = found.iter().flat_map(|rows| column_of_texts(rows.column(0)));
                let named = expected.iter().map(|row| format!("of {row}"));
                assert_eq!(names.collect::<Vec<_>>(), named.collect::<Vec<_>>());
            }
        }
    }
}

pub(super) async fn what_was_read_grows_with_its_columns(backend: Arc<dyn Backend>) {
    let one = |n: i64| Arc::new(Int64Array::from(vec![n])) as ArrayRef;
    append(&backend, batch([("n", one(1)), ("s", members([("a", texts(&["x"]))]))])).await;
    let before = open(&backend).await;
    assert_eq!(stored(&before).await, [1]);
    let grown = members([("a", texts(&["y"])), ("b", texts(&["z"]))]);
    append(&backend, batch([("n", one(2)), ("s", grown), ("t", texts(&["w"]))])).await;
    let after = open(&backend).await;
    for table in [&after, &before, &after] {
        let schema = table.schema();
        let columns: Vec<usize> = (0..schema.fields().len()).collect();
        let request = ChunkRequest { columns, ..ChunkRequest::default() };
        let first = &read(table, 0, request).await[0];
        assert_eq!(first.schema().fields(), schema.fields());
        let members = first.column_by_name("s").unwrap().as_struct();
        assert_eq!(column_of_texts(members.column(0)), ["x"]);
        for other in members.columns().iter().skip(1).chain(first.column_by_name("t")) {
            assert_eq!(column_of_texts(other), ["-"]);
        }
    }
    assert_eq!(stored(&after).await, [1, 2]);
}

pub(super) async fn what_was_read_does_not_outlive_its_table(backend: Arc<dyn Backend>) {
    append(&backend, numbers([1, 2])).await;
    assert_eq!(stored(&open(&backend).await).await, [1, 2]);
    assert!(backend.drop_table(&feature()).await.unwrap());
    assert!(backend.open_table(&feature()).await.unwrap().is_none());
    append(&backend, batch([("t", texts(&["x"]))])).await;
    append(&backend, numbers([3])).await;
    let table = open(&backend).await;
    assert_eq!(table.schema().field(0).name(), "t");
    let request = ChunkRequest { columns: vec![1], ..ChunkRequest::default() };
    assert_eq!(joined(&read(&table, 1, request).await), [3]);
}
