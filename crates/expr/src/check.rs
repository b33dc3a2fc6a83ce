//! From tree to typed tree.
use crate::{
    error::{ExprError, Problem},
    expr::Expr,
    schema::Schema,
    typed::Typed,
    types::Type,
};

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
    /// `sum`, `count` and the like may be called.
    Allowed,
}

/// Finds the columns, decides every type and writes every conversion out.
pub fn check(expr: &Expr, _schema: &Schema, _rules: Rules) -> Result<Typed, ExprError> {
    Err(ExprError::new(Problem::Empty, expr.place()))
}

/// The same for a condition: refuses what is not a boolean.
pub fn check_condition(expr: &Expr, schema: &Schema, rules: Rules) -> Result<Typed, ExprError> {
    require_boolean(check(expr, schema, rules)?)
}

/// Refuses what is not a boolean; `NULL` becomes one.
pub fn require_boolean(typed: Typed) -> Result<Typed, ExprError> {
    Ok(typed)
}

/// Brings an expression to a type as an assignment would, or refuses.
pub fn require_type(typed: Typed, _wanted: &Type) -> Result<Typed, ExprError> {
    Ok(typed)
}
