//! What happened to tables, version by version.

use metalith_base::FeatureKey;
use metalith_store::CommitNote;

use super::{COMMITS, named, now};
use crate::{
    connection::{Answer, Connection},
    failure::Failure,
    quote,
};

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
