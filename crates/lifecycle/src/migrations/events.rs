//! What was done of which migration, in the system table `metalith-system/migrations`.
//!
//! Rows are only added. A migration that was rolled back may be applied again: each time is an
//! attempt of its own, with a number.

use std::collections::{BTreeMap, BTreeSet};

use metalith_base::Timestamp;
use metalith_store::{CommitNote, Mark, Rows, Store, StoreError};
use serde::Deserialize as _;
use serde_json::Value;
use uuid::Uuid;

use super::Migration;
use crate::system_rows::{self, Row, numbers, table, texts, time};

const TABLE: &str = "metalith-system/migrations";

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It was begun.
    Begun,
    /// A deletion of a step is about to be.
    StepBegun,
    /// A step was done.
    StepDone,
    /// All of it was done.
    Finished,
    /// It is being taken back.
    RollbackBegun,
    /// What a step deleted was brought back. Its tombstones may go with the steps before it.
    StepUndone,
    /// It was taken back.
    RolledBack,
}

impl Kind {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Begun, "begun"),
        (Self::StepBegun, "step-begun"),
        (Self::StepDone, "step-done"),
        (Self::Finished, "finished"),
        (Self::RollbackBegun, "rollback-begun"),
        (Self::StepUndone, "step-undone"),
        (Self::RolledBack, "rolled-back"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

/// One application of a migration, of several if it was rolled back in between.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempt {
    pub(super) number: i64,
    /// What tells this attempt from every other, in whatever store.
    pub(super) unique: String,
    /// The migration as it was when it was begun.
    pub(super) migration: Option<Migration>,
    pub(super) begun_at: Option<Timestamp>,
    pub(super) actor: Option<String>,
    /// The ids of deletions that steps began.
    pub(super) deletions: BTreeMap<usize, Vec<String>>,
    /// What steps say they did.
    pub(super) done: BTreeMap<usize, Value>,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) is_rolling_back: bool,
    /// The steps whose deletions were brought back.
    pub(super) undone: BTreeSet<usize>,
    pub(super) rolled_back_at: Option<Timestamp>,
}

impl Attempt {
    /// One that is to be begun.
    pub(super) fn new(number: i64) -> Self {
        Self { number, unique: Uuid::now_v7().to_string(), ..Self::default() }
    }

    /// Whether nothing more is to be done to it.
    pub(super) fn is_given_up(&self) -> bool {
        self.is_rolling_back || self.rolled_back_at.is_some()
    }

    /// The beginning of what its rows are marked with.
    pub(super) fn marks(&self) -> String {
        format!("migration/{}/", self.unique)
    }

    /// What the rows of a step are marked with.
    pub(super) fn mark(&self, step: usize) -> Mark {
        Mark::new(&self.marks(), step + 1)
    }

    /// What rows are marked with that are brought back when it is taken back.
    pub(super) fn mark_of_return(&self) -> Mark {
        Mark::new(&self.marks(), "back")
    }

    fn take(&mut self, kind: Kind, row: Row<'_>) -> Option<()> {
        let at = row.time("at")?;
        let details = || serde_json::from_str::<Value>(row.text("details")?).ok();
        let step = || usize::try_from(row.number("step")?).ok();
        match kind {
            Kind::Begun => {
                let details = details()?;
                details["unique"].as_str()?.clone_into(&mut self.unique);
                self.migration = Some(Migration::deserialize(&details["migration"]).ok()?);
                self.begun_at = Some(at);
                self.actor = row.text("actor").map(str::to_owned);
            }
            Kind::StepBegun => {
                let deletion = details()?["deletion"].as_str()?.to_owned();
                self.deletions.entry(step()?).or_default().push(deletion);
            }
            Kind::StepDone => {
                self.done.insert(step()?, details()?);
            }
            Kind::Finished => self.finished_at = Some(at),
            Kind::RollbackBegun => self.is_rolling_back = true,
            Kind::StepUndone => drop(self.undone.insert(step()?)),
            Kind::RolledBack => self.rolled_back_at = Some(at),
        }
        Some(())
    }
}

/// The last attempt of a migration, if it was ever begun.
pub(super) async fn last(store: &Store, id: &str) -> Result<Option<Attempt>, StoreError> {
    Ok(read(store).await?.remove(id))
}

/// The last attempt of each migration that was ever begun.
pub(super) async fn read(store: &Store) -> Result<BTreeMap<String, Attempt>, StoreError> {
    let Some(rows) = store.read_system(&table(TABLE)).await? else { return Ok(BTreeMap::new()) };
    let mut found: BTreeMap<String, BTreeMap<i64, Attempt>> = BTreeMap::new();
    for row in system_rows::rows(&rows.collect().await?) {
        // What is not understood may be the step that must not be done again.
        let odd = || StoreError::Corrupt {
            feature: table(TABLE),
            location: store.location(),
            detail: "a row about a migration cannot be understood".to_owned(),
        };
        let id = row.text("migration").ok_or_else(odd)?;
        let number = row.number("attempt").ok_or_else(odd)?;
        let kind = row.text("kind").and_then(Kind::named).ok_or_else(odd)?;
        let attempts = found.entry(id.to_owned()).or_default();
        let attempt = attempts.entry(number).or_default();
        attempt.number = number;
        attempt.take(kind, row).ok_or_else(odd)?;
    }
    let last = |(id, attempts): (String, BTreeMap<i64, Attempt>)| {
        attempts.into_values().next_back().map(|attempt| (id, attempt))
    };
    Ok(found.into_iter().filter_map(last).collect())
}

/// Something to note.
pub(super) struct Note<'a> {
    pub(super) id: &'a str,
    pub(super) attempt: i64,
    pub(super) kind: Kind,
    /// Which step it is about, counted from 0.
    pub(super) step: Option<usize>,
    pub(super) details: Value,
}

/// Notes something, once.
pub(super) async fn record(store: &Store, note: Note<'_>) -> Result<(), StoreError> {
    let Note { id, attempt, kind, step, details } = note;
    let step = step.and_then(|step| i64::try_from(step).ok()).unwrap_or(-1);
    let deletion = match kind {
        Kind::StepBegun => details["deletion"].as_str().unwrap_or_default().to_owned(),
        Kind::Begun
        | Kind::StepDone
        | Kind::Finished
        | Kind::RollbackBegun
        | Kind::StepUndone
        | Kind::RolledBack => String::new(),
    };
    let once = format!("{id}/{attempt}/{step}/{}/{deletion}", kind.name());
    let details = details.to_string();
    let row = system_rows::batch(vec![
        ("migration", texts([Some(id)])),
        ("attempt", numbers([attempt])),
        ("kind", texts([Some(kind.name())])),
        ("step", numbers([step])),
        ("at", time(store.now())),
        ("actor", texts([store.actor()])),
        ("details", texts([Some(details.as_str())])),
    ])?;
    let commit = CommitNote::new("migration").with("migration", id).once(once);
    store.append_system(&table(TABLE), Rows::from_batch(row), commit).await.map(drop)
}
