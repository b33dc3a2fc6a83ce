//! The backend, as a store sees it.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use metalith_base::FeatureKey;
use metalith_store::{
    Answer, Backend, Commit, CommitNote, MarkerState, Mode, OwnFiles, PlainTables, Question,
    Replacement, Resolver, Rows, StoreError, StoreMarker, Table, TableAction, TableChange,
    Transactions, Vacuum, Vacuumed,
};

use crate::{
    catalog, columns,
    commit::{self, Intent, Kind},
    connection::Connection,
    dialect::{DIALECTS, Dialect},
    failure::{Reason, Stop},
    feature_table::{self, Unknown},
    known::KnownTables,
    place::Place,
    plain::SqlTables,
    pool::{Access, Pool},
    resolve,
    stage::Stage,
    table::SqlTable,
    vacuum,
    values::Packing,
};

/// How often something is tried again because others did it at the same time.
const ATTEMPTS: usize = 20;

/// A kind of database that can hold a store.
#[derive(Clone, Copy, Debug)]
pub struct Database(&'static dyn Dialect);

impl Database {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        DIALECTS.into_iter().map(Self)
    }

    /// The kind of a name, e.g. `postgresql`.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|it| it.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Whether a database of this kind is a file of this machine; else it is at an address.
    pub fn is_file(self) -> bool {
        self.0.is_file()
    }
}

impl PartialEq for Database {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Database {}

/// An address as a person may see it: without the password in it.
pub fn without_password(address: &str) -> String {
    Place::new(address, None, &BTreeMap::new()).shown().to_owned()
}

/// The backend in a database.
///
/// Nothing is connected to, loaded or created yet. `driver` is the name of a driver's manifest or
/// the path of a manifest or library; without it the name is that of the database. `options` are
/// those of the driver, for PostgreSQL `schema`, `username` and `password`, and `table_prefix`: what
/// the names of all tables of the store begin with, so that several stores have room in a database.
pub fn open_backend(
    database: Database,
    address: &str,
    driver: Option<&str>,
    options: &BTreeMap<String, String>,
) -> Arc<dyn Backend> {
    let pool = Pool::of(database.0, Place::new(address, driver, options));
    Arc::new(SqlBackend { pool, tables: KnownTables::default() })
}

/// The plain tables of a database, told about it as [`open_backend`] is.
pub fn open_tables(
    database: Database,
    address: &str,
    driver: Option<&str>,
    options: &BTreeMap<String, String>,
) -> Arc<dyn PlainTables> {
    Arc::new(SqlTables::new(Pool::of(database.0, Place::new(address, driver, options))))
}

/// Tables in a database.
#[derive(Debug)]
struct SqlBackend {
    pool: Arc<Pool>,
    tables: KnownTables,
}

impl SqlBackend {
    /// What is at the place of a database in a file, when it cannot hold one.
    fn obstacle(&self) -> Option<&'static str> {
        self.pool.file().filter(|file| file.is_dir()).map(|_| "a folder")
    }

    /// Whether there is nothing yet that could be opened without making it.
    fn is_missing(&self) -> bool {
        self.pool.is_missing()
    }

    /// Makes the catalog.
    async fn prepare(&self) -> Result<(), StoreError> {
        if self.pool.knows_catalog() {
            return Ok(());
        }
        self.pool.make_folder()?;
        self.write("create", |connection| {
            if !catalog::is_there(connection)? {
                catalog::create(connection)?;
            }
            Ok(())
        })
        .await?;
        self.pool.set_knows_catalog(true);
        Ok(())
    }

