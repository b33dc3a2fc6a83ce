//! Carrying samples over from one definition of a feature to another, without computing them anew.
//!
//! For code that changed while what it computes did not. The samples of the older definition are
//! written again under the newer one, with the provenance that they would have been given by it.
//! Only samples that were in order are carried over: one that was stale before would pass for
//! fresh afterwards. Those that the newer definition has already, deleted ones included, stay as
//! they are.

use datafusion::{
    common::{JoinType, Result as PlanResult},
    logical_expr::{LogicalPlan, LogicalPlanBuilder},
};
use futures::TryStreamExt as _;
use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureGraph};

use crate::{
    CommitNote, Keys, ReadOptions, RequestProblem, ResolveOptions, Rows, Store, StoreError,
    compare::names,
    expected::{Filters, UpstreamVersions, expected_rows},
    lower::column,
    marked::{Mark, Marking},
    rebase::{carried_along, rebased, user_columns},
};

/// What to carry over.
#[derive(Clone, Copy, Debug)]
pub struct CarryRequest<'a> {
    /// The graph under which the samples are current now.
    pub from: &'a FeatureGraph,
    /// What the feature is called in it.
    pub feature: &'a FeatureKey,
    /// What to mark the rows with.
    pub mark: &'a Mark,
    /// Whether to do it.
    pub execution: Execution,
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
    /// Samples that stay behind: they were stale, or are not expected under the newer definition.
    pub left: u64,
}

/// How often it is tried anew because somebody wrote in between.
const ATTEMPTS: usize = 20;

impl Store {
    /// Writes the samples that a feature has under an older graph as samples of `graph`, in one
    /// commit that happens once for a mark.
    pub async fn carry_over(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        request: CarryRequest<'_>,
    ) -> Result<CarryReceipt, StoreError> {
        if request.execution == Execution::Apply {
            self.require_write()?;
        }
        self.require_same_length(graph)?;
        let carry = Carry {
            store: self,
            graph,
            old: request.from.feature(request.feature)?,
            new: graph.feature(feature)?,
            request,
        };
        let mut attempt = 1;
        loop {
            match carry.run().await {
                Err(StoreError::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
                other => return other,
            }
        }
    }
}

struct Carry<'a> {
    store: &'a Store,
    graph: &'a FeatureGraph,
    old: &'a Feature,
    new: &'a Feature,
    request: CarryRequest<'a>,
}

