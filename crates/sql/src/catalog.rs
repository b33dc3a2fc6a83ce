//! What a store remembers beside its rows, in tables whose names no feature can have. Where the
//! tables of a store have a prefix, these have it too.

use std::{
    collections::BTreeSet,
    time::{SystemTime, UNIX_EPOCH},
};

use arrow::datatypes::SchemaRef;
use metalith_base::FeatureKey;
use metalith_store::{StoreError, StoreMarker};

pub(crate) use self::{
    chunks::{
        Content, StoredChunk, chunks, content, forget_chunks, put_chunk, remove_chunks,
        removed_chunks, seen_chunks,
    },
    commits::{Effect, has_tag, mark, only_added, operation, put_commit},
};
use crate::{
    columns,
    connection::{Answer, Connection},
    failure::{Failure, Reason, Stop},
    feature_table, quote,
};

mod chunks;
mod commits;

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
