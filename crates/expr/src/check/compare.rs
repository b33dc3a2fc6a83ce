//! Comparisons: both sides of one type, and never with `NULL`.

use super::{Checker, coerce, is_null, typed};
use crate::{
    check::coerce::Operand,
    error::{ExprError, Problem},
    expr::{Case, Comparison, Expr},
    parse::shortened,
    typed::{Typed, TypedKind},
    types::Type,
};

impl Checker<'_> {
    pub(super) fn compare(
        &mut self,
        expr: &Expr,
        op: Comparison,
        (left, right): (&Expr, &Expr),
    ) -> Result<Typed, ExprError> {
        let null = [(left, right), (right, left)].into_iter().find(|(it, _)| is_null(it));
        if let Some((null, other)) = null {
            let other = shortened(other.place().text());
            let advice = match op {
                Comparison::Equal => format!("write `{other} IS NULL`"),
                Comparison::NotEqual => format!("write `{other} IS NOT NULL`"),
                Comparison::Less
                | Comparison::LessOrEqual
                | Comparison::Greater
                | Comparison::GreaterOrEqual => {
                    format!("NULL is neither more nor less; write `{other} IS NOT NULL`")
                }
            };
            return Err(ExprError::new(Problem::NullComparison { advice }, null.place()));
        }
        let items = vec![self.operand(left)?, self.operand(right)?];
        if !matches!(op, Comparison::Equal | Comparison::NotEqual) {
            refuse_unordered(&items)?;
        }
        let (left, right) = unified_pair(expr, items)?;
        Ok(typed(TypedKind::Compare { op, left, right }, Type::Bool, expr))
    }

    pub(super) fn distinct(
        &mut self,
        expr: &Expr,
        (left, right): (&Expr, &Expr),
        negated: bool,
    ) -> Result<Typed, ExprError> {
        let items = vec![self.operand(left)?, self.operand(right)?];
        let (left, right) = unified_pair(expr, items)?;
        Ok(typed(TypedKind::Distinct { left, right, negated }, Type::Bool, expr))
    }

    pub(super) fn within(
        &mut self,
        expr: &Expr,
        (value, list): (&Expr, &[Expr]),
        negated: bool,
    ) -> Result<Typed, ExprError> {
        refuse_nulls(value, &list.iter().collect::<Vec<_>>())?;
        let mut items = vec![self.operand(value)?];
        items.extend(self.operands(list)?);
        let (mut items, _) = coerce::unified(expr, items, "compare")?;
        let list = items.split_off(1);
        let value = Box::new(items.swap_remove(0));
        Ok(typed(TypedKind::In { value, list, negated }, Type::Bool, expr))
    }

    pub(super) fn between(
        &mut self,
        expr: &Expr,
        [value, low, high]: [&Expr; 3],
        negated: bool,
    ) -> Result<Typed, ExprError> {
        refuse_nulls(value, &[low, high])?;
        let items = vec![self.operand(value)?, self.operand(low)?, self.operand(high)?];
        refuse_unordered(&items)?;
        let (mut items, _) = coerce::unified(expr, items, "compare")?;
        let high = Box::new(items.swap_remove(2));
        let low = Box::new(items.swap_remove(1));
        let value = Box::new(items.swap_remove(0));
        Ok(typed(TypedKind::Between { value, low, high, negated }, Type::Bool, expr))
    }

    pub(super) fn like(
        &mut self,
        expr: &Expr,
        (value, pattern): (&Expr, &Expr),
        (escape, case, negated): (Option<char>, Case, bool),
    ) -> Result<Typed, ExprError> {
        let value = Box::new(self.text(value, &format!("the value before `{case}`"))?);
        let pattern = Box::new(self.text(pattern, &format!("the pattern of `{case}`"))?);
        let kind = TypedKind::Like { value, pattern, escape, case, negated };
        Ok(typed(kind, Type::Bool, expr))
    }

    /// Text, or refused.
    fn text(&mut self, expr: &Expr, what: &str) -> Result<Typed, ExprError> {
        super::call::text(self.operand(expr)?, what)
    }
}

/// `NULL` among values to compare with is never equal to anything.
pub(super) fn refuse_nulls(value: &Expr, others: &[&Expr]) -> Result<(), ExprError> {
    let Some(null) = others.iter().copied().chain([value]).find(|it| is_null(it)) else {
        return Ok(());
    };
    let advice = match is_null(value) {
        true => "compare something that can have a value".to_owned(),
        false => {
            let value = shortened(value.place().text());
            format!("leave NULL out, and write `{value} IS NULL` for it")
        }
    };
    Err(ExprError::new(Problem::NullComparison { advice }, null.place()))
}

fn unified_pair(
    expr: &Expr,
    items: Vec<Operand<'_>>,
) -> Result<(Box<Typed>, Box<Typed>), ExprError> {
    let (mut items, _) = coerce::unified(expr, items, "compare")?;
    let right = Box::new(items.swap_remove(1));
    Ok((Box::new(items.swap_remove(0)), right))
}

/// Lists and structs are equal or not, but neither more nor less.
fn refuse_unordered(items: &[Operand<'_>]) -> Result<(), ExprError> {
    let unordered = |it: &&Operand<'_>| matches!(it.data_type(), Type::List(_) | Type::Struct(_));
    match items.iter().find(unordered) {
        None => Ok(()),
        Some(item) => Err(ExprError::new(
            Problem::WrongType {
                what: format!("`{}`", item.text()),
                wanted: "something with an order".into(),
                found: item.data_type().clone(),
                advice: Some("compare lists and structs with = or <> only".to_owned()),
            },
            item.expr.place(),
        )),
    }
}
