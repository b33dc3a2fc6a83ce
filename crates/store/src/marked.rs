//! Rows that bear a mark: those that one step of a migration wrote, and may take back.

use std::{fmt, sync::Arc};

use datafusion::{
    arrow::{
        array::{ArrayRef, BooleanBufferBuilder, RecordBatch},
        compute::{is_null, kernels::zip::zip},
    },
    common::ScalarValue,
    functions::{core::expr_fn::coalesce, string::expr_fn::starts_with},
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit, not},
};
use futures::StreamExt as _;
use metalith_base::{FeatureKey, Timestamp};
use metalith_graph::{Feature, columns};

use crate::{
    Change, ChunkRequest, CommitNote, Keys, ReadOptions, Replacement, Rows, Store, StoreError,
    Table,
    chain::taken_back,
    chunk_scan::Selection,
    compare::names,
    current::equals,
    expected::scan,
    lower::column,
    retry::until_undisturbed,
    write::{constant, text_column, with_column},
};

/// What rows are marked with. It also names the commit that wrote them, which happens once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    text: String,
}

impl Mark {
    /// The mark of one step of a piece of work, all of whose marks begin with `group`. No other
    /// work in any store may have this group: rows are copied from store to store with their marks.
    pub fn new(group: &str, step: impl fmt::Display) -> Self {
        Self { text: format!("{group}{step}") }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The tag of its commit, which remembers whether the feature's table was made by it: then
    /// there was nothing before, and nothing is left when it is taken back.
    pub(crate) fn tag(&self, is_made: bool) -> String {
        if is_made { format!("{}/made", self.text) } else { self.text.clone() }
    }
}

/// Whether the commit of a mark was made.
pub(crate) async fn is_done(table: &dyn Table, mark: &Mark) -> Result<bool, StoreError> {
    Ok(table.has_commit(&mark.tag(true)).await? || table.has_commit(&mark.tag(false)).await?)
}

/// How what a piece of work wrote is told from what others did meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// How its marks begin.
    pub marks: String,
    /// The deletions that it made.
    pub deletions: Vec<String>,
    /// When it was begun.
    pub begun: Timestamp,
    /// A definition whose rows are of no concern: the one that it carried over from.
    pub aside: Option<String>,
}

/// What is to be taken back.
#[derive(Clone, Copy, Debug)]
pub struct TakeBack<'a> {
    /// The rows with this mark go.
    pub mark: &'a Mark,
    /// What else may have been written.
    pub since: &'a Since,
    /// Where the samples must still be.
    pub source: Source<'a>,
    /// The mark of the step that may have made the feature's table, to leave nothing behind.
    pub maker: Option<&'a Mark>,
}

/// What samples are read from once rows are taken back.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Earlier rows of the same definition.
    Earlier,
    /// The current rows of an older definition.
    Definition(&'a Feature),
}

/// What became of rows that were to be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenBack {
    /// So many were removed.
    Removed(u64),
    /// Nothing was removed.
    Kept(Obstacle),
}

/// Why rows cannot be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// So many rows were written since, by others.
    Written(u64),
    /// So many samples are nowhere else any more.
    OnlyHere(u64),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(rows) => write!(f, "{rows} rows were written since"),
            Self::OnlyHere(samples) => write!(f, "{samples} samples are nowhere else any more"),
        }
    }
}

impl Store {
    /// How many rows of a feature, in this very store, bear a mark.
    pub async fn marked(&self, feature: &FeatureKey, mark: &Mark) -> Result<u64, StoreError> {
        let Some(table) = self.backend().open_table(feature).await? else { return Ok(0) };
        let Some(rows) = marked_rows(feature, &table, mark)? else { return Ok(0) };
        self.count_rows(feature, rows).await
    }

    /// Whether rows that bear a mark can be taken back, and if not, why.
    pub async fn obstacle(
        &self,
        feature: &Feature,
        request: TakeBack<'_>,
    ) -> Result<Option<Obstacle>, StoreError> {
        match self.backend().open_table(feature.key()).await? {
            Some(table) => self.obstacle_in(&table, feature, request).await,
            None => Ok(None),
        }
    }

    /// How many rows of a feature, in this very store, others have written since.
    pub async fn written_since(&self, feature: &Feature, since: &Since) -> Result<u64, StoreError> {
        match self.backend().open_table(feature.key()).await? {
            Some(table) => self.others_rows(&table, feature, since).await,
            None => Ok(0),
        }
    }

