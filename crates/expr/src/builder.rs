//! Expressions that a program builds instead of a text.

use std::ops::{Add, Div, Mul, Neg, Not, Rem, Sub};

use crate::{
    error::{ExprError, Named, Problem},
    expr::{Case, Comparison, Expr, ExprKind, Interval, Literal, Operator, Test},
    function::{Aggregate, Function, Meaning},
    place::Place,
    types::Type,
};

/// A column by its name, which is taken whole: a dot in it is part of it.
pub fn column(name: impl Into<String>) -> Expr {
    built(ExprKind::Column(vec![name.into()]))
}

/// A column of a table, or a member of a column.
pub fn column_of(owner: impl Into<String>, name: impl Into<String>) -> Expr {
    built(ExprKind::Column(vec![owner.into(), name.into()]))
}

/// A value: a number, text, a boolean, a [`Literal`]; `None` is `NULL`.
pub fn lit(value: impl Into<Expr>) -> Expr {
    value.into()
}

/// `{{NAME}}`.
pub fn reference(name: impl Into<String>) -> Expr {
    built(ExprKind::Reference(name.into()))
}

/// All of these; `TRUE` when there are none.
pub fn conjunction(conditions: impl IntoIterator<Item = Expr>) -> Expr {
    let mut items = Vec::new();
    for condition in conditions {
        match condition.into_kind() {
            (ExprKind::And(inner), _) => items.extend(inner),
            (kind, place) => items.push(Expr::new(kind, place)),
        }
    }
    joined(items, ExprKind::And, true)
}

/// Any of these; `FALSE` when there are none.
pub fn disjunction(conditions: impl IntoIterator<Item = Expr>) -> Expr {
    let mut items = Vec::new();
    for condition in conditions {
        match condition.into_kind() {
            (ExprKind::Or(inner), _) => items.extend(inner),
            (kind, place) => items.push(Expr::new(kind, place)),
        }
    }
    joined(items, ExprKind::Or, false)
}

/// A call of a function or an aggregate by its name.
pub fn call(name: &str, arguments: impl IntoIterator<Item = Expr>) -> Result<Expr, ExprError> {
    let mut arguments: Vec<_> = arguments.into_iter().collect();
    let Some(function) = Function::named(name) else {
        let advice = Function::near(name).map(|near| format!("did you mean `{near}`?"));
        let problem = Problem::Unknown { what: Named::Function, name: name.to_owned(), advice };
        return Err(ExprError::new(problem, Place::whole(name)));
    };
    function.check_arity(arguments.len()).map_err(|it| ExprError::new(it, Place::whole(name)))?;
    Ok(built(if let Meaning::Aggregate(function) = function.meaning {
        let argument = arguments.pop().map(Box::new);
        ExprKind::Aggregate { function, argument, distinct: false }
    } else {
        ExprKind::Call { function, arguments }
    }))
}

/// `count(*)`.
pub fn count_all() -> Expr {
    built(ExprKind::Aggregate { function: Aggregate::Count, argument: None, distinct: false })
}

/// The result of the first condition that holds, or else the last one.
pub fn case(branches: impl IntoIterator<Item = (Expr, Expr)>, otherwise: Expr) -> Expr {
    let branches: Vec<_> = branches.into_iter().collect();
    if branches.is_empty() {
        return otherwise;
    }
    built(ExprKind::Case { operand: None, branches, otherwise: Some(Box::new(otherwise)) })
}

/// Comparisons, tests and conversions, as methods.
impl Expr {
    /// `self = other`.
    pub fn eq(self, other: impl Into<Self>) -> Self {
        self.compared(Comparison::Equal, other.into())
    }

    /// `self <> other`.
    pub fn not_eq(self, other: impl Into<Self>) -> Self {
        self.compared(Comparison::NotEqual, other.into())
    }

    /// `self < other`.
    pub fn lt(self, other: impl Into<Self>) -> Self {
        self.compared(Comparison::Less, other.into())
    }

    /// `self <= other`.
    pub fn lt_eq(self, other: impl Into<Self>) -> Self {
        self.compared(Comparison::LessOrEqual, other.into())
    }

    /// `self > other`.
    pub fn gt(self, other: impl Into<Self>) -> Self {
        self.compared(Comparison::Greater, other.into())
    }

    /// `self >= other`.
    pub fn gt_eq(self, other: impl Into<Self>) -> Self {
        self.compared(Comparison::GreaterOrEqual, other.into())
    }

    /// `self AND other`.
    pub fn and(self, other: impl Into<Self>) -> Self {
        conjunction([self, other.into()])
    }

    /// `self OR other`.
    pub fn or(self, other: impl Into<Self>) -> Self {
        disjunction([self, other.into()])
    }

    /// `self IN (list)`; `FALSE` for an empty list.
    pub fn is_in<T: Into<Self>>(self, list: impl IntoIterator<Item = T>) -> Self {
        self.within(list.into_iter().map(Into::into).collect(), false)
    }

    /// `self NOT IN (list)`; `TRUE` for an empty list.
    pub fn not_in<T: Into<Self>>(self, list: impl IntoIterator<Item = T>) -> Self {
        self.within(list.into_iter().map(Into::into).collect(), true)
    }

