//! What happens to a store in a database, and what is then asked of it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use metalith_base::{Clock, Timestamp};
use metalith_expr::parse;
use metalith_graph::FeatureGraph;
use metalith_store::{
    Computed, DeletionMode, DeletionRequest, HashSettings, Increment, MaintainOptions, OpenOptions,
    ResolveOptions, Store, StoreError, WriteOptions,
};
use metalith_testkit::{
    both_ways::{self, Ways},
    fixtures::{key, rows},
};
use proptest::{
    prelude::{Strategy, any},
    prop_oneof,
    sample::select,
};
use serde_json::{Map, Value, json};

use crate::support::fresh;

/// Every kind of dep, with names, types and ids that databases have rules of their own for.
const GRAPH: &str = r#"
[[features]]
key = "a"
id_columns = ["id"]
fields = ["x", "y/z"]

[[features]]
key = "b-c"
id_columns = ["ID", "n"]
fields = [{ key = "x", code_version = "it's \"1\" | \\ é" }]

[[features]]
key = "one"
id_columns = ["id"]
fields = [{ key = "x", code_version = "'; --" }, "w"]
deps = [{ feature = "a", filters = ["n >= -1 AND NOT (Text = 'B')"], rename = { t = "Text" } }]

[[features]]
key = "d"
id_columns = ["id", "n"]
fields = ["x"]

[[features]]
key = "two"
id_columns = ["id", "n"]
fields = ["v", "u"]
deps = [
    { feature = "a", rename = { n = "m" } },
    { feature = "b-c", rename = { ID = "id" }, select = ["only"] },
]

[[features]]
key = "perhaps"
id_columns = ["id", "n"]
fields = ["v"]
deps = [
    { feature = "b-c", rename = { ID = "id" }, select = ["only"], optional = true },
    { feature = "a", rename = { n = "m" }, select = ["m"] },
    { feature = "d", rename = { n = "o" }, select = [], optional = true },
]

[[features]]
key = "pair"
id_columns = ["id", "n"]
fields = ["v"]
deps = [{ feature = "b-c", rename = { ID = "id" }, select = ["only"] }, "d"]

[[features]]
key = "either"
id_columns = ["id", "n"]
fields = ["v"]
deps = [
    { feature = "d", select = [], optional = true },
    { feature = "b-c", rename = { ID = "id" }, select = ["only"], optional = true },
]

[[features]]
key = "total"
id_columns = ["t"]
fields = ["v"]
deps = [{ feature = "a", lineage = { aggregation = { on = ["t"] } } }]

[[features]]
key = "kid"
id_columns = ["k", "id"]
fields = ["v"]
deps = [{ feature = "a", rename = { n = "m" }, lineage = { expansion = { on = ["id"] } } }]

[[features]]
key = "word"
id_columns = ["w"]
fields = ["v"]
deps = [{ feature = "a", select = ["t"], lineage = { expansion = { on = ["t"] } } }]

[[features]]
key = "count"
id_columns = ["n"]
fields = ["v", "w"]
deps = [
    { feature = "a", select = [], lineage = { aggregation = { on = ["n"] } }, filters = ["flag IS NOT FALSE"] },
    { feature = "b-c", select = [], lineage = { aggregation = { on = ["n"] } }, optional = true },
]
"#;

const COMPUTED: [&str; 9] =
    ["one", "two", "perhaps", "pair", "either", "total", "count", "kid", "word"];

const ROOTS: [&str; 3] = ["a", "b-c", "d"];

/// Texts that are told apart, ordered or written in different ways by different rules.
const TEXTS: [&str; 12] =
    ["a", "A", "b", "B", "", "|", "it's \\ \"q\"", "\u{e9}", "e\u{301}", "\u{1f600}", "$1 ?", " a"];

/// Conditions, some of which databases may see otherwise and so are not asked.
pub(super) const CONDITIONS: [(&str, bool); 13] = [
    ("id <> 'A'", true),
    ("id IN ('a', 'B', '')", true),
    ("id NOT IN ('a', 'b')", true),
    ("id < 'a' OR id > 'b'", true),
    ("id BETWEEN 'A' AND 'a'", true),
    ("n > -2 AND n <= 1", true),
    ("n IS NULL OR n = 1 OR id = ''", true),
    ("NOT (n IS DISTINCT FROM 0)", true),
    ("id = 'it''s \\ \"q\"'", true),
    ("id LIKE 'a%'", false),
    ("length(id) < 2", false),
    ("n + 1 > 0", false),
    ("n > 0.5", false),
];

