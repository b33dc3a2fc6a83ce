//! Functions: each argument what its parameter takes.

use std::borrow::Cow;

use super::{Aggregates, Checker, arithmetic, coerce, typed};
use crate::{
    check::{coerce::Operand, decimal::MOST},
    error::{ExprError, Problem},
    expr::{Expr, ExprKind, Literal, Operator, Test},
    function::{Aggregate, DateUnit, Function, Meaning, Returns, Scalar, Takes},
    time,
    typed::{Typed, TypedKind},
    types::Type,
};

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        expr: &Expr,
        function: &'static Function,
        arguments: &[Expr],
    ) -> Result<Typed, ExprError> {
        // One that a program built may have any number.
        function.check_arity(arguments.len()).map_err(|it| ExprError::new(it, expr.place()))?;
        let unit = match (function.meaning, arguments) {
            (Meaning::DatePart | Meaning::DateTrunc, [first, ..]) => {
                Some(date_unit(function, first)?)
            }
            (Meaning::PartOf(unit), _) => Some(unit),
            _ => None,
        };
        let skipped = usize::from(function.takes(0) == Takes::Unit);
        let mut items = Vec::with_capacity(arguments.len());
        for (index, argument) in arguments.iter().enumerate().skip(skipped) {
            let typed = taken(function, index, self.operand(argument)?)?;
            items.push(Operand { expr: argument, typed });
        }
        if let Meaning::Modulo = function.meaning {
            let mut items = items.into_iter();
            if let (Some(left), Some(right)) = (items.next(), items.next()) {
                return arithmetic::combine(expr, Operator::Remainder, left, right);
            }
            return Ok(coerce::literal(Literal::Null, expr));
        }
        let (items, common) = unify_common(expr, function, items)?;
        lowered(expr, function, items, (common, unit))
    }

    pub(super) fn aggregate(
        &mut self,
        expr: &Expr,
        function: Aggregate,
        argument: Option<&Expr>,
        distinct: bool,
    ) -> Result<Typed, ExprError> {
        let place = match (self.rules.aggregates, self.within_aggregate) {
            (Aggregates::Refused, _) => Some("where each row stands alone"),
            (Aggregates::Allowed, true) => Some("within another aggregate"),
            (Aggregates::Allowed, false) => None,
        };
        if let Some(place) = place {
            let problem = Problem::Aggregate { function: function.name(), place };
            return Err(ExprError::new(problem, expr.place()));
        }
        self.within_aggregate = true;
        let argument = argument.map(|it| self.operand(it)).transpose();
        self.within_aggregate = false;
        let argument = argument?.map(|it| aggregated(function, it)).transpose()?;
        let own = argument.as_ref().map_or(Type::Int, |it| it.data_type().clone());
        let data_type = match (function, own) {
            (Aggregate::Count, _) => Type::Int,
            (Aggregate::Avg, Type::Decimal(precision, scale)) => {
                let most = i8::try_from(MOST).unwrap_or(i8::MAX);
                Type::Decimal(
                    precision.saturating_add(4).min(MOST),
                    scale.saturating_add(4).min(most),
                )
            }
            // The middle of two numbers has one digit more.
            (Aggregate::Median, Type::Decimal(precision, scale)) => {
                let most = i8::try_from(MOST).unwrap_or(i8::MAX);
                Type::Decimal(
                    precision.saturating_add(1).min(MOST),
                    scale.saturating_add(1).min(most),
                )
            }
            (Aggregate::Avg | Aggregate::Median, _) => Type::Float,
            (Aggregate::Sum, Type::Decimal(precision, scale)) => {
                Type::Decimal(precision.saturating_add(10).min(MOST), scale)
            }
            (Aggregate::Sum | Aggregate::Min | Aggregate::Max, own) => own,
        };
        let argument = argument.map(Box::new);
        Ok(typed(TypedKind::Aggregate { function, argument, distinct }, data_type, expr))
    }
}

