//! Functions, and what is written like one.

use super::{Parser, operator::COMPARE};
use crate::{
    error::{ExprError, Named, Problem},
    expr::{Expr, ExprKind, Literal},
    function::{Aggregate, DateUnit, Function, Meaning},
    lexer::{Symbol, Token, TokenKind, unquoted},
};

impl Parser<'_> {
    /// A name with `(` after it.
    pub(super) fn call(&mut self) -> Result<Expr, ExprError> {
        let token = self.next();
        let start = token.span.start;
        self.expect_symbol(Symbol::Open, "`(`")?;
        let expr = match self.text(token).to_ascii_lowercase().as_str() {
            "cast" => self.cast(start)?,
            "extract" => self.extract(start)?,
            "position" => self.position(start)?,
            name => {
                let function = Function::named(name).ok_or_else(|| self.unknown(token))?;
                if let Meaning::Aggregate(aggregate) = function.meaning {
                    self.aggregate(token, aggregate)?
                } else {
                    self.plain_call(token, function)?
                }
            }
        };
        let is_window = self.is_word(0, "over") && self.follows_open(1);
        if is_window {
            return Err(self.unsupported("a window function", "use the columns of the row"));
        }
        if self.is_word(0, "filter") && self.follows_open(1) {
            return Err(self.unsupported("FILTER", "write sum(CASE WHEN condition THEN x END)"));
        }
        Ok(expr)
    }

    /// `current_date` and the like.
    pub(super) fn call_without_parentheses(&mut self, name: &str) -> Result<Expr, ExprError> {
        let token = self.next();
        let function = Function::named(name).ok_or_else(|| self.unknown(token))?;
        self.node(token.span.start, ExprKind::Call { function, arguments: Vec::new() })
    }

    fn follows_open(&self, ahead: usize) -> bool {
        matches!(self.peek_at(ahead).kind, TokenKind::Symbol(Symbol::Open) | TokenKind::Word)
    }

    fn unknown(&self, token: Token) -> ExprError {
        let name = self.text(token);
        let advice = match name.to_ascii_lowercase().as_str() {
            "try_cast" => Some("write CAST(x AS type)".to_owned()),
            _ => Function::near(name).map(|near| format!("did you mean `{near}`?")),
        };
        let name = super::shortened(name);
        let problem = Problem::Unknown { what: Named::Function, name, advice };
        ExprError::new(problem, self.place_of(token.span))
    }

    fn plain_call(&mut self, token: Token, function: &'static Function) -> Result<Expr, ExprError> {
        if self.is_word(0, "distinct") {
            return Err(self.unsupported("DISTINCT outside an aggregate", "leave DISTINCT out"));
        }
        let arguments = match self.eat_symbol(Symbol::Close) {
            true => Vec::new(),
            false => self.list()?,
        };
        let place = self.place_from(token.span.start);
        function.check_arity(arguments.len()).map_err(|it| ExprError::new(it, place))?;
        self.node(token.span.start, ExprKind::Call { function, arguments })
    }

    fn aggregate(&mut self, token: Token, function: Aggregate) -> Result<Expr, ExprError> {
        let start = token.span.start;
        if function == Aggregate::Count && self.eat_symbol(Symbol::Star) {
            self.expect_symbol(Symbol::Close, "`)`")?;
            let kind = ExprKind::Aggregate { function, argument: None, distinct: false };
            return self.node(start, kind);
        }
        let distinct = self.eat_word("distinct");
        let mut arguments = match self.eat_symbol(Symbol::Close) {
            true => Vec::new(),
            false => self.list()?,
        };
        let (Some(argument), true) = (arguments.pop(), arguments.is_empty()) else {
            let given = if arguments.is_empty() { 0 } else { arguments.len() + 1 };
            let problem = Problem::Arity {
                function: function.name(),
                takes: "1 argument".to_owned(),
                given,
                usage: format!("{}(value)", function.name()),
            };
            return Err(ExprError::new(problem, self.place_from(start)));
        };
        let argument = Some(Box::new(argument));
        self.node(start, ExprKind::Aggregate { function, argument, distinct })
    }

    /// `CAST(` has been read.
    fn cast(&mut self, start: usize) -> Result<Expr, ExprError> {
        let value = Box::new(self.expression(0)?);
        self.expect_word("AS")?;
        let to = self.type_name()?;
        self.expect_symbol(Symbol::Close, "`)`")?;
        self.node(start, ExprKind::Cast { value, to })
    }

    /// `EXTRACT(` has been read; what it means is `date_part('unit', value)`.
    fn extract(&mut self, start: usize) -> Result<Expr, ExprError> {
        let token = self.next();
        let name = match token.kind == TokenKind::Text {
            true => unquoted(self.text(token)),
            false => self.text(token).to_owned(),
        };
        let Some(unit) = DateUnit::named(&name) else {
            return Err(self.malformed(token, "a part of a date", &DateUnit::advice()));
        };
        let name = Literal::Text(unit.name().to_owned());
        let unit = Expr::new(ExprKind::Literal(name), Some(self.place_of(token.span)));
        self.expect_word("FROM")?;
        let value = self.expression(0)?;
        self.expect_symbol(Symbol::Close, "`)`")?;
        self.named_call(start, "date_part", vec![unit, value])
    }

    /// `POSITION(` has been read; what it means is `strpos(text, part)`.
    fn position(&mut self, start: usize) -> Result<Expr, ExprError> {
        let part = self.expression(COMPARE + 1)?;
        if !self.eat_word("in") {
            let advice = "write position(part IN text) or strpos(text, part)";
            return Err(self.unexpected_but("IN", Some(advice.to_owned())));
        }
        let text = self.expression(0)?;
        self.expect_symbol(Symbol::Close, "`)`")?;
        self.named_call(start, "strpos", vec![text, part])
    }

    fn named_call(
        &self,
        start: usize,
        name: &'static str,
        arguments: Vec<Expr>,
    ) -> Result<Expr, ExprError> {
        let function = Function::named(name).expect("the table of functions has this name");
        self.node(start, ExprKind::Call { function, arguments })
    }
}
