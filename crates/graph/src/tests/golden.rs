//! The versions of the contract's vectors.

use std::path::Path;

use serde_json::Value;

use crate::{External, FeatureDefinition, FeatureGraph, HashLength, spec_from_wire, spec_to_wire};

fn graph(features: &Value, length: usize) -> FeatureGraph {
    let definitions = features.as_object().unwrap().values().map(|feature| {
        let spec = spec_from_wire(&feature["spec"]).unwrap();
        assert_eq!(spec_to_wire(&spec), feature["spec"], "a spec is written as it was read");
        let external = feature["external"].as_bool().unwrap_or(false).then(|| External {
            provenance_by_field: feature["provenance_by_field"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, version)| (key.parse().unwrap(), version.as_str().unwrap().to_owned()))
                .collect(),
            source: None,
        });
        let project = feature["project"].as_str().unwrap().to_owned();
        FeatureDefinition {
            project,
            spec,
            external,
            retention: Default::default(),
            origin: None,
            class: None,
        }
    });
    FeatureGraph::new(definitions, HashLength::cut_to(length).unwrap()).unwrap()
}

fn check(name: &str, features: &Value, expected: &Value, length: usize) {
    let graph = graph(features, length);
    let order: Vec<&str> = graph.features().map(|feature| feature.key().as_str()).collect();
    let wanted: Vec<&str> = expected["topological_order"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    assert_eq!(order, wanted, "{name}: order");
    for (key, expected) in expected["features"].as_object().unwrap() {
        let feature = graph.feature(&key.parse().unwrap()).unwrap();
        let place = format!("{name}: {key}");
        assert_eq!(feature.feature_version(), expected["feature_version"], "{place}");
        assert_eq!(feature.feature_code_version(), expected["feature_code_version"], "{place}");
        assert_eq!(feature.table_name(), expected["table_name"], "{place}");
        let mut keys = feature.join_keys().to_vec();
        let mut wanted: Vec<String> =
            serde_json::from_value(expected["input_id_columns"].clone()).unwrap();
        keys.sort();
        wanted.sort();
        assert_eq!(keys, wanted, "{place}: join keys");
        for (field, version) in expected["field_versions"].as_object().unwrap() {
            assert_eq!(
                &feature.field_versions()[&field.parse().unwrap()],
                version,
                "{place}.{field}"
            );
        }
        for (field, parents) in expected["parent_fields"].as_object().unwrap() {
            let found = feature.parent_fields().get(&field.parse().unwrap());
            let found: Vec<String> = found.into_iter().flatten().map(ToString::to_string).collect();
            let mut wanted: Vec<String> = serde_json::from_value(parents.clone()).unwrap();
            wanted.sort();
            assert_eq!(found, wanted, "{place}.{field}: parents");
        }
    }
    let again = FeatureGraph::from_snapshot(&graph.to_snapshot()).unwrap();
    assert_eq!(again.to_snapshot(), graph.to_snapshot(), "{name}: a snapshot is the graph");
}

#[test]
fn every_vector_has_the_versions_of_the_contract() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/golden");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let case: Value =
            serde_json::from_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        let name = case["id"].as_str().unwrap();
        let length = case["hash_truncation_length"].as_u64().unwrap() as usize;
        check(name, &case["features"], &case["expected_versions"], length);
        for (alternative, graph) in case["alt_graphs"].as_object().into_iter().flatten() {
            let name = format!("{name} ({alternative})");
            check(&name, &graph["features"], &graph["expected_versions"], length);
        }
        count += 1;
    }
    assert!(count >= 35, "vectors are missing");
}
