//! Jobs at work: taken up, followed, stopped, and taken up again after a restart.
//!
//! A job is at work while somebody holds its lease, and only the holder writes its record and what
//! the job makes. Who holds it renews it, and stops some time before it ends when that fails; so
//! when a lease is free, nobody is at work on the job. Each write depends on the state of the table
//! in which it was seen that the lease is held and that the job is still there.
//!
//! A server that dies leaves a record that says `running` and a lease that ends: whoever looks next
//! takes the job up again, a few times at most.

mod iq;
mod kind;
mod limits;
mod pipeline;
mod progress;
mod scan;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use metalith_lifecycle::leases::{self, Lease};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};
use uuid::Uuid;

use self::{kind::kind_of, progress::Wish};
pub use self::{
    kind::{JobKind, KINDS},
    progress::Progress,
};
use crate::{
    Job, JobState, RegistryError, Session, Space, find,
    link::check_name,
    record::{readable, write},
};

/// How often a job is begun before it is given up.
const ATTEMPTS: i64 = 3;
/// How long to wait before looking again whether somebody else's job has stopped.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How long a wish that somebody else's job stop is remembered.
const WISH: Duration = Duration::from_secs(15 * 60);

/// How jobs are worked off.
#[derive(Clone, Copy, Debug)]
pub struct JobSettings {
    /// How many are at work at once.
    pub at_once: usize,
    /// After how long a job of a dead server may be taken up by others.
    pub lease: Duration,
    /// How long to wait for a job to stop.
    pub patience: Duration,
}

impl Default for JobSettings {
    fn default() -> Self {
        let (lease, patience) = (Duration::from_secs(60), Duration::from_secs(30));
        Self { at_once: 2, lease, patience }
    }
}

/// A job to be done.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// What people call it.
    pub name: String,
    /// What it does.
    pub kind: String,
    /// How, as its kind says.
    #[serde(default)]
    pub config: Map<String, Value>,
}

/// The jobs of a space that this process works on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Jobs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    space: Arc<Space>,
    /// This process, among others on the same store.
    holder: String,
    settings: JobSettings,
    seats: Semaphore,
    /// Those that wait for a seat or have one.
    here: Mutex<BTreeMap<Uuid, Progress>>,
    /// Told whenever one of them is over.
    over: Notify,
}

/// A job that does nothing, and will not as long as this is there: it is over, or its lease is here.
#[derive(Debug)]
pub(crate) struct Stopped(Option<Lease>);

impl Stopped {
    /// Gives the lease back. Where that fails it ends by itself.
    pub(crate) async fn release(self, session: &Session) {
        let Some(lease) = self.0 else { return };
        if let Err(error) = leases::release(session.store(), &lease).await {
            tracing::warn!(lease = lease.name, %error, "a lease could not be given back");
        }
    }
}

