//! Markers, tables, and what becomes of them.

#![expect(clippy::unwrap_used, reason = "a case that fails is a test that fails")]

use std::{sync::Arc, time::Duration};

use datafusion::arrow::array::RecordBatch;
use metalith_base::FeatureKey;
use metalith_store::{
    Backend, ChunkRequest, HashAlgorithm, HashSettings, MarkerState, Rows, StoreError, StoreMarker,
    Table, Vacuum,
};

use super::rows::{append, feature, note, numbers, open, replacement, stored};

fn marker(algorithm: HashAlgorithm) -> StoreMarker {
    let hash = HashSettings { algorithm, ..HashSettings::default() };
    StoreMarker { format: StoreMarker::FORMAT, hash }
}

pub(super) async fn an_empty_place_has_nothing(backend: Arc<dyn Backend>) {
    assert_eq!(backend.marker().await.unwrap(), MarkerState::Empty);
    assert!(backend.tables().await.unwrap().is_empty());
    assert!(backend.spaces().await.unwrap().is_empty());
    assert!(backend.open_table(&feature()).await.unwrap().is_none());
    assert!(!backend.drop_table(&feature()).await.unwrap());
    assert_eq!(backend.marker().await.unwrap(), MarkerState::Empty);
}

pub(super) async fn the_first_marker_stays(backend: Arc<dyn Backend>) {
    let first = marker(HashAlgorithm::Md5);
    assert_eq!(backend.create(first.clone()).await.unwrap(), first);
    assert_eq!(backend.create(marker(HashAlgorithm::Sha256)).await.unwrap(), first);
    assert_eq!(backend.marker().await.unwrap(), MarkerState::Store(first.clone()));
    append(&backend, numbers([1])).await;
    assert_eq!(backend.marker().await.unwrap(), MarkerState::Store(first));
}

pub(super) async fn tables_without_a_marker_are_foreign(backend: Arc<dyn Backend>) {
    append(&backend, numbers([1])).await;
    assert_eq!(backend.marker().await.unwrap(), MarkerState::Foreign);
    let made = marker(HashAlgorithm::Md5);
    backend.create(made.clone()).await.unwrap();
    assert_eq!(backend.marker().await.unwrap(), MarkerState::Store(made));
}

pub(super) async fn tables_are_listed_by_key(backend: Arc<dyn Backend>) {
    for key in ["b", "a/b", "a", "a/b/c-d", "z_1/2"] {
        let key: FeatureKey = key.parse().unwrap();
        backend.append(&key, Rows::from_batch(numbers([1])), note()).await.unwrap();
    }
    let tables = backend.tables().await.unwrap();
    let tables: Vec<&str> = tables.iter().map(FeatureKey::as_str).collect();
    assert_eq!(tables, ["a", "a/b", "a/b/c-d", "b", "z_1/2"]);
}

pub(super) async fn a_dropped_table_is_gone(backend: Arc<dyn Backend>) {
    let other: FeatureKey = "video".parse().unwrap();
    backend.append(&other, Rows::from_batch(numbers([9])), note()).await.unwrap();
    append(&backend, numbers([1])).await;
    assert!(backend.drop_table(&feature()).await.unwrap());
    assert!(backend.open_table(&feature()).await.unwrap().is_none());
    assert_eq!(backend.tables().await.unwrap(), std::slice::from_ref(&other));
    assert!(!backend.drop_table(&feature()).await.unwrap());
    assert!(backend.open_table(&other).await.unwrap().is_some());
}

pub(super) async fn a_dropped_table_can_be_made_again(backend: Arc<dyn Backend>) {
    append(&backend, numbers([1])).await;
    let old = open(&backend).await;
    assert!(backend.drop_table(&feature()).await.unwrap());
    let fresh = super::rows::batch([("other", super::rows::texts(&["x"]))]);
    append(&backend, fresh).await;
    let new = open(&backend).await;
    assert_eq!(new.schema().fields().len(), 1);
    assert_eq!(new.schema().field(0).name(), "other");
    let rows = Rows::from_batch(numbers([2]));
    let replaced = backend.replace(&feature(), replacement(&old, &[0], rows), note()).await;
    let error = replaced.expect_err("its chunk is of a table that is gone");
    assert!(matches!(error, StoreError::Conflict { .. } | StoreError::Rows { .. }));
}

pub(super) async fn vacuum_keeps_what_is_needed(backend: Arc<dyn Backend>) {
    append(&backend, numbers([1, 2])).await;
    append(&backend, numbers([3])).await;
    let table = open(&backend).await;
    let rows = Rows::from_batch(numbers([1]));
    backend.replace(&feature(), replacement(&table, &[0], rows), note()).await.unwrap();
    let mut request = Vacuum { keep: Duration::from_secs(3600), dry_run: false };
    let kept = backend.vacuum(&feature(), request).await.unwrap();
    assert_eq!(kept.files, 0);
    assert_eq!(stored(&table).await, [1, 2, 3]);
    request = Vacuum { keep: Duration::ZERO, dry_run: true };
    let planned = backend.vacuum(&feature(), request).await.unwrap();
    request.dry_run = false;
    assert_eq!(backend.vacuum(&feature(), request).await.unwrap(), planned);
    let mut left = stored(&open(&backend).await).await;
    left.sort_unstable();
    assert_eq!(left, [1, 3]);
    assert_eq!(backend.vacuum(&feature(), request).await.unwrap().files, 0);
}

pub(super) async fn what_goes_for_good_while_it_is_read_is_no_damage(backend: Arc<dyn Backend>) {
    append(&backend, numbers([1, 2])).await;
    append(&backend, numbers([3])).await;
    let table = open(&backend).await;
    let rows = Rows::from_batch(numbers([1]));
    backend.replace(&feature(), replacement(&table, &[0], rows), note()).await.unwrap();
    let request = Vacuum { keep: Duration::ZERO, dry_run: false };
    backend.vacuum(&feature(), request).await.unwrap();
    check_read(&table).await;
    let table = open(&backend).await;
    backend.drop_table(&feature()).await.unwrap();
    check_read(&table).await;
}

/// A reader has the rows as they were, or is told that somebody else was at work.
async fn check_read(table: &Arc<dyn Table>) {
    for (chunk, its) in table.chunks().iter().enumerate() {
        let request = ChunkRequest { columns: vec![0], ..ChunkRequest::default() };
        let read = match table.read_chunk(chunk, request).await {
            Ok(rows) => rows.collect().await,
            Err(error) => Err(error),
        };
        match read {
            Ok(batches) => {
                assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), its.rows);
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
