//! Datasets.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing,
};
use metalith_registry::{
    Dataset, NewDataset, delete_dataset, find, list as list_datasets, list_without_samples,
    plan_dataset, register_dataset,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    models::ModelRef,
    outcome::{self, PlanView},
};
use crate::{
    app::App,
    auth::{Caller, Delete, Read, Write},
    problem::Problem,
    wire::{Json, Listed, PageParams, Params, Path, id, some},
};

/// Where datasets are.
const DATASETS: &str = "/api/v1/jobs/synthetic/datasets";

pub(super) fn routes() -> Router<Arc<App>> {
    let one = format!("{DATASETS}/{{dataset_id}}");
    Router::new()
        .route(DATASETS, routing::get(list).post(register))
        .route(&one, routing::get(get).delete(delete))
        .route(&format!("{one}/plan"), routing::get(plan))
}

/// A dataset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DatasetView {
    /// Its id.
    pub(crate) dataset_id: String,
    /// What people call it.
    pub(crate) name: String,
    /// What is in it; `iq_raw` ones have objects.
    pub(crate) dataset_type: String,
    /// The job that made it, while there is one.
    pub(crate) created_by_job_id: Option<String>,
    /// How many samples it was made to have.
    pub(crate) num_samples: i64,
    /// How many bytes its objects have.
    pub(crate) bytes: i64,
    /// When it was made.
    pub(crate) created_at: String,
}

impl From<Dataset> for DatasetView {
    fn from(dataset: Dataset) -> Self {
        Self {
            dataset_id: dataset.dataset_id,
            name: dataset.name,
            dataset_type: dataset.dataset_type,
            created_by_job_id: dataset.created_by_job_id,
            num_samples: dataset.num_samples,
            bytes: dataset.bytes,
            created_at: dataset.created_at,
        }
    }
}

/// A dataset with the models that were trained on it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DatasetDetail {
    /// The dataset.
    #[serde(flatten)]
    pub(crate) dataset: DatasetView,
    /// The models, by name.
    pub(crate) models: Vec<ModelRef>,
}

/// A dataset to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes the body that the registry reads")]
pub(crate) struct NewDatasetBody {
    /// What people call it.
    #[schema(example = "recordings")]
    name: String,
    /// What is in it.
    #[schema(example = "features")]
    dataset_type: String,
    /// The job that made it.
    created_by_job_id: Option<String>,
}

/// Which datasets.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DatasetParams {
    /// How many to leave out.
    #[serde(default)]
    offset: usize,
    /// How many to give at most.
    #[serde(default = "some")]
    limit: usize,
    /// Only those that no sample belongs to.
    #[serde(default)]
    without_samples: bool,
}

/// Datasets, the newest first.
#[utoipa::path(get, path = "/api/v1/jobs/synthetic/datasets", tag = "datasets",
    params(DatasetParams), responses((status = 200, body = Listed<DatasetView>)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Params(params): Params<DatasetParams>,
) -> Result<Json<Listed<DatasetView>>, Problem> {
    let DatasetParams { offset, limit, without_samples } = params;
    let page = PageParams { offset, limit }.within(&app);
    let (found, total) = match without_samples {
        true => list_without_samples(&caller.session, page).await?,
        false => list_datasets::<Dataset>(&caller.session, page).await?,
    };
    let items = found.into_iter().map(DatasetView::from).collect();
    Ok(Json(Listed { items, total, offset: page.offset }))
}

/// Registers a dataset that was made elsewhere.
#[utoipa::path(post, path = "/api/v1/jobs/synthetic/datasets", tag = "datasets",
    request_body = NewDatasetBody,
    responses((status = 201, body = DatasetView), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn register(
    caller: Caller<Write>,
    Json(new): Json<NewDataset>,
) -> Result<(StatusCode, Json<DatasetView>), Problem> {
    let register = |session| async move { register_dataset(&session, new).await };
    let dataset = caller.carry_out(DATASETS, register).await?;
    Ok((StatusCode::CREATED, Json(dataset.into())))
}

/// A dataset, with the models that were trained on it.
#[utoipa::path(get, path = "/api/v1/jobs/synthetic/datasets/{dataset_id}", tag = "datasets",
    params(("dataset_id" = String, Path)),
    responses((status = 200, body = DatasetDetail), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn get(
    caller: Caller<Read>,
    Path(dataset_id): Path,
) -> Result<Json<DatasetDetail>, Problem> {
    let dataset: Dataset = find(&caller.session, id("dataset", &dataset_id)?).await?;
    let models = dataset.models(&caller.session).await?;
    let models = models.into_iter().map(ModelRef::from).collect();
    Ok(Json(DatasetDetail { dataset: dataset.into(), models }))
}

/// What deleting a dataset would do.
#[utoipa::path(get, path = "/api/v1/jobs/synthetic/datasets/{dataset_id}/plan", tag = "datasets",
    params(("dataset_id" = String, Path)),
    responses((status = 200, body = PlanView), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn plan(
    caller: Caller<Read>,
    Path(dataset_id): Path,
) -> Result<Json<PlanView>, Problem> {
    let plan = plan_dataset(&caller.session, id("dataset", &dataset_id)?).await?;
    Ok(Json(PlanView::from(&plan)))
}

/// Deletes a dataset for good, with its samples and its objects, unless an active model uses it.
/// When objects remain to be deleted, the headers say so; the rest is done in the background.
#[utoipa::path(delete, path = "/api/v1/jobs/synthetic/datasets/{dataset_id}", tag = "datasets",
    params(("dataset_id" = String, Path)),
    responses((status = 204,
            headers(("metalith-deletion" = String), ("metalith-cleanup" = String),
                ("metalith-objects-deleted" = u64), ("metalith-objects-failed" = u64),
                ("metalith-objects-pending" = u64), ("metalith-objects-kept" = u64))),
        (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<Delete>,
    Path(dataset_id): Path,
) -> Result<(StatusCode, HeaderMap), Problem> {
    let dataset_id = id("dataset", &dataset_id)?;
    let delete = |session| async move {
        let begun = Instant::now();
        let done = delete_dataset(&session, dataset_id).await?;
        app.metrics.deleted(&done, begun.elapsed());
        Ok(done)
    };
    let done = caller.carry_out(format!("{DATASETS}/{dataset_id}"), delete).await?;
    Ok((StatusCode::NO_CONTENT, outcome::headers(&done)))
}
