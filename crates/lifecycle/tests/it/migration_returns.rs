//! Migrations are taken back, where nothing was built on them and nothing is lost by it.

use metalith_base::Diagnostic as _;
use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    deletion::{Cascade, RestoreMode},
    migrations::{MigrationState, MigrationStatus, Operation, status},
};
use metalith_store::{DeletionMode, DeletionRequest, Execution, ReadOptions, Store};
use metalith_testkit::fixtures::{graph, key, memory_store, read, read_with, write};
use serde_json::json;

use crate::{
    migrations::{
        backfill, by_hand, code, last, migration, open, run, stores, take_back, videos, work_off,
        worked_off,
    },
    support::{bring_back, delete, request},
};

#[tokio::test]
async fn a_migration_is_taken_back_where_nothing_was_built_on_it() {
    for store in stores().await {
        worked_off(&store).await;
        let graph = code("2");
        let migration = migration(&store, &graph).await;
        run(&store, &graph, &migration, Execution::Apply).await.unwrap();
        let state = |found: &[MigrationStatus]| found[0].state;
        assert_eq!(state(&status(&store, Vec::new()).await.unwrap()), MigrationState::Applied);
        let done = take_back(&store, &graph, &migration.id).await.unwrap();
        assert_eq!(done.steps, [(key("video/face"), 6), (key("video/crop"), 3)]);
        assert_eq!(open(&store, &graph, "video/crop").await, (3, 0, 0));
        assert_eq!(state(&status(&store, Vec::new()).await.unwrap()), MigrationState::RolledBack);
        let twice = take_back(&store, &graph, &migration.id).await.expect_err("it is undone");
        assert_eq!(twice.code(), "migration.not-applied");

        // Applied again, and then a sample is computed on top.
        run(&store, &graph, &migration, Execution::Apply).await.unwrap();
        assert_eq!(open(&store, &graph, "video/face").await, (0, 0, 0));
        write(&store, &graph, "video/raw", &videos(&[("d", "1")])).await.unwrap();
        work_off(&store, &graph, "video/crop").await;
        let refused = take_back(&store, &graph, &migration.id).await.expect_err("built upon");
        assert_eq!(
            refused.to_string(),
            format!(
                "migration `{}` cannot be rolled back: 1 rows of `video/crop` were written since",
                migration.id
            )
        );
        assert_eq!(read(&store, &graph, "video/crop", &["video"]).await.len(), 4);
    }
}

#[tokio::test]
async fn a_deletion_on_top_keeps_a_migration_from_being_taken_back() {
    let store = memory_store().await;
    worked_off(&store).await;
    let graph = code("2");
    let migration = migration(&store, &graph).await;
    run(&store, &graph, &migration, Execution::Apply).await.unwrap();
    let one = vec![metalith_expr::parse("face = 'a-0'").unwrap()];
    let one = DeletionRequest::new(DeletionMode::Soft, one);
    store.delete(&graph, &key("video/face"), &one).await.unwrap();
    let refused = take_back(&store, &graph, &migration.id).await.expect_err("built upon");
    assert_eq!(refused.code(), "migration.built-upon");
}

#[tokio::test]
async fn the_only_samples_that_are_left_are_not_taken_back() {
    for mode in [DeletionMode::Soft, DeletionMode::Hard] {
        for store in stores().await {
            worked_off(&store).await;
            let (old, graph) = (code("1"), code("2"));
            let migration = migration(&store, &graph).await;
            run(&store, &graph, &migration, Execution::Apply).await.unwrap();
            // Somebody cleans up what seems to be of no use any more.
            let one = vec![metalith_expr::parse("video = 'a'").unwrap()];
            let one = DeletionRequest::new(mode, one);
            store.delete(&old, &key("video/crop"), &one).await.unwrap();
            let refused =
                take_back(&store, &graph, &migration.id).await.expect_err("they are lost");
            assert_eq!(
                refused.to_string(),
                format!(
                    "migration `{}` cannot be rolled back: 1 samples of `video/crop` are not there \
                     any more as they were before",
                    migration.id
                )
            );
            assert_eq!(read(&store, &graph, "video/crop", &["video"]).await, ["a", "b", "c"]);
            assert_eq!(open(&store, &graph, "video/face").await, (0, 0, 0));
        }
    }
}

#[tokio::test]
async fn a_renamed_feature_whose_table_is_gone_is_not_taken_back() {
    let store = memory_store().await;
    worked_off(&store).await;
    let graph = crate::migrations::renamed();
    let mut migration =
        by_hand(&graph, vec![("video/clip", Operation::Rename { from: key("video/crop") })]);
    migration.from = Some(last(&store).await.snapshot.version);
    run(&store, &graph, &migration, Execution::Apply).await.unwrap();
    store.drop_feature(&key("video/crop")).await.unwrap();
    let refused = take_back(&store, &graph, "by-hand").await.expect_err("it is the only one");
    assert_eq!(refused.code(), "migration.built-upon");
    assert_eq!(read(&store, &graph, "video/clip", &["video"]).await.len(), 3);
}

#[tokio::test]
async fn what_older_code_computes_meanwhile_is_in_no_rollbacks_way() {
    let store = memory_store().await;
    worked_off(&store).await;
    let (old, graph) = (code("1"), code("2"));
    let migration = migration(&store, &graph).await;
    run(&store, &graph, &migration, Execution::Apply).await.unwrap();
    write(&store, &old, "video/raw", &videos(&[("d", "1")])).await.unwrap();
    work_off(&store, &old, "video/crop").await;
    take_back(&store, &graph, &migration.id).await.unwrap();
    assert_eq!(read(&store, &old, "video/crop", &["video"]).await.len(), 4);
    let everything = ReadOptions { sample_history: true, ..ReadOptions::default() };
    let left = read_with(&store, &graph, "video/crop", &["video"], &everything).await;
    assert_eq!(left, Vec::<String>::new());
}

