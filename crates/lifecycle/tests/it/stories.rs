//! Random graphs, samples, deletions and restores, against the rules told the slow way.
//!
//! Every feature has an id and a group. A dep refers to one sample of its upstream (expansion) or
//! to all of a group (aggregation), and says at random what happens on deletion.

use std::collections::{BTreeMap, BTreeSet};

use metalith_expr::parse;
use metalith_graph::FeatureGraph;
use metalith_lifecycle::deletion::{Cascade, CascadeRequest, DeletionError, RestoreMode};
use metalith_store::{DeletionMode, Store};
use metalith_testkit::fixtures::{graph, key, memory_store, read, write};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use crate::support::{apply, bring_back, make};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnDelete {
    AsAsked,
    Cascade,
    Restrict,
    SetNull,
    NoAction,
}

#[derive(Clone, Copy, Debug)]
struct Dep {
    on: usize,
    is_aggregation: bool,
    optional: bool,
    on_delete: OnDelete,
}

#[derive(Clone, Debug)]
enum Op {
    /// A sample of a feature: its id, its group, and which samples it refers to.
    Write {
        of: usize,
        id: u8,
        group: u8,
        refers: [u8; 2],
    },
    Delete {
        of: usize,
        ids: Vec<u8>,
        hard: bool,
        cascade: Cascade,
    },
    Restore {
        which: usize,
    },
}

fn deps() -> impl Strategy<Value = Vec<Vec<Dep>>> {
    let on_delete = prop_oneof![
        4 => Just(OnDelete::AsAsked),
        1 => Just(OnDelete::Cascade),
        1 => Just(OnDelete::Restrict),
        1 => Just(OnDelete::SetNull),
        1 => Just(OnDelete::NoAction),
    ];
    let dep = (any::<prop::sample::Index>(), any::<bool>(), prop::bool::weighted(0.2), on_delete);
    let of_one = prop::collection::vec(dep, 1..=2);
    prop::collection::vec(of_one, 2..=4).prop_map(|features| {
        let mut graph = vec![Vec::new()];
        for (feature, deps) in features.into_iter().enumerate() {
            let mut chosen: Vec<Dep> = Vec::new();
            for (on, is_aggregation, optional, on_delete) in deps {
                let on = on.index(feature + 1);
                // With a second dep there is no key in common.
                let is_aggregation = is_aggregation && chosen.is_empty();
                let is_alone = chosen.first().is_none_or(|first| !first.is_aggregation);
                // An aggregate is named by its group, which cannot be NULL.
                let is_null_id = is_aggregation && on_delete == OnDelete::SetNull;
                let on_delete = if is_null_id { OnDelete::AsAsked } else { on_delete };
                if is_alone && chosen.iter().all(|dep| dep.on != on) {
                    chosen.push(Dep { on, is_aggregation, optional, on_delete });
                }
            }
            graph.push(chosen);
        }
        graph
    })
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let cascade = prop::sample::select(Cascade::ALL.to_vec());
    let write = (0..5_usize, 0..5_u8, 0..2_u8, [0..5_u8, 0..5_u8])
        .prop_map(|(of, id, group, refers)| Op::Write { of, id, group, refers });
    let delete = (0..5_usize, prop::collection::vec(0..5_u8, 1..3), any::<bool>(), cascade)
        .prop_map(|(of, ids, hard, cascade)| Op::Delete { of, ids, hard, cascade });
    let restore = (0..4_usize).prop_map(|which| Op::Restore { which });
    let later = prop_oneof![3 => write.clone(), 3 => delete, 2 => restore];
    (prop::collection::vec(write, 15..30), prop::collection::vec(later, 4..10))
        .prop_map(|(first, later)| first.into_iter().chain(later).collect())
}