    /// Does something in one transaction, again while others do the same.
    async fn write<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl Fn(&mut Connection) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self
            .pool
            .with(action, move |pool, connection| pool.writing_again(connection, ATTEMPTS, work))
            .await;
        if done.is_err() {
            self.pool.set_knows_catalog(false);
        }
        done
    }

    /// Makes all of some commits, in one transaction.
    async fn commit(&self, changes: Vec<TableChange>) -> Result<Vec<Commit>, StoreError> {
        let mut intents = Vec::new();
        let mut incoming = Vec::new();
        for TableChange { feature, action, note } in changes {
            let (rows, kind) = match action {
                TableAction::Append(rows) => (rows, Kind::Append),
                TableAction::Replace(replacement) => self.replacing(&feature, replacement)?,
            };
            let refuse = |problem| StoreError::Rows { feature: feature.clone(), problem };
            let columns = columns::stored_schema(&rows.schema()).map_err(refuse)?;
            feature_table::check(self.pool.dialect(), self.pool.place(), &feature, &columns)?;
            let packing = Packing::new(self.pool.dialect(), &columns).map_err(refuse)?;
            incoming.push((packing, rows));
            intents.push(Intent { feature, kind, note });
        }
        if intents.is_empty() {
            return Ok(Vec::new());
        }
        self.prepare().await?;
        let mut stage = Stage::new(&self.pool);
        for ((packing, rows), intent) in incoming.into_iter().zip(&intents) {
            let refuse = |problem| StoreError::Rows { feature: intent.feature.clone(), problem };
            stage = stage.fill(packing, rows, refuse).await?;
        }
        let done = commit::commit(intents, stage).await;
        // Somebody may have removed the catalog.
        if matches!(done, Err(StoreError::Storage { .. })) {
            self.pool.set_knows_catalog(false);
        }
        done
    }

    async fn commit_one(
        &self,
        feature: &FeatureKey,
        action: TableAction,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        let change = TableChange { feature: feature.clone(), action, note };
        let made = self.commit(vec![change]).await?;
        made.first().copied().ok_or_else(|| self.odd(feature, "a commit was not made"))
    }

    fn replacing(
        &self,
        feature: &FeatureKey,
        replacement: Replacement,
    ) -> Result<(Rows, Kind), StoreError> {
        let Replacement { table, chunks, rows, change } = replacement;
        let table: Arc<dyn Any + Send + Sync> = table;
        let Ok(before) = table.downcast::<SqlTable>() else {
            return Err(self.odd(feature, "the rows to replace are of a table of another store"));
        };
        Ok((rows, Kind::Replace { before, chunks, change }))
    }

    fn odd(&self, feature: &FeatureKey, detail: &str) -> StoreError {
        let (feature, location) = (feature.clone(), self.location());
        StoreError::Corrupt { feature, location, detail: detail.to_owned() }
    }
}

/// The features whose tables are not in the catalog, which has those of `known` ones.
fn foreign(connection: &mut Connection, known: &[FeatureKey]) -> Result<Vec<FeatureKey>, Stop> {
    let Some(query) = connection.dialect().foreign_tables() else { return Ok(Vec::new()) };
    let known: BTreeSet<String> = known.iter().map(FeatureKey::table_name).collect();
    let others = catalog::others(connection)?;
    let names = connection.query(query)?.texts(0)?.into_iter().flatten();
    let names = names.filter(|name| !others.have(name));
    let prefix = connection.place().table("");
    let names = names.filter_map(|name| name.strip_prefix(&prefix).map(str::to_owned));
    let names = names.filter(|name| !known.contains(name));
    Ok(names.filter_map(|name| feature_table::feature(&name)).collect())
}

#[async_trait]
impl Backend for SqlBackend {
    fn location(&self) -> String {
        self.pool.place().shown().to_owned()
    }

    fn own_files(&self) -> OwnFiles {
        match self.pool.file() {
            Some(file) => OwnFiles::File(file.display().to_string()),
            None => OwnFiles::None,
        }
    }

    async fn prepare_for(&self, mode: Mode) -> Result<(), StoreError> {
        if let Err(prefix) = self.pool.place().prefix() {
            return Err(StoreError::Unsupported {
                location: self.location(),
                what: format!(
                    "have tables that begin with `{prefix}`: a prefix has up to 32 lower-case \
                     letters, digits and `_`"
                ),
            });
        }
        let access = match mode {
            Mode::Read => Access::Read,
            Mode::Write => Access::Write,
        };
        self.pool.settle(access).await
    }

    async fn marker(&self) -> Result<MarkerState, StoreError> {
        if let Some(found) = self.obstacle() {
            return Ok(MarkerState::Occupied(found.to_owned()));
        }
        if self.is_missing() {
            return Ok(MarkerState::Empty);
        }
        let title = self.pool.dialect().title();
        let looked = self.pool.with("open", move |_, connection| {
            let is_ours = match catalog::is_there(connection) {
                Err(failure) if failure.reason == Reason::NoDatabase => {
                    let found = format!("a file that is no {title} database");
                    return Ok(MarkerState::Occupied(found));
                }
                is_there => is_there?,
            };
            if is_ours && let Some(marker) = catalog::marker(connection)? {
                return Ok(MarkerState::Store(marker));
            }
            let has_tables = is_ours && !catalog::features(connection)?.is_empty();
            if has_tables || !foreign(connection, &[])?.is_empty() {
                return Ok(MarkerState::Foreign);
            }
            Ok(MarkerState::Empty)
        });
        match looked.await {
            // Some drivers look at the file when it is opened.
            Err(error) if is_no_database(&error) => {
                Ok(MarkerState::Occupied(format!("a file that is no {title} database")))
            }
            looked => looked,
        }
    }

