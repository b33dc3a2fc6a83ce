//! The feature graph as a picture.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, response::Html, routing::get};
use maud::{Markup, html};
use metalith_graph::FeatureGraph;

use super::{
    visitor::{Refused, Visitor},
    whole,
};
use crate::app::App;

const WIDTH: usize = 200;
const HEIGHT: usize = 40;
const GAP: usize = 60;
const LINE_GAP: usize = 24;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/graph", get(graph))
}

async fn graph(Visitor(caller): Visitor) -> Result<Html<String>, Refused> {
    let graph = caller.session.graph();
    let content = html! {
        p { "What is on the right is computed from what is on its left." }
        (picture(graph))
    };
    Ok(whole("/graph", "Features", content))
}

/// Features in columns: each one column to the right of the last of its upstreams.
fn picture(graph: &FeatureGraph) -> Markup {
    let mut places: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut filled: Vec<usize> = Vec::new();
    // Upstreams come first.
    for feature in graph.features() {
        let deps = feature.spec().deps.iter();
        let columns = deps.filter_map(|dep| places.get(dep.feature.as_str()));
        let column = columns.map(|(column, _)| column + 1).max().unwrap_or_default();
        if filled.len() <= column {
            filled.resize(column + 1, 0);
        }
        places.insert(feature.key().as_str(), (column, filled[column]));
        filled[column] += 1;
    }
    let at = |key: &str| {
        let (column, line) = places.get(key).copied().unwrap_or_default();
        (10 + column * (WIDTH + GAP), 10 + line * (HEIGHT + LINE_GAP))
    };
    let width = 20 + filled.len() * (WIDTH + GAP);
    let height = 20 + filled.iter().max().copied().unwrap_or_default() * (HEIGHT + LINE_GAP);
    html! {
        div.picture {
            svg role="group" aria-label="Feature graph" viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) {
                @for feature in graph.features() {
                    @for dep in &feature.spec().deps {
                        @let (from_x, from_y) = at(dep.feature.as_str());
                        @let (to_x, to_y) = at(feature.key().as_str());
                        @let (start, end) = (from_x + WIDTH, to_x);
                        @let middle = (start + end) / 2;
                        path.edge d={
                            "M" (start) " " (from_y + HEIGHT / 2)
                            " C" (middle) " " (from_y + HEIGHT / 2) " "
                            (middle) " " (to_y + HEIGHT / 2) " " (end) " " (to_y + HEIGHT / 2)
                        } {}
                    }
                }
                @for feature in graph.features() {
                    @let key = feature.key().as_str();
                    @let (x, y) = at(key);
                    a href={ "/features/" (key.replace('/', "__")) } {
                        rect.node x=(x) y=(y) width=(WIDTH) height=(HEIGHT) rx="6" {}
                        text x=(x + WIDTH / 2) y=(y + HEIGHT / 2 + 5) text-anchor="middle" { (key) }
                    }
                }
            }
        }
    }
}
