//! The steps of a deletion: what happens to the samples of each feature.

use std::collections::BTreeSet;

use metalith_base::FeatureKey;
use metalith_store::{
    DeletionPlan, DetachReceipt, DetachRequest, Keys, SamplesChange, SamplesChanged, StoreError,
};

use super::{Action, DeletionError, plan};
use crate::{
    Context,
    journal::{self, Intent, IntentStep},
};

/// What was done to a feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepDone {
    /// The feature.
    pub feature: FeatureKey,
    /// What was done to its samples.
    pub action: Action,
    /// How many samples.
    pub samples: u64,
    /// How many rows were appended (soft, or set to NULL) or removed (hard).
    pub rows: u64,
    /// How many samples stay without one of their inputs.
    pub stale: u64,
    /// The version of the table afterwards: what was written before it was there when samples
    /// were deleted, what was written later is untouched. `None` when nothing had to be done.
    pub table_version: Option<u64>,
    /// Whether this run did it, and not one before that was interrupted.
    pub(super) is_ours: bool,
}

impl StepDone {
    pub(super) fn nothing(step: &IntentStep) -> Self {
        Self {
            feature: step.feature.clone(),
            action: match step.set_null.as_slice() {
                [] => Action::Delete,
                columns => Action::SetNull(columns.to_vec()),
            },
            samples: 0,
            rows: 0,
            stale: step.stale,
            table_version: None,
            is_ours: false,
        }
    }
}

/// How often the samples of a step are looked up again because somebody wrote in between.
const ATTEMPTS: usize = 20;

/// Does one step after the other.
pub(super) async fn run_each(
    context: Context<'_>,
    intent: &mut Intent,
    planned: Vec<Option<DeletionPlan>>,
) -> Result<Vec<StepDone>, DeletionError> {
    let mut steps = Vec::new();
    for (step, planned) in intent.steps.clone().iter().zip(planned) {
        steps.push(run(context, intent, step, planned).await?);
    }
    Ok(steps)
}

/// Does one step, unless it was done before. Where somebody has written since it was planned, the
/// same samples are looked up again.
async fn run(
    context: Context<'_>,
    intent: &mut Intent,
    step: &IntentStep,
    mut planned: Option<DeletionPlan>,
) -> Result<StepDone, DeletionError> {
    let Context { store, graph, .. } = context;
    let mut attempt = 1;
    let _turn = store.turn(&step.feature).await;
    loop {
        let changed = match change_of(context, intent, step, planned.take()).await? {
            None => return Ok(StepDone::nothing(step)),
            Some(SamplesChange::Detach(feature, request)) => {
                store.detach(graph, &feature, &request).await.map(SamplesChanged::Detached)
            }
            Some(SamplesChange::Delete(plan)) => {
                store.apply_deletion(plan).await.map(SamplesChanged::Deleted)
            }
        };
        match changed {
            Err(StoreError::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
            changed => return done(context, intent, step, changed?).await,
        }
    }
}

/// Does all steps in one act, unless it was done before. Where somebody has written since they were
/// planned, the same samples are looked up again.
pub(super) async fn run_together(
    context: Context<'_>,
    intent: &mut Intent,
    mut planned: Vec<Option<DeletionPlan>>,
) -> Result<Vec<StepDone>, DeletionError> {
    let steps = intent.steps.clone();
    // Everybody waits for turns in this order.
    let features: BTreeSet<&FeatureKey> = steps.iter().map(|step| &step.feature).collect();
    let mut turns = Vec::new();
    for feature in features {
        turns.push(context.store.turn(feature).await);
    }
    let mut attempt = 1;
    let (places, changed) = loop {
        let (mut places, mut changes) = (Vec::new(), Vec::new());
        for (step, planned) in steps.iter().zip(&mut planned) {
            let change = change_of(context, intent, step, planned.take()).await?;
            places.push(change.is_some());
            changes.extend(change);
        }
        match context.store.change_together(context.graph, changes).await {
            Err(StoreError::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
            changed => break (places, changed?),
        }
    };
    let (mut all, mut changed) = (Vec::new(), changed.into_iter());
    for (step, is_changed) in steps.iter().zip(places) {
        let changed = if is_changed { changed.next() } else { None };
        all.push(match changed {
            Some(changed) => done(context, intent, step, changed).await?,
            None => StepDone::nothing(step),
        });
    }
    Ok(all)
}

/// What a step changes; `None` where there is nothing to do. Objects that newer rows own than those
/// the plan was made of are written down, before these rows go.
async fn change_of(
    context: Context<'_>,
    intent: &mut Intent,
    step: &IntentStep,
    planned: Option<DeletionPlan>,
) -> Result<Option<SamplesChange>, DeletionError> {
    let Context { store, graph, .. } = context;
    if step.rows == 0 {
        return Ok(None);
    }
    if !step.set_null.is_empty() {
        let request = DetachRequest {
            deletion: intent.id.clone(),
            within: step.keys.clone().unwrap_or_else(Keys::none),
            references: step.references.clone().unwrap_or_else(Keys::none),
        };
        return Ok(Some(SamplesChange::Detach(step.feature.clone(), request)));
    }
    if let Some(plan) = planned {
        return Ok(Some(SamplesChange::Delete(plan)));
    }
    let request = plan::request_of(intent, step)?;
    let plan = store.plan_deletion(graph, &step.feature, &request).await?;
    let mut owned = plan::objects_of(context, &plan).await?.as_owned();
    owned.retain(|object| !intent.objects.contains(object));
    if !owned.is_empty() {
        journal::add_objects(store, &intent.id, &owned).await?;
        intent.objects.extend(owned);
    }
    Ok(Some(SamplesChange::Delete(plan)))
}

/// What became of a step: what it changed now, or what a run before this one did.
async fn done(
    context: Context<'_>,
    intent: &Intent,
    step: &IntentStep,
    changed: SamplesChanged,
) -> Result<StepDone, DeletionError> {
    let nothing = StepDone::nothing(step);
    let before = StepDone { samples: step.samples, rows: step.rows, ..nothing.clone() };
    let (samples, rows, table_version) = match changed {
        SamplesChanged::Detached(DetachReceipt { table_version: None, .. }) => return Ok(before),
        SamplesChanged::Detached(DetachReceipt { samples, table_version }) => {
            (samples, samples, table_version)
        }
        SamplesChanged::Deleted(receipt) => {
            let is_ours = receipt.table_version.is_some();
            if !is_ours && context.store.has_commit(&step.feature, &intent.id).await? {
                return Ok(before);
            }
            (receipt.samples, receipt.rows, receipt.table_version)
        }
    };
    Ok(StepDone { samples, rows, table_version, is_ours: table_version.is_some(), ..nothing })
}
