//! The contract between the store and the place where its tables live.

use std::{any::Any, collections::BTreeMap, fmt, ops::Range, sync::Arc};

use async_trait::async_trait;
use datafusion::arrow::{buffer::BooleanBuffer, datatypes::SchemaRef};
use metalith_base::FeatureKey;
use serde::{Deserialize, Serialize};

use crate::{ChunkFacts, HashSettings, Mode, PartFacts, Resolver, Rows, StoreError};

/// The folder of a store in which stores of their own lie, one for each space. Their tables are not
/// its tables.
pub const SPACES: &str = "spaces";

/// A place that keeps append-only tables, one per feature, and the marker of the store.
///
/// # Contract
///
/// - [`append`](Self::append) is atomic: a reader sees all of the rows or none of them, also after
///   a crash in the middle. If the rows end in an error, nothing is committed.
/// - [`replace`](Self::replace) is atomic in the same way, and fails with
///   [`StoreError::Conflict`] if one of the replaced chunks is not there any more.
/// - A commit whose note names a [`Precondition`] that does not hold fails with
///   [`StoreError::Conflict`], whoever changed the table.
/// - A commit whose note says [`once`](CommitNote::once) does nothing if the table has a commit of
///   that tag already, and leaves the tag behind in the same act as its rows.
/// - A table opened with [`open_table`](Self::open_table) is a snapshot: later commits do not
///   change what it reads, though maintenance that is asked to may remove its files.
/// - Readers take no lock and writers do not wait for readers. Two appends at once both succeed.
/// - An append whose rows have columns that the table lacks adds these columns; rows stored
///   before read as NULL there, also inside structs. A column that exists with another type is an
///   error and nothing is committed.
/// - Every method is safe to call from many tasks on one handle, and to repeat after a failure.
///
/// The contract is executable: `metalith_testkit::backend_contract`.
///
/// This trait is for implementors and stays minimal; callers use [`Store`](crate::Store).
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Where it is, as a person would write it: a path, an address, or `memory`.
    fn location(&self) -> String;

    /// Which files it consists of.
    fn own_files(&self) -> OwnFiles {
        OwnFiles::Below(self.location())
    }

    /// Told what comes, before anything else is asked: a file that this process only reads may be
    /// read by others meanwhile.
    async fn prepare_for(&self, _mode: Mode) -> Result<(), StoreError> {
        Ok(())
    }

    /// The marker of the store, or what is there instead.
    async fn marker(&self) -> Result<MarkerState, StoreError>;

    /// Records the marker, unless there is one already: then that one stays and is returned.
    async fn create(&self, marker: StoreMarker) -> Result<StoreMarker, StoreError>;

    /// The features that have a table here, system tables included, by key.
    async fn tables(&self) -> Result<Vec<FeatureKey>, StoreError>;

    /// The stores that lie below this one, in [`SPACES`], by name. Whoever deletes objects asks
    /// them whether they name the same ones, so leaving one out can cost data. None, where stores
    /// cannot lie in each other.
    async fn spaces(&self) -> Result<BTreeMap<String, Arc<dyn Backend>>, StoreError>;

    /// The table of a feature as it is now, or `None` when it has none.
    async fn open_table(&self, feature: &FeatureKey) -> Result<Option<Arc<dyn Table>>, StoreError>;

    /// Adds rows at the end of a feature's table in one commit, creating the table if need be.
    async fn append(
        &self,
        feature: &FeatureKey,
        rows: Rows,
        note: CommitNote,
    ) -> Result<Commit, StoreError>;

    /// Puts rows in the place of whole chunks of a snapshot, in one commit.
    async fn replace(
        &self,
        feature: &FeatureKey,
        replacement: Replacement,
        note: CommitNote,
    ) -> Result<Commit, StoreError>;

    /// Removes a feature's table with everything in it; `false` when there was none.
    async fn drop_table(&self, feature: &FeatureKey) -> Result<bool, StoreError>;

    /// Removes files that no snapshot younger than `keep` needs.
    async fn vacuum(&self, feature: &FeatureKey, request: Vacuum) -> Result<Vacuumed, StoreError>;

    /// What finds increments next to the rows, if this place computes.
    fn resolver(&self) -> Option<&dyn Resolver> {
        None
    }

    /// What changes several tables in one act, if this place can.
    fn transactions(&self) -> Option<&dyn Transactions> {
        None
    }
}

