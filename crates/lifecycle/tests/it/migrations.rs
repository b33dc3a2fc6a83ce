//! Code changes, and what had been computed is carried over, or not.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::arrow::{
    array::{AsArray as _, RecordBatch, StringArray},
    compute::cast,
    datatypes::{DataType, Field, Schema},
};
use futures::{FutureExt as _, future::BoxFuture};
use metalith_base::{FeatureKey, Timestamp};
use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    Context, audit,
    migrations::{
        Applied, ApplyRequest, Functions, Migration, MigrationError, Operation, RolledBack, Step,
        apply, generate, rollback,
    },
    snapshots::{self, Recorded},
};
use metalith_objects::ObjectPlaces;
use metalith_store::{
    DeletionMode, DeletionRequest, Execution, Frame, FunctionError, ResolveOptions, Rows, Store,
    WriteOptions,
};
use metalith_testkit::fixtures::{graph, key, memory_store, read, write};
use serde_json::{Value, json};

use crate::support::delta_store;

/// Videos, crops of them with code of a version, what is computed from those, and counts per show.
const GRAPH: &str = r#"
[[features]]
key = "video/raw"
id_columns = ["video"]
fields = ["frames"]

[[features]]
key = "video/crop"
id_columns = ["video"]
deps = ["video/raw"]
fields = [{ key = "frames", code_version = "CODE" }]

[[features]]
key = "video/face"
id_columns = ["face"]
deps = [{ feature = "video/crop", lineage = { expansion = { on = ["video"] } } }]
fields = ["faces"]
"#;

const FEATURES: [(&str, &str); 3] =
    [("video/raw", "video"), ("video/crop", "video"), ("video/face", "face")];

pub(crate) fn code(version: &str) -> FeatureGraph {
    graph(&GRAPH.replace("CODE", version))
}

pub(crate) fn videos(ids: &[(&str, &str)]) -> Value {
    let row = |(id, version): &(&str, &str)| json!({ "video": id, "show": "s", "metaxy_provenance_by_field": { "frames": version } });
    ids.iter().map(row).collect()
}

pub(crate) async fn work_off(store: &Store, graph: &FeatureGraph, feature: &str) -> usize {
    let found = store.resolve(graph, &key(feature), ResolveOptions::default()).await.unwrap();
    let mut written = 0;
    for frame in [found.new, found.stale] {
        written += frame.rows();
        for batch in metalith_testkit::rows_to_json(&frame.batches) {
            let mut row: serde_json::Map<String, Value> = batch.into_iter().collect();
            row.insert("note".to_owned(), json!("by hand"));
            let video = row["video"].as_str().unwrap().to_owned();
            let several = if feature == "video/face" { 2 } else { 1 };
            let written: Vec<Value> = (0..several)
                .map(|number| {
                    let mut row = row.clone();
                    if feature == "video/face" {
                        row.insert("face".to_owned(), json!(format!("{video}-{number}")));
                    }
                    Value::Object(row)
                })
                .collect();
            write(store, graph, feature, &Value::Array(written)).await.unwrap();
        }
    }
    written
}

/// Three videos worked off under the first code, whose graph is recorded.
pub(crate) async fn worked_off(store: &Store) {
    let graph = code("1");
    write(store, &graph, "video/raw", &videos(&[("a", "1"), ("b", "1"), ("c", "1")]))
        .await
        .unwrap();
    work_off(store, &graph, "video/crop").await;
    work_off(store, &graph, "video/face").await;
    snapshots::push(store, &graph, "test", &BTreeMap::new()).await.unwrap();
}

pub(crate) async fn last(store: &Store) -> Recorded {
    snapshots::find(store, "test", "latest").await.unwrap()
}

/// The migration from what was pushed to a graph, with reasons.
pub(crate) async fn migration(store: &Store, graph: &FeatureGraph) -> Migration {
    let found = generate(&last(store).await, graph, "refactor", Timestamp::from_micros(0)).unwrap();
    let mut migration = found.migration;
    migration.steps.iter_mut().for_each(|step| step.reason = "it computes the same".to_owned());
    migration
}

