//! Writing data files.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use datafusion::arrow::{
    array::{Array as _, ArrayRef, AsArray as _, OffsetSizeTrait, RecordBatch},
    datatypes::SchemaRef,
};
use futures::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use metalith_store::{Distinct, Rows, StoreError};
use object_store::ObjectStoreExt as _;
use tokio::{sync::mpsc, task::JoinSet};
use uuid::Uuid;

use crate::{
    data_file::DataFile,
    encode::{Encoder, RowGroup},
    error, facts, log_entry,
    place::{Place, sync_folder},
    snapshot::Source,
};

mod file;

use self::file::{Finished, Part, Target};

/// Rows of a row group: the unit of parallel work, and of what a reader can skip.
const GROUP_ROWS: usize = 64 * 1024;
/// Bytes of rows that go into a row group at most, so that wide rows do not fill the memory.
const GROUP_BYTES: usize = 32 * 1024 * 1024;
/// Row groups of a file: the unit that a deletion rewrites.
const FILE_GROUPS: usize = 8;

/// Files that may be on their way to the disk when another is begun.
const UNSETTLED: usize = 1;

/// Data files that are written, and that go away again unless they are kept.
#[derive(Debug)]
pub(crate) struct Written {
    place: Place,
    folder: String,
    pub(crate) files: Vec<DataFile>,
    /// Names of files that were started, finished or not.
    names: Vec<String>,
    /// When the last of them was started, in microseconds.
    micros: i64,
    /// Files that are being written, or on their way to the disk.
    unsettled: JoinSet<Result<DataFile, StoreError>>,
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
    let mut end = || {
        let (write, columns) = (write.clone(), distinct.to_vec());
        let part = parts.next().filter(|_| !columns.is_empty());
        Part::End(part.map(|part| facts::distinct_entry(&Distinct { write, part, columns })))
    };
    while let Some(group) = encoded.try_next().await? {
        let mut file = match current.take() {
            Some(file) => file,
            None => written.start(&encoder).await?,
        };
        file.groups += 1;
        written.pass(&file, Part::Group(group)).await?;
        if file.groups < FILE_GROUPS {
            current = Some(file);
        } else {
            written.pass(&file, end()).await?;
        }
    }
    if let Some(file) = current {
        written.pass(&file, end()).await?;
    }
    written.settle(0).await?;
    written.files.sort_by(|one, other| one.path.cmp(&other.path));
    if let Some(folder) = table.place.local(&table.folder) {
        // Where it cannot be flushed, the file system keeps its own promises.
        tokio::task::spawn_blocking(move || sync_folder(&folder)).await.ok();
    }
    Ok(written)
}

/// Encodes row groups on several threads, in their order.
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
    // One more than there are threads, so that none waits for the one that must be first.
    let ahead = std::thread::available_parallelism().map_or(1, usize::from).min(4) + 1;
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
        .try_buffered(ahead)
        .boxed()
}

impl Written {
    fn new(place: Place, folder: String) -> Self {
        Self {
            place,
            folder,
            files: Vec::new(),
            names: Vec::new(),
            micros: 0,
            unsettled: JoinSet::new(),
            kept: AtomicBool::new(false),
        }
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
        self.settle(UNSETTLED).await?;
        // Names sort in the order of writing, within this write and across writers.
        self.micros = log_entry::now_micros().max(self.micros);
        let (micros, sequence) = (self.micros, self.names.len());
        let name = format!("part-{micros:020}-{sequence:04}-{}.snappy.parquet", Uuid::new_v4());
        let relative = format!("{}/{name}", self.folder);
        self.names.push(name.clone());
        let shown = self.place.shown(&relative);
        let failed = move |source| error::storage("write", shown, source);
        let target = match Target::create(&self.place, &relative, encoder) {
            Ok(target) => target,
            Err(source) => return Err(failed(source)),
        };
        let (parts, received) = mpsc::channel(1);
        self.unsettled.spawn(async move {
            let Finished { rows, bytes } = target.write(received).await.map_err(failed)?;
            let partition = std::collections::HashMap::new();
            Ok(DataFile { path: name, bytes, modified: 0, rows, partition })
        });
        Ok(Current { parts, groups: 0 })
    }

    /// Hands a part of a file to what writes it.
    async fn pass(&mut self, file: &Current, part: Part) -> Result<(), StoreError> {
        if file.parts.send(part).await.is_ok() {
            return Ok(());
        }
        // It takes no more, and knows why.
        self.settle(0).await?;
        Err(self.failed(std::io::Error::from(std::io::ErrorKind::BrokenPipe)))
    }

    /// Waits until all but so many files are where they belong.
    async fn settle(&mut self, but: usize) -> Result<(), StoreError> {
        while self.unsettled.len() > but {
            let Some(file) = self.unsettled.join_next().await else { break };
            self.files.push(file.unwrap_or_else(|stopped| Err(self.failed(stopped)))?);
        }
        Ok(())
    }

    fn failed(&self, source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
        error::storage("write", self.place.shown(&self.folder), source)
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
            let (store, mut unsettled) = (self.place.store(), std::mem::take(&mut self.unsettled));
            runtime.spawn(async move {
                // An upload that is about to end would bring back what is deleted before.
                unsettled.shutdown().await;
                for object in objects {
                    store.delete(&object).await.ok();
                }
            });
        }
    }
}

/// A file that takes more rows.
struct Current {
    parts: mpsc::Sender<Part>,
    groups: usize,
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
    batch.columns().iter().map(size_of_column).sum()
}

fn size_of_column(column: &ArrayRef) -> usize {
    if let Some(members) = column.as_struct_opt() {
        return members.columns().iter().map(size_of_column).sum();
    }
    // Cut lists still have the values of all rows.
    let (ends, values) = if let Some(list) = column.as_list_opt::<i32>() {
        (ends_of(list.value_offsets()), Arc::clone(list.values()))
    } else if let Some(list) = column.as_list_opt::<i64>() {
        (ends_of(list.value_offsets()), Arc::clone(list.values()))
    } else if let Some(map) = column.as_map_opt() {
        (ends_of(map.value_offsets()), Arc::new(map.entries().clone()) as ArrayRef)
    } else {
        return column.to_data().get_slice_memory_size().unwrap_or_default();
    };
    let Some((first, end)) = ends else { return 0 };
    size_of_column(&values.slice(first, end - first)) + size_of_val(&first) * column.len()
}

/// Where the values of the first list begin, and those of the last one end.
fn ends_of<O: OffsetSizeTrait>(offsets: &[O]) -> Option<(usize, usize)> {
    Some((offsets.first()?.as_usize(), offsets.last()?.as_usize()))
}
