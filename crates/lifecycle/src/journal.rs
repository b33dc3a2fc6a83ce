//! What a deletion is about to do, written down before it does any of it.
//!
//! Each deletion under way has rows in the system table `metalith-system/pending` with everything
//! that is needed to finish it: what is done to each feature, the keys of the samples, and the
//! objects. Whoever finds such rows finishes the deletion. They are also the queue of objects that
//! could not be deleted yet. When all is done they are removed for good, for keys are content.

use std::collections::BTreeMap;

use metalith_base::{FeatureKey, Timestamp};
use metalith_store::{CommitNote, DeletionMode, Keys, Rows, Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::system_rows::{self, bytes, numbers, table, texts};

pub(crate) const TABLE: &str = "metalith-system/pending";
const DELETION: &str = "deletion";
const INTENT: &str = "intent";
const KEYS: &str = "keys";
const REFERENCES: &str = "references";
const OBJECTS: &str = "objects";
const ATTEMPT: &str = "attempt";

/// A deletion as it was decided on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) begun_at: Timestamp,
    pub(crate) feature: FeatureKey,
    pub(crate) is_hard: bool,
    pub(crate) cascade: String,
    pub(crate) actor: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) recoverable_until: Option<Timestamp>,
    /// What the one sample is that the deletion was asked for, for those who follow the log.
    pub(crate) subject: Map<String, Value>,
    /// What goes along and refers to that sample, for the same.
    #[serde(default)]
    pub(crate) subjects: Vec<Subject>,
    /// The columns that the filters name; their values are content, and not kept.
    pub(crate) filter_columns: Vec<String>,
    pub(crate) steps: Vec<IntentStep>,
    /// Addresses of objects, by the feature they belong to.
    pub(crate) objects: Vec<OwnedObject>,
}

/// A sample of which the log tells that it goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) feature: FeatureKey,
    /// Its ids, name and type.
    pub(crate) facts: Map<String, Value>,
    /// Below which its objects are, as place and key.
    pub(crate) below: Option<(String, String)>,
}

/// What is to be done to a feature.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct IntentStep {
    pub(crate) feature: FeatureKey,
    pub(crate) feature_version: String,
    /// The columns that become NULL; without any, samples are deleted.
    pub(crate) set_null: Vec<String>,
    /// What is gone, by values of these columns.
    #[serde(skip)]
    pub(crate) references: Option<Keys>,
    /// Conditions, as text, which hold only for samples that `keys` names.
    pub(crate) filters: Vec<String>,
    pub(crate) feature_history: bool,
    pub(crate) sample_history: bool,
    pub(crate) samples: u64,
    pub(crate) rows: u64,
    pub(crate) stale: u64,
    pub(crate) objects: u64,
    /// The samples, kept beside this as Arrow; `None` when the filters alone say which.
    #[serde(skip)]
    pub(crate) keys: Option<Keys>,
}

/// An object that goes, or everything below a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnedObject {
    /// Its address, without percent-encoding.
    pub(crate) place: String,
    pub(crate) key: String,
    /// The key as a row spells it, where that has percent-escapes.
    pub(crate) spelled: Option<String>,
    pub(crate) is_prefix: bool,
    pub(crate) size: Option<u64>,
}

/// How an attempt to delete the objects ended that did not finish them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) at: Timestamp,
    pub(crate) deleted: u64,
    pub(crate) failed: u64,
    /// Addresses with what storage said, as many as are worth showing.
    pub(crate) failures: Vec<(String, String)>,
}

/// A deletion that is not finished.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) intent: Intent,
    pub(crate) attempts: Vec<Attempt>,
}

impl Intent {
    pub(crate) fn mode(&self) -> DeletionMode {
        if self.is_hard { DeletionMode::Hard } else { DeletionMode::Soft }
    }
}

/// Writes down what is about to be done, in one commit.
pub(crate) async fn begin(store: &Store, intent: &Intent) -> Result<(), StoreError> {
    let text = to_json(&intent.id, intent)?;
    let mut parts = vec![(INTENT, 0, text)];
    for (step, part) in intent.steps.iter().zip(0..) {
        for (kind, keys) in [(KEYS, &step.keys), (REFERENCES, &step.references)] {
            if let Some(keys) = keys {
                parts.push((kind, part, keys.to_bytes()?));
            }
        }
    }
    append(store, &intent.id, &parts, "begin").await
}

