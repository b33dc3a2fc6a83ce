//! Opening a store: what it remembers, and what it refuses.

use std::sync::Arc;

use metalith_base::Diagnostic as _;
use metalith_graph::HashLength;
use metalith_store::{
    Backend, HashAlgorithm, HashSettings, MemoryBackend, Mode, OpenOptions, Store,
};
use metalith_testkit::fixtures::{graph, write};
use serde_json::json;

#[tokio::test]
async fn a_store_keeps_the_hash_it_was_created_with() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let md5 = HashSettings { algorithm: HashAlgorithm::Md5, length: HashLength::UNCUT };
    let options = OpenOptions { hash: Some(md5), ..OpenOptions::write() };
    Store::open(Arc::clone(&backend), options).await.unwrap();

    let again = Store::open(Arc::clone(&backend), OpenOptions::read()).await.unwrap();
    assert_eq!(again.hash(), md5);
    let other = OpenOptions { hash: Some(HashSettings::default()), ..OpenOptions::read() };
    let refused = Store::open(backend, other).await.expect_err("another hash");
    assert_eq!(
        refused.to_string(),
        "memory: the store hashes with md5, uncut, but xxhash64, uncut was asked for"
    );
}

#[tokio::test]
async fn reading_creates_nothing() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let options = OpenOptions { mode: Mode::Read, ..OpenOptions::write() };
    let missing = Store::open(backend, options).await.expect_err("there is nothing");
    assert_eq!(missing.kind().name(), "not-found");
}

#[tokio::test]
async fn a_store_opened_for_reading_is_not_written_to() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    Store::open(Arc::clone(&backend), OpenOptions::write()).await.unwrap();
    let store = Store::open(backend, OpenOptions::read()).await.unwrap();
    let graph = graph("[[features]]\nkey = \"a\"\nid_columns = [\"id\"]");
    let rows = json!([{"id": "1", "metaxy_provenance_by_field": {"default": "1"}}]);
    let refused = write(&store, &graph, "a", &rows).await.expect_err("read only");
    assert_eq!(refused.to_string(), "memory: the store was opened for reading");
}
