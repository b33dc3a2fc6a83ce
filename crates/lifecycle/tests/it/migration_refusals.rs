//! A migration of which a step would fail is refused as a whole, with everything that is wrong.

use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    deletion::Cascade,
    holds,
    migrations::{Migration, Operation, status},
};
use metalith_store::{DeletionMode, Execution, Store};
use metalith_testkit::fixtures::{key, memory_store, read};

use crate::{
    migration_chains::branch_of,
    migrations::{backfill, by_hand, code, last, renamed, run, stores, told, worked_off},
    support::{make, request},
};

/// What is said about a migration, by a dry run and by an attempt to apply it; nothing is done.
async fn refused(store: &Store, graph: &FeatureGraph, migration: &Migration) -> String {
    let mut told = Vec::new();
    for execution in [Execution::DryRun, Execution::Apply] {
        let refused = run(store, graph, migration, execution).await.expect_err("it is refused");
        told.push(refused.to_string());
    }
    assert_eq!(told[0], told[1]);
    let begun = status(store, Vec::new()).await.unwrap();
    assert!(!begun.iter().any(|it| it.migration.id == migration.id), "it was begun");
    told.remove(0)
}

fn delete(filter: &str) -> Operation {
    Operation::Delete { filters: vec![filter.to_owned()], downstream: false }
}

#[tokio::test]
async fn all_that_would_fail_is_told_and_nothing_is_done() {
    for store in stores().await {
        worked_off(&store).await;
        let graph = code("1");
        let held = [metalith_expr::parse("face = 'a-0'").unwrap()];
        let (hold, _) = holds::add(&store, &graph, &key("video/face"), &held, None).await.unwrap();
        let migration = by_hand(
            &graph,
            vec![
                ("video/face", delete("face = 'a-0'")),
                ("video/raw", backfill(&[("note", "'x'")], &[])),
                ("video/crop", backfill(&[("note", "nowhere")], &[])),
            ],
        );
        let told = refused(&store, &graph, &migration).await;
        let lines: Vec<&str> = told.lines().collect();
        let first = "nothing of migration `by-hand` was done: step 1 would fail: ";
        assert!(lines[0].starts_with(first), "{told}");
        assert!(told.contains(&hold.id), "{told}");
        let third = lines.iter().find(|line| line.starts_with("step 3 would fail: "));
        assert!(third.is_some_and(|it| it.ends_with("unknown column `nowhere`")), "{told}");
        assert!(!told.contains("step 2"), "{told}");
        let columns = ["video", "note"];
        assert_eq!(
            read(&store, &graph, "video/crop", &columns).await,
            ["a by hand", "b by hand", "c by hand"]
        );
    }
}

#[tokio::test]
async fn a_value_that_does_not_fit_its_column_is_found_beforehand() {
    let store = memory_store().await;
    worked_off(&store).await;
    let graph = code("1");
    let mut migration = by_hand(&graph, vec![("video/crop", backfill(&[("length", "7")], &[]))]);
    run(&store, &graph, &migration, Execution::Apply).await.unwrap();
    // That the note becomes another says already that a row changes.
    let set = backfill(&[("note", "note || '!'"), ("length", "note")], &[]);
    let fine = backfill(&[("note", "'x'")], &[]);
    migration = by_hand(&graph, vec![("video/face", fine), ("video/crop", set)]);
    migration.id = "again".to_owned();
    let told = refused(&store, &graph, &migration).await;
    assert!(told.starts_with("nothing of migration `again` was done: step 2 would fail"), "{told}");
    let faces = read(&store, &graph, "video/face", &["note"]).await;
    assert!(faces.iter().all(|it| it == "by hand"), "{faces:?}");
}

#[tokio::test]
async fn what_would_have_to_be_written_behind_a_branch_is_found_beforehand() {
    let prod = memory_store().await;
    worked_off(&prod).await;
    let branch = branch_of(&prod).await;
    let graph = code("1");
    let fill = || backfill(&[("note", "'x'")], &[]);
    let migration = by_hand(&graph, vec![("video/crop", fill()), ("video/face", fill())]);
    let told = refused(&branch, &graph, &migration).await;
    assert!(told.contains("step 1 would fail") && told.contains("step 2 would fail"), "{told}");
}

#[tokio::test]
async fn a_step_may_need_what_those_before_it_make() {
    let store = memory_store().await;
    worked_off(&store).await;
    let graph = code("1");
    let migration = by_hand(
        &graph,
        vec![
            ("video/crop", backfill(&[("length", "length(video)")], &[])),
            ("video/crop", backfill(&[("twice", "length * 2")], &["length = 1"])),
            ("video/crop", delete("twice = 2 AND video = 'a'")),
        ],
    );
    let planned = run(&store, &graph, &migration, Execution::DryRun).await.unwrap();
    assert_eq!(
        told(&planned),
        [
            "backfill video/crop planned: 3, 0 there, 0 left",
            "backfill video/crop planned: ?, 0 there, 0 left",
            "delete video/crop planned: ?, 0 there, 0 left"
        ]
    );
    run(&store, &graph, &migration, Execution::Apply).await.unwrap();
    let crops = read(&store, &graph, "video/crop", &["video", "twice"]).await;
    assert_eq!(crops, ["b 2", "c 2"]);
}

#[tokio::test]
async fn a_feature_whose_samples_are_held_is_not_renamed() {
    for store in stores().await {
        worked_off(&store).await;
        let (old, graph) = (code("1"), renamed());
        let (hold, _) = holds::add(&store, &old, &key("video/crop"), &[], None).await.unwrap();
        let rename = Operation::Rename { from: key("video/crop") };
        let mut migration = by_hand(&graph, vec![("video/clip", rename)]);
        migration.from = Some(last(&store).await.snapshot.version);
        assert_eq!(
            refused(&store, &graph, &migration).await,
            format!(
                "step 1 of migration `by-hand`, rename `video/clip`: samples of `video/crop` are \
                 held by hold {}, which does not go along",
                hold.id
            )
        );
        // As the hint says.
        holds::add(&store, &graph, &key("video/clip"), &[], None).await.unwrap();
        holds::release(&store, &hold.id).await.unwrap();
        run(&store, &graph, &migration, Execution::Apply).await.unwrap();
        let one = request("video/clip", DeletionMode::Soft, "video = 'a'", Cascade::None);
        assert_eq!(make(&store, &graph, &one).await.unwrap().blockers().len(), 1);
    }
}
