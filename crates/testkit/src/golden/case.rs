//! A vector file.

use std::{collections::BTreeMap, path::Path};

use metalith_base::FeatureKey;
use metalith_graph::{External, FeatureDefinition, FeatureGraph, HashLength, spec_from_wire};
use metalith_store::{HashAlgorithm, HashSettings};
use serde_json::{Map, Value};

/// A vector: graphs, and steps to take on an empty store.
#[derive(Clone, Debug)]
pub struct GoldenCase {
    content: Value,
}

impl GoldenCase {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a vector can be read");
        Self { content: serde_json::from_str(&text).expect("a vector is JSON") }
    }

    /// The vector's id.
    pub fn name(&self) -> &str {
        self.content["id"].as_str().expect("a vector has an id")
    }

    /// How its store hashes.
    pub fn hash(&self) -> HashSettings {
        let algorithm = self.content["hash_algorithm"].as_str().expect("a vector names its hash");
        let length = self.content["hash_truncation_length"].as_u64();
        HashSettings {
            algorithm: algorithm.parse::<HashAlgorithm>().expect("a hash of the contract"),
            length: length.map_or(HashLength::UNCUT, |length| {
                HashLength::cut_to(length as usize).expect("a length of the contract")
            }),
        }
    }

    /// The vector in a store that hashes in another way. What it expects is not what is found then.
    #[must_use]
    pub fn hashing(mut self, hash: HashSettings) -> Self {
        self.content["hash_algorithm"] = hash.algorithm.name().into();
        self.content["hash_truncation_length"] = hash.length.get().into();
        self
    }

    /// A graph of the vector: `main`, or one of its alternatives.
    pub fn graph(&self, name: &str) -> FeatureGraph {
        let holder = match name {
            "main" => &self.content,
            other => &self.content["alt_graphs"][other],
        };
        let definitions = object(&holder["features"]).values().map(|feature| {
            let is_external = feature["external"].as_bool().unwrap_or(false);
            FeatureDefinition {
                class: None,
                retention: Default::default(),
                project: feature["project"].as_str().expect("a project").to_owned(),
                spec: spec_from_wire(&feature["spec"]).expect("a spec of the reference system"),
                external: is_external.then(|| External {
                    provenance_by_field: object_or_empty(&feature["provenance_by_field"])
                        .iter()
                        .map(|(field, version)| {
                            let version = version.as_str().expect("a version").to_owned();
                            (field.parse().expect("a field key"), version)
                        })
                        .collect(),
                    source: None,
                }),
                origin: None,
            }
        });
        FeatureGraph::new(definitions, self.hash().length).expect("a graph of the contract")
    }

    /// The types of a feature's columns in a graph of the vector, by name.
    pub(super) fn columns(&self, feature: &FeatureKey) -> BTreeMap<String, String> {
        object_or_empty(&self.content["features"][feature.as_str()]["columns"])
            .iter()
            .map(|(name, kind)| (name.clone(), kind.as_str().expect("a type").to_owned()))
            .collect()
    }

    pub(super) fn steps(&self) -> &[Value] {
        self.content["steps"].as_array().expect("steps")
    }

    /// What another engine of the reference system gives at a step.
    pub(super) fn differences(&self, step: usize) -> Vec<&Value> {
        let all = self.content["engine_differences"].as_array();
        let here = all.into_iter().flatten().filter(|it| it["step"].as_u64() == Some(step as u64));
        here.flat_map(|it| [&it["duckdb"], &it["delta"]]).collect()
    }
}

pub(super) fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("a JSON object")
}

fn object_or_empty(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
