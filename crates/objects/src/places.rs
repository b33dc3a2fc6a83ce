//! Buckets and folders that are opened when they are needed.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{ObjectError, ObjectUri, OpenedLocation, open};

/// The places that objects are in, each opened once.
#[derive(Debug, Default)]
pub struct ObjectPlaces {
    /// Options by the address of the place they are for, e.g. `s3://bucket`.
    options: BTreeMap<String, BTreeMap<String, String>>,
    opened: Mutex<BTreeMap<String, OpenedLocation>>,
}

impl ObjectPlaces {
    /// Places with the options to open them with: by address (`s3://bucket`), or for all places of
    /// a scheme (`s3://`).
    pub fn new(options: BTreeMap<String, BTreeMap<String, String>>) -> Self {
        let trimmed = options.into_iter().map(|(address, options)| {
            let whole = address.trim_end_matches('/');
            let key = if whole.ends_with(':') { format!("{whole}//") } else { whole.to_owned() };
            (key, options)
        });
        Self { options: trimmed.collect(), opened: Mutex::default() }
    }

    /// Uses a place that was opened by other means, under its address.
    #[must_use]
    pub fn with(self, address: &str, opened: OpenedLocation) -> Self {
        self.lock().insert(address.to_owned(), opened);
        self
    }

    /// The place that an object is in.
    pub fn of(&self, uri: &ObjectUri) -> Result<OpenedLocation, ObjectError> {
        if let Some(opened) = self.lock().get(uri.place()) {
            return Ok(opened.clone());
        }
        let scheme = uri.place().split_inclusive("://").next().unwrap_or_default();
        let options = self.options.get(uri.place()).or_else(|| self.options.get(scheme));
        let opened = open(&uri.location()?, options.unwrap_or(&BTreeMap::new()))?;
        self.lock().insert(uri.place().to_owned(), opened.clone());
        Ok(opened)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, OpenedLocation>> {
        // One assignment at a time; a panic elsewhere cannot leave it half done.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
