//! The tree a text parses into.

use std::{collections::BTreeSet, fmt};

use crate::{
    function::{Aggregate, Function},
    place::{Place, Span},
    types::Type,
};

/// How deeply expressions may nest, so that no text can exhaust the stack of a worker thread, not
/// even of a build without optimisations. Lists and chains of `AND` or `OR` are flat, and free.
pub const MAX_DEPTH: usize = 64;

/// An expression, parsed but not yet checked against any columns.
///
/// Two expressions are equal when they mean the same tree, wherever they were written.
#[derive(Clone)]
pub struct Expr {
    kind: ExprKind,
    place: Option<Place>,
    height: usize,
    size: usize,
}

/// What an [`Expr`] is.
// Exhaustive on purpose: a walk over the tree must not forget anything.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A value written out.
    Literal(Literal),
    /// A column, by one or more names: column, table and column, column and member.
    Column(Vec<String>),
    /// `{{NAME}}`, to be replaced by [`expand`](crate::expand).
    Reference(String),
    /// `NOT x`.
    Not(Box<Expr>),
    /// `-x`.
    Negate(Box<Expr>),
    /// Two or more conditions joined with `AND`.
    And(Vec<Expr>),
    /// Two or more conditions joined with `OR`.
    Or(Vec<Expr>),
    /// `left op right`.
    Compare {
        /// The comparison.
        op: Comparison,
        /// Its left side.
        left: Box<Expr>,
        /// Its right side.
        right: Box<Expr>,
    },
    /// `left IS [NOT] DISTINCT FROM right`.
    Distinct {
        /// Its left side.
        left: Box<Expr>,
        /// Its right side.
        right: Box<Expr>,
        /// Whether `NOT` is there.
        negated: bool,
    },
    /// `value IS [NOT] NULL`, `TRUE` or `FALSE`.
    Is {
        /// What is tested.
        value: Box<Expr>,
        /// For what.
        test: Test,
        /// Whether `NOT` is there.
        negated: bool,
    },
    /// `value [NOT] IN (list)`.
    In {
        /// What is looked for.
        value: Box<Expr>,
        /// Where, never empty.
        list: Vec<Expr>,
        /// Whether `NOT` is there.
        negated: bool,
    },
    /// `value [NOT] BETWEEN low AND high`, both included.
    Between {
        /// What is compared.
        value: Box<Expr>,
        /// The lower end.
        low: Box<Expr>,
        /// The upper end.
        high: Box<Expr>,
        /// Whether `NOT` is there.
        negated: bool,
    },
    /// `value [NOT] LIKE pattern [ESCAPE 'c']`.
    Like {
        /// What is matched.
        value: Box<Expr>,
        /// With what: `%` is any text, `_` any character.
        pattern: Box<Expr>,
        /// The character that takes the meaning from the next one.
        escape: Option<char>,
        /// `LIKE` or `ILIKE`.
        case: Case,
        /// Whether `NOT` is there.
        negated: bool,
    },
    /// `left op right`.
    Arithmetic {
        /// The operator.
        op: Operator,
        /// Its left side.
        left: Box<Expr>,
        /// Its right side.
        right: Box<Expr>,
    },
    /// `CASE [operand] WHEN … THEN … [ELSE …] END`.
    Case {
        /// What the branches are compared with; without it each branch is a condition.
        operand: Option<Box<Expr>>,
        /// Value or condition, and result; never empty.
        branches: Vec<(Expr, Expr)>,
        /// The result when no branch applies; without it `NULL`.
        otherwise: Option<Box<Expr>>,
    },
    /// `CAST(value AS to)`.
    Cast {
        /// What is converted.
        value: Box<Expr>,
        /// Into what.
        to: Type,
    },
    /// `function(arguments)`.
    Call {
        /// The function.
        function: &'static Function,
        /// As many as its arity allows.
        arguments: Vec<Expr>,
    },
    /// `function([DISTINCT] argument)`, or `count(*)`.
    Aggregate {
        /// The function.
        function: Aggregate,
        /// What is aggregated; nothing for `count(*)`.
        argument: Option<Box<Expr>>,
        /// Whether equal values count once.
        distinct: bool,
    },
}

