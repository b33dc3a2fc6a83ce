//! Samples that let go of what they refer to, and take it up again.
//!
//! When a sample is deleted, others may name it in columns of theirs and stay. A newer row of them
//! is appended in which these columns are NULL. It carries the id of the deletion, by which the
//! reference can be brought back, unless the sample was written again since.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{RecordBatch, new_null_array},
        compute::{concat_batches, filter_record_batch},
    },
    common::JoinType,
    logical_expr::{LogicalPlanBuilder, lit},
};
use futures::StreamExt as _;
use metalith_base::{FeatureKey, Timestamp};
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    Commit, CommitNote, Keys, ReadOptions, Rows, Store, StoreError, Table, TableAction,
    TableChange,
    current::newest_rows,
    deletion::later_than,
    lower::column,
    marked::{Mark, Marking, with_mark},
    retry::until_undisturbed,
    write::{constant, with_column},
};

/// Which samples let go of what.
#[derive(Clone, Debug)]
pub struct DetachRequest {
    /// The deletion that this is part of.
    pub deletion: String,
    /// The samples, by their ids.
    pub within: Keys,
    /// What they refer to, by values of the columns that become NULL. A sample that refers to
    /// something else by now keeps it.
    pub references: Keys,
}

/// What was let go, or taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetachReceipt {
    /// How many samples.
    pub samples: u64,
    /// The version of the table afterwards; `None` when nothing had to be done.
    pub table_version: Option<u64>,
}

impl DetachReceipt {
    pub(crate) fn nothing() -> Self {
        Self { samples: 0, table_version: None }
    }

    /// What a commit let go of. One that had been made before is told by whoever made it.
    pub(crate) fn of(commit: Commit) -> Self {
        let table_version = commit.is_new.then_some(commit.version);
        Self { samples: commit.rows, table_version }
    }
}

impl Store {
    /// Sets columns of samples to NULL, in one commit that happens once for a deletion.
    pub async fn detach(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        request: &DetachRequest,
    ) -> Result<DetachReceipt, StoreError> {
        self.require_write()?;
        until_undisturbed(|| async {
            match self.detach_change(graph, feature, request).await? {
                Some(change) => Ok(DetachReceipt::of(self.commit(change).await?)),
                None => Ok(DetachReceipt::nothing()),
            }
        })
        .await
    }

    /// What letting go changes; `None` when there is nothing to do, or it was done before.
    pub(crate) async fn detach_change(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        request: &DetachRequest,
    ) -> Result<Option<TableChange>, StoreError> {
        let feature = graph.feature(feature)?;
        let tag = detach_tag(&request.deletion, request.references.names());
        let Some(found) = self.find_table(feature.key()).await? else { return Ok(None) };
        found.require_here(feature.key())?;
        let table = found.table;
        if table.has_commit(&tag).await? {
            return Ok(None);
        }
        let options = ReadOptions {
            within: Some(request.within.clone()),
            feature_history: true,
            ..ReadOptions::default()
        };
        let rows = self.visible_rows_of(feature, &table, &options).await?;
        let rows = request.references.restrict(feature.key(), rows, JoinType::LeftSemi)?;
        let rows = self.run(rows, feature.key().as_str()).await?;
        let (now, request) = (self.now(), request.clone());
        let note = self.detach_note("detach", &request.deletion).once(tag);
        let schema = detached(&RecordBatch::new_empty(rows.schema()), &request, now)?.schema();
        let changed = rows.into_stream().map(move |batch| detached(&batch?, &request, now));
        Ok(Some(TableChange {
            feature: feature.key().clone(),
            action: TableAction::Append(Rows::new(schema, changed)),
            note: note.only_at(table.version()),
        }))
    }

