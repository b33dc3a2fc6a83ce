//! Doing what a migration says, in a way that can be taken up again after every single step.

use metalith_base::{Diagnostic as _, FeatureKey};
use metalith_store::{BackfillRequest, CarryRequest, DeletionMode, Execution, Fill, Mark, Store};
use serde_json::{Value, json};

use super::{
    Functions, Migration, MigrationError, Operation, Step, cascade,
    check::{Expressions, Origin, carries, check, expressions},
    custom::Named,
    events::{self, Attempt, Kind, Note},
    rollback::undo,
};
use crate::{
    Context,
    audit::{self, Event, Record},
    deletion::{
        self, CascadePlan, CascadeRequest, DeletionError, DeletionState, finish_interrupted,
    },
};

/// What to apply, and how.
#[derive(Clone, Copy, Debug)]
pub struct ApplyRequest<'a> {
    /// The project it must be about.
    pub project: &'a str,
    /// The migration.
    pub migration: &'a Migration,
    /// Whether to do it.
    pub execution: Execution,
    /// What calls functions that it names; without any, a migration that names one is refused.
    pub functions: Option<&'a dyn Functions>,
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
/// done again, so one that was interrupted is finished by applying it again. Before anything is done
/// all of it is tried out, and refused if any step would fail, whatever those before it do.
pub async fn apply(
    context: Context<'_>,
    request: ApplyRequest<'_>,
    tell: impl Fn(usize, &Step),
) -> Result<Applied, MigrationError> {
    let ApplyRequest { migration, execution, .. } = request;
    let mut attempt = attempt(context.store, migration).await?;
    if attempt.finished_at.is_some() {
        return Ok(Applied { id: migration.id.clone(), steps: all_done(migration, &attempt) });
    }
    let origin = check(context, request).await?;
    let rehearsal = ApplyRequest { execution: Execution::DryRun, ..request };
    let rehearsal = Work { context, request: rehearsal, origin: &origin, attempt: &attempt };
    match execution {
        Execution::DryRun => return rehearsal.rehearse(tell).await,
        Execution::Apply if attempt.begun_at.is_none() => {
            rehearsal.rehearse(|_, _| {}).await.map(drop)?;
        }
        Execution::Apply => {}
    }
    attempt = begin(context, migration, attempt).await?;
    let work = Work { context, request, origin: &origin, attempt: &attempt };
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
    work.still_on().await?;
    let details = json!({
        "migration": migration.id,
        "graph": context.graph.snapshot_version(),
        "steps": migration.steps.len(),
    });
    // The log first: who finds the migration finished looks no further.
    let once = Some(format!("migrated/{}", attempt.unique));
    let record = Record { event: Event::Migrated, deletion: None, details, once };
    audit::append(context.store, record).await?;
    events::record(context.store, work.note(Kind::Finished, None, Value::Null)).await?;
    Ok(Applied { id: migration.id.clone(), steps })
}

/// The attempt to go on with, or a new one.
async fn attempt(store: &Store, migration: &Migration) -> Result<Attempt, MigrationError> {
    let id = || migration.id.clone();
    match events::last(store, &migration.id).await? {
        None => Ok(Attempt::new(1)),
        Some(last) if last.rolled_back_at.is_some() => Ok(Attempt::new(last.number + 1)),
        Some(last) if last.is_rolling_back => Err(MigrationError::RollingBack { id: id() }),
        Some(last) if last.migration.as_ref().is_some_and(|it| !is_same(it, migration)) => {
            Err(MigrationError::Changed { id: id() })
        }
        Some(last) => Ok(last),
    }
}

/// Notes that an attempt is begun, and returns it as it is noted: somebody else may have been faster.
async fn begin(
    context: Context<'_>,
    migration: &Migration,
    attempt: Attempt,
) -> Result<Attempt, MigrationError> {
    if attempt.begun_at.is_some() {
        return Ok(attempt);
    }
    let details = json!({ "migration": migration, "unique": attempt.unique });
    let (id, number) = (&migration.id, attempt.number);
    let note = Note { id, attempt: number, kind: Kind::Begun, step: None, details };
    events::record(context.store, note).await?;
    self::attempt(context.store, migration).await
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

/// A migration at work.
#[derive(Clone, Copy)]
struct Work<'a> {
    context: Context<'a>,
    request: ApplyRequest<'a>,
    origin: &'a Origin,
    attempt: &'a Attempt,
}

