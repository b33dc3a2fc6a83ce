//! Samples that may not be in order any more, and where their rows are.

use std::{cmp::Ordering, future::ready, sync::Arc};

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray as _, BooleanArray, Int64Array, make_comparator},
    compute::{SortOptions, concat, filter, sort},
    datatypes::Int64Type,
};
use futures::{Stream, TryStreamExt as _};

use crate::{ChunkRequest, ColumnFacts, Run, StoreError, Table, ahead::ahead, key_index::KeyIndex};

/// How many chunks are looked through side by side.
const CHUNKS_AHEAD: usize = 4;

/// The join keys of samples that may not be in order any more.
pub(crate) struct Changed {
    keys: KeyIndex,
    /// The values of the first of these columns, in Arrow's order.
    firsts: ArrayRef,
}

/// The rows of a chunk that are of changed samples.
pub(crate) struct ChangedRows {
    pub(crate) chunk: usize,
    /// Which rows of the chunk they are.
    pub(crate) places: Vec<usize>,
    /// Their join keys, column by column.
    pub(crate) keys: Vec<ArrayRef>,
}

impl Changed {
    /// Samples with these keys, and the values of their first column, in any order.
    pub(super) fn new(mut keys: KeyIndex, firsts: &[ArrayRef]) -> Result<Self, StoreError> {
        keys.sift();
        let firsts: Vec<&dyn Array> = firsts.iter().map(AsRef::as_ref).collect();
        let firsts = concat(&firsts).and_then(|firsts| sort(&firsts, None));
        Ok(Self { keys, firsts: firsts.map_err(StoreError::arrow)? })
    }

    /// How many samples there are.
    pub(crate) fn samples(&self) -> usize {
        self.keys.len()
    }

    /// Of each chunk the rows that are of a changed sample, if there are any; `ids` are the columns
    /// of the join keys. Chunks come in their order, and some are looked through ahead.
    pub(crate) fn rows_of(
        self: &Arc<Self>,
        table: &Arc<dyn Table>,
        ids: &[String],
    ) -> impl Stream<Item = Result<ChangedRows, StoreError>> + use<> {
        let (changed, table) = (Arc::clone(self), Arc::clone(table));
        let ids: Arc<[String]> = ids.into();
        let chunks = 0..table.chunks().len();
        let look = move |chunk| {
            let (changed, table) = (Arc::clone(&changed), Arc::clone(&table));
            let ids = Arc::clone(&ids);
            async move { changed.rows_of_chunk(table.as_ref(), chunk, &ids).await }
        };
        ahead(chunks, CHUNKS_AHEAD, look).try_filter_map(|found| ready(Ok(found)))
    }

    async fn rows_of_chunk(
        &self,
        table: &dyn Table,
        chunk: usize,
        ids: &[String],
    ) -> Result<Option<ChangedRows>, StoreError> {
        if self.keys.len() == 0 {
            return Ok(None);
        }
        let facts = self.facts_of_first(table, chunk, ids).await?;
        if !self.may_be_in(&facts)? {
            return Ok(None);
        }
        let changed = self.firsts.as_primitive_opt::<Int64Type>();
        let rows = table.chunks()[chunk].rows;
        if let ([_], Some(runs), Some(changed)) = (ids, facts.runs, changed) {
            return Ok(counted_rows((chunk, rows), &runs, changed));
        }
        let mut places = Vec::new();
        let mut start = 0;
        let mut found: Vec<Vec<ArrayRef>> = vec![Vec::new(); ids.len()];
        let take = |ids: &[ArrayRef]| {
            let changed = self.keys.contains(ids)?;
            let before = places.len();
            places.extend(changed.set_indices().map(|row| start + row));
            start += changed.len();
            if places.len() > before {
                let changed = BooleanArray::new(changed, None);
                for (found, ids) in found.iter_mut().zip(ids) {
                    found.push(filter(ids, &changed).map_err(StoreError::arrow)?);
                }
            }
            Ok(())
        };
        read_columns(table, chunk, ids, take).await?;
        if places.is_empty() {
            return Ok(None);
        }
        let joined = found.iter().map(|parts| {
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            concat(&parts).map_err(StoreError::arrow)
        });
        let keys = joined.collect::<Result<_, _>>()?;
        Ok(Some(ChangedRows { chunk, places, keys }))
    }

    /// What is known of the first of the columns of the join keys.
    async fn facts_of_first(
        &self,
        table: &dyn Table,
        chunk: usize,
        ids: &[String],
    ) -> Result<ColumnFacts, StoreError> {
        let first = ids.first().and_then(|first| table.schema().index_of(first).ok());
        let Some(first) = first else { return Ok(ColumnFacts::default()) };
        let facts = table.chunk_facts(chunk, &[first]).await?;
        Ok(facts.columns.into_iter().next().unwrap_or_default())
    }

