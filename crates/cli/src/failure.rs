//! What goes wrong at this door, beside what the libraries say.

use std::{borrow::Cow, error::Error, fmt, io};

use metalith_base::{Diagnostic, Kind};

/// Any failure that a command can end with.
pub(crate) type Failure = Box<dyn Diagnostic>;

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well.
    Done,
    /// It did its work, and a check that was asked for did not hold.
    CheckFailed,
}

/// What goes wrong at this door.
#[derive(Debug)]
pub(crate) enum CliError {
    /// A dangerous command without consent.
    NotConfirmed { what: String },
    /// A filter that is none.
    Filter(metalith_expr::ExprError),
    /// An argument that makes no sense.
    Argument { what: String, hint: String },
    /// Something that was named is not there.
    Missing { what: String, hint: String },
    /// Output that cannot be written.
    Output(io::Error),
    /// The runtime did not start.
    Runtime(io::Error),
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConfirmed { what } => write!(f, "{what} needs your consent"),
            Self::Filter(error) => write!(f, "in a filter: {error}"),
            Self::Argument { what, .. } | Self::Missing { what, .. } => f.write_str(what),
            Self::Output(_) => f.write_str("cannot write the output"),
            Self::Runtime(_) => f.write_str("cannot start worker threads"),
        }
    }
}

impl Error for CliError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Output(source) | Self::Runtime(source) => Some(source),
            Self::NotConfirmed { .. }
            | Self::Filter(_)
            | Self::Argument { .. }
            | Self::Missing { .. } => None,
        }
    }
}

impl Diagnostic for CliError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotConfirmed { .. } | Self::Filter(_) | Self::Argument { .. } => Kind::Invalid,
            Self::Missing { .. } => Kind::NotFound,
            Self::Output(_) | Self::Runtime(_) => Kind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotConfirmed { .. } => "cli.not-confirmed",
            Self::Filter(error) => error.code(),
            Self::Argument { .. } => "cli.argument",
            Self::Missing { .. } => "cli.missing",
            Self::Output(_) => "cli.output",
            Self::Runtime(_) => "cli.runtime",
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::NotConfirmed { .. } => {
                Some("see what would happen with `--dry-run`, then pass `--yes`".into())
            }
            Self::Filter(error) => error.hint(),
            Self::Argument { hint, .. } | Self::Missing { hint, .. } => Some(hint.into()),
            Self::Output(_) | Self::Runtime(_) => None,
        }
    }
}

/// Wraps a failure of a library.
pub(crate) fn fail(error: impl Diagnostic) -> Failure {
    Box::new(error)
}
