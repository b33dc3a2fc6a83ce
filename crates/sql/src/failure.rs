//! What drivers and databases say when something fails, as failures of a store.

use adbc_core::error::Error;
use metalith_store::{PlaceProblem, StorageReason, StoreError};

use crate::{dialect::Dialect, place::Place};

/// What a failure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Somebody else changed the same at the same time: it may be tried again.
    Conflict,
    /// Another process has the database.
    InUse,
    /// It is not there.
    NotFound,
    /// Access is denied.
    Denied,
    /// No room is left.
    Full,
    /// It cannot be reached.
    Unreachable,
    /// The file is no database.
    NoDatabase,
    /// None of these.
    Other,
}

/// A failure of a driver or a database. Its text has no password.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    message: String,
}

impl Failure {
    pub(crate) fn of(error: &Error, dialect: &dyn Dialect, place: &Place) -> Self {
        Self { reason: dialect.reason(error), message: place.redact(&one_line(&error.message)) }
    }

    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// Of values that a database gave and that are not what they should be.
    pub(crate) fn odd(error: &arrow::error::ArrowError) -> Self {
        Self::new(Reason::Other, format!("a stored value is not of its type: {error}"))
    }

    /// As the failure of what was tried.
    pub(crate) fn when(self, action: &'static str, place: &Place) -> StoreError {
        let location = place.shown().to_owned();
        let reason = match self.reason {
            Reason::InUse => {
                return StoreError::Place { location, problem: PlaceProblem::InUse };
            }
            Reason::NotFound => StorageReason::NotFound,
            Reason::Denied => StorageReason::Denied,
            Reason::Full => StorageReason::Full,
            Reason::Unreachable => StorageReason::Unreachable,
            Reason::NoDatabase | Reason::Conflict | Reason::Other => StorageReason::Other,
        };
        StoreError::Storage { action, location, reason, source: Box::new(self) }
    }
}

/// Why work on a connection ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The database failed.
    Failed(Failure),
    /// A rule of stores forbids it.
    Refused(StoreError),
}

impl Stop {
    pub(crate) fn when(self, action: &'static str, place: &Place) -> StoreError {
        match self {
            Self::Failed(failure) => failure.when(action, place),
            Self::Refused(error) => error,
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// The first lines of a message up to an empty one, as one line, without the statement that some
/// drivers repeat.
fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim);
    let lines = lines.skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join(" ");
    let ends = ["Query was:", "query was:", "query:"].map(|it| text.find(it).unwrap_or(text.len()));
    let end = ends.into_iter().min().unwrap_or(text.len());
    text.get(..end).unwrap_or(&text).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn messages_are_one_line() {
        let told = "Catalog Error: no table\nDid you mean x?\n\nLINE 1: select 'secret'";
        assert_eq!(one_line(told), "Catalog Error: no table Did you mean x?");
        assert_eq!(
            one_line("[SQLite] no such table: x\nquery: select 'y'"),
            "[SQLite] no such table: x"
        );
    }
}
