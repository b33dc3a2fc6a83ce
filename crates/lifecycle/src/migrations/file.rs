//! Migrations as YAML.

use std::fmt::Write as _;

use metalith_base::{FeatureKey, KeyError};
use metalith_document::{DocumentError, Format, Node, Table, Value, parse, text};
use metalith_graph::{ChangeKind, GraphDiff};

use super::{Migration, MigrationError, Operation, Step};

const OPERATIONS: [&str; 6] = ["reconcile", "rename", "recompute", "backfill", "custom", "delete"];

impl Migration {
    /// Reads a migration; `file` is how messages call it.
    pub fn parse(file: &str, source: &str) -> Result<Self, MigrationError> {
        let tree = parse(file, source, Format::Yaml)?;
        let mut table = Table::new(file, &tree)?;
        let id = table.required_text("id")?.to_owned();
        check_id(&id)?;
        let migration = Self {
            id,
            project: table.required_text("project")?.to_owned(),
            from: table.text("from")?.map(str::to_owned),
            to: table.required_text("to")?.to_owned(),
            steps: {
                let steps = table.list("steps")?.unwrap_or_default();
                steps.iter().map(|node| step(file, node)).collect::<Result<_, _>>()?
            },
        };
        table.finish()?;
        Ok(migration)
    }

    /// As YAML, with what is known of each feature beside its step.
    pub fn to_yaml(&self, diff: Option<&GraphDiff>) -> String {
        let mut out = String::new();
        line(
            &mut out,
            "# What becomes of stored samples. Give every step a reason, or change what it does:",
        );
        line(
            &mut out,
            "# reconcile, rename, recompute, backfill, custom, delete. Then see what would happen:",
        );
        line(&mut out, &format!("#   metalith migrations apply {} --dry-run", self.id));
        line(&mut out, &format!("id: {}", quoted(&self.id)));
        line(&mut out, &format!("project: {}", quoted(&self.project)));
        if let Some(from) = &self.from {
            line(&mut out, &format!("from: {}", quoted(from)));
        }
        line(&mut out, &format!("to: {}", quoted(&self.to)));
        for change in diff.into_iter().flat_map(|diff| &diff.features) {
            match change.change {
                ChangeKind::Removed => line(
                    &mut out,
                    &format!(
                        "# `{}` is not declared any more; its table stays as it is.",
                        change.key
                    ),
                ),
                ChangeKind::Added => line(&mut out, &format!("# `{}` is new.", change.key)),
                ChangeKind::Changed if change.has_new_version() => {}
                ChangeKind::Changed => line(
                    &mut out,
                    &format!(
                        "# `{}` is under the same version, but declared otherwise: {}.",
                        change.key,
                        change.declaration.join(", ")
                    ),
                ),
            }
        }
        line(&mut out, if self.steps.is_empty() { "steps: []" } else { "steps:" });
        for step in &self.steps {
            let change = diff.and_then(|diff| diff.feature(&step.feature));
            for why in change.into_iter().flat_map(|change| change.why()) {
                line(&mut out, &format!("  # {}", one_line(&why)));
            }
            write_step(&mut out, step);
        }
        out
    }
}

fn write_step(out: &mut String, step: &Step) {
    line(out, &format!("  - feature: {}", quoted(step.feature.as_str())));
    line(out, &format!("    operation: {}", step.operation.name()));
    let list =
        |filters: &[String]| filters.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(", ");
    match &step.operation {
        Operation::Reconcile | Operation::Recompute => {}
        Operation::Rename { from } => line(out, &format!("    from: {}", quoted(from.as_str()))),
        Operation::Backfill { set, filters } => {
            line(out, "    set:");
            for (column, expr) in set {
                line(out, &format!("      {}: {}", quoted(column), quoted(expr)));
            }
            line(out, &format!("    where: [{}]", list(filters)));
        }
        Operation::Custom { run, filters } => {
            line(out, &format!("    run: {}", quoted(run)));
            line(out, &format!("    where: [{}]", list(filters)));
        }
        Operation::Delete { filters, downstream } => {
            line(out, &format!("    where: [{}]", list(filters)));
            line(out, &format!("    downstream: {downstream}"));
        }
    }
    line(out, &format!("    reason: {}", quoted(&step.reason)));
}

fn step(file: &str, node: &Node) -> Result<Step, DocumentError> {
    let mut table = Table::new(file, node)?;
    let feature = feature(&mut table, "feature")?;
    let named = table.required("operation")?;
    let operation = match text(file, "operation", named)? {
        "reconcile" => Operation::Reconcile,
        "rename" => Operation::Rename { from: self::feature(&mut table, "from")? },
        "recompute" => Operation::Recompute,
        "backfill" => {
            table.required("set")?;
            let set = table.text_map("set")?.unwrap_or_default();
            Operation::Backfill { set, filters: filters(&mut table)? }
        }
        "custom" => Operation::Custom {
            run: table.required_text("run")?.to_owned(),
            filters: filters(&mut table)?,
        },
        "delete" => Operation::Delete {
            filters: {
                // To delete everything has to be said.
                table.required("where")?;
                filters(&mut table)?
            },
            downstream: table.flag("downstream")?.unwrap_or(false),
        },
        other => {
            let hint = Some(format!("choose one of {}", OPERATIONS.join(", ")));
            return Err(table.mistake(named, format!("`{other}` is no operation"), hint));
        }
    };
    let reason = table.text("reason")?.unwrap_or_default().trim().to_owned();
    table.finish()?;
    Ok(Step { feature, operation, reason })
}

fn feature(table: &mut Table<'_>, key: &'static str) -> Result<FeatureKey, DocumentError> {
    let node = table.required(key)?;
    let named = text(table.file(), key, node)?;
    named.parse().map_err(|error: KeyError| table.mistake(node, error.to_string(), None))
}

/// Conditions: one text, or a list of them.
fn filters(table: &mut Table<'_>) -> Result<Vec<String>, DocumentError> {
    match table.optional("where") {
        Some(Node { value: Value::Text(text), .. }) => Ok(vec![text.clone()]),
        _ => Ok(table.texts("where")?.unwrap_or_default()),
    }
}

/// Ids are names of files.
pub(super) fn check_id(id: &str) -> Result<(), MigrationError> {
    let fits = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    match !id.is_empty() && id.len() <= 120 && id.chars().all(fits) {
        true => Ok(()),
        false => Err(MigrationError::Id { id: id.to_owned() }),
    }
}

/// A text as JSON has it, which is YAML too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn one_line(text: &str) -> String {
    if text.contains(char::is_control) { text.escape_debug().to_string() } else { text.to_owned() }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    writeln!(out, "{text}").ok();
}
