//! How many objects the samples of a project name, how many bytes these have, and what is too much.
//!
//! What any stored row names counts, also that of a hidden sample: it takes its place in storage
//! until it goes for good. An object counts once, however often it is named. Bytes are known where
//! a feature declares a column with sizes; what lies below templates is not counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use hashbrown::HashMap;
use metalith_base::{Quota, Threshold};
use metalith_graph::Feature;
use metalith_store::{Rows, StoreError};

use crate::{
    Context,
    deletion::DeletionError,
    objects::named::{self, Named, Which, fingerprint},
};

/// What the samples of a project hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many objects.
    pub objects: u64,
    /// Their bytes, as far as known.
    pub bytes: u64,
}

/// Counts what is held, and refuses rows that would make it too much.
#[derive(Clone, Debug)]
pub struct Meter {
    quota: Quota,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    /// Sizes by the fingerprint of the address.
    sizes: HashMap<u128, u64>,
    bytes: u64,
}

impl Held {
    fn add(&mut self, named: &Named, size: Option<u64>) {
        let Named::One(uri) = named else { return };
        let before = self.sizes.insert(fingerprint(uri), size.unwrap_or_default());
        self.bytes = self.bytes - before.unwrap_or_default() + size.unwrap_or_default();
    }

    fn usage(&self) -> Usage {
        Usage { objects: self.sizes.len() as u64, bytes: self.bytes }
    }
}

impl Meter {
    /// Counts what is held now, unless the quota limits nothing: counting reads every row.
    pub async fn if_limited(
        context: Context<'_>,
        quota: Quota,
    ) -> Result<Option<Self>, DeletionError> {
        match quota.is_unlimited() {
            true => Ok(None),
            false => Self::read(context, quota).await.map(Some),
        }
    }

    /// Counts what is held now.
    pub async fn read(context: Context<'_>, quota: Quota) -> Result<Self, DeletionError> {
        let mut held = Held::default();
        for feature in context.graph.features().filter(|feature| !feature.is_external()) {
            for objects in &feature.spec().objects {
                let visit = |named, size| held.add(&named, size);
                named::each(context, feature, Which::Everything, objects, visit).await?;
            }
        }
        Ok(Self { quota, held: Arc::new(Mutex::new(held)) })
    }

    /// What is held, rows included that have passed.
    pub fn usage(&self) -> Usage {
        self.lock().usage()
    }

    /// What is near its limit, for people.
    pub fn warnings(&self) -> Vec<String> {
        let Usage { objects, bytes } = self.usage();
        let held = [(self.quota.objects, objects, "objects"), (self.quota.bytes, bytes, "bytes")];
        let above = held.into_iter().filter_map(|(threshold, held, what)| {
            let warn = threshold.warn.filter(|warn| held > *warn)?;
            Some(format!("the project holds {held} {what}; from {warn} on its quota warns"))
        });
        above.collect()
    }

    /// The same rows of a feature, ending in an error where they would make it too much. A write
    /// that meets the error commits nothing.
    pub fn guard(&self, feature: &Feature, rows: Rows) -> Rows {
        if feature.spec().objects.is_empty() {
            return rows;
        }
        let (meter, declared) = (self.clone(), feature.spec().objects.clone());
        let schema = rows.schema();
        let guarded = rows.into_stream().map(move |batch| {
            let batch = batch?;
            let mut held = meter.lock();
            for objects in &declared {
                named::in_batch(&batch, objects, &mut |named, size| held.add(&named, size))?;
            }
            let Usage { objects, bytes } = held.usage();
            within("objects", objects, meter.quota.objects)?;
            within("bytes", bytes, meter.quota.bytes)?;
            Ok(batch)
        });
        Rows::new(schema, guarded)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Each change is complete in itself; a panic elsewhere leaves counts that are too high.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn within(what: &'static str, held: u64, threshold: Threshold) -> Result<(), StoreError> {
    match threshold.refuse.filter(|limit| held > *limit) {
        Some(limit) => Err(StoreError::Quota { what, held, limit }),
        None => Ok(()),
    }
}
