//! From a file to scenarios.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    datatypes::{Field, Schema, SchemaRef},
    json::{ReaderBuilder, reader::infer_json_schema_from_iterator},
};
use metalith_base::Timestamp;
use metalith_document::{DocumentError, Entry, Format, Node, Table, Value, json, parse, text};
use metalith_expr::parse_type;
use metalith_ingest::RowFile;
use metalith_store::{Frame, stored_as};
use serde_json::Map;

use super::{Expected, Scenario, Source, read_text};
use crate::{PipelineError, error::Mistake, run::time_of};

/// Microseconds of 2026-01-01: a scenario that says no time runs at one that is always the same.
const NOW: i64 = 1_767_225_600_000_000;

/// A table of a file, or what is wrong with it.
enum Wrong {
    Document(DocumentError),
    Pipeline(PipelineError),
}

impl From<DocumentError> for Wrong {
    fn from(error: DocumentError) -> Self {
        Self::Document(error)
    }
}

impl<E: Into<PipelineError>> From<E> for Wrong {
    fn from(error: E) -> Self {
        Self::Pipeline(error.into())
    }
}

pub(super) async fn read_scenarios(
    file: &Path,
    source: &str,
) -> Result<Vec<Scenario>, PipelineError> {
    let shown = file.display().to_string();
    match scenarios(file, &shown, source).await {
        Ok(found) => Ok(found),
        Err(Wrong::Pipeline(error)) => Err(error),
        Err(Wrong::Document(error)) => Err(PipelineError::Invalid {
            file: shown,
            mistakes: vec![Mistake::of_document("Invalid scenario", &error)],
        }),
    }
}

async fn scenarios(file: &Path, shown: &str, source: &str) -> Result<Vec<Scenario>, Wrong> {
    let format = Format::of_file(shown).unwrap_or(Format::Yaml);
    let tree = parse(shown, source, format)?;
    let mut table = Table::new(shown, &tree)?;
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let shared = match table.text("pipeline")? {
        Some(name) => Some(pipeline(&folder, name)?),
        None => None,
    };
    let mut found = Vec::new();
    for node in table.list("scenarios")?.unwrap_or_default() {
        found.push(scenario(shown, &folder, (node, shared.as_ref())).await?);
    }
    table.finish()?;
    if found.is_empty() {
        let message = "there are no `scenarios`".to_owned();
        return Err(Table::new(shown, &tree)?.mistake(&tree, message, None).into());
    }
    Ok(found)
}

fn pipeline(folder: &Path, name: &str) -> Result<Source, PipelineError> {
    let path = folder.join(name);
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    Ok(Source { file: name.to_owned(), text: read_text(&path)?, folder })
}

async fn scenario(
    file: &str,
    folder: &Path,
    (node, shared): (&Node, Option<&Source>),
) -> Result<Scenario, Wrong> {
    let mut table = Table::new(file, node)?;
    let name = table.required_text("name")?.to_owned();
    let pipeline = match (table.text("pipeline")?, shared) {
        (Some(name), _) => pipeline(folder, name)?,
        (None, Some(shared)) => shared.clone(),
        (None, None) => {
            table.required("pipeline")?;
            return Err(table.mistake(node, "names no `pipeline`".to_owned(), None).into());
        }
    };
    let mut variables = BTreeMap::new();
    if let Some(given) = table.table("variables")? {
        for Entry { key, node, .. } in given.entries() {
            let value = match json(node) {
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            };
            variables.insert(key.clone(), value);
        }
    }
    let now = match table.optional("now") {
        None => Timestamp::from_micros(NOW),
        Some(node) => {
            let written = text(file, "now", node)?;
            let hint = || Some("write e.g. 2026-01-31T12:00:00Z".to_owned());
            let wrong = || table.mistake(node, format!("`{written}` is no time"), hint());
            time_of(written).ok_or_else(wrong)?
        }
    };
    let mut given = BTreeMap::new();
    if let Some(tables) = table.table("given")? {
        for entry in tables.entries() {
            let place = place(file, entry)?;
            given.insert(place, rows(file, folder, &entry.node).await?);
        }
    }
    let mut expected = Vec::new();
    if let Some(outputs) = table.table("expect")? {
        for entry in outputs.entries() {
            place(file, entry)?;
            expected.push(expectation(file, entry)?);
        }
    }
    let error = table.text("expect_error")?.map(str::to_owned);
    if error.as_ref().is_some_and(|it| it.trim().is_empty()) {
        let hint = Some("write a part of the message".to_owned());
        let message = "an empty `expect_error` is in every error".to_owned();
        return Err(table.mistake(node, message, hint).into());
    }
    if expected.is_empty() && error.is_none() {
        let hint = Some("add `expect` with the rows of an output, or `expect_error`".to_owned());
        return Err(table.mistake(node, "expects nothing".to_owned(), hint).into());
    }
    table.finish()?;
    Ok(Scenario { name, pipeline, variables, now, given, expected, error })
}

