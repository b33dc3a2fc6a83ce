//! Resolves whose cost follows the change.
//!
//! A resolve that finds nothing to do leaves a note: in which state the tables were, and by which
//! definitions. Samples about which no row was added since are still in order, so the next resolve
//! looks at the others alone. That is exact, because
//!
//! - with one row upstream to one row here, joined on the ids of all of them, what is expected and
//!   what is stored for a key depends on the rows of that key and on nothing else;
//! - rows are never changed: a table whose log tells of additions alone has, for every other key,
//!   the rows it had, so the same one of them is current;
//! - the note tells the very states, by hashes of their log entries, and the definitions of the
//!   feature and its upstreams, which is all that a resolve goes by.
//!
//! Tombstones, restored samples and overwritten ones are additions like others. Whatever else
//! happened, be it a hard deletion, a new column, a table made anew or a log that was cut, the
//! resolve looks at everything.

use std::{cmp::Ordering, collections::BTreeMap, fmt, future::ready, sync::Arc};

use datafusion::arrow::{
    array::{
        Array, ArrayRef, AsArray as _, BooleanArray, Int64Array, make_comparator, new_empty_array,
    },
    compute::{SortOptions, concat, filter, sort},
    datatypes::{DataType, Int64Type},
};
use futures::{Stream, StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureDep, FeatureGraph, HashLength, Lineage};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{ChunkRequest, ColumnFacts, Run, Store, StoreError, Table, key_index::KeyIndex};

/// Where notes are kept from one resolve to the next. They save work and hold no truth of their own:
/// any of them may be lost.
pub trait Notes: fmt::Debug + Send + Sync {
    /// The note of a name.
    fn read(&self, name: &str) -> Option<Vec<u8>>;

    /// Puts a note in the place of what had its name, if that can be done.
    fn write(&self, name: &str, note: &[u8]);
}

/// Looking at everything takes less time if more than one of so many rows is new,
const FEW: usize = 8;
/// unless there are hardly any.
const HARDLY_ANY: usize = 1 << 14;

/// How many chunks are looked through side by side.
const CHUNKS_AHEAD: usize = 4;

/// What a resolve that found nothing to do says of what it saw.
#[derive(Serialize, Deserialize)]
struct Note {
    definitions: String,
    tables: BTreeMap<FeatureKey, State>,
}

#[derive(Serialize, Deserialize)]
struct State {
    version: u64,
    mark: String,
}

/// The tables that a resolve reads, if what changed in them can be told.
pub(crate) struct Watched {
    name: String,
    definitions: String,
    parties: Vec<Party>,
}

/// A table, and the columns in which it has the join keys.
struct Party {
    feature: FeatureKey,
    table: Arc<dyn Table>,
    ids: Vec<String>,
}

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

impl Watched {
    /// The tables of a feature and its upstreams, as they are now.
    pub(crate) async fn tables(
        store: &Store,
        graph: &FeatureGraph,
        feature: &Feature,
    ) -> Result<Option<Self>, StoreError> {
        let spec = feature.spec();
        let join_keys = feature.join_keys();
        if store.fallback.is_some() || spec.deps.is_empty() || !same(join_keys, &spec.id_columns) {
            return Ok(None);
        }
        let mut sides = vec![(feature, join_keys.to_vec())];
        for dep in &spec.deps {
            let upstream = graph.feature(&dep.feature)?;
            let Some(ids) = stored_ids(dep, upstream, join_keys) else { return Ok(None) };
            sides.push((upstream, ids));
        }
        let open = sides.iter().map(|(feature, _)| store.open_table(feature.key()));
        let tables = try_join_all(open.collect::<Vec<_>>()).await?;
        let mut parties = Vec::new();
        for ((feature, ids), table) in sides.iter().zip(tables) {
            let Some(table) = table else { return Ok(None) };
            parties.push(Party { feature: feature.key().clone(), table, ids: ids.clone() });
        }
        let types: Option<Vec<_>> = parties.iter().map(Party::types).collect();
        if types.is_none_or(|types| types.windows(2).any(|pair| pair[0] != pair[1])) {
            return Ok(None);
        }
        let name = hash_of(&format!("{}|{}", store.location(), feature.key()));
        let mut definitions = format!("2|{}", store.hash());
        for (feature, _) in &sides {
            definitions += &format!(
                "|{}|{}",
                feature.definition_version(HashLength::UNCUT),
                feature.feature_version()
            );
        }
        Ok(Some(Self { name, definitions: hash_of(&definitions), parties }))
    }

