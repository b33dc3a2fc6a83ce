//! What a client is told whose request takes longer than it is waited for, while the work goes on.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use metalith_registry::Session;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{api::outcome::DELETION, openapi, wire::Json};

/// How long it is looked whether a deletion is on record by now, before its client is told less.
const PATIENCE: Duration = Duration::from_secs(2);

/// What of a request goes on when it is not waited for any more. Shared by the request's handler and
/// those who wait for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ongoing(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    /// Where to look for what comes of it. `None`: nothing goes on.
    look: Option<String>,
    /// Who is at work, who may have begun a deletion.
    session: Option<Session>,
    /// The route of a request with an idempotency key, and its path.
    keyed: Option<(String, String)>,
}

/// That work goes on which nobody could wait for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OngoingView {
    /// In words.
    message: String,
    /// Where to look for what comes of it.
    look: String,
    /// The deletion that goes on, if one was begun by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion: Option<String>,
}

impl Ongoing {
    /// Says that work begins which is carried to its end, and where to look for it.
    pub(crate) fn begins(&self, look: String, session: &Session) {
        let mut state = self.state();
        state.look = Some(look);
        state.session = Some(session.clone());
    }

    /// Says that the request itself is carried to its end, and its answer remembered.
    pub(crate) fn is_keyed(&self, route: &str, path: &str) {
        self.state().keyed = Some((route.to_owned(), path.to_owned()));
    }

    /// What to answer now; `None` when nothing goes on. A deletion is told as soon as it is on
    /// record: before that there is nothing to be seen of it.
    pub(crate) async fn answer(&self) -> Option<Response> {
        let State { look, session, keyed } = self.state().clone();
        let known = session.as_ref().map(Session::recorded_deletion);
        let deletion = match known {
            Some(known) => tokio::time::timeout(PATIENCE, known).await.ok().flatten(),
            None => None,
        };
        let of_deletion = deletion.as_ref().map(|id| format!("/api/v1/deletions/{id}"));
        let again = if keyed.is_some() {
            "; sent again with its idempotency key, the request gets its answer"
        } else {
            ""
        };
        let of_request = || keyed.map(|(route, path)| openapi::nearest(&route, &path));
        let look = of_deletion.or(look).or_else(of_request)?;
        let message = format!("it takes longer, and goes on to its end: look at {look}{again}");
        let mut headers = HeaderMap::new();
        for (name, text) in [(header::LOCATION, Some(&look)), (DELETION, deletion.as_ref())] {
            let value = text.and_then(|it| HeaderValue::from_str(it).ok());
            headers.extend(value.map(|value| (name, value)));
        }
        let view = OngoingView { message, look, deletion };
        Some((StatusCode::ACCEPTED, headers, Json(view)).into_response())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // One assignment at a time; a panic elsewhere cannot leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
