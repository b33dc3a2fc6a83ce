//! Deletions of samples of any feature: planned, carried out, looked at, restored.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing,
};
use metalith_lifecycle::deletion::{
    Cascade, CascadePlan, CascadeRequest, Deletion, RestoreMode, Restored, list as list_deletions,
    restore as bring_back, retry_purges,
};
use metalith_registry::Session;
use metalith_store::DeletionMode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    audit::EntryView,
    outcome::{self, PlanView},
};
use crate::{
    app::App,
    auth::{Caller, Delete, Read},
    problem::Problem,
    wire::{Json, Listed, PageParams, Params, Path, feature_key, filters},
};

/// For how long a plan can be carried out.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// How many plans are kept.
const MOST: usize = 1000;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/deletions", routing::get(list))
        .route("/api/v1/deletions/plans", routing::post(plan))
        .route("/api/v1/deletions/plans/{deletion}/execute", routing::post(execute))
        .route("/api/v1/deletions/purge", routing::post(purge))
        .route("/api/v1/deletions/{deletion}", routing::get(get))
        .route("/api/v1/deletions/{deletion}/restore", routing::post(restore))
}

/// Plans that were made and not yet carried out. They are about a state of the store, so they are
/// kept for minutes and in this process alone.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    kept: Mutex<BTreeMap<String, (Instant, String, CascadePlan)>>,
}

impl Plans {
    fn keep(&self, actor: &str, plan: CascadePlan) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (at, _, _)| at.elapsed() < KEPT);
        while kept.len() >= MOST {
            // Ids begin with the time they were made at.
            kept.pop_first();
        }
        kept.insert(plan.id().to_owned(), (Instant::now(), actor.to_owned(), plan));
    }

    fn take(&self, actor: &str, id: &str) -> Option<CascadePlan> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (at, _, _)| at.elapsed() < KEPT);
        // A plan is its maker's own.
        if kept.get(id).is_none_or(|(_, maker, _)| maker != actor) {
            return None;
        }
        kept.remove(id).map(|(_, _, plan)| plan)
    }
}

/// What to delete.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeletionBody {
    /// The feature that the filters are about.
    #[schema(example = "video/raw")]
    feature: String,
    /// Conditions in SQL, all of which a sample must meet.
    #[serde(default)]
    #[schema(example = json!(["path = 'x.mp4'"]))]
    filters: Vec<String>,
    /// `soft`, which can be restored, or `hard`.
    #[serde(default)]
    mode: ModeName,
    /// `none`, `downstream`, `upstream` or `both`: what is taken along.
    #[serde(default)]
    cascade: CascadeName,
    /// Why, for the tombstones and the logs.
    reason: Option<String>,
}

/// Soft or hard.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModeName {
    /// Behind tombstones, until it is restored.
    #[default]
    Soft,
    /// For good.
    Hard,
}

/// What is taken along.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CascadeName {
    /// Nothing that does not insist on it.
    #[default]
    None,
    /// What was computed from the samples.
    Downstream,
    /// What the samples were computed from, where nothing else needs it.
    Upstream,
    /// Both.
    Both,
}

impl From<ModeName> for DeletionMode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Soft => Self::Soft,
            ModeName::Hard => Self::Hard,
        }
    }
}

impl From<CascadeName> for Cascade {
    fn from(name: CascadeName) -> Self {
        match name {
            CascadeName::None => Self::None,
            CascadeName::Downstream => Self::Downstream,
            CascadeName::Upstream => Self::Upstream,
            CascadeName::Both => Self::Both,
        }
    }
}

/// A deletion there was, or that is not finished.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletionView {
    /// Its id.
    pub(crate) id: String,
    /// The feature it was asked for.
    pub(crate) feature: Option<String>,
    /// `soft` or `hard`.
    pub(crate) mode: String,
    /// What it took along.
    pub(crate) cascade: String,
    /// `done`, `restored`, `blocked`, `unfinished` or `purge pending`.
    pub(crate) state: &'static str,
    /// Who asked for it.
    pub(crate) actor: Option<String>,
    /// Why.
    pub(crate) reason: Option<String>,
    /// When it was done, or begun.
    pub(crate) at: String,
    /// How many samples, of all features.
    pub(crate) samples: u64,
    /// What was done to each feature.
    #[schema(value_type = Vec<Object>)]
    pub(crate) steps: Vec<Value>,
    /// How many objects wait to be deleted, as far as known.
    pub(crate) pending: u64,
    /// How many objects could not be deleted when it was last tried.
    pub(crate) failed: u64,
    /// How many objects stay because something else names them.
    pub(crate) kept: u64,
    /// Which, with what storage said, the first thousand.
    pub(crate) failures: Vec<FailureView>,
    /// The entries of the audit log about it.
    pub(crate) entries: Vec<EntryView>,
}

