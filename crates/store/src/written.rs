//! Which tables were written to by this process, for those who tidy up after it.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Mutex, PoisonError},
};

use metalith_base::FeatureKey;

use crate::{Commit, CommitNote, Replacement, Rows, Store, StoreError, TableChange, Transactions};

/// Tables that were written to.
#[derive(Debug, Default)]
pub(crate) struct Written {
    tables: Mutex<BTreeSet<FeatureKey>>,
}

impl Written {
    /// Takes note of a table.
    pub(crate) fn note(&self, table: &FeatureKey) {
        // One insertion at a time; a panic elsewhere cannot leave it half done.
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if !tables.contains(table) {
            tables.insert(table.clone());
        }
    }
}

impl Store {
    /// The tables that were written to by clones of this store since that was last asked, but for
    /// those whose chunks were only put together.
    pub fn take_written(&self) -> BTreeSet<FeatureKey> {
        mem::take(&mut self.written.tables.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds rows to a table, and takes note of it.
    pub(crate) async fn append(
        &self,
        table: &FeatureKey,
        rows: Rows,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        let commit = self.backend().append(table, rows, note).await;
        self.written.note(table);
        commit
    }

    /// Puts rows in the place of others, and takes note of it.
    pub(crate) async fn replace(
        &self,
        table: &FeatureKey,
        replacement: Replacement,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        let commit = self.backend().replace(table, replacement, note).await;
        self.written.note(table);
        commit
    }

    /// Makes several changes in one act, and takes note of them.
    pub(crate) async fn commit_together(
        &self,
        transactions: &dyn Transactions,
        changes: Vec<TableChange>,
    ) -> Result<Vec<Commit>, StoreError> {
        let tables: Vec<FeatureKey> = changes.iter().map(|it| it.feature.clone()).collect();
        let commits = transactions.commit_together(changes).await;
        tables.iter().for_each(|table| self.written.note(table));
        commits
    }
}
