//! Rows in and out by Arrow's C stream interface, as its PyCapsule protocol describes it.
#![expect(unsafe_code, reason = "the C stream interface is a pointer in a capsule")]

use std::{
    collections::VecDeque,
    ffi::CStr,
    slice,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, RecordBatch, RecordBatchIterator, RecordBatchOptions,
        RecordBatchReader, StringViewArray, StructArray,
    },
    datatypes::{DataType, Field, FieldRef, Schema, SchemaRef},
    error::ArrowError,
    ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type},
    ffi_stream::FFI_ArrowArrayStream,
};
use futures::TryStreamExt as _;
use metalith_base::Kind;
use metalith_store as store;
use pyo3::{prelude::*, types::PyCapsule};

use crate::{
    errors::{raise, raise_as},
    wait::wait,
};

const STREAM: &CStr = c"arrow_array_stream";
const SCHEMA: &CStr = c"arrow_schema";
/// How many rows the chunks of a frame have on average, if each is worth a stream.
const PART_ROWS: usize = 1 << 14;

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

    /// The rows with texts as views, as Polars keeps them: it takes those without a copy.
    fn with_views(&self, py: Python<'_>) -> PyResult<Self> {
        if viewed(&self.schema) == self.schema {
            let (schema, batches) = (SchemaRef::clone(&self.schema), Arc::clone(&self.batches));
            return Ok(Self { schema, batches });
        }
        let (schema, batches) = (SchemaRef::clone(&self.schema), self.batches.to_vec());
        let rows = with_views(store::Rows::from_batches(schema, batches));
        let frame = wait(py, "handing rows over", rows.into_frame())?;
        frame.map(Self::from).map_err(|error| raise(&error))
    }
}

/// Rows with texts as views, converted while more of them come: what they were is free for those then.
pub(crate) fn with_views(rows: store::Rows) -> store::Rows {
    let schema = viewed(&rows.schema());
    let wanted = SchemaRef::clone(&schema);
    let batches = rows.into_stream().map_ok(move |batch| {
        let wanted = SchemaRef::clone(&wanted);
        // It begins at once, not only when it is waited for.
        let converted = tokio::task::spawn_blocking(move || convert(&batch, &wanted));
        async move {
            let stopped = |_| Err(ArrowError::ComputeError("a thread broke off".to_owned()));
            converted.await.unwrap_or_else(stopped).map_err(store::StoreError::arrow)
        }
    });
    let threads = thread::available_parallelism().map_or(1, usize::from);
    store::Rows::new(schema, batches.try_buffered(threads))
}

/// Rows with texts as views.
pub(crate) fn batch_with_views(batch: &RecordBatch) -> Result<RecordBatch, store::StoreError> {
    convert(batch, &viewed(batch.schema_ref())).map_err(store::StoreError::arrow)
}