/// `datasource/table`.
fn place(file: &str, entry: &Entry) -> Result<(String, String), DocumentError> {
    match entry.key.split_once('/') {
        Some((datasource, table)) => Ok((datasource.to_owned(), table.to_owned())),
        None => {
            let problem = metalith_document::Problem::Value {
                message: format!("`{}` is no table", entry.key),
                hint: Some("write DATASOURCE/TABLE".to_owned()),
            };
            Err(DocumentError { file: file.to_owned(), span: entry.key_span, problem })
        }
    }
}

/// Rows: a list of them, the name of a file, or a table with `columns` and `rows`.
async fn rows(file: &str, folder: &Path, node: &Node) -> Result<Frame, Wrong> {
    match &node.value {
        Value::Text(name) => {
            Ok(RowFile::open(&folder.join(name), None, &[])?.rows()?.into_frame().await?)
        }
        Value::List(items) => Ok(frame(&objects(file, items)?, &[])?),
        _ => {
            let mut table = Table::new(file, node)?;
            let mut columns = Vec::new();
            for (name, known) in table.text_map("columns")?.unwrap_or_default() {
                let data_type = parse_type(&known).ok().and_then(|it| stored_as(&it));
                let Some(data_type) = data_type else {
                    return Err(table.mistake(node, format!("`{known}` is no type"), None).into());
                };
                columns.push(Field::new(name, data_type, true));
            }
            let rows = objects(file, table.list("rows")?.unwrap_or_default())?;
            table.finish()?;
            Ok(frame(&rows, &columns)?)
        }
    }
}

fn objects(
    file: &str,
    items: &[Node],
) -> Result<Vec<Map<String, serde_json::Value>>, DocumentError> {
    items
        .iter()
        .map(|item| {
            let table = Table::new(file, item)?;
            Ok(table.entries().iter().map(|it| (it.key.clone(), json(&it.node))).collect())
        })
        .collect()
}

/// Rows as Arrow, with the types that they look like, but for columns that are declared.
fn frame(
    rows: &[Map<String, serde_json::Value>],
    columns: &[Field],
) -> Result<Frame, PipelineError> {
    let failed = |error| PipelineError::arrow("a scenario", error);
    let values: Vec<serde_json::Value> =
        rows.iter().cloned().map(serde_json::Value::Object).collect();
    let inferred = infer_json_schema_from_iterator(values.iter().map(Ok)).map_err(failed)?;
    let others = inferred
        .fields()
        .iter()
        .filter(|it| !columns.iter().any(|column| column.name() == it.name()))
        .map(|it| it.as_ref().clone());
    let fields: Vec<Field> = columns.iter().cloned().chain(others).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let reader = ReaderBuilder::new(SchemaRef::clone(&schema)).with_batch_size(rows.len().max(1));
    let mut decoder = reader.build_decoder().map_err(failed)?;
    decoder.serialize(&values).map_err(failed)?;
    let batch = decoder.flush().map_err(failed)?;
    Ok(Frame { schema, batches: batch.into_iter().collect() })
}

/// Rows that are expected: a list of them, or a table with `rows`, `match` and `ordered`.
fn expectation(file: &str, entry: &Entry) -> Result<Expected, DocumentError> {
    let destination = entry.key.clone();
    if let Value::List(items) = &entry.node.value {
        let rows = objects(file, items)?;
        return Ok(Expected { destination, rows, is_exact: true, is_ordered: false });
    }
    let mut table = Table::new(file, &entry.node)?;
    let rows = objects(file, table.list("rows")?.unwrap_or_default())?;
    let is_exact = match table.text("match")? {
        None | Some("exact") => true,
        Some("subset") => false,
        Some(other) => {
            let hint = Some("choose `exact` or `subset`".to_owned());
            return Err(table.mistake(&entry.node, format!("`{other}` is no `match`"), hint));
        }
    };
    if rows.is_empty() && !is_exact {
        let message = "a subset without rows is there always".to_owned();
        let hint = Some("name rows, or leave `match: subset` out to expect none".to_owned());
        return Err(table.mistake(&entry.node, message, hint));
    }
    let is_ordered = table.flag("ordered")?.unwrap_or(false);
    table.finish()?;
    Ok(Expected { destination, rows, is_exact, is_ordered })
}
