//! Rows that bear a mark: those that one step of a migration wrote, and may take back.

use std::{fmt, sync::Arc};

use datafusion::{
    arrow::{
        array::{AsArray as _, BooleanBufferBuilder, RecordBatch},
        buffer::BooleanBuffer,
        compute::cast,
        datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
    },
    common::ScalarValue,
    functions::{core::expr_fn::coalesce, string::expr_fn::starts_with},
    logical_expr::{LogicalPlanBuilder, lit, not},
};
use futures::{StreamExt as _, TryStreamExt as _};
use metalith_base::{FeatureKey, Timestamp};
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    Change, ChunkRequest, CommitNote, Replacement, Rows, Store, StoreError, Table,
    chunk_scan::Selection,
    current::equals,
    expected::scan,
    lower::column,
    write::{Stamp, constant, with_column},
};

/// What rows are marked with. It also names the commit that wrote them, which happens once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    group: usize,
    text: String,
}

impl Mark {
    /// The mark of one step of a piece of work, all of whose marks begin with `group`.
    pub fn new(group: &str, step: impl fmt::Display) -> Self {
        Self { group: group.len(), text: format!("{group}{step}") }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// How all marks of the same work begin.
    pub(crate) fn group(&self) -> &str {
        &self.text[..self.group]
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The span of a piece of work, and how what it wrote is told from what others did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// How its marks begin.
    pub marks: String,
    /// The deletions that it made.
    pub deletions: Vec<String>,
    /// When it was begun.
    pub begun: Timestamp,
    /// After this it did nothing any more.
    pub ended: Timestamp,
}

/// How rows are written that bear a mark.
pub(crate) struct Marking<'a> {
    pub(crate) mark: &'a Mark,
    pub(crate) note: CommitNote,
}

/// The rows of a feature that bear a mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// How many there are.
    pub rows: u64,
    /// When the first of them was written.
    pub since: Option<Timestamp>,
    /// When the last of them was written.
    pub until: Option<Timestamp>,
}

impl Store {
    /// The rows of a feature, in this very store, that bear a mark.
    pub async fn marked(&self, feature: &FeatureKey, mark: &Mark) -> Result<Marked, StoreError> {
        let mut marked = Marked::default();
        let Some(table) = self.backend().open_table(feature).await? else { return Ok(marked) };
        if table.schema().index_of(columns::MIGRATION_ID).is_err() {
            return Ok(marked);
        }
        let plan = scan(Arc::clone(&table), Selection::all(table.as_ref()))
            .and_then(|rows| rows.filter(column(columns::MIGRATION_ID).eq(lit(mark.text()))))
            .and_then(|rows| rows.project([column(columns::UPDATED_AT)]))
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| StoreError::engine(feature.as_str(), error))?;
        let mut batches = self.run(plan, feature.as_str()).await?.into_stream();
        while let Some(batch) = batches.try_next().await? {
            marked.rows += batch.num_rows() as u64;
            let wanted = DataType::Timestamp(TimeUnit::Microsecond, None);
            let times = cast(batch.column(0), &wanted).map_err(StoreError::arrow)?;
            for time in times.as_primitive::<TimestampMicrosecondType>().iter().flatten() {
                let time = Timestamp::from_micros(time);
                marked.since = Some(marked.since.map_or(time, |since| since.min(time)));
                marked.until = Some(marked.until.map_or(time, |until| until.max(time)));
            }
        }
        Ok(marked)
    }

    /// How many rows of a feature's version, in this very store, were written since something began,
    /// and not by it.
    pub async fn written_since(&self, feature: &Feature, since: &Since) -> Result<u64, StoreError> {
        let key = feature.key();
        let Some(table) = self.backend().open_table(key).await? else { return Ok(0) };
        let has = |name: &str| table.schema().index_of(name).is_ok();
        let mut is_ours = lit(false);
        if has(columns::MIGRATION_ID) {
            let mark = coalesce(vec![column(columns::MIGRATION_ID), lit("")]);
            is_ours = is_ours.or(starts_with(mark, lit(since.marks.as_str())));
        }
        if has(columns::DELETION_ID) {
            let deletions = since.deletions.iter().map(|id| lit(id.as_str())).collect();
            let deletion = coalesce(vec![column(columns::DELETION_ID), lit("")]);
            is_ours = is_ours.or(deletion.in_list(deletions, false));
        }
        let later = |time: Timestamp| {
            let time =
                ScalarValue::TimestampMicrosecond(Some(time.as_micros()), Some("UTC".into()));
            column(columns::UPDATED_AT).gt(lit(time))
        };
        let others = column(columns::FEATURE_VERSION)
            .eq(lit(feature.feature_version()))
            .and(later(since.ended).or(later(since.begun).and(not(is_ours))));
        let plan = scan(Arc::clone(&table), Selection::all(table.as_ref()))
            .and_then(|rows| rows.filter(others))
            .and_then(|rows| rows.project([column(columns::UPDATED_AT)]))
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| StoreError::engine(key.as_str(), error))?;
        let rows = self.run(plan, key.as_str()).await?.collect().await?;
        Ok(rows.iter().map(|batch| batch.num_rows() as u64).sum())
    }

    /// Writes samples like [`write`](Self::write), with a mark on each, in one commit that happens
    /// once for the mark.
    pub async fn write_marked(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        rows: Rows,
        mark: &Mark,
    ) -> Result<u64, StoreError> {
        let note = CommitNote::new("migrate");
        let feature = graph.feature(feature)?;
        self.append_marked(graph, feature, rows, Marking { mark, note }).await
    }

    /// The same under a note of the caller's.
    pub(crate) async fn append_marked(
        &self,
        graph: &FeatureGraph,
        feature: &Feature,
        rows: Rows,
        marking: Marking<'_>,
    ) -> Result<u64, StoreError> {
        let Marking { mark, mut note } = marking;
        self.require_writable(graph, feature)?;
        self.refuse_hiding(feature).await?;
        if let Some(actor) = self.actor() {
            note = note.with("actor", actor);
        }
        let stamped = Stamp::new(self, graph, feature, None).apply_to(rows)?;
        let rows = marked_rows(stamped, mark.clone())?;
        let note = note.once(mark.text());
        Ok(self.backend().append(feature.key(), rows, note).await?.rows)
    }

    /// Removes the rows of a feature that bear a mark; returns how many there were.
    pub async fn remove_marked(
        &self,
        feature: &FeatureKey,
        mark: &Mark,
    ) -> Result<u64, StoreError> {
        self.require_write()?;
        let mut attempts = 1;
        loop {
            let note = CommitNote::new("rollback").with("mark", mark.text());
            let removal = Removal { column: columns::MIGRATION_ID, text: mark.text() };
            match self.remove_rows(feature, removal, note).await {
                Err(StoreError::Conflict { .. }) if attempts < ATTEMPTS => attempts += 1,
                other => return other,
            }
        }
    }

    /// Removes the rows that have a text in a column, in one commit.
    pub(crate) async fn remove_rows(
        &self,
        table: &FeatureKey,
        removal: Removal<'_>,
        note: CommitNote,
    ) -> Result<u64, StoreError> {
        let Some(found) = self.backend().open_table(table).await? else { return Ok(0) };
        let Ok(place) = found.schema().index_of(removal.column) else { return Ok(0) };
        let (mut chunks, mut kept, mut removed) = (Vec::new(), Vec::new(), 0);
        for (chunk, its) in found.chunks().iter().enumerate() {
            let request = ChunkRequest { columns: vec![place], ..ChunkRequest::default() };
            let mut stays = BooleanBufferBuilder::new(its.rows);
            for batch in found.read_chunk(chunk, request).await?.collect().await? {
                stays.append_buffer(&!&equals(batch.column(0), removal.text)?);
            }
            let stays = stays.finish();
            let gone = stays.len() - stays.count_set_bits();
            if gone > 0 {
                removed += gone as u64;
                chunks.push(chunk);
                kept.extend(kept_rows(found.as_ref(), chunk, stays).await?);
            }
        }
        if chunks.is_empty() {
            return Ok(0);
        }
        let rows = Rows::from_batches(found.schema(), kept);
        let replacement = Replacement { table: found, chunks, rows, change: Change::Content };
        self.backend().replace(table, replacement, note).await?;
        Ok(removed)
    }
}

