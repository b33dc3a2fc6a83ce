//! Runs of pipelines.

use std::sync::Arc;

use axum::{Router, extract::State, routing};
use metalith_pipeline::{Outcome, Run, runs};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    app::App,
    auth::{Caller, Read},
    problem::Problem,
    wire::{Json, Listed, PageParams, Params, Path},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/runs", routing::get(list))
        .route("/api/v1/runs/{run}", routing::get(get))
}

/// A run of a pipeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunView {
    /// Its id.
    pub(crate) run: String,
    /// What the pipeline is called.
    pub(crate) pipeline: String,
    /// Its project file.
    pub(crate) file: String,
    /// Who ran it.
    pub(crate) actor: Option<String>,
    /// When it began.
    pub(crate) started_at: String,
    /// When it ended; nothing while it is at work, and for ever after it was killed.
    pub(crate) finished_at: Option<String>,
    /// `begun`, `publishing`, `succeeded`, `failed` or `interrupted`.
    pub(crate) outcome: &'static str,
    /// Why it failed.
    pub(crate) error: Option<String>,
    /// Inputs with their versions, counts of operations, outputs.
    #[schema(value_type = Object)]
    pub(crate) details: Value,
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        let outcome = run.outcome.name();
        let error = match run.outcome {
            Outcome::Failed(error) => Some(error),
            Outcome::Begun | Outcome::Publishing(_) | Outcome::Succeeded | Outcome::Interrupted => {
                None
            }
        };
        Self {
            run: run.id,
            pipeline: run.pipeline,
            file: run.file,
            actor: run.actor,
            started_at: run.started_at.to_string(),
            finished_at: run.finished_at.map(|it| it.to_string()),
            outcome,
            error,
            details: run.details,
        }
    }
}

/// Runs of pipelines, the newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(PageParams),
    responses((status = 200, body = Listed<RunView>)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Params(page): Params<PageParams>,
) -> Result<Json<Listed<RunView>>, Problem> {
    let mut all = runs(caller.session.store()).await?;
    all.reverse();
    let all = all.into_iter().map(RunView::from).collect();
    Ok(Json(Listed::part(all, page.within(&app))))
}

/// A run of a pipeline.
#[utoipa::path(get, path = "/api/v1/runs/{run}", tag = "runs", params(("run" = String, Path)),
    responses((status = 200, body = RunView), (status = 404, body = Problem)))]
pub(crate) async fn get(caller: Caller<Read>, Path(run): Path) -> Result<Json<RunView>, Problem> {
    let all = runs(caller.session.store()).await?;
    let found = all.into_iter().find(|it| it.id == run);
    let unknown = || Problem::not_found("run.unknown", format!("there is no run `{run}`"));
    Ok(Json(found.ok_or_else(unknown)?.into()))
}
