//! In which state a run found what it read. What was computed from a table may only change that
//! table, or be called computed from it, while it still is in that state.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use metalith_base::FeatureKey;
use metalith_store::Digest;
use serde_json::Value;

use crate::files;

/// The state of something that is read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// The version of a table; `None` when there is none.
    Table(Option<u64>),
    /// What changes with the content of a file of this machine.
    File(Value),
    /// What a table without versions held.
    Content(Arc<Watch>),
}

/// What a table without versions held when it was read, if somebody wants to know.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    is_wanted: AtomicBool,
    seen: Mutex<Option<Digest>>,
}

impl Watch {
    /// From now on it is looked at.
    pub(crate) fn want(&self) {
        self.is_wanted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }

    /// Rows of it were read to their end.
    pub(crate) fn note(&self, seen: Digest) {
        *self.lock() = Some(seen);
    }

    pub(crate) fn seen(&self) -> Option<Digest> {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Digest>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Watch {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// States by place. Of a place that was read twice the earlier state counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reads(BTreeMap<String, State>);

impl Reads {
    pub(crate) fn add(&mut self, place: &str, state: State) {
        self.0.entry(place.to_owned()).or_insert(state);
    }

    /// The version of a table that was read; `None` when it was not.
    pub(crate) fn table(&self, place: &str) -> Option<Option<u64>> {
        match self.0.get(place) {
            Some(State::Table(version)) => Some(*version),
            Some(State::File(_) | State::Content(_)) | None => None,
        }
    }

    /// What a table without versions held.
    pub(crate) fn content(&self, place: &str) -> Option<&Arc<Watch>> {
        match self.0.get(place) {
            Some(State::Content(watch)) => Some(watch),
            Some(State::File(_) | State::Table(_)) | None => None,
        }
    }

    /// The state of a file that was read.
    pub(crate) fn file(&self, place: &str) -> Option<&Value> {
        match self.0.get(place) {
            Some(State::File(state)) => Some(state),
            Some(State::Table(_) | State::Content(_)) | None => None,
        }
    }

    /// A run's own commit is no change by somebody else.
    pub(crate) fn moved(&mut self, place: &str, version: u64) {
        if let Some(state @ State::Table(_)) = self.0.get_mut(place) {
            *state = State::Table(Some(version));
        }
    }
}

/// What is the same for two spellings of a table's place.
pub(crate) fn table_place(location: &str, key: &FeatureKey) -> String {
    let place = match location.contains("://") {
        true => location.trim_end_matches('/').to_owned(),
        false => files::canonical(Path::new(location)).display().to_string(),
    };
    format!("{place}/{key}.delta")
}

/// What is the same for two spellings of a file's path.
pub(crate) fn file_place(path: &Path) -> String {
    files::canonical(path).display().to_string()
}