impl Jobs {
    /// Nothing is taken up yet.
    pub fn new(space: &Arc<Space>, settings: JobSettings) -> Self {
        let shared = Shared {
            space: Arc::clone(space),
            holder: format!("server/{}", Uuid::now_v7()),
            settings,
            seats: Semaphore::new(settings.at_once.max(1)),
            here: Mutex::default(),
            over: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Writes a job down and takes it up as soon as there is a seat.
    pub async fn submit(&self, session: &Session, new: NewJob) -> Result<Job, RegistryError> {
        check_name("name", &new.name)?;
        let kind = kind_of(&new.kind)?;
        let config = kind.check(session, new.config).await?;
        let job = Job {
            job_id: Uuid::now_v7().to_string(),
            name: new.name,
            kind: kind.name().to_owned(),
            status: JobState::Queued,
            config: Value::Object(config).to_string(),
            total: 0,
            done: 0,
            attempts: 0,
            log: String::new(),
            error: None,
            created_by: session.store().actor().map(str::to_owned),
            created_at: session.store().now().to_string(),
            started_at: None,
            finished_at: None,
        };
        write(session, std::slice::from_ref(&job)).await?;
        self.start(&job);
        Ok(job)
    }

    /// Takes up every job that is not over and that nobody is at work on. Says how many are not over.
    pub async fn take_up(&self) -> Result<usize, RegistryError> {
        let session = Session::new(&self.shared.space, &self.shared.holder);
        let jobs = readable::<Job>(&session, None).await?;
        let unfinished = jobs.iter().filter(|job| !job.status.is_over());
        Ok(unfinished.inspect(|job| self.start(job)).count())
    }

    /// A job's record with what is known here about how far it is.
    pub fn seen(&self, mut job: Job) -> Job {
        let id = Uuid::parse_str(&job.job_id).ok();
        if let Some(progress) = id.and_then(|id| self.here().get(&id).cloned()) {
            progress.enter(&mut job);
        }
        job
    }

    /// Stops a job that is not over, and waits until it has stopped.
    pub async fn cancel(&self, session: &Session, id: Uuid) -> Result<Job, RegistryError> {
        let job: Job = find(session, id).await?;
        if job.status.is_over() {
            let state = job.status.name();
            return Err(RegistryError::Over { job: job.job_id, state });
        }
        let stopped = self.stop(session, id).await?;
        stopped.release(session).await;
        find(session, id).await
    }

    /// Lets everything that is at work here go, to be taken up by others or after a restart.
    pub async fn leave(&self) {
        self.shared.seats.close();
        for progress in self.here().values() {
            progress.wish(Wish::Leave);
        }
        let deadline = Instant::now() + self.shared.settings.patience;
        loop {
            let over = self.shared.over.notified();
            if self.here().is_empty() || tokio::time::timeout_at(deadline, over).await.is_err() {
                return;
            }
        }
    }

    /// Stops a job, wherever it is at work, and keeps it from being taken up.
    pub(crate) async fn stop(&self, session: &Session, id: Uuid) -> Result<Stopped, RegistryError> {
        let Shared { settings, over, .. } = &*self.shared;
        let holder = format!("stop/{}", Uuid::now_v7());
        let deadline = Instant::now() + settings.patience;
        let mut is_told = false;
        loop {
            if let Some(progress) = self.here().get(&id) {
                progress.wish(Wish::Stop);
            }
            let has_stopped = over.notified();
            let name = name(id);
            let lease = leases::acquire(session.store(), &name, &holder, settings.lease).await?;
            if let Some(lease) = lease {
                mark_stopped(session, id).await?;
                return Ok(Stopped(Some(lease)));
            }
            // Whoever has the lease only has to give it back, or died before.
            if is_over(session, id).await? {
                return Ok(Stopped(None));
            }
            // It may wait for a seat here and be at work elsewhere.
            if !is_told {
                let wish = wish_name(id);
                leases::acquire(session.store(), &wish, &holder, WISH).await?;
                is_told = true;
            }
            if Instant::now() >= deadline {
                return Err(RegistryError::StillRunning { job: id.to_string() });
            }
            // Sooner if it is ours; others have no way to tell.
            tokio::time::timeout(LOOK_AGAIN, has_stopped).await.ok();
        }
    }

    fn start(&self, job: &Job) {
        let Ok(id) = Uuid::parse_str(&job.job_id) else { return };
        let progress = Progress::new(id, &self.shared.holder);
        match self.here().entry(id) {
            // It waits for a seat, or has one.
            Entry::Occupied(_) => return,
            Entry::Vacant(place) => place.insert(progress.clone()),
        };
        let place = Here { jobs: self.clone(), id };
        let actor = job.created_by.clone();
        tokio::spawn(async move {
            let jobs = place.jobs.clone();
            let session = Session::new(&jobs.shared.space, actor.as_deref().unwrap_or("server"));
            let work = {
                let (jobs, session, progress) = (jobs.clone(), session.clone(), progress.clone());
                tokio::spawn(async move { jobs.work_on(&session, id, &progress).await })
            };
            let done = match work.await {
                Ok(done) => done,
                Err(broken) if broken.is_panic() => jobs.note_defect(&session, id, &progress).await,
                // The process ends.
                Err(_) => Ok(()),
            };
            if let Err(error) = done {
                tracing::error!(job = %id, %error, "a job could not be worked on");
            }
            drop(place);
        });
    }

    /// Says of a job that broke off that it failed; it would break off again.
    async fn note_defect(
        &self,
        session: &Session,
        id: Uuid,
        progress: &Progress,
    ) -> Result<(), RegistryError> {
        let Shared { holder, settings, .. } = &*self.shared;
        let store = session.store();
        let lease = leases::acquire(store, &name(id), holder, settings.lease).await?;
        let Some(lease) = lease else { return Ok(()) };
        progress.fence(Instant::now() + settings.lease);
        let error = Some("a defect: it broke off".to_owned());
        let job: Job = find(session, id).await?;
        let done = finish(session, job, progress, JobState::Failed, error).await;
        Stopped(Some(lease)).release(session).await;
        done
    }

    /// Waits for a seat and the lease, works, and says how it went.
    async fn work_on(
        &self,
        session: &Session,
        id: Uuid,
        progress: &Progress,
    ) -> Result<(), RegistryError> {
        let Shared { holder, settings, seats, .. } = &*self.shared;
        // Closed when the server ends.
        let Ok(_seat) = seats.acquire().await else { return Ok(()) };
        let store = session.store();
        let asked = Instant::now();
        let lease = leases::acquire(store, &name(id), holder, settings.lease).await?;
        let Some(lease) = lease else { return Ok(()) };
        progress.fence(fence(asked, settings));
        let done = self.work_with_lease(session, id, progress).await;
        Stopped(Some(lease)).release(session).await;
        match done {
            // Whoever has it now says how it goes on.
            Err(RegistryError::Lost { .. }) => Ok(()),
            done => done,
        }
    }

    async fn work_with_lease(
        &self,
        session: &Session,
        id: Uuid,
        progress: &Progress,
    ) -> Result<(), RegistryError> {
        let mut job: Job = match find(session, id).await {
            // It was deleted while it waited.
            Err(RegistryError::Unknown { .. }) => return Ok(()),
            found => found?,
        };
        if job.status.is_over() {
            return Ok(());
        }
        progress.log_all(&job.log);
        if job.attempts >= ATTEMPTS {
            progress.log("given up");
            let error = format!("it was interrupted {ATTEMPTS} times");
            return finish(session, job, progress, JobState::Failed, Some(error)).await;
        }
        if job.attempts > 0 {
            progress.log("taken up again after an interruption");
        }
        job.attempts += 1;
        job.status = JobState::Running;
        job.started_at.get_or_insert_with(|| session.store().now().to_string());
        progress.write(session, std::slice::from_ref(&job), None).await?;
        progress.log("begun");
        let kind = kind_of(&job.kind)?;
        let outcome = tokio::select! {
            outcome = kind.run(session, &job, progress) => outcome,
            lost = self.keep(session, &job, progress) => return lost,
        };
        match outcome {
            Ok(()) => finish(session, job, progress, JobState::Completed, None).await,
            Err(RegistryError::Cancelled) if progress.wished() == Wish::Leave => {
                progress.log("left, to be taken up again");
                // It was no fault of its own.
                job.attempts -= 1;
                job.status = JobState::Queued;
                progress.enter(&mut job);
                progress.put(session, &[job], None).await
            }
            Err(RegistryError::Cancelled) => {
                finish(session, job, progress, JobState::Cancelled, None).await
            }
            Err(error @ RegistryError::Lost { .. }) => Err(error),
            Err(error) => {
                finish(session, job, progress, JobState::Failed, Some(told(&error))).await
            }
        }
    }

    /// Renews the lease, writes down how far the job is, and listens to others who want it to stop.
    /// Ends only when the lease is lost; then the work ends with it.
    async fn keep(
        &self,
        session: &Session,
        job: &Job,
        progress: &Progress,
    ) -> Result<(), RegistryError> {
        let Shared { holder, settings, .. } = &*self.shared;
        let (store, id) = (session.store(), job.job_id.as_str());
        let lost = || RegistryError::Lost { job: id.to_owned() };
        loop {
            tokio::time::sleep(settings.lease / 4).await;
            let asked = Instant::now();
            let lease = leases::acquire(store, &format!("job/{id}"), holder, settings.lease).await;
            match lease {
                Ok(Some(_)) => progress.fence(fence(asked, settings)),
                Ok(None) => return Err(lost()),
                // Storage that fails for a moment is no reason to stop.
                Err(_) if progress.is_fenced_off() => return Err(lost()),
                Err(_) => continue,
            }
            let held = leases::held(store).await.unwrap_or_default();
            if held.contains_key(&format!("job/{id}/stop")) {
                progress.wish(Wish::Stop);
            }
            let mut job = job.clone();
            progress.enter(&mut job);
            // Of other failures the next one tells more.
            let put = progress.put(session, &[job], None).await;
            if let Err(error @ RegistryError::Lost { .. }) = put {
                return Err(error);
            }
        }
    }

    fn here(&self) -> MutexGuard<'_, BTreeMap<Uuid, Progress>> {
        // One insertion or removal at a time; a panic elsewhere cannot leave it half done.
        self.shared.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job that waits for a seat here or has one, until this is dropped, however that comes.
struct Here {
    jobs: Jobs,
    id: Uuid,
}

impl Drop for Here {
    fn drop(&mut self) {
        self.jobs.here().remove(&self.id);
        self.jobs.shared.over.notify_waiters();
    }
}

/// Until when the holder of a lease may write: it stops some time before others may begin.
fn fence(asked: Instant, settings: &JobSettings) -> Instant {
    asked + settings.lease * 3 / 4
}

pub(crate) fn name(id: Uuid) -> String {
    format!("job/{id}")
}

fn wish_name(id: Uuid) -> String {
    format!("job/{id}/stop")
}

/// Whether a job is over for good; nothing writes in its name any more.
async fn is_over(session: &Session, id: Uuid) -> Result<bool, RegistryError> {
    match find::<Job>(session, id).await {
        Err(RegistryError::Unknown { .. }) => Ok(false),
        found => Ok(found?.status.is_over()),
    }
}

/// Says of a job that nobody is at work on that it was stopped, unless it is over.
async fn mark_stopped(session: &Session, id: Uuid) -> Result<(), RegistryError> {
    let job: Job = match find(session, id).await {
        Err(RegistryError::Unknown { .. }) => return Ok(()),
        found => found?,
    };
    if job.status.is_over() {
        return Ok(());
    }
    let finished_at = Some(session.store().now().to_string());
    write(session, &[Job { status: JobState::Cancelled, finished_at, ..job }]).await
}

async fn finish(
    session: &Session,
    mut job: Job,
    progress: &Progress,
    status: JobState,
    error: Option<String>,
) -> Result<(), RegistryError> {
    match &error {
        Some(error) => progress.log(&format!("{}: {error}", status.name())),
        None => progress.log(status.name()),
    }
    progress.enter(&mut job);
    job.status = status;
    job.error = error;
    job.finished_at = Some(session.store().now().to_string());
    progress.put(session, &[job], None).await
}

/// An error with everything behind it, on one line.
fn told(error: &RegistryError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
