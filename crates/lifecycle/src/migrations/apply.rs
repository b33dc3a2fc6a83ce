//! Doing what a migration says, in a way that can be taken up again after every single step.

use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::FeatureGraph;
use metalith_store::{
    BackfillRequest, CarryRequest, DeletionMode, Execution, Mark, Store, StoreError,
};
use serde_json::{Value, json};

use super::{
    CustomOperations, CustomWork, Migration, MigrationError, Operation, Step, cascade,
    error::StepProblem,
    events::{self, Attempt, Kind, Note},
};
use crate::{
    Context,
    audit::{self, Event, Record},
    deletion::{
        self, CascadePlan, CascadeRequest, DeletionError, DeletionState, finish_interrupted,
    },
    snapshots,
};

/// What to apply, and how.
#[derive(Clone, Copy, Debug)]
pub struct ApplyRequest<'a> {
    /// The project it must be about.
    pub project: &'a str,
    /// The migration.
    pub migration: &'a Migration,
    /// The code of custom operations.
    pub custom: &'a CustomOperations,
    /// Whether to do it.
    pub execution: Execution,
}

/// What was done, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The migration.
    pub id: String,
    /// Its steps, in order.
    pub steps: Vec<StepOutcome>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepOutcome {
    /// The feature.
    pub feature: FeatureKey,
    /// What is done to it.
    pub operation: &'static str,
    /// Whether it was done.
    pub state: StepState,
    /// To how many samples.
    pub figures: Figures,
}

/// Whether a step was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// It was done now.
    Done,
    /// It had been done before.
    WasDone,
    /// It would be done.
    Planned,
}

impl StepState {
    /// The name, as doors show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::WasDone => "was done",
            Self::Planned => "planned",
        }
    }
}

/// How many samples a step is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Those that it writes or deletes; `None` where that shows only when it is done. Of a step
    /// that is only planned, at most so many.
    pub samples: Option<u64>,
    /// Those that the newer definition had already.
    pub already: u64,
    /// Those that stay to be computed: they were stale, or are not expected any more.
    pub left: u64,
}

impl Figures {
    fn of(samples: u64) -> Self {
        Self { samples: Some(samples), ..Self::default() }
    }

    fn to_json(self) -> Value {
        json!({ "samples": self.samples, "already": self.already, "left": self.left })
    }

    pub(super) fn from_json(json: &Value) -> Self {
        let number = |name: &str| json[name].as_u64();
        Self {
            samples: number("samples"),
            already: number("already").unwrap_or_default(),
            left: number("left").unwrap_or_default(),
        }
    }
}

/// Applies a migration, step by step, telling each before it begins. Steps that are done are not
/// done again, so one that was interrupted is finished by applying it again.
pub async fn apply(
    context: Context<'_>,
    request: ApplyRequest<'_>,
    tell: impl Fn(usize, &Step),
) -> Result<Applied, MigrationError> {
    let Context { store, graph, .. } = context;
    let ApplyRequest { migration, execution, .. } = request;
    let attempt = attempt(store, migration).await?;
    if attempt.finished_at.is_some() {
        return Ok(Applied { id: migration.id.clone(), steps: all_done(migration, &attempt) });
    }
    let from = check(context, request).await?;
    let work = Work { context, request, from: from.as_ref(), attempt: &attempt };
    let begin = work.note(Kind::Begun, None, json!(migration));
    if execution == Execution::Apply {
        events::record(store, begin).await?;
    }
    let mut steps = Vec::new();
    for (number, step) in migration.steps.iter().enumerate() {
        tell(number, step);
        let outcome =
            work.step(number, step).await.map_err(|source| MigrationError::StepFailed {
                id: migration.id.clone(),
                number: number + 1,
                source: Box::new(source),
            })?;
        steps.push(outcome);
    }
    if execution == Execution::Apply {
        events::record(store, work.note(Kind::Finished, None, Value::Null)).await?;
        let details = json!({
            "migration": migration.id,
            "graph": graph.snapshot_version(),
            "steps": migration.steps.len(),
        });
        let once = Some(format!("migrated/{}/{}", migration.id, attempt.number));
        let record = Record { event: Event::Migrated, deletion: None, details, once };
        audit::append(store, record).await?;
    }
    Ok(Applied { id: migration.id.clone(), steps })
}

/// The attempt to go on with, or a new one.
async fn attempt(store: &Store, migration: &Migration) -> Result<Attempt, MigrationError> {
    let known = events::read(store).await?.remove(&migration.id);
    let id = || migration.id.clone();
    match known {
        None => Ok(Attempt { number: 1, ..Attempt::default() }),
        Some(last) if last.rolled_back_at.is_some() => {
            Ok(Attempt { number: last.number + 1, ..Attempt::default() })
        }
        Some(last) if last.is_rolling_back => Err(MigrationError::RollingBack { id: id() }),
        Some(last) if last.migration.as_ref().is_some_and(|it| !is_same(it, migration)) => {
            Err(MigrationError::Changed { id: id() })
        }
        Some(last) => Ok(last),
    }
}

