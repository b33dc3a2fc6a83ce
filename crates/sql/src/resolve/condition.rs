//! Conditions on rows, as SQL that means exactly the same, or not at all.

use std::collections::BTreeSet;

use arrow::datatypes::DataType;
use metalith_expr::{Comparison, Literal, Test, Type, Typed, TypedKind};
use metalith_store::Condition;

use super::{Declined, statement::column};
use crate::{dialect::Dialect, quote};

/// The columns of the table that conditions are about.
pub(super) fn columns(conditions: &[Condition]) -> BTreeSet<usize> {
    let of = |it: &Condition| it.what.columns().into_iter().map(|at| it.columns[at]).collect();
    conditions.iter().flat_map(|it| -> Vec<usize> { of(it) }).collect()
}

/// A condition, over columns that are called by their places in the table.
pub(super) fn sql(dialect: &dyn Dialect, condition: &Condition) -> Result<String, Declined> {
    Writer { dialect, columns: &condition.columns }.expr(&condition.what)
}

struct Writer<'a> {
    dialect: &'a dyn Dialect,
    columns: &'a [usize],
}

impl Writer<'_> {
    fn expr(&self, it: &Typed) -> Result<String, Declined> {
        let sql = match it.kind() {
            TypedKind::Literal(literal) => self.literal(literal, it.data_type())?,
            TypedKind::Column(at) => {
                self.type_of(it.data_type())?;
                column(self.columns[*at])
            }
            TypedKind::Negate(value) => match value.kind() {
                TypedKind::Literal(Literal::Int(number)) => match number.checked_neg() {
                    Some(negative) => self.literal(&Literal::Int(negative), it.data_type())?,
                    None => return beyond("a number that is too small"),
                },
                _ => return beyond("arithmetic"),
            },
            TypedKind::Not(value) => format!("NOT ({})", self.expr(value)?),
            TypedKind::And(items) => self.joined(items, " AND ")?,
            TypedKind::Or(items) => self.joined(items, " OR ")?,
            TypedKind::Compare { op, left, right } => {
                format!("{} {} {}", self.expr(left)?, operator(*op), self.expr(right)?)
            }
            TypedKind::Distinct { left, right, negated } => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                format!("{left} IS {}DISTINCT FROM {right}", not(*negated))
            }
            TypedKind::Is { value, test, negated } => {
                let test = match test {
                    Test::Null => "NULL",
                    Test::True => "TRUE",
                    Test::False => "FALSE",
                };
                format!("{} IS {}{test}", self.tested(value)?, not(*negated))
            }
            TypedKind::In { value, list, negated } => {
                let list =
                    list.iter().map(|item| self.expr(item)).collect::<Result<Vec<_>, _>>()?;
                format!("{} {}IN ({})", self.expr(value)?, not(*negated), list.join(", "))
            }
            TypedKind::Between { value, low, high, negated } => {
                let (value, low) = (self.expr(value)?, self.expr(low)?);
                format!("{value} {}BETWEEN {low} AND {}", not(*negated), self.expr(high)?)
            }
            TypedKind::Decimal(_) => return beyond("a decimal"),
            TypedKind::Member { .. } => return beyond("a member of a struct"),
            TypedKind::Today | TypedKind::Now => return beyond("the time"),
            TypedKind::Like { .. } => return beyond("LIKE"),
            TypedKind::Arithmetic { .. } => return beyond("arithmetic"),
            TypedKind::AddDays { .. }
            | TypedKind::DaysBetween { .. }
            | TypedKind::DatePart { .. }
            | TypedKind::DateTrunc { .. } => return beyond("computing with times"),
            TypedKind::Case { .. } => return beyond("CASE"),
            TypedKind::Cast(_) => return beyond("a conversion"),
            TypedKind::Call { .. } | TypedKind::Aggregate { .. } => return beyond("a function"),
        };
        Ok(format!("({sql})"))
    }

    /// What is tested for NULL may be a column of any type.
    fn tested(&self, value: &Typed) -> Result<String, Declined> {
        match value.kind() {
            TypedKind::Column(at) => Ok(column(self.columns[*at])),
            _ => self.expr(value),
        }
    }

    fn joined(&self, items: &[Typed], with: &str) -> Result<String, Declined> {
        let items = items.iter().map(|item| self.expr(item)).collect::<Result<Vec<_>, _>>()?;
        Ok(items.join(with))
    }

    fn literal(&self, literal: &Literal, of: &Type) -> Result<String, Declined> {
        let sql = self.type_of(of)?;
        let value = match literal {
            Literal::Null => "NULL".to_owned(),
            Literal::Bool(value) => return Ok(if *value { "TRUE" } else { "FALSE" }.to_owned()),
            Literal::Int(value) => quote::text(&value.to_string()),
            // By bytes, as columns are compared.
            Literal::Text(value) => {
                return Ok(format!("CAST({} AS {sql}) COLLATE \"C\"", quote::text(value)));
            }
            Literal::UInt(_)
            | Literal::Float(_)
            | Literal::Date(_)
            | Literal::Timestamp { .. }
            | Literal::Interval(_) => return beyond("a number with a point, or a time"),
        };
        Ok(format!("CAST({value} AS {sql})"))
    }

    /// Values of these types are compared alike everywhere. Floats are not: NaN, and -0.0.
    fn type_of(&self, of: &Type) -> Result<String, Declined> {
        let of = match of {
            Type::Bool => DataType::Boolean,
            Type::Int => DataType::Int64,
            Type::Text => DataType::Utf8,
            other => return beyond(&format!("a value of type {other}")),
        };
        let title = self.dialect.title();
        let storage = self.dialect.storage(&of);
        storage.map(|it| it.sql).ok_or_else(|| Declined(format!("{title} stores no {of}")))
    }
}

fn beyond<T>(what: &str) -> Result<T, Declined> {
    Err(Declined(format!("a condition has {what}, which may mean something else there")))
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

fn operator(op: Comparison) -> &'static str {
    match op {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}
