//! The connections of one database, shared by everything in this process that works on it.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Component, Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use adbc_core::{Database as _, Driver as _, options::OptionDatabase};
use adbc_driver_manager::ManagedDatabase;
use metalith_store::{PlaceProblem, StorageReason, StoreError};

use crate::{
    connection::Connection,
    dialect::Dialect,
    driver,
    failure::{Failure, Reason, Stop},
    place::Place,
    small::SmallChunks,
};

/// How many connections are kept while nobody needs them. A server has so many at work at once; a
/// new one takes longer than most of what is done on it.
const IDLE: usize = 32;

/// How long a change is tried again, or waits, because others are at it: a single one of them may
/// take long.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long it is waited until a connection is set up again that others were in the way of.
const BETWEEN: Duration = Duration::from_millis(5);
/// How long a file may take to be closed, and others to be out of the way,
const CLOSING: Duration = Duration::from_secs(60);
/// and if it is open as a database of another kind.
const OTHER_KIND: Duration = Duration::from_secs(5);

/// The connections of a store to its database, which others may have stores in.
pub(crate) struct Pool {
    database: Arc<Database>,
    place: Arc<Place>,
    /// Whether the catalog of the store was seen in it.
    has_catalog: AtomicBool,
}

/// The connections of one database.
struct Database {
    dialect: &'static dyn Dialect,
    place: Place,
    /// The file that the database is in, if it is in one.
    file: Option<PathBuf>,
    open: Mutex<Open>,
    /// Tells that a connection came back.
    returned: Condvar,
    idle: Mutex<Vec<Connection>>,
    /// Held by who commits, where writers do not wait for rows of the catalog.
    writer: Mutex<()>,
    /// Rows that were read.
    small: SmallChunks,
}

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading, while other processes may do the same.
    Read,
    /// Reading and writing.
    Write,
}

/// A database, if it is open, and how.
struct Open {
    database: Option<ManagedDatabase>,
    /// What was asked for; as long as nobody did, everything is possible.
    access: Option<Access>,
    /// How many connections somebody has.
    leased: usize,
}

/// What is open, by kind and address. A file that were opened twice would be two databases, which
/// know nothing of each other; so it is opened once, in the way that was asked for first.
static OPEN: Mutex<BTreeMap<(&'static str, String), Weak<Database>>> = Mutex::new(BTreeMap::new());

/// Files that are open or still being closed, and as what.
static FILES: Mutex<BTreeMap<PathBuf, &'static str>> = Mutex::new(BTreeMap::new());
/// Tells that there are fewer of them.
static CLOSED: Condvar = Condvar::new();

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is changed by single assignments.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// The connections of a place. Nothing is connected to yet.
    pub(crate) fn of(dialect: &'static dyn Dialect, place: Place) -> Arc<Self> {
        let database = Database::of(dialect, &place);
        Arc::new(Self { database, place: Arc::new(place), has_catalog: AtomicBool::new(false) })
    }

    /// Whether another has the same tables.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.database, &other.database)
            && self.place.table("") == other.place.table("")
    }

    /// Rows that were read in the database.
    pub(crate) fn small(&self) -> &SmallChunks {
        &self.database.small
    }

    pub(crate) fn dialect(&self) -> &'static dyn Dialect {
        self.database.dialect
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The file that the database is in, if it is in one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.database.file.as_deref()
    }

    /// Whether there is nothing yet that could be opened without making it.
    pub(crate) fn is_missing(&self) -> bool {
        self.file().is_some_and(|file| !file.exists())
    }

    /// Whether the catalog of a store was there when somebody looked last.
    pub(crate) fn knows_catalog(&self) -> bool {
        self.has_catalog.load(Ordering::Relaxed)
    }

    pub(crate) fn set_knows_catalog(&self, is_there: bool) {
        self.has_catalog.store(is_there, Ordering::Relaxed);
    }

    /// Makes the folder of a database in a file.
    pub(crate) fn make_folder(&self) -> Result<(), StoreError> {
        let Some(parent) = self.file().and_then(Path::parent) else { return Ok(()) };
        std::fs::create_dir_all(parent).map_err(|source| StoreError::Storage {
            action: "create",
            location: parent.display().to_string(),
            reason: StorageReason::Denied,
            source: Box::new(source),
        })
    }

    /// Makes sure that what comes is possible. What is open already stays as it is, but that a
    /// database which is open to read, and is to be written, is closed and opened anew.
    pub(crate) async fn settle(&self, access: Access) -> Result<(), StoreError> {
        if self.dialect().reading().is_none() {
            return Ok(());
        }
        let database = Arc::clone(&self.database);
        blocking(move || database.settle_now(access)).await
    }

    /// A connection that nobody else has.
    pub(crate) fn connect(self: &Arc<Self>) -> Result<Lease, StoreError> {
        locked(&self.database.open).leased += 1;
        // From here on it counts, and whoever drops it gives it back.
        let mut lease = Lease { connection: None, pool: Arc::clone(self) };
        let mut connection = self.database.connection(&self.place)?;
        connection.work_for(&self.place);
        lease.connection = Some(connection);
        Ok(lease)
    }

    /// Does something that writes on a connection. Where rows of the catalog do not make writers
    /// wait for each other, this does.
    pub(crate) fn writing<T>(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&mut Connection) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let _turn = (!self.dialect().locks_rows()).then(|| locked(&self.database.writer));
        connection.in_transaction(work)
    }

    /// The same, and again while others did the same at the same time, so often at the most.
    pub(crate) fn writing_again<T>(
        &self,
        connection: &mut Connection,
        attempts: usize,
        work: impl Fn(&mut Connection) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let until = Instant::now() + PATIENCE;
        for attempt in 1..attempts {
            match self.writing(connection, &work) {
                Err(Stop::Failed(failure))
                    if failure.reason == Reason::Conflict && Instant::now() < until =>
                {
                    tracing::debug!(attempt, "a change is tried again: {failure}");
                }
                done => return done,
            }
        }
        self.writing(connection, work)
    }

    /// Does something on a connection, on a thread where it may block.
    pub(crate) async fn with<T: Send + 'static>(
        self: &Arc<Self>,
        action: &'static str,
        work: impl FnOnce(&Arc<Self>, &mut Connection) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, StoreError> {
        let pool = Arc::clone(self);
        blocking(move || {
            let mut lease = pool.connect()?;
            work(&pool, lease.get()).map_err(|stop| stop.when(action, &pool.place))
        })
        .await
    }
}