/// Columns whose texts are views.
pub(crate) fn viewed(schema: &SchemaRef) -> SchemaRef {
    let fields: Vec<_> = schema.fields().iter().map(viewed_field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// A column whose texts are views, members of structs too.
fn viewed_field(field: &FieldRef) -> FieldRef {
    let views = if let DataType::Struct(members) = field.data_type() {
        DataType::Struct(members.iter().map(viewed_field).collect())
    } else if field.data_type() == &DataType::Utf8 {
        DataType::Utf8View
    } else {
        return Arc::clone(field);
    };
    Arc::new(field.as_ref().clone().with_data_type(views))
}

fn convert(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (column, field) in batch.columns().iter().zip(schema.fields()) {
        // What comes twice, as versions often do, goes on as one.
        let before = batch.columns()[..columns.len()].iter().position(|it| Arc::ptr_eq(it, column));
        columns.push(match before {
            Some(place) => ArrayRef::clone(&columns[place]),
            None => convert_column(column, field.data_type())?,
        });
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)
}

fn convert_column(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    if let (Some(members), DataType::Struct(fields)) = (column.as_struct_opt(), wanted) {
        let columns = members.columns().iter().zip(fields);
        let columns = columns.map(|(column, field)| convert_column(column, field.data_type()));
        let (columns, nulls) = (columns.collect::<Result<_, _>>()?, members.nulls().cloned());
        let members =
            StructArray::try_new_with_length(fields.clone(), columns, nulls, column.len());
        return Ok(Arc::new(members?));
    }
    match column.as_string_opt::<i32>().filter(|_| *wanted == DataType::Utf8View) {
        Some(texts) => {
            let views = StringViewArray::from(texts);
            // Short texts are in the views; nobody needs what they were taken from then.
            let is_short = views.total_buffer_bytes_used() == 0;
            Ok(Arc::new(if is_short { views.gc() } else { views }))
        }
        None => Ok(ArrayRef::clone(column)),
    }
}

/// A reader over the rows of a Python object. Its batches are the object's own memory.
pub(crate) fn reader(rows: &Bound<'_, PyAny>) -> PyResult<StreamReader> {
    let streams = parts(rows)?.iter().map(stream).collect::<PyResult<_>>()?;
    StreamReader::new(streams)
        .map_err(|error| refuse(&format!("the frame cannot be read: {error}")))
}

/// The parts of a frame that hand themselves over without a copy, in their order.
///
/// Polars first copies the chunks of a whole frame into one, and would do so before it handed over
/// the first row; a slice that is one chunk is handed over as it is. Small chunks are left to it.
fn parts<'py>(rows: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let whole = || Ok(vec![rows.clone()]);
    let class = rows.get_type();
    if class.module()?.to_str()?.split('.').next() != Some("polars") || class.name()? != "DataFrame"
    {
        return whole();
    }
    let width: usize = rows.getattr("width")?.extract()?;
    let lengths: Vec<usize> = match width {
        0 => Vec::new(),
        _ => rows.call_method1("to_series", (0,))?.call_method0("chunk_lengths")?.extract()?,
    };
    if lengths.len() < 2 || lengths.iter().sum::<usize>() / lengths.len() < PART_ROWS {
        return whole();
    }
    let mut end = 0;
    let part = |length: usize| {
        end += length;
        rows.call_method1("slice", (end - length, length))
    };
    lengths.into_iter().map(part).collect()
}

/// The stream that an object hands itself over as.
fn stream(rows: &Bound<'_, PyAny>) -> PyResult<FFI_ArrowArrayStream> {
    if !rows.hasattr("__arrow_c_stream__")? {
        return Err(refuse(&format!("a `{}` is not a frame", rows.get_type().name()?)));
    }
    let capsule = rows.call_method0("__arrow_c_stream__")?;
    let capsule = capsule
        .cast::<PyCapsule>()
        .map_err(|_| refuse("`__arrow_c_stream__` did not return a capsule"))?;
    let stream = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule of this name holds a valid stream. `from_raw` moves it out and leaves a
    // released one behind, so that the capsule's own destructor has nothing left to do.
    Ok(unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr()) })
}

fn refuse(message: &str) -> PyErr {
    let hint = "pass a frame of Polars, pandas, PyArrow, DuckDB or any other Arrow producer";
    raise_as(Kind::Invalid, "store.rows", message, Some(hint))
}

/// Reads streams of the same columns one after the other, as Arrow's own reader reads one, but for
/// columns without a type: where every value is NULL, producers such as Polars announce a buffer that
/// is not there, as the format once had it.
#[derive(Debug)]
pub(crate) struct StreamReader {
    /// Those with rows that were not read yet.
    streams: VecDeque<FFI_ArrowArrayStream>,
    schema: SchemaRef,
}

impl StreamReader {
    fn new(mut streams: VecDeque<FFI_ArrowArrayStream>) -> Result<Self, ArrowError> {
        let mut schemas = streams.iter_mut().map(schema_of);
        let schema = schemas.next().unwrap_or_else(|| Ok(Schema::empty()))?;
        for other in schemas {
            if other? != schema {
                let what = "its parts do not have the same columns".to_owned();
                return Err(ArrowError::SchemaError(what));
            }
        }
        Ok(Self { streams, schema: Arc::new(schema) })
    }
}

