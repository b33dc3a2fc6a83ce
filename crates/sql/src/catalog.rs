//! What a store remembers beside its rows, in tables whose names no feature can have. Where the
//! tables of a store have a prefix, these have it too.

use std::{
    collections::BTreeSet,
    time::{SystemTime, UNIX_EPOCH},
};

use arrow::datatypes::SchemaRef;
use metalith_base::FeatureKey;
use metalith_store::{Chunk, CommitNote, StoreError, StoreMarker};

use crate::{
    columns,
    connection::{Answer, Connection},
    failure::{Failure, Reason, Stop},
    feature_table,
    place::Place,
    quote,
};

/// Texts by name: the marker of the store.
const STORE: &str = "__metalith_store";
/// The tables of features, also those that were dropped, so that no version is told twice.
const TABLES: &str = "__metalith_tables";
/// What happened to them.
const COMMITS: &str = "__metalith_commits";
/// The chunks of rows that are stored, also those that nobody sees any more.
const CHUNKS: &str = "__metalith_chunks";

/// Every table of the catalog with its columns.
const LAYOUT: [(&str, &str); 4] = [
    (STORE, "name VARCHAR(64) PRIMARY KEY, value TEXT NOT NULL"),
    (
        TABLES,
        "feature VARCHAR(1024) PRIMARY KEY, table_id VARCHAR(36) NOT NULL, version BIGINT NOT NULL, \
         next_chunk BIGINT NOT NULL, column_types TEXT NOT NULL, has_held INTEGER NOT NULL, \
         is_there INTEGER NOT NULL",
    ),
    (
        COMMITS,
        "feature VARCHAR(1024) NOT NULL, version BIGINT NOT NULL, mark VARCHAR(36) NOT NULL, \
         effect VARCHAR(16) NOT NULL, operation VARCHAR(64) NOT NULL, details TEXT NOT NULL, \
         tag TEXT, row_count BIGINT NOT NULL, committed_at BIGINT NOT NULL, \
         PRIMARY KEY (feature, version)",
    ),
    (
        CHUNKS,
        "feature VARCHAR(1024) NOT NULL, chunk BIGINT NOT NULL, place BIGINT NOT NULL, \
         added_in BIGINT NOT NULL, removed_in BIGINT, removed_at BIGINT, row_count BIGINT NOT NULL, \
         byte_count BIGINT NOT NULL, distinct_columns TEXT, PRIMARY KEY (feature, chunk)",
    ),
];

/// What the catalog says about the table of a feature.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Tells it from one that was dropped, and had the same name.
    pub(crate) table_id: String,
    pub(crate) version: i64,
    pub(crate) next_chunk: i64,
    pub(crate) columns: SchemaRef,
    pub(crate) has_held: bool,
    /// Whether there is a table; else there was one.
    pub(crate) is_there: bool,
}

impl Entry {
    /// Of a table that is not there yet, which goes on counting where one before it ended.
    pub(crate) fn after(before: Option<&Self>, columns: SchemaRef) -> Self {
        let (version, next_chunk) = before.map_or((0, 0), |it| (it.version, it.next_chunk));
        let table_id = String::new();
        Self { table_id, version, next_chunk, columns, has_held: false, is_there: false }
    }
}

/// A chunk of a table.
#[derive(Clone, Debug)]
pub(crate) struct StoredChunk {
    /// Its number, which no other chunk of the feature ever had.
    pub(crate) id: i64,
    /// Where it is among the others.
    pub(crate) place: i64,
    /// The version that brought it.
    pub(crate) added_in: i64,
    /// The mark of the commit that did, which no other has, where it was asked for.
    pub(crate) added_by: Option<String>,
    pub(crate) size: Chunk,
    /// The columns in which its rows all differ, if that is known.
    pub(crate) distinct: Vec<String>,
}

/// What a commit did to the content of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Rows were added.
    Added,
    /// The same rows are stored otherwise.
    Layout,
    /// Columns were added, perhaps with rows, or rows are gone.
    Other,
}

