//! Rows from a file, and to one.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read as _, Seek as _, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    csv,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    ipc, json,
    util::display::{ArrayFormatter, FormatOptions},
};
use futures::TryStreamExt as _;
use metalith_store::Rows;
use parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder};

use crate::{FileFormat, IngestError};

/// How many rows a batch has.
const BATCH_ROWS: usize = 16_384;

/// The rows of a file. Types of CSV and JSON lines are inferred from all of it.
pub fn read_file(path: &Path, format: Option<FileFormat>) -> Result<Rows, IngestError> {
    let format = format
        .or_else(|| FileFormat::of_file(path))
        .ok_or_else(|| IngestError::UnknownFormat { path: path.to_path_buf() })?;
    let source = Source { path };
    match format {
        FileFormat::Parquet => source.parquet(),
        FileFormat::Csv => source.csv(),
        FileFormat::JsonLines => source.json_lines(),
        FileFormat::Arrow => source.arrow(),
    }
}

struct Source<'a> {
    path: &'a Path,
}

impl Source<'_> {
    fn open(&self) -> Result<File, IngestError> {
        File::open(self.path).map_err(|source| self.failed("read", source))
    }

    fn failed(&self, action: &'static str, source: io::Error) -> IngestError {
        IngestError::File { action, path: self.path.to_path_buf(), source }
    }

    fn content(&self, format: &'static str) -> impl Fn(ArrowError) -> IngestError {
        let path = self.path.to_path_buf();
        move |source| IngestError::Content { path: path.clone(), format, source }
    }

    fn parquet(&self) -> Result<Rows, IngestError> {
        let bad = |source| IngestError::Parquet { path: self.path.to_path_buf(), source };
        let builder = ParquetRecordBatchReaderBuilder::try_new(self.open()?).map_err(bad)?;
        let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(bad)?;
        Ok(Rows::from_reader(reader))
    }

    fn csv(&self) -> Result<Rows, IngestError> {
        let bad = self.content("CSV");
        let format = csv::reader::Format::default().with_header(true);
        let mut file = BufReader::new(self.open()?);
        let (schema, _) = format.infer_schema(&mut file, None).map_err(&bad)?;
        let builder = csv::ReaderBuilder::new(Arc::new(schema)).with_header(true);
        let reader = builder.with_batch_size(BATCH_ROWS).build(self.open()?).map_err(&bad)?;
        Ok(Rows::from_reader(reader))
    }

    fn json_lines(&self) -> Result<Rows, IngestError> {
        let bad = self.content("JSON lines");
        let mut file = BufReader::new(self.open()?);
        let (schema, _) = json::reader::infer_json_schema(&mut file, None).map_err(&bad)?;
        let builder = json::ReaderBuilder::new(Arc::new(schema)).with_batch_size(BATCH_ROWS);
        let reader = builder.build(BufReader::new(self.open()?)).map_err(&bad)?;
        Ok(Rows::from_reader(reader))
    }

    /// A file begins with a magic word, a stream does not.
    fn arrow(&self) -> Result<Rows, IngestError> {
        let bad = self.content("Arrow IPC");
        let mut file = self.open()?;
        let mut start = [0; 6];
        let read = file.read(&mut start).map_err(|source| self.failed("read", source))?;
        file.rewind().map_err(|source| self.failed("read", source))?;
        if &start[..read] == b"ARROW1" {
            let reader = ipc::reader::FileReader::try_new(file, None).map_err(&bad)?;
            return Ok(Rows::from_reader(reader));
        }
        let reader =
            ipc::reader::StreamReader::try_new(BufReader::new(file), None).map_err(&bad)?;
        Ok(Rows::from_reader(reader))
    }
}

/// Rows from bytes in Arrow's stream format, as other programs pipe them.
pub fn read_stream(input: impl io::Read + Send + 'static) -> Result<Rows, IngestError> {
    let reader = ipc::reader::StreamReader::try_new(input, None).map_err(|source| {
        IngestError::Content { path: PathBuf::from("standard input"), format: "Arrow IPC", source }
    })?;
    Ok(Rows::from_reader(reader))
}

