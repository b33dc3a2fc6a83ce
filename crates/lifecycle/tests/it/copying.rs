//! Copies: everything, once, however often one is asked for.

use std::{collections::BTreeMap, sync::Arc};

use metalith_delta::{Layout, open_backend};
use metalith_expr::parse;
use metalith_graph::FeatureGraph;
use metalith_sql::Database;
use metalith_store::{
    Backend, CopyOptions, DeletionMode, DeletionRequest, MemoryBackend, OpenOptions, ReadOptions,
    RestoreRequest, Store, StoreError,
};
use metalith_testkit::{
    databases,
    fixtures::{graph, key, memory_store, read, read_with, write},
    forgetful::Forgetful,
};
use serde_json::{Value, json};

fn code(version: &str) -> FeatureGraph {
    graph(&format!(
        "[[features]]\nkey = \"a\"\nid_columns = [\"id\"]\n\
         fields = [{{ key = \"x\", code_version = \"{version}\" }}]"
    ))
}

fn made(ids: &[i64]) -> Value {
    let row = |id: &i64| json!({ "id": id, "metaxy_provenance_by_field": { "x": "v" } });
    ids.iter().map(row).collect()
}

/// A feature with a history: two definitions, a sample written twice, one deleted and restored, one
/// deleted.
async fn with_history(store: &Store) -> String {
    write(store, &code("1"), "a", &made(&[1, 2])).await.unwrap();
    write(store, &code("2"), "a", &made(&[1, 2, 3])).await.unwrap();
    write(store, &code("2"), "a", &made(&[2])).await.unwrap();
    let request =
        |filter: &str| DeletionRequest::new(DeletionMode::Soft, vec![parse(filter).unwrap()]);
    let back = store.delete(&code("2"), &key("a"), &request("id = 1")).await.unwrap();
    let restore = RestoreRequest { deletion: Some(back.id), ..RestoreRequest::default() };
    store.restore(&code("2"), &key("a"), &restore).await.unwrap();
    store.delete(&code("2"), &key("a"), &request("id = 3")).await.unwrap().id
}

async fn everything(store: &Store) -> Vec<String> {
    let options = ReadOptions {
        feature_history: true,
        sample_history: true,
        include_deleted: true,
        ..ReadOptions::default()
    };
    let columns = [
        "id",
        "metaxy_feature_version",
        "metaxy_provenance",
        "metaxy_created_at",
        "metaxy_updated_at",
        "metaxy_deleted_at",
    ];
    read_with(store, &code("2"), "a", &columns, &options).await
}

const KINDS: [&str; 5] = ["memory", "delta", "duckdb", "sqlite", "postgresql"];

fn backend(kind: &'static str) -> Arc<dyn Backend> {
    match kind {
        "memory" => Arc::new(MemoryBackend::new()),
        "delta" => {
            let folder = tempfile::tempdir().unwrap().keep();
            open_backend(folder.to_str().unwrap(), &BTreeMap::new(), Layout::Nested).unwrap()
        }
        kind => {
            let place = databases::fresh(kind);
            let (database, driver) = (Database::named(kind).unwrap(), Some(place.driver.as_str()));
            metalith_sql::open_backend(database, &place.address, driver, &place.options)
        }
    }
}