/// The files that a store consists of. Whoever deletes objects keeps them, whatever a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnFiles {
    /// None that has an address: it is in memory, or a server has it.
    None,
    /// The marker, and the folders of tables, wherever below this address.
    Below(String),
    /// This file, and those beside it whose names begin with its name.
    File(String),
}

/// What changes several tables in one act.
#[async_trait]
pub trait Transactions: Send + Sync {
    /// Makes all of the changes or none, also after a crash in the middle, and tells what became
    /// of each in turn. Nobody sees some of them without the others.
    ///
    /// A table may be changed more than once. What the changes need of it they need of its state
    /// before the first of them.
    async fn commit_together(&self, changes: Vec<TableChange>) -> Result<Vec<Commit>, StoreError>;
}

/// One commit to one table.
#[derive(Debug)]
pub struct TableChange {
    /// The feature whose table it is.
    pub feature: FeatureKey,
    /// What is done to it.
    pub action: TableAction,
    /// What the table remembers about it, and needs for it.
    pub note: CommitNote,
}

/// What a commit does to the rows of a table.
#[derive(Debug)]
pub enum TableAction {
    /// Adds rows at the end, as [`Backend::append`] does.
    Append(Rows),
    /// Puts rows in the place of others, as [`Backend::replace`] does.
    Replace(Replacement),
}

/// One state of a feature's table.
#[async_trait]
pub trait Table: Any + fmt::Debug + Send + Sync {
    /// The columns, user columns and system columns alike.
    fn schema(&self) -> SchemaRef;

    /// A number that grows with every commit to this table.
    fn version(&self) -> u64;

    /// The chunks, in the order in which they were committed.
    fn chunks(&self) -> &[Chunk];

    /// Whether there are rows in it, or ever were: a table that was made and never filled is told
    /// from one that was emptied. Where that cannot be known any more, it was.
    async fn has_held_rows(&self) -> Result<bool, StoreError>;

    /// Whether a commit was made [`once`](CommitNote::once) under a tag.
    async fn has_commit(&self, tag: &str) -> Result<bool, StoreError>;

    /// Whether a few scattered rows of a chunk are read with less effort than all of them.
    fn skips_rows(&self) -> bool {
        false
    }

    /// What is known of a chunk without reading its rows, about these columns in particular.
    /// A place that keeps no such facts knows nothing.
    async fn chunk_facts(
        &self,
        _chunk: usize,
        _columns: &[usize],
    ) -> Result<ChunkFacts, StoreError> {
        Ok(ChunkFacts::default())
    }

    /// The same of parts of a chunk, in their order, of which the chunk consists. A place that knows of
    /// no parts tells of none.
    async fn part_facts(
        &self,
        _chunk: usize,
        _columns: &[usize],
    ) -> Result<Vec<PartFacts>, StoreError> {
        Ok(Vec::new())
    }

    /// What tells this state of the table from every other, also from one of the same number in a
    /// copy that went its own way. `None` where that is not known.
    async fn mark(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    /// The chunks with the rows that were added since an earlier state, perhaps beside others with which
    /// they were put together, if nothing else has happened to the table's content and columns since.
    /// `None` where that is not known.
    async fn added_since(
        &self,
        _version: u64,
        _mark: &str,
    ) -> Result<Option<Vec<usize>>, StoreError> {
        Ok(None)
    }

    /// Reads a chunk, in the order in which its rows were written.
    ///
    /// The result has exactly the columns asked for, in that order and with the types of
    /// [`schema`](Self::schema).
    async fn read_chunk(&self, chunk: usize, request: ChunkRequest) -> Result<Rows, StoreError>;
}

/// A part of a table that is read and replaced as a whole, such as a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// How many rows it has.
    pub rows: usize,
    /// How many bytes it takes where it is stored.
    pub bytes: u64,
}

/// What to read of a chunk.
#[derive(Clone, Debug, Default)]
pub struct ChunkRequest {
    /// Positions of columns in the table's schema.
    pub columns: Vec<usize>,
    /// Only rows at these positions of the chunk; `None` for all.
    pub range: Option<Range<usize>>,
    /// Of the whole chunk, which rows to return; `None` for all. As long as the chunk has rows.
    pub rows: Option<BooleanBuffer>,
}

