//! `Idempotency-Key`: a request that is sent again does nothing again, and gets the same answer.
//!
//! Answers are remembered by this process, for a day at most. A request whose client went away is
//! carried out to its end all the same, so the answer is there when the client comes back.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use sha2::{Digest as _, Sha256};

use crate::{app::App, auth, ongoing::Ongoing, problem::Problem, wire};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// For how long answers are remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
/// How many answers of one caller are remembered, and how many bytes of them.
const MOST: usize = 1000;
const MOST_BYTES: usize = 4 << 20;
/// How many requests of one caller are being carried out.
const MOST_AT_ONCE: usize = 64;
/// The longest answer that is remembered.
const LONGEST: usize = 1 << 20;
/// The longest key.
pub(crate) const KEY_LENGTH: usize = 255;

/// Answers that were given, by who got them. What one caller does lets nothing of another's go.
#[derive(Clone, Default)]
pub(crate) struct Replays {
    known: Arc<Mutex<ByCaller>>,
}

/// By the caller, then by the key.
type ByCaller = BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Known>>;

struct Known {
    at: Instant,
    request: Vec<u8>,
    /// `None` while it is being made; then it is not forgotten.
    answer: Option<Answer>,
}

#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A request with a key.
#[derive(Clone)]
struct Named {
    caller: Vec<u8>,
    key: Vec<u8>,
    request: Vec<u8>,
}

impl Replays {
    fn known(&self) -> MutexGuard<'_, ByCaller> {
        // One insertion or removal at a time; a panic elsewhere cannot leave it half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a request; or its answer if it was made before.
    fn begin(&self, named: &Named) -> Result<Begun, Problem> {
        let mut known = self.known();
        for of_caller in known.values_mut() {
            of_caller.retain(|_, it| it.answer.is_none() || it.at.elapsed() < REMEMBERED);
        }
        known.retain(|_, of_caller| !of_caller.is_empty());
        let of_caller = known.entry(named.caller.clone()).or_default();
        if let Some(before) = of_caller.get(&named.key) {
            if before.request != named.request {
                let detail = "this idempotency key was used for another request";
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Err(Problem::new(status, "idempotency.reused", detail));
            }
            return match &before.answer {
                Some(answer) => Ok(Begun::Before(answer.clone())),
                None => {
                    let detail = "a request with this idempotency key is being carried out";
                    Err(Problem::new(StatusCode::CONFLICT, "idempotency.under-way", detail))
                }
            };
        }
        if of_caller.values().filter(|it| it.answer.is_none()).count() >= MOST_AT_ONCE {
            return Err(Problem::busy("too many of your requests are being carried out"));
        }
        let (at, request) = (Instant::now(), named.request.clone());
        of_caller.insert(named.key.clone(), Known { at, request, answer: None });
        Ok(Begun::Now(UnderWay { replays: self.clone(), named: Some(named.clone()) }))
    }

    /// Remembers an answer, and forgets the caller's oldest ones where there are too many.
    fn end(&self, named: &Named, answer: Answer) {
        let mut known = self.known();
        let Some(of_caller) = known.get_mut(&named.caller) else { return };
        if let Some(entry) = of_caller.get_mut(&named.key) {
            entry.answer = Some(answer);
        }
        loop {
            let given =
                of_caller.iter().filter_map(|(key, it)| Some((key, it, it.answer.as_ref()?)));
            let bytes: usize = given.clone().map(|(_, _, answer)| answer.size()).sum();
            if given.clone().count() <= MOST && bytes <= MOST_BYTES {
                return;
            }
            let oldest = given.min_by_key(|(_, it, _)| it.at).map(|(key, _, _)| key.clone());
            let Some(oldest) = oldest else { return };
            of_caller.remove(&oldest);
        }
    }

    /// Nothing was done that sending the request again would do twice.
    fn forget(&self, named: &Named) {
        if let Some(of_caller) = self.known().get_mut(&named.caller) {
            of_caller.remove(&named.key);
        }
    }
}

/// What is known of a request that comes in.
enum Begun {
    /// Nothing: it is carried out now.
    Now(UnderWay),
    /// Its answer.
    Before(Answer),
}

/// A request that is being carried out. However that ends, by an answer or a panic, and whether or
/// not anybody waits for it: it is not under way any more.
struct UnderWay {
    replays: Replays,
    /// `None` once its answer is remembered.
    named: Option<Named>,
}

impl UnderWay {
    fn answered(mut self, answer: Answer) {
        if let Some(named) = self.named.take() {
            self.replays.end(&named, answer);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(named) = self.named.take() {
            self.replays.forget(&named);
        }
    }
}

/// Carries a request with a key out once. Who sends it is found out first: nobody else gets the
/// answer, and of those who are nobody nothing is read or remembered.
pub(crate) async fn once(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let changes = request.method() == Method::POST || request.method() == Method::DELETE;
    let Some(key) = request.headers().get(&KEY).filter(|_| changes).cloned() else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    let caller = match auth::identify(&app, &parts).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    if key.is_empty() || key.len() > KEY_LENGTH {
        let detail = format!("an idempotency key has 1 to {KEY_LENGTH} bytes");
        return Problem::invalid("idempotency.key", detail).into_response();
    }
    let body = match wire::body(Request::from_parts(parts.clone(), body), app.limits.body).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let target = parts.uri.to_string();
    let space = caller.space.as_deref().unwrap_or_default();
    let role = caller.role.name().as_bytes();
    let named = Named {
        caller: digest(&[caller.name.as_bytes(), role, space.as_bytes()]),
        key: digest(&[key.as_bytes()]),
        request: digest(&[parts.method.as_str().as_bytes(), target.as_bytes(), &body]),
    };
    let under_way = match app.replays.begin(&named) {
        Err(problem) => return problem.into_response(),
        Ok(Begun::Before(answer)) => {
            let mut response = answer.into_response();
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            return response;
        }
        Ok(Begun::Now(under_way)) => under_way,
    };
    if let Some(ongoing) = parts.extensions.get::<Ongoing>() {
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        ongoing.is_keyed(route, parts.uri.path());
    }
    // On a task of its own, which goes on when the client goes away.
    let request = Request::from_parts(parts, Body::from(body));
    let task = app.changes().begin(async move {
        let response = next.run(request).await;
        remember(under_way, response).await
    });
    task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request broke off");
        let detail = "a defect: it broke off";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "server.defect", detail).into_response()
    })
}

/// Remembers an answer, unless trying again could give another one.
async fn remember(under_way: UnderWay, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, LONGEST).await;
    let answer = body.map(|body| Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.to_vec(),
    });
    match answer {
        Ok(answer) if !answer.status.is_server_error() && !is_refusal(answer.status) => {
            under_way.answered(answer.clone());
            answer.into_response()
        }
        Ok(answer) => answer.into_response(),
        Err(_) => {
            let detail = "its answer is too long to be remembered; send it without a key";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "idempotency.too-long", detail)
                .into_response()
        }
    }
}

/// Whether nothing was done, because of who asked.
fn is_refusal(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN
}

impl Answer {
    /// About how much memory it takes.
    fn size(&self) -> usize {
        let headers = self.headers.iter();
        self.body.len() + headers.map(|(name, it)| name.as_str().len() + it.len()).sum::<usize>()
    }

    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        *response.headers_mut() = self.headers;
        response
    }
}

fn digest(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().to_vec()
}

#[cfg(test)]
mod tests;
