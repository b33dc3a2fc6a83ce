//! Taking turns at a table, within a process.
//!
//! Who writes only in the state that it has read must read again whenever somebody else was faster.
//! Where many do so at once, all but one do it in vain each time. Taking turns, each comes through
//! at its first attempt, unless another process writes. Who only adds rows depends on nobody and
//! needs no turn, but lets those who have one come through: else many who add rows would keep one
//! that deletes some from ever being done.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use futures::{FutureExt as _, StreamExt as _};
use metalith_base::FeatureKey;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::{Rows, Store};

/// Turns at tables.
#[derive(Debug, Default)]
pub struct Turns {
    known: Mutex<HashMap<FeatureKey, Arc<RwLock<()>>>>,
}

/// A turn at a table. It ends when this is dropped.
pub struct Turn(
    #[expect(dead_code, reason = "it is there to be dropped")] OwnedRwLockWriteGuard<()>,
);

/// That somebody adds rows to a table. Until this is dropped nobody has a turn there.
pub(crate) struct Passing(
    #[expect(dead_code, reason = "it is there to be dropped")] OwnedRwLockReadGuard<()>,
);

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

impl Turns {
    /// Waits for the turn at a table.
    pub async fn wait(&self, table: &FeatureKey) -> Turn {
        Turn(self.of(table).write_owned().await)
    }

    fn of(&self, table: &FeatureKey) -> Arc<RwLock<()>> {
        // One insertion at a time; a panic elsewhere cannot leave it half done.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(table.clone()).or_default())
    }
}

impl Store {
    /// Waits for the turn at a table, among those who work by a clone of this store and ask for it
    /// as well. Others write all the same, so what is written must still depend on what was read.
    /// Who has a turn asks for none at the same table, and writes to it in a certain state only.
    pub async fn turn(&self, table: &FeatureKey) -> Turn {
        self.turns.wait(table).await
    }

    /// The same rows, whose end comes when nobody has the turn at the table they are added to; and
    /// what is to be dropped when they are committed. Where they come from may be slow, and nobody
    /// waits for that.
    pub(crate) fn passing(&self, table: &FeatureKey, rows: Rows) -> (Rows, Arc<OnceLock<Passing>>) {
        let (turn, passing) = (self.turns.of(table), Arc::new(OnceLock::new()));
        let held = Arc::clone(&passing);
        let end = turn.read_owned().map(move |turn| {
            held.set(Passing(turn)).ok();
            None
        });
        let end = futures::stream::once(end).filter_map(std::future::ready);
        (Rows::new(rows.schema(), rows.into_stream().chain(end)), passing)
    }
}
