//! The rows of an increment on their way, as they are found.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use datafusion::arrow::array::RecordBatch;
use futures::StreamExt as _;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{Frame, Rows, StoreError};

/// Batches that may wait for who takes them.
const AHEAD: usize = 4;
/// Batches that may wait in each of the parts that are worked off at once.
const AHEAD_IN_PART: usize = 16;

/// What rows of an increment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Expected but not stored.
    New,
    /// Stored, but computed from something else than what is upstream now.
    Stale,
    /// Stored but not expected any more.
    Orphaned,
    /// Orphaned, and once more among them, whose upstream is still there under an older definition.
    Waiting,
}

impl Finding {
    /// As it is called in files and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Stale => "stale",
            Self::Orphaned => "orphaned",
            Self::Waiting => "waiting",
        }
    }
}

/// Hands on what is found, and remembers whether there was anything.
pub(crate) struct Outlet {
    taker: mpsc::Sender<(Finding, RecordBatch)>,
    has_rows: AtomicBool,
}

impl Outlet {
    /// With the other end, where what is found comes out.
    pub(crate) fn new() -> (Self, mpsc::Receiver<(Finding, RecordBatch)>) {
        let (taker, found) = mpsc::channel(AHEAD);
        (Self { taker, has_rows: AtomicBool::new(false) }, found)
    }

    /// Whether there was any row.
    pub(crate) fn has_rows(&self) -> bool {
        self.has_rows.load(Ordering::Relaxed)
    }

    pub(crate) async fn put(&self, finding: Finding, batch: RecordBatch) {
        if batch.num_rows() > 0 {
            self.has_rows.store(true, Ordering::Relaxed);
            // Who takes no more stops all of this as well.
            self.taker.send((finding, batch)).await.ok();
        }
    }

    pub(crate) async fn put_all(&self, finding: Finding, frame: &Frame) {
        for batch in &frame.batches {
            self.put(finding, batch.clone()).await;
        }
    }

    /// Judges the batches of several parts, all parts at once, and hands on what they are: one batch of
    /// each part in turn.
    pub(crate) async fn put_judged(
        &self,
        parts: Vec<Rows>,
        judge: impl Fn(RecordBatch) -> Result<Vec<(Finding, RecordBatch)>, StoreError>
        + Send
        + Sync
        + 'static,
    ) -> Result<(), StoreError> {
        let judge = Arc::new(judge);
        let mut tasks = JoinSet::new();
        let mut queues = VecDeque::new();
        for rows in parts {
            let (sender, queue) = mpsc::channel(AHEAD_IN_PART);
            queues.push_back(queue);
            let judge = Arc::clone(&judge);
            tasks.spawn(async move {
                let mut batches = rows.into_stream();
                while let Some(batch) = batches.next().await {
                    if sender.send(batch.and_then(|batch| judge(batch))).await.is_err() {
                        break;
                    }
                }
            });
        }
        while let Some(mut queue) = queues.pop_front() {
            let Some(found) = queue.recv().await else { continue };
            for (finding, batch) in found? {
                self.put(finding, batch).await;
            }
            queues.push_back(queue);
        }
        // What broke off must not look complete.
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(StoreError::stopped)?;
        }
        Ok(())
    }
}
