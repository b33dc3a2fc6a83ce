//! The page: what people see of a server, rendered here, with small scripts that call the API.
//!
//! Everything it needs is embedded. Scripts do what a form could do as well: they call the API and
//! show what it says.

mod api;
mod deletions;
mod features;
mod graph;
mod overview;
mod registry;
mod storage;
mod visitor;

use std::sync::Arc;

use axum::{
    Router,
    http::header,
    response::{Html, IntoResponse},
    routing::get,
};
use maud::{DOCTYPE, Markup, html};

use crate::app::App;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// The parts of the page, by path.
const PARTS: [(&str, &str); 10] = [
    ("/", "Overview"),
    ("/graph", "Features"),
    ("/jobs", "Jobs"),
    ("/datasets", "Datasets"),
    ("/models", "Models"),
    ("/deletions", "Deletions"),
    ("/objects", "Objects"),
    ("/holds", "Holds"),
    ("/audit", "Audit log"),
    ("/api", "API"),
];

pub(crate) fn routes() -> Router<Arc<App>> {
    let style = || async { asset("text/css; charset=utf-8", STYLE) };
    let script = || async { asset("text/javascript; charset=utf-8", SCRIPT) };
    Router::new()
        .route("/assets/style.css", get(style))
        .route("/assets/script.js", get(script))
        .merge(api::routes())
        .merge(visitor::routes())
        .merge(overview::routes())
        .merge(graph::routes())
        .merge(features::routes())
        .merge(registry::routes())
        .merge(deletions::routes())
        .merge(storage::routes())
}

fn asset(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=300")], content)
}

/// A whole page.
fn whole(path: &str, title: &str, content: Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Metalith" }
                link rel="stylesheet" href="/assets/style.css";
                link rel="icon" href="data:,";
                script src="/assets/script.js" defer {}
            }
            body {
                a.skip href="#content" { "To the content" }
                header {
                    strong { "Metalith" }
                    nav aria-label="Parts" {
                        @for (to, name) in PARTS {
                            a href=(to) aria-current=[(to == path).then_some("page")] { (name) }
                        }
                    }
                }
                main #content {
                    h1 { (title) }
                    (content)
                }
                p #said role="status" aria-live="polite" {}
                (dialog())
            }
        }
    };
    Html(page.into_string())
}

/// The dialog in which every deletion is looked at before it happens. A script fills it.
fn dialog() -> Markup {
    html! {
        dialog #deleting aria-labelledby="deleting-title" {
            form method="dialog" {
                h2 #deleting-title { "Delete" }
                label #deleting-datasets hidden {
                    input #delete-dataset type="checkbox";
                    " Also delete the datasets that this job made"
                }
                p.warning #deleting-warning role="alert" {}
                div #deleting-plan aria-live="polite" {}
                div.actions {
                    button type="submit" value="no" { "Keep" }
                    button.danger #deleting-yes type="button" { "Delete for good" }
                }
            }
        }
    }
}

/// A number with spaces between thousands.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A size as people read it.
fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// A time without its microseconds.
fn time(text: &str) -> String {
    text.split('.').next().unwrap_or(text).trim_end_matches('Z').replace('T', " ")
}
