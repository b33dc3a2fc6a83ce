//! Reading, checking and running a project file.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use metalith_base::Timestamp;
use metalith_document::Span;
use metalith_expr::{ExprKind, Literal};
use metalith_lifecycle::{Context, deletion::finish_interrupted};
use metalith_objects::ObjectPlaces;
use metalith_project::Project;
use metalith_store::{Frame, Mode, Store};
use serde_json::Value;

use crate::{
    Confines, PipelineError, Published,
    bind::{Program, bind},
    engine::Engine,
    error::{Mistake, with_causes},
    execute::{Keeping, Passed, Shared, pass, publish, rehearse},
    files::Extent,
    input::Unusable,
    read::{Reading, read},
    reads::file_place,
    records::{Recording, Seen},
    working::RowClock,
};

/// What a run works with.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The folder that relative paths are below.
    pub folder: PathBuf,
    /// The project whose stores can be named.
    pub project: Option<&'a Project>,
    /// The one time of the run.
    pub now: Timestamp,
    /// The id of the run.
    pub run: String,
    /// Tables that are given, in the place of those of datasources: datasource and table.
    pub replaced: BTreeMap<(String, String), Frame>,
    /// Whether outputs are kept in memory and not written.
    pub captures: bool,
    /// What may be named beside the stores of the project; `None` for everything.
    pub confines: Option<Confines>,
}

/// How to run.
pub struct Options {
    /// Values of variables.
    pub variables: BTreeMap<String, String>,
    /// Whether outputs are only counted.
    pub dry_run: bool,
    /// A file for a line about every change of a row.
    pub trace: Option<PathBuf>,
    /// How many bytes may be held in memory for groups, sorts and lookups.
    pub memory: usize,
    /// How many tasks compute at once; 0 for as many as there are cores.
    pub parallelism: usize,
    /// Whether samples may be deleted for good.
    pub consent: bool,
    /// What tells rows of this run from those of others at the same time. Runs with an equal seed
    /// and time give rows equal ids.
    pub seed: u32,
    /// Called now and then with the number of rows that were read.
    pub progress: Box<dyn Fn(u64) + Send + Sync>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("variables", &self.variables)
            .field("dry_run", &self.dry_run)
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

/// How many bytes a run holds in memory for groups, sorts and lookups, unless told otherwise.
const MEMORY: usize = 1 << 30;

impl Default for Options {
    fn default() -> Self {
        Self {
            variables: BTreeMap::new(),
            dry_run: false,
            trace: None,
            memory: MEMORY,
            parallelism: 0,
            consent: false,
            seed: 0,
            progress: Box::new(|_| {}),
        }
    }
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What the pipeline is called.
    pub pipeline: String,
    /// What was read.
    pub inputs: Vec<InputReport>,
    /// What each operation did.
    pub operations: Vec<OperationReport>,
    /// What was written, or would be.
    pub outputs: Vec<Published>,
    /// What should be known beside that, e.g. that there is no trace.
    pub remarks: Vec<String>,
}

/// What was read of a table.
#[derive(Clone, Debug)]
pub struct InputReport {
    /// Where it is.
    pub table: String,
    /// Which state of it was read.
    pub version: Value,
}

/// What an operation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationReport {
    /// Its number.
    pub number: u32,
    /// What it is.
    pub kind: &'static str,
    /// What it is called.
    pub alias: Option<String>,
    /// Active rows before it.
    pub rows_in: u64,
    /// Rows that it did something with.
    pub matched: u64,
    /// Active rows after it; of an output the rows written.
    pub rows_out: u64,
}

impl Surroundings<'_> {
    /// Surroundings without a project.
    pub fn new(folder: impl Into<PathBuf>, now: Timestamp) -> Self {
        Self {
            folder: folder.into(),
            project: None,
            now,
            run: uuid::Uuid::now_v7().to_string(),
            replaced: BTreeMap::new(),
            captures: false,
            confines: None,
        }
    }

    pub(crate) fn project(&self) -> Result<&Project, Unusable> {
        self.project.ok_or_else(|| {
            let hint = "run it where a metalith.toml is, or name one with `--project`";
            Unusable::mistake("a store is named, and there is no project", Some(hint.to_owned()))
        })
    }

    pub(crate) async fn store(&self, name: &str, mode: Mode) -> Result<Store, PipelineError> {
        let project = self.known_project()?;
        let store = project.open_store((!name.is_empty()).then_some(name), mode).await?;
        if mode == Mode::Write {
            // Whoever opens a store for writing finishes what was interrupted.
            let places = project.places();
            finish_interrupted(self.lifecycle(&store, &places)?).await?;
        }
        Ok(store)
    }

    /// What the lifecycle works with.
    pub(crate) fn lifecycle<'s>(
        &'s self,
        store: &'s Store,
        places: &'s ObjectPlaces,
    ) -> Result<Context<'s>, PipelineError> {
        let project = self.known_project()?;
        let space = project.settings().space.as_deref();
        Ok(Context { store, graph: project.graph(), places, space })
    }

    /// The project, of which everything that needs it has been checked to be there.
    pub(crate) fn known_project(&self) -> Result<&Project, PipelineError> {
        let start = self.folder.clone();
        Ok(self.project.ok_or(metalith_project::ProjectError::NotFound { start })?)
    }
}

