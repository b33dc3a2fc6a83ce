//! The graph: features with their versions, in topological order.

use std::collections::{BTreeMap, BTreeSet};

use metalith_base::{FeatureKey, FieldKey, nearest};

use crate::{
    GraphError, HashLength,
    feature::Feature,
    order::topological_order,
    spec::{FeatureDefinition, FieldSpec},
    validate,
    version::hash,
};

/// Features that fit together.
///
/// A graph that exists has no cycles, no unknown names and no colliding ones, and knows every
/// version. It does not depend on the order in which features were declared.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureGraph {
    /// In topological order; everything else names them by their place here.
    features: Vec<Feature>,
    places: BTreeMap<FeatureKey, usize>,
    upstream: Vec<Vec<usize>>,
    downstream: Vec<Vec<usize>>,
    hash_length: HashLength,
    snapshot_version: String,
}

/// Which way to go from a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To what is computed from it.
    Downstream,
    /// To what it is computed from.
    Upstream,
    /// Both ways, and on from there: everything connected.
    Both,
}

/// Whether a list of features has the one it starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It has.
    Included,
    /// It has not.
    Excluded,
}

impl FeatureGraph {
    /// Puts features together.
    pub fn new(
        definitions: impl IntoIterator<Item = FeatureDefinition>,
        hash_length: HashLength,
    ) -> Result<Self, GraphError> {
        let mut declared: BTreeMap<FeatureKey, FeatureDefinition> = BTreeMap::new();
        for mut definition in definitions {
            if definition.spec.fields.is_empty() {
                definition.spec.fields.push(FieldSpec::named(FieldKey::default_field()));
            }
            let key = definition.spec.key.clone();
            let second = definition.origin.clone();
            if let Some(first) = declared.insert(key.clone(), definition) {
                return Err(GraphError::DuplicateKey { key, first: first.origin, second });
            }
        }
        for definition in declared.values() {
            validate::spec(definition)?;
        }
        validate::names(&declared)?;
        let order = topological_order(&declared)?;
        validate::fields(&declared)?;
        let mut graph = Self {
            features: Vec::with_capacity(order.len()),
            places: BTreeMap::new(),
            upstream: vec![Vec::new(); order.len()],
            downstream: vec![Vec::new(); order.len()],
            hash_length,
            snapshot_version: String::new(),
        };
        for key in order {
            if let Some(definition) = declared.remove(&key) {
                graph.add(key, definition)?;
            }
        }
        let mut own: Vec<&Feature> = graph.features().filter(|it| !it.is_external()).collect();
        own.sort_by_key(|feature| feature.key());
        let pieces = own.iter().flat_map(|it| [it.key().as_str(), it.feature_version()]);
        graph.snapshot_version = hash(pieces, hash_length);
        Ok(graph)
    }

    /// A feature.
    pub fn feature(&self, key: &FeatureKey) -> Result<&Feature, GraphError> {
        Ok(&self.features[self.place(key)?])
    }

    /// Every feature, upstreams before what is computed from them, equals by key.
    pub fn features(&self) -> impl DoubleEndedIterator<Item = &Feature> {
        self.features.iter()
    }

    /// How many features there are.
    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// To how many characters versions are cut.
    pub fn hash_length(&self) -> HashLength {
        self.hash_length
    }

    /// The version of the whole: over key and version of each feature that is not external.
    pub fn snapshot_version(&self) -> &str {
        &self.snapshot_version
    }

    /// What a feature is computed from without anything between, in topological order.
    pub fn direct_upstream(&self, key: &FeatureKey) -> Result<Vec<FeatureKey>, GraphError> {
        Ok(self.keys(self.upstream[self.place(key)?].iter().copied().collect()))
    }

    /// What is computed from a feature without anything between, in topological order.
    pub fn direct_downstream(&self, key: &FeatureKey) -> Result<Vec<FeatureKey>, GraphError> {
        Ok(self.keys(self.downstream[self.place(key)?].iter().copied().collect()))
    }

    /// What a feature is computed from, directly or not, in topological order.
    pub fn upstream(&self, key: &FeatureKey) -> Result<Vec<FeatureKey>, GraphError> {
        Ok(self.keys(reached(self.place(key)?, &[&self.upstream])))
    }

    /// What is computed from a feature, directly or not, in topological order.
    pub fn downstream(&self, key: &FeatureKey) -> Result<Vec<FeatureKey>, GraphError> {
        Ok(self.keys(reached(self.place(key)?, &[&self.downstream])))
    }

    /// The features that take part when one is deleted, in the order of deleting: dependents first
    /// downstream, dependencies first upstream, and dependency order for both.
    pub fn deletion_order(
        &self,
        key: &FeatureKey,
        direction: Direction,
        start: Start,
    ) -> Result<Vec<FeatureKey>, GraphError> {
        let from = self.place(key)?;
        let mut places = match direction {
            Direction::Downstream => reached(from, &[&self.downstream]),
            Direction::Upstream => reached(from, &[&self.upstream]),
            Direction::Both => reached(from, &[&self.upstream, &self.downstream]),
        };
        if start == Start::Included {
            places.insert(from);
        }
        let mut features = self.keys(places);
        if direction == Direction::Downstream {
            features.reverse();
        }
        Ok(features)
    }

    /// Resolves a feature whose upstreams are there already, and puts it last.
    fn add(&mut self, key: FeatureKey, definition: FeatureDefinition) -> Result<(), GraphError> {
        let place = self.features.len();
        // Looked up once a dep, and not once a field: the graph may be large, its deps seldom are.
        let deps = definition.spec.deps.iter();
        let found =
            deps.filter_map(|dep| Some((dep.feature.clone(), *self.places.get(&dep.feature)?)));
        let upstreams: BTreeMap<FeatureKey, usize> = found.collect();
        let find = |key: &FeatureKey| upstreams.get(key).map(|place| &self.features[*place]);
        let feature = Feature::resolve(definition, &find, self.hash_length)?;
        for upstream in upstreams.into_values() {
            self.upstream[place].push(upstream);
            self.downstream[upstream].push(place);
        }
        self.features.push(feature);
        self.places.insert(key, place);
        Ok(())
    }

    fn place(&self, key: &FeatureKey) -> Result<usize, GraphError> {
        self.places.get(key).copied().ok_or_else(|| {
            let known = self.places.keys().map(FeatureKey::as_str);
            let near = nearest(key.as_str(), known).and_then(|near| near.parse().ok());
            GraphError::UnknownFeature { key: key.clone(), near }
        })
    }

    /// Places are in topological order, and so are the keys.
    fn keys(&self, places: BTreeSet<usize>) -> Vec<FeatureKey> {
        places.into_iter().map(|place| self.features[place].key().clone()).collect()
    }
}

/// Everything that can be reached over some edges, without where it starts.
fn reached(start: usize, edges: &[&Vec<Vec<usize>>]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(place) = open.pop() {
        for next in edges.iter().flat_map(|edges| &edges[place]) {
            if *next != start && reached.insert(*next) {
                open.push(*next);
            }
        }
    }
    reached
}
