//! Rows to a file.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};

use crate::{
    FileFormat, IngestError,
    behind::Behind,
    encode::{Encoding, Shape},
};

/// A file that is written batch by batch, beside the one it will be.
///
/// Nothing is seen under the file's name before [`CompleteFile::publish`]; what is dropped before
/// leaves nothing behind.
#[derive(Debug)]
pub struct RowWriter {
    part: Part,
    target: PathBuf,
    encoding: Encoding<Behind>,
}

/// A file with all its rows, which only lacks its name.
#[derive(Debug)]
pub struct CompleteFile {
    part: Part,
    target: PathBuf,
    rows: u64,
}

impl RowWriter {
    /// Begins a file. Its folder must exist.
    pub fn create(path: &Path, schema: SchemaRef, format: FileFormat) -> Result<Self, IngestError> {
        Self::begin(path, Some(schema), (format, Shape::File), |_, _| Ok(()))
    }

    /// Begins a file whose columns are told later, or are those of the first rows.
    pub(crate) fn open(path: &Path, format: FileFormat) -> Result<Self, IngestError> {
        Self::begin(path, None, (format, Shape::File), |_, _| Ok(()))
    }

    /// Begins a file with all that is in one of text, byte by byte. What is written comes after it,
    /// in the order of its header.
    pub fn append(path: &Path, schema: SchemaRef, format: FileFormat) -> Result<Self, IngestError> {
        Self::begin(path, Some(schema), (format, Shape::Rest), |target, part| {
            if !format.is_text() {
                return Err(io::ErrorKind::Unsupported.into());
            }
            let mut before = File::open(target)?;
            if io::copy(&mut before, part)? > 0 {
                // The last line may be without its end.
                let mut last = [0];
                before.seek(SeekFrom::End(-1))?;
                before.read_exact(&mut last)?;
                if last != *b"\n" {
                    part.write_all(b"\n")?;
                }
            }
            Ok(())
        })
    }

    /// Begins a file with what `prepare` puts into it, which knows the file that it is to replace.
    fn begin(
        path: &Path,
        schema: Option<SchemaRef>,
        form: (FileFormat, Shape),
        prepare: impl FnOnce(&Path, &mut File) -> io::Result<()>,
    ) -> Result<Self, IngestError> {
        let begun = || {
            // A link stays a link; the file it names is replaced.
            let target = match fs::metadata(path) {
                Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
                Ok(found) if !found.is_file() => return Err(io::ErrorKind::InvalidInput.into()),
                Ok(_) => fs::canonicalize(path)?,
                Err(_) => path.to_path_buf(),
            };
            let (part, mut file) = Part::create(&target)?;
            prepare(&target, &mut file)?;
            Ok((part, target, Behind::new(file)?))
        };
        let failed = |source| IngestError::File { action: "write", path: path.into(), source };
        let (part, target, out) = begun().map_err(failed)?;
        let encoding = Encoding::new(out, schema, form, &target);
        Ok(Self { part, target, encoding })
    }

    /// Tells the columns, unless they are known.
    pub(crate) fn set_columns(&mut self, columns: &SchemaRef) {
        self.encoding.set_columns(columns);
    }

    /// Adds rows, which must have the columns of the file.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), IngestError> {
        self.encoding.write(batch)
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
        self,
        settle: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<CompleteFile, IngestError> {
        let Self { part, target, encoding } = self;
        let rows = encoding.rows();
        let settled = encoding.finish()?.finish().and_then(|file| settle(&file));
        match settled {
            Ok(()) => Ok(CompleteFile { part, target, rows }),
            Err(source) => Err(IngestError::File { action: "write", path: target, source }),
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
