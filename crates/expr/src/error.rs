//! What can be wrong with an expression.

use std::{borrow::Cow, error::Error, fmt};

use metalith_base::{Diagnostic, Kind};

use crate::{
    place::{Place, Span},
    types::Type,
};

/// Why an expression was refused, and where.
///
/// `Display` shows the message, the line of text and carets under the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    problem: Problem,
    place: Place,
}

/// Why an expression was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing there, or comments only.
    #[error("the expression is empty")]
    Empty,
    /// Longer, deeper or larger than allowed.
    #[error("the expression is too {how}: the limit is {limit}")]
    TooLarge {
        /// In what way.
        how: &'static str,
        /// How much would be allowed, with its unit.
        limit: String,
    },
    /// Something else was expected.
    #[error("expected {expected}, found {found}")]
    Syntax {
        /// What could have followed.
        expected: Cow<'static, str>,
        /// What did.
        found: String,
        /// What to do, where that is known.
        advice: Option<String>,
    },
    /// A quote, a comment or a `{{` without its end.
    #[error("{what} is not closed: `{closer}` is missing")]
    Unclosed {
        /// What was opened.
        what: &'static str,
        /// What would close it.
        closer: &'static str,
    },
    /// A number, date, time, interval or unit that cannot be read.
    #[error("{shown} is not {wanted}")]
    Malformed {
        /// The text as written.
        shown: String,
        /// What it should be.
        wanted: &'static str,
        /// How to write one.
        advice: String,
    },
    /// A statement, or more than one expression.
    #[error("{what}")]
    NotAnExpression {
        /// What is there instead.
        what: String,
        /// What to do.
        advice: &'static str,
    },
    /// SQL that expressions leave out.
    #[error("{what} cannot be used in an expression")]
    Unsupported {
        /// What was written.
        what: &'static str,
        /// What to write instead.
        instead: &'static str,
    },
    /// No such column, member, function, type or reference.
    #[error("unknown {what} `{name}`")]
    Unknown {
        /// What was looked for.
        what: Named,
        /// The name as written.
        name: String,
        /// What to do.
        advice: Option<String>,
    },
    /// More than one column answers to the name.
    #[error("`{name}` is ambiguous: it could be {}", .candidates.join(" or "))]
    Ambiguous {
        /// The name as written.
        name: String,
        /// What it could be, names in backticks.
        candidates: Vec<String>,
        /// What to do.
        advice: String,
    },
    /// The wrong number of arguments.
    #[error("`{function}` takes {takes}, not {given}")]
    Arity {
        /// The function's name.
        function: &'static str,
        /// How many it takes.
        takes: String,
        /// How many were given.
        given: usize,
        /// How it is called.
        usage: String,
    },
    /// A type that does not fit where it is.
    #[error("{what} must be {wanted}, not {}", .found.described())]
    WrongType {
        /// Where it is.
        what: String,
        /// What would fit.
        wanted: Cow<'static, str>,
        /// The type that was found.
        found: Type,
        /// What to do.
        advice: Option<String>,
    },
    /// Two types that do not go together.
    #[error("cannot {action} {left} and {right}")]
    Mismatch {
        /// What was to be done with both.
        action: &'static str,
        /// The left side and its type.
        left: String,
        /// The right side and its type.
        right: String,
        /// What to do.
        advice: Option<String>,
    },
    /// A conversion that does not exist.
    #[error("{} cannot be cast to {to}", .from.described())]
    Cast {
        /// The type there is.
        from: Type,
        /// The type asked for.
        to: Type,
        /// What to do.
        advice: Option<String>,
    },
    /// A comparison with `NULL`, which never holds.
    #[error("a comparison with NULL is never true")]
    NullComparison {
        /// What to write instead.
        advice: String,
    },
    /// A division by the number zero.
    #[error("division by zero")]
    ZeroDivision,
    /// An aggregate where each row stands alone, or within another one.
    #[error("`{function}` aggregates rows and cannot be used {place}")]
    Aggregate {
        /// The function's name.
        function: &'static str,
        /// Where it stands.
        place: &'static str,
    },
    /// References that need each other.
    #[error("references form a cycle: {}", .path.join(" -> "))]
    Cycle {
        /// From a name back to itself.
        path: Vec<String>,
    },
}

