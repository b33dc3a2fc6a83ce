//! Backends and rows for the tests.

use std::sync::Arc;

use adbc_core::{
    Connection as _, Database as _, Driver as _, Statement as _, options::OptionDatabase,
};
use adbc_driver_manager::ManagedDriver;
use arrow::{
    array::{ArrayRef, AsArray as _, Int64Array, RecordBatch},
    datatypes::Int64Type,
};
use metalith_base::FeatureKey;
use metalith_sql::{Database, open_backend};
use metalith_store::{Backend, Commit, CommitNote, Rows, StoreError};
use metalith_testkit::{
    databases::{self, FreshDatabase},
    fixtures::all_rows,
};

/// What tests call PostgreSQL with a database whose own order of texts is none of bytes.
pub(crate) const BY_DICTIONARY: &str = "postgresql, by dictionary";

/// What every store must keep is tried with these.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    Database::all().map(|it| it.name()).chain([BY_DICTIONARY])
}

/// An empty database.
pub(crate) fn empty(kind: &'static str) -> FreshDatabase {
    match kind {
        BY_DICTIONARY => databases::fresh_by_dictionary(),
        kind => databases::fresh(kind),
    }
}

/// The backend in a database.
pub(crate) fn backend(of: &FreshDatabase) -> Arc<dyn Backend> {
    let database = Database::named(of.kind).unwrap();
    open_backend(database, &of.address, Some(&of.driver), &of.options)
}

/// A backend in an empty database.
pub(crate) fn fresh(kind: &'static str) -> Arc<dyn Backend> {
    backend(&empty(kind))
}

pub(crate) fn feature() -> FeatureKey {
    "video/raw".parse().unwrap()
}

/// Rows with one column of numbers.
pub(crate) fn numbers(values: impl IntoIterator<Item = i64>) -> RecordBatch {
    let column = Arc::new(Int64Array::from_iter_values(values)) as ArrayRef;
    RecordBatch::try_from_iter_with_nullable([("n", column, true)]).unwrap()
}

pub(crate) async fn append(
    backend: &Arc<dyn Backend>,
    rows: RecordBatch,
) -> Result<Commit, StoreError> {
    backend.append(&feature(), Rows::from_batch(rows), CommitNote::new("write")).await
}

/// The numbers of the feature's table, in their order.
pub(crate) async fn stored(backend: &Arc<dyn Backend>) -> Result<Vec<i64>, StoreError> {
    let table = backend.open_table(&feature()).await?.expect("there is a table");
    let rows = all_rows(&table).await?;
    Ok(rows.column_by_name("n").unwrap().as_primitive::<Int64Type>().values().to_vec())
}

/// Does something in a database past all of our code.
pub(crate) fn raw(place: &FreshDatabase, statement: &str) {
    let (kind, version) = (place.kind, adbc_core::options::AdbcVersion::V110);
    let entrypoint: Option<&[u8]> = (kind == "duckdb").then_some(b"duckdb_adbc_init");
    let driver = ManagedDriver::load_dynamic_from_filename(&place.driver, entrypoint, version);
    let option = if kind == "duckdb" { "path" } else { "uri" };
    let options = [(OptionDatabase::from(option), place.address.as_str().into())];
    let database = driver.unwrap().new_database_with_opts(options).unwrap();
    let mut connection = database.new_connection().unwrap();
    let mut statements = Vec::new();
    if let Some(schema) = place.options.get("schema") {
        statements.push(format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""));
        statements.push(format!("SET search_path TO \"{schema}\""));
    }
    statements.push(statement.to_owned());
    for text in statements {
        let mut statement = connection.new_statement().unwrap();
        statement.set_sql_query(&text).unwrap();
        statement.execute_update().unwrap();
    }
}
