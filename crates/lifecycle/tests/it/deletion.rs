//! Deletions follow lineage: down to what was computed, up to what nothing else needs.

use metalith_base::{Diagnostic as _, FeatureKey};
use metalith_expr::parse;
use metalith_graph::{Direction, Start};
use metalith_lifecycle::{
    Context,
    deletion::{Cascade, DeletionError, RestoreMode, restore},
};
use metalith_objects::ObjectPlaces;
use metalith_store::{DeletionMode, ReadOptions};
use metalith_testkit::fixtures::{graph, key, memory_store, read, read_with, write};
use serde_json::json;

use crate::support::{
    GRAPH, apply, bring_back, delete, delta_store, left, made, make, request, told, two_videos,
    two_videos_in,
};

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
        let plan = make(&store, &graph, &request).await.unwrap();
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
        let done = apply(plan, &store, &graph).await.unwrap();
        assert_eq!(done.steps.iter().map(|it| it.samples).collect::<Vec<_>>(), [1, 2, 2, 1]);
        assert_eq!(left(&store, &graph).await, ["v2", "c d", "c d", "v2"]);

        let again = make(&store, &graph, &request).await.unwrap();
        assert_eq!(again.samples(), 0, "repeating it changes nothing");
    }
}

#[tokio::test]
async fn an_aggregate_is_stale_while_inputs_remain() {
    let (store, graph) = two_videos().await;
    let soft = DeletionMode::Soft;
    let one = request("video/chunk", soft, "chunk_id = 'a'", Cascade::Downstream);
    let plan = make(&store, &graph, &one).await.unwrap();
    assert_eq!(
        told(&plan),
        ["video/summary 0 stale 1", "video/faces 1 stale 0", "video/chunk 1 stale 0"]
    );
    apply(plan, &store, &graph).await.unwrap();
    assert_eq!(left(&store, &graph).await, ["v1 v2", "b c d", "b c d", "v1 v2"]);

    let other = request("video/chunk", soft, "chunk_id = 'b'", Cascade::Downstream);
    let plan = make(&store, &graph, &other).await.unwrap();
    apply(plan, &store, &graph).await.unwrap();
    assert_eq!(left(&store, &graph).await, ["v1 v2", "c d", "c d", "v2"]);
}

#[tokio::test]
async fn upstream_only_what_nothing_else_needs_goes() {
    let (store, graph) = two_videos().await;
    let hard = DeletionMode::Hard;
    // The chunk stays for the summary, and its video with it.
    let faces = request("video/faces", hard, "chunk = 'a'", Cascade::Upstream);
    let plan = make(&store, &graph, &faces).await.unwrap();
    assert_eq!(told(&plan), ["video/faces 1 stale 0"]);

    // Without summaries, the video goes with its last chunk.
    let summaries = request("video/summary", hard, "video_id = 'v1'", Cascade::None);
    let plan = make(&store, &graph, &summaries).await.unwrap();
    apply(plan, &store, &graph).await.unwrap();
    let one = request("video/faces", hard, "chunk = 'a'", Cascade::Upstream);
    let plan = make(&store, &graph, &one).await.unwrap();
    assert_eq!(told(&plan), ["video/chunk 1 stale 0", "video/faces 1 stale 0"]);
    apply(plan, &store, &graph).await.unwrap();
    let last = request("video/faces", hard, "chunk = 'b'", Cascade::Upstream);
    let plan = make(&store, &graph, &last).await.unwrap();
    assert_eq!(
        told(&plan),
        ["video/raw 1 stale 0", "video/chunk 1 stale 0", "video/faces 1 stale 0"]
    );
}

#[tokio::test]
async fn in_both_directions_all_that_is_connected_goes() {
    let (store, graph) = two_videos().await;
    let both = request("video/chunk", DeletionMode::Soft, "video_id = 'v2'", Cascade::Both);
    let plan = make(&store, &graph, &both).await.unwrap();
    let order: Vec<String> = plan.steps().iter().map(|it| it.feature.to_string()).collect();
    assert_eq!(order, ["video/raw", "video/chunk", "video/faces", "video/summary"]);
    apply(plan, &store, &graph).await.unwrap();
    assert_eq!(left(&store, &graph).await, ["v1", "a b", "a b", "v1"]);
}

#[tokio::test]
async fn a_filter_may_name_a_column_that_only_an_upstream_has() {
    let (store, graph) = two_videos().await;
    // The documented loop: one filter, in the order of deletion.
    for feature in ["video/faces", "video/chunk", "video/raw"] {
        let one = request(feature, DeletionMode::Hard, "video_id = 'v1'", Cascade::None);
        let plan = make(&store, &graph, &one).await.unwrap();
        apply(plan, &store, &graph).await.unwrap();
    }
    assert_eq!(left(&store, &graph).await, ["v2", "c d", "c d", "v1 v2"]);
    let nobody = request("video/faces", DeletionMode::Hard, "video_id = 'v9'", Cascade::None);
    let plan = make(&store, &graph, &nobody).await.unwrap();
    assert_eq!(plan.samples(), 0, "no upstream meets it, so nothing goes");
    let unknown = request("video/faces", DeletionMode::Hard, "nobody = 1", Cascade::None);
    let error = make(&store, &graph, &unknown).await.unwrap_err();
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
    let error = make(&store, &graph, &request).await.unwrap_err();
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
    let plan = make(&store, &graph, &request).await.unwrap();
    assert_eq!(told(&plan), ["video/raw 1 stale 0"]);
}

