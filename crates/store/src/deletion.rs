//! Deleting samples of one feature: a plan, then its execution.
//!
//! A soft deletion appends tombstones: copies of the rows with `metaxy_deleted_at` set. A hard
//! deletion rewrites the chunks that hold doomed rows. A plan is bound to the table version it
//! saw: if somebody writes in between, executing it is refused, and [`Store::delete`] plans anew.

use std::{fmt, sync::Arc};

use datafusion::{
    arrow::{
        array::{
            Array as _, ArrayRef, AsArray as _, BooleanArray, RecordBatch,
            TimestampMicrosecondArray,
        },
        datatypes::TimestampMicrosecondType,
    },
    logical_expr::{LogicalPlan, LogicalPlanBuilder},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_base::{FeatureKey, Timestamp};
use metalith_expr::Expr;
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    Change, ChunkRequest, Commit, CommitNote, Keys, ReadOptions, Replacement, Rows, Store,
    StoreError, Table, TableAction, TableChange,
    chunk_scan::Selection,
    doomed::{Doomed, find_doomed},
    lower::column,
    retry::until_undisturbed,
    unique::IdSet,
    write::{constant, times, with_column},
};

/// How rows are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionMode {
    /// Hidden by tombstones; can be restored.
    Soft,
    /// Removed.
    Hard,
}

impl DeletionMode {
    /// What records and answers call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Hard => "hard",
        }
    }
}

/// What to delete of a feature, and how. There is no default: say the mode.
#[derive(Clone, Debug)]
pub struct DeletionRequest {
    /// The id of the deletion, when it is part of a larger one; `None` for a new id.
    pub id: Option<String>,
    /// Conditions on stored columns, all of which a sample must meet. None: every sample.
    pub filters: Vec<Expr>,
    /// Only samples with one of these keys, which are values of stored columns.
    pub within: Option<Keys>,
    /// Soft or hard.
    pub mode: DeletionMode,
    /// Rows of every feature version, not only of the current one.
    pub feature_history: bool,
    /// A tombstone for every row of a sample, not only for the latest. A hard deletion always
    /// removes the whole history of a sample.
    pub sample_history: bool,
    /// The feature version whose rows it is about; `None` for the graph's.
    pub feature_version: Option<String>,
    /// Why, for the tombstones and the log of the table.
    pub reason: Option<String>,
    /// Until when a soft deletion can be restored at least; `None` for as long as retention says.
    pub recoverable_until: Option<Timestamp>,
}

impl DeletionRequest {
    /// A request for the samples that meet `filters`.
    pub fn new(mode: DeletionMode, filters: Vec<Expr>) -> Self {
        Self {
            id: None,
            filters,
            within: None,
            mode,
            feature_history: false,
            sample_history: false,
            feature_version: None,
            reason: None,
            recoverable_until: None,
        }
    }
}

/// What a deletion would do. Nothing has happened yet.
pub struct DeletionPlan {
    id: String,
    feature: FeatureKey,
    mode: DeletionMode,
    reason: Option<String>,
    samples: u64,
    rows: u64,
    work: Work,
}

enum Work {
    /// The feature has no table, or nothing matches.
    Nothing,
    /// Rows to copy as tombstones, of a table at this version.
    Tombstones { rows: Box<LogicalPlan>, version: u64, stamp: TombstoneStamp },
    /// Chunks of a table, and which of their rows stay.
    Rewrite { table: Arc<dyn Table>, doomed: Doomed },
}

/// What a tombstone says beside the row it hides.
#[derive(Clone)]
struct TombstoneStamp {
    now: Timestamp,
    deletion: String,
    feature_version: String,
    project_version: String,
    actor: Option<String>,
    reason: Option<String>,
    recoverable_until: Option<Timestamp>,
    /// The feature's own mark of samples that count, which becomes false.
    active: Option<String>,
}

/// What a deletion did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletionReceipt {
    /// The deletion, by which it can be restored if it was soft.
    pub id: String,
    /// The feature.
    pub feature: FeatureKey,
    /// Soft or hard.
    pub mode: DeletionMode,
    /// How many samples went.
    pub samples: u64,
    /// How many rows were appended (soft) or removed (hard).
    pub rows: u64,
    /// The version of the table afterwards; `None` when nothing had to be done.
    pub table_version: Option<u64>,
}

impl DeletionReceipt {
    /// Takes in the commit. One that had been made before is told by whoever made it.
    pub(crate) fn made(&mut self, commit: Commit) {
        self.table_version = commit.is_new.then_some(commit.version);
    }
}

impl DeletionPlan {
    /// The deletion's id, under which it will be carried out.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The feature.
    pub fn feature(&self) -> &FeatureKey {
        &self.feature
    }

    /// Soft or hard.
    pub fn mode(&self) -> DeletionMode {
        self.mode
    }

