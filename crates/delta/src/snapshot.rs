//! One state of a table.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use deltalake_core::{
    DeltaTable, DeltaTableError,
    kernel::{Action, LogicalFileView, Remove},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_base::FeatureKey;
use metalith_objects::classify;
use metalith_store::{Chunk, ChunkFacts, ChunkRequest, PartFacts, Rows, StoreError, Table};

use crate::{
    cache::Footers,
    data_file::{DataFile, is_elsewhere},
    error, facts, features,
    history::History,
    log_entry::{self, Obstacle},
    place::{Fingerprint, Place},
    read, schema, since,
};

/// After so many commits reading the whole log, which has checkpoints, is quicker.
const MANY_COMMITS: u64 = 64;

/// One state of a table.
pub(crate) struct Snapshot {
    pub(crate) feature: FeatureKey,
    /// The folder of the table, below the root.
    pub(crate) folder: String,
    pub(crate) place: Place,
    pub(crate) footers: Arc<Footers>,
    /// Delta's view of this state, or of an earlier one with the same columns and settings.
    pub(crate) delta: DeltaTable,
    /// What the log entry of this version looks like.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// Distinguishes the table from one that is created under its name later.
    pub(crate) id: String,
    pub(crate) schema: SchemaRef,
    pub(crate) version: u64,
    /// What the commits left behind since the state that `delta` is of.
    pub(crate) history: Arc<History>,
    /// Columns that are not in the data files.
    pub(crate) partitioned_by: HashSet<String>,
    pub(crate) files: Vec<DataFile>,
    chunks: Vec<Chunk>,
}

/// Where a snapshot is to be read from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) feature: FeatureKey,
    pub(crate) folder: String,
    pub(crate) place: Place,
    pub(crate) footers: Arc<Footers>,
}

impl Source {
    /// Reads the latest state of the table, or `None` when there is no table.
    pub(crate) async fn load(&self) -> Result<Option<Snapshot>, StoreError> {
        let log = format!("{}/{}", self.folder, crate::table_list::LOG);
        if self.place.local(&log).is_some_and(|log| !log.exists()) {
            return Ok(None);
        }
        let mut delta = DeltaTable::new(self.place.log_store(&self.folder)?);
        match delta.load().await {
            Ok(()) => self.snapshot(delta).await.map(Some),
            Err(DeltaTableError::NotATable(_)) => Ok(None),
            Err(source) => Err(self.unreadable(source).await),
        }
    }

    /// The table after what was committed since a snapshot was taken, read entry by entry.
    ///
    /// `None` when that is not all there is to it, e.g. columns changed: then the whole log tells.
    pub(crate) async fn advance(
        &self,
        old: &Arc<Snapshot>,
    ) -> Result<Option<Arc<Snapshot>>, StoreError> {
        let (mut version, mut fingerprint) = (old.version, old.fingerprint.clone());
        let mut since = Since::default();
        loop {
            let next = log_entry::file(&self.folder, version + 1);
            let Some((entry, seen)) = self.place.look(&next).await? else { break };
            let actions = log_entry::actions(&entry).filter(|it| !it.is_empty());
            let Some(actions) = actions.filter(|_| version < old.version + MANY_COMMITS) else {
                return Ok(None);
            };
            for action in actions {
                let Some(()) = since.take(action, version + 1) else { return Ok(None) };
            }
            (version, fingerprint) = (version + 1, Some(seen));
        }
        if version == old.version {
            return Ok(Some(Arc::clone(old)));
        }
        let Since { mut added, gone, tags, removed } = since;
        let kept = old.files.iter().filter(|file| !gone.contains(&file.path));
        added.extend(kept.map(|file| (file.clone(), true)));
        let files = self.counted(added).await?;
        // All that could fail has not: what is remembered is shared by all states that follow.
        tags.into_iter().for_each(|(tag, version)| old.history.note_tag(tag, version));
        removed.into_iter().for_each(|file| old.history.note_removed(file));
        Ok(Some(Arc::new(Snapshot {
            fingerprint,
            version,
            history: Arc::clone(&old.history),
            chunks: chunks(&files),
            files,
            delta: old.delta.clone(),
            id: old.id.clone(),
            schema: SchemaRef::clone(&old.schema),
            partitioned_by: old.partitioned_by.clone(),
            feature: self.feature.clone(),
            folder: self.folder.clone(),
            place: self.place.clone(),
            footers: Arc::clone(&self.footers),
        })))
    }

