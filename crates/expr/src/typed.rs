//! The tree [`check`](crate::check) makes: every column found, every conversion written out.

use std::collections::BTreeSet;

use crate::{
    expr::{Case, Comparison, Literal, Operator, Test},
    function::{Aggregate, DateUnit, Scalar},
    place::{Place, Span},
    types::Type,
};

/// A checked expression: what it is and the type it has.
///
/// Operands of one operator have the same [`Type`]; where the text said otherwise there is a
/// [`TypedKind::Cast`], so that whoever executes it has nothing left to decide. Types say nothing
/// of widths: a column of type `Int` may well be stored in 16 bits.
#[derive(Clone, Debug)]
pub struct Typed {
    kind: TypedKind,
    data_type: Type,
    place: Option<Place>,
}

/// What a [`Typed`] is.
// Exhaustive on purpose: whoever lowers the tree must know every variant.
#[derive(Clone, Debug)]
pub enum TypedKind {
    /// A value: `Null` of any type, otherwise the variant that goes with the type.
    Literal(Literal),
    /// An exact number without its point; the type `Decimal(precision, scale)` says where it is.
    Decimal(i128),
    /// The column at this index of the schema.
    Column(usize),
    /// A member of a struct.
    Member {
        /// The struct.
        value: Box<Typed>,
        /// The member's exact name.
        name: String,
    },
    /// The date now, to be injected; type `Date`.
    Today,
    /// The time now, to be injected; type `Timestamp { zoned: true }`.
    Now,
    /// `NOT x`, of a boolean.
    Not(Box<Typed>),
    /// `-x`, of a number or an interval.
    Negate(Box<Typed>),
    /// Two or more booleans joined with `AND`.
    And(Vec<Typed>),
    /// Two or more booleans joined with `OR`.
    Or(Vec<Typed>),
    /// `left op right`, of one type.
    Compare {
        /// The comparison.
        op: Comparison,
        /// Its left side.
        left: Box<Typed>,
        /// Its right side.
        right: Box<Typed>,
    },
    /// `left IS [NOT] DISTINCT FROM right`, of one type.
    Distinct {
        /// Its left side.
        left: Box<Typed>,
        /// Its right side.
        right: Box<Typed>,
        /// Whether `NOT` is there.
        negated: bool,
    },
    /// `value IS [NOT] NULL`, `TRUE` or `FALSE`; the latter two of a boolean.
    Is {
        /// What is tested.
        value: Box<Typed>,
        /// For what.
        test: Test,
        /// Whether `NOT` is there.
        negated: bool,
    },
    /// `value [NOT] IN (list)`, of one type.
    In {
        /// What is looked for.
        value: Box<Typed>,
        /// Where, never empty.
        list: Vec<Typed>,
        /// Whether `NOT` is there.
        negated: bool,
    },
    /// `value [NOT] BETWEEN low AND high`, of one type.
    Between {
        /// What is compared.
        value: Box<Typed>,
        /// The lower end, included.
        low: Box<Typed>,
        /// The upper end, included.
        high: Box<Typed>,
        /// Whether `NOT` is there.
        negated: bool,
    },
    /// `value [NOT] [I]LIKE pattern`, of texts.
    Like {
        /// What is matched.
        value: Box<Typed>,
        /// With what.
        pattern: Box<Typed>,
        /// The character that takes the meaning from the next one.
        escape: Option<char>,
        /// `LIKE` or `ILIKE`.
        case: Case,
        /// Whether `NOT` is there.
        negated: bool,
    },
    /// `left op right`: numbers of one type, texts for `Concat`, a timestamp or a date with an
    /// interval (a date stays one when the interval has whole days), two timestamps (giving an
    /// interval), two intervals.
    Arithmetic {
        /// The operator.
        op: Operator,
        /// Its left side.
        left: Box<Typed>,
        /// Its right side.
        right: Box<Typed>,
    },
    /// A date or timestamp and a number of days (type `Int`) later; the type stays.
    AddDays {
        /// The date or timestamp.
        value: Box<Typed>,
        /// How many days.
        days: Box<Typed>,
    },
    /// The number of days (type `Int`) from one date to another.
    DaysBetween {
        /// The date subtracted.
        from: Box<Typed>,
        /// The date it is subtracted from.
        to: Box<Typed>,
    },
    /// A part of a date or timestamp: type `Int`, and `Float` for the epoch.
    DatePart {
        /// The part.
        unit: DateUnit,
        /// A `Date`, or a `Timestamp` always for parts of a day and the epoch.
        value: Box<Typed>,
    },
    /// A `Timestamp` cut to the start of its unit.
    DateTrunc {
        /// The unit; never a day of something, never the epoch.
        unit: DateUnit,
        /// A `Timestamp`.
        value: Box<Typed>,
    },
    /// `CASE [operand] WHEN … THEN … [ELSE …] END`.
    Case {
        /// Of the same type as each branch's value; without it each branch is a boolean.
        operand: Option<Box<Typed>>,
        /// Value or condition, and result; never empty. All results are of the type of the whole.
        branches: Vec<(Typed, Typed)>,
        /// The result when no branch applies; without it `NULL`.
        otherwise: Option<Box<Typed>>,
    },
    /// A conversion into the type of this node; fails on what cannot be converted.
    Cast(Box<Typed>),
    /// A function of each row.
    Call {
        /// The function.
        function: Scalar,
        /// Its arguments, converted to what [`Scalar`] says.
        arguments: Vec<Typed>,
    },
    /// A function of many rows.
    Aggregate {
        /// The function.
        function: Aggregate,
        /// What is aggregated; nothing for `count(*)`.
        argument: Option<Box<Typed>>,
        /// Whether equal values count once.
        distinct: bool,
    },
}

