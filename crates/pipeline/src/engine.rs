//! What evaluates expressions and sums rows up: DataFusion, within bounded memory.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    catalog::streaming::StreamingTable,
    dataframe::DataFrame,
    error::DataFusionError,
    execution::{
        SendableRecordBatchStream, TaskContext, memory_pool::FairSpillPool,
        runtime_env::RuntimeEnvBuilder, session_state::SessionStateBuilder,
    },
    physical_plan::{stream::RecordBatchStreamAdapter, streaming::PartitionStream},
    prelude::{SessionConfig, SessionContext},
};
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{PipelineError, working::RowClock};

/// Rows of one schema, on their way.
pub(crate) type Stream<T> = BoxStream<'static, Result<T, PipelineError>>;

/// What a stage of a plan must have at least: a batch of wide rows, and room to sort it.
const SHARE: usize = 32 << 20;
/// How many stages of a plan hold rows at once. Memory is divided among those of all threads, also
/// before they need it.
const STAGES: usize = 4;
/// What a sort keeps for itself until it merges, if there is as much.
const TO_MERGE: usize = 10 << 20;

/// How many batches may wait between two stages.
const WAITING: usize = 4;

/// What evaluates expressions and sums rows up.
pub(crate) struct Engine {
    pub(crate) session: SessionContext,
    /// The same in one thread, for what depends on the order of rows.
    serial: SessionContext,
    pub(crate) clock: RowClock,
    pub(crate) parallelism: usize,
    /// How many bytes a run may hold in memory for groups, sorts and lookups.
    pub(crate) memory: usize,
}

/// How many threads a plan may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// As many as the run may.
    Many,
    /// One, so that rows are taken in their order: a sum of floats is another in another order.
    One,
}

impl Engine {
    pub(crate) fn new(
        clock: RowClock,
        memory: usize,
        parallelism: usize,
    ) -> Result<Self, DataFusionError> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
            .build_arc()?;
        // A few threads with room come to an end where many without would fail.
        let many = parallelism.min(memory / (STAGES * SHARE)).max(1);
        let session = |partitions| {
            let config = SessionConfig::new()
                .with_target_partitions(partitions)
                .with_sort_spill_reservation_bytes(TO_MERGE.min(memory / (STAGES * partitions)))
                .with_batch_size(16_384)
                .with_information_schema(false);
            let state = SessionStateBuilder::new().with_config(config);
            SessionContext::new_with_state(state.with_runtime_env(Arc::clone(&runtime)).build())
        };
        let (session, serial) = (session(many), session(1));
        Ok(Self { session, serial, clock, parallelism, memory })
    }

    /// A plan over rows that come from a stream, once.
    pub(crate) fn frame(
        &self,
        schema: SchemaRef,
        rows: Stream<RecordBatch>,
        threads: Threads,
    ) -> Result<DataFrame, DataFusionError> {
        let rows = Mutex::new(Some(rows));
        let partition = Arc::new(Once { schema: SchemaRef::clone(&schema), rows });
        let table = StreamingTable::try_new(schema, vec![partition])?;
        let session = match threads {
            Threads::Many => &self.session,
            Threads::One => &self.serial,
        };
        session.read_table(Arc::new(table))
    }
}

/// A partition of a plan that can be read once.
struct Once {
    schema: SchemaRef,
    rows: Mutex<Option<Stream<RecordBatch>>>,
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        let rows = rows.unwrap_or_else(|| stream::empty().boxed());
        let rows = rows.map(|batch| batch.map_err(|it| DataFusionError::External(Box::new(it))));
        Box::pin(RecordBatchStreamAdapter::new(SchemaRef::clone(&self.schema), rows))
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The rows of a plan; `operation` says what they are for, should it fail.
pub(crate) fn rows_of(frame: DataFrame, operation: String) -> Stream<RecordBatch> {
    spawned(move |out| async move {
        let failed = |error| own_error(&operation, error);
        let mut rows = frame.execute_stream().await.map_err(failed)?;
        while let Some(batch) = rows.next().await {
            if !out.give(batch.map_err(failed)?).await {
                break;
            }
        }
        Ok(())
    })
}

/// An error of ours that went through the engine, or one of the engine itself.
fn own_error(operation: &str, error: DataFusionError) -> PipelineError {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<PipelineError>() {
            Ok(ours) => *ours,
            Err(other) => PipelineError::value(operation, DataFusionError::External(other)),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            own_error(operation, *inner)
        }
        // The engine shares errors between the readers of a partition.
        DataFusionError::Shared(shared) => match Arc::try_unwrap(shared) {
            Ok(inner) => own_error(operation, inner),
            Err(shared) => PipelineError::value(operation, DataFusionError::Shared(shared)),
        },
        other => PipelineError::value(operation, other),
    }
}

/// Where a task of its own puts what others wait for.
pub(crate) struct Out<T>(mpsc::Sender<Result<T, PipelineError>>);

impl<T> Out<T> {
    /// Hands something on; `false` when nobody waits for it any more.
    pub(crate) async fn give(&self, item: T) -> bool {
        self.0.send(Ok(item)).await.is_ok()
    }
}

/// What a task of its own makes, at most a few items ahead. The task ends with the stream.
pub(crate) fn spawned<T, F>(work: impl FnOnce(Out<T>) -> F) -> Stream<T>
where
    T: Send + 'static,
    F: Future<Output = Result<(), PipelineError>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(WAITING);
    let failures = sender.clone();
    let work = work(Out(sender));
    let mut task = JoinSet::new();
    task.spawn(async move {
        if let Err(error) = work.await {
            // Nobody waits: then nobody wants to know either.
            failures.send(Err(error)).await.ok();
        }
    });
    stream::unfold((receiver, task), |(mut receiver, mut task)| async move {
        if let Some(item) = receiver.recv().await {
            return Some((item, (receiver, task)));
        }
        // A panic is a defect, and must not look like the end of the rows.
        if let Some(Err(error)) = task.join_next().await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
        None
    })
    .boxed()
}

/// The same items, made by a task of its own.
pub(crate) fn ahead<T: Send + 'static>(mut items: Stream<T>) -> Stream<T> {
    spawned(move |out| async move {
        while let Some(item) = items.next().await {
            if !out.give(item?).await {
                break;
            }
        }
        Ok(())
    })
}
