//! From text to tokens.

use std::sync::Arc;

use crate::{
    error::{ExprError, Problem},
    parse::{Quotes, shortened},
    place::{Place, Span},
};

/// A token; its text is under its span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Word,
    /// A quoted name, quotes included.
    Quoted,
    /// Text, quotes included.
    Text,
    Number,
    /// `{{NAME}}`.
    Reference,
    Symbol(Symbol),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    Open,
    Close,
    Comma,
    Dot,
    Star,
    Plus,
    Minus,
    Slash,
    Percent,
    Concat,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    DoubleColon,
    Semicolon,
}

/// Longer ones first.
const SYMBOLS: &[(&str, Symbol)] = &[
    ("||", Symbol::Concat),
    ("==", Symbol::Equal),
    ("!=", Symbol::NotEqual),
    ("<>", Symbol::NotEqual),
    ("<=", Symbol::LessOrEqual),
    (">=", Symbol::GreaterOrEqual),
    ("::", Symbol::DoubleColon),
    ("(", Symbol::Open),
    (")", Symbol::Close),
    (",", Symbol::Comma),
    (".", Symbol::Dot),
    ("*", Symbol::Star),
    ("+", Symbol::Plus),
    ("-", Symbol::Minus),
    ("/", Symbol::Slash),
    ("%", Symbol::Percent),
    ("=", Symbol::Equal),
    ("<", Symbol::Less),
    (">", Symbol::Greater),
    (";", Symbol::Semicolon),
];

/// Splits a text; the last token is always [`TokenKind::End`].
pub(crate) fn tokens(source: &Arc<str>, quotes: Quotes) -> Result<Vec<Token>, ExprError> {
    let mut lexer = Lexer { source, quotes, at: 0, found: Vec::new() };
    loop {
        lexer.skip_blanks()?;
        let start = lexer.at;
        let kind = lexer.token()?;
        lexer.found.push(Token { kind, span: Span { start, end: lexer.at } });
        if kind == TokenKind::End {
            return Ok(lexer.found);
        }
    }
}

/// Whether a word can stand without quotes, keywords aside.
pub(crate) fn is_word(text: &str) -> bool {
    text.chars().next().is_some_and(begins_word) && text.chars().all(continues_word)
}

/// The text between quotes, with doubled quotes undone.
pub(crate) fn unquoted(text: &str) -> String {
    let Some(quote) = text.chars().next() else { return String::new() };
    let inner = text.strip_prefix(quote).and_then(|it| it.strip_suffix(quote)).unwrap_or(text);
    inner.replace(&format!("{quote}{quote}"), &quote.to_string())
}

