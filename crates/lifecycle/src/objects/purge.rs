//! Deleting the objects of samples that are gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use futures::TryStreamExt as _;
use metalith_base::FeatureKey;
use metalith_graph::{Feature, SampleObjects};
use metalith_objects::{Deleted, ObjectUri, delete_all, list_below};

use super::named::{self, Named, StoreFiles, Which};
use crate::{Context, Own, deletion::DeletionError, journal::OwnedObject};

/// How many failures are kept to be shown.
const SHOWN: usize = 1000;
/// Objects below a prefix are deleted as they are listed, so many at a time.
const BATCH: usize = 4000;

/// What became of the objects of a deletion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// How many are gone.
    pub deleted: u64,
    /// How many could not be deleted; they stay in the queue.
    pub failed: u64,
    /// How many were kept because something else names them, or nothing sensible was named.
    pub skipped: u64,
    /// The bytes that were freed, as far as known.
    pub bytes: u64,
    /// Addresses with what storage said, the first thousand.
    pub failures: Vec<(String, String)>,
    /// Whether something below a prefix could not be listed, so that it is not known how many.
    pub(crate) is_unlisted: bool,
    /// What became of what is below each prefix.
    pub(crate) below: BTreeMap<ObjectUri, Below>,
}

/// How far objects are cleaned up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// All of them are gone.
    Complete,
    /// Nothing is left to be done, but not all of them went: something else names some.
    Kept,
    /// Some could not be deleted, and wait to be tried again.
    Pending,
}

impl Cleanup {
    /// What answers call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Kept => "kept",
            Self::Pending => "pending",
        }
    }
}

/// What became of the objects below a prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Below {
    pub(crate) deleted: u64,
    pub(crate) failed: u64,
    pub(crate) kept: u64,
}

impl PurgeReport {
    /// Nothing was tried.
    pub(crate) fn refused(objects: usize, error: &DeletionError) -> Self {
        let failures = vec![("all of them".to_owned(), error.to_string())];
        Self { failed: objects as u64, failures, is_unlisted: true, ..Self::default() }
    }

    /// How far it is done.
    pub fn cleanup(&self) -> Cleanup {
        match (self.failed, self.skipped) {
            (0, 0) => Cleanup::Complete,
            (0, _) => Cleanup::Kept,
            _ => Cleanup::Pending,
        }
    }

    /// Takes what was planned for what is left, where that could not be counted.
    pub(crate) fn expect(&mut self, left: u64) {
        if self.is_unlisted {
            self.failed = self.failed.max(left);
        }
    }

    fn fail(&mut self, address: String, reason: String) {
        self.failed += 1;
        if self.failures.len() < SHOWN {
            self.failures.push((address, reason));
        }
    }
}

/// Objects that are to go, and those among or below them that must stay.
#[derive(Debug, Default)]
pub(crate) struct Doomed {
    ones: BTreeMap<ObjectUri, Option<u64>>,
    prefixes: BTreeSet<ObjectUri>,
    kept_ones: BTreeSet<ObjectUri>,
    kept_prefixes: BTreeSet<ObjectUri>,
    store: StoreFiles,
    own: Own,
    skipped: u64,
    /// Prefixes of which everything stays.
    whole: BTreeSet<ObjectUri>,
}

impl Doomed {
    pub(crate) fn is_empty(&self) -> bool {
        self.ones.is_empty() && self.prefixes.is_empty()
    }

    /// Takes in what a row that goes names.
    pub(crate) fn add(&mut self, named: Named, size: Option<u64>) {
        match named {
            Named::One(uri) => {
                let known = self.ones.entry(uri).or_default();
                *known = known.or(size);
            }
            Named::Below(uri) => {
                self.prefixes.insert(uri);
            }
            Named::Odd(_) => self.skipped += 1,
        }
    }

    /// Takes in all that others name.
    pub(crate) fn add_all(&mut self, others: &Self) {
        for (uri, size) in &others.ones {
            self.add(Named::One(uri.clone()), *size);
        }
        self.prefixes.extend(others.prefixes.iter().cloned());
        self.skipped += others.skipped;
    }

