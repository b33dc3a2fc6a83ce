//! The current rows of a table, in SQL.

use std::collections::BTreeSet;

use arrow::datatypes::DataType;
use metalith_store::Current;

use super::{
    Declined, condition,
    statement::{Parts, column},
};
use crate::{
    catalog,
    dialect::Dialect,
    quote,
    table::SqlTable,
    values::{CHUNK, POSITION},
};

const FEATURE_VERSION: &str = "metaxy_feature_version";
pub(super) const UPDATED_AT: &str = "metaxy_updated_at";
const DELETED_AT: &str = "metaxy_deleted_at";

/// A table of which current rows are needed.
pub(super) struct Side<'a> {
    pub(super) rows: &'a Current,
    pub(super) table: &'a SqlTable,
    /// The columns that go on.
    pub(super) carried: BTreeSet<usize>,
    /// Those that are computed with, beyond what current rows themselves need.
    pub(super) computed: BTreeSet<usize>,
}

/// Which rows of upstreams count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    /// Those of the feature's version.
    Current,
    /// Those of any.
    Any,
}

impl Side<'_> {
    fn place(&self, name: &str) -> Option<usize> {
        self.table.columns.index_of(name).ok()
    }

    /// All columns whose values decide something.
    pub(super) fn deciding(&self) -> BTreeSet<usize> {
        let own = [FEATURE_VERSION, UPDATED_AT, DELETED_AT].map(|name| self.place(name));
        let own = own.into_iter().chain([self.rows.active]).flatten();
        let conditions = condition::columns(&self.rows.conditions);
        let all = own.chain(self.rows.ids.iter().copied()).chain(conditions);
        all.chain(self.computed.iter().copied()).collect()
    }

    /// Refuses what is not compared alike everywhere.
    pub(super) fn check(&self, dialect: &dyn Dialect) -> Result<(), Declined> {
        let of = |place: usize| self.table.columns.field(place);
        let key = &self.table.feature;
        for id in &self.rows.ids {
            check_key(of(*id).name(), of(*id).data_type())?;
        }
        let row = dialect.row_id();
        if self.table.columns.fields().iter().any(|it| it.name().eq_ignore_ascii_case(row)) {
            return Err(Declined(format!("a column of `{key}` hides how rows are ordered")));
        }
        let version = self.place(FEATURE_VERSION).map(|it| of(it).data_type());
        if version.is_some_and(|it| *it != DataType::Utf8) {
            return Err(Declined(format!("the feature versions of `{key}` are no texts")));
        }
        let times =
            [UPDATED_AT, DELETED_AT].map(|name| self.place(name).map(|it| of(it).data_type()));
        let is_time = |of: &DataType| matches!(of, DataType::Timestamp(..));
        let times: Vec<&DataType> = times.into_iter().flatten().collect();
        if times.iter().any(|of| !is_time(of)) || times.windows(2).any(|two| two[0] != two[1]) {
            return Err(Declined(format!("the times of `{key}` are not of one type")));
        }
        if self.rows.active.is_some_and(|it| *of(it).data_type() != DataType::Boolean) {
            return Err(Declined(format!(
                "the marks of active samples of `{key}` are no booleans"
            )));
        }
        Ok(())
    }

    /// Adds the current rows, and returns what they are called; columns are called by their places
    /// in the table.
    pub(super) fn add(
        &self,
        dialect: &dyn Dialect,
        (name, versions): (&str, Versions),
        parts: &mut Parts,
    ) -> Result<String, Declined> {
        let needed: BTreeSet<usize> = self.deciding().union(&self.carried).copied().collect();
        let stored = parts.add(format!("{name}_stored"), self.stored(dialect, &needed));
        let ids = self.rows.ids.iter().map(|id| column(*id)).collect::<Vec<_>>().join(", ");
        let (updated, deleted) = (self.place(UPDATED_AT), self.place(DELETED_AT));
        let changed: Vec<String> = deleted.into_iter().chain(updated).map(column).collect();
        let changed = match changed.as_slice() {
            [] => String::new(),
            all => format!("COALESCE({}) DESC NULLS LAST, ", all.join(", ")),
        };
        let of_version = match (versions, self.place(FEATURE_VERSION)) {
            (Versions::Current, Some(place)) => {
                format!(" WHERE {} = {}", column(place), quote::text(&self.rows.feature_version))
            }
            _ => String::new(),
        };
        let latest = parts.add(
            format!("{name}_ranked"),
            format!(
                "SELECT *, ROW_NUMBER() OVER (PARTITION BY {ids} ORDER BY {changed}p1 DESC, \
                 p2 DESC, p3 DESC) AS latest FROM {stored}{of_version}"
            ),
        );
        let mut wanted = vec!["latest = 1".to_owned()];
        wanted.extend(deleted.map(|it| format!("{} IS NULL", column(it))));
        wanted.extend(self.rows.active.map(|it| format!("{} IS NOT FALSE", column(it))));
        for condition in &self.rows.conditions {
            wanted.push(condition::sql(dialect, condition)?);
        }
        let wanted = wanted.join(" AND ");
        Ok(parts.add(format!("{name}_current"), format!("SELECT * FROM {latest} WHERE {wanted}")))
    }

    /// A query for the rows of the state that was opened, and for how they came one after another.
    pub(super) fn stored(&self, dialect: &dyn Dialect, needed: &BTreeSet<usize>) -> String {
        let table = quote::name(&self.table.name());
        let deciding = self.deciding();
        let columns = needed.iter().map(|place| {
            let field = self.table.columns.field(*place);
            let name = quote::name(field.name());
            let is_text = *field.data_type() == DataType::Utf8 && deciding.contains(place);
            let collation = if is_text { " COLLATE \"C\"" } else { "" };
            format!("t.{name}{collation} AS {}, ", column(*place))
        });
        let columns: String = columns.collect();
        let (chunk, position) = (quote::name(CHUNK), quote::name(POSITION));
        let (loose, has_chunks) = self.table.loose_and_chunked();
        let mut queries = Vec::new();
        if has_chunks || loose == 0 {
            let version = self.table.recorded_version();
            let SqlTable { pool, feature, .. } = &self.table;
            let (chunks, seen) = catalog::seen_chunks(pool.place(), feature, version, "k");
            queries.push(format!(
                "SELECT {columns}k.place AS p1, k.chunk AS p2, t.{position} AS p3 FROM {table} AS t \
                 JOIN {chunks} AS k ON k.chunk = t.{chunk} WHERE {seen}"
            ));
        }
        if loose > 0 {
            let row = dialect.row_id();
            let which = match self.table.has_hidden {
                true => format!(" WHERE t.{chunk} IS NULL"),
                false => String::new(),
            };
            // They come after all others, as they do where they are read.
            queries.push(format!(
                "SELECT {columns}CAST({} AS BIGINT) AS p1, CAST(0 AS BIGINT) AS p2, \
                 ROW_NUMBER() OVER (ORDER BY t.{row}) AS p3 FROM {table} AS t{which}",
                i64::MAX
            ));
        }
        queries.join(" UNION ALL ")
    }
}

/// Refuses keys that are not equal, or ordered, alike everywhere.
pub(super) fn check_key(name: &str, of: &DataType) -> Result<(), Declined> {
    match of {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Utf8 => {
            Ok(())
        }
        other => Err(Declined(format!("`{name}` is of type {other}, and is compared by"))),
    }
}
