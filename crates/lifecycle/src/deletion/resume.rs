//! Taking up deletions that were interrupted, and those that left objects behind.

use std::time::Duration;

use metalith_base::Timestamp;

use super::{DeletionError, Done, at_work::alone, execute::execute};
use crate::{
    Context,
    journal::{self, Attempt, Intent, Pending},
};

/// How long objects that storage refused to delete are left alone at first, and at last.
const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

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