    /// How many samples would go.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// How many rows would be appended (soft) or removed (hard).
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The rows that would be removed, for a hard deletion: none of them is needed any more.
    pub(crate) fn removed(&self) -> Option<(Arc<dyn Table>, Selection)> {
        let Work::Rewrite { table, doomed } = &self.work else { return None };
        Some((Arc::clone(table), doomed.selection(table.as_ref())))
    }

    /// The rows that would stay, for a hard deletion that removes some.
    pub(crate) fn kept(&self) -> Option<(Arc<dyn Table>, Selection)> {
        let Work::Rewrite { table, doomed } = &self.work else { return None };
        Some((Arc::clone(table), doomed.kept(table.as_ref())))
    }
}

impl fmt::Debug for DeletionPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeletionPlan")
            .field("id", &self.id)
            .field("feature", &self.feature)
            .field("mode", &self.mode)
            .field("samples", &self.samples)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Plans and executes a deletion; plans anew when somebody wrote in between.
    pub async fn delete(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        request: &DeletionRequest,
    ) -> Result<DeletionReceipt, StoreError> {
        until_undisturbed(|| async {
            let plan = self.plan_deletion(graph, feature, request).await?;
            self.apply_deletion(plan).await
        })
        .await
    }

    /// Finds what a deletion would do, and does nothing.
    pub async fn plan_deletion(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        request: &DeletionRequest,
    ) -> Result<DeletionPlan, StoreError> {
        self.require_same_length(graph)?;
        let feature = graph.feature(feature)?;
        let mut plan = DeletionPlan {
            id: request.id.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string()),
            feature: feature.key().clone(),
            mode: request.mode,
            reason: request.reason.clone(),
            samples: 0,
            rows: 0,
            work: Work::Nothing,
        };
        if request.within.as_ref().is_some_and(Keys::is_empty) {
            return Ok(plan);
        }
        let Some(found) = self.find_table(feature.key()).await? else { return Ok(plan) };
        let table = Arc::clone(&found.table);
        if let Some(id) = &request.id
            && table.has_commit(id).await?
        {
            return Ok(plan);
        }
        match request.mode {
            DeletionMode::Soft => {
                self.plan_tombstones(graph, feature, request, &table, &mut plan).await?;
            }
            DeletionMode::Hard => {
                let doomed = find_doomed(self, feature, &table, request).await?;
                plan.samples = doomed.samples;
                plan.rows = doomed.rows;
                if doomed.rows > 0 {
                    plan.work = Work::Rewrite { table, doomed };
                }
            }
        }
        if plan.rows > 0 {
            found.require_here(feature.key())?;
        }
        Ok(plan)
    }

    async fn plan_tombstones(
        &self,
        graph: &FeatureGraph,
        feature: &Feature,
        request: &DeletionRequest,
        table: &Arc<dyn Table>,
        plan: &mut DeletionPlan,
    ) -> Result<(), StoreError> {
        let options = ReadOptions {
            filters: request.filters.clone(),
            within: request.within.clone(),
            feature_version: request.feature_version.clone(),
            feature_history: request.feature_history,
            sample_history: request.sample_history,
            ..ReadOptions::default()
        };
        let mut rows = self.visible_rows_of(feature, table, &options).await?;
        let failed = |error| StoreError::engine(feature.key().as_str(), error);
        if request.sample_history || request.feature_history {
            // Of several tombstones of a sample the last one is what a restore brings back.
            rows = LogicalPlanBuilder::from(rows)
                .sort([column(columns::UPDATED_AT).sort(true, true)])
                .and_then(LogicalPlanBuilder::build)
                .map_err(failed)?;
        }
        let ids = LogicalPlanBuilder::from(rows.clone())
            .project(feature.spec().id_columns.iter().map(|id| column(id)))
            .and_then(LogicalPlanBuilder::build)
            .map_err(failed)?;
        let ids = self.run(ids, feature.key().as_str()).await?.collect().await?;
        plan.rows = ids.iter().map(|batch| batch.num_rows() as u64).sum();
        let ids: Vec<Vec<ArrayRef>> = ids.iter().map(|it| it.columns().to_vec()).collect();
        plan.samples = IdSet::new(&ids)?.map_or(0, |ids| ids.len() as u64);
        if plan.rows > 0 {
            let stamp = TombstoneStamp {
                now: self.now(),
                deletion: plan.id.clone(),
                feature_version: request
                    .feature_version
                    .clone()
                    .unwrap_or_else(|| feature.feature_version().to_owned()),
                project_version: graph.snapshot_version().to_owned(),
                actor: self.actor().map(str::to_owned),
                reason: request.reason.clone(),
                recoverable_until: request.recoverable_until,
                active: feature.spec().active.clone(),
            };
            let rows = Box::new(rows);
            plan.work = Work::Tombstones { rows, version: table.version(), stamp };
        }
        Ok(())
    }

    /// Does what a plan says, or refuses with [`StoreError::Conflict`] when the table has changed.
    pub async fn apply_deletion(&self, plan: DeletionPlan) -> Result<DeletionReceipt, StoreError> {
        self.require_write()?;
        let (mut receipt, change) = self.deletion_change(plan).await?;
        if let Some(change) = change {
            receipt.made(self.commit(change).await?);
        }
        Ok(receipt)
    }

    /// What a plan changes, and what is to be told once it has. The rows are made as they are read.
    pub(crate) async fn deletion_change(
        &self,
        plan: DeletionPlan,
    ) -> Result<(DeletionReceipt, Option<TableChange>), StoreError> {
        let note = self.deletion_note(&plan);
        let (action, version) = match plan.work {
            Work::Nothing => (None, 0),
            Work::Tombstones { rows, version, stamp } => {
                let rows = self.run(*rows, plan.feature.as_str()).await?;
                (Some(TableAction::Append(stamp.apply_to(rows)?)), version)
            }
            Work::Rewrite { table, doomed } => {
                // Rows that were appended since belong to the same samples, perhaps.
                let version = table.version();
                let replacement = Replacement {
                    rows: survivors(&table, &doomed)?,
                    chunks: doomed.chunks.iter().map(|(chunk, _)| *chunk).collect(),
                    table,
                    change: Change::Content,
                };
                (Some(TableAction::Replace(replacement)), version)
            }
        };
        let receipt = DeletionReceipt {
            id: plan.id,
            feature: plan.feature.clone(),
            mode: plan.mode,
            samples: plan.samples,
            rows: plan.rows,
            table_version: None,
        };
        let note = note.only_at(version);
        let change = action.map(|action| TableChange { feature: plan.feature, action, note });
        Ok((receipt, change))
    }

    fn deletion_note(&self, plan: &DeletionPlan) -> CommitNote {
        // One deletion changes a table in one commit, so it can be repeated after a crash.
        let mut note = CommitNote::new("delete")
            .with("deletionId", &plan.id)
            .once(plan.id.as_str())
            .by(self.actor());
        if let Some(reason) = &plan.reason {
            note = note.with("reason", reason);
        }
        note
    }
}

