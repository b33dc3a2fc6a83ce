//! Objects that a deletion left where they are because something else named them.
//!
//! They are written down in the system table `metalith-system/kept`, and looked at again: when the
//! last that names one of them is gone it goes too, even if that only referred to it. What was
//! written anew since the deletion is somebody else's, and is left alone.

use std::collections::{BTreeMap, BTreeSet};

use metalith_base::Timestamp;
use metalith_objects::{ObjectUri, changed_at};
use metalith_store::{CommitNote, Rows, Store, StoreError};
use serde_json::json;

use super::purge::{self, Doomed, PurgeReport};
use crate::{
    Context,
    audit::{self, Event, Record},
    deletion::DeletionError,
    journal::OwnedObject,
    system_rows::{self, bytes, table, texts, time},
};

pub(crate) const TABLE: &str = "metalith-system/kept";
const ENTRY: &str = "entry";

/// What one deletion left.
struct Kept {
    entry: String,
    deletion: String,
    /// When the deletion began.
    at: Timestamp,
    objects: Vec<OwnedObject>,
}

/// Writes down what a deletion left, once.
pub(crate) async fn note(
    store: &Store,
    (deletion, at): (&str, Timestamp),
    objects: &[OwnedObject],
) -> Result<(), StoreError> {
    let once = CommitNote::new("keep").once(format!("kept/{deletion}"));
    write(store, (deletion, at), objects, once).await
}

async fn write(
    store: &Store,
    (deletion, at): (&str, Timestamp),
    objects: &[OwnedObject],
    note: CommitNote,
) -> Result<(), StoreError> {
    let entry = uuid::Uuid::now_v7().to_string();
    let data = serde_json::to_vec(objects).map_err(|error| odd(deletion, &error))?;
    let row = system_rows::batch(vec![
        (ENTRY, texts([Some(entry.as_str())])),
        ("deletion", texts([Some(deletion)])),
        ("at", time(at)),
        ("data", bytes([data.as_slice()])),
    ])?;
    let note = note.with("deletionId", deletion);
    store.append_system(&table(TABLE), Rows::from_batch(row), note).await.map(drop)
}

async fn read(store: &Store) -> Result<Vec<Kept>, StoreError> {
    let Some(rows) = store.read_system(&table(TABLE)).await? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for row in system_rows::rows(&rows.collect().await?) {
        let (Some(entry), Some(deletion)) = (row.text(ENTRY), row.text("deletion")) else {
            continue;
        };
        let (Some(at), Some(data)) = (row.time("at"), row.bytes("data")) else { continue };
        let objects = serde_json::from_slice(data).map_err(|error| odd(deletion, &error))?;
        let (entry, deletion) = (entry.to_owned(), deletion.to_owned());
        found.push(Kept { entry, deletion, at, objects });
    }
    Ok(found)
}

/// Deletes what deletions left and nothing names any more. Like every deletion of objects it asks
/// for the proof that nothing does: where that cannot be had, all of them stay.
pub async fn look_again(context: Context<'_>) -> Result<PurgeReport, DeletionError> {
    let entries = read(context.store).await?;
    let mut report = PurgeReport::default();
    if entries.is_empty() {
        return Ok(report);
    }
    let all: Vec<OwnedObject> = entries.iter().flat_map(|it| it.objects.clone()).collect();
    let mut doomed = Doomed::from_owned(&all);
    purge::keep_referenced(context, &mut doomed, &BTreeMap::new()).await?;
    purge::keep_named_beside(context, &mut doomed).await?;
    for entry in entries {
        let done = settle(context, &entry, &doomed).await?;
        report.deleted += done.deleted;
        report.failed += done.failed;
        report.skipped += done.skipped;
        report.bytes += done.bytes;
        report.failures.extend(done.failures);
    }
    Ok(report)
}

/// Deletes what one deletion left, as far as it is doomed, and writes down what is left now.
async fn settle(
    context: Context<'_>,
    entry: &Kept,
    doomed: &Doomed,
) -> Result<PurgeReport, DeletionError> {
    let (mut left, mut ours) = (Vec::new(), BTreeMap::new());
    for object in &entry.objects {
        let uri = ObjectUri::from_parts(&object.place, &object.key, object.spelled.as_deref());
        let Ok(uri) = uri.map_err(drop) else { continue };
        if !doomed.has(&uri) {
            left.push(object.clone());
            continue;
        }
        match changed_at(&context.places.of(&uri)?, &uri).await {
            Ok(Some(at)) if at <= entry.at.as_micros() => {
                ours.insert(uri, object);
            }
            // Gone, or written anew.
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "an object could not be looked at again yet");
                left.push(object.clone());
            }
        }
    }
    let mut report = PurgeReport::default();
    let mut by_place: BTreeMap<&str, Vec<ObjectUri>> = BTreeMap::new();
    for uri in ours.keys() {
        by_place.entry(uri.place()).or_default().push(uri.clone());
    }
    for uris in by_place.into_values() {
        let size = |uri: &ObjectUri| ours.get(uri).and_then(|object| object.size);
        purge::delete(context, uris, size, &mut report).await;
    }
    let failed: BTreeSet<&str> = report.failures.iter().map(|(uri, _)| uri.as_str()).collect();
    let again = ours.iter().filter(|(uri, _)| failed.contains(uri.to_string().as_str()));
    left.extend(again.map(|(_, object)| (*object).clone()));
    report.skipped = left.len() as u64 - report.failed.min(left.len() as u64);
    if left.len() == entry.objects.len() {
        return Ok(report);
    }
    let (store, of) = (context.store, (entry.deletion.as_str(), entry.at));
    // What is left is written down first: rather twice than not at all.
    if !left.is_empty() {
        write(store, of, &left, CommitNote::new("keep")).await?;
    }
    store.remove_system_rows(&table(TABLE), ENTRY, &entry.entry).await?;
    let details = json!({
        "deleted": report.deleted,
        "failed": report.failed,
        "skipped": report.skipped,
        "bytes": report.bytes,
    });
    let event = if report.failed == 0 { Event::Purged } else { Event::PurgeFailed };
    let record = Record { event, deletion: Some(&entry.deletion), details, once: None };
    audit::append(store, record).await?;
    Ok(report)
}

fn odd(deletion: &str, error: &serde_json::Error) -> StoreError {
    let (location, detail) = (deletion.to_owned(), error.to_string());
    StoreError::Corrupt { feature: table(TABLE), location, detail }
}
