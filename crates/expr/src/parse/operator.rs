//! What stands between and after operands.
//!
//! From weak to strong: OR, AND, NOT, IS, comparisons (with IN, BETWEEN and LIKE), `||`, `+ -`,
//! `* / %`, unary `-`, `::`.

use super::Parser;
use crate::{
    error::ExprError,
    expr::{Case, Comparison, Expr, ExprKind, Operator, Test},
    lexer::{Symbol, TokenKind},
};

pub(crate) const OR: u8 = 10;
pub(crate) const AND: u8 = 20;
pub(crate) const NOT: u8 = 30;
pub(crate) const IS: u8 = 40;
pub(crate) const COMPARE: u8 = 50;
pub(crate) const NEGATE: u8 = 90;
pub(crate) const CAST: u8 = 100;

/// How strongly an operator binds.
pub(crate) fn strength(op: Operator) -> u8 {
    match op {
        Operator::Concat => 60,
        Operator::Add | Operator::Subtract => 70,
        Operator::Multiply | Operator::Divide | Operator::Remainder => 80,
    }
}

/// What may follow an operand.
#[derive(Clone, Copy)]
enum Infix {
    Or,
    And,
    Is,
    Compare(Comparison),
    In,
    Between,
    Like(Case),
    Operator(Operator),
    Cast,
}

impl Infix {
    fn strength(self) -> u8 {
        match self {
            Self::Or => OR,
            Self::And => AND,
            Self::Is => IS,
            Self::Compare(_) | Self::In | Self::Between | Self::Like(_) => COMPARE,
            Self::Operator(op) => strength(op),
            Self::Cast => CAST,
        }
    }

    fn from_symbol(symbol: Symbol) -> Option<Self> {
        Some(match symbol {
            Symbol::Equal => Self::Compare(Comparison::Equal),
            Symbol::NotEqual => Self::Compare(Comparison::NotEqual),
            Symbol::Less => Self::Compare(Comparison::Less),
            Symbol::LessOrEqual => Self::Compare(Comparison::LessOrEqual),
            Symbol::Greater => Self::Compare(Comparison::Greater),
            Symbol::GreaterOrEqual => Self::Compare(Comparison::GreaterOrEqual),
            Symbol::Plus => Self::Operator(Operator::Add),
            Symbol::Minus => Self::Operator(Operator::Subtract),
            Symbol::Star => Self::Operator(Operator::Multiply),
            Symbol::Slash => Self::Operator(Operator::Divide),
            Symbol::Percent => Self::Operator(Operator::Remainder),
            Symbol::Concat => Self::Operator(Operator::Concat),
            Symbol::DoubleColon => Self::Cast,
            Symbol::Open | Symbol::Close | Symbol::Comma | Symbol::Dot | Symbol::Semicolon => {
                return None;
            }
        })
    }
}

