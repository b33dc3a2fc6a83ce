//! Only what is provably in order is carried over: whatever was changed, in whatever order, no sample
//! passes for one that was computed from something else than it was.

use std::{collections::BTreeMap, sync::Arc};

use metalith_base::{Diagnostic as _, Timestamp};
use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    migrations::{Migration, MigrationError, generate},
    snapshots,
};
use metalith_store::{
    CarryReceipt, CarryRequest, DeletionMode, DeletionRequest, Execution, HashAlgorithm,
    HashSettings, Mark, MemoryBackend, OpenOptions, ReadOptions, Store,
};
use metalith_testkit::fixtures::{graph, key, memory_store, read, read_with, write};
use serde_json::{Value, json};

use crate::migrations::{last, open, run, stores, told, videos, work_off};

/// Videos, crops of them, faces found in each, and what is made of all crops of a show.
const GRAPH: &str = r#"
[[features]]
key = "video/raw"
id_columns = ["video"]
fields = [{ key = "frames", code_version = "RAW" }FIELDS]

[[features]]
key = "video/crop"
id_columns = ["video"]
deps = ["video/raw"]
fields = [{ key = "frames", code_version = "CROP" }]

[[features]]
key = "video/face"
id_columns = ["face"]
deps = [{ feature = "video/crop", lineage = { expansion = { on = ["video"] } } }]
fields = ["faces"]

[[features]]
key = "video/show"
id_columns = ["show"]
deps = [{ feature = "video/crop", lineage = { aggregation = { on = ["show"] } } }]
fields = ["all"]
"#;

fn code(raw: &str, crop: &str) -> FeatureGraph {
    graph(&GRAPH.replace("RAW", raw).replace("CROP", crop).replace("FIELDS", ""))
}

/// Two shows with two videos each, worked off under the first code, whose graph is recorded.
async fn worked_off(store: &Store) {
    let graph = code("1", "1");
    let raw = |id: &str, show: &str| json!({ "video": id, "show": show, "metaxy_provenance_by_field": { "frames": "1" } });
    let raw = json!([raw("a", "s"), raw("b", "s"), raw("c", "t"), raw("d", "t")]);
    write(store, &graph, "video/raw", &raw).await.unwrap();
    for feature in ["video/crop", "video/face", "video/show"] {
        work_off(store, &graph, feature).await;
        assert_eq!(open(store, &graph, feature).await, (0, 0, 0), "{feature}");
    }
    snapshots::push(store, &graph, "test", &BTreeMap::new()).await.unwrap();
}

async fn migration(store: &Store, graph: &FeatureGraph, name: &str) -> Migration {
    let found = generate(&last(store).await, graph, name, Timestamp::from_micros(0)).unwrap();
    let mut migration = found.migration;
    migration.steps.iter_mut().for_each(|step| step.reason = "it computes the same".to_owned());
    migration
}

async fn applied(store: &Store, graph: &FeatureGraph) -> Vec<String> {
    let migration = migration(store, graph, "refactor").await;
    told(&run(store, graph, &migration, Execution::Apply).await.unwrap())
}

/// A crop as the newer code computed it, with a data version of its own.
async fn compute_crop(store: &Store, graph: &FeatureGraph, video: &str, version: Option<&str>) {
    let old =
        read(store, &code("1", "1"), "video/crop", &["video", "metaxy_data_version_by_field"])
            .await
            .into_iter()
            .find_map(|it| Some(it.strip_prefix(&format!("{video} "))?.to_owned()));
    let same: Value = serde_json::from_str(&old.unwrap()).unwrap();
    let given = version.map_or(same, |version| json!({ "frames": version }));
    let expected =
        store.resolve(graph, &key("video/crop"), Default::default()).await.unwrap().new.batches;
    let mut row: serde_json::Map<String, Value> = metalith_testkit::rows_to_json(&expected)
        .into_iter()
        .find(|row| row["video"] == video)
        .unwrap()
        .into_iter()
        .collect();
    row.remove("metaxy_data_version");
    row.insert("metaxy_data_version_by_field".to_owned(), given);
    write(store, graph, "video/crop", &json!([row])).await.unwrap();
}

