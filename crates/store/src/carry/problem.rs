//! What two definitions must have in common for samples to be carried over.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use metalith_base::{FeatureKey, FieldKey, QualifiedField};
use metalith_graph::Feature;

/// Why nothing can be carried over between two definitions of a feature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CarryProblem {
    /// One is computed from others, the other is given.
    Root,
    /// Their samples are told apart by other columns.
    Ids {
        /// Those of the older one.
        before: Vec<String>,
        /// Those of the newer one.
        now: Vec<String>,
    },
    /// The newer one has a field that the older one lacks.
    NewField {
        /// The field.
        field: FieldKey,
    },
    /// The newer one is computed from a feature that the older one was not computed from.
    NewUpstream {
        /// The feature.
        upstream: FeatureKey,
    },
    /// The newer one is computed from a field that the older one was not computed from.
    NewParent {
        /// The field.
        parent: QualifiedField,
    },
}

impl fmt::Display for CarryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => write!(f, "only one of its definitions is computed from other features"),
            Self::Ids { before, now } => {
                let (before, now) = (before.join("`, `"), now.join("`, `"));
                write!(f, "its samples were told apart by `{before}`, and now are by `{now}`")
            }
            Self::NewField { field } => {
                write!(f, "its field `{field}` is new, and no sample has ever had it")
            }
            Self::NewUpstream { upstream } => {
                write!(f, "it was not computed from `{upstream}` before")
            }
            Self::NewParent { parent } => write!(f, "it was not computed from `{parent}` before"),
        }
    }
}

/// Why nothing can be carried over, if that is so.
pub(super) fn between(
    old: &Feature,
    new: &Feature,
    renamed: &BTreeMap<FeatureKey, FeatureKey>,
) -> Option<CarryProblem> {
    if old.spec().deps.is_empty() != new.spec().deps.is_empty() {
        return Some(CarryProblem::Root);
    }
    let (before, now) = (&old.spec().id_columns, &new.spec().id_columns);
    if before.iter().collect::<BTreeSet<_>>() != now.iter().collect::<BTreeSet<_>>() {
        return Some(CarryProblem::Ids { before: before.clone(), now: now.clone() });
    }
    let had: BTreeSet<&FieldKey> = old.spec().fields.iter().map(|field| &field.key).collect();
    if let Some(field) = new.spec().fields.iter().find(|field| !had.contains(&field.key)) {
        return Some(CarryProblem::NewField { field: field.key.clone() });
    }
    let before = |key: &FeatureKey| renamed.get(key).unwrap_or(key).clone();
    let upstreams: BTreeSet<&FeatureKey> = old.spec().deps.iter().map(|dep| &dep.feature).collect();
    let mut deps = new.spec().deps.iter().map(|dep| &dep.feature);
    if let Some(upstream) = deps.find(|it| !upstreams.contains(&before(it))) {
        return Some(CarryProblem::NewUpstream { upstream: upstream.clone() });
    }
    let parents: BTreeSet<&QualifiedField> = old.parent_fields().values().flatten().collect();
    let is_known = |parent: &&QualifiedField| {
        let feature = before(&parent.feature);
        parents.iter().any(|it| it.feature == feature && it.field == parent.field)
    };
    let mut of_new = new.parent_fields().values().flatten();
    let parent = of_new.find(|parent| !is_known(parent))?;
    Some(CarryProblem::NewParent { parent: parent.clone() })
}
