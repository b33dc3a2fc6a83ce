//! From text to tree.

use std::{str::FromStr, sync::Arc};

use crate::{
    error::{ExprError, Problem},
    expr::{Expr, ExprKind, MAX_DEPTH},
    lexer::{Symbol, Token, TokenKind, tokens},
    place::{Place, Span},
    types::Type,
};

mod call;
mod literal;
mod operand;
mod operator;
mod statement;

pub(crate) use self::{
    operand::RESERVED,
    operator::{AND, COMPARE, IS, NEGATE, NOT, OR, strength},
};

/// The longest text that is parsed, in bytes.
pub const MAX_LENGTH: usize = 1 << 20;

/// How often an expression may be parsed within another. Twice the height of a tree, since each of
/// its levels may be written in parentheses.
const MAX_RECURSION: usize = 2 * MAX_DEPTH;

/// What `"…"` means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quotes {
    /// A name, as in SQL.
    #[default]
    Identifier,
    /// Text, as `'…'` is; names are quoted with backticks.
    Text,
}

/// Parses an expression as SQL writes it.
///
/// ```
/// let expr = metalith_expr::parse("confidence < .3 and note != 'it''s'")?;
/// assert_eq!(expr.to_string(), "confidence < .3 AND note <> 'it''s'");
/// # Ok::<(), metalith_expr::ExprError>(())
/// ```
pub fn parse(text: &str) -> Result<Expr, ExprError> {
    parse_with(text, Quotes::Identifier)
}

/// Parses an expression in a dialect.
pub fn parse_with(text: &str, quotes: Quotes) -> Result<Expr, ExprError> {
    let source: Arc<str> = Arc::from(text);
    if text.len() > MAX_LENGTH {
        let limit = format!("{MAX_LENGTH} bytes");
        let place = Place::new(&source, Span { start: 0, end: 0 });
        return Err(ExprError::new(Problem::TooLarge { how: "long", limit }, place));
    }
    let tokens = tokens(&source, quotes)?;
    let mut parser = Parser { source: &source, tokens: &tokens, at: 0, depth: 0 };
    parser.refuse_statements()?;
    let expr = parser.expression(0)?;
    parser.expect_end()?;
    Ok(expr)
}

/// Parses the name of a type, as `CAST` takes it.
///
/// ```
/// use metalith_expr::{Type, parse_type};
///
/// assert_eq!(parse_type("decimal(10, 2)")?, Type::Decimal(10, 2));
/// # Ok::<(), metalith_expr::ExprError>(())
/// ```
pub fn parse_type(text: &str) -> Result<Type, ExprError> {
    let source: Arc<str> = Arc::from(text);
    let tokens = tokens(&source, Quotes::Identifier)?;
    let mut parser = Parser { source: &source, tokens: &tokens, at: 0, depth: 0 };
    let found = parser.type_name()?;
    parser.expect_end()?;
    Ok(found)
}

/// Parses as [`parse`] does.
impl FromStr for Expr {
    type Err = ExprError;

    fn from_str(text: &str) -> Result<Self, ExprError> {
        parse(text)
    }
}

/// Walks the tokens. Precedence climbs from [`Parser::expression`]; see `operator` for the levels.
struct Parser<'a> {
    source: &'a Arc<str>,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// An expression of operators that bind at least as strongly as `floor`.
    fn expression(&mut self, floor: u8) -> Result<Expr, ExprError> {
        if self.depth > MAX_RECURSION {
            return Err(too_deep(self.place_of(self.peek().span)));
        }
        self.depth += 1;
        let expr = self.climb(floor);
        self.depth -= 1;
        expr
    }

    /// A node from `start` to the last token read.
    fn node(&self, start: usize, kind: ExprKind) -> Result<Expr, ExprError> {
        let place = self.place_from(start);
        let expr = Expr::new(kind, Some(place));
        if expr.height() > MAX_DEPTH {
            return Err(too_deep(expr.place()));
        }
        Ok(expr)
    }

    fn peek(&self) -> Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Token {
        let last = self.tokens.len() - 1;
        self.tokens[(self.at + ahead).min(last)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek();
        self.at += usize::from(token.kind != TokenKind::End);
        token
    }

    fn text(&self, token: Token) -> &'a str {
        &self.source[token.span.start..token.span.end]
    }

    fn place_of(&self, span: Span) -> Place {
        Place::new(self.source, span)
    }

    /// From `start` to the end of the last token read.
    fn place_from(&self, start: usize) -> Place {
        let end = self.at.checked_sub(1).map_or(start, |last| self.tokens[last].span.end);
        self.place_of(Span { start, end })
    }

    fn is_symbol(&self, symbol: Symbol) -> bool {
        self.peek().kind == TokenKind::Symbol(symbol)
    }

    fn eat_symbol(&mut self, symbol: Symbol) -> bool {
        let found = self.is_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect_symbol(&mut self, symbol: Symbol, expected: &'static str) -> Result<(), ExprError> {
        if self.eat_symbol(symbol) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        let token = self.peek_at(ahead);
        token.kind == TokenKind::Word && self.text(token).eq_ignore_ascii_case(word)
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(0, word);
        self.at += usize::from(found);
        found
    }

    fn expect_word(&mut self, word: &'static str) -> Result<(), ExprError> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    /// The next token is not what had to come.
    fn unexpected(&self, expected: &'static str) -> ExprError {
        self.unexpected_but(expected, None)
    }

    fn unexpected_but(&self, expected: &'static str, advice: Option<String>) -> ExprError {
        let token = self.peek();
        let found = match token.kind == TokenKind::End {
            true => "the end".to_owned(),
            false => format!("`{}`", shortened(self.text(token))),
        };
        let problem = Problem::Syntax { expected: expected.into(), found, advice };
        ExprError::new(problem, self.place_of(token.span))
    }
}

fn too_deep(place: Place) -> ExprError {
    let limit = format!("{MAX_DEPTH} levels");
    ExprError::new(Problem::TooLarge { how: "deeply nested", limit }, place)
}

/// A text short enough for a message.
pub(crate) fn shortened(text: &str) -> String {
    const LIMIT: usize = 40;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
