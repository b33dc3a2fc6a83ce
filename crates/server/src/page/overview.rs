//! How everything stands, and what needs somebody.

use std::sync::Arc;

use axum::{Router, response::Html, routing::get};
use maud::html;
use metalith_lifecycle::deletion::{DeletionState, list as list_deletions};
use metalith_registry::{Job, JobState, Page, RegistryError, list};

use super::{
    number, size,
    storage::places,
    time,
    visitor::{Refused, Visitor},
    whole,
};
use crate::{api::storage::figures, app::App};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/", get(overview))
}

async fn overview(Visitor(caller): Visitor) -> Result<Html<String>, Refused> {
    let session = &caller.session;
    let figures = figures(session).await?;
    let mut open = list_deletions(session.store()).await?;
    open.retain(|it| matches!(it.state, DeletionState::PurgePending | DeletionState::Unfinished));
    let jobs = match list::<Job>(session, Page { offset: 0, limit: 1000 }).await {
        Err(RegistryError::NoRegistry) => Vec::new(),
        found => found?.0,
    };
    let at_work = jobs.iter().filter(|it| !it.status.is_over()).count();
    let failed: Vec<&Job> = jobs.iter().filter(|it| it.status == JobState::Failed).collect();
    let storage = caller.desk.storage();
    let content = html! {
        section.cards {
            p { strong { (number(figures.samples)) } " samples" }
            p { strong { (number(figures.features.len() as u64)) } " features" }
            p { strong { (size(figures.bytes)) } " in tables" }
            p { strong { (at_work) } " jobs at work" }
        }
        h2 { "What needs attention" }
        @if open.is_empty() && failed.is_empty() { p { "Nothing." } }
        ul {
            @for deletion in &open {
                li {
                    a href={ "/deletions/" (deletion.id) } { "A deletion" }
                    " of " (deletion.feature.as_ref().map(ToString::to_string).unwrap_or_default())
                    " is " (deletion.state.name()) ": "
                    (deletion.failures.len()) " objects could not be deleted."
                }
            }
            @for job in failed.iter().take(20) {
                li {
                    "Job " a href={ "/jobs/" (job.job_id) } { (job.name) } " failed at "
                    (time(job.finished_at.as_deref().unwrap_or_default())) ": "
                    (job.error.as_deref().unwrap_or_default())
                }
            }
        }
        @if let Some((at, report)) = &storage {
            h2 { "Storage" }
            (places(report))
            p { "As listed at " (time(&at.to_string())) ". " a href="/objects" { "Look now" } }
        }
        h2 { "Features" }
        table {
            thead { tr { th { "Feature" } th.number { "Samples" } th.number { "Deleted" } th.number { "New" } th.number { "Stale" } th.number { "Orphaned" } th.number { "Bytes" } } }
            tbody {
                @for feature in &figures.features {
                    @let status = &feature.status;
                    tr {
                        td { a href={ "/features/" (feature.feature.replace('/', "__")) } { (feature.feature) } }
                        td.number { (number(status.samples)) }
                        td.number { (number(status.deleted)) }
                        @for count in status.increment.iter().flat_map(|it| [it.new, it.stale, it.orphaned]) {
                            td.number { (number(count)) }
                        }
                        @if status.increment.is_none() { td.number { "–" } td.number { "–" } td.number { "–" } }
                        td.number { (size(status.bytes)) }
                    }
                }
            }
        }
    };
    Ok(whole("/", "Overview", content))
}
