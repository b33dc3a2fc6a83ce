//! Running a program: one pass over the working set, batch by batch, from the input to all outputs.
//!
//! What concerns each row by itself is computed by several tasks at once, and put in order again.
//! Only groups, sorts and lookups hold more than a few batches, and only as many bytes as a run may.

mod kept;
mod lookup;
mod publish;
mod segment;
mod shared;
mod sinks;
mod summarise;
mod trace;

use std::sync::Arc;

use arrow::array::BooleanArray;
use futures::{StreamExt as _, TryStreamExt as _};

pub use self::publish::Published;
use self::{
    lookup::Lookup,
    segment::RowWork,
    summarise::{Summarising, summarise},
};
pub(crate) use self::{
    publish::{publish, rehearse},
    shared::{Counts, Shared},
    sinks::{Filled, Keeping},
};
use crate::{
    PipelineError,
    bind::{AppendStep, Program, RowStep, Step, Work},
    engine::{Engine, Stream},
    input::Input,
    working::{RowClock, WorkingRows},
};

/// What a pass over the rows made.
pub(crate) struct Passed {
    pub(crate) filled: Vec<Filled>,
    pub(crate) trace: Option<metalith_ingest::CompleteFile>,
}

/// Runs all steps. Outputs are complete afterwards, and have not taken their places yet.
pub(crate) async fn pass(
    program: Program,
    engine: &Arc<Engine>,
    shared: &Arc<Shared>,
) -> Result<Passed, PipelineError> {
    // Whatever ends this early takes unfinished outputs along.
    let guard = Guard(Arc::clone(shared));
    let Program { input, steps, .. } = program;
    shared.begin(&steps)?;
    let mut sources = Sources(0);
    let rows = loaded(&input, engine, &mut sources).await?;
    let counted = Arc::clone(shared);
    let mut rows: Stream<WorkingRows> =
        rows.inspect_ok(move |rows| counted.loaded(rows.len() as u64)).boxed();
    let mut segment: Vec<RowWork> = Vec::new();
    let last_to_see = steps.iter().rposition(|step| match &step.work {
        Work::Rows(RowStep::Output(output)) => output.sees_deleted(),
        Work::Rows(_) | Work::Aggregate(_) | Work::Append(_) => false,
    });
    for (index, step) in steps.into_iter().enumerate() {
        let Step { title, alias, number, kind, set, work } = step;
        let about = Arc::new(trace::About { title, alias, number, kind });
        match work {
            Work::Rows(step) => {
                let lookup = match &step {
                    RowStep::Join(join) => Some(Lookup::load(join, engine, &about.title).await?),
                    RowStep::Delete { .. } | RowStep::Update(_) | RowStep::Output(_) => None,
                };
                let keeps_deleted = last_to_see.is_some_and(|last| last > index);
                segment.push(RowWork { index, set, about, step, lookup, keeps_deleted });
            }
            Work::Aggregate(step) => {
                rows = segment::run(rows, std::mem::take(&mut segment), (engine, shared));
                let source = sources.next();
                let what = Summarising { step, index, set, about, source };
                rows = summarise(rows, what, (engine, shared));
            }
            Work::Append(step) => {
                rows = segment::run(rows, std::mem::take(&mut segment), (engine, shared));
                let added = appended(*step, (index, set, about), (engine, shared), &mut sources);
                let added = added.await?;
                let counted = Arc::clone(shared);
                let before = rows.inspect_ok(move |rows| {
                    counted.count(index, |it| {
                        it.rows_in += rows.active();
                        it.rows_out += rows.active();
                    });
                });
                rows = before.chain(added).boxed();
            }
        }
    }
    let mut rows = segment::run(rows, segment, (engine, shared));
    while rows.try_next().await?.is_some() {}
    let passed = shared.end()?;
    drop(guard);
    Ok(passed)
}

/// The numbers of what rows come from, each given once: rows of two sources never share an id.
struct Sources(u64);

impl Sources {
    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0 - 1
    }
}

struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The rows of a table, each with its number.
async fn loaded(
    input: &Input,
    engine: &Arc<Engine>,
    sources: &mut Sources,
) -> Result<Stream<WorkingRows>, PipelineError> {
    let source = sources.next();
    let mut first = 0;
    let rows = input.rows(engine).await?;
    Ok(rows
        .map_ok(move |batch| {
            let rows = batch.num_rows();
            let ids = RowClock::numbers(source, first, rows);
            first += rows as u64;
            let deleted = BooleanArray::from(vec![false; rows]);
            WorkingRows { set: 0, ids, deleted, columns: batch.columns().to_vec() }
        })
        .boxed())
}

/// The rows that an `append` adds.
async fn appended(
    step: AppendStep,
    (index, set, about): (usize, usize, Arc<trace::About>),
    (engine, shared): (&Arc<Engine>, &Arc<Shared>),
    sources: &mut Sources,
) -> Result<Stream<WorkingRows>, PipelineError> {
    let AppendStep { input, selector, summary, columns, places } = step;
    let rows = loaded(&input, engine, sources).await?;
    let (clock, operation) = (engine.clock, about.title.clone());
    let counted = Arc::clone(shared);
    let rows = rows.map(move |rows| {
        let rows = rows?;
        let Some(selector) = &selector else {
            counted.count(index, |it| it.matched += rows.active());
            return Ok(rows);
        };
        let failed = |error| PipelineError::value(&operation, error);
        let mask = segment::holds(selector, &rows, None, &clock).map_err(failed)?;
        let rows = rows.filtered(&mask).map_err(|it| PipelineError::arrow(&operation, it))?;
        counted.count(index, |it| it.matched += rows.active());
        Ok(rows)
    });
    let rows = match summary {
        None => rows.boxed(),
        Some(summary) => {
            let about = (about.title.clone(), sources.next());
            summarise::only(rows.boxed(), summary, about, engine)
        }
    };
    let counted = Arc::clone(shared);
    Ok(rows
        .map(move |rows| {
            let failed = |error| PipelineError::arrow(&about.title, error);
            let rows = rows?;
            counted.count(index, |it| it.rows_out += rows.active());
            if counted.traces() {
                let came = trace::came(&about, &rows, &clock).map_err(failed)?;
                counted.trace(index, &came)?;
            }
            placed(&rows, (&places, &columns), set).map_err(failed)
        })
        .boxed())
}

/// Rows of a set with other columns: for each of them which of the old ones it is, or NULL.
pub(crate) fn placed(
    rows: &WorkingRows,
    (places, columns): (&[Option<usize>], &arrow::datatypes::Schema),
    set: usize,
) -> Result<WorkingRows, arrow::error::ArrowError> {
    let of = places.iter().zip(columns.fields()).map(|(place, field)| match place {
        Some(index) => crate::input::strictly(&rows.columns[*index], field.data_type()),
        None => Ok(arrow::array::new_null_array(field.data_type(), rows.len())),
    });
    Ok(WorkingRows {
        set,
        ids: rows.ids.clone(),
        deleted: rows.deleted.clone(),
        columns: of.collect::<Result<_, _>>()?,
    })
}
