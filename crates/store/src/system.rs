//! System tables: records of the store about itself, beside the features.

use metalith_base::FeatureKey;

use crate::{Commit, CommitNote, Rows, Store, StoreError, chunk_scan::Selection, expected::scan};

/// The first part of the keys of system tables. No feature of a graph may begin with it.
const SYSTEM: [&str; 2] = ["metaxy-system", "metalith-system"];

/// Whether a key is that of a system table.
pub(crate) fn is_system(key: &FeatureKey) -> bool {
    key.parts().next().is_some_and(|part| SYSTEM.contains(&part))
}

impl Store {
    /// Adds rows to a system table, as they are.
    pub async fn append_system(
        &self,
        table: &FeatureKey,
        rows: Rows,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        self.require_write()?;
        self.backend().append(table, rows, note).await
    }

    /// Every row of a system table, or `None` when there is no such table yet.
    pub async fn read_system(&self, table: &FeatureKey) -> Result<Option<Rows>, StoreError> {
        let Some(found) = self.backend().open_table(table).await? else { return Ok(None) };
        let selection = Selection::all(found.as_ref());
        let plan = scan(found, selection)
            .and_then(datafusion::logical_expr::LogicalPlanBuilder::build)
            .map_err(|error| StoreError::engine(table.as_str(), error))?;
        self.run(plan, table.as_str()).await.map(Some)
    }
}
