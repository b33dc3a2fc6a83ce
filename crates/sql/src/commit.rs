//! Commits: columns, rows and what is remembered about them, in one transaction.

use std::{collections::BTreeMap, sync::Arc};

use metalith_base::FeatureKey;
use metalith_store::{Change, Chunk, Commit, CommitNote, Precondition, StoreError, merge_schemas};

use crate::{
    catalog::{self, Effect, Entry, StoredChunk},
    connection::Connection,
    failure::{Reason, Stop},
    feature_table::{self, Unknown},
    pool::blocking,
    stage::{Stage, Staged},
    table::{Part, SqlTable, number_of},
};

/// How often a commit is tried anew because somebody else committed. Each time somebody made
/// progress.
const ATTEMPTS: usize = 50;

/// A commit that is to be made.
#[derive(Debug)]
pub(crate) struct Intent {
    pub(crate) feature: FeatureKey,
    pub(crate) kind: Kind,
    pub(crate) note: CommitNote,
}

/// Whether rows are added to what is there, or put in the place of some of it.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Added.
    Append,
    /// In the place of these chunks of an earlier state.
    Replace { before: Arc<SqlTable>, chunks: Vec<usize>, change: Change },
}

/// Makes some commits in one transaction, of rows that are all there: those of each in turn.
pub(crate) async fn commit(
    intents: Vec<Intent>,
    mut stage: Stage,
) -> Result<Vec<Commit>, StoreError> {
    blocking(move || {
        let pool = stage.pool();
        let (connection, staged) = stage.parts()?;
        let done = pool.writing_again(connection, ATTEMPTS, |connection| {
            let mut before = Before::default();
            let both = intents.iter().zip(staged);
            both.map(|(intent, rows)| intent.carry_out(connection, rows, &mut before)).collect()
        });
        match done {
            Ok(done) => {
                stage.clear();
                Ok(done)
            }
            Err(Stop::Failed(failure)) if failure.reason == Reason::Conflict => {
                let features = intents.iter().map(|intent| &intent.feature);
                let Some(feature) = features.min().cloned() else { return Ok(Vec::new()) };
                let with = failure.to_string();
                Err(StoreError::Conflict { feature, with, attempts: ATTEMPTS })
            }
            Err(stop) => Err(stop.when("write", pool.place())),
        }
    })
    .await
}

/// The versions of tables before the transaction; `None` for those that were not there.
type Before = BTreeMap<FeatureKey, Option<u64>>;

/// A table as a commit finds it.
struct Found {
    entry: Entry,
    /// How many of its rows have no chunk.
    loose: usize,
    has_hidden: bool,
}

impl Found {
    fn number(&self) -> u64 {
        number_of(self.entry.version, self.loose, self.has_hidden)
    }
}

impl Intent {
    fn carry_out(
        &self,
        connection: &mut Connection,
        staged: &Staged,
        before: &mut Before,
    ) -> Result<Commit, Stop> {
        let (feature, rows) = (&self.feature, staged.columns.as_ref());
        let known = catalog::entry(connection, feature, true)?;
        let found = self.find(connection, known.as_ref())?;
        if let (Some(found), Some(tag)) = (&found, &self.note.once) {
            let version = found.entry.version;
            if catalog::has_tag(connection, feature, tag, version)? {
                let version = number(version);
                return Ok(Commit { version, rows: 0, bytes: 0, is_new: false });
            }
        }
        let latest = found.as_ref().map(Found::number);
        // What this transaction did to the table itself is in nobody's way.
        let latest = *before.entry(feature.clone()).or_insert(latest);
        self.require(connection, latest)?;
        let last = match &found {
            Some(found) => i64::try_from(found.number()).unwrap_or(i64::MAX),
            None => known.as_ref().map_or(0, |entry| entry.version),
        };
        let version = last + 1;
        let (mut entry, mut effect) = match found {
            Some(found) => (self.settle(connection, found, version)?, Effect::Added),
            None => (self.make(connection, known.as_ref(), rows)?, Effect::Other),
        };
        let mut place = version;
        if let Kind::Replace { before, chunks, change } = &self.kind {
            let removed = self.still_there(connection, &entry, (before, chunks), (latest, last))?;
            // The rows stay where the youngest of the replaced ones were.
            place = removed.iter().map(|chunk| chunk.place).max().unwrap_or(version);
            let ids: Vec<i64> = removed.iter().map(|chunk| chunk.id).collect();
            catalog::remove_chunks(connection, feature, &ids, version)?;
            effect = if *change == Change::Layout { Effect::Layout } else { Effect::Other };
        }
        let merged = merge_schemas(&entry.columns, rows)
            .map_err(|problem| StoreError::Rows { feature: feature.clone(), problem })?;
        if merged != entry.columns {
            feature_table::check(connection.dialect(), connection.place(), feature, &merged)?;
            feature_table::grow(connection, feature, (&entry.columns, &merged))?;
            entry.columns = merged;
            effect = Effect::Other;
        }
        if staged.rows > 0 {
            let id = entry.next_chunk;
            feature_table::take(connection, feature, (staged, &entry.columns), id)?;
            let size = Chunk { rows: staged.rows, bytes: staged.bytes };
            let distinct = self.note.distinct.clone();
            let chunk =
                StoredChunk { id, place, added_in: version, added_by: None, size, distinct };
            catalog::put_chunk(connection, feature, &chunk)?;
            entry.next_chunk += 1;
            entry.has_held = true;
        }
        entry.version = version;
        entry.is_there = true;
        catalog::put_entry(connection, feature, &entry)?;
        let rows = staged.rows as u64;
        catalog::put_commit(connection, feature, version, (effect, rows), &self.note)?;
        Ok(Commit { version: number(version), rows, bytes: staged.bytes, is_new: true })
    }