    async fn snapshot(&self, delta: DeltaTable) -> Result<Snapshot, StoreError> {
        let state = delta.snapshot().map_err(|source| self.corrupt(error::one_line(&source)))?;
        if let Some(feature) = features::unreadable(state) {
            return Err(self.unsupported(&feature));
        }
        let version = state.version();
        let fingerprint = self.place.head(&log_entry::file(&self.folder, version)).await?;
        if fingerprint.as_ref().is_some_and(|it| it.size == 0) {
            let name = format!("{}/{version:020}.json", crate::table_list::LOG);
            return Err(self.corrupt(format!("log entry `{name}` is empty")));
        }
        let arrow = schema::to_arrow(&state.schema())
            .map_err(|()| self.corrupt("its columns have types that do not exist"))?;
        let schema: SchemaRef = Arc::new(arrow);
        let views: Vec<LogicalFileView> = state.log_data().iter().collect();
        let files = self.data_files(views).await?;
        let chunks = chunks(&files);
        Ok(Snapshot {
            feature: self.feature.clone(),
            folder: self.folder.clone(),
            place: self.place.clone(),
            footers: Arc::clone(&self.footers),
            fingerprint,
            id: state.metadata().id().to_owned(),
            version,
            history: Arc::default(),
            partitioned_by: state.metadata().partition_columns().iter().cloned().collect(),
            schema,
            files,
            chunks,
            delta,
        })
    }

    async fn data_files(&self, views: Vec<LogicalFileView>) -> Result<Vec<DataFile>, StoreError> {
        let mut files: Vec<(DataFile, bool)> = Vec::with_capacity(views.len());
        for view in &views {
            if view.deletion_vector_descriptor().is_some() {
                return Err(self.unsupported("deletionVectors"));
            }
            let path = view.path().into_owned();
            if is_elsewhere(&path) {
                return Err(self.unsupported("data files outside of its folder"));
            }
            let rows = view.num_records();
            let file = DataFile {
                path,
                bytes: u64::try_from(view.size()).unwrap_or_default(),
                modified: view.modification_time(),
                rows: rows.unwrap_or_default(),
                partition: view.partition_values_map(),
            };
            files.push((file, rows.is_some()));
        }
        self.counted(files).await
    }

    /// Files in the order of their commits, with their rows counted where the log does not say.
    async fn counted(&self, mut files: Vec<(DataFile, bool)>) -> Result<Vec<DataFile>, StoreError> {
        files.sort_by(|(one, _), (other, _)| {
            (one.modified, &one.path).cmp(&(other.modified, &other.path))
        });
        stream::iter(files)
            .map(|(mut file, counted)| async move {
                if !counted {
                    file.rows = read::count_rows(self, &file).await?;
                }
                Ok(file)
            })
            .buffered(16)
            .try_collect()
            .await
    }

    /// Says why a table cannot be opened.
    async fn unreadable(&self, source: DeltaTableError) -> StoreError {
        let storage = classify(&source);
        match log_entry::obstacle(&self.place, &self.folder).await {
            Ok(Some(Obstacle::Damage(damage))) => self.corrupt(damage),
            Ok(Some(Obstacle::Feature(feature))) => self.unsupported(&feature),
            Err(error) => error,
            Ok(None) if storage.is_some() => {
                error::storage("read", self.place.shown(&self.folder), source)
            }
            Ok(None) => self.corrupt(error::one_line(&source)),
        }
    }

    pub(crate) fn corrupt(&self, detail: impl Into<String>) -> StoreError {
        error::corrupt(&self.feature, self.place.shown(&self.folder), detail)
    }

    fn unsupported(&self, feature: &str) -> StoreError {
        StoreError::Unsupported {
            location: self.place.shown(&self.folder),
            what: format!("be read: the table uses `{feature}`"),
        }
    }
}

/// What commits changed.
#[derive(Default)]
struct Since {
    /// Files, and whether the log says how many rows they have.
    added: Vec<(DataFile, bool)>,
    /// Paths of which what was said before does not hold any more.
    gone: HashSet<String>,
    /// Tags of commits that happen only once, with the versions that they made.
    tags: Vec<(String, u64)>,
    removed: Vec<Remove>,
}

