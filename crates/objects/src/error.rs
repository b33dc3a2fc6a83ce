//! What storage could not do, and why.

use std::{borrow::Cow, error::Error, io};

use metalith_base::{Diagnostic, Kind};
use object_store::client::{HttpError, HttpErrorKind};

/// Why object storage refused, or could not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// A text that is not an address.
    #[error("`{text}` is not an address of storage")]
    BadLocation {
        /// The text as given.
        text: String,
        /// What is wrong with it.
        #[source]
        source: Option<url::ParseError>,
    },
    /// An address of a kind that this build does not know.
    #[error("`{text}` starts with `{scheme}:`, which is not a kind of storage known here")]
    UnknownScheme {
        /// The text as given.
        text: String,
        /// Its scheme.
        scheme: String,
    },
    /// An option that this kind of storage does not have, or a value it cannot take.
    #[error("option `{name}` does not fit `{location}`")]
    BadOption {
        /// The option.
        name: String,
        /// The address.
        location: String,
        /// What the client said.
        source: object_store::Error,
    },
    /// Settings that together make no client, e.g. credentials that lack their secret.
    #[error("the settings for `{location}` are incomplete")]
    Incomplete {
        /// The address.
        location: String,
        /// What the client said.
        source: object_store::Error,
    },
    /// Storage did not do what was asked.
    #[error("cannot {action} `{location}`")]
    Storage {
        /// What was tried, e.g. `list`.
        action: &'static str,
        /// The address.
        location: String,
        /// What the caller can do.
        reason: ObjectReason,
        /// What storage said.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What can be done about storage that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectReason {
    /// It is not there.
    NotFound,
    /// Access is denied.
    Denied,
    /// No room is left.
    Full,
    /// It cannot be reached, or did not answer in time.
    Unreachable,
    /// None of these.
    Other,
}

/// The reason behind an error that storage is somewhere at the bottom of, or `None` when storage
/// has no part in it.
pub fn classify(error: &(dyn Error + 'static)) -> Option<ObjectReason> {
    let mut found = None;
    let mut next = Some(error);
    while let Some(error) = next {
        // The innermost reason that says something wins: wrappers tend to be vague.
        match reason_of(error) {
            Some(ObjectReason::Other) if found.is_some() => {}
            Some(reason) => found = Some(reason),
            None => {}
        }
        next = error.source();
    }
    found
}

impl ObjectError {
    /// A failure of storage, with its reason.
    pub fn storage(
        action: &'static str,
        location: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let source = source.into();
        let reason = classify(source.as_ref()).unwrap_or(ObjectReason::Other);
        Self::Storage { action, location: location.into(), reason, source }
    }
}

impl Diagnostic for ObjectError {
    fn kind(&self) -> Kind {
        match self {
            Self::BadLocation { .. }
            | Self::UnknownScheme { .. }
            | Self::BadOption { .. }
            | Self::Incomplete { .. } => Kind::Invalid,
            Self::Storage { reason, .. } => match reason {
                ObjectReason::NotFound => Kind::NotFound,
                ObjectReason::Denied => Kind::Invalid,
                ObjectReason::Full | ObjectReason::Unreachable | ObjectReason::Other => {
                    Kind::Unavailable
                }
            },
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::BadLocation { .. } => "objects.bad-location",
            Self::UnknownScheme { .. } => "objects.unknown-scheme",
            Self::BadOption { .. } => "objects.bad-option",
            Self::Incomplete { .. } => "objects.incomplete",
            Self::Storage { .. } => "objects.storage",
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::BadLocation { .. } | Self::UnknownScheme { .. } => Some(Cow::Borrowed(
                "write a path, or an address such as `s3://bucket/folder`, `gs://bucket/folder` or \
                 `az://container/folder`",
            )),
            Self::BadOption { .. } => {
                Some(Cow::Borrowed("see the options of this kind of storage in the reference"))
            }
            Self::Incomplete { .. } => Some(Cow::Borrowed(
                "give the missing settings as options, or in the environment of the vendor's tools",
            )),
            Self::Storage { reason, .. } => match reason {
                ObjectReason::NotFound => Some(Cow::Borrowed("check the address")),
                ObjectReason::Denied => {
                    Some(Cow::Borrowed("check the permissions and credentials for this place"))
                }
                ObjectReason::Full => {
                    Some(Cow::Borrowed("free some space and run the command again"))
                }
                ObjectReason::Unreachable => {
                    Some(Cow::Borrowed("check the address and the network, then run it again"))
                }
                ObjectReason::Other => None,
            },
        }
    }
}

fn reason_of(error: &(dyn Error + 'static)) -> Option<ObjectReason> {
    if let Some(error) = error.downcast_ref::<object_store::Error>() {
        return Some(reason_of_object_store(error));
    }
    if let Some(error) = error.downcast_ref::<HttpError>() {
        let lost = [
            HttpErrorKind::Connect,
            HttpErrorKind::Request,
            HttpErrorKind::Timeout,
            HttpErrorKind::Interrupted,
        ];
        let reason = if lost.contains(&error.kind()) {
            ObjectReason::Unreachable
        } else {
            ObjectReason::Other
        };
        return Some(reason);
    }
    error.downcast_ref::<io::Error>().map(reason_of_io)
}

fn reason_of_object_store(error: &object_store::Error) -> ObjectReason {
    use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
    if matches!(error, NotFound { .. }) {
        ObjectReason::NotFound
    } else if matches!(error, PermissionDenied { .. } | Unauthenticated { .. }) {
        ObjectReason::Denied
    } else {
        ObjectReason::Other
    }
}

fn reason_of_io(error: &io::Error) -> ObjectReason {
    use io::ErrorKind as It;
    let kind = error.kind();
    if matches!(kind, It::NotFound) {
        ObjectReason::NotFound
    } else if matches!(kind, It::PermissionDenied | It::ReadOnlyFilesystem) {
        ObjectReason::Denied
    } else if matches!(kind, It::StorageFull | It::QuotaExceeded | It::FileTooLarge) {
        ObjectReason::Full
    } else if matches!(
        kind,
        It::ConnectionRefused
            | It::ConnectionReset
            | It::ConnectionAborted
            | It::NotConnected
            | It::HostUnreachable
            | It::NetworkUnreachable
            | It::NetworkDown
            | It::TimedOut
    ) {
        ObjectReason::Unreachable
    } else {
        ObjectReason::Other
    }
}

#[cfg(test)]
mod tests;
