//! Why a recorded state of the graph cannot be had.

use std::borrow::Cow;

use metalith_base::{Diagnostic, Kind};
use metalith_store::StoreError;

/// Why a recorded state of the graph cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// There is none at all.
    #[error("no graph of project `{project}` has been recorded in this store")]
    NothingPushed {
        /// The project.
        project: String,
    },
    /// None is meant by a name.
    #[error("no recorded graph is called `{name}`")]
    Unknown {
        /// The name.
        name: String,
        /// The versions there are, the oldest first.
        known: Vec<String>,
    },
    /// Several are meant by a name.
    #[error("`{name}` is the beginning of several versions: {}", .versions.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// The versions.
        versions: Vec<String>,
    },
    /// A tag that would be taken for a system's own.
    #[error("the tag `{name}` is reserved")]
    ReservedTag {
        /// Its name.
        name: String,
    },
    /// What was recorded does not make a graph any more.
    #[error("the graph that was recorded as {version} cannot be read: {source}")]
    Unreadable {
        /// Its version.
        version: String,
        /// Why.
        source: Box<metalith_graph::SnapshotError>,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Diagnostic for SnapshotError {
    fn kind(&self) -> Kind {
        match self {
            Self::NothingPushed { .. } | Self::Unknown { .. } => Kind::NotFound,
            Self::Ambiguous { .. } | Self::ReservedTag { .. } => Kind::Invalid,
            Self::Unreadable { .. } => Kind::Corrupt,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NothingPushed { .. } => "snapshot.nothing-pushed",
            Self::Unknown { .. } => "snapshot.unknown",
            Self::Ambiguous { .. } => "snapshot.ambiguous",
            Self::ReservedTag { .. } => "snapshot.reserved-tag",
            Self::Unreadable { .. } => "snapshot.unreadable",
            Self::Store(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::NothingPushed { .. } => Some(
                "record one with `metalith graph push` before the code changes: check out the \
                 version that wrote the store, and push from there"
                    .into(),
            ),
            Self::Unknown { .. } => Some(
                "see `metalith graph history`; name one by `latest`, the beginning of its version, \
                 or TAG=VALUE, and today's graph by `current`"
                    .into(),
            ),
            Self::Ambiguous { .. } => Some("write more of the version".into()),
            Self::ReservedTag { .. } => Some("choose another name".into()),
            Self::Unreadable { .. } => Some("record today's graph, and go on from there".into()),
            Self::Store(error) => error.hint(),
        }
    }
}