/// A row of a root: text, number, text, flag, versions.
type RootRow = (&'static str, i8, Option<&'static str>, u8, [usize; 2]);

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// Rows of a root are written, at a time that may not be new.
    Write(&'static str, Vec<RootRow>, bool),
    /// New and stale samples are written.
    WorkOff(&'static str),
    /// Samples are deleted.
    Delete(&'static str, usize, bool),
    /// Small chunks are put together.
    Compact(&'static str),
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let text = || select(&TEXTS[..]);
    let row =
        (text(), -2..3_i8, proptest::option::of(text()), 0..3_u8, [0..TEXTS.len(), 0..TEXTS.len()]);
    let rows = proptest::collection::vec(row, 1..8);
    let any_feature = prop_oneof![select(&ROOTS[..]), select(&COMPUTED[..])];
    prop_oneof![
        6 => (select(&ROOTS[..]), rows, any::<bool>())
            .prop_map(|(of, rows, is_later)| Op::Write(of, rows, is_later)),
        6 => select(&COMPUTED[..]).prop_map(Op::WorkOff),
        2 => (any_feature.clone(), 0..4_usize, any::<bool>())
            .prop_map(|(of, only, hard)| Op::Delete(of, only, hard)),
        1 => any_feature.prop_map(Op::Compact),
    ]
}

/// Tells a time again until it is told to go on.
#[derive(Debug, Default)]
struct ByHand(AtomicI64);

impl Clock for ByHand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + self.0.load(Ordering::Relaxed))
    }
}

pub(super) struct Story {
    pub(super) store: Store,
    pub(super) graph: FeatureGraph,
    clock: Arc<ByHand>,
    pub(super) ways: Ways,
}

impl Story {
    pub(super) async fn new(kind: &'static str, hash: HashSettings) -> Self {
        let clock = Arc::new(ByHand::default());
        let options = OpenOptions {
            hash: Some(hash),
            clock: Arc::<ByHand>::clone(&clock),
            ..OpenOptions::write()
        };
        let store = Store::open(fresh(kind), options).await.unwrap();
        let definitions = metalith_graph::parse_features(
            "features.toml",
            &format!("project = \"test\"\n{GRAPH}"),
            metalith_document::Format::Toml,
        );
        let definitions = definitions.unwrap_or_else(|error| panic!("{error}"));
        let graph = FeatureGraph::new(definitions, hash.length);
        let graph = graph.unwrap_or_else(|error| panic!("{error}"));
        Self { store, graph, clock, ways: Ways::default() }
    }

    fn later(&self) {
        self.clock.0.fetch_add(1, Ordering::Relaxed);
    }

    async fn write(&self, feature: &str, given: &Value) {
        let options = WriteOptions::default();
        self.store.write(&self.graph, &key(feature), rows(given), &options).await.unwrap();
    }

    pub(super) async fn take(&mut self, op: &Op) {
        match op {
            Op::Write(feature, rows, is_later) => {
                if *is_later {
                    self.later();
                }
                self.write(feature, &root_rows(feature, rows)).await;
            }
            Op::WorkOff(feature) => self.work_off(feature).await,
            Op::Delete(feature, only, hard) => {
                self.later();
                let mode = if *hard { DeletionMode::Hard } else { DeletionMode::Soft };
                let id = match *feature {
                    "b-c" => "ID",
                    "total" => "t",
                    "count" => "n",
                    "word" => "w",
                    _ => "id",
                };
                let filter = match (id, only) {
                    ("n", only) => format!("n = {}", *only as i64 - 1),
                    (_, only) => format!("{id} = '{}'", TEXTS[*only]),
                };
                let request = DeletionRequest::new(mode, vec![parse(&filter).unwrap()]);
                // Perhaps there is no table, or nothing in it.
                self.store.delete(&self.graph, &key(feature), &request).await.ok();
            }
            Op::Compact(feature) => {
                let options =
                    MaintainOptions { vacuum: Some(Duration::ZERO), ..Default::default() };
                self.store.maintain(&key(feature), &options).await.ok();
            }
        }
    }

    async fn work_off(&mut self, feature: &str) {
        let options = ResolveOptions::default();
        let found = both_ways::resolve(&self.store, &self.graph, &key(feature), &options).await;
        let Some(found) = unless_missing(found) else { return };
        self.ways.count(&found);
        self.later();
        let ids = self.graph.feature(&key(feature)).unwrap().spec().id_columns.clone();
        for frame in [found.new, found.stale] {
            let mut once: BTreeMap<String, Value> = BTreeMap::new();
            for row in metalith_testkit::rows_to_json(&frame.batches) {
                let kept = row.into_iter().filter(|(name, value)| {
                    let is_id = ids.contains(name) || (feature == "word" && name == "t");
                    !value.is_null() && (name.starts_with("metaxy_prov") || is_id)
                });
                let row: Map<String, Value> = kept.collect();
                for row in children(feature, row) {
                    let is_whole = ids.iter().all(|id| row.contains_key(id));
                    if is_whole && row.contains_key("metaxy_provenance_by_field") {
                        let id = ids.iter().map(|id| row[id].to_string()).collect::<Vec<_>>();
                        once.insert(id.join(" "), row.into());
                    }
                }
            }
            if !once.is_empty() {
                let rows: Vec<Value> = once.into_values().collect();
                self.write(feature, &json!(rows)).await;
            }
        }
    }