pub(crate) async fn run(
    store: &Store,
    graph: &FeatureGraph,
    migration: &Migration,
    execution: Execution,
) -> Result<Applied, MigrationError> {
    let places = ObjectPlaces::default();
    let context = Context { store, graph, places: &places, space: None };
    let functions: Option<&dyn Functions> = Some(&Shouting);
    let request = ApplyRequest { project: "test", migration, execution, functions };
    apply(context, request, |_, _| {}).await
}

/// A project whose functions add a `!` to every note, and do what their name says besides.
#[derive(Debug)]
struct Shouting;

impl Functions for Shouting {
    fn call(
        &self,
        name: &str,
        _feature: &FeatureKey,
        samples: Frame,
    ) -> BoxFuture<'_, Result<Frame, FunctionError>> {
        let answer = match name {
            "fixes:shout" => Ok(shouted(&samples)),
            "fixes:twice" => {
                let mut answer = shouted(&samples);
                answer.batches.extend(answer.batches.clone());
                Ok(answer)
            }
            other => Err(format!("there is no `{other}`").into()),
        };
        async { answer }.boxed()
    }
}

pub(crate) fn shouted(samples: &Frame) -> Frame {
    let id = samples.schema.field_with_name("video").unwrap().clone();
    let schema = Arc::new(Schema::new(vec![id, Field::new("note", DataType::Utf8, true)]));
    let batches = samples.batches.iter().map(|batch| {
        let note = cast(batch.column_by_name("note").unwrap(), &DataType::Utf8).unwrap();
        let note: StringArray =
            note.as_string::<i32>().iter().map(|note| Some(format!("{}!", note?))).collect();
        let columns = vec![Arc::clone(batch.column_by_name("video").unwrap()), Arc::new(note) as _];
        RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
    });
    let batches = batches.collect();
    Frame { schema, batches }
}

pub(crate) fn custom(run: &str, filters: &[&str]) -> Operation {
    let filters = filters.iter().map(|it| (*it).to_owned()).collect();
    Operation::Custom { run: run.to_owned(), filters }
}

pub(crate) async fn take_back(
    store: &Store,
    graph: &FeatureGraph,
    id: &str,
) -> Result<RolledBack, MigrationError> {
    let places = ObjectPlaces::default();
    rollback(Context { store, graph, places: &places, space: None }, id).await
}

/// What an apply did, one line a step.
pub(crate) fn told(applied: &Applied) -> Vec<String> {
    let line = |step: &metalith_lifecycle::migrations::StepOutcome| {
        let samples = step.figures.samples.map_or_else(|| "?".to_owned(), |it| it.to_string());
        format!(
            "{} {} {}: {samples}, {} there, {} left",
            step.operation,
            step.feature,
            step.state.name(),
            step.figures.already,
            step.figures.left
        )
    };
    applied.steps.iter().map(line).collect()
}

/// New, stale and orphaned samples of a feature.
pub(crate) async fn open(
    store: &Store,
    graph: &FeatureGraph,
    feature: &str,
) -> (usize, usize, usize) {
    let found = store.resolve(graph, &key(feature), ResolveOptions::default()).await.unwrap();
    (found.new.rows(), found.stale.rows(), found.orphaned.rows())
}

pub(crate) async fn stores() -> [Store; 2] {
    [memory_store().await, delta_store().await]
}

#[tokio::test]
async fn what_was_computed_is_carried_over_and_nothing_is_to_do() {
    for store in stores().await {
        worked_off(&store).await;
        let graph = code("2");
        assert_eq!(open(&store, &graph, "video/crop").await, (3, 0, 0));
        let migration = migration(&store, &graph).await;
        let planned = run(&store, &graph, &migration, Execution::DryRun).await.unwrap();
        assert_eq!(
            told(&planned),
            [
                "reconcile video/crop planned: 3, 0 there, 0 left",
                "reconcile video/face planned: 6, 0 there, 0 left"
            ]
        );
        assert_eq!(open(&store, &graph, "video/crop").await, (3, 0, 0), "nothing was done");

        let done = run(&store, &graph, &migration, Execution::Apply).await.unwrap();
        assert_eq!(
            told(&done),
            [
                "reconcile video/crop done: 3, 0 there, 0 left",
                "reconcile video/face done: 6, 0 there, 0 left"
            ]
        );
        for (feature, _) in &FEATURES[1..] {
            assert_eq!(open(&store, &graph, feature).await, (0, 0, 0), "{feature}");
        }
        let kept = read(&store, &graph, "video/crop", &["video", "note"]).await;
        assert_eq!(kept, ["a by hand", "b by hand", "c by hand"]);
        assert_eq!(read(&store, &code("1"), "video/crop", &["video"]).await.len(), 3);

        let again = run(&store, &graph, &migration, Execution::Apply).await.unwrap();
        assert!(told(&again).iter().all(|line| line.contains("was done")), "{again:?}");
        assert_eq!(store.status(&graph, &key("video/crop")).await.unwrap().rows, 6);
        assert_eq!(audit::verify(&store).await.unwrap().findings, []);
    }
}