/// Rows that take the place of chunks.
#[derive(Debug)]
pub struct Replacement {
    /// The snapshot that the chunks are of.
    pub table: Arc<dyn Table>,
    /// Positions of the chunks that go.
    pub chunks: Vec<usize>,
    /// The rows that come in their place, perhaps none.
    pub rows: Rows,
    /// Whether the rows are the same ones in another form (compaction) or fewer (deletion).
    pub change: Change,
}

/// What a replacement does to the content of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The same rows, stored otherwise.
    Layout,
    /// Rows are gone.
    Content,
}

/// What the log of a table says about a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitNote {
    /// The operation, e.g. `write`, `delete`, `restore`, `compact`.
    pub operation: &'static str,
    /// Further facts by name, e.g. the actor or the id of a deletion.
    pub details: Vec<(&'static str, String)>,
    /// What must still hold; otherwise it is a conflict.
    pub precondition: Precondition,
    /// A tag by which the commit can be told to have happened, and under which nothing is
    /// committed a second time. For work that is repeated after a crash.
    pub once: Option<String>,
    /// Columns in which all rows of the commit differ and none is NULL, as the caller makes sure.
    /// A place may remember that, and tell it with [`Table::chunk_facts`].
    pub distinct: Vec<String>,
}

/// What a commit needs of the table that it is made to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// There is no table yet.
    NoTable,
    /// It is still at this version. For rows that were computed from the table itself, such as
    /// tombstones.
    Version(u64),
}

impl CommitNote {
    /// A note with nothing but the operation.
    pub fn new(operation: &'static str) -> Self {
        Self {
            operation,
            details: Vec::new(),
            precondition: Precondition::None,
            once: None,
            distinct: Vec::new(),
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// Adds who is working, if that is known.
    #[must_use]
    pub fn by(self, actor: Option<&str>) -> Self {
        match actor {
            Some(actor) => self.with("actor", actor),
            None => self,
        }
    }

    /// Makes the commit depend on the version of the table that its rows were computed from.
    #[must_use]
    pub fn only_at(mut self, version: u64) -> Self {
        self.precondition = Precondition::Version(version);
        self
    }

    /// Makes the commit depend on there being no table yet.
    #[must_use]
    pub fn only_new(mut self) -> Self {
        self.precondition = Precondition::NoTable;
        self
    }

    /// Promises that all rows differ in these columns and none is NULL there.
    #[must_use]
    pub fn distinct(mut self, columns: &[String]) -> Self {
        self.distinct = columns.to_vec();
        self
    }

    /// Lets the commit happen at most once under a tag.
    #[must_use]
    pub fn once(mut self, tag: impl Into<String>) -> Self {
        self.once = Some(tag.into());
        self
    }
}

/// What a commit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The version of the table after it.
    pub version: u64,
    /// Rows written.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Whether it was made now. Otherwise one of its tag had been made before, and nothing
    /// happened.
    pub is_new: bool,
}

/// What to remove when vacuuming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vacuum {
    /// How long files that are not needed any more are kept for readers of older snapshots.
    pub keep: std::time::Duration,
    /// Only say what would be removed.
    pub dry_run: bool,
}

/// What vacuuming removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// Files removed, or to remove in a dry run.
    pub files: u64,
    /// Their size, as far as known.
    pub bytes: u64,
    /// Whether nobody is handed these rows any more, and yet the disk has their bytes until others
    /// are written in their place. So it is in most databases.
    pub overwritten_later: bool,
}

/// The record that makes a place a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreMarker {
    /// Version of the layout of the store; this build writes and reads [`StoreMarker::FORMAT`].
    pub format: u32,
    /// How samples are hashed.
    pub hash: HashSettings,
}

impl StoreMarker {
    /// The layout that this build writes.
    pub const FORMAT: u32 = 1;
}

/// What is at a place where a store is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkerState {
    /// A store of ours.
    Store(StoreMarker),
    /// Feature tables, but no marker: a store that another system wrote.
    Foreign,
    /// Nothing at all.
    Empty,
    /// Something else; the text names what was found.
    Occupied(String),
}
