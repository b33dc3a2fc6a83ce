//! Chunks that are replaced.

#![expect(clippy::unwrap_used, reason = "a case that fails is a test that fails")]

use std::sync::Arc;

use metalith_store::{Backend, Change, Rows, StoreError};

use super::rows::{
    append, failing, feature, note, numbers, open, replacement, stored, stored_sorted,
};

/// A table with a chunk for each of three commits.
async fn three_chunks(backend: &Arc<dyn Backend>) -> Arc<dyn metalith_store::Table> {
    append(backend, numbers([1, 2])).await;
    append(backend, numbers([3, 4])).await;
    append(backend, numbers([5, 6])).await;
    let table = open(backend).await;
    assert_eq!(table.chunks().len(), 3);
    table
}

pub(super) async fn replaced_rows_are_gone(backend: Arc<dyn Backend>) {
    let table = three_chunks(&backend).await;
    let rows = Rows::from_batch(numbers([2, 4]));
    let commit =
        backend.replace(&feature(), replacement(&table, &[0, 1], rows), note()).await.unwrap();
    assert_eq!(commit.rows, 2);
    assert!(commit.version > table.version());
    assert_eq!(stored_sorted(&backend).await, [2, 4, 5, 6]);
}

pub(super) async fn nothing_can_replace_a_chunk(backend: Arc<dyn Backend>) {
    let table = three_chunks(&backend).await;
    let rows = Rows::from_batch(numbers([]));
    backend.replace(&feature(), replacement(&table, &[1], rows), note()).await.unwrap();
    assert_eq!(stored_sorted(&backend).await, [1, 2, 5, 6]);
}

pub(super) async fn an_emptied_table_is_told_from_one_never_filled(backend: Arc<dyn Backend>) {
    for _ in 0..2 {
        append(&backend, numbers([])).await;
        assert!(!open(&backend).await.has_held_rows().await.unwrap());
    }
    append(&backend, numbers([1, 2])).await;
    let table = open(&backend).await;
    assert!(table.has_held_rows().await.unwrap());
    let chunks: Vec<usize> = (0..table.chunks().len()).collect();
    let nothing = Rows::from_batch(numbers([]));
    backend.replace(&feature(), replacement(&table, &chunks, nothing), note()).await.unwrap();
    let table = open(&backend).await;
    assert_eq!(table.chunks().iter().map(|chunk| chunk.rows).sum::<usize>(), 0);
    assert!(table.has_held_rows().await.unwrap());
}

pub(super) async fn the_same_rows_can_be_stored_otherwise(backend: Arc<dyn Backend>) {
    let table = three_chunks(&backend).await;
    let rows = Rows::from_batch(numbers([1, 2, 3, 4, 5, 6]));
    let mut compaction = replacement(&table, &[0, 1, 2], rows);
    compaction.change = Change::Layout;
    backend.replace(&feature(), compaction, note()).await.unwrap();
    let table = open(&backend).await;
    assert_eq!(table.chunks().len(), 1);
    assert_eq!(stored(&table).await, [1, 2, 3, 4, 5, 6]);
}

pub(super) async fn a_chunk_is_replaced_once(backend: Arc<dyn Backend>) {
    for change in [Change::Content, Change::Layout] {
        let table = three_chunks(&backend).await;
        let mut first = replacement(&table, &[0, 1], Rows::from_batch(numbers([7])));
        first.change = change;
        backend.replace(&feature(), first, note()).await.unwrap();
        let before = open(&backend).await.version();
        let second = replacement(&table, &[1], Rows::from_batch(numbers([8])));
        let refused = backend.replace(&feature(), second, note()).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        assert_eq!(open(&backend).await.version(), before);
        assert_eq!(stored_sorted(&backend).await, [5, 6, 7]);
        backend.drop_table(&feature()).await.unwrap();
    }
}

pub(super) async fn an_append_does_not_disturb_a_replacement(backend: Arc<dyn Backend>) {
    let table = three_chunks(&backend).await;
    append(&backend, numbers([9])).await;
    let rows = Rows::from_batch(numbers([1]));
    backend.replace(&feature(), replacement(&table, &[0], rows), note()).await.unwrap();
    assert_eq!(stored_sorted(&backend).await, [1, 3, 4, 5, 6, 9]);
}

pub(super) async fn concurrent_replacements_of_one_chunk_leave_one(backend: Arc<dyn Backend>) {
    let table = three_chunks(&backend).await;
    let tasks: Vec<_> = (0..6)
        .map(|task| {
            let (backend, table) = (Arc::clone(&backend), Arc::clone(&table));
            tokio::spawn(async move {
                let rows = Rows::from_batch(numbers([100 + task]));
                let change = replacement(&table, &[0], rows);
                backend.replace(&feature(), change, note()).await.is_ok()
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.unwrap());
    }
    assert_eq!(done, 1);
    let numbers = stored_sorted(&backend).await;
    assert_eq!(numbers[..4], [3, 4, 5, 6]);
    assert_eq!(numbers.len(), 5);
}

pub(super) async fn a_failing_replacement_changes_nothing(backend: Arc<dyn Backend>) {
    let table = three_chunks(&backend).await;
    let change = replacement(&table, &[0], failing(numbers([8])));
    backend.replace(&feature(), change, note()).await.unwrap_err();
    assert_eq!(open(&backend).await.version(), table.version());
    assert_eq!(stored_sorted(&backend).await, [1, 2, 3, 4, 5, 6]);
}
