//! Carrying samples over from one definition of a feature to another, without computing them anew.
//!
//! For code that changed while what it computes did not. A sample of the older definition is written
//! again under the newer one, with the provenance that the newer one gives it, if
//!
//! 1. it was in order: its provenance is the one that the older definition expects of what is
//!    upstream under the older graph, and
//! 2. what is upstream of it under the newer graph is the same content, row by row: the rows have
//!    the same ids and data versions, or were carried over from rows that have.
//!
//! Both sides are read from the same state of each table, so whatever is written meanwhile, the
//! provenance that a sample is given is that of the content it was computed from. One for which this
//! cannot be shown stays behind, to be computed.
//!
//! Samples that the newer definition has from after the older one's stay as they are, deleted ones
//! included.

mod problem;
mod times;

use std::collections::BTreeMap;

use datafusion::{
    common::{JoinType, Result as PlanResult},
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_base::{FeatureKey, Timestamp};
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    CommitNote, Keys, RequestProblem, Rows, Store, StoreError,
    chain::counts,
    compare::names,
    expected::{Content, Pinned, PinnedUpstreams, content_column, content_of, expected_from},
    lower::{column, key_pairs},
    marked::{self, Mark},
    rebase::{data_versions, expected_name},
    retry::until_undisturbed,
    write::Stamp,
};

pub use self::problem::CarryProblem;

/// What to carry over.
#[derive(Clone, Copy, Debug)]
pub struct CarryRequest<'a> {
    /// The graph under which the samples are current now.
    pub from: &'a FeatureGraph,
    /// What features of today's graph were called in it, where that is not what they are called now.
    pub renamed: &'a BTreeMap<FeatureKey, FeatureKey>,
    /// What to mark the rows with.
    pub mark: &'a Mark,
    /// Whether to do it.
    pub execution: Execution,
}

impl CarryRequest<'_> {
    /// What a feature was called.
    fn before<'a>(&'a self, feature: &'a FeatureKey) -> &'a FeatureKey {
        self.renamed.get(feature).unwrap_or(feature)
    }
}

/// Whether to do something, or only to say what would be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// Do it.
    Apply,
    /// Only say what would be done.
    DryRun,
}

/// What was carried over, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CarryReceipt {
    /// Samples carried over.
    pub carried: u64,
    /// Samples that the newer definition had already.
    pub already: u64,
    /// Samples that stay behind: they were not in order, or what is upstream is not the same.
    pub left: u64,
}

impl Store {
    /// Writes the samples that a feature has under an older graph as samples of `graph`, in one
    /// commit that happens once for a mark. Where none is in order nothing is committed.
    ///
    /// In a dry run, what is upstream is perhaps not carried over yet and cannot be compared, so
    /// that at most so many samples are carried over as it says.
    pub async fn carry_over(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        request: CarryRequest<'_>,
    ) -> Result<CarryReceipt, StoreError> {
        let new = graph.feature(feature)?;
        if request.execution == Execution::Apply {
            self.require_writable(graph, new)?;
        }
        self.require_same_length(graph)?;
        let old = request.from.feature(request.before(feature))?;
        let carry = Carry { store: self, graph, old, new, request };
        if let Some(problem) = carry.problem() {
            return Err(StoreError::request(feature, RequestProblem::NotCarried(problem)));
        }
        until_undisturbed(|| carry.run()).await
    }

    /// Why nothing of a feature could be carried over whatever it has, if that is so.
    pub fn cannot_carry(
        graph: &FeatureGraph,
        feature: &FeatureKey,
        from: &FeatureGraph,
        renamed: &BTreeMap<FeatureKey, FeatureKey>,
    ) -> Option<CarryProblem> {
        let old = from.feature(renamed.get(feature).unwrap_or(feature)).ok()?;
        problem::between(old, graph.feature(feature).ok()?, renamed)
    }
}

struct Carry<'a> {
    store: &'a Store,
    graph: &'a FeatureGraph,
    old: &'a Feature,
    new: &'a Feature,
    request: CarryRequest<'a>,
}

/// The older samples that may be carried over.
struct Rest {
    rows: LogicalPlan,
    /// Older samples, whether they are among them or not.
    all: u64,
    /// Those that the newer definition has already.
    already: u64,
    /// The rows must be later than this, for outdated ones to be superseded.
    after: Option<Timestamp>,
}

