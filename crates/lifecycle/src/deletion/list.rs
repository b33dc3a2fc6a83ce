//! The deletions that there were, and those that are not finished.

use std::collections::BTreeMap;

use metalith_base::{FeatureKey, Timestamp};
use metalith_store::{Store, StoreError};
use serde_json::Value;

use crate::{
    audit::{self, Entry, Event},
    journal,
};

/// A deletion, as the audit log and the journal tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletion {
    /// Its id.
    pub id: String,
    /// The feature it was asked for.
    pub feature: Option<FeatureKey>,
    /// `soft` or `hard`.
    pub mode: String,
    /// Which features it took along.
    pub cascade: String,
    /// Who asked for it.
    pub actor: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When it was done, or begun if it is not done.
    pub at: Timestamp,
    /// How it stands.
    pub state: DeletionState,
    /// What was done to each feature, as recorded: feature, action, samples, rows, stale,
    /// table version.
    pub steps: Vec<Value>,
    /// Every entry of the log about it.
    pub entries: Vec<Entry>,
    /// How many objects wait to be deleted, as far as known.
    pub pending: u64,
    /// How many of them storage refused to delete when it was last tried.
    pub failed: u64,
    /// How many objects stay because something else names them, as far as known.
    pub kept: u64,
    /// Objects that could not be deleted yet, with what storage said, the first thousand.
    pub failures: Vec<(String, String)>,
}

/// How a deletion stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionState {
    /// It was refused.
    Blocked,
    /// It was interrupted, or is at work now.
    Unfinished,
    /// Rows are gone, but objects wait to be deleted.
    PurgePending,
    /// It is done.
    Done,
    /// It is done, and samples of it were brought back.
    Restored,
}

impl DeletionState {
    /// The name, as doors show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Unfinished => "unfinished",
            Self::PurgePending => "purge pending",
            Self::Done => "done",
            Self::Restored => "restored",
        }
    }
}

/// Every deletion, the oldest first.
pub async fn list(store: &Store) -> Result<Vec<Deletion>, StoreError> {
    let mut found: BTreeMap<String, Deletion> = BTreeMap::new();
    for entry in audit::read(store).await? {
        let Some(id) = entry.deletion.clone() else { continue };
        let deletion = found.entry(id.clone()).or_insert_with(|| Deletion::new(id, entry.at));
        deletion.take(entry);
    }
    for pending in journal::pending(store).await? {
        let intent = pending.intent;
        let id = intent.id.clone();
        let deletion =
            found.entry(id.clone()).or_insert_with(|| Deletion::new(id, intent.begun_at));
        deletion.mode = intent.mode().name().to_owned();
        deletion.feature = Some(intent.feature);
        deletion.cascade = intent.cascade;
        deletion.actor = intent.actor;
        deletion.reason = intent.reason;
        let rows_are_gone = deletion.state == DeletionState::Done;
        deletion.state = if rows_are_gone && !intent.objects.is_empty() {
            DeletionState::PurgePending
        } else {
            DeletionState::Unfinished
        };
        let planned = intent.steps.iter().map(|step| step.objects).sum();
        let last = pending.attempts.last();
        deletion.pending = last.map_or(planned, |it| it.failed);
        deletion.failed = last.map_or(0, |it| it.failed);
        deletion.failures = last.map(|it| it.failures.clone()).unwrap_or_default();
    }
    Ok(found.into_values().collect())
}

/// Whether anything is to be seen of a deletion: it was written down, or is over.
pub async fn is_on_record(store: &Store, id: &str) -> Result<bool, StoreError> {
    // Who ends a deletion has written its entry before.
    if journal::pending(store).await?.iter().any(|it| it.intent.id == id) {
        return Ok(true);
    }
    let entries = audit::read(store).await?;
    Ok(entries.iter().any(|entry| entry.deletion.as_deref() == Some(id)))
}

impl Deletion {
    fn new(id: String, at: Timestamp) -> Self {
        Self {
            id,
            feature: None,
            mode: String::new(),
            cascade: String::new(),
            actor: None,
            reason: None,
            at,
            state: DeletionState::Unfinished,
            steps: Vec::new(),
            entries: Vec::new(),
            pending: 0,
            failed: 0,
            kept: 0,
            failures: Vec::new(),
        }
    }

    fn take(&mut self, entry: Entry) {
        let text = |name: &str| entry.details[name].as_str().map(str::to_owned);
        let state = |event: Event| entry.event == event.name();
        if state(Event::Deleted) || state(Event::Blocked) {
            self.state =
                if state(Event::Blocked) { DeletionState::Blocked } else { DeletionState::Done };
            self.at = entry.at;
            self.feature = text("feature").and_then(|it| it.parse().ok());
            self.mode = text("mode").unwrap_or_default();
            self.cascade = text("cascade").unwrap_or_default();
            self.reason = text("reason");
            self.actor = text("begun_by").or_else(|| entry.actor.clone());
            self.steps = entry.details["steps"].as_array().cloned().unwrap_or_default();
        } else if state(Event::Restored) {
            self.state = DeletionState::Restored;
        } else if state(Event::Purged) || state(Event::PurgeFailed) {
            self.kept = entry.details["skipped"].as_u64().unwrap_or_default();
        }
        self.entries.push(entry);
    }
}
