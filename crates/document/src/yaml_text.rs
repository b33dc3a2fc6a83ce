//! YAML to the tree.
//!
//! The tree is built from the parser's events and not by its loader, because the loader keeps the
//! last of two equal keys, copies what aliases name without limit, and nests without limit.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::{DEPTH_MAX, DocumentError, Entry, Node, Problem, Span, Value};

/// How many nodes a document may have, aliases counted as often as they are used.
const NODES_MAX: usize = 1_000_000;

pub(crate) fn parse(file: &str, text: &str) -> Result<Node, DocumentError> {
    let mut builder = Builder::new(file);
    for event in Parser::new_from_str(text) {
        let (event, span) = event
            .map_err(|error| builder.refuse(place(error.marker()), error.info().to_owned()))?;
        builder.take(event, place(&span.start))?;
    }
    let empty = Node { value: Value::Table(Vec::new()), span: Span { line: 1, column: 1 } };
    Ok(builder.root.unwrap_or(empty))
}

fn place(marker: &Marker) -> Span {
    Span { line: marker.line().max(1), column: marker.col() + 1 }
}

struct Builder<'a> {
    file: &'a str,
    documents: usize,
    /// How many nodes there are by now.
    nodes: usize,
    /// What anchors name, with the number of its nodes.
    anchors: BTreeMap<usize, (Node, usize)>,
    /// Lists and tables that have begun and not ended, outermost first.
    open: Vec<Open>,
    root: Option<Node>,
}

struct Open {
    span: Span,
    /// The anchor that names it; 0 for none.
    anchor: usize,
    /// How many nodes there were before it.
    nodes_before: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Table {
        entries: Vec<Entry>,
        keys: BTreeSet<String>,
        /// A key whose value comes next.
        key: Option<(String, Span)>,
    },
}

impl<'a> Builder<'a> {
    fn new(file: &'a str) -> Self {
        let (anchors, open) = (BTreeMap::new(), Vec::new());
        Self { file, documents: 0, nodes: 0, anchors, open, root: None }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), DocumentError> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let message = "a second document begins here, where only one may be";
                    return Err(self.refuse(span, message.to_owned()));
                }
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                let read = match tag {
                    None if style == ScalarStyle::Plain => plain(&text),
                    None => Ok(Value::Text(text.to_string())),
                    Some(tag) => tagged(&text, &tag),
                };
                let value = read.map_err(|message| self.refuse(span, message))?;
                self.scalar(&text, Node { value, span }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", span)?;
                self.begin(Content::List(Vec::new()), anchor, span)
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", span)?;
                let (entries, keys) = (Vec::new(), BTreeSet::new());
                self.begin(Content::Table { entries, keys, key: None }, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    fn scalar(&mut self, text: &str, node: Node, anchor: usize) -> Result<(), DocumentError> {
        if self.awaits_key() && node.value != Value::Null {
            // `1: x` has the key `1`, as it is written.
            let (value, span) = (Value::Text(text.to_owned()), node.span);
            self.remember(&Node { value, span }, anchor, 1)?;
            return self.key(text.to_owned(), span);
        }
        // A document that says nothing is an empty table, as it is in TOML.
        if node.value == Value::Null && self.open.is_empty() {
            return Ok(());
        }
        self.count(1, node.span)?;
        self.add(node, anchor, 1)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), DocumentError> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            let message = "an alias cannot stand inside of what it names";
            return Err(self.refuse(span, message.to_owned()));
        };
        // Counted before it is copied: a text of a few lines can name more than memory holds.
        let size = *size;
        if self.nodes + size > NODES_MAX {
            return Err(self.too_many(span));
        }
        let value = node.value.clone();
        if let (true, Value::Text(key)) = (self.awaits_key(), &value) {
            return self.key(key.clone(), span);
        }
        self.count(size, span)?;
        self.add(Node { value, span }, 0, size)
    }

    fn begin(&mut self, content: Content, anchor: usize, span: Span) -> Result<(), DocumentError> {
        if self.awaits_key() {
            return Err(self.no_key(span));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(self.refuse(span, format!("this is nested more than {DEPTH_MAX} deep")));
        }
        let nodes_before = self.nodes;
        self.count(1, span)?;
        self.open.push(Open { span, anchor, nodes_before, content });
        Ok(())
    }

    fn end(&mut self) -> Result<(), DocumentError> {
        let Some(Open { span, anchor, nodes_before, content }) = self.open.pop() else {
            return Ok(());
        };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Table { entries, .. } => Value::Table(entries),
        };
        self.add(Node { value, span }, anchor, self.nodes - nodes_before)
    }

    fn key(&mut self, text: String, span: Span) -> Result<(), DocumentError> {
        let Some(Open { content: Content::Table { keys, key, .. }, .. }) = self.open.last_mut()
        else {
            return Ok(());
        };
        if !keys.insert(text.clone()) {
            let problem = Problem::RepeatedKey { key: text };
            return Err(DocumentError { file: self.file.to_owned(), span, problem });
        }
        *key = Some((text, span));
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), DocumentError> {
        if self.awaits_key() {
            return Err(self.no_key(node.span));
        }
        self.remember(&node, anchor, size)?;
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Table { entries, key, .. }) => {
                if let Some((key, key_span)) = key.take() {
                    entries.push(Entry { key, key_span, node });
                }
            }
        }
        Ok(())
    }

    /// Keeps a copy of a node that an anchor names, so that aliases find it.
    fn remember(&mut self, node: &Node, anchor: usize, size: usize) -> Result<(), DocumentError> {
        if anchor != 0 {
            self.count(size, node.span)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        let innermost = self.open.last().map(|open| &open.content);
        matches!(innermost, Some(Content::Table { key: None, .. }))
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), DocumentError> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX { Err(self.too_many(span)) } else { Ok(()) }
    }

    fn check_tag(
        &self,
        tag: Option<&Tag>,
        expected: &str,
        span: Span,
    ) -> Result<(), DocumentError> {
        match tag {
            Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == expected) => {
                Err(self.refuse(span, unknown_tag(tag)))
            }
            _ => Ok(()),
        }
    }

    fn too_many(&self, span: Span) -> DocumentError {
        self.refuse(span, "too much is written here, or repeated by aliases".to_owned())
    }

    fn no_key(&self, span: Span) -> DocumentError {
        self.refuse(span, "a key must be text".to_owned())
    }

    fn refuse(&self, span: Span, message: String) -> DocumentError {
        let problem = Problem::Syntax { message };
        DocumentError { file: self.file.to_owned(), span, problem }
    }
}

