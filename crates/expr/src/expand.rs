//! `{{NAME}}` replaced by the expression it names.

use std::collections::{BTreeMap, BTreeSet};

use metalith_base::nearest;

use crate::{
    error::{ExprError, Named, Problem},
    expr::{Expr, ExprKind, MAX_DEPTH},
};

/// How many nodes references may insert in all: a few that name each other twice grow fast.
const MAX_INSERTED: usize = 250_000;

/// Replaces every `{{NAME}}` by the expression of that name, as if it were in parentheses, and
/// what that refers to likewise.
///
/// ```
/// use std::collections::BTreeMap;
///
/// let named = BTreeMap::from([("LOW".to_owned(), metalith_expr::parse("a < 1 OR b < 1")?)]);
/// let expr = metalith_expr::expand(&metalith_expr::parse("{{LOW}} AND c")?, &named)?;
/// assert_eq!(expr.to_string(), "(a < 1 OR b < 1) AND c");
/// # Ok::<(), metalith_expr::ExprError>(())
/// ```
pub fn expand(expr: &Expr, named: &BTreeMap<String, Expr>) -> Result<Expr, ExprError> {
    let mut expansion = Expansion { named, done: BTreeMap::new(), path: Vec::new(), inserted: 0 };
    expansion.expr(expr, 0)
}

/// The names an expression refers to itself, without what those refer to.
pub fn references(expr: &Expr) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    collect(expr, &mut found);
    found
}

fn collect<'a>(expr: &'a Expr, found: &mut BTreeSet<&'a str>) {
    if let ExprKind::Reference(name) = expr.kind() {
        found.insert(name);
    }
    expr.kind().for_each_child(&mut |child| collect(child, found));
}

struct Expansion<'a> {
    named: &'a BTreeMap<String, Expr>,
    done: BTreeMap<&'a str, Expr>,
    path: Vec<&'a str>,
    inserted: usize,
}

impl Expansion<'_> {
    /// Depth counts references as well, since a chain of them nests without growing.
    fn expr(&mut self, expr: &Expr, depth: usize) -> Result<Expr, ExprError> {
        if depth > 2 * MAX_DEPTH {
            return Err(too_large(expr, "deeply nested", format!("{MAX_DEPTH} levels")));
        }
        if let ExprKind::Reference(name) = expr.kind() {
            return self.reference(expr, name, depth);
        }
        let kind = map_children(expr.kind(), &mut |child| self.expr(child, depth + 1))?;
        let expanded = Expr::new(kind, expr.known_place().cloned());
        if expanded.height() > MAX_DEPTH {
            return Err(too_large(expr, "deeply nested", format!("{MAX_DEPTH} levels")));
        }
        Ok(expanded)
    }

    fn reference(&mut self, at: &Expr, name: &str, depth: usize) -> Result<Expr, ExprError> {
        let Some((name, meaning)) = self.named.get_key_value(name) else {
            return Err(self.unknown(at, name));
        };
        if let Some(start) = self.path.iter().position(|it| it == name) {
            let around = self.path[start..].iter().copied().chain([name.as_str()]);
            let path = around.map(str::to_owned).collect();
            return Err(ExprError::new(Problem::Cycle { path }, at.place()));
        }
        if !self.done.contains_key(name.as_str()) {
            self.path.push(name);
            let expanded = self.expr(meaning, depth + 1)?;
            self.path.pop();
            self.done.insert(name, expanded);
        }
        let expanded = &self.done[name.as_str()];
        self.inserted += expanded.size();
        if self.inserted > MAX_INSERTED {
            let limit = format!("{MAX_INSERTED} nodes from references");
            return Err(too_large(at, "large", limit));
        }
        Ok(expanded.clone())
    }

    fn unknown(&self, at: &Expr, name: &str) -> ExprError {
        let known = self.named.keys().map(String::as_str);
        let advice = match nearest(name, known.clone()) {
            Some(near) => Some(format!("did you mean `{{{{{near}}}}}`?")),
            None if self.named.is_empty() => Some("no expression has a name here".to_owned()),
            None => Some(format!("known names are {}", known.collect::<Vec<_>>().join(", "))),
        };
        let problem = Problem::Unknown { what: Named::Reference, name: name.to_owned(), advice };
        ExprError::new(problem, at.place())
    }
}

