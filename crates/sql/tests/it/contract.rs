//! The contract of a backend, on each database.

use metalith_sql::Database;
use metalith_testkit::backend_contract;

use crate::support::fresh;

/// A kind of database that tests do not know fails here.
#[tokio::test(flavor = "multi_thread")]
async fn every_database_keeps_the_contract() {
    for database in Database::all() {
        backend_contract::check(|| fresh(database.name())).await;
    }
}
