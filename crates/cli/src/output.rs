//! Where `--output` says that rows go.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use metalith_ingest::{FileFormat, IngestError, RowSink};

use crate::failure::{CliError, Failure, fail};

/// A file, or standard output if that is called `-`, and the format of what goes there.
pub(crate) struct Output {
    file: PathBuf,
    format: FileFormat,
}

impl Output {
    /// Without a format that is named it is by the file's ending; on standard output Arrow's.
    pub(crate) fn new(file: &Path, format: Option<FileFormat>) -> Result<Self, Failure> {
        let file = file.to_path_buf();
        let by_name =
            if is_out(&file) { Some(FileFormat::Arrow) } else { FileFormat::of_file(&file) };
        let Some(format) = format.or(by_name) else {
            let what = format!("the format of `{}` is not known", file.display());
            let hint = "name it with `--format`: parquet, csv, tsv, jsonl or arrow".to_owned();
            return Err(fail(CliError::Argument { what, hint }));
        };
        Ok(Self { file, format })
    }

    /// The file; none if it is standard output.
    pub(crate) fn file(&self) -> Option<&Path> {
        (!is_out(&self.file)).then_some(&self.file)
    }

    pub(crate) fn open(&self) -> Result<RowSink, Failure> {
        match self.file() {
            Some(file) => RowSink::file(file, self.format).map_err(fail),
            None => Ok(RowSink::stream(data_out(), self.format)),
        }
    }

    /// What came of writing there; none if whoever reads standard output has seen enough.
    pub(crate) fn written<T>(&self, done: Result<T, IngestError>) -> Result<Option<T>, Failure> {
        match done {
            Err(IngestError::File { source, .. })
                if is_out(&self.file) && source.kind() == io::ErrorKind::BrokenPipe =>
            {
                Ok(None)
            }
            other => other.map(Some).map_err(fail),
        }
    }
}

fn is_out(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// Room of a pipe, in bytes. Unasked it has 64 KiB, and much data passes in so many small turns of
/// both programs that these take most of the time.
#[cfg(target_os = "linux")]
const ROOM: usize = 1 << 18;

/// Standard output for data: nothing in it is looked at for ends of lines.
#[cfg(unix)]
fn data_out() -> Box<dyn Write + Send> {
    use std::os::fd::AsFd as _;

    let Ok(out) = io::stdout().as_fd().try_clone_to_owned() else { return Box::new(io::stdout()) };
    #[cfg(target_os = "linux")]
    make_room(&out);
    Box::new(std::fs::File::from(out))
}

/// Gives a pipe more room. What is no pipe, has as much, or may have no more, stays as it is.
#[cfg(target_os = "linux")]
fn make_room(out: &std::os::fd::OwnedFd) {
    use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};

    if fcntl_getpipe_size(out).is_ok_and(|room| room < ROOM) {
        fcntl_setpipe_size(out, ROOM).ok();
    }
}

/// Standard output for data.
#[cfg(not(unix))]
fn data_out() -> Box<dyn Write + Send> {
    Box::new(io::stdout())
}
