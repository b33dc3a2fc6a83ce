//! From checked expressions to expressions of the query engine, one to one.

mod exact;
mod functions;
mod membership;
mod types;

use std::collections::BTreeSet;

use datafusion::{
    common::{Column, DFSchema, ScalarValue},
    functions::{core::expr_fn::get_field, datetime},
    functions_aggregate::{expr_fn as aggregate, median::median_udaf},
    logical_expr::{
        Between, BinaryExpr, Case as CaseWhen, Cast, Expr as PlanExpr, Like,
        Operator as PlanOperator,
        expr::{AggregateFunction, InList},
        lit,
    },
};
use metalith_base::{FeatureKey, Timestamp};
use metalith_expr::{
    Aggregate, Case, Column as SchemaColumn, Comparison, DateUnit, Expr, Literal, Operator, Rules,
    Schema, Test, Type, Typed, TypedKind, check, check_condition, require_type,
};
use metalith_graph::columns;

use self::membership::Apart;
pub use self::types::{expression_type, stored_as};
use crate::{RequestProblem, StoreError};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A column by its exact name.
pub(crate) fn column(name: &str) -> PlanExpr {
    PlanExpr::Column(Column::from_name(name))
}

/// What a join is on: the columns of these names on its left, and on its right what `other` calls
/// them.
pub(crate) fn key_pairs(
    names: &[String],
    other: impl Fn(&str) -> String,
) -> (Vec<Column>, Vec<Column>) {
    let left = names.iter().map(Column::from_name);
    (left.collect(), names.iter().map(|name| Column::from_name(other(name))).collect())
}

/// So many conditions the query engine may chain. It takes a conjunction apart and puts it together
/// leaning to one side, however it was built, and then goes down it by recursion.
const CHAINED: usize = 64;

/// Checks conditions against the columns of a plan, and lowers them to one that holds where all do;
/// `None` without any.
pub(crate) fn lower_filters(
    feature: &FeatureKey,
    filters: &[Expr],
    schema: &DFSchema,
    now: Timestamp,
) -> Result<Option<PlanExpr>, StoreError> {
    if filters.is_empty() {
        return Ok(None);
    }
    let checked = checked_of_rows(feature, filters, schema)?;
    let mut items = Vec::new();
    for filter in &checked {
        match filter.kind() {
            TypedKind::And(inner) => items.extend(inner.iter()),
            _ => items.push(filter),
        }
    }
    let lower = Lower { schema, now, apart: &Apart::default() };
    let mut lowered: Vec<PlanExpr> = items.into_iter().map(|it| lower.condition(it)).collect();
    while lowered.len() > CHAINED {
        // A row that does not meet a condition and one for which it is unknown are the same to a
        // filter, so a group of them may be tested as a whole, which nobody takes apart.
        let groups = lowered.chunks(lowered.len().div_ceil(CHAINED));
        let whole =
            |group: &[PlanExpr]| PlanExpr::IsTrue(Box::new(halved(group.to_vec(), PlanExpr::and)));
        lowered = groups.map(whole).collect();
    }
    Ok(Some(halved(lowered, PlanExpr::and)))
}

/// Like [`lower_filters`], where any of them suffices.
pub(crate) fn lower_any(
    feature: &FeatureKey,
    filters: &[Expr],
    schema: &DFSchema,
    now: Timestamp,
) -> Result<Option<PlanExpr>, StoreError> {
    if filters.is_empty() {
        return Ok(None);
    }
    let lower = Lower { schema, now, apart: &Apart::default() };
    let checked = checked_of_rows(feature, filters, schema)?;
    let lowered = checked.iter().map(|filter| lower.expr(filter)).collect();
    Ok(Some(halved(lowered, PlanExpr::or)))
}

/// Checks conditions against the columns of a plan.
pub(crate) fn checked_filters(
    feature: &FeatureKey,
    filters: &[Expr],
    schema: &DFSchema,
) -> Result<Vec<Typed>, StoreError> {
    checked_against(feature, filters, &types::expression_schema(schema))
}

/// The same, where conditions may also name what tombstones say: of rows among which there has been
/// no tombstone yet it is NULL. Such columns come after all others.
fn checked_of_rows(
    feature: &FeatureKey,
    filters: &[Expr],
    schema: &DFSchema,
) -> Result<Vec<Typed>, StoreError> {
    let stored = types::expression_schema(schema);
    let is_absent = |name: &str| stored.columns().iter().all(|column| column.name != name);
    let named: BTreeSet<String> = filters.iter().flat_map(Expr::named_columns).collect();
    let absent = columns::OF_DELETIONS.into_iter();
    let absent = absent.filter(|name| is_absent(name) && named.contains(*name));
    let absent = absent.map(|name| match name {
        columns::RECOVERABLE_UNTIL => SchemaColumn::new(name, Type::Timestamp { zoned: true }),
        _ => SchemaColumn::new(name, Type::Text),
    });
    let all = Schema::new(stored.columns().iter().cloned().chain(absent));
    checked_against(feature, filters, &all)
}

