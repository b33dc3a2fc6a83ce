//! Current rows that are known without reading any.
//!
//! Most tables are written once, or grow by samples that were not there before: then every row of
//! the feature's version is current, and what places know of their chunks proves it. The proof asks
//! for all of this:
//!
//! - every chunk says that its rows differ in the feature's ids;
//! - each chunk has rows of the wanted feature version alone, or none of it;
//! - no row is deleted;
//! - the ids of different writes lie in ranges that do not meet.
//!
//! Whatever is not said is not assumed: then the rows are looked at.

use std::collections::BTreeMap;

use datafusion::arrow::{
    array::{Array as _, ArrayRef, AsArray as _, UInt64Array, make_comparator, new_null_array},
    compute::{SortOptions, cast, take},
    datatypes::DataType,
    row::{OwnedRow, RowConverter, SortField},
};
use metalith_graph::{Feature, columns};

use crate::{
    ChunkFacts, ColumnFacts, Distinct, StoreError, Table,
    chunk_scan::{ChunkSelection, Selection},
    current::Visibility,
};

/// The visible rows of a table, if they can be told without reading.
pub(crate) async fn known_selection(
    feature: &Feature,
    table: &dyn Table,
    visibility: &Visibility,
) -> Result<Option<Selection>, StoreError> {
    let spec = feature.spec();
    let schema = table.schema();
    let place = |name: &str| schema.index_of(name).ok();
    let (Some(id), None) = (spec.id_columns.first().and_then(|id| place(id)), &spec.active) else {
        return Ok(None);
    };
    let (deleted_at, version) = (place(columns::DELETED_AT), place(columns::FEATURE_VERSION));
    let wanted = version.and(visibility.feature_version.as_deref());
    let asked: Vec<usize> = [Some(id), deleted_at, version].into_iter().flatten().collect();
    let mut writes = Writes::new(schema.field(id).data_type())?;
    let mut chunks = Vec::with_capacity(table.chunks().len());
    for (number, chunk) in table.chunks().iter().enumerate() {
        if chunk.rows == 0 {
            chunks.push(ChunkSelection::Nothing);
            continue;
        }
        let ChunkFacts { distinct, columns } = table.chunk_facts(number, &asked).await?;
        let Some(distinct) = distinct.filter(|it| is_about(it, &spec.id_columns)) else {
            return Ok(None);
        };
        let mut columns = columns.into_iter();
        let ids = columns.next().unwrap_or_default();
        let deleted = deleted_at.and_then(|_| columns.next());
        let versions = version.and_then(|_| columns.next()).unwrap_or_default();
        match wanted.map_or(Some(true), |wanted| all_or_none(&versions, wanted, chunk.rows)) {
            Some(true) => {}
            Some(false) => {
                chunks.push(ChunkSelection::Nothing);
                continue;
            }
            None => return Ok(None),
        }
        if deleted.is_some_and(|it| it.nulls != Some(chunk.rows)) {
            return Ok(None);
        }
        if !writes.add(distinct, ids.bounds)? {
            return Ok(None);
        }
        chunks.push(ChunkSelection::All);
    }
    Ok(writes.lie_apart().then(|| Selection::new(chunks)))
}

/// Columns in which all rows of some chunks differ, none if that cannot be told without reading.
pub(crate) async fn distinct_in(
    table: &dyn Table,
    chunks: &[usize],
) -> Result<Vec<String>, StoreError> {
    let schema = table.schema();
    let mut chunks =
        chunks.iter().copied().filter(|chunk| table.chunks()[*chunk].rows > 0).peekable();
    let Some(first) = chunks.peek() else { return Ok(Vec::new()) };
    let columns = table.chunk_facts(*first, &[]).await?.distinct.map(|it| it.columns);
    let columns = columns.unwrap_or_default();
    let Some(id) = columns.first().and_then(|it| schema.index_of(it).ok()) else {
        return Ok(Vec::new());
    };
    let mut writes = Writes::new(schema.field(id).data_type())?;
    for chunk in chunks {
        let ChunkFacts { distinct, columns: facts } = table.chunk_facts(chunk, &[id]).await?;
        let distinct = distinct.filter(|it| it.columns == columns);
        let bounds = facts.into_iter().next().and_then(|it| it.bounds);
        let (Some(distinct), Some(bounds)) = (distinct, bounds) else { return Ok(Vec::new()) };
        if !writes.add(distinct, Some(bounds))? {
            return Ok(Vec::new());
        }
    }
    Ok(if writes.lie_apart() { columns } else { Vec::new() })
}