impl Database {
    fn of(dialect: &'static dyn Dialect, place: &Place) -> Arc<Self> {
        let mut open = locked(&OPEN);
        open.retain(|_, database| database.strong_count() > 0);
        let file = dialect.is_file().then(|| real_path(Path::new(place.address())));
        let key = match &file {
            Some(file) => file.display().to_string(),
            // Others are told apart by everything that is said about them.
            None => format!("{:?} {:?} {:?}", place.address(), place.driver(), place.options()),
        };
        let key = (dialect.name(), key);
        if let Some(known) = open.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        let database = Arc::new(Self {
            dialect,
            place: place.of_database(),
            file,
            open: Mutex::new(Open { database: None, access: None, leased: 0 }),
            returned: Condvar::new(),
            idle: Mutex::default(),
            writer: Mutex::default(),
            small: SmallChunks::default(),
        });
        open.insert(key, Arc::downgrade(&database));
        database
    }

    fn settle_now(&self, access: Access) -> Result<(), StoreError> {
        let mut open = locked(&self.open);
        if open.access.is_none() {
            let is_open = open.database.is_some();
            open.access = Some(if is_open { Access::Write } else { access });
        }
        // Who may write may read as well.
        if (open.access, access) != (Some(Access::Read), Access::Write) {
            return Ok(());
        }
        if open.database.is_some() {
            let waited = self.returned.wait_timeout_while(open, PATIENCE, |open| open.leased > 0);
            open = waited.unwrap_or_else(PoisonError::into_inner).0;
            if open.leased > 0 {
                return Err(StoreError::Unsupported {
                    location: self.place.shown().to_owned(),
                    what: "be written to: this process still reads from it".to_owned(),
                });
            }
            locked(&self.idle).clear();
            if open.database.take().is_some() {
                self.leave_file();
            }
        }
        open.access = Some(access);
        Ok(())
    }

