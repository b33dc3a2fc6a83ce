//! Comparing what is in storage with what samples name: objects that nobody names, and names of
//! objects that are gone.
//!
//! Of every name a fingerprint of 128 bits is kept, so a million of them take some tens of
//! megabytes; listings are read as they come. Two names with one fingerprint, should that ever
//! happen, keep an object that could have gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::TryStreamExt as _;
use hashbrown::{HashMap, HashSet};
use metalith_base::{FeatureKey, Timestamp};
use metalith_graph::ObjectName;
use metalith_objects::{ObjectEntry, ObjectUri, list_below};
use metalith_store::Store;
use serde_json::json;

use super::{
    named::{self, Named, StoreFiles, Which, fingerprint, fingerprint_of},
    purge::{self, PurgeReport},
};
use crate::{
    Context,
    audit::{self as log, Event, Record},
    deletion::DeletionError,
    quota::Usage,
};

/// How many examples a report has.
const EXAMPLES: usize = 100;
/// How many objects are deleted at a time.
const BATCH: usize = 4000;

/// An object that nobody names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Its address.
    pub address: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last changed.
    pub modified: Timestamp,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectsReport {
    /// What was listed.
    pub prefixes: Vec<String>,
    /// How many objects there are.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The same of each bucket, or of the folders of this machine.
    pub places: BTreeMap<String, Usage>,
    /// How many of them nobody names.
    pub orphans: u64,
    /// Their bytes.
    pub orphan_bytes: u64,
    /// How many of those are old enough to be deleted.
    pub old_orphans: u64,
    /// Some of them.
    pub orphan_examples: Vec<Orphan>,
    /// How many objects are named and not there.
    pub missing: u64,
    /// Some of them.
    pub missing_examples: Vec<String>,
    /// How many rows name objects in a way that cannot be read, e.g. by a relative path.
    pub unreadable: u64,
    /// Features that have a table here and are not declared in this project: what they name is not
    /// known, so nothing may be deleted.
    pub undeclared: Vec<FeatureKey>,
}

/// The fixed beginnings of the addresses that features declare: what to list if nothing is named.
pub fn declared_prefixes(context: Context<'_>) -> Vec<ObjectUri> {
    let mut found = BTreeSet::new();
    for feature in context.graph.features() {
        for objects in &feature.spec().objects {
            if let ObjectName::Template(template) = &objects.named_by {
                let text = template.to_string();
                let fixed = text.split('{').next().unwrap_or_default();
                let folder = fixed.rsplit_once('/').map_or(fixed, |(folder, _)| folder);
                found.extend(ObjectUri::parse(folder).ok());
            }
        }
    }
    found.into_iter().collect()
}

/// Compares what lies below prefixes with what stored rows name, live and recoverable ones. A
/// listing or a table that cannot be read to its end is an error: half a comparison is none.
pub async fn compare(
    context: Context<'_>,
    prefixes: &[ObjectUri],
    min_age: Duration,
) -> Result<ObjectsReport, DeletionError> {
    compare_among(context, &context.beside().await?, prefixes, min_age).await
}

async fn compare_among(
    context: Context<'_>,
    beside: &[Store],
    prefixes: &[ObjectUri],
    min_age: Duration,
) -> Result<ObjectsReport, DeletionError> {
    let mut names = Names::read(context, beside).await?;
    let limit = limit(context, min_age);
    let mut report = ObjectsReport {
        prefixes: prefixes.iter().map(ToString::to_string).collect(),
        undeclared: purge::undeclared(context).await?,
        unreadable: names.unreadable,
        ..ObjectsReport::default()
    };
    let own = context.own().await?;
    for (index, prefix) in prefixes.iter().enumerate() {
        let earlier = &prefixes[..index];
        each(context, prefix, |uri, entry| {
            // Nested prefixes list some objects twice; others are nobody's business here.
            if earlier.iter().any(|it| it.covers(&uri)) || !own.has(&uri) {
                return;
            }
            report.objects += 1;
            report.bytes += entry.size;
            let place = report.places.entry(uri.place().to_owned()).or_default();
            place.objects += 1;
            place.bytes += entry.size;
            if names.see(&uri) {
                return;
            }
            report.orphans += 1;
            report.orphan_bytes += entry.size;
            report.old_orphans += u64::from(entry.modified <= limit);
            if report.orphan_examples.len() < EXAMPLES {
                report.orphan_examples.push(Orphan {
                    address: uri.to_string(),
                    bytes: entry.size,
                    modified: Timestamp::from_micros(entry.modified),
                });
            }
        })
        .await?;
    }
    // What was named and not seen is read again, to say what it is called.
    for_each_name(context, &[], |named| {
        let Named::One(uri) = named else { return };
        let is_listed = own.has(&uri) && prefixes.iter().any(|prefix| prefix.covers(&uri));
        if is_listed && names.take_unseen(&uri) {
            report.missing += 1;
            if report.missing_examples.len() < EXAMPLES {
                report.missing_examples.push(uri.to_string());
            }
        }
    })
    .await?;
    Ok(report)
}

