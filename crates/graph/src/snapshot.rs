//! A graph as JSON, and back.

use std::{borrow::Cow, collections::BTreeMap};

use metalith_base::{Diagnostic, FeatureKey, FieldKey, Kind};
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
    /// It says another version than follows from what it declares.
    #[error(
        "the snapshot gives {} the version `{recorded}`, but `{computed}` follows from it",
        .feature.as_ref().map_or_else(|| "the graph".to_owned(), |key| format!("`{key}`"))
    )]
    Version {
        /// The feature; `None` for the graph as a whole.
        feature: Option<FeatureKey>,
        /// What the snapshot says.
        recorded: String,
        /// What follows from its declarations.
        computed: String,
    },
}

impl Diagnostic for SnapshotError {
    fn kind(&self) -> Kind {
        match self {
            Self::Form(_) => Kind::Invalid,
            Self::Graph(error) => error.kind(),
            Self::Version { .. } => Kind::Corrupt,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "graph.snapshot-form",
            Self::Graph(error) => error.code(),
            Self::Version { .. } => "graph.snapshot-version",
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Form(_) => None,
            Self::Graph(error) => error.hint(),
            Self::Version { .. } => {
                Some("it was changed after it was made: make it again from the features".into())
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
struct WireGraph {
    #[serde(default)]
    hash_length: HashLength,
    /// Absent in what other systems recorded, who compute another one.
    #[serde(default)]
    snapshot_version: Option<String>,
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
            snapshot_version: Some(self.snapshot_version().to_owned()),
            features: features.collect(),
        };
        // Text keys throughout: there is nothing that could fail.
        serde_json::to_value(graph).unwrap_or(serde_json::Value::Null)
    }

    /// The graph of a snapshot. Versions are computed anew, and must be those it says.
    pub fn from_snapshot(json: &serde_json::Value) -> Result<Self, SnapshotError> {
        let snapshot = WireGraph::deserialize(json)?;
        let mut recorded = BTreeMap::new();
        let mut definitions = Vec::with_capacity(snapshot.features.len());
        for feature in snapshot.features {
            let spec = spec_from_wire(&feature.spec)?;
            recorded.insert(spec.key.clone(), feature.feature_version);
            let external = feature.external.map(|it| External {
                provenance_by_field: it.provenance_by_field,
                source: it.source,
            });
            definitions.push(FeatureDefinition {
                retention: Default::default(),
                project: feature.project,
                spec,
                external,
                origin: None,
                class: None,
            });
        }
        let graph = Self::new(definitions, snapshot.hash_length)?;
        for feature in graph.features() {
            let version = recorded.remove(feature.key()).unwrap_or_default();
            same(Some(feature.key()), version, feature.feature_version())?;
        }
        if let Some(version) = snapshot.snapshot_version {
            same(None, version, graph.snapshot_version())?;
        }
        Ok(graph)
    }
}

fn same(
    feature: Option<&FeatureKey>,
    recorded: String,
    computed: &str,
) -> Result<(), SnapshotError> {
    if recorded == computed {
        return Ok(());
    }
    let (feature, computed) = (feature.cloned(), computed.to_owned());
    Err(SnapshotError::Version { feature, recorded, computed })
}