    /// A connection that nobody has.
    fn connection(&self, place: &Arc<Place>) -> Result<Connection, StoreError> {
        if let Some(idle) = locked(&self.idle).pop() {
            return Ok(idle);
        }
        let until = Instant::now() + CLOSING;
        loop {
            let database = self.opened()?;
            let inner = database.new_connection().map_err(|it| self.not_opened(&it))?;
            let connection = Connection::new(inner, database, self.dialect, Arc::clone(place));
            match connection.set_up() {
                // SQLite lets nobody wait while another connection makes the file what it is to be.
                Err(failure) if failure.reason == Reason::Conflict && Instant::now() < until => {
                    std::thread::sleep(BETWEEN);
                }
                Err(failure) => return Err(failure.when("open", &self.place)),
                Ok(connection) => return Ok(connection),
            }
        }
    }

    fn opened(&self) -> Result<ManagedDatabase, StoreError> {
        let mut open = locked(&self.open);
        if let Some(database) = &open.database {
            return Ok(database.clone());
        }
        let mut driver = driver::load(self.dialect, &self.place)?;
        let mut options = self.dialect.options(&self.place);
        if open.access == Some(Access::Read)
            && let Some((name, value)) = self.dialect.reading()
            && options.iter().all(|(given, _)| given != name)
        {
            options.push((name.to_owned(), value.to_owned()));
        }
        let options = options
            .into_iter()
            .map(|(key, value)| (OptionDatabase::from(key.as_str()), value.as_str().into()));
        self.take_file()?;
        match driver.new_database_with_opts(options) {
            Ok(opened) => {
                open.database = Some(opened.clone());
                Ok(opened)
            }
            Err(error) => {
                self.leave_file();
                // What cannot be written, or not now, may still be read.
                if open.access == Some(Access::Write) && self.dialect.reading().is_some() {
                    open.access = Some(Access::Read);
                }
                Err(self.not_opened(&error))
            }
        }
    }

    /// What a driver says that does not open the database. Where that is nothing that a database
    /// would say, it is the driver that it is told of, or what this driver is told.
    fn not_opened(&self, error: &adbc_core::error::Error) -> StoreError {
        let failure = Failure::of(error, self.dialect, &self.place);
        if failure.reason != Reason::Other {
            return failure.when("open", &self.place);
        }
        let (database, detail) = (self.dialect.title(), failure.to_string());
        let problem = PlaceProblem::NotOpened { database, detail };
        StoreError::Place { location: self.place.shown().to_owned(), problem }
    }

    /// Waits until who had the file before has closed it, for a while: who has it as a database of
    /// another kind may well be waiting for us.
    fn take_file(&self) -> Result<(), StoreError> {
        let Some(file) = &self.file else { return Ok(()) };
        let (title, begun) = (self.dialect.title(), Instant::now());
        let mut files = locked(&FILES);
        while let Some(other) = files.get(file).copied() {
            let patience = if other == title { CLOSING } else { OTHER_KIND };
            let left = patience.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(StoreError::Unsupported {
                    location: self.place.shown().to_owned(),
                    what: format!("be opened as {title}: this process has it open as {other}"),
                });
            }
            let waited = CLOSED.wait_timeout(files, left);
            files = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        files.insert(file.clone(), title);
        Ok(())
    }

    fn leave_file(&self) {
        if let Some(file) = &self.file {
            locked(&FILES).remove(file);
            CLOSED.notify_all();
        }
    }
}

/// Does something that blocks, on a thread for that.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends: nobody waits for this any more.
            Err(_) => std::future::pending().await,
        },
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        locked(&self.idle).clear();
        let database = locked(&self.open).database.take();
        if database.is_some() {
            drop(database);
            self.leave_file();
        }
    }
}

/// A path without links and `..`, as far as there is something already: one file has one of them.
fn real_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut real = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                real.pop();
            }
            part => real.push(part),
        }
        real = real.canonicalize().unwrap_or(real);
    }
    real
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("place", &self.place).finish_non_exhaustive()
    }
}

/// A connection that goes back when it is not needed any more.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Option<Connection>,
    pool: Arc<Pool>,
}

impl Lease {
    pub(crate) fn get(&mut self) -> &mut Connection {
        self.connection.as_mut().unwrap_or_else(|| unreachable!("it goes back only when dropped"))
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Ends the connection instead of keeping it.
    pub(crate) fn discard(&mut self) {
        self.get().is_broken = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take().filter(|it| !it.is_broken) {
            connection.rest();
            let mut idle = locked(&self.pool.database.idle);
            if idle.len() < IDLE {
                idle.push(connection);
            }
        }
        locked(&self.pool.database.open).leased -= 1;
        self.pool.database.returned.notify_all();
    }
}
