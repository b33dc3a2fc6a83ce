//! What is done with each row by itself, by several tasks at once.

use std::sync::Arc;

use arrow::{
    array::{
        Array as _, ArrayRef, ArrowPrimitiveType, AsArray as _, BooleanArray, BooleanBufferBuilder,
        PrimitiveArray, RecordBatch, RecordBatchOptions, downcast_primitive_array, new_null_array,
    },
    buffer::NullBuffer,
    compute::{interleave, not, prep_null_mask_filter},
    datatypes::{DataType, SchemaRef},
    error::ArrowError,
};
use datafusion::error::DataFusionError;
use futures::{StreamExt as _, TryStreamExt as _};

use super::{
    Counts, Shared,
    kept::fingerprints,
    lookup::Lookup,
    placed,
    trace::{self, About},
};
use crate::{
    PipelineError,
    bind::{JoinStep, OutputStep, RowStep, Sets, UpdateStep},
    engine::{Engine, Stream},
    exact::{Inexact, exactly},
    input::strictly,
    model::{JoinKind, OutputMode},
    working::{DELETED, Evaluator, RowClock, WorkingRows},
};

/// A step that concerns each row by itself.
pub(super) struct RowWork {
    /// The how manieth operation it is.
    pub(super) index: usize,
    /// The set that it is about.
    pub(super) set: usize,
    pub(super) about: Arc<About>,
    pub(super) step: RowStep,
    /// What a join looks up.
    pub(super) lookup: Option<Lookup>,
    /// Whether anything comes later that sees deleted rows.
    pub(super) keeps_deleted: bool,
}

/// What became of a batch.
struct Applied {
    rows: WorkingRows,
    counts: Vec<(usize, Counts)>,
    written: Vec<(usize, RecordBatch)>,
    /// Ids of active rows, by the output that deletes samples.
    kept: Vec<(usize, Vec<u64>)>,
    changes: Vec<RecordBatch>,
}

/// Whether changes are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tracing {
    Off,
    On,
}

/// Takes rows through steps. Rows leave in the order in which they come.
pub(super) fn run(
    rows: Stream<WorkingRows>,
    steps: Vec<RowWork>,
    (engine, shared): (&Arc<Engine>, &Arc<Shared>),
) -> Stream<WorkingRows> {
    let Some(stage) = steps.first().map(|it| it.index) else { return rows };
    let (steps, clock) = (Arc::new(steps), engine.clock);
    let tracing = if shared.traces() { Tracing::On } else { Tracing::Off };
    let shared = Arc::clone(shared);
    rows.map(move |rows| {
        let steps = Arc::clone(&steps);
        async move {
            let rows = rows?;
            let applied = tokio::spawn(async move { apply(rows, &steps, &clock, tracing) }).await;
            applied.unwrap_or_else(|error| match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and whoever asked for the rows with it.
                Err(_) => Err(PipelineError::value(
                    "the run",
                    DataFusionError::Execution("interrupted".to_owned()),
                )),
            })
        }
    })
    .buffered(engine.parallelism + 1)
    .and_then(move |applied| {
        let taken = take(applied, stage, &shared);
        std::future::ready(taken)
    })
    .boxed()
}

/// Writes down what became of a batch, in order.
fn take(applied: Applied, stage: usize, shared: &Shared) -> Result<WorkingRows, PipelineError> {
    for (index, more) in applied.counts {
        shared.count(index, |it| {
            it.rows_in += more.rows_in;
            it.matched += more.matched;
            it.rows_out += more.rows_out;
        });
    }
    for (index, rows) in &applied.written {
        shared.write(*index, rows)?;
    }
    for (index, ids) in applied.kept {
        shared.keep(index, ids)?;
    }
    for changes in &applied.changes {
        shared.trace(stage, changes)?;
    }
    Ok(applied.rows)
}

