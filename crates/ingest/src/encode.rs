//! Rows as the bytes of a format.

use std::{
    fmt,
    io::{self, BufWriter, Write},
    mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    array::{Array as _, ArrayRef, RecordBatch, StringArray},
    csv,
    datatypes::{DataType, Field, FieldRef, Schema, SchemaRef},
    error::ArrowError,
    ipc::writer::{FileWriter, StreamWriter},
    json::writer::{EncoderOptions, LineDelimited, WriterBuilder, make_encoder},
};
use metalith_delta::{parquet_properties, system_error};
use parquet::{arrow::ArrowWriter, errors::ParquetError};

use crate::{FileFormat, IngestError};

/// What no reader of Arrow's stream format takes: a message of a negative length. Without it the end of
/// the bytes counts as the end of the rows.
const BROKEN_OFF: [u8; 8] = [0xff; 8];

/// Rows on their way to `W`, as the bytes of a format.
///
/// The first of them say how Parquet is encoded best, so nothing is written before they are there. A
/// stream of Arrow that is dropped before its end is marked as broken off: it would look complete.
pub(crate) struct Encoding<W: Write + Send> {
    format: FileFormat,
    shape: Shape,
    /// What errors call the place they go to.
    place: PathBuf,
    /// The columns, when they are known.
    schema: Option<SchemaRef>,
    stage: Stage<W>,
    rows: u64,
}

/// What the bytes are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A file, which is read from wherever one likes.
    File,
    /// A stream, which is read from its beginning to its end. Arrow has a form for it.
    Stream,
    /// More rows of text that is there already.
    Rest,
}

enum Stage<W: Write + Send> {
    Waiting(W),
    Begun(Box<Encoder<W>>),
    /// It has ended, or something went wrong before.
    Over,
}

impl<W: Write + Send> Encoding<W> {
    /// Without columns they are those of the first rows, if nobody tells them before.
    pub(crate) fn new(
        out: W,
        schema: Option<SchemaRef>,
        (format, shape): (FileFormat, Shape),
        place: &Path,
    ) -> Self {
        let (place, stage) = (place.to_path_buf(), Stage::Waiting(out));
        Self { format, shape, place, schema, stage, rows: 0 }
    }

    /// Tells the columns, unless they are known.
    pub(crate) fn set_columns(&mut self, columns: &SchemaRef) {
        self.schema.get_or_insert_with(|| SchemaRef::clone(columns));
    }

    /// Adds rows, which must have the columns of all.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), IngestError> {
        self.set_columns(batch.schema_ref());
        let written = self.begun(std::slice::from_ref(batch)).and_then(|it| it.write(batch));
        self.told(written)?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// How many rows were written.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what comes after the last row, and hands out where all of it went.
    pub(crate) fn finish(mut self) -> Result<W, IngestError> {
        let begun = self.begun(&[]).map(|_| ());
        let ended = begun.and_then(|()| match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Begun(encoder) => {
                let out = encoder.finish()?;
                out.into_inner().map_err(|it| Refused::System(it.into_error()))
            }
            Stage::Waiting(_) | Stage::Over => Err(Refused::over()),
        });
        self.told(ended)
    }

    fn begun(&mut self, sample: &[RecordBatch]) -> Result<&mut Encoder<W>, Refused> {
        self.stage = match (mem::replace(&mut self.stage, Stage::Over), &self.schema) {
            (Stage::Waiting(out), Some(schema)) => {
                let (out, form) = (BufWriter::new(out), (self.format, self.shape));
                Stage::Begun(Box::new(Encoder::new(out, schema, sample, form)?))
            }
            (stage, _) => stage,
        };
        match &mut self.stage {
            Stage::Begun(encoder) => Ok(encoder),
            Stage::Waiting(_) | Stage::Over => Err(Refused::over()),
        }
    }

    /// What was refused is told with its place, and nothing is written after it.
    fn told<T>(&mut self, done: Result<T, Refused>) -> Result<T, IngestError> {
        done.map_err(|refused| {
            self.break_off();
            refused.on(&self.place, self.format)
        })
    }

    fn break_off(&mut self) {
        if let Stage::Begun(encoder) = mem::replace(&mut self.stage, Stage::Over) {
            encoder.break_off();
        }
    }
}

impl<W: Write + Send> Drop for Encoding<W> {
    fn drop(&mut self) {
        self.break_off();
    }
}

impl<W: Write + Send> fmt::Debug for Encoding<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Encoding");
        shown.field("format", &self.format).field("place", &self.place);
        shown.field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// What a format is written by.
