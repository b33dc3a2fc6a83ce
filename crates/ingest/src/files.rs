//! Rows from a file.

use std::{
    fs::File,
    io::{self, BufReader, Read as _, Seek as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    array::{AsArray as _, RecordBatchReader},
    csv,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    ipc, json,
};
use metalith_store::Rows;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{FileFormat, IngestError, stream::WholeStream};

/// How many rows a batch has.
const BATCH_ROWS: usize = 16_384;
/// How many rows of text are looked at to guess types, and how many where the text is cut off within
/// these.
const PEEKED: [usize; 4] = [1_000, 100, 10, 1];

/// The rows of a file. Types of CSV and JSON lines are inferred from all of it.
pub fn read_file(path: &Path, format: Option<FileFormat>) -> Result<Rows, IngestError> {
    RowFile::open(path, format, &[])?.rows()
}

/// A file of rows whose columns are known, to be read once or several times.
#[derive(Clone, Debug)]
pub struct RowFile {
    path: PathBuf,
    format: FileFormat,
    schema: SchemaRef,
}

impl RowFile {
    /// Finds the columns of a file. Types of CSV and JSON lines are inferred from all of it, but
    /// for those that `types` names.
    pub fn open(
        path: &Path,
        format: Option<FileFormat>,
        types: &[(String, DataType)],
    ) -> Result<Self, IngestError> {
        Self::look(path, format, types, None)
    }

    /// The same, of which no more than the beginning is looked at: types of CSV and JSON lines may
    /// turn out to be others further down. The end may be cut off.
    pub fn peek(
        path: &Path,
        format: Option<FileFormat>,
        types: &[(String, DataType)],
    ) -> Result<Self, IngestError> {
        let mut found = Self::look(path, format, types, Some(PEEKED[0]));
        for rows in &PEEKED[1..] {
            if !matches!(found, Err(IngestError::Content { .. })) {
                break;
            }
            found = Self::look(path, format, types, Some(*rows));
        }
        found
    }

    fn look(
        path: &Path,
        format: Option<FileFormat>,
        types: &[(String, DataType)],
        rows: Option<usize>,
    ) -> Result<Self, IngestError> {
        let format = format
            .or_else(|| FileFormat::of_file(path))
            .ok_or_else(|| IngestError::UnknownFormat { path: path.to_path_buf() })?;
        let source = Source { path };
        let schema = match format {
            FileFormat::Parquet => source.parquet()?.schema(),
            FileFormat::Csv => typed(&source.header(format, b',', rows)?, types),
            FileFormat::Tsv => typed(&source.header(format, b'\t', rows)?, types),
            FileFormat::JsonLines => typed(&source.json_columns(rows)?, types),
            FileFormat::Arrow => source.arrow()?.schema(),
        };
        Ok(Self { path: path.to_path_buf(), format, schema })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The columns.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// The rows, in the order of the file.
    pub fn rows(&self) -> Result<Rows, IngestError> {
        let source = Source { path: &self.path };
        match self.format {
            FileFormat::Parquet => source.parquet(),
            FileFormat::Csv => source.separated(&self.schema, self.format, b','),
            FileFormat::Tsv => source.separated(&self.schema, self.format, b'\t'),
            FileFormat::JsonLines => source.json_lines(&self.schema),
            FileFormat::Arrow => source.arrow(),
        }
    }
}

/// Columns with some of their types replaced.
fn typed(schema: &Schema, types: &[(String, DataType)]) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        match types.iter().find(|(name, _)| name == field.name()) {
            Some((_, data_type)) => {
                Arc::new(field.as_ref().clone().with_data_type(data_type.clone()))
            }
            None => Arc::clone(field),
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
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

    fn content(&self, format: FileFormat) -> impl Fn(ArrowError) -> IngestError {
        let path = self.path.to_path_buf();
        move |source| IngestError::Content { path: path.clone(), format, source }
    }

    fn rows(&self, reader: impl RecordBatchReader + Send + 'static) -> Rows {
        Rows::read_ahead(reader, format!("`{}`", self.path.display()))
    }

    fn parquet(&self) -> Result<Rows, IngestError> {
        let bad = |source| IngestError::Parquet { path: self.path.to_path_buf(), source };
        let builder = ParquetRecordBatchReaderBuilder::try_new(self.open()?).map_err(bad)?;
        let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(bad)?;
        Ok(self.rows(reader))
    }

    fn header(
        &self,
        format: FileFormat,
        delimiter: u8,
        rows: Option<usize>,
    ) -> Result<Schema, IngestError> {
        let bad = self.content(format);
        let mut file = BufReader::new(self.open()?);
        let (schema, _) = separated(delimiter).infer_schema(&mut file, rows).map_err(&bad)?;
        if schema.fields().is_empty() {
            return Err(IngestError::NoHeader { path: self.path.to_path_buf() });
        }
        self.with_codes(schema, format, (delimiter, rows))
    }

    /// Columns of which some number begins with a zero are text: `007` is a code, and not 7.
    fn with_codes(
        &self,
        schema: Schema,
        format: FileFormat,
        (delimiter, rows): (u8, Option<usize>),
    ) -> Result<Schema, IngestError> {
        let is_number = |index: &usize| schema.field(*index).data_type().is_numeric();
        let numbers: Vec<usize> = (0..schema.fields().len()).filter(is_number).collect();
        if numbers.is_empty() {
            return Ok(schema);
        }
        let bad = self.content(format);
        let text = |field: &Arc<Field>| field.as_ref().clone().with_data_type(DataType::Utf8);
        let texts = Schema::new(schema.fields().iter().map(text).collect::<Vec<_>>());
        let builder = csv::ReaderBuilder::new(Arc::new(texts)).with_format(separated(delimiter));
        let mut builder = builder.with_batch_size(BATCH_ROWS).with_projection(numbers.clone());
        if let Some(rows) = rows {
            builder = builder.with_bounds(0, rows);
        }
        let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
        for batch in builder.build(self.open()?).map_err(&bad)? {
            let batch = batch.map_err(&bad)?;
            for (index, values) in numbers.iter().zip(batch.columns()) {
                if values.as_string::<i32>().iter().flatten().any(is_code) {
                    fields[*index] = Arc::new(text(&fields[*index]));
                }
            }
        }
        Ok(Schema::new(fields))
    }

    fn separated(
        &self,
        schema: &SchemaRef,
        format: FileFormat,
        delimiter: u8,
    ) -> Result<Rows, IngestError> {
        let bad = self.content(format);
        let builder = csv::ReaderBuilder::new(SchemaRef::clone(schema));
        let builder = builder.with_format(separated(delimiter)).with_batch_size(BATCH_ROWS);
        let reader = builder.build(self.open()?).map_err(&bad)?;
        Ok(self.rows(reader))
    }

    fn json_columns(&self, rows: Option<usize>) -> Result<Schema, IngestError> {
        let bad = self.content(FileFormat::JsonLines);
        let mut file = BufReader::new(self.open()?);
        let (schema, _) = json::reader::infer_json_schema(&mut file, rows).map_err(&bad)?;
        Ok(schema)
    }

    fn json_lines(&self, schema: &SchemaRef) -> Result<Rows, IngestError> {
        let bad = self.content(FileFormat::JsonLines);
        let builder = json::ReaderBuilder::new(SchemaRef::clone(schema));
        // A number in a column of text is the text that was written.
        let builder = builder.with_batch_size(BATCH_ROWS).with_coerce_primitive(true);
        let reader = builder.build(BufReader::new(self.open()?)).map_err(&bad)?;
        Ok(self.rows(reader))
    }

    /// A file begins with a magic word, a stream does not.
    fn arrow(&self) -> Result<Rows, IngestError> {
        let bad = self.content(FileFormat::Arrow);
        let mut file = self.open()?;
        let mut start = [0; 6];
        let read = file.read(&mut start).map_err(|source| self.failed("read", source))?;
        file.rewind().map_err(|source| self.failed("read", source))?;
        if &start[..read] == b"ARROW1" {
            let reader = ipc::reader::FileReader::try_new(file, None).map_err(&bad)?;
            return Ok(self.rows(reader));
        }
        let reader = WholeStream::new(BufReader::new(file)).map_err(&bad)?;
        Ok(self.rows(reader))
    }
}

/// Whether a number has a zero in front that it would lose.
fn is_code(text: &str) -> bool {
    matches!(text.trim_start_matches(['-', '+']).as_bytes(), [b'0', b'0'..=b'9', ..])
}

/// How text with separators is read.
fn separated(delimiter: u8) -> csv::reader::Format {
    csv::reader::Format::default().with_header(true).with_delimiter(delimiter)
}

/// Rows from bytes in Arrow's stream format, as other programs pipe them.
pub fn read_stream(input: impl io::Read + Send + 'static) -> Result<Rows, IngestError> {
    let reader = WholeStream::new(input).map_err(|source| IngestError::Content {
        path: PathBuf::from("standard input"),
        format: FileFormat::Arrow,
        source,
    })?;
    Ok(Rows::read_ahead(reader, "standard input"))
}
