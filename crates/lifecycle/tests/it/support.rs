//! Videos, what is computed from them, and short names for what happens to them.

use std::collections::BTreeMap;

use metalith_delta::{Layout, open_backend};
use metalith_expr::parse;
use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    Context,
    deletion::{
        Cascade, CascadePlan, CascadeRequest, DeletionError, Done, RestoreMode, Restored, Step,
        restore,
    },
};
use metalith_objects::ObjectPlaces;
use metalith_store::{DeletionMode, OpenOptions, Store};
use metalith_testkit::fixtures::{graph, key, memory_store, read, write};
use serde_json::{Value, json};

/// Videos, their chunks, the faces in a chunk, which know their chunk alone, and a summary per video
/// of its chunks.
pub(crate) const GRAPH: &str = r#"
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

pub(crate) const FEATURES: [(&str, &str); 4] = [
    ("video/raw", "video_id"),
    ("video/chunk", "chunk_id"),
    ("video/faces", "chunk"),
    ("video/summary", "video_id"),
];

pub(crate) fn made(field: &str, columns: &[Value]) -> Value {
    let rows = columns.iter().map(|columns| {
        let mut row = columns.clone();
        row["metaxy_provenance_by_field"] = json!({ field: "made" });
        row
    });
    rows.collect()
}

/// Two videos of two chunks each, in memory.
pub(crate) async fn two_videos() -> (Store, FeatureGraph) {
    two_videos_in(memory_store().await).await
}

/// A store on Delta tables in a folder that lives as long as the process.
pub(crate) async fn delta_store() -> Store {
    let folder = tempfile::tempdir().unwrap().keep();
    let options = BTreeMap::new();
    let backend = open_backend(folder.to_str().unwrap(), &options, Layout::Nested).unwrap();
    Store::open(backend, OpenOptions::write()).await.unwrap()
}

pub(crate) async fn two_videos_in(store: Store) -> (Store, FeatureGraph) {
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

pub(crate) fn request(
    feature: &str,
    mode: DeletionMode,
    filter: &str,
    cascade: Cascade,
) -> CascadeRequest {
    let filters = vec![parse(filter).unwrap()];
    CascadeRequest { cascade, ..CascadeRequest::new(key(feature), mode, filters) }
}

/// What a plan says, one line a feature that something happens to.
pub(crate) fn told(plan: &CascadePlan) -> Vec<String> {
    let line = |step: &Step| format!("{} {} stale {}", step.feature, step.samples, step.stale);
    let touched = plan.steps().iter().filter(|step| step.samples + step.stale > 0);
    touched.map(line).collect()
}

/// The ids of what is left of each feature.
pub(crate) async fn left(store: &Store, graph: &FeatureGraph) -> [String; 4] {
    let mut left = Vec::new();
    for (feature, id) in FEATURES {
        left.push(read(store, graph, feature, &[id]).await.join(" "));
    }
    left.try_into().unwrap()
}

/// Finds what a deletion would do, where samples have no objects.
pub(crate) async fn make(
    store: &Store,
    graph: &FeatureGraph,
    request: &CascadeRequest,
) -> Result<CascadePlan, DeletionError> {
    let places = ObjectPlaces::default();
    CascadePlan::make(Context { store, graph, places: &places, space: None }, request).await
}

/// Does what a plan says, where samples have no objects.
pub(crate) async fn apply(
    plan: CascadePlan,
    store: &Store,
    graph: &FeatureGraph,
) -> Result<Done, DeletionError> {
    let places = ObjectPlaces::default();
    plan.apply(Context { store, graph, places: &places, space: None }).await
}

/// Plans and applies.
pub(crate) async fn delete(store: &Store, graph: &FeatureGraph, request: &CascadeRequest) -> Done {
    let plan = make(store, graph, request).await.unwrap();
    apply(plan, store, graph).await.unwrap()
}

/// Brings a whole deletion back.
pub(crate) async fn bring_back(
    store: &Store,
    graph: &FeatureGraph,
    deletion: &str,
    mode: RestoreMode,
) -> Result<Vec<Restored>, DeletionError> {
    let places = ObjectPlaces::default();
    restore(Context { store, graph, places: &places, space: None }, deletion, &[], mode).await
}
