//! Reading a table key by key.

use metalith_base::nearest;

use crate::{DocumentError, Entry, Node, Problem, Span, Value};

/// A table whose keys are asked for one by one.
#[derive(Debug)]
pub struct Table<'a> {
    file: &'a str,
    span: Span,
    entries: &'a [Entry],
    asked: Vec<&'static str>,
}

/// The items of a list, each with where it stands.
pub type Items<'a> = &'a [Node];

impl<'a> Table<'a> {
    /// Reads a node that must be a table.
    pub fn new(file: &'a str, node: &'a Node) -> Result<Self, DocumentError> {
        let Value::Table(entries) = &node.value else {
            return Err(wrong_type(file, node, "this", "a table"));
        };
        Ok(Self { file, span: node.span, entries, asked: Vec::new() })
    }

    /// How messages call the file.
    pub fn file(&self) -> &'a str {
        self.file
    }

    /// Where the table begins.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The value of a key, unless it is absent or nothing.
    pub fn optional(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (entry.node.value != Value::Null).then_some(&entry.node)
    }

    /// The value of a key that must be there.
    pub fn required(&mut self, key: &'static str) -> Result<&'a Node, DocumentError> {
        if let Some(node) = self.optional(key) {
            return Ok(node);
        }
        // A key that is missing and one much like it are one mistake.
        let unread = self.entries.iter().filter(|it| !self.asked.contains(&it.key.as_str()));
        if let Some(entry) = unread.into_iter().find(|it| nearest(&it.key, [key]).is_some()) {
            return Err(self.unknown_key(entry, vec![key.to_owned()]));
        }
        Err(DocumentError {
            file: self.file.to_owned(),
            span: self.span,
            problem: Problem::MissingKey { key: key.to_owned() },
        })
    }

    /// A text that must be there.
    pub fn required_text(&mut self, key: &'static str) -> Result<&'a str, DocumentError> {
        let node = self.required(key)?;
        text(self.file, key, node)
    }

    /// A text that may be there.
    pub fn text(&mut self, key: &'static str) -> Result<Option<&'a str>, DocumentError> {
        let file = self.file;
        self.optional(key).map(|node| text(file, key, node)).transpose()
    }

    /// A boolean that may be there.
    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>, DocumentError> {
        let file = self.file;
        let Some(node) = self.optional(key) else { return Ok(None) };
        let Value::Bool(flag) = &node.value else {
            return Err(wrong_type(file, node, &quoted(key), "true or false"));
        };
        Ok(Some(*flag))
    }

    /// An integer that may be there.
    pub fn integer(&mut self, key: &'static str) -> Result<Option<i64>, DocumentError> {
        let file = self.file;
        self.optional(key).map(|node| integer(file, key, node)).transpose()
    }

    /// A list that may be there.
    pub fn list(&mut self, key: &'static str) -> Result<Option<Items<'a>>, DocumentError> {
        let file = self.file;
        let Some(node) = self.optional(key) else { return Ok(None) };
        let Value::List(items) = &node.value else {
            return Err(wrong_type(file, node, &quoted(key), "a list"));
        };
        Ok(Some(items))
    }

    /// A list of texts that may be there.
    pub fn texts(&mut self, key: &'static str) -> Result<Option<Vec<String>>, DocumentError> {
        let file = self.file;
        let Some(items) = self.list(key)? else { return Ok(None) };
        items
            .iter()
            .map(|item| text(file, key, item).map(str::to_owned))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// A table that may be there.
    pub fn table(&mut self, key: &'static str) -> Result<Option<Self>, DocumentError> {
        let file = self.file;
        let Some(node) = self.optional(key) else { return Ok(None) };
        let Value::Table(entries) = &node.value else {
            return Err(wrong_type(file, node, &quoted(key), "a table"));
        };
        Ok(Some(Self { file, span: node.span, entries, asked: Vec::new() }))
    }

    /// A table of texts that may be there, in the order written.
    pub fn text_map(
        &mut self,
        key: &'static str,
    ) -> Result<Option<Vec<(String, String)>>, DocumentError> {
        let Some(table) = self.table(key)? else { return Ok(None) };
        let pair = |entry: &Entry| {
            Ok((entry.key.clone(), text(table.file, &entry.key, &entry.node)?.to_owned()))
        };
        table.entries.iter().map(pair).collect::<Result<_, _>>().map(Some)
    }

    /// Anything that may be there and that JSON can say.
    pub fn json(&mut self, key: &'static str) -> Result<Option<serde_json::Value>, DocumentError> {
        let Some(node) = self.optional(key) else { return Ok(None) };
        match not_a_number(node) {
            None => Ok(Some(json(node))),
            Some(node) => {
                let message = "JSON has no infinity and nothing that is not a number".to_owned();
                Err(self.mistake(node, message, None))
            }
        }
    }

    /// Every key with its value, for tables whose keys are names.
    pub fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// A mistake at a node of this file.
    pub fn mistake(&self, node: &Node, message: String, hint: Option<String>) -> DocumentError {
        DocumentError {
            file: self.file.to_owned(),
            span: node.span,
            problem: Problem::Value { message, hint },
        }
    }

    /// Refuses the first key that nobody has asked for.
    pub fn finish(self) -> Result<(), DocumentError> {
        let Some(entry) =
            self.entries.iter().find(|entry| !self.asked.contains(&entry.key.as_str()))
        else {
            return Ok(());
        };
        let known = self.asked.iter().map(|key| (*key).to_owned()).collect();
        Err(self.unknown_key(entry, known))
    }

    fn unknown_key(&self, entry: &Entry, known: Vec<String>) -> DocumentError {
        let near = nearest(&entry.key, known.iter().map(String::as_str)).map(str::to_owned);
        DocumentError {
            file: self.file.to_owned(),
            span: entry.key_span,
            problem: Problem::UnknownKey { key: entry.key.clone(), near, known },
        }
    }
}

/// A node that must be text.
pub fn text<'a>(file: &str, what: &str, node: &'a Node) -> Result<&'a str, DocumentError> {
    let Value::Text(text) = &node.value else {
        return Err(wrong_type(file, node, &quoted(what), "text"));
    };
    Ok(text)
}

/// A node that must be an integer.
pub fn integer(file: &str, what: &str, node: &Node) -> Result<i64, DocumentError> {
    let Value::Int(number) = &node.value else {
        return Err(wrong_type(file, node, &quoted(what), "an integer"));
    };
    Ok(*number)
}

/// Any node as JSON. A number that JSON cannot hold becomes null.
pub fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Int(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Table(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect()
        }
    }
}

/// The first number that JSON cannot hold.
fn not_a_number(node: &Node) -> Option<&Node> {
    match &node.value {
        Value::Float(number) => (!number.is_finite()).then_some(node),
        Value::List(items) => items.iter().find_map(not_a_number),
        Value::Table(entries) => entries.iter().find_map(|entry| not_a_number(&entry.node)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Text(_) => None,
    }
}

fn quoted(what: &str) -> String {
    format!("`{what}`")
}

fn wrong_type(file: &str, node: &Node, what: &str, expected: &'static str) -> DocumentError {
    DocumentError {
        file: file.to_owned(),
        span: node.span,
        problem: Problem::Type { what: what.to_owned(), expected, found: node.value.described() },
    }
}
