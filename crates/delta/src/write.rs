//! Writing data files.

use std::{
    fs,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use datafusion::arrow::{
    array::{Array as _, RecordBatch},
    datatypes::SchemaRef,
};
use futures::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use metalith_store::{Distinct, Rows, StoreError};
use object_store::{ObjectStoreExt as _, buffered::BufWriter};
use parquet::{errors::ParquetError, file::metadata::KeyValue};
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use crate::{
    data_file::DataFile,
    encode::{Encoder, FileBytes, RowGroup},
    error, facts, log_entry,
    place::{Place, sync_folder},
    snapshot::Source,
};

/// Rows of a row group: the unit of parallel work, and of what a reader can skip.
const GROUP_ROWS: usize = 64 * 1024;
/// Bytes of rows that go into a row group at most, so that wide rows do not fill the memory.
const GROUP_BYTES: usize = 32 * 1024 * 1024;
/// Row groups of a file: the unit that a deletion rewrites.
const FILE_GROUPS: usize = 8;

/// Data files that are written, and that go away again unless they are kept.
#[derive(Debug)]
pub(crate) struct Written {
    place: Place,
    folder: String,
    pub(crate) files: Vec<DataFile>,
    /// Names of files that were started, finished or not.
    names: Vec<String>,
    kept: AtomicBool,
}

/// Writes rows with these columns as data files of a table, in their order. If they are
/// [distinct](metalith_store::CommitNote::distinct), the files say so.
pub(crate) async fn write(
    table: &Source,
    schema: SchemaRef,
    rows: Rows,
    distinct: &[String],
) -> Result<Written, StoreError> {
    let mut written = Written::new(table.place.clone(), table.folder.clone());
    let write = Uuid::new_v4().to_string();
    let mut groups = Groups { rows: rows.into_stream(), rest: None };
    let Some(first) = groups.next().await? else { return Ok(written) };
    let encoder = Encoder::new(&table.feature, schema, &first);
    let encoder = Arc::new(encoder.map_err(|source| written.failed(source))?);
    let mut encoded = encode(Arc::clone(&encoder), first, groups, table);
    let mut current: Option<Current> = None;
    let mut parts = 0..;
    let mut entry = || {
        let (write, columns) = (write.clone(), distinct.to_vec());
        let part = parts.next().filter(|_| !columns.is_empty())?;
        Some(facts::distinct_entry(&Distinct { write, part, columns }))
    };
    let mut next = encoded.try_next().await?;
    while let Some(group) = next {
        let mut file = match current.take() {
            Some(file) => file,
            None => written.start(&encoder).await?,
        };
        // More rows are read and encoded while these go to the disk.
        let (following, pushed) = tokio::join!(encoded.try_next(), file.push(group));
        pushed.map_err(|failed| written.unwritten(failed))?;
        next = following?;
        if file.groups < FILE_GROUPS {
            current = Some(file);
        } else {
            written.finish(file, entry()).await?;
        }
    }
    if let Some(file) = current {
        written.finish(file, entry()).await?;
    }
    if let Some(folder) = table.place.local(&table.folder) {
        // Where it cannot be flushed, the file system keeps its own promises.
        tokio::task::spawn_blocking(move || sync_folder(&folder)).await.ok();
    }
    Ok(written)
}

/// Encodes row groups on several threads, as many ahead of the consumer, in their order.
fn encode(
    encoder: Arc<Encoder>,
    first: Vec<RecordBatch>,
    others: Groups,
    table: &Source,
) -> BoxStream<'static, Result<RowGroup, StoreError>> {
    let others = stream::try_unfold(others, |mut groups| async move {
        Ok::<_, StoreError>(groups.next().await?.map(|group| (group, groups)))
    });
    let shown = table.place.shown(&table.folder);
    stream::iter([Ok(first)])
        .chain(others)
        .map_ok(move |batches| {
            let (encoder, shown) = (Arc::clone(&encoder), shown.clone());
            // It begins at once, not only when all that may be ahead were read.
            let task = tokio::task::spawn_blocking(move || encoder.encode(&batches));
            async move {
                task.await.unwrap_or_else(|stopped| Err(error::storage("write", shown, stopped)))
            }
        })
        .try_buffered(std::thread::available_parallelism().map_or(1, usize::from).min(4))
        .boxed()
}

impl Written {
    fn new(place: Place, folder: String) -> Self {
        Self { place, folder, files: Vec::new(), names: Vec::new(), kept: AtomicBool::new(false) }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows as u64).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Keeps the files, for a commit names them or is about to.
    pub(crate) fn keep(&self) {
        self.kept.store(true, Ordering::Release);
    }

    /// Takes [`keep`](Self::keep) back.
    pub(crate) fn let_go(&self) {
        self.kept.store(false, Ordering::Release);
    }

    /// Whether all files are still where they were written: a drop of the table takes them along.
    pub(crate) fn are_there(&self) -> bool {
        self.files.iter().all(|file| {
            let path = self.place.local(&format!("{}/{}", self.folder, file.path));
            path.is_none_or(|path| path.exists())
        })
    }

