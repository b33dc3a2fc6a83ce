//! The chunks of which versions of tables consist.

use metalith_base::FeatureKey;
use metalith_store::Chunk;

use super::{CHUNKS, COMMITS, Entry, TABLES, named, now};
use crate::{
    connection::{Answer, Connection},
    failure::Failure,
    feature_table,
    place::Place,
    quote,
};

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
