//! Numbers, dates, times, intervals and the names of types.

use metalith_base::nearest;

use super::{Parser, shortened};
use crate::{
    error::{ExprError, Named, Problem},
    expr::Literal,
    lexer::{Symbol, Token, TokenKind, unquoted},
    place::Span,
    time,
    types::Type,
};

impl Parser<'_> {
    /// A number, already read, with its sign.
    pub(super) fn number(&self, token: Token, sign: &str) -> Result<Literal, ExprError> {
        let digits = self.text(token);
        let text = format!("{sign}{digits}");
        let malformed = |wanted, advice: &str| {
            let shown = format!("`{}`", shortened(&text));
            let problem = Problem::Malformed { shown, wanted, advice: advice.to_owned() };
            // A sign may stand apart from its number; then only the number is shown.
            let start = token.span.start.saturating_sub(sign.len());
            let glued = self.source[start..].starts_with(text.as_str());
            let span = if glued { Span { start, ..token.span } } else { token.span };
            ExprError::new(problem, self.place_of(span))
        };
        if digits.contains(['.', 'e', 'E']) {
            return match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Literal::Float(text)),
                _ => Err(malformed(
                    "a number in range: floats end at 1.8e308",
                    "write a number nearer to 0",
                )),
            };
        }
        let signed = text.parse().map(Literal::Int);
        signed.or_else(|_| text.parse().map(Literal::UInt)).map_err(|_| {
            let advice = "write it as a float, e.g. `1e20`, or as text if it is an identifier";
            malformed(
                "an integer in range: they go from -9223372036854775808 to 18446744073709551615",
                advice,
            )
        })
    }

    /// `DATE '…'` and the like; nothing when the word is a name after all.
    pub(super) fn prefixed_literal(&mut self, word: &str) -> Result<Option<Literal>, ExprError> {
        let next = self.peek_at(1);
        match (word, next.kind) {
            ("interval", TokenKind::Number | TokenKind::Text) => self.interval().map(Some),
            (_, TokenKind::Text) => {
                self.at += 2;
                self.time_literal(word, next).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn time_literal(&self, word: &str, token: Token) -> Result<Literal, ExprError> {
        let text = unquoted(self.text(token));
        let (literal, wanted, advice) = match word {
            "date" => (time::parse_date(&text).map(Literal::Date), "a date", time::DATE_ADVICE),
            _ => {
                let literal = time::parse_timestamp(&text).map(|(micros, zoned)| {
                    Literal::Timestamp { micros, zoned: zoned || word == "timestamptz" }
                });
                (literal, "a timestamp", time::TIMESTAMP_ADVICE)
            }
        };
        literal.ok_or_else(|| self.malformed(token, wanted, advice))
    }

    /// `INTERVAL '7 days'`, `INTERVAL 7 DAY` or `INTERVAL '7' DAY`.
    fn interval(&mut self) -> Result<Literal, ExprError> {
        self.next();
        let token = self.next();
        let mut text = match token.kind == TokenKind::Text {
            true => unquoted(self.text(token)),
            false => self.text(token).to_owned(),
        };
        let unit = self.peek();
        if unit.kind == TokenKind::Word && time::is_interval_unit(self.text(unit)) {
            self.next();
            text = format!("{text} {}", self.text(unit));
        } else if token.kind == TokenKind::Number {
            return Err(self.unexpected("a unit such as DAY or HOURS"));
        }
        time::parse_interval(&text)
            .map(Literal::Interval)
            .ok_or_else(|| self.malformed(token, "an interval", time::INTERVAL_ADVICE))
    }

    pub(super) fn malformed(&self, token: Token, wanted: &'static str, advice: &str) -> ExprError {
        let shown = shortened(self.text(token));
        let problem = Problem::Malformed { shown, wanted, advice: advice.to_owned() };
        ExprError::new(problem, self.place_of(token.span))
    }

    /// The name of a type, after `::` or `AS`.
    pub(super) fn type_name(&mut self) -> Result<Type, ExprError> {
        let token = self.peek();
        if token.kind != TokenKind::Word {
            return Err(self.unexpected("the name of a type, e.g. BIGINT or TEXT"));
        }
        self.next();
        let name = self.text(token);
        let Some(known) = Type::named(name) else {
            let near = nearest(name, Type::names());
            let advice = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write BOOLEAN, BIGINT, DOUBLE, DECIMAL(p, s), TEXT, DATE or TIMESTAMP"
                    .to_owned(),
            };
            let problem =
                Problem::Unknown { what: Named::Type, name: shortened(name), advice: Some(advice) };
            return Err(ExprError::new(problem, self.place_of(token.span)));
        };
        self.type_details(known, name)
    }

    /// What may follow the name of a type.
    fn type_details(&mut self, known: Type, name: &str) -> Result<Type, ExprError> {
        if let Type::Timestamp { zoned } = known {
            return self.zone(zoned);
        }
        if matches!(known, Type::Decimal(..)) && self.is_symbol(Symbol::Open) {
            return self.decimal_digits();
        }
        if known == Type::Text && self.eat_symbol(Symbol::Open) {
            // Texts have no limits here; VARCHAR(20) is read as VARCHAR.
            self.small_number(u32::MAX)?;
            self.expect_symbol(Symbol::Close, "`)`")?;
        } else if known == Type::Int && self.eat_word("unsigned") {
            return Ok(Type::UInt);
        } else if name.eq_ignore_ascii_case("double") {
            self.eat_word("precision");
        }
        Ok(known)
    }

    /// `WITH TIME ZONE` or `WITHOUT TIME ZONE`, if there.
    fn zone(&mut self, zoned: bool) -> Result<Type, ExprError> {
        let with = self.is_word(0, "with");
        let written = (with || self.is_word(0, "without")) && self.is_word(1, "time");
        if written {
            self.at += 2;
            self.expect_word("ZONE")?;
        }
        Ok(Type::Timestamp { zoned: if written { with } else { zoned } })
    }

    /// `(precision, scale)`.
    fn decimal_digits(&mut self) -> Result<Type, ExprError> {
        self.expect_symbol(Symbol::Open, "`(`")?;
        let precision = self.small_number(38)?;
        let scale = if self.eat_symbol(Symbol::Comma) { self.small_number(precision)? } else { 0 };
        self.expect_symbol(Symbol::Close, "`)`")?;
        match (u8::try_from(precision), i8::try_from(scale)) {
            (Ok(precision @ 1..), Ok(scale)) => Ok(Type::Decimal(precision, scale)),
            _ => Err(self.unexpected("a decimal of at least one digit before this")),
        }
    }

    fn small_number(&mut self, limit: u32) -> Result<u32, ExprError> {
        let token = self.peek();
        let number = self.text(token).parse().ok().filter(|it| *it <= limit);
        let is_number = token.kind == TokenKind::Number;
        let number = number.filter(|_| is_number);
        let number = number.ok_or_else(|| self.unexpected("a number of digits, at most 38"))?;
        self.next();
        Ok(number)
    }
}
