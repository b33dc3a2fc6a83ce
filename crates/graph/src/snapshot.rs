//! A graph as JSON, and back.

use std::collections::BTreeMap;

use metalith_base::FieldKey;
use serde::{Deserialize, Serialize};

use crate::{
    External, FeatureDefinition, FeatureGraph, GraphError, HashLength, spec_from_wire, spec_to_wire,
};

/// Why a text is not the snapshot of a graph.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It is not JSON of this form.
    #[error("this is not the snapshot of a graph: {0}")]
    Form(#[from] serde_json::Error),
    /// Its features do not fit together.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

#[derive(Serialize, Deserialize)]
struct WireGraph {
    #[serde(default)]
    hash_length: HashLength,
    snapshot_version: String,
    features: Vec<WireDefinition>,
}

#[derive(Serialize, Deserialize)]
struct WireDefinition {
    project: String,
    feature_version: String,
    spec: serde_json::Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external: Option<WireExternal>,
}

#[derive(Serialize, Deserialize)]
struct WireExternal {
    #[serde(default)]
    provenance_by_field: BTreeMap<FieldKey, String>,
    #[serde(default)]
    source: Option<String>,
}

impl FeatureGraph {
    /// The graph as JSON, features in topological order.
    pub fn to_snapshot(&self) -> serde_json::Value {
        let features = self.features().map(|feature| {
            let definition = feature.definition();
            WireDefinition {
                project: definition.project.clone(),
                feature_version: feature.feature_version().to_owned(),
                spec: spec_to_wire(feature.spec()),
                external: definition.external.as_ref().map(|it| WireExternal {
                    provenance_by_field: it.provenance_by_field.clone(),
                    source: it.source.clone(),
                }),
            }
        });
        let graph = WireGraph {
            hash_length: self.hash_length(),
            snapshot_version: self.snapshot_version().to_owned(),
            features: features.collect(),
        };
        // Text keys throughout: there is nothing that could fail.
        serde_json::to_value(graph).unwrap_or(serde_json::Value::Null)
    }

    /// The graph of a snapshot. Versions are computed anew.
    pub fn from_snapshot(json: &serde_json::Value) -> Result<Self, SnapshotError> {
        let graph = WireGraph::deserialize(json)?;
        let definitions = graph
            .features
            .into_iter()
            .map(|feature| {
                Ok(FeatureDefinition {
                    project: feature.project,
                    spec: spec_from_wire(&feature.spec)?,
                    external: feature.external.map(|it| External {
                        provenance_by_field: it.provenance_by_field,
                        source: it.source,
                    }),
                    origin: None,
                })
            })
            .collect::<Result<Vec<_>, serde_json::Error>>()?;
        Ok(Self::new(definitions, graph.hash_length)?)
    }
}
