//! Features, their versions, and how they depend on each other.
//!
//! A [`FeatureGraph`] is made of [`FeatureDefinition`]s, declared in files ([`parse_features`]) or
//! built by programs. It knows every version, the parents of every field, topological order, and
//! what is up- and downstream of a feature. What this crate is not: it does no I/O, sees no sample
//! and knows nothing of Arrow.
//!
//! ```
//! use metalith_document::Format;
//! use metalith_graph::{FeatureGraph, HashLength, parse_features};
//!
//! let text = r#"
//!     [[features]]
//!     key = "video/raw"
//!     id_columns = ["path"]
//!
//!     [[features]]
//!     key = "video/crop"
//!     id_columns = ["path"]
//!     deps = ["video/raw"]
//! "#;
//! let features = parse_features("features.toml", text, Format::Toml)?;
//! let graph = FeatureGraph::new(features, HashLength::UNCUT)?;
//! let order: Vec<&str> = graph.features().map(|feature| feature.key().as_str()).collect();
//! assert_eq!(order, ["video/raw", "video/crop"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod columns;
mod diff;
mod error;
mod feature;
mod files;
mod graph;
mod objects;
mod order;
mod python_json;
mod render;
mod render_diff;
mod snapshot;
mod spec;
mod validate;
mod version;
mod wire;

pub use crate::{
    diff::{ChangeKind, FeatureChange, FieldChange, GraphDiff, Reason},
    error::{GraphError, SpecProblem},
    feature::Feature,
    files::parse_features,
    graph::{Direction, FeatureGraph, Start},
    objects::{ObjectName, ObjectTemplate, RenderProblem, SampleObjects, TemplateProblem},
    render::{RenderOptions, render_dot, render_mermaid, render_text},
    render_diff::{DrawnDiff, render_diff_dot, render_diff_mermaid, render_diff_text},
    snapshot::SnapshotError,
    spec::{
        DEFAULT_CODE_VERSION, DeclaringClass, DepFields, Expiry, External, FeatureDefinition,
        FeatureDep, FeatureSpec, FieldDep, FieldDeps, FieldSpec, FieldsMapping, Lineage, OnDelete,
        Retention,
    },
    version::HashLength,
    wire::{spec_from_wire, spec_to_wire},
};

#[cfg(test)]
mod tests;