impl Carry<'_> {
    fn problem(&self) -> Option<CarryProblem> {
        problem::between(self.old, self.new, self.request.renamed)
    }

    async fn run(&self) -> Result<CarryReceipt, StoreError> {
        let (store, key, mark) = (self.store, self.new.key(), self.request.mark);
        let target = store.backend().open_table(key).await?;
        if let Some(table) = &target
            && marked::is_done(table.as_ref(), mark).await?
        {
            let carried = store.marked(key, mark).await?;
            return Ok(CarryReceipt { carried, ..CarryReceipt::default() });
        }
        let Some(source) = store.table_under(self.old).await? else {
            return Ok(CarryReceipt::default());
        };
        let rest = self.rest(&source).await?;
        let mut receipt =
            CarryReceipt { carried: 0, already: rest.already, left: rest.all - rest.already };
        if receipt.left == 0 {
            return Ok(receipt);
        }
        self.require_columns(&rest.rows)?;
        let carried = match self.request.execution {
            Execution::DryRun => self.would_be_carried(rest.rows).await?,
            Execution::Apply => {
                let Some(plan) = self.carried(rest.rows).await? else { return Ok(receipt) };
                let note = CommitNote::new("migrate").by(store.actor());
                // Rows that came since this table was read are newer than what is carried over.
                let (note, is_made) = match &target {
                    Some(table) => (note.only_at(table.version()), !counts(table).await?),
                    None => (note.only_new(), true),
                };
                self.write(plan, note.once(mark.tag(is_made)), rest.after).await?
            }
        };
        if carried > 0 && self.request.execution == Execution::DryRun {
            store.refuse_hiding(self.graph, key).await?;
        }
        receipt.left -= carried;
        receipt.carried = carried;
        Ok(receipt)
    }

    /// How many samples are in order under the older definition.
    async fn would_be_carried(&self, old: LogicalPlan) -> Result<u64, StoreError> {
        if self.old.spec().deps.is_empty() {
            return self.count(old).await;
        }
        let Some(expected) = self.expected_before().await? else { return Ok(0) };
        let fresh = in_order(self.old, old, expected).map_err(|error| self.failed(error))?;
        self.count(fresh).await
    }

    /// The rows as the newer definition has them, if any can be shown to be in order.
    async fn carried(&self, old: LogicalPlan) -> Result<Option<LogicalPlan>, StoreError> {
        let failed = |error| self.failed(error);
        let hash = self.store.hash();
        let stored = names(&old);
        if self.new.spec().deps.is_empty() {
            let versions = columns::VERSIONS.map(column).to_vec();
            return self.as_carried(old, &stored, versions).map(Some).map_err(failed);
        }
        let Some(before) = self.expected_before().await? else { return Ok(None) };
        let Some(after) = self.expected_after().await? else { return Ok(None) };
        let mut versions =
            vec![renewed(columns::PROVENANCE_BY_FIELD), renewed(columns::PROVENANCE)];
        versions.extend(data_versions(self.old, self.new, hash).map_err(failed)?);
        let plan = in_order(self.old, old, before)
            .and_then(|fresh| self.of_same_content(fresh, after))
            .map_err(failed)?;
        self.as_carried(plan, &stored, versions).map(Some).map_err(failed)
    }

    /// What is expected of the older definition; `None` where something upstream is not there.
    async fn expected_before(&self) -> Result<Option<LogicalPlan>, StoreError> {
        let mut upstreams = PinnedUpstreams::new();
        for dep in &self.old.spec().deps {
            let upstream = self.request.from.feature(&dep.feature)?;
            let Some(table) = self.store.table_under(upstream).await? else { return Ok(None) };
            upstreams.insert(dep.feature.clone(), Pinned { table, content: Content::Own });
        }
        let Self { store, old, request, .. } = self;
        expected_from(store, request.from, old, &upstreams).await.map(Some)
    }

    /// What is expected of the newer definition; `None` where something upstream is not there.
    async fn expected_after(&self) -> Result<Option<LogicalPlan>, StoreError> {
        let mut upstreams = PinnedUpstreams::new();
        for dep in &self.new.spec().deps {
            let found = self.store.open_table(&dep.feature).await?;
            let Some(table) = found else { return Ok(None) };
            let upstream = self.graph.feature(&dep.feature)?;
            let before = self.request.from.feature(self.request.before(&dep.feature))?;
            let is_same = upstream.key() == before.key()
                && upstream.feature_version() == before.feature_version();
            let content = if is_same { Content::Own } else { Content::CarriedFrom };
            upstreams.insert(dep.feature.clone(), Pinned { table, content });
        }
        expected_from(self.store, self.graph, self.new, &upstreams).await.map(Some)
    }

    /// Of samples that are in order those whose upstreams have the same content under either graph,
    /// with what is expected of the newer definition beside them.
    fn of_same_content(&self, fresh: LogicalPlan, after: LogicalPlan) -> PlanResult<LogicalPlan> {
        let keys = self.new.join_keys();
        let deps = &self.new.spec().deps;
        let contents: Vec<String> = (0..deps.len()).map(content_column).collect();
        let versions = [columns::PROVENANCE_BY_FIELD, columns::PROVENANCE];
        let wanted = keys.iter().map(String::as_str).chain(versions);
        let wanted = wanted.chain(contents.iter().map(String::as_str));
        let after = LogicalPlanBuilder::from(after)
            .project(wanted.map(|name| column(name).alias(expected_name(name))))?
            .distinct()?
            .build()?;
        let on = key_pairs(keys, expected_name);
        let is_same = deps.iter().zip(&contents).map(|(dep, content)| {
            let before = self.request.before(&dep.feature);
            let place = self.old.spec().deps.iter().position(|dep| dep.feature == *before);
            // Without a counterpart nothing is the same; such definitions are refused before.
            place.map_or(lit(false), |place| {
                column(&before_name(&content_column(place))).eq(renewed_value(content))
            })
        });
        let is_same = is_same.reduce(Expr::and).unwrap_or_else(|| lit(false));
        LogicalPlanBuilder::from(fresh)
            .join(after, JoinType::Inner, on, None)?
            .filter(is_same)?
            .build()
    }

    /// The stored columns as they are written: users' own, versions, and where the row is from.
    fn as_carried(
        &self,
        plan: LogicalPlan,
        stored: &[String],
        versions: Vec<Expr>,
    ) -> PlanResult<LogicalPlan> {
        let of_users = stored.iter().filter(|name| !columns::is_system(name));
        let mut projected: Vec<Expr> = of_users.map(|name| column(name).alias(name)).collect();
        projected.extend(versions);
        let along = [columns::CREATED_AT, columns::MATERIALIZATION_ID];
        // Tables of other systems may lack them.
        let along = along.into_iter().filter(|name| stored.iter().any(|it| it == name));
        projected.extend(along.map(column));
        let ids = &self.old.spec().id_columns;
        projected.push(content_of(ids, self.old).alias(columns::MIGRATED_FROM));
        projected.push(lit(self.request.mark.text()).alias(columns::MIGRATION_ID));
        LogicalPlanBuilder::from(plan).project(projected)?.build()
    }

    async fn write(
        &self,
        plan: LogicalPlan,
        note: CommitNote,
        after: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        let Self { store, graph, new, .. } = *self;
        let rows = store.run(plan, new.key().as_str()).await?;
        // A commit without rows would make the feature one that this store has, and hide what it
        // is read from.
        let Some(rows) = if_any(rows).await? else { return Ok(0) };
        store.refuse_hiding(graph, new.key()).await?;
        let mut stamp = Stamp::new(store, graph, new);
        stamp.brought = &[columns::MIGRATED_FROM, columns::MIGRATION_ID];
        if let Some(after) = after {
            stamp.now = stamp.now.max(Timestamp::from_micros(after.as_micros() + 1));
        }
        let rows = stamp.apply_to(rows)?;
        Ok(store.append(new.key(), rows, note).await?.rows)
    }

    /// Refuses samples that cannot be told apart under the newer definition.
    fn require_columns(&self, old: &LogicalPlan) -> Result<(), StoreError> {
        let known = names(old);
        let mut needed = self.new.spec().id_columns.iter().chain(self.new.join_keys());
        let Some(missing) = needed.find(|name| !known.contains(name)) else { return Ok(()) };
        let problem = RequestProblem::UnknownColumn {
            of: self.old.key().clone(),
            part: "the newer definition",
            column: missing.clone(),
            known,
        };
        Err(StoreError::request(self.new.key(), problem))
    }

    async fn count(&self, plan: LogicalPlan) -> Result<u64, StoreError> {
        self.store.count_rows(self.new.key(), plan).await
    }

    /// The values of some columns, each combination once.
    async fn keys(&self, plan: LogicalPlan, names: &[String]) -> Result<Keys, StoreError> {
        self.store.ids_of(self.new.key(), plan, names).await
    }

    fn failed(&self, error: datafusion::error::DataFusionError) -> StoreError {
        StoreError::engine(self.new.key().as_str(), error)
    }
}

