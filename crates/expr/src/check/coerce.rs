//! One type for values that meet, and the conversions it takes.

use crate::{
    check::decimal::{exact, widened},
    error::{ExprError, Problem},
    expr::{Expr, Literal},
    parse::shortened,
    place::Place,
    time,
    typed::{Typed, TypedKind},
    types::Type,
};

/// A checked expression together with what it was checked from, for messages.
pub(super) struct Operand<'a> {
    pub(super) expr: &'a Expr,
    pub(super) typed: Typed,
}

impl Operand<'_> {
    pub(super) fn data_type(&self) -> &Type {
        self.typed.data_type()
    }

    pub(super) fn literal(&self) -> Option<&Literal> {
        as_literal(&self.typed)
    }

    /// The text as it was written, short.
    pub(super) fn text(&self) -> String {
        let place = self.expr.place();
        shortened(&place.text().split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The text and what it is.
    pub(super) fn described(&self) -> String {
        format!("`{}` ({})", self.text(), self.data_type().described())
    }
}

/// A literal with the type it has by itself.
pub(super) fn literal(literal: Literal, expr: &Expr) -> Typed {
    let data_type = match &literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) => Type::Int,
        Literal::UInt(_) => Type::UInt,
        Literal::Float(_) => Type::Float,
        Literal::Text(_) => Type::Text,
        Literal::Date(_) => Type::Date,
        Literal::Timestamp { zoned, .. } => Type::Timestamp { zoned: *zoned },
        Literal::Interval(_) => Type::Interval,
    };
    super::typed(TypedKind::Literal(literal), data_type, expr)
}

/// Brings values that meet to one type, or says which two do not go together.
pub(super) fn unified(
    expr: &Expr,
    items: Vec<Operand<'_>>,
    action: &'static str,
) -> Result<(Vec<Typed>, Type), ExprError> {
    let types: Vec<_> = items.iter().map(|it| &it.typed).collect();
    let wanted = common_type(&types)
        .map_err(|(first, second)| mismatch(expr, action, &items[first], &items[second]))?;
    let converted = items.into_iter().map(|it| coerce(it.typed, &wanted));
    Ok((converted.collect::<Result<_, _>>()?, wanted))
}

/// The type all values can have without loss; otherwise two that do not go together.
///
/// Literals adapt: text becomes a date where dates are, a number whatever number is there.
pub(super) fn common_type(items: &[&Typed]) -> Result<Type, (usize, usize)> {
    let mut common: Option<(Type, usize)> = None;
    let (flexible, fixed): (Vec<_>, Vec<_>) =
        (0..items.len()).partition(|index| as_literal(items[*index]).is_some_and(adapts));
    for index in fixed.into_iter().chain(flexible) {
        let own = items[index].data_type();
        common = Some(match (common, as_literal(items[index])) {
            (None, _) => (own.clone(), index),
            (Some((Type::Null, _)), _) => (own.clone(), index),
            (Some(common), Some(Literal::Null)) => common,
            (Some((common, first)), literal) => {
                let joined = match literal {
                    Some(literal) if adapts(literal) => adapted(&common, literal),
                    _ => join(&common, own),
                };
                (joined.ok_or((first.min(index), first.max(index)))?, first)
            }
        });
    }
    Ok(common.map_or(Type::Null, |(common, _)| common))
}

/// Converts a value to a type that [`common_type`] or [`super::convert`] found to be possible.
pub(super) fn coerce(value: Typed, wanted: &Type) -> Result<Typed, ExprError> {
    if value.data_type() == wanted {
        return Ok(value);
    }
    let place = value.place().cloned();
    match as_literal(&value).map(|it| converted(it, wanted)) {
        Some(Conversion::Done(kind)) => Ok(Typed::new(kind, wanted.clone(), place)),
        Some(Conversion::Malformed(problem)) => {
            Err(ExprError::new(problem, place.unwrap_or_else(|| Place::whole(""))))
        }
        Some(Conversion::Cast) | None => {
            Ok(Typed::new(TypedKind::Cast(Box::new(value)), wanted.clone(), place))
        }
    }
}

/// Refuses what is not a boolean.
pub(super) fn boolean(operand: Operand<'_>, what: &str) -> Result<Typed, ExprError> {
    boolean_at(operand.typed, what, || operand.expr.place())
}

