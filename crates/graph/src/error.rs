//! Why declarations do not make a graph.

use std::borrow::Cow;

use metalith_base::{Diagnostic, FeatureKey, FieldKey, Kind};

use crate::version::HashLength;

/// Why declarations do not make a graph, or a graph does not have what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// No such feature.
    #[error("unknown feature `{key}`")]
    UnknownFeature {
        /// The key asked for.
        key: FeatureKey,
        /// The key in the graph that is most like it.
        near: Option<FeatureKey>,
    },
    /// Two features of one key.
    #[error("feature `{key}` is declared twice{}", places(.first.as_deref(), .second.as_deref()))]
    DuplicateKey {
        /// The key.
        key: FeatureKey,
        /// Where first.
        first: Option<String>,
        /// Where again.
        second: Option<String>,
    },
    /// A dep on a feature that is not declared.
    #[error("{}`{dep}` is not declared: {}", at(.origin.as_deref()), way(.path))]
    UnknownDep {
        /// The way from a feature that nothing depends on to the unknown one.
        path: Vec<FeatureKey>,
        /// The unknown feature.
        dep: FeatureKey,
        /// The declared one that is most like it.
        near: Option<FeatureKey>,
        /// Where the dep is declared.
        origin: Option<String>,
    },
    /// Features that depend on themselves.
    #[error("features depend on each other in a circle: {}", way(.path))]
    Cycle {
        /// The way round, the first feature again at the end.
        path: Vec<FeatureKey>,
    },
    /// A field that an upstream does not have.
    #[error("{}`{feature}.{field}` is not a field: {}", at(.origin.as_deref()), way(.path))]
    UnknownField {
        /// The way to the upstream.
        path: Vec<FeatureKey>,
        /// The upstream.
        feature: FeatureKey,
        /// The field it does not have.
        field: FieldKey,
        /// The field most like it.
        near: Option<FieldKey>,
        /// Where it is named.
        origin: Option<String>,
    },
    /// A field that is computed from nothing.
    #[error("{}field `{field}` of `{feature}` has no parent field in any dep", at(.origin.as_deref()))]
    NoParents {
        /// The feature.
        feature: FeatureKey,
        /// The field.
        field: FieldKey,
        /// Where it is declared.
        origin: Option<String>,
    },
    /// Two names that become one in a table, a struct or a join.
    #[error("`{first}` and `{second}` both become {becomes} `{name}`")]
    Collision {
        /// One.
        first: String,
        /// The other.
        second: String,
        /// What the names are turned into, e.g. `table`.
        becomes: &'static str,
        /// The name they share.
        name: String,
    },
    /// A declaration that contradicts itself.
    #[error("{}`{feature}`: {problem}", at(.origin.as_deref()))]
    Spec {
        /// The feature.
        feature: FeatureKey,
        /// What is wrong with it.
        problem: SpecProblem,
        /// Where it is declared.
        origin: Option<String>,
    },
    /// A length to which hashes cannot be cut.
    #[error("hashes cannot be cut to {length} characters")]
    HashLength {
        /// The length asked for.
        length: usize,
    },
}

/// What is wrong with the declaration of one feature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecProblem {
    /// Its key is among those of the system's own tables.
    #[error("keys that begin with `metaxy-system` or `metalith-system` are those of system tables")]
    SystemKey,
    /// A name without characters.
    #[error("it has an empty {part}")]
    Empty {
        /// Of what, e.g. `id column`.
        part: &'static str,
    },
    /// No column identifies a sample.
    #[error("it has no id columns")]
    NoIds,
    /// A name is there twice.
    #[error("{part} `{name}` is there twice")]
    Twice {
        /// Of what, e.g. `id column`.
        part: &'static str,
        /// The name.
        name: String,
    },
    /// A name is Metalith's own.
    #[error(
        "{part} `{name}` is reserved: names that begin with `metaxy_` or `metalith_` are set by the system"
    )]
    Reserved {
        /// Of what.
        part: &'static str,
        /// The name.
        name: String,
    },
    /// A rename onto an id of the upstream.
    #[error("the dep on `{dep}` renames `{from}` to `{to}`, which is one of its id columns")]
    RenameToId {
        /// The upstream.
        dep: FeatureKey,
        /// The column.
        from: String,
        /// Its new name.
        to: String,
    },
    /// A lineage without columns.
    #[error("the lineage of the dep on `{dep}` names no columns in `on`")]
    EmptyOn {
        /// The upstream.
        dep: FeatureKey,
    },
    /// An id that would become NULL.
    #[error("the dep on `{dep}` sets `{column}` to NULL on deletion, which is one of its own ids")]
    NullId {
        /// The upstream.
        dep: FeatureKey,
        /// The column.
        column: String,
    },
    /// A field that is computed from a feature that is not a dep.
    #[error("field `{field}` is computed from `{of}`, which is not a dep")]
    FieldDepNotADep {
        /// The field.
        field: FieldKey,
        /// The feature.
        of: FeatureKey,
    },
}

