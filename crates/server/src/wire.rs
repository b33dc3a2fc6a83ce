//! What goes in and out: JSON bodies, parameters, pages.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_registry::{Page, parse_id};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{app::App, problem::Problem};

/// A body of JSON, coming in or going out.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let body = body(request, app.limits.body).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let detail = format!("the body is not what is expected here: {error}");
            Problem::invalid("request.body", detail)
        })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("application/json");
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, kind)], body).into_response(),
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written");
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "answer", "it cannot be written")
                    .into_response()
            }
        }
    }
}

/// The body of a request, up to a length.
pub(crate) async fn body(request: Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let body = axum::body::to_bytes(request.into_body(), limit).await;
    body.map(Vec::from).map_err(|_| {
        let detail = format!("the body is longer than {limit} bytes, or was cut off");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too-long", detail)
    })
}

/// Parameters behind the `?`.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, app).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejected) => {
                let detail = rejected.body_text();
                Err(Problem::invalid("request.parameter", detail))
            }
        }
    }
}

/// A part of the path.
pub(crate) struct Path(pub(crate) String);

impl FromRequestParts<Arc<App>> for Path {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match axum::extract::Path::<String>::from_request_parts(parts, app).await {
            Ok(axum::extract::Path(part)) => Ok(Self(part)),
            Err(rejected) => Err(Problem::invalid("request.path", rejected.body_text())),
        }
    }
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// How many to leave out.
    #[serde(default)]
    pub(crate) offset: usize,
    /// How many to give at most.
    #[serde(default = "some")]
    pub(crate) limit: usize,
}

pub(crate) fn some() -> usize {
    100
}

impl PageParams {
    /// The page, no larger than the server allows.
    pub(crate) fn within(self, app: &App) -> Page {
        Page { offset: self.offset, limit: self.limit.min(app.limits.page) }
    }
}

/// A part of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    /// The part.
    pub(crate) items: Vec<T>,
    /// How many there are in all.
    pub(crate) total: usize,
    /// How many were left out before it.
    pub(crate) offset: usize,
}

impl<T> Listed<T> {
    /// A part of a list that is all here.
    pub(crate) fn part(all: Vec<T>, page: Page) -> Self {
        let total = all.len();
        let items = all.into_iter().skip(page.offset).take(page.limit).collect();
        Self { items, total, offset: page.offset }
    }
}

/// The id of a record in a path.
pub(crate) fn id(noun: &'static str, text: &str) -> Result<Uuid, Problem> {
    Ok(parse_id(noun, text)?)
}

/// The key of a feature in a path, `video/raw` or `video__raw`: a slash must be escaped there.
pub(crate) fn feature_key(text: &str) -> Result<FeatureKey, Problem> {
    let spelled = if text.contains('/') { text.to_owned() } else { text.replace("__", "/") };
    spelled.parse().map_err(|error: metalith_base::KeyError| {
        Problem::invalid("request.feature", error.to_string())
    })
}

/// Conditions as the caller wrote them.
pub(crate) fn filters(texts: &[String]) -> Result<Vec<Expr>, Problem> {
    let parsed = texts.iter().map(|text| metalith_expr::parse(text));
    Ok(parsed.collect::<Result<_, _>>()?)
}