impl Parser<'_> {
    /// An operand and whatever binds to it at least as strongly as `floor`.
    pub(super) fn climb(&mut self, floor: u8) -> Result<Expr, ExprError> {
        let start = self.peek().span.start;
        let mut left = self.operand()?;
        let mut compared = false;
        while let Some((infix, negated)) = self.infix() {
            let strength = infix.strength();
            if strength < floor {
                break;
            }
            if strength == COMPARE && compared {
                return Err(self.chained());
            }
            compared |= strength == COMPARE || strength == IS;
            self.at += 1 + usize::from(negated);
            let kind = self.apply(infix, negated, left)?;
            left = self.node(start, kind)?;
        }
        Ok(left)
    }

    /// The operator that comes next, and whether `NOT` is before it.
    fn infix(&self) -> Option<(Infix, bool)> {
        if let TokenKind::Symbol(symbol) = self.peek().kind {
            return Infix::from_symbol(symbol).map(|it| (it, false));
        }
        let negated = self.is_word(0, "not");
        let word = |text: &str| self.is_word(usize::from(negated), text);
        let infix = if word("in") {
            Infix::In
        } else if word("between") {
            Infix::Between
        } else if word("like") {
            Infix::Like(Case::Sensitive)
        } else if word("ilike") {
            Infix::Like(Case::Insensitive)
        } else if negated {
            return None;
        } else if word("and") {
            Infix::And
        } else if word("or") {
            Infix::Or
        } else if word("is") {
            Infix::Is
        } else {
            return None;
        };
        Some((infix, negated))
    }

    /// The operator has been read; what follows it is next.
    fn apply(&mut self, infix: Infix, negated: bool, left: Expr) -> Result<ExprKind, ExprError> {
        let value = |left| Box::new(left);
        Ok(match infix {
            Infix::Or => ExprKind::Or(self.joined(left, "or", OR)?),
            Infix::And => ExprKind::And(self.joined(left, "and", AND)?),
            Infix::Is => return self.is(left),
            Infix::Compare(op) => {
                let right = Box::new(self.expression(COMPARE + 1)?);
                ExprKind::Compare { op, left: value(left), right }
            }
            Infix::In => {
                self.expect_symbol(Symbol::Open, "a list in parentheses, e.g. (1, 2)")?;
                let list = self.list()?;
                ExprKind::In { value: value(left), list, negated }
            }
            Infix::Between => {
                let low = Box::new(self.expression(COMPARE + 1)?);
                self.expect_word("AND")?;
                let high = Box::new(self.expression(COMPARE + 1)?);
                ExprKind::Between { value: value(left), low, high, negated }
            }
            Infix::Like(case) => {
                let pattern = Box::new(self.expression(COMPARE + 1)?);
                let escape = self.escape()?;
                ExprKind::Like { value: value(left), pattern, escape, case, negated }
            }
            Infix::Operator(op) => {
                let right = Box::new(self.expression(strength(op) + 1)?);
                ExprKind::Arithmetic { op, left: value(left), right }
            }
            Infix::Cast => ExprKind::Cast { value: value(left), to: self.type_name()? },
        })
    }

    /// All that is joined by one word, as one flat list.
    fn joined(&mut self, first: Expr, word: &str, floor: u8) -> Result<Vec<Expr>, ExprError> {
        let mut items = vec![first, self.expression(floor + 1)?];
        while self.eat_word(word) {
            items.push(self.expression(floor + 1)?);
        }
        Ok(items)
    }

    /// After `IS`.
    fn is(&mut self, left: Expr) -> Result<ExprKind, ExprError> {
        let negated = self.eat_word("not");
        let value = Box::new(left);
        let test = if self.eat_word("null") {
            Test::Null
        } else if self.eat_word("true") {
            Test::True
        } else if self.eat_word("false") {
            Test::False
        } else if self.eat_word("distinct") {
            self.expect_word("FROM")?;
            let right = Box::new(self.expression(COMPARE + 1)?);
            return Ok(ExprKind::Distinct { left: value, right, negated });
        } else {
            return Err(self.unexpected("NULL, TRUE, FALSE or DISTINCT FROM"));
        };
        Ok(ExprKind::Is { value, test, negated })
    }

    fn escape(&mut self) -> Result<Option<char>, ExprError> {
        if !self.eat_word("escape") {
            return Ok(None);
        }
        let token = self.peek();
        let text = crate::lexer::unquoted(self.text(token));
        let mut characters = text.chars();
        match (token.kind, characters.next(), characters.next()) {
            (TokenKind::Text, Some(escape), None) => {
                self.next();
                Ok(Some(escape))
            }
            _ => Err(self.unexpected("one character in quotes, e.g. '!'")),
        }
    }

    /// `a < b < c` means something else to everybody.
    fn chained(&self) -> ExprError {
        let advice = "write `a < b AND b < c`, or put one comparison in parentheses";
        self.unexpected_but("AND, OR or the end after a comparison", Some(advice.to_owned()))
    }
}