/// The columns of a stream.
fn schema_of(stream: &mut FFI_ArrowArrayStream) -> Result<Schema, ArrowError> {
    let mut schema = FFI_ArrowSchema::empty();
    let Some(get_schema) = stream.get_schema else {
        return Err(ArrowError::CDataInterface("the stream is released".to_owned()));
    };
    // SAFETY: the stream is valid, and the schema is there to be written to.
    if unsafe { get_schema(stream, &raw mut schema) } != 0 {
        return Err(last_error(stream));
    }
    Schema::try_from(&schema)
}

impl Iterator for StreamReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut array = loop {
            let stream = self.streams.front_mut()?;
            let get_next = stream.get_next?;
            let mut array = FFI_ArrowArray::empty();
            // SAFETY: the stream is valid, and the array is there to be written to.
            if unsafe { get_next(stream, &raw mut array) } != 0 {
                return Some(Err(last_error(stream)));
            }
            if !array.is_released() {
                break array;
            }
            self.streams.pop_front();
        };
        let of = DataType::Struct(self.schema.fields().clone());
        // SAFETY: a stream gives valid arrays of the type that its schema says, which all streams say.
        let imported = unsafe {
            without_buffers_of_nulls(&mut array, &of);
            from_ffi_and_data_type(array, of)
        };
        Some(imported.and_then(|data| {
            let options = RecordBatchOptions::new().with_row_count(Some(data.len()));
            let columns = StructArray::from(data).into_parts().1;
            RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), columns, &options)
        }))
    }
}

impl RecordBatchReader for StreamReader {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

/// What a stream says of why it failed.
fn last_error(stream: &mut FFI_ArrowArrayStream) -> ArrowError {
    // SAFETY: the stream is valid; its text ends with a zero, and lives until its next call.
    let text = stream.get_last_error.and_then(|get_last_error| unsafe {
        let text = get_last_error(stream);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    });
    ArrowError::CDataInterface(text.unwrap_or_else(|| "it does not say why".to_owned()))
}

/// Takes the buffers away that arrays without a type announce.
///
/// # Safety
///
/// The array is valid and of the type.
unsafe fn without_buffers_of_nulls(array: &mut FFI_ArrowArray, of: &DataType) {
    if of.is_null() {
        array.n_buffers = 0;
        return;
    }
    let fields: Vec<&Field> = if let DataType::Struct(fields) = of {
        fields.iter().map(AsRef::as_ref).collect()
    } else if let DataType::Union(fields, _) = of {
        fields.iter().map(|(_, field)| field.as_ref()).collect()
    } else if let DataType::List(item)
    | DataType::LargeList(item)
    | DataType::ListView(item)
    | DataType::LargeListView(item)
    | DataType::FixedSizeList(item, _)
    | DataType::Map(item, _) = of
    {
        vec![item]
    } else if let DataType::RunEndEncoded(ends, values) = of {
        vec![ends, values]
    } else {
        // Others have no children, and a dictionary of nothing but NULL is none.
        return;
    };
    let count = usize::try_from(array.n_children).unwrap_or_default();
    if count == 0 || array.children.is_null() {
        return;
    }
    // SAFETY: a valid array has as many pointers to children as it says, all of them valid, and
    // nobody else uses them: they were handed over.
    unsafe {
        for (child, field) in slice::from_raw_parts(array.children, count).iter().zip(fields) {
            if let Some(child) = child.as_mut() {
                without_buffers_of_nulls(child, field.data_type());
            }
        }
    }
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
        // Python may take as long as it likes to make the next rows, and may wait for other work of
        // ours meanwhile: the worker hands its other tasks over first.
        tokio::task::block_in_place(|| self.reader.next())
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
