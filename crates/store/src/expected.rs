//! Expected rows: what a feature should hold, computed from its upstreams.
//!
//! Per dep: current rows → run-time filters on stored names → rename → the dep's own filters →
//! select → lineage; then the deps are joined and every field's provenance is hashed. All of it is
//! one logical plan, built here and run by the query engine.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::{
    common::Result as PlanResult,
    datasource::provider_as_source,
    functions::core::expr_fn::coalesce,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureGraph, HashLength, columns};

pub(crate) use self::{
    dep::Dep,
    join::{Joined, with_provenance},
};
use self::{
    dep::Prepared,
    join::{join_all, refuse_shared_columns},
};
use crate::{
    HashAlgorithm, HashSettings, Store, StoreError, Table,
    chunk_scan::{ChunkScan, Selection},
    hash::{field_version, hash_of},
    lower::column,
    settled::Changed,
};

mod dep;
mod join;

/// Which rows of the upstreams count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpstreamVersions {
    /// Those of their current feature versions.
    Current,
    /// Those of any feature version: what was there before a definition changed.
    Any,
}

/// Filters of one resolve, in the form that plans need.
#[derive(Clone, Copy)]
pub(crate) struct Filters<'a> {
    /// Per feature, on stored names.
    pub(crate) by_feature: &'a BTreeMap<FeatureKey, Vec<metalith_expr::Expr>>,
    /// On every feature.
    pub(crate) global: &'a [metalith_expr::Expr],
    /// The samples to look at; `None` for all.
    pub(crate) changed: Option<&'a Arc<Changed>>,
}

impl Filters<'_> {
    /// The filters on a feature's stored rows.
    pub(crate) fn on(&self, feature: &FeatureKey) -> Vec<metalith_expr::Expr> {
        let own = self.by_feature.get(feature).map_or(&[][..], Vec::as_slice);
        own.iter().chain(self.global).cloned().collect()
    }
}

/// The selected rows of a table as the start of a plan.
pub(crate) fn scan(table: Arc<dyn Table>, selection: Selection) -> PlanResult<LogicalPlanBuilder> {
    let source = provider_as_source(Arc::new(ChunkScan::new(table, selection)));
    LogicalPlanBuilder::scan("stored", source, None)
}

/// An upstream in the state in which it is to be read, whatever is written to it meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Pinned {
    pub(crate) table: Arc<dyn Table>,
    pub(crate) content: Content,
}

/// By what it is told whether two rows of an upstream have the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Their ids and data versions.
    Own,
    /// Those of the row that a migration carried over to this one, if one did.
    CarriedFrom,
}

/// Upstreams by their keys.
pub(crate) type PinnedUpstreams = BTreeMap<FeatureKey, Pinned>;

/// The plan of the expected rows of a feature with deps: join keys, the upstreams' columns, and the
/// four version columns.
pub(crate) async fn expected_rows(
    store: &Store,
    graph: &FeatureGraph,
    feature: &Feature,
    filters: Filters<'_>,
    versions: UpstreamVersions,
) -> Result<LogicalPlan, StoreError> {
    let mut prepared = Vec::new();
    for (index, dep) in feature.spec().deps.iter().enumerate() {
        let upstream = graph.feature(&dep.feature)?;
        let dep = Dep { index, dep, upstream, feature, pinned: None };
        prepared.push(async move { dep.prepare(store, filters, versions).await });
    }
    // Finding a few rows mostly waits, finding all of them takes memory.
    let at_once = if filters.changed.is_some() { prepared.len().max(1) } else { 1 };
    let prepared = stream::iter(prepared).buffered(at_once).try_collect().await?;
    expected_of(store, feature, prepared)
}

/// The same of upstreams in a known state, with a column for each dep that tells the content of
/// what the row is computed from, see [`content_column`].
pub(crate) async fn expected_from(
    store: &Store,
    graph: &FeatureGraph,
    feature: &Feature,
    upstreams: &PinnedUpstreams,
) -> Result<LogicalPlan, StoreError> {
    let none = BTreeMap::new();
    let filters = Filters { by_feature: &none, global: &[], changed: None };
    let mut prepared = Vec::new();
    for (index, dep) in feature.spec().deps.iter().enumerate() {
        let upstream = graph.feature(&dep.feature)?;
        let pinned = upstreams.get(&dep.feature);
        let dep = Dep { index, dep, upstream, feature, pinned };
        prepared.push(dep.prepare(store, filters, UpstreamVersions::Current).await?);
    }
    expected_of(store, feature, prepared)
}

/// The column that tells the content of a dep, by the dep's place in the spec.
pub(crate) fn content_column(index: usize) -> String {
    format!("__content_{index}")
}

/// How contents are hashed, whatever the store says of versions: what a row was carried over from
/// is stored with it, and compared as long as there are rows.
const OF_CONTENTS: HashSettings =
    HashSettings { algorithm: HashAlgorithm::Sha256, length: HashLength::UNCUT };

/// A hash of a row's ids and data versions. Rows of one feature have the same one if the same would
/// follow from either.
pub(crate) fn content_of(ids: &[String], feature: &Feature) -> Expr {
    let mut names: Vec<String> =
        feature.spec().fields.iter().map(|field| field.key.struct_name()).collect();
    names.sort();
    let fields = names.iter().flat_map(|name| {
        let version = field_version(column(columns::DATA_VERSION_BY_FIELD), name);
        // A field without a version is told from any with one, and does not make all NULL.
        [lit(name.as_str()), coalesce(vec![version, lit("\u{1}")])]
    });
    hash_of(OF_CONTENTS, ids.iter().map(|id| column(id)).chain(fields).collect())
}

fn expected_of(
    store: &Store,
    feature: &Feature,
    prepared: Vec<Prepared>,
) -> Result<LogicalPlan, StoreError> {
    refuse_shared_columns(feature, &prepared)?;
    let failed = |error| StoreError::engine(feature.key().as_str(), error);
    let joined = join_all(feature, prepared).map_err(failed)?;
    with_provenance(store, feature, joined).map_err(failed)
}
