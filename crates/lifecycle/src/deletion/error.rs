//! Why a deletion cannot be planned or done.

use std::{borrow::Cow, collections::BTreeSet};

use metalith_base::{Diagnostic, FeatureKey, Kind};
use metalith_expr::ExprError;
use metalith_objects::ObjectError;
use metalith_store::StoreError;

use super::Blocker;

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
    /// The feature belongs to another project.
    #[error("`{feature}` is written by another project, whose samples are its own to delete")]
    External {
        /// The feature.
        feature: FeatureKey,
    },
    /// Something stands in the way.
    #[error("{}", told(.blockers))]
    Blocked {
        /// All of it.
        blockers: Vec<Blocker>,
    },
    /// It was written down and begun, and something failed on the way.
    #[error("deletion {deletion} is begun and not finished: {source}")]
    Unfinished {
        /// Its id.
        deletion: String,
        /// What failed.
        source: Box<Self>,
    },
    /// A condition in a declaration, a hold or a journal cannot be read.
    #[error("{0}")]
    Filter(ExprError),
    /// No such hold is in force.
    #[error("no hold `{hold}` is in force")]
    NoHold {
        /// The id.
        hold: String,
    },
    /// Storage of objects refused.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// Not everything is known that could refer to objects, so none may be deleted.
    #[error("not everything is known that could name objects: {what}")]
    Incomplete {
        /// What is not known.
        what: String,
    },
    /// A store that shares its place with this one cannot be read, so it is not known what it names.
    /// Which one, and why, is told to the log and not in words: it may be somebody else's.
    #[error("it cannot be found out which objects the stores beside this one name")]
    Beside {
        /// The store that cannot be read, or the one that it lies beside.
        location: String,
        /// Why not.
        source: Box<Self>,
    },
    /// Other spaces may have objects here.
    #[error("what nobody names here may belong to the spaces {}", .spaces.join(", "))]
    Spaces {
        /// Their names.
        spaces: Vec<String>,
    },
    /// What goes are records that only their registry knows how to delete.
    #[error("samples of `{feature}` are records of a registry, which knows what must stop first")]
    Records {
        /// The feature.
        feature: FeatureKey,
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

fn told(blockers: &[Blocker]) -> String {
    blockers.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn names(keys: &[FeatureKey]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ")
}

impl DeletionError {
    /// A store beside this one cannot be read.
    pub(crate) fn beside(location: String, source: Self) -> Self {
        tracing::warn!(location, %source, "what a store names cannot be found out");
        Self::Beside { location, source: Box::new(source) }
    }
}

impl Diagnostic for DeletionError {
    fn kind(&self) -> Kind {
        match self {
            Self::Ambiguous { .. } | Self::External { .. } | Self::Records { .. } => Kind::Invalid,
            Self::Blocked { .. } | Self::Incomplete { .. } | Self::Spaces { .. } => Kind::Blocked,
            Self::NothingToRestore { .. } | Self::NoHold { .. } => Kind::NotFound,
            Self::Unfinished { source, .. } | Self::Beside { source, .. } => source.kind(),
            Self::Filter(error) => error.kind(),
            Self::Objects(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Ambiguous { .. } => "deletion.ambiguous",
            Self::External { .. } => "deletion.external",
            Self::Blocked { .. } => "deletion.blocked",
            Self::Unfinished { .. } => "deletion.unfinished",
            Self::Filter(error) => error.code(),
            Self::NoHold { .. } => "hold.unknown",
            Self::Objects(error) => error.code(),
            Self::Incomplete { .. } => "objects.incomplete-references",
            Self::Beside { .. } => "objects.beside",
            Self::Spaces { .. } => "objects.spaces",
            Self::Records { .. } => "deletion.records",
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
            Self::External { .. } => Some("delete them in the project that writes them".into()),
            Self::Blocked { blockers } => {
                let ways: BTreeSet<String> = blockers.iter().map(Blocker::way_out).collect();
                Some(ways.into_iter().collect::<Vec<_>>().join("; ").into())
            }
            Self::Unfinished { .. } => Some(
                "it goes on by itself the next time the store is opened for writing, e.g. by \
                 `metalith purge --resume`"
                    .into(),
            ),
            Self::Filter(error) => error.hint(),
            Self::NoHold { .. } => Some("list them with `metalith hold list`".into()),
            Self::Objects(error) => error.hint(),
            Self::Beside { .. } => Some(
                "objects stay until it can be read; then `metalith purge --resume` deletes them".into(),
            ),
            Self::Incomplete { .. } => {
                Some("declare every feature with its columns as they are stored".into())
            }
            Self::Spaces { .. } => Some(
                "look after each space by itself, e.g. `METALITH_SPACE=NAME metalith objects audit`"
                    .into(),
            ),
            Self::Records { .. } => Some(
                "delete the job, dataset or model itself, e.g. \
                 `DELETE /api/v1/jobs/synthetic/JOB` of `metalith serve`"
                    .into(),
            ),
            Self::NothingToRestore { .. } => Some(
                "it may have been restored already; look at deleted samples with \
                 `metalith metadata read FEATURE --include-deleted`"
                    .into(),
            ),
            Self::Store(error) => error.hint(),
        }
    }
}
