//! What interrupted work leaves behind is never read, and goes away.

use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime},
};

use datafusion::arrow::array::RecordBatch;
use futures::stream;
use metalith_store::{MarkerState, Rows, StoreError, Vacuum};

use crate::support::{
    append, data_files, entry, feature, local, note, numbers, stored, table_folder,
};

#[tokio::test]
async fn temporary_files_do_not_disturb() {
    let folder = tempfile::tempdir().unwrap();
    let backend = local(folder.path());
    append(&backend, numbers([1])).await.unwrap();
    let log = table_folder(folder.path()).join("_delta_log");
    fs::write(log.join(".00000000000000000001.json.0123.tmp"), "{\"half").unwrap();
    fs::write(log.join("00000000000000000001.json#1"), "{\"half").unwrap();
    fs::write(log.join("_commit_1.json.tmp"), "{\"half").unwrap();
    fs::write(table_folder(folder.path()).join("part-never-committed.parquet"), "half").unwrap();
    fs::write(folder.path().join(".metalith-store.json.0123.tmp"), "{").unwrap();
    assert_eq!(stored(&local(folder.path())).await.unwrap(), [1]);
    append(&local(folder.path()), numbers([2])).await.unwrap();
    assert_eq!(stored(&backend).await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn a_folder_with_an_empty_log_is_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let log = table_folder(folder.path()).join("_delta_log");
    fs::create_dir_all(&log).unwrap();
    fs::write(log.join(".00000000000000000000.json.0123.tmp"), "{").unwrap();
    let backend = local(folder.path());
    assert!(backend.open_table(&feature()).await.unwrap().is_none());
    assert!(backend.tables().await.unwrap().is_empty());
    append(&backend, numbers([1])).await.unwrap();
    assert_eq!(stored(&backend).await.unwrap(), [1]);
}

#[tokio::test]
async fn a_failed_write_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let backend = local(folder.path());
    let rows = numbers(0..10);
    let schema = rows.schema();
    let end = StoreError::UnknownAlgorithm { name: "the end".to_owned() };
    let rows = Rows::new(schema, stream::iter([Ok(big()), Ok(big()), Ok(rows), Err(end)]));
    backend.append(&feature(), rows, note()).await.unwrap_err();
    assert!(data_files(folder.path()).is_empty());
    assert!(!entry(folder.path(), 0).exists());
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let backend = local(folder.path());
    let rows = stream::iter([Ok(big()), Ok(big())]);
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let never = stream::once(async move {
        sender.send(()).ok();
        std::future::pending::<Result<RecordBatch, StoreError>>().await
    });
    let rows = Rows::new(big().schema(), futures::StreamExt::chain(rows, never));
    let writing = tokio::spawn({
        let backend = Arc::clone(&backend);
        async move { backend.append(&feature(), rows, note()).await }
    });
    receiver.await.unwrap();
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    assert!(data_files(folder.path()).is_empty());
    assert!(backend.open_table(&feature()).await.unwrap().is_none());
}

#[tokio::test]
async fn vacuum_removes_old_leftovers_only() {
    let folder = tempfile::tempdir().unwrap();
    let backend = local(folder.path());
    append(&backend, numbers([1])).await.unwrap();
    let old = table_folder(folder.path()).join("part-old.parquet");
    let young = table_folder(folder.path()).join("part-young.parquet");
    fs::write(&old, "12345").unwrap();
    fs::write(&young, "123").unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 3600);
    fs::File::options().write(true).open(&old).unwrap().set_modified(yesterday).unwrap();
    let request = Vacuum { keep: Duration::ZERO, dry_run: true };
    let planned = backend.vacuum(&feature(), request).await.unwrap();
    assert_eq!((planned.files, planned.bytes), (1, 5));
    assert!(old.exists());
    let request = Vacuum { dry_run: false, ..request };
    assert_eq!(backend.vacuum(&feature(), request).await.unwrap(), planned);
    assert!(!old.exists() && young.exists());
    assert_eq!(stored(&backend).await.unwrap(), [1]);
}

#[tokio::test]
async fn an_interrupted_drop_is_finished_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let backend = local(folder.path());
    append(&backend, numbers([1])).await.unwrap();
    let hidden = folder.path().join("video/.raw.delta.dropped-0123");
    fs::rename(table_folder(folder.path()), &hidden).unwrap();
    let backend = local(folder.path());
    assert!(backend.tables().await.unwrap().is_empty());
    assert!(backend.open_table(&feature()).await.unwrap().is_none());
    append(&backend, numbers([2])).await.unwrap();
    assert!(backend.drop_table(&feature()).await.unwrap());
    assert!(!hidden.exists());
    assert_eq!(fs::read_dir(folder.path().join("video")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_writer_notices_a_drop() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (local(folder.path()), local(folder.path()));
    append(&one, numbers([1])).await.unwrap();
    append(&other, numbers([2])).await.unwrap();
    assert!(one.drop_table(&feature()).await.unwrap());
    assert!(other.open_table(&feature()).await.unwrap().is_none());
    append(&other, numbers([3])).await.unwrap();
    assert_eq!(stored(&one).await.unwrap(), [3]);
    assert_eq!(one.marker().await.unwrap(), MarkerState::Foreign);
}

/// Rows that fill a row group.
fn big() -> RecordBatch {
    numbers(0..128 * 1024)
}
