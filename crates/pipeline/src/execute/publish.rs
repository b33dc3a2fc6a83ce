//! Complete outputs on their way into their places.
//!
//! Whatever can be refused is looked at before anything is put anywhere, and tables of databases are
//! changed but for the commit, all tables of one database together. Then these are committed; then
//! come other tables, each in one commit that depends on the state in which the run found it; then
//! objects, which storage has already and now shows, if nobody put something else in their place;
//! then files, which only take their names; and samples are deleted last. Where there are several
//! outputs, the run's record says before the first that they are being put into their places, and
//! into which.

use std::{collections::BTreeMap, sync::Arc};

use metalith_base::FeatureKey;
use metalith_ingest::{CompleteFile, FileFormat, RowFile, assemble_versions};
use metalith_lifecycle::{
    deletion::{CascadePlan, CascadeRequest, DeletionError, Done},
    quota::Meter,
};
use metalith_objects::{Finished, Upload};
use metalith_store::{
    Change, Commit, CommitNote, Frame, Keys, Mode, OpenChange, PlainTables, Precondition, Prepared,
    Put, Replacement, Rows, Store, StoreError, WriteOptions,
};
use serde_json::{Value, json};

use super::sinks::{Complete, Filled};
use crate::{
    PipelineError, Surroundings,
    bind::{DeltaDestination, Destination, FeatureDestination, PlainDestination},
    files,
    model::OutputMode,
    provenance,
    reads::{Reads, table_place},
    records::{Recording, Seen},
};

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
    /// The how manieth output of the file it is.
    pub(crate) position: usize,
}

/// Puts outputs into their places. What was done is seen as it is done.
pub(crate) async fn publish(
    filled: Vec<Filled>,
    reads: Reads,
    (surroundings, recording): (&Surroundings<'_>, &Recording),
) -> Result<(), PipelineError> {
    let mut publishing = Publishing { surroundings, reads, uploads: BTreeMap::new() };
    let done = publishing.all(filled, recording).await;
    for upload in publishing.uploads.into_values() {
        upload.abort().await;
    }
    done
}

impl Publishing<'_> {
    async fn all(
        &mut self,
        filled: Vec<Filled>,
        recording: &Recording,
    ) -> Result<(), PipelineError> {
        let seen = recording.seen();
        let is_alone = filled.len() == 1;
        for output in &filled {
            self.require_allowed(output, is_alone).await?;
        }
        for (position, output) in filled.iter().enumerate() {
            if let (Destination::Object(object), Complete::File(file)) =
                (&output.destination, &output.content)
            {
                let upload = Upload::begin(&object.place, &object.name, file.path()).await?;
                self.uploads.insert(position, upload);
            }
        }
        if !is_alone {
            // Should this process end in between, the record says what to look at.
            let mut turns: Vec<_> =
                filled.iter().map(|it| (it.turn(), it.shown.as_str())).collect();
            turns.sort_by_key(|(turn, _)| *turn);
            recording.publishing(turns.into_iter().map(|(_, shown)| shown)).await?;
        }
        let (plain, mut filled): (Vec<_>, Vec<_>) =
            filled.into_iter().enumerate().partition(|(_, it)| plain_destination(it).is_some());
        for (change, told) in self.prepare(plain).await? {
            change.commit().await.map_err(|error| partly(error.into(), seen))?;
            told.into_iter().for_each(|done| seen.published(done));
        }
        filled.sort_by_key(|(position, output)| (output.turn(), *position));
        for (position, output) in filled {
            let done = self.publish((position, output)).await;
            seen.published(done.map_err(|error| partly(error, seen))?);
        }
        Ok(())
    }
}

/// An error after which some outputs are in their places, and others are not.
fn partly(error: PipelineError, seen: &Seen) -> PipelineError {
    let written = seen.written();
    match written.is_empty() {
        true => error,
        false => PipelineError::Partly { written, source: Box::new(error) },
    }
}

/// Outputs that go to plain tables of one database.
struct OfDatabase {
    tables: Arc<dyn PlainTables>,
    puts: Vec<Put>,
    told: Vec<Published>,
}

/// The plain table that an output goes to, with rows for it.
fn plain_destination(output: &Filled) -> Option<(&PlainDestination, &CompleteFile)> {
    match (&output.destination, &output.content) {
        (Destination::Plain(plain), Complete::File(file)) => Some((plain, file)),
        _ => None,
    }
}