fn checked_against(
    feature: &FeatureKey,
    filters: &[Expr],
    columns: &Schema,
) -> Result<Vec<Typed>, StoreError> {
    let check = |filter| check_condition(filter, columns, Rules::default());
    let failed = |source| StoreError::Filter { feature: feature.clone(), source };
    filters.iter().map(|filter| check(filter).map_err(failed)).collect()
}

/// Expressions joined in a tree of halves; NULL without any. The query engine goes down an
/// expression by recursion, and one that leans to a side would be as deep as it has items.
fn halved(mut items: Vec<PlanExpr>, join: fn(PlanExpr, PlanExpr) -> PlanExpr) -> PlanExpr {
    if items.len() > 2 {
        let right = items.split_off(items.len() / 2);
        return join(halved(items, join), halved(right, join));
    }
    items.into_iter().reduce(join).unwrap_or_else(|| lit(ScalarValue::Boolean(None)))
}

/// Checks what a column becomes against the columns of a plan and lowers it.
pub(crate) fn lower_value(
    feature: &FeatureKey,
    name: &str,
    expr: &Expr,
    schema: &DFSchema,
    now: Timestamp,
) -> Result<PlanExpr, StoreError> {
    let columns = types::expression_schema(schema);
    let assigned = || {
        let typed = check(expr, &columns, Rules::default())?;
        match columns.columns().iter().find(|column| column.name == name) {
            Some(column) => require_type(typed, &column.data_type),
            None => Ok(typed),
        }
    };
    let typed =
        assigned().map_err(|source| StoreError::Filter { feature: feature.clone(), source })?;
    if *typed.data_type() == Type::Null {
        // There is nothing that it could be stored as.
        let problem = RequestProblem::UntypedColumn { column: name.to_owned() };
        return Err(StoreError::request(feature, problem));
    }
    Ok(cast(Lower { schema, now, apart: &Apart::default() }.expr(&typed), &typed))
}

/// Lowers a checked expression whose columns are those of `schema`, in its order; `now` is what
/// `today()` and `now()` tell.
///
/// For crates above that run plans of their own over rows which are in no store.
pub fn lower_expression(typed: &Typed, schema: &DFSchema, now: Timestamp) -> PlanExpr {
    Lower { schema, now, apart: &Apart::default() }.expr(typed)
}

/// What lowering needs to know beside the tree.
#[derive(Clone, Copy)]
struct Lower<'a> {
    schema: &'a DFSchema,
    now: Timestamp,
    apart: &'a Apart,
}