    /// Whether a chunk may have rows of changed samples, by what is known of their first key.
    fn may_be_in(&self, facts: &ColumnFacts) -> Result<bool, StoreError> {
        // NULL lies within no bounds.
        let bounds = facts.bounds.as_ref().filter(|_| self.firsts.null_count() == 0);
        let Some(bounds) = bounds.filter(|it| it.data_type() == self.firsts.data_type()) else {
            return Ok(true);
        };
        let compare = make_comparator(&self.firsts, bounds, SortOptions::default());
        let compare = compare.map_err(StoreError::arrow)?;
        let (mut low, mut high) = (0, self.firsts.len());
        while low < high {
            let middle = low.midpoint(high);
            match compare(middle, 0) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal | Ordering::Greater => high = middle,
            }
        }
        Ok(low < self.firsts.len() && compare(low, 1).is_le())
    }
}

/// The rows of a chunk in which the only key consists of runs, of changed samples in their order:
/// nothing has to be read.
fn counted_rows(
    (chunk, rows): (usize, usize),
    runs: &[Run],
    changed: &Int64Array,
) -> Option<ChangedRows> {
    // NULL comes first.
    let changed = &changed.values()[changed.null_count()..];
    let (mut places, mut keys) = (Vec::new(), Vec::new());
    let ends = runs.iter().skip(1).map(|run| run.row).chain([rows]);
    for (run, end) in runs.iter().zip(ends) {
        // A smaller key comes out as a number beyond all that lie in the run.
        let beyond = |key: i64| key.wrapping_sub(run.first) as u64 >= (end - run.row) as u64;
        let start = changed.partition_point(|key| *key < run.first);
        // A run that passes the greatest number goes on with the least.
        let wraps = run.at(end - 1) < run.first;
        let again = if wraps { &changed[..start] } else { &[] };
        for part in [&changed[start..], again] {
            for key in part.iter().copied().take_while(|key| !beyond(*key)) {
                let place = run.row + key.wrapping_sub(run.first) as usize;
                if places.last() != Some(&place) {
                    places.push(place);
                    keys.push(key);
                }
            }
        }
    }
    let keys: ArrayRef = Arc::new(Int64Array::from(keys));
    (!places.is_empty()).then(|| ChangedRows { chunk, places, keys: vec![keys] })
}

/// Reads columns of a chunk.
pub(super) async fn read_columns(
    table: &dyn Table,
    chunk: usize,
    names: &[String],
    mut take: impl FnMut(&[ArrayRef]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let schema = table.schema();
    let columns = names.iter().map(|name| schema.index_of(name));
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(StoreError::arrow)?;
    let request = ChunkRequest { columns, ..ChunkRequest::default() };
    let mut batches = table.read_chunk(chunk, request).await?.into_stream();
    while let Some(batch) = batches.try_next().await? {
        take(batch.columns())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As by looking at every row, at the ends of what a number can be, too.
    #[test]
    fn rows_of_runs_are_found_without_reading() {
        let runs =
            [(0, 10), (5, -3), (8, i64::MAX - 1), (12, 10)].map(|(row, first)| Run { row, first });
        let rows = 20;
        let last = |row: usize| runs.iter().rev().find(|run| run.row <= row);
        let values: Vec<i64> = (0..rows).filter_map(|row| Some(last(row)?.at(row))).collect();
        assert_eq!(values[8..12], [i64::MAX - 1, i64::MAX, i64::MIN, i64::MIN + 1]);
        let stories: [&[Option<i64>]; 5] = [
            &[Some(i64::MIN), Some(-1), Some(10), Some(10), Some(17), Some(i64::MAX)],
            &[None, None, Some(i64::MIN + 1), Some(14), Some(15)],
            &[Some(i64::MIN + 2), Some(-4), Some(0), Some(9), Some(18), Some(i64::MAX - 2)],
            &[None],
            &[],
        ];
        for changed in stories {
            let expected: Vec<usize> =
                (0..rows).filter(|row| changed.contains(&Some(values[*row]))).collect();
            let changed = Int64Array::from(changed.to_vec());
            let found = counted_rows((0, rows), &runs, &changed);
            let places = found.as_ref().map_or(&[][..], |it| &it.places);
            assert_eq!(places, expected);
            if let Some(found) = &found {
                let keys = found.keys[0].as_primitive::<Int64Type>().values();
                assert!(keys.iter().eq(places.iter().map(|place| &values[*place])));
            }
        }
    }
}