enum Encoder<W: Write + Send> {
    Parquet(Box<ArrowWriter<BufWriter<W>>>),
    Separated(csv::Writer<BufWriter<W>>),
    JsonLines(arrow::json::Writer<BufWriter<W>, LineDelimited>),
    File(FileWriter<BufWriter<W>>),
    Stream(StreamWriter<BufWriter<W>>),
}

impl<W: Write + Send> Encoder<W> {
    fn new(
        out: BufWriter<W>,
        schema: &SchemaRef,
        sample: &[RecordBatch],
        (format, shape): (FileFormat, Shape),
    ) -> Result<Self, Refused> {
        let separated = |out, delimiter| {
            let has_header = shape != Shape::Rest;
            let builder =
                csv::WriterBuilder::new().with_header(has_header).with_delimiter(delimiter);
            let mut writer = builder.build(out);
            if has_header {
                // Also when no rows follow.
                writer.write(&flat(&RecordBatch::new_empty(SchemaRef::clone(schema)))?)?;
            }
            Ok::<_, Refused>(Self::Separated(writer))
        };
        Ok(match (format, shape) {
            (FileFormat::Parquet | FileFormat::Arrow, Shape::Rest) => {
                return Err(Refused::System(io::ErrorKind::Unsupported.into()));
            }
            (FileFormat::Parquet, _) => {
                let properties = parquet_properties(schema, sample);
                let writer = ArrowWriter::try_new(out, SchemaRef::clone(schema), Some(properties));
                Self::Parquet(Box::new(writer?))
            }
            (FileFormat::Csv, _) => separated(out, b',')?,
            (FileFormat::Tsv, _) => separated(out, b'\t')?,
            (FileFormat::JsonLines, _) => {
                Self::JsonLines(WriterBuilder::new().with_explicit_nulls(true).build(out))
            }
            (FileFormat::Arrow, Shape::File) => Self::File(FileWriter::try_new(out, schema)?),
            (FileFormat::Arrow, Shape::Stream) => Self::Stream(StreamWriter::try_new(out, schema)?),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Refused> {
        match self {
            Self::Parquet(writer) => writer.write(batch)?,
            Self::Separated(writer) => writer.write(&flat(batch)?)?,
            Self::JsonLines(writer) => writer.write(batch)?,
            Self::File(writer) => writer.write(batch)?,
            Self::Stream(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// Lets readers of a stream know that its end is missing.
    fn break_off(self) {
        if let Self::Stream(mut writer) = self {
            // Who reads has more to worry about if this does not arrive either.
            writer.get_mut().write_all(&BROKEN_OFF).ok();
        }
    }

    fn finish(self) -> Result<BufWriter<W>, Refused> {
        Ok(match self {
            Self::Parquet(writer) => writer.into_inner()?,
            Self::Separated(writer) => writer.into_inner(),
            Self::JsonLines(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
            Self::File(mut writer) => {
                writer.finish()?;
                writer.into_inner()?
            }
            Self::Stream(mut writer) => {
                writer.finish()?;
                writer.into_inner()?
            }
        })
    }
}

/// Why rows were not written: by the system, or because the format cannot hold them.
enum Refused {
    System(io::Error),
    Format(Box<dyn std::error::Error + Send + Sync>),
}

impl Refused {
    fn over() -> Self {
        Self::System(io::ErrorKind::BrokenPipe.into())
    }

    fn on(self, path: &Path, format: FileFormat) -> IngestError {
        let path = path.to_path_buf();
        match self {
            Self::System(source) => IngestError::File { action: "write", path, source },
            Self::Format(source) => IngestError::Unwritable { path, format, source },
        }
    }
}

impl From<ArrowError> for Refused {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, source) => Self::System(source),
            other => Self::Format(Box::new(other)),
        }
    }
}

impl From<ParquetError> for Refused {
    fn from(error: ParquetError) -> Self {
        match system_error(error) {
            Ok(source) => Self::System(source),
            Err(other) => Self::Format(Box::new(other)),
        }
    }
}

/// A batch whose nested columns are JSON: flat text has no other way to hold them.
fn flat(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let (mut fields, mut columns): (Vec<FieldRef>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() {
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(Arc::new(json(field, column)?));
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn json(field: &FieldRef, column: &ArrayRef) -> Result<StringArray, ArrowError> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(field, column, &options)?;
    let mut text = Vec::new();
    let texts = (0..column.len()).map(|row| {
        if column.is_null(row) {
            return Ok(None);
        }
        text.clear();
        encoder.encode(row, &mut text);
        let text = std::str::from_utf8(&text);
        text.map(|it| Some(it.to_owned())).map_err(|it| ArrowError::JsonError(it.to_string()))
    });
    texts.collect()
}
