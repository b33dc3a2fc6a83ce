//! Deletions follow lineage: down to what was computed, up to what nothing else needs.

use std::collections::BTreeMap;

use metalith_base::Diagnostic as _;
use metalith_delta::{Layout, open_backend};
use metalith_expr::parse;
use metalith_graph::FeatureGraph;
use metalith_lifecycle::deletion::{
    Cascade, CascadePlan, CascadeRequest, DeletionError, RestoreMode, restore,
};
use metalith_store::{DeletionMode, OpenOptions, ReadOptions, Store};
use metalith_testkit::fixtures::{graph, key, memory_store, read, read_with, write};
use serde_json::{Value, json};

/// Videos, their chunks, the faces in a chunk, which know their chunk alone, and a summary per video
/// of its chunks.
const GRAPH: &str = r#"
[[features]]
key = "video/raw"
id_columns = ["video_id"]
fields = ["frames"]

[[features]]
key = "video/chunk"
id_columns = ["chunk_id"]
fields = ["frames"]
deps = [{ feature = "video/raw", lineage = { expansion = { on = ["video_id"] } } }]

[[features]]
key = "video/faces"
id_columns = ["chunk"]
fields = ["faces"]
deps = [{ feature = "video/chunk", rename = { chunk_id = "chunk", video_id = "unused" } }]

[[features]]
key = "video/summary"
id_columns = ["video_id"]
fields = ["text"]
deps = [{ feature = "video/chunk", lineage = { aggregation = { on = ["video_id"] } } }]
"#;

const FEATURES: [(&str, &str); 4] = [
    ("video/raw", "video_id"),
    ("video/chunk", "chunk_id"),
    ("video/faces", "chunk"),
    ("video/summary", "video_id"),
];

fn made(field: &str, columns: &[Value]) -> Value {
    let rows = columns.iter().map(|columns| {
        let mut row = columns.clone();
        row["metaxy_provenance_by_field"] = json!({ field: "made" });
        row
    });
    rows.collect()
}

/// Two videos of two chunks each, in memory.
async fn two_videos() -> (Store, FeatureGraph) {
    two_videos_in(memory_store().await).await
}

/// A store on Delta tables in a folder that lives as long as the process.
async fn delta_store() -> Store {
    let folder = tempfile::tempdir().unwrap().keep();
    let options = BTreeMap::new();
    let backend = open_backend(folder.to_str().unwrap(), &options, Layout::Nested).unwrap();
    Store::open(backend, OpenOptions::write()).await.unwrap()
}

async fn two_videos_in(store: Store) -> (Store, FeatureGraph) {
    let graph = graph(GRAPH);
    let videos = made("frames", &["v1", "v2"].map(|video| json!({ "video_id": video })));
    let chunks = [("a", "v1"), ("b", "v1"), ("c", "v2"), ("d", "v2")]
        .map(|(chunk, video)| json!({ "chunk_id": chunk, "video_id": video }));
    let faces = ["a", "b", "c", "d"].map(|chunk| json!({ "chunk": chunk, "count": 1 }));
    let summaries = ["v1", "v2"].map(|video| json!({ "video_id": video, "mood": "calm" }));
    write(&store, &graph, "video/raw", &videos).await.unwrap();
    write(&store, &graph, "video/chunk", &made("frames", &chunks)).await.unwrap();
    write(&store, &graph, "video/faces", &made("faces", &faces)).await.unwrap();
    write(&store, &graph, "video/summary", &made("text", &summaries)).await.unwrap();
    (store, graph)
}

fn request(feature: &str, mode: DeletionMode, filter: &str, cascade: Cascade) -> CascadeRequest {
    let filters = vec![parse(filter).unwrap()];
    CascadeRequest { cascade, ..CascadeRequest::new(key(feature), mode, filters) }
}

/// What a plan says, one line a feature that something happens to.
fn told(plan: &CascadePlan) -> Vec<String> {
    let line = |step: &metalith_lifecycle::deletion::Step| {
        format!("{} {} stale {}", step.feature(), step.samples(), step.stale)
    };
    let touched = plan.steps().iter().filter(|step| step.samples() + step.stale > 0);
    touched.map(line).collect()
}

