//! One state of a feature's table.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use metalith_base::FeatureKey;
use metalith_store::{
    Chunk, ChunkFacts, ChunkRequest, ColumnFacts, Distinct, Rows, StoreError, Table,
};

use crate::{
    catalog::{self, Content, Entry, Glance, StoredChunk},
    connection::Connection,
    failure::Stop,
    feature_table::{self, Unknown},
    pool::Pool,
    read, small,
};

/// One state of a feature's table.
#[derive(Clone, Debug)]
pub(crate) struct SqlTable {
    pub(crate) pool: Arc<Pool>,
    pub(crate) feature: FeatureKey,
    pub(crate) columns: SchemaRef,
    table_id: String,
    version: i64,
    /// That of the commit that made this state.
    mark: Option<String>,
    has_held: bool,
    sizes: Arc<[Chunk]>,
    chunks: Arc<[StoredChunk]>,
    /// How many rows others have put there, which have no chunk yet.
    loose: usize,
    /// Whether the table has the hidden columns.
    pub(crate) has_hidden: bool,
    /// Held by who reads chunks for all.
    pub(crate) filling: Arc<tokio::sync::Mutex<()>>,
}

/// Where the rows of a chunk are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// They have its number.
    Chunk(i64),
    /// They are the rows without a number, of which there were so many.
    Loose(usize),
}

impl SqlTable {
    /// The table as it is now, if there is one. A state that is known already, and still the latest,
    /// is that one.
    pub(crate) fn open(
        connection: &mut Connection,
        pool: &Arc<Pool>,
        feature: &FeatureKey,
        known: Option<&Arc<Self>>,
    ) -> Result<Option<Arc<Self>>, Stop> {
        // It fails when the table is gone, for whatever reason, which the long way tells.
        let seen = known.and_then(|_| catalog::glance(connection, feature).ok().flatten());
        if let (Some(seen), Some(known)) = (&seen, known)
            && known.is_seen(seen)
        {
            return Ok(Some(Arc::clone(known)));
        }
        let mut entry = match seen {
            Some(seen) => Some(seen.entry),
            None => first_entry(connection, pool, feature)?,
        };
        let content = loop {
            let Some(found) = entry.as_ref().filter(|entry| entry.is_there) else { break None };
            let content = catalog::content(connection, feature, found)
                .map_err(|failure| feature_table::expect_table(connection, feature, failure))?;
            if content.is_some() {
                break content;
            }
            entry = catalog::entry(connection, feature, false)?;
        };
        let (entry, content, has_hidden) = match (entry, content) {
            (Some(entry), Some(content)) => (entry, content, true),
            (Some(_) | None, _) => match feature_table::unknown(connection, feature)? {
                Unknown::Nothing | Unknown::OfFeature(_) | Unknown::Other => return Ok(None),
                Unknown::OfMetaxy(columns) => {
                    let loose = feature_table::loose_rows(connection, feature, false)?;
                    (of_others(columns), Content { loose, ..Content::default() }, false)
                }
            },
        };
        Ok(Some(Arc::new(Self::of(pool, feature, (entry, has_hidden), content))))
    }

    fn of(
        pool: &Arc<Pool>,
        feature: &FeatureKey,
        (entry, has_hidden): (Entry, bool),
        content: Content,
    ) -> Self {
        let Content { chunks, loose, mark } = content;
        let mut sizes: Vec<Chunk> = chunks.iter().map(|chunk| chunk.size).collect();
        if loose > 0 {
            sizes.push(Chunk { rows: loose, bytes: 1 });
        }
        let Entry { table_id, version, columns, has_held, .. } = entry;
        Self {
            pool: Arc::clone(pool),
            feature: feature.clone(),
            columns,
            table_id,
            version,
            mark,
            has_held: has_held || loose > 0,
            sizes: sizes.into(),
            chunks: chunks.into(),
            loose,
            has_hidden,
            filling: Arc::default(),
        }
    }

    /// Whether this is the state that somebody saw. Of the same number there may be another, in a
    /// copy that went its own way.
    fn is_seen(&self, seen: &Glance) -> bool {
        let Glance { entry, mark, loose } = seen;
        self.has_hidden
            && entry.is_there
            && entry.table_id == self.table_id
            && entry.version == self.version
            && mark.is_some()
            && *mark == self.mark
            && *loose == self.loose
    }

    /// Its name in the database.
    pub(crate) fn name(&self) -> String {
        feature_table::name(self.pool.place(), &self.feature)
    }

    pub(crate) fn table_id(&self) -> &str {
        &self.table_id
    }

    /// The number of this state: each row that others put there counts as a commit, so that whoever
    /// computed from the table without it is told.
    pub(crate) fn number(&self) -> u64 {
        number_of(self.version, self.loose, self.has_hidden)
    }

    /// The version that the catalog knows.
    pub(crate) fn recorded_version(&self) -> i64 {
        self.version
    }

    /// Whether nothing was committed to the table since it was opened.
    pub(crate) fn is_latest(&self, connection: &mut Connection) -> Result<bool, Stop> {
        let entry = match catalog::is_there(connection)? {
            true => catalog::entry(connection, &self.feature, false)?.filter(|it| it.is_there),
            false => None,
        };
        Ok(match entry {
            Some(entry) => entry.table_id == self.table_id && entry.version == self.version,
            None => !self.has_hidden,
        })
    }

    /// Whether the store still has this table, and not one that came after a drop.
    pub(crate) fn is_there(&self, connection: &mut Connection) -> Result<bool, Stop> {
        let entry = catalog::entry(connection, &self.feature, false)?;
        Ok(entry.is_some_and(|it| it.is_there && it.table_id == self.table_id))
    }