fn apply(
    rows: WorkingRows,
    steps: &[RowWork],
    clock: &RowClock,
    tracing: Tracing,
) -> Result<Applied, PipelineError> {
    let (counts, written, changes) = (Vec::new(), Vec::new(), Vec::new());
    let mut applied = Applied { rows, counts, written, kept: Vec::new(), changes };
    for work in steps {
        let mut counts = Counts { rows_in: applied.rows.active(), ..Counts::default() };
        let one = One { about: &work.about, clock, tracing };
        let done = match (&work.step, &work.lookup) {
            _ if applied.rows.set != work.set => one.look(&mut applied, work, &mut counts),
            (RowStep::Delete { selector }, _) => {
                let done = one.delete(&mut applied, selector.as_ref(), &mut counts);
                match work.keeps_deleted {
                    true => done,
                    false => done.and_then(|()| one.forget(&mut applied)),
                }
            }
            (RowStep::Update(update), _) => one.update(&mut applied, update, &mut counts),
            (RowStep::Join(join), Some(lookup)) => {
                one.join(&mut applied, (lookup, join), &mut counts)
            }
            (RowStep::Join(_), None) => Ok(()),
            (RowStep::Output(output), _) => {
                one.output(&mut applied, (output, work.index), &mut counts)
            }
        };
        done.map_err(|error| PipelineError::value(&work.about.title, error))?;
        applied.counts.push((work.index, counts));
    }
    Ok(applied)
}

/// One step with one batch.
struct One<'a> {
    about: &'a About,
    clock: &'a RowClock,
    tracing: Tracing,
}

