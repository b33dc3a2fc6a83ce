use std::sync::Arc;

use metalith_store::{Backend, MemoryBackend};
use metalith_testkit::golden;

#[tokio::test]
async fn every_vector_of_the_contract_holds() {
    golden::check_all(|| async { Arc::new(MemoryBackend::new()) as Arc<dyn Backend> }).await;
}
