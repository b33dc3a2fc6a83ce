//! Migrations as files, and those that make no sense.

use expect_test::expect;
use metalith_base::{Diagnostic as _, Timestamp};
use metalith_graph::FeatureGraph;
use metalith_lifecycle::migrations::{
    Migration, MigrationState, Operation, Step, generate, status,
};
use metalith_store::{Execution, Store};
use metalith_testkit::fixtures::{key, memory_store};

use crate::migrations::{backfill, by_hand, code, last, migration, run, take_back, worked_off};

async fn refused(migration: &Migration, graph: &FeatureGraph, store: &Store) -> String {
    let error = run(store, graph, migration, Execution::Apply).await.expect_err("it is refused");
    let hint = error.hint().unwrap_or_default().into_owned();
    format!("{error}\nhint: {hint}\n")
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_done() {
    let store = memory_store().await;
    worked_off(&store).await;
    let graph = code("2");
    let good = migration(&store, &graph).await;
    let mut told = String::new();
    let with = |change: &dyn Fn(&mut Migration)| {
        let mut migration = good.clone();
        change(&mut migration);
        migration
    };
    for bad in [
        with(&|it| it.steps[1].reason.clear()),
        with(&|it| it.steps.reverse()),
        with(&|it| it.from = None),
        with(&|it| it.from = Some("123456".to_owned())),
        // What these mean now they may not mean when it is rolled back.
        with(&|it| it.from = Some("latest".to_owned())),
        with(&|it| it.from = it.from.as_ref().map(|from| from.chars().take(12).collect())),
        with(&|it| it.to = "elsewhere".to_owned()),
        with(&|it| it.project = "other".to_owned()),
        with(&|it| it.steps[0].feature = key("video/raw")),
        with(&|it| it.steps[1].feature = key("video/crop")),
        with(&|it| it.steps[0].operation = Operation::Rename { from: key("video/clip") }),
        with(&|it| it.steps[0].operation = backfill(&[("note", "1 +")], &[])),
        with(&|it| it.steps[0].operation = backfill(&[("video", "'x'")], &[])),
        with(&|it| it.steps[0].operation = Operation::Recompute),
        with(&|it| drop(it.steps.remove(0))),
    ] {
        told.push_str(&refused(&bad, &graph, &store).await);
    }
    expect![[r#"
        step 2 of migration `19700101-000000-refactor`, reconcile `video/face`: it gives no reason
        hint: say in `reason` why this is right, or choose `recompute` if it is not
        step 1 of migration `19700101-000000-refactor`, reconcile `video/face`: it comes before step 2, which it depends on
        hint: put upstreams before what is computed from them
        step 1 of migration `19700101-000000-refactor`, reconcile `video/crop`: the migration does not say `from` which graph
        hint: name the recorded graph in `from`, see `metalith graph history`
        no recorded graph is called `123456`
        hint: see `metalith graph history`; name one by `latest`, the beginning of its version, or TAG=VALUE, and today's graph by `current`
        migration `19700101-000000-refactor` comes from `latest`, which may be another graph tomorrow
        hint: write the whole version, if you mean this one: `from: BEFORE`
        migration `19700101-000000-refactor` comes from `6cb630533b09`, which may be another graph tomorrow
        hint: write the whole version, if you mean this one: `from: BEFORE`
        migration `19700101-000000-refactor` leads to graph elsewhere, but today's is TODAY
        hint: check out the code it was made for, or make a new one
        migration `19700101-000000-refactor` is about project `other`
        hint: apply it in that project
        step 1 of migration `19700101-000000-refactor`, reconcile `video/raw`: its version is the same in both graphs
        hint: take the step out: its samples are current
        step 1 of migration `19700101-000000-refactor`, reconcile `video/crop`: step 2 carries the same feature over
        hint: take one of them out
        step 1 of migration `19700101-000000-refactor`, rename `video/crop`: the graph it comes from has no feature `video/clip`
        hint: take the step out, or name the older feature by a `rename`
        in step 1 of migration `19700101-000000-refactor`: expected an expression, found the end
          1 +
             ^
        hint: 
        `video/crop`: column `video` says which sample it is or what it was computed from, and cannot be filled
        hint: fill a column that only describes the sample
        step 2 of migration `19700101-000000-refactor`, reconcile `video/face`: it is computed from `video/crop`, which is not carried over
        hint: choose `recompute`, or carry `video/crop` over as well
        step 1 of migration `19700101-000000-refactor`, reconcile `video/face`: it is computed from `video/crop`, which is not carried over
        hint: choose `recompute`, or carry `video/crop` over as well
    "#]].assert_eq(
        &told
            .replace(graph.snapshot_version(), "TODAY")
            .replace(&last(&store).await.snapshot.version, "BEFORE"),
    );
    assert_eq!(status(&store, Vec::new()).await.unwrap(), []);
    assert_eq!(store.status(&graph, &key("video/crop")).await.unwrap().rows, 3);
}

#[tokio::test]
async fn a_step_that_fails_says_so_and_what_was_begun_is_not_changed() {
    let store = memory_store().await;
    worked_off(&store).await;
    let graph = code("1");
    let migration = by_hand(
        &graph,
        vec![
            ("video/crop", backfill(&[("note", "'x'")], &[])),
            // The step before could have made this column.
            ("video/crop", backfill(&[("note", "nowhere")], &[])),
        ],
    );
    let told = refused(&migration, &graph, &store).await;
    expect![[r#"
        step 2 of migration `by-hand` failed: in a filter on `video/crop`: unknown column `nowhere`
          nowhere
          ^^^^^^^
        hint: known columns are `note`, `show`, `video`, `metaxy_provenance_by_field`, `metaxy_provenance`, `metaxy_data_version_by_field`, `metaxy_data_version`, `metaxy_feature_version`, `metaxy_project_version`, `metaxy_created_at`, `metaxy_updated_at`, `metaxy_deleted_at` and 2 more
    "#]].assert_eq(&told);
    let found = status(&store, Vec::new()).await.unwrap();
    assert_eq!(
        (found[0].state, found[0].done.iter().flatten().count()),
        (MigrationState::Unfinished, 1)
    );
    let mut other = migration.clone();
    other.steps.truncate(1);
    let told = refused(&other, &graph, &store).await;
    assert!(told.starts_with("migration `by-hand` was changed after it was begun"), "{told}");
    take_back(&store, &graph, "by-hand").await.unwrap();
    run(&store, &graph, &other, Execution::Apply).await.unwrap();
}

#[tokio::test]
async fn migrations_are_written_and_read() {
    let store = memory_store().await;
    worked_off(&store).await;
    let graph = code("2");
    let mut found =
        generate(&last(&store).await, &graph, "refactor", Timestamp::from_micros(0)).unwrap();
    let more = [
        Operation::Rename { from: key("video/crop") },
        Operation::Recompute,
        backfill(&[("odd \"name\"", "'it''s: #5'")], &["a = 1", "b = 2"]),
        Operation::Delete { filters: Vec::new(), downstream: true },
    ];
    for operation in more {
        let feature = key("video/face");
        found.migration.steps.push(Step {
            feature,
            operation,
            reason: "a: b #c\n\"d\"".to_owned(),
        });
    }
    let text = found.to_yaml();
    expect![[r##"
        # What becomes of stored samples. Give every step a reason, or change what it does:
        # reconcile, rename, recompute, backfill, custom, delete. Then see what would happen:
        #   metalith migrations apply 19700101-000000-refactor --dry-run
        id: "19700101-000000-refactor"
        project: "test"
        from: "BEFORE"
        to: "TODAY"
        steps:
          # field `frames`: code version 1 -> 2
          - feature: "video/crop"
            operation: reconcile
            reason: ""
          # upstream `video/crop.frames`
          - feature: "video/face"
            operation: reconcile
            reason: ""
          # upstream `video/crop.frames`
          - feature: "video/face"
            operation: rename
            from: "video/crop"
            reason: "a: b #c\n\"d\""
          # upstream `video/crop.frames`
          - feature: "video/face"
            operation: recompute
            reason: "a: b #c\n\"d\""
          # upstream `video/crop.frames`
          - feature: "video/face"
            operation: backfill
            set:
              "odd \"name\"": "'it''s: #5'"
            where: ["a = 1", "b = 2"]
            reason: "a: b #c\n\"d\""
          # upstream `video/crop.frames`
          - feature: "video/face"
            operation: delete
            where: []
            downstream: true
            reason: "a: b #c\n\"d\""
    "##]]
    .assert_eq(
        &text
            .replace(graph.snapshot_version(), "TODAY")
            .replace(&last(&store).await.snapshot.version, "BEFORE"),
    );
    assert_eq!(Migration::parse("m.yaml", &text).unwrap(), found.migration);
    let nothing = generate(&last(&store).await, &code("1"), "refactor", Timestamp::from_micros(0));
    assert_eq!(nothing.expect_err("nothing changed").code(), "migration.nothing-changed");
}

#[test]
fn files_that_say_something_wrong_are_refused() {
    let head = "id: a\nproject: p\nto: t\nsteps:\n  - feature: x\n    reason: r\n    operation: ";
    let refused = |text: &str| Migration::parse("m.yaml", text).expect_err("refused").to_string();
    let mut told = String::new();
    for text in [
        format!("{head}reconcil\n"),
        format!("{head}rename\n"),
        format!("{head}backfill\n    where: a\n"),
        format!("{head}reconcile\n    cascade: true\n"),
        format!("{head}delete\n    downstream: 7\n"),
        "id: ../../etc\nproject: p\nto: t\n".to_owned(),
        "id: a\nproject: p\n".to_owned(),
        "- a\n".to_owned(),
    ] {
        told.push_str(&refused(&text));
        told.push('\n');
    }
    expect![[r#"
        m.yaml:7:16: `reconcil` is no operation
        m.yaml:5:5: key `from` is missing
        m.yaml:5:5: key `set` is missing
        m.yaml:8:5: unknown key `cascade`
        m.yaml:5:5: key `where` is missing
        `../../etc` cannot be the name of a migration
        m.yaml:1:1: key `to` is missing
        m.yaml:1:1: this must be a table, but is a list
    "#]]
    .assert_eq(&told);
}
