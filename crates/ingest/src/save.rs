//! Rows to a file.

use std::{
    fmt,
    fs::{self, File},
    io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write},
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
use futures::TryStreamExt as _;
use metalith_delta::{parquet_properties, system_error};
use metalith_store::Rows;
use parquet::{arrow::ArrowWriter, errors::ParquetError};

use crate::{FileFormat, IngestError, behind::Behind};

/// Writes rows into a file and returns how many there were.
///
/// The rows go to a file beside it, which takes its name when all of them are there: a reader sees
/// the old file or the new one, never half of it. What is no regular file, such as a named pipe, is
/// written to directly. CSV and TSV hold nested values as JSON.
pub async fn write_file(rows: Rows, path: &Path, format: FileFormat) -> Result<u64, IngestError> {
    let failed = |source| IngestError::File { action: "write", path: path.to_path_buf(), source };
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(failed(io::ErrorKind::IsADirectory.into())),
        Ok(found) if !found.is_file() => {
            let file = File::options().write(true).open(path).map_err(failed)?;
            fill(rows, file, path, format).await.map(|(count, _)| count)
        }
        _ => {
            let mut writer = RowWriter::create(path, rows.schema(), format)?;
            let mut batches = rows.into_stream();
            while let Some(batch) = batches.try_next().await? {
                writer.write(&batch)?;
            }
            writer.complete()?.publish()
        }
    }
}

/// A file that is written batch by batch, beside the one it will be.
///
/// Nothing is seen under the file's name before [`CompleteFile::publish`]; what is dropped before
/// leaves nothing behind.
#[derive(Debug)]
pub struct RowWriter {
    part: Part,
    target: PathBuf,
    format: FileFormat,
    schema: SchemaRef,
    stage: Stage,
    rows: u64,
}

/// A file with all its rows, which only lacks its name.
#[derive(Debug)]
pub struct CompleteFile {
    part: Part,
    target: PathBuf,
    rows: u64,
}

enum Stage {
    /// The first rows say how Parquet is encoded best, so the format's writer waits for them.
    Empty(File),
    Open(Box<Sink<Behind>>),
}

impl RowWriter {
    /// Begins a file. Its folder must exist.
    pub fn create(path: &Path, schema: SchemaRef, format: FileFormat) -> Result<Self, IngestError> {
        let failed = |source| IngestError::File { action: "write", path: path.into(), source };
        // A link stays a link; the file it names is replaced.
        let target = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(found) if !found.is_file() => {
                return Err(failed(io::ErrorKind::InvalidInput.into()));
            }
            Ok(_) => fs::canonicalize(path).map_err(failed)?,
            Err(_) => path.to_path_buf(),
        };
        let (part, file) = Part::create(&target).map_err(failed)?;
        Ok(Self { part, target, format, schema, stage: Stage::Empty(file), rows: 0 })
    }

    /// Begins a file with all that is in one of text, byte by byte. What is written comes after it,
    /// in the order of its header.
    pub fn append(path: &Path, schema: SchemaRef, format: FileFormat) -> Result<Self, IngestError> {
        let failed = |source| IngestError::File { action: "write", path: path.into(), source };
        let mut writer = Self::create(path, schema, format)?;
        let Stage::Empty(part) = &mut writer.stage else { return Ok(writer) };
        let mut before = File::open(&writer.target).map_err(failed)?;
        let bytes = io::copy(&mut before, part).map_err(failed)?;
        if bytes > 0 {
            // The last line may be without its end.
            let mut last = [0];
            before.seek(SeekFrom::End(-1)).map_err(failed)?;
            before.read_exact(&mut last).map_err(failed)?;
            if last != *b"\n" {
                part.write_all(b"\n").map_err(failed)?;
            }
        }
        let out = part.try_clone().and_then(Behind::new).map_err(failed)?;
        let out = BufWriter::new(out);
        let sink = Sink::after(out, format).map_err(|refused| refused.on(path, format))?;
        writer.stage = Stage::Open(Box::new(sink));
        Ok(writer)
    }

    /// Adds rows, which must have the columns of the file.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), IngestError> {
        let (path, format) = (self.target.clone(), self.format);
        self.opened(std::slice::from_ref(batch))
            .and_then(|sink| sink.write(batch))
            .map_err(|refused| refused.on(&path, format))?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Ends the file, and makes sure that the disk has it.
    pub fn complete(self) -> Result<CompleteFile, IngestError> {
        self.ended(|file| file.sync_all())
    }

    /// Ends the file. The system brings it to the disk when it likes, so a power failure may take it:
    /// for what is made again as easily.
    pub fn complete_unsynced(self) -> Result<CompleteFile, IngestError> {
        self.ended(|_| Ok(()))
    }

    fn ended(
        mut self,
        settle: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<CompleteFile, IngestError> {
        let (path, format) = (self.target.clone(), self.format);
        self.opened(&[]).map_err(|refused| refused.on(&path, format))?;
        if let Stage::Open(sink) = self.stage {
            let finished = sink.finish().and_then(|out| {
                let behind = out.into_inner().map_err(|it| Refused::System(it.into_error()))?;
                behind.finish().and_then(|file| settle(&file)).map_err(Refused::System)
            });
            finished.map_err(|refused| refused.on(&path, format))?;
        }
        Ok(CompleteFile { part: self.part, target: self.target, rows: self.rows })
    }

    fn opened(&mut self, sample: &[RecordBatch]) -> Result<&mut Sink<Behind>, Refused> {
        if let Stage::Empty(file) = &self.stage {
            let out = file.try_clone().and_then(Behind::new).map_err(Refused::System)?;
            let sink = Sink::new(BufWriter::new(out), &self.schema, sample, self.format)?;
            self.stage = Stage::Open(Box::new(sink));
        }
        match &mut self.stage {
            Stage::Open(sink) => Ok(sink),
            Stage::Empty(_) => Err(Refused::System(io::ErrorKind::NotFound.into())),
        }
    }
}