    /// Removes the rows of a feature that bear a mark, in one commit, unless something was built on
    /// them or they are the only ones left of their samples. Both are looked at in the state of the
    /// feature's table that the removal is made to.
    pub async fn take_back(
        &self,
        feature: &Feature,
        request: TakeBack<'_>,
    ) -> Result<TakenBack, StoreError> {
        self.require_write()?;
        until_undisturbed(|| async {
            let Some(table) = self.backend().open_table(feature.key()).await? else {
                return Ok(TakenBack::Removed(0));
            };
            match self.obstacle_in(&table, feature, request).await? {
                Some(obstacle) => Ok(TakenBack::Kept(obstacle)),
                None => self.remove_marked(&table, feature, request).await.map(TakenBack::Removed),
            }
        })
        .await
    }

    async fn obstacle_in(
        &self,
        table: &Arc<dyn Table>,
        feature: &Feature,
        request: TakeBack<'_>,
    ) -> Result<Option<Obstacle>, StoreError> {
        let written = self.others_rows(table, feature, request.since).await?;
        if written > 0 {
            return Ok(Some(Obstacle::Written(written)));
        }
        let only_here = self.only_here(table, feature, request).await?;
        Ok((only_here > 0).then_some(Obstacle::OnlyHere(only_here)))
    }

    async fn others_rows(
        &self,
        table: &Arc<dyn Table>,
        feature: &Feature,
        since: &Since,
    ) -> Result<u64, StoreError> {
        let failed = |error| StoreError::engine(feature.key().as_str(), error);
        let plan = scan(Arc::clone(table), Selection::all(table.as_ref())).map_err(failed)?;
        let plan = plan.build().map_err(failed)?;
        let known = names(&plan);
        let has = |name: &str| known.iter().any(|it| it == name);
        let mut is_ours = lit(false);
        if has(columns::MIGRATION_ID) {
            let mark = coalesce(vec![column(columns::MIGRATION_ID), lit("")]);
            is_ours = is_ours.or(starts_with(mark, lit(since.marks.as_str())));
        }
        if has(columns::DELETION_ID) {
            // A tombstone is a copy of the row it hides, with the mark of that.
            let id = column(columns::DELETION_ID);
            let ids = since.deletions.iter().map(|id| lit(id.as_str())).collect();
            let own = coalesce(vec![id.clone().in_list(ids, false), lit(false)]);
            is_ours = is_ours.and(id.is_null()).or(own);
        }
        let times = [columns::DELETED_AT, columns::UPDATED_AT].into_iter().filter(|it| has(it));
        let never = lit(ScalarValue::TimestampMicrosecond(None, Some("UTC".into())));
        let begun = since.begun.as_micros();
        let begun = lit(ScalarValue::TimestampMicrosecond(Some(begun), Some("UTC".into())));
        let is_later = coalesce(times.map(column).chain([never]).collect()).gt(begun);
        let mut others = is_later.and(not(is_ours));
        if let Some(aside) = since.aside.as_ref().filter(|_| has(columns::FEATURE_VERSION)) {
            others = others.and(column(columns::FEATURE_VERSION).not_eq(lit(aside.as_str())));
        }
        let plan = LogicalPlanBuilder::from(plan).filter(others).map_err(failed)?;
        self.count_rows(feature.key(), plan.build().map_err(failed)?).await
    }

    /// Of samples with marked rows, how many could not be read any more without these.
    async fn only_here(
        &self,
        table: &Arc<dyn Table>,
        feature: &Feature,
        request: TakeBack<'_>,
    ) -> Result<u64, StoreError> {
        let (key, ids) = (feature.key(), &feature.spec().id_columns);
        let failed = |error| StoreError::engine(key.as_str(), error);
        let Some(marked) = marked_rows(key, table, request.mark)? else { return Ok(0) };
        let marked = self.ids_of(key, marked, ids).await?;
        if marked.is_empty() {
            return Ok(0);
        }
        let there = match request.source {
            Source::Definition(older) => match self.table_under(older).await? {
                Some(source) => {
                    self.visible_rows_of(older, &source, &ReadOptions::default()).await?
                }
                None => return Ok(marked.len() as u64),
            },
            Source::Earlier => {
                let options = ReadOptions { sample_history: true, ..ReadOptions::default() };
                let rows = self.visible_rows_of(feature, table, &options).await?;
                let mark = coalesce(vec![column(columns::MIGRATION_ID), lit("")]);
                LogicalPlanBuilder::from(rows)
                    .filter(mark.not_eq(lit(request.mark.text())))
                    .and_then(LogicalPlanBuilder::build)
                    .map_err(failed)?
            }
        };
        let there = self.ids_of(key, there, ids).await?;
        Ok(marked.without(&there)?.len() as u64)
    }

