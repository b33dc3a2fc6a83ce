//! What a database, a driver or a user does wrong: said plainly, without passwords, and nothing is
//! half written.

use std::{collections::BTreeMap, error::Error as _, process::Command, sync::Arc};

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray},
    datatypes::Float64Type,
};
use futures::StreamExt as _;
use metalith_base::{Diagnostic as _, Kind};
use metalith_sql::{Database, open_backend};
use metalith_store::{Backend, CommitNote, MarkerState, OpenOptions, Rows, Store, StoreError};
use metalith_testkit::{
    databases::{self, FreshDatabase, PASSWORD, PostgreSql},
    fixtures::{all_rows, graph, key, read, write},
};
use serde_json::json;

use crate::support::{self, append, backend, feature, fresh, numbers, raw, stored};

const GRAPH: &str = "[[features]]\nkey = \"video\"\nid_columns = [\"id\"]\nfields = [\"frames\"]";

/// An error with its causes and its hint.
fn told(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    format!("{text}; {}", error.hint().unwrap_or_default())
}

async fn refused(backend: &Arc<dyn Backend>) -> StoreError {
    backend.marker().await.expect_err("it cannot be opened")
}

fn at(address: &str, driver: Option<&str>, kind: &str) -> Arc<dyn Backend> {
    open_backend(Database::named(kind).unwrap(), address, driver, &BTreeMap::new())
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown() {
    let address = databases::postgresql().address_with("wr0ng-s3cret");
    let driver = databases::driver("postgresql");
    let backend = at(&address, Some(&driver), "postgresql");
    let error = refused(&backend).await;
    let text = told(&error);
    assert!(text.contains("password authentication failed"), "{text}");
    assert!(text.contains("check the permissions and credentials"), "{text}");
    assert_eq!(error.kind(), Kind::Invalid);
    let shown = format!("{text} {error:?} {backend:?} {}", backend.location());
    assert!(!shown.contains("wr0ng-s3cret"), "{shown}");
    assert!(backend.location().starts_with("postgresql://metalith:***@127.0.0.1:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_loses_nothing_that_was_committed() {
    let mut server = PostgreSql::start();
    let (address, driver) = (server.address(), databases::driver("postgresql"));
    let backend = at(&address, Some(&driver), "postgresql");
    append(&backend, numbers(0..10)).await.unwrap();
    // One commit after the other, until it goes: what was acknowledged is done.
    let (done, mut acknowledged) = futures::channel::mpsc::unbounded();
    let committing = {
        let backend = Arc::clone(&backend);
        tokio::spawn(async move {
            for number in 100.. {
                if append(&backend, numbers([number])).await.is_err() {
                    break;
                }
                done.unbounded_send(number).unwrap();
            }
        })
    };
    for number in 100..103 {
        assert_eq!(acknowledged.next().await, Some(number));
    }
    let table = backend.open_table(&feature()).await.unwrap().unwrap();
    // In the middle of a write: some rows are on their way when it goes.
    let (sender, rows) = futures::channel::mpsc::unbounded();
    let rows = Rows::new(numbers([]).schema(), rows);
    sender.unbounded_send(Ok(numbers(10..20))).unwrap();
    let writing = {
        let backend = Arc::clone(&backend);
        tokio::spawn(
            async move { backend.append(&feature(), rows, CommitNote::new("write")).await },
        )
    };
    server.stop();
    // Perhaps nobody takes them any more.
    sender.unbounded_send(Ok(numbers(20..30))).ok();
    drop(sender);
    let lost = writing.await.unwrap().expect_err("there is no server");
    let reading = all_rows(&table).await.expect_err("there is no server");
    let opening = refused(&backend).await;
    for error in [lost, reading, opening] {
        let text = told(&error);
        assert_eq!(error.kind(), Kind::Unavailable, "{text}");
        assert!(text.contains("check the address and the network"), "{text}");
        assert!(!format!("{text} {error:?}").contains(PASSWORD), "{text}");
    }
    committing.await.unwrap();
    let last = acknowledged.collect::<Vec<i64>>().await.last().copied().unwrap_or(102);

    // It is back: what was committed is there, and of what was on its way nothing, unless only the
    // answer was lost.
    server.start_again();
    let committed: Vec<i64> = (0..10).chain(100..=last).collect();
    let found = stored(&backend).await.unwrap();
    let (kept, more) = found.split_at(committed.len());
    assert_eq!(kept, committed);
    assert!(more.is_empty() || more == [last + 1], "{more:?}");
    drop((backend, table));
    let backend = at(&address, Some(&driver), "postgresql");
    assert_eq!(stored(&backend).await.unwrap(), found);
    append(&backend, numbers([1000])).await.unwrap();
    assert_eq!(stored(&backend).await.unwrap(), [found, vec![1000]].concat());
}

#[tokio::test]
async fn a_missing_driver_is_said_with_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    std::fs::write(&file, "").unwrap();
    let address = file.to_str().unwrap();
    for (kind, advice) in [("sqlite", "pip install adbc-driver-sqlite"), ("duckdb", "dbc install")]
    {
        for driver in ["no-such-driver", "/no/such/library.so"] {
            let error = refused(&at(address, Some(driver), kind)).await;
            let text = told(&error);
            assert_eq!(error.kind(), Kind::NotFound, "{text}");
            assert!(text.contains(&format!("the ADBC driver `{driver}` for")), "{text}");
            assert!(text.contains(advice), "{text}");
        }
    }
}

#[tokio::test]
async fn a_driver_is_found_by_the_name_of_its_manifest() {
    if let Ok(address) = std::env::var("METALITH_TEST_MANIFESTS") {
        // By the name of the database, and by one of their own.
        for driver in [None, Some("our-own")] {
            let backend = at(&address, driver, "sqlite");
            append(&backend, numbers([1])).await.unwrap();
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = databases::fresh("sqlite");
    for name in ["sqlite", "our-own"] {
        let library = &place.driver;
        let manifest = format!("manifest_version = 1\n[Driver]\nshared = \"{library}\"\n");
        std::fs::write(folder.path().join(format!("{name}.toml")), manifest).unwrap();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "bad_input::a_driver_is_found_by_the_name_of_its_manifest"])
        .env("METALITH_TEST_MANIFESTS", &place.address)
        .env("ADBC_DRIVER_PATH", folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stored(&backend(&place)).await.unwrap(), [1, 1]);
}

#[tokio::test]
async fn a_library_that_is_no_driver_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (store, text) = (folder.path().join("store.db"), folder.path().join("text.so"));
    std::fs::write(&store, "").unwrap();
    std::fs::write(&text, "this is text").unwrap();
    // A library, but of something else; and none at all.
    let library = std::fs::read_to_string("/proc/self/maps").unwrap();
    let library = library.lines().filter_map(|line| line.split_whitespace().nth(5));
    let library = library.into_iter().find(|it| it.contains("/libc.so")).unwrap().to_owned();
    for driver in [library.as_str(), text.to_str().unwrap()] {
        let error = refused(&at(store.to_str().unwrap(), Some(driver), "sqlite")).await;
        let text = told(&error);
        assert_eq!(error.kind(), Kind::Invalid, "{text}");
        assert!(text.contains("cannot be used as an ADBC driver"), "{text}");
    }
}

#[tokio::test]
async fn what_a_driver_does_not_take_is_said_with_what_to_check() {
    let check = async |backend: Arc<dyn Backend>| {
        let error = refused(&backend).await;
        let text = told(&error);
        assert_eq!(error.kind(), Kind::Invalid, "{text}");
        assert!(text.contains("it cannot be opened as "), "{text}");
        assert!(text.ends_with("; check `driver` and `options` of this store"), "{text}");
        assert!(!format!("{text} {error:?}").contains(PASSWORD), "{text}");
    };
    for database in Database::all() {
        let mut place = databases::fresh(database.name());
        if place.kind != "postgresql" {
            append(&backend(&place), numbers([1])).await.unwrap();
        }
        place.options.insert("no_such_option".to_owned(), "1".to_owned());
        check(backend(&place)).await;
    }
    // The driver of another database.
    for (kind, other) in [("sqlite", "postgresql"), ("postgresql", "sqlite")] {
        let mut place = databases::fresh(kind);
        if kind == "sqlite" {
            append(&backend(&place), numbers([1])).await.unwrap();
        }
        place.driver = databases::driver(other);
        check(backend(&place)).await;
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_no_store() {
    for kind in ["duckdb", "sqlite"] {
        let place = databases::fresh(kind);
        std::fs::write(&place.address, "just some text that is long enough ".repeat(500)).unwrap();
        let found = backend(&place).marker().await.unwrap();
        assert!(matches!(&found, MarkerState::Occupied(what) if what.contains("no ")), "{found:?}");
    }
}

#[tokio::test]
async fn what_looks_like_sql_is_a_value() {
    let bad = "x'); DROP TABLE \"video\"; --\\'\"; DELETE FROM __metalith_tables; /*";
    for database in Database::all() {
        let backend = fresh(database.name());
        let options = OpenOptions { actor: Some(bad.to_owned()), ..OpenOptions::write() };
        let store = Store::open(Arc::clone(&backend), options).await.unwrap();
        let graph = graph(GRAPH);
        let row = json!([
            { "id": bad, "a\"b; --'": bad, "metaxy_provenance_by_field": { "frames": bad } },
            { "id": "fine", "metaxy_provenance_by_field": { "frames": "f" } },
        ]);
        write(&store, &graph, "video", &row).await.unwrap();
        let found = read(&store, &graph, "video", &["id", "a\"b; --'"]).await;
        assert_eq!(found, ["fine null".to_owned(), format!("{bad} {bad}")], "{database:?}");
        let rows = Rows::from_batch(numbers([1]));
        let note = CommitNote::new("write").once(bad).with("reason", bad);
        backend.append(&feature(), rows, note).await.unwrap();
        let table = backend.open_table(&feature()).await.unwrap().unwrap();
        assert!(table.has_commit(bad).await.unwrap());
        assert!(!table.has_commit("x").await.unwrap());
        assert_eq!(backend.tables().await.unwrap(), [key("video"), feature()]);
    }
}

#[tokio::test]
async fn a_table_of_others_is_not_touched() {
    for database in Database::all() {
        let place = databases::fresh(database.name());
        raw(&place, "CREATE TABLE video__raw (n BIGINT, owner VARCHAR(10))");
        raw(&place, "INSERT INTO video__raw VALUES (7, 'anna')");
        let backend = backend(&place);
        assert_eq!(backend.marker().await.unwrap(), MarkerState::Empty);
        assert!(backend.tables().await.unwrap().is_empty());
        let error = append(&backend, numbers([1])).await.expect_err("it is not ours");
        assert_eq!(error.kind(), Kind::Unsupported);
        let text = error.to_string();
        assert!(text.contains("there is a table `video__raw` already"), "{text}");
        // Nor is it dropped.
        assert!(!backend.drop_table(&feature()).await.unwrap());
        raw(&place, "ALTER TABLE video__raw ADD COLUMN more BIGINT");
    }
}

/// Somebody else does something while we have the database not open: DuckDB lets in one.
fn meanwhile(ours: Arc<dyn Backend>, place: &FreshDatabase, statement: &str) -> Arc<dyn Backend> {
    drop(ours);
    raw(place, statement);
    backend(place)
}

#[tokio::test]
async fn a_column_that_others_added_is_not_ours_and_stays() {
    for database in Database::all() {
        let place = databases::fresh(database.name());
        let backend = backend(&place);
        append(&backend, numbers([1])).await.unwrap();
        let backend =
            meanwhile(backend, &place, "ALTER TABLE video__raw ADD COLUMN note VARCHAR(10)");
        assert_eq!(stored(&backend).await.unwrap(), [1]);
        append(&backend, numbers([2])).await.unwrap();
        assert_eq!(stored(&backend).await.unwrap(), [1, 2]);
        let table = backend.open_table(&feature()).await.unwrap().unwrap();
        assert_eq!(table.schema().fields().len(), 1, "{database:?}");
        drop(table);
        // Rows that others put there are read, and are given a chunk by the next commit.
        let insert = "INSERT INTO video__raw (n, note) VALUES (3, 'by hand')";
        let backend = meanwhile(backend, &place, insert);
        assert_eq!(stored(&backend).await.unwrap(), [1, 2, 3]);
        append(&backend, numbers([4])).await.unwrap();
        let mut found = stored(&backend).await.unwrap();
        found.sort_unstable();
        assert_eq!(found, [1, 2, 3, 4], "{database:?}");
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        let rows = RecordBatch::try_from_iter([("note", text)]).unwrap();
        append(&backend, rows).await.expect_err("there is another column of that name");
        assert_eq!(stored(&backend).await.unwrap().len(), 4);
    }
}

/// PostgreSQL takes few rows as a driver puts them, byte by byte, but only into what they are.
#[tokio::test]
async fn a_column_whose_type_others_changed_takes_rows_all_the_same() {
    let place = databases::fresh("postgresql");
    let backend = backend(&place);
    append(&backend, numbers([1])).await.unwrap();
    for (row, changed) in [(2, "DOUBLE PRECISION"), (3, "NUMERIC"), (4, "INTEGER"), (5, "BIGINT")] {
        raw(&place, &format!("ALTER TABLE video__raw ALTER COLUMN n TYPE {changed}"));
        append(&backend, numbers([row])).await.unwrap();
        let expected: Vec<i64> = (1..=row).collect();
        assert_eq!(stored(&support::backend(&place)).await.unwrap(), expected, "{changed}");
    }
}

async fn check_refused(kind: &'static str, name: &str, column: ArrayRef, expected: &str) {
    let backend = fresh(kind);
    let rows = RecordBatch::try_from_iter([("n", numbers_like(&column)), (name, column)]).unwrap();
    let error = append(&backend, rows).await.expect_err(expected);
    let text = error.to_string();
    assert!(text.contains(expected), "{kind}: {text}");
    assert!(matches!(error.kind(), Kind::Invalid | Kind::Unsupported), "{error:?}");
    assert!(backend.open_table(&feature()).await.unwrap().is_none(), "{kind}");
}

fn numbers_like(column: &ArrayRef) -> ArrayRef {
    Arc::new(Int64Array::from(vec![1; column.len()]))
}

#[tokio::test]
async fn values_that_would_not_come_back_are_refused_before_anything_is_written() {
    let nan: ArrayRef = Arc::new(Float64Array::from(vec![0.5, f64::NAN]));
    check_refused("sqlite", "f", nan, "cannot hold NaN of row 1").await;
    let nul: ArrayRef = Arc::new(StringArray::from(vec!["fine", "a\0b"]));
    check_refused("postgresql", "t", nul, "of row 1").await;
    let deep = || -> ArrayRef {
        let lists = [Some(vec![Some(f64::INFINITY)])];
        Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(lists))
    };
    check_refused("sqlite", "l", deep(), "cannot hold [inf] of row 0").await;
    check_refused("postgresql", "l", deep(), "cannot hold [inf] of row 0").await;
    check_refused("duckdb", "N", numbers_like(&deep()), "both `n` and `N`").await;
    check_refused("sqlite", "N", numbers_like(&deep()), "both `n` and `N`").await;
    check_refused("postgresql", &"x".repeat(64), numbers_like(&deep()), "first 63 bytes").await;
    for database in Database::all() {
        let own = numbers_like(&deep());
        check_refused(database.name(), "metalith_chunk", own, "`metalith_chunk` is reserved").await;
    }
}

#[tokio::test]
async fn a_second_process_is_told_that_duckdb_lets_in_one() {
    if let Ok(address) = std::env::var("METALITH_TEST_LOCKED") {
        let driver = databases::driver("duckdb");
        let error = refused(&at(&address, Some(&driver), "duckdb")).await;
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(told(&error).contains("another process has the database open"), "{error}");
        return;
    }
    let place = databases::fresh("duckdb");
    let holding = backend(&place);
    append(&holding, numbers([1])).await.unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "bad_input::a_second_process_is_told_that_duckdb_lets_in_one"])
        .env("METALITH_TEST_LOCKED", &place.address)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stored(&holding).await.unwrap(), [1]);
}