    /// The table as it is now, if there is one.
    fn find(
        &self,
        connection: &mut Connection,
        known: Option<&Entry>,
    ) -> Result<Option<Found>, Stop> {
        let feature = &self.feature;
        if let Some(entry) = known.filter(|entry| entry.is_there) {
            let table = feature_table::name(connection.place(), feature);
            if !catalog::has_table(connection, &table)? {
                return Err(feature_table::dropped(connection.place(), feature).into());
            }
            let loose = feature_table::loose_rows(connection, feature, true)?;
            return Ok(Some(Found { entry: entry.clone(), loose, has_hidden: true }));
        }
        match feature_table::unknown(connection, feature)? {
            Unknown::Nothing => Ok(None),
            Unknown::Other => {
                Err(feature_table::not_ours(connection.place(), feature, None).into())
            }
            Unknown::OfFeature(other) => {
                Err(feature_table::not_ours(connection.place(), feature, Some(&other)).into())
            }
            Unknown::OfMetaxy(columns) => {
                let loose = feature_table::loose_rows(connection, feature, false)?;
                let entry = Entry::after(known, columns);
                Ok(Some(Found { entry, loose, has_hidden: false }))
            }
        }
    }

    /// Refuses rows that were computed from another state of the table than the latest.
    fn require(&self, connection: &mut Connection, latest: Option<u64>) -> Result<(), Stop> {
        let first_other = match (self.note.precondition, latest) {
            (Precondition::None, _) | (Precondition::NoTable, None) => return Ok(()),
            (Precondition::Version(wanted), Some(latest)) if latest == wanted => return Ok(()),
            (Precondition::NoTable, Some(_)) => 1,
            (Precondition::Version(_), None) => {
                return Err(self.conflict("a drop of its table".to_owned()).into());
            }
            (Precondition::Version(wanted), Some(_)) => i64::try_from(wanted).unwrap_or(0) + 1,
        };
        Err(self.conflict(self.describe(connection, first_other)?).into())
    }

    fn describe(&self, connection: &mut Connection, version: i64) -> Result<String, Stop> {
        let operation = catalog::operation(connection, &self.feature, version)?;
        Ok(match operation {
            Some(operation) => format!("`{operation}`, which made version {version}"),
            None => {
                format!("whoever made version {version}, perhaps by adding rows in the database")
            }
        })
    }

    /// Gives rows without a chunk one.
    fn settle(
        &self,
        connection: &mut Connection,
        found: Found,
        version: i64,
    ) -> Result<Entry, Stop> {
        let Found { mut entry, loose, has_hidden } = found;
        if !has_hidden {
            feature_table::add_hidden(connection, &self.feature)?;
            entry.table_id = new_id();
        }
        if loose > 0 {
            let id = entry.next_chunk;
            feature_table::adopt(connection, &self.feature, id)?;
            // How large they are is not known; it is a size that keeps them from being put together.
            let size = Chunk { rows: loose, bytes: (loose as u64).saturating_mul(BYTES_OF_A_ROW) };
            // They were there before this commit.
            let chunk = StoredChunk {
                id,
                place: version - 1,
                added_in: version,
                added_by: None,
                size,
                distinct: Vec::new(),
            };
            catalog::put_chunk(connection, &self.feature, &chunk)?;
            entry.next_chunk += 1;
            entry.has_held = true;
        }
        Ok(entry)
    }

    /// Makes the table.
    fn make(
        &self,
        connection: &mut Connection,
        known: Option<&Entry>,
        rows: &arrow::datatypes::Schema,
    ) -> Result<Entry, Stop> {
        feature_table::check(connection.dialect(), connection.place(), &self.feature, rows)?;
        feature_table::create(connection, &self.feature, rows)?;
        let entry = Entry::after(known, Arc::new(rows.clone()));
        Ok(Entry { table_id: new_id(), is_there: true, ..entry })
    }

    /// The chunks to be replaced, if nobody replaced them since.
    fn still_there(
        &self,
        connection: &mut Connection,
        entry: &Entry,
        (before, chunks): (&SqlTable, &[usize]),
        (latest, last): (Option<u64>, i64),
    ) -> Result<Vec<StoredChunk>, Stop> {
        let dropped = || self.conflict("a drop of its table".to_owned());
        if before.table_id() != entry.table_id && !before.table_id().is_empty() {
            return Err(dropped().into());
        }
        // Rows that had no chunk have one since the beginning of this commit.
        let now = catalog::chunks(connection, &self.feature, last + 1)?;
        let mut removed = Vec::new();
        for chunk in chunks {
            let stored = match before.part(*chunk)? {
                Part::Chunk(id) => now.iter().find(|it| it.id == id),
                // Any commit since made them a chunk, and those without one now are others.
                Part::Loose(rows) if Some(before.number()) == latest => {
                    let is_adopted = |it: &StoredChunk| {
                        number(it.place) == before.number() && it.added_in == it.place + 1
                    };
                    now.iter().find(|it| is_adopted(it) && it.size.rows == rows)
                }
                Part::Loose(_) => None,
            };
            let Some(stored) = stored else {
                let first_other = i64::try_from(before.number()).unwrap_or(0) + 1;
                return Err(self.conflict(self.describe(connection, first_other)?).into());
            };
            removed.push(stored.clone());
        }
        Ok(removed)
    }

    fn conflict(&self, with: String) -> StoreError {
        StoreError::Conflict { feature: self.feature.clone(), with, attempts: 1 }
    }
}

/// What a row of another system is taken to need.
const BYTES_OF_A_ROW: u64 = 256;

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn number(version: i64) -> u64 {
    u64::try_from(version).unwrap_or_default()
}
