//! Doing what a plan says, in a way that can be taken up again after every single step.

use std::time::Duration;

use metalith_base::{Diagnostic as _, Timestamp};
use metalith_store::{DeletionMode, DeletionPlan, StoreError, Vacuumed};
use serde_json::json;

use super::{
    CascadePlan, DeletionError,
    at_work::alone,
    noted::{note, note_blocked, note_deleted, note_purge},
    plan,
    steps::{StepDone, run_each, run_together},
    told,
};
use crate::{
    Context,
    audit::Event,
    journal::{self, Attempt, Intent},
    objects::{PurgeReport, purge::purge},
};

/// A plan that is older than this is looked at again for what stands in its way.
const FRESH: Duration = Duration::from_secs(2);

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

impl Done {
    /// How many rows were appended or removed, of all features.
    pub fn rows(&self) -> u64 {
        self.steps.iter().map(|step| step.rows).sum()
    }
}

impl CascadePlan {
    /// Does what the plan says: writes it down, works off one feature after the other, each in one
    /// commit, or all of them in one transaction of a database, then deletes objects. What is
    /// interrupted is finished by [`finish_interrupted`](super::finish_interrupted).
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

/// Does what was written down; `planned` has the plans of the steps if they were just made.
pub(super) async fn execute(
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
