//! The record of runs: who ran what, when, over which inputs, and how it ended.
//!
//! A run writes a row when it begins and one when it ends, into the system table
//! `metalith-system/runs`. One that has only begun is at work, or was killed.

use std::{
    collections::BTreeMap,
    mem,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, RecordBatch, StringArray, TimestampMicrosecondArray,
    },
    datatypes::{Field, Schema, TimestampMicrosecondType},
};
use metalith_base::{Diagnostic as _, FeatureKey, Timestamp};
use metalith_store::{CommitNote, Mode, Rows, Store, StoreError};
use serde_json::{Value, json};

use crate::{
    Options, PipelineError, Published, Report, Surroundings,
    error::with_causes,
    execute::{Counts, Shared},
};

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
    /// When it ended; `None` while it has not, and for ever after it was killed.
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
    /// Not at all yet, and outputs are taking their places: one after the other, so whoever finds
    /// this of a run that is not at work any more looks at these places.
    Publishing(Vec<String>),
    /// As it should.
    Succeeded,
    /// With this error.
    Failed(String),
    /// Whoever began it gave it up.
    Interrupted,
}

impl Outcome {
    /// The name, as doors show it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Publishing(_) => "publishing",
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// How far a run is: what is told last is told in the highest.
    fn stage(&self) -> u8 {
        match self {
            Self::Begun => 0,
            Self::Publishing(_) => 1,
            Self::Succeeded | Self::Failed(_) | Self::Interrupted => 2,
        }
    }
}

/// What a run has done so far.
#[derive(Default)]
pub(crate) struct Seen(Mutex<SoFar>);

#[derive(Default)]
struct SoFar {
    report: Report,
    /// What counts rows.
    shared: Option<Arc<Shared>>,
}

impl Seen {
    pub(crate) fn change(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.lock().report);
    }

    /// From now on rows are counted.
    pub(crate) fn follow(&self, shared: &Arc<Shared>) {
        self.lock().shared = Some(Arc::clone(shared));
    }

    /// An output is in its place.
    pub(crate) fn published(&self, output: Published) {
        self.change(|report| {
            report.outputs.push(output);
            report.outputs.sort_by_key(|it| it.position);
        });
    }

    /// Which outputs are in their places.
    pub(crate) fn written(&self) -> Vec<String> {
        self.lock().report.outputs.iter().map(|it| it.destination.clone()).collect()
    }

    /// All of it, which is nothing afterwards.
    fn taken(&self) -> Report {
        let SoFar { mut report, shared } = mem::take(&mut *self.lock());
        let counts = shared.map(|it| it.counts()).unwrap_or_default();
        for (operation, counts) in report.operations.iter_mut().zip(counts) {
            let Counts { rows_in, matched, rows_out } = counts;
            (operation.rows_in, operation.matched) = (rows_in, matched);
            operation.rows_out = rows_out;
        }
        report
    }

    fn lock(&self) -> MutexGuard<'_, SoFar> {
        // What was seen before a panic was seen.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run on its way into the record. One that is dropped before its end was interrupted.
pub(crate) struct Recording {
    /// Where it is recorded, if anywhere, until its end is.
    store: Option<Store>,
    run: Run,
    seen: Arc<Seen>,
}

/// How long an interrupted run waits for its record.
const PATIENCE: Duration = Duration::from_secs(2);

