//! What is new, stale, orphaned, and waiting.

use metalith_base::Diagnostic as _;
use metalith_graph::FeatureGraph;
use metalith_store::{Increment, ResolveOptions, Rows, Store, WriteOptions};
use metalith_testkit::{
    fixtures::{graph, key, memory_store, read, rows, shown, write},
    rows_to_json,
};
use serde_json::{Value, json};

fn chain(code_version: &str) -> FeatureGraph {
    graph(&format!(
        r#"
        [[features]]
        key = "video"
        id_columns = ["id"]
        fields = [{{ key = "frames", code_version = "{code_version}" }}]

        [[features]]
        key = "crop"
        id_columns = ["id"]
        deps = ["video"]
        fields = ["frames"]
        "#
    ))
}

fn video(id: &str, frames: &str) -> Value {
    json!({"id": id, "metaxy_provenance_by_field": {"frames": frames}})
}

async fn resolve(store: &Store, graph: &FeatureGraph, feature: &str) -> Increment {
    store.resolve(graph, &key(feature), ResolveOptions::default()).await.unwrap()
}

fn ids(increment: &Increment) -> [Vec<String>; 4] {
    [&increment.new, &increment.stale, &increment.orphaned, &increment.waiting]
        .map(|frame| shown(&rows_to_json(&frame.batches), &["id"]))
}

async fn work_off(store: &Store, graph: &FeatureGraph, feature: &str) {
    let found = resolve(store, graph, feature).await;
    for frame in [found.new, found.stale] {
        let rows = Rows::from_batches(frame.schema, frame.batches);
        store.write(graph, &key(feature), rows, &WriteOptions::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_sample_is_new_then_in_order_then_stale_then_orphaned() {
    let (store, graph) = (memory_store().await, chain("1"));
    write(&store, &graph, "video", &json!([video("a", "1"), video("b", "1")])).await.unwrap();
    assert_eq!(ids(&resolve(&store, &graph, "crop").await)[0], ["a", "b"]);
    work_off(&store, &graph, "crop").await;
    assert_eq!(ids(&resolve(&store, &graph, "crop").await).concat(), Vec::<String>::new());
    write(&store, &graph, "video", &json!([video("a", "2")])).await.unwrap();
    assert_eq!(ids(&resolve(&store, &graph, "crop").await)[1], ["a"]);
    assert_eq!(read(&store, &graph, "crop", &["id"]).await, ["a", "b"]);
}

#[tokio::test]
async fn samples_whose_upstream_awaits_its_new_definition_are_told_from_garbage() {
    let (store, before) = (memory_store().await, chain("1"));
    write(&store, &before, "video", &json!([video("a", "1"), video("b", "1")])).await.unwrap();
    work_off(&store, &before, "crop").await;
    // The new definition of `video` changes the version of `crop` too, so carry `crop` over.
    let after = chain("2");
    write(
        &store,
        &after,
        "crop",
        &json!([
            {"id": "a", "metaxy_provenance_by_field": {"frames": "x"}},
            {"id": "gone", "metaxy_provenance_by_field": {"frames": "x"}},
        ]),
    )
    .await
    .unwrap();
    let [new, stale, orphaned, waiting] = ids(&resolve(&store, &after, "crop").await);
    assert_eq!((new, stale), (vec![], vec![]));
    assert_eq!(orphaned, ["a", "gone"]);
    assert_eq!(waiting, ["a"]);
}

#[tokio::test]
async fn three_upstreams_join() {
    let (store, graph) = (
        memory_store().await,
        graph(
            r#"
            [[features]]
            key = "u1"
            id_columns = ["id"]
            [[features]]
            key = "u2"
            id_columns = ["id"]
            [[features]]
            key = "u3"
            id_columns = ["id"]
            [[features]]
            key = "leaf"
            id_columns = ["id"]
            deps = ["u1", "u2", "u3"]
            "#,
        ),
    );
    for upstream in ["u1", "u2", "u3"] {
        let row =
            json!([{"id": "1", "metaxy_provenance_by_field": {"default": format!("{upstream}1")}}]);
        write(&store, &graph, upstream, &row).await.unwrap();
    }
    let found = rows_to_json(&resolve(&store, &graph, "leaf").await.new.batches);
    let text = "default|__metaxy_initial__|u1.default|u11|u2.default|u21|u3.default|u31";
    let hash = |text: &str| xxhash_rust::xxh64::xxh64(text.as_bytes(), 0).to_string();
    assert_eq!(found[0]["metaxy_provenance_by_field"]["default"], json!(hash(text)));
    assert_eq!(found[0]["metaxy_provenance"], json!(hash(&hash(text))));
}

#[tokio::test]
async fn a_column_that_two_upstreams_share_is_named_with_both() {
    let (store, graph) = (
        memory_store().await,
        graph(
            r#"
            [[features]]
            key = "left"
            id_columns = ["id"]
            [[features]]
            key = "right"
            id_columns = ["id"]
            [[features]]
            key = "both"
            id_columns = ["id"]
            deps = ["left", "right"]
            "#,
        ),
    );
    for upstream in ["left", "right"] {
        let row = json!([{"id": "1", "path": "p", "metaxy_provenance_by_field": {"default": "1"}}]);
        write(&store, &graph, upstream, &row).await.unwrap();
    }
    let options = ResolveOptions::default();
    let error = store.resolve(&graph, &key("both"), options).await.expect_err("ambiguous");
    assert_eq!(
        error.to_string(),
        "`both`: its upstreams `left` and `right` both have a column `path`"
    );
    assert_eq!(
        error.hint().unwrap(),
        "in the dep on `right`, rename `path` or leave it out of `select`"
    );
}

#[tokio::test]
async fn fewer_children_than_before_come_to_rest() {
    let graph = graph(
        r#"
        [[features]]
        key = "video"
        id_columns = ["id"]
        [[features]]
        key = "chunk"
        id_columns = ["id", "n"]
        deps = [{ feature = "video", lineage = { expansion = { on = ["id"] } } }]
        "#,
    );
    let store = memory_store().await;
    let one =
        |version: &str| json!([{"id": "a", "metaxy_provenance_by_field": {"default": version}}]);
    for (version, children) in [("1", 3), ("2", 2)] {
        write(&store, &graph, "video", &one(version)).await.unwrap();
        let found = resolve(&store, &graph, "chunk").await;
        let parent = rows_to_json(&[found.new.batches, found.stale.batches].concat());
        assert_eq!(parent.len(), 1);
        let chunks: Vec<Value> = (0..children)
            .map(|n| {
                let by_field = parent[0]["metaxy_provenance_by_field"].clone();
                json!({"id": "a", "n": n, "metaxy_provenance_by_field": by_field})
            })
            .collect();
        let written = rows(&Value::Array(chunks));
        store.write(&graph, &key("chunk"), written, &WriteOptions::default()).await.unwrap();
    }
    assert_eq!(ids(&resolve(&store, &graph, "chunk").await).concat(), Vec::<String>::new());
}
