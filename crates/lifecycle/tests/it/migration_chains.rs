//! Migrations in stores that fall back to others, and in copies of stores.

use std::{collections::BTreeMap, sync::Arc};

use metalith_lifecycle::{
    copying::{CopyRequest, copy},
    migrations::MigrationState,
    snapshots,
};
use metalith_store::{
    DeletionMode, DeletionRequest, Execution, MemoryBackend, OpenOptions, OverFallback, Store,
};
use metalith_testkit::fixtures::{key, memory_store, read, write};

use crate::{
    migrations::{code, migration, open, run, take_back, told, videos, work_off, worked_off},
    support::delta_store,
};

pub(crate) async fn branch_of(prod: &Store) -> Store {
    let backend = Arc::new(MemoryBackend::new());
    let options = OpenOptions { fallback: Some(prod.clone()), ..OpenOptions::write() };
    Store::open(backend, options).await.unwrap()
}

#[tokio::test]
async fn a_branch_carries_over_what_is_behind_and_leaves_nothing_when_that_is_taken_back() {
    for prod in [memory_store().await, delta_store().await] {
        worked_off(&prod).await;
        let branch = branch_of(&prod).await;
        let (old, graph) = (code("1"), code("2"));
        let migration = migration(&branch, &graph).await;
        // Twice: what was taken back is as if it had never been.
        for _ in 0..2 {
            let done = run(&branch, &graph, &migration, Execution::Apply).await.unwrap();
            assert_eq!(
                told(&done),
                [
                    "reconcile video/crop done: 3, 0 there, 0 left",
                    "reconcile video/face done: 6, 0 there, 0 left"
                ]
            );
            assert_eq!(open(&branch, &graph, "video/face").await, (0, 0, 0));
            assert_eq!(prod.status(&graph, &key("video/face")).await.unwrap().samples, 0);
            take_back(&branch, &graph, &migration.id).await.unwrap();
            assert_eq!(read(&branch, &old, "video/crop", &["video"]).await, ["a", "b", "c"]);
            assert_eq!(open(&branch, &old, "video/face").await, (0, 0, 0));
        }
    }
}

#[tokio::test]
async fn a_migration_that_finds_nothing_in_order_hides_nothing() {
    for prod in [memory_store().await, delta_store().await] {
        worked_off(&prod).await;
        let branch = branch_of(&prod).await;
        let (old, graph) = (code("1"), code("2"));
        let migration = migration(&branch, &graph).await;
        run(&branch, &graph, &migration, Execution::Apply).await.unwrap();
        take_back(&branch, &graph, &migration.id).await.unwrap();
        let others = videos(&[("a", "2"), ("b", "2"), ("c", "2")]);
        write(&prod, &old, "video/raw", &others).await.unwrap();
        let done = run(&branch, &graph, &migration, Execution::Apply).await.unwrap();
        assert_eq!(
            told(&done),
            [
                "reconcile video/crop done: 0, 0 there, 3 left",
                "reconcile video/face done: 0, 0 there, 6 left"
            ]
        );
        assert_eq!(read(&branch, &old, "video/crop", &["video"]).await, ["a", "b", "c"]);
        assert_eq!(read(&branch, &old, "video/face", &["face"]).await.len(), 6);
    }
}

#[tokio::test]
async fn a_row_of_somebody_elses_in_a_branch_hides_no_older_samples() {
    let prod = delta_store().await;
    worked_off(&prod).await;
    let branch = branch_of(&prod).await;
    let graph = code("2");
    let found = branch.resolve(&graph, &key("video/crop"), Default::default()).await.unwrap();
    let one = metalith_store::Rows::from_batch(found.new.batches[0].slice(0, 1));
    branch.write(&graph, &key("video/crop"), one, &Default::default()).await.unwrap();
    let migration = migration(&branch, &graph).await;
    let done = run(&branch, &graph, &migration, Execution::Apply).await.unwrap();
    assert_eq!(told(&done)[0], "reconcile video/crop done: 2, 1 there, 0 left");
    assert_eq!(open(&branch, &graph, "video/crop").await, (0, 0, 0));
    // The crop that was computed in the branch is perhaps another, so its faces are to be found.
    assert_eq!(told(&done)[1], "reconcile video/face done: 4, 0 there, 2 left");
}