/// Deletes objects below prefixes that nobody names and that are older than `min_age`. Nothing is
/// deleted unless everything that could name objects was read.
pub async fn delete_orphans(
    context: Context<'_>,
    prefixes: &[ObjectUri],
    min_age: Duration,
) -> Result<PurgeReport, DeletionError> {
    purge::require_declared(context).await?;
    let own = context.own().await?;
    if let Some(other) = prefixes.iter().find(|prefix| !own.has(prefix)) {
        let what = format!("objects below {other} may be those of other spaces");
        return Err(DeletionError::Incomplete { what });
    }
    if !own.others().is_empty() {
        return Err(DeletionError::Spaces { spaces: own.others().to_vec() });
    }
    if context.space.is_none() && !context.store.beside().await?.is_empty() {
        let what = "this store lies beside others and was not opened as the space that it is";
        return Err(DeletionError::Incomplete { what: what.to_owned() });
    }
    // A listing that breaks off shows here, before anything is deleted.
    let beside = context.beside().await?;
    let report = compare_among(context, &beside, prefixes, min_age).await?;
    if report.unreadable > 0 {
        let what = format!("{} rows name objects in a way that cannot be read", report.unreadable);
        return Err(DeletionError::Incomplete { what });
    }
    for store in &beside {
        purge::require_declared(Context { store, ..context }).await?;
    }
    let mut names = Names::read(context, &beside).await?;
    let limit = limit(context, min_age);
    let mut report = PurgeReport::default();
    for prefix in prefixes {
        let place = context.places.of(prefix)?;
        let mut listing = list_below(&place, prefix);
        let mut batch: HashMap<ObjectUri, u64> = HashMap::new();
        loop {
            let entry = listing.try_next().await?;
            let is_end = entry.is_none();
            if let Some((uri, entry)) = entry
                && entry.modified <= limit
                && own.has(&uri)
                && !names.see(&uri)
            {
                batch.insert(uri, entry.size);
            }
            if batch.len() >= BATCH || (is_end && !batch.is_empty()) {
                let uris = batch.keys().cloned().collect();
                purge::delete(context, uris, |uri| batch.get(uri).copied(), &mut report).await;
                batch.clear();
            }
            if is_end {
                break;
            }
        }
    }
    let details = json!({
        "prefixes": prefixes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "deleted": report.deleted,
        "failed": report.failed,
        "bytes": report.bytes,
    });
    let record = Record { event: Event::OrphansDeleted, deletion: None, details, once: None };
    log::append(context.store, record).await?;
    Ok(report)
}

fn limit(context: Context<'_>, min_age: Duration) -> i64 {
    let age = i64::try_from(min_age.as_micros()).unwrap_or(i64::MAX);
    context.store.now().as_micros().saturating_sub(age)
}

async fn each(
    context: Context<'_>,
    prefix: &ObjectUri,
    mut visit: impl FnMut(ObjectUri, ObjectEntry),
) -> Result<(), DeletionError> {
    let place = context.places.of(prefix)?;
    let mut listing = list_below(&place, prefix);
    while let Some((uri, entry)) = listing.try_next().await? {
        visit(uri, entry);
    }
    Ok(())
}

/// Goes through what rows name, also those of stores beside this one.
async fn for_each_name(
    context: Context<'_>,
    beside: &[Store],
    mut visit: impl FnMut(Named),
) -> Result<(), DeletionError> {
    for feature in context.graph.features() {
        for objects in &feature.spec().objects {
            let beside = beside.iter().map(|store| Context { store, ..context });
            for context in std::iter::once(context).chain(context.behind()).chain(beside) {
                let visit = |named, _| visit(named);
                named::each(context, feature, Which::Everything, objects, visit).await?;
            }
        }
    }
    Ok(())
}

/// Fingerprints of everything that stored rows name.
struct Names {
    /// Of single objects, and whether they were seen in storage.
    ones: HashMap<u128, bool>,
    prefixes: HashSet<u128>,
    store: StoreFiles,
    /// How many could not be read.
    unreadable: u64,
}

impl Names {
    async fn read(context: Context<'_>, beside: &[Store]) -> Result<Self, DeletionError> {
        let mut store = StoreFiles::of(context)?;
        for other in beside {
            store.add(StoreFiles::of(Context { store: other, ..context })?);
        }
        let (ones, prefixes) = (HashMap::new(), HashSet::new());
        let mut names = Self { ones, prefixes, store, unreadable: 0 };
        for_each_name(context, beside, |named| match named {
            Named::One(uri) => {
                names.ones.insert(fingerprint(&uri), false);
            }
            Named::Below(uri) => {
                names.prefixes.insert(fingerprint(&uri));
            }
            Named::Odd(_) => names.unreadable += 1,
        })
        .await?;
        Ok(names)
    }

    /// Whether anybody names an object that was listed, whichever way a row may have spelled it.
    fn see(&mut self, listed: &ObjectUri) -> bool {
        // Both readings are marked as seen.
        let named: Vec<bool> = listed.readings().iter().map(|uri| self.see_as(uri)).collect();
        named.contains(&true)
    }

    fn see_as(&mut self, uri: &ObjectUri) -> bool {
        let (place, key) = (uri.place(), uri.key());
        if let Some(seen) = self.ones.get_mut(&fingerprint(uri)) {
            *seen = true;
            return true;
        }
        let mut folders = key.match_indices('/').map(|(slash, _)| &key[..slash]);
        self.store.have(uri)
            || folders.any(|folder| self.prefixes.contains(&fingerprint_of(place, folder)))
    }

    /// Whether an object was not seen; each is told once.
    fn take_unseen(&mut self, uri: &ObjectUri) -> bool {
        self.ones.insert(fingerprint(uri), true) == Some(false)
    }
}