#[tokio::test]
async fn a_root_that_is_another_under_the_newer_code_keeps_what_is_computed_from_it_behind() {
    for store in stores().await {
        worked_off(&store).await;
        let graph = code("2", "1");
        let raw =
            json!([{ "video": "a", "show": "s", "metaxy_provenance_by_field": { "frames": "9" } }]);
        write(&store, &graph, "video/raw", &raw).await.unwrap();
        assert_eq!(
            applied(&store, &graph).await,
            [
                "reconcile video/raw done: 3, 1 there, 0 left",
                "reconcile video/crop done: 3, 0 there, 1 left",
                "reconcile video/face done: 6, 0 there, 2 left",
                "reconcile video/show done: 1, 0 there, 1 left",
            ]
        );
        assert_eq!(open(&store, &graph, "video/crop").await, (1, 0, 0), "a is to be computed");
        assert_eq!(read(&store, &graph, "video/crop", &["video"]).await, ["b", "c", "d"]);
        assert_eq!(read(&store, &graph, "video/show", &["show"]).await, ["t"]);
    }
}

#[tokio::test]
async fn a_sample_that_the_newer_code_made_otherwise_keeps_what_is_computed_from_it_behind() {
    for store in stores().await {
        worked_off(&store).await;
        let graph = code("1", "2");
        compute_crop(&store, &graph, "a", Some("other")).await;
        // This one says that it is what it was.
        compute_crop(&store, &graph, "c", None).await;
        assert_eq!(
            applied(&store, &graph).await,
            [
                "reconcile video/crop done: 2, 2 there, 0 left",
                "reconcile video/face done: 6, 0 there, 2 left",
                "reconcile video/show done: 1, 0 there, 1 left",
            ]
        );
        assert_eq!(open(&store, &graph, "video/face").await, (1, 0, 0));
        assert_eq!(read(&store, &graph, "video/show", &["show"]).await, ["t"]);
    }
}

async fn carry(store: &Store, graph: &FeatureGraph, feature: &str) -> CarryReceipt {
    let (from, renamed) = (code("1", "1"), BTreeMap::new());
    let mark = Mark::new("here/", feature);
    let execution = Execution::Apply;
    let request = CarryRequest { from: &from, renamed: &renamed, mark: &mark, execution };
    store.carry_over(graph, &key(feature), request).await.unwrap()
}

