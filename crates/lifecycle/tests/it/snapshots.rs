//! Snapshots of the graph, on a store in memory.

use std::collections::BTreeMap;

use metalith_lifecycle::snapshots::{list, push};
use metalith_testkit::fixtures::{graph, memory_store};

fn versions(code_version: &str) -> metalith_graph::FeatureGraph {
    graph(&format!(
        "[[features]]\nkey = \"a\"\nid_columns = [\"id\"]\n\
         fields = [{{ key = \"x\", code_version = \"{code_version}\" }}]"
    ))
}

#[tokio::test]
async fn a_graph_is_recorded_once_and_again_when_it_comes_back() {
    let store = memory_store().await;
    assert_eq!(list(&store).await.unwrap(), []);
    let tags = BTreeMap::from([("commit".to_owned(), "abc".to_owned())]);
    let (one, two) = (versions("1"), versions("2"));
    assert_eq!(push(&store, &one, "media", &tags).await.unwrap().features.len(), 1);
    assert_eq!(push(&store, &one, "media", &tags).await.unwrap().features.len(), 0);
    assert_eq!(push(&store, &two, "media", &BTreeMap::new()).await.unwrap().features.len(), 1);
    let recorded = list(&store).await.unwrap();
    let versions: Vec<&str> = recorded.iter().map(|it| it.version.as_str()).collect();
    assert_eq!(versions, [one.snapshot_version(), two.snapshot_version()]);
    assert_eq!(recorded[0].tags, tags);
    assert!(store.features().await.unwrap().is_empty(), "system tables are not features");
}
