//! The log of what was done: complete, without content, and broken by any change.

use std::sync::Arc;

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray as _, BooleanArray, StringArray},
    compute::filter_record_batch,
    record_batch::RecordBatch,
};
use metalith_lifecycle::{
    audit::{self, Problem},
    deletion::{Cascade, DeletionState, RestoreMode, list},
    holds,
};
use metalith_store::{CommitNote, DeletionMode, Rows, Store};
use metalith_testkit::fixtures::key;

use crate::support::{apply, bring_back, delete, make, request, two_videos};

/// A store with three entries: a deletion, its restore, and another deletion.
async fn with_three_entries() -> Store {
    let (store, graph) = two_videos().await;
    let mut soft = request("video/raw", DeletionMode::Soft, "video_id = 'v1'", Cascade::Downstream);
    soft.reason = Some("a request".to_owned());
    let done = delete(&store, &graph, &soft).await;
    bring_back(&store, &graph, &done.id, RestoreMode::Apply).await.unwrap();
    let hard = request("video/raw", DeletionMode::Hard, "video_id = 'v1'", Cascade::Downstream);
    delete(&store, &graph, &hard).await;
    store
}

#[tokio::test]
async fn everything_that_was_done_is_told_without_content() {
    let store = with_three_entries().await;
    let entries = audit::read(&store).await.unwrap();
    let events: Vec<&str> = entries.iter().map(|it| it.event.as_str()).collect();
    assert_eq!(events, ["deleted", "restored", "deleted"]);
    let first = &entries[0].details;
    assert_eq!(first["mode"], "soft");
    assert_eq!(first["reason"], "a request");
    assert_eq!(first["filter_columns"], serde_json::json!(["video_id"]));
    assert_eq!(first["steps"].as_array().unwrap().len(), 4);
    let text = entries.iter().map(|it| it.details.to_string()).collect::<String>();
    assert!(!text.contains("v1"), "values are content: {text}");
    let verified = audit::verify(&store).await.unwrap();
    assert_eq!((verified.entries, verified.findings), (3, Vec::new()));
    assert_eq!(verified.head.as_ref(), Some(&entries[2].hash));
}

#[tokio::test]
async fn deletions_are_listed_with_how_they_stand() {
    let store = with_three_entries().await;
    let states: Vec<(String, DeletionState)> =
        list(&store).await.unwrap().into_iter().map(|it| (it.mode, it.state)).collect();
    let expected =
        [("soft".to_owned(), DeletionState::Restored), ("hard".to_owned(), DeletionState::Done)];
    assert_eq!(states, expected);
}

#[tokio::test]
async fn a_deletion_that_was_refused_is_told_too() {
    let (store, graph) = two_videos().await;
    holds::add(&store, &graph, &key("video/raw"), &[], None).await.unwrap();
    let one = request("video/raw", DeletionMode::Soft, "video_id = 'v1'", Cascade::None);
    let plan = make(&store, &graph, &one).await.unwrap();
    apply(plan, &store, &graph).await.unwrap_err();
    let events: Vec<String> =
        audit::read(&store).await.unwrap().into_iter().map(|it| it.event).collect();
    assert_eq!(events, ["hold-added", "blocked"]);
}

/// The log with its rows changed by somebody who can write to the store.
async fn tampered(change: impl Fn(&RecordBatch) -> RecordBatch) -> Vec<(u64, Problem)> {
    let store = with_three_entries().await;
    let log = key("metalith-system/audit");
    let rows = store.read_system(&log).await.unwrap().unwrap();
    let schema = rows.schema();
    let mut batches: Vec<RecordBatch> = rows.collect().await.unwrap();
    for batch in &mut batches {
        *batch = change(batch);
    }
    store.drop_feature(&log).await.unwrap();
    let rows = Rows::from_batches(schema, batches);
    store.append_system(&log, rows, CommitNote::new("tamper")).await.unwrap();
    let findings = audit::verify(&store).await.unwrap().findings;
    findings.into_iter().map(|it| (it.number, it.problem)).collect()
}

fn numbers(batch: &RecordBatch) -> Vec<i64> {
    let column = batch.column_by_name("number").unwrap();
    column.as_primitive::<datafusion::arrow::datatypes::Int64Type>().values().to_vec()
}

fn without(batch: &RecordBatch, number: i64) -> RecordBatch {
    let kept: BooleanArray = numbers(batch).iter().map(|it| Some(*it != number)).collect();
    filter_record_batch(batch, &kept).unwrap()
}

/// A column of text with the value of an entry replaced.
fn with(batch: &RecordBatch, number: i64, column: &str, text: &str) -> RecordBatch {
    let index = batch.schema().index_of(column).unwrap();
    let old = batch.column(index).as_string::<i32>();
    let new: StringArray = numbers(batch)
        .iter()
        .enumerate()
        .map(
            |(row, it)| {
                if *it == number { Some(text) } else { old.is_valid(row).then(|| old.value(row)) }
            },
        )
        .collect();
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns[index] = Arc::new(new);
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

#[tokio::test]
async fn a_changed_removed_or_moved_entry_is_named() {
    assert_eq!(tampered(RecordBatch::clone).await, []);
    let forged = tampered(|batch| with(batch, 2, "details", "{}")).await;
    assert_eq!(forged, [(2, Problem::Changed)]);
    let actor = tampered(|batch| with(batch, 1, "actor", "somebody else")).await;
    assert_eq!(actor, [(1, Problem::Changed)]);
    assert_eq!(tampered(|batch| without(batch, 1)).await, [(1, Problem::Missing)]);
    assert_eq!(tampered(|batch| without(batch, 2)).await, [(2, Problem::Missing)]);
    assert_eq!(tampered(|batch| without(batch, 3)).await, [(3, Problem::Missing)]);
    let rechained = tampered(|batch| with(batch, 3, "previous", "0000")).await;
    assert_eq!(rechained, [(3, Problem::Changed)]);
}