/// The rows that stay, of the chunks that are rewritten.
fn survivors(table: &Arc<dyn Table>, doomed: &Doomed) -> Result<Rows, StoreError> {
    let schema = table.schema();
    let columns: Vec<usize> = (0..schema.fields().len()).collect();
    let table = Arc::clone(table);
    let batches = stream::iter(doomed.chunks.clone())
        .then(move |(chunk, kept)| {
            let table = Arc::clone(&table);
            let request = ChunkRequest { columns: columns.clone(), range: None, rows: Some(kept) };
            async move { table.read_chunk(chunk, request).await }
        })
        .map_ok(Rows::into_stream)
        .try_flatten();
    Ok(Rows::new(schema, batches))
}

impl TombstoneStamp {
    fn apply_to(self, rows: Rows) -> Result<Rows, StoreError> {
        let schema = self.stamp(&RecordBatch::new_empty(rows.schema()))?.schema();
        let tombstones = rows.into_stream().map(move |batch| self.stamp(&batch?));
        Ok(Rows::new(schema, tombstones))
    }

    fn stamp(&self, batch: &RecordBatch) -> Result<RecordBatch, StoreError> {
        let rows = batch.num_rows();
        let deleted_at = later_than(batch, &[columns::UPDATED_AT], self.now);
        let mut stamped = batch.clone();
        for (name, array) in [
            (columns::FEATURE_VERSION, constant(&self.feature_version, rows)),
            (columns::PROJECT_VERSION, constant(&self.project_version, rows)),
            (columns::DELETED_AT, deleted_at),
            (columns::DELETION_ID, constant(&self.deletion, rows)),
        ] {
            stamped = with_column(&stamped, name, array)?;
        }
        for (name, text) in
            [(columns::DELETED_BY, &self.actor), (columns::DELETION_REASON, &self.reason)]
        {
            if let Some(text) = text {
                stamped = with_column(&stamped, name, constant(text, rows))?;
            }
        }
        if let Some(until) = self.recoverable_until {
            stamped = with_column(&stamped, columns::RECOVERABLE_UNTIL, times(until, rows))?;
        }
        if let Some(active) = &self.active {
            let no = Arc::new(BooleanArray::from(vec![false; rows]));
            stamped = with_column(&stamped, active, no)?;
        }
        Ok(stamped)
    }
}

/// `now`, or just after the times in `columns` where one lies ahead: the clock of another machine
/// may be fast, and the new row must win all the same.
pub(crate) fn later_than(batch: &RecordBatch, columns: &[&str], now: Timestamp) -> ArrayRef {
    let earlier: Vec<_> = columns
        .iter()
        .filter_map(|name| batch.column_by_name(name))
        .filter_map(|it| it.as_primitive_opt::<TimestampMicrosecondType>())
        .collect();
    let times = (0..batch.num_rows()).map(|row| {
        let known = earlier.iter().filter(|it| it.is_valid(row)).map(|it| it.value(row) + 1);
        known.fold(now.as_micros(), i64::max)
    });
    Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
}
