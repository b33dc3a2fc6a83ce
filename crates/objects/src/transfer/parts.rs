//! An object that is sent in parts, which storage keeps until it is told what becomes of them.

use std::{
    mem,
    sync::{Arc, LazyLock},
    thread,
    time::Duration,
};

use object_store::{
    Error as StoreError, MultipartUpload, ObjectStore, ObjectStoreExt as _,
    path::Path as ObjectPath,
};
use tokio::{sync::watch, task::JoinSet};

/// How many parts are on their way at once.
const AT_ONCE: usize = 4;
/// How long parts that are on their way may take when they are not wanted any more.
const ARRIVING: Duration = Duration::from_secs(1);

/// How many objects this process has begun to send in parts, and neither made nor given up.
static UNFINISHED: LazyLock<watch::Sender<usize>> = LazyLock::new(watch::Sender::default);

/// Waits until nothing half sent is left: neither what is being sent, nor what was dropped on the
/// way and is being given up in the background. A process that ends before leaves parts behind.
pub async fn tidied() {
    UNFINISHED.subscribe().wait_for(|unfinished| *unfinished == 0).await.ok();
}

/// Counts among what is unfinished.
struct Unfinished;

impl Unfinished {
    fn new() -> Self {
        UNFINISHED.send_modify(|unfinished| *unfinished += 1);
        Self
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        UNFINISHED.send_modify(|unfinished| *unfinished -= 1);
    }
}

/// What storage has, or is about to have, and what is no object yet.
pub(super) struct Parts {
    /// `None` when there is nothing to be given up.
    begun: Option<Begun>,
    sending: JoinSet<Result<(), StoreError>>,
}

/// What storage waits for the end of.
struct Begun {
    upload: Box<dyn MultipartUpload>,
    unfinished: Unfinished,
}

impl Parts {
    /// Tells storage that parts will come.
    pub(super) async fn begin(
        store: Arc<dyn ObjectStore>,
        path: ObjectPath,
    ) -> Result<Self, StoreError> {
        let unfinished = Unfinished::new();
        // Whoever stops waiting meanwhile would not learn what is to be given up.
        let begun = tokio::spawn(async move {
            let begun = Begun { upload: store.put_multipart(&path).await?, unfinished };
            Ok(Self { begun: Some(begun), sending: JoinSet::new() })
        });
        begun.await?
    }

    /// Sends a part, as soon as fewer are on their way than may be.
    pub(super) async fn send(&mut self, part: Vec<u8>) -> Result<(), StoreError> {
        self.wait_for(AT_ONCE - 1).await?;
        if let Some(begun) = &mut self.begun {
            self.sending.spawn(begun.upload.put_part(part.into()));
        }
        Ok(())
    }

    /// Waits until no more than so many parts are on their way.
    pub(super) async fn wait_for(&mut self, most: usize) -> Result<(), StoreError> {
        while self.sending.len() > most
            && let Some(sent) = self.sending.join_next().await
        {
            sent??;
        }
        Ok(())
    }

    /// Makes an object of them.
    pub(super) async fn complete(&mut self) -> Result<(), StoreError> {
        if let Some(begun) = &mut self.begun {
            begun.upload.complete().await?;
        }
        self.begun = None;
        Ok(())
    }

    /// Parts are no object, and some storage keeps them until it is told that they are not wanted.
    pub(super) async fn abort(mut self) {
        // One that arrives later would stay.
        while self.sending.join_next().await.is_some() {}
        if let Some(begun) = &mut self.begun {
            // Why it was given up is what matters; that it is not tidied up is storage's own affair.
            begun.upload.abort().await.ok();
        }
        self.begun = None;
    }
}

impl Drop for Parts {
    /// Whoever sent them was interrupted. Nothing can be awaited here, and the runtime of the work
    /// may be about to end.
    fn drop(&mut self) {
        let Some(Begun { mut upload, unfinished }) = self.begun.take() else { return };
        let mut sending = mem::take(&mut self.sending);
        let give_up = async move {
            let arrived = async { while sending.join_next().await.is_some() {} };
            if tokio::time::timeout(ARRIVING, arrived).await.is_err() {
                sending.shutdown().await;
            }
            upload.abort().await.ok();
            drop(unfinished);
        };
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(give_up);
            }
        };
        // Without a thread nothing can be done about it.
        thread::Builder::new().spawn(work).ok();
    }
}
