//! Small data files, kept in memory as they are read.
//!
//! Tables that grow by a few rows at a time have many files of a few rows. Whoever reads such a table
//! reads all of them, again and again, and a file costs the more to open and to decode, the less there
//! is in it. Data files never change, so what was read once is there.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use datafusion::arrow::{
    array::{
        ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, RecordBatchReader as _,
        new_null_array,
    },
    buffer::BooleanBuffer,
    compute::{concat_batches, filter_record_batch},
    datatypes::SchemaRef,
    error::ArrowError,
};
use metalith_store::{ChunkRequest, Rows, adapt_array};
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder},
    errors::ParquetError,
};

use crate::{data_file::DataFile, local_file::LocalFile, partition, snapshot::Snapshot};

/// A file with no more rows and bytes is small.
pub(crate) const ROWS: usize = 4096;
const BYTES: u64 = 256 * 1024;
/// How many bytes of rows are kept.
const CAPACITY: usize = 64 * 1024 * 1024;

/// Rows of small files, by where the file is.
#[derive(Debug, Default)]
pub(crate) struct SmallFiles {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_file: HashMap<String, RecordBatch>,
    by_age: VecDeque<String>,
    bytes: usize,
}

/// Whether a file is kept in memory.
pub(crate) fn is_small(file: &DataFile) -> bool {
    file.rows <= ROWS && file.bytes <= BYTES
}

impl SmallFiles {
    pub(crate) fn get(&self, file: &str) -> Option<RecordBatch> {
        self.lock().by_file.get(file).cloned()
    }

    pub(crate) fn put(&self, file: &str, rows: RecordBatch) {
        let mut known = self.lock();
        let bytes = rows.get_array_memory_size();
        if known.by_file.insert(file.to_owned(), rows).is_some() {
            return;
        }
        known.by_age.push_back(file.to_owned());
        known.bytes += bytes;
        while known.bytes > CAPACITY
            && let Some(oldest) = known.by_age.pop_front()
        {
            known.forget(&oldest);
        }
    }

    /// A file is gone, and so is what it held.
    pub(crate) fn forget(&self, file: &str) {
        let mut known = self.lock();
        known.forget(file);
        known.by_age.retain(|it| it != file);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget(&mut self, file: &str) {
        if let Some(rows) = self.by_file.remove(file) {
            self.bytes = self.bytes.saturating_sub(rows.get_array_memory_size());
        }
    }
}

/// All rows of a local file, with all columns that it has.
pub(crate) fn read(
    path: &std::path::Path,
    footer: ArrowReaderMetadata,
) -> Result<RecordBatch, ParquetError> {
    let file = LocalFile::open(path, footer.metadata())?;
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer)
        .with_batch_size(ROWS)
        .build()?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    Ok(concat_batches(&schema, &batches)?)
}

/// What is asked for of the rows of a small file.
pub(crate) fn chosen(
    table: &Snapshot,
    file: &DataFile,
    rows: &RecordBatch,
    request: &ChunkRequest,
) -> Result<Rows, ArrowError> {
    let schema = SchemaRef::new(table.schema.project(&request.columns)?);
    let count = rows.num_rows();
    let column = |field: &datafusion::arrow::datatypes::FieldRef| -> Result<ArrayRef, ArrowError> {
        let (name, target) = (field.name(), field.data_type());
        if table.partitioned_by.contains(name)
            && let Some(value) = file.partition.get(name)
        {
            return partition::column(value.as_deref(), target, count);
        }
        match rows.column_by_name(name) {
            Some(column) => adapt_array(column, target),
            None => Ok(new_null_array(target, count)),
        }
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let mut batch =
        RecordBatch::try_new_with_options(SchemaRef::clone(&schema), columns, &options)?;
    let range = request.range.clone().unwrap_or(0..count);
    let range = range.start.min(count)..range.end.min(count);
    if range != (0..count) {
        batch = batch.slice(range.start, range.len());
    }
    if let Some(chosen) = &request.rows {
        let chosen: BooleanBuffer = chosen.slice(range.start, range.len());
        batch = filter_record_batch(&batch, &BooleanArray::new(chosen, None))?;
    }
    let batches = if batch.num_rows() == 0 { Vec::new() } else { vec![batch] };
    Ok(Rows::from_batches(schema, batches))
}