fn is_about(distinct: &Distinct, ids: &[String]) -> bool {
    // Rows that differ in some of the ids differ in all of them.
    !distinct.columns.is_empty() && distinct.columns.iter().all(|column| ids.contains(column))
}

/// Whether all rows are of a feature version, or none is; `None` where that is not known.
fn all_or_none(versions: &ColumnFacts, wanted: &str, rows: usize) -> Option<bool> {
    if versions.nulls? == rows {
        return Some(false);
    }
    let bounds = cast(versions.bounds.as_ref()?, &DataType::Utf8).ok()?;
    let bounds =
        bounds.as_string_opt::<i32>().filter(|it| it.len() == 2 && it.null_count() == 0)?;
    let (least, greatest) = (bounds.value(0), bounds.value(1));
    match (least, greatest) {
        _ if wanted < least || wanted > greatest => Some(false),
        _ if least == greatest && versions.nulls == Some(0) => Some(true),
        _ => None,
    }
}

/// A column for `count` rows of a chunk with so many `rows`, if all of these have one value there.
/// Of numbers with a fraction bounds do not tell that: of those that are none they say nothing.
pub fn repeated(
    column: &ColumnFacts,
    data_type: &DataType,
    rows: usize,
    count: usize,
) -> Option<ArrayRef> {
    if column.nulls? == rows {
        return Some(new_null_array(data_type, count));
    }
    let bounds = column.bounds.as_ref().filter(|it| it.data_type() == data_type)?;
    let order = make_comparator(bounds, bounds, SortOptions::default()).ok()?;
    let is_one = column.nulls == Some(0) && order(0, 1).is_eq();
    is_one.then(|| take(bounds, &UInt64Array::from_value(0, count), None).ok()).flatten()
}

/// The writes that chunks are of, with the range of their first id.
struct Writes {
    converter: RowConverter,
    spans: BTreeMap<String, Span>,
}

#[derive(Default)]
struct Span {
    parts: Vec<u32>,
    /// `None` as soon as a part's is not known.
    bounds: Option<(OwnedRow, OwnedRow)>,
}

impl Writes {
    fn new(id: &DataType) -> Result<Self, StoreError> {
        let converter = RowConverter::new(vec![SortField::new(id.clone())]);
        Ok(Self { converter: converter.map_err(StoreError::arrow)?, spans: BTreeMap::new() })
    }

    /// Takes a chunk; `false` when the same part of the same write was there before.
    fn add(&mut self, of: Distinct, bounds: Option<ArrayRef>) -> Result<bool, StoreError> {
        let bounds = match bounds.filter(|it| it.len() == 2 && it.null_count() == 0) {
            Some(bounds) => {
                let rows = self.converter.convert_columns(&[bounds]).map_err(StoreError::arrow)?;
                Some((rows.row(0).owned(), rows.row(1).owned()))
            }
            None => None,
        };
        let Some(span) = self.spans.get_mut(&of.write) else {
            self.spans.insert(of.write, Span { parts: vec![of.part], bounds });
            return Ok(true);
        };
        if span.parts.contains(&of.part) {
            return Ok(false);
        }
        span.parts.push(of.part);
        span.bounds = match (span.bounds.take(), bounds) {
            (Some((least, greatest)), Some((lower, higher))) => {
                Some((least.min(lower), greatest.max(higher)))
            }
            _ => None,
        };
        Ok(true)
    }

    /// Whether no id can be in two writes.
    fn lie_apart(self) -> bool {
        if self.spans.len() < 2 {
            return true;
        }
        let bounds: Option<Vec<_>> = self.spans.into_values().map(|span| span.bounds).collect();
        let Some(mut bounds) = bounds else { return false };
        bounds.sort();
        bounds.windows(2).all(|pair| pair[0].1 < pair[1].0)
    }
}

#[cfg(test)]
mod tests;
