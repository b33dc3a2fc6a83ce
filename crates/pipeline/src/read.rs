//! From a project file to a [`Pipeline`].

mod operations;

use std::collections::{BTreeMap, BTreeSet};

use metalith_document::{DocumentError, Entry, Format, Node, Span, Table, Value, parse, text};
use metalith_expr::{Expr, Quotes, lit, parse_type, parse_with};

use crate::{
    PipelineError,
    error::Mistake,
    model::{Datasource, Operation, Pipeline, SourceKind, TableRef},
    placeholders,
    working::SOURCES_MAX,
};

/// A project file as far as it could be read, and what was wrong with the rest.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) pipeline: Pipeline,
    pub(crate) mistakes: Vec<Mistake>,
}

/// Keys that name a kind of datasource by its `type`.
const KINDS: [(&str, SourceKind); 9] = [
    ("files", SourceKind::Files(None)),
    ("parquet", SourceKind::Files(Some(metalith_ingest::FileFormat::Parquet))),
    ("csv", SourceKind::Files(Some(metalith_ingest::FileFormat::Csv))),
    ("tsv", SourceKind::Files(Some(metalith_ingest::FileFormat::Tsv))),
    ("jsonl", SourceKind::Files(Some(metalith_ingest::FileFormat::JsonLines))),
    ("arrow", SourceKind::Files(Some(metalith_ingest::FileFormat::Arrow))),
    ("delta", SourceKind::Delta),
    ("store", SourceKind::Store),
    ("database", SourceKind::Database),
];

/// Each operation may bring rows from two places, which the ids of rows tell apart.
const OPERATIONS_MAX: u64 = SOURCES_MAX / 2 - 1;

/// Reads a project file; `given` are values for its variables.
pub(crate) fn read(
    file: &str,
    source: &str,
    given: &BTreeMap<String, String>,
) -> Result<Reading, PipelineError> {
    let format = Format::of_file(file).unwrap_or(Format::Yaml);
    let refuse = |error: DocumentError| PipelineError::Invalid {
        file: file.to_owned(),
        mistakes: vec![Mistake::of_document("Invalid project file", &error)],
    };
    let mut tree = parse(file, source, format).map_err(refuse)?;
    let mut reader = Reader { file: file.to_owned(), mistakes: Vec::new() };
    let variables = reader.variables(&mut tree, given).map_err(refuse)?;
    let pipeline = reader.pipeline(&tree, variables).map_err(refuse)?;
    Ok(Reading { pipeline, mistakes: reader.mistakes })
}

struct Reader {
    file: String,
    mistakes: Vec<Mistake>,
}

