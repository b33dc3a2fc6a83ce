//! One data file, which a task of its own writes while more rows are encoded.

use std::{fs, io};

use object_store::buffered::BufWriter;
use parquet::file::metadata::KeyValue;
use tokio::{io::AsyncWriteExt as _, sync::mpsc, task::spawn_blocking};

use crate::{
    encode::{Encoder, ParquetFile, RowGroup},
    place::Place,
};

/// What a file is made of.
pub(super) enum Part {
    Group(RowGroup),
    /// The end, with an entry in the footer.
    End(Option<KeyValue>),
}

/// What takes the bytes of a file.
pub(super) enum Target {
    Local(ParquetFile<fs::File>),
    /// Bytes are handed to the upload after each row group.
    Remote(ParquetFile<Vec<u8>>, Box<BufWriter>),
}

/// A file that is where it belongs.
pub(super) struct Finished {
    pub(super) rows: usize,
    pub(super) bytes: u64,
}

impl Target {
    /// Begins a file.
    pub(super) fn create(place: &Place, relative: &str, encoder: &Encoder) -> io::Result<Self> {
        let Some(path) = place.local(relative) else {
            let upload = BufWriter::new(place.store(), place.object(relative));
            return Ok(Self::Remote(encoder.file(Vec::new())?, Box::new(upload)));
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(Self::Local(encoder.file(fs::File::create_new(&path)?)?))
    }

    /// Writes what comes. Without an end nobody wants the file any more.
    pub(super) async fn write(mut self, mut parts: mpsc::Receiver<Part>) -> io::Result<Finished> {
        let mut rows = 0;
        while let Some(part) = parts.recv().await {
            match part {
                Part::Group(group) => {
                    rows += group.rows;
                    self = self.push(group).await?;
                }
                Part::End(entry) => return Ok(Finished { rows, bytes: self.finish(entry).await? }),
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    async fn push(self, group: RowGroup) -> io::Result<Self> {
        match self {
            Self::Local(mut file) => {
                let write = move || file.push(group).map(|()| Self::Local(file));
                spawn_blocking(write).await?
            }
            Self::Remote(mut file, mut upload) => {
                file.push(group)?;
                upload.put(std::mem::take(file.sink()?).into()).await?;
                Ok(Self::Remote(file, upload))
            }
        }
    }

    /// Ends the file, makes sure that it is on the disk, or all uploaded, and tells its size.
    async fn finish(self, entry: Option<KeyValue>) -> io::Result<u64> {
        match self {
            Self::Local(mut file) => {
                let end = move || {
                    file.finish(entry)?;
                    file.sink()?.sync_data()?;
                    Ok(file.size())
                };
                spawn_blocking(end).await?
            }
            Self::Remote(mut file, mut upload) => {
                file.finish(entry)?;
                upload.put(std::mem::take(file.sink()?).into()).await?;
                upload.shutdown().await?;
                Ok(file.size())
            }
        }
    }
}
