//! Random stories, against a naive model.

use std::{sync::Arc, time::Duration};

use metalith_store::{Backend, MemoryBackend};
use metalith_testkit::model;

#[test]
fn random_stories_end_as_the_model_says() {
    let told = model::check(10_000, Duration::from_secs(120), || async {
        Arc::new(MemoryBackend::new()) as Arc<dyn Backend>
    });
    println!("{told} stories");
    assert!(told > 50, "only {told} stories were told");
}
