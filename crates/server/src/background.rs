//! What is done on a schedule, by one server at a time: interrupted deletions, the queue of objects,
//! retention, compaction, and figures.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use metalith_base::{Diagnostic, FeatureKey};
use metalith_graph::{Retention, columns};
use metalith_lifecycle::{
    deletion::{DeletionState, finish_interrupted, list, retry_due_purges},
    leases,
    objects::audit::{compare, declared_prefixes},
    own_tables, retention,
};
use metalith_registry::{RegistryError, Session, job_table};
use metalith_store::{MaintainOptions, StoreError};
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
/// How many deletions wait for their objects, and how many are not done.
const QUEUE: &str = "metalith_purge_queue";
const UNFINISHED: &str = "metalith_deletions_unfinished";
/// How many small chunks a table of records may have, and how often that is looked at.
const CHUNKS: usize = 32;
const OFTEN: Duration = Duration::from_secs(1);
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
/// Where nothing has happened since a turn that found nothing to do, there is nothing to do.
async fn turn(app: &App, desk: &Desk, holder: &str, mut stopped: watch::Receiver<bool>) {
    if *stopped.borrow() {
        return;
    }
    let session = desk.session("background");
    let state = state(&session).await;
    if let Some(state) = &state
        && is_at_rest(desk, &session, state).await
    {
        return figures_at_rest(app, desk);
    }
    let unfinished = desk.take_up_jobs().await;
    let has_jobs = !matches!(unfinished, Ok(0));
    told("jobs could not be taken up", unfinished.map(drop));
    let store = session.store();
    let lease = match leases::acquire(store, LEASE, holder, TURN).await {
        Ok(Some(lease)) => lease,
        Ok(None) => return,
        Err(error) => return told("whose turn it is could not be found out", Err::<(), _>(error)),
    };
    tokio::select! {
        is_all_done = work(app, desk, &session) => {
            if let Some(state) = state.filter(|_| is_all_done && !has_jobs) {
                told("that nothing is to be done", rests(desk, &session, state).await);
            }
        }
        () = keep(&session, holder) => {}
        // Every step of it may be interrupted.
        () = ended(&mut stopped) => {}
    }
    told("a lease could not be given back", leases::release(store, &lease).await);
}

/// The versions of the tables that say what there is to do, as text. `None` where that does not say
/// all: what is kept for a time only is due some day, whether or not anything happens.
async fn state(session: &Session) -> Option<String> {
    let mut features = session.graph().features();
    if features.any(|feature| feature.definition().retention != Retention::default()) {
        return None;
    }
    let mut state = "rest".to_owned();
    for table in own_tables().filter(|table| *table != leases::table()).chain([job_table()]) {
        let version = session.store().table_version(&table).await.ok()?;
        let name = table.parts().last().unwrap_or_default();
        let version = version.map_or_else(|| "none".to_owned(), |it| it.to_string());
        state.push_str(&format!("/{name}:{version}"));
    }
    Some(state)
}

/// Whether any server on this store found nothing to do in this state, not long ago: who starts
/// begins with the spaces in which there is something to do.
async fn is_at_rest(desk: &Desk, session: &Session, state: &str) -> bool {
    if desk.is_at_rest(state) {
        return true;
    }
    // Where that cannot be read, it is looked at anew.
    let Ok(held) = leases::held(session.store()).await else { return false };
    let Some(lease) = held.get(state) else { return false };
    let left = lease.until.as_micros() - session.store().now().as_micros();
    desk.rests(state.to_owned(), Duration::from_micros(left.max(0).unsigned_abs()));
    true
}