#[tokio::test]
async fn what_was_not_in_order_is_still_to_be_computed() {
    for store in stores().await {
        worked_off(&store).await;
        let old = code("1");
        // One video changed, one is gone, one is new: none of that has been worked off.
        write(&store, &old, "video/raw", &videos(&[("a", "2"), ("d", "1")])).await.unwrap();
        let gone = vec![metalith_expr::parse("video = 'b'").unwrap()];
        let gone = DeletionRequest::new(DeletionMode::Soft, gone);
        store.delete(&old, &key("video/raw"), &gone).await.unwrap();
        assert_eq!(open(&store, &old, "video/crop").await, (1, 1, 1));

        let graph = code("2");
        let migration = migration(&store, &graph).await;
        let done = run(&store, &graph, &migration, Execution::Apply).await.unwrap();
        assert_eq!(
            told(&done),
            [
                "reconcile video/crop done: 1, 0 there, 2 left",
                "reconcile video/face done: 2, 0 there, 4 left"
            ]
        );
        assert_eq!(open(&store, &graph, "video/crop").await, (2, 0, 0), "a and d, and not c");
        assert_eq!(read(&store, &graph, "video/face", &["face"]).await, ["c-0", "c-1"]);
    }
}

#[tokio::test]
async fn what_the_newer_code_made_already_stays_as_it_is() {
    let store = memory_store().await;
    worked_off(&store).await;
    let graph = code("2");
    let found = store.resolve(&graph, &key("video/crop"), ResolveOptions::default()).await.unwrap();
    let first = found.new.batches[0].slice(0, 2);
    let first = Rows::from_batch(first);
    store.write(&graph, &key("video/crop"), first, &WriteOptions::default()).await.unwrap();
    let one = read(&store, &graph, "video/crop", &["video"]).await[0].clone();
    let deleted = vec![metalith_expr::parse(&format!("video = '{one}'")).unwrap()];
    let deleted = DeletionRequest::new(DeletionMode::Soft, deleted);
    store.delete(&graph, &key("video/crop"), &deleted).await.unwrap();

    let migration = migration(&store, &graph).await;
    let done = run(&store, &graph, &migration, Execution::Apply).await.unwrap();
    assert_eq!(told(&done)[0], "reconcile video/crop done: 1, 2 there, 0 left");
    let crops = read(&store, &graph, "video/crop", &["video", "note"]).await;
    assert_eq!(crops.len(), 2, "what was deleted does not come back: {crops:?}");
    assert!(crops.iter().any(|it| it.ends_with("null")), "what was computed stays: {crops:?}");
}

