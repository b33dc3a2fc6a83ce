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
use crate::{
    Context, Own,
    deletion::DeletionError,
    journal::{Attempt, OwnedObject},
};

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
    /// How many were kept because something else names them, or nothing sensible was named. A prefix
    /// that is not one's own, or cannot be listed, counts as one: nobody knows what is below it.
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

    /// Adds what became of others.
    fn take(&mut self, others: Self) {
        self.deleted += others.deleted;
        self.failed += others.failed;
        self.skipped += others.skipped;
        self.bytes += others.bytes;
        self.is_unlisted |= others.is_unlisted;
        let room = SHOWN.saturating_sub(self.failures.len());
        self.failures.extend(others.failures.into_iter().take(room));
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
    /// How many names could not be made sense of.
    odd: u64,
    /// Single objects that stay.
    stays: BTreeSet<ObjectUri>,
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
            Named::Odd(_) => self.odd += 1,
        }
    }

    /// Takes in all that others name.
    pub(crate) fn add_all(&mut self, others: &Self) {
        for (uri, size) in &others.ones {
            self.add(Named::One(uri.clone()), *size);
        }
        self.prefixes.extend(others.prefixes.iter().cloned());
        self.odd += others.odd;
    }

    /// Keeps what a row that stays names.
    pub(crate) fn keep(&mut self, named: Named) {
        match named {
            Named::One(uri) => {
                if self.ones.remove(&uri).is_some() {
                    self.stays.insert(uri.clone());
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
                    self.stays.insert(uri);
                }
                let same: Vec<ObjectUri> =
                    self.prefixes.iter().filter(|it| prefix.covers(it)).cloned().collect();
                for uri in same {
                    self.prefixes.remove(&uri);
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
        self.stays.extend(self.ones.keys().filter(|uri| !is_such(uri)).cloned());
        self.ones.retain(|uri, _| is_such(uri));
        self.whole.extend(self.prefixes.iter().filter(|uri| !is_such(uri)).cloned());
        self.prefixes.retain(|uri| is_such(uri));
    }

    /// The prefix that goes and has an address below it.
    fn covering(&self, uri: &ObjectUri) -> Option<&ObjectUri> {
        self.prefixes.iter().find(|prefix| prefix.covers(uri))
    }

    /// The prefixes that go and lie below no other: what is below one is counted once.
    fn outermost(&self) -> impl Iterator<Item = &ObjectUri> {
        self.prefixes.iter().filter(|prefix| above(prefix, &self.prefixes).is_none())
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
                doomed.odd += 1;
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
        let (mut objects, mut bytes) = (0, Some(0));
        let mut unlisted = BTreeSet::new();
        for prefix in self.outermost() {
            match listed(context, prefix, |uri| !self.is_kept(uri)).await {
                Some((more, their_bytes)) => {
                    objects += more;
                    bytes = bytes.map(|bytes| bytes + their_bytes);
                }
                None => {
                    unlisted.insert(prefix);
                    bytes = None;
                }
            }
        }
        // What was listed is counted by now.
        let is_listed = |uri| above(uri, &self.prefixes).is_some_and(|it| !unlisted.contains(it));
        for (_, size) in self.ones.iter().filter(|(uri, _)| !is_listed(uri)) {
            objects += 1;
            bytes = bytes.zip(*size).map(|(bytes, size)| bytes + size);
        }
        (objects, bytes)
    }
}

/// The outermost of some prefixes that an address lies below. What is called like the prefix itself
/// does not: it is no part of a listing.
fn above<'a>(uri: &ObjectUri, prefixes: &'a BTreeSet<ObjectUri>) -> Option<&'a ObjectUri> {
    prefixes.iter().find(|it| *it != uri && it.covers(uri))
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

/// Deletes objects that nothing names any more. What cannot be deleted is counted and told; what was
/// deleted the last time it was tried is not counted again.
pub(crate) async fn purge(
    context: Context<'_>,
    objects: &[OwnedObject],
    last: Option<&Attempt>,
) -> Result<PurgeReport, DeletionError> {
    let mut doomed = Doomed::from_owned(objects);
    keep_referenced(context, &mut doomed, &BTreeMap::new()).await?;
    keep_named_beside(context, &mut doomed).await?;
    let mut report = PurgeReport { skipped: doomed.odd, ..PurgeReport::default() };
    // Each object counts once, however often it was named: what was listed is dealt with.
    let mut listed = BTreeSet::new();
    for prefix in doomed.outermost() {
        let mut its = PurgeReport::default();
        below((context, prefix), &doomed, &mut listed, &mut its).await;
        let figures = Below { deleted: its.deleted, failed: its.failed, kept: its.skipped };
        report.below.insert(prefix.clone(), figures);
        report.take(its);
    }
    for prefix in &doomed.prefixes {
        // Of what is counted further out it is only known whether all is well.
        if let Some(outer) = above(prefix, &doomed.prefixes) {
            let failed = report.below.get(outer).map_or(0, |it| it.failed);
            report.below.insert(prefix.clone(), Below { failed, ..Below::default() });
        }
    }
    let left = last.and_then(|last| left_by(last, &doomed));
    let mut by_place: BTreeMap<(&str, bool), Vec<ObjectUri>> = BTreeMap::new();
    for uri in doomed.ones.keys().filter(|uri| !listed.contains(*uri)) {
        let is_left = left.as_ref().is_none_or(|left| left.contains(uri.to_string().as_str()));
        by_place.entry((uri.place(), is_left)).or_default().push(uri.clone());
    }
    for ((_, is_left), uris) in by_place {
        let sizes = |uri: &ObjectUri| doomed.ones.get(uri).copied().flatten();
        let mut its = PurgeReport::default();
        delete(context, uris, sizes, &mut its).await;
        if !is_left {
            (its.deleted, its.bytes) = (0, 0);
        }
        report.take(its);
    }
    count_whole(context, &doomed, &mut report).await;
    let is_counted =
        |uri| above(uri, &doomed.prefixes).or_else(|| above(uri, &doomed.whole)).is_some();
    report.skipped += doomed.stays.iter().filter(|uri| !is_counted(uri)).count() as u64;
    Ok(report)
}

/// The addresses that the last attempt left; `None` where that did not name all of them.
fn left_by<'a>(last: &'a Attempt, doomed: &Doomed) -> Option<BTreeSet<&'a str>> {
    let left: BTreeSet<&str> = last.failures.iter().map(|(address, _)| address.as_str()).collect();
    let uri = |address: &str| ObjectUri::parse(address).ok();
    let is_one = |address: &&str| {
        uri(address).is_some_and(|it| {
            doomed.ones.contains_key(&it) || above(&it, &doomed.prefixes).is_some()
        })
    };
    (left.len() as u64 == last.failed && left.iter().all(is_one)).then_some(left)
}

