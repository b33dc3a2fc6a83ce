//! Why the demo could not be shown.

use std::{borrow::Cow, io, path::PathBuf};

use metalith_base::{Diagnostic, Kind};
use metalith_ingest::IngestError;
use metalith_lifecycle::deletion::DeletionError;
use metalith_project::ProjectError;
use metalith_store::StoreError;

/// Why the demo could not be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The engine did not do what the demo says it does.
    #[error("the demo says {claim}, but found {found}")]
    Claim {
        /// What should hold.
        claim: String,
        /// What was found.
        found: String,
    },
    /// A file of the scratch folder.
    #[error("cannot {action} `{}`", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A video that is none.
    #[error("`{}` is not a video this demo can read: {problem}", .path.display())]
    Video {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// The project.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The scan.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// A deletion over several features.
    #[error(transparent)]
    Deletion(#[from] DeletionError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Diagnostic for DemoError {
    fn kind(&self) -> Kind {
        match self {
            Self::Claim { .. } => Kind::Internal,
            Self::File { .. } => Kind::Unavailable,
            Self::Video { .. } => Kind::Invalid,
            Self::Project(error) => error.kind(),
            Self::Ingest(error) => error.kind(),
            Self::Deletion(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Claim { .. } => "demo.claim",
            Self::File { .. } => "demo.file",
            Self::Video { .. } => "demo.video",
            Self::Project(error) => error.code(),
            Self::Ingest(error) => error.code(),
            Self::Deletion(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Claim { .. } => {
                Some("this is a defect of Metalith: report it with this text".into())
            }
            Self::File { .. } => Some("name another folder with `--folder`".into()),
            Self::Video { .. } => None,
            Self::Project(error) => error.hint(),
            Self::Ingest(error) => error.hint(),
            Self::Deletion(error) => error.hint(),
            Self::Store(error) => error.hint(),
        }
    }
}