fn too_large(at: &Expr, how: &'static str, limit: String) -> ExprError {
    ExprError::new(Problem::TooLarge { how, limit }, at.place())
}

type Map<'a> = &'a mut dyn FnMut(&Expr) -> Result<Expr, ExprError>;

fn boxed(expr: &Expr, map: Map<'_>) -> Result<Box<Expr>, ExprError> {
    map(expr).map(Box::new)
}

fn all(items: &[Expr], map: Map<'_>) -> Result<Vec<Expr>, ExprError> {
    items.iter().map(map).collect()
}

fn option(expr: Option<&Expr>, map: Map<'_>) -> Result<Option<Box<Expr>>, ExprError> {
    expr.map(|it| boxed(it, map)).transpose()
}

/// The same node with other children.
fn map_children(kind: &ExprKind, map: Map<'_>) -> Result<ExprKind, ExprError> {
    Ok(match kind {
        ExprKind::Literal(_) | ExprKind::Column(_) | ExprKind::Reference(_) => kind.clone(),
        ExprKind::Not(value) => ExprKind::Not(boxed(value, map)?),
        ExprKind::Negate(value) => ExprKind::Negate(boxed(value, map)?),
        ExprKind::And(items) => ExprKind::And(all(items, map)?),
        ExprKind::Or(items) => ExprKind::Or(all(items, map)?),
        ExprKind::Compare { op, left, right } => {
            ExprKind::Compare { op: *op, left: boxed(left, map)?, right: boxed(right, map)? }
        }
        ExprKind::Distinct { left, right, negated } => {
            let (left, right) = (boxed(left, map)?, boxed(right, map)?);
            ExprKind::Distinct { left, right, negated: *negated }
        }
        ExprKind::Is { value, test, negated } => {
            ExprKind::Is { value: boxed(value, map)?, test: *test, negated: *negated }
        }
        ExprKind::In { value, list, negated } => {
            ExprKind::In { value: boxed(value, map)?, list: all(list, map)?, negated: *negated }
        }
        ExprKind::Between { value, low, high, negated } => {
            let (value, low, high) = (boxed(value, map)?, boxed(low, map)?, boxed(high, map)?);
            ExprKind::Between { value, low, high, negated: *negated }
        }
        ExprKind::Like { value, pattern, escape, case, negated } => {
            let (value, pattern) = (boxed(value, map)?, boxed(pattern, map)?);
            ExprKind::Like { value, pattern, escape: *escape, case: *case, negated: *negated }
        }
        ExprKind::Arithmetic { op, left, right } => {
            ExprKind::Arithmetic { op: *op, left: boxed(left, map)?, right: boxed(right, map)? }
        }
        ExprKind::Case { operand, branches, otherwise } => {
            let operand = option(operand.as_deref(), map)?;
            let branches = branches.iter().map(|(when, then)| Ok((map(when)?, map(then)?)));
            let branches = branches.collect::<Result<_, ExprError>>()?;
            ExprKind::Case { operand, branches, otherwise: option(otherwise.as_deref(), map)? }
        }
        ExprKind::Cast { value, to } => {
            ExprKind::Cast { value: boxed(value, map)?, to: to.clone() }
        }
        ExprKind::Call { function, arguments } => {
            ExprKind::Call { function, arguments: all(arguments, map)? }
        }
        ExprKind::Aggregate { function, argument, distinct } => {
            let argument = option(argument.as_deref(), map)?;
            ExprKind::Aggregate { function: *function, argument, distinct: *distinct }
        }
    })
}

#[cfg(test)]
mod tests;
