//! Several stores in one database, told apart by what the names of their tables begin with.

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
};
use metalith_sql::Database;
use metalith_store::{Backend, CommitNote, MarkerState, Mode, Rows, Vacuum};
use metalith_testkit::{
    backend_contract,
    databases::{self, FreshDatabase},
};

use crate::support::{append, backend, feature, numbers, raw, stored};

/// The backend of a store with a prefix.
fn with_prefix(of: &FreshDatabase, prefix: &str) -> Arc<dyn Backend> {
    let mut options = of.options.clone();
    options.insert("table_prefix".to_owned(), prefix.to_owned());
    let (address, driver) = (of.address.clone(), of.driver.clone());
    backend(&FreshDatabase { kind: of.kind, address, driver, options })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_a_prefix_keeps_the_contract() {
    for kind in ["duckdb", "sqlite"] {
        backend_contract::check(|| with_prefix(&databases::fresh(kind), "dev_")).await;
    }
}

/// Also where one prefix begins with another, and where a feature is called as a prefix is.
#[tokio::test(flavor = "multi_thread")]
async fn stores_in_one_database_know_nothing_of_each_other() {
    for kind in Database::all().map(|it| it.name()) {
        let place = databases::fresh(kind);
        let stores = [
            backend(&place),
            with_prefix(&place, "video__"),
            with_prefix(&place, "dev_"),
            with_prefix(&place, "dev_b_"),
        ];
        for (number, store) in (0_i64..).zip(&stores) {
            assert!(matches!(store.marker().await.unwrap(), MarkerState::Empty), "{kind}");
            append(store, numbers([number, 10])).await.unwrap();
        }
        for (number, store) in (0_i64..).zip(&stores) {
            assert_eq!(store.tables().await.unwrap(), [feature()], "{kind} {number}");
            assert_eq!(stored(store).await.unwrap(), [number, 10], "{kind}");
        }
        let [plain, _, dev, longer] = &stores;
        // What another store has is not there, by whatever name.
        for (store, name) in
            [(plain, "dev_video/raw"), (dev, "b_video/raw"), (plain, "video/video/raw")]
        {
            let name = name.parse().unwrap();
            assert!(store.open_table(&name).await.unwrap().is_none(), "{kind} {name}");
            assert!(!store.drop_table(&name).await.unwrap(), "{kind} {name}");
            let rows = Rows::from_batch(numbers([1]));
            let note = CommitNote::new("write");
            let error = store.append(&name, rows, note).await.expect_err("it is another's");
            assert!(error.to_string().contains("which is not of this store"), "{kind} {error}");
        }
        assert!(dev.drop_table(&feature()).await.unwrap());
        assert!(dev.open_table(&feature()).await.unwrap().is_none());
        let keep = Duration::ZERO;
        longer.vacuum(&feature(), Vacuum { keep, dry_run: false }).await.unwrap();
        assert_eq!(stored(longer).await.unwrap(), [3, 10], "{kind}");
        assert_eq!(stored(plain).await.unwrap(), [0, 10], "{kind}");
        raw(&place, "SELECT n FROM dev_b_video__raw");
    }
}

/// A table looks like Metaxy's by its columns, and like a store's by its name: the catalogs of others
/// tell whose it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_another_catalog_has_is_not_taken_for_metaxys() {
    let of_metaxy = Field::new("metaxy_provenance_by_field", DataType::Utf8, true);
    let schema = Arc::new(Schema::new(vec![of_metaxy]));
    let versions: ArrayRef = Arc::new(StringArray::from(vec!["{}"]));
    let rows = RecordBatch::try_new(schema, vec![versions]).unwrap();
    for kind in Database::all().map(|it| it.name()) {
        let place = databases::fresh(kind);
        let (plain, dev) = (backend(&place), with_prefix(&place, "dev_"));
        let within = with_prefix(&place, "video__");
        for (store, mine, seen, as_if) in
            [(&plain, "dev_eval/x", &dev, "eval/x"), (&plain, "video/raw", &within, "raw")]
        {
            let (mine, as_if) = (mine.parse().unwrap(), as_if.parse().unwrap());
            let note = CommitNote::new("write");
            store.append(&mine, Rows::from_batch(rows.clone()), note).await.unwrap();
            assert!(matches!(seen.marker().await.unwrap(), MarkerState::Empty), "{kind} {as_if}");
            assert!(seen.tables().await.unwrap().is_empty(), "{kind} {as_if}");
            assert!(seen.open_table(&as_if).await.unwrap().is_none(), "{kind} {as_if}");
            assert!(!seen.drop_table(&as_if).await.unwrap(), "{kind} {as_if}");
            assert!(store.open_table(&mine).await.unwrap().is_some(), "{kind} {mine}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_that_a_database_would_not_tell_apart_is_refused() {
    for prefix in ["Dev_", "a b", "\"; DROP TABLE x; --"] {
        let store = with_prefix(&databases::fresh("duckdb"), prefix);
        let error = store.prepare_for(Mode::Write).await.expect_err("it is refused").to_string();
        assert!(error.contains("a prefix has up to 32 lower-case letters"), "{error}");
    }
}
