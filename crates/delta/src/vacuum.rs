//! Removing data files that are not needed any more.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_store::{StoreError, Vacuum, Vacuumed};

use crate::{error, log_entry::now_millis, snapshot::Snapshot};

/// Files that no log entry names may be about to be committed; they are left alone for an hour.
const IN_FLIGHT_MILLIS: i64 = 60 * 60 * 1000;
/// Removals under way at once.
const AT_ONCE: usize = 16;

/// Removes what the table does not need: files that commits replaced longer than `keep` ago, and
/// files that were never committed, older than `keep` and than an hour.
pub(crate) async fn vacuum(table: &Snapshot, request: Vacuum) -> Result<Vacuumed, StoreError> {
    // Of those who remove rows for good each asks for this. Listing the folder takes the longer, the
    // more often that was.
    if request.keep.is_zero() && !request.dry_run && table.history.is_all() {
        return remove_replaced(table).await;
    }
    let vacuumed = of_listing(table, request).await?;
    if request.keep.is_zero() && !request.dry_run {
        table.history.note_listed();
    }
    Ok(vacuumed)
}

/// Removes what commits replaced since the folder was listed.
async fn remove_replaced(table: &Snapshot) -> Result<Vacuumed, StoreError> {
    let live: HashSet<&str> = table.files.iter().map(|file| file.path.as_str()).collect();
    let mut replaced = table.history.replaced();
    replaced.retain(|path, _| !live.contains(path.as_str()));
    let bytes = replaced.values().map(|file| file.bytes).sum();
    let files = replaced.len() as u64;
    remove(table, replaced.into_keys().collect()).await?;
    Ok(Vacuumed { files, bytes, overwritten_later: false })
}

async fn remove(table: &Snapshot, doomed: Vec<String>) -> Result<(), StoreError> {
    stream::iter(doomed)
        .map(|path| async move {
            let relative = format!("{}/{path}", table.folder);
            table.place.remove(&relative).await?;
            table.footers.small.forget(&relative);
            table.history.note_gone(&path);
            Ok(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await
        .map(drop)
}

async fn of_listing(table: &Snapshot, request: Vacuum) -> Result<Vacuumed, StoreError> {
    let keep = i64::try_from(request.keep.as_millis()).unwrap_or(i64::MAX);
    let now = now_millis();
    let live: HashSet<&str> = table.files.iter().map(|file| file.path.as_str()).collect();
    let replaced = replaced(table).await?;
    let mut vacuumed = Vacuumed::default();
    let mut doomed = Vec::new();
    for (path, bytes, modified) in table.place.list(&table.folder).await? {
        let hidden = path.split('/').any(|part| part.starts_with(['_', '.']));
        // Names with other characters may be spelled otherwise in the log, and then look unused.
        let plain = |it: char| it.is_ascii_alphanumeric() || "-_.=/ ".contains(it);
        if hidden || !path.chars().all(plain) || live.contains(path.as_str()) {
            continue;
        }
        let needed_until = match replaced.get(&path) {
            Some(since) => since.saturating_add(keep),
            None => modified.saturating_add(keep.max(IN_FLIGHT_MILLIS)),
        };
        if needed_until <= now {
            vacuumed.files += 1;
            vacuumed.bytes += bytes;
            doomed.push(path);
        }
    }
    if !request.dry_run {
        remove(table, doomed).await?;
    }
    Ok(vacuumed)
}

/// Files that commits replaced, as far as the log remembers, and when.
async fn replaced(table: &Snapshot) -> Result<HashMap<String, i64>, StoreError> {
    let failed = |failed| error::storage("read", table.place.shown(&table.folder), failed);
    let log_store = table.delta.log_store();
    let state = table.delta.snapshot().map_err(failed)?;
    let mut replaced = HashMap::new();
    let mut tombstones = state.all_tombstones(&log_store);
    while let Some(tombstone) = tombstones.try_next().await.map_err(failed)? {
        let since = tombstone.deletion_timestamp().unwrap_or_default();
        replaced.insert(tombstone.path().into_owned(), since);
    }
    replaced.extend(table.history.replaced().into_iter().map(|(path, file)| (path, file.at)));
    Ok(replaced)
}