/// A value written out.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `NULL`.
    Null,
    /// `TRUE` or `FALSE`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number; from a text, only one that is too large for [`Literal::Int`].
    UInt(u64),
    /// A number with a point or an exponent, as written. Invariant: a finite `f64`.
    Float(String),
    /// `'…'`.
    Text(String),
    /// `DATE '…'`: days since 1970-01-01.
    Date(i32),
    /// `TIMESTAMP '…'`.
    Timestamp {
        /// Microseconds since 1970-01-01T00:00:00Z.
        micros: i64,
        /// Whether a time zone was written; without one it is taken as UTC.
        zoned: bool,
    },
    /// `INTERVAL '…'`.
    Interval(Interval),
}

/// A span of time; its parts are kept apart, for a month is no fixed number of days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Whole months.
    pub months: i32,
    /// Whole days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`.
    Equal,
    /// `<>`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

/// How two values are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`; of two integers, the integer towards zero.
    Divide,
    /// `%`.
    Remainder,
    /// `||`.
    Concat,
}

/// What `IS` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// `IS NULL`.
    Null,
    /// `IS TRUE`.
    True,
    /// `IS FALSE`.
    False,
}

/// Whether `LIKE` tells upper from lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `LIKE`.
    Sensitive,
    /// `ILIKE`.
    Insensitive,
}

impl Expr {
    pub(crate) fn new(kind: ExprKind, place: Option<Place>) -> Self {
        let (mut height, mut size) = (0, 0_usize);
        kind.for_each_child(&mut |child| {
            height = height.max(child.height);
            size = size.saturating_add(child.size);
        });
        Self { kind, place, height: height + 1, size: size.saturating_add(1) }
    }

    /// What it is.
    pub fn kind(&self) -> &ExprKind {
        &self.kind
    }

    pub(crate) fn into_kind(self) -> (ExprKind, Option<Place>) {
        (self.kind, self.place)
    }

    /// Where it was written, in bytes; nothing when a program built it.
    pub fn span(&self) -> Option<Span> {
        self.place.as_ref().map(Place::span)
    }

    /// Where it was written, or else what would have been written.
    pub(crate) fn place(&self) -> Place {
        self.place.clone().unwrap_or_else(|| Place::whole(&self.to_string()))
    }

    /// The text as it was written, quotes included; nothing when a program built it.
    pub fn written(&self) -> Option<&str> {
        self.place.as_ref().map(Place::text)
    }

    pub(crate) fn known_place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The length of the longest path from here to a leaf. A text never exceeds [`MAX_DEPTH`]; what
    /// a program built may, and is then refused when it is checked.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The columns that it names; of a dotted name the first part.
    pub fn named_columns(&self) -> BTreeSet<String> {
        fn visit(expr: &Expr, found: &mut BTreeSet<String>) {
            if let ExprKind::Column(parts) = expr.kind() {
                found.extend(parts.first().cloned());
            }
            expr.kind().for_each_child(&mut |child| visit(child, found));
        }
        let mut found = BTreeSet::new();
        visit(self, &mut found);
        found
    }

    /// The number of nodes.
    pub fn size(&self) -> usize {
        self.size
    }
}

impl ExprKind {
    /// Calls `visit` for each direct child, in the order they are written.
    pub fn for_each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Literal(_) | Self::Column(_) | Self::Reference(_) => {}
            Self::Not(value) | Self::Negate(value) => visit(value),
            Self::Is { value, .. } | Self::Cast { value, .. } => visit(value),
            Self::And(items) | Self::Or(items) => items.iter().for_each(visit),
            Self::Compare { left, right, .. }
            | Self::Distinct { left, right, .. }
            | Self::Arithmetic { left, right, .. } => {
                [left, right].into_iter().for_each(|it| visit(it));
            }
            Self::In { value, list, .. } => {
                visit(value);
                list.iter().for_each(visit);
            }
            Self::Between { value, low, high, .. } => {
                [value, low, high].into_iter().for_each(|it| visit(it));
            }
            Self::Like { value, pattern, .. } => {
                [value, pattern].into_iter().for_each(|it| visit(it));
            }
            Self::Case { operand, branches, otherwise } => {
                operand.iter().for_each(|it| visit(it));
                for (when, then) in branches {
                    visit(when);
                    visit(then);
                }
                otherwise.iter().for_each(|it| visit(it));
            }
            Self::Call { arguments, .. } => arguments.iter().for_each(visit),
            Self::Aggregate { argument, .. } => argument.iter().for_each(|it| visit(it)),
        }
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// Shows the tree without places.
impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}
