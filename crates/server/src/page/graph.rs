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

/// The least width of a feature's box.
const WIDTH: usize = 160;
/// How wide a letter is at most.
const LETTER: usize = 8;
const HEIGHT: usize = 40;
const GAP: usize = 60;
const LINE_GAP: usize = 24;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/graph", get(graph))
}

async fn graph(Visitor(caller): Visitor) -> Result<Html<String>, Refused> {
    let graph = caller.session.graph();
    let content = html! {
        p { "What is on the right is computed from what is on its left, or refers to it." }
        (picture(graph))
    };
    Ok(whole("/graph", "Features", content))
}

/// What leads from one feature to another.
struct Way<'a> {
    from: &'a str,
    to: &'a str,
    /// The places in the columns between them that are kept free for it.
    free: Vec<(usize, usize)>,
}

/// Where the features are in the picture, and which ways lead between them.
#[derive(Default)]
struct Layout<'a> {
    /// Column and line of each feature.
    places: BTreeMap<&'a str, (usize, usize)>,
    ways: Vec<Way<'a>>,
    /// How many lines of each column are taken.
    taken: Vec<usize>,
}

impl<'a> Layout<'a> {
    /// Features in columns: each one column to the right of the last of its upstreams.
    fn of(graph: &'a FeatureGraph) -> Self {
        let mut layout = Self::default();
        // Upstreams come first.
        for feature in graph.features() {
            let key = feature.key().as_str();
            let froms: Vec<&str> =
                feature.spec().deps.iter().map(|it| it.feature.as_str()).collect();
            let columns = froms.iter().map(|from| layout.place(from).0 + 1);
            let column = columns.max().unwrap_or_default();
            for from in froms {
                let between = layout.place(from).0 + 1..column;
                let free = between.map(|column| (column, layout.take(column))).collect();
                layout.ways.push(Way { from, to: key, free });
            }
            let line = layout.take(column);
            layout.places.insert(key, (column, line));
        }
        layout
    }

    fn place(&self, key: &str) -> (usize, usize) {
        self.places.get(key).copied().unwrap_or_default()
    }

    /// The next free line of a column.
    fn take(&mut self, column: usize) -> usize {
        if self.taken.len() <= column {
            self.taken.resize(column + 1, 0);
        }
        self.taken[column] += 1;
        self.taken[column] - 1
    }

    /// How a way is drawn, around the features in between.
    fn drawn(&self, Way { from, to, free }: &Way<'_>, width: usize) -> String {
        let (mut x, mut y) = corner(self.place(from), width);
        x += width;
        y += HEIGHT / 2;
        let mut way = format!("M{x} {y}");
        for place in free.iter().copied().chain([self.place(to)]) {
            let (next_x, next_y) = corner(place, width);
            let (middle, next_y) = ((x + next_x) / 2, next_y + HEIGHT / 2);
            way += &format!(" C{middle} {y} {middle} {next_y} {next_x} {next_y}");
            (x, y) = (next_x + width, next_y);
            if place != self.place(to) {
                way += &format!(" H{x}");
            }
        }
        way
    }
}

/// The upper left corner of a place.
fn corner((column, line): (usize, usize), width: usize) -> (usize, usize) {
    (10 + column * (width + GAP), 10 + line * (HEIGHT + LINE_GAP))
}

fn picture(graph: &FeatureGraph) -> Markup {
    let layout = Layout::of(graph);
    let longest = graph.features().map(|it| it.key().as_str().chars().count()).max();
    let node = (longest.unwrap_or_default() * LETTER + 2 * LINE_GAP).max(WIDTH);
    let lines = layout.taken.iter().max().copied().unwrap_or_default();
    let (width, height) = corner((layout.taken.len(), lines), node);
    html! {
        div.picture {
            svg role="group" aria-label="Feature graph" viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) {
                @for way in &layout.ways {
                    path.edge d=(layout.drawn(way, node)) {}
                }
                @for feature in graph.features() {
                    @let key = feature.key().as_str();
                    @let (x, y) = corner(layout.place(key), node);
                    a href={ "/features/" (key.replace('/', "__")) } {
                        rect.node x=(x) y=(y) width=(node) height=(HEIGHT) rx="6" {}
                        text x=(x + node / 2) y=(y + HEIGHT / 2 + 5) text-anchor="middle" { (key) }
                    }
                }
            }
        }
    }
}
