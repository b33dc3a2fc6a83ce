//! Making a commit: the next entry of the log, if its number is free.

use std::time::Duration;

use deltalake_core::{checkpoints, kernel::Action};
use metalith_store::StoreError;
use uuid::Uuid;

use crate::{
    cache::Snapshots,
    error,
    log_entry::{self, Intent},
    place::{Parent, Put},
    snapshot::{Snapshot, Source},
};

/// How often others may be faster before giving up. Each time somebody made progress.
const ATTEMPTS: usize = 200;
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// After so many commits a checkpoint is written, unless the table says otherwise.
const CHECKPOINT_INTERVAL: u64 = 100;
/// The same for tables in which the store keeps records of itself: whoever opens it reads them.
const SYSTEM_CHECKPOINT_INTERVAL: u64 = 10;

/// What a commit does, seen from the state of the table that it follows.
pub(crate) trait Change: Send + Sync {
    /// The actions of the commit after `latest`, or why it cannot be made. No actions: nothing is
    /// left to do, and the table stays as it is.
    fn actions(
        &self,
        latest: Option<&Snapshot>,
    ) -> impl Future<Output = Result<Vec<Action>, StoreError>> + Send;

    /// An attempt begins: what the actions name must stay, even if nobody waits for the end.
    fn hold(&self);

    /// The attempt surely failed: what the actions name may go.
    fn release(&self);
}

/// The version of a table, and whether it was made by the commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committed {
    pub(crate) version: u64,
    pub(crate) is_new: bool,
}

/// Commits a change, unless nothing is left to do.
pub(crate) async fn commit(
    snapshots: &Snapshots,
    source: &Source,
    intent: &Intent,
    change: &impl Change,
) -> Result<Committed, StoreError> {
    let mut taken = 0;
    for attempt in 0..ATTEMPTS {
        let latest = snapshots.latest(source).await?;
        let version = next_version(latest.as_deref());
        let actions = change.actions(latest.as_deref()).await?;
        if actions.is_empty()
            && let Some(latest) = &latest
        {
            return Ok(Committed { version: latest.version, is_new: false });
        }
        change.hold();
        let put = put(source, intent, latest.as_deref(), &actions).await;
        if !matches!(put, Ok(Put::Created) | Err(Failed::Uncertain(_))) {
            change.release();
        }
        match put? {
            Put::Created => {
                return Ok(Committed { version, is_new: true });
            }
            Put::Exists => taken = version,
            // The table was dropped a moment ago.
            Put::NoFolder => snapshots.forget(&source.feature),
        }
        pause(attempt).await;
    }
    let with = log_entry::describe(&source.place, &source.folder, taken).await?;
    Err(StoreError::Conflict { feature: source.feature.clone(), with, attempts: ATTEMPTS })
}

fn next_version(latest: Option<&Snapshot>) -> u64 {
    latest.map_or(0, |latest| latest.version + 1)
}

/// How an attempt failed.
enum Failed {
    /// Nothing was committed.
    Surely(StoreError),
    /// Storage did not answer, neither to the attempt nor to the question what came of it.
    Uncertain(StoreError),
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Surely(error) | Failed::Uncertain(error) => error,
        }
    }
}

async fn put(
    source: &Source,
    intent: &Intent,
    latest: Option<&Snapshot>,
    actions: &[Action],
) -> Result<Put, Failed> {
    let file = log_entry::file(&source.folder, next_version(latest));
    let entry = intent.entry(latest.map(|latest| latest.version), actions).map_err(|failed| {
        Failed::Surely(error::storage("write", source.place.shown(&file), failed))
    })?;
    let parent = if latest.is_some() { Parent::MustExist } else { Parent::Make };
    let put = source.place.put_new(&file, entry, parent).await;
    if let Ok(Put::Created | Put::NoFolder) = put {
        return put.map_err(Failed::Surely);
    }
    // A request that was repeated on the way meets its own first one; and one whose answer was
    // lost may have done its work.
    match (source.place.get(&file).await, put) {
        (Ok(Some(there)), _) if intent.wrote(&there) => Ok(Put::Created),
        (Ok(_), put) => put.map_err(Failed::Surely),
        (Err(_), Ok(put)) => Ok(put),
        (Err(_), Err(failed)) => Err(Failed::Uncertain(failed)),
    }
}

/// Sums up the log now and then, so that opening a table does not read all of it. If that fails,
/// the table is as good as before, and a later commit tries again.
pub(crate) async fn checkpoint(snapshots: &Snapshots, source: &Source, version: u64) {
    let interval = snapshots
        .known(&source.feature)
        .and_then(|table| {
            let state = table.delta.snapshot().ok()?;
            state.metadata().configuration().get("delta.checkpointInterval")?.parse().ok()
        })
        .unwrap_or(match source.feature.parts().next() {
            Some("metalith-system") => SYSTEM_CHECKPOINT_INTERVAL,
            _ => CHECKPOINT_INTERVAL,
        });
    if version == 0 || !version.is_multiple_of(interval.max(1)) {
        return;
    }
    if let Ok(Some(table)) = source.load().await
        && let Err(failed) = checkpoints::create_checkpoint(&table.delta, None).await
    {
        tracing::warn!(feature = %source.feature, %failed, "no checkpoint");
    }
}

/// Waits a random while, longer each time, so that writers do not keep in step.
async fn pause(attempt: usize) {
    let chance = u32::from(Uuid::new_v4().as_bytes()[0]) + 1;
    let longest = Duration::from_millis(2) * 2_u32.pow(attempt.min(6) as u32);
    tokio::time::sleep(longest.min(LONGEST_PAUSE) * chance / 256).await;
}