fn declared(features: &[Vec<Dep>]) -> FeatureGraph {
    let mut text = String::new();
    for (feature, deps) in features.iter().enumerate() {
        let is_aggregate = deps.first().is_some_and(|dep| dep.is_aggregation);
        let id = if is_aggregate { "grp".to_owned() } else { format!("i{feature}") };
        text.push_str(&format!("[[features]]\nkey = \"f{feature}\"\nid_columns = [\"{id}\"]\n"));
        for dep in deps {
            let on = dep.on;
            let of_group = features[on].first().is_some_and(|it| it.is_aggregation);
            let upstream = if of_group { "grp".to_owned() } else { format!("i{on}") };
            text.push_str(&format!("[[features.deps]]\nfeature = \"f{on}\"\nselect = []\n"));
            text.push_str(&format!("optional = {}\n", dep.optional));
            if dep.is_aggregation {
                text.push_str("lineage = { aggregation = { on = [\"grp\"] } }\n");
            } else {
                text.push_str(&format!("rename = {{ {upstream} = \"r{on}\" }}\n"));
                text.push_str(&format!("lineage = {{ expansion = {{ on = [\"r{on}\"] }} }}\n"));
            }
            let action = match dep.on_delete {
                OnDelete::AsAsked => continue,
                OnDelete::Cascade => "cascade",
                OnDelete::Restrict => "restrict",
                OnDelete::SetNull => "set_null",
                OnDelete::NoAction => "no_action",
            };
            text.push_str(&format!("on_delete = \"{action}\"\n"));
        }
    }
    graph(&text)
}

/// A stored row. The last one of an id counts.
#[derive(Clone, Debug)]
struct Row {
    id: u8,
    group: u8,
    /// By upstream.
    refers: BTreeMap<usize, Option<u8>>,
    is_deleted: bool,
    deletion: Option<String>,
}

struct Model {
    features: Vec<Vec<Dep>>,
    tables: Vec<Vec<Row>>,
    order: FeatureGraph,
}

type Doomed = BTreeMap<usize, BTreeSet<u8>>;

struct Plan {
    doomed: Doomed,
    /// Rows that let go: feature, id, upstream.
    detached: BTreeSet<(usize, u8, usize)>,
    is_blocked: bool,
}

impl Model {
    fn is_aggregate(&self, feature: usize) -> bool {
        self.features[feature].first().is_some_and(|dep| dep.is_aggregation)
    }

    fn latest(&self, feature: usize) -> Vec<Row> {
        let mut latest = BTreeMap::new();
        for row in &self.tables[feature] {
            latest.insert(row.id, row.clone());
        }
        latest.into_values().collect()
    }

    /// What a deletion looks at: hidden samples too, if it is for good.
    fn seen(&self, feature: usize, hard: bool) -> Vec<Row> {
        self.latest(feature).into_iter().filter(|row| hard || !row.is_deleted).collect()
    }

    fn visible(&self, feature: usize) -> Vec<Row> {
        self.seen(feature, false)
    }

    /// The value by which a sample of the feature names one of its upstream.
    fn reference(row: &Row, dep: Dep) -> Option<u8> {
        if dep.is_aggregation {
            Some(row.group)
        } else {
            row.refers.get(&dep.on).copied().flatten()
        }
    }

    /// The same value, told by a sample of the upstream.
    fn referred(row: &Row, dep: Dep) -> u8 {
        if dep.is_aggregation { row.group } else { row.id }
    }

    /// Values that samples which go had: all, and those that no sample has that stays.
    fn gone(&self, dep: Dep, doomed: &Doomed, hard: bool) -> (BTreeSet<u8>, BTreeSet<u8>) {
        let none = BTreeSet::new();
        let going = doomed.get(&dep.on).unwrap_or(&none);
        let rows = self.seen(dep.on, hard);
        let values = |goes: bool| -> BTreeSet<u8> {
            let rows = rows.iter().filter(|row| going.contains(&row.id) == goes);
            rows.map(|row| Self::referred(row, dep)).collect()
        };
        let (touched, alive) = (values(true), values(false));
        let dead = touched.difference(&alive).copied().collect();
        (touched, dead)
    }