impl Effect {
    fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Layout => "layout",
            Self::Other => "other",
        }
    }
}

/// Microseconds since 1970, by the clock of this machine.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Makes the tables of the catalog, where they are missing.
pub(crate) fn create(connection: &mut Connection) -> Result<(), Stop> {
    let dialect = connection.dialect();
    for statement in dialect.prepare(connection.place()) {
        connection.run(&statement)?;
    }
    for (table, columns) in LAYOUT {
        let table = named(connection, table);
        connection.run(&format!("CREATE TABLE IF NOT EXISTS {table} ({columns})"))?;
    }
    Ok(())
}

/// Whether the catalog is there.
pub(crate) fn is_there(connection: &mut Connection) -> Result<bool, Failure> {
    let table = connection.place().table(CHUNKS);
    has_table(connection, &table)
}

/// Whether a table of a name could be one of a catalog, be it that of a store with a prefix.
pub(crate) fn is_of_catalog(table: &str) -> bool {
    let table = table.to_ascii_lowercase();
    LAYOUT.iter().any(|(own, _)| table.ends_with(own))
}

/// What other stores have in the database.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// The prefixes of those that begin with that of this one.
    within: Vec<String>,
    /// The tables of their features.
    tables: BTreeSet<String>,
}

impl Others {
    /// Whether a table is of one of them.
    pub(crate) fn have(&self, table: &str) -> bool {
        self.tables.contains(table) || self.within.iter().any(|it| table.starts_with(it))
    }
}

/// What other stores have in the database.
pub(crate) fn others(connection: &mut Connection) -> Result<Others, Failure> {
    let found = connection.query(connection.dialect().tables())?.texts(0)?;
    let own = connection.place().table("");
    let mut others = Others::default();
    for catalog in found.into_iter().flatten() {
        let Some(prefix) = catalog.strip_suffix(TABLES).filter(|it| *it != own) else { continue };
        if prefix.len() > own.len() && prefix.starts_with(&own) {
            others.within.push(prefix.to_owned());
        }
        let tables = features_in(connection, &quote::name(&catalog))?;
        others.tables.extend(tables.iter().map(|it| format!("{prefix}{}", it.table_name())));
    }
    Ok(others)
}

/// The name of a table of the catalog, quoted.
fn named(connection: &Connection, table: &str) -> String {
    quote::name(&connection.place().table(table))
}

/// Whether the database has a table of a name.
pub(crate) fn has_table(connection: &mut Connection, table: &str) -> Result<bool, Failure> {
    let found = connection.dialect().table_named(table);
    Ok(connection.query(&found)?.rows() > 0)
}

/// The marker of the store.
pub(crate) fn marker(connection: &mut Connection) -> Result<Option<StoreMarker>, Stop> {
    let table = named(connection, STORE);
    let answer = connection.query(&format!("SELECT value FROM {table} WHERE name = 'marker'"))?;
    let Some(text) = answer.text()? else { return Ok(None) };
    let marker = serde_json::from_str(&text).map_err(|error| {
        Failure::new(Reason::Other, format!("the marker of the store is damaged: {error}"))
    })?;
    Ok(Some(marker))
}

/// Writes the marker, unless there is one.
pub(crate) fn put_marker(connection: &mut Connection, marker: &StoreMarker) -> Result<(), Stop> {
    let text = serde_json::to_string(marker)
        .map_err(|error| Failure::new(Reason::Other, error.to_string()))?;
    let (table, text) = (named(connection, STORE), quote::text(&text));
    let insert = format!(
        "INSERT INTO {table} (name, value) VALUES ('marker', {text}) ON CONFLICT DO NOTHING"
    );
    Ok(connection.run(&insert)?)
}

/// The features that have a table, by key.
pub(crate) fn features(connection: &mut Connection) -> Result<Vec<FeatureKey>, Failure> {
    let table = named(connection, TABLES);
    features_in(connection, &table)
}

