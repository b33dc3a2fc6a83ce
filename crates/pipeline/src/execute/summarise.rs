//! Summing rows up while they pass.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;

use super::{
    Shared, placed,
    segment::holds,
    trace::{self, About},
};
use crate::{
    PipelineError,
    bind::{AggregateStep, BoundSummary},
    engine::{Engine, Stream, rows_of, spawned},
    model::Becomes,
    working::{RowClock, WorkingRows},
};

/// How many batches may wait to be summed up.
const WAITING: usize = 4;

/// Rows on their way into groups.
struct Summing {
    summary: BoundSummary,
    feed: mpsc::Sender<Result<RecordBatch, PipelineError>>,
    results: Stream<RecordBatch>,
    rows: u64,
}

impl Summing {
    fn new(summary: BoundSummary, engine: &Engine, operation: &str) -> Result<Self, PipelineError> {
        let (feed, receiver) = mpsc::channel(WAITING);
        let rows = futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|batch| (batch, receiver))
        });
        let plan = summary.plan(engine, rows.boxed());
        let plan = plan.map_err(|error| PipelineError::value(operation, error))?;
        let results = rows_of(plan, operation.to_owned());
        Ok(Self { summary, feed, results, rows: 0 })
    }

    /// Adds rows; `false` when no more are taken, because something failed.
    async fn add(
        &mut self,
        rows: &WorkingRows,
        clock: &RowClock,
    ) -> Result<bool, arrow::error::ArrowError> {
        let read: Vec<ArrayRef> =
            self.summary.read.iter().map(|index| rows.column(*index, clock)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(self.summary.input(), read, &options)?;
        self.rows += rows.len() as u64;
        Ok(self.feed.send(Ok(batch)).await.is_ok())
    }

    /// The groups, each a row with a number. Of no rows there are none.
    fn finish(self, source: u64) -> Stream<WorkingRows> {
        let Self { feed, results, rows, .. } = self;
        drop(feed);
        let mut first = 0;
        results
            .try_filter(move |_| std::future::ready(rows > 0))
            .map_ok(move |batch| {
                let count = batch.num_rows();
                let ids = RowClock::numbers(source, first, count);
                first += count as u64;
                let deleted = BooleanArray::from(vec![false; count]);
                WorkingRows { set: 0, ids, deleted, columns: batch.columns().to_vec() }
            })
            .boxed()
    }
}

/// An `aggregate` at work.
pub(super) struct Summarising {
    pub(super) step: AggregateStep,
    /// The how manieth operation it is.
    pub(super) index: usize,
    /// The set that it is about.
    pub(super) set: usize,
    pub(super) about: Arc<About>,
    /// The number of the source of its groups.
    pub(super) source: u64,
}

/// `aggregate`: rows pass while they are summed up, and the groups come after them.
pub(super) fn summarise(
    mut rows: Stream<WorkingRows>,
    what: Summarising,
    (engine, shared): (&Arc<Engine>, &Arc<Shared>),
) -> Stream<WorkingRows> {
    let (engine, shared) = (Arc::clone(engine), Arc::clone(shared));
    spawned(move |out| async move {
        let Summarising { step, index, set, about, source } = what;
        let failed = |error| PipelineError::arrow(&about.title, error);
        let mut summing = Summing::new(step.summary.clone(), &engine, &about.title)?;
        while let Some(rows) = rows.try_next().await? {
            if rows.set != set {
                // Deleted before an earlier `aggregate`.
                if !out.give(rows).await {
                    break;
                }
                continue;
            }
            let active = arrow::compute::not(&rows.deleted).map_err(failed)?;
            let mask = match &step.selector {
                Some(selector) => holds(selector, &rows, Some(&active), &engine.clock)
                    .map_err(|error| PipelineError::value(&about.title, error))?,
                None => active.clone(),
            };
            let matched = rows.filtered(&mask).map_err(failed)?;
            let is_taken = summing.add(&matched, &engine.clock).await.map_err(failed)?;
            let passing = match step.into {
                // Rows that were deleted stay, as they are, until an output asks for them.
                Becomes::NewSet => rows.filtered(&rows.deleted).map_err(failed)?,
                Becomes::SummaryRows => {
                    placed(&rows, (&step.of_rows, &step.columns), set).map_err(failed)?
                }
            };
            if step.into == Becomes::NewSet && shared.traces() && active.has_true() {
                let went = trace::went(&about, (&rows, &active), &engine.clock).map_err(failed)?;
                shared.trace(index, &went)?;
            }
            shared.count(index, |it| {
                it.rows_in += rows.active();
                it.matched += matched.len() as u64;
                it.rows_out += passing.active();
            });
            if !is_taken || !out.give(passing).await {
                break;
            }
        }
        let mut groups = summing.finish(source);
        let set = match step.into {
            Becomes::NewSet => set + 1,
            Becomes::SummaryRows => set,
        };
        while let Some(rows) = groups.try_next().await? {
            shared.count(index, |it| it.rows_out += rows.active());
            if shared.traces() {
                let came = trace::came(&about, &rows, &engine.clock).map_err(failed)?;
                shared.trace(index, &came)?;
            }
            let rows = placed(&rows, (&step.of_summary, &step.columns), set).map_err(failed)?;
            if !out.give(rows).await {
                break;
            }
        }
        Ok(())
    })
}

/// Nothing but the groups of some rows.
pub(super) fn only(
    mut rows: Stream<WorkingRows>,
    summary: BoundSummary,
    (operation, source): (String, u64),
    engine: &Arc<Engine>,
) -> Stream<WorkingRows> {
    let engine = Arc::clone(engine);
    spawned(move |out| async move {
        let failed = |error| PipelineError::arrow(&operation, error);
        let mut summing = Summing::new(summary, &engine, &operation)?;
        while let Some(rows) = rows.try_next().await? {
            if !summing.add(&rows, &engine.clock).await.map_err(failed)? {
                break;
            }
        }
        let mut groups = summing.finish(source);
        while let Some(rows) = groups.try_next().await? {
            if !out.give(rows).await {
                break;
            }
        }
        Ok(())
    })
}
