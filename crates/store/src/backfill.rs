//! Filling columns of samples that are there, by expressions or by code of users.
//!
//! What is filled is metadata: versions stay, so nothing downstream becomes stale. Only samples
//! that would change get a newer row.

use std::{error::Error, fmt, sync::Arc};

use datafusion::{
    arrow::array::RecordBatch,
    common::{Column, JoinType, Result as PlanResult},
    logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, cast, lit},
};
use futures::{StreamExt as _, future::BoxFuture};
use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    CommitNote, Execution, Frame, Keys, Mark, ReadOptions, RequestProblem, Rows, Store, StoreError,
    compare::{in_memory, names},
    deletion::later_than,
    evolution::is_lossless,
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
    /// What becomes of them.
    pub fill: Fill<'a>,
    /// What to mark the rows with.
    pub mark: &'a Mark,
    /// Whether to do it.
    pub execution: Execution,
}

/// What becomes of samples.
#[derive(Clone, Copy, Debug)]
pub enum Fill<'a> {
    /// Columns with what they become. All expressions see the sample as it was.
    Set(&'a [(String, Expr)]),
    /// Whatever some code says.
    Function(&'a dyn Function),
}

/// Code that says what columns of samples become.
pub trait Function: fmt::Debug + Send + Sync {
    /// Takes samples, with their ids and what users store of them, and gives back those that
    /// change: their ids, and the columns that change. It may be asked again.
    fn compute(&self, samples: Frame) -> BoxFuture<'_, Result<Frame, FunctionError>>;
}

/// Why code of users failed.
pub type FunctionError = Box<dyn Error + Send + Sync>;

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
        if let Fill::Set(set) = request.fill {
            Self::check_columns(feature, set)?;
        }
        until_undisturbed(|| self.backfill_once(feature, request)).await
    }

    /// Ids say which sample it is, and versions what it was computed from: neither is metadata.
    pub fn check_columns(feature: &Feature, set: &[(String, Expr)]) -> Result<(), StoreError> {
        check_names(feature, set.iter().map(|(name, _)| name))
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
        let (rows, set) = match request.fill {
            Fill::Set(set) => {
                let names = set.iter().map(|(name, _)| name.clone()).collect();
                (self.changed(feature, rows, set)?, names)
            }
            Fill::Function(function) => self.computed(feature, rows, function).await?,
        };
        let count = self.evaluated(key, rows.clone(), &set).await?;
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
        Ok(self.append(key, rows, note).await?.rows)
    }

    /// How many rows there are. All that is set is evaluated on the way, so that what cannot be
    /// shows before anything is written.
    async fn evaluated(
        &self,
        feature: &FeatureKey,
        rows: LogicalPlan,
        set: &[String],
    ) -> Result<u64, StoreError> {
        let names = set.iter().map(|name| column(name));
        let plan = LogicalPlanBuilder::from(rows)
            .project(names.chain([lit(true)]))
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| StoreError::engine(feature.as_str(), error))?;
        Ok(self.run(plan, feature.as_str()).await?.count().await? as u64)
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
        let known = names(&rows);
        changed_rows(rows, &known, &values)
            .map_err(|error| StoreError::engine(feature.key().as_str(), error))
    }

    /// The rows of which code makes something else, as they become, and the columns it gives.
    async fn computed(
        &self,
        feature: &Feature,
        rows: LogicalPlan,
        function: &dyn Function,
    ) -> Result<(LogicalPlan, Vec<String>), StoreError> {
        let key = feature.key();
        let failed = |error| StoreError::engine(key.as_str(), error);
        let wrong = |detail| StoreError::request(key, RequestProblem::Computation { detail });
        let (ids, known) = (&feature.spec().id_columns, names(&rows));
        let shown = known.iter().filter(|it| ids.contains(it) || !is_fixed(feature, it));
        let given = LogicalPlanBuilder::from(rows.clone())
            .project(shown.map(|name| column(name)))
            .and_then(LogicalPlanBuilder::build)
            .map_err(failed)?;
        let given = self.run(given, key.as_str()).await?.into_frame().await?;
        if given.rows() == 0 {
            return Ok((rows, Vec::new()));
        }
        let answer = function.compute(given).await.map_err(|error| wrong(error.to_string()))?;
        let names = answer.schema.fields().iter().map(|field| field.name().clone());
        let set: Vec<String> = names.filter(|name| !ids.contains(name)).collect();
        if let Some(id) = ids.iter().find(|id| answer.schema.index_of(id).is_err()) {
            return Err(wrong(format!("what it gives has no column `{id}`")));
        }
        check_names(feature, set.iter())?;
        for name in &set {
            let is_null =
                answer.schema.field_with_name(name).is_ok_and(|it| it.data_type().is_null());
            if is_null && !known.contains(name) {
                let problem = RequestProblem::UntypedColumn { column: name.clone() };
                return Err(StoreError::request(key, problem));
            }
        }
        for given in answer.schema.fields() {
            let stored = rows.schema().as_arrow().field_with_name(given.name());
            let Ok(stored) = stored.map(|it| it.data_type()) else { continue };
            let given_as = given.data_type();
            let are_whole = given_as.is_integer() && stored.is_integer();
            // What went through another type may be another value already.
            if !(given_as == stored || are_whole || is_lossless(given_as, stored)) {
                let name = given.name();
                return Err(wrong(format!("`{name}` comes back as {given_as}, and is {stored}")));
            }
        }
        if Keys::new(ids, ids, &answer.schema, &answer.batches)?.len() != answer.rows() {
            return Err(wrong("it gives a sample twice, or one without its id".to_owned()));
        }
        let joined = joined(rows, &answer, ids, &set).map_err(failed)?;
        if self.run(joined.clone(), key.as_str()).await?.count().await? != answer.rows() {
            return Err(wrong("it gives samples that it did not get".to_owned()));
        }
        let values: Vec<_> =
            set.iter().map(|name| (name.as_str(), column(&answered(name)))).collect();
        Ok((changed_rows(joined, &known, &values).map_err(failed)?, set))
    }
}

