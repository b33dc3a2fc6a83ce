//! Taking a migration back, where nothing was built on top of it.

use std::collections::BTreeSet;

use metalith_base::{FeatureKey, Timestamp};
use metalith_store::{RequestProblem, Since, StoreError};
use serde_json::{Value, json};

use super::{
    Migration, MigrationError, Operation,
    events::{self, Attempt, Kind, Note},
};
use crate::{
    Context,
    audit::{self, Event, Record},
    deletion::{DeletionError, RestoreMode, restore},
};

/// What was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledBack {
    /// The migration.
    pub id: String,
    /// The features with how many rows were removed, or samples restored; the last step first.
    pub steps: Vec<(FeatureKey, u64)>,
}

/// Takes a migration back, as far as it was applied: the rows that it wrote are removed, and what it
/// deleted is restored. Refused when anything was written to its features, or to what is computed
/// from them, since it was begun. One that is interrupted goes on when it is asked for again.
pub async fn rollback(context: Context<'_>, id: &str) -> Result<RolledBack, MigrationError> {
    let Context { store, graph, .. } = context;
    let mut known = events::read(store).await?;
    let applied = known.remove(id).filter(|attempt| attempt.rolled_back_at.is_none());
    let found = applied.and_then(|attempt| Some((attempt.migration.clone()?, attempt)));
    let Some((migration, attempt)) = found else {
        return Err(MigrationError::NotApplied { id: id.to_owned() });
    };
    if migration.to != graph.snapshot_version() {
        let (to, found) = (migration.to, graph.snapshot_version().to_owned());
        return Err(MigrationError::OtherGraph { id: id.to_owned(), to, found });
    }
    let note = |kind| Note { id, attempt: attempt.number, kind, step: None, details: Value::Null };
    if !attempt.is_rolling_back {
        let found = built_upon(context, &migration, &attempt).await?;
        if !found.is_empty() {
            return Err(MigrationError::BuiltUpon { id: id.to_owned(), found });
        }
        events::record(store, note(Kind::RollbackBegun)).await?;
    }
    let mut steps = Vec::new();
    for (number, step) in migration.steps.iter().enumerate().rev() {
        let rows = match &step.operation {
            Operation::Recompute => 0,
            Operation::Delete { .. } => bring_back(context, &attempt, number).await?,
            Operation::Reconcile
            | Operation::Rename { .. }
            | Operation::Backfill { .. }
            | Operation::Custom { .. } => {
                store.remove_marked(&step.feature, &attempt.mark(id, number)).await?
            }
        };
        steps.push((step.feature.clone(), rows));
    }
    events::record(store, note(Kind::RolledBack)).await?;
    let details = json!({ "migration": id, "steps": steps.len() });
    let once = Some(format!("rolled-back/{id}/{}", attempt.number));
    let record = Record { event: Event::MigrationRolledBack, deletion: None, details, once };
    audit::append(store, record).await?;
    Ok(RolledBack { id: id.to_owned(), steps })
}

/// What was written since a migration was begun, by anybody else.
async fn built_upon(
    context: Context<'_>,
    migration: &Migration,
    attempt: &Attempt,
) -> Result<Vec<String>, MigrationError> {
    let Context { store, graph, .. } = context;
    let mut features = BTreeSet::new();
    for step in &migration.steps {
        if step.operation != Operation::Recompute {
            features.insert(step.feature.clone());
            features.extend(graph.downstream(&step.feature).map_err(StoreError::from)?);
        }
    }
    let begun = attempt.begun_at.unwrap_or(Timestamp::from_micros(0));
    let since = Since {
        marks: attempt.marks(&migration.id),
        deletions: attempt.deletions.values().flatten().cloned().collect(),
        begun,
        ended: attempt.last_at.unwrap_or(begun),
    };
    let mut found = Vec::new();
    for key in features {
        let feature = graph.feature(&key).map_err(StoreError::from)?;
        let rows = store.written_since(feature, &since).await?;
        if rows > 0 {
            found.push(format!("{rows} rows of `{key}` were written since"));
        }
    }
    Ok(found)
}

/// Restores what a step deleted; nothing, where that was done before.
async fn bring_back(
    context: Context<'_>,
    attempt: &Attempt,
    number: usize,
) -> Result<u64, MigrationError> {
    let mut samples = 0;
    for deletion in attempt.deletions.get(&number).into_iter().flatten() {
        match restore(context, deletion, &[], RestoreMode::Apply).await {
            Ok(restored) => samples += restored.iter().map(|it| it.receipt.samples).sum::<u64>(),
            // Somebody else may be faster, even in between.
            Err(
                DeletionError::NothingToRestore { .. }
                | DeletionError::Store(StoreError::Request {
                    problem: RequestProblem::NothingToRestore { .. },
                    ..
                }),
            ) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(samples)
}