    async fn remove_marked(
        &self,
        table: &Arc<dyn Table>,
        feature: &Feature,
        request: TakeBack<'_>,
    ) -> Result<u64, StoreError> {
        let Ok(place) = table.schema().index_of(columns::MIGRATION_ID) else { return Ok(0) };
        let (mut chunks, mut kept, mut removed) = (Vec::new(), Vec::new(), 0);
        for (chunk, its) in table.chunks().iter().enumerate() {
            let wanted = ChunkRequest { columns: vec![place], ..ChunkRequest::default() };
            let mut stays = BooleanBufferBuilder::new(its.rows);
            for batch in table.read_chunk(chunk, wanted).await?.collect().await? {
                stays.append_buffer(&!&equals(batch.column(0), request.mark.text())?);
            }
            let stays = stays.finish();
            let gone = stays.len() - stays.count_set_bits();
            if gone > 0 {
                removed += gone as u64;
                chunks.push(chunk);
                let columns = (0..table.schema().fields().len()).collect();
                let wanted = ChunkRequest { columns, rows: Some(stays), range: None };
                kept.extend(table.read_chunk(chunk, wanted).await?.collect().await?);
            }
        }
        if chunks.is_empty() {
            return Ok(0);
        }
        let mut note = CommitNote::new("rollback")
            .with("mark", request.mark.text())
            .by(self.actor())
            .only_at(table.version());
        let all: u64 = table.chunks().iter().map(|chunk| chunk.rows as u64).sum();
        if let Some(maker) = request.maker.filter(|_| all == removed)
            && table.has_commit(&maker.tag(true)).await?
        {
            // The table is left as if it had never been, or it would hide what is behind.
            note = note.once(taken_back(table.version() + 1));
        }
        let rows = Rows::from_batches(table.schema(), kept);
        let table = Arc::clone(table);
        let replacement = Replacement { table, chunks, rows, change: Change::Content };
        self.replace(feature.key(), replacement, note).await?;
        Ok(removed)
    }

    pub(crate) async fn count_rows(
        &self,
        feature: &FeatureKey,
        plan: LogicalPlan,
    ) -> Result<u64, StoreError> {
        let plan = LogicalPlanBuilder::from(plan)
            .project([lit(true)])
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| StoreError::engine(feature.as_str(), error))?;
        Ok(self.run(plan, feature.as_str()).await?.count().await? as u64)
    }

    pub(crate) async fn ids_of(
        &self,
        feature: &FeatureKey,
        plan: LogicalPlan,
        ids: &[String],
    ) -> Result<Keys, StoreError> {
        let plan = LogicalPlanBuilder::from(plan)
            .project(ids.iter().map(|id| column(id)))
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| StoreError::engine(feature.as_str(), error))?;
        let rows = self.run(plan, feature.as_str()).await?;
        let schema = rows.schema();
        Keys::new(ids, ids, &schema, &rows.collect().await?)
    }
}

/// The rows of a table that bear a mark, if any can.
fn marked_rows(
    feature: &FeatureKey,
    table: &Arc<dyn Table>,
    mark: &Mark,
) -> Result<Option<LogicalPlan>, StoreError> {
    if table.schema().index_of(columns::MIGRATION_ID).is_err() {
        return Ok(None);
    }
    let has_mark: Expr = column(columns::MIGRATION_ID).eq(lit(mark.text()));
    scan(Arc::clone(table), Selection::all(table.as_ref()))
        .and_then(|rows| rows.filter(has_mark))
        .and_then(LogicalPlanBuilder::build)
        .map(Some)
        .map_err(|error| StoreError::engine(feature.as_str(), error))
}

/// Which rows get a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marking {
    /// All of them.
    All,
    /// Those that bear none.
    Unmarked,
}

/// Rows with a mark.
pub(crate) fn with_mark(rows: Rows, mark: Mark, marking: Marking) -> Result<Rows, StoreError> {
    let put = move |batch: &RecordBatch| {
        let own = constant(mark.text(), batch.num_rows());
        let marks: ArrayRef = match marking {
            Marking::All => own,
            Marking::Unmarked => {
                let there = text_column(batch, columns::MIGRATION_ID);
                let absent = is_null(&there).map_err(StoreError::arrow)?;
                zip(&absent, &own, &there).map_err(StoreError::arrow)?
            }
        };
        with_column(batch, columns::MIGRATION_ID, marks)
    };
    let schema = put(&RecordBatch::new_empty(rows.schema()))?.schema();
    Ok(Rows::new(schema, rows.into_stream().map(move |batch| put(&batch?))))
}