/// What would become of outputs: nothing is put anywhere.
pub(crate) async fn rehearse(
    filled: Vec<Filled>,
    (surroundings, seen): (&Surroundings<'_>, &Seen),
) -> Result<(), PipelineError> {
    for (position, output) in filled.into_iter().enumerate() {
        let details = match output.samples_to_delete() {
            Some(deletion) => deletion.plan(surroundings).await?,
            None => Value::Null,
        };
        seen.published(output.told((position, output.rows), details));
    }
    Ok(())
}

impl Filled {
    /// When it is published: first what can be refused, last what cannot be taken back.
    fn turn(&self) -> u8 {
        match (&self.destination, self.mode) {
            (_, OutputMode::Delete) => 4,
            (Destination::File(_), _) => 3,
            (Destination::Object(_), _) => 2,
            (Destination::Delta(_) | Destination::Feature(_) | Destination::Memory, _) => 1,
            (Destination::Plain(_), _) => 0,
        }
    }

    fn told(&self, (position, rows): (usize, u64), details: Value) -> Published {
        Published {
            operation: self.operation.clone(),
            destination: self.shown.clone(),
            mode: self.mode.name(),
            rows,
            details,
            captured: None,
            position,
        }
    }

    fn samples_to_delete(&self) -> Option<SampleDeletion<'_>> {
        match (&self.destination, &self.content, self.mode) {
            (Destination::Feature(feature), Complete::Memory(ids), OutputMode::Delete) => {
                Some(SampleDeletion { feature, ids })
            }
            _ => None,
        }
    }
}

/// The work of putting outputs into their places.
struct Publishing<'a> {
    surroundings: &'a Surroundings<'a>,
    /// In which state everything must still be that others could have changed.
    reads: Reads,
    /// Objects that are made of what is sent already, by the place of their output.
    uploads: BTreeMap<usize, Upload>,
}