/// What has a name in an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Named {
    /// A column.
    Column,
    /// A member of a struct.
    Member,
    /// A function.
    Function,
    /// A type, in `CAST`.
    Type,
    /// A named expression, in `{{…}}`.
    Reference,
}

impl ExprError {
    pub(crate) fn new(problem: Problem, place: Place) -> Self {
        Self(Box::new(Inner { problem, place }))
    }

    /// What was wrong, with the values to act on.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// What was wrong, in one line without the place.
    pub fn message(&self) -> String {
        self.0.problem.to_string()
    }

    /// Where, in bytes of [`source_text`](Self::source_text).
    pub fn span(&self) -> Span {
        self.0.place.span()
    }

    /// The text that was parsed: of a referenced expression its own; of one that a program built,
    /// what it would be written as.
    pub fn source_text(&self) -> &str {
        self.0.place.source()
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.0.place.line_and_column().0
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> usize {
        self.0.place.line_and_column().1
    }

    /// The line of text with carets under the place.
    pub fn snippet(&self) -> String {
        self.0.place.snippet()
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.problem)?;
        if self.0.problem == Problem::Empty || self.0.place.source().trim().is_empty() {
            return Ok(());
        }
        write!(f, "\n{}", self.0.place.snippet())
    }
}

impl Error for ExprError {}

impl Diagnostic for ExprError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn code(&self) -> &'static str {
        match &self.0.problem {
            Problem::Empty => "expr.empty",
            Problem::TooLarge { .. } => "expr.too-large",
            Problem::Syntax { .. } => "expr.syntax",
            Problem::Unclosed { .. } => "expr.unclosed",
            Problem::Malformed { .. } => "expr.malformed",
            Problem::NotAnExpression { .. } => "expr.not-an-expression",
            Problem::Unsupported { .. } => "expr.unsupported",
            Problem::Unknown { what, .. } => what.code(),
            Problem::Ambiguous { .. } => "expr.ambiguous",
            Problem::Arity { .. } => "expr.arity",
            Problem::WrongType { .. } | Problem::Mismatch { .. } | Problem::Cast { .. } => {
                "expr.type"
            }
            Problem::NullComparison { .. } => "expr.null-comparison",
            Problem::ZeroDivision => "expr.zero-division",
            Problem::Aggregate { .. } => "expr.aggregate",
            Problem::Cycle { .. } => "expr.cycle",
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        Some(match &self.0.problem {
            Problem::Empty => Cow::Borrowed("write a condition, e.g. `confidence < 0.3`"),
            Problem::TooLarge { .. } => Cow::Borrowed("split it, or use `IN (…)` for many values"),
            Problem::Syntax { advice, .. }
            | Problem::Unknown { advice, .. }
            | Problem::WrongType { advice, .. }
            | Problem::Mismatch { advice, .. }
            | Problem::Cast { advice, .. } => Cow::Borrowed(advice.as_deref()?),
            Problem::Unclosed { closer, .. } => Cow::Owned(format!("add `{closer}`")),
            Problem::Malformed { advice, .. }
            | Problem::Ambiguous { advice, .. }
            | Problem::NullComparison { advice } => Cow::Borrowed(advice),
            Problem::NotAnExpression { advice, .. } => Cow::Borrowed(advice),
            Problem::Unsupported { instead, .. } => Cow::Borrowed(instead),
            Problem::Arity { usage, .. } => Cow::Owned(format!("write `{usage}`")),
            Problem::ZeroDivision => Cow::Borrowed("divide by something that is not 0"),
            Problem::Aggregate { .. } => Cow::Borrowed("use values of the row itself"),
            Problem::Cycle { .. } => Cow::Borrowed("take one of these references out"),
        })
    }
}

impl Named {
    fn code(self) -> &'static str {
        match self {
            Self::Column | Self::Member => "expr.unknown-column",
            Self::Function => "expr.unknown-function",
            Self::Type => "expr.unknown-type",
            Self::Reference => "expr.unknown-reference",
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Column => "column",
            Self::Member => "member",
            Self::Function => "function",
            Self::Type => "type",
            Self::Reference => "reference",
        })
    }
}