impl One<'_> {
    /// Active rows that a selector is true of.
    fn matching(
        &self,
        rows: &WorkingRows,
        selector: Option<&Evaluator>,
    ) -> Result<BooleanArray, DataFusionError> {
        let active = not(&rows.deleted)?;
        match selector {
            Some(selector) => holds(selector, rows, Some(&active), self.clock),
            None => Ok(active),
        }
    }

    fn delete(
        &self,
        applied: &mut Applied,
        selector: Option<&Evaluator>,
        counts: &mut Counts,
    ) -> Result<(), DataFusionError> {
        let rows = &mut applied.rows;
        let mask = self.matching(rows, selector)?;
        let deleted = arrow::compute::or(&rows.deleted, &mask)?;
        counts.matched = mask.true_count() as u64;
        if self.tracing == Tracing::On && counts.matched > 0 {
            let (before, after): (ArrayRef, ArrayRef) =
                (Arc::new(rows.deleted.clone()), Arc::new(deleted.clone()));
            let of = (&*rows, &mask, self.clock);
            applied.changes.push(trace::change(self.about, of, (DELETED, &before, &after))?);
        }
        rows.deleted = deleted;
        counts.rows_out = rows.active();
        Ok(())
    }

    /// What becomes of rows that were deleted before groups took the place of others: nothing, but
    /// that an output may ask for them.
    fn look(
        &self,
        applied: &mut Applied,
        work: &RowWork,
        counts: &mut Counts,
    ) -> Result<(), DataFusionError> {
        match &work.step {
            RowStep::Output(output) if output.include_deleted => {
                self.output(applied, (output, work.index), counts)
            }
            RowStep::Delete { .. } if !work.keeps_deleted => self.forget(applied),
            RowStep::Delete { .. } | RowStep::Update(_) | RowStep::Join(_) | RowStep::Output(_) => {
                Ok(())
            }
        }
    }

    /// Lets go of deleted rows, which nothing looks at any more.
    fn forget(&self, applied: &mut Applied) -> Result<(), DataFusionError> {
        let active = not(&applied.rows.deleted)?;
        applied.rows = applied.rows.filtered(&active)?;
        Ok(())
    }

    fn update(
        &self,
        applied: &mut Applied,
        update: &UpdateStep,
        counts: &mut Counts,
    ) -> Result<(), DataFusionError> {
        // Which rows is decided once; what they get, one column after the other.
        let mask = self.matching(&applied.rows, update.selector.as_ref())?;
        counts.matched = mask.true_count() as u64;
        counts.rows_out = applied.rows.active();
        for assignment in &update.assignments {
            let rows = &applied.rows;
            let before = match rows.columns.get(assignment.index) {
                Some(column) => Arc::clone(column),
                None => new_null_array(&assignment.data_type, rows.len()),
            };
            let is_all = mask.true_count() == rows.len();
            // A row that is not meant is not computed with either: it might divide by zero.
            let some = (!is_all).then_some(&mask);
            let values = assignment.value.evaluate(rows, some, self.clock)?;
            let values = assigned(&values, &assignment.data_type)?;
            let after = match is_all {
                true => values,
                false => scattered(&before, &values, &mask)?,
            };
            if self.tracing == Tracing::On && counts.matched > 0 {
                let of = (rows, &mask, self.clock);
                let what = (assignment.column.as_str(), &before, &after);
                applied.changes.push(trace::change(self.about, of, what)?);
            }
            match applied.rows.columns.get_mut(assignment.index) {
                Some(column) => *column = after,
                None => applied.rows.columns.push(after),
            }
        }
        Ok(())
    }

    fn join(
        &self,
        applied: &mut Applied,
        (lookup, join): (&Lookup, &JoinStep),
        counts: &mut Counts,
    ) -> Result<(), DataFusionError> {
        let rows = &mut applied.rows;
        let active = not(&rows.deleted)?;
        let found = lookup.find(rows, &active)?;
        let has_match = arrow::compute::is_not_null(&found)?;
        counts.matched = has_match.true_count() as u64;
        let added = lookup.columns(&found)?;
        // Deleted rows stay: no operation but an output sees them.
        let stays = match join.how {
            JoinKind::Left => None,
            JoinKind::Inner => Some(arrow::compute::or(&has_match, &rows.deleted)?),
        };
        if self.tracing == Tracing::On {
            applied.changes.extend(self.joined(rows, &has_match, (join, &added))?);
            if let Some(stays) = &stays {
                let leaves = not(stays)?;
                if leaves.has_true() {
                    applied.changes.push(trace::went(self.about, (rows, &leaves), self.clock)?);
                }
            }
        }
        rows.columns.extend(added);
        if let Some(stays) = stays {
            *rows = rows.filtered(&stays)?;
        }
        counts.rows_out = rows.active();
        Ok(())
    }

    /// What a join gave to rows that it found something for.
    fn joined(
        &self,
        rows: &WorkingRows,
        has_match: &BooleanArray,
        (join, added): (&JoinStep, &[ArrayRef]),
    ) -> Result<Vec<RecordBatch>, ArrowError> {
        if has_match.true_count() == 0 {
            return Ok(Vec::new());
        }
        let changes = join.names.iter().zip(added).map(|(name, after)| {
            let before = new_null_array(after.data_type(), after.len());
            trace::change(self.about, (rows, has_match, self.clock), (name, &before, after))
        });
        changes.collect()
    }

    fn output(
        &self,
        applied: &mut Applied,
        (output, index): (&OutputStep, usize),
        counts: &mut Counts,
    ) -> Result<(), DataFusionError> {
        let unified = match &output.sets {
            Some(Sets { columns, places }) => {
                let rows = &applied.rows;
                Some(placed(rows, (&places[rows.set], columns), rows.set)?)
            }
            None => None,
        };
        let rows = unified.as_ref().unwrap_or(&applied.rows);
        let visible = match (output.mode, output.include_deleted) {
            (OutputMode::Delete, _) => rows.deleted.clone(),
            (OutputMode::Append | OutputMode::Replace, false) => not(&rows.deleted)?,
            (OutputMode::Append | OutputMode::Replace, true) => {
                BooleanArray::from(vec![true; rows.len()])
            }
        };
        let mask = match &output.selector {
            Some(selector) => holds(selector, rows, Some(&visible), self.clock)?,
            None => visible,
        };
        counts.rows_in = rows.active();
        counts.matched = mask.true_count() as u64;
        counts.rows_out = counts.matched;
        if !output.ids.is_empty() {
            let active = rows.filtered(&not(&rows.deleted)?)?;
            let column = |id: &usize| active.column(output.columns[*id], self.clock);
            let ids: Vec<ArrayRef> = output.ids.iter().map(column).collect();
            let kept = fingerprints(&ids)?.into_iter().flatten().collect();
            applied.kept.push((index, kept));
        }
        if counts.matched > 0 {
            applied.written.push((index, self.written(&rows.filtered(&mask)?, output)?));
        }
        Ok(())
    }

    fn written(&self, rows: &WorkingRows, output: &OutputStep) -> Result<RecordBatch, ArrowError> {
        let columns = output.columns.iter().map(|it| rows.column(*it, self.clock)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(SchemaRef::clone(&output.schema), columns, &options)
    }
}

