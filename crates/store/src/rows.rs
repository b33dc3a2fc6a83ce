//! Rows on their way: Arrow record batches with their schema.

use std::{fmt, sync::Arc};

use datafusion::arrow::{
    array::{RecordBatch, RecordBatchReader},
    datatypes::{DataType, SchemaRef},
};
use futures::{
    TryStreamExt as _,
    stream::{self, BoxStream, StreamExt as _},
};
use tokio::sync::mpsc;

use crate::StoreError;

/// Batches that a thread may be ahead of who takes them.
const AHEAD: usize = 4;

/// Where a thread puts the batches that it makes. It takes no more when nobody wants them.
pub type Outbox = mpsc::Sender<Result<RecordBatch, StoreError>>;

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

    /// Rows from a blocking reader such as another system's Arrow stream.
    pub fn from_reader(reader: impl RecordBatchReader + Send + 'static) -> Self {
        let schema = reader.schema();
        let batches = stream::iter(reader.map(|batch| batch.map_err(StoreError::arrow)));
        Self { schema, batches: batches.boxed() }
    }

    /// Rows from a blocking reader of something that may be damaged, such as a file; errors call it
    /// `of`. They are read a few batches ahead on a thread of its own.
    pub fn read_ahead(
        reader: impl RecordBatchReader + Send + 'static,
        of: impl Into<String>,
    ) -> Self {
        let (schema, of) = (reader.schema(), of.into());
        let columns = SchemaRef::clone(&schema);
        // Nothing is read before somebody wants it.
        let batches = stream::once(async move {
            let rows = Self::made_ahead(columns, move |outbox| {
                for batch in reader {
                    let unreadable = |source| StoreError::Unreadable { of: of.clone(), source };
                    if outbox.blocking_send(Ok(batch.map_err(unreadable)?)).is_err() {
                        break;
                    }
                }
                Ok(())
            });
            rows.batches
        });
        Self::new(schema, batches.flatten())
    }

    /// Rows that a thread of its own makes, a few batches ahead of who takes them; every batch must
    /// have `schema`.
    ///
    /// An error is handed on. So is a panic, such as one of a decoder at a damaged file: what broke
    /// off must not look complete.
    pub fn made_ahead(
        schema: SchemaRef,
        make: impl FnOnce(&Outbox) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let maker = tokio::task::spawn_blocking(move || {
            if let Err(error) = make(&sender) {
                // Who does not listen any more does not need to know.
                sender.blocking_send(Err(error)).ok();
            }
        });
        let batches = stream::unfold((receiver, Some(maker)), |(mut receiver, maker)| async move {
            if let Some(batch) = receiver.recv().await {
                return Some((batch, (receiver, maker)));
            }
            let stopped = maker?.await.err()?;
            Some((Err(StoreError::stopped(stopped)), (receiver, None)))
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

    /// The same in batches of at most so many rows, so that work on the first can go on beside work
    /// on the next. Rows with lists, maps or dictionaries stay together: each piece would drag along,
    /// and convert, what all of them have there.
    pub(crate) fn in_pieces(self, most: usize) -> Self {
        if !self.schema.fields().iter().all(|it| is_cut_with_its_rows(it.data_type())) {
            return self;
        }
        let pieces = self.batches.map_ok(move |batch| {
            let firsts = (0..batch.num_rows()).step_by(most);
            stream::iter(
                firsts.map(move |first| Ok(batch.slice(first, most.min(batch.num_rows() - first)))),
            )
        });
        Self::new(self.schema, pieces.try_flatten())
    }

    /// The same without a column, if there is such a one.
    pub(crate) fn without(self, column: &str) -> Result<Self, StoreError> {
        let Ok(without) = self.schema.index_of(column) else { return Ok(self) };
        let kept: Vec<usize> =
            (0..self.schema.fields().len()).filter(|it| *it != without).collect();
        let schema = Arc::new(self.schema.project(&kept).map_err(StoreError::arrow)?);
        let batches =
            self.batches.map(move |batch| batch?.project(&kept).map_err(StoreError::arrow));
        Ok(Self::new(schema, batches))
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

/// Whether rows of a column can be taken out of it with their values, and without those of others.
fn is_cut_with_its_rows(of: &DataType) -> bool {
    if let DataType::Struct(members) = of {
        return members.iter().all(|it| is_cut_with_its_rows(it.data_type()));
    }
    !of.is_nested() && !matches!(of, DataType::Dictionary(_, _))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::Schema;

    use super::*;

    #[tokio::test]
    async fn rows_that_broke_off_do_not_look_complete() {
        let schema = Arc::new(Schema::empty());
        let empty = RecordBatch::new_empty(SchemaRef::clone(&schema));
        let rows = Rows::made_ahead(schema, move |outbox| {
            outbox.blocking_send(Ok(empty)).unwrap();
            panic!("the file is damaged");
        });
        let told = rows.collect().await.unwrap_err();
        assert!(matches!(told, StoreError::Engine { .. }), "{told:?}");
    }
}
