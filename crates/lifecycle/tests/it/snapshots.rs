//! Snapshots of the graph, on a store in memory.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use metalith_base::Diagnostic as _;
use metalith_graph::{DeclaringClass, FeatureGraph, HashLength};
use metalith_lifecycle::snapshots::{find, list, push, stored_rows};
use metalith_store::{CommitNote, Rows, Store};
use metalith_testkit::fixtures::{graph, key, memory_store};

const TABLE: &str = "metaxy-system/feature_versions";

fn versions(code_version: &str) -> FeatureGraph {
    graph(&format!(
        "[[features]]\nkey = \"a\"\nid_columns = [\"id\"]\n\
         fields = [{{ key = \"x\", code_version = \"{code_version}\" }}]\n\
         [[features]]\nkey = \"b\"\nid_columns = [\"id\"]\ndeps = [\"a\"]\n\
         [[features]]\nkey = \"c\"\nid_columns = [\"id\"]\n"
    ))
}

fn tagged(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

/// How many features a push recorded.
async fn pushed(store: &Store, graph: &FeatureGraph) -> usize {
    push(store, graph, "media", &BTreeMap::new()).await.unwrap().features.len()
}

#[tokio::test]
async fn a_graph_is_recorded_once_and_again_when_it_comes_back() {
    let store = memory_store().await;
    assert_eq!(list(&store).await.unwrap(), []);
    let tags = tagged("commit", "abc");
    let (one, two) = (versions("1"), versions("2"));
    assert_eq!(push(&store, &one, "media", &tags).await.unwrap().features.len(), 3);
    let again = push(&store, &one, "media", &tagged("commit", "abc")).await.unwrap();
    assert_eq!((again.features.len(), again.tags_left_out.len()), (0, 0));
    // What is recorded stays. That other tags are not is said.
    let otherwise = push(&store, &one, "media", &tagged("commit", "def")).await.unwrap();
    assert_eq!((otherwise.features.len(), otherwise.tags_left_out), (0, vec!["commit".into()]));
    assert_eq!(pushed(&store, &two).await, 3);
    assert_eq!(pushed(&store, &one).await, 3);
    assert_eq!(pushed(&store, &one).await, 0);
    let recorded = list(&store).await.unwrap();
    let versions: Vec<&str> = recorded.iter().map(|it| it.version.as_str()).collect();
    let (first, second) = (one.snapshot_version(), two.snapshot_version());
    assert_eq!(versions, [first, second, first]);
    assert_eq!((&recorded[0].tags, recorded[2].features), (&tags, 3));
    assert!(store.features().await.unwrap().is_empty(), "system tables are not features");
}

#[tokio::test]
async fn a_graph_that_is_only_declared_otherwise_is_recorded_too() {
    let store = memory_store().await;
    let plain = graph("[[features]]\nkey = \"a\"\nid_columns = [\"id\"]");
    let told = graph("[[features]]\nkey = \"a\"\nid_columns = [\"id\"]\ndescription = \"x\"");
    assert_eq!(plain.snapshot_version(), told.snapshot_version());
    assert_eq!((pushed(&store, &plain).await, pushed(&store, &told).await), (1, 1));
    let latest = find(&store, "media", "latest").await.unwrap().graph;
    let spec = |graph: &FeatureGraph| graph.feature(&key("a")).unwrap().spec().clone();
    assert_eq!(spec(&latest), spec(&told));
}

#[tokio::test]
async fn the_class_of_a_feature_is_recorded_with_it() {
    let store = memory_store().await;
    let graph = |schema: Option<&str>| {
        let mut definition = versions("1").feature(&key("a")).unwrap().definition().clone();
        let path = "media.Video".to_owned();
        definition.class = schema.map(|it| DeclaringClass { path, schema: it.to_owned() });
        FeatureGraph::new([definition], HashLength::UNCUT).unwrap()
    };
    let declared = graph(Some(r#"{"title": "V", "properties": {}}"#));
    assert_eq!(pushed(&store, &declared).await, 1);
    let rows = stored_rows(&store).await.unwrap().remove(0).collect().await.unwrap();
    let text = |name: &str| {
        let column = rows[0].column_by_name(name).unwrap();
        column.as_any().downcast_ref::<StringArray>().unwrap().value(0).to_owned()
    };
    assert_eq!(text("feature_class_path"), "media.Video");
    assert_eq!(text("feature_schema"), r#"{"title": "V", "properties": {}}"#);
    // Another order of the schema's members says the same; another schema does not.
    assert_eq!(pushed(&store, &graph(Some(r#"{"properties":{},"title":"V"}"#))).await, 0);
    assert_eq!(pushed(&store, &graph(Some(r#"{"properties":{},"title":"W"}"#))).await, 1);
    assert_eq!(pushed(&store, &graph(None)).await, 1);
}

#[tokio::test]
async fn a_recorded_graph_is_found_by_what_it_is_called() {
    let store = memory_store().await;
    let (one, two) = (versions("1"), versions("2"));
    push(&store, &one, "media", &tagged("release", "1")).await.unwrap();
    push(&store, &two, "media", &tagged("release", "2")).await.unwrap();
    push(&store, &one, "other", &BTreeMap::new()).await.unwrap();
    let start = &one.snapshot_version()[..10];
    for (name, wanted) in
        [("latest", &two), ("release=1", &one), (start, &one), (two.snapshot_version(), &two)]
    {
        let found = find(&store, "media", name).await.unwrap();
        assert_eq!(found.graph.snapshot_version(), wanted.snapshot_version(), "{name}");
        assert_eq!(found.snapshot.version, wanted.snapshot_version());
    }
    for name in ["release=3", "", "zz", "current"] {
        let unknown = find(&store, "media", name).await.expect_err("not recorded");
        assert_eq!(unknown.code(), "snapshot.unknown", "{name}");
    }
    let nothing = find(&store, "elsewhere", "latest").await.expect_err("nothing there");
    assert_eq!(nothing.code(), "snapshot.nothing-pushed");
    let reserved = push(&store, &one, "media", &tagged("metaxy", "x")).await;
    assert_eq!(reserved.expect_err("a reserved tag").code(), "snapshot.reserved-tag");
}

#[tokio::test]
async fn features_of_other_projects_are_recorded_with_those_that_need_them() {
    let store = memory_store().await;
    let graph = graph(
        "[[features]]\nkey = \"theirs\"\nid_columns = [\"id\"]\n\
         external = { provenance_by_field = { default = \"given\" } }\n\
         [[features]]\nkey = \"ours\"\nid_columns = [\"id\"]\ndeps = [\"theirs\"]",
    );
    assert_eq!(pushed(&store, &graph).await, 1);
    let found = find(&store, "media", "latest").await.unwrap();
    assert_eq!((found.graph.len(), found.snapshot.features), (2, 1));
    let version =
        |graph: &FeatureGraph| graph.feature(&key("ours")).unwrap().feature_version().to_owned();
    assert_eq!(version(&found.graph), version(&graph));
    assert!(found.snapshot.tags.is_empty(), "only what a user noted is a tag");
}

/// What a push recorded, with texts in place of some columns.
async fn recorded_rows(graph: &FeatureGraph, texts: &[(&str, &str)]) -> RecordBatch {
    let store = memory_store().await;
    pushed(&store, graph).await;
    let rows = store.read_system(&key(TABLE)).await.unwrap().unwrap();
    let batch = rows.collect().await.unwrap().remove(0);
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        let text = texts.iter().find(|(name, _)| name == field.name());
        text.map_or_else(
            || Arc::clone(column),
            |(_, text)| Arc::new(StringArray::new_repeated(text, batch.num_rows())) as ArrayRef,
        )
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

async fn add(store: &Store, rows: RecordBatch) {
    let rows = Rows::from_batch(rows);
    store.append_system(&key(TABLE), rows, CommitNote::new("push")).await.unwrap();
}

/// Rows as the reference system writes them: each at a time of its own, which is UTC though the
/// column does not say so.
async fn their_rows(graph: &FeatureGraph, version: &str, at: i64) -> RecordBatch {
    let tags = r#"{"release": "7", "metaxy": "{\"version\": \"0.1.10\"}"}"#;
    let rows = recorded_rows(graph, &[("metaxy_project_version", version), ("tags", tags)]).await;
    let count = rows.num_rows();
    let schema = rows.schema();
    let columns = schema.fields().iter().zip(rows.columns()).map(|(field, column)| {
        let times = match field.name().as_str() {
            "recorded_at" => TimestampMicrosecondArray::from_iter_values(at..at + count as i64),
            "deleted_at" => TimestampMicrosecondArray::new_null(count),
            _ => return (field.name().clone(), Arc::clone(column)),
        };
        (field.name().clone(), Arc::new(times) as ArrayRef)
    });
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, it)| (name, it, true))).unwrap()
}

#[tokio::test]
async fn what_the_reference_system_recorded_is_read_and_added_to() {
    let store = memory_store().await;
    let only =
        |told: &str| graph(&format!("[[features]]\nkey = \"a\"\nid_columns = [\"id\"]\n{told}"));
    let (plain, told) = (only(""), only("description = \"x\""));
    add(&store, their_rows(&versions("1"), "first", 100).await).await;
    // The second version has two features less. One of its rows comes again, declared otherwise.
    add(&store, their_rows(&plain, "second", 200).await).await;
    add(&store, their_rows(&told, "second", 300).await).await;
    add(&store, their_rows(&versions("1"), "first", 400).await).await;
    let listed = list(&store).await.unwrap();
    let found: Vec<(&str, usize, i64)> = listed
        .iter()
        .map(|it| (it.version.as_str(), it.features, it.recorded_at.as_micros()))
        .collect();
    assert_eq!(found, [("first", 3, 100), ("second", 1, 200), ("first", 3, 400)]);
    assert_eq!(listed[0].tags, tagged("release", "7"), "what a system keeps for itself is no tag");
    let second = find(&store, "media", "second").await.unwrap().graph;
    assert_eq!(second.snapshot_version(), told.snapshot_version());
    let description = |graph: &FeatureGraph| graph.feature(&key("a")).unwrap().spec().clone();
    assert_eq!(description(&second), description(&told));
    // What is recorded here joins theirs, with times as they are there.
    assert_eq!(pushed(&store, &versions("2")).await, 3);
    assert_eq!(pushed(&store, &versions("2")).await, 0);
    let latest = find(&store, "media", "latest").await.unwrap();
    assert_eq!(latest.graph.snapshot_version(), versions("2").snapshot_version());
    assert_eq!(list(&store).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_record_that_was_changed_is_not_believed() {
    let store = memory_store().await;
    let forged = [("metaxy_feature_version", "0123456789")];
    add(&store, recorded_rows(&versions("1"), &forged).await).await;
    let refused = find(&store, "media", "latest").await.expect_err("it contradicts itself");
    assert_eq!((refused.code(), refused.kind().name()), ("snapshot.unreadable", "corrupt"));
    let odd = [("feature_spec", "{]")];
    add(&store, recorded_rows(&versions("2"), &odd).await).await;
    let refused = find(&store, "media", "latest").await.expect_err("it is no JSON");
    assert_eq!(refused.code(), "snapshot.unreadable");
}