impl Recording {
    /// Writes down that a run begins, in the store that the project uses.
    pub(crate) async fn begin(
        file: &str,
        (surroundings, options): (&Surroundings<'_>, &Options),
        seen: Arc<Seen>,
    ) -> Result<Self, PipelineError> {
        // What it is called is not known before it is read, which may fail.
        let stem = Path::new(file).file_stem().unwrap_or_default();
        seen.change(|report| report.pipeline = stem.to_string_lossy().into_owned());
        let mut run = Run {
            id: surroundings.run.clone(),
            pipeline: stem.to_string_lossy().into_owned(),
            file: file.to_owned(),
            actor: None,
            started_at: surroundings.now,
            finished_at: None,
            outcome: Outcome::Begun,
            details: Value::Null,
        };
        let is_real = !options.dry_run && !surroundings.captures;
        let store = match surroundings.project {
            Some(_) if is_real => Some(surroundings.store("", Mode::Write).await?),
            Some(_) | None => None,
        };
        if let Some(store) = &store {
            run.actor = store.actor().map(str::to_owned);
            run.started_at = store.now();
            record(store, &run).await?;
        }
        Ok(Self { store, run, seen })
    }

    /// What the run has done so far.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Writes down that several outputs take their places, in this order.
    pub(crate) async fn publishing<'p>(
        &self,
        places: impl Iterator<Item = &'p str>,
    ) -> Result<(), PipelineError> {
        let Some(store) = &self.store else { return Ok(()) };
        let mut run = self.run.clone();
        let places: Vec<String> = places.map(str::to_owned).collect();
        run.details = json!({ "publishing": places });
        run.outcome = Outcome::Publishing(places);
        record(store, &run).await?;
        Ok(())
    }

    /// Writes down how it ended. That failing makes nothing undone, and is only remarked.
    pub(crate) async fn end(
        mut self,
        done: Result<(), PipelineError>,
    ) -> Result<Report, PipelineError> {
        let outcome = match &done {
            Ok(()) => Outcome::Succeeded,
            Err(error) => Outcome::Failed(with_causes(error)),
        };
        let mut report = self.seen.taken();
        self.close(outcome, &report);
        if let Err(error) = &done {
            self.run.details["code"] = error.code().into();
        }
        if let Some(store) = &self.store
            && let Err(error) = record(store, &self.run).await
        {
            let told = with_causes(&error);
            report.remarks.push(format!("how the run ended could not be recorded: {told}"));
        }
        self.store = None;
        done.map(|()| report)
    }

    fn close(&mut self, outcome: Outcome, report: &Report) {
        let Some(store) = &self.store else { return };
        self.run.finished_at = Some(store.now());
        self.run.pipeline.clone_from(&report.pipeline);
        self.run.outcome = outcome;
        self.run.details = report_json(report);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if self.store.is_some() && self.run.outcome == Outcome::Begun {
            let report = self.seen.taken();
            self.close(Outcome::Interrupted, &report);
        }
        let Some(store) = self.store.take() else { return };
        let run = self.run.clone();
        // Nothing can be awaited here, and the runtime of the run may be about to end.
        let (sender, receiver) = mpsc::channel();
        let written = thread::Builder::new().spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                // Nobody is left to be told that it failed.
                runtime.block_on(record(&store, &run)).ok();
            }
            sender.send(()).ok();
        });
        if written.is_ok() {
            receiver.recv_timeout(PATIENCE).ok();
        }
    }
}

/// Adds what is known of a run to the record.
async fn record(store: &Store, run: &Run) -> Result<(), StoreError> {
    let (error, at) = match &run.outcome {
        Outcome::Failed(error) => (Some(error.as_str()), run.finished_at),
        Outcome::Begun | Outcome::Publishing(_) | Outcome::Succeeded | Outcome::Interrupted => {
            (None, run.finished_at)
        }
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
            let known = found.get(&key);
            if known.is_none_or(|known| known.outcome.stage() < run.outcome.stage()) {
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
    let details: Value =
        text("details").and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default();
    let places = details["publishing"].as_array().into_iter().flatten();
    let places = places.filter_map(|it| it.as_str().map(str::to_owned)).collect();
    let outcome = match text("outcome")?.as_str() {
        "publishing" => Outcome::Publishing(places),
        "succeeded" => Outcome::Succeeded,
        "failed" => Outcome::Failed(text("error").unwrap_or_default()),
        "interrupted" => Outcome::Interrupted,
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
        details,
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
        "remarks": report.remarks,
    })
}
