//! Failures of storage and of Delta as failures of a store.

use std::error::Error;

use metalith_base::FeatureKey;
use metalith_objects::{ObjectError, ObjectReason, classify};
use metalith_store::{StorageReason, StoreError};

/// A failure of storage.
pub(crate) fn storage(
    action: &'static str,
    location: impl Into<String>,
    source: impl Error + Send + Sync + 'static,
) -> StoreError {
    let reason = classify(&source).map_or(StorageReason::Other, reason);
    StoreError::Storage { action, location: location.into(), reason, source: Box::new(source) }
}

/// A place that could not be opened.
pub(crate) fn place(error: ObjectError) -> StoreError {
    let location = match &error {
        ObjectError::BadLocation { text, .. } | ObjectError::UnknownScheme { text, .. } => {
            text.clone()
        }
        ObjectError::BadOption { location, .. }
        | ObjectError::Incomplete { location, .. }
        | ObjectError::Storage { location, .. } => location.clone(),
        other => other.to_string(),
    };
    storage("open", location, error)
}

/// Stored data that contradicts itself.
pub(crate) fn corrupt(
    feature: &FeatureKey,
    location: impl Into<String>,
    detail: impl Into<String>,
) -> StoreError {
    StoreError::Corrupt {
        feature: feature.clone(),
        location: location.into(),
        detail: detail.into(),
    }
}

/// Text of an error with its causes, on one line.
pub(crate) fn one_line(error: &dyn Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.next().unwrap_or("unknown").to_owned()
}

fn reason(reason: ObjectReason) -> StorageReason {
    match reason {
        ObjectReason::NotFound => StorageReason::NotFound,
        ObjectReason::Denied => StorageReason::Denied,
        ObjectReason::Full => StorageReason::Full,
        ObjectReason::Unreachable => StorageReason::Unreachable,
        ObjectReason::Other | _ => StorageReason::Other,
    }
}
