//! From tree to typed tree: names found, types decided, conversions written out.

use crate::{
    error::{ExprError, Named, Problem},
    expr::{Expr, ExprKind, Literal, MAX_DEPTH, Test},
    place::Place,
    print::show_names,
    schema::{Found, Missing, Schema},
    typed::{Typed, TypedKind},
    types::Type,
};

mod arithmetic;
mod call;
mod coerce;
mod compare;
mod convert;
mod decimal;

use self::coerce::Operand;

/// What an expression may contain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Whether rows may be aggregated.
    pub aggregates: Aggregates,
}

/// Whether rows may be aggregated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aggregates {
    /// Each row stands alone, as in a filter.
    #[default]
    Refused,
    /// `sum`, `count` and the like may be called, though not within each other. Whether columns
    /// may stand beside them is for the caller to say, who knows what rows are grouped by.
    Allowed,
}

/// Finds the columns, decides every type and writes every conversion out.
///
/// ```
/// use metalith_expr::{Column, Rules, Schema, Type, check, parse};
///
/// let schema = Schema::new([Column::new("confidence", Type::Float)]);
/// let error = check(&parse("confidnce < 0.3")?, &schema, Rules::default()).unwrap_err();
/// assert_eq!(error.to_string(), "unknown column `confidnce`\n  confidnce < 0.3\n  ^^^^^^^^^");
/// # Ok::<(), metalith_expr::ExprError>(())
/// ```
pub fn check(expr: &Expr, schema: &Schema, rules: Rules) -> Result<Typed, ExprError> {
    if expr.height() > MAX_DEPTH {
        // Only a program can build this; showing it would exhaust the stack it protects.
        let place = expr.known_place().cloned().unwrap_or_else(|| Place::whole(""));
        let limit = format!("{MAX_DEPTH} levels");
        return Err(ExprError::new(Problem::TooLarge { how: "deeply nested", limit }, place));
    }
    Checker { schema, rules, within_aggregate: false }.expr(expr)
}

/// The same for a condition: refuses what is not a boolean.
pub fn check_condition(expr: &Expr, schema: &Schema, rules: Rules) -> Result<Typed, ExprError> {
    let typed = check(expr, schema, rules)?;
    coerce::boolean(Operand { expr, typed }, "a condition")
}

/// Refuses what is not a boolean; `NULL` becomes one.
pub fn require_boolean(typed: Typed) -> Result<Typed, ExprError> {
    let place = typed.place().cloned().unwrap_or_else(|| Place::whole(""));
    coerce::boolean_at(typed, "a condition", || place)
}

/// Brings an expression to the type of the column it is assigned to, or refuses.
///
/// Converts what cannot lose anything: integers to floats and decimals, dates to timestamps,
/// literal text to dates. A signed integer becomes an unsigned one, which fails when a row has a
/// negative number.
pub fn require_type(typed: Typed, wanted: &Type) -> Result<Typed, ExprError> {
    convert::assign(typed, wanted)
}

struct Checker<'a> {
    schema: &'a Schema,
    rules: Rules,
    within_aggregate: bool,
}

