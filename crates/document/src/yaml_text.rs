//! YAML, and with it JSON, to the tree.

use saphyr::{LoadableYamlNode as _, MarkedYaml, Marker, Scalar, YamlData};

use crate::{DocumentError, Entry, Node, Problem, Span, Value};

/// How many nodes a document may have, aliases counted as often as they are used.
const NODES_MAX: usize = 1_000_000;

pub(crate) fn parse(file: &str, text: &str) -> Result<Node, DocumentError> {
    let refuse = |span, message: &str| DocumentError {
        file: file.to_owned(),
        span,
        problem: Problem::Syntax { message: message.to_owned() },
    };
    let documents = MarkedYaml::load_from_str(text)
        .map_err(|error| refuse(place(error.marker()), error.info()))?;
    let mut tree = Tree { file, nodes: 0 };
    match documents.as_slice() {
        [] => Ok(Node { value: Value::Table(Vec::new()), span: Span { line: 1, column: 1 } }),
        [document] => tree.node(document),
        [_, second, ..] => Err(refuse(
            place(&second.span.start),
            "a second document begins here, where only one may be",
        )),
    }
}

fn place(marker: &Marker) -> Span {
    Span { line: marker.line(), column: marker.col() + 1 }
}

struct Tree<'a> {
    file: &'a str,
    nodes: usize,
}

impl Tree<'_> {
    fn refuse(&self, span: Span, problem: Problem) -> DocumentError {
        DocumentError { file: self.file.to_owned(), span, problem }
    }

    fn node(&mut self, yaml: &MarkedYaml<'_>) -> Result<Node, DocumentError> {
        let span = place(&yaml.span.start);
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let message = "too much is written here, or repeated by aliases".to_owned();
            return Err(self.refuse(span, Problem::Syntax { message }));
        }
        let value = match &yaml.data {
            YamlData::Value(scalar) => match scalar {
                Scalar::Null => Value::Null,
                Scalar::Boolean(flag) => Value::Bool(*flag),
                Scalar::Integer(number) => Value::Int(*number),
                Scalar::FloatingPoint(number) => Value::Float(number.into_inner()),
                Scalar::String(text) => Value::Text(text.to_string()),
            },
            YamlData::Representation(text, _, _) => Value::Text(text.to_string()),
            YamlData::Sequence(items) => {
                let items = items.iter().map(|item| self.node(item));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            YamlData::Mapping(mapping) => {
                let mut entries: Vec<Entry> = Vec::new();
                for (key, value) in mapping {
                    let key_span = place(&key.span.start);
                    let key = self.key(key)?;
                    if entries.iter().any(|entry| entry.key == key) {
                        return Err(self.refuse(key_span, Problem::RepeatedKey { key }));
                    }
                    entries.push(Entry { key, key_span, node: self.node(value)? });
                }
                Value::Table(entries)
            }
            YamlData::Tagged(_, inner) => return self.node(inner),
            YamlData::Alias(_) | YamlData::BadValue => {
                let message = "this is not a value".to_owned();
                return Err(self.refuse(span, Problem::Syntax { message }));
            }
        };
        Ok(Node { value, span })
    }

    fn key(&self, yaml: &MarkedYaml<'_>) -> Result<String, DocumentError> {
        match &yaml.data {
            YamlData::Value(Scalar::String(text)) => Ok(text.to_string()),
            YamlData::Value(Scalar::Integer(number)) => Ok(number.to_string()),
            YamlData::Value(Scalar::Boolean(flag)) => Ok(flag.to_string()),
            _ => {
                let message = "a key must be text".to_owned();
                Err(self.refuse(place(&yaml.span.start), Problem::Syntax { message }))
            }
        }
    }
}
