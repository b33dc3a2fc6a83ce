//! Types and values of the expression language as those of the query engine.

use datafusion::{
    arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit, TimeUnit},
    common::{DFSchema, ScalarValue},
    logical_expr::{Expr as PlanExpr, lit},
};
use metalith_expr::{Column, Literal, Schema, Type};

/// How an integer is computed with.
pub(super) const INT: DataType = DataType::Int64;
/// Holds every integer, and their sums have room to spare.
pub(super) const WHOLE: DataType = DataType::Decimal128(20, 0);
/// How a number of days is stored in a date.
pub(super) const DAYS: DataType = DataType::Int32;

/// The columns of a plan as the expression language sees them.
pub(super) fn expression_schema(schema: &DFSchema) -> Schema {
    Schema::new(schema.fields().iter().map(|field| Column {
        table: None,
        name: field.name().clone(),
        data_type: expression_type(field.data_type()),
    }))
}

/// The type of a column, as far as expressions tell types apart.
pub fn expression_type(data_type: &DataType) -> Type {
    match data_type {
        DataType::Null => Type::Null,
        DataType::Boolean => Type::Bool,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Type::Int,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Type::UInt,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Type::Float,
        DataType::Decimal128(precision, scale) => Type::Decimal(*precision, *scale),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Type::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Type::Bytes,
        DataType::Date32 | DataType::Date64 => Type::Date,
        DataType::Timestamp(_, zone) => Type::Timestamp { zoned: zone.is_some() },
        DataType::Interval(_) => Type::Interval,
        DataType::List(item) | DataType::LargeList(item) => {
            Type::List(Box::new(expression_type(item.data_type())))
        }
        DataType::Struct(fields) => Type::Struct(
            fields.iter().map(|it| (it.name().clone(), expression_type(it.data_type()))).collect(),
        ),
        DataType::Dictionary(_, values) => expression_type(values),
        other => Type::Other(other.to_string()),
    }
}

/// The form in which values of a type are computed; `None` where there is nothing to convert to.
pub fn stored_as(data_type: &Type) -> Option<DataType> {
    Some(match data_type {
        Type::Bool => DataType::Boolean,
        Type::Int => INT,
        Type::UInt => DataType::UInt64,
        Type::Float => DataType::Float64,
        Type::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
        Type::Text => DataType::Utf8,
        Type::Bytes => DataType::Binary,
        Type::Date => DataType::Date32,
        Type::Timestamp { zoned: true } => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        Type::Timestamp { zoned: false } => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        Type::Null | Type::List(_) | Type::Struct(_) | Type::Other(_) => return None,
    })
}

/// A value written out.
pub(super) fn literal(literal: &Literal, data_type: &Type) -> PlanExpr {
    lit(match literal {
        Literal::Null => stored_as(data_type)
            .and_then(|it| ScalarValue::try_from(&it).ok())
            .unwrap_or(ScalarValue::Null),
        Literal::Bool(value) => ScalarValue::Boolean(Some(*value)),
        Literal::Int(value) => ScalarValue::Int64(Some(*value)),
        Literal::UInt(value) => ScalarValue::UInt64(Some(*value)),
        // Invariant of the literal: it is a finite number.
        Literal::Float(text) => ScalarValue::Float64(text.parse().ok()),
        Literal::Text(text) => ScalarValue::Utf8(Some(text.clone())),
        Literal::Date(days) => ScalarValue::Date32(Some(*days)),
        Literal::Timestamp { micros, zoned } => {
            let zone = zoned.then(|| "UTC".into());
            ScalarValue::TimestampMicrosecond(Some(*micros), zone)
        }
        Literal::Interval(interval) => {
            ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(
                interval.months,
                interval.days,
                interval.micros.saturating_mul(1_000),
            )))
        }
    })
}

/// An exact number without its point.
pub(super) fn decimal(digits: i128, data_type: &Type) -> PlanExpr {
    let (precision, scale) = match data_type {
        Type::Decimal(precision, scale) => (*precision, *scale),
        Type::Null
        | Type::Bool
        | Type::Int
        | Type::UInt
        | Type::Float
        | Type::Text
        | Type::Bytes
        | Type::Date
        | Type::Timestamp { .. }
        | Type::Interval
        | Type::List(_)
        | Type::Struct(_)
        | Type::Other(_) => (38, 0),
    };
    lit(ScalarValue::Decimal128(Some(digits), precision, scale))
}
