//! What stands alone: literals, names, calls, and whatever is in parentheses.

use super::{
    Parser,
    operator::{CAST, NEGATE, NOT},
};
use crate::{
    error::{ExprError, Problem},
    expr::{Expr, ExprKind, Literal},
    lexer::{Symbol, Token, TokenKind, unquoted},
};

/// Words that no column can have without quotes.
pub(crate) const RESERVED: &[&str] = &[
    "and", "or", "not", "in", "between", "like", "ilike", "is", "null", "true", "false", "case",
    "when", "then", "else", "select", "distinct",
];

impl Parser<'_> {
    pub(super) fn operand(&mut self) -> Result<Expr, ExprError> {
        let token = self.peek();
        let start = token.span.start;
        match token.kind {
            TokenKind::Number => {
                self.next();
                let literal = self.number(token, "")?;
                self.node(start, ExprKind::Literal(literal))
            }
            TokenKind::Text => {
                self.next();
                let text = unquoted(self.text(token));
                self.node(start, ExprKind::Literal(Literal::Text(text)))
            }
            TokenKind::Reference => {
                self.next();
                let name = self.text(token).trim_matches(['{', '}']).trim().to_owned();
                self.node(start, ExprKind::Reference(name))
            }
            TokenKind::Quoted => self.column(),
            TokenKind::Word => self.word(token),
            TokenKind::Symbol(Symbol::Minus) => self.minus(),
            TokenKind::Symbol(Symbol::Plus) => {
                self.next();
                self.expression(NEGATE)
            }
            TokenKind::Symbol(Symbol::Open) => self.parenthesised(),
            TokenKind::Symbol(_) | TokenKind::End => Err(self.unexpected("an expression")),
        }
    }

    /// What is in parentheses after `(` up to `)`, at least one expression.
    pub(super) fn list(&mut self) -> Result<Vec<Expr>, ExprError> {
        self.refuse_query()?;
        if self.is_symbol(Symbol::Close) {
            return Err(self.unexpected("at least one value"));
        }
        let mut items = vec![self.expression(0)?];
        while self.eat_symbol(Symbol::Comma) {
            items.push(self.expression(0)?);
        }
        self.expect_symbol(Symbol::Close, "`,` or `)`")?;
        Ok(items)
    }

    pub(super) fn unsupported(&self, what: &'static str, instead: &'static str) -> ExprError {
        let place = self.place_of(self.peek().span);
        ExprError::new(Problem::Unsupported { what, instead }, place)
    }

    fn refuse_query(&self) -> Result<(), ExprError> {
        let begins_query =
            self.is_word(0, "select") || self.is_word(0, "with") && self.is_word(2, "as");
        match begins_query {
            true => {
                Err(self.unsupported("a subquery", "use the columns of the row, or list values"))
            }
            false => Ok(()),
        }
    }

    fn parenthesised(&mut self) -> Result<Expr, ExprError> {
        self.next();
        self.refuse_query()?;
        let expr = self.expression(0)?;
        if self.is_symbol(Symbol::Comma) {
            let advice = Some("a list stands after IN only".to_owned());
            return Err(self.unexpected_but("`)`", advice));
        }
        self.expect_symbol(Symbol::Close, "an operator or `)`")?;
        Ok(expr)
    }

    /// `-5` is one number; `-x` is an operation.
    fn minus(&mut self) -> Result<Expr, ExprError> {
        let start = self.next().span.start;
        let token = self.peek();
        if token.kind == TokenKind::Number {
            self.next();
            let literal = self.number(token, "-")?;
            return self.node(start, ExprKind::Literal(literal));
        }
        let value = Box::new(self.expression(NEGATE)?);
        self.node(start, ExprKind::Negate(value))
    }

    fn word(&mut self, token: Token) -> Result<Expr, ExprError> {
        let start = token.span.start;
        let word = self.text(token).to_ascii_lowercase();
        let literal = match word.as_str() {
            "null" => Some(Literal::Null),
            "true" => Some(Literal::Bool(true)),
            "false" => Some(Literal::Bool(false)),
            "date" | "timestamp" | "timestamptz" | "interval" => self.prefixed_literal(&word)?,
            _ => None,
        };
        if let Some(literal) = literal {
            // A prefixed literal has been read as a whole already.
            self.at += usize::from(self.peek().span.start == start);
            return self.node(start, ExprKind::Literal(literal));
        }
        let calls = self.peek_at(1).kind == TokenKind::Symbol(Symbol::Open);
        match word.as_str() {
            "not" => {
                self.next();
                let value = Box::new(self.expression(NOT)?);
                self.node(start, ExprKind::Not(value))
            }
            "case" => self.case(),
            "exists" if calls => {
                Err(self.unsupported("a subquery", "use the columns of the row, or list values"))
            }
            "select" => Err(self.unsupported("a subquery", "use the columns of the row")),
            "current_date" | "current_timestamp" if !calls => self.call_without_parentheses(&word),
            _ if calls => self.call(),
            _ if RESERVED.contains(&word.as_str()) => {
                let quoted = format!("quote it if it names a column: \"{}\"", self.text(token));
                Err(self.unexpected_but("an expression", Some(quoted)))
            }
            _ => self.column(),
        }
    }

    /// `a`, `a.b`, `"a".b.c`.
    fn column(&mut self) -> Result<Expr, ExprError> {
        let first = self.next();
        let mut names = vec![self.name(first)];
        while self.eat_symbol(Symbol::Dot) {
            let token = self.peek();
            if !matches!(token.kind, TokenKind::Word | TokenKind::Quoted) {
                return Err(self.unexpected("a name after the dot"));
            }
            self.next();
            names.push(self.name(token));
        }
        if self.is_symbol(Symbol::Open) {
            return Err(self.unexpected("an operator or the end, as this is no function"));
        }
        self.node(first.span.start, ExprKind::Column(names))
    }

    fn name(&self, token: Token) -> String {
        match token.kind == TokenKind::Quoted {
            true => unquoted(self.text(token)),
            false => self.text(token).to_owned(),
        }
    }

    fn case(&mut self) -> Result<Expr, ExprError> {
        let start = self.next().span.start;
        let operand = match self.is_word(0, "when") {
            true => None,
            false => Some(Box::new(self.expression(0)?)),
        };
        let mut branches = Vec::new();
        while self.eat_word("when") {
            let when = self.expression(0)?;
            self.expect_word("THEN")?;
            branches.push((when, self.expression(0)?));
        }
        if branches.is_empty() {
            return Err(self.unexpected("WHEN"));
        }
        let otherwise = match self.eat_word("else") {
            true => Some(Box::new(self.expression(0)?)),
            false => None,
        };
        let expected = if otherwise.is_some() { "END" } else { "WHEN, ELSE or END" };
        if !self.eat_word("end") {
            return Err(self.unexpected(expected));
        }
        self.node(start, ExprKind::Case { operand, branches, otherwise })
    }
}

/// `::` binds stronger than a sign, so a sign's operand never includes one.
const _: () = assert!(CAST > NEGATE);
