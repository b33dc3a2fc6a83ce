//! Conversions that are asked for: `CAST`, and assignment to a column.

use crate::{
    check::coerce::{Operand, as_literal, coerce, common_type},
    error::{ExprError, Problem},
    expr::{Expr, Literal},
    place::Place,
    typed::{Typed, TypedKind},
    types::Type,
};

/// `CAST(value AS to)`.
pub(super) fn cast(expr: &Expr, value: Operand<'_>, to: &Type) -> Result<Typed, ExprError> {
    let from = value.data_type().clone();
    if !to.is_castable() || !casts(&from, to) {
        let advice = match (&from, to) {
            (from, to) if from.is_number() && to.is_time() => {
                Some(format!("write to_timestamp({}) for seconds since 1970", value.text()))
            }
            (from, to) if from.is_time() && to.is_number() => {
                Some(format!("write date_part('epoch', {})", value.text()))
            }
            _ => None,
        };
        let problem = Problem::Cast { from, to: to.clone(), advice };
        return Err(ExprError::new(problem, value.expr.place()));
    }
    let reads_now = match value.literal() {
        Some(Literal::Null) => true,
        Some(Literal::Text(_)) => to.is_time() || *to == Type::Interval,
        _ => false,
    };
    if reads_now {
        return coerce(value.typed, to);
    }
    Ok(super::typed(TypedKind::Cast(Box::new(value.typed)), to.clone(), expr))
}

/// A value for a column of a type.
pub(super) fn assign(typed: Typed, wanted: &Type) -> Result<Typed, ExprError> {
    let from = typed.data_type();
    let loses_nothing = match (from, wanted) {
        _ if from == wanted => true,
        (Type::Null, _) => true,
        (Type::Int | Type::UInt, it) if it.is_integer() => fits(&typed, wanted),
        (it, Type::Float) => it.is_number(),
        (it, Type::Decimal(..)) if it.is_number() => {
            as_literal(&typed).is_none_or(|_| common_type(&[&typed, &null(wanted)]).is_ok())
                && *from != Type::Float
                || matches!(as_literal(&typed), Some(Literal::Float(_)))
        }
        (Type::Date, Type::Timestamp { .. }) => true,
        (Type::Timestamp { .. }, Type::Timestamp { .. }) => true,
        (Type::Text, it) => {
            let adapts =
                it.is_time() || matches!(it, Type::Bytes | Type::Interval | Type::Other(_));
            adapts && matches!(as_literal(&typed), Some(Literal::Text(_)))
        }
        _ => false,
    };
    if loses_nothing {
        return coerce(typed, wanted);
    }
    let place = typed.place().cloned().unwrap_or_else(|| Place::whole(""));
    let advice = casts(from, wanted).then(|| format!("convert with CAST(… AS {wanted})"));
    let problem = Problem::WrongType {
        what: "the value".to_owned(),
        wanted: format!("{} ({wanted})", wanted.described()).into(),
        found: from.clone(),
        advice,
    };
    Err(ExprError::new(problem, place))
}

/// Whether a conversion exists, rows that cannot be converted aside.
fn casts(from: &Type, to: &Type) -> bool {
    match from {
        Type::Null | Type::Text | Type::Other(_) => to.is_castable(),
        Type::Bool | Type::Int | Type::UInt | Type::Float | Type::Decimal(..) => {
            to.is_number() || matches!(to, Type::Bool | Type::Text)
        }
        Type::Date | Type::Timestamp { .. } => to.is_time() || *to == Type::Text,
        Type::Interval => matches!(to, Type::Interval | Type::Text),
        Type::Bytes => matches!(to, Type::Bytes | Type::Text),
        Type::List(_) | Type::Struct(_) => false,
    }
}

/// Whether an integer can be one of the wanted signedness; of a column each row will tell.
fn fits(typed: &Typed, wanted: &Type) -> bool {
    match as_literal(typed) {
        Some(Literal::Int(value)) => *wanted == Type::Int || *value >= 0,
        Some(Literal::UInt(value)) => *wanted == Type::UInt || i64::try_from(*value).is_ok(),
        _ => true,
    }
}

fn null(data_type: &Type) -> Typed {
    Typed::new(TypedKind::Literal(Literal::Null), data_type.clone(), None)
}
