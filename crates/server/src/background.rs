//! What is done on a schedule, by one server at a time: interrupted deletions, the queue of objects,
//! retention, compaction, and figures.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use metalith_base::Diagnostic;
use metalith_lifecycle::{
    deletion::{DeletionState, finish_interrupted, list, retry_due_purges},
    leases,
    objects::audit::{compare, declared_prefixes},
    retention,
};
use metalith_registry::{RegistryError, Session};
use metalith_store::MaintainOptions;
use tokio::{
    sync::{Semaphore, watch},
    task::{Id, JoinSet},
};
use uuid::Uuid;

use crate::{
    app::{App, Desk},
    serve::ended,
};

/// Whose turn it is.
const LEASE: &str = "background";
/// After how long another server takes over from one that died.
const TURN: Duration = Duration::from_secs(20);
/// In how many spaces there is work at once, and for how long that counts.
const AT_ONCE: usize = 4;
const SEATED: Duration = Duration::from_secs(20);
/// Who has listed all objects of late.
const STATISTICS: &str = "statistics";
/// How often they are listed.
const RARELY: Duration = AN_HOUR;
const AN_HOUR: Duration = Duration::from_secs(60 * 60);
/// How many chunks a table of records may have.
const CHUNKS: u64 = 50;
const ONE_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Does it again and again until the server ends. Each space has turns of its own: one that is slow
/// keeps no other waiting.
pub(crate) async fn run(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let rounds = Rounds {
        app: Arc::clone(&app),
        holder: format!("background/{}", Uuid::now_v7()).into(),
        seats: Arc::new(Semaphore::new(AT_ONCE)),
        stopped: stopped.clone(),
    };
    let mut turns = JoinSet::new();
    let mut at_work: BTreeMap<Id, Option<String>> = BTreeMap::new();
    while !*stopped.borrow() {
        let spaces = app.spaces().await.into_iter().map(Some);
        for space in std::iter::once(None).chain(spaces) {
            if !at_work.values().any(|it| *it == space) {
                let turn = turns.spawn(rounds.clone().turn(space.clone()));
                at_work.insert(turn.id(), space);
            }
        }
        let pause = tokio::time::sleep(app.settings.every);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                () = ended(&mut stopped) => break,
                Some(done) = turns.join_next_with_id() => {
                    let id = done.map_or_else(|broken| broken.id(), |(id, ())| id);
                    at_work.remove(&id);
                }
            }
        }
    }
    while turns.join_next().await.is_some() {}
}

