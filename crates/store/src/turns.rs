//! Taking turns at a table, within a process.
//!
//! Who writes only in the state that it has read must read again whenever somebody else was faster.
//! Where many do so at once, all but one do it in vain each time. Taking turns, each comes through
//! at its first attempt, unless another process writes.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use metalith_base::FeatureKey;
use tokio::sync::OwnedMutexGuard;

use crate::Store;

/// Turns at tables.
#[derive(Debug, Default)]
pub struct Turns {
    known: Mutex<HashMap<FeatureKey, Arc<tokio::sync::Mutex<()>>>>,
}

/// A turn at a table. It ends when this is dropped.
pub struct Turn(#[expect(dead_code, reason = "it is there to be dropped")] OwnedMutexGuard<()>);

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

impl Turns {
    /// Waits for the turn at a table.
    pub async fn wait(&self, table: &FeatureKey) -> Turn {
        let turn = {
            // One insertion at a time; a panic elsewhere cannot leave it half done.
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(table.clone()).or_default())
        };
        Turn(turn.lock_owned().await)
    }
}

impl Store {
    /// Waits for the turn at a table, among those who work by a clone of this store and ask for it
    /// as well. Others write all the same, so what is written must still depend on what was read.
    /// Who has a turn asks for none at the same table.
    pub async fn turn(&self, table: &FeatureKey) -> Turn {
        self.turns.wait(table).await
    }
}
