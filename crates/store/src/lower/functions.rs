//! Functions of the expression language as those of the query engine.

use std::sync::Arc;

use datafusion::{
    config::ConfigOptions,
    functions::{core, datetime, math, regex, string, unicode},
    logical_expr::{Cast, Expr as PlanExpr, ScalarUDF},
};
use metalith_expr::{Scalar, Type};

use super::types::stored_as;

/// A result as the type that the language promises: numbers come in many widths.
pub(super) fn as_promised(called: PlanExpr, data_type: &Type) -> PlanExpr {
    match data_type {
        Type::Int | Type::Float | Type::Decimal(..) | Type::Date | Type::Timestamp { .. } => {
            match stored_as(data_type) {
                Some(wanted) => PlanExpr::Cast(Cast::new(Box::new(called), wanted)),
                None => called,
            }
        }
        Type::Null
        | Type::Bool
        | Type::UInt
        | Type::Text
        | Type::Bytes
        | Type::Interval
        | Type::List(_)
        | Type::Struct(_)
        | Type::Other(_) => called,
    }
}

/// The engine's function; `of_number` tells what the first argument is.
pub(super) fn engine_function(function: Scalar, of_number: bool) -> Arc<ScalarUDF> {
    match function {
        Scalar::Upper => string::upper(),
        Scalar::Lower => string::lower(),
        Scalar::Trim => string::btrim(),
        Scalar::TrimStart => string::ltrim(),
        Scalar::TrimEnd => string::rtrim(),
        Scalar::Length => unicode::character_length(),
        Scalar::Substring => unicode::substr(),
        Scalar::Left => unicode::left(),
        Scalar::Right => unicode::right(),
        Scalar::Replace => string::replace(),
        Scalar::Concat => string::concat(),
        Scalar::StartsWith => string::starts_with(),
        Scalar::EndsWith => string::ends_with(),
        Scalar::Contains => string::contains(),
        Scalar::Position => unicode::strpos(),
        Scalar::PadStart => unicode::lpad(),
        Scalar::PadEnd => unicode::rpad(),
        Scalar::Reverse => unicode::reverse(),
        Scalar::SplitPart => string::split_part(),
        Scalar::RegexpLike => regex::regexp_like(),
        Scalar::Abs => math::abs(),
        Scalar::Round => math::round(),
        Scalar::Floor => math::floor(),
        Scalar::Ceil => math::ceil(),
        Scalar::Sqrt => math::sqrt(),
        Scalar::Power => math::power(),
        Scalar::Exp => math::exp(),
        Scalar::Ln => math::ln(),
        Scalar::Log10 => math::log10(),
        Scalar::Sign => math::signum(),
        Scalar::Greatest => core::greatest(),
        Scalar::Least => core::least(),
        Scalar::Coalesce => core::coalesce(),
        Scalar::NullIf => core::nullif(),
        Scalar::ToDate => datetime::to_date(),
        // A number means seconds; a text is read as microseconds at once.
        Scalar::ToTimestamp if of_number => {
            datetime::to_timestamp_seconds(&ConfigOptions::default())
        }
        Scalar::ToTimestamp => datetime::to_timestamp_micros(&ConfigOptions::default()),
    }
}