/// A migration by hand that fills a column of one sample and deletes another, with what is
/// computed from it.
async fn filled_and_deleted(store: &Store) -> FeatureGraph {
    worked_off(store).await;
    let graph = code("1");
    let fill = backfill(&[("note", "'filled'")], &["video = 'b'"]);
    let delete = Operation::Delete { filters: vec!["video = 'a'".to_owned()], downstream: true };
    let migration = by_hand(&graph, vec![("video/crop", fill), ("video/crop", delete)]);
    run(store, &graph, &migration, Execution::Apply).await.unwrap();
    graph
}

#[tokio::test]
async fn a_deletion_of_what_no_other_step_wrote_is_taken_back_with_the_rest() {
    for store in stores().await {
        let graph = filled_and_deleted(&store).await;
        take_back(&store, &graph, "by-hand").await.unwrap();
        let crops = read(&store, &graph, "video/crop", &["video", "note"]).await;
        assert_eq!(crops, ["a by hand", "b by hand", "c by hand"]);
        assert_eq!(read(&store, &graph, "video/face", &["face"]).await.len(), 6);
    }
}

#[tokio::test]
async fn a_deletion_that_cannot_be_undone_keeps_a_migration_from_being_taken_back() {
    for store in stores().await {
        let graph = filled_and_deleted(&store).await;
        // What was deleted is deleted for good.
        let one = vec![metalith_expr::parse("video = 'a'").unwrap()];
        let one = DeletionRequest::new(DeletionMode::Hard, one);
        store.delete(&graph, &key("video/crop"), &one).await.unwrap();
        let refused = take_back(&store, &graph, "by-hand").await.expect_err("it is gone");
        assert_eq!(
            refused.to_string(),
            "migration `by-hand` cannot be rolled back: 1 samples of `video/crop` that it deleted \
             are gone for good"
        );
        let crops = read(&store, &graph, "video/crop", &["video", "note"]).await;
        assert_eq!(crops, ["b filled", "c by hand"], "nothing was taken back");
        assert_eq!(read(&store, &graph, "video/face", &["face"]).await.len(), 4);
    }
}

/// Datasets that let go of the jobs that made them when these are deleted.
const JOBS: &str = r#"
[[features]]
key = "job"
id_columns = ["job"]

[[features]]
key = "dataset"
id_columns = ["dataset"]
[[features.deps]]
feature = "job"
optional = true
rename = { job = "made_by" }
lineage = { expansion = { on = ["made_by"] } }
on_delete = "set_null"
"#;

#[tokio::test]
async fn columns_are_filled_of_samples_that_let_go_of_a_reference() {
    for store in stores().await {
        let graph = graph(JOBS);
        let made = json!({ "default": "made" });
        let job = json!([{ "job": "j", "metaxy_provenance_by_field": made }]);
        write(&store, &graph, "job", &job).await.unwrap();
        let dataset =
            json!([{ "dataset": "a", "made_by": "j", "metaxy_provenance_by_field": made }]);
        write(&store, &graph, "dataset", &dataset).await.unwrap();
        let job = request("job", DeletionMode::Soft, "job = 'j'", Cascade::None);
        let deleted = delete(&store, &graph, &job).await;

        let mut migration = by_hand(&graph, vec![("dataset", backfill(&[("note", "'x'")], &[]))]);
        let columns = ["dataset", "made_by", "note"];
        run(&store, &graph, &migration, Execution::Apply).await.unwrap();
        assert_eq!(read(&store, &graph, "dataset", &columns).await, ["a null x"]);
        // Nobody wrote since, so it can be taken back; then the dataset is what the deletion made it.
        take_back(&store, &graph, "by-hand").await.unwrap();
        bring_back(&store, &graph, &deleted.id, RestoreMode::Apply).await.unwrap();
        assert_eq!(read(&store, &graph, "dataset", &columns).await, ["a j null"]);

        // What was filled in since is not lost when the job comes back.
        let deleted = delete(&store, &graph, &job).await;
        migration.id = "again".to_owned();
        run(&store, &graph, &migration, Execution::Apply).await.unwrap();
        bring_back(&store, &graph, &deleted.id, RestoreMode::Apply).await.unwrap();
        assert_eq!(read(&store, &graph, "job", &["job"]).await, ["j"]);
        assert_eq!(read(&store, &graph, "dataset", &columns).await, ["a null x"]);
    }
}

/// Takes a migration back as soon as it is begun.
async fn take_back_at_once(store: &Store, id: &str) {
    let graph = code("2");
    loop {
        match take_back(store, &graph, id).await {
            Ok(_) => return,
            Err(error) => assert_eq!(error.code(), "migration.not-applied", "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_applies_and_whoever_takes_back_do_not_get_into_each_others_way() {
    for store in [stores().await, stores().await].into_iter().flatten() {
        worked_off(&store).await;
        let graph = code("2");
        let migration = migration(&store, &graph).await;
        let (applied, ()) = Box::pin(futures::future::join(
            run(&store, &graph, &migration, Execution::Apply),
            take_back_at_once(&store, &migration.id),
        ))
        .await;
        if let Err(error) = applied {
            assert_eq!(error.code(), "migration.rolling-back", "{error}");
        }
        let found = status(&store, Vec::new()).await.unwrap();
        assert_eq!(found[0].state, MigrationState::RolledBack);
        for feature in ["video/crop", "video/face"] {
            let everything = ReadOptions { sample_history: true, ..ReadOptions::default() };
            let left = read_with(&store, &graph, feature, &["video"], &everything).await;
            assert_eq!(left, Vec::<String>::new(), "{feature}");
        }
    }
}