impl Diagnostic for GraphError {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownFeature { .. } => Kind::NotFound,
            Self::DuplicateKey { .. }
            | Self::UnknownDep { .. }
            | Self::Cycle { .. }
            | Self::UnknownField { .. }
            | Self::NoParents { .. }
            | Self::Collision { .. }
            | Self::Spec { .. }
            | Self::HashLength { .. } => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::UnknownFeature { .. } => "graph.unknown-feature",
            Self::DuplicateKey { .. } => "graph.duplicate-key",
            Self::UnknownDep { .. } => "graph.unknown-dep",
            Self::Cycle { .. } => "graph.cycle",
            Self::UnknownField { .. } => "graph.unknown-field",
            Self::NoParents { .. } => "graph.no-parents",
            Self::Collision { .. } => "graph.collision",
            Self::Spec { .. } => "graph.spec",
            Self::HashLength { .. } => "graph.hash-length",
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::UnknownFeature { near: Some(near), .. }
            | Self::UnknownDep { near: Some(near), .. } => {
                Some(format!("did you mean `{near}`?").into())
            }
            Self::UnknownField { near: Some(near), .. } => {
                Some(format!("did you mean `{near}`?").into())
            }
            Self::UnknownFeature { near: None, .. } => {
                Some("list the features with `metalith list features`".into())
            }
            Self::UnknownDep { near: None, dep, .. } => {
                Some(format!("declare `{dep}`, or take the dep out").into())
            }
            Self::UnknownField { near: None, feature, .. } => {
                Some(format!("name a field of `{feature}`").into())
            }
            Self::DuplicateKey { .. } | Self::Collision { .. } => Some("rename one of them".into()),
            Self::Cycle { .. } => Some("take one of these deps out".into()),
            Self::NoParents { .. } => {
                Some("name its parents in `deps` of the field, or change the fields mapping".into())
            }
            Self::Spec { problem, .. } => Some(problem.hint()),
            Self::HashLength { .. } => Some(
                format!("give at least {}, or nothing to leave them whole", HashLength::SHORTEST)
                    .into(),
            ),
        }
    }
}

impl SpecProblem {
    fn hint(&self) -> Cow<'_, str> {
        match self {
            Self::NoIds => "name the columns that identify a sample in `id_columns`".into(),
            Self::SystemKey | Self::Empty { .. } | Self::Reserved { .. } => {
                "choose another name".into()
            }
            Self::Twice { .. } => "keep one of them".into(),
            Self::RenameToId { from, to, .. } => {
                format!("give `{from}` another name, or rename `{to}` as well").into()
            }
            Self::EmptyOn { .. } => {
                "name the columns in `on`; an aggregation without `on` takes the feature's ids"
                    .into()
            }
            Self::NullId { .. } => "choose cascade, restrict or no_action".into(),
            Self::FieldDepNotADep { of, .. } => {
                format!("add `{of}` to `deps` of the feature, or take it out of those of the field")
                    .into()
            }
        }
    }
}

fn way(keys: &[FeatureKey]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" -> ")
}

fn at(origin: Option<&str>) -> String {
    origin.map(|origin| format!("{origin}: ")).unwrap_or_default()
}

fn places(first: Option<&str>, second: Option<&str>) -> String {
    match (first, second) {
        (Some(first), Some(second)) => format!(": {first} and {second}"),
        _ => String::new(),
    }
}