    fn features_of(&self, keys: Vec<metalith_base::FeatureKey>) -> Vec<usize> {
        keys.iter().filter_map(|key| key.as_str()[1..].parse().ok()).collect()
    }

    fn plan(&self, of: usize, ids: &[u8], hard: bool, cascade: Cascade) -> Plan {
        let start: BTreeSet<u8> = self
            .seen(of, hard)
            .into_iter()
            .map(|row| row.id)
            .filter(|id| ids.contains(id))
            .collect();
        let mut plan = Plan { doomed: Doomed::new(), detached: BTreeSet::new(), is_blocked: false };
        if !start.is_empty() {
            plan.doomed.insert(of, start);
        }
        let goes_down = matches!(cascade, Cascade::Downstream | Cascade::Both);
        let key = key(&format!("f{of}"));
        let mut let_go = Vec::new();
        for feature in self.features_of(self.order.downstream(&key).unwrap()) {
            for dep in self.features[feature].clone() {
                if dep.on_delete == OnDelete::AsAsked && !goes_down {
                    continue;
                }
                let (_, dead) = self.gone(dep, &plan.doomed, hard);
                let takes = match dep.on_delete {
                    OnDelete::Cascade => true,
                    OnDelete::AsAsked => !dep.optional,
                    OnDelete::SetNull => {
                        let_go.push((feature, dep));
                        false
                    }
                    OnDelete::Restrict | OnDelete::NoAction => false,
                };
                if takes {
                    let rows = self.seen(feature, hard).into_iter();
                    let going = rows.filter(|row| {
                        Self::reference(row, dep).is_some_and(|value| dead.contains(&value))
                    });
                    let going: BTreeSet<u8> = going.map(|row| row.id).collect();
                    if !going.is_empty() {
                        plan.doomed.entry(feature).or_default().extend(going);
                    }
                }
            }
        }
        for (feature, dep) in let_go {
            let (_, dead) = self.gone(dep, &plan.doomed, hard);
            for row in self.refusing(feature, dep, &dead, &plan.doomed) {
                plan.detached.insert((feature, row, dep.on));
            }
        }
        if matches!(cascade, Cascade::Upstream | Cascade::Both) {
            self.upwards(&key, hard, &mut plan.doomed);
        }
        for (feature, deps) in self.features.iter().enumerate() {
            for dep in deps.iter().filter(|dep| dep.on_delete == OnDelete::Restrict) {
                let (_, dead) = self.gone(*dep, &plan.doomed, hard);
                plan.is_blocked |= !self.refusing(feature, *dep, &dead, &plan.doomed).is_empty();
            }
        }
        plan
    }

    /// Live samples that stay and refer to what is gone.
    fn refusing(&self, feature: usize, dep: Dep, dead: &BTreeSet<u8>, doomed: &Doomed) -> Vec<u8> {
        let stays = |id: &u8| doomed.get(&feature).is_none_or(|going| !going.contains(id));
        let rows = self.visible(feature).into_iter();
        let rows =
            rows.filter(|row| Self::reference(row, dep).is_some_and(|value| dead.contains(&value)));
        rows.map(|row| row.id).filter(stays).collect()
    }

    /// Samples of upstreams that nothing needs that stays.
    fn upwards(&self, of: &metalith_base::FeatureKey, hard: bool, doomed: &mut Doomed) {
        let mut upstreams = self.features_of(self.order.upstream(of).unwrap());
        upstreams.reverse();
        for upstream in upstreams {
            let readers: Vec<(usize, Dep)> = (0..self.features.len())
                .flat_map(|it| self.features[it].iter().map(move |dep| (it, *dep)))
                .filter(|(_, dep)| dep.on == upstream)
                .collect();
            let named = |goes: bool| {
                let mut ids = BTreeSet::new();
                for (reader, dep) in &readers {
                    let going = |id: &u8| doomed.get(reader).is_some_and(|it| it.contains(id));
                    for row in self.seen(*reader, hard) {
                        let value = Self::reference(&row, *dep);
                        if going(&row.id) != goes {
                            continue;
                        }
                        let rows = self.seen(upstream, hard).into_iter();
                        let named = rows.filter(|it| Some(Self::referred(it, *dep)) == value);
                        ids.extend(named.map(|it| it.id));
                    }
                }
                ids
            };
            let (candidates, needed) = (named(true), named(false));
            let going: BTreeSet<u8> = candidates.difference(&needed).copied().collect();
            if !going.is_empty() {
                doomed.entry(upstream).or_default().extend(going);
            }
        }
    }

