//! Outputs: filled beside their places, and put into them when everything else is done.

use std::{fs, path::Path, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use metalith_base::FeatureKey;
use metalith_ingest::{CompleteFile, FileFormat, RowFile, RowWriter, assemble_versions};
use metalith_lifecycle::{
    deletion::{CascadePlan, CascadeRequest, DeletionError},
    quota::Meter,
};
use metalith_store::{
    Backend, Change, Commit, CommitNote, Frame, Keys, Mode, Replacement, Rows, Store, StoreError,
    WriteOptions,
};
use serde_json::{Value, json};

use crate::{
    PipelineError, Surroundings,
    bind::{Before, Destination, OutputStep},
    input::fit,
    model::{Deletion, OutputMode},
    provenance,
};

/// An output that is being filled.
pub(super) struct Sink {
    destination: Destination,
    mode: OutputMode,
    schema: SchemaRef,
    shown: String,
    /// The operation that it is of.
    operation: String,
    content: Content,
    /// How many rows were written to it.
    rows: u64,
    /// A folder for what goes elsewhere in the end.
    folder: Option<Arc<tempfile::TempDir>>,
}

enum Content {
    File(RowWriter),
    Memory(Vec<RecordBatch>),
    /// Rows are only counted.
    Nothing,
}

/// Whether rows are kept anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// As the destination says.
    Rows,
    /// Only their number, in a rehearsal.
    Counts,
}

/// An output with all its rows, which has not taken its place yet.
pub(crate) struct Filled {
    pub(crate) operation: String,
    pub(crate) shown: String,
    pub(crate) mode: OutputMode,
    pub(crate) rows: u64,
    destination: Destination,
    content: Complete,
    _folder: Option<Arc<tempfile::TempDir>>,
}

enum Complete {
    File(CompleteFile),
    Memory(Frame),
    Nothing,
}

/// An output in its place.
#[derive(Clone, Debug)]
pub struct Published {
    /// The operation that it is of.
    pub operation: String,
    /// Where it is.
    pub destination: String,
    /// `append`, `replace` or `delete`.
    pub mode: &'static str,
    /// How many rows were written, or how many were given to be deleted.
    pub rows: u64,
    /// What a store or a deletion told.
    pub details: Value,
    /// The rows themselves, where they were captured.
    pub captured: Option<Frame>,
}

impl Sink {
    pub(super) fn open(
        output: &OutputStep,
        operation: &str,
        keeping: Keeping,
    ) -> Result<Self, PipelineError> {
        let schema = SchemaRef::clone(&output.schema);
        let mut folder = None;
        let content = match (&output.destination, output.mode) {
            // Ids of what is deleted are few against what is written.
            (_, OutputMode::Delete) | (Destination::Memory, _) => Content::Memory(Vec::new()),
            _ if keeping == Keeping::Counts => Content::Nothing,
            (Destination::File { path, format, before, .. }, _) => {
                let failed = |source| failed_file(path, source);
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).map_err(failed)?;
                }
                let form = Arc::clone(before.as_ref().map_or(&schema, |it| &it.form));
                Content::File(match before {
                    // Text is never read and written again: 007 would become 7.
                    Some(_) if format.is_text() => RowWriter::append(path, form, *format)?,
                    Some(Before { file, .. }) => {
                        let mut writer = RowWriter::create(path, form, *format)?;
                        let rows = file.rows()?.into_stream();
                        for batch in futures::executor::block_on_stream(rows) {
                            writer.write(&batch?)?;
                        }
                        writer
                    }
                    None => RowWriter::create(path, form, *format)?,
                })
            }
            (Destination::Object { format, .. }, _) => {
                Content::File(Self::aside(&mut folder, &schema, *format)?)
            }
            (Destination::Delta { .. } | Destination::Feature { .. }, _) => {
                Content::File(Self::aside(&mut folder, &schema, FileFormat::Parquet)?)
            }
        };
        Ok(Self {
            destination: output.destination.clone(),
            mode: output.mode,
            schema,
            shown: output.shown.clone(),
            operation: operation.to_owned(),
            content,
            rows: 0,
            folder,
        })
    }

    /// A file for rows that go somewhere else in one piece.
    fn aside(
        folder: &mut Option<Arc<tempfile::TempDir>>,
        schema: &SchemaRef,
        format: FileFormat,
    ) -> Result<RowWriter, PipelineError> {
        let made = tempfile::tempdir().map_err(|it| failed_file(Path::new("a folder"), it))?;
        let path = made.path().join(format!("rows.{}", format.ending()));
        *folder = Some(Arc::new(made));
        Ok(RowWriter::create(&path, Arc::clone(schema), format)?)
    }

    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<(), PipelineError> {
        self.rows += rows.num_rows() as u64;
        match &mut self.content {
            Content::Memory(batches) => batches.push(rows.clone()),
            Content::Nothing => {}
            Content::File(writer) => {
                if let Destination::File { before: Some(before), .. } = &self.destination {
                    let fitted = fit(rows, &before.form);
                    let fitted = fitted.map_err(|it| PipelineError::arrow(&self.operation, it))?;
                    writer.write(&fitted)?;
                } else {
                    writer.write(rows)?;
                }
            }
        }
        Ok(())
    }

    /// Ends it.
    pub(super) fn fill(self) -> Result<Filled, PipelineError> {
        let Self { destination, mode, schema, shown, operation, content, rows, folder } = self;
        let content = match content {
            Content::File(writer) => Complete::File(writer.complete()?),
            Content::Nothing => Complete::Nothing,
            Content::Memory(batches) => Complete::Memory(Frame { schema, batches }),
        };
        Ok(Filled { operation, shown, mode, rows, destination, content, _folder: folder })
    }
}

