//! TOML to the tree.

use std::borrow::Cow;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{DocumentError, Entry, Node, Problem, Span, Value, places::Places};

pub(crate) fn parse(file: &str, text: &str) -> Result<Node, DocumentError> {
    let source = Source { file, places: Places::new(text) };
    match DeTable::parse(text) {
        Ok(table) => source.table(table.get_ref(), 0),
        Err(error) => {
            let start = error.span().map_or(0, |span| span.start);
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            Err(source.refuse(start, Problem::Syntax { message }))
        }
    }
}

struct Source<'a> {
    file: &'a str,
    places: Places<'a>,
}

impl Source<'_> {
    fn span(&self, byte: usize) -> Span {
        self.places.span(byte)
    }

    fn refuse(&self, byte: usize, problem: Problem) -> DocumentError {
        DocumentError { file: self.file.to_owned(), span: self.span(byte), problem }
    }

    fn table(&self, table: &DeTable<'_>, byte: usize) -> Result<Node, DocumentError> {
        let mut entries: Vec<(usize, Entry)> = Vec::new();
        for (key, value) in table {
            let start = key.span().start;
            let key_span = self.span(start);
            let key: &Spanned<Cow<'_, str>> = key;
            let entry = Entry { key: key.get_ref().to_string(), key_span, node: self.node(value)? };
            entries.push((start, entry));
        }
        // The parser sorts keys; people read them in the order they wrote.
        entries.sort_by_key(|(start, _)| *start);
        let entries = entries.into_iter().map(|(_, entry)| entry).collect();
        Ok(Node { value: Value::Table(entries), span: self.span(byte) })
    }

    fn node(&self, spanned: &Spanned<DeValue<'_>>) -> Result<Node, DocumentError> {
        let start = spanned.span().start;
        let value = match spanned.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Integer(number) => {
                let digits = number.as_str().replace('_', "");
                let parsed = i64::from_str_radix(&digits, number.radix());
                Value::Int(parsed.map_err(|_| {
                    let message = format!("{} is too large for an integer", number.as_str());
                    self.refuse(start, Problem::Syntax { message })
                })?)
            }
            DeValue::Float(number) => {
                Value::Float(number.as_str().replace('_', "").parse().map_err(|_| {
                    let message = format!("{} is not a number", number.as_str());
                    self.refuse(start, Problem::Syntax { message })
                })?)
            }
            DeValue::Datetime(time) => Value::Text(time.to_string()),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.node(item)).collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => return self.table(table, start),
        };
        Ok(Node { value, span: self.span(start) })
    }
}
