//! What a dep declares about deletions: cascade, restrict, set to NULL, nothing.

use metalith_base::{Diagnostic as _, Kind};
use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    deletion::{Blocker, Cascade, DeletionError, RestoreMode, list},
    holds,
};
use metalith_store::{DeletionMode, Store};
use metalith_testkit::fixtures::{graph, key, memory_store, read, read_with, write};
use serde_json::{Value, json};

use crate::support::{apply, bring_back, delete, delta_store, make, request};

/// Jobs made datasets, which have samples; models use datasets, many of each, through a link.
const REGISTRY: &str = r#"
[[features]]
key = "job"
id_columns = ["job_id"]

[[features]]
key = "dataset"
id_columns = ["dataset_id"]
[[features.deps]]
feature = "job"
optional = true
rename = { job_id = "created_by_job_id", name = "job_name" }
lineage = { expansion = { on = ["created_by_job_id"] } }
on_delete = "set_null"

[[features]]
key = "sample"
id_columns = ["sample_id"]
[[features.deps]]
feature = "dataset"
rename = { name = "dataset_name" }
lineage = { expansion = { on = ["dataset_id"] } }
on_delete = "cascade"

[[features]]
key = "model"
id_columns = ["model_id"]

[[features]]
key = "usage"
id_columns = ["model_id", "dataset_id"]
[[features.deps]]
feature = "model"
rename = { name = "model_name" }
lineage = { expansion = { on = ["model_id"] } }
on_delete = "cascade"
[[features.deps]]
feature = "dataset"
rename = { name = "dataset_name" }
lineage = { expansion = { on = ["dataset_id"] } }
on_delete = { restrict = { when = "is_active", label = "name" } }
"#;

async fn add(store: &Store, graph: &FeatureGraph, feature: &str, rows: &[Value]) {
    let rows: Value = rows
        .iter()
        .map(|row| {
            let mut row = row.clone();
            row["metaxy_provenance_by_field"] = json!({ "default": "made" });
            row
        })
        .collect();
    write(store, graph, feature, &rows).await.unwrap();
}

/// Three datasets of two jobs; `loc_v1` uses all of them, `loc_v2` the first, `old` the third.
async fn registry(store: Store) -> (Store, FeatureGraph) {
    let graph = graph(REGISTRY);
    let job = |id: &str| json!({ "job_id": id, "name": format!("job {id}") });
    let dataset = |id: &str, job: &str| json!({ "dataset_id": id, "name": format!("set {id}"), "created_by_job_id": job });
    let model = |id: &str, active: bool| json!({ "model_id": id, "name": id, "is_active": active });
    let usage = |model: &str, set: &str| json!({ "model_id": model, "dataset_id": set });
    let sample = |id: i64, set: &str| json!({ "sample_id": id, "dataset_id": set });
    add(&store, &graph, "job", &[job("j1"), job("j2")]).await;
    let datasets = [dataset("a", "j1"), dataset("b", "j1"), dataset("c", "j2"), dataset("d", "j2")];
    add(&store, &graph, "dataset", &datasets).await;
    let samples = [sample(1, "a"), sample(2, "a"), sample(3, "d"), sample(4, "c")];
    add(&store, &graph, "sample", &samples).await;
    let models = [model("loc_v1", true), model("loc_v2", true), model("old", false)];
    add(&store, &graph, "model", &models).await;
    let usages = [
        usage("loc_v1", "a"),
        usage("loc_v1", "b"),
        usage("loc_v1", "c"),
        usage("loc_v2", "a"),
        usage("old", "c"),
        usage("old", "d"),
    ];
    add(&store, &graph, "usage", &usages).await;
    (store, graph)
}

