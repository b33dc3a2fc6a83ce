//! The contract of a backend, on each database.

use metalith_testkit::backend_contract;

use crate::support::{fresh, kinds};

/// A kind of database that tests do not know fails here.
#[tokio::test(flavor = "multi_thread")]
async fn every_database_keeps_the_contract() {
    for kind in kinds() {
        backend_contract::check(|| fresh(kind)).await;
    }
}
