//! Deleting and restoring samples of one feature.

use metalith_base::Diagnostic as _;
use metalith_expr::parse;
use metalith_graph::FeatureGraph;
use metalith_store::{
    DeletionMode, DeletionReceipt, DeletionRequest, ReadOptions, ResolveOptions, RestoreRequest,
    Store,
};
use metalith_testkit::fixtures::{graph, key, memory_store, read, read_with, write};
use serde_json::{Value, json};

use crate::VIDEO;

async fn three_videos() -> (Store, FeatureGraph) {
    let (store, graph) = (memory_store().await, graph(VIDEO));
    let row = |id: &str, size: i64| json!({"id": id, "size": size, "metaxy_provenance_by_field": {"frames": id}});
    let rows = Value::Array(vec![row("a", 1), row("b", 2), row("c", 3)]);
    write(&store, &graph, "video", &rows).await.unwrap();
    (store, graph)
}

async fn delete(
    store: &Store,
    graph: &FeatureGraph,
    mode: DeletionMode,
    filter: &str,
) -> DeletionReceipt {
    let request = DeletionRequest::new(mode, vec![parse(filter).unwrap()]);
    store.delete(graph, &key("video"), &request).await.unwrap()
}

#[tokio::test]
async fn a_soft_deletion_hides_and_a_restore_brings_back() {
    let (store, graph) = three_videos().await;
    let gone = delete(&store, &graph, DeletionMode::Soft, "size >= 2").await;
    assert_eq!((gone.samples, gone.rows), (2, 2));
    assert_eq!(read(&store, &graph, "video", &["id"]).await, ["a"]);
    let all = ReadOptions { include_deleted: true, ..ReadOptions::default() };
    assert_eq!(read_with(&store, &graph, "video", &["id"], &all).await, ["a", "b", "c"]);

    let request = RestoreRequest { deletion: Some(gone.id.clone()), ..RestoreRequest::default() };
    let back = store.restore(&graph, &key("video"), &request).await.unwrap();
    assert_eq!((back.samples, back.deletions), (2, vec![gone.id]));
    assert_eq!(read(&store, &graph, "video", &["id", "size"]).await, ["a 1", "b 2", "c 3"]);

    let again = store.restore(&graph, &key("video"), &request).await.expect_err("nothing is left");
    assert_eq!(again.kind().name(), "not-found");
}

#[tokio::test]
async fn what_tombstones_say_can_be_asked_for_before_there_are_any() {
    let (store, graph) = three_videos().await;
    let said = ["id", "metalith_deletion_id", "metalith_recoverable_until"];
    let columns = Some(said.map(str::to_owned).to_vec());
    let options = ReadOptions { columns, include_deleted: true, ..ReadOptions::default() };
    let nothing = read_with(&store, &graph, "video", &said, &options).await;
    assert_eq!(nothing, ["a null null", "b null null", "c null null"]);
    let gone = delete(&store, &graph, DeletionMode::Soft, "id = 'a'").await;
    let marked = read_with(&store, &graph, "video", &said, &options).await;
    assert_eq!(marked[0], format!("a {} null", gone.id));
}

#[tokio::test]
async fn a_dry_run_restores_nothing() {
    let (store, graph) = three_videos().await;
    delete(&store, &graph, DeletionMode::Soft, "id = 'a'").await;
    let request = RestoreRequest { dry_run: true, ..RestoreRequest::default() };
    let would = store.restore(&graph, &key("video"), &request).await.unwrap();
    assert_eq!((would.samples, would.table_version), (1, None));
    assert_eq!(read(&store, &graph, "video", &["id"]).await, ["b", "c"]);
}

#[tokio::test]
async fn repeating_a_deletion_changes_nothing() {
    let (store, graph) = three_videos().await;
    for mode in [DeletionMode::Soft, DeletionMode::Hard] {
        delete(&store, &graph, mode, "id = 'a'").await;
        let again = delete(&store, &graph, mode, "id = 'a'").await;
        assert_eq!((again.samples, again.rows, again.table_version), (0, 0, None));
    }
}

#[tokio::test]
async fn a_later_write_brings_a_sample_back_and_a_restore_will_not_replace_it() {
    let (store, graph) = three_videos().await;
    let gone = delete(&store, &graph, DeletionMode::Soft, "size <= 2").await;
    let newer = json!([{"id": "a", "size": 9, "metaxy_provenance_by_field": {"frames": "new"}}]);
    write(&store, &graph, "video", &newer).await.unwrap();
    assert_eq!(read(&store, &graph, "video", &["id", "size"]).await, ["a 9", "c 3"]);

    let mut request = RestoreRequest { deletion: Some(gone.id), ..RestoreRequest::default() };
    let refused = store.restore(&graph, &key("video"), &request).await.expect_err("a is newer");
    assert_eq!(refused.kind().name(), "blocked");
    assert_eq!(
        refused.to_string(),
        "`video`: 1 of the deleted samples have been written again since, e.g. id=a"
    );
    request.filters = vec![parse("id <> 'a'").unwrap()];
    store.restore(&graph, &key("video"), &request).await.unwrap();
    assert_eq!(read(&store, &graph, "video", &["id", "size"]).await, ["a 9", "b 2", "c 3"]);
}