impl Lower<'_> {
    fn expr(self, typed: &Typed) -> PlanExpr {
        let boxed = |it: &Typed| Box::new(self.expr(it));
        match typed.kind() {
            TypedKind::Literal(literal) => types::literal(literal, typed.data_type()),
            TypedKind::Decimal(digits) => types::decimal(*digits, typed.data_type()),
            TypedKind::Column(index) if *index < self.schema.fields().len() => {
                PlanExpr::Column(Column::from(self.schema.qualified_field(*index)))
            }
            // What no row has yet.
            TypedKind::Column(_) => types::literal(&Literal::Null, typed.data_type()),
            TypedKind::Member { value, name } => get_field(self.expr(value), name.as_str()),
            TypedKind::Today => {
                let days = self.now.as_micros().div_euclid(MICROS_PER_DAY);
                lit(ScalarValue::Date32(i32::try_from(days).ok()))
            }
            TypedKind::Now => types::literal(
                &Literal::Timestamp { micros: self.now.as_micros(), zoned: true },
                typed.data_type(),
            ),
            TypedKind::Not(value) => PlanExpr::Not(boxed(value)),
            TypedKind::Negate(value) => PlanExpr::Negative(boxed(value)),
            TypedKind::And(items) => self.joined(items, PlanExpr::and),
            TypedKind::Or(items) => self.joined(items, PlanExpr::or),
            TypedKind::Compare {
                op: op @ (Comparison::Equal | Comparison::NotEqual),
                left,
                right,
            } => {
                let side = |value| Box::new(self.apart.value(self.expr(value)));
                PlanExpr::BinaryExpr(BinaryExpr::new(side(left), comparison(*op), side(right)))
            }
            TypedKind::Compare { op, left, right } => self.binary(left, comparison(*op), right),
            TypedKind::Distinct { left, right, negated } => {
                let op = match negated {
                    false => PlanOperator::IsDistinctFrom,
                    true => PlanOperator::IsNotDistinctFrom,
                };
                self.binary(left, op, right)
            }
            TypedKind::Is { value, test, negated } => is(boxed(value), *test, *negated),
            TypedKind::In { value, list, negated } => PlanExpr::InList(InList::new(
                Box::new(self.apart.value(self.expr(value))),
                list.iter().map(|it| self.expr(it)).collect(),
                *negated,
            )),
            TypedKind::Between { value, low, high, negated } => {
                PlanExpr::Between(Between::new(boxed(value), *negated, boxed(low), boxed(high)))
            }
            TypedKind::Like { value, pattern, escape, case, negated } => {
                let insensitive = *case == Case::Insensitive;
                let like = Like::new(*negated, boxed(value), boxed(pattern), *escape, insensitive);
                PlanExpr::Like(like)
            }
            TypedKind::Arithmetic { op, left, right } => match exact::arithmetic(*op, typed) {
                Some(exact) => exact.call(self.expr(left), self.expr(right)),
                None => self.binary(left, operator(*op), right),
            },
            TypedKind::AddDays { value, days } => self.add_days(typed, value, days),
            TypedKind::DaysBetween { from, to } => self.days(to) - self.days(from),
            TypedKind::DatePart { unit, value } => {
                let part =
                    datetime::date_part().call(vec![lit(unit_name(*unit)), self.expr(value)]);
                cast(part, typed)
            }
            TypedKind::DateTrunc { unit, value } => {
                let start =
                    datetime::date_trunc().call(vec![lit(unit_name(*unit)), self.expr(value)]);
                cast(start, typed)
            }
            TypedKind::Case { operand, branches, otherwise } => PlanExpr::Case(CaseWhen::new(
                operand.as_deref().map(boxed),
                branches.iter().map(|(when, then)| (boxed(when), boxed(then))).collect(),
                otherwise.as_deref().map(boxed),
            )),
            TypedKind::Cast(value) => cast(self.expr(value), typed),
            TypedKind::Call { function, arguments } => {
                let of_number = arguments.first().is_some_and(|it| it.data_type().is_number());
                let arguments = arguments.iter().map(|it| self.expr(it)).collect();
                let called = functions::engine_function(*function, of_number).call(arguments);
                functions::as_promised(called, typed.data_type())
            }
            TypedKind::Aggregate { function, argument, distinct } => {
                let argument = argument.as_deref();
                let own = argument.map(Typed::data_type);
                if let (
                    Aggregate::Avg,
                    Type::Decimal(digits, after),
                    Some(Type::Decimal(_, scale)),
                ) = (function, typed.data_type(), own)
                {
                    // The engine's own mean is cut and not rounded.
                    let sum = self.aggregate(Aggregate::Sum, argument, *distinct);
                    let count = self.aggregate(Aggregate::Count, argument, *distinct);
                    return exact::mean((*digits, *after), sum, *scale, count);
                }
                let aggregate = self.aggregate(*function, argument, *distinct);
                let is_decimal = matches!(typed.data_type(), Type::Decimal(..));
                let is_whole = *function == Aggregate::Sum && typed.data_type().is_integer();
                let is_wide = is_decimal && matches!(function, Aggregate::Sum | Aggregate::Median);
                match is_whole || is_wide {
                    true => cast(aggregate, typed),
                    false => aggregate,
                }
            }
        }
    }

    /// A condition that all rows must meet, whatever others say. Whether it is not met or unknown is
    /// the same then, so it needs not be kept apart.
    fn condition(self, typed: &Typed) -> PlanExpr {
        match typed.kind() {
            TypedKind::Compare { op, left, right } => self.binary(left, comparison(*op), right),
            _ => self.expr(typed),
        }
    }

    fn joined(self, items: &[Typed], join: fn(PlanExpr, PlanExpr) -> PlanExpr) -> PlanExpr {
        halved(items.iter().map(|item| self.expr(item)).collect(), join)
    }

    fn binary(self, left: &Typed, op: PlanOperator, right: &Typed) -> PlanExpr {
        let (left, right) = (Box::new(self.expr(left)), Box::new(self.expr(right)));
        PlanExpr::BinaryExpr(BinaryExpr::new(left, op, right))
    }

    /// An integer with room for many to be added up: the engine's own sum wraps around. Whether it is
    /// an integer again is seen when it is made one.
    fn whole(self, value: &Typed) -> PlanExpr {
        PlanExpr::Cast(Cast::new(Box::new(self.expr(value)), types::WHOLE))
    }

    /// A date is a number of days, a timestamp one of microseconds.
    fn add_days(self, whole: &Typed, value: &Typed, days: &Typed) -> PlanExpr {
        let number = |it| PlanExpr::Cast(Cast::new(Box::new(it), types::INT));
        let (value_type, days) = (value.data_type(), number(self.expr(days)));
        if *value_type == Type::Date {
            let later = self.days(value) + days;
            let later = PlanExpr::Cast(Cast::new(Box::new(later), types::DAYS));
            return cast(later, whole);
        }
        let micros = cast(self.expr(value), whole);
        cast(number(micros) + days * lit(MICROS_PER_DAY), whole)
    }

    /// The days since 1970 of a date.
    fn days(self, date: &Typed) -> PlanExpr {
        let days = PlanExpr::Cast(Cast::new(Box::new(self.expr(date)), types::DAYS));
        PlanExpr::Cast(Cast::new(Box::new(days), types::INT))
    }

    fn aggregate(self, function: Aggregate, argument: Option<&Typed>, distinct: bool) -> PlanExpr {
        let argument = match argument {
            None => lit(1),
            Some(it) if function == Aggregate::Sum && it.data_type().is_integer() => self.whole(it),
            Some(it) => match exact::wide((function, distinct), it.data_type()) {
                Some(wide) => PlanExpr::Cast(Cast::new(Box::new(self.expr(it)), wide)),
                None => self.expr(it),
            },
        };
        match (function, distinct) {
            (Aggregate::Sum, false) => aggregate::sum(argument),
            (Aggregate::Sum, true) => aggregate::sum_distinct(argument),
            (Aggregate::Count, false) => aggregate::count(argument),
            (Aggregate::Count, true) => aggregate::count_distinct(argument),
            (Aggregate::Avg, false) => aggregate::avg(argument),
            (Aggregate::Avg, true) => aggregate::avg_distinct(argument),
            (Aggregate::Min, _) => aggregate::min(argument),
            (Aggregate::Max, _) => aggregate::max(argument),
            (Aggregate::Median, false) => aggregate::median(argument),
            (Aggregate::Median, true) => {
                let (arguments, order) = (vec![argument], Vec::new());
                let median = median_udaf();
                PlanExpr::AggregateFunction(AggregateFunction::new_udf(
                    median, arguments, true, None, order, None,
                ))
            }
        }
    }
}

