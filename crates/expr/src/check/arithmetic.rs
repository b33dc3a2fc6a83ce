//! `+ - * / %` and `||`, of numbers, times and texts.

use super::{Checker, call, coerce, typed};
use crate::{
    check::{
        coerce::{Operand, common_type, mismatch},
        decimal::{MOST, exact, sized},
    },
    error::{ExprError, Problem},
    expr::{Expr, Literal, Operator},
    typed::{Typed, TypedKind},
    types::Type,
};

impl Checker<'_> {
    pub(super) fn negate(&mut self, expr: &Expr, value: &Expr) -> Result<Typed, ExprError> {
        let value = self.operand(value)?;
        let own = value.data_type();
        let data_type = if matches!(own, Type::UInt | Type::Null) {
            Type::Int
        } else if own.is_number() || *own == Type::Interval {
            own.clone()
        } else {
            let problem = Problem::WrongType {
                what: "the operand of `-`".to_owned(),
                wanted: "a number or an interval".into(),
                found: own.clone(),
                advice: None,
            };
            return Err(ExprError::new(problem, value.expr.place()));
        };
        let value = Box::new(coerce::coerce(value.typed, &data_type)?);
        Ok(typed(TypedKind::Negate(value), data_type, expr))
    }
}

pub(super) fn combine<'a>(
    expr: &Expr,
    op: Operator,
    left: Operand<'a>,
    right: Operand<'a>,
) -> Result<Typed, ExprError> {
    if op == Operator::Concat {
        let left = call::printed(left, "the left side of `||`")?;
        let right = call::printed(right, "the right side of `||`")?;
        return Ok(arithmetic(expr, op, (left, right), Type::Text));
    }
    let timed = |it: &Operand<'_>| it.data_type().is_time() || *it.data_type() == Type::Interval;
    if timed(&left) || timed(&right) {
        return with_time(expr, op, left, right);
    }
    let counts = |it: &Operand<'_>| it.data_type().is_number() || *it.data_type() == Type::Null;
    if !counts(&left) || !counts(&right) {
        return Err(mismatch(expr, action(op), &left, &right));
    }
    if matches!(op, Operator::Divide | Operator::Remainder) && is_zero(&right) {
        return Err(ExprError::new(Problem::ZeroDivision, right.expr.place()));
    }
    let (left, right) = as_written(op, left, right);
    if let Some((one, other, result)) = exact_product(op, &left, &right) {
        let left = coerce::coerce(left.typed, &one)?;
        let right = coerce::coerce(right.typed, &other)?;
        return Ok(arithmetic(expr, op, (left, right), result));
    }
    let (operands, result) = number_types(op, &left, &right);
    if result == Type::Float
        && let Some((left, right, result)) = exact_result(op, &left, &right)
    {
        return Ok(arithmetic(expr, op, (left, right), result));
    }
    let left = coerce::coerce(left.typed, &operands)?;
    let right = coerce::coerce(right.typed, &operands)?;
    Ok(arithmetic(expr, op, (left, right), result))
}

/// Numbers that are written with a point are exact among themselves: `1 + 0.05` is 1.05, and stays
/// so beside a decimal. Beside a float they are floats.
fn as_written<'a>(
    op: Operator,
    left: Operand<'a>,
    right: Operand<'a>,
) -> (Operand<'a>, Operand<'a>) {
    let has_point = |it: &Operand<'_>| matches!(it.literal(), Some(Literal::Float(_)));
    if op == Operator::Divide || !(has_point(&left) || has_point(&right)) {
        return (left, right);
    }
    match (exactly(&left), exactly(&right)) {
        (Some(one), Some(other)) => {
            (Operand { typed: one, ..left }, Operand { typed: other, ..right })
        }
        _ => (left, right),
    }
}

/// A number as its digits say; nothing for what is no literal, or has an exponent.
fn exactly(operand: &Operand<'_>) -> Option<Typed> {
    let literal = operand.literal()?;
    if !matches!(literal, Literal::Int(_) | Literal::UInt(_) | Literal::Float(_)) {
        return None;
    }
    let text = literal.to_string();
    let found = exact(&text).filter(|_| !text.contains(['e', 'E']))?;
    let wanted = Type::Decimal(found.precision, i8::try_from(found.scale).ok()?);
    coerce::coerce(operand.typed.clone(), &wanted).ok()
}