    fn apply(&mut self, plan: &Plan, hard: bool, deletion: &str) {
        for (feature, id, upstream) in &plan.detached {
            let rows = self.visible(*feature);
            let Some(row) = rows.iter().find(|row| row.id == *id) else { continue };
            let mut row = row.clone();
            row.refers.insert(*upstream, None);
            row.deletion = Some(deletion.to_owned());
            self.tables[*feature].push(row);
        }
        for (feature, ids) in &plan.doomed {
            if hard {
                self.tables[*feature].retain(|row| !ids.contains(&row.id));
                continue;
            }
            for row in self.visible(*feature).into_iter().filter(|row| ids.contains(&row.id)) {
                let deletion = Some(deletion.to_owned());
                self.tables[*feature].push(Row { is_deleted: true, deletion, ..row });
            }
        }
    }

    /// Whether anything came back, or why not.
    fn restore(&mut self, deletion: &str) -> Result<(), &'static str> {
        let by = |row: &Row| row.is_deleted && row.deletion.as_deref() == Some(deletion);
        let mut back = Vec::new();
        for feature in 0..self.features.len() {
            let hidden: Vec<Row> = self.latest(feature).into_iter().filter(by).collect();
            let ids: BTreeSet<u8> = hidden.iter().map(|row| row.id).collect();
            let ever = self.tables[feature].iter().filter(|row| by(row));
            if !hidden.is_empty() && ever.into_iter().any(|row| !ids.contains(&row.id)) {
                return Err("superseded");
            }
            back.extend(hidden.into_iter().map(|row| (feature, row)));
        }
        if back.is_empty() {
            return Err("nothing");
        }
        for (feature, row) in back {
            self.tables[feature].push(Row { is_deleted: false, deletion: None, ..row });
        }
        for feature in 0..self.features.len() {
            for row in self.visible(feature) {
                if row.deletion.as_deref() != Some(deletion) {
                    continue;
                }
                let before = self.tables[feature].iter().rev().find(|it| {
                    it.id == row.id && !it.is_deleted && it.deletion.as_deref() != Some(deletion)
                });
                if let Some(before) = before.cloned() {
                    self.tables[feature].push(before);
                }
            }
        }
        Ok(())
    }
}

struct World {
    store: Store,
    graph: FeatureGraph,
    model: Model,
    deletions: Vec<String>,
}

impl World {
    async fn new(features: &[Vec<Dep>]) -> Self {
        let graph = declared(features);
        let tables = vec![Vec::new(); features.len()];
        let model = Model { features: features.to_vec(), tables, order: declared(features) };
        Self { store: memory_store().await, graph, model, deletions: Vec::new() }
    }

    async fn tell(&mut self, op: &Op) {
        let features = self.model.features.len();
        match op {
            Op::Write { of, id, group, refers } => {
                self.write(of % features, *id, *group, *refers).await;
            }
            Op::Delete { of, ids, hard, cascade } => {
                self.delete(of % features, ids, *hard, *cascade).await;
            }
            Op::Restore { which } => self.restore(*which).await,
        }
        self.check(op).await;
    }