#[tokio::test]
async fn a_soft_cascade_comes_back_by_its_id() {
    let (store, graph) = two_videos().await;
    let before = left(&store, &graph).await;
    let request = request("video/raw", DeletionMode::Soft, "video_id = 'v1'", Cascade::Downstream);
    let plan = make(&store, &graph, &request).await.unwrap();
    let id = plan.id().to_owned();
    apply(plan, &store, &graph).await.unwrap();
    let hidden = left(&store, &graph).await;
    let would = bring_back(&store, &graph, &id, RestoreMode::DryRun).await.unwrap();
    let order: Vec<&str> = would.iter().map(|it| it.feature.as_str()).collect();
    assert_eq!(order, ["video/raw", "video/chunk", "video/faces", "video/summary"]);
    assert_eq!(left(&store, &graph).await, hidden, "a dry run changes nothing");
    bring_back(&store, &graph, &id, RestoreMode::Apply).await.unwrap();
    assert_eq!(left(&store, &graph).await, before);
    let again = bring_back(&store, &graph, &id, RestoreMode::Apply).await.unwrap_err();
    assert_eq!(again.kind().name(), "not-found");
}

#[tokio::test]
async fn what_goes_for_good_takes_hidden_samples_along() {
    let (store, graph) = two_videos().await;
    let hide = request("video/chunk", DeletionMode::Soft, "chunk_id = 'a'", Cascade::Downstream);
    delete(&store, &graph, &hide).await;
    let purge = request("video/raw", DeletionMode::Hard, "video_id = 'v1'", Cascade::Downstream);
    delete(&store, &graph, &purge).await;
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
        let plan = make(&store, &graph, &request).await.unwrap();
        let order: Vec<&str> = plan.steps().iter().map(|it| it.feature.as_str()).collect();
        assert_eq!(order, expected, "{}", cascade.name());
    }
}

#[tokio::test]
async fn a_restore_brings_nothing_back_when_something_newer_stands_anywhere() {
    let (store, graph) = two_videos().await;
    let request = request("video/raw", DeletionMode::Soft, "video_id = 'v1'", Cascade::Downstream);
    let plan = make(&store, &graph, &request).await.unwrap();
    let id = plan.id().to_owned();
    apply(plan, &store, &graph).await.unwrap();
    let newer = made("faces", &[json!({ "chunk": "a", "count": 9 })]);
    write(&store, &graph, "video/faces", &newer).await.unwrap();
    let before = left(&store, &graph).await;
    let error = bring_back(&store, &graph, &id, RestoreMode::Apply).await.unwrap_err();
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
    let plan = make(&store, &newer, &faces).await.unwrap();
    assert_eq!(told(&plan), ["video/faces 1 stale 0"]);
}

#[tokio::test]
async fn a_write_beside_a_deletion_is_before_it_or_after_it() {
    let (store, graph) = two_videos().await;
    let request = request("video/raw", DeletionMode::Soft, "video_id = 'v1'", Cascade::Downstream);
    let plan = make(&store, &graph, &request).await.unwrap();
    // Between plan and deletion: a sample that goes is written again, and a new one comes.
    let faces = made("faces", &[json!({ "chunk": "a", "count": 7 }), json!({ "chunk": "z" })]);
    write(&store, &graph, "video/faces", &faces).await.unwrap();
    let done = apply(plan, &store, &graph).await.unwrap();
    assert_eq!(left(&store, &graph).await[2], "c d z", "only what was planned goes");
    let of_faces = done.steps.iter().find(|it| it.feature.as_str() == "video/faces").unwrap();
    assert_eq!(of_faces.samples, 2);
    assert!(of_faces.table_version.is_some(), "what came before this version was before it");

    write(&store, &graph, "video/faces", &made("faces", &[json!({ "chunk": "b" })])).await.unwrap();
    assert_eq!(left(&store, &graph).await[2], "b c d z", "what comes later is after it");
}