impl Reader {
    /// Takes `variables` out of the tree, puts their values in the place of `${NAME}`, and gives
    /// them back as expressions.
    fn variables(
        &mut self,
        tree: &mut Node,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, Expr>, DocumentError> {
        let mut known: BTreeMap<String, Value> = BTreeMap::new();
        if let Value::Table(entries) = &tree.value
            && let Some(entry) = entries.iter().find(|it| it.key == "variables")
        {
            let table = Table::new(&self.file, &entry.node)?;
            for Entry { key, node, .. } in table.entries() {
                known.insert(key.clone(), node.value.clone());
            }
        }
        for (name, value) in given {
            let Some(default) = known.get_mut(name) else {
                let reason = format!("variable `{name}` is not declared");
                let mistake = Mistake::new("Invalid variable", reason, Span::default());
                self.mistakes.push(mistake.about_name(name, known.keys().map(String::as_str)));
                continue;
            };
            match typed_like(default, value) {
                Some(value) => *default = value,
                None => {
                    let what = default.described();
                    // The value may be a secret, and messages are kept.
                    let reason = format!("the value of variable `{name}` must be {what}");
                    self.mistakes.push(Mistake::new("Invalid variable", reason, Span::default()));
                }
            }
        }
        let mut found = BTreeMap::new();
        for (name, value) in &known {
            match literal(value) {
                Some(value) => drop(found.insert(name.clone(), value)),
                None => {
                    let reason = format!("variable `{name}` must be a text, a number or a boolean");
                    self.mistakes.push(Mistake::new("Invalid variable", reason, tree.span));
                }
            }
        }
        self.substitute(tree, &known);
        Ok(found)
    }

    /// Puts values in the place of `${NAME}`, in every text.
    fn substitute(&mut self, node: &mut Node, variables: &BTreeMap<String, Value>) {
        match &mut node.value {
            Value::Text(text) => {
                let mut rest = text.as_str();
                let mut result = String::new();
                while let Some((before, after)) = rest.split_once("${") {
                    let Some((name, tail)) = after.split_once('}') else { break };
                    result.push_str(before);
                    match variables.get(name) {
                        Some(value) => result.push_str(&shown(value)),
                        None => {
                            let reason = format!("variable `{name}` is not declared");
                            let mistake = Mistake::new("Invalid variable", reason, node.span);
                            let known = variables.keys().map(String::as_str);
                            self.mistakes.push(mistake.about_name(name, known));
                        }
                    }
                    rest = tail;
                }
                result.push_str(rest);
                *text = result;
            }
            Value::List(items) => items.iter_mut().for_each(|it| self.substitute(it, variables)),
            Value::Table(entries) => {
                for entry in entries {
                    self.refuse_in_name(entry);
                    // Expressions take values with `{{NAME}}`, where a text cannot become a condition.
                    match is_expression(&entry.key) {
                        true => self.substitute_names(&mut entry.node, variables),
                        false => self.substitute(&mut entry.node, variables),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        }
    }

    /// The same for the names in a list of names and expressions.
    fn substitute_names(&mut self, node: &mut Node, variables: &BTreeMap<String, Value>) {
        match &mut node.value {
            Value::Table(entries) => entries.iter().for_each(|it| self.refuse_in_name(it)),
            Value::List(items) => {
                for item in items {
                    let Value::Table(entries) = &mut item.value else { continue };
                    let named = entries.iter_mut().filter(|it| it.key == "column");
                    named.for_each(|it| self.substitute(&mut it.node, variables));
                }
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
        }
    }

    /// A key is a name, and stays as it is written.
    fn refuse_in_name(&mut self, entry: &Entry) {
        if let Some(name) = placeholders::variable_in(&entry.key) {
            let reason = format!("`${{{name}}}` is not filled in within a key");
            let mistake = Mistake::new("Invalid variable", reason, entry.key_span);
            let hint = "write the name itself, or a list of `column` and `expression`";
            self.mistakes.push(mistake.with_hint(Some(hint.to_owned())));
        }
    }

    fn pipeline(
        &mut self,
        tree: &Node,
        variables: BTreeMap<String, Expr>,
    ) -> Result<Pipeline, DocumentError> {
        let file = self.file.clone();
        let mut table = Table::new(&file, tree)?;
        let name = table.required_text("name")?.to_owned();
        table.text("description")?;
        table.optional("variables");
        let (datasources, unreadable) = match table.optional("datasources") {
            Some(node) => self.datasources(node),
            None => (BTreeMap::new(), BTreeSet::new()),
        };
        let input = self.table_ref(table.required("input")?)?;
        let selectors = match table.table("selectors")? {
            Some(named) => self.selectors(&named, variables),
            None => variables,
        };
        let operations = match table.list("operations")? {
            Some(items) => self.operations(items),
            None => Vec::new(),
        };
        if let Err(error) = table.finish() {
            self.mistakes.push(Mistake::of_document("Invalid project file", &error));
        }
        Ok(Pipeline { file, name, datasources, unreadable, input, selectors, operations })
    }

    /// A list of tables with an `id`, or a table of them by id; and the ids of those that are wrong.
    fn datasources(&mut self, node: &Node) -> (BTreeMap<String, Datasource>, BTreeSet<String>) {
        let (mut found, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
        let (ids, nodes): (Vec<Option<&str>>, Vec<&Node>) = match &node.value {
            Value::List(items) => items.iter().map(|item| (None, item)).unzip(),
            Value::Table(entries) => {
                entries.iter().map(|it| (Some(it.key.as_str()), &it.node)).unzip()
            }
            other => {
                let reason = format!("`datasources` must be a list, but is {}", other.described());
                self.mistakes.push(Mistake::new("Invalid project file", reason, node.span));
                return (found, unreadable);
            }
        };
        for (id, node) in ids.into_iter().zip(nodes) {
            match self.datasource(id, node) {
                Ok((id, datasource)) => {
                    if found.insert(id.clone(), datasource).is_some() {
                        let reason = format!("datasource `{id}` is there twice");
                        self.mistakes.push(Mistake::new("Invalid datasource", reason, node.span));
                    }
                }
                Err(error) => {
                    self.mistakes.push(Mistake::of_document("Invalid datasource", &error));
                    unreadable
                        .extend(id.map(str::to_owned).or_else(|| scalar(member(node, "id")?)));
                }
            }
        }
        (found, unreadable)
    }

    fn datasource(
        &self,
        id: Option<&str>,
        node: &Node,
    ) -> Result<(String, Datasource), DocumentError> {
        let mut table = Table::new(&self.file, node)?;
        let id = match id {
            Some(id) => id.to_owned(),
            None => table.required_text("id")?.to_owned(),
        };
        let kind = match table.optional("type") {
            None => SourceKind::Files(None),
            Some(node) => {
                let name = text(&self.file, "type", node)?;
                let known = KINDS.iter().find(|(known, _)| *known == name);
                known.map(|(_, kind)| *kind).ok_or_else(|| {
                    let names = KINDS.map(|(name, _)| format!("`{name}`")).join(", ");
                    let message = format!("`{name}` is no type of datasource");
                    table.mistake(node, message, Some(format!("choose one of {names}")))
                })?
            }
        };
        let is_named = matches!(kind, SourceKind::Store | SourceKind::Database);
        let key = if is_named { "store" } else { "path" };
        let path = match table.text(key)? {
            Some(path) => path.to_owned(),
            // The store that the project says.
            None if is_named => String::new(),
            None => table.required_text(key)?.to_owned(),
        };
        let options = table.text_map("options")?.unwrap_or_default().into_iter().collect();
        table.finish()?;
        Ok((id, Datasource { kind, path, options, span: node.span }))
    }

    /// A table to read: `datasource_id` and `table`, with what is said about it.
    fn table_ref(&mut self, node: &Node) -> Result<TableRef, DocumentError> {
        let mut table = Table::new(&self.file, node)?;
        let found = TableRef {
            datasource: table.required_text("datasource_id")?.to_owned(),
            table: table.required_text("table")?.to_owned(),
            alias: table.text("as")?.map(str::to_owned),
            columns: match table.optional("columns") {
                Some(node) => Some(operations::pairs(&self.file, node, "columns")?),
                None => None,
            },
            types: match table.table("types")? {
                None => Vec::new(),
                Some(types) => types
                    .entries()
                    .iter()
                    .map(|Entry { key, node, .. }| {
                        let name = text(&self.file, key, node)?;
                        let known = parse_type(name).map_err(|error| {
                            let hint = metalith_base::Diagnostic::hint(&error);
                            table.mistake(node, error.message(), hint.map(Into::into))
                        })?;
                        Ok((key.clone(), known))
                    })
                    .collect::<Result<_, DocumentError>>()?,
            },
            span: node.span,
        };
        table.finish()?;
        Ok(found)
    }

    /// Named selectors and variables as expressions: one name means one thing.
    fn selectors(
        &mut self,
        table: &Table<'_>,
        variables: BTreeMap<String, Expr>,
    ) -> BTreeMap<String, Expr> {
        let mut found = variables;
        let mut named: BTreeSet<&str> = BTreeSet::new();
        for Entry { key, node, key_span } in table.entries() {
            let title = format!("selector `{key}`");
            if found.contains_key(key) && !named.contains(key.as_str()) {
                let reason = format!("`{key}` is a variable already");
                self.mistakes.push(Mistake::new(format!("Invalid {title}"), reason, *key_span));
                continue;
            }
            named.insert(key);
            let Some(source) = scalar(node) else {
                let reason = format!("`{key}` must be text, but is {}", node.value.described());
                self.mistakes.push(Mistake::new(format!("Invalid {title}"), reason, node.span));
                continue;
            };
            let parsed = parse_with(&source, Quotes::Text);
            let in_quotes = parsed.as_ref().ok().and_then(placeholders::in_quotes);
            if let Some(misread) = placeholders::in_text(&source).or(in_quotes) {
                let mistake = Mistake::new(format!("Invalid {title}"), misread.reason, node.span);
                self.mistakes.push(mistake.with_hint(Some(misread.hint)));
                found.insert(key.clone(), lit(true));
                continue;
            }
            match parsed {
                Ok(expr) => drop(found.insert(key.clone(), expr)),
                Err(error) => {
                    let mut mistake =
                        Mistake::of_expression("selector", "", (&source, node.span), &error);
                    mistake.title = format!("Invalid {title}");
                    self.mistakes.push(mistake);
                    // It has a name, whatever it means; who refers to it makes no mistake.
                    found.insert(key.clone(), lit(true));
                }
            }
        }
        found
    }

    /// Every operation, by number.
    fn operations(&mut self, items: &[Node]) -> Vec<Operation> {
        let mut found: Vec<Operation> = Vec::new();
        if items.len() as u64 > OPERATIONS_MAX {
            let reason = format!("there are more than {OPERATIONS_MAX} operations");
            let span = items.first().map_or_else(Span::default, |it| it.span);
            self.mistakes.push(Mistake::new("Invalid project file", reason, span));
            return found;
        }
        let numbered = items.iter().any(|it| ["seq", "order"].iter().any(|key| has(it, key)));
        for (index, node) in items.iter().enumerate() {
            let position = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let operation = operations::operation(self, node, (position, numbered));
            if found.iter().any(|it| it.number == operation.number) {
                let reason = format!("there is an operation {} already", operation.number);
                let title = format!("Invalid number of {}", operation.title());
                let hint = "each operation has a number of its own, in `seq` or `order`";
                let mistake = Mistake::new(title, reason, node.span);
                self.mistakes.push(mistake.with_hint(Some(hint.to_owned())));
            }
            found.push(operation);
        }
        found.sort_by_key(|it| it.number);
        found
    }
}

fn has(node: &Node, key: &str) -> bool {
    member(node, key).is_some()
}

fn member<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Table(entries) = &node.value else { return None };
    entries.iter().find(|it| it.key == key).map(|it| &it.node)
}

/// Keys below which texts are expressions.
fn is_expression(key: &str) -> bool {
    ["selector", "selectors", "assignments", "aggregations", "expression", "group_by", "variables"]
        .contains(&key)
}

/// A value of a scalar, as it would be written.
fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => Some(shown(&node.value)),
        Value::Null | Value::List(_) | Value::Table(_) => None,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Null | Value::List(_) | Value::Table(_) => String::new(),
    }
}

/// A given text as what the default is.
fn typed_like(default: &Value, text: &str) -> Option<Value> {
    match default {
        Value::Bool(_) => text.parse().ok().map(Value::Bool),
        Value::Int(_) => text.parse().ok().map(Value::Int),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Null | Value::Text(_) | Value::List(_) | Value::Table(_) => {
            Some(Value::Text(text.to_owned()))
        }
    }
}

fn literal(value: &Value) -> Option<Expr> {
    match value {
        Value::Text(text) => Some(lit(text.as_str())),
        Value::Bool(flag) => Some(lit(*flag)),
        Value::Int(number) => Some(lit(*number)),
        // A number that is written out, so that it stays exact.
        Value::Float(number) => parse_with(&number.to_string(), Quotes::Text).ok(),
        Value::Null | Value::List(_) | Value::Table(_) => None,
    }
}
