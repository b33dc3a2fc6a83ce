//! Which operation changed what of which row.

use std::{path::Path, sync::Arc};

use arrow::{
    array::{Array as _, ArrayRef, BooleanArray, RecordBatch, StringArray, UInt32Array},
    compute::filter,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    util::display::{ArrayFormatter, FormatOptions},
};
use metalith_ingest::{CompleteFile, FileFormat, RowWriter};

use crate::{
    PipelineError,
    working::{RowClock, WorkingRows},
};

/// An operation, as a trace calls it.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) title: String,
    pub(crate) alias: Option<String>,
    pub(crate) number: u32,
    pub(crate) kind: &'static str,
}

/// A file of changes, a line each.
pub(super) struct Trace(RowWriter);

impl Trace {
    pub(super) fn create(path: &Path) -> Result<Self, PipelineError> {
        let format = FileFormat::of_file(path).unwrap_or(FileFormat::JsonLines);
        Ok(Self(RowWriter::create(path, schema(), format)?))
    }

    pub(super) fn write(&mut self, changes: &RecordBatch) -> Result<(), PipelineError> {
        Ok(self.0.write(changes)?)
    }

    pub(super) fn complete(self) -> Result<CompleteFile, PipelineError> {
        Ok(self.0.complete()?)
    }
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

fn texts(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    let options = FormatOptions::default();
    let shown = ArrayFormatter::try_new(array, &options)?;
    let texts =
        (0..array.len()).map(|row| array.is_valid(row).then(|| shown.value(row).to_string()));
    Ok(texts.collect())
}