#[tokio::test]
async fn a_restore_may_be_narrowed_and_takes_along_what_belongs_to_it() {
    let (store, graph) = two_videos().await;
    let all = request("video/raw", DeletionMode::Soft, "TRUE", Cascade::Downstream);
    let done = delete(&store, &graph, &all).await;
    assert_eq!(left(&store, &graph).await, ["", "", "", ""].map(String::from));
    let places = ObjectPlaces::default();
    let context = Context { store: &store, graph: &graph, places: &places, space: None };
    let filters = [parse("video_id = 'v2'").unwrap()];
    restore(context, &done.id, &filters, RestoreMode::Apply).await.unwrap();
    assert_eq!(left(&store, &graph).await, ["v2", "c d", "c d", "v2"]);
    let nobody = [parse("video_id = 'v9'").unwrap()];
    let error = restore(context, &done.id, &nobody, RestoreMode::Apply).await.unwrap_err();
    assert_eq!(error.kind().name(), "not-found");
}

#[tokio::test]
async fn samples_of_another_project_are_its_own() {
    let text = r#"
[[features]]
key = "theirs"
id_columns = ["id"]
external = true
[[features]]
key = "ours"
id_columns = ["id"]
deps = ["theirs"]
"#;
    let (store, ours) = (memory_store().await, graph(text));
    let theirs = graph(&text.replace("external = true", ""));
    for feature in ["theirs", "ours"] {
        let row = made("default", &[json!({ "id": 1 })]);
        write(&store, &theirs, feature, &row).await.unwrap();
    }
    let direct = request("theirs", DeletionMode::Soft, "id = 1", Cascade::None);
    let error = make(&store, &ours, &direct).await.unwrap_err();
    assert_eq!(error.code(), "deletion.external");
    let up = request("ours", DeletionMode::Hard, "id = 1", Cascade::Upstream);
    delete(&store, &ours, &up).await;
    assert_eq!(read(&store, &theirs, "theirs", &["id"]).await, ["1"]);
    assert!(read(&store, &theirs, "ours", &["id"]).await.is_empty());
}

/// The documented example: faces have the ids of chunks, and no column with the video.
#[tokio::test]
async fn the_documented_example_deletes_the_right_chunks_and_faces() {
    let text = r#"
[[features]]
key = "video/raw"
id_columns = ["video_id"]
fields = ["frames", "audio"]
[[features]]
key = "video/chunk"
id_columns = ["chunk_id"]
fields = ["frames"]
deps = [{ feature = "video/raw", lineage = { expansion = { on = ["video_id"] } } }]
[[features]]
key = "video/faces"
id_columns = ["chunk_id"]
fields = ["faces"]
deps = ["video/chunk"]
"#;
    for mode in [DeletionMode::Soft, DeletionMode::Hard] {
        for store in [memory_store().await, delta_store().await] {
            let graph = graph(text);
            let both = json!({ "frames": "x", "audio": "y" });
            let videos = ["vid_123", "vid_4"]
                .map(|id| json!({ "video_id": id, "metaxy_provenance_by_field": both }));
            write(&store, &graph, "video/raw", &json!(videos)).await.unwrap();
            let chunks = [("chunk_1", "vid_123"), ("chunk_2", "vid_123"), ("chunk_3", "vid_4")]
                .map(|(chunk, video)| json!({ "chunk_id": chunk, "video_id": video }));
            write(&store, &graph, "video/chunk", &made("frames", &chunks)).await.unwrap();
            let faces = ["chunk_1", "chunk_2", "chunk_3"].map(|id| json!({ "chunk_id": id }));
            write(&store, &graph, "video/faces", &made("faces", &faces)).await.unwrap();
            let order =
                graph.deletion_order(&key("video/raw"), Direction::Downstream, Start::Included);
            let order = order.unwrap();
            let order: Vec<&str> = order.iter().map(FeatureKey::as_str).collect();
            assert_eq!(order, ["video/faces", "video/chunk", "video/raw"]);

            let one = request("video/raw", mode, "video_id == 'vid_123'", Cascade::Downstream);
            delete(&store, &graph, &one).await;
            assert_eq!(read(&store, &graph, "video/raw", &["video_id"]).await, ["vid_4"]);
            assert_eq!(read(&store, &graph, "video/chunk", &["chunk_id"]).await, ["chunk_3"]);
            assert_eq!(read(&store, &graph, "video/faces", &["chunk_id"]).await, ["chunk_3"]);
        }
    }
}

#[tokio::test]
async fn a_row_that_comes_between_plan_and_hard_deletion_goes_too() {
    for store in [memory_store().await, delta_store().await] {
        let (store, graph) = two_videos_in(store).await;
        let request =
            request("video/raw", DeletionMode::Hard, "video_id = 'v1'", Cascade::Downstream);
        let plan = make(&store, &graph, &request).await.unwrap();
        let faces = made("faces", &[json!({ "chunk": "a", "count": 7 })]);
        write(&store, &graph, "video/faces", &faces).await.unwrap();
        apply(plan, &store, &graph).await.unwrap();
        let all =
            ReadOptions { include_deleted: true, sample_history: true, ..ReadOptions::default() };
        let left = read_with(&store, &graph, "video/faces", &["chunk"], &all).await;
        assert_eq!(left, ["c", "d"], "no row of the sample is left");
    }
}
