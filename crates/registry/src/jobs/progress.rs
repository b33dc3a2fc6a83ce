//! How far a job is, what it says, and what is wished of it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use metalith_lifecycle::leases;
use metalith_store::{Precondition, StoreError};
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

use super::name;
use crate::{
    Dataset, Job, Record, RegistryError, Session, find,
    record::{key, write_if},
};

/// How many lines of a job's log are kept.
const LINES: usize = 200;
/// How often somebody else may write first.
const ATTEMPTS: usize = 50;

/// How far a job is, shared between the job and those who look at it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Progress {
    job: Uuid,
    /// Who must have the lease.
    holder: Arc<str>,
    state: Arc<Mutex<State>>,
    wish: Arc<watch::Sender<Wish>>,
}

#[derive(Debug, Default)]
struct State {
    total: u64,
    done: u64,
    lines: VecDeque<String>,
    /// Until when the job may write; `None` before it has a lease.
    fence: Option<Instant>,
}

/// What is wished of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// That it go on.
    GoOn,
    /// That it stop for good.
    Stop,
    /// That it stop here, to be taken up elsewhere.
    Leave,
}

impl Progress {
    pub(super) fn new(job: Uuid, holder: &str) -> Self {
        let (wish, _) = watch::channel(Wish::GoOn);
        Self { job, holder: holder.into(), state: Arc::default(), wish: Arc::new(wish) }
    }

    /// Says how much there is to do.
    pub fn set_total(&self, total: u64) {
        self.state().total = total;
    }

    /// Says how much of it is done.
    pub fn set_done(&self, done: u64) {
        self.state().done = done;
    }

    /// Says something to those who follow the job.
    pub fn log(&self, line: &str) {
        let mut state = self.state();
        if state.lines.len() == LINES {
            state.lines.pop_front();
        }
        state.lines.push_back(line.to_owned());
    }

    /// Refuses to go on when somebody wants the job to stop, or when its lease may end before it is
    /// renewed. To be asked before every write.
    pub fn check(&self) -> Result<(), RegistryError> {
        if self.is_fenced_off() {
            return Err(self.lost());
        }
        match self.wished() {
            Wish::GoOn => Ok(()),
            Wish::Stop | Wish::Leave => Err(RegistryError::Cancelled),
        }
    }

    /// Writes records that the job makes: while it holds its lease, is there itself, and so is the
    /// dataset they belong to, if any.
    pub(crate) async fn write<R: Record>(
        &self,
        session: &Session,
        records: &[R],
        dataset: Option<Uuid>,
    ) -> Result<(), RegistryError> {
        self.check()?;
        self.put(session, records, dataset).await
    }

    /// The same for the last thing that a job does which was told to stop.
    pub(super) async fn put<R: Record>(
        &self,
        session: &Session,
        records: &[R],
        dataset: Option<Uuid>,
    ) -> Result<(), RegistryError> {
        let store = session.store();
        let _turn = store.turn(&key::<R>()).await;
        for _ in 0..ATTEMPTS {
            if self.is_fenced_off() {
                return Err(self.lost());
            }
            // The version first: whoever deletes something in between makes this a conflict.
            let precondition = match store.table_version(&key::<R>()).await? {
                Some(version) => Precondition::Version(version),
                None => Precondition::NoTable,
            };
            let held = leases::held(store).await?;
            if held.get(&name(self.job)).is_none_or(|lease| *lease.holder != *self.holder) {
                return Err(self.lost());
            }
            self.require(find::<Job>(session, self.job).await)?;
            if let Some(dataset) = dataset {
                self.require(find::<Dataset>(session, dataset).await)?;
            }
            match write_if(session, records, precondition).await {
                Err(RegistryError::Store(StoreError::Conflict { .. })) => {}
                done => return done,
            }
        }
        let (feature, with) = (key::<R>(), "other writers".to_owned());
        Err(StoreError::Conflict { feature, with, attempts: ATTEMPTS }.into())
    }

    /// What is gone was deleted, and the work with it.
    fn require<R>(&self, found: Result<R, RegistryError>) -> Result<(), RegistryError> {
        match found {
            Err(RegistryError::Unknown { .. }) => Err(self.lost()),
            found => found.map(drop),
        }
    }

    /// Allows to write until then.
    pub(super) fn fence(&self, until: Instant) {
        self.state().fence = Some(until);
    }

    /// Whether somebody else may be at work on the job.
    pub(super) fn is_fenced_off(&self) -> bool {
        self.state().fence.is_none_or(|until| Instant::now() >= until)
    }

    fn lost(&self) -> RegistryError {
        RegistryError::Lost { job: self.job.to_string() }
    }

    /// Waits until somebody wants the job to stop.
    pub async fn stopped(&self) {
        let mut wish = self.wish.subscribe();
        // The sender lives as long as this does.
        wish.wait_for(|wish| *wish != Wish::GoOn).await.ok();
    }

    pub(super) fn wished(&self) -> Wish {
        *self.wish.borrow()
    }

    /// That it stop for good is the stronger wish.
    pub(super) fn wish(&self, wish: Wish) {
        self.wish.send_if_modified(|now| {
            let is_news = *now == Wish::GoOn || wish == Wish::Stop;
            if is_news {
                *now = wish;
            }
            is_news
        });
    }

    /// Takes over what a job said before it was interrupted.
    pub(super) fn log_all(&self, lines: &str) {
        lines.lines().for_each(|line| self.log(line));
    }

    /// Enters how far the job is into its record.
    pub(super) fn enter(&self, job: &mut Job) {
        let state = self.state();
        // Of some work it is not known beforehand how much there is.
        if state.total > 0 || state.done > 0 {
            job.total = state.total.cast_signed();
            job.done = state.done.cast_signed();
        }
        if !state.lines.is_empty() {
            job.log = state.lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment; a panic elsewhere cannot leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
