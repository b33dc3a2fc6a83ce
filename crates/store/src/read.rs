//! Reading a feature.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{Field, SchemaRef},
    common::{JoinType, ScalarValue},
    logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, lit},
};
use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    DeletionPlan, Frame, Keys, RequestProblem, Rows, Store, StoreError, Table,
    chunk_scan::{Selection, nullable},
    current::Visibility,
    direct::Direct,
    expected::scan,
    lower::{column, lower_filters},
    retry::until_undisturbed,
};

/// Which rows and columns to read. The default reads current rows with all columns.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Conditions that rows must meet, all of them. They apply to rows that are otherwise visible.
    pub filters: Vec<Expr>,
    /// Names of the columns to return, in this order; `None` for all.
    pub columns: Option<Vec<String>>,
    /// Rows of this feature version instead of the graph's.
    pub feature_version: Option<String>,
    /// Rows of every feature version.
    pub feature_history: bool,
    /// Every row of a sample, not only the latest.
    pub sample_history: bool,
    /// Deleted samples as well.
    pub include_deleted: bool,
    /// Only rows with one of these keys.
    pub within: Option<Keys>,
    /// Only rows with none of these keys.
    pub without: Option<Keys>,
    /// At most so many rows.
    pub limit: Option<usize>,
}

impl ReadOptions {
    pub(crate) fn visibility(&self, current: &str) -> Visibility {
        let version = self.feature_version.as_deref().unwrap_or(current);
        Visibility {
            feature_version: (!self.feature_history).then(|| version.to_owned()),
            sample_history: self.sample_history,
            include_deleted: self.include_deleted,
        }
    }
}

impl Store {
    /// Reads a feature.
    pub async fn read(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        options: &ReadOptions,
    ) -> Result<Rows, StoreError> {
        self.require_same_length(graph)?;
        let declared = graph.feature(feature)?;
        let table = self.require_table(declared.key()).await?;
        let all: Vec<String> = table.schema().fields().iter().map(|it| it.name().clone()).collect();
        let wanted = match &options.columns {
            Some(columns) => {
                self.require_columns(graph, feature, columns, &all)?;
                columns.clone()
            }
            None => visible_columns(&all),
        };
        let mut selection = self.selected(declared, &table, options).await?;
        let mut filters = options.filters.as_slice();
        // Who wants a page of rows does not want all of them to be looked at.
        if options.limit.is_none() {
            let key = declared.key();
            let found = self.sifted(key, &table, &selection, filters, &wanted).await?;
            if let Some(found) = found {
                (selection, filters) = (found, &[]);
            }
        }
        if options.without.is_none() && options.limit.is_none() {
            let selection = &selection;
            let wanted = fields(&table.schema(), &wanted);
            let (feature, table) = (declared.key(), &table);
            let within = options.within.as_ref();
            let direct = Direct { feature, table, selection, filters, within, wanted };
            if direct.is_worth_it() {
                return self.read_directly(direct);
            }
        }
        let plan = self.rows_of(declared, &table, selection, filters, options)?;
        let failed = |error| StoreError::engine(feature.as_str(), error);
        let known = |name: &String| match all.contains(name) {
            true => column(name).alias(name),
            false => not_yet(name).alias(name),
        };
        let plan = LogicalPlanBuilder::from(plan)
            .project(wanted.iter().map(known))
            .and_then(|plan| match options.limit {
                Some(rows) => plan.limit(0, Some(rows)),
                None => Ok(plan),
            })
            .and_then(LogicalPlanBuilder::build)
            .map_err(failed)?;
        self.run(plan, feature.as_str()).await
    }

    /// Reads a feature to the end. Where somebody removes rows for good meanwhile, files and all, it is
    /// read once more.
    pub async fn read_whole(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        options: &ReadOptions,
    ) -> Result<Frame, StoreError> {
        let read = || async { self.read(graph, feature, options).await?.into_frame().await };
        until_undisturbed(read).await
    }

    /// Reads the rows that a hard deletion would remove, history included: those that meet the
    /// filters, with the columns asked for. Columns that the table lacks are left out.
    pub async fn read_removed(
        &self,
        plan: &DeletionPlan,
        filters: &[Expr],
        columns: &[String],
    ) -> Result<Option<Rows>, StoreError> {
        match plan.removed() {
            Some((table, selection)) => self
                .read_selected(plan.feature(), table, selection, filters, columns)
                .await
                .map(Some),
            None => Ok(None),
        }
    }

    /// Reads the rows that a hard deletion would leave; otherwise like
    /// [`read_everything`](Self::read_everything).
    pub async fn read_kept(
        &self,
        plan: &DeletionPlan,
        filters: &[Expr],
        columns: &[String],
    ) -> Result<Option<Rows>, StoreError> {
        match plan.kept() {
            Some((table, selection)) => self
                .read_selected(plan.feature(), table, selection, filters, columns)
                .await
                .map(Some),
            None => self.read_everything(plan.feature(), filters, columns).await,
        }
    }

    /// Reads every row of a feature in this very store, whatever its version, deleted and superseded ones too:
    /// those that meet the filters, with the columns asked for. Columns that the table lacks are
    /// left out. `None` when there is no table.
    pub async fn read_everything(
        &self,
        feature: &FeatureKey,
        filters: &[Expr],
        columns: &[String],
    ) -> Result<Option<Rows>, StoreError> {
        let Some(table) = self.backend().open_table(feature).await? else { return Ok(None) };
        let selection = Selection::all(table.as_ref());
        self.read_selected(feature, table, selection, filters, columns).await.map(Some)
    }

