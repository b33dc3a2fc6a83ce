//! Deletions: a plan to look at, what was done, and the way back.

use std::sync::Arc;

use axum::{Router, extract::State, response::Html, routing::get};
use maud::{Markup, html};
use metalith_lifecycle::deletion::{DeletionState, list as list_deletions};
use serde_json::Value;

use super::{
    registry::pages,
    time,
    visitor::{Refused, Visitor},
    whole,
};
use crate::{
    api::deletions::DeletionView,
    app::App,
    problem::Problem,
    wire::{PageParams, Params, Path},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/deletions", get(deletions)).route("/deletions/{deletion}", get(deletion))
}

async fn deletions(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Params(params): Params<PageParams>,
) -> Result<Html<String>, Refused> {
    let (session, page) = (&caller.session, params.within(&app));
    let mut all = list_deletions(session.store()).await?;
    all.reverse();
    let total = all.len();
    let shown: Vec<DeletionView> =
        all.into_iter().skip(page.offset).take(page.limit).map(DeletionView::from).collect();
    let content = html! {
        form.line #plan-deletion {
            label { "Feature "
                select name="feature" {
                    @for feature in session.graph().features() {
                        option value=(feature.key()) { (feature.key()) }
                    }
                }
            }
            label { "Filter " input name="filter" required placeholder="path = 'x.mp4'" size="30"; }
            label { "Mode "
                select name="mode" { option value="soft" { "soft" } option value="hard" { "for good" } }
            }
            label { "Takes along "
                select name="cascade" {
                    option value="none" { "nothing" }
                    option value="downstream" { "what was computed from it" }
                    option value="upstream" { "what it was computed from" }
                    option value="both" { "both" }
                }
            }
            label { "Reason " input name="reason"; }
            button type="submit" { "Plan…" }
        }
        table {
            thead { tr { th { "Deletion" } th { "Of" } th { "Mode" } th { "State" } th.number { "Samples" } th { "By" } th { "Reason" } th { "At" } } }
            tbody {
                @for deletion in &shown {
                    tr {
                        td { a href={ "/deletions/" (deletion.id) } { code { (deletion.id.get(..13).unwrap_or(&deletion.id)) } } }
                        td { (deletion.feature.as_deref().unwrap_or_default()) }
                        td { (deletion.mode) }
                        td.state { (deletion.state) }
                        td.number { (deletion.samples) }
                        td { (deletion.actor.as_deref().unwrap_or_default()) }
                        td { (deletion.reason.as_deref().unwrap_or_default()) }
                        td { (time(&deletion.at)) }
                    }
                }
            }
        }
        (pages(page, total))
    };
    Ok(whole("/deletions", "Deletions", content))
}

async fn deletion(Visitor(caller): Visitor, Path(deletion): Path) -> Result<Html<String>, Refused> {
    let all = list_deletions(caller.session.store()).await?;
    let Some(found) = all.into_iter().find(|it| it.id == deletion) else {
        let detail = format!("there is no deletion `{deletion}`");
        return Err(Problem::not_found("deletion.unknown", detail).into());
    };
    let (can_return, waits) = (
        found.mode == "soft" && found.state == DeletionState::Done,
        matches!(found.state, DeletionState::PurgePending | DeletionState::Unfinished),
    );
    let view = DeletionView::from(found);
    let content = html! {
        p {
            (view.mode) " deletion of " (view.feature.as_deref().unwrap_or_default())
            ", " strong.state { (view.state) } ", " (time(&view.at))
            @if let Some(actor) = &view.actor { ", by " (actor) }
            @if let Some(reason) = &view.reason { ", because: " (reason) }
        }
        @if can_return {
            p { button data-post={ "/api/v1/deletions/" (view.id) "/restore" } { "Restore" } }
        }
        @if waits {
            p.warning { (view.pending) " objects wait to be deleted, and " (view.failed) " could not be when it was last tried. They are tried again in the background." }
            p { button data-post="/api/v1/deletions/purge" { "Try again now" } }
        }
        @if view.kept > 0 {
            p { (view.kept) " objects stay: something else names them." }
        }
        (steps(&view))
        @if !view.failures.is_empty() {
            h2 { "Objects that could not be deleted" }
            ul { @for failure in &view.failures { li { code { (failure.address) } ": " (failure.reason) } } }
        }
        (entries(&view))
    };
    Ok(whole("/deletions", "Deletion", content))
}

/// What was done to each feature.
fn steps(view: &DeletionView) -> Markup {
    let text = |step: &Value, name: &str| match &step[name] {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    };
    html! {
        h2 { "Steps" }
        table {
            thead { tr { th { "Feature" } th { "Action" } th.number { "Samples" } th.number { "Rows" } th.number { "Stale" } } }
            tbody {
                @for step in &view.steps {
                    tr {
                        td { (text(step, "feature")) }
                        td { (text(step, "action")) }
                        td.number { (text(step, "samples")) }
                        td.number { (text(step, "rows")) }
                        td.number { (text(step, "stale")) }
                    }
                }
            }
        }
    }
}

/// What the audit log has about it.
fn entries(view: &DeletionView) -> Markup {
    html! {
        h2 { "In the audit log" }
        table {
            thead { tr { th.number { "Number" } th { "At" } th { "What" } th { "By" } } }
            tbody {
                @for entry in &view.entries {
                    tr {
                        td.number { (entry.number) }
                        td { (time(&entry.at)) }
                        td { (entry.event) }
                        td { (entry.actor.as_deref().unwrap_or_default()) }
                    }
                }
            }
        }
    }
}