    /// Keeps what a row that stays names.
    pub(crate) fn keep(&mut self, named: Named) {
        match named {
            Named::One(uri) => {
                if self.ones.remove(&uri).is_some() {
                    self.skipped += 1;
                }
                if self.covering(&uri).is_some() {
                    self.kept_ones.insert(uri);
                }
            }
            Named::Below(prefix) => {
                let below = (Bound::Included(prefix.clone()), Bound::Unbounded);
                let below = self.ones.range(below).map(|(uri, _)| uri);
                let covered: Vec<ObjectUri> = below
                    .take_while(|uri| uri.place() == prefix.place() && starts(uri, &prefix))
                    .filter(|uri| prefix.covers(uri))
                    .cloned()
                    .collect();
                for uri in covered {
                    self.ones.remove(&uri);
                    self.skipped += 1;
                }
                let same: Vec<ObjectUri> =
                    self.prefixes.iter().filter(|it| prefix.covers(it)).cloned().collect();
                for uri in same {
                    self.prefixes.remove(&uri);
                    self.skipped += 1;
                    self.whole.insert(uri);
                }
                if self.covering(&prefix).is_some() {
                    self.kept_prefixes.insert(prefix);
                }
            }
            // What cannot be read names nothing that could be found.
            Named::Odd(_) => {}
        }
    }

    /// Keeps everything that is not such.
    fn keep_unless(&mut self, is_such: impl Fn(&ObjectUri) -> bool) {
        let before = self.ones.len() + self.prefixes.len();
        self.ones.retain(|uri, _| is_such(uri));
        self.whole.extend(self.prefixes.iter().filter(|uri| !is_such(uri)).cloned());
        self.prefixes.retain(|uri| is_such(uri));
        self.skipped += (before - self.ones.len() - self.prefixes.len()) as u64;
    }

    /// The prefix that goes and has an address below it.
    fn covering(&self, uri: &ObjectUri) -> Option<&ObjectUri> {
        self.prefixes.iter().find(|prefix| prefix.covers(uri))
    }

    /// Whether an object that was listed stays, whichever way a row may have spelled it.
    fn is_kept(&self, listed: &ObjectUri) -> bool {
        self.store.have(listed)
            || !self.own.has(listed)
            || listed.readings().iter().any(|uri| {
                self.kept_ones.contains(uri) || self.kept_prefixes.iter().any(|it| it.covers(uri))
            })
    }

    /// Leaves only what goes according to `all` as well.
    pub(crate) fn restrict_to(&mut self, all: &Self) {
        self.ones.retain(|uri, _| all.ones.contains_key(uri));
        self.prefixes.retain(|uri| all.prefixes.contains(uri));
        self.kept_ones.clone_from(&all.kept_ones);
        self.kept_prefixes.clone_from(&all.kept_prefixes);
        self.store.clone_from(&all.store);
        self.own.clone_from(&all.own);
    }

    /// As the journal writes it down.
    pub(crate) fn as_owned(&self) -> Vec<OwnedObject> {
        let owned = |uri: &ObjectUri, is_prefix, size| OwnedObject {
            place: uri.place().to_owned(),
            key: uri.key().to_owned(),
            spelled: uri.spelled().map(str::to_owned),
            is_prefix,
            size,
        };
        let ones = self.ones.iter().map(|(uri, size)| owned(uri, false, *size));
        ones.chain(self.prefixes.iter().map(|uri| owned(uri, true, None))).collect()
    }

    pub(crate) fn from_owned(objects: &[OwnedObject]) -> Self {
        let mut doomed = Self::default();
        for object in objects {
            let Ok(uri) =
                ObjectUri::from_parts(&object.place, &object.key, object.spelled.as_deref())
            else {
                doomed.skipped += 1;
                continue;
            };
            let named = if object.is_prefix { Named::Below(uri) } else { Named::One(uri) };
            doomed.add(named, object.size);
        }
        doomed
    }

