//! How migrations stand in a store.

use std::collections::BTreeMap;

use metalith_base::Timestamp;
use metalith_store::{Store, StoreError};

use super::{
    Figures, Migration,
    events::{self, Attempt},
};

/// How a migration stands.
#[derive(Clone, Debug, PartialEq)]
pub struct MigrationStatus {
    /// The migration: as its file says, or as it was when it was begun.
    pub migration: Migration,
    /// Whether it is done.
    pub state: MigrationState,
    /// What each step did; `None` for those that are not done.
    pub done: Vec<Option<Figures>>,
    /// When it was begun.
    pub begun_at: Option<Timestamp>,
    /// When it was finished, or rolled back.
    pub ended_at: Option<Timestamp>,
    /// Who began it.
    pub actor: Option<String>,
}

/// Whether a migration is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// It was not begun.
    Pending,
    /// It was begun and not finished.
    Unfinished,
    /// It is done.
    Applied,
    /// It is being taken back, and that is not finished.
    RollingBack,
    /// It was taken back.
    RolledBack,
}

impl MigrationState {
    /// The name, as doors show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Unfinished => "unfinished",
            Self::Applied => "applied",
            Self::RollingBack => "rolling back",
            Self::RolledBack => "rolled back",
        }
    }

    fn of(attempt: &Attempt) -> Self {
        match attempt {
            Attempt { rolled_back_at: Some(_), .. } => Self::RolledBack,
            Attempt { is_rolling_back: true, .. } => Self::RollingBack,
            Attempt { finished_at: Some(_), .. } => Self::Applied,
            _ => Self::Unfinished,
        }
    }
}

/// Every migration that there is a file of, or that was ever begun in a store, by id.
pub async fn status(
    store: &Store,
    files: Vec<Migration>,
) -> Result<Vec<MigrationStatus>, StoreError> {
    let known = events::read(store).await?;
    let mut all: BTreeMap<String, MigrationStatus> = BTreeMap::new();
    for migration in files {
        let attempt = known.get(&migration.id).cloned();
        all.insert(migration.id.clone(), of(migration, attempt));
    }
    for (id, attempt) in known {
        if let (false, Some(migration)) = (all.contains_key(&id), attempt.migration.clone()) {
            all.insert(id, of(migration, Some(attempt)));
        }
    }
    Ok(all.into_values().collect())
}

fn of(migration: Migration, attempt: Option<Attempt>) -> MigrationStatus {
    let state = attempt.as_ref().map_or(MigrationState::Pending, MigrationState::of);
    let attempt = attempt.unwrap_or_default();
    let is_in_force = state != MigrationState::RolledBack;
    let done = (0..migration.steps.len())
        .map(|number| attempt.done.get(&number).filter(|_| is_in_force).map(Figures::from_json));
    MigrationStatus {
        state,
        done: done.collect(),
        begun_at: attempt.begun_at,
        ended_at: attempt.rolled_back_at.or(attempt.finished_at),
        actor: attempt.actor,
        migration,
    }
}