    /// Gives samples back the references that they let go of in a deletion. Samples that were
    /// written again since keep what they have. Rows that bear no mark get one, if one is given.
    pub async fn reattach(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        deletion: &str,
        mark: Option<&Mark>,
    ) -> Result<DetachReceipt, StoreError> {
        self.require_write()?;
        let nothing = DetachReceipt::nothing();
        let feature = graph.feature(feature)?;
        until_undisturbed(|| async {
            let Some(table) = self.backend().open_table(feature.key()).await? else {
                return Ok(nothing);
            };
            if table.schema().index_of(columns::DELETION_ID).is_err() {
                return Ok(nothing);
            }
            let Some(rows) = self.before_detaching(feature, &table, deletion).await? else {
                return Ok(nothing);
            };
            let samples = rows.num_rows() as u64;
            let now = self.now();
            let row = with_column(
                &rows,
                columns::UPDATED_AT,
                later_than(&rows, &[columns::UPDATED_AT], now),
            )?;
            let note = self.detach_note("reattach", deletion).only_at(table.version());
            let row = match mark {
                Some(mark) => with_mark(Rows::from_batch(row), mark.clone(), Marking::Unmarked)?,
                None => Rows::from_batch(row),
            };
            let commit = self.append(feature.key(), row, note).await?;
            Ok(DetachReceipt { samples, table_version: Some(commit.version) })
        })
        .await
    }

    /// The rows as they were before a deletion made them let go, of those that still do.
    async fn before_detaching(
        &self,
        feature: &Feature,
        table: &Arc<dyn Table>,
        deletion: &str,
    ) -> Result<Option<RecordBatch>, StoreError> {
        let failed = |error| StoreError::engine(feature.key().as_str(), error);
        let ids = &feature.spec().id_columns;
        let options = ReadOptions { feature_history: true, ..ReadOptions::default() };
        let current = self.visible_rows_of(feature, table, &options).await?;
        let detached = LogicalPlanBuilder::from(current)
            .filter(column(columns::DELETION_ID).eq(lit(deletion)))
            .and_then(|plan| plan.project(ids.iter().map(|id| column(id))))
            .and_then(LogicalPlanBuilder::build)
            .map_err(failed)?;
        let detached = self.run(detached, feature.key().as_str()).await?;
        let schema = detached.schema();
        let keys = Keys::new(ids, ids, &schema, &detached.collect().await?)?;
        if keys.is_empty() {
            return Ok(None);
        }
        let options = ReadOptions {
            within: Some(keys),
            feature_history: true,
            sample_history: true,
            ..ReadOptions::default()
        };
        let ever = self.visible_rows_of(feature, table, &options).await?;
        let other = column(columns::DELETION_ID);
        let before = LogicalPlanBuilder::from(ever)
            .filter(other.clone().is_null().or(other.not_eq(lit(deletion))))
            .and_then(LogicalPlanBuilder::build)
            .map_err(failed)?;
        let before = self.run(before, feature.key().as_str()).await?;
        let schema = before.schema();
        let before = before.collect().await?;
        let before = concat_batches(&schema, &before).map_err(StoreError::arrow)?;
        let newest = newest_rows(&before, ids)?;
        Ok(Some(filter_record_batch(&before, &newest).map_err(StoreError::arrow)?))
    }

    fn detach_note(&self, operation: &'static str, deletion: &str) -> CommitNote {
        CommitNote::new(operation).with("deletionId", deletion).by(self.actor())
    }
}

/// The tag of the commit by which samples let go of what a deletion takes, by some columns.
pub fn detach_tag(deletion: &str, columns: &[String]) -> String {
    format!("{deletion}/detach/{}", columns.join(","))
}

fn detached(
    row: &RecordBatch,
    request: &DetachRequest,
    now: Timestamp,
) -> Result<RecordBatch, StoreError> {
    let rows = row.num_rows();
    let mut changed = row.clone();
    for name in request.references.names() {
        let Some(array) = row.column_by_name(name) else { continue };
        changed = with_column(&changed, name, new_null_array(array.data_type(), rows))?;
    }
    changed =
        with_column(&changed, columns::UPDATED_AT, later_than(row, &[columns::UPDATED_AT], now))?;
    with_column(&changed, columns::DELETION_ID, constant(&request.deletion, rows))
}
