//! Models.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing,
};
use metalith_registry::{
    Model, NewModel, Session, activate as put_in_use, deactivate as take_out_of_use, delete_model,
    find, list as list_models, register_model,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::outcome;
use crate::{
    app::App,
    auth::{Caller, Delete, Read, Write},
    problem::Problem,
    wire::{Json, Listed, PageParams, Params, Path, id},
};

/// Where models are.
const MODELS: &str = "/api/v1/models";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(MODELS, routing::get(list).post(register))
        .route("/api/v1/models/{model_id}", routing::get(get).delete(delete))
        .route("/api/v1/models/{model_id}/activate", routing::post(activate))
        .route("/api/v1/models/{model_id}/deactivate", routing::post(deactivate))
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelRef {
    /// Its id.
    pub(crate) model_id: String,
    /// What people call it.
    pub(crate) name: String,
    /// Whether it is in use. Then the datasets it was trained on may not go.
    pub(crate) is_active: bool,
    /// When it was registered.
    pub(crate) created_at: String,
}

impl From<Model> for ModelRef {
    fn from(model: Model) -> Self {
        let Model { model_id, name, is_active, created_at } = model;
        Self { model_id, name, is_active, created_at }
    }
}

/// A model with the datasets it was trained on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelDetail {
    /// The model.
    #[serde(flatten)]
    pub(crate) model: ModelRef,
    /// The ids of the datasets, also of such that are gone.
    pub(crate) dataset_ids: Vec<String>,
}

/// A model to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes the body that the registry reads")]
pub(crate) struct NewModelBody {
    /// What people call it.
    name: String,
    /// Whether it is in use.
    is_active: Option<bool>,
    /// The ids of the datasets it was trained on.
    dataset_ids: Option<Vec<String>>,
}

/// Models, the newest first.
#[utoipa::path(get, path = "/api/v1/models", tag = "models", params(PageParams),
    responses((status = 200, body = Listed<ModelRef>)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Params(page): Params<PageParams>,
) -> Result<Json<Listed<ModelRef>>, Problem> {
    let page = page.within(&app);
    let (found, total) = list_models::<Model>(&caller.session, page).await?;
    let items = found.into_iter().map(ModelRef::from).collect();
    Ok(Json(Listed { items, total, offset: page.offset }))
}

/// Registers a model and the datasets it was trained on.
#[utoipa::path(post, path = "/api/v1/models", tag = "models", request_body = NewModelBody,
    responses((status = 201, body = ModelDetail), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn register(
    caller: Caller<Write>,
    Json(new): Json<NewModel>,
) -> Result<(StatusCode, Json<ModelDetail>), Problem> {
    let register = |session| async move {
        let model = register_model(&session, new).await?;
        let dataset_ids = model.dataset_ids(&session).await?;
        Ok((model, dataset_ids))
    };
    let (model, dataset_ids) = caller.carry_out(MODELS, register).await?;
    Ok((StatusCode::CREATED, Json(ModelDetail { model: model.into(), dataset_ids })))
}

/// A model, with the datasets it was trained on.
#[utoipa::path(get, path = "/api/v1/models/{model_id}", tag = "models",
    params(("model_id" = String, Path)),
    responses((status = 200, body = ModelDetail), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn get(
    caller: Caller<Read>,
    Path(model_id): Path,
) -> Result<Json<ModelDetail>, Problem> {
    let model: Model = find(&caller.session, id("model", &model_id)?).await?;
    let dataset_ids = model.dataset_ids(&caller.session).await?;
    Ok(Json(ModelDetail { model: model.into(), dataset_ids }))
}

/// Puts a model in use.
#[utoipa::path(post, path = "/api/v1/models/{model_id}/activate", tag = "models",
    params(("model_id" = String, Path)),
    responses((status = 200, body = ModelRef), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn activate(
    caller: Caller<Write>,
    Path(model_id): Path,
) -> Result<Json<ModelRef>, Problem> {
    let model_id = id("model", &model_id)?;
    let activate = |session: Session| async move { put_in_use(&session, model_id).await };
    Ok(Json(caller.carry_out(format!("{MODELS}/{model_id}"), activate).await?.into()))
}

/// Takes a model out of use.
#[utoipa::path(post, path = "/api/v1/models/{model_id}/deactivate", tag = "models",
    params(("model_id" = String, Path)),
    responses((status = 200, body = ModelRef), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn deactivate(
    caller: Caller<Write>,
    Path(model_id): Path,
) -> Result<Json<ModelRef>, Problem> {
    let model_id = id("model", &model_id)?;
    let deactivate = |session: Session| async move { take_out_of_use(&session, model_id).await };
    Ok(Json(caller.carry_out(format!("{MODELS}/{model_id}"), deactivate).await?.into()))
}

/// Deletes a model for good. The datasets it was trained on stay.
#[utoipa::path(delete, path = "/api/v1/models/{model_id}", tag = "models",
    params(("model_id" = String, Path)),
    responses((status = 204, headers(("metalith-deletion" = String))),
        (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<Delete>,
    Path(model_id): Path,
) -> Result<(StatusCode, HeaderMap), Problem> {
    let model_id = id("model", &model_id)?;
    let delete = |session| async move {
        let begun = Instant::now();
        let done = delete_model(&session, model_id).await?;
        app.metrics.deleted(&done, begun.elapsed());
        Ok(done)
    };
    let done = caller.carry_out(format!("{MODELS}/{model_id}"), delete).await?;
    Ok((StatusCode::NO_CONTENT, outcome::headers(&done)))
}
