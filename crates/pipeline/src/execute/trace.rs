//! Which operation changed what of which row.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::File,
    io::{BufWriter, Seek as _},
    path::Path,
    sync::Arc,
};

use arrow::{
    array::{
        Array as _, ArrayRef, BooleanArray, RecordBatch, StringArray, UInt32Array, new_null_array,
    },
    compute::filter,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    ipc::{reader::StreamReader, writer::StreamWriter},
    util::display::{ArrayFormatter, FormatOptions},
};
use metalith_ingest::{CompleteFile, FileFormat, RowWriter};

use crate::{
    PipelineError,
    working::{ROW_ID, RowClock, WorkingRows},
};

/// An operation, as a trace calls it.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) title: String,
    pub(crate) alias: Option<String>,
    pub(crate) number: u32,
    pub(crate) kind: &'static str,
}

/// A file of changes, a line each. Stages work at the same time; what each of them tells stays
/// together, so that it does not matter which was faster.
pub(super) struct Trace {
    file: RowWriter,
    /// What stages told so far, in the order of their first operations.
    stages: BTreeMap<usize, StreamWriter<BufWriter<File>>>,
}

impl Trace {
    pub(super) fn create(path: &Path) -> Result<Self, PipelineError> {
        let format = FileFormat::of_file(path).unwrap_or(FileFormat::JsonLines);
        Ok(Self { file: RowWriter::create(path, schema(), format)?, stages: BTreeMap::new() })
    }

    pub(super) fn write(
        &mut self,
        stage: usize,
        changes: &RecordBatch,
    ) -> Result<(), PipelineError> {
        let stage = match self.stages.entry(stage) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let file = tempfile::tempfile().map_err(|it| failed(it.into()))?;
                place.insert(StreamWriter::try_new_buffered(file, &schema()).map_err(failed)?)
            }
        };
        stage.write(changes).map_err(failed)
    }

    pub(super) fn complete(self) -> Result<CompleteFile, PipelineError> {
        let Self { mut file, stages } = self;
        for stage in stages.into_values() {
            let told = stage.into_inner().map_err(failed)?.into_inner();
            let mut told = told.map_err(|it| failed(it.into_error().into()))?;
            told.rewind().map_err(|it| failed(it.into()))?;
            for changes in StreamReader::try_new_buffered(told, None).map_err(failed)? {
                file.write(&changes.map_err(failed)?)?;
            }
        }
        Ok(file.complete()?)
    }
}

fn failed(error: ArrowError) -> PipelineError {
    PipelineError::arrow("the trace", error)
}

fn schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, true);
    Arc::new(Schema::new(vec![
        text("row_id"),
        Field::new("operation", DataType::UInt32, false),
        text("type"),
        text("alias"),
        text("column"),
        text("before"),
        text("after"),
    ]))
}

/// A change of one column of the rows for which a mask holds.
pub(super) fn change(
    about: &About,
    rows: (&WorkingRows, &BooleanArray, &RowClock),
    (column, before, after): (&str, &ArrayRef, &ArrayRef),
) -> Result<RecordBatch, ArrowError> {
    let (rows, mask, clock) = rows;
    let ids = filter(&rows.ids, mask)?.to_data();
    let ids = clock.row_ids(&ids.into());
    let count = ids.len();
    let alias = match &about.alias {
        Some(alias) => StringArray::new_repeated(alias, count),
        None => StringArray::new_null(count),
    };
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(ids),
        Arc::new(UInt32Array::from_value(about.number, count)),
        Arc::new(StringArray::new_repeated(about.kind, count)),
        Arc::new(alias),
        Arc::new(StringArray::new_repeated(column, count)),
        Arc::new(texts(&filter(before, mask)?)?),
        Arc::new(texts(&filter(after, mask)?)?),
    ];
    RecordBatch::try_new(schema(), arrays)
}

/// Rows that are in the working set from now on.
pub(super) fn came(
    about: &About,
    rows: &WorkingRows,
    clock: &RowClock,
) -> Result<RecordBatch, ArrowError> {
    let all = BooleanArray::from(vec![true; rows.len()]);
    let before = new_null_array(&DataType::Utf8, rows.len());
    let after: ArrayRef = Arc::new(clock.row_ids(&rows.ids));
    change(about, (rows, &all, clock), (ROW_ID, &before, &after))
}

/// Rows that leave the working set: of these nothing is left, not even an id.
pub(super) fn went(
    about: &About,
    (rows, mask): (&WorkingRows, &BooleanArray),
    clock: &RowClock,
) -> Result<RecordBatch, ArrowError> {
    let before: ArrayRef = Arc::new(clock.row_ids(&rows.ids));
    let after = new_null_array(&DataType::Utf8, rows.len());
    change(about, (rows, mask, clock), (ROW_ID, &before, &after))
}

fn texts(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    let options = FormatOptions::default();
    let shown = ArrayFormatter::try_new(array, &options)?;
    let texts =
        (0..array.len()).map(|row| array.is_valid(row).then(|| shown.value(row).to_string()));
    Ok(texts.collect())
}