/// Whether two do the same; reasons may be put better.
fn is_same(one: &Migration, other: &Migration) -> bool {
    let without_reasons = |migration: &Migration| {
        let mut migration = migration.clone();
        migration.steps.iter_mut().for_each(|step| step.reason.clear());
        migration
    };
    without_reasons(one) == without_reasons(other)
}

fn all_done(migration: &Migration, attempt: &Attempt) -> Vec<StepOutcome> {
    let steps = migration.steps.iter().enumerate();
    steps
        .map(|(number, step)| outcome(step, StepState::WasDone, attempt.done.get(&number)))
        .collect()
}

fn outcome(step: &Step, state: StepState, done: Option<&Value>) -> StepOutcome {
    StepOutcome {
        feature: step.feature.clone(),
        operation: step.operation.name(),
        state,
        figures: done.map(Figures::from_json).unwrap_or_default(),
    }
}

/// Refuses what makes no sense, before anything is done, and returns the older graph.
async fn check(
    context: Context<'_>,
    request: ApplyRequest<'_>,
) -> Result<Option<FeatureGraph>, MigrationError> {
    let Context { store, graph, .. } = context;
    let migration = request.migration;
    let id = migration.id.clone();
    if migration.project != request.project {
        return Err(MigrationError::OtherProject { id, project: migration.project.clone() });
    }
    if migration.to != graph.snapshot_version() {
        let (to, found) = (migration.to.clone(), graph.snapshot_version().to_owned());
        return Err(MigrationError::OtherGraph { id, to, found });
    }
    let from = match &migration.from {
        Some(version) => Some(snapshots::find(store, request.project, version).await?.graph),
        None => None,
    };
    for (number, step) in migration.steps.iter().enumerate() {
        graph.feature(&step.feature).map_err(StoreError::from)?;
        expressions(migration, number)?;
        if let Some(problem) = problem(number, request, graph, from.as_ref()) {
            return Err(MigrationError::Step {
                id,
                number: number + 1,
                operation: step.operation.name(),
                feature: step.feature.clone(),
                problem,
            });
        }
    }
    Ok(from)
}

fn problem(
    number: usize,
    request: ApplyRequest<'_>,
    graph: &FeatureGraph,
    from: Option<&FeatureGraph>,
) -> Option<StepProblem> {
    let steps = &request.migration.steps;
    let step = &steps[number];
    if step.reason.is_empty() && step.operation != Operation::Recompute {
        return Some(StepProblem::NoReason);
    }
    if let Operation::Custom { run, .. } = &step.operation
        && request.custom.get(run).is_none()
    {
        return Some(StepProblem::NoCode { run: run.clone() });
    }
    let before = step.operation.carried_from(&step.feature)?;
    let Some(from) = from else { return Some(StepProblem::NoFrom) };
    let Ok(old) = from.feature(before) else {
        return Some(StepProblem::NotBefore { feature: before.clone() });
    };
    let new = graph.feature(&step.feature).ok()?;
    if old.key() == new.key() && old.feature_version() == new.feature_version() {
        return Some(StepProblem::SameVersion);
    }
    let upstream = graph.upstream(&step.feature).ok()?;
    for (other, later) in steps.iter().enumerate() {
        let carries = later.operation.carried_from(&later.feature).is_some();
        if other != number && carries && later.feature == step.feature {
            return Some(StepProblem::Twice { other: other + 1 });
        }
        let writes = carries || matches!(later.operation, Operation::Custom { .. });
        if other > number && writes && upstream.contains(&later.feature) {
            return Some(StepProblem::TooEarly { other: other + 1 });
        }
    }
    None
}

/// The conditions and the assignments of an operation.
#[derive(Default)]
struct Expressions {
    filters: Vec<Expr>,
    set: Vec<(String, Expr)>,
}

fn expressions(migration: &Migration, step: usize) -> Result<Expressions, MigrationError> {
    let parse = |text: &String| {
        metalith_expr::parse(text).map_err(|source| {
            let (id, number, source) = (migration.id.clone(), step + 1, Box::new(source));
            MigrationError::Expression { id, number, source }
        })
    };
    let all = |texts: &[String]| texts.iter().map(parse).collect::<Result<Vec<_>, _>>();
    Ok(match &migration.steps[step].operation {
        Operation::Backfill { set, filters } => {
            let set = set.iter().map(|(name, text)| Ok((name.clone(), parse(text)?)));
            let set = set.collect::<Result<Vec<_>, MigrationError>>()?;
            Expressions { filters: all(filters)?, set }
        }
        Operation::Delete { filters, .. } => {
            Expressions { filters: all(filters)?, set: Vec::new() }
        }
        Operation::Reconcile
        | Operation::Rename { .. }
        | Operation::Recompute
        | Operation::Custom { .. } => Expressions::default(),
    })
}

/// A migration at work.
#[derive(Clone, Copy)]
struct Work<'a> {
    context: Context<'a>,
    request: ApplyRequest<'a>,
    from: Option<&'a FeatureGraph>,
    attempt: &'a Attempt,
}