impl Checker<'_> {
    fn expr(&mut self, expr: &Expr) -> Result<Typed, ExprError> {
        match expr.kind() {
            ExprKind::Literal(literal) => Ok(coerce::literal(literal.clone(), expr)),
            ExprKind::Column(names) => self.column(expr, names),
            ExprKind::Reference(name) => Err(unresolved(expr, name)),
            ExprKind::Not(value) => self.not(expr, value),
            ExprKind::And(items) => {
                let items = self.booleans(items, "an operand of `AND`")?;
                Ok(typed(TypedKind::And(items), Type::Bool, expr))
            }
            ExprKind::Or(items) => {
                let items = self.booleans(items, "an operand of `OR`")?;
                Ok(typed(TypedKind::Or(items), Type::Bool, expr))
            }
            ExprKind::Negate(value) => self.negate(expr, value),
            ExprKind::Arithmetic { op, left, right } => {
                let (left, right) = (self.operand(left)?, self.operand(right)?);
                arithmetic::combine(expr, *op, left, right)
            }
            ExprKind::Is { value, test, negated } => self.is(expr, value, *test, *negated),
            ExprKind::Compare { op, left, right } => self.compare(expr, *op, (left, right)),
            ExprKind::Distinct { left, right, negated } => {
                self.distinct(expr, (left, right), *negated)
            }
            ExprKind::In { value, list, negated } => self.within(expr, (value, list), *negated),
            ExprKind::Between { value, low, high, negated } => {
                self.between(expr, [value, low, high], *negated)
            }
            ExprKind::Like { value, pattern, escape, case, negated } => {
                self.like(expr, (value, pattern), (*escape, *case, *negated))
            }
            ExprKind::Case { operand, branches, otherwise } => {
                self.case(expr, operand.as_deref(), branches, otherwise.as_deref())
            }
            ExprKind::Cast { value, to } => {
                let value = self.operand(value)?;
                convert::cast(expr, value, to)
            }
            ExprKind::Call { function, arguments } => self.call(expr, function, arguments),
            ExprKind::Aggregate { function, argument, distinct } => {
                self.aggregate(expr, *function, argument.as_deref(), *distinct)
            }
        }
    }

    fn operand<'e>(&mut self, expr: &'e Expr) -> Result<Operand<'e>, ExprError> {
        Ok(Operand { expr, typed: self.expr(expr)? })
    }

    fn operands<'e>(&mut self, items: &'e [Expr]) -> Result<Vec<Operand<'e>>, ExprError> {
        items.iter().map(|it| self.operand(it)).collect()
    }

    fn not(&mut self, expr: &Expr, value: &Expr) -> Result<Typed, ExprError> {
        let value = Box::new(self.boolean(value, "the operand of `NOT`")?);
        Ok(typed(TypedKind::Not(value), Type::Bool, expr))
    }

    fn boolean(&mut self, expr: &Expr, what: &str) -> Result<Typed, ExprError> {
        coerce::boolean(self.operand(expr)?, what)
    }

    fn booleans(&mut self, items: &[Expr], what: &str) -> Result<Vec<Typed>, ExprError> {
        items.iter().map(|it| self.boolean(it, what)).collect()
    }

    fn column(&self, expr: &Expr, names: &[String]) -> Result<Typed, ExprError> {
        let Found { index, members } = match self.schema.resolve(names) {
            Ok(found) => found,
            Err(missing) => return Err(not_found(expr, names, missing)),
        };
        let data_type = self.schema.columns()[index].data_type.clone();
        let mut value = typed(TypedKind::Column(index), data_type, expr);
        for (name, data_type) in members {
            let member = TypedKind::Member { value: Box::new(value), name };
            value = typed(member, data_type, expr);
        }
        Ok(value)
    }

    fn is(
        &mut self,
        expr: &Expr,
        value: &Expr,
        test: Test,
        negated: bool,
    ) -> Result<Typed, ExprError> {
        let value = match test {
            Test::Null => self.expr(value)?,
            Test::True | Test::False => {
                self.boolean(value, &format!("the value before `IS {test}`"))?
            }
        };
        let kind = TypedKind::Is { value: Box::new(value), test, negated };
        Ok(typed(kind, Type::Bool, expr))
    }

    fn case(
        &mut self,
        expr: &Expr,
        operand: Option<&Expr>,
        branches: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
    ) -> Result<Typed, ExprError> {
        let whens: Vec<_> = branches.iter().map(|(when, _)| when).collect();
        let (operand, whens) = match operand {
            Some(operand) => {
                compare::refuse_nulls(operand, &whens)?;
                let mut items = vec![self.operand(operand)?];
                for when in whens {
                    items.push(self.operand(when)?);
                }
                let (mut items, _) = coerce::unified(expr, items, "compare")?;
                let whens = items.split_off(1);
                (items.pop().map(Box::new), whens)
            }
            None => {
                let what = "a condition after `WHEN`";
                let whens = whens.into_iter().map(|it| self.boolean(it, what));
                (None, whens.collect::<Result<_, _>>()?)
            }
        };
        let results = branches.iter().map(|(_, then)| then).chain(otherwise);
        let results = results.map(|it| self.operand(it)).collect::<Result<_, _>>()?;
        let (mut results, data_type) = coerce::unified(expr, results, "choose between")?;
        let otherwise = results.split_off(whens.len()).pop().map(Box::new);
        let branches = whens.into_iter().zip(results).collect();
        Ok(typed(TypedKind::Case { operand, branches, otherwise }, data_type, expr))
    }
}

/// A node where the expression was written.
fn typed(kind: TypedKind, data_type: Type, expr: &Expr) -> Typed {
    Typed::new(kind, data_type, expr.known_place().cloned())
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr.kind(), ExprKind::Literal(Literal::Null))
}

fn unresolved(expr: &Expr, name: &str) -> ExprError {
    let advice = Some("named expressions are not known here".to_owned());
    let problem = Problem::Unknown { what: Named::Reference, name: name.to_owned(), advice };
    ExprError::new(problem, expr.place())
}

fn not_found(expr: &Expr, names: &[String], missing: Missing) -> ExprError {
    let place = expr.place();
    let problem = match missing {
        Missing::Ambiguous { candidates, advice } => {
            Problem::Ambiguous { name: show_names(names), candidates, advice }
        }
        Missing::Member { advice } => {
            Problem::Unknown { what: Named::Member, name: show_names(names), advice }
        }
        Missing::Column { advice } => {
            // Half of the world writes text this way.
            let advice = match (place.text().starts_with('"'), names) {
                (true, [name]) if !advice.as_ref().is_some_and(|it| it.starts_with("did")) => {
                    let text = Literal::Text(name.clone());
                    Some(format!("\"…\" is a name; write text as {text}"))
                }
                _ => advice,
            };
            let name = match names {
                [name] => name.clone(),
                _ => show_names(names),
            };
            Problem::Unknown { what: Named::Column, name, advice }
        }
    };
    ExprError::new(problem, place)
}

#[cfg(test)]
mod tests;
