//! What makes no sense is refused before anything is done.

use std::collections::BTreeMap;

use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::FeatureGraph;
use metalith_store::{Store, StoreError};

use super::{ApplyRequest, Migration, MigrationError, Operation, Step, error::StepProblem};
use crate::{
    Context,
    holds::{self, Hold},
    snapshots,
};

/// What a migration comes from.
#[derive(Debug)]
pub(super) struct Origin {
    /// The older graph, if any step needs it.
    pub(super) graph: Option<FeatureGraph>,
    /// What features were called in it, where that is not what they are called now.
    pub(super) renamed: BTreeMap<FeatureKey, FeatureKey>,
}

impl Origin {
    pub(super) async fn find(store: &Store, migration: &Migration) -> Result<Self, MigrationError> {
        let graph = match &migration.from {
            Some(from) => Some(recorded(store, migration, from).await?),
            None => None,
        };
        let renamed = migration.steps.iter().filter_map(|step| match &step.operation {
            Operation::Rename { from } => Some((step.feature.clone(), from.clone())),
            Operation::Reconcile
            | Operation::Recompute
            | Operation::Backfill { .. }
            | Operation::Custom { .. }
            | Operation::Delete { .. } => None,
        });
        Ok(Self { graph, renamed: renamed.collect() })
    }

    fn before<'a>(&'a self, feature: &'a FeatureKey) -> &'a FeatureKey {
        self.renamed.get(feature).unwrap_or(feature)
    }
}

/// The graph that is recorded under a version. Only a whole version means the same graph whenever it
/// is looked up, and a rollback must find the one that was carried over from.
async fn recorded(
    store: &Store,
    migration: &Migration,
    from: &str,
) -> Result<FeatureGraph, MigrationError> {
    let found = snapshots::find(store, &migration.project, from).await?;
    let version = found.snapshot.version;
    if version != from {
        let (id, from) = (migration.id.clone(), from.to_owned());
        return Err(MigrationError::NoVersion { id, from, version });
    }
    Ok(found.graph)
}

/// Refuses what makes no sense, and returns what the migration comes from.
pub(super) async fn check(
    context: Context<'_>,
    request: ApplyRequest<'_>,
) -> Result<Origin, MigrationError> {
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
    let origin = Origin::find(store, migration).await?;
    let mut holds = holds::list(store).await?;
    holds.retain(|hold| !hold.is_released);
    for (number, step) in migration.steps.iter().enumerate() {
        let feature = graph.feature(&step.feature).map_err(StoreError::from)?;
        let Expressions { set, .. } = expressions(migration, number)?;
        Store::check_columns(feature, &set)?;
        let steps = &migration.steps;
        let is_callable = request.functions.is_some();
        let checked = Checked { graph, origin: &origin, steps, holds: &holds, is_callable };
        if let Some(problem) = checked.problem(number) {
            return Err(MigrationError::Step {
                id,
                number: number + 1,
                operation: step.operation.name(),
                feature: step.feature.clone(),
                problem,
            });
        }
    }
    Ok(origin)
}

struct Checked<'a> {
    graph: &'a FeatureGraph,
    origin: &'a Origin,
    steps: &'a [Step],
    /// Those in force.
    holds: &'a [Hold],
    /// Whether functions can be called.
    is_callable: bool,
}

impl Checked<'_> {
    fn problem(&self, number: usize) -> Option<StepProblem> {
        let step = &self.steps[number];
        if step.reason.is_empty() && step.operation != Operation::Recompute {
            return Some(StepProblem::NoReason);
        }
        let new = self.graph.feature(&step.feature).ok()?;
        if new.is_external() {
            return Some(StepProblem::External);
        }
        if let (Operation::Custom { run, .. }, false) = (&step.operation, self.is_callable) {
            return Some(StepProblem::NoPython { run: run.clone() });
        }
        let before = step.operation.carried_from(&step.feature)?;
        let Some(from) = &self.origin.graph else { return Some(StepProblem::NoFrom) };
        let Ok(old) = from.feature(before) else {
            return Some(StepProblem::NotBefore { feature: before.clone() });
        };
        if old.key() == new.key() && old.feature_version() == new.feature_version() {
            return Some(StepProblem::SameVersion);
        }
        let is_same = |(other, it): &(usize, &Step)| {
            *other != number
                && it.feature == step.feature
                && (carries(it) || it.operation == Operation::Recompute)
        };
        if let Some((other, _)) = self.steps.iter().enumerate().find(is_same) {
            return Some(StepProblem::Twice { other: other + 1 });
        }
        if let Some(problem) =
            Store::cannot_carry(self.graph, new.key(), from, &self.origin.renamed)
        {
            return Some(StepProblem::NotCarried(problem));
        }
        self.hold_on(before, new.key()).or_else(|| self.upstream_problem(number, from))
    }

    /// Holds are on names: one that is in force on the former name would protect nothing any more.
    fn hold_on(&self, before: &FeatureKey, now: &FeatureKey) -> Option<StepProblem> {
        if before == now {
            return None;
        }
        let hold = self.holds.iter().find(|hold| hold.feature == *before)?;
        Some(StepProblem::Held { feature: before.clone(), hold: hold.id.clone() })
    }

    /// Samples are carried over only if what they are computed from is the same or was carried over
    /// before.
    fn upstream_problem(&self, number: usize, from: &FeatureGraph) -> Option<StepProblem> {
        let upstream = self.graph.upstream(&self.steps[number].feature).ok()?;
        for (other, later) in self.steps.iter().enumerate().skip(number + 1) {
            if carries(later) && upstream.contains(&later.feature) {
                return Some(StepProblem::TooEarly { other: other + 1 });
            }
        }
        let new = self.graph.feature(&self.steps[number].feature).ok()?;
        for dep in &new.spec().deps {
            let Ok(now) = self.graph.feature(&dep.feature) else { continue };
            let before = from.feature(self.origin.before(&dep.feature));
            let is_same = before.is_ok_and(|before| {
                before.key() == now.key() && before.feature_version() == now.feature_version()
            });
            let is_carried =
                || self.steps.iter().any(|it| carries(it) && it.feature == dep.feature);
            // What another project has is carried over by that one, row by row as here.
            if !is_same && !now.is_external() && !is_carried() {
                return Some(StepProblem::NotKept { upstream: dep.feature.clone() });
            }
        }
        None
    }
}

pub(super) fn carries(step: &Step) -> bool {
    step.operation.carried_from(&step.feature).is_some()
}

/// The conditions and the assignments of an operation.
#[derive(Default)]
pub(super) struct Expressions {
    pub(super) filters: Vec<Expr>,
    pub(super) set: Vec<(String, Expr)>,
}

pub(super) fn expressions(
    migration: &Migration,
    step: usize,
) -> Result<Expressions, MigrationError> {
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
        Operation::Custom { filters, .. } | Operation::Delete { filters, .. } => {
            Expressions { filters: all(filters)?, set: Vec::new() }
        }
        Operation::Reconcile | Operation::Rename { .. } | Operation::Recompute => {
            Expressions::default()
        }
    })
}
