//! Of several who want to do the same, one does.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use metalith_base::{Clock, Timestamp};
use metalith_delta::{Layout, open_backend};
use metalith_lifecycle::leases::{acquire, held, release, sweep};
use metalith_store::{OpenOptions, Store};
use metalith_testkit::fixtures::{key, memory_store};

use crate::support::delta_store;

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn one_holds_a_lease_until_it_is_given_back_or_ends() {
    for store in [memory_store().await, delta_store().await] {
        let lease = acquire(&store, "purge", "a", LONG).await.unwrap().unwrap();
        assert!(acquire(&store, "purge", "b", LONG).await.unwrap().is_none());
        assert!(acquire(&store, "retention", "b", LONG).await.unwrap().is_some(), "another name");
        let renewed = acquire(&store, "purge", "a", LONG).await.unwrap().unwrap();
        assert!(renewed.until > lease.until);

        release(&store, &renewed).await.unwrap();
        // It has no length, so it is over when it is written.
        assert!(acquire(&store, "purge", "b", Duration::ZERO).await.unwrap().is_some());
        let taken = acquire(&store, "purge", "c", LONG).await.unwrap().unwrap();
        release(&store, &renewed).await.unwrap();
        assert_eq!(held(&store).await.unwrap()["purge"], taken, "what others hold stays theirs");
    }
}

#[tokio::test]
async fn of_many_at_once_one_gets_it() {
    let store = delta_store().await;
    let names: Vec<String> = (0..8).map(|it| format!("process {it}")).collect();
    let asked = names.iter().map(|name| acquire(&store, "purge", name, LONG));
    let won = futures::future::join_all(asked).await;
    let won: Vec<_> = won.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(won.len(), 1, "{won:?}");
}

/// A clock that is set by hand.
#[derive(Debug)]
struct ByHand(AtomicI64);

impl Clock for ByHand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

#[tokio::test]
async fn sweeping_removes_what_ended_long_ago_and_leaves_what_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().to_str().unwrap();
    let backend = open_backend(address, &BTreeMap::new(), Layout::Nested).unwrap();
    let clock = Arc::new(ByHand(AtomicI64::new(1_700_000_000_000_000)));
    let options = OpenOptions { clock: Arc::<ByHand>::clone(&clock), ..OpenOptions::write() };
    let store = Store::open(backend, options).await.unwrap();
    let names = async || {
        let rows = store.read_system(&key("metalith-system/leases")).await.unwrap().unwrap();
        let batches = rows.collect().await.unwrap();
        batches.iter().map(|batch| batch.num_rows()).sum::<usize>()
    };
    let lease = acquire(&store, "purge", "a", 3 * LONG).await.unwrap().unwrap();
    acquire(&store, "short", "a", Duration::ZERO).await.unwrap();
    sweep(&store).await.unwrap();
    assert_eq!(names().await, 2, "it ended just now");
    clock.0.fetch_add(3_600_000_000, Ordering::SeqCst);
    sweep(&store).await.unwrap();
    assert_eq!(names().await, 1);
    assert_eq!(held(&store).await.unwrap()["purge"], lease);
}

#[tokio::test]
async fn many_at_once_who_want_different_ones_all_get_theirs() {
    let store = memory_store().await;
    // More than anybody tries again when others are faster.
    let names: Vec<String> = (0..80).map(|it| format!("deletion/{it}")).collect();
    let asked = names.iter().map(|name| acquire(&store, name, "somebody", LONG));
    for lease in futures::future::join_all(asked).await {
        assert!(lease.unwrap().is_some());
    }
    assert_eq!(held(&store).await.unwrap().len(), names.len());
}