/// The same rows, if there are any.
async fn if_any(rows: Rows) -> Result<Option<Rows>, StoreError> {
    let schema = rows.schema();
    let mut batches = rows.into_stream();
    while let Some(batch) = batches.try_next().await? {
        if batch.num_rows() > 0 {
            let first = stream::iter([Ok(batch)]);
            return Ok(Some(Rows::new(schema, first.chain(batches))));
        }
    }
    Ok(None)
}

/// What a column that is expected of the older definition is called beside the stored ones.
fn before_name(name: &str) -> String {
    format!("__old_{name}")
}

fn renewed_value(name: &str) -> Expr {
    column(&expected_name(name))
}

fn renewed(name: &str) -> Expr {
    renewed_value(name).alias(name)
}

/// Of older samples those whose provenance is the one expected of them, with the contents that they
/// were computed from beside them.
fn in_order(old: &Feature, rows: LogicalPlan, expected: LogicalPlan) -> PlanResult<LogicalPlan> {
    let keys = old.join_keys();
    let contents: Vec<String> = (0..old.spec().deps.len()).map(content_column).collect();
    let wanted = keys.iter().map(String::as_str).chain([columns::PROVENANCE]);
    let wanted = wanted.chain(contents.iter().map(String::as_str));
    let expected = LogicalPlanBuilder::from(expected)
        .project(wanted.map(|name| column(name).alias(before_name(name))))?
        .distinct()?
        .build()?;
    let on = key_pairs(keys, before_name);
    LogicalPlanBuilder::from(rows)
        .join(expected, JoinType::Inner, on, None)?
        .filter(column(columns::PROVENANCE).eq(column(&before_name(columns::PROVENANCE))))?
        .build()
}
