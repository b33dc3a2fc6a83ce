//! What happens around every request: its id, its log line, its figures, limits and headers.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use uuid::Uuid;

use crate::{app::App, ongoing::Ongoing, problem::Problem, replay};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// For how long a request keeps its seat.
const SEATED: Duration = Duration::from_secs(5);
/// The longest id of a request that is taken over from the client.
const ID_LENGTH: usize = 100;

/// Puts all of it around some routes.
pub(crate) fn around(routes: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    routes
        .layer(from_fn_with_state(Arc::clone(app), replay::once))
        // Outside of that: a key has nothing to do with what nobody does here.
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_that_way)
        .layer(from_fn_with_state(Arc::clone(app), limit))
        .layer(from_fn_with_state(Arc::clone(app), record))
        .layer(axum::middleware::from_fn(protect))
}

async fn nothing_here(request: Request) -> Problem {
    let detail = format!("there is nothing at `{}`", request.uri().path());
    Problem::not_found("request.path", detail).with_hint("see /api/v1/openapi.json")
}

async fn not_that_way(request: Request) -> Problem {
    let detail = format!("`{}` cannot be done here", request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "request.method", detail)
}

/// Gives the request an id, and tells the log and the figures what became of it.
async fn record(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(&request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("other", MatchedPath::as_str).to_owned();
    let mut response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    // Anybody can invent methods; the figures have a line for each.
    let known = [Method::GET, Method::HEAD, Method::POST, Method::DELETE].contains(&method);
    app.metrics.request(if known { method.as_str() } else { "other" }, &route, status, took);
    tracing::info!(
        request_id = id,
        method = method.as_str(),
        route,
        status,
        milliseconds = took.as_millis() as u64,
        "request"
    );
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The client's own id if it is a sensible one, else a new one.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(&REQUEST_ID).and_then(|it| it.to_str().ok());
    let is_fine = |id: &&str| {
        let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
        !id.is_empty() && id.len() <= ID_LENGTH && id.chars().all(fits)
    };
    given.filter(is_fine).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// Answers so many requests at once, each within its time.
async fn limit(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    // It costs nothing, and those who look after the process must not take a busy one for dead.
    if request.uri().path() == "/health" {
        return next.run(request).await;
    }
    let at_work = app.metrics.at_work.fetch_add(1, Ordering::SeqCst);
    let _less = Less(&app);
    if at_work >= app.limits.at_once as u64 {
        return Problem::busy("too many requests are being answered").into_response();
    }
    let ongoing = Ongoing::default();
    request.extensions_mut().insert(ongoing.clone());
    match tokio::time::timeout(app.limits.time, seated(&app, next.run(request))).await {
        Ok(response) => response,
        // What is carried to its end is no failure.
        Err(_) => ongoing.answer().await.unwrap_or_else(|| {
            let detail = "it took too long, and was given up";
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "server.timeout", detail).into_response()
        }),
    }
}

/// Does some work as soon as there is a seat. Many at once would only take each other's time, and all
/// connections to a database. What takes long, as what waits for storage does, goes on without.
async fn seated<T>(app: &App, work: impl Future<Output = T>) -> T {
    // Nobody closes them.
    let seat = app.seats.acquire().await;
    tokio::pin!(work);
    match tokio::time::timeout(SEATED, &mut work).await {
        Ok(done) => done,
        Err(_) => {
            drop(seat);
            work.await
        }
    }
}

/// Counts a request down however it ends, also when its client went away.
struct Less<'a>(&'a App);

impl Drop for Less<'_> {
    fn drop(&mut self) {
        self.0.metrics.at_work.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Headers that keep browsers from doing more than they should.
async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not less: browsers that name no referrer at all send forms without saying from where.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What is stored changes; what is embedded says itself for how long it stays.
    let fresh = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(fresh);
    response
}
