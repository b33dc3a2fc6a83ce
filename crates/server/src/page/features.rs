//! A feature, its increment, and its samples.

use std::sync::Arc;

use axum::{Router, extract::State, response::Html, routing::get};
use maud::{Markup, html};
use metalith_graph::columns;
use metalith_registry::{Page, Session};
use metalith_store::{ReadOptions, StoreError};
use serde::Deserialize;
use serde_json::Value;

use super::{
    number,
    visitor::{Refused, Visitor},
    whole,
};
use crate::{
    api::features::{page_of, rows},
    app::App,
    wire::{Params, Path, feature_key, filters},
};

/// How many samples a page has.
const LINES: usize = 50;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/features/{feature}", get(feature))
}

/// Which samples.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    filter: String,
    offset: usize,
    deleted: Option<String>,
    history: Option<String>,
}

async fn feature(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path(name): Path,
    Params(wanted): Params<Wanted>,
) -> Result<Html<String>, Refused> {
    let (session, key) = (&caller.session, feature_key(&name)?);
    let graph = session.graph();
    let feature = graph.feature(&key).map_err(StoreError::from)?;
    let status = session.store().status(graph, &key).await?;
    let texts: Vec<String> =
        Some(wanted.filter.clone()).filter(|it| !it.trim().is_empty()).into_iter().collect();
    let options = ReadOptions {
        include_deleted: wanted.deleted.is_some(),
        feature_history: wanted.history.is_some(),
        ..ReadOptions::default()
    };
    let page = Page { offset: wanted.offset, limit: LINES.min(app.limits.page) };
    let found = samples(session, &key, &texts, options, page).await;
    let content = html! {
        @if let Some(description) = &feature.spec().description { p { (description) } }
        p {
            "Version " code { (feature.feature_version()) } ", ids: "
            (feature.spec().id_columns.join(", "))
        }
        @if !feature.spec().deps.is_empty() {
            p {
                @if feature.is_record() { "Refers to " } @else { "Computed from " }
                @for dep in &feature.spec().deps {
                    a href={ "/features/" (dep.feature.as_str().replace('/', "__")) } { (dep.feature) } " "
                }
            }
        }
        section.cards {
            p { strong { (number(status.samples)) } " samples" }
            p { strong { (number(status.deleted)) } " deleted" }
            @if let Some(increment) = status.increment {
                p { strong { (number(increment.new)) } " new" }
                p { strong { (number(increment.stale)) } " stale" }
                p { strong { (number(increment.orphaned)) } " orphaned" }
            }
        }
        form.line method="get" {
            label { "Filter " input name="filter" value=(wanted.filter) placeholder="size > 100" size="40"; }
            label { input type="checkbox" name="deleted" checked[wanted.deleted.is_some()]; " deleted too" }
            label { input type="checkbox" name="history" checked[wanted.history.is_some()]; " older versions too" }
            button type="submit" { "Show" }
        }
        @match found {
            Ok((items, total)) => (table(&items, &feature.spec().id_columns, total, &wanted)),
            Err(problem) => pre.warning role="alert" { (problem) },
        }
    };
    Ok(whole("/graph", key.as_str(), content))
}

/// The samples, or what is wrong with what was asked for.
async fn samples(
    session: &Session,
    key: &metalith_base::FeatureKey,
    texts: &[String],
    options: ReadOptions,
    page: Page,
) -> Result<(Vec<Value>, usize), String> {
    let filters = filters(texts).map_err(|problem| problem.detail)?;
    let options = ReadOptions { filters, ..options };
    let found = page_of(session, key, options, page).await.map_err(|problem| problem.detail)?;
    let items = rows(&found.batches).map_err(|error| error.to_string())?;
    Ok((items, found.total))
}

fn table(items: &[Value], ids: &[String], total: usize, wanted: &Wanted) -> Markup {
    let all = items.first().and_then(Value::as_object).into_iter().flat_map(|it| it.keys());
    let mut names: Vec<&String> = all.collect();
    // What makes a sample this one comes first, what the system keeps about it last.
    names.sort_by_key(|name| (!ids.contains(*name), columns::is_system(name), *name));
    let to = |offset: usize| {
        let escaped: String = wanted.filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let deleted = if wanted.deleted.is_some() { "&deleted=on" } else { "" };
        let history = if wanted.history.is_some() { "&history=on" } else { "" };
        format!("?filter={escaped}{deleted}{history}&offset={offset}")
    };
    html! {
        p { (number(total as u64)) " samples" }
        div.wide {
            table {
                thead { tr { @for name in &names { th { (name) } } } }
                tbody {
                    @for item in items {
                        tr { @for name in &names { td { (shown(&item[name.as_str()])) } } }
                    }
                }
            }
        }
        nav.line aria-label="Pages" {
            @if wanted.offset > 0 { a href=(to(wanted.offset.saturating_sub(LINES))) { "Before" } }
            @if wanted.offset.saturating_add(LINES) < total {
                a href=(to(wanted.offset.saturating_add(LINES))) { "Further" }
            }
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
