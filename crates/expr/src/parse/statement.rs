//! What is not an expression at all, told apart before anything is parsed.

use metalith_base::nearest;

use super::Parser;
use crate::{
    error::{ExprError, Problem},
    lexer::{Symbol, TokenKind},
};

/// Words that begin a statement when another word follows.
const STATEMENTS: &[&str] = &[
    "alter", "analyze", "attach", "begin", "call", "comment", "commit", "copy", "create", "delete",
    "describe", "detach", "drop", "exec", "execute", "explain", "grant", "insert", "install",
    "load", "merge", "pragma", "revoke", "rollback", "select", "set", "show", "truncate", "update",
    "use", "vacuum", "values", "with",
];

/// Words that may follow a column, and words that only clauses of a query begin with.
const INFIXES: &[&str] = &["and", "or", "not", "in", "is", "like", "ilike", "between"];
const CLAUSES: &[&str] = &["where", "having", "order", "group", "limit", "union", "from", "join"];

impl Parser<'_> {
    pub(super) fn refuse_statements(&self) -> Result<(), ExprError> {
        let (first, second) = (self.peek(), self.peek_at(1));
        if first.kind == TokenKind::End {
            return Err(ExprError::new(Problem::Empty, self.place_of(first.span)));
        }
        if first.kind != TokenKind::Word {
            return Ok(());
        }
        let word = self.text(first).to_ascii_lowercase();
        let follows = match second.kind {
            TokenKind::Word => !INFIXES.contains(&self.text(second).to_ascii_lowercase().as_str()),
            TokenKind::Quoted | TokenKind::Text | TokenKind::Number => true,
            TokenKind::Reference | TokenKind::Symbol(_) | TokenKind::End => false,
        };
        let is_statement = STATEMENTS.contains(&word.as_str()) && follows || word == "select";
        let is_clause = CLAUSES.contains(&word.as_str()) && follows;
        if !is_statement && !is_clause {
            return Ok(());
        }
        let word = word.to_ascii_uppercase();
        let (what, advice) = match is_clause {
            true => (format!("`{word}` begins a clause, not an expression"), CLAUSE_ADVICE),
            false => (format!("`{word}` begins a statement, not an expression"), STATEMENT_ADVICE),
        };
        let problem = Problem::NotAnExpression { what, advice };
        Err(ExprError::new(problem, self.place_of(first.span)))
    }

    /// After the expression there must be nothing.
    pub(super) fn expect_end(&self) -> Result<(), ExprError> {
        let token = self.peek();
        if token.kind == TokenKind::End {
            return Ok(());
        }
        if self.is_symbol(Symbol::Semicolon) {
            let (what, advice) = match self.peek_at(1).kind == TokenKind::End {
                true => ("`;` does not belong here", "leave the `;` out"),
                false => ("there is more than one expression", "keep what is before the `;`"),
            };
            let problem = Problem::NotAnExpression { what: what.to_owned(), advice };
            return Err(ExprError::new(problem, self.place_of(token.span)));
        }
        if CLAUSES.iter().any(|it| self.is_word(0, it)) {
            let word = self.text(token).to_ascii_uppercase();
            let what = format!("`{word}` begins a clause, not an expression");
            let problem = Problem::NotAnExpression { what, advice: CLAUSE_ADVICE };
            return Err(ExprError::new(problem, self.place_of(token.span)));
        }
        if self.is_word(0, "not") {
            return Err(
                self.unexpected("an operator or the end (only IN, BETWEEN and LIKE follow NOT)")
            );
        }
        let is_word = token.kind == TokenKind::Word;
        let near = is_word.then(|| nearest(self.text(token), INFIXES.iter().copied())).flatten();
        let advice = near.map(|it| format!("did you mean `{}`?", it.to_ascii_uppercase()));
        Err(self.unexpected_but("an operator or the end", advice))
    }
}

const STATEMENT_ADVICE: &str = "write only the condition or the value, e.g. `confidence < 0.3`";
const CLAUSE_ADVICE: &str = "write only the expression itself";