impl Typed {
    pub(crate) fn new(kind: TypedKind, data_type: Type, place: Option<Place>) -> Self {
        Self { kind, data_type, place }
    }

    /// What it is.
    pub fn kind(&self) -> &TypedKind {
        &self.kind
    }

    /// What it is, owned.
    pub fn into_kind(self) -> TypedKind {
        self.kind
    }

    /// The type of its value.
    pub fn data_type(&self) -> &Type {
        &self.data_type
    }

    /// Where it was written, in bytes of the text it was parsed from.
    pub fn span(&self) -> Option<Span> {
        self.place.as_ref().map(Place::span)
    }

    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The columns it reads, as indexes into the schema.
    pub fn columns(&self) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        self.walk(&mut |it| {
            if let TypedKind::Column(index) = it.kind {
                found.insert(index);
            }
        });
        found
    }

    /// Whether it aggregates rows anywhere.
    pub fn has_aggregate(&self) -> bool {
        let mut found = false;
        self.walk(&mut |it| found |= matches!(it.kind, TypedKind::Aggregate { .. }));
        found
    }

    /// Whether its value depends on the time it is evaluated.
    pub fn reads_clock(&self) -> bool {
        let mut found = false;
        self.walk(&mut |it| found |= matches!(it.kind, TypedKind::Today | TypedKind::Now));
        found
    }

    /// Calls `visit` for this node and all below it, parents first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        self.kind.for_each_child(&mut |child| child.walk(visit));
    }
}

impl TypedKind {
    /// Calls `visit` for each direct child.
    pub fn for_each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Typed)) {
        match self {
            Self::Literal(_) | Self::Decimal(_) | Self::Column(_) | Self::Today | Self::Now => {}
            Self::Not(value) | Self::Negate(value) | Self::Cast(value) => visit(value),
            Self::Member { value, .. }
            | Self::Is { value, .. }
            | Self::DatePart { value, .. }
            | Self::DateTrunc { value, .. } => visit(value),
            Self::And(items) | Self::Or(items) => items.iter().for_each(visit),
            Self::Call { arguments, .. } => arguments.iter().for_each(visit),
            Self::Compare { left, right, .. }
            | Self::Distinct { left, right, .. }
            | Self::Arithmetic { left, right, .. }
            | Self::Like { value: left, pattern: right, .. }
            | Self::AddDays { value: left, days: right }
            | Self::DaysBetween { from: left, to: right } => {
                visit(left);
                visit(right);
            }
            Self::In { value, list, .. } => {
                visit(value);
                list.iter().for_each(visit);
            }
            Self::Between { value, low, high, .. } => {
                [value, low, high].into_iter().for_each(|it| visit(it));
            }
            Self::Case { operand, branches, otherwise } => {
                operand.iter().for_each(|it| visit(it));
                for (when, then) in branches {
                    visit(when);
                    visit(then);
                }
                otherwise.iter().for_each(|it| visit(it));
            }
            Self::Aggregate { argument, .. } => argument.iter().for_each(|it| visit(it)),
        }
    }
}
