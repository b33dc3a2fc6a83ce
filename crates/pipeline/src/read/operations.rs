//! Operations with their parameters, wherever those are written.

use std::str::FromStr as _;

use metalith_document::{DocumentError, Entry, Items, Node, Span, Table, Value, integer, text};
use metalith_lifecycle::deletion::Cascade;
use metalith_store::DeletionMode;

use super::{Reader, scalar};
use crate::{
    error::Mistake,
    model::{
        Aggregate, Append, Becomes, Delete, Deletion, Join, JoinKind, Operation, OperationKind,
        Output, OutputMode, Summary, Text, Update,
    },
};

const TYPES: [&str; 6] = ["update", "delete", "aggregate", "append", "join", "output"];
/// Keys that say what an operation is, and not what it is to do.
const HEADER: [&str; 4] = ["seq", "order", "type", "alias"];
/// Keys below which parameters may be written.
const NESTED: [&str; 2] = ["parameters", "arguments"];

/// Reads an operation; `position` is its number where no operation has one.
pub(super) fn operation(
    reader: &mut Reader,
    node: &Node,
    (position, numbered): (u32, bool),
) -> Operation {
    let mut operation = Operation {
        number: position,
        alias: None,
        kind: OperationKind::Unreadable,
        span: node.span,
    };
    let mut kind = None;
    let read = (|| {
        let merged = merged(&reader.file, node)?;
        let file = reader.file.clone();
        let mut table = Table::new(&file, &merged)?;
        if let Some(number) = number(&mut table, numbered)? {
            operation.number = number;
        }
        operation.alias = table.text("alias")?.map(str::to_owned);
        let named = table.required_text("type")?;
        kind = TYPES.iter().find(|it| **it == named).copied();
        operation.kind = parameters(reader, &mut table, named)?;
        table.finish()
    })();
    if let Err(error) = read {
        let name = kind.map_or_else(String::new, |kind| format!(" ({kind})"));
        let title = format!("Invalid operation {}{name}", operation.number);
        reader.mistakes.push(Mistake::of_document(title, &error));
        operation.kind = OperationKind::Unreadable;
    }
    operation
}

/// The operation as one table, whether its parameters stand at it or below it.
fn merged(file: &str, node: &Node) -> Result<Node, DocumentError> {
    let table = Table::new(file, node)?;
    let mut entries: Vec<Entry> = Vec::new();
    for entry in table.entries() {
        if !NESTED.contains(&entry.key.as_str()) {
            entries.push(entry.clone());
            continue;
        }
        if entry.node.value == Value::Null {
            continue;
        }
        for nested in Table::new(file, &entry.node)?.entries() {
            if HEADER.contains(&nested.key.as_str()) {
                let message =
                    format!("`{}` belongs to the operation, not to its parameters", nested.key);
                return Err(table.mistake(&nested.node, message, None));
            }
            entries.push(nested.clone());
        }
    }
    for (index, entry) in entries.iter().enumerate() {
        if entries[..index].iter().any(|it| it.key == entry.key) {
            let message = format!("parameter `{}` is there twice", entry.key);
            return Err(table.mistake(&entry.node, message, None));
        }
    }
    Ok(Node { value: Value::Table(entries), span: node.span })
}

fn number(table: &mut Table<'_>, numbered: bool) -> Result<Option<u32>, DocumentError> {
    let (seq, order) = (table.optional("seq"), table.optional("order"));
    let (key, node) = match (seq, order) {
        (Some(_), Some(node)) => {
            let message = "`seq` and `order` mean the same".to_owned();
            return Err(table.mistake(node, message, Some("write one of them".to_owned())));
        }
        (Some(node), None) => ("seq", node),
        (None, Some(node)) => ("order", node),
        (None, None) if numbered => {
            let span = table.span();
            let message = "has no number, though others have".to_owned();
            let at = Node { value: Value::Null, span };
            return Err(table.mistake(&at, message, Some("write its `seq`".to_owned())));
        }
        (None, None) => return Ok(None),
    };
    let number = integer(table.file(), key, node)?;
    let number = u32::try_from(number)
        .map_err(|_| table.mistake(node, format!("`{key}` must be a number from 0"), None))?;
    Ok(Some(number))
}

