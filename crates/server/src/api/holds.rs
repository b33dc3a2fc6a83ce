//! Holds: samples that nobody may delete.

use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, routing};
use metalith_lifecycle::holds::{Hold, add as place, list as list_holds, release as let_go};
use metalith_registry::Session;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::App,
    auth::{Admin, Caller, Delete, Read},
    problem::Problem,
    wire::{Json, Listed, PageParams, Params, Path, feature_key, filters},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/holds", routing::get(list).post(add))
        .route("/api/v1/holds/{hold}/release", routing::post(release))
}

/// A hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HoldView {
    /// By which it is released.
    pub(crate) id: String,
    /// Whose samples are held.
    pub(crate) feature: String,
    /// Conditions that a sample must meet to be held. None: every sample.
    pub(crate) filters: Vec<String>,
    /// Why.
    pub(crate) reason: Option<String>,
    /// Who placed it, or released it.
    pub(crate) actor: Option<String>,
    /// When.
    pub(crate) at: String,
    /// Whether it is not in force any more.
    pub(crate) is_released: bool,
}

impl From<Hold> for HoldView {
    fn from(hold: Hold) -> Self {
        Self {
            id: hold.id,
            feature: hold.feature.to_string(),
            filters: hold.filters,
            reason: hold.reason,
            actor: hold.actor,
            at: hold.at.to_string(),
            is_released: hold.is_released,
        }
    }
}

/// A hold that was placed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlacedView {
    /// The hold.
    #[serde(flatten)]
    hold: HoldView,
    /// How many samples it holds now.
    held: u64,
}

/// What to hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldBody {
    /// Whose samples.
    #[schema(example = "video/raw")]
    feature: String,
    /// Conditions in SQL, all of which a sample must meet to be held.
    #[serde(default)]
    filters: Vec<String>,
    /// Why.
    reason: Option<String>,
}

/// Every hold there ever was, the newest first.
#[utoipa::path(get, path = "/api/v1/holds", tag = "holds", params(PageParams),
    responses((status = 200, body = Listed<HoldView>)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Params(page): Params<PageParams>,
) -> Result<Json<Listed<HoldView>>, Problem> {
    let mut all = list_holds(caller.session.store()).await?;
    all.reverse();
    let all = all.into_iter().map(HoldView::from).collect();
    Ok(Json(Listed::part(all, page.within(&app))))
}

/// Keeps samples from every deletion.
#[utoipa::path(post, path = "/api/v1/holds", tag = "holds", request_body = HoldBody,
    responses((status = 201, body = PlacedView), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn add(
    caller: Caller<Delete>,
    Json(body): Json<HoldBody>,
) -> Result<(StatusCode, Json<PlacedView>), Problem> {
    let (feature, filters) = (feature_key(&body.feature)?, filters(&body.filters)?);
    let add = |session: Session| async move {
        let (store, reason) = (session.store(), body.reason.as_deref());
        Ok(place(store, session.graph(), &feature, &filters, reason).await?)
    };
    let (hold, held) = caller.carry_out("/api/v1/holds", add).await?;
    Ok((StatusCode::CREATED, Json(PlacedView { hold: hold.into(), held })))
}

/// Releases a hold.
#[utoipa::path(post, path = "/api/v1/holds/{hold}/release", tag = "holds",
    params(("hold" = String, Path)),
    responses((status = 200, body = HoldView), (status = 404, body = Problem)))]
pub(crate) async fn release(
    caller: Caller<Admin>,
    Path(hold): Path,
) -> Result<Json<HoldView>, Problem> {
    let release = |session: Session| async move { Ok(let_go(session.store(), &hold).await?) };
    Ok(Json(caller.carry_out("/api/v1/holds", release).await?.into()))
}
