//! Bringing back what a soft deletion hid.

use std::{collections::BTreeSet, sync::Arc};

use datafusion::{
    arrow::array::{ArrayRef, BooleanArray, RecordBatch, new_null_array},
    logical_expr::{LogicalPlan, LogicalPlanBuilder, lit},
};
use futures::StreamExt as _;
use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    CommitNote, Keys, ReadOptions, RequestProblem, Rows, Store, StoreError,
    deletion::later_than,
    lower::column,
    marked::{Mark, Marking, with_mark},
    retry::until_undisturbed,
    unique::{IdSet, show_id},
    write::{constant, text_column, timestamp_type, with_column},
};

/// Which deleted samples to bring back.
#[derive(Clone, Debug, Default)]
pub struct RestoreRequest {
    /// Only those that this deletion hid.
    pub deletion: Option<String>,
    /// Only those that meet these conditions.
    pub filters: Vec<Expr>,
    /// Only those with one of these keys.
    pub within: Option<Keys>,
    /// Only say what would come back.
    pub dry_run: bool,
    /// What rows are marked with that bear no mark yet, when a migration is taken back.
    pub mark: Option<Mark>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReceipt {
    /// How many samples.
    pub samples: u64,
    /// The deletions that had hidden them, in order. Deletions by other systems have no id.
    pub deletions: Vec<String>,
    /// The version of the table afterwards; `None` in a dry run.
    pub table_version: Option<u64>,
}

impl Store {
    /// Brings deleted samples back, as they were, in one commit.
    ///
    /// Refused when a sample of the named deletion has been written again since: its newer content
    /// would be replaced. Narrow the request with filters to restore the others.
    pub async fn restore(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        request: &RestoreRequest,
    ) -> Result<RestoreReceipt, StoreError> {
        self.require_write()?;
        let feature = graph.feature(feature)?;
        let _turn = match request.dry_run {
            true => None,
            false => Some(self.turn(feature.key()).await),
        };
        until_undisturbed(|| self.restore_once(graph, feature, request)).await
    }

    async fn restore_once(
        &self,
        graph: &FeatureGraph,
        feature: &Feature,
        request: &RestoreRequest,
    ) -> Result<RestoreReceipt, StoreError> {
        let key = feature.key();
        let nothing = || {
            let problem = RequestProblem::NothingToRestore { deletion: request.deletion.clone() };
            StoreError::request(key, problem)
        };
        let found = self.find_table(key).await?.ok_or_else(|| self.no_table(key))?;
        let table = Arc::clone(&found.table);
        let by_us = table.schema().index_of(columns::DELETION_ID).is_ok();
        if request.deletion.is_some() && !by_us {
            return Err(nothing());
        }
        let options = ReadOptions {
            filters: request.filters.clone(),
            within: request.within.clone(),
            include_deleted: true,
            ..ReadOptions::default()
        };
        let visible = self.visible_rows_of(feature, &table, &options).await?;
        let hidden = hidden_by(feature, visible, request.deletion.as_deref())
            .map_err(|error| StoreError::engine(key.as_str(), error))?;
        let rows = self.run(hidden, key.as_str()).await?;
        let schema = rows.schema();
        let batches = rows.collect().await?;
        if batches.is_empty() {
            return Err(nothing());
        }
        found.require_here(key)?;
        let is_whole = request.filters.is_empty() && request.within.is_none();
        if let (Some(deletion), true) = (&request.deletion, is_whole) {
            self.refuse_superseded(feature, &table, deletion, &batches).await?;
        }
        let mut receipt = RestoreReceipt {
            samples: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
            deletions: deletions_of(&batches),
            table_version: None,
        };
        if request.dry_run {
            return Ok(receipt);
        }
        let (now, project_version) = (self.now(), graph.snapshot_version().to_owned());
        let active = feature.spec().active.clone();
        let restored = Rows::from_batches(schema, batches);
        let form = restored.schema();
        let restored = restored
            .into_stream()
            .map(move |batch| alive(&batch?, active.as_deref(), now, &project_version));
        let restored = Rows::new(form, restored);
        let restored = match &request.mark {
            Some(mark) => with_mark(restored, mark.clone(), Marking::Unmarked)?,
            None => restored,
        };
        let note = CommitNote::new("restore").only_at(table.version()).by(self.actor());
        let commit = self.append(key, restored, note).await?;
        receipt.table_version = Some(commit.version);
        Ok(receipt)
    }

