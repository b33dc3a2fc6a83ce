//! What is unknown meets no condition, nor the contrary of one.

use metalith_expr::parse;
use metalith_store::{DeletionMode, DeletionRequest, ReadOptions};
use metalith_testkit::fixtures::{graph, key, memory_store, read_with, write};
use serde_json::json;

use crate::VIDEO;

/// Each holds for what is none of the values, and is unknown where nothing is known.
const OF_NEITHER: [&str; 10] = [
    "kind NOT IN ('a') OR kind NOT IN ('b')",
    "kind NOT IN ('a', 'b', 'c', 'd') OR kind NOT IN ('e', 'f', 'g', 'h')",
    "kind <> 'a' OR kind <> 'b'",
    "NOT (kind IN ('a') AND kind IN ('b'))",
    "NOT (kind IN ('a', 'b', 'c', 'd') AND kind IN ('e', 'f', 'g', 'h'))",
    "NOT (kind IN ('a') AND kind NOT IN ('a'))",
    "NOT ((kind = 'a' OR kind = 'b') AND (kind = 'c' OR 'd' = kind))",
    "NOT ((NOT (kind <> 'a') OR NOT (kind <> 'b')) AND (NOT (kind <> 'c') OR NOT (kind <> 'd')))",
    "(NOT (kind <> 'a' AND kind <> 'b') AND NOT (kind <> 'c' AND kind <> 'd')) = FALSE",
    "NOT (length IN (-1.5) AND length IN (-0.5))",
];

#[tokio::test]
async fn lists_that_have_nothing_in_common_say_nothing_of_it() {
    for filter in OF_NEITHER {
        let (store, graph) = (memory_store().await, graph(VIDEO));
        let video = |id: &str, kind: Option<&str>, length: Option<f64>| {
            json!({"id": id, "kind": kind, "length": length,
                "metaxy_provenance_by_field": {"frames": id}})
        };
        let rows = json!([video("known", Some("z"), Some(2.5)), video("unknown", None, None)]);
        write(&store, &graph, "video", &rows).await.unwrap();
        let filters = vec![parse(filter).unwrap()];
        // A few rows are read without a plan, but for those of which there is a limit.
        for limit in [None, Some(9)] {
            let options = ReadOptions { filters: filters.clone(), limit, ..ReadOptions::default() };
            let found = read_with(&store, &graph, "video", &["id"], &options).await;
            assert_eq!(found, ["known"], "{filter} {limit:?}");
        }
        for mode in [DeletionMode::Soft, DeletionMode::Hard] {
            let request = DeletionRequest::new(mode, filters.clone());
            let plan = store.plan_deletion(&graph, &key("video"), &request).await.unwrap();
            assert_eq!(plan.samples(), 1, "{filter} {mode:?}");
        }
    }
}
