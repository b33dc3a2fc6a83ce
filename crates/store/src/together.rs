//! Changes to several tables at once.

use metalith_base::FeatureKey;
use metalith_graph::FeatureGraph;

use crate::{
    Commit, DeletionPlan, DeletionReceipt, DetachReceipt, DetachRequest, Store, StoreError,
    TableAction, TableChange,
};

/// What a deletion does to the samples of one feature.
#[derive(Debug)]
pub enum SamplesChange {
    /// They go.
    Delete(DeletionPlan),
    /// They let go of what goes.
    Detach(FeatureKey, DetachRequest),
}

/// What was done to the samples of one feature.
#[derive(Debug)]
pub enum SamplesChanged {
    /// They are gone.
    Deleted(DeletionReceipt),
    /// They have let go.
    Detached(DetachReceipt),
}

impl Store {
    /// Whether [`Store::change_together`] can be had: in a database.
    pub fn changes_together(&self) -> bool {
        self.backend().transactions().is_some()
    }

    /// Makes changes to several features in one act: all of them or none, also after a crash, and
    /// nobody sees some without the others. Says what became of each, in turn; refuses with
    /// [`StoreError::Conflict`] when a table has changed since its plan was made.
    pub async fn change_together(
        &self,
        graph: &FeatureGraph,
        changes: Vec<SamplesChange>,
    ) -> Result<Vec<SamplesChanged>, StoreError> {
        self.require_write()?;
        let Some(transactions) = self.backend().transactions() else {
            return Err(StoreError::Unsupported {
                location: self.backend().location(),
                what: "change several tables in one act".to_owned(),
            });
        };
        let (mut done, mut of_tables, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (place, change) in changes.into_iter().enumerate() {
            let (receipt, of_table) = match change {
                SamplesChange::Delete(plan) => {
                    let (receipt, change) = self.deletion_change(plan).await?;
                    (SamplesChanged::Deleted(receipt), change)
                }
                SamplesChange::Detach(feature, request) => {
                    let change = self.detach_change(graph, &feature, &request).await?;
                    (SamplesChanged::Detached(DetachReceipt::nothing()), change)
                }
            };
            done.push(receipt);
            if let Some(change) = of_table {
                of_tables.push(change);
                places.push(place);
            }
        }
        let commits = self.commit_together(transactions, of_tables).await?;
        for (place, commit) in places.into_iter().zip(commits) {
            match &mut done[place] {
                SamplesChanged::Deleted(receipt) => receipt.made(commit),
                SamplesChanged::Detached(receipt) => *receipt = DetachReceipt::of(commit),
            }
        }
        Ok(done)
    }

    /// Makes one change.
    pub(crate) async fn commit(&self, change: TableChange) -> Result<Commit, StoreError> {
        let TableChange { feature, action, note } = change;
        match action {
            TableAction::Append(rows) => self.append(&feature, rows, note).await,
            TableAction::Replace(replacement) => self.replace(&feature, replacement, note).await,
        }
    }
}
