//! Commits that happen only if, and only once.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a case that fails is a test that fails")]

use std::sync::Arc;

use metalith_store::{Backend, Change, CommitNote, Replacement, Rows, StoreError};

use super::rows::{append, feature, note, numbers, open, stored_sorted};

async fn try_append(
    backend: &Arc<dyn Backend>,
    number: i64,
    note: CommitNote,
) -> Result<u64, StoreError> {
    let rows = Rows::from_batch(numbers([number]));
    backend.append(&feature(), rows, note).await.map(|commit| commit.rows)
}

pub(super) async fn rows_for_another_version_are_refused(backend: Arc<dyn Backend>) {
    let first = append(&backend, numbers([1])).await.version;
    try_append(&backend, 2, note().only_at(first)).await.unwrap();
    let refused = try_append(&backend, 3, note().only_at(first)).await;
    let Err(StoreError::Conflict { .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(stored_sorted(&backend).await, [1, 2]);
}

pub(super) async fn the_first_rows_are_appended_once(backend: Arc<dyn Backend>) {
    try_append(&backend, 1, note().only_new()).await.unwrap();
    let refused = try_append(&backend, 2, note().only_new()).await;
    let Err(StoreError::Conflict { .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(stored_sorted(&backend).await, [1]);
}

pub(super) async fn a_tagged_commit_happens_once(backend: Arc<dyn Backend>) {
    append(&backend, numbers([1])).await;
    let before = open(&backend).await;
    assert!(!before.has_commit("deletion 7").await.unwrap());
    try_append(&backend, 2, note().once("deletion 7")).await.unwrap();
    let after = open(&backend).await;
    assert!(after.has_commit("deletion 7").await.unwrap());
    assert!(!before.has_commit("deletion 7").await.unwrap(), "a snapshot does not change");
    assert!(!after.has_commit("deletion 8").await.unwrap());

    let (rows, again) = (Rows::from_batch(numbers([2])), note().once("deletion 7"));
    let again = backend.append(&feature(), rows, again).await.unwrap();
    assert_eq!((again.version, again.is_new), (after.version(), false));
    let replacement = Replacement {
        table: before,
        chunks: vec![0],
        rows: Rows::from_batch(numbers([])),
        change: Change::Content,
    };
    backend.replace(&feature(), replacement, note().once("deletion 7")).await.unwrap();
    assert_eq!(stored_sorted(&backend).await, [1, 2]);
}

pub(super) async fn a_tagged_commit_happens_once_among_many(backend: Arc<dyn Backend>) {
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let backend = Arc::clone(&backend);
            tokio::spawn(async move { try_append(&backend, number, note().once("it")).await })
        })
        .collect();
    let mut rows = 0;
    for task in tasks {
        rows += task.await.unwrap().unwrap();
    }
    assert_eq!(rows, 1, "only one of them wrote");
    assert_eq!(stored_sorted(&backend).await.len(), 1);
}

pub(super) async fn tags_outlive_other_commits(backend: Arc<dyn Backend>) {
    try_append(&backend, 0, note().once("old")).await.unwrap();
    // So many that a summary of the log is written on the way.
    for number in 1..130 {
        append(&backend, numbers([number])).await;
    }
    assert!(open(&backend).await.has_commit("old").await.unwrap());
    try_append(&backend, 0, note().once("old")).await.unwrap();
    assert_eq!(stored_sorted(&backend).await.len(), 130);
}