/// What all turns share.
#[derive(Clone)]
struct Rounds {
    app: Arc<App>,
    holder: Arc<str>,
    seats: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl Rounds {
    /// One turn in one space, as soon as there is a seat. A turn that takes long goes on without
    /// one.
    async fn turn(mut self, space: Option<String>) {
        let seat = tokio::select! {
            seat = Arc::clone(&self.seats).acquire_owned() => seat,
            () = ended(&mut self.stopped) => return,
        };
        let name = space.clone();
        let work = async move {
            match self.app.desk(space.as_deref()).await {
                Ok(desk) => turn(&self.app, &desk, &self.holder, self.stopped).await,
                Err(error) => tracing::error!(space, %error, "it cannot be opened"),
            }
        };
        tokio::pin!(work);
        if tokio::time::timeout(SEATED, &mut work).await.is_err() {
            drop(seat);
            tracing::info!(space = name, "work in the background takes long, and goes on");
            work.await;
        }
    }
}

/// One turn in one space. Jobs go by leases of their own; the rest is done by one server at a time.
async fn turn(app: &App, desk: &Desk, holder: &str, mut stopped: watch::Receiver<bool>) {
    if *stopped.borrow() {
        return;
    }
    told("jobs could not be taken up", desk.take_up_jobs().await);
    let session = desk.session("background");
    let store = session.store();
    let lease = match leases::acquire(store, LEASE, holder, TURN).await {
        Ok(Some(lease)) => lease,
        Ok(None) => return,
        Err(error) => return told("whose turn it is could not be found out", Err::<(), _>(error)),
    };
    tokio::select! {
        () = work(app, desk, &session) => {}
        () = keep(&session, holder) => {}
        // Every step of it may be interrupted.
        () = ended(&mut stopped) => {}
    }
    told("a lease could not be given back", leases::release(store, &lease).await);
}

/// Renews the lease. Ends only when that fails; then another server may be at work.
async fn keep(session: &Session, holder: &str) {
    loop {
        tokio::time::sleep(TURN / 4).await;
        match leases::acquire(session.store(), LEASE, holder, TURN).await {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => return told("a lease could not be renewed", Err::<(), _>(error)),
        }
    }
}

/// Each part of it by itself: one that fails keeps none of the others from being done.
async fn work(app: &App, desk: &Desk, session: &Session) {
    let context = session.context();
    let mut finished = Vec::new();
    match finish_interrupted(context).await {
        Ok(found) => finished.extend(found),
        Err(error) => told("deletions could not be finished", Err::<(), _>(error)),
    }
    match retry_due_purges(context).await {
        Ok(found) => finished.extend(found),
        Err(error) => told("objects could not be deleted", Err::<(), _>(error)),
    }
    finished
        .iter()
        .filter_map(|it| it.outcome.as_ref().ok())
        .for_each(|it| app.metrics.finished(it));
    match retention::apply(context).await {
        Ok(applied) => applied.done.iter().for_each(|(_, done)| app.metrics.finished(done)),
        Err(error) => told("retention could not be applied", Err::<(), _>(error)),
    }
    told("leases could not be swept", leases::sweep(session.store()).await);
    tidy_up(session).await;
    told("figures could not be read", figures(app, desk, session).await);
}

/// What fails is told, and tried again in the next round.
fn told<E: Diagnostic>(what: &str, done: Result<(), E>) {
    if let Err(error) = done {
        tracing::error!(what, code = error.code(), %error, "work in the background failed");
    }
}

/// Puts the many small chunks of records together, of which each change makes one.
async fn tidy_up(session: &Session) {
    let store = session.store();
    for feature in session.graph().features().filter(|feature| feature.is_record()) {
        let looked = MaintainOptions { vacuum: None, dry_run: true, ..MaintainOptions::default() };
        let chunks = store.maintain(feature.key(), &looked).await.map(|it| it.chunks_before);
        if chunks.unwrap_or_default() <= CHUNKS {
            continue;
        }
        let done = MaintainOptions { vacuum: Some(AN_HOUR), ..MaintainOptions::default() };
        if let Err(error) = store.maintain(feature.key(), &done).await {
            // Somebody rewrote them meanwhile, most likely.
            tracing::info!(feature = %feature.key(), %error, "its chunks stay for now");
        }
    }
}

/// How deep the queue is, and what lies around.
async fn figures(app: &App, desk: &Desk, session: &Session) -> Result<(), RegistryError> {
    let deletions = list(session.store()).await?;
    let waiting = |state| deletions.iter().filter(|it| it.state == state).count() as u64;
    let space = desk.space.name();
    let metrics = &app.metrics;
    metrics.set("metalith_purge_queue", space, waiting(DeletionState::PurgePending));
    metrics.set("metalith_deletions_unfinished", space, waiting(DeletionState::Unfinished));
    if statistics_are_due(session).await? {
        statistics(app, desk, session).await;
    }
    Ok(())
}

/// Whether nobody on this store has listed all objects of late.
async fn statistics_are_due(session: &Session) -> Result<bool, RegistryError> {
    // Nobody gives this lease back: it is free again when the time is over.
    let nobody = Uuid::now_v7().to_string();
    Ok(leases::acquire(session.store(), STATISTICS, &nobody, RARELY).await?.is_some())
}

/// What lies in storage, and what of it nobody names.
async fn statistics(app: &App, desk: &Desk, session: &Session) {
    let (context, space) = (session.context(), desk.space.name());
    let prefixes = declared_prefixes(context);
    if prefixes.is_empty() {
        return;
    }
    match compare(context, &prefixes, ONE_DAY).await {
        Ok(report) => {
            app.metrics.set("metalith_orphan_objects", space, report.orphans);
            app.metrics.set("metalith_stored_objects", space, report.objects);
            app.metrics.set("metalith_stored_object_bytes", space, report.bytes);
            desk.set_storage(session.store().now(), report);
        }
        // A bucket that is down is no reason to leave the rest undone.
        Err(error) => tracing::warn!(%error, "objects could not be compared"),
    }
}