/// Tells all servers on this store that nothing is to be done in this state.
async fn rests(desk: &Desk, session: &Session, state: String) -> Result<(), StoreError> {
    // Whoever finds out keeps it: it is given back by nobody, and ends by itself.
    leases::acquire(session.store(), &state, "nobody", AN_HOUR).await?;
    desk.rests(state, AN_HOUR);
    Ok(())
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

/// Each part of it by itself: one that fails keeps none of the others from being done. Says whether
/// all of it was done, and nothing waits.
async fn work(app: &App, desk: &Desk, session: &Session) -> bool {
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
    tidy_up(desk, session).await;
    let waiting = figures(app, desk, session).await;
    let is_all_done = matches!(waiting, Ok(0));
    told("figures could not be read", waiting.map(drop));
    is_all_done
}

/// What fails is told, and tried again in the next round.
fn told<E: Diagnostic>(what: &str, done: Result<(), E>) {
    if let Err(error) = done {
        tracing::error!(what, code = error.code(), %error, "work in the background failed");
    }
}

/// Puts the many small chunks together that changes make, one each, of records and of what the store
/// writes down about itself. Of those that this server wrote to, that is looked at again and again:
/// whoever reads such a table reads all of its chunks. What others write they look after, or it is
/// done in turn with everything else.
pub(crate) async fn tidy(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        for desk in app.open_desks() {
            let session = desk.session("background");
            for table in session.store().take_written() {
                if whose(&session, &table).await.is_none() {
                    continue;
                }
                if let Err(error) = session.store().tidy(&table, CHUNKS).await {
                    // Somebody rewrote them meanwhile, most likely.
                    tracing::info!(%table, %error, "its chunks stay for now");
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(OFTEN) => {}
            () = ended(&mut stopped) => {}
        }
    }
}

/// The tables that grow by a few rows at a time: records, features of which people delete samples,
/// and what is written down about that.
async fn small_tables(session: &Session) -> Vec<(FeatureKey, Whose)> {
    let mut tables = Vec::new();
    let features = session.graph().features().map(|feature| feature.key().clone());
    for table in own_tables().chain(features) {
        if let Some(whose) = whose(session, &table).await {
            tables.push((table, whose));
        }
    }
    tables
}

/// Whose table it is, if it grows by a few rows at a time.
async fn whose(session: &Session, table: &FeatureKey) -> Option<Whose> {
    if own_tables().any(|own| own == *table) {
        return Some(Whose::Ours);
    }
    let (store, graph) = (session.store(), session.graph());
    let feature = graph.feature(table).ok().filter(|feature| !feature.is_external())?;
    if feature.is_record() {
        return Some(Whose::Ours);
    }
    // What fails here fails again, and is told, where the table is worked on.
    let schema = store.stored_schema(graph, table).await.ok()??;
    schema.index_of(columns::DELETION_ID).ok().map(|_| Whose::Users)
}

/// Whose rows a table has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// What a server writes, a few rows at a time.
    Ours,
    /// Others write here as well, and may take long for it, or look at earlier states.
    Users,
}

/// Puts small chunks together where nobody was at work lately, and removes files that were replaced:
/// of the server's own tables. When those of others go is for people to say (`maintain`).
async fn tidy_up(desk: &Desk, session: &Session) {
    let store = session.store();
    let vacuum = desk.is_to_be_swept(AN_HOUR).then_some(AN_HOUR);
    for (table, whose) in small_tables(session).await {
        let vacuum = vacuum.filter(|_| whose == Whose::Ours);
        let done = async {
            store.tidy(&table, CHUNKS).await?;
            if vacuum.is_some() && store.table_version(&table).await?.is_some() {
                let sweep =
                    MaintainOptions { compact: false, vacuum, ..MaintainOptions::default() };
                store.maintain(&table, &sweep).await?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = done.await {
            tracing::info!(%table, %error, "its chunks stay for now");
        }
    }
}

/// The figures of a space in which there is nothing to do.
fn figures_at_rest(app: &App, desk: &Desk) {
    for name in [QUEUE, UNFINISHED] {
        app.metrics.set(name, desk.space.name(), 0);
    }
}

/// How deep the queue is, and what lies around. Says how many deletions are not over.
async fn figures(app: &App, desk: &Desk, session: &Session) -> Result<u64, RegistryError> {
    let deletions = list(session.store()).await?;
    let waiting = |state| deletions.iter().filter(|it| it.state == state).count() as u64;
    let space = desk.space.name();
    let metrics = &app.metrics;
    let (pending, unfinished) =
        (waiting(DeletionState::PurgePending), waiting(DeletionState::Unfinished));
    metrics.set(QUEUE, space, pending);
    metrics.set(UNFINISHED, space, unfinished);
    if statistics_are_due(session).await? {
        statistics(app, desk, session).await;
    }
    Ok(pending + unfinished)
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
