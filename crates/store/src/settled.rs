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

use std::{collections::BTreeMap, fmt, sync::Arc};

use datafusion::arrow::{
    array::{ArrayRef, new_empty_array},
    datatypes::DataType,
};
use futures::future::try_join_all;
use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureDep, FeatureGraph, HashLength, Lineage};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use self::changed::read_columns;
pub(crate) use self::changed::{Changed, ChangedRows};
use crate::{Store, StoreError, Table, key_index::KeyIndex};

mod changed;

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
            keys.reserve(added);
            for chunk in chunks {
                let take = |ids: &[ArrayRef]| {
                    firsts.push(ArrayRef::clone(&ids[0]));
                    keys.number(ids).map(drop)
                };
                party.read(chunk, take).await?;
            }
        }
        Ok(Some(Changed::new(keys, &firsts)?))
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
