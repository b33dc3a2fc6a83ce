//! A store in memory, with the same behaviour as every other, for tests and experiments.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use datafusion::arrow::{
    array::{BooleanArray, RecordBatch},
    compute::{concat_batches, filter_record_batch},
    datatypes::SchemaRef,
};
use metalith_base::FeatureKey;

use crate::{
    Backend, Chunk, ChunkRequest, Commit, CommitNote, MarkerState, OwnFiles, Precondition,
    Replacement, Rows, StoreError, StoreMarker, Table, Vacuum, Vacuumed,
    evolution::{adapt_batch, merge_schemas},
};

/// Tables in memory. Everything is gone when the last handle is dropped.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    marker: Option<StoreMarker>,
    tables: BTreeMap<FeatureKey, Arc<MemoryTable>>,
}

#[derive(Debug)]
struct MemoryTable {
    schema: SchemaRef,
    version: u64,
    chunks: Vec<Chunk>,
    batches: Vec<RecordBatch>,
    /// Tells chunks of different commits apart, for [`Backend::replace`].
    ids: Vec<u64>,
    next_id: u64,
    /// Of commits that happen only once.
    tags: BTreeSet<String>,
    has_held_rows: bool,
}

impl MemoryBackend {
    /// An empty place.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere cannot leave the state half changed: every change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Backend for MemoryBackend {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn own_files(&self) -> OwnFiles {
        OwnFiles::None
    }

    async fn marker(&self) -> Result<MarkerState, StoreError> {
        let state = self.state();
        Ok(match (&state.marker, state.tables.is_empty()) {
            (Some(marker), _) => MarkerState::Store(marker.clone()),
            (None, true) => MarkerState::Empty,
            (None, false) => MarkerState::Foreign,
        })
    }

    async fn create(&self, marker: StoreMarker) -> Result<StoreMarker, StoreError> {
        Ok(self.state().marker.get_or_insert(marker).clone())
    }

    async fn spaces(&self) -> Result<BTreeMap<String, Arc<dyn Backend>>, StoreError> {
        // It has no folders for others to lie in.
        Ok(BTreeMap::new())
    }

    async fn tables(&self) -> Result<Vec<FeatureKey>, StoreError> {
        Ok(self.state().tables.keys().cloned().collect())
    }

    async fn open_table(&self, feature: &FeatureKey) -> Result<Option<Arc<dyn Table>>, StoreError> {
        let table = self.state().tables.get(feature).cloned();
        Ok(table.map(|table| table as Arc<dyn Table>))
    }

    async fn append(
        &self,
        feature: &FeatureKey,
        rows: Rows,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        let schema = rows.schema();
        let batches = rows.collect().await?;
        let mut state = self.state();
        let old = state.tables.get(feature).map(Arc::as_ref);
        if let Some(done) = done_before(old, &note) {
            return Ok(done);
        }
        require(feature, old, &note)?;
        let table = MemoryTable::after(feature, old, &schema, &[], &batches)?;
        Ok(commit(&mut state, feature, table, &batches, note))
    }

    async fn replace(
        &self,
        feature: &FeatureKey,
        replacement: Replacement,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        let schema = replacement.rows.schema();
        let batches = replacement.rows.collect().await?;
        let mut state = self.state();
        let old = state.tables.get(feature).map(Arc::as_ref);
        if let Some(done) = done_before(old, &note) {
            return Ok(done);
        }
        let snapshot: &dyn std::any::Any = replacement.table.as_ref();
        let ids = match (old, snapshot.downcast_ref::<MemoryTable>()) {
            (Some(old), Some(snapshot)) => {
                let ids: Vec<u64> = replacement
                    .chunks
                    .iter()
                    .filter_map(|it| snapshot.ids.get(*it))
                    .copied()
                    .collect();
                ids.iter().all(|id| old.ids.contains(id)).then_some(ids)
            }
            _ => None,
        };
        let Some(ids) = ids else {
            return Err(conflict(feature, old));
        };
        require(feature, old, &note)?;
        let table = MemoryTable::after(feature, old, &schema, &ids, &batches)?;
        Ok(commit(&mut state, feature, table, &batches, note))
    }

    async fn drop_table(&self, feature: &FeatureKey) -> Result<bool, StoreError> {
        Ok(self.state().tables.remove(feature).is_some())
    }

    async fn vacuum(
        &self,
        _feature: &FeatureKey,
        _request: Vacuum,
    ) -> Result<Vacuumed, StoreError> {
        Ok(Vacuumed::default())
    }
}

