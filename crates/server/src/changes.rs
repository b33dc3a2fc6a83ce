//! What goes on when whoever asked for it has gone, and is waited for when the server ends.

use std::time::Duration;

use metalith_base::Diagnostic;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::problem;

/// Changes that are being carried out. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    count: watch::Sender<usize>,
    /// How many go on at once.
    most: usize,
}

/// Counts down however it ends.
struct One(watch::Sender<usize>);

impl Drop for One {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Changes {
    pub(crate) fn new(most: usize) -> Self {
        Self { count: watch::Sender::new(0), most }
    }

    /// Whether no further one should begin now.
    pub(crate) fn are_too_many(&self) -> bool {
        self.at_work() >= self.most
    }

    /// Carries something out on a task of its own; nothing comes back from what broke off. What fails
    /// when nobody waits for it any more is written into the log, where it would have been told.
    pub(crate) async fn to_its_end<T: Send + 'static, E: Diagnostic + Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Option<Result<T, E>> {
        let (sender, receiver) = oneshot::channel();
        let task = self.begin(async move {
            if let Err(Err(error)) = sender.send(work.await) {
                let causes = problem::causes(&error);
                tracing::error!(code = error.code(), %error, causes, "a change failed");
            }
        });
        let done = receiver.await.ok();
        if done.is_none()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "a change broke off");
        }
        done
    }

    /// How many are being carried out.
    fn at_work(&self) -> usize {
        *self.count.borrow()
    }

    /// Begins something on a task of its own.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.count.send_modify(|count| *count += 1);
        let one = One(self.count.clone());
        tokio::spawn(async move {
            let _one = one;
            work.await
        })
    }

    /// Waits until nothing is being carried out, but not for ever; says how many are left.
    pub(crate) async fn are_done(&self, patience: Duration) -> usize {
        let mut count = self.count.subscribe();
        timeout(patience, count.wait_for(|count| *count == 0)).await.ok();
        self.at_work()
    }
}
