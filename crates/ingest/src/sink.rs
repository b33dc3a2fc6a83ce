//! Where rows go: into a file, or to another program.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use futures::TryStreamExt as _;
use metalith_store::Rows;

use crate::{
    FileFormat, IngestError, RowWriter,
    encode::{Encoding, Shape},
};

/// Where rows go, batch by batch. CSV and TSV hold nested values as JSON.
///
/// The place is opened at once, so that what is wrong with it is told before there are rows. A stream
/// of Arrow that is dropped before its end is one that no reader takes for complete.
#[derive(Debug)]
pub struct RowSink(Kind);

#[derive(Debug)]
enum Kind {
    Beside(RowWriter),
    Direct(Encoding<Box<dyn Write + Send>>),
}

impl RowSink {
    /// A file. Its rows go to one beside it, which takes its name when all of them are there: a reader
    /// sees the old file or the new one, never half of it. What is no regular file, such as a named
    /// pipe, is written to directly, as a stream.
    pub fn file(path: &Path, format: FileFormat) -> Result<Self, IngestError> {
        match fs::metadata(path) {
            Ok(found) if !found.is_file() && !found.is_dir() => {
                let out = File::options().write(true).open(path);
                let out = out.map_err(|source| IngestError::File {
                    action: "write",
                    path: path.to_path_buf(),
                    source,
                })?;
                Ok(Self::direct(Box::new(out), format, path))
            }
            _ => RowWriter::open(path, format).map(|file| Self(Kind::Beside(file))),
        }
    }

    /// Standard output, or what stands for it: another program reads it while it is written, Arrow IPC
    /// as a stream.
    pub fn stream(out: Box<dyn Write + Send>, format: FileFormat) -> Self {
        Self::direct(out, format, Path::new("standard output"))
    }

    fn direct(out: Box<dyn Write + Send>, format: FileFormat, place: &Path) -> Self {
        Self(Kind::Direct(Encoding::new(out, None, (format, Shape::Stream), place)))
    }

    /// Adds rows, which must have the columns of all.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), IngestError> {
        match &mut self.0 {
            Kind::Beside(file) => file.write(batch),
            Kind::Direct(out) => out.write(batch),
        }
    }

    /// Ends what was written, and tells how many rows there were. Where there were none it has these
    /// columns.
    pub fn finish(mut self, columns: &SchemaRef) -> Result<u64, IngestError> {
        match &mut self.0 {
            Kind::Beside(file) => file.set_columns(columns),
            Kind::Direct(out) => out.set_columns(columns),
        }
        match self.0 {
            Kind::Beside(file) => file.complete()?.publish(),
            Kind::Direct(out) => {
                let rows = out.rows();
                out.finish().map(|_| rows)
            }
        }
    }

    /// Writes all rows, ends, and tells how many there were.
    pub async fn fill(mut self, rows: Rows) -> Result<u64, IngestError> {
        let columns = rows.schema();
        let mut batches = rows.into_stream();
        while let Some(batch) = batches.try_next().await? {
            self.write(&batch)?;
        }
        self.finish(&columns)
    }
}