pub(super) fn boolean_at(
    typed: Typed,
    what: &str,
    place: impl FnOnce() -> Place,
) -> Result<Typed, ExprError> {
    if matches!(typed.data_type(), Type::Bool | Type::Null) {
        return coerce(typed, &Type::Bool);
    }
    let place = place();
    let text = shortened(place.text());
    let text = if text.is_empty() || text.contains(' ') { "x".to_owned() } else { text };
    let found = typed.data_type().clone();
    let advice = if found == Type::Text {
        format!("compare it, e.g. `{text} = 'value'`")
    } else if found.is_number() {
        format!("compare it, e.g. `{text} <> 0`")
    } else if found.is_time() {
        format!("compare it, e.g. `{text} >= '2024-01-31'`")
    } else {
        format!("test it, e.g. `{text} IS NOT NULL`")
    };
    let (what, wanted) = (what.to_owned(), "a boolean".into());
    Err(ExprError::new(Problem::WrongType { what, wanted, found, advice: Some(advice) }, place))
}

pub(super) fn as_literal(typed: &Typed) -> Option<&Literal> {
    if let TypedKind::Literal(literal) = typed.kind() { Some(literal) } else { None }
}

/// The digits of a decimal that holds every integer.
pub(super) const WHOLE: (u8, i8) = (20, 0);

/// The common type of two types, without loss but for what a float cannot hold.
pub(super) fn join(left: &Type, right: &Type) -> Option<Type> {
    if left == right {
        return Some(left.clone());
    }
    match (left, right) {
        (Type::Null, other) | (other, Type::Null) => Some(other.clone()),
        (Type::Float, other) | (other, Type::Float) if other.is_number() => Some(Type::Float),
        (Type::Int, Type::UInt) | (Type::UInt, Type::Int) => Some(Type::Decimal(20, 0)),
        (Type::Decimal(p, s), other) | (other, Type::Decimal(p, s)) if other.is_number() => {
            let other = if let Type::Decimal(precision, scale) = other {
                (*precision, *scale)
            } else {
                WHOLE
            };
            Some(widened((*p, *s), other).unwrap_or(Type::Float))
        }
        (Type::Date, Type::Timestamp { zoned }) | (Type::Timestamp { zoned }, Type::Date) => {
            Some(Type::Timestamp { zoned: *zoned })
        }
        (Type::Timestamp { .. }, Type::Timestamp { .. }) => Some(Type::Timestamp { zoned: true }),
        _ => None,
    }
}

/// Whether a literal takes the type of what it meets.
fn adapts(literal: &Literal) -> bool {
    match literal {
        Literal::Null | Literal::Int(_) | Literal::UInt(_) | Literal::Float(_) => true,
        Literal::Text(_) => true,
        Literal::Bool(_) | Literal::Date(_) | Literal::Timestamp { .. } | Literal::Interval(_) => {
            false
        }
    }
}

/// The common type of a type and an adapting literal.
fn adapted(common: &Type, literal: &Literal) -> Option<Type> {
    match literal {
        Literal::Text(_) => {
            let reads =
                matches!(common, Type::Text | Type::Bytes | Type::Interval | Type::Other(_));
            (reads || common.is_time()).then(|| common.clone())
        }
        Literal::Int(value) if *common == Type::UInt && *value >= 0 => Some(Type::UInt),
        Literal::Int(_) | Literal::UInt(_) | Literal::Float(_) => {
            let Type::Decimal(precision, scale) = common else {
                return join(common, &number_type(literal));
            };
            let own = exact(&literal.to_string());
            let own = own.and_then(|it| Some((it.precision, i8::try_from(it.scale).ok()?)));
            let wide = own.and_then(|own| widened((*precision, *scale), own));
            Some(wide.unwrap_or(Type::Float))
        }
        Literal::Null => Some(common.clone()),
        Literal::Bool(_) | Literal::Date(_) | Literal::Timestamp { .. } | Literal::Interval(_) => {
            None
        }
    }
}

fn number_type(literal: &Literal) -> Type {
    if matches!(literal, Literal::Int(_)) {
        Type::Int
    } else if matches!(literal, Literal::UInt(_)) {
        Type::UInt
    } else {
        Type::Float
    }
}

enum Conversion {
    Done(TypedKind),
    Malformed(Problem),
    /// At run time.
    Cast,
}

