//! What a failure asks of its reader.

use std::{borrow::Cow, error::Error};

/// What the caller can do about a failure.
///
/// One variant per *reaction*, not per cause. The exit code, the HTTP status and the Python
/// exception class are functions of this enum and of nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Change the request.
    Invalid,
    /// Check the name.
    NotFound,
    /// See what stands in the way; it is listed.
    Blocked,
    /// Somebody else changed the same thing: reload and retry.
    Conflict,
    /// Retry later.
    Unavailable,
    /// Stop and inspect: stored data contradicts itself.
    Corrupt,
    /// This store or build cannot do it.
    Unsupported,
    /// A defect of Metalith: report it.
    Internal,
}

impl Kind {
    /// The exit code of a command that failed this way.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Invalid => 2,
            Self::NotFound => 3,
            Self::Blocked => 4,
            Self::Conflict => 5,
            Self::Unavailable => 6,
            Self::Corrupt => 7,
            Self::Unsupported => 8,
            Self::Internal => 70,
        }
    }

    /// The name a script reads, in kebab case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not-found",
            Self::Blocked => "blocked",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }
}

/// An error that tells its reader how to go on.
///
/// `Display` says what was wrong and where, in lower case, with backticks round names and no
/// final full stop. It may span a few lines when it shows a position in a text.
pub trait Diagnostic: Error + Send + Sync + 'static {
    /// The reaction this failure calls for.
    fn kind(&self) -> Kind;

    /// A stable name to grep and to document, e.g. `graph.cycle`.
    fn code(&self) -> &'static str;

    /// One imperative sentence, or nothing when there is honestly nothing to suggest.
    fn hint(&self) -> Option<Cow<'_, str>> {
        None
    }
}
