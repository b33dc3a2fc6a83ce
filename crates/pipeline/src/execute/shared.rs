//! What all stages of a run write to: counts, outputs, the trace.

use std::{
    mem,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use arrow::array::RecordBatch;

use super::{
    Passed,
    sinks::{Filled, Keeping, Sink},
    trace::Trace,
};
use crate::{
    PipelineError,
    bind::{RowStep, Step, Work},
};

/// What an operation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Active rows before it.
    pub(crate) rows_in: u64,
    /// Rows that it did something with.
    pub(crate) matched: u64,
    /// Active rows after it; of an output the rows written.
    pub(crate) rows_out: u64,
}

/// Called now and then with the number of rows that were read.
pub(crate) type Progress = Box<dyn Fn(u64) + Send + Sync>;

/// What all stages of a run write to.
pub(crate) struct Shared {
    state: Mutex<State>,
    progress: Progress,
    /// Where the trace goes, if there is to be one.
    trace: Option<PathBuf>,
    keeping: Keeping,
}

#[derive(Default)]
struct State {
    counts: Vec<Counts>,
    loaded: u64,
    /// By operation.
    sinks: Vec<Option<Sink>>,
    trace: Option<Trace>,
}

impl Shared {
    pub(crate) fn new(progress: Progress, trace: Option<PathBuf>, keeping: Keeping) -> Self {
        Self { state: Mutex::default(), progress, trace, keeping }
    }

    /// Whether changes of rows are to be told.
    pub(crate) fn traces(&self) -> bool {
        self.trace.is_some()
    }

    /// Opens outputs and the trace.
    pub(super) fn begin(&self, steps: &[Step]) -> Result<(), PipelineError> {
        let mut state = self.lock();
        state.counts = vec![Counts::default(); steps.len()];
        for step in steps {
            let sink = match &step.work {
                Work::Rows(RowStep::Output(output)) => {
                    Some(Sink::open(output, &step.title, self.keeping)?)
                }
                Work::Rows(_) | Work::Aggregate(_) | Work::Append(_) => None,
            };
            state.sinks.push(sink);
        }
        if let Some(path) = &self.trace {
            state.trace = Some(Trace::create(path)?);
        }
        Ok(())
    }

    pub(super) fn loaded(&self, rows: u64) {
        let mut state = self.lock();
        state.loaded += rows;
        (self.progress)(state.loaded);
    }

    pub(super) fn count(&self, operation: usize, change: impl FnOnce(&mut Counts)) {
        if let Some(counts) = self.lock().counts.get_mut(operation) {
            change(counts);
        }
    }

    /// Adds rows to an output.
    pub(super) fn write(&self, operation: usize, rows: &RecordBatch) -> Result<(), PipelineError> {
        match self.lock().sinks.get_mut(operation) {
            Some(Some(sink)) => sink.write(rows),
            // The run was given up, and nobody reads on.
            _ => Ok(()),
        }
    }

    /// Notes ids of rows that stay, for an output that deletes samples.
    pub(super) fn keep(&self, operation: usize, ids: Vec<u64>) -> Result<(), PipelineError> {
        match self.lock().sinks.get_mut(operation) {
            Some(Some(sink)) => sink.keep(ids),
            _ => Ok(()),
        }
    }

    /// Tells changes; a stage is called by its first operation.
    pub(super) fn trace(&self, stage: usize, changes: &RecordBatch) -> Result<(), PipelineError> {
        match &mut self.lock().trace {
            Some(trace) => trace.write(stage, changes),
            None => Ok(()),
        }
    }

    /// Ends outputs and the trace; none has its name yet.
    pub(super) fn end(&self) -> Result<Passed, PipelineError> {
        let (sinks, trace) = self.taken();
        let filled = sinks.into_iter().map(|sink| sink.map(Sink::fill).transpose());
        let filled: Vec<Option<Filled>> = filled.collect::<Result<_, _>>()?;
        let trace = trace.map(Trace::complete).transpose()?;
        Ok(Passed { filled: filled.into_iter().flatten().collect(), trace })
    }

    /// Gives up: outputs that have begun go away. Counts stay, to be told.
    pub(super) fn abandon(&self) {
        drop(self.taken());
    }

    fn taken(&self) -> (Vec<Option<Sink>>, Option<Trace>) {
        let mut state = self.lock();
        (mem::take(&mut state.sinks), state.trace.take())
    }

    /// What each operation did so far.
    pub(crate) fn counts(&self) -> Vec<Counts> {
        self.lock().counts.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere ends the run, and what is here goes away with it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
