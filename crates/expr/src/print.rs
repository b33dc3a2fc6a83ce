//! The canonical text of an expression: what parses to the same tree again.

use std::fmt::{Display, Formatter, Result};

use crate::{
    expr::{Case, Comparison, Expr, ExprKind, Literal, Operator, Test},
    lexer::is_word,
    parse::{AND, COMPARE, IS, NEGATE, NOT, OR, RESERVED, strength},
    time,
};

/// Binds stronger than any operator.
const PRIMARY: u8 = u8::MAX;

/// Shows canonical SQL, with as few parentheses as it can be read with.
impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_kind(f, self.kind())
    }
}

/// Shows it as SQL writes it.
impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool(true) => f.write_str("TRUE"),
            Self::Bool(false) => f.write_str("FALSE"),
            Self::Int(value) => value.fmt(f),
            Self::UInt(value) => value.fmt(f),
            Self::Float(text) => f.write_str(text),
            Self::Text(text) => f.write_str(&quoted(text, '\'')),
            Self::Date(days) => write!(f, "DATE '{}'", time::show_date(*days)),
            Self::Timestamp { micros, zoned } => {
                write!(f, "TIMESTAMP '{}'", time::show_timestamp(*micros, *zoned))
            }
            Self::Interval(interval) => write!(f, "INTERVAL '{interval}'"),
        }
    }
}

/// Shows the sign.
impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

/// Shows the sign.
impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Concat => "||",
        })
    }
}

/// A column's names as they would be written, quoted where they must be.
pub(crate) fn show_names(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<_> = names.iter().map(|it| show_name(it.as_ref())).collect();
    shown.join(".")
}

fn show_name(name: &str) -> String {
    const SPECIAL: &[&str] = &["current_date", "current_timestamp", "end", "exists"];
    let lower = name.to_ascii_lowercase();
    let is_plain =
        is_word(name) && !RESERVED.contains(&lower.as_str()) && !SPECIAL.contains(&lower.as_str());
    if is_plain { name.to_owned() } else { quoted(name, '"') }
}

fn quoted(text: &str, quote: char) -> String {
    format!("{quote}{}{quote}", text.replace(quote, &format!("{quote}{quote}")))
}

fn own_strength(kind: &ExprKind) -> u8 {
    match kind {
        ExprKind::Or(_) => OR,
        ExprKind::And(_) => AND,
        ExprKind::Not(_) => NOT,
        ExprKind::Is { .. } | ExprKind::Distinct { .. } => IS,
        ExprKind::Compare { .. }
        | ExprKind::In { .. }
        | ExprKind::Between { .. }
        | ExprKind::Like { .. } => COMPARE,
        ExprKind::Arithmetic { op, .. } => strength(*op),
        ExprKind::Negate(_) => NEGATE,
        ExprKind::Literal(_)
        | ExprKind::Column(_)
        | ExprKind::Reference(_)
        | ExprKind::Case { .. }
        | ExprKind::Cast { .. }
        | ExprKind::Call { .. }
        | ExprKind::Aggregate { .. } => PRIMARY,
    }
}

/// Writes an operand, in parentheses when it binds weaker than `floor`.
fn write_at(f: &mut Formatter<'_>, expr: &Expr, floor: u8) -> Result {
    if own_strength(expr.kind()) >= floor {
        return write_kind(f, expr.kind());
    }
    f.write_str("(")?;
    write_kind(f, expr.kind())?;
    f.write_str(")")
}

