//! A data file of this machine, as the Parquet reader wants it.
//!
//! The reader asks for every page twice, for its header and for what is in it, and looks at the
//! headers of pages that it skips. Pages of ids are often shorter than a call of the system is worth,
//! so what lies behind a place in the same column is read along with it; but not where pages are long,
//! and would be read once and a half.

use std::{
    fs::File,
    io::{self, Read, Seek as _, SeekFrom},
    ops::Range,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Buf as _, Bytes};
use parquet::{
    errors::{ParquetError, Result},
    file::{
        metadata::{ColumnChunkMetaData, ParquetMetaData},
        reader::{ChunkReader, Length},
    },
};

/// So many bytes of a column are read at once, if it has as many,
const WINDOW: usize = 64 * 1024;
/// and so many for the header of a page, where the page before was longer than that.
const HEADER: usize = 512;

/// A data file of this machine.
#[derive(Debug, Clone)]
pub(crate) struct LocalFile {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    len: u64,
    /// Where the file has values of which column, in the order of places.
    parts: Vec<(Range<u64>, usize)>,
    reading: Mutex<Reading>,
}

#[derive(Debug)]
struct Reading {
    file: File,
    /// What was read last of each column.
    windows: Vec<Window>,
}

#[derive(Debug, Default, Clone)]
struct Window {
    start: u64,
    bytes: Bytes,
    /// Whether the page before was longer than a window.
    after_long: bool,
}

impl LocalFile {
    /// Opens a file that has this footer.
    pub(crate) fn open(path: &Path, footer: &ParquetMetaData) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let groups = footer.row_groups().iter();
        let parts = groups.flat_map(|group| group.columns().iter().enumerate());
        let parts = parts.filter_map(|(column, part)| Some((place_of(part)?, column)));
        let mut parts: Vec<_> = parts.collect();
        parts.sort_unstable_by_key(|(range, _)| range.start);
        let columns = parts.iter().map(|(_, column)| column + 1).max().unwrap_or_default();
        let reading = Mutex::new(Reading { file, windows: vec![Window::default(); columns] });
        Ok(Self { shared: Arc::new(Shared { len, parts, reading }) })
    }

    /// What the file has from `start` on: `least` bytes and what was read along with them, fewer only
    /// where the file ends.
    fn bytes_from(&self, start: u64, least: usize) -> io::Result<Bytes> {
        let Shared { parts, reading, .. } = &*self.shared;
        let part = parts.partition_point(|(range, _)| range.start <= start).checked_sub(1);
        let part = part.map(|part| &parts[part]).filter(|(range, _)| range.contains(&start));
        let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
        let Reading { file, windows } = &mut *reading;
        let Some((range, column)) = part else { return read_at(file, start, least) };
        let window = &mut windows[*column];
        let skipped = start.checked_sub(window.start).and_then(|it| usize::try_from(it).ok());
        let known = skipped.filter(|it| it + least <= window.bytes.len());
        if let Some(skipped) = known {
            return Ok(window.bytes.slice(skipped..));
        }
        let rest = usize::try_from(range.end - start).unwrap_or(usize::MAX);
        let ahead = if window.after_long { HEADER } else { WINDOW };
        let bytes = read_at(file, start, least.max(rest.min(ahead)))?;
        let is_long = least > WINDOW;
        *window = Window {
            start,
            // What is longer is asked for once.
            bytes: if is_long { Bytes::new() } else { bytes.clone() },
            // Of a header nobody knows the length, and it tells nothing of the page.
            after_long: if least == 1 { window.after_long } else { is_long },
        };
        Ok(bytes)
    }
}

/// Where the values of a column are, with its dictionary, unless a damaged footer says nonsense.
fn place_of(part: &ColumnChunkMetaData) -> Option<Range<u64>> {
    let start = part.dictionary_page_offset().unwrap_or_else(|| part.data_page_offset());
    let (start, bytes) = (u64::try_from(start).ok()?, u64::try_from(part.compressed_size()).ok()?);
    Some(start..start.checked_add(bytes)?)
}

fn read_at(file: &mut File, start: u64, len: usize) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(len);
    file.seek(SeekFrom::Start(start))?;
    file.take(len as u64).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

impl Length for LocalFile {
    fn len(&self) -> u64 {
        self.shared.len
    }
}

impl ChunkReader for LocalFile {
    type T = Reader;

    fn get_read(&self, start: u64) -> Result<Reader> {
        Ok(Reader { file: self.clone(), next: start, bytes: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = self.bytes_from(start, length)?;
        if bytes.len() < length {
            let found = bytes.len();
            let missing = format!("{length} bytes were expected at {start}, and {found} are there");
            return Err(ParquetError::EOF(missing));
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

/// Reads on from a place in the file.
#[derive(Debug)]
pub(crate) struct Reader {
    file: LocalFile,
    next: u64,
    bytes: Bytes,
}

impl Read for Reader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            self.bytes = self.file.bytes_from(self.next, 1)?;
            self.next += self.bytes.len() as u64;
        }
        let count = to.len().min(self.bytes.len());
        self.bytes.copy_to_slice(&mut to[..count]);
        Ok(count)
    }
}
