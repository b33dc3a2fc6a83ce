//! Tokens open what they say for as long as they are valid.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use metalith_base::{Clock, Timestamp};
use metalith_registry::tokens::{Role, Tokens, add, list, revoke};
use metalith_store::{MemoryBackend, OpenOptions, Store};

/// A clock that is set by hand.
#[derive(Debug)]
struct ByHand(AtomicI64);

impl Clock for ByHand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

async fn store() -> (Store, Arc<ByHand>) {
    let clock = Arc::new(ByHand(AtomicI64::new(1_700_000_000_000_000)));
    let options = OpenOptions { clock: Arc::<ByHand>::clone(&clock), ..OpenOptions::write() };
    (Store::open(Arc::new(MemoryBackend::new()), options).await.unwrap(), clock)
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_whatever_the_clock_says() {
    let (store, clock) = store().await;
    let first = add(&store, "anna", Role::Admin, None).await.unwrap();
    // The machine that revokes it is an hour behind the one that made it.
    clock.0.fetch_sub(3_600_000_000, Ordering::SeqCst);
    revoke(&store, "anna").await.unwrap();
    let valid = Tokens::read(&store).await.unwrap();
    assert!(valid.owner(first.reveal()).is_none());

    clock.0.fetch_sub(3_600_000_000, Ordering::SeqCst);
    let second = add(&store, "anna", Role::Read, None).await.unwrap();
    let valid = Tokens::read(&store).await.unwrap();
    assert!(valid.owner(first.reveal()).is_none());
    assert_eq!(valid.owner(second.reveal()).unwrap().role, Role::Read);
    assert_eq!(list(&store).await.unwrap().len(), 1);
}

#[tokio::test]
async fn once_there_was_a_token_one_is_required() {
    let (store, _) = store().await;
    assert!(!Tokens::read(&store).await.unwrap().are_required());
    add(&store, "anna", Role::Read, None).await.unwrap();
    revoke(&store, "anna").await.unwrap();
    let tokens = Tokens::read(&store).await.unwrap();
    assert!(tokens.are_required() && tokens.is_empty());
}