impl Publishing<'_> {
    /// Refuses what stands in the way of an output, before anything has happened. The rows of one
    /// that is alone are not looked at twice: if its commit is refused, nothing has happened.
    async fn require_allowed(&self, output: &Filled, is_alone: bool) -> Result<(), PipelineError> {
        if let Some(deletion) = output.samples_to_delete() {
            let (store, plan) = self.planned(&deletion, output, Mode::Read).await?;
            drop(store);
            return match plan {
                Some(plan) if !plan.blockers().is_empty() => {
                    let blockers = plan.blockers().to_vec();
                    Err(DeletionError::Blocked { blockers }.into())
                }
                _ => Ok(()),
            };
        }
        match (&output.destination, &output.content) {
            (Destination::Delta(delta), _) => {
                let found = delta.backend.open_table(&delta.table).await?;
                let found = found.map(|it| it.version());
                require(delta.precondition, found, &output.shown)
            }
            (Destination::Feature(feature), Complete::File(file)) => {
                let store = self.surroundings.store(&feature.store, Mode::Write).await?;
                let found = store.table_version(&feature.key).await?;
                require(feature.precondition, found, &output.shown)?;
                if is_alone {
                    return Ok(());
                }
                let rows = self.samples(&store, feature, file).await?;
                let graph = self.surroundings.known_project()?.graph();
                let options = self.write_options(feature.precondition);
                Ok(store.check_write(graph, &feature.key, rows, &options).await?)
            }
            (Destination::File(_), _) => require_same_file(output),
            (
                Destination::Feature(_)
                | Destination::Object(_)
                | Destination::Plain(_)
                | Destination::Memory,
                _,
            ) => Ok(()),
        }
    }

    /// Changes plain tables as far as that can be done unseen, a change for each database.
    async fn prepare(
        &self,
        outputs: Vec<(usize, Filled)>,
    ) -> Result<Vec<(Box<dyn OpenChange>, Vec<Published>)>, PipelineError> {
        let mut databases: BTreeMap<String, OfDatabase> = BTreeMap::new();
        for (position, output) in &outputs {
            let Some((plain, file)) = plain_destination(output) else { continue };
            let put = Put {
                table: plain.table.clone(),
                rows: RowFile::open(file.path(), Some(FileFormat::Parquet), &[])?.rows()?,
                keeping: plain.keeping,
                before: plain.before.clone(),
                content: plain.watch.as_ref().and_then(|it| it.seen()),
            };
            let known = databases.entry(plain.tables.location()).or_insert_with(|| OfDatabase {
                tables: Arc::clone(&plain.tables),
                puts: Vec::new(),
                told: Vec::new(),
            });
            known.puts.push(put);
            known.told.push(output.told((*position, output.rows), Value::Null));
        }
        let mut prepared = Vec::new();
        for (location, OfDatabase { tables, puts, told }) in databases {
            match tables.prepare(puts).await? {
                Prepared::Ready(change) => prepared.push((change, told)),
                Prepared::Changed(table) => {
                    return Err(PipelineError::Changed { place: format!("{location}/{table}") });
                }
            }
        }
        Ok(prepared)
    }

    async fn publish(
        &mut self,
        (position, output): (usize, Filled),
    ) -> Result<Published, PipelineError> {
        let mut told = output.told((position, output.rows), Value::Null);
        if let Some(deletion) = output.samples_to_delete() {
            told.details = self.delete(&deletion, &output).await?;
            return Ok(told);
        }
        if matches!(output.destination, Destination::File(_)) {
            require_same_file(&output)?;
        }
        let place = output.shown.clone();
        match (output.content, output.destination) {
            (Complete::Memory(frame), _) => told.captured = Some(frame),
            (Complete::Nothing, _) => {}
            (Complete::File(file), Destination::File(_)) => {
                file.publish()?;
            }
            (Complete::File(file), Destination::Object(object)) => {
                if let Some(upload) = self.uploads.remove(&position)
                    && upload.finish(object.before.as_ref()).await? == Finished::Changed
                {
                    return Err(PipelineError::Changed { place });
                }
                drop(file);
            }
            (Complete::File(file), Destination::Delta(delta)) => {
                let commit = self.commit(&delta, &file, output.mode).await;
                let commit = commit.map_err(|error| changed(error, &place))?;
                self.reads.moved(&output.identity, commit.version);
                told.details = json!({ "table_version": commit.version });
            }
            (Complete::File(file), Destination::Feature(feature)) => {
                let commit = self.add_samples(&feature, &file).await;
                let commit = commit.map_err(|error| changed(error, &place))?;
                self.reads.moved(&output.identity, commit.version);
                told.details = json!({ "table_version": commit.version });
                told.rows = commit.rows;
            }
            // What goes to plain tables is there already, and memory takes no files.
            (Complete::File(file), Destination::Plain(_) | Destination::Memory) => drop(file),
        }
        Ok(told)
    }

    /// Adds rows to a Delta table, or puts them in the place of those that were there.
    async fn commit(
        &self,
        delta: &DeltaDestination,
        file: &CompleteFile,
        mode: OutputMode,
    ) -> Result<Commit, PipelineError> {
        let DeltaDestination { backend, table, before, precondition } = delta;
        let rows = RowFile::open(file.path(), Some(FileFormat::Parquet), &[])?.rows()?;
        let actor = self.surroundings.project.and_then(|it| it.settings().actor.as_deref());
        let mut note = CommitNote::new("write").by(actor);
        note.precondition = *precondition;
        Ok(match (before, mode) {
            (Some(before), OutputMode::Replace) => {
                let chunks = (0..before.chunks().len()).collect();
                let (before, change) = (Arc::clone(before), Change::Content);
                let replacement = Replacement { table: before, chunks, rows, change };
                backend.replace(table, replacement, note).await?
            }
            _ => backend.append(table, rows, note).await?,
        })
    }

    /// Writes samples of a feature.
    async fn add_samples(
        &self,
        feature: &FeatureDestination,
        file: &CompleteFile,
    ) -> Result<Commit, PipelineError> {
        let store = self.surroundings.store(&feature.store, Mode::Write).await?;
        let rows = self.samples(&store, feature, file).await?;
        let graph = self.surroundings.known_project()?.graph();
        let options = self.write_options(feature.precondition);
        Ok(store.write(graph, &feature.key, rows, &options).await?)
    }

    fn write_options(&self, precondition: Precondition) -> WriteOptions {
        let materialization_id = Some(self.surroundings.run.clone());
        WriteOptions { materialization_id, precondition, ..WriteOptions::default() }
    }

    /// Rows as samples of a feature, with provenance, and within the project's quota.
    async fn samples(
        &self,
        store: &Store,
        destination: &FeatureDestination,
        file: &CompleteFile,
    ) -> Result<Rows, PipelineError> {
        let project = self.surroundings.known_project()?;
        let graph = project.graph();
        let feature = graph.feature(&destination.key).map_err(StoreError::from)?;
        let rows = RowFile::open(file.path(), Some(FileFormat::Parquet), &[])?.rows()?;
        let rows = assemble_versions(rows, &destination.versions)?;
        let upstreams: Vec<&FeatureKey> = match provenance::is_resolved(feature, &rows) {
            true => feature.spec().deps.iter().map(|it| &it.feature).collect(),
            false => Vec::new(),
        };
        let rows = provenance::complete(store, graph, &destination.key, rows).await?;
        // Rows that were computed from another state of them are not what this provenance says.
        for key in upstreams {
            if let Some(read) = self.reads.table(&table_place(&store.location(), key))
                && store.table_version(key).await? != read
            {
                return Err(PipelineError::Changed { place: key.to_string() });
            }
        }
        let places = project.places();
        let work = self.surroundings.lifecycle(store, &places)?;
        let meter = Meter::if_limited(work, project.settings().quota).await?;
        Ok(match meter {
            Some(meter) => meter.guard(feature, rows),
            None => rows,
        })
    }

    /// The plan of a deletion, of samples that nobody has changed since.
    async fn planned(
        &self,
        deletion: &SampleDeletion<'_>,
        output: &Filled,
        mode: Mode,
    ) -> Result<(Store, Option<CascadePlan>), PipelineError> {
        let (store, plan) = deletion.made(self.surroundings, mode).await?;
        if plan.is_some()
            && let Some(read) = self.reads.table(&output.identity)
            && store.table_version(&deletion.feature.key).await? != read
        {
            return Err(PipelineError::Changed { place: output.shown.clone() });
        }
        Ok((store, plan))
    }

    async fn delete(
        &mut self,
        deletion: &SampleDeletion<'_>,
        output: &Filled,
    ) -> Result<Value, PipelineError> {
        let (store, plan) = self.planned(deletion, output, Mode::Write).await?;
        let Some(plan) = plan else { return Ok(json!({ "samples": 0 })) };
        let places = self.surroundings.known_project()?.places();
        let samples = plan.samples();
        let done = plan.apply(self.surroundings.lifecycle(&store, &places)?).await?;
        self.note_moves(&store, &done);
        Ok(json!({ "samples": samples, "deletion": done.id, "rows": done.rows() }))
    }

    /// What a deletion took along may be deleted from next.
    fn note_moves(&mut self, store: &Store, done: &Done) {
        for step in &done.steps {
            if let Some(version) = step.table_version {
                self.reads.moved(&table_place(&store.location(), &step.feature), version);
            }
        }
    }
}