    async fn write(&mut self, of: usize, id: u8, group: u8, refers: [u8; 2]) {
        let is_aggregate = self.model.is_aggregate(of);
        // An aggregate is its group.
        let id = if is_aggregate { group } else { id };
        let mut json = json!({ "grp": group, "metaxy_provenance_by_field": { "default": "x" } });
        if !is_aggregate {
            json[format!("i{of}")] = id.into();
        }
        let mut row = Row { id, group, refers: BTreeMap::new(), is_deleted: false, deletion: None };
        for (dep, refers) in self.model.features[of].iter().zip(refers) {
            if !dep.is_aggregation {
                json[format!("r{}", dep.on)] = refers.into();
                row.refers.insert(dep.on, Some(refers));
            }
        }
        self.model.tables[of].push(row);
        write(&self.store, &self.graph, &format!("f{of}"), &Value::Array(vec![json]))
            .await
            .unwrap();
    }

    async fn delete(&mut self, of: usize, ids: &[u8], hard: bool, cascade: Cascade) {
        if self.model.tables[of].is_empty() {
            return;
        }
        let column = if self.model.is_aggregate(of) { "grp".to_owned() } else { format!("i{of}") };
        let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let filter = parse(&format!("{column} IN ({list})")).unwrap();
        let mode = if hard { DeletionMode::Hard } else { DeletionMode::Soft };
        let request = CascadeRequest {
            cascade,
            ..CascadeRequest::new(key(&format!("f{of}")), mode, vec![filter])
        };
        let expected = self.model.plan(of, ids, hard, cascade);
        let plan = make(&self.store, &self.graph, &request).await.unwrap();
        assert_eq!(!plan.blockers().is_empty(), expected.is_blocked, "{:?}", plan.blockers());
        let id = plan.id().to_owned();
        match apply(plan, &self.store, &self.graph).await {
            Ok(_) if !expected.is_blocked => {}
            Err(DeletionError::Blocked { .. }) if expected.is_blocked => return,
            other => panic!("{other:?}"),
        }
        self.model.apply(&expected, hard, &id);
        if !hard {
            self.deletions.push(id);
        }
    }

    async fn restore(&mut self, which: usize) {
        let Some(id) = self.deletions.get(which).cloned() else { return };
        let expected = self.model.restore(&id);
        let found = bring_back(&self.store, &self.graph, &id, RestoreMode::Apply).await;
        assert_eq!(found.is_ok(), expected.is_ok(), "{found:?} {expected:?}");
    }

    async fn check(&self, op: &Op) {
        for feature in 0..self.model.features.len() {
            if self.model.tables[feature].is_empty() {
                continue;
            }
            let is_aggregate = self.model.is_aggregate(feature);
            let id = if is_aggregate { "grp".to_owned() } else { format!("i{feature}") };
            let deps = self.model.features[feature].iter().filter(|dep| !dep.is_aggregation);
            let refers: Vec<String> = deps.clone().map(|dep| format!("r{}", dep.on)).collect();
            let columns: Vec<&str> =
                std::iter::once(id.as_str()).chain(refers.iter().map(String::as_str)).collect();
            let stored = read(&self.store, &self.graph, &format!("f{feature}"), &columns).await;
            let mut expected: Vec<String> = self
                .model
                .visible(feature)
                .iter()
                .map(|row| {
                    let refers = deps.clone().map(|dep| match row.refers.get(&dep.on) {
                        Some(Some(id)) => id.to_string(),
                        _ => "null".to_owned(),
                    });
                    let values: Vec<String> =
                        std::iter::once(row.id.to_string()).chain(refers).collect();
                    values.join(" ")
                })
                .collect();
            expected.sort();
            assert_eq!(stored, expected, "f{feature} after {op:?}");
        }
    }
}

#[test]
fn random_stories_end_as_the_rules_say() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(40);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let told = TestRunner::new(config).run(&(deps(), ops()), |(features, ops)| {
        runtime.block_on(async {
            let mut world = World::new(&features).await;
            for op in &ops {
                world.tell(op).await;
            }
        });
        Ok(())
    });
    if let Err(error) = told {
        panic!("{error}");
    }
}
