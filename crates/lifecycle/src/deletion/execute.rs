//! Doing what a plan says, in a way that can be taken up again after every single step.

use std::{collections::BTreeSet, time::Duration};

use metalith_base::{Diagnostic as _, FeatureKey, Timestamp};
use metalith_store::{
    DeletionMode, DeletionPlan, DetachReceipt, DetachRequest, Keys, SamplesChange, SamplesChanged,
    StoreError, Vacuumed,
};
use serde_json::{Value, json};

use super::{Action, CascadePlan, DeletionError, at_work::alone, plan, protect::Blocker, told};
use crate::{
    Context,
    audit::{self, Event, Record},
    journal::{self, Attempt, Intent, IntentStep, Pending},
    objects::{PurgeReport, purge::purge},
};

/// A plan that is older than this is looked at again for what stands in its way.
const FRESH: Duration = Duration::from_secs(2);
/// How long objects that storage refused to delete are left alone at first, and at last.
const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// What a deletion did.
#[derive(Clone, Debug)]
pub struct Done {
    /// The deletion, by which it can be restored if it was soft.
    pub id: String,
    /// Soft or hard.
    pub mode: DeletionMode,
    /// What was done to each feature, in order.
    pub steps: Vec<StepDone>,
    /// The data files that held what was removed, and are gone.
    pub files: Vacuumed,
    /// Until when readers at work on an older state could still see what was removed; `None` for a
    /// soft deletion.
    pub visible_until: Option<Timestamp>,
    /// What became of the objects of the samples; `None` when there are none, or the deletion was
    /// soft.
    pub objects: Option<PurgeReport>,
    /// Whether this is the first time that what it did to rows is told. It is not where objects
    /// were only tried again.
    pub is_first: bool,
}

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
    is_ours: bool,
}

impl Done {
    /// How many rows were appended or removed, of all features.
    pub fn rows(&self) -> u64 {
        self.steps.iter().map(|step| step.rows).sum()
    }
}

impl CascadePlan {
    /// Does what the plan says: writes it down, works off one feature after the other, each in one
    /// commit, or all of them in one transaction of a database, then deletes objects. What is interrupted is finished by
    /// [`finish_interrupted`].
    ///
    /// Refused as a whole, before anything changes, when something stands in its way.
    pub async fn apply(self, context: Context<'_>) -> Result<Done, DeletionError> {
        let Self { made_at, request, intent, steps, blockers: mut found } = self;
        if found.is_empty() && made_at.elapsed() > FRESH {
            found = plan::in_the_way(context, &request, &intent).await?;
        }
        if !found.is_empty() {
            note_blocked(context, &intent, &found).await?;
            return Err(DeletionError::Blocked { blockers: found });
        }
        if steps.iter().all(|step| step.rows == 0) {
            let steps = intent.steps.iter().map(StepDone::nothing).collect();
            return Ok(Done {
                id: intent.id,
                mode: request.mode,
                steps,
                files: Vacuumed::default(),
                visible_until: None,
                objects: None,
                is_first: true,
            });
        }
        let planned = steps.into_iter().map(|step| step.planned).collect();
        let (deletion, feature) = (intent.id.clone(), intent.feature.clone());
        let work = Box::pin(begin(context, intent, planned));
        alone(context.store, &deletion, work).await?.unwrap_or_else(|| {
            // Nobody else knows its id before it is written down.
            let with = "somebody at work on the same deletion".to_owned();
            Err(StoreError::Conflict { feature, with, attempts: 1 }.into())
        })
    }
}

/// Writes a deletion down and does it.
async fn begin(
    context: Context<'_>,
    intent: Intent,
    planned: Vec<Option<DeletionPlan>>,
) -> Result<Done, DeletionError> {
    journal::begin(context.store, &intent).await?;
    let deletion = intent.id.clone();
    match execute(context, intent, &[], planned).await {
        Err(error @ DeletionError::Blocked { .. }) => Err(error),
        Err(error) => {
            // Its text may name samples, which the log must not.
            let details = json!({ "code": error.code() });
            // Storage that failed may fail here too; what is written down is not lost by that.
            note(context, Event::Interrupted, &deletion, details, None).await.ok();
            Err(DeletionError::Unfinished { deletion, source: Box::new(error) })
        }
        done => done,
    }
}

/// Finishes deletions that were interrupted, whoever began them. Objects that could not be deleted
/// wait for [`retry_purges`].
///
/// To be called whenever a store is opened for writing. What somebody is at work on is left alone;
/// should several be at work on the same, each step happens once.
pub async fn finish_interrupted(context: Context<'_>) -> Result<Vec<Finished>, DeletionError> {
    let mut finished = Vec::new();
    let pending = journal::pending(context.store).await?;
    if pending.is_empty() {
        journal::sweep(context.store).await?;
    }
    for pending in pending {
        if pending.attempts.is_empty() && is_ours(context, &pending.intent) {
            finished.extend(finish(context, pending).await);
        }
    }
    Ok(finished)
}