#[tokio::test]
async fn every_reference_of_an_active_model_protects() {
    let (store, graph) = registry(memory_store().await).await;
    for mode in [DeletionMode::Soft, DeletionMode::Hard] {
        for cascade in Cascade::ALL {
            let request = request("dataset", mode, "dataset_id = 'a'", cascade);
            let plan = make(&store, &graph, &request).await.unwrap();
            let error = apply(plan, &store, &graph).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Blocked);
            assert_eq!(
                error.to_string(),
                "Cannot delete dataset 'set a': it is currently used by 2 active model(s): \
                 loc_v1, loc_v2"
            );
            assert_eq!(error.hint().unwrap(), "Please deactivate or delete these models first");
        }
    }
    for (dataset, blockers) in [("b", 1), ("c", 1), ("d", 0)] {
        let filter = format!("dataset_id = '{dataset}'");
        let request = request("dataset", DeletionMode::Soft, &filter, Cascade::None);
        let plan = make(&store, &graph, &request).await.unwrap();
        assert_eq!(plan.blockers().len(), blockers, "{dataset}");
    }
    assert_eq!(read(&store, &graph, "dataset", &["dataset_id"]).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn one_protected_dataset_stops_the_whole_deletion() {
    let (store, graph) = registry(memory_store().await).await;
    let all = request("dataset", DeletionMode::Hard, "TRUE", Cascade::Downstream);
    let plan = make(&store, &graph, &all).await.unwrap();
    let told: Vec<String> = plan.blockers().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    apply(plan, &store, &graph).await.unwrap_err();
    assert_eq!(read(&store, &graph, "dataset", &["dataset_id"]).await, ["a", "b", "c", "d"]);
    assert_eq!(read(&store, &graph, "sample", &["sample_id"]).await, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_deactivated_model_protects_no_more_and_samples_go_with_their_dataset() {
    for store in [memory_store().await, delta_store().await] {
        let (store, graph) = registry(store).await;
        let off = [json!({ "model_id": "loc_v1", "name": "loc_v1", "is_active": false })];
        add(&store, &graph, "model", &off).await;
        let one = request("dataset", DeletionMode::Hard, "dataset_id = 'c'", Cascade::None);
        let done = delete(&store, &graph, &one).await;
        let told: Vec<String> =
            done.steps.iter().map(|it| format!("{} {}", it.feature, it.samples)).collect();
        assert_eq!(told, ["sample 1", "dataset 1"]);
        assert_eq!(read(&store, &graph, "sample", &["sample_id"]).await, ["1", "2", "3"]);
        // A restrict dep takes nobody along: the link of the old model dangles, as it said.
        assert_eq!(read(&store, &graph, "usage", &["model_id"]).await.len(), 6);
    }
}

#[tokio::test]
async fn a_model_may_go_with_its_links() {
    let (store, graph) = registry(memory_store().await).await;
    let model = request("model", DeletionMode::Soft, "model_id = 'loc_v1'", Cascade::None);
    delete(&store, &graph, &model).await;
    let left = read(&store, &graph, "usage", &["model_id", "dataset_id"]).await;
    assert_eq!(left, ["loc_v2 a", "old c", "old d"]);
}

#[tokio::test]
async fn a_dataset_lets_go_of_its_job_and_takes_it_up_again() {
    for store in [memory_store().await, delta_store().await] {
        let (store, graph) = registry(store).await;
        let columns = ["dataset_id", "created_by_job_id"];
        let before = read(&store, &graph, "dataset", &columns).await;
        let job = request("job", DeletionMode::Soft, "job_id = 'j1'", Cascade::None);
        let done = delete(&store, &graph, &job).await;
        let told: Vec<String> = done
            .steps
            .iter()
            .map(|it| format!("{} {} {}", it.action.name(), it.feature, it.samples))
            .collect();
        assert_eq!(told, ["set_null dataset 2", "delete job 1"]);
        assert_eq!(
            read(&store, &graph, "dataset", &columns).await,
            ["a null", "b null", "c j2", "d j2"]
        );
        // Written again meanwhile: what is newer stands.
        let newer = [json!({ "dataset_id": "b", "name": "set b", "created_by_job_id": "j2" })];
        add(&store, &graph, "dataset", &newer).await;
        let back = bring_back(&store, &graph, &done.id, RestoreMode::Apply).await.unwrap();
        let told: Vec<String> = back
            .iter()
            .map(|it| format!("{} {} {}", it.feature, it.receipt.samples, it.reattached))
            .collect();
        assert_eq!(told, ["job 1 0", "dataset 0 1"]);
        assert_eq!(
            read(&store, &graph, "dataset", &columns).await,
            ["a j1", "b j2", "c j2", "d j2"]
        );
        assert_eq!(before[0], "a j1");
    }
}

#[tokio::test]
async fn no_action_stays_behind_whatever_is_asked() {
    let text = r#"
[[features]]
key = "up"
id_columns = ["id"]
[[features]]
key = "loose"
id_columns = ["id"]
deps = [{ feature = "up", on_delete = "no_action" }]
[[features]]
key = "bound"
id_columns = ["id"]
deps = [{ feature = "up" }]
"#;
    let (store, graph) = (memory_store().await, graph(text));
    for feature in ["up", "loose", "bound"] {
        add(&store, &graph, feature, &[json!({ "id": 1 })]).await;
    }
    let all = request("up", DeletionMode::Soft, "id = 1", Cascade::Downstream);
    let done = delete(&store, &graph, &all).await;
    let stale: Vec<(String, u64, u64)> =
        done.steps.iter().map(|it| (it.feature.to_string(), it.samples, it.stale)).collect();
    assert!(stale.contains(&("loose".to_owned(), 0, 1)), "{stale:?}");
    assert!(stale.contains(&("bound".to_owned(), 1, 0)), "{stale:?}");
    assert_eq!(read(&store, &graph, "loose", &["id"]).await, ["1"]);
}

#[tokio::test]
async fn tombstones_say_who_and_why() {
    let (store, graph) = registry(memory_store().await).await;
    let mut one = request("model", DeletionMode::Soft, "model_id = 'old'", Cascade::None);
    one.reason = Some("retired".to_owned());
    let done = delete(&store, &graph, &one).await;
    let everything = metalith_store::ReadOptions { include_deleted: true, ..Default::default() };
    let columns = ["model_id", "metalith_deletion_id", "metalith_deletion_reason"];
    let options = metalith_store::ReadOptions {
        columns: Some(columns.map(str::to_owned).to_vec()),
        ..everything
    };
    let rows = read_with(&store, &graph, "model", &columns, &options).await;
    assert!(rows.contains(&format!("old {} retired", done.id)), "{rows:?}");
}

#[tokio::test]
async fn only_the_reference_to_what_is_gone_is_let_go() {
    let text = r#"
[[features]]
key = "a"
id_columns = ["a"]
[[features]]
key = "b"
id_columns = ["b"]
deps = [{ feature = "a", lineage = { expansion = { on = ["a"] } } }]
[[features]]
key = "both"
id_columns = ["id"]
[[features.deps]]
feature = "a"
select = []
rename = { a = "a_id" }
lineage = { expansion = { on = ["a_id"] } }
on_delete = "set_null"
[[features.deps]]
feature = "b"
select = []
rename = { b = "b_id" }
lineage = { expansion = { on = ["b_id"] } }
on_delete = "set_null"
"#;
    let (store, graph) = (memory_store().await, graph(text));
    add(&store, &graph, "a", &[json!({ "a": 1 }), json!({ "a": 2 })]).await;
    add(&store, &graph, "b", &[json!({ "b": 1, "a": 2 }), json!({ "b": 9, "a": 1 })]).await;
    let both =
        [json!({ "id": "s1", "a_id": 1, "b_id": 1 }), json!({ "id": "s2", "a_id": 2, "b_id": 9 })];
    add(&store, &graph, "both", &both).await;
    let one = request("a", DeletionMode::Soft, "a = 1", Cascade::Downstream);
    let done = delete(&store, &graph, &one).await;
    let columns = ["id", "a_id", "b_id"];
    assert_eq!(read(&store, &graph, "both", &columns).await, ["s1 null 1", "s2 2 null"]);
    bring_back(&store, &graph, &done.id, RestoreMode::Apply).await.unwrap();
    assert_eq!(read(&store, &graph, "both", &columns).await, ["s1 1 1", "s2 2 9"]);
}

#[tokio::test]
async fn an_interrupted_restore_gives_references_back_when_it_is_repeated() {
    let (store, graph) = registry(memory_store().await).await;
    let job = request("job", DeletionMode::Soft, "job_id = 'j1'", Cascade::None);
    let done = delete(&store, &graph, &job).await;
    // The first half of a restore: the job is back, its datasets do not refer to it yet.
    let by_id = metalith_store::RestoreRequest {
        deletion: Some(done.id.clone()),
        ..metalith_store::RestoreRequest::default()
    };
    store.restore(&graph, &key("job"), &by_id).await.unwrap();
    bring_back(&store, &graph, &done.id, RestoreMode::Apply).await.unwrap();
    let columns = ["dataset_id", "created_by_job_id"];
    let datasets = read(&store, &graph, "dataset", &columns).await;
    assert_eq!(datasets, ["a j1", "b j1", "c j2", "d j2"]);
}

#[tokio::test]
async fn a_hold_by_an_upstreams_column_holds_whatever_the_dep_says() {
    let (store, graph) = registry(memory_store().await).await;
    // `usage` refers to datasets by a dep that refuses, and `dataset` has the column.
    let filters = [metalith_expr::parse("created_by_job_id = 'j1'").unwrap()];
    let placed = holds::add(&store, &graph, &key("usage"), &filters, None).await.unwrap();
    assert_eq!(placed.1, 3, "the uses of datasets a and b");
    let one = request("usage", DeletionMode::Hard, "dataset_id = 'b'", Cascade::None);
    assert_eq!(make(&store, &graph, &one).await.unwrap().blockers().len(), 1);
}

#[tokio::test]
async fn who_begins_to_use_something_between_plan_and_deletion_is_seen() {
    for store in [memory_store().await, delta_store().await] {
        let (store, graph) = registry(store).await;
        let hard = request("dataset", DeletionMode::Hard, "dataset_id = 'd'", Cascade::None);
        let plan = make(&store, &graph, &hard).await.unwrap();
        assert!(plan.blockers().is_empty());
        // Two that have one name.
        for id in ["m1", "m2"] {
            let model = json!({ "model_id": id, "name": "late", "is_active": true });
            add(&store, &graph, "model", &[model]).await;
            add(&store, &graph, "usage", &[json!({ "model_id": id, "dataset_id": "d" })]).await;
        }
        let refused = apply(plan, &store, &graph).await.unwrap_err();
        let DeletionError::Blocked { blockers } = refused else { panic!("{refused}") };
        let [Blocker::Reference(reference)] = blockers.as_slice() else { panic!("{blockers:?}") };
        assert_eq!(
            (reference.samples, reference.names.as_slice()),
            (2, &["late", "late"].map(str::to_owned)[..])
        );
        let told = list(&store).await.unwrap();
        assert_eq!(told.iter().map(|it| it.state.name()).collect::<Vec<_>>(), ["blocked"]);
        let left = read(&store, &graph, "dataset", &["dataset_id"]).await;
        assert!(left.contains(&"d".to_owned()), "{left:?}");
    }
}
