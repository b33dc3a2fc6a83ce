//! The store as its callers see it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use datafusion::{
    execution::{SendableRecordBatchStream, session_state::SessionStateBuilder},
    logical_expr::LogicalPlan,
    prelude::{SessionConfig, SessionContext},
};
use futures::TryStreamExt as _;
use metalith_base::{Clock, FeatureKey, Timestamp};
use metalith_graph::{Feature, FeatureGraph};

use crate::{
    Backend, Compute, HashSettings, MarkerState, Notes, OwnFiles, PlaceProblem, Rows, SpaceOf,
    StoreError, StoreMarker, Table, chunk_scan::Selection, current::Visibility,
    selections::Selections, system::is_system, turns::Turns, written::Written,
};

/// A store that is open.
///
/// Cheap to clone; all clones share the backend and the clock.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    hash: HashSettings,
    mode: Mode,
    clock: Arc<dyn Clock>,
    actor: Option<String>,
    pub(crate) fallback: Option<Arc<Self>>,
    pub(crate) space_of: Option<SpaceOf>,
    notes: Option<Arc<dyn Notes>>,
    pub(crate) compute: Compute,
    session: SessionContext,
    selections: Arc<Selections>,
    /// Shared by all clones.
    pub(crate) turns: Arc<Turns>,
    /// By any clone.
    pub(crate) written: Arc<Written>,
}

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Reading; nothing is created.
    Read,
    /// Reading and writing; an empty place becomes a store.
    Write,
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// What for.
    pub mode: Mode,
    /// How it must hash. `None`: as the store says, or `hash_if_new` for a new one.
    pub hash: Option<HashSettings>,
    /// How a new store hashes, if `hash` does not say.
    pub hash_if_new: HashSettings,
    /// What to make of a place with nothing in it, when opening for reading.
    pub absent: Absent,
    /// Tells the times that are stored.
    pub clock: Arc<dyn Clock>,
    /// Who is working, for the log of tables.
    pub actor: Option<String>,
    /// How many threads a query may use; 0 for as many as there are cores.
    pub parallelism: usize,
    /// The store that features are read from which are missing here, with those behind it.
    pub fallback: Option<Store>,
    /// The store that it is a space of.
    pub space_of: Option<SpaceOf>,
    /// Where resolves leave notes for the next one, which then looks at what changed alone.
    pub notes: Option<Arc<dyn Notes>>,
    /// Where increments are found, unless a resolve says otherwise.
    pub compute: Compute,
}

/// What a place with nothing in it is taken for, when a store is opened for reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absent {
    /// A mistake.
    #[default]
    Refused,
    /// A store that nobody has written to yet.
    Empty,
}

impl OpenOptions {
    /// For reading.
    pub fn read() -> Self {
        Self {
            mode: Mode::Read,
            hash: None,
            hash_if_new: HashSettings::default(),
            absent: Absent::Refused,
            clock: Arc::new(SystemClock::default()),
            actor: None,
            parallelism: 0,
            fallback: None,
            space_of: None,
            notes: None,
            compute: Compute::default(),
        }
    }

    /// For reading and writing.
    pub fn write() -> Self {
        Self { mode: Mode::Write, ..Self::read() }
    }
}

