//! Rows in and out by Arrow's C stream interface, as its PyCapsule protocol describes it.
#![expect(unsafe_code, reason = "the C stream interface is a pointer in a capsule")]

use std::{
    ffi::CStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arrow::{
    array::{RecordBatch, RecordBatchIterator, RecordBatchReader},
    datatypes::SchemaRef,
    error::ArrowError,
    ffi::FFI_ArrowSchema,
    ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream},
};
use metalith_base::Kind;
use metalith_store as store;
use pyo3::{prelude::*, types::PyCapsule};

use crate::errors::{raise, raise_as};

const STREAM: &CStr = c"arrow_array_stream";
const SCHEMA: &CStr = c"arrow_schema";

/// Rows in memory, as Arrow.
#[pyclass(frozen, module = "metalith._metalith")]
#[derive(Debug)]
pub(crate) struct Frame {
    schema: SchemaRef,
    batches: Arc<Vec<RecordBatch>>,
}

impl From<store::Frame> for Frame {
    fn from(frame: store::Frame) -> Self {
        Self { schema: frame.schema, batches: Arc::new(frame.batches) }
    }
}

#[pymethods]
impl Frame {
    /// The rows as a stream. They are shared, not copied.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Casting to what a consumer would like better is left to the consumer, as the protocol
        // allows.
        drop(requested_schema);
        let batches: Vec<_> = self.batches.iter().cloned().map(Ok).collect();
        let reader = RecordBatchIterator::new(batches, SchemaRef::clone(&self.schema));
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        PyCapsule::new_with_value(py, stream, STREAM)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.schema.as_ref())
            .map_err(|error| raise(&store::StoreError::arrow(error)))?;
        PyCapsule::new_with_value(py, schema, SCHEMA)
    }

    fn __len__(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// A reader over the rows of a Python object. Its batches are the object's own memory.
pub(crate) fn reader(rows: &Bound<'_, PyAny>) -> PyResult<ArrowArrayStreamReader> {
    let refuse = |message: String| {
        let hint = "pass a frame of Polars, pandas, PyArrow, DuckDB or any other Arrow producer";
        raise_as(Kind::Invalid, "store.rows", &message, Some(hint))
    };
    if !rows.hasattr("__arrow_c_stream__")? {
        return Err(refuse(format!("a `{}` is not a frame", rows.get_type().name()?)));
    }
    let capsule = rows.call_method0("__arrow_c_stream__")?;
    let capsule = capsule
        .cast::<PyCapsule>()
        .map_err(|_| refuse("`__arrow_c_stream__` did not return a capsule".to_owned()))?;
    let stream = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule of this name holds a valid stream. `from_raw` moves it out and leaves a
    // released one behind, so that the capsule's own destructor has nothing left to do.
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr()) };
    ArrowArrayStreamReader::try_new(stream)
        .map_err(|error| refuse(format!("the frame cannot be read: {error}")))
}

/// Rows that end in an error as soon as somebody says stop.
#[derive(Debug)]
pub(crate) struct Stoppable<R> {
    reader: R,
    stop: Arc<AtomicBool>,
}

impl<R> Stoppable<R> {
    pub(crate) fn new(reader: R, stop: &Arc<AtomicBool>) -> Self {
        Self { reader, stop: Arc::clone(stop) }
    }
}

impl<R: RecordBatchReader> Iterator for Stoppable<R> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stop.load(Ordering::Relaxed) {
            return Some(Err(ArrowError::CDataInterface("interrupted".to_owned())));
        }
        self.reader.next()
    }
}

impl<R: RecordBatchReader> RecordBatchReader for Stoppable<R> {
    fn schema(&self) -> SchemaRef {
        self.reader.schema()
    }
}

/// All rows of a Python object.
pub(crate) fn collect(rows: &Bound<'_, PyAny>) -> PyResult<store::Frame> {
    let reader = reader(rows)?;
    let schema = reader.schema();
    // A lazy frame computes here: others may use the interpreter meanwhile.
    let batches = rows
        .py()
        .detach(|| reader.collect::<Result<Vec<_>, _>>())
        .map_err(|error| raise(&store::StoreError::arrow(error)))?;
    Ok(store::Frame { schema, batches })
}
