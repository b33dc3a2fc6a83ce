//! Jobs.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing,
};
use metalith_registry::{Datasets, Job, NewJob, delete_job, find, list as list_jobs, plan_job};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::outcome::{self, PlanView};
use crate::{
    app::App,
    auth::{Caller, Delete, Read, Write},
    problem::Problem,
    wire::{Json, Listed, PageParams, Params, Path, id},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/jobs/synthetic", routing::get(list).post(submit))
        .route("/api/v1/jobs/synthetic/{job_id}", routing::get(get).delete(delete))
        .route("/api/v1/jobs/synthetic/{job_id}/plan", routing::get(plan))
        .route("/api/v1/jobs/synthetic/{job_id}/cancel", routing::post(cancel))
}

/// Work in the background.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobView {
    /// Its id.
    pub(crate) job_id: String,
    /// What people call it.
    pub(crate) name: String,
    /// What it does.
    pub(crate) kind: String,
    /// `queued`, `running`, `completed`, `failed` or `cancelled`.
    pub(crate) status: &'static str,
    /// What it was asked to do.
    #[schema(value_type = Object)]
    pub(crate) config: Value,
    /// How much there is to do; 0 while that is not known.
    pub(crate) total: i64,
    /// How much of it is done.
    pub(crate) done: i64,
    /// How often it was begun.
    pub(crate) attempts: i64,
    /// Its last lines of log.
    pub(crate) log: Vec<String>,
    /// Why it could not go on.
    pub(crate) error: Option<String>,
    /// Who asked for it.
    pub(crate) created_by: Option<String>,
    /// When.
    pub(crate) created_at: String,
    /// When it was begun.
    pub(crate) started_at: Option<String>,
    /// When it was over.
    pub(crate) finished_at: Option<String>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self {
            job_id: job.job_id,
            name: job.name,
            kind: job.kind,
            status: job.status.name(),
            config: serde_json::from_str(&job.config).unwrap_or_default(),
            total: job.total,
            done: job.done,
            attempts: job.attempts,
            log: job.log.lines().map(str::to_owned).collect(),
            error: job.error,
            created_by: job.created_by,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
        }
    }
}

/// A job to be done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes the body that the registry reads")]
pub(crate) struct NewJobBody {
    /// What people call it.
    #[schema(example = "make tones")]
    name: String,
    /// `iq_raw` makes a dataset, `scan` makes samples of files, `pipeline` runs one.
    #[schema(example = "iq_raw")]
    kind: String,
    /// How, as its kind says.
    #[schema(value_type = Object, example = json!({"dataset_name": "tones", "num_samples": 10}))]
    config: Option<Value>,
}

/// What becomes of a job's datasets.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteParams {
    /// Whether the datasets that the job made go with it, for good.
    #[serde(default)]
    delete_dataset: bool,
}

impl DeleteParams {
    fn datasets(self) -> Datasets {
        if self.delete_dataset { Datasets::Go } else { Datasets::Stay }
    }
}

/// What deleting a job did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobDeletedView {
    /// In words.
    pub(crate) message: String,
    /// The job.
    pub(crate) job_id: String,
    /// How many of its datasets went.
    pub(crate) datasets_deleted: u64,
    /// How many objects went.
    pub(crate) minio_files_deleted: u64,
    /// How many objects could not be deleted; left out when there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) minio_files_failed: u64,
    /// How many objects wait to be deleted, which is tried again in the background; left out when
    /// there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) minio_files_pending: u64,
    /// How many objects stay because something else names them; left out when there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) minio_files_kept: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Where a job is.
fn path(job_id: Uuid) -> String {
    format!("/api/v1/jobs/synthetic/{job_id}")
}

/// Jobs, the newest first.
#[utoipa::path(get, path = "/api/v1/jobs/synthetic", tag = "jobs", params(PageParams),
    responses((status = 200, body = Listed<JobView>)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Params(page): Params<PageParams>,
) -> Result<Json<Listed<JobView>>, Problem> {
    let page = page.within(&app);
    let (jobs, total) = list_jobs::<Job>(&caller.session, page).await?;
    let items = jobs.into_iter().map(|job| caller.desk.jobs.seen(job).into()).collect();
    Ok(Json(Listed { items, total, offset: page.offset }))
}