impl Store {
    /// Opens the store at a place.
    ///
    /// For reading, it must exist. For writing, an empty place becomes a store, whose hash is
    /// recorded for ever; a place that holds something else is refused. With a store to fall back
    /// to, an empty place can be read too, and hashes as that one does unless told otherwise; one
    /// that hashes otherwise is refused.
    pub async fn open(backend: Arc<dyn Backend>, options: OpenOptions) -> Result<Self, StoreError> {
        let refuse = |problem| StoreError::Place { location: backend.location(), problem };
        let behind = options.fallback.as_ref();
        let agreed = |hash: HashSettings| match behind.filter(|it| it.hash != hash) {
            None => Ok(hash),
            Some(other) => Err(refuse(PlaceProblem::FallbackHash {
                stored: hash,
                fallback: other.location(),
                hash: other.hash,
            })),
        };
        let asked = options.hash;
        let if_new = asked.or(behind.map(Self::hash)).unwrap_or(options.hash_if_new);
        let format = StoreMarker::FORMAT;
        backend.prepare_for(options.mode).await?;
        let marker = match (backend.marker().await?, options.mode) {
            (MarkerState::Store(marker), _) => marker,
            (MarkerState::Occupied(found), _) => {
                return Err(refuse(PlaceProblem::NotAStore { found }));
            }
            (MarkerState::Empty, Mode::Read) => match (behind, options.absent) {
                (None, Absent::Refused) => return Err(refuse(PlaceProblem::Missing)),
                (Some(_), _) | (None, Absent::Empty) => StoreMarker { format, hash: if_new },
            },
            (MarkerState::Empty, Mode::Write) => {
                backend.create(StoreMarker { format, hash: agreed(if_new)? }).await?
            }
            (MarkerState::Foreign, mode) => {
                // What is there was hashed somehow; what is behind does not tell how.
                let Some(hash) = asked else { return Err(refuse(PlaceProblem::HashUnknown)) };
                match mode {
                    Mode::Read => StoreMarker { format, hash },
                    Mode::Write => {
                        backend.create(StoreMarker { format, hash: agreed(hash)? }).await?
                    }
                }
            }
        };
        if marker.format > StoreMarker::FORMAT {
            return Err(refuse(PlaceProblem::NewerFormat { format: marker.format }));
        }
        if let Some(asked) = asked.filter(|asked| *asked != marker.hash) {
            return Err(refuse(PlaceProblem::OtherHash { stored: marker.hash, asked }));
        }
        agreed(marker.hash)?;
        Ok(Self {
            backend,
            hash: marker.hash,
            mode: options.mode,
            clock: options.clock,
            actor: options.actor,
            fallback: options.fallback.map(Arc::new),
            space_of: options.space_of,
            notes: options.notes,
            compute: options.compute,
            selections: Arc::default(),
            turns: Arc::default(),
            written: Arc::default(),
            session: session(match options.parallelism {
                0 => std::thread::available_parallelism().map_or(1, usize::from),
                given => given,
            }),
        })
    }

    /// How the store hashes samples.
    pub fn hash(&self) -> HashSettings {
        self.hash
    }

    /// Where the store is, as a person would write it.
    pub fn location(&self) -> String {
        self.backend.location()
    }

    /// Which files the store consists of.
    pub fn own_files(&self) -> OwnFiles {
        self.backend.own_files()
    }

    /// The features that have a table here, by key, without system tables.
    pub async fn features(&self) -> Result<Vec<FeatureKey>, StoreError> {
        let mut features = self.backend.tables().await?;
        features.retain(|feature| !is_system(feature));
        Ok(features)
    }

    /// The version of a feature's table in this very store, which grows with every commit; `None`
    /// when it has none.
    pub async fn table_version(&self, feature: &FeatureKey) -> Result<Option<u64>, StoreError> {
        Ok(self.backend.open_table(feature).await?.map(|table| table.version()))
    }

    /// Removes a feature's table with everything in it; `false` when there was none.
    pub async fn drop_feature(&self, feature: &FeatureKey) -> Result<bool, StoreError> {
        self.require_write()?;
        self.backend.drop_table(feature).await
    }