#[tokio::test]
async fn a_table_that_a_branch_emptied_lets_nothing_come_back() {
    let prod = memory_store().await;
    worked_off(&prod).await;
    let branch = branch_of(&prod).await;
    let (old, graph) = (code("1"), code("2"));
    copy(&prod, &branch, &old, &CopyRequest::everything(OverFallback::Hide), |_| {}).await.unwrap();
    let all = DeletionRequest::new(DeletionMode::Hard, Vec::new());
    branch.delete(&old, &key("video/crop"), &all).await.unwrap();
    let migration = migration(&branch, &graph).await;
    let done = run(&branch, &graph, &migration, Execution::Apply).await.unwrap();
    assert_eq!(
        told(&done),
        [
            "reconcile video/crop done: 0, 0 there, 0 left",
            "reconcile video/face done: 0, 0 there, 6 left"
        ]
    );
}

#[tokio::test]
async fn a_branch_of_what_is_migrated_has_nothing_to_do() {
    let prod = memory_store().await;
    worked_off(&prod).await;
    let branch = branch_of(&prod).await;
    let graph = code("2");
    let migration = migration(&prod, &graph).await;
    run(&prod, &graph, &migration, Execution::Apply).await.unwrap();
    for execution in [Execution::DryRun, Execution::Apply] {
        let done = run(&branch, &graph, &migration, execution).await.unwrap();
        assert!(told(&done)[0].ends_with("0, 3 there, 0 left"), "{done:?}");
    }
    assert!(branch.features().await.unwrap().is_empty(), "nothing was written");
    assert_eq!(open(&branch, &graph, "video/face").await, (0, 0, 0));
}

#[tokio::test]
async fn a_migration_in_a_branch_does_not_hide_what_the_newer_code_made_behind() {
    let prod = memory_store().await;
    worked_off(&prod).await;
    let branch = branch_of(&prod).await;
    let graph = code("2");
    let found = prod.resolve(&graph, &key("video/crop"), Default::default()).await.unwrap();
    let one = metalith_store::Rows::from_batch(found.new.batches[0].slice(0, 1));
    prod.write(&graph, &key("video/crop"), one, &Default::default()).await.unwrap();
    let migration = migration(&branch, &graph).await;
    for execution in [Execution::DryRun, Execution::Apply] {
        let refused = run(&branch, &graph, &migration, execution).await.expect_err("it would hide");
        let text = refused.to_string();
        assert!(text.contains("its 1 samples are read from memory"), "{text}");
    }
}

#[tokio::test]
async fn what_was_copied_is_not_taken_back_by_another_stores_rollback() {
    let (one, other) = (memory_store().await, memory_store().await);
    worked_off(&one).await;
    let graph = code("2");
    let migration = migration(&one, &graph).await;
    run(&one, &graph, &migration, Execution::Apply).await.unwrap();
    let everything = CopyRequest::everything(OverFallback::Refuse);
    copy(&one, &other, &graph, &everything, |_| {}).await.unwrap();
    run(&other, &graph, &migration, Execution::Apply).await.unwrap();
    let back = take_back(&other, &graph, &migration.id).await.unwrap();
    assert_eq!(back.steps, [(key("video/face"), 0), (key("video/crop"), 0)]);
    assert_eq!(open(&other, &graph, "video/face").await, (0, 0, 0));
    let state = metalith_lifecycle::migrations::status(&one, Vec::new()).await.unwrap()[0].state;
    assert_eq!(state, MigrationState::Applied);
}

#[tokio::test]
async fn samples_that_were_carried_over_elsewhere_are_known_for_what_they_are() {
    // The crops were migrated in production; the faces are still to be, in a branch.
    let prod = memory_store().await;
    worked_off(&prod).await;
    let graph = code("2");
    let whole = migration(&prod, &graph).await;
    let mut crops = whole.clone();
    crops.id = "crops".to_owned();
    crops.steps.truncate(1);
    run(&prod, &graph, &crops, Execution::Apply).await.unwrap();
    let branch = branch_of(&prod).await;
    let done = run(&branch, &graph, &whole, Execution::Apply).await.unwrap();
    assert_eq!(
        told(&done),
        [
            "reconcile video/crop done: 0, 3 there, 0 left",
            "reconcile video/face done: 6, 0 there, 0 left"
        ]
    );
    assert_eq!(work_off(&branch, &graph, "video/face").await, 0);
    snapshots::push(&branch, &graph, "test", &BTreeMap::new()).await.unwrap();
}