/// Begins a job in the background.
#[utoipa::path(post, path = "/api/v1/jobs/synthetic", tag = "jobs", request_body = NewJobBody,
    responses((status = 202, body = JobView), (status = 400, body = Problem)))]
pub(crate) async fn submit(
    caller: Caller<Write>,
    Json(new): Json<NewJob>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let job = caller.desk.jobs.submit(&caller.session, new).await?;
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}

/// A job, with how far it is.
#[utoipa::path(get, path = "/api/v1/jobs/synthetic/{job_id}", tag = "jobs",
    params(("job_id" = String, Path)),
    responses((status = 200, body = JobView), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn get(
    caller: Caller<Read>,
    Path(job_id): Path,
) -> Result<Json<JobView>, Problem> {
    let job = find::<Job>(&caller.session, id("job", &job_id)?).await?;
    Ok(Json(caller.desk.jobs.seen(job).into()))
}

/// Stops a job, and waits until it has stopped.
#[utoipa::path(post, path = "/api/v1/jobs/synthetic/{job_id}/cancel", tag = "jobs",
    params(("job_id" = String, Path)),
    responses((status = 200, body = JobView), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn cancel(
    caller: Caller<Write>,
    Path(job_id): Path,
) -> Result<Json<JobView>, Problem> {
    let job_id = id("job", &job_id)?;
    let jobs = caller.desk.jobs.clone();
    let cancel = |session| async move { jobs.cancel(&session, job_id).await };
    Ok(Json(caller.carry_out(path(job_id), cancel).await?.into()))
}

/// What deleting a job would do.
#[utoipa::path(get, path = "/api/v1/jobs/synthetic/{job_id}/plan", tag = "jobs",
    params(("job_id" = String, Path), DeleteParams),
    responses((status = 200, body = PlanView), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn plan(
    caller: Caller<Read>,
    Path(job_id): Path,
    Params(params): Params<DeleteParams>,
) -> Result<Json<PlanView>, Problem> {
    let plan = plan_job(&caller.session, id("job", &job_id)?, params.datasets()).await?;
    Ok(Json(PlanView::from(&plan)))
}

/// Deletes a job, and with `delete_dataset=true` every dataset that it made. One at work is stopped
/// first. Nothing happens when an active model uses any of the datasets.
#[utoipa::path(delete, path = "/api/v1/jobs/synthetic/{job_id}", tag = "jobs",
    params(("job_id" = String, Path), DeleteParams),
    responses((status = 200, body = JobDeletedView,
            headers(("metalith-deletion" = String), ("metalith-cleanup" = String),
                ("metalith-objects-deleted" = u64), ("metalith-objects-failed" = u64),
                ("metalith-objects-pending" = u64), ("metalith-objects-kept" = u64))),
        (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<Delete>,
    Path(job_id): Path,
    Params(params): Params<DeleteParams>,
) -> Result<(HeaderMap, Json<JobDeletedView>), Problem> {
    let job_id = id("job", &job_id)?;
    let jobs = caller.desk.jobs.clone();
    let delete = |session| async move {
        let begun = Instant::now();
        let deleted = delete_job(&jobs, &session, job_id, params.datasets()).await?;
        app.metrics.deleted(&deleted.done, begun.elapsed());
        Ok(deleted)
    };
    let deleted = caller.carry_out(path(job_id), delete).await?;
    let (failed, kept) =
        deleted.done.objects.as_ref().map_or((0, 0), |report| (report.failed, report.skipped));
    let view = JobDeletedView {
        message: format!("Synthetic generation job {job_id} deleted successfully"),
        job_id: job_id.to_string(),
        datasets_deleted: deleted.datasets,
        minio_files_deleted: deleted.files,
        minio_files_failed: failed,
        minio_files_pending: failed,
        minio_files_kept: kept,
    };
    Ok((outcome::headers(&deleted.done), Json(view)))
}