fn features_in(connection: &mut Connection, table: &str) -> Result<Vec<FeatureKey>, Failure> {
    let answer = connection.query(&format!("SELECT feature FROM {table} WHERE is_there = 1"))?;
    Ok(answer.texts(0)?.into_iter().flatten().filter_map(|key| key.parse().ok()).collect())
}

/// What is known of a feature's table. A writer's `lock` makes others wait until it has committed.
pub(crate) fn entry(
    connection: &mut Connection,
    feature: &FeatureKey,
    lock: bool,
) -> Result<Option<Entry>, Stop> {
    let (table, key) = (named(connection, TABLES), quote::text(feature.as_str()));
    if lock && connection.dialect().locks_rows() {
        // The row of a result cannot be locked by drivers that copy results.
        let locking =
            format!("UPDATE {table} SET version = version WHERE feature = {key} RETURNING {ENTRY}");
        let mut answer = connection.query(&locking)?;
        if answer.rows() == 0 {
            connection.run(&format!(
                "INSERT INTO {table} (feature, table_id, version, next_chunk, column_types, \
                 has_held, is_there) VALUES ({key}, '', 0, 0, '[]', 0, 0) ON CONFLICT DO NOTHING"
            ))?;
            answer = connection.query(&locking)?;
        }
        return entry_of(connection, feature, &answer);
    }
    let answer = connection.query(&format!("SELECT {ENTRY} FROM {table} WHERE feature = {key}"))?;
    entry_of(connection, feature, &answer)
}

/// The columns that an entry is read from.
const ENTRY: &str = "table_id, column_types, version, next_chunk, has_held, is_there";

/// An entry in an answer that begins with [its columns](ENTRY).
fn entry_of(
    connection: &Connection,
    feature: &FeatureKey,
    answer: &Answer,
) -> Result<Option<Entry>, Stop> {
    let texts = |column| Ok::<_, Failure>(answer.texts(column)?.into_iter().next().flatten());
    let number = |column| {
        let value = answer.numbers(column)?.into_iter().next().flatten();
        Ok::<_, Failure>(value.unwrap_or_default())
    };
    let (Some(table_id), Some(text)) = (texts(0)?, texts(1)?) else { return Ok(None) };
    let columns = columns::from_text(&text).ok_or_else(|| StoreError::Corrupt {
        feature: feature.clone(),
        location: connection.place().shown().to_owned(),
        detail: "what the catalog says about its columns cannot be read".to_owned(),
    })?;
    Ok(Some(Entry {
        table_id,
        version: number(2)?,
        next_chunk: number(3)?,
        columns,
        has_held: number(4)? != 0,
        is_there: number(5)? != 0,
    }))
}

/// What one look tells about a table that there was a moment ago.
#[derive(Debug)]
pub(crate) struct Glance {
    pub(crate) entry: Entry,
    /// The mark of the commit that made its version.
    pub(crate) mark: Option<String>,
    /// How many of its rows have no chunk.
    pub(crate) loose: usize,
}

/// Looks what there is of a table with hidden columns, by one statement. It fails where the table is
/// gone.
pub(crate) fn glance(
    connection: &mut Connection,
    feature: &FeatureKey,
) -> Result<Option<Glance>, Stop> {
    let key = quote::text(feature.as_str());
    let (tables, commits) = (named(connection, TABLES), named(connection, COMMITS));
    let loose = feature_table::count_loose(connection, feature, true);
    let answer = connection.query(&format!(
        "SELECT t.table_id, t.column_types, t.version, t.next_chunk, t.has_held, t.is_there, \
         ({loose}) AS loose, c.mark FROM {tables} AS t LEFT JOIN {commits} AS c \
         ON c.feature = t.feature AND c.version = t.version WHERE t.feature = {key}"
    ))?;
    let Some(entry) = entry_of(connection, feature, &answer)? else { return Ok(None) };
    let loose = answer.numbers(6)?.into_iter().next().flatten().unwrap_or_default();
    let mark = answer.texts(7)?.into_iter().next().flatten();
    Ok(Some(Glance { entry, mark, loose: usize::try_from(loose).unwrap_or_default() }))
}