/// Text, or refused.
pub(super) fn text(operand: Operand<'_>, what: &str) -> Result<Typed, ExprError> {
    if matches!(operand.data_type(), Type::Text | Type::Null) {
        return coerce::coerce(operand.typed, &Type::Text);
    }
    let advice = format!("convert with CAST({} AS TEXT)", operand.text());
    Err(wrong(&operand, what, "text", Some(advice)))
}

/// Anything that has a text form, converted to it.
pub(super) fn printed(operand: Operand<'_>, what: &str) -> Result<Typed, ExprError> {
    if matches!(operand.data_type(), Type::List(_) | Type::Struct(_)) {
        return Err(wrong(&operand, what, "text", None));
    }
    coerce::coerce(operand.typed, &Type::Text)
}

/// Brings an argument to what its parameter takes.
fn taken(function: &Function, index: usize, operand: Operand<'_>) -> Result<Typed, ExprError> {
    let parameter = function.parameters.get(index).or(function.parameters.last());
    let what = format!("`{}` of `{}`", parameter.map_or("", |it| it.name), function.name());
    let own = operand.data_type().clone();
    let is_null = own == Type::Null;
    match function.takes(index) {
        Takes::Text => text(operand, &what),
        Takes::Printable => printed(operand, &what),
        Takes::Bool => coerce::boolean(operand, &what),
        Takes::Float if own.is_number() || is_null => coerce::coerce(operand.typed, &Type::Float),
        Takes::Number | Takes::Rounded if own.is_number() => Ok(operand.typed),
        Takes::Rounded if is_null => coerce::coerce(operand.typed, &Type::Float),
        Takes::Number if is_null => coerce::coerce(operand.typed, &Type::Int),
        Takes::Int if own.is_integer() || is_null => coerce::coerce(operand.typed, &Type::Int),
        Takes::Float | Takes::Number | Takes::Rounded => {
            let is_text = own == Type::Text;
            let advice =
                is_text.then(|| format!("convert with CAST({} AS DOUBLE)", operand.text()));
            Err(wrong(&operand, &what, "a number", advice))
        }
        Takes::Int => {
            let advice =
                own.is_number().then(|| format!("write CAST({} AS BIGINT)", operand.text()));
            Err(wrong(&operand, &what, "an integer", advice))
        }
        Takes::Time => timed(operand, &what),
        Takes::TextOrInt if own == Type::Text || is_null => {
            coerce::coerce(operand.typed, &Type::Text)
        }
        Takes::TextOrInt if own.is_integer() => coerce::coerce(operand.typed, &Type::Int),
        Takes::TextOrInt => Err(wrong(&operand, &what, "text or an integer", None)),
        Takes::Common | Takes::Any | Takes::Unit => Ok(operand.typed),
    }
}

/// A date or timestamp; literal text is read as one.
fn timed(operand: Operand<'_>, what: &str) -> Result<Typed, ExprError> {
    let wanted = match (operand.data_type(), operand.literal()) {
        (own, _) if own.is_time() => return Ok(operand.typed),
        (_, Some(Literal::Null)) => Type::Date,
        (_, Some(Literal::Text(text))) if text.trim().len() <= 10 => Type::Date,
        (_, Some(Literal::Text(text))) => {
            let zoned = time::parse_timestamp(text).is_some_and(|(_, zoned)| zoned);
            Type::Timestamp { zoned }
        }
        (own, _) => {
            let text = operand.text();
            let is_text = *own == Type::Text;
            let advice = is_text.then(|| format!("convert with CAST({text} AS DATE)"));
            let seconds = own.is_integer().then(|| format!("write to_timestamp({text})"));
            let advice = advice.or(seconds);
            return Err(wrong(&operand, what, "a date or a timestamp", advice));
        }
    };
    coerce::coerce(operand.typed, &wanted)
}

