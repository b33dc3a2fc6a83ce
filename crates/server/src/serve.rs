//! Listening, answering, and ending in order.

use std::{
    convert::Infallible,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use metalith_project::Project;
use metalith_registry::JobSettings;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tower_service::Service as _;

use crate::{ServerError, api, app::App, background, middleware, page};

/// How long a client may take to send the head of its request.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// How a server is run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where to listen; port 0 for any that is free.
    pub listen: SocketAddr,
    /// How jobs are worked off.
    pub jobs: JobSettings,
    /// How often work in the background is looked for.
    pub every: Duration,
    /// What a request may take.
    pub limits: Limits,
}

/// What a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of its body.
    pub body: usize,
    /// Time until it is answered.
    pub time: Duration,
    /// How long what is at work when the server ends is waited for.
    pub farewell: Duration,
    /// How many are taken at once, and how many changes go on; further ones are told to come back.
    pub at_once: usize,
    /// How many of those are worked on at once; the others wait in the order in which they came. One
    /// that takes long keeps nobody waiting for it.
    pub at_work: usize,
    /// The most that a page of a list has.
    pub page: usize,
}

impl Settings {
    /// How a server is run by default.
    pub fn at(listen: SocketAddr) -> Self {
        let limits = Limits {
            body: 16 << 20,
            time: Duration::from_secs(300),
            farewell: Duration::from_secs(60),
            at_once: 256,
            at_work: 24,
            page: 10_000,
        };
        Self { listen, jobs: JobSettings::default(), every: Duration::from_secs(60), limits }
    }

    /// Whether only this machine can reach it.
    pub(crate) fn is_private(&self) -> bool {
        self.listen.ip().is_loopback()
    }
}

/// A server at work.
pub struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    app: Arc<App>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Opens a project's store and begins to answer.
pub async fn start(project: Project, settings: Settings) -> Result<Running, ServerError> {
    let app = App::open(project, settings).await?;
    let address = settings.listen;
    if !settings.is_private() && app.tokens().await?.is_empty() {
        return Err(ServerError::Open { address });
    }
    let failed = |source| ServerError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    app.home().take_up_jobs().await?;
    let (stop, stopped) = watch::channel(false);
    let router = router(&app);
    let tasks = vec![
        tokio::spawn(accept(listener, router, stopped.clone(), settings.limits.farewell)),
        tokio::spawn(background::tidy(Arc::clone(&app), stopped.clone())),
        tokio::spawn(background::run(Arc::clone(&app), stopped)),
    ];
    tracing::info!(%address, "listening");
    Ok(Running { address, stop, tasks, app })
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, answers those there are, lets jobs go, carries changes to their end,
    /// and ends. Nothing of it is waited for longer than [`Limits::farewell`].
    pub async fn stop(self) {
        self.stop.send(true).ok();
        let patience = self.app.limits.farewell;
        let desks = self.app.open_desks();
        let leave = async {
            for desk in &desks {
                desk.jobs.leave().await;
            }
        };
        let connections = async {
            for task in self.tasks {
                task.await.ok();
            }
        };
        let (left, _, _) = tokio::join!(
            self.app.changes().are_done(patience),
            timeout(patience, leave),
            timeout(patience, connections),
        );
        if left > 0 {
            tracing::warn!(left, "changes are broken off; what was begun is finished by the next");
        }
    }
}

fn router(app: &Arc<App>) -> Router {
    let routes = api::routes().merge(page::routes());
    middleware::around(routes, app).with_state(Arc::clone(app))
}

/// Takes connections, and waits for those that are being answered when the server ends.
async fn accept(
    listener: TcpListener,
    router: Router,
    mut stopped: watch::Receiver<bool>,
    patience: Duration,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = ended(&mut stopped) => break,
        };
        let Ok((socket, from)) = accepted else {
            // Out of file handles, most likely: others will be closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        connections.spawn(answer(socket, from.ip(), router.clone(), stopped.clone(), patience));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Answers what comes over one connection.
async fn answer(
    socket: tokio::net::TcpStream,
    from: IpAddr,
    router: Router,
    mut stopped: watch::Receiver<bool>,
    patience: Duration,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (mut router, mut request) = (router.clone(), request.map(Body::new));
        request.extensions_mut().insert(from);
        async move { Ok::<_, Infallible>(router.call(request).await.unwrap_or_else(|it| match it {})) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    let connection = server.serve_connection(TokioIo::new(socket), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = ended(&mut stopped) => {
            // What is being answered is answered.
            connection.as_mut().graceful_shutdown();
            timeout(patience, connection).await.ok();
        }
    }
}

/// Waits until the server is told to end.
pub(crate) async fn ended(stopped: &mut watch::Receiver<bool>) {
    // Without a sender it has ended as well.
    stopped.wait_for(|it| *it).await.ok();
}