impl Since {
    /// Takes an action into account; `None` when it changes more than files.
    fn take(&mut self, action: Action, version: u64) -> Option<()> {
        match action {
            Action::Add(add) => {
                // Adding a file again replaces what was said about it.
                self.forget(&add.path);
                self.added.push(DataFile::added(add)?);
            }
            Action::Remove(remove) => {
                self.forget(&remove.path);
                self.removed.push(remove);
            }
            Action::Metadata(_) | Action::Protocol(_) => return None,
            Action::Txn(transaction) => {
                self.tags.push((transaction.app_id, version));
            }
            Action::Cdc(_) | Action::CommitInfo(_) | Action::DomainMetadata(_) => {}
        }
        Some(())
    }

    fn forget(&mut self, path: &str) {
        self.added.retain(|(file, _)| file.path != path);
        self.gone.insert(path.to_owned());
    }
}

/// Whether a file was added that has rows, or may have.
fn has_rows(action: &Action) -> bool {
    let Action::Add(add) = action else { return false };
    add.get_stats().ok().flatten().is_none_or(|stats| stats.num_records != 0)
}

fn chunks(files: &[DataFile]) -> Vec<Chunk> {
    files.iter().map(|it| Chunk { rows: it.rows, bytes: it.bytes }).collect()
}

impl Snapshot {
    pub(crate) fn source(&self) -> Source {
        Source {
            feature: self.feature.clone(),
            folder: self.folder.clone(),
            place: self.place.clone(),
            footers: Arc::clone(&self.footers),
        }
    }

    /// The time of the last commit, in the milliseconds that order chunks.
    pub(crate) fn last_modified(&self) -> i64 {
        self.files.last().map_or(0, |file| file.modified)
    }

    /// The columns that data files have.
    pub(crate) fn file_schema(&self) -> Schema {
        let fields = self.schema.fields().iter();
        let fields = fields.filter(|it| !self.partitioned_by.contains(it.name()));
        Schema::new(fields.map(Arc::clone).collect::<Vec<_>>())
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("feature", &self.feature)
            .field("location", &self.place.shown(&self.folder))
            .field("version", &self.version)
            .field("chunks", &self.chunks.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Table for Snapshot {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    fn skips_rows(&self) -> bool {
        true
    }

    async fn has_held_rows(&self) -> Result<bool, StoreError> {
        if self.chunks.iter().any(|chunk| chunk.rows > 0) {
            return Ok(true);
        }
        for version in 0..=self.version {
            let entry = self.place.get(&log_entry::file(&self.folder, version)).await?;
            // An entry that was cleaned up, or that is not understood, may have added rows.
            let Some(actions) = entry.and_then(|entry| log_entry::actions(&entry)) else {
                return Ok(true);
            };
            if actions.iter().any(has_rows) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn has_commit(&self, tag: &str) -> Result<bool, StoreError> {
        if self.history.has_tag(tag, self.version) {
            return Ok(true);
        }
        let failed = |failed| error::storage("read", self.place.shown(&self.folder), failed);
        let log_store = self.delta.log_store();
        let state = self.delta.snapshot().map_err(failed)?;
        if let Some(tags) = self.history.before(&self.place, &self.folder, state.version()).await? {
            return Ok(tags.contains(tag));
        }
        let found = state.transaction_version(log_store.as_ref(), tag).await;
        Ok(found.map_err(failed)?.is_some())
    }

    async fn mark(&self) -> Result<Option<String>, StoreError> {
        since::mark(self).await
    }

    async fn added_since(
        &self,
        version: u64,
        mark: &str,
    ) -> Result<Option<Vec<usize>>, StoreError> {
        since::added_since(self, version, mark).await
    }

    async fn chunk_facts(&self, chunk: usize, columns: &[usize]) -> Result<ChunkFacts, StoreError> {
        facts::chunk_facts(self, chunk, columns).await
    }

    async fn part_facts(
        &self,
        chunk: usize,
        columns: &[usize],
    ) -> Result<Vec<PartFacts>, StoreError> {
        facts::part_facts(self, chunk, columns).await
    }

    async fn read_chunk(&self, chunk: usize, request: ChunkRequest) -> Result<Rows, StoreError> {
        read::read_chunk(self, chunk, request).await
    }
}
