//! The contract of a backend, over folders and over S3.

use std::sync::atomic::{AtomicUsize, Ordering};

use metalith_delta::{Layout, open_backend};
use metalith_testkit::{
    backend_contract,
    s3_server::{BUCKET, S3Server},
};

use crate::support::{laid_out, local};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let places = AtomicUsize::new(0);
    backend_contract::check(|| {
        let place = places.fetch_add(1, Ordering::Relaxed);
        local(&folder.path().join(format!("a store {place}")))
    })
    .await;
}

#[tokio::test]
async fn a_folder_keeps_the_contract_on_one_thread() {
    let folder = tempfile::tempdir().unwrap();
    let places = AtomicUsize::new(0);
    backend_contract::check(|| {
        let place = places.fetch_add(1, Ordering::Relaxed);
        laid_out(&folder.path().join(place.to_string()), Layout::Flat)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_the_contract() {
    let server = S3Server::start();
    let places = AtomicUsize::new(0);
    backend_contract::check(|| {
        let place = places.fetch_add(1, Ordering::Relaxed);
        let address = format!("s3://{BUCKET}/stores/{place}");
        open_backend(&address, &server.options(), Layout::Nested).unwrap()
    })
    .await;
}