impl Carry<'_> {
    async fn run(&self) -> Result<CarryReceipt, StoreError> {
        let (store, key) = (self.store, self.new.key());
        let mark = self.request.mark;
        let target = store.backend().open_table(key).await?;
        if let Some(table) = &target
            && table.has_commit(mark.text()).await?
        {
            let carried = store.marked(key, mark).await?.rows;
            return Ok(CarryReceipt { carried, ..CarryReceipt::default() });
        }
        let Some(source) = self.before().open_table(self.old.key()).await? else {
            return Ok(CarryReceipt::default());
        };
        let options = ReadOptions::default();
        let old = store.visible_rows_of(self.old, &source, &options).await?;
        let all = self.count(old.clone()).await?;
        let rest = match self.present().await? {
            Some(present) => present.restrict(key, old, JoinType::LeftAnti)?,
            None => old,
        };
        let already = all - self.count(rest.clone()).await?;
        let fresh = self.fresh(rest).await?;
        self.require_columns(&fresh)?;
        let mut receipt = CarryReceipt { carried: 0, already, left: 0 };
        receipt.carried = match self.request.execution {
            // What is upstream is perhaps not carried over yet, so it cannot be asked.
            Execution::DryRun => self.count(fresh).await?,
            Execution::Apply => {
                let plan = self.carried(fresh).await?;
                // Rows that came since this table was read are newer than what is carried over.
                let note = CommitNote::new("migrate");
                let note = match &target {
                    Some(table) => note.only_at(table.version()),
                    None => note.only_new(),
                };
                self.write(plan, note).await?
            }
        };
        receipt.left = all - already - receipt.carried;
        Ok(receipt)
    }

    /// The store as it was before the work that the mark is of: a table in which there is nothing
    /// but what that work wrote does not hide the one further down the fallback chain.
    fn before(&self) -> Store {
        let mut store = self.store.clone();
        store.disregarded = Some(self.request.mark.group().into());
        store
    }

    /// The ids of samples that the newer definition has, deleted ones included.
    async fn present(&self) -> Result<Option<Keys>, StoreError> {
        let Some(table) = self.store.open_table(self.new.key()).await? else { return Ok(None) };
        let ids = &self.new.spec().id_columns;
        let options = ReadOptions { include_deleted: true, ..ReadOptions::default() };
        let rows = self.store.visible_rows_of(self.new, &table, &options).await?;
        let rows = self.columns(rows, ids).await?;
        let schema = rows.schema();
        let keys = Keys::new(ids, ids, &schema, &rows.collect().await?)?;
        Ok((!keys.is_empty()).then_some(keys))
    }

    /// Of samples of the older definition those that are in order under it.
    async fn fresh(&self, mut rows: LogicalPlan) -> Result<LogicalPlan, StoreError> {
        if self.old.spec().deps.is_empty() {
            return Ok(rows);
        }
        let (from, key) = (self.request.from, self.old.key());
        let keys = self.old.join_keys();
        let found = self.before().resolve(from, key, ResolveOptions::default()).await?;
        for frame in [found.stale, found.orphaned] {
            let keys = Keys::new(keys, keys, &frame.schema, &frame.batches)?;
            if !keys.is_empty() {
                rows = keys.restrict(key, rows, JoinType::LeftAnti)?;
            }
        }
        Ok(rows)
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

    /// The rows as the newer definition has them.
    async fn carried(&self, old: LogicalPlan) -> Result<LogicalPlan, StoreError> {
        let failed = |error| StoreError::engine(self.new.key().as_str(), error);
        if self.new.spec().deps.is_empty() {
            return as_they_are(old).map_err(failed);
        }
        let none = std::collections::BTreeMap::new();
        let filters = Filters { by_feature: &none, global: &[] };
        let current = UpstreamVersions::Current;
        let expected = expected_rows(self.store, self.graph, self.new, filters, current).await?;
        rebased(self.old, self.new, old, expected).map_err(failed)
    }

    async fn write(&self, plan: LogicalPlan, note: CommitNote) -> Result<u64, StoreError> {
        let rows = self.store.run(plan, self.new.key().as_str()).await?;
        let marking = Marking { mark: self.request.mark, note };
        self.store.append_marked(self.graph, self.new, rows, marking).await
    }

    async fn count(&self, plan: LogicalPlan) -> Result<u64, StoreError> {
        let rows = self.columns(plan, &self.old.spec().id_columns).await?;
        let mut batches = rows.into_stream();
        let mut count = 0;
        while let Some(batch) = batches.try_next().await? {
            count += batch.num_rows() as u64;
        }
        Ok(count)
    }

    async fn columns(&self, plan: LogicalPlan, names: &[String]) -> Result<Rows, StoreError> {
        let plan = LogicalPlanBuilder::from(plan)
            .project(names.iter().map(|name| column(name)))
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| StoreError::engine(self.new.key().as_str(), error))?;
        self.store.run(plan, self.new.key().as_str()).await
    }
}

/// Samples of a root came with their versions, and keep them.
fn as_they_are(rows: LogicalPlan) -> PlanResult<LogicalPlan> {
    let mut projected = user_columns(&rows);
    projected.extend(crate::increment::VERSION_COLUMNS.map(column));
    projected.extend(carried_along(&rows));
    LogicalPlanBuilder::from(rows).project(projected)?.build()
}