/// Refuses what depends on a state in which a table is not any more.
fn require(
    precondition: Precondition,
    found: Option<u64>,
    place: &str,
) -> Result<(), PipelineError> {
    let holds = match precondition {
        Precondition::None => true,
        Precondition::NoTable => found.is_none(),
        Precondition::Version(version) => found == Some(version),
    };
    match holds {
        true => Ok(()),
        false => Err(PipelineError::Changed { place: place.to_owned() }),
    }
}

/// Refuses to put a file into the place of one that is another by now, where its rows come from
/// there.
fn require_same_file(output: &Filled) -> Result<(), PipelineError> {
    let Destination::File(file) = &output.destination else { return Ok(()) };
    match &file.state {
        Some(_) if files::state_of(&file.path)? != file.state => {
            Err(PipelineError::Changed { place: output.shown.clone() })
        }
        Some(_) | None => Ok(()),
    }
}

/// A commit that came too late, told as what it means for a run.
fn changed(error: PipelineError, place: &str) -> PipelineError {
    match error {
        PipelineError::Store(inner) if matches!(*inner, StoreError::Conflict { .. }) => {
            PipelineError::Changed { place: place.to_owned() }
        }
        other => other,
    }
}

/// Samples of a feature that are to go.
struct SampleDeletion<'a> {
    feature: &'a FeatureDestination,
    ids: &'a Frame,
}

impl SampleDeletion<'_> {
    async fn made(
        &self,
        surroundings: &Surroundings<'_>,
        mode: Mode,
    ) -> Result<(Store, Option<CascadePlan>), PipelineError> {
        let FeatureDestination { store, key, deletion, .. } = self.feature;
        let project = surroundings.known_project()?;
        let store = surroundings.store(store, mode).await?;
        let feature = project.graph().feature(key);
        let ids = feature.map_or_else(|_| Vec::new(), |it| it.spec().id_columns.clone());
        let keys = Keys::new(&ids, &ids, &self.ids.schema, &self.ids.batches)?;
        if keys.is_empty() {
            return Ok((store, None));
        }
        let request = CascadeRequest {
            within: Some(keys),
            cascade: deletion.cascade,
            reason: deletion.reason.clone(),
            ..CascadeRequest::new(key.clone(), deletion.mode, Vec::new())
        };
        let places = project.places();
        let plan = CascadePlan::make(surroundings.lifecycle(&store, &places)?, &request).await?;
        Ok((store, Some(plan)))
    }

    async fn plan(&self, surroundings: &Surroundings<'_>) -> Result<Value, PipelineError> {
        let Some(plan) = self.made(surroundings, Mode::Read).await?.1 else {
            return Ok(json!({ "samples": 0 }));
        };
        let steps = plan.steps().iter().map(|step| {
            json!({
                "feature": step.feature.as_str(),
                "action": step.action.name(),
                "samples": step.samples,
                "objects": step.objects,
            })
        });
        let steps: Vec<Value> = steps.collect();
        let blockers: Vec<String> = plan.blockers().iter().map(ToString::to_string).collect();
        Ok(json!({ "samples": plan.samples(), "steps": steps, "blockers": blockers }))
    }
}
