//! Placeholders that nobody fills, and names that are not read as names.

use metalith_expr::{Expr, ExprKind, Literal};

/// What is wrong with a text, and what to write instead.
pub(crate) struct Misread {
    pub(crate) reason: String,
    pub(crate) hint: String,
}

/// The first `${NAME}` of a text.
pub(crate) fn variable_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("${")?;
    rest.split_once('}').map(|(name, _)| name)
}

/// A `${NAME}` in an expression, where nothing takes its place: a text could become a condition.
pub(crate) fn in_text(text: &str) -> Option<Misread> {
    let name = variable_in(text)?;
    Some(Misread {
        reason: format!("`${{{name}}}` is not filled in within an expression"),
        hint: format!("write {{{{{name}}}}} without quotes"),
    })
}

/// A `{{NAME}}` within quotes, which is nothing but text.
pub(crate) fn in_quotes(expr: &Expr) -> Option<Misread> {
    find(expr, &mut |it| {
        let ExprKind::Literal(Literal::Text(text)) = it.kind() else { return None };
        let (_, rest) = text.split_once("{{")?;
        let name = rest.split_once("}}")?.0.trim();
        Some(Misread {
            reason: format!("`{{{{{name}}}}}` within quotes is text, and not what it names"),
            hint: format!("write {{{{{name}}}}} without quotes"),
        })
    })
}

/// A comparison that is the same for each row, because a column's name stands in double quotes, and
/// those are text.
pub(crate) fn quoted_column(
    expr: &Expr,
    column: &dyn Fn(&str) -> Option<String>,
) -> Option<Misread> {
    find(expr, &mut |it| {
        let compares = match it.kind() {
            ExprKind::Compare { .. }
            | ExprKind::Distinct { .. }
            | ExprKind::Is { .. }
            | ExprKind::In { .. }
            | ExprKind::Between { .. }
            | ExprKind::Like { .. } => true,
            ExprKind::Case { operand, .. } => operand.is_some(),
            _ => false,
        };
        let reads = |it: &Expr| {
            matches!(it.kind(), ExprKind::Column(_) | ExprKind::Aggregate { .. }).then_some(())
        };
        if !compares || find(it, &mut |it| reads(it)).is_some() {
            return None;
        }
        let name = find(it, &mut |it| match it.kind() {
            ExprKind::Literal(Literal::Text(text)) if it.written()?.starts_with('"') => {
                column(text)
            }
            _ => None,
        })?;
        Some(Misread {
            reason: format!("\"{name}\" is text here and not the column, so each row is the same"),
            hint: format!("write {name} without quotes"),
        })
    })
}

/// The first thing found in an expression, from the outside in.
fn find<T>(expr: &Expr, look: &mut dyn FnMut(&Expr) -> Option<T>) -> Option<T> {
    let mut found = look(expr);
    expr.kind().for_each_child(&mut |child| {
        if found.is_none() {
            found = find(child, look);
        }
    });
    found
}
