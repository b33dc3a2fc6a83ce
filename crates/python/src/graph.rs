//! The feature graph.

use std::{collections::BTreeMap, sync::Arc};

use metalith_base::{FeatureKey, FieldKey, KeyError, Kind, parse_age};
use metalith_graph::{
    DeclaringClass, Direction, DrawnDiff, Expiry, External, Feature, FeatureDefinition,
    FeatureGraph, GraphDiff, GraphError, HashLength, RenderOptions, Retention, Start,
    render_diff_dot, render_diff_mermaid, render_diff_text, render_dot, render_mermaid,
    render_text, spec_from_wire,
};
use pyo3::prelude::*;
use serde::Deserialize;

use crate::errors::{raise, raise_as};

/// Features that fit together.
#[pyclass(frozen, module = "metalith._metalith")]
#[derive(Debug)]
pub(crate) struct Graph(pub(crate) Arc<FeatureGraph>);

/// What Python says of a feature.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    project: String,
    spec: serde_json::Value,
    #[serde(default)]
    external: Option<DeclaredExternal>,
    #[serde(default)]
    retention: Option<DeclaredRetention>,
    #[serde(default)]
    origin: Option<String>,
    #[serde(default)]
    class: Option<DeclaredClass>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredClass {
    path: String,
    schema: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredExternal {
    #[serde(default)]
    provenance_by_field: BTreeMap<FieldKey, String>,
    #[serde(default)]
    source: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredRetention {
    #[serde(default)]
    keep_deleted: Option<String>,
    #[serde(default)]
    expire_after: Option<String>,
    #[serde(default)]
    expire_column: Option<String>,
    #[serde(default)]
    keep_versions: Option<u32>,
}

/// The definitions in a JSON list.
pub(crate) fn definitions(json: &str) -> PyResult<Vec<FeatureDefinition>> {
    let declared: Vec<Declared> =
        serde_json::from_str(json).map_err(|error| refuse(&format!("in a feature: {error}")))?;
    declared.into_iter().map(definition).collect()
}

fn definition(declared: Declared) -> PyResult<FeatureDefinition> {
    let spec = spec_from_wire(&declared.spec)
        .map_err(|error| refuse(&format!("in the spec of a feature: {error}")))?;
    let retention = declared.retention.map(retention).transpose()?.unwrap_or_default();
    Ok(FeatureDefinition {
        project: declared.project,
        spec,
        external: declared
            .external
            .map(|it| External { provenance_by_field: it.provenance_by_field, source: it.source }),
        retention,
        origin: declared.origin,
        class: declared.class.map(|it| DeclaringClass { path: it.path, schema: it.schema }),
    })
}

fn retention(declared: DeclaredRetention) -> PyResult<Retention> {
    let age = |text: Option<String>| {
        text.map(|text| parse_age(&text)).transpose().map_err(|error| refuse(&error.to_string()))
    };
    let expire = match (age(declared.expire_after)?, declared.expire_column) {
        (None, None) => None,
        (Some(after), Some(column)) => Some(Expiry { after, column }),
        _ => return Err(refuse("`expire_after` and `expire_column` go together")),
    };
    let keep_versions = declared.keep_versions;
    Ok(Retention { keep_deleted: age(declared.keep_deleted)?, expire, keep_versions })
}

fn refuse(message: &str) -> PyErr {
    raise_as(Kind::Invalid, "graph.declaration", message, None)
}

/// Names are checked on their way in: what is no key is no feature.
pub(crate) fn key(text: &str) -> PyResult<FeatureKey> {
    text.parse().map_err(|error: KeyError| raise(&error))
}

pub(crate) fn hash_length(length: Option<usize>) -> PyResult<HashLength> {
    match length {
        None => Ok(HashLength::UNCUT),
        Some(length) => HashLength::cut_to(length).map_err(|error| raise(&error)),
    }
}

impl Graph {
    pub(crate) fn feature(&self, feature: &str) -> PyResult<&Feature> {
        let key = key(feature)?;
        self.0.feature(&key).map_err(|error| raise(&error))
    }
}

fn texts(keys: Result<Vec<FeatureKey>, GraphError>) -> PyResult<Vec<String>> {
    let keys = keys.map_err(|error| raise(&error))?;
    Ok(keys.iter().map(ToString::to_string).collect())
}

#[pymethods]
impl Graph {
    #[new]
    #[pyo3(signature = (definitions, hash_length = None))]
    fn new(definitions: &str, hash_length: Option<usize>) -> PyResult<Self> {
        let declared = self::definitions(definitions)?;
        let graph = FeatureGraph::new(declared, self::hash_length(hash_length)?);
        graph.map(|graph| Self(Arc::new(graph))).map_err(|error| raise(&error))
    }

    fn to_snapshot(&self) -> String {
        self.0.to_snapshot().to_string()
    }

    #[getter]
    fn snapshot_version(&self) -> &str {
        self.0.snapshot_version()
    }

    fn keys(&self) -> Vec<String> {
        self.0.features().map(|feature| feature.key().to_string()).collect()
    }

    fn feature_version(&self, feature: &str) -> PyResult<&str> {
        Ok(self.feature(feature)?.feature_version())
    }

    fn feature_code_version(&self, feature: &str) -> PyResult<&str> {
        Ok(self.feature(feature)?.feature_code_version())
    }

    fn field_versions(&self, feature: &str) -> PyResult<BTreeMap<String, String>> {
        let versions = self.feature(feature)?.field_versions().iter();
        Ok(versions.map(|(field, version)| (field.to_string(), version.clone())).collect())
    }

    fn parent_fields(&self, feature: &str) -> PyResult<BTreeMap<String, Vec<String>>> {
        let parents = self.feature(feature)?.parent_fields().iter();
        let texts = |parents: &Vec<_>| parents.iter().map(ToString::to_string).collect();
        Ok(parents.map(|(field, parents)| (field.to_string(), texts(parents))).collect())
    }

    fn join_keys(&self, feature: &str) -> PyResult<Vec<String>> {
        Ok(self.feature(feature)?.join_keys().to_vec())
    }

    fn upstream(&self, feature: &str) -> PyResult<Vec<String>> {
        texts(self.0.upstream(&key(feature)?))
    }

    fn downstream(&self, feature: &str) -> PyResult<Vec<String>> {
        texts(self.0.downstream(&key(feature)?))
    }

    fn deletion_order(
        &self,
        feature: &str,
        direction: &str,
        include_self: bool,
    ) -> PyResult<Vec<String>> {
        let direction = match direction {
            "downstream" => Direction::Downstream,
            "upstream" => Direction::Upstream,
            "both" => Direction::Both,
            other => {
                let message = format!("`{other}` is no direction");
                let hint = Some("choose downstream, upstream or both");
                return Err(raise_as(Kind::Invalid, "graph.direction", &message, hint));
            }
        };
        let start = if include_self { Start::Included } else { Start::Excluded };
        texts(self.0.deletion_order(&key(feature)?, direction, start))
    }

    /// The graph drawn.
    #[pyo3(signature = (form, *, versions = false, version_length = None, only = None))]
    fn render(
        &self,
        form: &str,
        versions: bool,
        version_length: Option<usize>,
        only: Option<Vec<String>>,
    ) -> PyResult<String> {
        let only = only.map(|keys| keys.iter().map(|it| key(it)).collect()).transpose()?;
        let options = RenderOptions { versions, version_length, only };
        match form {
            "text" => Ok(render_text(&self.0, &options)),
            "mermaid" => Ok(render_mermaid(&self.0, &options)),
            "dot" => Ok(render_dot(&self.0, &options)),
            other => Err(unknown_form(other)),
        }
    }

    /// What is different in a newer graph: as `json`, or drawn.
    fn diff(&self, newer: &Self, form: &str) -> PyResult<String> {
        let diff = GraphDiff::between(&self.0, &newer.0);
        let drawn = DrawnDiff { old: &self.0, new: &newer.0, diff: &diff };
        match form {
            "json" => Ok(diff.to_json().to_string()),
            "text" => Ok(render_diff_text(&diff)),
            "mermaid" => Ok(render_diff_mermaid(drawn)),
            "dot" => Ok(render_diff_dot(drawn)),
            other => Err(unknown_form(other)),
        }
    }
}

fn unknown_form(form: &str) -> PyErr {
    let message = format!("a graph cannot be drawn as `{form}`");
    raise_as(Kind::Invalid, "graph.form", &message, Some("choose `text`, `mermaid` or `dot`"))
}