async fn store(backend: Arc<dyn Backend>) -> Store {
    Store::open(backend, OpenOptions::write()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_history_travels_once_between_any_two_stores() {
    for (from, to) in KINDS.iter().flat_map(|from| KINDS.iter().map(move |to| (*from, *to))) {
        let (source, target) = (store(backend(from)).await, store(backend(to)).await);
        let deletion = with_history(&source).await;
        let (graph, feature) = (code("2"), key("a"));
        let all = CopyOptions::everything();
        let first = target.copy_from(&source, &graph, &feature, &all).await.unwrap();
        assert_eq!((first.rows, first.already), (9, 0), "{from} to {to}");
        assert_eq!(everything(&target).await, everything(&source).await, "{from} to {to}");
        let again = target.copy_from(&source, &graph, &feature, &all).await.unwrap();
        assert_eq!((again.rows, again.already), (0, 9));
        assert_eq!(again.digest, first.digest);
        let status = target.status(&graph, &feature).await.unwrap();
        // One commit, and no other; databases count from 1.
        let first = u64::from(!["memory", "delta"].contains(&to));
        assert_eq!((status.table_version, status.rows), (Some(first), 9), "{from} to {to}");

        // What comes later is brought by the next copy, and a deletion is known by its id.
        write(&source, &graph, "a", &made(&[4])).await.unwrap();
        let more = target.copy_from(&source, &graph, &feature, &all).await.unwrap();
        assert_eq!((more.rows, more.already), (1, 9));
        let restore = RestoreRequest { deletion: Some(deletion), ..RestoreRequest::default() };
        assert_eq!(target.restore(&graph, &feature, &restore).await.unwrap().samples, 1);
        assert_eq!(read(&target, &graph, "a", &["id"]).await, ["1", "2", "3", "4"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_loses_a_row_is_told() {
    for kind in ["delta", "sqlite"] {
        let source = memory_store().await;
        with_history(&source).await;
        let backend = backend(kind);
        let target = store(Arc::new(Forgetful(Arc::clone(&backend)))).await;
        let all = CopyOptions::everything();
        let error = target.copy_from(&source, &code("2"), &key("a"), &all).await;
        let error = error.expect_err("a row is not there");
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("1 of 9 copied rows do not read back"), "{text}");
        // Where nothing is lost, the same copy brings what is missing.
        let sound = store(backend).await;
        let more = sound.copy_from(&source, &code("2"), &key("a"), &all).await.unwrap();
        assert_eq!((more.rows, more.already), (1, 8), "{kind}");
    }
}

#[tokio::test]
async fn equal_rows_are_counted_and_not_taken_for_one() {
    let (source, target) = (memory_store().await, memory_store().await);
    write(&source, &code("1"), "a", &made(&[1])).await.unwrap();
    // A store that was copied into itself by a system that did not look.
    let all = CopyOptions::everything();
    let rows = source.read_everything(&key("a"), &[], &stored_columns()).await.unwrap().unwrap();
    let rows = rows.collect().await.unwrap().remove(0);
    let twice = metalith_store::Rows::from_batches(rows.schema(), vec![rows.clone(), rows]);
    source
        .append_system(&key("metalith-system/odd"), twice, metalith_store::CommitNote::new("odd"))
        .await
        .unwrap();
    let odd = key("metalith-system/odd");
    assert_eq!(target.copy_system(&source, &odd).await.unwrap().rows, 2);
    assert_eq!(target.copy_system(&source, &odd).await.unwrap().rows, 0);
    assert_eq!(target.copy_from(&source, &code("1"), &key("a"), &all).await.unwrap().rows, 1);
}

fn stored_columns() -> Vec<String> {
    ["id", "metaxy_provenance", "metaxy_updated_at"].map(str::to_owned).to_vec()
}

#[tokio::test]
async fn two_copies_at_once_bring_each_row_once() {
    let (source, target) = (store(backend("delta")).await, store(backend("delta")).await);
    with_history(&source).await;
    let (graph, feature, all) = (code("2"), key("a"), CopyOptions::everything());
    let copy = || target.copy_from(&source, &graph, &feature, &all);
    let (one, other) = tokio::join!(copy(), copy());
    assert_eq!(one.unwrap().rows + other.unwrap().rows, 9);
    assert_eq!(everything(&target).await, everything(&source).await);
}

#[tokio::test]
async fn columns_that_only_one_side_has_do_not_matter_and_other_types_are_refused() {
    let (source, target) = (memory_store().await, memory_store().await);
    let row = |id: i64, name: &str, value: Value| json!([{ "id": id, name: value, "metaxy_provenance_by_field": { "x": "v" } }]);
    write(&source, &code("1"), "a", &row(1, "size", json!(5))).await.unwrap();
    write(&target, &code("1"), "a", &row(2, "name", json!("z"))).await.unwrap();
    let all = CopyOptions::everything();
    let copied = target.copy_from(&source, &code("1"), &key("a"), &all).await.unwrap();
    assert_eq!(copied.rows, 1);
    assert_eq!(
        read(&target, &code("1"), "a", &["id", "size", "name"]).await,
        ["1 5 null", "2 null z"]
    );
    write(&source, &code("1"), "a", &row(3, "name", json!(7))).await.unwrap();
    let refused = target.copy_from(&source, &code("1"), &key("a"), &all).await;
    let text = refused.expect_err("another type").to_string();
    assert_eq!(text, "cannot take these rows for `a`: column `name` must be Utf8, but is Int64");
    assert_eq!(read(&target, &code("1"), "a", &["id"]).await, ["1", "2"]);
}