#[tokio::test]
async fn a_hard_deletion_takes_the_whole_history_so_that_nothing_older_comes_back() {
    let (store, graph) = three_videos().await;
    let newer = json!([{"id": "a", "size": 9, "metaxy_provenance_by_field": {"frames": "new"}}]);
    write(&store, &graph, "video", &newer).await.unwrap();
    let gone = delete(&store, &graph, DeletionMode::Hard, "size = 9").await;
    assert_eq!((gone.samples, gone.rows), (1, 2));
    let history =
        ReadOptions { sample_history: true, include_deleted: true, ..ReadOptions::default() };
    assert_eq!(read_with(&store, &graph, "video", &["id"], &history).await, ["b", "c"]);
}

#[tokio::test]
async fn a_hard_deletion_takes_the_filters_that_a_read_takes() {
    let (store, graph) = three_videos().await;
    let kinds = json!([
        {"id": "d", "kind": "raw", "metaxy_provenance_by_field": {"frames": "d"}},
        {"id": "e", "kind": null, "metaxy_provenance_by_field": {"frames": "e"}},
    ]);
    write(&store, &graph, "video", &kinds).await.unwrap();
    let gone = delete(&store, &graph, DeletionMode::Hard, "coalesce(kind, 'none') <> 'none'").await;
    assert_eq!((gone.samples, gone.rows), (1, 1));
    assert_eq!(read(&store, &graph, "video", &["id"]).await, ["a", "b", "c", "e"]);
}

#[tokio::test]
async fn a_plan_does_nothing_and_is_refused_when_somebody_wrote_since() {
    let (store, graph) = three_videos().await;
    let request = DeletionRequest::new(DeletionMode::Soft, vec![parse("size = 1").unwrap()]);
    let plan = store.plan_deletion(&graph, &key("video"), &request).await.unwrap();
    assert_eq!((plan.samples(), plan.rows()), (1, 1));
    assert_eq!(read(&store, &graph, "video", &["id"]).await, ["a", "b", "c"]);

    let newer = json!([{"id": "a", "size": 9, "metaxy_provenance_by_field": {"frames": "new"}}]);
    write(&store, &graph, "video", &newer).await.unwrap();
    let refused = store.apply_deletion(plan).await.expect_err("the plan has not seen the write");
    assert_eq!(refused.kind().name(), "conflict");
    assert_eq!(read(&store, &graph, "video", &["id", "size"]).await, ["a 9", "b 2", "c 3"]);
}

#[tokio::test]
async fn a_feature_without_a_table_has_nothing_to_delete() {
    let (store, graph) = (memory_store().await, graph(VIDEO));
    let gone = delete(&store, &graph, DeletionMode::Hard, "id = 'a'").await;
    assert_eq!((gone.samples, gone.rows), (0, 0));
}

#[tokio::test]
async fn a_feature_may_mark_its_samples_itself() {
    let graph = graph(
        "[[features]]\nkey = \"follow\"\nid_columns = [\"id\"]\nactive = \"active\"\n\
         [[features]]\nkey = \"digest\"\nid_columns = [\"id\"]\ndeps = [\"follow\"]\n",
    );
    let store = memory_store().await;
    let follow = |id: &str, active: bool| json!([{ "id": id, "active": active, "metaxy_provenance_by_field": { "default": id } }]);
    for (id, active) in [("a", true), ("b", true), ("c", true), ("b", false)] {
        write(&store, &graph, "follow", &follow(id, active)).await.unwrap();
    }
    assert_eq!(read(&store, &graph, "follow", &["id"]).await, ["a", "c"], "the latest row decides");
    let hidden = ReadOptions { include_deleted: true, ..ReadOptions::default() };
    assert_eq!(
        read_with(&store, &graph, "follow", &["id", "active"], &hidden).await,
        ["a true", "b false", "c true"]
    );
    let found = store.resolve(&graph, &key("digest"), ResolveOptions::default()).await.unwrap();
    assert_eq!(found.new.rows(), 2, "what does not count is not computed from");

    // Deleting sets the mark, and so does restoring.
    let filters = vec![parse("id = 'a'").unwrap()];
    let request = DeletionRequest::new(DeletionMode::Soft, filters);
    let gone = store.delete(&graph, &key("follow"), &request).await.unwrap();
    assert_eq!(read(&store, &graph, "follow", &["id"]).await, ["c"]);
    let by_id = RestoreRequest { deletion: Some(gone.id), ..RestoreRequest::default() };
    store.restore(&graph, &key("follow"), &by_id).await.unwrap();
    let any =
        RestoreRequest { filters: vec![parse("id = 'b'").unwrap()], ..RestoreRequest::default() };
    store.restore(&graph, &key("follow"), &any).await.unwrap();
    assert_eq!(
        read(&store, &graph, "follow", &["id", "active"]).await,
        ["a true", "b true", "c true"]
    );
}