#[tokio::test]
async fn a_file_is_not_two_kinds_of_database_at_once() {
    let place = databases::fresh("duckdb");
    let holding = backend(&place);
    append(&holding, numbers([1])).await.unwrap();
    let other = at(&place.address, Some(&databases::driver("sqlite")), "sqlite");
    let error = refused(&other).await;
    assert_eq!(error.kind(), Kind::Unsupported);
    let text = told(&error);
    assert!(text.contains("be opened as SQLite: this process has it open as DuckDB"), "{text}");
    assert_eq!(stored(&holding).await.unwrap(), [1]);
}

#[tokio::test]
async fn what_others_took_away_is_said_with_a_way_out() {
    for database in Database::all() {
        for taken in ["DROP TABLE video__raw", "DELETE FROM video__raw WHERE n = 2"] {
            let place = databases::fresh(database.name());
            let backend = backend(&place);
            append(&backend, numbers([1, 2, 3])).await.unwrap();
            let backend = meanwhile(backend, &place, taken);
            let error = stored(&backend).await.expect_err("something is not there");
            let text = told(&error);
            assert_eq!(error.kind(), Kind::Corrupt, "{database:?}: {text}");
            assert!(text.contains("somebody else"), "{text}");
            assert!(text.contains("drop the feature and write it again"), "{text}");
            if taken.starts_with("DROP") {
                let error = append(&backend, numbers([4])).await.expect_err("it is not there");
                assert!(error.to_string().contains("somebody else dropped `video__raw`"));
            }
            assert!(backend.drop_table(&feature()).await.unwrap());
            append(&backend, numbers([5])).await.unwrap();
            assert_eq!(stored(&backend).await.unwrap(), [5], "{database:?} after {taken}");
        }
    }
}