/// A deletion that was taken up again, and what came of it. One that fails keeps nobody from
/// working, and stays to be taken up.
#[derive(Debug)]
pub struct Finished {
    /// The deletion.
    pub id: String,
    /// What it did, or why it could not go on.
    pub outcome: Result<Done, DeletionError>,
}

/// `None` while somebody else is at work on it, or when somebody has just finished it.
async fn finish(context: Context<'_>, pending: Pending) -> Option<Finished> {
    let id = pending.intent.id;
    let work = Box::pin(async {
        // Whoever was at work on it may have finished it since it was looked at.
        let still = journal::pending(context.store).await?;
        let still = still.into_iter().find(|it| it.intent.id == id);
        let Some(Pending { intent, attempts }) = still else { return Ok(None) };
        execute(context, intent, &attempts, Vec::new()).await.map(Some)
    });
    let outcome = match alone(context.store, &id, work).await {
        Ok(outcome) => outcome?.transpose()?,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = &outcome {
        tracing::warn!(deletion = id, %error, "an interrupted deletion could not be finished");
    }
    Some(Finished { id, outcome })
}

/// Tries again to delete the objects of deletions whose rows are gone.
pub async fn retry_purges(context: Context<'_>) -> Result<Vec<Finished>, DeletionError> {
    let mut finished = Vec::new();
    for pending in journal::pending(context.store).await? {
        if is_ours(context, &pending.intent) {
            finished.extend(finish(context, pending).await);
        }
    }
    Ok(finished)
}

/// Tries again where it is worth it by now: each time in vain doubles the time until the next.
pub async fn retry_due_purges(context: Context<'_>) -> Result<Vec<Finished>, DeletionError> {
    let mut finished = Vec::new();
    for pending in journal::pending(context.store).await? {
        let now = context.store.now();
        if is_ours(context, &pending.intent)
            && next_try(&pending.attempts).is_some_and(|at| at <= now)
        {
            finished.extend(finish(context, pending).await);
        }
    }
    Ok(finished)
}

/// When to try again; `None` before it was tried at all.
fn next_try(attempts: &[Attempt]) -> Option<Timestamp> {
    let last = attempts.last()?;
    let doubled = 1u32 << (attempts.len() - 1).min(16);
    let wait = FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT);
    let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
    Some(Timestamp::from_micros(last.at.as_micros().saturating_add(wait)))
}

/// Whether the deletion is about features of this graph; those of others are theirs to finish.
fn is_ours(context: Context<'_>, intent: &Intent) -> bool {
    let of_ours = |key| context.graph.feature(key).is_ok_and(|feature| !feature.is_external());
    intent.steps.iter().all(|step| of_ours(&step.feature))
}

/// Does what was written down; `planned` has the plans of the steps if they were just made.
async fn execute(
    context: Context<'_>,
    mut intent: Intent,
    attempts: &[Attempt],
    mut planned: Vec<Option<DeletionPlan>>,
) -> Result<Done, DeletionError> {
    planned.resize_with(intent.steps.len(), || None);
    let is_new = planned.iter().any(Option::is_some);
    if is_new || !has_begun(context, &intent).await? {
        refuse_blocked(context, &intent).await?;
    }
    let steps = match context.store.changes_together() {
        true => run_together(context, &mut intent, planned).await?,
        false => run_each(context, &mut intent, planned).await?,
    };
    let intent = &intent;
    let mut done = Done {
        id: intent.id.clone(),
        mode: intent.mode(),
        steps,
        files: Vacuumed::default(),
        visible_until: None,
        objects: None,
        is_first: attempts.is_empty(),
    };
    if intent.is_hard {
        for step in intent.steps.iter().filter(|step| step.rows > 0 && step.set_null.is_empty()) {
            let removed = context.store.purge_files(&step.feature).await?;
            done.files.files += removed.files;
            done.files.bytes += removed.bytes;
            done.files.overwritten_later |= removed.overwritten_later;
        }
        done.visible_until = Some(context.store.now());
    }
    if !is_new && done.steps.iter().any(|step| step.is_ours) {
        let details = json!({ "feature": intent.feature.as_str(), "begun_by": intent.actor });
        note(context, Event::Resumed, &intent.id, details, None).await?;
    }
    note_deleted(context, intent, &done).await?;
    if !intent.objects.is_empty() {
        let report = delete_objects(context, intent, attempts).await?;
        let is_complete = report.failed == 0;
        done.objects = Some(report);
        if !is_complete {
            tell_once(context, intent, &done);
            return Ok(done);
        }
    }
    journal::end(context.store, &intent.id).await?;
    tell_once(context, intent, &done);
    Ok(done)
}