/// The ids of what is left of each feature.
async fn left(store: &Store, graph: &FeatureGraph) -> [String; 4] {
    let mut left = Vec::new();
    for (feature, id) in FEATURES {
        left.push(read(store, graph, feature, &[id]).await.join(" "));
    }
    left.try_into().unwrap()
}

#[tokio::test]
async fn a_video_goes_with_everything_computed_from_it() {
    for (mode, store) in [
        (DeletionMode::Soft, memory_store().await),
        (DeletionMode::Hard, memory_store().await),
        (DeletionMode::Soft, delta_store().await),
        (DeletionMode::Hard, delta_store().await),
    ] {
        let (store, graph) = two_videos_in(store).await;
        let request = request("video/raw", mode, "video_id = 'v1'", Cascade::Downstream);
        let plan = CascadePlan::make(&store, &graph, &request).await.unwrap();
        assert_eq!(
            told(&plan),
            [
                "video/summary 1 stale 0",
                "video/faces 2 stale 0",
                "video/chunk 2 stale 0",
                "video/raw 1 stale 0",
            ]
        );
        assert_eq!(left(&store, &graph).await[0], "v1 v2", "a plan changes nothing");
        let receipts = plan.apply(&store, &graph).await.unwrap();
        assert_eq!(receipts.iter().map(|it| it.samples).collect::<Vec<_>>(), [1, 2, 2, 1]);
        assert_eq!(left(&store, &graph).await, ["v2", "c d", "c d", "v2"]);

        let again = CascadePlan::make(&store, &graph, &request).await.unwrap();
        assert_eq!(again.samples(), 0, "repeating it changes nothing");
    }
}

#[tokio::test]
async fn an_aggregate_is_stale_while_inputs_remain() {
    let (store, graph) = two_videos().await;
    let soft = DeletionMode::Soft;
    let one = request("video/chunk", soft, "chunk_id = 'a'", Cascade::Downstream);
    let plan = CascadePlan::make(&store, &graph, &one).await.unwrap();
    assert_eq!(
        told(&plan),
        ["video/summary 0 stale 1", "video/faces 1 stale 0", "video/chunk 1 stale 0"]
    );
    plan.apply(&store, &graph).await.unwrap();
    assert_eq!(left(&store, &graph).await, ["v1 v2", "b c d", "b c d", "v1 v2"]);

    let other = request("video/chunk", soft, "chunk_id = 'b'", Cascade::Downstream);
    let plan = CascadePlan::make(&store, &graph, &other).await.unwrap();
    plan.apply(&store, &graph).await.unwrap();
    assert_eq!(left(&store, &graph).await, ["v1 v2", "c d", "c d", "v2"]);
}

#[tokio::test]
async fn upstream_only_what_nothing_else_needs_goes() {
    let (store, graph) = two_videos().await;
    let hard = DeletionMode::Hard;
    // The chunk stays for the summary, and its video with it.
    let faces = request("video/faces", hard, "chunk = 'a'", Cascade::Upstream);
    let plan = CascadePlan::make(&store, &graph, &faces).await.unwrap();
    assert_eq!(told(&plan), ["video/faces 1 stale 0"]);

    // Without summaries, the video goes with its last chunk.
    let summaries = request("video/summary", hard, "video_id = 'v1'", Cascade::None);
    let plan = CascadePlan::make(&store, &graph, &summaries).await.unwrap();
    plan.apply(&store, &graph).await.unwrap();
    let one = request("video/faces", hard, "chunk = 'a'", Cascade::Upstream);
    let plan = CascadePlan::make(&store, &graph, &one).await.unwrap();
    assert_eq!(told(&plan), ["video/chunk 1 stale 0", "video/faces 1 stale 0"]);
    plan.apply(&store, &graph).await.unwrap();
    let last = request("video/faces", hard, "chunk = 'b'", Cascade::Upstream);
    let plan = CascadePlan::make(&store, &graph, &last).await.unwrap();
    assert_eq!(
        told(&plan),
        ["video/raw 1 stale 0", "video/chunk 1 stale 0", "video/faces 1 stale 0"]
    );
}

