//! The record of runs: who ran what, when, over which inputs, and how it ended.
//!
//! A run writes a row when it begins and one when it ends, into the system table
//! `metalith-system/runs`. One that has only begun is at work, or was interrupted.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, RecordBatch, StringArray, TimestampMicrosecondArray,
    },
    datatypes::{Field, Schema, TimestampMicrosecondType},
};
use metalith_base::{FeatureKey, Timestamp};
use metalith_store::{CommitNote, Rows, Store, StoreError};
use serde_json::{Value, json};

use crate::Report;

const TABLE: &str = "metalith-system/runs";

/// A run, as it is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// What the pipeline is called.
    pub pipeline: String,
    /// The project file.
    pub file: String,
    /// Who ran it.
    pub actor: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` while it has not, and for ever after an interruption.
    pub finished_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Outcome,
    /// Inputs with their versions, counts of operations, outputs.
    pub details: Value,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not at all yet.
    Begun,
    /// As it should.
    Succeeded,
    /// With this error.
    Failed(String),
}

impl Outcome {
    /// The name, as doors show it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
        }
    }
}

/// Adds what is known of a run to the record.
pub async fn record(store: &Store, run: &Run) -> Result<(), StoreError> {
    let (error, at) = match &run.outcome {
        Outcome::Failed(error) => (Some(error.as_str()), run.finished_at),
        Outcome::Begun | Outcome::Succeeded => (None, run.finished_at),
    };
    let details = run.details.to_string();
    let text = |value: Option<&str>| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    let time = |value: Option<Timestamp>| -> ArrayRef {
        let value = vec![value.map(Timestamp::as_micros)];
        Arc::new(TimestampMicrosecondArray::from(value).with_timezone("UTC"))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("run_id", text(Some(&run.id))),
        ("pipeline", text(Some(&run.pipeline))),
        ("file", text(Some(&run.file))),
        ("actor", text(run.actor.as_deref())),
        ("started_at", time(Some(run.started_at))),
        ("finished_at", time(at)),
        ("outcome", text(Some(run.outcome.name()))),
        ("error", text(error)),
        ("details", text(Some(&details))),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
    let rows = Rows::from_batch(batch.map_err(StoreError::arrow)?);
    store.append_system(&table(), rows, CommitNote::new("run")).await.map(drop)
}

/// Every run, the oldest first.
pub async fn runs(store: &Store) -> Result<Vec<Run>, StoreError> {
    let Some(rows) = store.read_system(&table()).await? else { return Ok(Vec::new()) };
    let mut found: BTreeMap<(Timestamp, String), Run> = BTreeMap::new();
    for batch in rows.collect().await? {
        for row in 0..batch.num_rows() {
            let Some(run) = read(&batch, row) else { continue };
            let key = (run.started_at, run.id.clone());
            // Rows come in no particular order, and an end is never taken back.
            let is_over = found.get(&key).is_some_and(|it| it.outcome != Outcome::Begun);
            if !is_over {
                found.insert(key, run);
            }
        }
    }
    Ok(found.into_values().collect())
}

fn read(batch: &RecordBatch, row: usize) -> Option<Run> {
    let text = |name: &str| {
        let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let time = |name: &str| {
        let column = batch.column_by_name(name)?;
        let column = column.as_primitive_opt::<TimestampMicrosecondType>()?;
        column.is_valid(row).then(|| Timestamp::from_micros(column.value(row)))
    };
    let outcome = match text("outcome")?.as_str() {
        "succeeded" => Outcome::Succeeded,
        "failed" => Outcome::Failed(text("error").unwrap_or_default()),
        _ => Outcome::Begun,
    };
    Some(Run {
        id: text("run_id")?,
        pipeline: text("pipeline").unwrap_or_default(),
        file: text("file").unwrap_or_default(),
        actor: text("actor"),
        started_at: time("started_at")?,
        finished_at: time("finished_at"),
        outcome,
        details: text("details").and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default(),
    })
}

fn table() -> FeatureKey {
    TABLE.parse().expect("the name of a system table is a key")
}

/// What a run did, as JSON.
pub fn report_json(report: &Report) -> Value {
    let inputs = report.inputs.iter();
    let inputs = inputs.map(|it| json!({ "table": it.table, "version": it.version }));
    let operations = report.operations.iter().map(|it| {
        json!({
            "number": it.number,
            "type": it.kind,
            "alias": it.alias,
            "rows_in": it.rows_in,
            "matched": it.matched,
            "rows_out": it.rows_out,
        })
    });
    let outputs = report.outputs.iter().map(|it| {
        json!({
            "operation": it.operation,
            "destination": it.destination,
            "mode": it.mode,
            "rows": it.rows,
            "details": it.details,
        })
    });
    json!({
        "pipeline": report.pipeline,
        "inputs": inputs.collect::<Vec<_>>(),
        "operations": operations.collect::<Vec<_>>(),
        "outputs": outputs.collect::<Vec<_>>(),
    })
}