/// Brings all arguments that share a type to one, and tells which.
fn unify_common(
    expr: &Expr,
    function: &Function,
    items: Vec<Operand<'_>>,
) -> Result<(Vec<Typed>, Type), ExprError> {
    let first = (0..items.len()).find(|index| function.takes(*index) == Takes::Common);
    let Some(first) = first else {
        return Ok((items.into_iter().map(|it| it.typed).collect(), Type::Null));
    };
    let mut items = items;
    let shared = items.split_off(first);
    let (shared, common) = coerce::unified(expr, shared, "choose between")?;
    let others = items.into_iter().map(|it| it.typed);
    Ok((others.chain(shared).collect(), common))
}

/// The node a call stands for; the number of arguments is right already.
fn lowered(
    expr: &Expr,
    function: &Function,
    items: Vec<Typed>,
    (common, unit): (Type, Option<DateUnit>),
) -> Result<Typed, ExprError> {
    let unit = unit.unwrap_or(DateUnit::Day);
    let own = items.first().map_or(Type::Null, |it| it.data_type().clone());
    if let Meaning::Scalar(scalar, returns) = function.meaning {
        return scalar_call(expr, (scalar, returns), items, common);
    }
    let mut items = items.into_iter();
    let mut next =
        || Box::new(items.next().unwrap_or_else(|| coerce::literal(Literal::Null, expr)));
    let (kind, data_type) = match function.meaning {
        Meaning::Today => (TypedKind::Today, Type::Date),
        Meaning::Now => (TypedKind::Now, Type::Timestamp { zoned: true }),
        Meaning::If => {
            let branches = vec![(*next(), *next())];
            (TypedKind::Case { operand: None, branches, otherwise: Some(next()) }, common)
        }
        Meaning::IsNull => {
            (TypedKind::Is { value: next(), test: Test::Null, negated: false }, Type::Bool)
        }
        Meaning::ToDay => return to_day(expr, *next()),
        Meaning::DatePart | Meaning::PartOf(_) => {
            let data_type = if unit == DateUnit::Epoch { Type::Float } else { Type::Int };
            let value = if unit.needs_time() { with_clock(*next())? } else { *next() };
            (TypedKind::DatePart { unit, value: Box::new(value) }, data_type)
        }
        Meaning::DateTrunc => {
            let value = with_clock(*next())?;
            let data_type = value.data_type().clone();
            (TypedKind::DateTrunc { unit, value: Box::new(value) }, data_type)
        }
        Meaning::DateDiff => {
            let to = Box::new(coerce::coerce(*next(), &Type::Date)?);
            let from = Box::new(coerce::coerce(*next(), &Type::Date)?);
            (TypedKind::DaysBetween { from, to }, Type::Int)
        }
        Meaning::DateAdd => (TypedKind::AddDays { value: next(), days: next() }, own),
        // Aggregates and the remainder never get here.
        Meaning::Scalar(..) | Meaning::Aggregate(_) | Meaning::Modulo => {
            (TypedKind::Literal(Literal::Null), Type::Null)
        }
    };
    Ok(typed(kind, data_type, expr))
}

fn scalar_call(
    expr: &Expr,
    (function, returns): (Scalar, Returns),
    arguments: Vec<Typed>,
    common: Type,
) -> Result<Typed, ExprError> {
    let own = arguments.first().map_or(Type::Null, |it| it.data_type().clone());
    if function == Scalar::ToTimestamp && own == Type::Int && arguments.len() > 1 {
        let (what, wanted) = ("`value` of `to_timestamp` with a format".to_owned(), "text".into());
        let problem = Problem::WrongType { what, wanted, found: own, advice: None };
        return Err(ExprError::new(problem, expr.place()));
    }
    if returns == Returns::Rounded && own.is_integer() {
        return rounded_integer(expr, function, arguments);
    }
    let data_type = match returns {
        Returns::Text => Type::Text,
        Returns::Bool => Type::Bool,
        Returns::Int => Type::Int,
        Returns::Float => Type::Float,
        Returns::Date => Type::Date,
        Returns::Timestamp => Type::Timestamp { zoned: false },
        Returns::First => own,
        Returns::Rounded => room_to_round(own),
        Returns::Common => common,
    };
    Ok(typed(TypedKind::Call { function, arguments }, data_type, expr))
}