/// Writes down further objects, of rows that came since.
pub(crate) async fn add_objects(
    store: &Store,
    id: &str,
    objects: &[OwnedObject],
) -> Result<(), StoreError> {
    let text = to_json(id, &objects)?;
    append(store, id, &[(OBJECTS, 0, text)], "objects").await
}

/// Notes an attempt to delete objects that left some.
pub(crate) async fn note_attempt(
    store: &Store,
    id: &str,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    let text = to_json(id, attempt)?;
    append(store, id, &[(ATTEMPT, 0, text)], "attempt").await
}

async fn append(
    store: &Store,
    id: &str,
    parts: &[(&str, i64, Vec<u8>)],
    operation: &'static str,
) -> Result<(), StoreError> {
    let columns = vec![
        (DELETION, texts(parts.iter().map(|_| Some(id)))),
        ("kind", texts(parts.iter().map(|(kind, _, _)| Some(*kind)))),
        ("part", numbers(parts.iter().map(|(_, part, _)| *part))),
        ("data", bytes(parts.iter().map(|(_, _, data)| data.as_slice()))),
    ];
    let rows = Rows::from_batch(system_rows::batch(columns)?);
    let note = CommitNote::new(operation).with("deletionId", id);
    store.append_system(&table(TABLE), rows, note).await.map(drop)
}

/// The deletions that are not finished, the oldest first.
pub(crate) async fn pending(store: &Store) -> Result<Vec<Pending>, StoreError> {
    let Some(rows) = store.read_system(&table(TABLE)).await? else { return Ok(Vec::new()) };
    let batches = rows.collect().await?;
    // Ids begin with the time they were made at, so their order is that of the deletions.
    let mut found: BTreeMap<&str, Parts> = BTreeMap::new();
    for row in system_rows::rows(&batches) {
        let (Some(id), Some(data)) = (row.text(DELETION), row.bytes("data")) else { continue };
        let parts = found.entry(id).or_default();
        match row.text("kind") {
            Some(INTENT) => parts.intent = Some(from_json(id, data)?),
            Some(kind @ (KEYS | REFERENCES)) => {
                let part = row.number("part").unwrap_or_default();
                parts.keys.push((kind == KEYS, part, Keys::from_bytes(data)?));
            }
            Some(OBJECTS) => parts.objects.extend(from_json::<Vec<OwnedObject>>(id, data)?),
            Some(ATTEMPT) => parts.attempts.push(from_json(id, data)?),
            _ => {}
        }
    }
    Ok(found.into_values().filter_map(Parts::together).collect())
}

/// What is written down about one deletion.
#[derive(Default)]
struct Parts {
    intent: Option<Intent>,
    /// Whether they are of the samples, or of what is gone; of which step.
    keys: Vec<(bool, i64, Keys)>,
    objects: Vec<OwnedObject>,
    attempts: Vec<Attempt>,
}

impl Parts {
    /// `None` for what is left of a deletion that somebody else just finished.
    fn together(self) -> Option<Pending> {
        let (mut intent, mut attempts) = (self.intent?, self.attempts);
        for (of_samples, part, keys) in self.keys {
            let step = usize::try_from(part).ok().and_then(|it| intent.steps.get_mut(it));
            if let Some(step) = step {
                let place = if of_samples { &mut step.keys } else { &mut step.references };
                *place = Some(keys);
            }
        }
        intent.objects.extend(self.objects);
        attempts.sort_by_key(|attempt| attempt.at);
        Some(Pending { intent, attempts })
    }
}

/// Removes what was written down, keys and all: it is done.
pub(crate) async fn end(store: &Store, id: &str) -> Result<(), StoreError> {
    store.remove_system_rows(&table(TABLE), DELETION, id).await
}

/// Removes what an interrupted [`end`] may have left.
pub(crate) async fn sweep(store: &Store) -> Result<(), StoreError> {
    store.purge_files(&table(TABLE)).await.map(drop)
}

fn to_json(id: &str, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| odd(id, &error))
}

fn from_json<T: for<'de> Deserialize<'de>>(id: &str, data: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(data).map_err(|error| odd(id, &error))
}

fn odd(id: &str, error: &serde_json::Error) -> StoreError {
    let (location, detail) = (id.to_owned(), error.to_string());
    StoreError::Corrupt { feature: table(TABLE), location, detail }
}
