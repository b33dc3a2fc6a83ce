//! The one expression language: filters, selectors, assignments and conditions.
//!
//! A text is [parsed](parse) into an [`Expr`], its `{{NAME}}` references are [expanded](expand), and
//! [`check`] makes a [`Typed`] tree of it against a [`Schema`]: every column found, every conversion
//! written out. It is SQL as far as one row (or one group of rows) needs it. Whatever is wrong is an
//! [`ExprError`] that shows the place.
//!
//! This crate is not an engine: nothing is evaluated here, nothing read, no time told. `today()`
//! and `now()` stay nodes of the tree until whoever executes it injects the time.
//!
//! ```
//! use metalith_expr::{Column, Rules, Schema, Type, check_condition, column, parse};
//!
//! let expr = parse("confidence < .3 AND label IN ('cat', 'dog')")?;
//! assert_eq!(expr.to_string(), "confidence < .3 AND label IN ('cat', 'dog')");
//!
//! let schema = Schema::new([
//!     Column::new("label", Type::Text),
//!     Column::new("confidence", Type::Float),
//!     Column::new("size", Type::Int),
//! ]);
//! let typed = check_condition(&expr, &schema, Rules::default())?;
//! assert_eq!(typed.columns().into_iter().collect::<Vec<_>>(), [0, 1]);
//!
//! // What a program builds is the same as what a person writes.
//! let built = column("label").is_in(["cat", "dog"]).and(column("size").gt(100));
//! assert_eq!(built, parse("label IN ('cat', 'dog') AND size > 100")?);
//! # Ok::<(), metalith_expr::ExprError>(())
//! ```
//!
//! Integers divide to integers, as in most of SQL; times without a zone are taken as UTC; a text
//! next to a date is a date, but a text next to a number is a mistake, and so is `= NULL`.

mod builder;
mod check;
mod error;
mod expand;
mod expr;
mod function;
mod lexer;
mod parse;
mod place;
mod print;
mod schema;
mod time;
mod typed;
mod types;

pub use crate::{
    builder::{call, case, column, column_of, conjunction, count_all, disjunction, lit, reference},
    check::{Aggregates, Rules, check, check_condition, require_boolean, require_type},
    error::{ExprError, Named, Problem},
    expand::{expand, references},
    expr::{Case, Comparison, Expr, ExprKind, Interval, Literal, MAX_DEPTH, Operator, Test},
    function::{Aggregate, DateUnit, Function, Scalar},
    parse::{MAX_LENGTH, Quotes, parse, parse_type, parse_with},
    place::Span,
    schema::{Column, Schema},
    typed::{Typed, TypedKind},
    types::Type,
};
