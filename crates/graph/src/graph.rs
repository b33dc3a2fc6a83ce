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
#[derive(Clone, Debug)]
pub struct FeatureGraph {
    features: BTreeMap<FeatureKey, Feature>,
    order: Vec<FeatureKey>,
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
        let mut features = BTreeMap::new();
        for key in &order {
            if let Some(definition) = declared.remove(key) {
                let feature = Feature::resolve(definition, &features, hash_length)?;
                features.insert(key.clone(), feature);
            }
        }
        let own = features.values().filter(|feature| !feature.is_external());
        let pieces = own.flat_map(|feature| [feature.key().as_str(), feature.feature_version()]);
        let snapshot_version = hash(pieces, hash_length);
        Ok(Self { features, order, hash_length, snapshot_version })
    }

    /// A feature.
    pub fn feature(&self, key: &FeatureKey) -> Result<&Feature, GraphError> {
        self.features.get(key).ok_or_else(|| {
            let known = self.features.keys().map(FeatureKey::as_str);
            let near = nearest(key.as_str(), known).and_then(|near| near.parse().ok());
            GraphError::UnknownFeature { key: key.clone(), near }
        })
    }

    /// Every feature, upstreams before what is computed from them, equals by key.
    pub fn features(&self) -> impl DoubleEndedIterator<Item = &Feature> {
        self.order.iter().filter_map(|key| self.features.get(key))
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

    /// What a feature is computed from, directly or not, in topological order.
    pub fn upstream(&self, key: &FeatureKey) -> Result<Vec<FeatureKey>, GraphError> {
        self.feature(key)?;
        Ok(self.ordered(&self.reached(key, |from| self.direct_upstream(from))))
    }

    /// What is computed from a feature, directly or not, in topological order.
    pub fn downstream(&self, key: &FeatureKey) -> Result<Vec<FeatureKey>, GraphError> {
        self.feature(key)?;
        Ok(self.ordered(&self.reached(key, |from| self.direct_downstream(from))))
    }

    /// The features that take part when one is deleted, in the order of deleting: dependents first
    /// downstream, dependencies first upstream, and dependency order for both.
    pub fn deletion_order(
        &self,
        key: &FeatureKey,
        direction: Direction,
        start: Start,
    ) -> Result<Vec<FeatureKey>, GraphError> {
        let mut features = match direction {
            Direction::Downstream => self.downstream(key)?,
            Direction::Upstream => self.upstream(key)?,
            Direction::Both => {
                self.feature(key)?;
                self.ordered(&self.reached(key, |from| {
                    let mut next = self.direct_upstream(from);
                    next.extend(self.direct_downstream(from));
                    next
                }))
            }
        };
        features.retain(|it| it != key);
        if start == Start::Included {
            features.push(key.clone());
            features = self.ordered(&features.into_iter().collect());
        }
        if direction == Direction::Downstream {
            features.reverse();
        }
        Ok(features)
    }

    fn direct_upstream(&self, key: &FeatureKey) -> Vec<FeatureKey> {
        let deps = self.features.get(key).into_iter().flat_map(|it| &it.spec().deps);
        deps.map(|dep| dep.feature.clone()).collect()
    }

    fn direct_downstream(&self, key: &FeatureKey) -> Vec<FeatureKey> {
        let reads = |feature: &&Feature| feature.spec().deps.iter().any(|dep| dep.feature == *key);
        self.features.values().filter(reads).map(|feature| feature.key().clone()).collect()
    }

    /// Everything that can be reached, without where it starts.
    fn reached(
        &self,
        start: &FeatureKey,
        next: impl Fn(&FeatureKey) -> Vec<FeatureKey>,
    ) -> BTreeSet<FeatureKey> {
        let mut reached = BTreeSet::new();
        let mut open = vec![start.clone()];
        while let Some(key) = open.pop() {
            for found in next(&key) {
                if found != *start && reached.insert(found.clone()) {
                    open.push(found);
                }
            }
        }
        reached
    }

    fn ordered(&self, keys: &BTreeSet<FeatureKey>) -> Vec<FeatureKey> {
        self.order.iter().filter(|key| keys.contains(*key)).cloned().collect()
    }
}