/// Rows beside what code gave for them. Nothing is left of rows that it gave nothing for.
fn joined(
    rows: LogicalPlan,
    answer: &Frame,
    ids: &[String],
    set: &[String],
) -> PlanResult<LogicalPlan> {
    let mut columns = Vec::new();
    for id in ids {
        let stored = rows.schema().as_arrow().field_with_name(id)?.data_type().clone();
        columns.push(cast(column(id), stored).alias(answered(id)));
    }
    columns.extend(set.iter().map(|name| column(name).alias(answered(name))));
    let answer = in_memory(answer)?.project(columns)?.build()?;
    let left = ids.iter().map(Column::new_unqualified).collect::<Vec<_>>();
    let right = ids.iter().map(|id| Column::new_unqualified(answered(id))).collect::<Vec<_>>();
    LogicalPlanBuilder::from(rows).join(answer, JoinType::Inner, (left, right), None)?.build()
}

/// What a column is called while it stands beside the one that it is for.
fn answered(name: &str) -> String {
    format!("{name} as given")
}

fn is_fixed(feature: &Feature, name: &String) -> bool {
    columns::is_system(name)
        || feature.spec().id_columns.contains(name)
        || feature.join_keys().contains(name)
}

fn check_names<'a>(
    feature: &Feature,
    mut names: impl Iterator<Item = &'a String>,
) -> Result<(), StoreError> {
    match names.find(|name| is_fixed(feature, name)) {
        Some(column) => {
            let problem = RequestProblem::FixedColumn { column: column.clone() };
            Err(StoreError::request(feature.key(), problem))
        }
        None => Ok(()),
    }
}

fn changed_rows(
    rows: LogicalPlan,
    known: &[String],
    values: &[(&str, PlanExpr)],
) -> PlanResult<LogicalPlan> {
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
    for name in known {
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