fn parameters(
    reader: &mut Reader,
    table: &mut Table<'_>,
    name: &str,
) -> Result<OperationKind, DocumentError> {
    Ok(match name {
        "delete" => OperationKind::Delete(Delete { selector: selector(table)? }),
        "update" => {
            let selector = selector(table)?;
            let node = table.required("assignments")?;
            let assignments = named_expressions(table.file(), node, "assignments")?;
            if assignments.is_empty() {
                return Err(table.mistake(node, "nothing is assigned".to_owned(), None));
            }
            OperationKind::Update(Update { selector, assignments })
        }
        "aggregate" => OperationKind::Aggregate(Aggregate {
            selector: selector(table)?,
            summary: summary(table)?.ok_or_else(|| {
                let at = Node { value: Value::Null, span: table.span() };
                table.mistake(&at, "has neither `group_by` nor `aggregations`".to_owned(), None)
            })?,
            into: choice(
                table,
                "into",
                &[("new_set", Becomes::NewSet), ("summary_rows", Becomes::SummaryRows)],
            )?
            .unwrap_or(Becomes::NewSet),
        }),
        "append" => OperationKind::Append(Append {
            input: reader.table_ref(table.required("input")?)?,
            selector: selector(table)?,
            summary: summary(table)?,
        }),
        "join" => OperationKind::Join(Join {
            input: reader.table_ref(table.required("input")?)?,
            on: pairs(table.file(), table.required("on")?, "on")?,
            how: choice(table, "how", &[("left", JoinKind::Left), ("inner", JoinKind::Inner)])?
                .unwrap_or(JoinKind::Left),
            columns: match table.optional("columns") {
                Some(node) => Some(pairs(table.file(), node, "columns")?),
                None => None,
            },
        }),
        "output" => OperationKind::Output(output(table)?),
        other => {
            let node = table.required("type")?;
            let message = format!("`{other}` is no type of operation");
            let hint = match metalith_base::nearest(other, TYPES) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("choose one of {}", TYPES.map(|it| format!("`{it}`")).join(", ")),
            };
            return Err(table.mistake(node, message, Some(hint)));
        }
    })
}

fn output(table: &mut Table<'_>) -> Result<Output, DocumentError> {
    let node = table.required("destination")?;
    let mut destination = Table::new(table.file(), node)?;
    let (datasource, name) =
        (destination.required_text("datasource_id")?, destination.required_text("table")?);
    let span = destination.span();
    let (datasource, name) = (datasource.to_owned(), name.to_owned());
    destination.finish()?;
    let modes = [
        ("append", OutputMode::Append),
        ("replace", OutputMode::Replace),
        ("delete", OutputMode::Delete),
    ];
    let mut deletion = Deletion { mode: DeletionMode::Soft, cascade: Cascade::None, reason: None };
    if let Some(mut given) = table.table("deletion")? {
        let kinds = [("soft", DeletionMode::Soft), ("hard", DeletionMode::Hard)];
        deletion.mode = choice(&mut given, "mode", &kinds)?.unwrap_or(DeletionMode::Soft);
        if let Some(node) = given.optional("cascade") {
            let name = text(given.file(), "cascade", node)?;
            deletion.cascade = Cascade::from_str(name).map_err(|hint| {
                given.mistake(node, format!("`{name}` is no `cascade`"), Some(hint))
            })?;
        }
        deletion.reason = given.text("reason")?.map(str::to_owned);
        given.finish()?;
    }
    Ok(Output {
        datasource,
        table: name,
        span,
        include_deleted: table.flag("include_deleted")?.unwrap_or(false),
        selector: selector(table)?,
        columns: match table.optional("columns") {
            Some(node) => Some(pairs(table.file(), node, "columns")?),
            None => None,
        },
        metadata: table.flag("metadata")?,
        mode: choice(table, "mode", &modes)?,
        deletion,
        versions: table.text_map("versions")?.unwrap_or_default(),
    })
}