impl<'a> Work<'a> {
    fn note(self, kind: Kind, step: Option<usize>, details: Value) -> Note<'a> {
        let id = &self.request.migration.id;
        Note { id, attempt: self.attempt.number, kind, step, details }
    }

    async fn step(self, number: usize, step: &Step) -> Result<StepOutcome, MigrationError> {
        if let Some(done) = self.attempt.done.get(&number) {
            return Ok(outcome(step, StepState::WasDone, Some(done)));
        }
        let mark = self.attempt.mark(&self.request.migration.id, number);
        let figures = match &step.operation {
            Operation::Recompute => Figures::of(0),
            Operation::Reconcile | Operation::Rename { .. } => self.carry(step, &mark).await?,
            Operation::Backfill { .. } => self.backfill(number, &mark).await?,
            Operation::Delete { .. } => self.delete(number).await?,
            Operation::Custom { .. } => self.custom(step, &mark).await?,
        };
        let state = match self.request.execution {
            Execution::DryRun => StepState::Planned,
            Execution::Apply => {
                let note = self.note(Kind::StepDone, Some(number), figures.to_json());
                events::record(self.context.store, note).await?;
                StepState::Done
            }
        };
        Ok(StepOutcome { figures, ..outcome(step, state, None) })
    }

    async fn carry(self, step: &Step, mark: &Mark) -> Result<Figures, MigrationError> {
        let Context { store, graph, .. } = self.context;
        let (Some(from), Some(feature)) = (self.from, step.operation.carried_from(&step.feature))
        else {
            return Ok(Figures::default());
        };
        let request = CarryRequest { from, feature, mark, execution: self.request.execution };
        let done = store.carry_over(graph, &step.feature, request).await?;
        Ok(Figures { samples: Some(done.carried), already: done.already, left: done.left })
    }

    async fn backfill(self, number: usize, mark: &Mark) -> Result<Figures, MigrationError> {
        let Context { store, graph, .. } = self.context;
        let step = &self.request.migration.steps[number];
        let Expressions { filters, set } = expressions(self.request.migration, number)?;
        let execution = self.request.execution;
        let request = BackfillRequest { filters: &filters, set: &set, mark, execution };
        Ok(Figures::of(store.backfill(graph, &step.feature, request).await?))
    }

    async fn custom(self, step: &Step, mark: &Mark) -> Result<Figures, MigrationError> {
        let Context { store, graph, .. } = self.context;
        let Operation::Custom { run, options } = &step.operation else {
            return Ok(Figures::default());
        };
        let Some(operation) = self.request.custom.get(run) else { return Ok(Figures::default()) };
        if self.request.execution == Execution::DryRun {
            return Ok(Figures::default());
        }
        let feature = &step.feature;
        if !store.has_commit(feature, &mark.to_string()).await? {
            let work = CustomWork { store, from: self.from, graph, feature, options };
            let rows = operation.rows(work).await?;
            store.write_marked(graph, feature, rows, mark).await?;
        }
        Ok(Figures::of(store.marked(feature, mark).await?.rows))
    }

    async fn delete(self, number: usize) -> Result<Figures, MigrationError> {
        let context = self.context;
        let step = &self.request.migration.steps[number];
        let Operation::Delete { downstream, .. } = &step.operation else {
            return Ok(Figures::default());
        };
        for deletion in self.attempt.deletions.get(&number).into_iter().flatten() {
            if let Some(samples) = finished(context, deletion).await? {
                return Ok(Figures::of(samples));
            }
        }
        let request = CascadeRequest {
            cascade: cascade(*downstream),
            reason: Some(format!("migration {}: {}", self.request.migration.id, step.reason)),
            ..CascadeRequest::new(
                step.feature.clone(),
                DeletionMode::Soft,
                expressions(self.request.migration, number)?.filters,
            )
        };
        let plan = CascadePlan::make(context, &request).await?;
        let samples = plan.samples();
        if self.request.execution == Execution::DryRun || samples == 0 {
            return Ok(Figures::of(samples));
        }
        let begun = json!({ "deletion": plan.id() });
        events::record(context.store, self.note(Kind::StepBegun, Some(number), begun)).await?;
        plan.apply(context).await?;
        Ok(Figures::of(samples))
    }
}

/// How many samples a deletion of an earlier run deleted; `None` when it never came to it.
async fn finished(context: Context<'_>, id: &str) -> Result<Option<u64>, MigrationError> {
    for finished in finish_interrupted(context).await? {
        if finished.id == id {
            finished.outcome?;
        }
    }
    let known = deletion::list(context.store).await?.into_iter().find(|it| it.id == id);
    let Some(known) = known else { return Ok(None) };
    match known.state {
        DeletionState::Blocked => Ok(None),
        DeletionState::Unfinished => {
            let deletion = id.to_owned();
            let what = "somebody else is at work on it".to_owned();
            let source = Box::new(DeletionError::Incomplete { what });
            Err(DeletionError::Unfinished { deletion, source }.into())
        }
        DeletionState::PurgePending | DeletionState::Done | DeletionState::Restored => {
            let samples = known.steps.iter().filter_map(|step| step["samples"].as_u64());
            Ok(Some(samples.sum()))
        }
    }
}
