//! Objects that nobody names, holds, and the audit log.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, response::Html, routing::get};
use maud::{Markup, html};
use metalith_lifecycle::{
    audit::read,
    holds,
    objects::audit::{ObjectsReport, compare},
};

use super::{
    number,
    registry::pages,
    size, time,
    visitor::{Refused, Visitor},
    whole,
};
use crate::{
    api::{audit::verification, storage::prefixes},
    app::App,
    wire::{PageParams, Params},
};

const ONE_DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/objects", get(objects))
        .route("/holds", get(held))
        .route("/audit", get(audit))
}

async fn objects(Visitor(caller): Visitor) -> Result<Html<String>, Refused> {
    let session = &caller.session;
    let prefixes = prefixes(session);
    let report = compare(session.context(), &prefixes, ONE_DAY).await;
    let content = match report {
        Err(error) => html! {
            p.warning role="alert" { "Storage cannot be listed: " (error) }
        },
        Ok(report) => html! {
            p { "What lies below " @for prefix in &report.prefixes { code { (prefix) } " " } "against what samples name." }
            section.cards {
                p { strong { (number(report.objects)) } " objects" }
                p { strong { (size(report.bytes)) } }
                p { strong { (number(report.orphans)) } " that nobody names, " (size(report.orphan_bytes)) }
                p { strong { (number(report.missing)) } " named and not there" }
            }
            (places(&report))
            p { (number(report.old_orphans)) " of those that nobody names are older than a day, and would be deleted." }
            @if report.old_orphans > 0 {
                p { button.danger data-post="/api/v1/objects/audit/fix" data-sure={ "Delete " (report.old_orphans) " objects for good?" } { "Delete them for good…" } }
            }
            (addresses("Objects that nobody names", report.orphan_examples.iter().map(|it| it.address.as_str())))
            (addresses("Named and not there", report.missing_examples.iter().map(String::as_str)))
        },
    };
    Ok(whole("/objects", "Objects", content))
}

/// What lies in each bucket.
pub(super) fn places(report: &ObjectsReport) -> Markup {
    html! {
        table {
            thead { tr { th { "Bucket" } th.number { "Objects" } th.number { "Bytes" } } }
            tbody {
                @for (place, held) in &report.places {
                    tr {
                        td { code { (place) } }
                        td.number { (number(held.objects)) }
                        td.number { (size(held.bytes)) }
                    }
                }
            }
        }
    }
}

fn addresses<'a>(title: &str, found: impl Iterator<Item = &'a str>) -> Markup {
    let found: Vec<&str> = found.collect();
    html! {
        @if !found.is_empty() {
            h2 { (title) }
            ul { @for address in &found { li { code { (address) } } } }
        }
    }
}

async fn held(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Params(params): Params<PageParams>,
) -> Result<Html<String>, Refused> {
    let (session, page) = (&caller.session, params.within(&app));
    let mut all = holds::list(session.store()).await?;
    all.reverse();
    let content = html! {
        p { "Samples that are held are deleted by nobody, whatever they ask for." }
        form.line data-post="/api/v1/holds" data-hold="" {
            label { "Feature "
                select name="feature" {
                    @for feature in session.graph().features() {
                        option value=(feature.key()) { (feature.key()) }
                    }
                }
            }
            label { "Filter " input name="filter" placeholder="name = 'evidence'" size="30"; }
            label { "Reason " input name="reason" required; }
            button type="submit" { "Hold" }
        }
        table {
            thead { tr { th { "Feature" } th { "Filters" } th { "Reason" } th { "By" } th { "At" } th { "" } } }
            tbody {
                @for hold in all.iter().skip(page.offset).take(page.limit) {
                    tr {
                        td { (hold.feature) }
                        td { code { (hold.filters.join(" AND ")) } }
                        td { (hold.reason.as_deref().unwrap_or_default()) }
                        td { (hold.actor.as_deref().unwrap_or_default()) }
                        td { (time(&hold.at.to_string())) }
                        td.actions {
                            @if hold.is_released { "released" }
                            @else { button data-post={ "/api/v1/holds/" (hold.id) "/release" } data-sure="Release this hold?" { "Release" } }
                        }
                    }
                }
            }
        }
        (pages(page, all.len()))
    };
    Ok(whole("/holds", "Holds", content))
}

async fn audit(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Params(params): Params<PageParams>,
) -> Result<Html<String>, Refused> {
    let (session, page) = (&caller.session, params.within(&app));
    let verified = verification(session).await?;
    let mut entries = read(session.store()).await?;
    entries.reverse();
    let content = html! {
        @if verified.holds {
            p { "The chain of " (number(verified.entries)) " entries holds. Its last hash is " code { (verified.head.as_deref().unwrap_or("–")) } "." }
        } @else {
            p.warning role="alert" { "The chain does not hold:" }
            ul { @for finding in &verified.findings { li { "entry " (finding.number) " " (finding.problem) } } }
        }
        div.wide {
            table {
                thead { tr { th.number { "Number" } th { "At" } th { "What" } th { "By" } th { "Deletion" } th { "Details" } } }
                tbody {
                    @for entry in entries.iter().skip(page.offset).take(page.limit) {
                        tr {
                            td.number { (entry.number) }
                            td { (time(&entry.at.to_string())) }
                            td { (entry.event) }
                            td { (entry.actor.as_deref().unwrap_or_default()) }
                            td { @if let Some(id) = &entry.deletion { a href={ "/deletions/" (id) } { code { (id.get(..13).unwrap_or(id)) } } } }
                            td { details { summary { "Figures" } code { (entry.details) } } }
                        }
                    }
                }
            }
        }
        (pages(page, entries.len()))
    };
    Ok(whole("/audit", "Audit log", content))
}
