//! Leases: of several processes on one store, one does a thing at a time.
//!
//! A lease has a name, a holder and an end. It is free when nobody holds it, or when its end is
//! past: a process that died does not keep it. Leases are rows of the system table
//! `metalith-system/leases`, where the last row of a name counts; a row is only written in the
//! state that it was decided on, so of two who want a lease one gets it. The clocks of the
//! processes must not differ by more than a lease lasts.

use std::{collections::BTreeMap, time::Duration};

use metalith_base::{FeatureKey, Timestamp};
use metalith_store::{CommitNote, Rows, Store, StoreError};

use crate::system_rows::{self, texts, time};

const TABLE: &str = "metalith-system/leases";
/// How often somebody else may be faster. Each time somebody made progress.
const ATTEMPTS: usize = 50;
/// Rows that end in an earlier part of the day than this long ago are removed.
const FORGOTTEN: Duration = Duration::from_secs(20 * 60);

/// A lease that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is about.
    pub name: String,
    /// Who holds it.
    pub holder: String,
    /// Until when, unless it is renewed.
    pub until: Timestamp,
}

/// Takes a lease, or renews one's own; `None` while somebody else holds it.
pub async fn acquire(
    store: &Store,
    name: &str,
    holder: &str,
    lasts: Duration,
) -> Result<Option<Lease>, StoreError> {
    let _turn = store.turn(&table()).await;
    for _ in 0..ATTEMPTS {
        let (version, leases) = read(store).await?;
        let now = store.now();
        let others = leases.get(name).filter(|it| it.until > now && it.holder != holder);
        if others.is_some() {
            return Ok(None);
        }
        let lease =
            Lease { name: name.to_owned(), holder: holder.to_owned(), until: after(now, lasts) };
        if write(store, &lease, version).await? {
            return Ok(Some(lease));
        }
    }
    let (feature, with) = (table(), "other leases".to_owned());
    Err(StoreError::Conflict { feature, with, attempts: ATTEMPTS })
}

/// Gives a lease back before its end. One that somebody else holds by now is left alone.
pub async fn release(store: &Store, lease: &Lease) -> Result<(), StoreError> {
    let _turn = store.turn(&table()).await;
    for _ in 0..ATTEMPTS {
        let (version, leases) = read(store).await?;
        let now = store.now();
        if leases.get(&lease.name).is_none_or(|it| it.holder != lease.holder || it.until <= now) {
            return Ok(());
        }
        let ended = Lease { until: now, ..lease.clone() };
        if write(store, &ended, version).await? {
            return Ok(());
        }
    }
    // It ends by itself.
    Ok(())
}

/// The leases that are held now, by name.
pub async fn held(store: &Store) -> Result<BTreeMap<String, Lease>, StoreError> {
    let (_, mut leases) = read(store).await?;
    let now = store.now();
    leases.retain(|_, lease| lease.until > now);
    Ok(leases)
}

/// Removes rows of leases that ended long ago, so that the table stays small.
pub async fn sweep(store: &Store) -> Result<(), StoreError> {
    let Some(rows) = store.read_system(&table()).await? else { return Ok(()) };
    let forgotten = Timestamp::from_micros(store.now().as_micros() - micros(FORGOTTEN));
    let limit = part_of_day(forgotten);
    let batches = rows.collect().await?;
    let mut old: Vec<&str> = system_rows::rows(&batches)
        .filter_map(|row| row.text("ends"))
        .filter(|part| *part < limit.as_str())
        .collect();
    old.sort_unstable();
    old.dedup();
    for part in old {
        store.remove_system_rows(&table(), "ends", part).await?;
    }
    Ok(())
}

/// The table that they are in.
pub fn table() -> FeatureKey {
    system_rows::table(TABLE)
}

/// The last row of every name, and the version of the table that it was read from at the latest.
async fn read(store: &Store) -> Result<(Option<u64>, BTreeMap<String, Lease>), StoreError> {
    // The version first: what is committed in between makes the next write fail.
    let version = store.read_system_tail(&table()).await?.map(|tail| tail.version);
    let mut leases = BTreeMap::new();
    if let Some(rows) = store.read_system(&table()).await? {
        let mut found: Vec<(Timestamp, Lease)> = Vec::new();
        for row in system_rows::rows(&rows.collect().await?) {
            let (Some(name), Some(holder)) = (row.text("name"), row.text("holder")) else {
                continue;
            };
            let (Some(until), Some(at)) = (row.time("until"), row.time("at")) else { continue };
            found.push((at, Lease { name: name.to_owned(), holder: holder.to_owned(), until }));
        }
        found.sort_by_key(|(at, _)| *at);
        leases.extend(found.into_iter().map(|(_, lease)| (lease.name.clone(), lease)));
    }
    Ok((version, leases))
}

/// Writes a row if nobody has written since; `false` if somebody has.
async fn write(store: &Store, lease: &Lease, version: Option<u64>) -> Result<bool, StoreError> {
    let ends = part_of_day(lease.until);
    let row = system_rows::batch(vec![
        ("name", texts([Some(lease.name.as_str())])),
        ("holder", texts([Some(lease.holder.as_str())])),
        ("until", time(lease.until)),
        ("at", time(store.now())),
        ("ends", texts([Some(ends.as_str())])),
    ])?;
    let note = CommitNote::new("lease");
    let note = match version {
        Some(version) => note.only_at(version),
        None => note.only_new(),
    };
    match store.append_system(&table(), Rows::from_batch(row), note).await {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A time to ten minutes, as text whose order is that of time.
fn part_of_day(time: Timestamp) -> String {
    let mut text = time.to_string();
    text.truncate("2026-02-03T04:0".len());
    text
}

fn after(time: Timestamp, lasts: Duration) -> Timestamp {
    Timestamp::from_micros(time.as_micros().saturating_add(micros(lasts)))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
