//! Tables that are damaged: said with the name of the file, never read as if they were whole.

use std::{fs, path::Path};

use metalith_base::{Diagnostic as _, Kind};
use metalith_store::StoreError;

use crate::support::{append, data_files, entry, local, numbers, open, stored};

/// A table of three commits, opened anew.
async fn damaged(folder: &Path, damage: impl FnOnce(&Path)) -> StoreError {
    let backend = local(folder);
    for start in [0, 10, 20] {
        append(&backend, numbers(start..start + 10)).await.unwrap();
    }
    damage(folder);
    let error = stored(&local(folder)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt, "{error}");
    error
}

#[tokio::test]
async fn a_torn_log_entry_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = damaged(folder.path(), |folder| {
        let text = fs::read(entry(folder, 1)).unwrap();
        fs::write(entry(folder, 1), &text[..text.len() / 2]).unwrap();
    });
    let error = error.await.to_string();
    assert!(error.contains("log entry `_delta_log/00000000000000000001.json`, line"), "{error}");
    assert!(error.contains("video/raw"), "{error}");
}

#[tokio::test]
async fn an_empty_last_entry_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = damaged(folder.path(), |folder| fs::write(entry(folder, 2), "").unwrap());
    let error = error.await.to_string();
    assert!(
        error.ends_with("log entry `_delta_log/00000000000000000002.json` is empty"),
        "{error}"
    );
}

#[tokio::test]
async fn a_missing_entry_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = damaged(folder.path(), |folder| fs::remove_file(entry(folder, 1)).unwrap());
    let error = error.await.to_string();
    assert!(
        error.contains("log entry `_delta_log/00000000000000000001.json` is missing"),
        "{error}"
    );
}

#[tokio::test]
async fn a_truncated_data_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let name = std::sync::Mutex::new(String::new());
    let error = damaged(folder.path(), |folder| {
        let file = data_files(folder).remove(1);
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
        *name.lock().unwrap() = file.file_name().unwrap().to_str().unwrap().to_owned();
    });
    let error = error.await.to_string();
    let name = name.into_inner().unwrap();
    assert!(error.contains(&format!("data file `{name}`:")), "{error}");
}

#[tokio::test]
async fn a_missing_data_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error =
        damaged(folder.path(), |folder| fs::remove_file(&data_files(folder)[0]).unwrap()).await;
    assert!(error.to_string().ends_with("is missing"), "{error}");
}

#[tokio::test]
async fn damage_to_one_chunk_leaves_the_others_readable() {
    let folder = tempfile::tempdir().unwrap();
    damaged(folder.path(), |folder| fs::remove_file(&data_files(folder)[0]).unwrap()).await;
    let table = open(&local(folder.path())).await.unwrap();
    let request = metalith_store::ChunkRequest { columns: vec![0], ..Default::default() };
    let rows = table.read_chunk(2, request).await.unwrap().collect().await.unwrap();
    assert_eq!(rows[0].num_rows(), 10);
}