#[tokio::test]
async fn data_versions_that_a_user_gave_stay_and_others_follow() {
    let store = memory_store().await;
    let old = code("1");
    write(&store, &old, "video/raw", &videos(&[("a", "1"), ("b", "1")])).await.unwrap();
    let found = store.resolve(&old, &key("video/crop"), ResolveOptions::default()).await.unwrap();
    let mut crops: Vec<Value> = Vec::new();
    for row in metalith_testkit::rows_to_json(&found.new.batches) {
        let mut row: serde_json::Map<String, Value> = row.into_iter().collect();
        row.remove("metaxy_data_version");
        row.remove("metaxy_data_version_by_field");
        if row["video"] == "a" {
            row.insert("metaxy_data_version_by_field".to_owned(), json!({ "frames": "mine" }));
        }
        crops.push(row.into());
    }
    for crop in crops {
        write(&store, &old, "video/crop", &json!([crop])).await.unwrap();
    }
    snapshots::push(&store, &old, "test", &BTreeMap::new()).await.unwrap();
    let graph = code("2");
    let migration = migration(&store, &graph).await;
    // The faces have no table yet, and nothing to carry over.
    let done = run(&store, &graph, &migration, Execution::Apply).await.unwrap();
    assert_eq!(told(&done)[1], "reconcile video/face done: 0, 0 there, 0 left");
    let columns = ["video", "metaxy_data_version_by_field", "metaxy_provenance_by_field"];
    let rows = read(&store, &graph, "video/crop", &columns).await;
    assert!(rows[0].starts_with(r#"a {"frames":"mine"} {"frames":"#), "{rows:?}");
    let (data, provenance) = rows[1].trim_start_matches("b ").split_once(' ').unwrap();
    assert_eq!(data, provenance);
}

/// The first code, in which crops are called clips.
pub(crate) fn renamed() -> FeatureGraph {
    graph(&GRAPH.replace("CODE", "1").replace("video/crop", "video/clip"))
}

#[tokio::test]
async fn a_feature_is_renamed_with_what_it_has() {
    for store in stores().await {
        worked_off(&store).await;
        let graph = renamed();
        let recorded = last(&store).await;
        let mut found =
            generate(&recorded, &graph, "rename", Timestamp::from_micros(0)).unwrap().migration;
        let steps: Vec<_> = found.steps.iter().map(|it| it.feature.to_string()).collect();
        assert_eq!(steps, ["video/face"], "a new feature needs no migration by itself");
        found.steps[0].reason = "it computes the same".to_owned();
        found.steps.insert(
            0,
            Step {
                feature: key("video/clip"),
                operation: Operation::Rename { from: key("video/crop") },
                reason: "a better name".to_owned(),
            },
        );
        let done = run(&store, &graph, &found, Execution::Apply).await.unwrap();
        assert_eq!(
            told(&done),
            [
                "rename video/clip done: 3, 0 there, 0 left",
                "reconcile video/face done: 6, 0 there, 0 left"
            ]
        );
        assert_eq!(open(&store, &graph, "video/clip").await, (0, 0, 0));
        assert_eq!(open(&store, &graph, "video/face").await, (0, 0, 0));
        take_back(&store, &graph, &found.id).await.unwrap();
        assert_eq!(open(&store, &graph, "video/clip").await, (3, 0, 0));
    }
}

pub(crate) fn by_hand(graph: &FeatureGraph, steps: Vec<(&str, Operation)>) -> Migration {
    let step = |(feature, operation): (&str, Operation)| Step {
        feature: key(feature),
        operation,
        reason: "because".to_owned(),
    };
    Migration {
        id: "by-hand".to_owned(),
        project: "test".to_owned(),
        from: None,
        to: graph.snapshot_version().to_owned(),
        steps: steps.into_iter().map(step).collect(),
    }
}

pub(crate) fn backfill(set: &[(&str, &str)], filters: &[&str]) -> Operation {
    Operation::Backfill {
        set: set.iter().map(|(name, expr)| ((*name).to_owned(), (*expr).to_owned())).collect(),
        filters: filters.iter().map(|it| (*it).to_owned()).collect(),
    }
}

#[tokio::test]
async fn columns_are_filled_and_versions_stay() {
    for store in stores().await {
        worked_off(&store).await;
        let graph = code("1");
        let fill = backfill(
            &[("length", "length(note) + 1"), ("note", "note || '!'"), ("fresh", "video = 'a'")],
            &["video <> 'c'"],
        );
        let migration = by_hand(&graph, vec![("video/crop", fill)]);
        let planned = run(&store, &graph, &migration, Execution::DryRun).await.unwrap();
        assert_eq!(told(&planned), ["backfill video/crop planned: 2, 0 there, 0 left"]);
        let done = run(&store, &graph, &migration, Execution::Apply).await.unwrap();
        assert_eq!(told(&done), ["backfill video/crop done: 2, 0 there, 0 left"]);
        let columns = ["video", "note", "length", "fresh"];
        assert_eq!(
            read(&store, &graph, "video/crop", &columns).await,
            ["a by hand! 8 true", "b by hand! 8 false", "c by hand null null"]
        );
        assert_eq!(open(&store, &graph, "video/crop").await, (0, 0, 0));
        assert_eq!(open(&store, &graph, "video/face").await, (0, 0, 0));
        // Not a sample more than changes.
        let mut again =
            by_hand(&graph, vec![("video/crop", backfill(&[("fresh", "video = 'a'")], &[]))]);
        again.id = "again".to_owned();
        let done = run(&store, &graph, &again, Execution::Apply).await.unwrap();
        assert_eq!(told(&done), ["backfill video/crop done: 1, 0 there, 0 left"]);
        take_back(&store, &graph, "again").await.unwrap();
        take_back(&store, &graph, "by-hand").await.unwrap();
        let columns = ["video", "note", "length"];
        assert_eq!(
            read(&store, &graph, "video/crop", &columns).await,
            ["a by hand null", "b by hand null", "c by hand null"]
        );
    }
}

#[tokio::test]
async fn a_function_says_what_columns_become() {
    for store in stores().await {
        worked_off(&store).await;
        let graph = code("1");
        let shout = custom("fixes:shout", &["video <> 'c'"]);
        let migration = by_hand(&graph, vec![("video/crop", shout)]);
        let planned = run(&store, &graph, &migration, Execution::DryRun).await.unwrap();
        assert_eq!(told(&planned), ["custom video/crop planned: 2, 0 there, 0 left"]);
        for state in ["done", "was done"] {
            let done = run(&store, &graph, &migration, Execution::Apply).await.unwrap();
            assert_eq!(told(&done), [format!("custom video/crop {state}: 2, 0 there, 0 left")]);
            let notes = read(&store, &graph, "video/crop", &["video", "note"]).await;
            assert_eq!(notes, ["a by hand!", "b by hand!", "c by hand"]);
        }
        assert_eq!(open(&store, &graph, "video/face").await, (0, 0, 0));
        take_back(&store, &graph, "by-hand").await.unwrap();
        let notes = read(&store, &graph, "video/crop", &["video", "note"]).await;
        assert_eq!(notes, ["a by hand", "b by hand", "c by hand"]);
    }
}

#[tokio::test]
async fn a_function_that_fails_changes_nothing() {
    for store in stores().await {
        worked_off(&store).await;
        let graph = code("1");
        for (name, why) in
            [("fixes:absent", "there is no `fixes:absent`"), ("fixes:twice", "a sample twice")]
        {
            let migration = by_hand(&graph, vec![("video/crop", custom(name, &[]))]);
            let refused = run(&store, &graph, &migration, Execution::Apply).await.unwrap_err();
            assert!(refused.to_string().contains(why), "{refused}");
        }
        let notes = read(&store, &graph, "video/crop", &["note"]).await;
        assert_eq!(notes, ["by hand", "by hand", "by hand"]);

        // Nobody is there who could call it.
        let places = ObjectPlaces::default();
        let context = Context { store: &store, graph: &graph, places: &places, space: None };
        let migration = by_hand(&graph, vec![("video/crop", custom("fixes:shout", &[]))]);
        let (migration, execution) = (&migration, Execution::DryRun);
        let request = ApplyRequest { project: "test", migration, execution, functions: None };
        let refused = apply(context, request, |_, _| {}).await.unwrap_err();
        assert!(refused.to_string().contains("`fixes:shout` is a function in Python"), "{refused}");
    }
}

#[tokio::test]
async fn samples_are_deleted_and_come_back_with_a_rollback() {
    for store in stores().await {
        worked_off(&store).await;
        let graph = code("1");
        let delete =
            Operation::Delete { filters: vec!["video = 'a'".to_owned()], downstream: true };
        let fill = backfill(&[("note", "'changed'")], &[]);
        let migration = by_hand(&graph, vec![("video/crop", fill), ("video/crop", delete)]);
        let done = run(&store, &graph, &migration, Execution::Apply).await.unwrap();
        assert_eq!(
            told(&done),
            [
                "backfill video/crop done: 3, 0 there, 0 left",
                "delete video/crop done: 3, 0 there, 0 left"
            ]
        );
        assert_eq!(read(&store, &graph, "video/face", &["face"]).await.len(), 4);
        let done = take_back(&store, &graph, "by-hand").await.unwrap();
        assert_eq!(done.steps[0], (key("video/crop"), 3));
        assert_eq!(read(&store, &graph, "video/face", &["face"]).await.len(), 6);
        let crops = read(&store, &graph, "video/crop", &["video", "note"]).await;
        assert_eq!(crops, ["a by hand", "b by hand", "c by hand"]);
    }
}
