//! Why a deletion cannot be planned or done.

use std::borrow::Cow;

use metalith_base::{Diagnostic, FeatureKey, Kind};
use metalith_store::StoreError;

/// Why a deletion cannot be planned or done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeletionError {
    /// A filter names a column of several upstreams, and none of them is upstream of the other.
    #[error(
        "`{feature}` has no column `{column}`, and several of its upstreams do: {}",
        names(.candidates)
    )]
    Ambiguous {
        /// The feature that is to be deleted from.
        feature: FeatureKey,
        /// The column.
        column: String,
        /// The upstreams that have it.
        candidates: Vec<FeatureKey>,
    },
    /// No sample is hidden by a deletion of this id.
    #[error("deletion `{deletion}` hides no sample of any feature")]
    NothingToRestore {
        /// The id.
        deletion: String,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn names(keys: &[FeatureKey]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ")
}

impl Diagnostic for DeletionError {
    fn kind(&self) -> Kind {
        match self {
            Self::Ambiguous { .. } => Kind::Invalid,
            Self::NothingToRestore { .. } => Kind::NotFound,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Ambiguous { .. } => "deletion.ambiguous",
            Self::NothingToRestore { .. } => "deletion.nothing-to-restore",
            Self::Store(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Ambiguous { candidates, .. } => candidates.first().map(|first| {
                format!("start at one of them, e.g. `--feature {first} --cascade downstream`")
                    .into()
            }),
            Self::NothingToRestore { .. } => Some(
                "it may have been restored already; look at deleted samples with \
                 `metalith metadata read FEATURE --include-deleted`"
                    .into(),
            ),
            Self::Store(error) => error.hint(),
        }
    }
}