    async fn start(&mut self, encoder: &Encoder) -> Result<Current, StoreError> {
        // Names sort in the order of writing, within this write and across writers.
        let micros = log_entry::now_micros().max(0);
        let sequence = self.names.len();
        let name = format!("part-{micros:020}-{sequence:04}-{}.snappy.parquet", Uuid::new_v4());
        let relative = format!("{}/{name}", self.folder);
        self.names.push(name.clone());
        let bytes = encoder.file().map_err(|source| self.failed(source))?;
        let sink = match self.place.local(&relative) {
            Some(path) => {
                let create = || {
                    if let Some(folder) = path.parent() {
                        fs::create_dir_all(folder)?;
                    }
                    fs::File::create_new(&path)
                };
                let location = || self.place.shown(&relative);
                Sink::Local(create().map_err(|source| error::storage("write", location(), source))?)
            }
            None => Sink::Remote(Box::new(BufWriter::new(
                self.place.store(),
                self.place.object(&relative),
            ))),
        };
        Ok(Current { name, bytes, sink, groups: 0, rows: 0, size: 0 })
    }

    async fn finish(&mut self, file: Current, entry: Option<KeyValue>) -> Result<(), StoreError> {
        let finished = file.finish(entry).await.map_err(|failed| self.unwritten(failed))?;
        self.files.push(finished);
        Ok(())
    }

    fn failed(&self, source: ParquetError) -> StoreError {
        error::storage("write", self.place.shown(&self.folder), source)
    }

    fn unwritten(&self, source: std::io::Error) -> StoreError {
        let name = self.names.last().map_or("", String::as_str);
        error::storage("write", self.place.shown(&format!("{}/{name}", self.folder)), source)
    }
}

/// Files that no commit names are removed at once; should that fail, vacuum finds them later.
impl Drop for Written {
    fn drop(&mut self) {
        if self.kept.load(Ordering::Acquire) {
            return;
        }
        let relative = |name: &String| format!("{}/{name}", self.folder);
        let mut objects = Vec::new();
        for name in &self.names {
            match self.place.local(&relative(name)) {
                Some(path) => {
                    fs::remove_file(path).ok();
                }
                None => objects.push(self.place.object(&relative(name))),
            }
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && !objects.is_empty()
        {
            let store = self.place.store();
            runtime.spawn(async move {
                for object in objects {
                    store.delete(&object).await.ok();
                }
            });
        }
    }
}

/// A file that is being written.
struct Current {
    name: String,
    bytes: FileBytes,
    sink: Sink,
    groups: usize,
    rows: usize,
    size: u64,
}

enum Sink {
    Local(fs::File),
    Remote(Box<BufWriter>),
}

impl Current {
    async fn push(&mut self, group: RowGroup) -> std::io::Result<()> {
        self.groups += 1;
        self.rows += group.rows;
        let bytes = self.bytes.push(group).map_err(std::io::Error::other)?;
        self.size += bytes.len() as u64;
        self.sink.write(bytes).await
    }

    async fn finish(self, entry: Option<KeyValue>) -> std::io::Result<DataFile> {
        let Self { name, bytes, mut sink, rows, mut size, .. } = self;
        let bytes = bytes.finish(entry).map_err(std::io::Error::other)?;
        size += bytes.len() as u64;
        sink.write(bytes).await?;
        sink.finish().await?;
        let partition = std::collections::HashMap::new();
        Ok(DataFile { path: name, bytes: size, modified: 0, rows, partition })
    }
}

impl Sink {
    async fn write(&mut self, bytes: Vec<u8>) -> std::io::Result<()> {
        match self {
            Self::Local(file) => {
                let mut file = file.try_clone()?;
                tokio::task::spawn_blocking(move || file.write_all(&bytes)).await?
            }
            Self::Remote(writer) => Ok(writer.put(bytes.into()).await?),
        }
    }

    async fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Local(file) => tokio::task::spawn_blocking(move || file.sync_data()).await?,
            Self::Remote(mut writer) => writer.shutdown().await,
        }
    }
}

/// Batches put together to row groups.
struct Groups {
    rows: BoxStream<'static, Result<RecordBatch, StoreError>>,
    rest: Option<RecordBatch>,
}

impl Groups {
    async fn next(&mut self) -> Result<Option<Vec<RecordBatch>>, StoreError> {
        let (mut group, mut rows, mut bytes) = (Vec::new(), 0, 0);
        while rows < GROUP_ROWS && bytes < GROUP_BYTES {
            let next = match self.rest.take() {
                Some(rest) => Some(rest),
                None => self.rows.try_next().await?,
            };
            let Some(batch) = next else { break };
            if batch.num_rows() == 0 {
                continue;
            }
            let size = size_of(&batch);
            let room = (GROUP_BYTES - bytes) / (size / batch.num_rows()).max(1);
            let take = (GROUP_ROWS - rows).min(room.max(1)).min(batch.num_rows());
            rows += take;
            bytes += size / batch.num_rows() * take;
            if take < batch.num_rows() {
                self.rest = Some(batch.slice(take, batch.num_rows() - take));
            }
            group.push(batch.slice(0, take));
        }
        Ok((!group.is_empty()).then_some(group))
    }
}

/// Bytes of the values of a batch, not of the buffers it shares with others.
fn size_of(batch: &RecordBatch) -> usize {
    let sizes = batch.columns().iter().map(|it| it.to_data().get_slice_memory_size());
    sizes.map(|size| size.unwrap_or_default()).sum()
}
