//! Filling columns of samples that are there, by expressions.
//!
//! What is filled is metadata: versions stay, so nothing downstream becomes stale. Only samples
//! that would change get a newer row.

use std::sync::Arc;

use datafusion::{
    arrow::array::RecordBatch,
    common::Result as PlanResult,
    logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, cast, lit},
};
use futures::{StreamExt as _, TryStreamExt as _};
use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    CommitNote, Execution, Mark, ReadOptions, RequestProblem, Rows, Store, StoreError,
    compare::names,
    deletion::later_than,
    lower::{column, lower_value},
    marked::{Marking, is_done, with_mark},
    rebase::differ,
    restore::without_deletion,
    retry::until_undisturbed,
    write::with_column,
};

/// What to fill.
#[derive(Clone, Copy, Debug)]
pub struct BackfillRequest<'a> {
    /// Conditions that samples must meet, all of them.
    pub filters: &'a [Expr],
    /// Columns with what they become. All expressions see the sample as it was.
    pub set: &'a [(String, Expr)],
    /// What to mark the rows with.
    pub mark: &'a Mark,
    /// Whether to do it.
    pub execution: Execution,
}

impl Store {
    /// Sets columns of current samples, in one commit that happens once for a mark. Returns how
    /// many samples changed. A feature without a table has none.
    pub async fn backfill(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        request: BackfillRequest<'_>,
    ) -> Result<u64, StoreError> {
        let feature = graph.feature(feature)?;
        if request.execution == Execution::Apply {
            self.require_writable(graph, feature)?;
        }
        self.require_same_length(graph)?;
        Self::check_columns(feature, request.set)?;
        until_undisturbed(|| self.backfill_once(feature, request)).await
    }

    /// Ids say which sample it is, and versions what it was computed from: neither is metadata.
    pub fn check_columns(feature: &Feature, set: &[(String, Expr)]) -> Result<(), StoreError> {
        let is_fixed = |name: &String| {
            columns::is_system(name)
                || feature.spec().id_columns.contains(name)
                || feature.join_keys().contains(name)
        };
        match set.iter().find(|(name, _)| is_fixed(name)) {
            Some((column, _)) => {
                let problem = RequestProblem::FixedColumn { column: column.clone() };
                Err(StoreError::request(feature.key(), problem))
            }
            None => Ok(()),
        }
    }

    async fn backfill_once(
        &self,
        feature: &Feature,
        request: BackfillRequest<'_>,
    ) -> Result<u64, StoreError> {
        let key = feature.key();
        let Some(found) = self.find_table(key).await? else { return Ok(0) };
        let table = Arc::clone(&found.table);
        if is_done(table.as_ref(), request.mark).await? {
            return self.marked(key, request.mark).await;
        }
        let options = ReadOptions { filters: request.filters.to_vec(), ..ReadOptions::default() };
        let rows = self.visible_rows_of(feature, &table, &options).await?;
        let rows = self.changed(feature, rows, request.set)?;
        let count = self.evaluated(key, rows.clone(), request.set).await?;
        if count > 0 {
            found.require_here(key)?;
        }
        if request.execution == Execution::DryRun || count == 0 {
            return Ok(count);
        }
        let rows = self.run(rows, key.as_str()).await?;
        let now = self.now();
        let renewed = move |batch: &RecordBatch| {
            let later = later_than(batch, &[columns::UPDATED_AT], now);
            // A sample that let go of a reference was written again: it keeps what it has now when
            // that deletion is taken back.
            without_deletion(&with_column(batch, columns::UPDATED_AT, later)?)
        };
        let schema = renewed(&RecordBatch::new_empty(rows.schema()))?.schema();
        let rows = Rows::new(schema, rows.into_stream().map(move |batch| renewed(&batch?)));
        let note = CommitNote::new("backfill")
            .by(self.actor())
            .once(request.mark.tag(false))
            .only_at(table.version());
        let rows = with_mark(rows, request.mark.clone(), Marking::All)?;
        Ok(self.backend().append(key, rows, note).await?.rows)
    }

    /// How many rows there are. All that is set is evaluated on the way, so that what cannot be
    /// shows before anything is written.
    async fn evaluated(
        &self,
        feature: &FeatureKey,
        rows: LogicalPlan,
        set: &[(String, Expr)],
    ) -> Result<u64, StoreError> {
        let names = set.iter().map(|(name, _)| column(name));
        let plan = LogicalPlanBuilder::from(rows)
            .project(names.chain([lit(true)]))
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| StoreError::engine(feature.as_str(), error))?;
        let mut batches = self.run(plan, feature.as_str()).await?.into_stream();
        let mut count = 0;
        while let Some(batch) = batches.try_next().await? {
            count += batch.num_rows() as u64;
        }
        Ok(count)
    }

    /// The rows of which a column becomes something else, as they become.
    fn changed(
        &self,
        feature: &Feature,
        rows: LogicalPlan,
        set: &[(String, Expr)],
    ) -> Result<LogicalPlan, StoreError> {
        let mut values = Vec::new();
        for (name, expr) in set {
            let value = lower_value(feature.key(), name, expr, rows.schema(), self.now())?;
            values.push((name.as_str(), value));
        }
        changed_rows(rows, &values)
            .map_err(|error| StoreError::engine(feature.key().as_str(), error))
    }
}

fn changed_rows(rows: LogicalPlan, values: &[(&str, PlanExpr)]) -> PlanResult<LogicalPlan> {
    let known = names(&rows);
    let mut differs = lit(false);
    for (name, value) in values {
        differs = differs.or(match known.iter().any(|it| it == name) {
            true => {
                let stored = rows.schema().as_arrow().field_with_name(name)?.data_type().clone();
                differ(&column(name), cast(value.clone(), stored))
            }
            false => value.clone().is_not_null(),
        });
    }
    let mut projected = Vec::new();
    for name in &known {
        let value = values.iter().find(|(set, _)| set == name);
        projected.push(match value {
            Some((_, value)) => {
                let stored = rows.schema().as_arrow().field_with_name(name)?.data_type().clone();
                cast(value.clone(), stored).alias(name)
            }
            None => column(name),
        });
    }
    let added = values.iter().filter(|(name, _)| !known.iter().any(|it| it == name));
    projected.extend(added.map(|(name, value)| value.clone().alias(*name)));
    LogicalPlanBuilder::from(rows).filter(differs)?.project(projected)?.build()
}