    async fn create(&self, marker: StoreMarker) -> Result<StoreMarker, StoreError> {
        self.prepare().await?;
        self.write("create", move |connection| {
            catalog::put_marker(connection, &marker)?;
            Ok(catalog::marker(connection)?.unwrap_or_else(|| marker.clone()))
        })
        .await
    }

    async fn spaces(&self) -> Result<BTreeMap<String, Arc<dyn Backend>>, StoreError> {
        // A project with a space refuses stores in databases.
        Ok(BTreeMap::new())
    }

    async fn tables(&self) -> Result<Vec<FeatureKey>, StoreError> {
        if self.is_missing() {
            return Ok(Vec::new());
        }
        let found = self.pool.with("list", |_, connection| {
            let known = match catalog::is_there(connection)? {
                true => catalog::features(connection)?,
                false => Vec::new(),
            };
            let mut found: BTreeSet<FeatureKey> =
                foreign(connection, &known)?.into_iter().collect();
            found.extend(known);
            Ok(found.into_iter().collect())
        });
        found.await
    }

    async fn open_table(&self, feature: &FeatureKey) -> Result<Option<Arc<dyn Table>>, StoreError> {
        if self.is_missing() {
            return Ok(None);
        }
        let latest = self.tables.latest(&self.pool, feature).await?;
        Ok(latest.map(|table| table as Arc<dyn Table>))
    }

    async fn append(
        &self,
        feature: &FeatureKey,
        rows: Rows,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        self.commit_one(feature, TableAction::Append(rows), note).await
    }

    async fn replace(
        &self,
        feature: &FeatureKey,
        replacement: Replacement,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        self.commit_one(feature, TableAction::Replace(replacement), note).await
    }

    async fn drop_table(&self, feature: &FeatureKey) -> Result<bool, StoreError> {
        if self.is_missing() {
            return Ok(false);
        }
        let feature = feature.clone();
        self.write("drop", move |connection| {
            if catalog::is_there(connection)?
                && let Some(mut entry) = catalog::entry(connection, &feature, true)?
                && entry.is_there
            {
                let table = feature_table::name(connection.place(), &feature);
                if catalog::has_table(connection, &table)? {
                    // Rows of others count as versions, and no version is told twice.
                    let loose = feature_table::loose_rows(connection, &feature, true)?;
                    entry.version += i64::try_from(loose).unwrap_or_default();
                }
                feature_table::drop(connection, &feature)?;
                catalog::forget_table(connection, &feature)?;
                entry.is_there = false;
                catalog::put_entry(connection, &feature, &entry)?;
                return Ok(true);
            }
            let is_foreign =
                matches!(feature_table::unknown(connection, &feature)?, Unknown::OfMetaxy(_));
            if is_foreign {
                feature_table::drop(connection, &feature)?;
            }
            Ok(is_foreign)
        })
        .await
    }

    async fn vacuum(&self, feature: &FeatureKey, request: Vacuum) -> Result<Vacuumed, StoreError> {
        if self.is_missing() {
            return Ok(Vacuumed::default());
        }
        vacuum::vacuum(&self.pool, feature, request).await
    }

    fn resolver(&self) -> Option<&dyn Resolver> {
        Some(self)
    }

    fn transactions(&self) -> Option<&dyn Transactions> {
        Some(self)
    }
}

#[async_trait]
impl Transactions for SqlBackend {
    async fn commit_together(&self, changes: Vec<TableChange>) -> Result<Vec<Commit>, StoreError> {
        self.commit(changes).await
    }
}

#[async_trait]
impl Resolver for SqlBackend {
    async fn resolve(&self, question: &Question) -> Result<Answer, StoreError> {
        resolve::resolve(&self.pool, question).await
    }
}

fn is_no_database(error: &StoreError) -> bool {
    let StoreError::Storage { source, .. } = error else { return false };
    let failure = source.downcast_ref::<crate::failure::Failure>();
    failure.is_some_and(|failure| failure.reason == Reason::NoDatabase)
}