impl<'a> Work<'a> {
    fn note(self, kind: Kind, step: Option<usize>, details: Value) -> Note<'a> {
        let id = &self.request.migration.id;
        Note { id, attempt: self.attempt.number, kind, step, details }
    }

    /// The attempt as it is noted by now; refused once it is being taken back.
    async fn still_on(self) -> Result<Attempt, MigrationError> {
        let id = &self.request.migration.id;
        match events::last(self.context.store, id).await? {
            Some(now) if now.unique == self.attempt.unique && !now.is_given_up() => Ok(now),
            Some(_) | None => Err(MigrationError::RollingBack { id: id.clone() }),
        }
    }

    /// What each step would do, or everything that would keep one from being done.
    async fn rehearse(self, tell: impl Fn(usize, &Step)) -> Result<Applied, MigrationError> {
        let migration = self.request.migration;
        let (mut steps, mut problems) = (Vec::new(), Vec::new());
        for (number, step) in migration.steps.iter().enumerate() {
            tell(number, step);
            match self.step(number, step).await {
                Ok(outcome) => steps.push(outcome),
                Err(error) if error.kind() == metalith_base::Kind::Unavailable => {
                    return Err(error);
                }
                Err(error) if self.may_pass(number, &error) => {
                    steps.push(outcome(step, StepState::Planned, None));
                }
                Err(error) => problems.push((number + 1, error)),
            }
        }
        let id = migration.id.clone();
        match problems.is_empty() {
            true => Ok(Applied { id, steps }),
            false => Err(MigrationError::WouldFail { id, problems }),
        }
    }

    /// Whether what keeps a step from being done now may be otherwise once those before it are.
    fn may_pass(self, number: usize, error: &MigrationError) -> bool {
        let steps = &self.request.migration.steps;
        let step = &steps[number];
        let mut before = steps[..number].iter().filter(|it| it.operation != Operation::Recompute);
        let is_blocked = matches!(error, MigrationError::Deletion(DeletionError::Blocked { .. }));
        match step.operation {
            // Samples that are carried over are in nobody's way less.
            Operation::Delete { .. } if is_blocked => before.any(|it| !carries(it)),
            // Conditions may be about what is upstream, and references about what is downstream.
            Operation::Delete { .. } => before.next().is_some(),
            Operation::Reconcile
            | Operation::Rename { .. }
            | Operation::Recompute
            | Operation::Backfill { .. }
            | Operation::Custom { .. } => before.any(|it| self.reaches(it, &step.feature)),
        }
    }

    /// Whether a step changes samples of a feature.
    fn reaches(self, step: &Step, feature: &FeatureKey) -> bool {
        let is_downstream =
            || self.context.graph.downstream(&step.feature).is_ok_and(|it| it.contains(feature));
        step.feature == *feature
            || matches!(step.operation, Operation::Delete { .. }) && is_downstream()
    }

    async fn step(self, number: usize, step: &Step) -> Result<StepOutcome, MigrationError> {
        let execution = self.request.execution;
        let now = match execution {
            Execution::DryRun => self.attempt.clone(),
            Execution::Apply => self.still_on().await?,
        };
        if let Some(done) = now.done.get(&number) {
            return Ok(outcome(step, StepState::WasDone, Some(done)));
        }
        let mark = self.attempt.mark(number);
        let figures = match &step.operation {
            Operation::Recompute => Figures::of(0),
            Operation::Reconcile | Operation::Rename { .. } => self.carry(step, &mark).await?,
            Operation::Backfill { .. } | Operation::Custom { .. } => {
                self.backfill(number, &mark).await?
            }
            Operation::Delete { .. } => self.delete(number, &now).await?,
        };
        let state = match execution {
            Execution::DryRun => StepState::Planned,
            Execution::Apply => {
                match self.still_on().await {
                    Err(given_up @ MigrationError::RollingBack { .. }) => {
                        // Whoever takes the migration back may have come by here already.
                        self.take_back(number).await?;
                        return Err(given_up);
                    }
                    other => drop(other?),
                }
                let note = self.note(Kind::StepDone, Some(number), figures.to_json());
                events::record(self.context.store, note).await?;
                StepState::Done
            }
        };
        Ok(StepOutcome { figures, ..outcome(step, state, None) })
    }

    async fn take_back(self, number: usize) -> Result<(), MigrationError> {
        let noted = events::last(self.context.store, &self.request.migration.id).await?;
        let attempt = match noted {
            Some(now) if now.unique == self.attempt.unique => now,
            Some(_) | None => self.attempt.clone(),
        };
        let migration = self.request.migration;
        undo(self.context, migration, (&attempt, self.origin), number).await.map(drop)
    }

    async fn carry(self, step: &Step, mark: &Mark) -> Result<Figures, MigrationError> {
        let Context { store, graph, .. } = self.context;
        let Some(from) = &self.origin.graph else { return Ok(Figures::default()) };
        let (renamed, execution) = (&self.origin.renamed, self.request.execution);
        let request = CarryRequest { from, renamed, mark, execution };
        let done = store.carry_over(graph, &step.feature, request).await?;
        Ok(Figures { samples: Some(done.carried), already: done.already, left: done.left })
    }

    /// The figures of a step that is only planned are not known if earlier steps make samples of its
    /// feature.
    fn told(self, number: usize, samples: u64) -> Figures {
        let steps = &self.request.migration.steps;
        let is_made = steps[..number].iter().any(carries);
        match self.request.execution == Execution::DryRun && is_made {
            true => Figures::default(),
            false => Figures::of(samples),
        }
    }

    async fn backfill(self, number: usize, mark: &Mark) -> Result<Figures, MigrationError> {
        let Context { store, graph, .. } = self.context;
        let step = &self.request.migration.steps[number];
        let Expressions { filters, set } = expressions(self.request.migration, number)?;
        let (execution, feature) = (self.request.execution, &step.feature);
        let named = match (&step.operation, self.request.functions) {
            (Operation::Custom { run: name, .. }, Some(functions)) => {
                Some(Named { functions, name, feature })
            }
            _ => None,
        };
        let fill = named.as_ref().map_or(Fill::Set(&set), |named| Fill::Function(named));
        let request = BackfillRequest { filters: &filters, fill, mark, execution };
        Ok(self.told(number, store.backfill(graph, &step.feature, request).await?))
    }

    async fn delete(self, number: usize, now: &Attempt) -> Result<Figures, MigrationError> {
        let context = self.context;
        let step = &self.request.migration.steps[number];
        let Operation::Delete { downstream, .. } = &step.operation else {
            return Ok(Figures::default());
        };
        if self.request.execution == Execution::Apply {
            for deletion in now.deletions.get(&number).into_iter().flatten() {
                if let Some(samples) = finished(context, deletion).await? {
                    return Ok(Figures::of(samples));
                }
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
        if self.request.execution == Execution::DryRun {
            return match plan.blockers() {
                [] => Ok(self.told(number, samples)),
                blockers => Err(DeletionError::Blocked { blockers: blockers.to_vec() }.into()),
            };
        }
        if samples == 0 {
            return Ok(Figures::of(0));
        }
        let begun = json!({ "deletion": plan.id() });
        events::record(context.store, self.note(Kind::StepBegun, Some(number), begun)).await?;
        plan.apply(context).await?;
        Ok(Figures::of(samples))
    }
}

/// How many samples a deletion of an earlier run deleted; `None` when it never came to it.
pub(super) async fn finished(
    context: Context<'_>,
    id: &str,
) -> Result<Option<u64>, MigrationError> {
    for finished in finish_interrupted(context).await? {
        if finished.id == id {
            finished.outcome?;
        }
    }
    let known = deletion::list(context.store).await?.into_iter().find(|it| it.id == id);
    let Some(known) = known else { return Ok(None) };
    match known.state {
        DeletionState::Blocked => Ok(None),
        DeletionState::Unfinished => Err(MigrationError::Busy { deletion: id.to_owned() }),
        DeletionState::PurgePending | DeletionState::Done | DeletionState::Restored => {
            let samples = known.steps.iter().filter_map(|step| step["samples"].as_u64());
            Ok(Some(samples.sum()))
        }
    }
}