#[tokio::test]
async fn features_whose_tables_have_one_name_do_not_get_into_each_other() {
    for database in Database::all() {
        let backend = fresh(database.name());
        let write = async |feature: &str| {
            let rows = Rows::from_batch(numbers([1]));
            backend.append(&key(feature), rows, CommitNote::new("write")).await
        };
        write("h-x").await.unwrap();
        let error = write("h_x").await.expect_err("the table is taken");
        assert_eq!(error.kind(), Kind::Unsupported);
        assert!(error.to_string().contains("`h_x` already, which is that of `h-x`"), "{error}");
        assert!(backend.open_table(&key("h_x")).await.unwrap().is_none());
        assert_eq!(backend.tables().await.unwrap(), [key("h-x")], "{database:?}");
    }
}

#[tokio::test]
async fn who_computed_without_rows_of_others_is_told() {
    // DuckDB lets in nobody else.
    for database in Database::all().filter(|it| it.name() != "duckdb") {
        let place = databases::fresh(database.name());
        let backend = backend(&place);
        append(&backend, numbers([1])).await.unwrap();
        let before = backend.open_table(&feature()).await.unwrap().unwrap();
        raw(&place, "INSERT INTO video__raw (n) VALUES (2), (3)");
        let write = async |version| {
            let note = CommitNote::new("delete").only_at(version);
            backend.append(&feature(), Rows::from_batch(numbers([4])), note).await
        };
        let error = write(before.version()).await.expect_err("it did not see two rows");
        assert_eq!(error.kind(), Kind::Conflict, "{database:?}: {error}");
        assert_eq!(stored(&backend).await.unwrap(), [1, 2, 3]);
        let seen = backend.open_table(&feature()).await.unwrap().unwrap();
        assert!(seen.version() > before.version());
        let done = write(seen.version()).await.unwrap();
        assert!(done.version > seen.version());
        assert_eq!(stored(&backend).await.unwrap(), [1, 2, 3, 4]);
        let after = backend.open_table(&feature()).await.unwrap().unwrap();
        assert_eq!(after.version(), done.version);
    }
}