/// Counts what is below prefixes of which everything stays. What lies in places of others is not
/// looked at.
async fn count_whole(context: Context<'_>, doomed: &Doomed, report: &mut PurgeReport) {
    for prefix in &doomed.whole {
        let kept = match doomed.own.has(prefix) {
            true => listed(context, prefix, |_| true).await.map_or(1, |(objects, _)| objects),
            false => 1,
        };
        report.below.insert(prefix.clone(), Below { kept, ..Below::default() });
        let outer = above(prefix, &doomed.prefixes).or_else(|| above(prefix, &doomed.whole));
        if outer.is_none() {
            report.skipped += kept;
        }
    }
}

/// How many objects below a prefix are such, and their bytes; `None` where it cannot be listed.
async fn listed(
    context: Context<'_>,
    prefix: &ObjectUri,
    is_such: impl Fn(&ObjectUri) -> bool,
) -> Option<(u64, u64)> {
    let place = context.places.of(prefix).ok()?;
    let mut listing = list_below(&place, prefix);
    let (mut objects, mut bytes) = (0, 0);
    while let Some((uri, entry)) = listing.try_next().await.ok()? {
        if is_such(&uri) {
            objects += 1;
            bytes += entry.size;
        }
    }
    Some((objects, bytes))
}

/// Deletes what is below a prefix, as it is listed. Of what was named by itself as well it notes that
/// it was listed.
async fn below(
    (context, prefix): (Context<'_>, &ObjectUri),
    doomed: &Doomed,
    listed: &mut BTreeSet<ObjectUri>,
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
                let readings = uri.readings().into_iter();
                listed.extend(readings.filter(|it| doomed.ones.contains_key(it)));
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
