//! The audit log.

use std::sync::Arc;

use axum::{Router, extract::State, routing};
use metalith_lifecycle::audit::{Entry, read, verify as go_through};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    app::App,
    auth::{Caller, Read},
    problem::Problem,
    wire::{Json, Listed, PageParams, Params},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/audit", routing::get(list))
        .route("/api/v1/audit/verification", routing::get(verify))
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryView {
    /// Its number, counted from 1.
    pub(crate) number: u64,
    /// When it happened.
    pub(crate) at: String,
    /// Who did it.
    pub(crate) actor: Option<String>,
    /// What happened.
    pub(crate) event: String,
    /// The deletion it is about.
    pub(crate) deletion: Option<String>,
    /// Figures.
    #[schema(value_type = Object)]
    pub(crate) details: Value,
    /// The hash of this entry.
    pub(crate) hash: String,
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        Self {
            number: entry.number,
            at: entry.at.to_string(),
            actor: entry.actor.clone(),
            event: entry.event.clone(),
            deletion: entry.deletion.clone(),
            details: entry.details.clone(),
            hash: entry.hash.clone(),
        }
    }
}

/// What was found by going through the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verification {
    /// Whether nothing was changed, removed or moved.
    pub(crate) holds: bool,
    /// How many entries there are.
    pub(crate) entries: u64,
    /// The hash of the last one; keep it elsewhere.
    pub(crate) head: Option<String>,
    /// What is wrong.
    pub(crate) findings: Vec<FindingView>,
}

/// Something that is wrong with the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingView {
    /// The number of the entry.
    pub(crate) number: u64,
    /// What is wrong with it.
    pub(crate) problem: &'static str,
}

/// Entries of the audit log, the newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(PageParams),
    responses((status = 200, body = Listed<EntryView>)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Params(page): Params<PageParams>,
) -> Result<Json<Listed<EntryView>>, Problem> {
    let mut all = read(caller.session.store()).await?;
    all.reverse();
    let all = all.iter().map(EntryView::from).collect();
    Ok(Json(Listed::part(all, page.within(&app))))
}

/// Goes through the audit log and says whether it holds.
#[utoipa::path(get, path = "/api/v1/audit/verification", tag = "audit",
    responses((status = 200, body = Verification)))]
pub(crate) async fn verify(caller: Caller<Read>) -> Result<Json<Verification>, Problem> {
    Ok(Json(verification(&caller.session).await?))
}

/// Goes through the log.
pub(crate) async fn verification(
    session: &metalith_registry::Session,
) -> Result<Verification, Problem> {
    let verified = go_through(session.store()).await?;
    let findings = verified.findings.iter();
    let view = |it: &metalith_lifecycle::audit::Finding| FindingView {
        number: it.number,
        problem: it.problem.told(),
    };
    Ok(Verification {
        holds: verified.findings.is_empty(),
        entries: verified.entries,
        head: verified.head,
        findings: findings.map(view).collect(),
    })
}