fn require(
    feature: &FeatureKey,
    table: Option<&MemoryTable>,
    note: &CommitNote,
) -> Result<(), StoreError> {
    let holds = match note.precondition {
        Precondition::None => true,
        Precondition::NoTable => table.is_none(),
        Precondition::Version(version) => table.is_some_and(|it| it.version == version),
    };
    if holds { Ok(()) } else { Err(conflict(feature, table)) }
}

/// The answer to a commit that was made already.
fn done_before(table: Option<&MemoryTable>, note: &CommitNote) -> Option<Commit> {
    let (table, tag) = (table?, note.once.as_ref()?);
    table.tags.contains(tag).then_some(Commit {
        version: table.version,
        rows: 0,
        bytes: 0,
        is_new: false,
    })
}

fn conflict(feature: &FeatureKey, table: Option<&MemoryTable>) -> StoreError {
    let with = match table {
        Some(table) => format!("the commit of version {}", table.version),
        None => "a drop".to_owned(),
    };
    StoreError::Conflict { feature: feature.clone(), with, attempts: 1 }
}

fn commit(
    state: &mut State,
    feature: &FeatureKey,
    mut table: MemoryTable,
    batches: &[RecordBatch],
    note: CommitNote,
) -> Commit {
    let version = table.version;
    table.tags.extend(note.once);
    state.tables.insert(feature.clone(), Arc::new(table));
    Commit {
        version,
        rows: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
        bytes: batches.iter().map(|batch| batch.get_array_memory_size() as u64).sum(),
        is_new: true,
    }
}

impl MemoryTable {
    /// The table after a commit that removes the chunks with `removed` ids and adds `batches`.
    fn after(
        feature: &FeatureKey,
        old: Option<&Self>,
        schema: &SchemaRef,
        removed: &[u64],
        batches: &[RecordBatch],
    ) -> Result<Self, StoreError> {
        let schema = match old {
            Some(old) => merge_schemas(&old.schema, schema)
                .map_err(|problem| StoreError::rows(feature, problem))?,
            None => SchemaRef::clone(schema),
        };
        let mut table = Self {
            schema,
            version: old.map_or(0, |old| old.version + 1),
            chunks: Vec::new(),
            batches: Vec::new(),
            ids: Vec::new(),
            next_id: old.map_or(0, |old| old.next_id),
            tags: old.map(|old| old.tags.clone()).unwrap_or_default(),
            has_held_rows: old.is_some_and(|old| old.has_held_rows),
        };
        if let Some(old) = old {
            for (batch, id) in old.batches.iter().zip(&old.ids) {
                if !removed.contains(id) {
                    table.push(adapt_batch(batch, &table.schema)?, *id);
                }
            }
        }
        if !batches.is_empty() {
            let added =
                concat_batches(batches[0].schema_ref(), batches).map_err(StoreError::arrow)?;
            let id = table.next_id;
            table.next_id += 1;
            table.push(adapt_batch(&added, &table.schema)?, id);
        }
        Ok(table)
    }

    fn push(&mut self, batch: RecordBatch, id: u64) {
        let bytes = batch.get_array_memory_size() as u64;
        self.has_held_rows |= batch.num_rows() > 0;
        self.chunks.push(Chunk { rows: batch.num_rows(), bytes });
        self.batches.push(batch);
        self.ids.push(id);
    }
}

#[async_trait]
impl Table for MemoryTable {
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
        Ok(self.has_held_rows)
    }

    async fn has_commit(&self, tag: &str) -> Result<bool, StoreError> {
        Ok(self.tags.contains(tag))
    }

    async fn read_chunk(&self, chunk: usize, request: ChunkRequest) -> Result<Rows, StoreError> {
        let whole = self.batches[chunk].project(&request.columns).map_err(StoreError::arrow)?;
        let range = request.range.unwrap_or(0..whole.num_rows());
        let mut batch = whole.slice(range.start, range.len());
        if let Some(rows) = request.rows {
            let mask = BooleanArray::new(rows.slice(range.start, range.len()), None);
            batch = filter_record_batch(&batch, &mask).map_err(StoreError::arrow)?;
        }
        Ok(Rows::from_batch(batch))
    }
}