/// The types of a decimal and an integer that is no literal, and of their product. As one type they
/// would have more digits than there can be, and the product would be a float.
fn exact_product(
    op: Operator,
    left: &Operand<'_>,
    right: &Operand<'_>,
) -> Option<(Type, Type, Type)> {
    let is_column = |it: &Operand<'_>| it.data_type().is_integer() && it.literal().is_none();
    let (own, is_left) = match (left.data_type(), right.data_type()) {
        (Type::Decimal(precision, scale), _) if is_column(right) => ((*precision, *scale), true),
        (_, Type::Decimal(precision, scale)) if is_column(left) => ((*precision, *scale), false),
        _ => return None,
    };
    let (digits, decimal) = (coerce::WHOLE, Type::Decimal(own.0, own.1));
    let result = sized(i16::from(own.0) + i16::from(digits.0) + 1, i16::from(own.1))?;
    let whole = Type::Decimal(digits.0, digits.1);
    match (op, is_left) {
        (Operator::Multiply, true) => Some((decimal, whole, result)),
        (Operator::Multiply, false) => Some((whole, decimal, result)),
        _ => None,
    }
}

/// A decimal and another exact number, and the decimal that they make; nothing where a float is
/// among them, or no decimal. These are the cases in which no type has room for whatever may come
/// out: what has no room at all is an error when it is computed.
///
/// A quotient has four digits after the point more than the more exact of both, and at least six. A
/// product has those of both, unless that leaves too few before the point.
fn exact_result(
    op: Operator,
    left: &Operand<'_>,
    right: &Operand<'_>,
) -> Option<(Typed, Typed, Type)> {
    let is_decimal = |it: &Operand<'_>| matches!(it.data_type(), Type::Decimal(..));
    if !is_decimal(left) && !is_decimal(right) {
        return None;
    }
    let (left, right) = (as_decimal(left)?, as_decimal(right)?);
    let (Type::Decimal(one, s1), Type::Decimal(other, s2)) = (left.data_type(), right.data_type())
    else {
        return None;
    };
    let (one, other) = (i16::from(*one), i16::from(*other));
    let (s1, s2) = (i16::from(*s1), i16::from(*s2));
    let (finer, whole) = (s1.max(s2), (one - s1).max(other - s2));
    let (precision, scale) = match op {
        Operator::Add | Operator::Subtract => (whole + finer + 1, finer),
        Operator::Multiply => (one + other + 1, (s1 + s2).min(finer.max(PRODUCT_DIGITS))),
        Operator::Remainder => (whole + finer, finer),
        Operator::Divide => {
            let scale = (finer + QUOTIENT_DIGITS).max(QUOTIENT_LEAST).min(i16::from(MOST));
            (one - s1 + s2 + scale, scale)
        }
        Operator::Concat => return None,
    };
    let result = sized(precision.max(scale).min(i16::from(MOST)), scale)?;
    Some((left, right, result))
}

/// How many digits after the point a quotient has more than what is divided, and at least.
const QUOTIENT_DIGITS: i16 = 4;
const QUOTIENT_LEAST: i16 = 6;
/// So many digits after the point leave room before it.
const PRODUCT_DIGITS: i16 = 20;

/// An exact number as a decimal.
fn as_decimal(operand: &Operand<'_>) -> Option<Typed> {
    let own = operand.data_type();
    if matches!(own, Type::Decimal(..)) {
        return Some(operand.typed.clone());
    }
    if operand.literal().is_some() {
        return exactly(operand);
    }
    let (precision, scale) = coerce::WHOLE;
    let whole = Type::Decimal(precision, scale);
    own.is_integer().then(|| coerce::coerce(operand.typed.clone(), &whole).ok()).flatten()
}

