//! What all requests share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use metalith_base::Timestamp;
use metalith_lifecycle::objects::audit::ObjectsReport;
use metalith_project::Project;
use metalith_registry::{Jobs, RegistryError, Session, Space, tokens::Tokens};
use tokio::sync::{OnceCell, Semaphore};

use crate::{
    Limits, Settings, api::deletions::Plans, changes::Changes, metrics::Metrics, replay::Replays,
};

/// For how long tokens that were read are believed in: a revoked one is refused that much later.
const BELIEVED: Duration = Duration::from_secs(5);

/// What all requests share.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    pub(crate) replays: Replays,
    /// Who has one is worked for.
    pub(crate) seats: Semaphore,
    /// Where tokens are kept: the space of the project itself.
    home: Arc<Desk>,
    project: Project,
    desks: Mutex<BTreeMap<String, Arc<OnceCell<Arc<Desk>>>>>,
    tokens: Mutex<Option<(Instant, Arc<Tokens>)>>,
    changes: Changes,
}

/// A space with what runs in it.
pub(crate) struct Desk {
    pub(crate) space: Arc<Space>,
    pub(crate) jobs: Jobs,
    pub(crate) plans: Plans,
    /// Of all spaces.
    pub(crate) changes: Changes,
    /// A state of its tables in which there is nothing to do, and until when that is believed.
    rest: Mutex<Option<(Instant, String)>>,
    /// When files of tables were last looked for that nobody needs.
    swept: Mutex<Option<Instant>>,
    /// What lay in storage when this server listed it last, and when that was.
    storage: Mutex<Option<(Timestamp, Arc<ObjectsReport>)>>,
}

impl Desk {
    async fn open(
        project: Project,
        settings: &Settings,
        changes: &Changes,
    ) -> Result<Arc<Self>, RegistryError> {
        let space = Arc::new(Space::open(project).await?);
        let jobs = Jobs::new(&space, settings.jobs);
        let (plans, changes) = (Plans::default(), changes.clone());
        Ok(Arc::new(Self {
            space,
            jobs,
            plans,
            changes,
            rest: Mutex::default(),
            swept: Mutex::default(),
            storage: Mutex::default(),
        }))
    }

    /// Whether it is time to look for files that nobody needs; then it is not for so long.
    pub(crate) fn is_to_be_swept(&self, every: Duration) -> bool {
        let mut swept = lock(&self.swept);
        let is_due = swept.is_none_or(|at| at.elapsed() >= every);
        if is_due {
            *swept = Some(Instant::now());
        }
        is_due
    }

    /// What lies in storage, as far as this server has listed it.
    pub(crate) fn storage(&self) -> Option<(Timestamp, Arc<ObjectsReport>)> {
        self.storage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers what lies in storage.
    pub(crate) fn set_storage(&self, at: Timestamp, report: ObjectsReport) {
        // One assignment; a panic elsewhere cannot leave it half done.
        *self.storage.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, Arc::new(report)));
    }

    /// Whether it is known that there is nothing to do in this state of its tables.
    pub(crate) fn is_at_rest(&self, state: &str) -> bool {
        lock(&self.rest).as_ref().is_some_and(|(until, of)| of == state && Instant::now() < *until)
    }

    /// Takes note of a state of its tables in which there is nothing to do, for so long.
    pub(crate) fn rests(&self, state: String, for_long: Duration) {
        *lock(&self.rest) = Some((Instant::now() + for_long, state));
    }

    /// Takes up jobs that nobody is at work on, and says how many are not over. A project without a
    /// registry has none.
    pub(crate) async fn take_up_jobs(&self) -> Result<usize, RegistryError> {
        match self.jobs.take_up().await {
            Err(RegistryError::NoRegistry) => Ok(0),
            done => done,
        }
    }

    pub(crate) fn session(&self, actor: &str) -> Session {
        Session::new(&self.space, actor)
    }
}

impl App {
    pub(crate) async fn open(
        project: Project,
        settings: Settings,
    ) -> Result<Arc<Self>, RegistryError> {
        let own = project.in_space(project.settings().space.as_deref())?;
        let changes = Changes::new(settings.limits.at_once);
        let home = Desk::open(own, &settings, &changes).await?;
        Ok(Arc::new(Self {
            limits: settings.limits,
            metrics: Metrics::default(),
            replays: Replays::default(),
            seats: Semaphore::new(settings.limits.at_work.max(1)),
            home,
            project,
            desks: Mutex::default(),
            tokens: Mutex::default(),
            changes,
            settings,
        }))
    }

    /// The space of the project itself.
    pub(crate) fn home(&self) -> &Arc<Desk> {
        &self.home
    }

    /// The desk of a space, opened when somebody first works there.
    pub(crate) async fn desk(&self, space: Option<&str>) -> Result<Arc<Desk>, RegistryError> {
        let Some(name) = space.filter(|name| Some(*name) != self.home.space.name()) else {
            return Ok(Arc::clone(&self.home));
        };
        // Who opens a space that is slow keeps nobody else waiting.
        let place = Arc::clone(lock(&self.desks).entry(name.to_owned()).or_default());
        let open = async || {
            let project = self.project.in_space(Some(name))?;
            let desk = Desk::open(project, &self.settings, &self.changes).await?;
            if let Err(error) = desk.take_up_jobs().await {
                tracing::error!(space = name, %error, "its jobs could not be taken up yet");
            }
            Ok::<_, RegistryError>(desk)
        };
        place.get_or_try_init(open).await.cloned()
    }

    /// The names of the spaces that there are besides the project's own, as far as that can be
    /// found out. One in which nobody has ever worked is none yet.
    pub(crate) async fn spaces(&self) -> BTreeSet<String> {
        let home = self.home.session("server");
        let found = home.store().spaces().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the spaces cannot be listed");
            Vec::new()
        });
        let is_other = |name: &String| Some(name.as_str()) != self.home.space.name();
        found.into_iter().filter(is_other).collect()
    }

    /// Every desk that is open.
    pub(crate) fn open_desks(&self) -> Vec<Arc<Desk>> {
        let others = lock(&self.desks);
        let others = others.values().filter_map(|desk| desk.get());
        std::iter::once(&self.home).chain(others).cloned().collect()
    }

    /// The tokens that are valid, as of a few seconds ago at most.
    pub(crate) async fn tokens(&self) -> Result<Arc<Tokens>, RegistryError> {
        let known = lock(&self.tokens).clone();
        if let Some((at, tokens)) = known
            && at.elapsed() < BELIEVED
        {
            return Ok(tokens);
        }
        // From before they are read: what is revoked meanwhile is believed no longer for that.
        let at = Instant::now();
        let tokens = Arc::new(Tokens::read(self.home.session("server").store()).await?);
        let mut known = lock(&self.tokens);
        if known.as_ref().is_none_or(|(earlier, _)| *earlier <= at) {
            *known = Some((at, Arc::clone(&tokens)));
        }
        Ok(tokens)
    }

    /// What must be carried out to its end.
    pub(crate) fn changes(&self) -> &Changes {
        &self.changes
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // One assignment or insertion at a time; a panic elsewhere cannot leave it half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