/// Of which rows a condition is true; those outside of `within` are not looked at.
pub(super) fn holds(
    selector: &Evaluator,
    rows: &WorkingRows,
    within: Option<&BooleanArray>,
    clock: &RowClock,
) -> Result<BooleanArray, DataFusionError> {
    let within = within.filter(|it| it.true_count() < rows.len());
    let found = selector.evaluate(rows, within, clock)?;
    // Neither false nor NULL is true.
    let found = match found.as_boolean() {
        certain if certain.nulls().is_none() => certain.clone(),
        uncertain => prep_null_mask_filter(uncertain),
    };
    let Some(within) = within else { return Ok(found) };
    let mut mask = BooleanBufferBuilder::new(rows.len());
    let mut next = found.values().iter();
    for is_within in within.values() {
        mask.append(is_within && next.next().unwrap_or(false));
    }
    Ok(BooleanArray::new(mask.finish(), None))
}

/// Values as the type of the column that takes them. Money keeps its digits or fails.
fn assigned(values: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, DataFusionError> {
    let DataType::Decimal128(precision, scale) = wanted else {
        return Ok(strictly(values, wanted)?);
    };
    exactly(values, wanted).map_err(|inexact| match inexact {
        Inexact::Value { value, .. } => DataFusionError::Execution(format!(
            "{value} has digits that DECIMAL({precision}, {scale}) has no room for: write ROUND(…, \
             {scale}), or CAST(… AS DECIMAL({precision}, {scale}))"
        )),
        Inexact::Arrow(error) => error.into(),
    })
}

/// The same for what has one number a row.
fn scattered_numbers<T: ArrowPrimitiveType>(
    before: &PrimitiveArray<T>,
    values: &ArrayRef,
    mask: &BooleanArray,
) -> PrimitiveArray<T> {
    let values = values.as_primitive::<T>();
    let mut numbers = before.values().to_vec();
    for (row, value) in mask.values().set_indices().zip(values.values()) {
        numbers[row] = *value;
    }
    let nulls = (before.null_count() + values.null_count() > 0).then(|| {
        let mut valid: Vec<bool> = (0..before.len()).map(|row| before.is_valid(row)).collect();
        for (next, row) in mask.values().set_indices().enumerate() {
            valid[row] = values.is_valid(next);
        }
        NullBuffer::from(valid)
    });
    PrimitiveArray::new(numbers.into(), nulls).with_data_type(before.data_type().clone())
}

/// A column with new values in the rows for which a mask holds.
fn scattered(
    before: &ArrayRef,
    values: &ArrayRef,
    mask: &BooleanArray,
) -> Result<ArrayRef, ArrowError> {
    if values.is_empty() {
        return Ok(Arc::clone(before));
    }
    downcast_primitive_array!(
        before => return Ok(Arc::new(scattered_numbers(before, values, mask))),
        _ => {}
    );
    let mut next = 0;
    let places: Vec<(usize, usize)> = mask
        .values()
        .iter()
        .enumerate()
        .map(|(row, is_new)| match is_new {
            true => {
                next += 1;
                (1, next - 1)
            }
            false => (0, row),
        })
        .collect();
    interleave(&[before.as_ref(), values.as_ref()], &places)
}