struct Lexer<'a> {
    source: &'a Arc<str>,
    quotes: Quotes,
    at: usize,
    found: Vec<Token>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    /// Skips blanks and comments.
    fn skip_blanks(&mut self) -> Result<(), ExprError> {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start().len();
            if blanks > 0 {
                self.at += blanks;
            } else if rest.starts_with("--") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let Some(length) = comment.find("*/") else {
                    return Err(self.unclosed("the comment", "*/"));
                };
                self.at += length + 4;
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<TokenKind, ExprError> {
        let Some(first) = self.rest().chars().next() else { return Ok(TokenKind::End) };
        match first {
            '\'' => self.quoted("the text", "'", TokenKind::Text),
            '"' => match self.quotes {
                Quotes::Identifier => self.quoted("the name", "\"", TokenKind::Quoted),
                Quotes::Text => self.quoted("the text", "\"", TokenKind::Text),
            },
            '`' => self.quoted("the name", "`", TokenKind::Quoted),
            '{' => self.reference(),
            '0'..='9' => self.number(),
            '.' if self.begins_fraction() => self.number(),
            _ if begins_word(first) => {
                let rest = self.rest();
                self.at += rest.find(|it| !continues_word(it)).unwrap_or(rest.len());
                Ok(TokenKind::Word)
            }
            _ => self.symbol(first),
        }
    }

    fn quoted(
        &mut self,
        what: &'static str,
        quote: &'static str,
        kind: TokenKind,
    ) -> Result<TokenKind, ExprError> {
        let rest = self.rest();
        let mut end = 1;
        loop {
            let Some(length) = rest[end..].find(quote) else {
                return Err(self.unclosed(what, quote));
            };
            end += length + 1;
            if !rest[end..].starts_with(quote) {
                break;
            }
            end += 1;
        }
        if kind == TokenKind::Quoted && end == 2 {
            let advice = match quote {
                "\"" => Some("write empty text as ''".to_owned()),
                _ => None,
            };
            return Err(self.syntax("a name between the quotes", 2, advice));
        }
        self.at += end;
        Ok(kind)
    }

    fn reference(&mut self) -> Result<TokenKind, ExprError> {
        let Some(inner) = self.rest().strip_prefix("{{") else {
            let advice = Some("write a reference as {{NAME}}".to_owned());
            return Err(self.syntax("an expression", 1, advice));
        };
        let Some(length) = inner.find("}}") else {
            return Err(self.unclosed("the reference", "}}"));
        };
        let name = inner[..length].trim();
        if name.is_empty() || name.contains(|it: char| it.is_control() || "{}".contains(it)) {
            return Err(self.syntax("a name between {{ and }}", length + 4, None));
        }
        self.at += length + 4;
        Ok(TokenKind::Reference)
    }

    /// `.5`, but not the `.5` of `a.5`.
    fn begins_fraction(&self) -> bool {
        let after_name = self.found.last().is_some_and(|it| {
            it.span.end == self.at && matches!(it.kind, TokenKind::Word | TokenKind::Quoted)
        });
        !after_name && self.rest().as_bytes().get(1).is_some_and(u8::is_ascii_digit)
    }

    fn number(&mut self) -> Result<TokenKind, ExprError> {
        let bytes = self.rest().as_bytes();
        let digits =
            |from: usize| bytes[from..].iter().take_while(|it| it.is_ascii_digit()).count();
        let mut end = digits(0);
        if bytes.get(end) == Some(&b'.') {
            end += 1 + digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            end += if exponent > 0 { 1 + sign + exponent } else { 0 };
        }
        let tail = &self.rest()[end..];
        let glued = tail.find(|it| !continues_word(it)).unwrap_or(tail.len());
        if glued > 0 {
            let span = Span { start: self.at, end: self.at + end + glued };
            let place = Place::new(self.source, span);
            let advice = match place.text().as_bytes() {
                [b'0', b'x' | b'X' | b'b' | b'B' | b'o' | b'O', ..] => "write decimal digits",
                _ => "quote a name that begins with a digit: \"2nd\"",
            };
            let (shown, advice) = (format!("`{}`", shortened(place.text())), advice.to_owned());
            let problem = Problem::Malformed { shown, wanted: "a number", advice };
            return Err(ExprError::new(problem, place));
        }
        self.at += end;
        Ok(TokenKind::Number)
    }

    fn symbol(&mut self, first: char) -> Result<TokenKind, ExprError> {
        let rest = self.rest();
        if let Some((text, symbol)) = SYMBOLS.iter().find(|(text, _)| rest.starts_with(text)) {
            self.at += text.len();
            return Ok(TokenKind::Symbol(*symbol));
        }
        let advice = match first {
            '&' => Some("write AND"),
            '|' => Some("write OR, or || to join texts"),
            '!' => Some("write NOT, or <> for unequal"),
            '^' => Some("write power(a, b)"),
            '~' => Some("write regexp_like(text, pattern)"),
            '‘' | '’' | '‚' => Some("write straight quotes: '…'"),
            '“' | '”' | '„' => Some("write straight quotes: '…' for text, \"…\" for a name"),
            '[' | ']' => Some("write a list as (a, b, c), and a quoted name as \"name\""),
            _ => None,
        };
        Err(self.syntax("an expression", first.len_utf8(), advice.map(str::to_owned)))
    }

    fn syntax(&self, expected: &'static str, length: usize, advice: Option<String>) -> ExprError {
        let place = Place::new(self.source, Span { start: self.at, end: self.at + length });
        let found = format!("`{}`", place.text());
        ExprError::new(Problem::Syntax { expected: expected.into(), found, advice }, place)
    }

    fn unclosed(&self, what: &'static str, closer: &'static str) -> ExprError {
        let opener = if closer.len() == 2 { 2 } else { 1 };
        let place = Place::new(self.source, Span { start: self.at, end: self.at + opener });
        ExprError::new(Problem::Unclosed { what, closer }, place)
    }
}

fn begins_word(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

fn continues_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}