/// Puts outputs into their places: first what can be refused is looked at, then files take their
/// names, then tables are committed to, and samples are deleted last.
pub(crate) async fn publish(
    filled: Vec<Filled>,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<Published>, PipelineError> {
    for output in &filled {
        if let Some(deletion) = output.deletion() {
            deletion.require_allowed(surroundings).await?;
        }
    }
    let (last, first): (Vec<Filled>, Vec<Filled>) =
        filled.into_iter().partition(|it| it.mode == OutputMode::Delete);
    let (files, tables): (Vec<Filled>, Vec<Filled>) =
        first.into_iter().partition(|it| matches!(it.destination, Destination::File { .. }));
    let mut published: Vec<Published> = Vec::new();
    for output in files.into_iter().chain(tables).chain(last) {
        match output.publish(surroundings).await {
            Ok(done) => published.push(done),
            Err(error) if published.is_empty() => return Err(error),
            Err(error) => {
                let written = published.into_iter().map(|it| it.destination).collect();
                return Err(PipelineError::Partly { written, source: Box::new(error) });
            }
        }
    }
    Ok(published)
}

/// What would become of outputs: nothing is put anywhere.
pub(crate) async fn rehearse(
    filled: Vec<Filled>,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<Published>, PipelineError> {
    let mut planned = Vec::new();
    for output in filled {
        let details = match output.deletion() {
            Some(deletion) => deletion.plan(surroundings).await?,
            None => Value::Null,
        };
        planned.push(output.told(output.rows, details, None));
    }
    Ok(planned)
}

/// Samples of a feature that are to go.
struct SampleDeletion<'a> {
    store: &'a str,
    key: &'a FeatureKey,
    deletion: &'a Deletion,
    ids: &'a Frame,
}

impl Filled {
    fn told(&self, rows: u64, details: Value, captured: Option<Frame>) -> Published {
        Published {
            operation: self.operation.clone(),
            destination: self.shown.clone(),
            mode: self.mode.name(),
            rows,
            details,
            captured,
        }
    }

    fn deletion(&self) -> Option<SampleDeletion<'_>> {
        match (&self.destination, &self.content, self.mode) {
            (
                Destination::Feature { store, key, deletion, .. },
                Complete::Memory(ids),
                OutputMode::Delete,
            ) => Some(SampleDeletion { store, key, deletion, ids }),
            _ => None,
        }
    }

    async fn publish(self, surroundings: &Surroundings<'_>) -> Result<Published, PipelineError> {
        if let Some(deletion) = self.deletion() {
            let details = deletion.apply(surroundings).await?;
            return Ok(self.told(self.rows, details, None));
        }
        let mut told = self.told(self.rows, Value::Null, None);
        match (self.content, self.destination) {
            (Complete::Memory(frame), _) => told.captured = Some(frame),
            (Complete::Nothing, _) => {}
            (Complete::File(file), Destination::File { .. }) => {
                file.publish()?;
            }
            (Complete::File(file), Destination::Object { place, name, .. }) => {
                metalith_objects::upload(&place, &name, file.path()).await?;
            }
            (Complete::File(file), Destination::Delta { backend, table }) => {
                let rows = RowFile::open(file.path(), Some(FileFormat::Parquet), &[])?.rows()?;
                let commit = commit(backend.as_ref(), &table, (rows, self.mode)).await?;
                told.details = json!({ "table_version": commit });
            }
            (Complete::File(file), Destination::Feature { store, key, versions, .. }) => {
                let store = surroundings.store(&store, Mode::Write).await?;
                let rows = RowFile::open(file.path(), Some(FileFormat::Parquet), &[])?.rows()?;
                let rows = assemble_versions(rows, &versions)?;
                let commit = add_samples(surroundings, &store, (&key, rows)).await?;
                told.details = json!({ "table_version": commit.version });
                told.rows = commit.rows;
            }
            (Complete::File(file), Destination::Memory) => drop(file),
        }
        Ok(told)
    }
}

