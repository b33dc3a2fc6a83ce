//! What deletions would do, and what they did.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use metalith_lifecycle::deletion::{CascadePlan, Done, Step};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::BlockerView;

pub(crate) const DELETION: HeaderName = HeaderName::from_static("metalith-deletion");
const CLEANUP: HeaderName = HeaderName::from_static("metalith-cleanup");
const DELETED: HeaderName = HeaderName::from_static("metalith-objects-deleted");
const PENDING: HeaderName = HeaderName::from_static("metalith-objects-pending");
const FAILED: HeaderName = HeaderName::from_static("metalith-objects-failed");
const KEPT: HeaderName = HeaderName::from_static("metalith-objects-kept");

/// What a deletion would do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanView {
    /// The id that the deletion will have.
    pub(crate) id: String,
    /// `soft` or `hard`.
    pub(crate) mode: &'static str,
    /// How many samples go, of all features.
    pub(crate) samples: u64,
    /// How many objects go.
    pub(crate) objects: u64,
    /// Their bytes, where they are known.
    pub(crate) bytes: Option<u64>,
    /// What happens, first things first.
    pub(crate) steps: Vec<StepView>,
    /// What stands in its way. While there is anything, it cannot be carried out.
    pub(crate) blockers: Vec<BlockerView>,
}

/// What a deletion would do to one feature.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepView {
    /// The feature.
    pub(crate) feature: String,
    /// `delete`, or `set_null`.
    pub(crate) action: &'static str,
    /// To how many samples.
    pub(crate) samples: u64,
    /// How many rows are appended or removed.
    pub(crate) rows: u64,
    /// Samples that stay without one of their inputs.
    pub(crate) stale: u64,
    /// Objects that go.
    pub(crate) objects: u64,
    /// Their bytes, where they are known.
    pub(crate) bytes: Option<u64>,
}

impl From<&CascadePlan> for PlanView {
    fn from(plan: &CascadePlan) -> Self {
        let steps = plan.steps();
        Self {
            id: plan.id().to_owned(),
            mode: plan.mode().name(),
            samples: plan.samples(),
            objects: steps.iter().map(|it| it.objects).sum(),
            bytes: steps.iter().map(|it| it.bytes).sum(),
            steps: steps.iter().map(StepView::from).collect(),
            blockers: plan.blockers().iter().map(BlockerView::from).collect(),
        }
    }
}

impl From<&Step> for StepView {
    fn from(step: &Step) -> Self {
        Self {
            feature: step.feature.to_string(),
            action: step.action.name(),
            samples: step.samples,
            rows: step.rows,
            stale: step.stale,
            objects: step.objects,
            bytes: step.bytes,
        }
    }
}

/// Headers that say which deletion it was, and what is left to be done about its objects.
pub(crate) fn headers(done: &Done) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    set(DELETION, done.id.clone());
    let Some(report) = &done.objects else { return headers };
    set(DELETED, report.deleted.to_string());
    set(FAILED, report.failed.to_string());
    // Whatever could not be deleted waits to be tried again.
    set(PENDING, report.failed.to_string());
    set(KEPT, report.skipped.to_string());
    set(CLEANUP, report.cleanup().name().to_owned());
    headers
}
