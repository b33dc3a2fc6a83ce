//! The rules of the store, on each database.

use std::time::Duration;

use metalith_testkit::{golden, model};

use crate::support::{fresh, kinds};

#[tokio::test(flavor = "multi_thread")]
async fn every_vector_of_the_contract_holds() {
    for kind in kinds() {
        golden::check_all(|| async { fresh(kind) }).await;
    }
}

#[test]
fn random_stories_end_as_the_model_says() {
    for name in kinds() {
        let told = model::check(30, Duration::from_secs(10), || async { fresh(name) });
        assert!(told >= 3, "only {told} stories were told on {name}");
    }
}
