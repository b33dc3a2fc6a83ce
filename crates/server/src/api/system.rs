//! Whether the server is well, its figures, and the description of its API.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    auth::{Admin, Caller},
    openapi::document,
    problem::Problem,
    wire::Json,
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/health", routing::get(health))
        .route("/ready", routing::get(ready))
        .route("/metrics", routing::get(metrics))
        .route("/api/v1/openapi.json", routing::get(openapi))
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
    /// The version of Metalith.
    version: &'static str,
}

const WELL: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// Whether the process answers.
#[utoipa::path(get, path = "/health", tag = "system", security(()),
    responses((status = 200, body = Health)))]
pub(crate) async fn health() -> Json<Health> {
    Json(WELL)
}

/// Whether the store can be read.
#[utoipa::path(get, path = "/ready", tag = "system", security(()),
    responses((status = 200, body = Health), (status = 503, body = Problem)))]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Health>, Problem> {
    let session = app.home().session("server");
    match session.store().features().await {
        Ok(_) => Ok(Json(WELL)),
        Err(error) => {
            tracing::warn!(%error, "the store cannot be read");
            let detail = "the store cannot be read";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "server.not-ready", detail))
        }
    }
}

/// Figures for Prometheus, of all spaces: for those who look after the whole server.
#[utoipa::path(get, path = "/metrics", tag = "system",
    responses((status = 200, content_type = "text/plain", body = String)))]
pub(crate) async fn metrics(
    State(app): State<Arc<App>>,
    caller: Caller<Admin>,
) -> Result<impl IntoResponse, Problem> {
    if !Arc::ptr_eq(&caller.desk, app.home()) {
        let detail = "these figures are of all spaces, and a token of one space does not show them";
        return Err(Problem::new(StatusCode::FORBIDDEN, "auth.space", detail));
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], app.metrics.text()))
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "system", security(()),
    responses((status = 200, content_type = "application/json", body = Object)))]
pub(crate) async fn openapi() -> Json<serde_json::Value> {
    Json(document())
}
