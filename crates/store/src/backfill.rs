//! Filling columns of samples that are there, by expressions.
//!
//! What is filled is metadata: versions stay, so nothing downstream becomes stale. Only samples
//! that would change get a newer row.

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
    chain::Found,
    compare::names,
    deletion::later_than,
    lower::{column, is_distinct, lower_value},
    marked::marked_rows,
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

/// How often it is tried anew because somebody wrote in between.
const ATTEMPTS: usize = 20;

impl Store {
    /// Sets columns of current samples, in one commit that happens once for a mark. Returns how
    /// many samples changed.
    pub async fn backfill(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        request: BackfillRequest<'_>,
    ) -> Result<u64, StoreError> {
        if request.execution == Execution::Apply {
            self.require_write()?;
        }
        self.require_same_length(graph)?;
        let feature = graph.feature(feature)?;
        refuse_columns(feature, request.set)?;
        let mut attempt = 1;
        loop {
            match self.backfill_once(feature, request).await {
                Err(StoreError::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
                other => return other,
            }
        }
    }

    async fn backfill_once(
        &self,
        feature: &Feature,
        request: BackfillRequest<'_>,
    ) -> Result<u64, StoreError> {
        let key = feature.key();
        let found = self.find_table(key).await?.ok_or_else(|| self.no_table(key))?;
        found.require_here(key)?;
        let Found { table, .. } = found;
        if table.has_commit(request.mark.text()).await? {
            return Ok(self.marked(key, request.mark).await?.rows);
        }
        let options = ReadOptions { filters: request.filters.to_vec(), ..ReadOptions::default() };
        let rows = self.visible_rows_of(feature, &table, &options).await?;
        let rows = self.changed(feature, rows, request.set)?;
        let rows = self.run(rows, key.as_str()).await?;
        if request.execution == Execution::DryRun {
            let mut batches = rows.into_stream();
            let mut count = 0;
            while let Some(batch) = batches.try_next().await? {
                count += batch.num_rows() as u64;
            }
            return Ok(count);
        }
        let now = self.now();
        let renewed = move |batch: &RecordBatch| {
            let later = later_than(batch, &[columns::UPDATED_AT], now);
            with_column(batch, columns::UPDATED_AT, later)
        };
        let schema = renewed(&RecordBatch::new_empty(rows.schema()))?.schema();
        let rows = Rows::new(schema, rows.into_stream().map(move |batch| renewed(&batch?)));
        let mut note =
            CommitNote::new("backfill").once(request.mark.text()).only_at(table.version());
        if let Some(actor) = self.actor() {
            note = note.with("actor", actor);
        }
        let rows = marked_rows(rows, request.mark.clone())?;
        Ok(self.backend().append(key, rows, note).await?.rows)
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
                is_distinct(column(name), cast(value.clone(), stored))
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

/// Ids say which sample it is, and versions what it was computed from: neither is metadata.
fn refuse_columns(feature: &Feature, set: &[(String, Expr)]) -> Result<(), StoreError> {
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