impl SampleDeletion<'_> {
    async fn made(
        &self,
        surroundings: &Surroundings<'_>,
        mode: Mode,
    ) -> Result<(Store, Option<CascadePlan>), PipelineError> {
        let project = surroundings.known_project()?;
        let store = surroundings.store(self.store, mode).await?;
        let feature = project.graph().feature(self.key);
        let ids = feature.map_or_else(|_| Vec::new(), |it| it.spec().id_columns.clone());
        let keys = Keys::new(&ids, &ids, &self.ids.schema, &self.ids.batches)?;
        if keys.is_empty() {
            return Ok((store, None));
        }
        let request = CascadeRequest {
            within: Some(keys),
            cascade: self.deletion.cascade,
            reason: self.deletion.reason.clone(),
            ..CascadeRequest::new(self.key.clone(), self.deletion.mode, Vec::new())
        };
        let places = project.places();
        let plan = CascadePlan::make(surroundings.lifecycle(&store, &places)?, &request).await?;
        Ok((store, Some(plan)))
    }

    /// Refuses what stands in the way, before anything else has happened.
    async fn require_allowed(&self, surroundings: &Surroundings<'_>) -> Result<(), PipelineError> {
        match self.made(surroundings, Mode::Read).await?.1 {
            Some(plan) if !plan.blockers().is_empty() => {
                let blockers = plan.blockers().to_vec();
                Err(DeletionError::Blocked { blockers }.into())
            }
            _ => Ok(()),
        }
    }

    async fn plan(&self, surroundings: &Surroundings<'_>) -> Result<Value, PipelineError> {
        let Some(plan) = self.made(surroundings, Mode::Read).await?.1 else {
            return Ok(json!({ "samples": 0 }));
        };
        let steps: Vec<Value> = plan
            .steps()
            .iter()
            .map(|step| {
                json!({
                    "feature": step.feature.as_str(),
                    "action": step.action.name(),
                    "samples": step.samples,
                    "objects": step.objects,
                })
            })
            .collect();
        let blockers: Vec<String> = plan.blockers().iter().map(ToString::to_string).collect();
        Ok(json!({ "samples": plan.samples(), "steps": steps, "blockers": blockers }))
    }

    async fn apply(&self, surroundings: &Surroundings<'_>) -> Result<Value, PipelineError> {
        let project = surroundings.known_project()?;
        let (store, plan) = self.made(surroundings, Mode::Write).await?;
        let Some(plan) = plan else { return Ok(json!({ "samples": 0 })) };
        let places = project.places();
        let samples = plan.samples();
        let done = plan.apply(surroundings.lifecycle(&store, &places)?).await?;
        Ok(json!({ "samples": samples, "deletion": done.id, "rows": done.rows() }))
    }
}

/// Writes samples of a feature, with provenance, and within the project's quota.
async fn add_samples(
    surroundings: &Surroundings<'_>,
    store: &Store,
    (key, rows): (&FeatureKey, Rows),
) -> Result<Commit, PipelineError> {
    let project = surroundings.known_project()?;
    let graph = project.graph();
    let mut rows = provenance::complete(store, graph, key, rows).await?;
    let quota = project.settings().quota;
    if !quota.is_unlimited() {
        let places = project.places();
        let meter = Meter::read(surroundings.lifecycle(store, &places)?, quota).await?;
        rows = meter.guard(graph.feature(key).map_err(StoreError::from)?, rows);
    }
    let run = Some(surroundings.run.clone());
    let options = WriteOptions { materialization_id: run, ..WriteOptions::default() };
    Ok(store.write(graph, key, rows, &options).await?)
}

/// Adds rows to a Delta table, or puts them in the place of those that are there.
async fn commit(
    backend: &dyn Backend,
    table: &FeatureKey,
    (rows, mode): (Rows, OutputMode),
) -> Result<u64, PipelineError> {
    let note = CommitNote::new("write");
    let found = backend.open_table(table).await?;
    let commit = match (found, mode) {
        (Some(found), OutputMode::Replace) => {
            let chunks = (0..found.chunks().len()).collect();
            let replacement = Replacement { table: found, chunks, rows, change: Change::Content };
            backend.replace(table, replacement, note).await?
        }
        (_, OutputMode::Append | OutputMode::Replace | OutputMode::Delete) => {
            backend.append(table, rows, note).await?
        }
    };
    Ok(commit.version)
}

fn failed_file(path: &Path, source: std::io::Error) -> PipelineError {
    PipelineError::File { action: "write", path: path.to_path_buf(), source }
}
