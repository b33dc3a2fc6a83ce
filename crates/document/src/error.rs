//! What is wrong with a configuration text, and where.

use std::{borrow::Cow, fmt};

use metalith_base::{Diagnostic, Kind};

use crate::Span;

/// What is wrong with a configuration text, and where.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{file}:{}:{}: {problem}", span.line, span.column)]
pub struct DocumentError {
    /// The file, as it was called.
    pub file: String,
    /// Where in the file.
    pub span: Span,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// The text is not of its language.
    Syntax {
        /// What the parser says.
        message: String,
    },
    /// A value of the wrong kind.
    Type {
        /// Which value, e.g. `` `key` ``.
        what: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A key that is not known here.
    UnknownKey {
        /// The key.
        key: String,
        /// The known one that is most like it.
        near: Option<String>,
        /// All known ones.
        known: Vec<String>,
    },
    /// A key that must be there.
    MissingKey {
        /// The key.
        key: String,
    },
    /// A key that is there twice.
    RepeatedKey {
        /// The key.
        key: String,
    },
    /// A value that is not allowed.
    Value {
        /// What is wrong with it.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { message } | Self::Value { message, .. } => f.write_str(message),
            Self::Type { what, expected, found } => {
                write!(f, "{what} must be {expected}, but is {found}")
            }
            Self::UnknownKey { key, .. } => {
                write!(f, "unknown key `{}`", key.escape_debug())
            }
            Self::MissingKey { key } => write!(f, "key `{key}` is missing"),
            Self::RepeatedKey { key } => {
                write!(f, "key `{}` is there twice", key.escape_debug())
            }
        }
    }
}

impl Diagnostic for DocumentError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn code(&self) -> &'static str {
        match self.problem {
            Problem::Syntax { .. } => "document.syntax",
            Problem::Type { .. } => "document.type",
            Problem::UnknownKey { .. } => "document.unknown-key",
            Problem::MissingKey { .. } => "document.missing-key",
            Problem::RepeatedKey { .. } => "document.repeated-key",
            Problem::Value { .. } => "document.value",
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match &self.problem {
            Problem::UnknownKey { near: Some(near), .. } => {
                Some(format!("did you mean `{near}`?").into())
            }
            Problem::UnknownKey { near: None, known, .. } => {
                let known: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
                Some(format!("known here are {}", known.join(", ")).into())
            }
            Problem::MissingKey { key } => Some(format!("add `{key}`").into()),
            Problem::RepeatedKey { .. } => Some("keep one of them".into()),
            Problem::Value { hint, .. } => hint.as_deref().map(Cow::Borrowed),
            Problem::Syntax { .. } | Problem::Type { .. } => None,
        }
    }
}
