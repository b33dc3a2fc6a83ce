//! Why a project cannot be used.

use std::{borrow::Cow, io, path::PathBuf};

use metalith_base::{Diagnostic, Kind, nearest};
use metalith_document::DocumentError;
use metalith_graph::GraphError;
use metalith_store::StoreError;

/// Why a project cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// There is no project here.
    #[error("there is no metalith.toml in `{}` or above it", .start.display())]
    NotFound {
        /// Where the search began.
        start: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} `{}`", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that says something wrong.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Features that do not fit together.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A store that cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A store that the project does not have.
    #[error("the project has no store `{name}`")]
    UnknownStore {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A store that is in no database, where tables of one are asked for.
    #[error("store `{name}` is in no database, so it has no plain tables")]
    NoDatabase {
        /// The store.
        name: String,
    },
    /// Stores that fall back to each other.
    #[error("stores fall back to each other in a circle: {}", .path.join(" -> "))]
    FallbackCircle {
        /// The way round, the first store again at the end.
        path: Vec<String>,
    },
    /// An entry of `features` that names no file.
    #[error("`{pattern}` in `features` names no file")]
    NoFeatureFile {
        /// The path or pattern.
        pattern: String,
    },
    /// A variable of the environment with a value that makes no sense.
    #[error("the variable {name} is `{value}`, but must be {expected}")]
    Variable {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
        /// What it should be.
        expected: String,
    },
    /// Features that only the Python package can load.
    #[error("the project declares features in Python: {}", quoted(.entrypoints))]
    InPython {
        /// The modules.
        entrypoints: Vec<String>,
    },
    /// A place where a project would be overwritten.
    #[error("`{}` is there already", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

impl Diagnostic for ProjectError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } | Self::UnknownStore { .. } | Self::NoFeatureFile { .. } => {
                Kind::NotFound
            }
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => Kind::NotFound,
            Self::File { .. } => Kind::Unavailable,
            Self::Document(error) => error.kind(),
            Self::Graph(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Variable { .. }
            | Self::NoDatabase { .. }
            | Self::InPython { .. }
            | Self::Exists { .. }
            | Self::FallbackCircle { .. } => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "project.not-found",
            Self::File { .. } => "project.file",
            Self::Document(error) => error.code(),
            Self::Graph(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::UnknownStore { .. } => "project.unknown-store",
            Self::NoDatabase { .. } => "project.no-database",
            Self::FallbackCircle { .. } => "project.fallback-circle",
            Self::NoFeatureFile { .. } => "project.no-feature-file",
            Self::Variable { .. } => "project.variable",
            Self::InPython { .. } => "project.in-python",
            Self::Exists { .. } => "project.exists",
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::NotFound { .. } => {
                Some("make a project with `metalith init`, or name one with `--project`".into())
            }
            Self::File { .. } => Some("check the path and its permissions".into()),
            Self::Document(error) => error.hint(),
            Self::Graph(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::UnknownStore { name, known } => {
                Some(match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?").into(),
                    None => format!("there are {}", quoted(known)).into(),
                })
            }
            Self::NoDatabase { .. } => {
                Some("name a store of type `duckdb`, `sqlite` or `postgresql`".into())
            }
            Self::FallbackCircle { .. } => Some("take it out of one `fallback_stores`".into()),
            Self::NoFeatureFile { .. } => {
                Some("paths are relative to metalith.toml, and `*` stands for any name".into())
            }
            Self::Variable { name, .. } => Some(format!("change or unset {name}").into()),
            Self::InPython { .. } => Some(
                "use the `metalith` command that the Python package installs, in the environment \
                 of these modules"
                    .into(),
            ),
            Self::Exists { .. } => Some("choose an empty folder".into()),
        }
    }
}

pub(crate) fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