/// A value as the type of a node.
fn cast(value: PlanExpr, node: &Typed) -> PlanExpr {
    match stored_as(node.data_type()) {
        Some(wanted) => PlanExpr::Cast(Cast::new(Box::new(value), wanted)),
        None => value,
    }
}

fn is(value: Box<PlanExpr>, test: Test, negated: bool) -> PlanExpr {
    match (test, negated) {
        (Test::Null, false) => PlanExpr::IsNull(value),
        (Test::Null, true) => PlanExpr::IsNotNull(value),
        (Test::True, false) => PlanExpr::IsTrue(value),
        (Test::True, true) => PlanExpr::IsNotTrue(value),
        (Test::False, false) => PlanExpr::IsFalse(value),
        (Test::False, true) => PlanExpr::IsNotFalse(value),
    }
}

fn comparison(op: Comparison) -> PlanOperator {
    match op {
        Comparison::Equal => PlanOperator::Eq,
        Comparison::NotEqual => PlanOperator::NotEq,
        Comparison::Less => PlanOperator::Lt,
        Comparison::LessOrEqual => PlanOperator::LtEq,
        Comparison::Greater => PlanOperator::Gt,
        Comparison::GreaterOrEqual => PlanOperator::GtEq,
    }
}

fn operator(op: Operator) -> PlanOperator {
    match op {
        Operator::Add => PlanOperator::Plus,
        Operator::Subtract => PlanOperator::Minus,
        Operator::Multiply => PlanOperator::Multiply,
        Operator::Divide => PlanOperator::Divide,
        Operator::Remainder => PlanOperator::Modulo,
        Operator::Concat => PlanOperator::StringConcat,
    }
}

fn unit_name(unit: DateUnit) -> &'static str {
    match unit {
        DateUnit::Year => "year",
        DateUnit::Quarter => "quarter",
        DateUnit::Month => "month",
        DateUnit::Week => "week",
        DateUnit::Day => "day",
        DateUnit::DayOfWeek => "dow",
        DateUnit::DayOfYear => "doy",
        DateUnit::Hour => "hour",
        DateUnit::Minute => "minute",
        DateUnit::Second => "second",
        DateUnit::Epoch => "epoch",
    }
}