#[tokio::test]
async fn in_both_directions_all_that_is_connected_goes() {
    let (store, graph) = two_videos().await;
    let both = request("video/chunk", DeletionMode::Soft, "video_id = 'v2'", Cascade::Both);
    let plan = CascadePlan::make(&store, &graph, &both).await.unwrap();
    let order: Vec<String> = plan.steps().iter().map(|it| it.feature().to_string()).collect();
    assert_eq!(order, ["video/raw", "video/chunk", "video/faces", "video/summary"]);
    plan.apply(&store, &graph).await.unwrap();
    assert_eq!(left(&store, &graph).await, ["v1", "a b", "a b", "v1"]);
}

#[tokio::test]
async fn a_filter_may_name_a_column_that_only_an_upstream_has() {
    let (store, graph) = two_videos().await;
    // The documented loop: one filter, in the order of deletion.
    for feature in ["video/faces", "video/chunk", "video/raw"] {
        let one = request(feature, DeletionMode::Hard, "video_id = 'v1'", Cascade::None);
        let plan = CascadePlan::make(&store, &graph, &one).await.unwrap();
        plan.apply(&store, &graph).await.unwrap();
    }
    assert_eq!(left(&store, &graph).await, ["v2", "c d", "c d", "v1 v2"]);
    let nobody = request("video/faces", DeletionMode::Hard, "video_id = 'v9'", Cascade::None);
    let plan = CascadePlan::make(&store, &graph, &nobody).await.unwrap();
    assert_eq!(plan.samples(), 0, "no upstream meets it, so nothing goes");
    let unknown = request("video/faces", DeletionMode::Hard, "nobody = 1", Cascade::None);
    let error = CascadePlan::make(&store, &graph, &unknown).await.unwrap_err();
    assert_eq!(error.code(), "expr.unknown-column");
}

#[tokio::test]
async fn two_upstreams_that_could_be_meant_are_named() {
    let text = r#"
[[features]]
key = "left"
id_columns = ["id"]
[[features]]
key = "right"
id_columns = ["id"]
[[features]]
key = "pair"
id_columns = ["id"]
deps = [{ feature = "left", select = [] }, { feature = "right", select = [] }]
"#;
    let (store, graph) = (memory_store().await, graph(text));
    for feature in ["left", "right"] {
        let row = json!([{ "id": 1, "size": 2, "metaxy_provenance_by_field": { "default": "x" } }]);
        write(&store, &graph, feature, &row).await.unwrap();
    }
    let row = json!([{ "id": 1, "metaxy_provenance_by_field": { "default": "x" } }]);
    write(&store, &graph, "pair", &row).await.unwrap();
    let request = request("pair", DeletionMode::Soft, "size = 2", Cascade::None);
    let error = CascadePlan::make(&store, &graph, &request).await.unwrap_err();
    assert!(matches!(error, DeletionError::Ambiguous { .. }));
    assert_eq!(
        error.to_string(),
        "`pair` has no column `size`, and several of its upstreams do: `left` and `right`"
    );
}

#[tokio::test]
async fn features_without_a_table_are_passed_over() {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let videos = made("frames", &[json!({ "video_id": "v1" })]);
    write(&store, &graph, "video/raw", &videos).await.unwrap();
    let request = request("video/raw", DeletionMode::Hard, "video_id = 'v1'", Cascade::Downstream);
    let plan = CascadePlan::make(&store, &graph, &request).await.unwrap();
    assert_eq!(told(&plan), ["video/raw 1 stale 0"]);
}