/// A type with room for what rounding carries over: 9.99 may become 10.00.
fn room_to_round(own: Type) -> Type {
    if let Type::Decimal(precision, scale) = own {
        return Type::Decimal(precision.saturating_add(1).min(MOST), scale);
    }
    own
}

/// An integer is whole already; only digits before its point can be rounded away.
fn rounded_integer(
    expr: &Expr,
    function: Scalar,
    mut arguments: Vec<Typed>,
) -> Result<Typed, ExprError> {
    let keeps_all = arguments.get(1).is_none_or(
        |digits| matches!(coerce::as_literal(digits), Some(Literal::Int(digits)) if *digits >= 0),
    );
    if keeps_all {
        return Ok(arguments.swap_remove(0));
    }
    let number = arguments.remove(0);
    arguments.insert(0, coerce::coerce(number, &Type::Float)?);
    Ok(typed(TypedKind::Call { function, arguments }, Type::Float, expr))
}

/// A timestamp of a date or a timestamp.
fn with_clock(value: Typed) -> Result<Typed, ExprError> {
    if *value.data_type() == Type::Date {
        return coerce::coerce(value, &Type::Timestamp { zoned: false });
    }
    Ok(value)
}

/// `date(x)`.
fn to_day(expr: &Expr, value: Typed) -> Result<Typed, ExprError> {
    // The date of a literal timestamp in text is the date in front of it.
    let is_timestamp = match coerce::as_literal(&value) {
        Some(Literal::Text(text)) => {
            text.trim().len() > 10 && time::parse_timestamp(text).is_some()
        }
        _ => false,
    };
    let value = match is_timestamp {
        true => coerce::coerce(value, &Type::Timestamp { zoned: false })?,
        false => value,
    };
    if *value.data_type() == Type::Date {
        return Ok(value);
    }
    super::convert::cast(expr, Operand { expr, typed: value }, &Type::Date)
}

/// The unit that literal text names.
fn date_unit(function: &Function, argument: &Expr) -> Result<DateUnit, ExprError> {
    let truncates = matches!(function.meaning, Meaning::DateTrunc);
    let unit = if let ExprKind::Literal(Literal::Text(text)) = argument.kind() {
        DateUnit::named(text)
    } else {
        None
    };
    unit.filter(|it| !truncates || it.truncates()).ok_or_else(|| {
        let place = argument.place();
        let shown = crate::parse::shortened(place.text());
        let advice = DateUnit::advice();
        ExprError::new(Problem::Malformed { shown, wanted: "a part of a date", advice }, place)
    })
}

/// An aggregate's argument, as it takes it.
fn aggregated(function: Aggregate, operand: Operand<'_>) -> Result<Typed, ExprError> {
    let own = operand.data_type().clone();
    let what = format!("the argument of `{}`", function.name());
    match function {
        Aggregate::Count => Ok(operand.typed),
        Aggregate::Sum if own.is_number() => Ok(operand.typed),
        Aggregate::Avg | Aggregate::Median if matches!(own, Type::Decimal(..)) => Ok(operand.typed),
        Aggregate::Avg | Aggregate::Median if own.is_number() => {
            coerce::coerce(operand.typed, &Type::Float)
        }
        Aggregate::Sum | Aggregate::Avg | Aggregate::Median => {
            Err(wrong(&operand, &what, "a number", None))
        }
        Aggregate::Min | Aggregate::Max => {
            if matches!(own, Type::List(_) | Type::Struct(_) | Type::Null) {
                return Err(wrong(&operand, &what, "something with an order", None));
            }
            Ok(operand.typed)
        }
    }
}

fn wrong(
    operand: &Operand<'_>,
    what: &str,
    wanted: &'static str,
    advice: Option<String>,
) -> ExprError {
    let found = operand.data_type().clone();
    let (what, wanted) = (what.to_owned(), Cow::Borrowed(wanted));
    let problem = Problem::WrongType { what, wanted, found, advice };
    ExprError::new(problem, operand.expr.place())
}
