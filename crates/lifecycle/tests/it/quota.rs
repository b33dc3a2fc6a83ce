//! What would be too much is refused before anything of it is written.

use metalith_base::{Diagnostic as _, Kind, Quota, Threshold};
use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    Context,
    quota::{Meter, Usage},
};
use metalith_objects::ObjectPlaces;
use metalith_store::{Store, StoreError, WriteOptions};
use metalith_testkit::fixtures::{graph, key, memory_store, read, rows};
use serde_json::{Value, json};

use crate::support::made;

const FEATURES: &str = "[[features]]\nkey = \"clip\"\nid_columns = [\"id\"]\n\
                        objects = [{ column = \"path\", size = \"size\" }]\n";

const QUOTA: Quota = Quota {
    objects: Threshold { warn: Some(2), refuse: Some(3) },
    bytes: Threshold { warn: None, refuse: Some(100) },
};

fn clip(id: i64, path: &str, size: i64) -> Value {
    json!({ "id": id, "path": path, "size": size })
}

async fn add(store: &Store, graph: &FeatureGraph, clips: &[Value]) -> Result<Meter, StoreError> {
    let places = ObjectPlaces::default();
    let context = Context { store, graph, places: &places, space: None };
    let meter = Meter::read(context, QUOTA).await.unwrap();
    let feature = graph.feature(&key("clip")).unwrap();
    let guarded = meter.guard(feature, rows(&made("default", clips)));
    store.write(graph, &key("clip"), guarded, &WriteOptions::default()).await?;
    Ok(meter)
}

#[tokio::test]
async fn too_many_objects_or_bytes_are_refused_as_a_whole() {
    let (store, graph) = (memory_store().await, graph(FEATURES));
    let meter = add(&store, &graph, &[clip(1, "/a", 10), clip(2, "/b", 10)]).await.unwrap();
    assert_eq!(meter.usage(), Usage { objects: 2, bytes: 20 });
    assert!(meter.warnings().is_empty());

    // The same object, spelled otherwise, is one object.
    let meter = add(&store, &graph, &[clip(3, "//b", 10), clip(4, "/c", 10)]).await.unwrap();
    assert_eq!(meter.usage(), Usage { objects: 3, bytes: 30 });
    assert_eq!(meter.warnings(), ["the project holds 3 objects; from 2 on its quota warns"]);

    let error = add(&store, &graph, &[clip(5, "/a", 10), clip(6, "/d", 1)]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Blocked);
    assert_eq!(error.to_string(), "the project would hold 4 objects, and its quota is 3");
    let error = add(&store, &graph, &[clip(1, "/a", 90)]).await.unwrap_err();
    assert_eq!(error.to_string(), "the project would hold 110 bytes, and its quota is 100");
    assert_eq!(read(&store, &graph, "clip", &["id"]).await, ["1", "2", "3", "4"]);
    add(&store, &graph, &[clip(1, "/a", 20)]).await.unwrap();
}
