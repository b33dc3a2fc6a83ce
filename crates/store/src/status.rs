//! How a feature stands.

use metalith_base::FeatureKey;
use metalith_graph::FeatureGraph;

use crate::{ResolveOptions, Store, StoreError, chain::Found, current::Visibility};

/// How a feature stands in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureStatus {
    /// Whether it has a table.
    pub exists: bool,
    /// Where the store is that it is read from, if it is one further down the fallback chain.
    pub read_from: Option<String>,
    /// Current samples.
    pub samples: u64,
    /// Samples that are deleted and could be restored.
    pub deleted: u64,
    /// Stored rows, history and tombstones included.
    pub rows: u64,
    /// Bytes stored.
    pub bytes: u64,
    /// Chunks stored.
    pub chunks: u64,
    /// Version of the table.
    pub table_version: Option<u64>,
    /// What is to do; `None` for roots and records, and where an upstream has no table yet.
    pub increment: Option<IncrementCounts>,
}

/// The sizes of an increment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IncrementCounts {
    /// Samples to compute.
    pub new: u64,
    /// Samples to recompute.
    pub stale: u64,
    /// Samples to consider deleting, without those that wait.
    pub orphaned: u64,
    /// Samples whose upstream has yet to be written under its new definition.
    pub waiting: u64,
}

impl Store {
    /// Counts the samples of a feature and resolves it.
    pub async fn status(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
    ) -> Result<FeatureStatus, StoreError> {
        self.require_same_length(graph)?;
        let feature = graph.feature(feature)?;
        let mut status = FeatureStatus::default();
        if let Some(Found { table, behind }) = self.find_table(feature.key()).await? {
            status.exists = true;
            status.read_from = behind;
            status.table_version = Some(table.version());
            for chunk in table.chunks() {
                status.rows += chunk.rows as u64;
                status.bytes += chunk.bytes;
                status.chunks += 1;
            }
            let mut visibility = Visibility::current(feature.feature_version());
            let current = self.select_visible(feature, &table, &visibility).await?;
            visibility.include_deleted = true;
            let all = self.select_visible(feature, &table, &visibility).await?;
            status.samples = current.rows(table.as_ref()) as u64;
            status.deleted = all.rows(table.as_ref()) as u64 - status.samples;
        }
        status.increment = self.increment_counts(graph, feature.key()).await?;
        Ok(status)
    }

    async fn increment_counts(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
    ) -> Result<Option<IncrementCounts>, StoreError> {
        let declared = graph.feature(feature)?;
        let deps = &declared.spec().deps;
        if deps.is_empty() || declared.is_record() {
            return Ok(None);
        }
        for dep in deps {
            if self.open_table(&dep.feature).await?.is_none() {
                return Ok(None);
            }
        }
        let found = self.resolve(graph, feature, ResolveOptions::default()).await?;
        let waiting = found.waiting.rows() as u64;
        Ok(Some(IncrementCounts {
            new: found.new.rows() as u64,
            stale: found.stale.rows() as u64,
            orphaned: found.orphaned.rows() as u64 - waiting,
            waiting,
        }))
    }
}
