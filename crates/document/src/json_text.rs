//! JSON to the tree, strictly as RFC 8259 has it.

use std::collections::BTreeSet;

use crate::{DEPTH_MAX, DocumentError, Entry, Node, Problem, Value, places::Places};

pub(crate) fn parse(file: &str, text: &str) -> Result<Node, DocumentError> {
    let mut reader = Reader { file, text, at: 0, depth: 0, places: Places::new(text) };
    reader.skip_space();
    let node = reader.node()?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.unexpected("the end"));
    }
    Ok(node)
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    at: usize,
    depth: usize,
    places: Places<'a>,
}

impl Reader<'_> {
    fn node(&mut self) -> Result<Node, DocumentError> {
        let span = self.places.span(self.at);
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::table)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) | None => self.word()?,
        };
        Ok(Node { value, span })
    }

    fn nested(
        &mut self,
        read: impl Fn(&mut Self) -> Result<Value, DocumentError>,
    ) -> Result<Value, DocumentError> {
        if self.depth == DEPTH_MAX {
            return Err(self.refuse(self.at, format!("this is nested more than {DEPTH_MAX} deep")));
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn table(&mut self) -> Result<Value, DocumentError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys = BTreeSet::new();
        if self.eat(b'}') {
            return Ok(Value::Table(entries));
        }
        loop {
            let key_span = self.places.span(self.at);
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let key = self.string()?;
            if !keys.insert(key.clone()) {
                let (file, problem) = (self.file.to_owned(), Problem::RepeatedKey { key });
                return Err(DocumentError { file, span: key_span, problem });
            }
            self.skip_space();
            if !self.eat(b':') {
                return Err(self.unexpected("`:`"));
            }
            let node = self.node()?;
            entries.push(Entry { key, key_span, node });
            self.skip_space();
            if self.eat(b'}') {
                return Ok(Value::Table(entries));
            }
            if !self.eat(b',') {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
    }

    fn list(&mut self) -> Result<Value, DocumentError> {
        let mut items = Vec::new();
        if self.eat(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.node()?);
            self.skip_space();
            if self.eat(b']') {
                return Ok(Value::List(items));
            }
            if !self.eat(b',') {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
    }

    /// Finds the end of a string; what is in it, `serde_json` reads.
    fn string(&mut self) -> Result<String, DocumentError> {
        let start = self.at;
        let mut bytes = self.text.bytes().enumerate().skip(start + 1);
        let end = loop {
            match bytes.next() {
                Some((index, b'"')) => break index + 1,
                Some((_, b'\\')) => drop(bytes.next()),
                Some(_) => {}
                None => return Err(self.refuse(start, "this text has no end".to_owned())),
            }
        };
        self.at = end;
        let literal = &self.text[start..end];
        serde_json::from_str(literal).map_err(|error| {
            let shown = error.to_string();
            let message = shown.split(" at line ").next().unwrap_or_default();
            self.refuse(start, format!("this text is not JSON: {message}"))
        })
    }

    fn number(&mut self) -> Result<Value, DocumentError> {
        let start = self.at;
        let rest = &self.text[start..];
        let ends = |it: char| !(it.is_ascii_alphanumeric() || "+-.".contains(it));
        let literal = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at = start + literal.len();
        let digits = literal.strip_prefix('-').unwrap_or(literal);
        let is_integer = digits.bytes().all(|it| it.is_ascii_digit());
        if is_integer && (digits.len() == 1 || !digits.starts_with('0')) && !digits.is_empty() {
            let number = literal.parse().map(Value::Int);
            return number
                .map_err(|_| self.refuse(start, format!("{literal} is too large for an integer")));
        }
        let number = serde_json::from_str::<f64>(literal).map(Value::Float);
        number.map_err(|_| self.refuse(start, format!("`{literal}` is not a number")))
    }

    fn word(&mut self) -> Result<Value, DocumentError> {
        let words =
            [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))];
        let rest = &self.text[self.at..];
        let ends = |it: char| !(it.is_alphanumeric() || it == '_');
        let found = &rest[..rest.find(ends).unwrap_or(rest.len())];
        match words.into_iter().find(|(word, _)| *word == found) {
            Some((word, value)) => {
                self.at += word.len();
                Ok(value)
            }
            None => Err(self.unexpected("a value")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over a mark and the space after it, if the mark is there.
    fn eat(&mut self, mark: u8) -> bool {
        let is_there = self.peek() == Some(mark);
        if is_there {
            self.at += 1;
            self.skip_space();
        }
        is_there
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn unexpected(&self, expected: &str) -> DocumentError {
        let found = match self.text[self.at..].chars().next() {
            Some(found) if found.is_control() => format!("`{}`", found.escape_debug()),
            Some(found) => format!("`{found}`"),
            None => "the end of the text".to_owned(),
        };
        self.refuse(self.at, format!("expected {expected}, found {found}"))
    }

    fn refuse(&self, at: usize, message: String) -> DocumentError {
        let problem = Problem::Syntax { message };
        DocumentError { file: self.file.to_owned(), span: self.places.span(at), problem }
    }
}
