//! Reading data files.

use std::{fs::File, sync::Arc};

use datafusion::arrow::{array::RecordBatch, datatypes::SchemaRef};
use futures::{StreamExt as _, TryStreamExt as _};
use metalith_objects::{ObjectReason, classify};
use metalith_store::{ChunkRequest, Rows, StoreError};
use object_store::path::Path;
use parquet::{
    arrow::{
        ParquetRecordBatchStreamBuilder,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    },
    errors::ParquetError,
};

use self::plan::Plan;
use crate::{
    data_file::DataFile,
    error,
    local_file::LocalFile,
    log_entry,
    remote_file::RemoteFile,
    selection::Selection,
    small,
    snapshot::{Snapshot, Source},
};

mod plan;

/// Reads a chunk of a table.
pub(crate) async fn read_chunk(
    table: &Snapshot,
    chunk: usize,
    request: ChunkRequest,
) -> Result<Rows, StoreError> {
    let source = table.source();
    let Some(file) = table.files.get(chunk) else {
        return Err(source.corrupt(format!("chunk {chunk} does not exist")));
    };
    if small::is_small(file)
        && let Some(rows) = small_rows(table, file).await?
        // Of others' files the log may say less than there is.
        && rows.num_rows() == file.rows
    {
        return small::chosen(table, file, &rows, &request)
            .map_err(|failed| damaged(&source, file, failed.into()));
    }
    let schema: SchemaRef =
        Arc::new(table.schema.project(&request.columns).map_err(StoreError::arrow)?);
    let footer = table.footer(file).await?;
    let plan = Plan::new(table, file, &footer, SchemaRef::clone(&schema));
    let range = request.range.unwrap_or(0..file.rows);
    let selection = Selection::new(footer.metadata(), range, request.rows.as_ref());
    if selection.row_groups.is_empty() {
        return Ok(Rows::from_batches(schema, Vec::new()));
    }
    let version = table.version;
    let reading = Reading { source, version, file: file.clone(), footer, plan, selection };
    match table.place.local(&format!("{}/{}", table.folder, file.path)) {
        Some(path) => reading.local(&path, schema).await,
        None => reading.remote(schema),
    }
}

/// The rows of a small file, read at most once as long as there is room; `None` where the file is not
/// one of this machine.
async fn small_rows(table: &Snapshot, file: &DataFile) -> Result<Option<RecordBatch>, StoreError> {
    let relative = format!("{}/{}", table.folder, file.path);
    if let Some(known) = table.footers.small.get(&relative) {
        return Ok(Some(known));
    }
    let Some(path) = table.place.local(&relative) else { return Ok(None) };
    let footer = table.footer(file).await?;
    let read = tokio::task::spawn_blocking(move || small::read(&path, footer)).await;
    let read = read.unwrap_or_else(|stopped| Err(ParquetError::External(Box::new(stopped))));
    match read {
        Ok(rows) => {
            table.footers.small.put(&relative, rows.clone());
            Ok(Some(rows))
        }
        Err(failed) => Err(unreadable(&table.source(), table.version, file, failed).await),
    }
}

/// How many rows a file of a state that is being loaded has, from its footer.
pub(crate) async fn count_rows(source: &Source, file: &DataFile) -> Result<usize, StoreError> {
    let footer = footer(source, file).await.map_err(|failed| damaged(source, file, failed))?;
    Ok(usize::try_from(footer.metadata().file_metadata().num_rows()).unwrap_or_default())
}

impl Snapshot {
    /// The footer of one of its files.
    pub(crate) async fn footer(&self, file: &DataFile) -> Result<ArrowReaderMetadata, StoreError> {
        let source = self.source();
        match footer(&source, file).await {
            Ok(footer) => Ok(footer),
            Err(failed) => Err(unreadable(&source, self.version, file, failed).await),
        }
    }
}

/// The footer of a file, read at most once.
async fn footer(source: &Source, file: &DataFile) -> Result<ArrowReaderMetadata, ParquetError> {
    let relative = format!("{}/{}", source.folder, file.path);
    if let Some(known) = source.footers.get(&relative) {
        return Ok(known);
    }
    // What the writer's Arrow said about types is not asked: the table decides.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let read = match source.place.local(&relative) {
        Some(path) => tokio::task::spawn_blocking(move || {
            let file = File::open(path).map_err(ParquetError::from)?;
            ArrowReaderMetadata::load(&file, options)
        })
        .await
        .unwrap_or_else(|stopped| Err(ParquetError::External(Box::new(stopped)))),
        None => {
            let mut reader = remote_file(source, file);
            ArrowReaderMetadata::load_async(&mut reader, options).await
        }
    };
    let footer = read?;
    source.footers.put(&relative, footer.clone());
    Ok(footer)
}