/// Writes down what is known of a feature's table now.
pub(crate) fn put_entry(
    connection: &mut Connection,
    feature: &FeatureKey,
    entry: &Entry,
) -> Result<(), Stop> {
    let types = columns::to_text(&entry.columns).ok_or_else(|| {
        Failure::new(Reason::Other, "a column has a type that the catalog cannot remember")
    })?;
    let (table, key) = (named(connection, TABLES), quote::text(feature.as_str()));
    // Who locked the row knows that it is there.
    let is_known = connection.dialect().locks_rows()
        || connection.query(&format!("SELECT feature FROM {table} WHERE feature = {key}"))?.rows()
            > 0;
    let Entry { version, next_chunk, .. } = entry;
    let (table_id, types) = (quote::text(&entry.table_id), quote::text(&types));
    let (has_held, is_there) = (i64::from(entry.has_held), i64::from(entry.is_there));
    connection.run(&if is_known {
        format!(
            "UPDATE {table} SET table_id = {table_id}, version = {version}, \
             next_chunk = {next_chunk}, column_types = {types}, has_held = {has_held}, \
             is_there = {is_there} WHERE feature = {key}"
        )
    } else {
        format!(
            "INSERT INTO {table} (feature, table_id, version, next_chunk, column_types, has_held, \
             is_there) VALUES ({key}, {table_id}, {version}, {next_chunk}, {types}, {has_held}, \
             {is_there})"
        )
    })?;
    Ok(())
}

/// What is in a version of a table with hidden columns.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) chunks: Vec<StoredChunk>,
    /// How many rows have no chunk.
    pub(crate) loose: usize,
    /// The mark of the commit that made the version.
    pub(crate) mark: Option<String>,
}

/// What is in the version that an entry tells of, by one statement; `None` when that is not the
/// latest any more.
pub(crate) fn content(
    connection: &mut Connection,
    feature: &FeatureKey,
    entry: &Entry,
) -> Result<Option<Content>, Failure> {
    let (tables, commits, chunks) =
        (named(connection, TABLES), named(connection, COMMITS), named(connection, CHUNKS));
    let (key, id) = (quote::text(feature.as_str()), quote::text(&entry.table_id));
    let (version, loose) = (entry.version, feature_table::count_loose(connection, feature, true));
    let answer = connection.query(&format!(
        "SELECT c.distinct_columns, c.chunk, c.place, c.added_in, c.row_count, c.byte_count, \
         m.mark AS added_by, ({loose}) AS loose, (SELECT mark FROM {commits} WHERE feature = {key} \
         AND version = {version}) AS mark FROM {tables} AS t LEFT JOIN {chunks} AS c \
         ON c.feature = t.feature AND c.added_in <= {version} \
         AND (c.removed_in IS NULL OR c.removed_in > {version}) \
         LEFT JOIN {commits} AS m ON m.feature = c.feature AND m.version = c.added_in \
         WHERE t.feature = {key} AND t.table_id = {id} AND t.version = {version} \
         AND t.is_there = 1 ORDER BY c.place, c.chunk"
    ))?;
    if answer.rows() == 0 {
        return Ok(None);
    }
    let loose = answer.numbers(7)?.into_iter().next().flatten().unwrap_or_default();
    let added_by = answer.texts(6)?;
    Ok(Some(Content {
        chunks: chunks_of(&answer, &added_by)?,
        loose: usize::try_from(loose).unwrap_or_default(),
        mark: answer.texts(8)?.into_iter().next().flatten(),
    }))
}