#[tokio::test]
async fn what_older_code_computes_meanwhile_is_not_taken_for_what_was_carried_over() {
    for store in stores().await {
        worked_off(&store).await;
        let (old, graph) = (code("1", "1"), code("1", "2"));
        let done = carry(&store, &graph, "video/crop").await;
        assert_eq!(done, CarryReceipt { carried: 4, already: 0, left: 0 });
        // Another video, worked off by the older code as far as the faces. They are in order, but
        // the crop that was carried over is of the video before.
        write(&store, &old, "video/raw", &videos(&[("a", "2")])).await.unwrap();
        work_off(&store, &old, "video/crop").await;
        work_off(&store, &old, "video/face").await;
        assert_eq!(open(&store, &old, "video/face").await, (0, 0, 0));
        let done = carry(&store, &graph, "video/face").await;
        assert_eq!(done, CarryReceipt { carried: 6, already: 0, left: 2 });
        assert_eq!(open(&store, &graph, "video/crop").await, (0, 1, 0));
        let faces = read(&store, &graph, "video/face", &["face"]).await;
        assert!(!faces.iter().any(|face| face.starts_with('a')), "{faces:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_computed_anew_carries_nothing() {
    let store = memory_store().await;
    worked_off(&store).await;
    let graph = code("1", "2");
    let mut migration = migration(&store, &graph, "refactor").await;
    migration.steps[0].operation = metalith_lifecycle::migrations::Operation::Recompute;
    for execution in [Execution::DryRun, Execution::Apply] {
        let refused = run(&store, &graph, &migration, execution).await.expect_err("refused");
        assert_eq!(
            refused.to_string(),
            format!(
                "step 2 of migration `{}`, reconcile `video/face`: it is computed from \
                 `video/crop`, which is not carried over",
                migration.id
            )
        );
    }
    assert_eq!(read(&store, &graph, "video/face", &["face"]).await, Vec::<String>::new());
}

#[tokio::test]
async fn definitions_with_too_little_in_common_are_refused_before_anything_is_done() {
    let store = memory_store().await;
    worked_off(&store).await;
    let text = GRAPH.replace("RAW", "1").replace("CROP", "1");
    let with_field = graph(&text.replace("FIELDS", r#", "sound""#));
    let of_raw = graph(&text.replace("FIELDS", "").replace(
        r#"deps = [{ feature = "video/crop", lineage = { expansion = { on = ["video"] } } }]"#,
        r#"deps = ["video/raw", { feature = "video/crop", lineage = { expansion = { on = ["video"] } } }]"#,
    ));
    let by_more = graph(
        &text
            .replace("FIELDS", "")
            .replace(r#"id_columns = ["face"]"#, r#"id_columns = ["face", "video"]"#)
            .replace(r#"["faces"]"#, r#"[{ key = "faces", code_version = "2" }]"#),
    );
    let mut refusals = Vec::new();
    for graph in [&with_field, &of_raw, &by_more] {
        let migration = migration(&store, graph, "refactor").await;
        for execution in [Execution::DryRun, Execution::Apply] {
            let refused = run(&store, graph, &migration, execution).await.expect_err("refused");
            refusals.push(refused.to_string().split_once(": ").unwrap().1.to_owned());
        }
    }
    assert_eq!(
        refusals,
        [
            "its field `sound` is new, and no sample has ever had it",
            "its field `sound` is new, and no sample has ever had it",
            "it was not computed from `video/raw` before",
            "it was not computed from `video/raw` before",
            "its samples were told apart by `face`, and now are by `face`, `video`",
            "its samples were told apart by `face`, and now are by `face`, `video`",
        ]
    );
}

#[tokio::test]
async fn going_back_to_earlier_code_takes_along_what_happened_since() {
    for store in stores().await {
        worked_off(&store).await;
        let (first, second) = (code("1", "1"), code("2", "1"));
        applied(&store, &second).await;
        snapshots::push(&store, &second, "test", &BTreeMap::new()).await.unwrap();
        // Under the second code, one video becomes another and one is deleted.
        let raw =
            json!([{ "video": "a", "show": "s", "metaxy_provenance_by_field": { "frames": "9" } }]);
        write(&store, &second, "video/raw", &raw).await.unwrap();
        let one = || {
            let filter = vec![metalith_expr::parse("video = 'd'").unwrap()];
            DeletionRequest::new(DeletionMode::Soft, filter)
        };
        store.delete(&second, &key("video/raw"), &one()).await.unwrap();

        let back = migration(&store, &first, "back").await;
        for execution in [Execution::DryRun, Execution::Apply] {
            let refused = run(&store, &first, &back, execution).await.expect_err("it revives");
            assert_eq!(refused.kind().name(), "blocked");
            let text = refused.to_string();
            assert!(text.contains("1 samples that today's definition has from before"), "{text}");
        }
        store.delete(&first, &key("video/raw"), &one()).await.unwrap();
        let done: Result<_, MigrationError> = run(&store, &first, &back, Execution::Apply).await;
        assert_eq!(told(&done.unwrap())[0], "reconcile video/raw done: 3, 0 there, 0 left");
        let columns = ["video", "metaxy_provenance_by_field"];
        assert_eq!(
            read(&store, &first, "video/raw", &columns).await,
            [r#"a {"frames":"9"}"#, r#"b {"frames":"1"}"#, r#"c {"frames":"1"}"#]
        );
        assert_eq!(open(&store, &first, "video/crop").await, (0, 1, 1), "a changed, d is gone");
    }
}

/// What rows were carried over from is stored with them. It must mean the same wherever they are
/// copied, and be long enough that no two contents are taken for one.
#[tokio::test]
async fn contents_are_hashed_alike_in_every_store() {
    let mut marks = Vec::new();
    for algorithm in [HashAlgorithm::XxHash32, HashAlgorithm::Md5] {
        let hash_if_new = HashSettings { algorithm, ..HashSettings::default() };
        let options = OpenOptions { hash_if_new, ..OpenOptions::write() };
        let store = Store::open(Arc::new(MemoryBackend::new()), options).await.unwrap();
        worked_off(&store).await;
        let graph = code("2", "1");
        let done = applied(&store, &graph).await;
        assert_eq!(done[3], "reconcile video/show done: 2, 0 there, 0 left");
        let mark = "metalith_migrated_from";
        let columns = Some(vec!["video".to_owned(), mark.to_owned()]);
        let options = ReadOptions { columns, ..ReadOptions::default() };
        marks.push(read_with(&store, &graph, "video/raw", &[mark], &options).await);
    }
    assert_eq!(marks[0], marks[1]);
    assert!(marks[0].iter().all(|mark| mark.len() == 64), "{marks:?}");
}

#[tokio::test]
async fn what_a_dry_run_says_is_done() {
    let store = memory_store().await;
    worked_off(&store).await;
    let graph = code("2", "2");
    let migration = migration(&store, &graph, "refactor").await;
    let plan = run(&store, &graph, &migration, Execution::DryRun).await.unwrap();
    let done = run(&store, &graph, &migration, Execution::Apply).await.unwrap();
    let figures = |it: &metalith_lifecycle::migrations::Applied| {
        it.steps.iter().map(|step| step.figures).collect::<Vec<_>>()
    };
    assert_eq!(figures(&plan), figures(&done));
}