/// Writes rows into a file and returns how many there were.
///
/// The rows go to a file beside it, which takes its name when all of them are there: a reader sees
/// the old file or the new one, never half of it.
pub async fn write_file(rows: Rows, path: &Path, format: FileFormat) -> Result<u64, IngestError> {
    let mut name = path.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = write_part(rows, &part, format).await;
    let failed = |source| IngestError::File { action: "write", path: path.to_path_buf(), source };
    match written {
        Ok(count) => {
            std::fs::rename(&part, path).map_err(failed)?;
            Ok(count)
        }
        Err(error) => {
            // What is left of the part helps nobody; the error that matters is the first.
            std::fs::remove_file(&part).ok();
            Err(error)
        }
    }
}

async fn write_part(rows: Rows, part: &Path, format: FileFormat) -> Result<u64, IngestError> {
    let failed = |source| IngestError::File { action: "write", path: part.to_path_buf(), source };
    let file = BufWriter::new(File::create(part).map_err(failed)?);
    let schema = rows.schema();
    let mut sink = Sink::new(file, &schema, format, part)?;
    let mut batches = rows.into_stream();
    let mut count = 0;
    while let Some(batch) = batches.try_next().await? {
        count += batch.num_rows() as u64;
        sink.write(&batch, part)?;
    }
    sink.finish(part)?;
    Ok(count)
}

type Out = BufWriter<File>;

enum Sink {
    Parquet(Box<ArrowWriter<Out>>),
    Csv(csv::Writer<Out>),
    JsonLines(json::LineDelimitedWriter<Out>),
    Arrow(ipc::writer::FileWriter<Out>),
}

impl Sink {
    fn new(
        file: Out,
        schema: &SchemaRef,
        format: FileFormat,
        part: &Path,
    ) -> Result<Self, IngestError> {
        Ok(match format {
            FileFormat::Parquet => {
                let writer = ArrowWriter::try_new(file, SchemaRef::clone(schema), None);
                Self::Parquet(Box::new(writer.map_err(|source| bad_parquet(part, source))?))
            }
            FileFormat::Csv => Self::Csv(csv::WriterBuilder::new().with_header(true).build(file)),
            FileFormat::JsonLines => {
                let builder = json::WriterBuilder::new().with_explicit_nulls(true);
                Self::JsonLines(builder.build::<_, json::writer::LineDelimited>(file))
            }
            FileFormat::Arrow => {
                let writer = ipc::writer::FileWriter::try_new(file, schema);
                Self::Arrow(writer.map_err(|source| bad_rows(part, source))?)
            }
        })
    }

    fn write(&mut self, batch: &RecordBatch, part: &Path) -> Result<(), IngestError> {
        match self {
            Self::Parquet(writer) => writer.write(batch).map_err(|it| bad_parquet(part, it)),
            Self::Csv(writer) => flat(batch)
                .and_then(|batch| writer.write(&batch))
                .map_err(|source| bad_rows(part, source)),
            Self::JsonLines(writer) => writer.write(batch).map_err(|it| bad_rows(part, it)),
            Self::Arrow(writer) => writer.write(batch).map_err(|it| bad_rows(part, it)),
        }
    }

    fn finish(self, part: &Path) -> Result<(), IngestError> {
        let failed =
            |source| IngestError::File { action: "write", path: part.to_path_buf(), source };
        let mut file = match self {
            Self::Parquet(writer) => writer.into_inner().map_err(|it| bad_parquet(part, it))?,
            Self::Csv(writer) => writer.into_inner(),
            Self::JsonLines(mut writer) => {
                writer.finish().map_err(|source| bad_rows(part, source))?;
                writer.into_inner()
            }
            Self::Arrow(mut writer) => {
                writer.finish().map_err(|source| bad_rows(part, source))?;
                writer.into_inner().map_err(|source| bad_rows(part, source))?
            }
        };
        file.flush().map_err(failed)
    }
}

fn bad_parquet(part: &Path, source: parquet::errors::ParquetError) -> IngestError {
    IngestError::Parquet { path: part.to_path_buf(), source }
}

fn bad_rows(part: &Path, source: ArrowError) -> IngestError {
    IngestError::Content { path: part.to_path_buf(), format: "rows", source }
}

/// A batch whose nested columns are text: CSV has no other way to hold them.
pub(crate) fn flat(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if !field.data_type().is_nested() {
            fields.push(field.as_ref().clone());
            columns.push(Arc::clone(column));
            continue;
        }
        let options = FormatOptions::default();
        let formatter = ArrayFormatter::try_new(column, &options)?;
        let text: StringArray = (0..column.len())
            .map(|row| column.is_valid(row).then(|| formatter.value(row).to_string()))
            .collect();
        fields.push(Field::new(field.name(), DataType::Utf8, true));
        columns.push(Arc::new(text));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