/// A scalar with a tag: text, or what it is without, if the tag says the same.
fn tagged(text: &str, tag: &Tag) -> Result<Value, String> {
    if tag.handle.is_empty() && tag.suffix == "!" {
        return Ok(Value::Text(text.to_owned()));
    }
    if !tag.is_yaml_core_schema() {
        return Err(unknown_tag(tag));
    }
    let value = match tag.suffix.as_str() {
        "str" => return Ok(Value::Text(text.to_owned())),
        _ => plain(text)?,
    };
    match (tag.suffix.as_str(), value) {
        ("float", Value::Int(_)) => Ok(number(text).map_or(Value::Null, Value::Float)),
        ("int", value @ Value::Int(_))
        | ("float", value @ Value::Float(_))
        | ("bool", value @ Value::Bool(_))
        | ("null", value @ Value::Null) => Ok(value),
        ("int" | "float" | "bool" | "null", value) => {
            Err(format!("this is tagged as {}, but is {}", tag.suffix, value.described()))
        }
        _ => Err(unknown_tag(tag)),
    }
}

fn unknown_tag(tag: &Tag) -> String {
    let handle = if tag.is_yaml_core_schema() { "!!" } else { tag.handle.as_str() };
    format!("the tag `{handle}{}` means nothing here", tag.suffix.escape_debug())
}

/// A scalar without quotes, by the core schema of YAML 1.2.
fn plain(text: &str) -> Result<Value, String> {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        _ => match integer(text) {
            Some(Ok(number)) => Value::Int(number),
            Some(Err(_)) => return Err(format!("{text} is too large for an integer")),
            None => number(text).map_or_else(|| Value::Text(text.to_owned()), Value::Float),
        },
    };
    Ok(value)
}

/// An integer, `None` when it is not written like one.
fn integer(text: &str) -> Option<Result<i64, std::num::ParseIntError>> {
    let (digits, radix) = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) => (digits, 8),
        (None, None) => (text, 10),
    };
    let bare = if radix == 10 { digits.trim_start_matches(['+', '-']) } else { digits };
    let signs = digits.len() - bare.len();
    let is_integer = !bare.is_empty() && signs <= 1 && bare.chars().all(|it| it.is_digit(radix));
    is_integer.then(|| i64::from_str_radix(digits, radix))
}

/// A number, `None` when it is not written like one.
fn number(text: &str) -> Option<f64> {
    let is_number = text.bytes().all(|it| it.is_ascii_digit() || b"+-.eE".contains(&it))
        && text.bytes().any(|it| it.is_ascii_digit());
    // Of what is left, Rust and YAML take the same.
    if is_number { text.parse().ok() } else { None }
}