    /// How many objects would go and how many bytes they have, as far as known; what is below
    /// prefixes is listed.
    pub(crate) async fn figures(&self, context: Context<'_>) -> (u64, Option<u64>) {
        let mut objects = self.ones.len() as u64;
        let sizes: Option<Vec<u64>> = self.ones.values().copied().collect();
        let mut bytes = sizes.map(|sizes| sizes.iter().sum::<u64>());
        for prefix in &self.prefixes {
            let Ok(place) = context.places.of(prefix) else {
                bytes = None;
                continue;
            };
            let mut listing = list_below(&place, prefix);
            loop {
                match listing.try_next().await {
                    Ok(Some((uri, entry))) if !self.is_kept(&uri) => {
                        objects += 1;
                        bytes = bytes.map(|bytes| bytes + entry.size);
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => {
                        bytes = None;
                        break;
                    }
                }
            }
        }
        (objects, bytes)
    }
}

fn starts(uri: &ObjectUri, prefix: &ObjectUri) -> bool {
    uri.key().starts_with(prefix.key())
}

/// The objects that belong to samples of a feature.
pub(crate) fn owned(feature: &Feature) -> impl Iterator<Item = &SampleObjects> {
    feature.spec().objects.iter().filter(|objects| objects.owned)
}

/// Takes out of `doomed` everything that any stored row names, and the store itself. Rows that
/// `removed` is about to remove do not count.
pub(crate) async fn keep_referenced(
    context: Context<'_>,
    doomed: &mut Doomed,
    removed: &BTreeMap<&FeatureKey, &metalith_store::DeletionPlan>,
) -> Result<(), DeletionError> {
    if doomed.is_empty() {
        return Ok(());
    }
    require_declared(context).await?;
    for feature in context.graph.features() {
        for objects in &feature.spec().objects {
            let which = match removed.get(feature.key()) {
                Some(plan) => Which::Kept(plan),
                None => Which::Everything,
            };
            named::each(context, feature, which, objects, |named, _| doomed.keep(named)).await?;
            for behind in context.behind() {
                let keep = |named, _| doomed.keep(named);
                named::each(behind, feature, Which::Everything, objects, keep).await?;
            }
        }
    }
    doomed.own = context.own().await?;
    let own = doomed.own.clone();
    doomed.keep_unless(|uri| own.has(uri));
    doomed.store = StoreFiles::of(context)?;
    let store = doomed.store.clone();
    doomed.keep_unless(|uri| !store.have(uri));
    Ok(())
}

/// Takes out what rows of the stores beside this one name: what is shared goes with the last who
/// names it. Where one of them cannot be read, nothing is known.
pub(crate) async fn keep_named_beside(
    context: Context<'_>,
    doomed: &mut Doomed,
) -> Result<(), DeletionError> {
    if doomed.is_empty() {
        return Ok(());
    }
    for store in &context.beside().await? {
        let other = Context { store, ..context };
        let kept = keep_named_in(other, doomed).await;
        kept.map_err(|source| DeletionError::beside(store.location(), source))?;
    }
    Ok(())
}

async fn keep_named_in(other: Context<'_>, doomed: &mut Doomed) -> Result<(), DeletionError> {
    require_declared(other).await?;
    for feature in other.graph.features() {
        for objects in &feature.spec().objects {
            let keep = |named, _| doomed.keep(named);
            named::each(other, feature, Which::Everything, objects, keep).await?;
        }
    }
    let theirs = StoreFiles::of(other)?;
    doomed.keep_unless(|uri| !theirs.have(uri));
    doomed.store.add(theirs);
    Ok(())
}

/// The features that have a table here, or further down the fallback chain, and are not declared:
/// what they name is not known.
pub(crate) async fn undeclared(context: Context<'_>) -> Result<Vec<FeatureKey>, DeletionError> {
    let mut undeclared = BTreeSet::new();
    for store in context.store.chain() {
        undeclared.extend(store.features().await?);
    }
    undeclared.retain(|key| context.graph.feature(key).is_err());
    Ok(undeclared.into_iter().collect())
}

/// Refuses to go on while there is a table of which it is not known what it names.
pub(crate) async fn require_declared(context: Context<'_>) -> Result<(), DeletionError> {
    let undeclared = undeclared(context).await?;
    if undeclared.is_empty() {
        return Ok(());
    }
    let names = undeclared.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let what = format!("tables of features that this project does not declare: {names}");
    Err(DeletionError::Incomplete { what })
}

/// Deletes objects that nothing names any more. What cannot be deleted is counted and told.
pub(crate) async fn purge(
    context: Context<'_>,
    objects: &[OwnedObject],
) -> Result<PurgeReport, DeletionError> {
    let mut doomed = Doomed::from_owned(objects);
    keep_referenced(context, &mut doomed, &BTreeMap::new()).await?;
    keep_named_beside(context, &mut doomed).await?;
    let mut report = PurgeReport { skipped: doomed.skipped, ..PurgeReport::default() };
    for prefix in &doomed.whole {
        // How many there are is not looked for.
        report.below.insert(prefix.clone(), Below { kept: 1, ..Below::default() });
    }
    let mut by_place: BTreeMap<&str, Vec<ObjectUri>> = BTreeMap::new();
    for uri in doomed.ones.keys() {
        by_place.entry(uri.place()).or_default().push(uri.clone());
    }
    for uris in by_place.into_values() {
        let sizes = |uri: &ObjectUri| doomed.ones.get(uri).copied().flatten();
        delete(context, uris, sizes, &mut report).await;
    }
    for prefix in &doomed.prefixes {
        let before = (report.deleted, report.failed, report.skipped);
        below(context, prefix, &doomed, &mut report).await;
        let figures = Below {
            deleted: report.deleted - before.0,
            failed: report.failed - before.1,
            kept: report.skipped - before.2,
        };
        report.below.insert(prefix.clone(), figures);
    }
    Ok(report)
}

/// Deletes what is below a prefix, as it is listed.
async fn below(
    context: Context<'_>,
    prefix: &ObjectUri,
    doomed: &Doomed,
    report: &mut PurgeReport,
) {
    let place = match context.places.of(prefix) {
        Ok(place) => place,
        Err(error) => {
            report.is_unlisted = true;
            return report.fail(format!("{prefix}/"), told(&error));
        }
    };
    let mut listing = list_below(&place, prefix);
    let mut batch: BTreeMap<ObjectUri, u64> = BTreeMap::new();
    loop {
        let entry = match listing.try_next().await {
            Ok(entry) => entry,
            Err(error) => {
                report.fail(format!("{prefix}/"), told(&error));
                report.is_unlisted = true;
                None
            }
        };
        let is_end = entry.is_none();
        match entry {
            Some((uri, _)) if doomed.is_kept(&uri) => report.skipped += 1,
            Some((uri, entry)) => {
                batch.insert(uri, entry.size);
            }
            None => {}
        }
        if batch.len() >= BATCH || (is_end && !batch.is_empty()) {
            let uris = batch.keys().cloned().collect();
            delete(context, uris, |uri| batch.get(uri).copied(), report).await;
            batch.clear();
        }
        if is_end {
            return;
        }
    }
}

/// Deletes objects of one place and counts what became of them.
pub(crate) async fn delete(
    context: Context<'_>,
    uris: Vec<ObjectUri>,
    size: impl Fn(&ObjectUri) -> Option<u64>,
    report: &mut PurgeReport,
) {
    let Some(first) = uris.first() else { return };
    let place = match context.places.of(first) {
        Ok(place) => place,
        Err(error) => {
            let reason = told(&error);
            return uris.iter().for_each(|uri| report.fail(uri.to_string(), reason.clone()));
        }
    };
    for (uri, deleted) in delete_all(&place, uris).await {
        match deleted {
            Deleted::Gone => {
                report.deleted += 1;
                report.bytes += size(&uri).unwrap_or_default();
            }
            Deleted::Failed(error) => report.fail(uri.to_string(), told(&error)),
        }
    }
}

fn told(error: &metalith_objects::ObjectError) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let text = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
