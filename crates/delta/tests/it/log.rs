//! What the log says, and how it stays short.

use std::fs;

use serde_json::Value;

use crate::support::{append, entry, feature, local, note, numbers, open, stored, table_folder};

fn actions(root: &std::path::Path, version: u64) -> Vec<Value> {
    let text = fs::read_to_string(entry(root, version)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_commit_says_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    append(&local(folder.path()), numbers([1, 2])).await.unwrap();
    let actions = actions(folder.path(), 0);
    let info = &actions[0]["commitInfo"];
    assert_eq!(info["operation"], "write");
    assert_eq!(info["operationParameters"]["actor"], "a test");
    assert!(info["engineInfo"].as_str().unwrap().starts_with("metalith "));
    let protocol = &actions[1]["protocol"];
    assert_eq!(protocol["minReaderVersion"], 1);
    assert_eq!(protocol["minWriterVersion"], 2);
    let added = &actions[3]["add"];
    assert_eq!(added["stats"], "{\"numRecords\":2}");
    assert_eq!(actions.len(), 4);
}

#[tokio::test]
async fn chunks_keep_the_order_of_commits() {
    let folder = tempfile::tempdir().unwrap();
    // Writers that know nothing of each other, faster than the clock of the log ticks.
    for number in 0..20 {
        append(&local(folder.path()), numbers([number])).await.unwrap();
    }
    assert_eq!(stored(&local(folder.path())).await.unwrap(), (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_checkpoint_comes_every_hundred_commits() {
    let folder = tempfile::tempdir().unwrap();
    let backend = local(folder.path());
    for number in 0..=101 {
        append(&backend, numbers([number])).await.unwrap();
    }
    let log = table_folder(folder.path()).join("_delta_log");
    assert!(log.join("00000000000000000100.checkpoint.parquet").exists());
    // The table is whole without what the checkpoint sums up.
    for version in 0..100 {
        fs::remove_file(entry(folder.path(), version)).unwrap();
    }
    let fresh = local(folder.path());
    assert_eq!(stored(&fresh).await.unwrap(), (0..=101).collect::<Vec<_>>());
    assert_eq!(open(&fresh).await.unwrap().version(), 101);
    append(&fresh, numbers([102])).await.unwrap();
    assert_eq!(stored(&backend).await.unwrap().len(), 103);
}

#[tokio::test]
async fn rows_are_put_into_files_of_half_a_million() {
    let folder = tempfile::tempdir().unwrap();
    let backend = local(folder.path());
    let batch = numbers(0..1_100_000);
    backend.append(&feature(), metalith_store::Rows::from_batch(batch), note()).await.unwrap();
    let table = open(&backend).await.unwrap();
    let rows: Vec<usize> = table.chunks().iter().map(|chunk| chunk.rows).collect();
    assert_eq!(rows, [524_288, 524_288, 51_424]);
    let stored = stored(&backend).await.unwrap();
    assert!(stored.into_iter().eq(0..1_100_000));
}