fn remote_file(source: &Source, file: &DataFile) -> RemoteFile {
    let folder = source.place.object(&source.folder);
    // Names of data files may hold characters that object stores write in another way.
    let path = Path::parse(format!("{folder}/{}", file.path))
        .unwrap_or_else(|_| source.place.object(&format!("{}/{}", source.folder, file.path)));
    RemoteFile { store: source.place.store(), path, size: file.bytes }
}

struct Reading {
    source: Source,
    /// The state of the table that names the file.
    version: u64,
    file: DataFile,
    footer: ArrowReaderMetadata,
    plan: Plan,
    selection: Selection,
}

impl Reading {
    /// Decodes on a thread of its own, a few batches ahead of the consumer.
    async fn local(self, path: &std::path::Path, schema: SchemaRef) -> Result<Rows, StoreError> {
        let opened = match LocalFile::open(path, self.footer.metadata()) {
            Ok(opened) => opened,
            Err(failed) => {
                return Err(unreadable(&self.source, self.version, &self.file, failed.into()).await);
            }
        };
        Ok(Rows::made_ahead(schema, move |outbox| {
            let Self { source, file, footer, plan, selection, .. } = self;
            let damaged = |failed| damaged(&source, &file, failed);
            let mut places = plan.places(&selection);
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(opened, footer);
            for batch in plan.prepare(builder, selection).build().map_err(damaged)? {
                let adapted = batch.and_then(|batch| plan.adapt(&batch, &file, &mut places));
                let adapted = adapted.map_err(|failed| damaged(failed.into()))?;
                if outbox.blocking_send(Ok(adapted)).is_err() {
                    break;
                }
            }
            Ok(())
        }))
    }

    fn remote(self, schema: SchemaRef) -> Result<Rows, StoreError> {
        let Self { source, version, file, footer, plan, selection } = self;
        let (reader, named) = (remote_file(&source, &file), file.clone());
        let mut places = plan.places(&selection);
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, footer);
        let stream = plan.prepare(builder, selection).build();
        let stream = stream.map_err(|failed| damaged(&source, &file, failed))?;
        let batches = stream
            .map(move |batch| batch.and_then(|batch| Ok(plan.adapt(&batch, &file, &mut places)?)))
            .or_else(move |failed| {
                let (source, file) = (source.clone(), named.clone());
                async move { Err(unreadable(&source, version, &file, failed).await) }
            });
        Ok(Rows::new(schema, batches))
    }
}

/// Says why a file of a state cannot be read. When it is not there, others may have removed it
/// since, or dropped the table, for what is deleted for good goes at once: that is no damage.
async fn unreadable(
    source: &Source,
    version: u64,
    file: &DataFile,
    failed: ParquetError,
) -> StoreError {
    if classify(&failed) == Some(ObjectReason::NotFound) {
        match removed_by(source, version, file).await {
            Ok(None) => {}
            Ok(Some(with)) => {
                return StoreError::Conflict { feature: source.feature.clone(), with, attempts: 1 };
            }
            Err(error) => return error,
        }
    }
    damaged(source, file, failed)
}

/// Who removed a file that a state of the table names.
async fn removed_by(
    source: &Source,
    version: u64,
    file: &DataFile,
) -> Result<Option<String>, StoreError> {
    let (place, folder) = (&source.place, &source.folder);
    if place.head(&log_entry::file(folder, version)).await?.is_none() {
        return Ok(Some("a drop of its table".to_owned()));
    }
    log_entry::remover(place, folder, version + 1, &file.path).await
}

/// Says what is wrong with a data file: storage, or its content.
fn damaged(source: &Source, file: &DataFile, failed: ParquetError) -> StoreError {
    match classify(&failed) {
        Some(ObjectReason::NotFound) => {
            source.corrupt(format!("data file `{}` is missing", file.path))
        }
        // A file that ends too early, or lacks its footer, is an I/O error to some readers.
        Some(ObjectReason::Other) | None => {
            source.corrupt(format!("data file `{}`: {}", file.path, error::one_line(&failed)))
        }
        Some(_) => {
            let location = source.place.shown(&format!("{}/{}", source.folder, file.path));
            error::storage("read", location, failed)
        }
    }
}
