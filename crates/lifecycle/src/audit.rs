//! The audit log: what was done to a store, by whom and why, in a chain of hashes.
//!
//! Entries are rows of the system table `metalith-system/audit`, never changed. Each carries the
//! hash of the one before, so an entry that is changed, removed or moved is found. A second table
//! keeps the hash of the last one, so that a missing end is found as well. Entries hold figures and
//! names of features and columns, never content of samples.

use std::{fmt, fmt::Write as _};

use metalith_base::Timestamp;
use metalith_store::{CommitNote, Rows, Store, StoreError};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::system_rows::{self, Row, numbers, table, texts, time};

pub(crate) const TABLE: &str = "metalith-system/audit";
pub(crate) const HEAD: &str = "metalith-system/audit-head";
/// What stands for the entry before the first.
const START: &str = "";
/// How often somebody else may be faster. Each time somebody made progress.
const ATTEMPTS: usize = 200;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A deletion was carried out.
    Deleted,
    /// A deletion was refused because something stood in its way.
    Blocked,
    /// A deletion failed on the way, and waits to be taken up again. One whose process ended cannot
    /// say so; there only the taking up is told.
    Interrupted,
    /// A deletion that had been interrupted was taken up again.
    Resumed,
    /// Samples were brought back.
    Restored,
    /// Objects were deleted from storage.
    Purged,
    /// Some objects could not be deleted from storage; the queue keeps them.
    PurgeFailed,
    /// A hold was placed.
    HoldAdded,
    /// A hold was released.
    HoldReleased,
    /// A feature's table was removed.
    Dropped,
    /// Retention was applied.
    RetentionApplied,
    /// Objects that nobody refers to were deleted.
    OrphansDeleted,
    /// A migration was applied.
    Migrated,
    /// A migration was taken back.
    MigrationRolledBack,
}

impl Event {
    const ALL: [(Self, &'static str); 14] = [
        (Self::Deleted, "deleted"),
        (Self::Blocked, "blocked"),
        (Self::Interrupted, "interrupted"),
        (Self::Resumed, "resumed"),
        (Self::Restored, "restored"),
        (Self::Purged, "purged"),
        (Self::PurgeFailed, "purge-failed"),
        (Self::HoldAdded, "hold-added"),
        (Self::HoldReleased, "hold-released"),
        (Self::Dropped, "dropped"),
        (Self::RetentionApplied, "retention-applied"),
        (Self::OrphansDeleted, "orphans-deleted"),
        (Self::Migrated, "migrated"),
        (Self::MigrationRolledBack, "migration-rolled-back"),
    ];

    /// The name, as it is stored.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(event, _)| *event == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number, counted from 1.
    pub number: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Option<String>,
    /// What happened, as it is stored; names that a later build wrote are kept.
    pub event: String,
    /// The deletion it is about.
    pub deletion: Option<String>,
    /// Figures, as JSON.
    pub details: Value,
    /// The details as they are stored, which is what the hash is of.
    details_text: String,
    /// The hash of the entry before.
    pub previous: String,
    /// The hash of this entry.
    pub hash: String,
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The number of the entry.
    pub number: u64,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Its content does not have its hash.
    Changed,
    /// It is not there.
    Missing,
    /// There are several with its number.
    Repeated,
    /// It does not carry the hash of the one before.
    Unchained,
}

impl Problem {
    /// What is wrong, for people.
    pub fn told(self) -> &'static str {
        match self {
            Self::Changed => "was changed: its content does not have the hash it carries",
            Self::Missing => "is missing",
            Self::Repeated => "is there more than once",
            Self::Unchained => "does not follow the one before: it carries another hash",
        }
    }
}

/// What was found by going through a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries there are.
    pub entries: u64,
    /// The hash of the last one; keep it elsewhere to prove later that nothing was rewritten.
    pub head: Option<String>,
    /// What is wrong, by number.
    pub findings: Vec<Finding>,
}

/// What is to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) event: Event,
    pub(crate) deletion: Option<&'a str>,
    pub(crate) details: Value,
    /// A name under which it is recorded only once, however often it is tried.
    pub(crate) once: Option<String>,
}