/// The chunks that a reader of a version sees, in their order.
pub(crate) fn chunks(
    connection: &mut Connection,
    feature: &FeatureKey,
    version: i64,
) -> Result<Vec<StoredChunk>, Failure> {
    let (table, key) = (named(connection, CHUNKS), quote::text(feature.as_str()));
    let answer = connection.query(&format!(
        "SELECT distinct_columns, chunk, place, added_in, row_count, byte_count FROM {table} \
         WHERE feature = {key} AND added_in <= {version} \
         AND (removed_in IS NULL OR removed_in > {version}) ORDER BY place, chunk"
    ))?;
    chunks_of(&answer, &[])
}

/// Chunks in an answer that begins with their columns, with the marks of the commits that added them,
/// if known. Without any chunk there may be a row of NULLs.
fn chunks_of(answer: &Answer, added_by: &[Option<String>]) -> Result<Vec<StoredChunk>, Failure> {
    let distinct = answer.texts(0)?;
    let numbers = (1..6).map(|column| answer.numbers(column)).collect::<Result<Vec<_>, _>>()?;
    let number = |column: usize, row: usize| numbers[column][row].unwrap_or_default();
    let chunk = |(row, distinct): (usize, Option<String>)| {
        Some(StoredChunk {
            id: numbers[0][row]?,
            place: number(1, row),
            added_in: number(2, row),
            added_by: added_by.get(row).cloned().flatten(),
            size: Chunk {
                rows: usize::try_from(number(3, row)).unwrap_or_default(),
                bytes: u64::try_from(number(4, row)).unwrap_or_default(),
            },
            distinct: distinct.and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default(),
        })
    };
    Ok(distinct.into_iter().enumerate().filter_map(chunk).collect())
}

/// The place of each chunk that a reader of a version sees, to be joined with rows: the table, and
/// the condition on it, where it is called `name`.
pub(crate) fn seen_chunks(
    place: &Place,
    feature: &FeatureKey,
    version: i64,
    name: &str,
) -> (String, String) {
    let key = quote::text(feature.as_str());
    let condition = format!(
        "{name}.feature = {key} AND {name}.added_in <= {version} AND ({name}.removed_in IS NULL OR \
         {name}.removed_in > {version})"
    );
    (quote::name(&place.table(CHUNKS)), condition)
}

/// Writes down a chunk.
pub(crate) fn put_chunk(
    connection: &mut Connection,
    feature: &FeatureKey,
    chunk: &StoredChunk,
) -> Result<(), Failure> {
    let (table, key) = (named(connection, CHUNKS), quote::text(feature.as_str()));
    let StoredChunk { id, place, added_in, size, distinct, .. } = chunk;
    let distinct = Some(distinct).filter(|it| !it.is_empty());
    let distinct = distinct.and_then(|it| serde_json::to_string(it).ok());
    let distinct = quote::optional(distinct.as_deref());
    let (rows, bytes) = (size.rows, size.bytes);
    connection.run(&format!(
        "INSERT INTO {table} (feature, chunk, place, added_in, row_count, byte_count, \
         distinct_columns) VALUES ({key}, {id}, {place}, {added_in}, {rows}, {bytes}, {distinct})"
    ))
}

/// Lets nobody see chunks any more from a version on.
pub(crate) fn remove_chunks(
    connection: &mut Connection,
    feature: &FeatureKey,
    chunks: &[i64],
    version: i64,
) -> Result<(), Failure> {
    let (table, key) = (named(connection, CHUNKS), quote::text(feature.as_str()));
    let (chunks, now) = (quote::numbers(chunks), now());
    connection.run(&format!(
        "UPDATE {table} SET removed_in = {version}, removed_at = {now} \
         WHERE feature = {key} AND chunk IN ({chunks})"
    ))
}

/// The chunks that nobody sees since a time, with their sizes.
pub(crate) fn removed_chunks(
    connection: &mut Connection,
    feature: &FeatureKey,
    until: i64,
) -> Result<Vec<(i64, u64)>, Failure> {
    let (table, key) = (named(connection, CHUNKS), quote::text(feature.as_str()));
    let answer = connection.query(&format!(
        "SELECT chunk, byte_count FROM {table} WHERE feature = {key} AND removed_at <= {until}"
    ))?;
    let sizes = answer.numbers(1)?.into_iter().flatten();
    let sizes = sizes.map(|bytes| u64::try_from(bytes).unwrap_or_default());
    Ok(answer.numbers(0)?.into_iter().flatten().zip(sizes).collect())
}

