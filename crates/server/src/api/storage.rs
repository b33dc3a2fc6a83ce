//! What lies in storage: figures, objects that nobody names, and what has been kept long enough.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, routing};
use metalith_base::parse_age;
use metalith_lifecycle::{
    objects::audit::{ObjectsReport, compare, declared_prefixes, delete_orphans},
    quota::Usage,
    retention::{self, Due},
};
use metalith_objects::ObjectUri;
use metalith_registry::Session;
use metalith_store::StatusOptions;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::features::StatusView;
use crate::{
    app::App,
    auth::{Admin, Caller, Read},
    problem::{BlockerView, Problem},
    wire::{Json, Params},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/statistics", routing::get(statistics))
        .route("/api/v1/objects/audit", routing::get(audit))
        .route("/api/v1/objects/audit/fix", routing::post(fix))
        .route("/api/v1/retention", routing::get(due))
        .route("/api/v1/retention/apply", routing::post(apply))
}

/// How every feature stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Statistics {
    /// Features that have samples.
    pub(crate) features: Vec<FeatureFigures>,
    /// Current samples of all features.
    pub(crate) samples: u64,
    /// Bytes of all tables.
    pub(crate) bytes: u64,
}

/// How one feature stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeatureFigures {
    /// The feature.
    pub(crate) feature: String,
    /// How it stands.
    #[serde(flatten)]
    pub(crate) status: StatusView,
}

/// How old orphans must be to be deleted.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Objects younger than this may be about to be named, e.g. `1h` or `7 days`; a day if nothing
    /// is said.
    min_age: Option<String>,
}

impl AuditParams {
    fn min_age(&self) -> Result<Duration, Problem> {
        match &self.min_age {
            None => Ok(Duration::from_secs(24 * 60 * 60)),
            Some(text) => parse_age(text)
                .map_err(|error| Problem::invalid("request.parameter", error.to_string())),
        }
    }
}

/// What a comparison of storage with what samples name found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditView {
    /// What was listed: the places that features declare.
    pub(crate) prefixes: Vec<String>,
    /// How many objects there are.
    pub(crate) objects: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// The same of each bucket, or of the folders of this machine.
    pub(crate) places: Vec<PlaceView>,
    /// How many of them nobody names.
    pub(crate) orphans: u64,
    /// Their bytes.
    pub(crate) orphan_bytes: u64,
    /// How many of those are old enough to be deleted.
    pub(crate) old_orphans: u64,
    /// Some of them.
    pub(crate) orphan_examples: Vec<String>,
    /// How many objects are named and not there.
    pub(crate) missing: u64,
    /// Some of them.
    pub(crate) missing_examples: Vec<String>,
}

/// What lies in a bucket.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceView {
    /// The bucket, or `file://` for folders of this machine.
    pub(crate) place: String,
    /// How many objects.
    pub(crate) objects: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

impl From<ObjectsReport> for AuditView {
    fn from(report: ObjectsReport) -> Self {
        let places = report.places.into_iter().map(|(place, held)| {
            let Usage { objects, bytes } = held;
            PlaceView { place, objects, bytes }
        });
        Self {
            places: places.collect(),
            prefixes: report.prefixes,
            objects: report.objects,
            bytes: report.bytes,
            orphans: report.orphans,
            orphan_bytes: report.orphan_bytes,
            old_orphans: report.old_orphans,
            orphan_examples: report.orphan_examples.into_iter().map(|it| it.address).collect(),
            missing: report.missing,
            missing_examples: report.missing_examples,
        }
    }
}

/// What became of orphans.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FixedView {
    /// How many were deleted.
    deleted: u64,
    /// How many could not be.
    failed: u64,
    /// The bytes that were freed.
    bytes: u64,
}

/// What one rule of one feature asks for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DueView {
    /// The feature.
    pub(crate) feature: String,
    /// `expire`, `keep_deleted` or `keep_versions`.
    pub(crate) rule: &'static str,
    /// Samples that are due now.
    pub(crate) samples: u64,
    /// Samples that are due and held.
    pub(crate) held: u64,
    /// What stands in the way.
    pub(crate) blockers: Vec<BlockerView>,
    /// When the next sample will be due.
    pub(crate) next: Option<String>,
}

