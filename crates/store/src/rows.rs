//! Rows on their way: Arrow record batches with their schema.

use std::fmt;

use datafusion::arrow::{
    array::{RecordBatch, RecordBatchReader},
    datatypes::SchemaRef,
};
use futures::{
    TryStreamExt as _,
    stream::{self, BoxStream, StreamExt as _},
};
use tokio::sync::mpsc;

use crate::StoreError;

/// A stream of record batches that all have one schema.
pub struct Rows {
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch, StoreError>>,
}

impl Rows {
    /// Rows from a stream; every batch must have `schema`.
    pub fn new(
        schema: SchemaRef,
        batches: impl futures::Stream<Item = Result<RecordBatch, StoreError>> + Send + 'static,
    ) -> Self {
        Self { schema, batches: batches.boxed() }
    }

    /// Rows from batches in memory; every batch must have `schema`.
    pub fn from_batches(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self { schema, batches: stream::iter(batches.into_iter().map(Ok)).boxed() }
    }

    /// Rows from one batch.
    pub fn from_batch(batch: RecordBatch) -> Self {
        Self::from_batches(batch.schema(), vec![batch])
    }

    /// Rows from a blocking reader such as a file or another system's Arrow stream.
    pub fn from_reader(reader: impl RecordBatchReader + Send + 'static) -> Self {
        let schema = reader.schema();
        let batches = stream::iter(reader.map(|batch| batch.map_err(StoreError::arrow)));
        Self { schema, batches: batches.boxed() }
    }

    /// Rows that another thread sends, a few batches ahead; every batch must have `schema`.
    pub fn received(
        schema: SchemaRef,
        receiver: mpsc::Receiver<Result<RecordBatch, StoreError>>,
    ) -> Self {
        let batches = stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|batch| (batch, receiver))
        });
        Self::new(schema, batches)
    }

    /// The columns.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// The batches as a stream.
    pub fn into_stream(self) -> BoxStream<'static, Result<RecordBatch, StoreError>> {
        self.batches
    }

    /// All rows in memory.
    pub async fn into_frame(self) -> Result<Frame, StoreError> {
        Ok(Frame { schema: self.schema(), batches: self.collect().await? })
    }

    /// Lets the rows pass and says how many there were.
    pub async fn count(self) -> Result<usize, StoreError> {
        let add = async |sum: usize, batch: RecordBatch| Ok(sum + batch.num_rows());
        self.batches.try_fold(0, add).await
    }

    /// All batches at once, without empty ones.
    pub async fn collect(self) -> Result<Vec<RecordBatch>, StoreError> {
        self.batches
            .try_filter(|batch| std::future::ready(batch.num_rows() > 0))
            .try_collect()
            .await
    }
}

/// Rows in memory.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows; every batch has this schema.
    pub batches: Vec<RecordBatch>,
}

impl Frame {
    /// A frame without rows.
    pub fn empty(schema: SchemaRef) -> Self {
        Self { schema, batches: Vec::new() }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("schema", &self.schema).finish_non_exhaustive()
    }
}