/// Forgets chunks whose rows are gone.
pub(crate) fn forget_chunks(
    connection: &mut Connection,
    feature: &FeatureKey,
    chunks: &[i64],
) -> Result<(), Failure> {
    let (table, key) = (named(connection, CHUNKS), quote::text(feature.as_str()));
    let chunks = quote::numbers(chunks);
    connection.run(&format!("DELETE FROM {table} WHERE feature = {key} AND chunk IN ({chunks})"))
}

/// Writes down a commit.
pub(crate) fn put_commit(
    connection: &mut Connection,
    feature: &FeatureKey,
    version: i64,
    (effect, rows): (Effect, u64),
    note: &CommitNote,
) -> Result<(), Failure> {
    let details: serde_json::Map<String, serde_json::Value> =
        note.details.iter().map(|(key, value)| ((*key).to_owned(), value.clone().into())).collect();
    let details = quote::text(&serde_json::Value::from(details).to_string());
    let (table, key) = (named(connection, COMMITS), quote::text(feature.as_str()));
    let (mark, now) = (quote::text(&uuid::Uuid::new_v4().to_string()), now());
    let (effect, operation) = (quote::text(effect.name()), quote::text(note.operation));
    let tag = quote::optional(note.once.as_deref());
    connection.run(&format!(
        "INSERT INTO {table} (feature, version, mark, effect, operation, details, tag, row_count, \
         committed_at) VALUES ({key}, {version}, {mark}, {effect}, {operation}, {details}, {tag}, \
         {rows}, {now})"
    ))
}

/// Whether a commit under a tag was made up to a version.
pub(crate) fn has_tag(
    connection: &mut Connection,
    feature: &FeatureKey,
    tag: &str,
    version: i64,
) -> Result<bool, Failure> {
    let rows = commits(
        connection,
        feature,
        "version",
        &format!("tag = {} AND version <= {version}", quote::text(tag)),
    )?;
    Ok(rows.rows() > 0)
}

/// The operation that made a version.
pub(crate) fn operation(
    connection: &mut Connection,
    feature: &FeatureKey,
    version: i64,
) -> Result<Option<String>, Failure> {
    commits(connection, feature, "operation", &format!("version = {version}"))?.text()
}

/// The mark of the commit that made a version.
pub(crate) fn mark(
    connection: &mut Connection,
    feature: &FeatureKey,
    version: i64,
) -> Result<Option<String>, Failure> {
    commits(connection, feature, "mark", &format!("version = {version}"))?.text()
}

/// Whether nothing but additions, and the same rows in another form, made the versions after one.
pub(crate) fn only_added(
    connection: &mut Connection,
    feature: &FeatureKey,
    (after, until): (i64, i64),
) -> Result<bool, Failure> {
    let others = format!("version > {after} AND version <= {until} AND effect = 'other'");
    Ok(commits(connection, feature, "version", &others)?.rows() == 0)
}

fn commits(
    connection: &mut Connection,
    feature: &FeatureKey,
    column: &str,
    filter: &str,
) -> Result<Answer, Failure> {
    let (table, key) = (named(connection, COMMITS), quote::text(feature.as_str()));
    connection.query(&format!("SELECT {column} FROM {table} WHERE feature = {key} AND {filter}"))
}

/// Forgets all that happened to a table, and all that was in it, but not its last version.
pub(crate) fn forget_table(
    connection: &mut Connection,
    feature: &FeatureKey,
) -> Result<(), Failure> {
    let key = quote::text(feature.as_str());
    for table in [COMMITS, CHUNKS] {
        let table = named(connection, table);
        connection.run(&format!("DELETE FROM {table} WHERE feature = {key}"))?;
    }
    Ok(())
}