/// Whether a table has rows, and all of them bear a mark that begins so.
pub(crate) async fn is_all_marked(table: &dyn Table, group: &str) -> Result<bool, StoreError> {
    let Ok(place) = table.schema().index_of(columns::MIGRATION_ID) else { return Ok(false) };
    let mut rows = 0;
    for chunk in 0..table.chunks().len() {
        let request = ChunkRequest { columns: vec![place], ..ChunkRequest::default() };
        for batch in table.read_chunk(chunk, request).await?.collect().await? {
            let marks = cast(batch.column(0), &DataType::Utf8).map_err(StoreError::arrow)?;
            let is_ours = |mark: Option<&str>| mark.is_some_and(|mark| mark.starts_with(group));
            if !marks.as_string::<i32>().iter().all(is_ours) {
                return Ok(false);
            }
            rows += batch.num_rows();
        }
    }
    Ok(rows > 0)
}

/// How often a removal is tried anew because somebody wrote in between.
const ATTEMPTS: usize = 20;

/// Which rows go: those with a text in a column.
#[derive(Clone, Copy)]
pub(crate) struct Removal<'a> {
    pub(crate) column: &'a str,
    pub(crate) text: &'a str,
}

async fn kept_rows(
    table: &dyn Table,
    chunk: usize,
    stays: BooleanBuffer,
) -> Result<Vec<RecordBatch>, StoreError> {
    let columns = (0..table.schema().fields().len()).collect();
    let request = ChunkRequest { columns, rows: Some(stays), range: None };
    table.read_chunk(chunk, request).await?.collect().await
}

/// Rows with a mark on each.
pub(crate) fn marked_rows(rows: Rows, mark: Mark) -> Result<Rows, StoreError> {
    let put = move |batch: &RecordBatch| {
        with_column(batch, columns::MIGRATION_ID, constant(mark.text(), batch.num_rows()))
    };
    let schema = put(&RecordBatch::new_empty(rows.schema()))?.schema();
    Ok(Rows::new(schema, rows.into_stream().map(move |batch| put(&batch?))))
}