/// A literal in another type, at once where that is possible.
fn converted(literal: &Literal, wanted: &Type) -> Conversion {
    let done = |literal| Conversion::Done(TypedKind::Literal(literal));
    match (literal, wanted) {
        (Literal::Null, _) => done(Literal::Null),
        (Literal::Int(value), Type::UInt) => {
            u64::try_from(*value).map_or(Conversion::Cast, |it| done(Literal::UInt(it)))
        }
        (Literal::Int(_) | Literal::UInt(_), Type::Float) => {
            done(Literal::Float(format!("{literal}.0")))
        }
        (Literal::Int(_) | Literal::UInt(_) | Literal::Float(_), Type::Decimal(p, s)) => {
            let unscaled = exact(&literal.to_string()).and_then(|it| it.rescaled(*p, *s));
            unscaled.map_or(Conversion::Cast, |it| Conversion::Done(TypedKind::Decimal(it)))
        }
        (Literal::Text(text), Type::Date | Type::Timestamp { .. } | Type::Interval) => {
            timed(text, wanted)
        }
        (Literal::Date(days), Type::Timestamp { zoned }) => {
            let micros = i64::from(*days) * 86_400_000_000;
            done(Literal::Timestamp { micros, zoned: *zoned })
        }
        (Literal::Timestamp { micros, .. }, Type::Timestamp { zoned }) => {
            done(Literal::Timestamp { micros: *micros, zoned: *zoned })
        }
        _ => Conversion::Cast,
    }
}

/// Text read as a date, a timestamp or an interval.
fn timed(text: &str, wanted: &Type) -> Conversion {
    let (literal, name, advice) = if *wanted == Type::Date {
        let advice = match time::parse_timestamp(text) {
            Some(_) => "leave the time of day out, or cast the date to TIMESTAMP",
            None => time::DATE_ADVICE,
        };
        (time::parse_date(text).map(Literal::Date), "a date", advice)
    } else if *wanted == Type::Interval {
        let literal = time::parse_interval(text).map(Literal::Interval);
        (literal, "an interval", time::INTERVAL_ADVICE)
    } else {
        let zoned = matches!(wanted, Type::Timestamp { zoned: true });
        let parsed = time::parse_timestamp(text);
        let literal = parsed.map(|(micros, _)| Literal::Timestamp { micros, zoned });
        (literal, "a timestamp", time::TIMESTAMP_ADVICE)
    };
    match literal {
        Some(literal) => Conversion::Done(TypedKind::Literal(literal)),
        None => Conversion::Malformed(Problem::Malformed {
            shown: shortened(&Literal::Text(text.to_owned()).to_string()),
            wanted: name,
            advice: advice.to_owned(),
        }),
    }
}

/// Two values that do not go together: the place is that of a literal, else of the whole.
pub(super) fn mismatch(
    expr: &Expr,
    action: &'static str,
    left: &Operand<'_>,
    right: &Operand<'_>,
) -> ExprError {
    let place = match (left.literal(), right.literal()) {
        (_, Some(_)) => right.expr.place(),
        (Some(_), None) => left.expr.place(),
        (None, None) => expr.place(),
    };
    let advice = advice(left, right).or_else(|| advice(right, left));
    let (left, right) = (left.described(), right.described());
    ExprError::new(Problem::Mismatch { action, left, right, advice }, place)
}

/// What to do about a value beside another one.
fn advice(value: &Operand<'_>, other: &Operand<'_>) -> Option<String> {
    let (text, beside) = (value.text(), other.text());
    match (value.data_type(), value.literal(), other.data_type()) {
        (Type::Text, Some(Literal::Text(it)), Type::Bool) => {
            let word = it.to_ascii_uppercase();
            let word = if word == "FALSE" { "FALSE" } else { "TRUE" };
            Some(format!("write {word} without quotes"))
        }
        (Type::Text, Some(Literal::Text(it)), kind) if kind.is_number() => {
            let it = it.trim();
            let is_number = it.parse::<f64>().is_ok_and(f64::is_finite);
            Some(match is_number {
                true => format!("remove the quotes: {it}, or convert with CAST({beside} AS TEXT)"),
                false => format!("write a number, or convert with CAST({beside} AS TEXT)"),
            })
        }
        (Type::Text, Some(Literal::Text(it)), kind)
            if kind.is_time() && time::parse_interval(it).is_some() =>
        {
            Some(format!("write INTERVAL '{it}'"))
        }
        (Type::Text, _, Type::Text) => Some("join texts with ||".to_owned()),
        (Type::Text, None, kind) if kind.is_number() && other.literal().is_some() => {
            Some(format!("put it in quotes: '{beside}', or convert with CAST({text} AS {kind})"))
        }
        (Type::Text, None, kind) if kind.is_number() || kind.is_time() || *kind == Type::Bool => {
            Some(format!("convert with CAST({text} AS {kind})"))
        }
        (Type::Bool, _, kind) if kind.is_number() => {
            Some("write TRUE or FALSE instead of a number, or the condition alone".to_owned())
        }
        (kind, _, other) if kind.is_number() && other.is_time() => {
            Some("write a date as DATE '2024-01-31', a duration as INTERVAL '7 days'".to_owned())
        }
        (Type::Other(_), _, _) => Some(format!("convert with CAST({text} AS TEXT)")),
        _ => None,
    }
}