/// Deletes the objects of samples that are gone. Those that storage refuses are noted, to be tried
/// again.
async fn delete_objects(
    context: Context<'_>,
    intent: &Intent,
    attempts: &[Attempt],
) -> Result<PurgeReport, DeletionError> {
    let mut report = match purge(context, &intent.objects, attempts.last()).await {
        Ok(report) => report,
        // The rows are gone; the objects wait until it can be known what may go.
        Err(error) => PurgeReport::refused(intent.objects.len(), &error),
    };
    let planned: u64 = intent.steps.iter().map(|step| step.objects).sum();
    let before: u64 = attempts.iter().map(|it| it.deleted).sum();
    report.expect(planned.saturating_sub(before + report.deleted));
    told::cleaned(intent, &report);
    // An outage is noted once, not every time it is seen.
    if attempts.last().is_none_or(|last| last.failed != report.failed) {
        note_purge(context, intent, &report).await?;
    }
    if report.failed > 0 {
        let attempt = Attempt {
            at: context.store.now(),
            deleted: report.deleted,
            failed: report.failed,
            failures: report.failures.clone(),
        };
        journal::note_attempt(context.store, &intent.id, &attempt).await?;
    }
    Ok(report)
}

/// What is tried again was told when it was tried first.
fn tell_once(context: Context<'_>, intent: &Intent, done: &Done) {
    if done.is_first {
        told::deleted(context.graph, intent, done);
    }
}

/// Whether any step was done, by a run before this one.
async fn has_begun(context: Context<'_>, intent: &Intent) -> Result<bool, StoreError> {
    for step in intent.steps.iter().filter(|step| step.rows > 0) {
        let tag = match step.set_null.as_slice() {
            [] => intent.id.clone(),
            columns => metalith_store::detach_tag(&intent.id, columns),
        };
        if context.store.has_commit(&step.feature, &tag).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Looks once more for what stands in the way, now that everybody can see what is about to happen:
/// who began to need a sample since the plan was made has either seen that, or is seen here.
async fn refuse_blocked(context: Context<'_>, intent: &Intent) -> Result<(), DeletionError> {
    let blockers = plan::in_the_way_of(context, intent).await?;
    if blockers.is_empty() {
        return Ok(());
    }
    journal::end(context.store, &intent.id).await?;
    note_blocked(context, intent, &blockers).await?;
    Err(DeletionError::Blocked { blockers })
}

/// How often the samples of a step are looked up again because somebody wrote in between.
const ATTEMPTS: usize = 20;

/// Does one step after the other.
async fn run_each(
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
async fn run_together(
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

impl StepDone {
    fn nothing(step: &IntentStep) -> Self {
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

async fn note_deleted(
    context: Context<'_>,
    intent: &Intent,
    done: &Done,
) -> Result<(), StoreError> {
    let steps: Vec<Value> = done
        .steps
        .iter()
        .map(|step| {
            json!({
                "feature": step.feature.as_str(),
                "action": step.action.name(),
                "samples": step.samples,
                "rows": step.rows,
                "stale": step.stale,
                "table_version": step.table_version,
            })
        })
        .collect();
    let details = json!({
        "feature": intent.feature.as_str(),
        "mode": intent.mode().name(),
        "cascade": intent.cascade,
        "reason": intent.reason,
        "filter_columns": intent.filter_columns,
        "begun_at": intent.begun_at.to_string(),
        "begun_by": intent.actor,
        "steps": steps,
        "files_removed": done.files.files,
        "file_bytes_removed": done.files.bytes,
        "overwritten_later": done.files.overwritten_later,
        "visible_until": done.visible_until.map(|it| it.to_string()),
        "objects": intent.objects.len(),
    });
    let once = format!("deleted/{}", intent.id);
    note(context, Event::Deleted, &intent.id, details, Some(once)).await
}

async fn note_purge(
    context: Context<'_>,
    intent: &Intent,
    report: &PurgeReport,
) -> Result<(), StoreError> {
    let id = intent.id.as_str();
    let details = json!({
        "deleted": report.deleted,
        "failed": report.failed,
        "skipped": report.skipped,
        "bytes": report.bytes,
    });
    if report.failed == 0 {
        let once = Some(format!("purged/{id}"));
        return note(context, Event::Purged, id, details, once).await;
    }
    note(context, Event::PurgeFailed, id, details, None).await
}

async fn note_blocked(
    context: Context<'_>,
    intent: &Intent,
    blockers: &[Blocker],
) -> Result<(), StoreError> {
    let blockers: Vec<String> = blockers
        .iter()
        .map(|blocker| match blocker {
            Blocker::Reference(reference) => format!("{} {}", reference.samples, reference.by),
            Blocker::Hold { hold, .. } => format!("hold {hold}"),
        })
        .collect();
    let details = json!({
        "feature": intent.feature.as_str(),
        "mode": intent.mode().name(),
        "cascade": intent.cascade,
        "blockers": blockers,
    });
    note(context, Event::Blocked, &intent.id, details, None).await
}

async fn note(
    context: Context<'_>,
    event: Event,
    id: &str,
    details: Value,
    once: Option<String>,
) -> Result<(), StoreError> {
    audit::append(context.store, Record { event, deletion: Some(id), details, once }).await
}