fn write_kind(f: &mut Formatter<'_>, kind: &ExprKind) -> Result {
    let not = |negated: &bool| if *negated { "NOT " } else { "" };
    match kind {
        ExprKind::Literal(literal) => literal.fmt(f),
        ExprKind::Column(names) => f.write_str(&show_names(names)),
        ExprKind::Reference(name) => write!(f, "{{{{{name}}}}}"),
        ExprKind::Not(value) => {
            f.write_str("NOT ")?;
            write_at(f, value, NOT)
        }
        ExprKind::Negate(value) => write_negated(f, value),
        ExprKind::And(items) => write_joined(f, items, " AND ", AND + 1),
        ExprKind::Or(items) => write_joined(f, items, " OR ", OR + 1),
        ExprKind::Compare { op, left, right } => write_pair(f, left, &op.to_string(), right),
        ExprKind::Distinct { left, right, negated } => {
            write_pair(f, left, &format!("IS {}DISTINCT FROM", not(negated)), right)
        }
        ExprKind::Is { value, test, negated } => {
            write_at(f, value, COMPARE + 1)?;
            write!(f, " IS {}{test}", not(negated))
        }
        ExprKind::In { value, list, negated } => {
            write_at(f, value, COMPARE + 1)?;
            write!(f, " {}IN (", not(negated))?;
            write_joined(f, list, ", ", 0)?;
            f.write_str(")")
        }
        ExprKind::Between { value, low, high, negated } => {
            write_at(f, value, COMPARE + 1)?;
            write!(f, " {}BETWEEN ", not(negated))?;
            write_at(f, low, COMPARE + 1)?;
            f.write_str(" AND ")?;
            write_at(f, high, COMPARE + 1)
        }
        ExprKind::Like { value, pattern, escape, case, negated } => {
            write_pair(f, value, &format!("{}{case}", not(negated)), pattern)?;
            escape.map_or(Ok(()), |it| write!(f, " ESCAPE {}", quoted(&it.to_string(), '\'')))
        }
        ExprKind::Arithmetic { op, left, right } => {
            write_at(f, left, strength(*op))?;
            write!(f, " {op} ")?;
            write_at(f, right, strength(*op) + 1)
        }
        ExprKind::Case { .. }
        | ExprKind::Cast { .. }
        | ExprKind::Call { .. }
        | ExprKind::Aggregate { .. } => write_closed(f, kind),
    }
}

/// Two operands of a comparison.
fn write_pair(f: &mut Formatter<'_>, left: &Expr, between: &str, right: &Expr) -> Result {
    write_at(f, left, COMPARE + 1)?;
    write!(f, " {between} ")?;
    write_at(f, right, COMPARE + 1)
}

/// What has a beginning and an end of its own.
fn write_closed(f: &mut Formatter<'_>, kind: &ExprKind) -> Result {
    if let ExprKind::Case { operand, branches, otherwise } = kind {
        f.write_str("CASE")?;
        if let Some(operand) = operand {
            write!(f, " {operand}")?;
        }
        for (when, then) in branches {
            write!(f, " WHEN {when} THEN {then}")?;
        }
        if let Some(otherwise) = otherwise {
            write!(f, " ELSE {otherwise}")?;
        }
        return f.write_str(" END");
    }
    if let ExprKind::Cast { value, to } = kind {
        return write!(f, "CAST({value} AS {to})");
    }
    if let ExprKind::Call { function, arguments } = kind {
        write!(f, "{}(", function.name())?;
        write_joined(f, arguments, ", ", 0)?;
        return f.write_str(")");
    }
    if let ExprKind::Aggregate { function, argument, distinct } = kind {
        write!(f, "{}({}", function.name(), if *distinct { "DISTINCT " } else { "" })?;
        match argument {
            Some(argument) => write!(f, "{argument})")?,
            None => f.write_str("*)")?,
        }
    }
    Ok(())
}

/// A sign before a number would become part of it, and two would begin a comment.
fn write_negated(f: &mut Formatter<'_>, value: &Expr) -> Result {
    let floor = if matches!(value.kind(), ExprKind::Literal(_)) { None } else { Some(PRIMARY) };
    f.write_str("-")?;
    match floor {
        Some(floor) => write_at(f, value, floor),
        None => write!(f, "({value})"),
    }
}

fn write_joined(f: &mut Formatter<'_>, items: &[Expr], between: &str, floor: u8) -> Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        write_at(f, item, floor)?;
    }
    Ok(())
}

/// Shows the keyword.
impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Null => "NULL",
            Self::True => "TRUE",
            Self::False => "FALSE",
        })
    }
}

/// Shows the keyword.
impl Display for Case {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Sensitive => "LIKE",
            Self::Insensitive => "ILIKE",
        })
    }
}

#[cfg(test)]
mod tests;