    /// The samples that may not be in order any more, if an earlier resolve left a note and there
    /// are few of them.
    pub(crate) async fn changed(&self, notes: &dyn Notes) -> Result<Option<Changed>, StoreError> {
        let note = notes.read(&self.name).and_then(|note| serde_json::from_slice(&note).ok());
        let Some(Note { tables, .. }) = note.filter(|it: &Note| it.definitions == self.definitions)
        else {
            return Ok(None);
        };
        let Some(types) = self.parties.first().and_then(Party::types) else { return Ok(None) };
        let mut keys = KeyIndex::new(&types)?;
        let mut firsts = vec![new_empty_array(&types[0])];
        for party in &self.parties {
            let Some(State { version, mark }) = tables.get(&party.feature) else { return Ok(None) };
            let Some(chunks) = party.table.added_since(*version, mark).await? else {
                return Ok(None);
            };
            let rows = |table: &dyn Table, chunks: &[usize]| -> usize {
                chunks.iter().map(|chunk| table.chunks()[*chunk].rows).sum()
            };
            let all: Vec<usize> = (0..party.table.chunks().len()).collect();
            let (added, all) = (rows(&*party.table, &chunks), rows(&*party.table, &all));
            if all > HARDLY_ANY && added * FEW > all {
                return Ok(None);
            }
            for chunk in chunks {
                let take = |ids: &[ArrayRef]| {
                    firsts.push(ArrayRef::clone(&ids[0]));
                    keys.number(ids).map(drop)
                };
                party.read(chunk, take).await?;
            }
        }
        keys.sift();
        let firsts: Vec<&dyn Array> = firsts.iter().map(AsRef::as_ref).collect();
        let firsts = concat(&firsts).and_then(|firsts| sort(&firsts, None));
        Ok(Some(Changed { keys, firsts: firsts.map_err(StoreError::arrow)? }))
    }

    /// Leaves a note that everything is in order.
    pub(crate) async fn note(&self, notes: &dyn Notes) -> Result<(), StoreError> {
        let mut tables = BTreeMap::new();
        for party in &self.parties {
            let Some(mark) = party.table.mark().await? else { return Ok(()) };
            let state = State { version: party.table.version(), mark };
            tables.insert(party.feature.clone(), state);
        }
        let note = Note { definitions: self.definitions.clone(), tables };
        if let Ok(note) = serde_json::to_vec(&note) {
            notes.write(&self.name, &note);
        }
        Ok(())
    }
}

impl Party {
    fn types(&self) -> Option<Vec<DataType>> {
        let schema = self.table.schema();
        let of = |name: &String| Some(schema.field_with_name(name).ok()?.data_type().clone());
        self.ids.iter().map(of).collect()
    }

    async fn read(
        &self,
        chunk: usize,
        take: impl FnMut(&[ArrayRef]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        read_columns(self.table.as_ref(), chunk, &self.ids, take).await
    }
}

/// Reads columns of a chunk.
async fn read_columns(
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

impl Changed {
    /// How many samples there are.
    pub(crate) fn samples(&self) -> usize {
        self.keys.len()
    }

    /// Of each chunk the rows that are of a changed sample, if there are any; `ids` are the columns
    /// of the join keys. Chunks come in their order, and some are read ahead.
    pub(crate) fn rows_of<'a>(
        &'a self,
        table: &'a dyn Table,
        ids: &'a [String],
    ) -> impl Stream<Item = Result<ChangedRows, StoreError>> + 'a {
        stream::iter(0..table.chunks().len())
            .map(move |chunk| self.rows_of_chunk(table, chunk, ids))
            .buffered(CHUNKS_AHEAD)
            .try_filter_map(|found| ready(Ok(found)))
    }

    async fn rows_of_chunk(
        &self,
        table: &dyn Table,
        chunk: usize,
        ids: &[String],
    ) -> Result<Option<ChangedRows>, StoreError> {
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
        if self.firsts.is_empty() {
            return Ok(false);
        }
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

/// The columns in which an upstream stores the join keys, in their order, if they are its ids and
/// each of its rows makes one row here.
pub(crate) fn stored_ids(
    dep: &FeatureDep,
    upstream: &Feature,
    join_keys: &[String],
) -> Option<Vec<String>> {
    if !matches!(dep.lineage, Lineage::Identity) || !dep.filters.is_empty() {
        return None;
    }
    let ids = &upstream.spec().id_columns;
    let renamed = |id: &String| dep.rename.get(id).unwrap_or(id).clone();
    let stored = |key: &String| ids.iter().find(|id| renamed(id) == *key).cloned();
    let stored: Option<Vec<_>> = join_keys.iter().map(stored).collect();
    stored.filter(|stored| stored.len() == ids.len())
}

/// Whether two lists have the same names, in whatever order.
fn same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

fn hash_of(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
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