/// Reads and checks a project file, and nothing else: of inputs no more is read than tells their
/// columns. Types of text that are not declared are guessed from its beginning.
pub async fn validate(
    (file, text): (&str, &str),
    surroundings: &Surroundings<'_>,
    options: &Options,
) -> Result<(), PipelineError> {
    let reading = reading((file, text), surroundings, options)?;
    let engine = engine(surroundings, options)?;
    bind(reading, surroundings, (&engine, Extent::Columns)).await.map(drop)
}

/// Reads, checks and runs a project file. In a project the run goes on record, from its beginning
/// to its end, however it ends; a rehearsal does not.
pub async fn run(
    (file, text): (&str, &str),
    surroundings: &Surroundings<'_>,
    options: Options,
) -> Result<Report, PipelineError> {
    let seen = Arc::new(Seen::default());
    let recording = Recording::begin(file, (surroundings, &options), Arc::clone(&seen)).await?;
    let done = work((file, text), surroundings, (options, &recording)).await;
    recording.end(done).await
}

/// What a run does; its record follows it.
async fn work(
    (file, text): (&str, &str),
    surroundings: &Surroundings<'_>,
    (options, recording): (Options, &Recording),
) -> Result<(), PipelineError> {
    let seen = recording.seen();
    let reading = reading((file, text), surroundings, &options)?;
    seen.change(|report| report.pipeline.clone_from(&reading.pipeline.name));
    let engine = engine(surroundings, &options)?;
    let program = bind(reading, surroundings, (&engine, Extent::Whole)).await?;
    if !options.consent && !options.dry_run {
        program.require_no_purge()?;
    }
    if let Some(trace) = &options.trace {
        require_own_place(trace, &program, file)?;
    }
    seen.change(|report| {
        report.inputs = inputs(&program);
        report.operations = names(&program);
    });
    let reads = program.reads.clone();
    let keeping = if options.dry_run { Keeping::Counts } else { Keeping::Rows };
    let shared = Arc::new(Shared::new(options.progress, options.trace, keeping));
    seen.follow(&shared);
    let Passed { filled, trace } = pass(program, &engine, &shared).await?;
    match options.dry_run {
        true => rehearse(filled, (surroundings, seen)).await?,
        false => publish(filled, reads, (surroundings, recording)).await?,
    }
    // What was asked for is done; a trace is only told about it.
    if let Some(Err(error)) = trace.map(metalith_ingest::CompleteFile::publish) {
        let remark = format!("the trace could not be put in its place: {}", with_causes(&error));
        seen.change(|report| report.remarks.push(remark));
    }
    Ok(())
}

/// Refuses a trace that would be where an output is.
fn require_own_place(trace: &Path, program: &Program, file: &str) -> Result<(), PipelineError> {
    let place = file_place(trace);
    let Some(operation) = program.writes_to(&place) else { return Ok(()) };
    let reason = format!("{operation} writes to {place} already");
    let mistakes = vec![Mistake::new("Invalid trace", reason, Span::default())];
    Err(PipelineError::Invalid { file: file.to_owned(), mistakes })
}

fn reading(
    (file, text): (&str, &str),
    surroundings: &Surroundings<'_>,
    options: &Options,
) -> Result<Reading, PipelineError> {
    let mut reading = read(file, text, &options.variables)?;
    if let Some(confines) = &surroundings.confines {
        confines.apply_to(&mut reading, surroundings);
    }
    Ok(reading)
}

fn engine(
    surroundings: &Surroundings<'_>,
    options: &Options,
) -> Result<Arc<Engine>, PipelineError> {
    let clock = RowClock { now: surroundings.now, seed: options.seed };
    let parallelism = match options.parallelism {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        given => given,
    };
    let engine = Engine::new(clock, options.memory, parallelism);
    engine.map(Arc::new).map_err(|error| PipelineError::value("the run", error))
}

fn inputs(program: &Program) -> Vec<InputReport> {
    let tables = program.inputs();
    tables.map(|it| InputReport { table: it.shown.clone(), version: it.version.clone() }).collect()
}

fn names(program: &Program) -> Vec<OperationReport> {
    let steps = program.steps.iter();
    steps
        .map(|step| OperationReport {
            number: step.number,
            kind: step.kind,
            alias: step.alias.clone(),
            rows_in: 0,
            matched: 0,
            rows_out: 0,
        })
        .collect()
}

/// What tells the rows of a run from those of others, as a seed: the random end of its UUID.
pub fn seed_of(run: &str) -> u32 {
    let end = run.get(run.len().saturating_sub(5)..).unwrap_or_default();
    u32::from_str_radix(end, 16).unwrap_or(0)
}

/// The time that a text such as `2026-01-31T12:00:00Z` or `2026-01-31` tells, in UTC.
pub fn time_of(text: &str) -> Option<Timestamp> {
    let quoted = text.replace('\'', "");
    let parsed = metalith_expr::parse(&format!("TIMESTAMP '{quoted}'")).ok()?;
    match parsed.kind() {
        ExprKind::Literal(Literal::Timestamp { micros, .. }) => {
            Some(Timestamp::from_micros(*micros))
        }
        _ => None,
    }
}
