//! Fallback chains: a feature that is missing in a store is read from the next one.
//!
//! A feature is read as a whole from the first store of the chain that has it. A store has a
//! feature when its table holds rows, or ever did: a table that was only made hides nothing, and
//! one whose rows were all deleted does not let them come back from behind. One that a migration
//! made and that was taken back is as if it had never been. What is written goes to
//! the first store only, so rows elsewhere are not deleted, restored or changed through the chain:
//! a tombstone here would make the feature one that this store has, with nothing else in it.

use std::sync::Arc;

use futures::TryStreamExt as _;
use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    ChunkRequest, RequestProblem, Store, StoreError, Table,
    current::{Visibility, equals},
    system::is_system,
};

/// A feature's table, and in which store of the chain it was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) table: Arc<dyn Table>,
    /// Where the store is; `None` for the one that is written to.
    pub(crate) behind: Option<String>,
}

impl Found {
    /// Refuses what would have to be written where the table is.
    pub(crate) fn require_here(&self, feature: &FeatureKey) -> Result<(), StoreError> {
        match &self.behind {
            None => Ok(()),
            Some(location) => {
                let location = location.clone();
                Err(StoreError::request(feature, RequestProblem::InFallback { location }))
            }
        }
    }
}

impl Store {
    /// This store, then those that it falls back to, in order.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |store| store.fallback.as_deref())
    }

    /// This store without what it falls back to.
    #[must_use]
    pub fn alone(&self) -> Self {
        let mut alone = self.clone();
        alone.fallback = None;
        alone
    }

    /// Where a feature is read from, if that is not this store.
    pub async fn read_from(&self, feature: &FeatureKey) -> Result<Option<String>, StoreError> {
        Ok(self.find_table(feature).await?.and_then(|found| found.behind))
    }

    /// Refuses to change a feature that is read from a store further down the chain.
    pub async fn require_here(&self, feature: &FeatureKey) -> Result<(), StoreError> {
        match self.find_table(feature).await? {
            Some(found) => found.require_here(feature),
            None => Ok(()),
        }
    }

    /// The table that a feature is read from, and where it is.
    pub(crate) async fn find_table(
        &self,
        feature: &FeatureKey,
    ) -> Result<Option<Found>, StoreError> {
        let mut last_resort = None;
        for store in self.chain() {
            let Some(table) = store.backend().open_table(feature).await? else { continue };
            let is_first = std::ptr::eq(store, self);
            let behind = (!is_first).then(|| store.location());
            let found = Found { table, behind };
            if self.fallback.is_none() || is_system(feature) || counts(&found.table).await? {
                return Ok(Some(found));
            }
            last_resort.get_or_insert(found);
        }
        Ok(last_resort)
    }

    /// The table that a feature is read from.
    pub(crate) async fn open_table(
        &self,
        feature: &FeatureKey,
    ) -> Result<Option<Arc<dyn Table>>, StoreError> {
        Ok(self.find_table(feature).await?.map(|found| found.table))
    }

    /// The table that has what was stored under a definition of a feature, in the first store that
    /// has any of it: one further down is not hidden by rows of another definition. It is hidden by
    /// a table whose rows were all deleted, for nobody knows what they were.
    pub(crate) async fn table_under(
        &self,
        feature: &Feature,
    ) -> Result<Option<Arc<dyn Table>>, StoreError> {
        for store in self.chain() {
            let Some(table) = store.backend().open_table(feature.key()).await? else { continue };
            if has_rows_under(&table, feature.feature_version()).await? {
                return Ok(Some(table));
            }
            if table.chunks().iter().all(|chunk| chunk.rows == 0) && counts(&table).await? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Refuses what would be the first rows of a feature here, after which samples that are read
    /// from further down would not be seen any more: current ones, or, of a feature that the graph
    /// does not know, any.
    pub async fn refuse_hiding(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
    ) -> Result<(), StoreError> {
        let Some(Found { table, behind: Some(location) }) = self.find_table(feature).await? else {
            return Ok(());
        };
        let samples = match graph.feature(feature) {
            Ok(feature) => {
                let current = Visibility::current(feature.feature_version());
                self.select_visible(feature, &table, &current).await?.rows(table.as_ref())
            }
            Err(_) => table.chunks().iter().map(|chunk| chunk.rows).sum(),
        };
        if samples == 0 {
            return Ok(());
        }
        Err(StoreError::request(feature, RequestProblem::WouldHide { location, samples }))
    }
}

/// Whether a table makes its feature one that the store has.
pub(crate) async fn counts(table: &Arc<dyn Table>) -> Result<bool, StoreError> {
    if table.chunks().iter().any(|chunk| chunk.rows > 0) {
        return Ok(true);
    }
    Ok(table.has_held_rows().await? && !table.has_commit(&taken_back(table.version())).await?)
}

/// The tag of a commit to this version by which a table became as if it had never been.
pub(crate) fn taken_back(version: u64) -> String {
    format!("metalith/taken-back/{version}")
}

async fn has_rows_under(table: &Arc<dyn Table>, version: &str) -> Result<bool, StoreError> {
    let Ok(place) = table.schema().index_of(columns::FEATURE_VERSION) else {
        // Without versions, every row is of every definition.
        return Ok(table.chunks().iter().any(|chunk| chunk.rows > 0));
    };
    for chunk in 0..table.chunks().len() {
        let request = ChunkRequest { columns: vec![place], ..ChunkRequest::default() };
        let mut batches = table.read_chunk(chunk, request).await?.into_stream();
        while let Some(batch) = batches.try_next().await? {
            if equals(batch.column(0), version)?.count_set_bits() > 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