/// The type both operands are brought to, and the type of the result.
fn number_types(op: Operator, left: &Operand<'_>, right: &Operand<'_>) -> (Type, Type) {
    let is_decimal = |it: &Operand<'_>| matches!(it.data_type(), Type::Decimal(..));
    let common = common_type(&[&left.typed, &right.typed]).unwrap_or(Type::Float);
    // A difference of unsigned numbers may well be negative.
    let is_signed = common == Type::UInt && op == Operator::Subtract;
    if common == Type::Null || is_signed {
        return (Type::Int, Type::Int);
    }
    let Type::Decimal(precision, scale) = common else { return (common.clone(), common) };
    if !is_decimal(left) && !is_decimal(right) {
        // Mixed signs: what does not fit fails loudly, as any overflow does.
        return (Type::Int, Type::Int);
    }
    let (precision, scale) = (i16::from(precision), i16::from(scale));
    let result = match op {
        Operator::Add | Operator::Subtract => sized(precision + 1, scale),
        Operator::Multiply => sized(2 * precision + 1, 2 * scale),
        Operator::Remainder => sized(precision, scale),
        Operator::Divide | Operator::Concat => None,
    };
    result.map_or((Type::Float, Type::Float), |result| (common, result))
}

fn with_time<'a>(
    expr: &Expr,
    op: Operator,
    mut left: Operand<'a>,
    mut right: Operand<'a>,
) -> Result<Typed, ExprError> {
    if op == Operator::Add && !left.data_type().is_time() && right.data_type().is_time() {
        std::mem::swap(&mut left, &mut right);
    }
    if op == Operator::Subtract {
        // Text beside a date is a date, as in a comparison.
        left = beside(left, right.data_type())?;
        right = beside(right, left.data_type())?;
    }
    let (from, to) = (left.data_type().clone(), right.data_type().clone());
    match (op, &from, &to) {
        (Operator::Add | Operator::Subtract, Type::Interval, Type::Interval) => {
            Ok(arithmetic(expr, op, (left.typed, right.typed), Type::Interval))
        }
        (Operator::Add | Operator::Subtract, time, Type::Interval) if time.is_time() => {
            let keeps_date =
                matches!(right.literal(), Some(Literal::Interval(it)) if it.micros == 0);
            let result = match *time == Type::Date && !keeps_date {
                true => Type::Timestamp { zoned: false },
                false => time.clone(),
            };
            let left = coerce::coerce(left.typed, &result)?;
            Ok(arithmetic(expr, op, (left, right.typed), result))
        }
        (Operator::Add | Operator::Subtract, Type::Date, days) if days.is_integer() => {
            let mut days = coerce::coerce(right.typed, &Type::Int)?;
            if op == Operator::Subtract {
                days = typed(TypedKind::Negate(Box::new(days)), Type::Int, right.expr);
            }
            let (value, days) = (Box::new(left.typed), Box::new(days));
            Ok(typed(TypedKind::AddDays { value, days }, Type::Date, expr))
        }
        (Operator::Subtract, Type::Date, Type::Date) => {
            let (from, to) = (Box::new(right.typed), Box::new(left.typed));
            Ok(typed(TypedKind::DaysBetween { from, to }, Type::Int, expr))
        }
        (Operator::Subtract, one, other) if one.is_time() && other.is_time() => {
            let common = coerce::join(one, other).unwrap_or(Type::Timestamp { zoned: true });
            let left = coerce::coerce(left.typed, &common)?;
            let right = coerce::coerce(right.typed, &common)?;
            Ok(arithmetic(expr, op, (left, right), Type::Interval))
        }
        _ => Err(mismatch(expr, action(op), &left, &right)),
    }
}

fn beside<'a>(operand: Operand<'a>, other: &Type) -> Result<Operand<'a>, ExprError> {
    if !other.is_time() || !matches!(operand.literal(), Some(Literal::Text(_) | Literal::Null)) {
        return Ok(operand);
    }
    Ok(Operand { typed: coerce::coerce(operand.typed, other)?, ..operand })
}

fn arithmetic(expr: &Expr, op: Operator, sides: (Typed, Typed), data_type: Type) -> Typed {
    let (left, right) = (Box::new(sides.0), Box::new(sides.1));
    typed(TypedKind::Arithmetic { op, left, right }, data_type, expr)
}

fn action(op: Operator) -> &'static str {
    match op {
        Operator::Add => "add",
        Operator::Subtract => "subtract",
        Operator::Multiply => "multiply",
        Operator::Divide => "divide",
        Operator::Remainder => "take the remainder of",
        Operator::Concat => "join",
    }
}

fn is_zero(operand: &Operand<'_>) -> bool {
    match operand.literal() {
        Some(Literal::Int(value)) => *value == 0,
        Some(Literal::Float(text)) => {
            let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
            !mantissa.contains(|it: char| ('1'..='9').contains(&it))
        }
        _ => false,
    }
}
