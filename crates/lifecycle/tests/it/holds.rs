//! Holds: nothing that is held goes, by whatever way.

use metalith_base::{Diagnostic as _, Kind};
use metalith_expr::parse;
use metalith_lifecycle::{
    Context,
    deletion::{Cascade, drop_feature},
    holds,
};
use metalith_objects::ObjectPlaces;
use metalith_store::DeletionMode;
use metalith_testkit::fixtures::{key, write};
use serde_json::json;

use crate::support::{apply, delete, left, made, make, request, two_videos};

#[tokio::test]
async fn a_hold_stops_deletions_from_wherever_they_come() {
    let (store, graph) = two_videos().await;
    let filters = [parse("chunk_id = 'b'").unwrap()];
    let (chunks, reason) = (key("video/chunk"), Some("a lawsuit"));
    let (hold, held) = holds::add(&store, &graph, &chunks, &filters, reason).await.unwrap();
    assert_eq!(held, 1);
    for mode in [DeletionMode::Soft, DeletionMode::Hard] {
        let video = request("video/raw", mode, "video_id = 'v1'", Cascade::Downstream);
        let plan = make(&store, &graph, &video).await.unwrap();
        let error = apply(plan, &store, &graph).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Blocked);
        assert_eq!(
            error.to_string(),
            format!(
                "1 samples of `video/chunk` are held (a lawsuit) by hold {}: chunk_id=b",
                hold.id
            )
        );
        assert!(error.hint().unwrap().contains(&format!("hold release {}", hold.id)));
    }
    assert_eq!(left(&store, &graph).await[0], "v1 v2", "nothing has gone");

    let other = request("video/raw", DeletionMode::Soft, "video_id = 'v2'", Cascade::Downstream);
    delete(&store, &graph, &other).await;
    holds::release(&store, &hold.id).await.unwrap();
    let error = holds::release(&store, &hold.id).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    let video = request("video/raw", DeletionMode::Hard, "video_id = 'v1'", Cascade::Downstream);
    delete(&store, &graph, &video).await;
    assert_eq!(left(&store, &graph).await, ["", "", "", ""].map(String::from));
}

#[tokio::test]
async fn samples_that_come_later_are_held_too_and_so_are_those_of_an_upstream() {
    let (store, graph) = two_videos().await;
    // The faces know their chunk alone; the video is found through lineage.
    let filters = [parse("video_id = 'v2'").unwrap()];
    let placed = holds::add(&store, &graph, &key("video/faces"), &filters, None).await.unwrap();
    assert_eq!(placed.1, 2);
    let chunk = made("frames", &[json!({ "chunk_id": "e", "video_id": "v2" })]);
    write(&store, &graph, "video/chunk", &chunk).await.unwrap();
    write(&store, &graph, "video/faces", &made("faces", &[json!({ "chunk": "e" })])).await.unwrap();
    let one = request("video/faces", DeletionMode::Soft, "chunk = 'e'", Cascade::None);
    let plan = make(&store, &graph, &one).await.unwrap();
    assert_eq!(plan.blockers().len(), 1);
    let free = request("video/faces", DeletionMode::Soft, "chunk = 'a'", Cascade::None);
    assert!(make(&store, &graph, &free).await.unwrap().blockers().is_empty());
}

#[tokio::test]
async fn a_hold_that_cannot_be_understood_is_refused_when_it_is_placed() {
    let (store, graph) = two_videos().await;
    let filters = [parse("nobody = 1").unwrap()];
    let error = holds::add(&store, &graph, &key("video/raw"), &filters, None).await.unwrap_err();
    assert_eq!(error.code(), "expr.unknown-column");
    assert!(holds::list(&store).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_table_with_held_samples_is_not_dropped() {
    let (store, graph) = two_videos().await;
    let (hold, _) = holds::add(&store, &graph, &key("video/summary"), &[], None).await.unwrap();
    let places = ObjectPlaces::default();
    let context = Context { store: &store, graph: &graph, places: &places, space: None };
    let error = drop_feature(context, &key("video/summary")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Blocked);
    holds::release(&store, &hold.id).await.unwrap();
    assert!(drop_feature(context, &key("video/summary")).await.unwrap());
    assert!(!drop_feature(context, &key("video/summary")).await.unwrap());
}

#[tokio::test]
async fn older_rows_of_a_held_sample_are_held_too() {
    let (store, graph) = two_videos().await;
    for note in ["old", "new"] {
        let row = made("frames", &[json!({ "video_id": "v1", "note": note })]);
        write(&store, &graph, "video/raw", &row).await.unwrap();
    }
    let filters = [parse("video_id = 'v1'").unwrap()];
    holds::add(&store, &graph, &key("video/raw"), &filters, None).await.unwrap();
    let old = request("video/raw", DeletionMode::Hard, "note = 'old'", Cascade::None);
    assert_eq!(make(&store, &graph, &old).await.unwrap().blockers().len(), 1);
    let mut soft = request("video/raw", DeletionMode::Soft, "note = 'old'", Cascade::None);
    soft.sample_history = true;
    let plan = make(&store, &graph, &soft).await.unwrap();
    assert_eq!(plan.samples(), 0, "its latest row does not meet the condition");
}

#[tokio::test]
async fn a_held_table_is_not_dropped_by_those_who_do_not_know_the_feature() {
    let (store, graph) = two_videos().await;
    holds::add(&store, &graph, &key("video/raw"), &[], Some("a lawsuit")).await.unwrap();
    let others = metalith_testkit::fixtures::graph("");
    let places = ObjectPlaces::default();
    let context = Context { store: &store, graph: &others, places: &places, space: None };
    let error = drop_feature(context, &key("video/raw")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Blocked);
}