/// An object that could not be deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailureView {
    /// Its address.
    pub(crate) address: String,
    /// What storage said.
    pub(crate) reason: String,
}

impl From<Deletion> for DeletionView {
    fn from(deletion: Deletion) -> Self {
        let samples = deletion.steps.iter().filter_map(|step| step["samples"].as_u64()).sum();
        let failures: Vec<FailureView> = deletion
            .failures
            .into_iter()
            .map(|(address, reason)| FailureView { address, reason })
            .collect();
        Self {
            id: deletion.id,
            feature: deletion.feature.map(|it| it.to_string()),
            mode: deletion.mode,
            cascade: deletion.cascade,
            state: deletion.state.name(),
            actor: deletion.actor,
            reason: deletion.reason,
            at: deletion.at.to_string(),
            samples,
            steps: deletion.steps,
            pending: deletion.pending,
            failed: deletion.failed,
            kept: deletion.kept,
            failures,
            entries: deletion.entries.iter().map(EntryView::from).collect(),
        }
    }
}

/// What was carried out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DoneView {
    /// The id of the deletion, by which it can be restored if it was soft.
    deletion: String,
    /// `soft` or `hard`.
    mode: &'static str,
    /// How many samples, of all features.
    samples: u64,
    /// Objects that were deleted.
    objects_deleted: u64,
    /// Objects that could not be deleted.
    objects_failed: u64,
    /// Objects that wait to be deleted, which is tried again in the background.
    objects_pending: u64,
    /// Objects that stay because something else names them.
    objects_kept: u64,
}

/// How to restore.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreBody {
    /// Only say what would come back.
    #[serde(default)]
    dry_run: bool,
    /// Conditions in SQL; only samples that meet them come back, with what belongs to them.
    #[serde(default)]
    filters: Vec<String>,
}

/// What came back of a feature.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RestoredView {
    /// The feature.
    feature: String,
    /// How many samples.
    samples: u64,
    /// How many samples refer again to what came back.
    reattached: u64,
}

impl From<&Restored> for RestoredView {
    fn from(restored: &Restored) -> Self {
        Self {
            feature: restored.feature.to_string(),
            samples: restored.receipt.samples,
            reattached: restored.reattached,
        }
    }
}

/// What became of objects that waited.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PurgedView {
    /// Deletions that were taken up again.
    deletions: u64,
    /// Those that are still not finished.
    unfinished: u64,
    /// Objects that were deleted.
    objects_deleted: u64,
    /// Objects that could not be deleted; they are tried again.
    objects_failed: u64,
}

/// Deletions, the newest first.
#[utoipa::path(get, path = "/api/v1/deletions", tag = "deletions", params(PageParams),
    responses((status = 200, body = Listed<DeletionView>)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Params(page): Params<PageParams>,
) -> Result<Json<Listed<DeletionView>>, Problem> {
    let mut all = list_deletions(caller.session.store()).await?;
    all.reverse();
    let all = all.into_iter().map(DeletionView::from).collect();
    Ok(Json(Listed::part(all, page.within(&app))))
}

/// A deletion, with everything that is recorded of it.
#[utoipa::path(get, path = "/api/v1/deletions/{deletion}", tag = "deletions",
    params(("deletion" = String, Path)),
    responses((status = 200, body = DeletionView), (status = 404, body = Problem)))]
pub(crate) async fn get(
    caller: Caller<Read>,
    Path(deletion): Path,
) -> Result<Json<DeletionView>, Problem> {
    let all = list_deletions(caller.session.store()).await?;
    let found = all.into_iter().find(|it| it.id == deletion);
    let found = found.ok_or_else(|| unknown(&deletion))?;
    Ok(Json(found.into()))
}

fn unknown(deletion: &str) -> Problem {
    Problem::not_found("deletion.unknown", format!("there is no deletion `{deletion}`"))
}