    /// Whether the latest state still has a chunk of this one. Then its rows should be there.
    pub(crate) fn is_current(&self, connection: &mut Connection, chunk: i64) -> Result<bool, Stop> {
        let entry = catalog::entry(connection, &self.feature, false)?;
        let Some(entry) = entry.filter(|it| it.is_there && it.table_id == self.table_id) else {
            return Ok(false);
        };
        let chunks = catalog::chunks(connection, &self.feature, entry.version)?;
        Ok(chunks.iter().any(|it| it.id == chunk))
    }

    /// Where the rows of a chunk are.
    pub(crate) fn part(&self, chunk: usize) -> Result<Part, StoreError> {
        match self.chunks.get(chunk) {
            Some(stored) => Ok(Part::Chunk(stored.id)),
            None if chunk == self.chunks.len() && self.loose > 0 => Ok(Part::Loose(self.loose)),
            None => Err(StoreError::Corrupt {
                feature: self.feature.clone(),
                location: self.pool.place().shown().to_owned(),
                detail: format!("chunk {chunk} does not exist"),
            }),
        }
    }

    /// The chunks that the catalog knows.
    pub(crate) fn stored(&self) -> &[StoredChunk] {
        &self.chunks
    }

    /// How many rows have no chunk, and whether any has one.
    pub(crate) fn loose_and_chunked(&self) -> (usize, bool) {
        (self.loose, !self.chunks.is_empty())
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Connection, &FeatureKey, i64) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (feature, version) = (self.feature.clone(), self.version);
        self.pool.with("read", move |_, connection| question(connection, &feature, version)).await
    }
}

/// The number of a state: the recorded version, and the rows that others added since.
pub(crate) fn number_of(version: i64, loose: usize, has_hidden: bool) -> u64 {
    let loose = if has_hidden { loose as u64 } else { 0 };
    u64::try_from(version).unwrap_or_default().saturating_add(loose)
}

/// What the catalog says about a table that is not known yet.
fn first_entry(
    connection: &mut Connection,
    pool: &Pool,
    feature: &FeatureKey,
) -> Result<Option<Entry>, Stop> {
    if !pool.knows_catalog() && !catalog::is_there(connection)? {
        return Ok(None);
    }
    match catalog::entry(connection, feature, false) {
        Ok(entry) => {
            pool.set_knows_catalog(true);
            Ok(entry)
        }
        // Somebody may have removed all of it.
        Err(stop) => match catalog::is_there(connection) {
            Ok(false) => {
                pool.set_knows_catalog(false);
                Ok(None)
            }
            Ok(true) | Err(_) => Err(stop),
        },
    }
}

/// What would stand in the catalog about a table of others.
fn of_others(columns: SchemaRef) -> Entry {
    Entry { has_held: true, ..Entry::after(None, columns) }
}

#[async_trait]
impl Table for SqlTable {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.columns)
    }

    fn version(&self) -> u64 {
        self.number()
    }

    fn chunks(&self) -> &[Chunk] {
        &self.sizes
    }

    async fn has_held_rows(&self) -> Result<bool, StoreError> {
        Ok(self.has_held)
    }

    async fn has_commit(&self, tag: &str) -> Result<bool, StoreError> {
        if !self.has_hidden {
            return Ok(false);
        }
        let tag = tag.to_owned();
        self.ask(move |connection, feature, version| {
            Ok(catalog::has_tag(connection, feature, &tag, version)?)
        })
        .await
    }

    async fn chunk_facts(&self, chunk: usize, columns: &[usize]) -> Result<ChunkFacts, StoreError> {
        let Some(stored) = self.chunks.get(chunk).filter(|it| !it.distinct.is_empty()) else {
            return Ok(ChunkFacts::default());
        };
        let write = format!("{}/{}", self.table_id, stored.id);
        let distinct = Some(Distinct { write, part: 0, columns: stored.distinct.clone() });
        Ok(ChunkFacts { distinct, columns: vec![ColumnFacts::default(); columns.len()] })
    }

    async fn mark(&self) -> Result<Option<String>, StoreError> {
        // Rows of others are in no commit.
        if !self.has_hidden || self.loose > 0 {
            return Ok(None);
        }
        Ok(self.mark.clone())
    }

    async fn added_since(
        &self,
        version: u64,
        mark: &str,
    ) -> Result<Option<Vec<usize>>, StoreError> {
        let Ok(after) = i64::try_from(version) else { return Ok(None) };
        if !self.has_hidden || self.loose > 0 || after > self.version {
            return Ok(None);
        }
        let mark = mark.to_owned();
        let only_added = self.ask(move |connection, feature, until| {
            let known = catalog::mark(connection, feature, after)?;
            Ok(known == Some(mark) && catalog::only_added(connection, feature, (after, until))?)
        });
        if !only_added.await? {
            return Ok(None);
        }
        // A chunk that compaction made is not told from what was added, and stands for the whole.
        let added = self.chunks.iter().enumerate().filter(|(_, chunk)| chunk.added_in > after);
        Ok(Some(added.map(|(place, _)| place).collect()))
    }

    async fn read_chunk(&self, chunk: usize, request: ChunkRequest) -> Result<Rows, StoreError> {
        match small::rows(self, chunk, &request).await {
            Some(rows) => small::chosen(&rows, &request),
            None => read::read_chunk(self, chunk, request).await,
        }
    }
}
