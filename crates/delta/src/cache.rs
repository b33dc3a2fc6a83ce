//! What is remembered between calls.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use metalith_base::FeatureKey;
use metalith_store::{StoreError, Turns};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;

use crate::{
    log_entry,
    small::SmallFiles,
    snapshot::{Snapshot, Source},
};

/// How many footers are kept. One takes some kilobytes.
const FOOTERS: usize = 1024;

/// The latest known state of each table.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    known: Mutex<HashMap<FeatureKey, Arc<Snapshot>>>,
    /// Of several who want to know the state of a table one finds out, and the others look whether
    /// that is still so.
    turns: Turns,
}

/// Footers of data files, which never change.
#[derive(Debug, Default)]
pub(crate) struct Footers {
    known: Mutex<KnownFooters>,
    /// The rows of those files that have few.
    pub(crate) small: SmallFiles,
}

#[derive(Debug, Default)]
struct KnownFooters {
    by_file: HashMap<String, ArrowReaderMetadata>,
    by_age: VecDeque<String>,
}

impl Snapshots {
    /// The table as it is now, or `None` when there is none.
    ///
    /// A known state costs two looks at the log: whether its entry is still the same one, for the
    /// table may have been dropped and made again, and whether there is a next one.
    pub(crate) async fn latest(
        &self,
        source: &Source,
    ) -> Result<Option<Arc<Snapshot>>, StoreError> {
        let known = self.known(&source.feature);
        if let Some(known) = known
            && known.fingerprint.is_some()
            && is_there(source, &known).await?
            && !has_next(source, &known).await?
        {
            return Ok(Some(known));
        }
        let _turn = self.turns.wait(&source.feature).await;
        let known = self.known(&source.feature);
        let latest = match known {
            Some(known) if known.fingerprint.is_some() && is_there(source, &known).await? => {
                match source.advance(&known).await? {
                    Some(advanced) if Arc::ptr_eq(&advanced, &known) => return Ok(Some(known)),
                    Some(advanced) => Some(advanced),
                    None => source.load().await?.map(Arc::new),
                }
            }
            Some(_) | None => source.load().await?.map(Arc::new),
        };
        match &latest {
            Some(latest) => {
                self.lock().insert(source.feature.clone(), Arc::clone(latest));
            }
            None => self.forget(&source.feature),
        }
        Ok(latest)
    }

    /// The table as it was when it was looked at last.
    pub(crate) fn known(&self, feature: &FeatureKey) -> Option<Arc<Snapshot>> {
        self.lock().get(feature).map(Arc::clone)
    }

    pub(crate) fn forget(&self, feature: &FeatureKey) {
        self.lock().remove(feature);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FeatureKey, Arc<Snapshot>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn is_there(source: &Source, known: &Snapshot) -> Result<bool, StoreError> {
    let entry = log_entry::file(&source.folder, known.version);
    Ok(source.place.head(&entry).await? == known.fingerprint)
}

async fn has_next(source: &Source, known: &Snapshot) -> Result<bool, StoreError> {
    let next = log_entry::file(&source.folder, known.version + 1);
    Ok(source.place.head(&next).await?.is_some())
}

impl Footers {
    pub(crate) fn get(&self, file: &str) -> Option<ArrowReaderMetadata> {
        self.lock().by_file.get(file).cloned()
    }

    pub(crate) fn put(&self, file: &str, footer: ArrowReaderMetadata) {
        let mut known = self.lock();
        if known.by_file.insert(file.to_owned(), footer).is_none() {
            known.by_age.push_back(file.to_owned());
        }
        if known.by_age.len() > FOOTERS
            && let Some(oldest) = known.by_age.pop_front()
        {
            known.by_file.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, KnownFooters> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