/// Finds what a deletion would do, and does nothing. For a quarter of an hour its maker can have it
/// carried out.
#[utoipa::path(post, path = "/api/v1/deletions/plans", tag = "deletions",
    request_body = DeletionBody,
    responses((status = 201, body = PlanView), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn plan(
    caller: Caller<Delete>,
    Json(body): Json<DeletionBody>,
) -> Result<(StatusCode, Json<PlanView>), Problem> {
    let request = CascadeRequest {
        cascade: body.cascade.into(),
        reason: body.reason,
        ..CascadeRequest::new(
            feature_key(&body.feature)?,
            body.mode.into(),
            filters(&body.filters)?,
        )
    };
    let plan = CascadePlan::make(caller.session.context(), &request).await?;
    let view = PlanView::from(&plan);
    caller.desk.plans.keep(caller.session.store().actor().unwrap_or_default(), plan);
    Ok((StatusCode::CREATED, Json(view)))
}

/// Carries out a plan. Refused as a whole, before anything changes, when something stands in its
/// way; what was written since the plan is not touched.
#[utoipa::path(post, path = "/api/v1/deletions/plans/{deletion}/execute", tag = "deletions",
    params(("deletion" = String, Path)),
    responses((status = 200, body = DoneView,
            headers(("metalith-deletion" = String), ("metalith-cleanup" = String),
                ("metalith-objects-deleted" = u64), ("metalith-objects-failed" = u64),
                ("metalith-objects-pending" = u64), ("metalith-objects-kept" = u64))),
        (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn execute(
    State(app): State<Arc<App>>,
    caller: Caller<Delete>,
    Path(deletion): Path,
) -> Result<(HeaderMap, Json<DoneView>), Problem> {
    let actor = caller.session.store().actor().unwrap_or_default();
    let plan = caller.desk.plans.take(actor, &deletion).ok_or_else(|| {
        let detail = format!("there is no plan `{deletion}` that you could carry out");
        Problem::not_found("deletion.no-plan", detail).with_hint("make a new one")
    })?;
    let apply = |session: Session| async move {
        let begun = Instant::now();
        session.begins_deletion(plan.id());
        let done = plan.apply(session.context()).await?;
        app.metrics.deleted(&done, begun.elapsed());
        Ok(done)
    };
    let done = caller.carry_out("/api/v1/deletions", apply).await?;
    let report = done.objects.clone().unwrap_or_default();
    let gone = done.steps.iter().filter(|step| step.action.name() == "delete");
    let view = DoneView {
        deletion: done.id.clone(),
        mode: done.mode.name(),
        samples: gone.map(|step| step.samples).sum(),
        objects_deleted: report.deleted,
        objects_failed: report.failed,
        objects_pending: report.failed,
        objects_kept: report.skipped,
    };
    Ok((outcome::headers(&done), Json(view)))
}

/// Brings a soft deletion back.
#[utoipa::path(post, path = "/api/v1/deletions/{deletion}/restore", tag = "deletions",
    params(("deletion" = String, Path)), request_body = RestoreBody,
    responses((status = 200, body = Vec<RestoredView>), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn restore(
    caller: Caller<Delete>,
    Path(deletion): Path,
    Json(body): Json<RestoreBody>,
) -> Result<Json<Vec<RestoredView>>, Problem> {
    let filters = filters(&body.filters)?;
    let mode = if body.dry_run { RestoreMode::DryRun } else { RestoreMode::Apply };
    let look = format!("/api/v1/deletions/{deletion}");
    let restore = |session: Session| async move {
        Ok(bring_back(session.context(), &deletion, &filters, mode).await?)
    };
    let restored = caller.carry_out(look, restore).await?;
    Ok(Json(restored.iter().map(RestoredView::from).collect()))
}

/// Tries again to delete objects of deletions whose rows are gone.
#[utoipa::path(post, path = "/api/v1/deletions/purge", tag = "deletions",
    responses((status = 200, body = PurgedView), (status = 503, body = Problem)))]
pub(crate) async fn purge(
    State(app): State<Arc<App>>,
    caller: Caller<Delete>,
) -> Result<Json<PurgedView>, Problem> {
    let retry = |session: Session| async move {
        let finished = retry_purges(session.context()).await?;
        let done = finished.iter().filter_map(|it| it.outcome.as_ref().ok());
        done.for_each(|done| app.metrics.finished(done));
        Ok(finished)
    };
    let finished = caller.carry_out("/api/v1/deletions", retry).await?;
    let mut view =
        PurgedView { deletions: 0, unfinished: 0, objects_deleted: 0, objects_failed: 0 };
    for finished in &finished {
        view.deletions += 1;
        let Ok(done) = &finished.outcome else {
            view.unfinished += 1;
            continue;
        };
        let report = done.objects.clone().unwrap_or_default();
        view.objects_deleted += report.deleted;
        view.objects_failed += report.failed;
        view.unfinished += u64::from(report.failed > 0);
    }
    Ok(Json(view))
}