    pub(crate) fn notes(&self) -> Option<&dyn Notes> {
        self.notes.as_deref()
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// The time, later each time it is asked for.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Who is working.
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// The same store with somebody else at work.
    #[must_use]
    pub fn acting_as(&self, actor: impl Into<String>) -> Self {
        Self { actor: Some(actor.into()), ..self.clone() }
    }

    pub(crate) fn require_write(&self) -> Result<(), StoreError> {
        match self.mode {
            Mode::Write => Ok(()),
            Mode::Read => Err(StoreError::Place {
                location: self.location(),
                problem: PlaceProblem::ReadOnly,
            }),
        }
    }

    /// Versions in the graph and hashes in the store must be cut alike, or nothing would match.
    pub(crate) fn require_same_length(&self, graph: &FeatureGraph) -> Result<(), StoreError> {
        if graph.hash_length() == self.hash.length {
            return Ok(());
        }
        Err(StoreError::Place {
            location: self.location(),
            problem: PlaceProblem::OtherLength { stored: self.hash },
        })
    }

    /// The table that a feature is read from.
    pub(crate) async fn require_table(
        &self,
        feature: &FeatureKey,
    ) -> Result<Arc<dyn Table>, StoreError> {
        self.open_table(feature).await?.ok_or_else(|| self.no_table(feature))
    }

    /// The table of a feature in this very store.
    pub(crate) async fn require_own_table(
        &self,
        feature: &FeatureKey,
    ) -> Result<Arc<dyn Table>, StoreError> {
        self.backend.open_table(feature).await?.ok_or_else(|| self.no_table(feature))
    }

    pub(crate) fn no_table(&self, feature: &FeatureKey) -> StoreError {
        let places: Vec<String> = self.chain().map(Self::location).collect();
        StoreError::NoTable { feature: feature.clone(), location: places.join(" or ") }
    }

    /// The visible rows of a feature's table.
    pub(crate) async fn select_visible(
        &self,
        feature: &Feature,
        table: &Arc<dyn Table>,
        visibility: &Visibility,
    ) -> Result<Selection, StoreError> {
        self.selections.of(feature, table, visibility).await
    }

    /// Runs a plan; `subject` says what it is about, should the engine fail.
    pub(crate) async fn run(
        &self,
        plan: LogicalPlan,
        subject: impl Into<String>,
    ) -> Result<Rows, StoreError> {
        let subject = subject.into();
        let failed = |error| StoreError::engine(subject.as_str(), error);
        let frame = self.session.execute_logical_plan(plan).await.map_err(failed)?;
        Ok(rows_of(frame.execute_stream().await.map_err(failed)?, subject))
    }

    /// Runs a plan in parts that may be worked off at once.
    pub(crate) async fn run_parts(
        &self,
        plan: LogicalPlan,
        subject: &str,
    ) -> Result<Vec<Rows>, StoreError> {
        let failed = |error| StoreError::engine(subject, error);
        let frame = self.session.execute_logical_plan(plan).await.map_err(failed)?;
        let parts = frame.execute_stream_partitioned().await.map_err(failed)?;
        Ok(parts.into_iter().map(|it| rows_of(it, subject.to_owned())).collect())
    }

    pub(crate) fn session(&self) -> &SessionContext {
        &self.session
    }
}

fn rows_of(stream: SendableRecordBatchStream, subject: String) -> Rows {
    let schema = stream.schema();
    Rows::new(schema, stream.map_err(move |error| StoreError::engine(subject.as_str(), error)))
}

/// What runs plans. Plans name their functions themselves, so none need to be registered.
fn session(parallelism: usize) -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(parallelism)
        .with_batch_size(16_384)
        .with_information_schema(false);
    SessionContext::new_with_state(SessionStateBuilder::new().with_config(config).build())
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("backend", &self.backend)
            .field("hash", &self.hash)
            .field("mode", &self.mode)
            .field("fallback", &self.fallback)
            .finish_non_exhaustive()
    }
}

/// The time of the machine, never telling the same time twice.
#[derive(Debug, Default)]
struct SystemClock {
    last: AtomicI64,
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX));
        let last = self
            .last
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(micros.max(last + 1)))
            .unwrap_or_else(|last| last);
        Timestamp::from_micros(micros.max(last + 1))
    }
}
