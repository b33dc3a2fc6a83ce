//! The one expression language: filters, selectors, assignments and conditions.
//!
//! A text is parsed into an [`Expr`], `{{NAME}}` references are [expanded](expand), and [`check`]
//! makes a [`Typed`] tree of it against a [`Schema`]: every column found, every conversion written
//! out. It is SQL as far as one row (or one group of rows) needs it.
//!
//! This crate is not an engine: nothing is evaluated here, nothing read, no time told. `today()`
//! and `now()` stay nodes of the tree until whoever executes it injects the time.

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
    parse::{MAX_LENGTH, Quotes, parse, parse_with},
    place::Span,
    schema::{Column, Schema},
    typed::{Typed, TypedKind},
    types::Type,
};