/// Appends an entry.
pub(crate) async fn append(store: &Store, record: Record<'_>) -> Result<(), StoreError> {
    let key = table(TABLE);
    let _turn = store.turn(&key).await;
    for _ in 0..ATTEMPTS {
        if let Some(tag) = &record.once
            && store.has_commit(&key, tag).await?
        {
            return Ok(());
        }
        let tail = store.read_system_tail(&key).await?;
        let (version, last) = match tail {
            None => (None, None),
            Some(tail) => {
                let batches = match tail.rows {
                    Some(rows) => rows.collect().await?,
                    None => Vec::new(),
                };
                let last = system_rows::rows(&batches).filter_map(read_entry);
                (Some(tail.version), last.max_by_key(|entry| entry.number))
            }
        };
        let entry = Entry::after(last.as_ref(), store, &record);
        let note = CommitNote::new("audit");
        let note = match version {
            Some(version) => note.only_at(version),
            None => note.only_new(),
        };
        let note = match &record.once {
            Some(tag) => note.once(tag),
            None => note,
        };
        match store.append_system(&key, Rows::from_batch(entry.as_row()?), note).await {
            Ok(commit) if commit.is_new => return note_head(store, &entry).await,
            // Somebody else recorded the same at this moment.
            Ok(_) => return Ok(()),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let with = "other entries of the log".to_owned();
    Err(StoreError::Conflict { feature: key, with, attempts: ATTEMPTS })
}

async fn note_head(store: &Store, entry: &Entry) -> Result<(), StoreError> {
    let columns = vec![
        ("number", numbers([entry.number.cast_signed()])),
        ("hash", texts([Some(entry.hash.as_str())])),
    ];
    let rows = Rows::from_batch(system_rows::batch(columns)?);
    store.append_system(&table(HEAD), rows, CommitNote::new("audit")).await.map(drop)
}

/// Every entry, by number.
pub async fn read(store: &Store) -> Result<Vec<Entry>, StoreError> {
    let Some(rows) = store.read_system(&table(TABLE)).await? else { return Ok(Vec::new()) };
    let batches = rows.collect().await?;
    let mut entries: Vec<Entry> = system_rows::rows(&batches).filter_map(read_entry).collect();
    entries.sort_by_key(|entry| entry.number);
    Ok(entries)
}

/// Goes through the log and says what does not hold.
pub async fn verify(store: &Store) -> Result<Verified, StoreError> {
    // The head first: entries that are appended meanwhile come after it.
    let mut head: Option<(u64, String)> = None;
    if let Some(rows) = store.read_system(&table(HEAD)).await? {
        for row in system_rows::rows(&rows.collect().await?) {
            let number = row.number("number").map(i64::cast_unsigned);
            let Some((number, hash)) = number.zip(row.text("hash")) else { continue };
            if head.as_ref().is_none_or(|(last, _)| *last < number) {
                head = Some((number, hash.to_owned()));
            }
        }
    }
    let entries = read(store).await?;
    Ok(check(&entries, head.as_ref()))
}

fn check(entries: &[Entry], head: Option<&(u64, String)>) -> Verified {
    let mut findings = Vec::new();
    let mut find = |number, problem| findings.push(Finding { number, problem });
    let (mut expected, mut previous) = (1, START.to_owned());
    for entry in entries {
        if entry.number < expected {
            find(entry.number, Problem::Repeated);
            continue;
        }
        let gap = expected..entry.number;
        let is_after_gap = !gap.is_empty();
        gap.for_each(|number| find(number, Problem::Missing));
        if entry.hash != entry.computed_hash() {
            find(entry.number, Problem::Changed);
        } else if entry.previous != previous && !is_after_gap {
            find(entry.number, Problem::Unchained);
        }
        expected = entry.number + 1;
        previous.clone_from(&entry.hash);
    }
    if let Some((number, hash)) = head {
        (expected..=*number).for_each(|number| find(number, Problem::Missing));
        let there = entries.iter().find(|entry| entry.number == *number);
        if there.is_some_and(|entry| entry.hash != *hash)
            && !findings.iter().any(|it| it.number == *number)
        {
            findings.push(Finding { number: *number, problem: Problem::Changed });
        }
    }
    let head = entries.last().map(|entry| entry.hash.clone());
    Verified { entries: entries.len() as u64, head, findings }
}

impl Entry {
    fn after(last: Option<&Self>, store: &Store, record: &Record<'_>) -> Self {
        let mut entry = Self {
            number: last.map_or(1, |last| last.number + 1),
            at: store.now(),
            actor: store.actor().map(str::to_owned),
            event: record.event.name().to_owned(),
            deletion: record.deletion.map(str::to_owned),
            details_text: record.details.to_string(),
            details: record.details.clone(),
            previous: last.map_or_else(|| START.to_owned(), |last| last.hash.clone()),
            hash: String::new(),
        };
        entry.hash = entry.computed_hash();
        entry
    }

    /// SHA-256, in hexadecimal, of a JSON list of everything else in the entry, in the order of
    /// the columns.
    fn computed_hash(&self) -> String {
        let hashed = json!([
            self.number,
            self.at.as_micros(),
            self.actor,
            self.event,
            self.deletion,
            self.details_text,
            self.previous,
        ]);
        let digest = Sha256::digest(hashed.to_string());
        digest.iter().fold(String::new(), |mut text, byte| {
            // Writing to a text cannot fail.
            write!(text, "{byte:02x}").ok();
            text
        })
    }

    fn as_row(&self) -> Result<datafusion::arrow::array::RecordBatch, StoreError> {
        system_rows::batch(vec![
            ("number", numbers([self.number.cast_signed()])),
            ("at", time(self.at)),
            ("actor", texts([self.actor.as_deref()])),
            ("event", texts([Some(self.event.as_str())])),
            ("deletion", texts([self.deletion.as_deref()])),
            ("details", texts([Some(self.details_text.as_str())])),
            ("previous", texts([Some(self.previous.as_str())])),
            ("hash", texts([Some(self.hash.as_str())])),
        ])
    }
}

fn read_entry(row: Row<'_>) -> Option<Entry> {
    let details_text = row.text("details").unwrap_or_default().to_owned();
    Some(Entry {
        number: row.number("number")?.cast_unsigned(),
        at: row.time("at").unwrap_or(Timestamp::from_micros(0)),
        actor: row.text("actor").map(str::to_owned),
        event: row.text("event").unwrap_or_default().to_owned(),
        deletion: row.text("deletion").map(str::to_owned),
        details: serde_json::from_str(&details_text).unwrap_or_default(),
        details_text,
        previous: row.text("previous").unwrap_or_default().to_owned(),
        hash: row.text("hash").unwrap_or_default().to_owned(),
    })
}