#[tokio::test]
async fn a_soft_cascade_comes_back_by_its_id() {
    let (store, graph) = two_videos().await;
    let before = left(&store, &graph).await;
    let request = request("video/raw", DeletionMode::Soft, "video_id = 'v1'", Cascade::Downstream);
    let plan = CascadePlan::make(&store, &graph, &request).await.unwrap();
    let id = plan.id().to_owned();
    plan.apply(&store, &graph).await.unwrap();
    let hidden = left(&store, &graph).await;
    let would = restore(&store, &graph, &id, RestoreMode::DryRun).await.unwrap();
    let order: Vec<&str> = would.iter().map(|(feature, _)| feature.as_str()).collect();
    assert_eq!(order, ["video/raw", "video/chunk", "video/faces", "video/summary"]);
    assert_eq!(left(&store, &graph).await, hidden, "a dry run changes nothing");
    restore(&store, &graph, &id, RestoreMode::Apply).await.unwrap();
    assert_eq!(left(&store, &graph).await, before);
    let again = restore(&store, &graph, &id, RestoreMode::Apply).await.unwrap_err();
    assert_eq!(again.kind().name(), "not-found");
}

#[tokio::test]
async fn what_goes_for_good_takes_hidden_samples_along() {
    let (store, graph) = two_videos().await;
    let hide = request("video/chunk", DeletionMode::Soft, "chunk_id = 'a'", Cascade::Downstream);
    CascadePlan::make(&store, &graph, &hide).await.unwrap().apply(&store, &graph).await.unwrap();
    let purge = request("video/raw", DeletionMode::Hard, "video_id = 'v1'", Cascade::Downstream);
    CascadePlan::make(&store, &graph, &purge).await.unwrap().apply(&store, &graph).await.unwrap();
    let everything =
        ReadOptions { include_deleted: true, sample_history: true, ..ReadOptions::default() };
    let faces = read_with(&store, &graph, "video/faces", &["chunk"], &everything).await;
    assert_eq!(faces, ["c", "d"]);
}

#[tokio::test]
async fn a_plan_lists_every_feature_in_order() {
    let (store, graph) = two_videos().await;
    let all = [
        (Cascade::None, vec!["video/chunk"]),
        (Cascade::Downstream, vec!["video/summary", "video/faces", "video/chunk"]),
        (Cascade::Upstream, vec!["video/raw", "video/chunk"]),
        (Cascade::Both, vec!["video/raw", "video/chunk", "video/faces", "video/summary"]),
    ];
    for (cascade, expected) in all {
        let request = request("video/chunk", DeletionMode::Soft, "chunk_id = 'z'", cascade);
        let plan = CascadePlan::make(&store, &graph, &request).await.unwrap();
        let order: Vec<&str> = plan.steps().iter().map(|it| it.feature().as_str()).collect();
        assert_eq!(order, expected, "{}", cascade.name());
    }
}

#[tokio::test]
async fn a_restore_brings_nothing_back_when_something_newer_stands_anywhere() {
    let (store, graph) = two_videos().await;
    let request = request("video/raw", DeletionMode::Soft, "video_id = 'v1'", Cascade::Downstream);
    let plan = CascadePlan::make(&store, &graph, &request).await.unwrap();
    let id = plan.id().to_owned();
    plan.apply(&store, &graph).await.unwrap();
    let newer = made("faces", &[json!({ "chunk": "a", "count": 9 })]);
    write(&store, &graph, "video/faces", &newer).await.unwrap();
    let before = left(&store, &graph).await;
    let error = restore(&store, &graph, &id, RestoreMode::Apply).await.unwrap_err();
    assert!(error.to_string().contains("video/faces"), "{error}");
    assert_eq!(left(&store, &graph).await, before);
}

#[tokio::test]
async fn samples_of_an_older_definition_keep_what_they_were_computed_from() {
    let (store, _) = two_videos().await;
    let newer =
        GRAPH.replace(r#"fields = ["text"]"#, r#"fields = [{ key = "text", code_version = "2" }]"#);
    let newer = graph(&newer);
    // Nobody has written a summary by the new definition; the old ones are still there.
    let faces = request("video/faces", DeletionMode::Hard, "chunk = 'a'", Cascade::Upstream);
    let plan = CascadePlan::make(&store, &newer, &faces).await.unwrap();
    assert_eq!(told(&plan), ["video/faces 1 stale 0"]);
}