/// A selector; one that is empty is none.
fn selector(table: &mut Table<'_>) -> Result<Option<Text>, DocumentError> {
    let Some(node) = table.optional("selector") else { return Ok(None) };
    let found = expression(table.file(), node, "selector")?;
    Ok((!found.text.trim().is_empty()).then_some(found))
}

fn expression(file: &str, node: &Node, what: &str) -> Result<Text, DocumentError> {
    let found = match scalar(node) {
        Some(text) => text,
        None => text(file, what, node)?.to_owned(),
    };
    Ok(Text { text: found, span: node.span })
}

fn summary(table: &mut Table<'_>) -> Result<Option<Summary>, DocumentError> {
    let group_by = match table.optional("group_by") {
        None => Vec::new(),
        Some(node) => match &node.value {
            Value::List(items) => items
                .iter()
                .map(|item| expression(table.file(), item, "group_by"))
                .collect::<Result<_, _>>()?,
            _ => vec![expression(table.file(), node, "group_by")?],
        },
    };
    let aggregations = match table.optional("aggregations") {
        None => Vec::new(),
        Some(node) => named_expressions(table.file(), node, "aggregations")?,
    };
    let is_there = !group_by.is_empty() || !aggregations.is_empty();
    Ok(is_there.then_some(Summary { group_by, aggregations }))
}

/// Expressions with names: a table, or a list of tables with `column` and `expression`.
fn named_expressions(
    file: &str,
    node: &Node,
    what: &str,
) -> Result<Vec<(String, Text)>, DocumentError> {
    match &node.value {
        Value::Table(entries) => entries
            .iter()
            .map(|entry| Ok((entry.key.clone(), expression(file, &entry.node, &entry.key)?)))
            .collect(),
        Value::List(items) => items
            .iter()
            .map(|item| {
                let mut table = Table::new(file, item)?;
                let column = table.required_text("column")?.to_owned();
                let value = expression(file, table.required("expression")?, "expression")?;
                table.finish()?;
                Ok((column, value))
            })
            .collect(),
        _ => Table::new(file, node).map(|_| Vec::new()).map_err(|_| {
            let message =
                format!("`{what}` must be a table of names and expressions, or a list of them");
            mistake(file, node.span, message)
        }),
    }
}

/// Names with what they stand for: a table, or a name or a list of names that stand for themselves.
pub(super) fn pairs(
    file: &str,
    node: &Node,
    what: &str,
) -> Result<Vec<(String, String)>, DocumentError> {
    let same = |node: &Node| {
        let name = text(file, what, node)?.to_owned();
        Ok((name.clone(), name))
    };
    let of_table = |entries: &[Entry]| -> Result<Vec<(String, String)>, DocumentError> {
        let pair = |it: &Entry| Ok((it.key.clone(), text(file, &it.key, &it.node)?.to_owned()));
        entries.iter().map(pair).collect()
    };
    match &node.value {
        Value::Table(entries) => of_table(entries),
        Value::List(items) => {
            let items: Items<'_> = items;
            let mut found = Vec::new();
            for item in items {
                match &item.value {
                    Value::Table(entries) => found.extend(of_table(entries)?),
                    _ => found.push(same(item)?),
                }
            }
            Ok(found)
        }
        _ => Ok(vec![same(node)?]),
    }
}

/// One of several words.
fn choice<T: Copy>(
    table: &mut Table<'_>,
    key: &'static str,
    known: &[(&str, T)],
) -> Result<Option<T>, DocumentError> {
    let Some(node) = table.optional(key) else { return Ok(None) };
    let word = text(table.file(), key, node)?;
    match known.iter().find(|(name, _)| *name == word) {
        Some((_, found)) => Ok(Some(*found)),
        None => {
            let names: Vec<String> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
            let hint = format!("choose {}", names.join(" or "));
            Err(table.mistake(node, format!("`{word}` is no `{key}`"), Some(hint)))
        }
    }
}

fn mistake(file: &str, span: Span, message: String) -> DocumentError {
    let problem = metalith_document::Problem::Value { message, hint: None };
    DocumentError { file: file.to_owned(), span, problem }
}