    /// `self BETWEEN low AND high`.
    pub fn between(self, low: impl Into<Self>, high: impl Into<Self>) -> Self {
        let (low, high) = (Box::new(low.into()), Box::new(high.into()));
        built(ExprKind::Between { value: Box::new(self), low, high, negated: false })
    }

    /// `self LIKE pattern`; `NOT` negates it.
    pub fn like(self, pattern: impl Into<Self>) -> Self {
        self.matched(pattern.into(), Case::Sensitive)
    }

    /// `self ILIKE pattern`.
    pub fn ilike(self, pattern: impl Into<Self>) -> Self {
        self.matched(pattern.into(), Case::Insensitive)
    }

    /// `self IS NULL`.
    pub fn is_null(self) -> Self {
        built(ExprKind::Is { value: Box::new(self), test: Test::Null, negated: false })
    }

    /// `self IS NOT NULL`.
    pub fn is_not_null(self) -> Self {
        built(ExprKind::Is { value: Box::new(self), test: Test::Null, negated: true })
    }

    /// `self IS TRUE`.
    pub fn is_true(self) -> Self {
        built(ExprKind::Is { value: Box::new(self), test: Test::True, negated: false })
    }

    /// `self IS FALSE`.
    pub fn is_false(self) -> Self {
        built(ExprKind::Is { value: Box::new(self), test: Test::False, negated: false })
    }

    /// `self IS DISTINCT FROM other`.
    pub fn is_distinct_from(self, other: impl Into<Self>) -> Self {
        let (left, right) = (Box::new(self), Box::new(other.into()));
        built(ExprKind::Distinct { left, right, negated: false })
    }

    /// `self IS NOT DISTINCT FROM other`.
    pub fn is_not_distinct_from(self, other: impl Into<Self>) -> Self {
        let (left, right) = (Box::new(self), Box::new(other.into()));
        built(ExprKind::Distinct { left, right, negated: true })
    }

    /// `self || other`.
    pub fn concat(self, other: impl Into<Self>) -> Self {
        self.combined(Operator::Concat, other.into())
    }

    /// `CAST(self AS to)`.
    pub fn cast(self, to: Type) -> Self {
        built(ExprKind::Cast { value: Box::new(self), to })
    }

    fn compared(self, op: Comparison, right: Self) -> Self {
        built(ExprKind::Compare { op, left: Box::new(self), right: Box::new(right) })
    }

    fn combined(self, op: Operator, right: Self) -> Self {
        built(ExprKind::Arithmetic { op, left: Box::new(self), right: Box::new(right) })
    }

    fn within(self, list: Vec<Self>, negated: bool) -> Self {
        if list.is_empty() {
            return lit(negated);
        }
        built(ExprKind::In { value: Box::new(self), list, negated })
    }

    fn matched(self, pattern: Self, case: Case) -> Self {
        let (value, pattern) = (Box::new(self), Box::new(pattern));
        built(ExprKind::Like { value, pattern, escape: None, case, negated: false })
    }
}

macro_rules! operators {
    ($($name:ident, $method:ident, $op:expr;)*) => {$(
        impl<T: Into<Expr>> $name<T> for Expr {
            type Output = Expr;

            fn $method(self, other: T) -> Expr {
                self.combined($op, other.into())
            }
        }
    )*};
}

operators! {
    Add, add, Operator::Add;
    Sub, sub, Operator::Subtract;
    Mul, mul, Operator::Multiply;
    Div, div, Operator::Divide;
    Rem, rem, Operator::Remainder;
}

impl Not for Expr {
    type Output = Self;

    fn not(self) -> Self {
        built(ExprKind::Not(Box::new(self)))
    }
}

impl Neg for Expr {
    type Output = Self;

    fn neg(self) -> Self {
        built(ExprKind::Negate(Box::new(self)))
    }
}

macro_rules! literals {
    ($($from:ty, $value:ident => $literal:expr;)*) => {$(
        impl From<$from> for Expr {
            fn from($value: $from) -> Self {
                built(ExprKind::Literal($literal))
            }
        }
    )*};
}

literals! {
    Literal, value => value;
    bool, value => Literal::Bool(value);
    i32, value => Literal::Int(i64::from(value));
    i64, value => Literal::Int(value);
    // Small ones are what the text would parse to.
    u64, value => i64::try_from(value).map_or(Literal::UInt(value), Literal::Int);
    &str, value => Literal::Text(value.to_owned());
    String, value => Literal::Text(value);
    Interval, value => Literal::Interval(value);
}

/// What is not finite has no literal and becomes a conversion of its name.
impl From<f64> for Expr {
    fn from(value: f64) -> Self {
        if value.is_finite() {
            return built(ExprKind::Literal(Literal::Float(format!("{value:?}"))));
        }
        lit(format!("{value}")).cast(Type::Float)
    }
}

impl<T: Into<Self>> From<Option<T>> for Expr {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(|| lit(Literal::Null), Into::into)
    }
}

fn built(kind: ExprKind) -> Expr {
    Expr::new(kind, None)
}

fn joined(mut items: Vec<Expr>, kind: fn(Vec<Expr>) -> ExprKind, empty: bool) -> Expr {
    match (items.pop(), items.is_empty()) {
        (None, _) => lit(empty),
        (Some(only), true) => only,
        (Some(last), false) => {
            items.push(last);
            built(kind(items))
        }
    }
}

#[cfg(test)]
mod tests;