    /// Every feature, without and with conditions.
    pub(super) async fn compare(&mut self, (condition, kind): (usize, usize)) {
        let (text, is_asked) = CONDITIONS[condition % CONDITIONS.len()];
        let on = |text: &str| vec![parse(text).unwrap()];
        for feature in COMPUTED {
            let plain = ResolveOptions::default();
            let all = ResolveOptions { skip_comparison: true, ..ResolveOptions::default() };
            let filtered = ResolveOptions {
                filters: BTreeMap::from([(key("a"), on(text))]),
                ..ResolveOptions::default()
            };
            let stale = ResolveOptions {
                staleness: on("metaxy_provenance > '8'"),
                target_filters: on("metaxy_provenance <> 'x'"),
                ..ResolveOptions::default()
            };
            // Each in some of the stories.
            let options = [all, filtered, stale].into_iter().nth(kind);
            for options in [plain].into_iter().chain(options) {
                let feature = key(feature);
                let found = both_ways::resolve(&self.store, &self.graph, &feature, &options).await;
                let Some(found) = unless_missing(found) else { continue };
                self.ways.count(&found);
                let spec = self.graph.feature(&feature).unwrap().spec();
                let is_filtered = !options.filters.is_empty()
                    && spec.deps.iter().any(|dep| options.filters.contains_key(&dep.feature));
                let is_native = matches!(found.computed, Computed::Native { .. });
                assert_eq!(is_native, !is_filtered || is_asked, "{feature} {:?}", found.computed);
            }
        }
    }
}

/// What is written of a row that is expected: of an expansion several rows, all of them at one time,
/// and some of which somebody made of something else.
fn children(feature: &str, row: Map<String, Value>) -> Vec<Map<String, Value>> {
    let (parent, own) = match feature {
        "kid" => ("id", "k"),
        "word" => ("t", "w"),
        _ => return vec![row],
    };
    let Some(Value::String(of)) = row.get(parent) else { return Vec::new() };
    let children = of.len() % 3 + 1;
    let odd = of.bytes().map(usize::from).sum::<usize>() % 5;
    let child = |number: usize| {
        let mut child = row.clone();
        let id = if feature == "kid" {
            json!(number)
        } else {
            // Greater for some than for others, by which rules whatever.
            json!(format!("{of}{}", ["a", "B", "\u{e9}"][number % 3]))
        };
        child.insert(own.to_owned(), id);
        if number == odd {
            child.insert("metaxy_provenance_by_field".to_owned(), json!({ "v": "another" }));
            child.remove("metaxy_provenance");
        }
        child
    };
    (0..children).map(child).collect()
}

/// An increment; none as long as an upstream has no table.
fn unless_missing(found: Result<Increment, StoreError>) -> Option<Increment> {
    match found {
        Err(StoreError::NoTable { .. }) => None,
        found => Some(found.unwrap()),
    }
}

/// Rows as somebody would write them; some have no version of a field, or versions of their own.
fn root_rows(feature: &str, rows: &[RootRow]) -> Value {
    let mut once: BTreeMap<String, Value> = BTreeMap::new();
    for (text, number, other, flag, versions) in rows {
        let number = if feature == "a" && *number == 2 { Value::Null } else { json!(number) };
        let version = |at: usize| json!(TEXTS[versions[at]]);
        let (id, row) = match feature {
            "a" => {
                let by_field = json!({ "x": version(0), "y_z": version(1) });
                let own = json!({ "x": version(1), "y_z": version(0) });
                let flag = [Some(true), Some(false), None][usize::from(*flag)];
                let row = json!({
                    "id": text, "n": number, "t": other, "flag": flag, "deep": { "m": text },
                    "metaxy_provenance_by_field": by_field,
                    "metaxy_data_version_by_field": own,
                });
                ((*text).to_owned(), row)
            }
            "d" => {
                let by_field = json!({ "x": version(0) });
                let row =
                    json!({ "id": text, "n": number, "metaxy_provenance_by_field": by_field });
                (format!("{text} {number}"), row)
            }
            _ => {
                let row = json!({
                    "ID": text, "n": number, "only": other,
                    "metaxy_provenance_by_field": { "x": version(0) },
                });
                (format!("{text} {number}"), row)
            }
        };
        once.insert(id, row);
    }
    let mut rows: Vec<Value> = once.into_values().collect();
    // So that the types of columns do not depend on chance.
    rows.push(match feature {
        "a" => json!({
            "id": "typed", "n": 7, "t": "t", "flag": true, "deep": { "m": "m" },
            "metaxy_provenance_by_field": { "x": "1", "y_z": "2" },
            "metaxy_data_version_by_field": { "x": "1", "y_z": "2" },
        }),
        "d" => json!({ "id": "typed", "n": 7, "metaxy_provenance_by_field": { "x": "1" } }),
        _ => json!({
            "ID": "typed", "n": 7, "only": "o", "metaxy_provenance_by_field": { "x": "1" },
        }),
    });
    json!(rows)
}