    /// Samples that this deletion hid and that are not hidden by it any more.
    async fn refuse_superseded(
        &self,
        feature: &Feature,
        table: &Arc<dyn crate::Table>,
        deletion: &str,
        hidden: &[RecordBatch],
    ) -> Result<(), StoreError> {
        let key = feature.key();
        let ids = &feature.spec().id_columns;
        let options =
            ReadOptions { sample_history: true, include_deleted: true, ..ReadOptions::default() };
        let ever = self.visible_rows_of(feature, table, &options).await?;
        let plan = hidden_by(feature, ever, Some(deletion))
            .and_then(|plan| {
                LogicalPlanBuilder::from(plan).project(ids.iter().map(|id| column(id)))
            })
            .and_then(LogicalPlanBuilder::distinct)
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| StoreError::engine(key.as_str(), error))?;
        let ever = self.run(plan, key.as_str()).await?.collect().await?;
        let hidden: Vec<Vec<ArrayRef>> = hidden.iter().map(|batch| id_arrays(batch, ids)).collect();
        let Some(hidden) = IdSet::new(&hidden)? else { return Ok(()) };
        let (mut samples, mut examples) = (0, Vec::new());
        for batch in &ever {
            let arrays = id_arrays(batch, ids);
            for (row, is_hidden) in hidden.contains(&arrays)?.into_iter().enumerate() {
                if !is_hidden {
                    samples += 1;
                    if examples.len() < 3 {
                        examples.push(show_id(ids, &arrays, row)?);
                    }
                }
            }
        }
        if samples == 0 {
            return Ok(());
        }
        examples.sort();
        Err(StoreError::request(key, RequestProblem::Superseded { samples, examples }))
    }
}

/// Of some rows, those that are tombstones, of one deletion if one is named.
fn hidden_by(
    feature: &Feature,
    rows: LogicalPlan,
    deletion: Option<&str>,
) -> datafusion::common::Result<LogicalPlan> {
    let mut is_hidden = column(columns::DELETED_AT).is_not_null();
    let has = |name: &str| rows.schema().as_arrow().index_of(name).is_ok();
    if let Some(active) = feature.spec().active.as_ref().filter(|name| has(name)) {
        is_hidden = is_hidden.or(column(active).is_false());
    }
    let mut rows = LogicalPlanBuilder::from(rows).filter(is_hidden)?;
    if let Some(deletion) = deletion {
        rows = rows.filter(column(columns::DELETION_ID).eq(lit(deletion)))?;
    }
    rows.build()
}

fn id_arrays(batch: &RecordBatch, ids: &[String]) -> Vec<ArrayRef> {
    ids.iter().filter_map(|id| batch.column_by_name(id).cloned()).collect()
}

fn deletions_of(batches: &[RecordBatch]) -> Vec<String> {
    let ids: BTreeSet<String> = batches
        .iter()
        .flat_map(|batch| {
            let ids = text_column(batch, columns::DELETION_ID);
            ids.iter().flatten().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    ids.into_iter().collect()
}

/// A tombstone turned back into the row it hid.
fn alive(
    tombstone: &RecordBatch,
    active: Option<&str>,
    now: metalith_base::Timestamp,
    project_version: &str,
) -> Result<RecordBatch, StoreError> {
    let rows = tombstone.num_rows();
    let mut row = with_column(
        tombstone,
        columns::UPDATED_AT,
        later_than(tombstone, &[columns::DELETED_AT, columns::UPDATED_AT], now),
    )?;
    row = with_column(&row, columns::DELETED_AT, new_null_array(&timestamp_type(), rows))?;
    row = with_column(&row, columns::PROJECT_VERSION, constant(project_version, rows))?;
    if let Some(active) = active.filter(|name| tombstone.column_by_name(name).is_some()) {
        row = with_column(&row, active, Arc::new(BooleanArray::from(vec![true; rows])))?;
    }
    without_deletion(&row)
}

/// Rows that no deletion has to do with any more.
pub(crate) fn without_deletion(rows: &RecordBatch) -> Result<RecordBatch, StoreError> {
    let mut free = rows.clone();
    for name in columns::OF_DELETIONS {
        if let Some(array) = rows.column_by_name(name) {
            let nothing = new_null_array(array.data_type(), rows.num_rows());
            free = with_column(&free, name, nothing)?;
        }
    }
    Ok(free)
}