impl CompleteFile {
    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Where its rows are until it has its name.
    pub fn path(&self) -> &Path {
        &self.part.path
    }

    /// Gives the file its name, in the place of what had it, and tells how many rows there are.
    pub fn publish(self) -> Result<u64, IngestError> {
        let Self { part, target, rows } = self;
        part.keep_as(&target).map_err(|source| IngestError::File {
            action: "write",
            path: target.clone(),
            source,
        })?;
        Ok(rows)
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty(_) => "Empty",
            Self::Open(_) => "Open",
        })
    }
}

/// Writes rows where another program reads them, Arrow IPC as a stream.
pub async fn write_stream(
    rows: Rows,
    output: impl Write + Send,
    format: FileFormat,
) -> Result<u64, IngestError> {
    let out = BufWriter::new(output);
    let open = |schema: &SchemaRef, sample: &[RecordBatch]| match format {
        FileFormat::Arrow => Ok(Sink::Stream(StreamWriter::try_new(out, schema)?)),
        other => Sink::new(out, schema, sample, other),
    };
    pour(rows, open, Path::new("standard output"), format).await.map(|(count, _)| count)
}

/// How many unfinished files there may be beside one.
const PARTS_MAX: u32 = 1 << 16;

/// A file that goes away unless it is kept.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    is_kept: bool,
}

impl Part {
    fn create(target: &Path) -> io::Result<(Self, File)> {
        let name = target.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
        // Another writer of this process, or what a killed one left, may have the name.
        for number in 0..PARTS_MAX {
            let mut name = name.clone();
            name.push(format!(".{}-{number}.part", std::process::id()));
            let path = target.with_file_name(name);
            match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((Self { path, is_kept: false }, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn keep_as(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_kept {
            // What is left of the part helps nobody; the error that matters is another.
            fs::remove_file(&self.path).ok();
        }
    }
}

async fn fill(
    rows: Rows,
    file: File,
    path: &Path,
    format: FileFormat,
) -> Result<(u64, File), IngestError> {
    let out = BufWriter::new(file);
    let open = |schema: &SchemaRef, sample: &[RecordBatch]| Sink::new(out, schema, sample, format);
    pour(rows, open, path, format).await
}

/// Writes rows into a sink, which is opened when the first of them are known.
async fn pour<W: Write + Send>(
    rows: Rows,
    open: impl FnOnce(&SchemaRef, &[RecordBatch]) -> Result<Sink<W>, Refused>,
    path: &Path,
    format: FileFormat,
) -> Result<(u64, W), IngestError> {
    let schema = rows.schema();
    let mut batches = rows.into_stream();
    let mut next = batches.try_next().await?;
    let mut sink = open(&schema, next.as_slice()).map_err(|it| it.on(path, format))?;
    let mut count = 0;
    while let Some(batch) = next {
        count += batch.num_rows() as u64;
        sink.write(&batch).map_err(|it| it.on(path, format))?;
        next = batches.try_next().await?;
    }
    let out = sink.finish().map_err(|it| it.on(path, format))?;
    let out = out.into_inner().map_err(|it| Refused::System(it.into_error()).on(path, format))?;
    Ok((count, out))
}

enum Sink<W: Write + Send> {
    Parquet(Box<ArrowWriter<BufWriter<W>>>),
    Separated(csv::Writer<BufWriter<W>>),
    JsonLines(arrow::json::Writer<BufWriter<W>, LineDelimited>),
    File(FileWriter<BufWriter<W>>),
    Stream(StreamWriter<BufWriter<W>>),
}

impl<W: Write + Send> Sink<W> {
    fn new(
        out: BufWriter<W>,
        schema: &SchemaRef,
        sample: &[RecordBatch],
        format: FileFormat,
    ) -> Result<Self, Refused> {
        let separated = |out, delimiter| {
            let builder = csv::WriterBuilder::new().with_header(true).with_delimiter(delimiter);
            let mut writer = builder.build(out);
            // The header, also when no rows follow.
            writer.write(&flat(&RecordBatch::new_empty(SchemaRef::clone(schema)))?)?;
            Ok::<_, Refused>(Self::Separated(writer))
        };
        Ok(match format {
            FileFormat::Parquet => {
                let properties = parquet_properties(schema, sample);
                let writer = ArrowWriter::try_new(out, SchemaRef::clone(schema), Some(properties));
                Self::Parquet(Box::new(writer?))
            }
            FileFormat::Csv => separated(out, b',')?,
            FileFormat::Tsv => separated(out, b'\t')?,
            FileFormat::JsonLines => {
                Self::JsonLines(WriterBuilder::new().with_explicit_nulls(true).build(out))
            }
            FileFormat::Arrow => Self::File(FileWriter::try_new(out, schema)?),
        })
    }

    /// For rows after those that text has already.
    fn after(out: BufWriter<W>, format: FileFormat) -> Result<Self, Refused> {
        let separated =
            |delimiter| csv::WriterBuilder::new().with_header(false).with_delimiter(delimiter);
        match format {
            FileFormat::Csv => Ok(Self::Separated(separated(b',').build(out))),
            FileFormat::Tsv => Ok(Self::Separated(separated(b'\t').build(out))),
            FileFormat::JsonLines => {
                Ok(Self::JsonLines(WriterBuilder::new().with_explicit_nulls(true).build(out)))
            }
            FileFormat::Parquet | FileFormat::Arrow => {
                Err(Refused::System(io::ErrorKind::Unsupported.into()))
            }
        }
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