impl From<&Due> for DueView {
    fn from(due: &Due) -> Self {
        let blockers = due.plan.iter().flat_map(|plan| plan.blockers());
        Self {
            feature: due.feature.to_string(),
            rule: due.rule.name(),
            samples: due.plan.as_ref().map_or(0, |plan| plan.samples()),
            held: due.held,
            blockers: blockers.map(BlockerView::from).collect(),
            next: due.next.map(|it| it.to_string()),
        }
    }
}

/// What applying retention did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppliedView {
    /// The ids of the deletions that were carried out.
    deletions: Vec<String>,
    /// Features of which something is due and cannot go.
    blocked: Vec<String>,
}

/// How every feature stands.
#[utoipa::path(get, path = "/api/v1/statistics", tag = "storage",
    responses((status = 200, body = Statistics)))]
pub(crate) async fn statistics(caller: Caller<Read>) -> Result<Json<Statistics>, Problem> {
    Ok(Json(figures(&caller.session).await?))
}

/// How every feature stands.
pub(crate) async fn figures(session: &Session) -> Result<Statistics, Problem> {
    let graph = session.graph();
    let keys: Vec<_> = graph.features().map(|it| it.key().clone()).collect();
    let statuses = session.store().statuses(graph, &keys, &StatusOptions::default()).await;
    let mut features = Vec::new();
    for (key, status) in keys.iter().zip(statuses) {
        let status = status?;
        if status.exists {
            features.push(FeatureFigures { feature: key.to_string(), status: status.into() });
        }
    }
    let samples = features.iter().map(|it| it.status.samples).sum();
    let bytes = features.iter().map(|it| it.status.bytes).sum();
    Ok(Statistics { features, samples, bytes })
}

/// Compares what lies in the places that features declare with what samples name.
#[utoipa::path(get, path = "/api/v1/objects/audit", tag = "storage", params(AuditParams),
    responses((status = 200, body = AuditView), (status = 400, body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn audit(
    caller: Caller<Read>,
    Params(params): Params<AuditParams>,
) -> Result<Json<AuditView>, Problem> {
    let context = caller.session.context();
    let report = compare(context, &prefixes(&caller.session), params.min_age()?).await?;
    Ok(Json(report.into()))
}

/// The places that features declare.
pub(crate) fn prefixes(session: &Session) -> Vec<ObjectUri> {
    declared_prefixes(session.context())
}

/// Deletes objects that nobody names.
#[utoipa::path(post, path = "/api/v1/objects/audit/fix", tag = "storage", params(AuditParams),
    responses((status = 200, body = FixedView), (status = 400, body = Problem),
        (status = 409, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn fix(
    caller: Caller<Admin>,
    Params(params): Params<AuditParams>,
) -> Result<Json<FixedView>, Problem> {
    let min_age = params.min_age()?;
    let fix = |session: Session| async move {
        let prefixes = prefixes(&session);
        Ok(delete_orphans(session.context(), &prefixes, min_age).await?)
    };
    let report = caller.carry_out("/api/v1/objects/audit", fix).await?;
    let view = FixedView { deleted: report.deleted, failed: report.failed, bytes: report.bytes };
    Ok(Json(view))
}

/// What has been kept long enough, and what will be next.
#[utoipa::path(get, path = "/api/v1/retention", tag = "storage",
    responses((status = 200, body = Vec<DueView>)))]
pub(crate) async fn due(caller: Caller<Read>) -> Result<Json<Vec<DueView>>, Problem> {
    let found = retention::plan(caller.session.context()).await?;
    Ok(Json(found.iter().map(DueView::from).collect()))
}

/// Deletes what has been kept long enough.
#[utoipa::path(post, path = "/api/v1/retention/apply", tag = "storage",
    responses((status = 200, body = AppliedView), (status = 503, body = Problem)))]
pub(crate) async fn apply(
    State(app): State<Arc<App>>,
    caller: Caller<Admin>,
) -> Result<Json<AppliedView>, Problem> {
    let apply = |session: Session| async move {
        let applied = retention::apply(session.context()).await?;
        applied.done.iter().for_each(|(_, done)| app.metrics.finished(done));
        Ok(applied)
    };
    let applied = caller.carry_out("/api/v1/deletions", apply).await?;
    Ok(Json(AppliedView {
        deletions: applied.done.into_iter().map(|(_, done)| done.id).collect(),
        blocked: applied.blocked.into_iter().map(|(feature, _)| feature.to_string()).collect(),
    }))
}
