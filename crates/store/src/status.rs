//! How a feature stands.

use std::{collections::BTreeMap, sync::Arc, thread::available_parallelism};

use datafusion::arrow::array::RecordBatch;
use futures::StreamExt as _;
use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::FeatureGraph;

use crate::{
    Finding, ReadOptions, ResolveOptions, Store, StoreError, ahead::ahead, chain::Found,
    current::Visibility, retry::until_undisturbed,
};

/// How many features are looked at at once, at most: each may take as much memory as a resolve.
const MOST_AT_ONCE: usize = 4;

/// Of which samples the status is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatusOptions {
    /// Conditions on rows of the feature and of its upstreams.
    pub global_filters: Vec<Expr>,
    /// Conditions on rows of the feature alone.
    pub target_filters: Vec<Expr>,
    /// Samples that meet one of these are stale anyway.
    pub staleness: Vec<Expr>,
}

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
        self.status_of(graph, feature, &StatusOptions::default()).await
    }

    /// The same for some of the samples. What is stored is told of all.
    pub async fn status_of(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        options: &StatusOptions,
    ) -> Result<FeatureStatus, StoreError> {
        until_undisturbed(|| self.look(graph, feature, options)).await
    }

    /// The same for several features, in their order and a few at once. What is wrong with one does
    /// not keep others from being told.
    pub async fn statuses(
        &self,
        graph: &FeatureGraph,
        features: &[FeatureKey],
        options: &StatusOptions,
    ) -> Vec<Result<FeatureStatus, StoreError>> {
        // Most of it is computing, so each is a task of its own, which borrows nothing.
        let shared = Arc::new((graph.clone(), options.clone()));
        let look = |feature: FeatureKey| {
            let (store, shared) = (self.clone(), Arc::clone(&shared));
            async move {
                let (graph, options) = shared.as_ref();
                store.status_of(graph, &feature, options).await
            }
        };
        let at_once = available_parallelism().map_or(1, usize::from).min(MOST_AT_ONCE);
        ahead(features.iter().cloned(), at_once, look).collect().await
    }

    async fn look(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        options: &StatusOptions,
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
            let filters = [&options.global_filters[..], &options.target_filters].concat();
            let (samples, all) = if filters.is_empty() {
                let mut visibility = Visibility::current(feature.feature_version());
                let current = self.select_visible(feature, &table, &visibility).await?;
                visibility.include_deleted = true;
                let all = self.select_visible(feature, &table, &visibility).await?;
                (current.rows(table.as_ref()), all.rows(table.as_ref()))
            } else {
                let current = ReadOptions { filters, ..ReadOptions::default() };
                let all = ReadOptions { include_deleted: true, ..current.clone() };
                let current = self.read(graph, feature.key(), &current).await?.count().await?;
                (current, self.read(graph, feature.key(), &all).await?.count().await?)
            };
            status.samples = samples as u64;
            status.deleted = all.saturating_sub(samples) as u64;
        }
        status.increment = self.increment_counts(graph, feature.key(), options).await?;
        Ok(status)
    }

    async fn increment_counts(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        options: &StatusOptions,
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
        let options = ResolveOptions {
            global_filters: options.global_filters.clone(),
            target_filters: options.target_filters.clone(),
            staleness: options.staleness.clone(),
            ..ResolveOptions::default()
        };
        // Only counted: there may be millions.
        let mut rows: BTreeMap<Finding, u64> = BTreeMap::new();
        let count = |finding, batch: RecordBatch| {
            *rows.entry(finding).or_default() += batch.num_rows() as u64;
            Ok::<_, StoreError>(())
        };
        self.resolve_each(graph, feature, options, count).await?;
        let rows = |finding| rows.get(&finding).copied().unwrap_or_default();
        let waiting = rows(Finding::Waiting);
        Ok(Some(IncrementCounts {
            new: rows(Finding::New),
            stale: rows(Finding::Stale),
            orphaned: rows(Finding::Orphaned) - waiting,
            waiting,
        }))
    }
}