    async fn read_selected(
        &self,
        feature: &FeatureKey,
        table: Arc<dyn Table>,
        selection: Selection,
        filters: &[Expr],
        columns: &[String],
    ) -> Result<Rows, StoreError> {
        let failed = |error| StoreError::engine(feature.as_str(), error);
        let schema = table.schema();
        let known: Vec<String> =
            columns.iter().filter(|name| schema.index_of(name).is_ok()).cloned().collect();
        let wanted = fields(&schema, &known);
        let direct =
            Direct { feature, table: &table, selection: &selection, filters, within: None, wanted };
        if direct.is_worth_it() {
            return self.read_directly(direct);
        }
        let mut plan = scan(table, selection).map_err(failed)?;
        if let Some(filter) = lower_filters(feature, filters, plan.schema(), self.now())? {
            plan = plan.filter(filter).map_err(failed)?;
        }
        let plan = plan
            .project(known.iter().map(|name| column(name).alias(name)))
            .and_then(LogicalPlanBuilder::build)
            .map_err(failed)?;
        self.run(plan, feature.as_str()).await
    }

    /// The columns that a feature is stored with; `None` when it has no table yet.
    pub async fn stored_schema(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
    ) -> Result<Option<SchemaRef>, StoreError> {
        let table = self.open_table(graph.feature(feature)?.key()).await?;
        Ok(table.map(|table| table.schema()))
    }

    /// The plan of the rows that [`read`](Self::read) returns, with every stored column.
    pub(crate) async fn visible_rows(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        options: &ReadOptions,
    ) -> Result<LogicalPlan, StoreError> {
        self.require_same_length(graph)?;
        let table = self.require_table(graph.feature(feature)?.key()).await?;
        self.visible_rows_of(graph.feature(feature)?, &table, options).await
    }

    pub(crate) async fn visible_rows_of(
        &self,
        feature: &Feature,
        table: &Arc<dyn Table>,
        options: &ReadOptions,
    ) -> Result<LogicalPlan, StoreError> {
        let selection = self.selected(feature, table, options).await?;
        self.rows_of(feature, table, selection, &options.filters, options)
    }

    /// Rows among which all are that a reader wants.
    async fn selected(
        &self,
        feature: &Feature,
        table: &Arc<dyn Table>,
        options: &ReadOptions,
    ) -> Result<Selection, StoreError> {
        let visibility = options.visibility(feature.feature_version());
        let selection = self.select_visible(feature, table, &visibility).await?;
        self.pruned(feature.key(), table.as_ref(), selection, &options.filters).await
    }

    /// Those of selected rows that a reader wants, by these of its filters.
    fn rows_of(
        &self,
        feature: &Feature,
        table: &Arc<dyn Table>,
        selection: Selection,
        filters: &[Expr],
        options: &ReadOptions,
    ) -> Result<LogicalPlan, StoreError> {
        let key = feature.key();
        let failed = |error| StoreError::engine(key.as_str(), error);
        let mut plan = scan(Arc::clone(table), selection).map_err(failed)?;
        if let Some(filter) = lower_filters(key, filters, plan.schema(), self.now())? {
            plan = plan.filter(filter).map_err(failed)?;
        }
        let mut plan = plan.build().map_err(failed)?;
        for (keys, kind) in
            [(&options.within, JoinType::LeftSemi), (&options.without, JoinType::LeftAnti)]
        {
            if let Some(keys) = keys {
                plan = keys.restrict(key, plan, kind)?;
            }
        }
        Ok(plan)
    }

    /// Columns to return must exist, and include the ids: rows without them say nothing.
    fn require_columns(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        wanted: &[String],
        known: &[String],
    ) -> Result<(), StoreError> {
        let ids = &graph.feature(feature)?.spec().id_columns;
        let is_known =
            |name: &String| known.contains(name) || columns::OF_DELETIONS.contains(&name.as_str());
        let unknown = wanted.iter().find(|name| !is_known(name));
        let absent = ids.iter().find(|id| !wanted.contains(id));
        let (part, column) = match (unknown, absent) {
            (Some(column), _) => ("`columns`", column),
            (None, Some(_)) => {
                let problem = RequestProblem::IdsRequired { ids: ids.clone() };
                return Err(StoreError::request(feature, problem));
            }
            (None, None) => return Ok(()),
        };
        let problem = RequestProblem::UnknownColumn {
            of: feature.clone(),
            part,
            column: column.clone(),
            known: known.to_vec(),
        };
        Err(StoreError::request(feature, problem))
    }
}

/// Columns as they come back, by name.
fn fields(stored: &SchemaRef, wanted: &[String]) -> Vec<Field> {
    let stored = nullable(stored);
    let field = |name: &String| match stored.field_with_name(name) {
        Ok(field) => field.clone(),
        Err(_) => Field::new(name, absent(name).data_type(), true),
    };
    wanted.iter().map(field).collect()
}

/// What tombstones say, where there have been none yet.
fn not_yet(name: &str) -> PlanExpr {
    lit(absent(name))
}

fn absent(name: &str) -> ScalarValue {
    match name {
        columns::RECOVERABLE_UNTIL => ScalarValue::TimestampMicrosecond(None, Some("UTC".into())),
        _ => ScalarValue::Utf8(None),
    }
}

/// The columns that a reader gets who does not ask for particular ones: without the bookkeeping
/// that only Metalith itself needs.
pub(crate) fn visible_columns(all: &[String]) -> Vec<String> {
    all.iter().filter(|name| !columns::is_internal(name)).cloned().collect()
}
