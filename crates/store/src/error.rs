//! Why a store refused, or could not.

mod problems;

use std::{borrow::Cow, error::Error, sync::Arc};

use datafusion::{arrow::error::ArrowError, error::DataFusionError};
use metalith_base::{Diagnostic, FeatureKey, Kind, nearest};
use metalith_expr::ExprError;
use metalith_graph::GraphError;

pub use self::problems::{PlaceProblem, RequestProblem, RowProblem};
use self::problems::{place_hint, request_hint, row_hint};
use crate::HashAlgorithm;

/// Why a store refused, or could not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The graph does not have it, or not so.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A filter does not fit the columns.
    #[error("in a filter on `{feature}`: {source}")]
    Filter {
        /// The feature whose columns the filter is about.
        feature: FeatureKey,
        /// What is wrong, with its position.
        source: ExprError,
    },
    /// A feature has no table here.
    #[error("feature `{feature}` has no table in {location}")]
    NoTable {
        /// The feature.
        feature: FeatureKey,
        /// The store.
        location: String,
    },
    /// Rows that cannot be written, or compared.
    #[error("cannot take these rows for `{feature}`: {problem}")]
    Rows {
        /// The feature they were meant for.
        feature: FeatureKey,
        /// What is wrong with them.
        problem: RowProblem,
    },
    /// Rows that a plain table of a database cannot take.
    #[error("cannot take these rows for the table `{table}`: {problem}")]
    PlainRows {
        /// The table.
        table: String,
        /// What is wrong with them.
        problem: RowProblem,
    },
    /// A request that makes no sense for this feature.
    #[error("`{feature}`: {problem}")]
    Request {
        /// The feature.
        feature: FeatureKey,
        /// What is wrong with the request.
        problem: RequestProblem,
    },
    /// The place is not a store that can be opened this way.
    #[error("{location}: {problem}")]
    Place {
        /// The place.
        location: String,
        /// What is wrong with it.
        problem: PlaceProblem,
    },
    /// A hash algorithm that does not exist.
    #[error("unknown hash algorithm `{name}`")]
    UnknownAlgorithm {
        /// The name as given.
        name: String,
    },
    /// Others changed the same rows at the same time, again and again.
    #[error(
        "`{feature}` was changed at the same time by {with}; gave up after {attempts} attempts"
    )]
    Conflict {
        /// The feature.
        feature: FeatureKey,
        /// Who: the operation and the version of the table it made.
        with: String,
        /// How often it was tried.
        attempts: usize,
    },
    /// Storage did not do what was asked.
    #[error("cannot {action} {location}")]
    Storage {
        /// What was tried, e.g. `read`, `write`.
        action: &'static str,
        /// The file, folder or address.
        location: String,
        /// What the caller can do.
        reason: StorageReason,
        /// What storage said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Stored data contradicts itself.
    #[error("the table of `{feature}` in {location} is damaged: {detail}")]
    Corrupt {
        /// The feature.
        feature: FeatureKey,
        /// The table.
        location: String,
        /// What does not fit.
        detail: String,
    },
    /// Rows from elsewhere that do not come to their end.
    #[error("cannot read all rows of {of}")]
    Unreadable {
        /// The file, or where else they come from.
        of: String,
        /// What its reader says.
        source: ArrowError,
    },
    /// More than the project may hold.
    #[error("the project would hold {held} {what}, and its quota is {limit}")]
    Quota {
        /// Of what, e.g. `objects`.
        what: &'static str,
        /// How many there would be.
        held: u64,
        /// How many there may be.
        limit: u64,
    },
    /// This store, or this build, cannot do it.
    #[error("{location} cannot {what}")]
    Unsupported {
        /// The store.
        location: String,
        /// What was asked for.
        what: String,
    },
    /// The query engine failed.
    #[error("the query engine failed while working on {subject}")]
    Engine {
        /// What it was working on.
        subject: String,
        /// What it said.
        source: Box<DataFusionError>,
    },
}

/// What can be done about storage that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageReason {
    /// It is not there.
    NotFound,
    /// Access is denied.
    Denied,
    /// No room is left.
    Full,
    /// It cannot be reached, or did not answer in time.
    Unreachable,
    /// None of these.
    Other,
}

impl StoreError {
    /// An Arrow failure: never the user's doing once rows are checked.
    pub fn arrow(source: ArrowError) -> Self {
        Self::engine("rows", DataFusionError::ArrowError(Box::new(source), None))
    }

    /// A task that did not come to its end.
    pub(crate) fn stopped(source: tokio::task::JoinError) -> Self {
        Self::engine("a part of the work", DataFusionError::ExecutionJoin(Box::new(source)))
    }

    /// A failure of the query engine; one that carries an error of ours yields that one.
    pub fn engine(subject: impl Into<String>, source: DataFusionError) -> Self {
        match source {
            DataFusionError::External(inner) => match inner.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(other) => Self::Engine {
                    subject: subject.into(),
                    source: Box::new(DataFusionError::External(other)),
                },
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                Self::engine(subject, *inner)
            }
            // Several parts of a plan wait for one that failed, and each is told.
            DataFusionError::Shared(shared) => match Arc::try_unwrap(shared) {
                Ok(inner) => Self::engine(subject, inner),
                Err(shared) => match conflict_in(&shared) {
                    Some(conflict) => conflict,
                    None => Self::Engine {
                        subject: subject.into(),
                        source: Box::new(DataFusionError::Shared(shared)),
                    },
                },
            },
            other => Self::Engine { subject: subject.into(), source: Box::new(other) },
        }
    }

    pub(crate) fn rows(feature: &FeatureKey, problem: RowProblem) -> Self {
        Self::Rows { feature: feature.clone(), problem }
    }

    pub(crate) fn request(feature: &FeatureKey, problem: RequestProblem) -> Self {
        Self::Request { feature: feature.clone(), problem }
    }
}

/// The conflict that an error of the query engine is about, if it is about one: then it is worth
/// trying again.
fn conflict_in(error: &DataFusionError) -> Option<StoreError> {
    if let DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) = error {
        return conflict_in(inner);
    }
    if let DataFusionError::Shared(inner) = error {
        return conflict_in(inner);
    }
    let DataFusionError::External(inner) = error else { return None };
    let StoreError::Conflict { feature, with, attempts } = inner.downcast_ref::<StoreError>()?
    else {
        return None;
    };
    Some(StoreError::Conflict { feature: feature.clone(), with: with.clone(), attempts: *attempts })
}

/// Carries an error of ours through the query engine; [`StoreError::engine`] unpacks it.
impl From<StoreError> for DataFusionError {
    fn from(error: StoreError) -> Self {
        Self::External(Box::new(error))
    }
}

impl Diagnostic for StoreError {
    fn kind(&self) -> Kind {
        match self {
            Self::Graph(error) => error.kind(),
            Self::Filter { source, .. } => source.kind(),
            Self::NoTable { .. } => Kind::NotFound,
            Self::Rows { .. }
            | Self::PlainRows { .. }
            | Self::UnknownAlgorithm { .. }
            | Self::Unreadable { .. } => Kind::Invalid,
            Self::Request { problem, .. } => match problem {
                RequestProblem::NothingToRestore { .. } => Kind::NotFound,
                RequestProblem::Superseded { .. } => Kind::Blocked,
                RequestProblem::PlanOutdated { .. } => Kind::Conflict,
                RequestProblem::InFallback { .. }
                | RequestProblem::WouldHide { .. }
                | RequestProblem::Revived { .. } => Kind::Blocked,
                RequestProblem::SamplesRequired
                | RequestProblem::External
                | RequestProblem::SharedColumn { .. }
                | RequestProblem::UnknownColumn { .. }
                | RequestProblem::IdsRequired { .. }
                | RequestProblem::FixedColumn { .. }
                | RequestProblem::UntypedColumn { .. }
                | RequestProblem::Computation { .. }
                | RequestProblem::NotCarried(_)
                | RequestProblem::RootRebase
                | RequestProblem::RootJoin => Kind::Invalid,
            },
            Self::Place { problem, .. } => match problem {
                PlaceProblem::Missing | PlaceProblem::NoDriver { .. } => Kind::NotFound,
                PlaceProblem::InUse => Kind::Unavailable,
                PlaceProblem::NewerFormat { .. } => Kind::Unsupported,
                PlaceProblem::NotAStore { .. }
                | PlaceProblem::OtherHash { .. }
                | PlaceProblem::FallbackHash { .. }
                | PlaceProblem::OtherLength { .. }
                | PlaceProblem::HashUnknown
                | PlaceProblem::NotADriver { .. }
                | PlaceProblem::NotOpened { .. }
                | PlaceProblem::ReadOnly => Kind::Invalid,
            },
            Self::Conflict { .. } => Kind::Conflict,
            Self::Storage { reason, .. } => match reason {
                StorageReason::NotFound => Kind::NotFound,
                StorageReason::Denied => Kind::Invalid,
                StorageReason::Full | StorageReason::Unreachable | StorageReason::Other => {
                    Kind::Unavailable
                }
            },
            Self::Corrupt { .. } => Kind::Corrupt,
            Self::Quota { .. } => Kind::Blocked,
            Self::Unsupported { .. } => Kind::Unsupported,
            Self::Engine { .. } => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Graph(error) => error.code(),
            Self::Filter { source, .. } => source.code(),
            Self::NoTable { .. } => "store.no-table",
            Self::Rows { .. } | Self::PlainRows { .. } => "store.rows",
            Self::Request { .. } => "store.request",
            Self::Place { .. } => "store.place",
            Self::UnknownAlgorithm { .. } => "store.unknown-algorithm",
            Self::Conflict { .. } => "store.conflict",
            Self::Storage { .. } => "store.storage",
            Self::Corrupt { .. } => "store.corrupt",
            Self::Unreadable { .. } => "store.unreadable",
            Self::Quota { .. } => "store.quota",
            Self::Unsupported { .. } => "store.unsupported",
            Self::Engine { .. } => "store.engine",
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Graph(error) => error.hint(),
            Self::Filter { source, .. } => source.hint(),
            Self::NoTable { feature, .. } => Some(
                format!("write its first samples with `metalith metadata write {feature} FILE`")
                    .into(),
            ),
            Self::Rows { problem, .. } | Self::PlainRows { problem, .. } => row_hint(problem),
            Self::Request { problem, .. } => request_hint(problem),
            Self::Place { problem, .. } => Some(place_hint(problem).into()),
            Self::UnknownAlgorithm { name } => Some(
                match nearest(name, HashAlgorithm::ALL.map(HashAlgorithm::name)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "choose one of {}",
                        HashAlgorithm::ALL.map(|it| format!("`{it}`")).join(", ")
                    ),
                }
                .into(),
            ),
            Self::Conflict { .. } => {
                Some("run the command again when the other one is done".into())
            }
            Self::Storage { reason, .. } => storage_hint(*reason).map(Cow::Borrowed),
            Self::Corrupt { .. } => Some(
                "restore the table from a backup, or drop the feature and write it again"
                    .into(),
            ),
            Self::Unreadable { .. } => {
                Some("look at what wrote it, and have it written again: nothing of it was taken".into())
            }
            Self::Quota { .. } => Some(
                "see `metalith retention` and `metalith objects audit` for what could go, or raise \
                 `quota` in metalith.toml"
                    .into(),
            ),
            Self::Unsupported { .. } => None,
            Self::Engine { .. } => {
                Some("this is a defect of Metalith: report it with the command".into())
            }
        }
    }
}

fn storage_hint(reason: StorageReason) -> Option<&'static str> {
    match reason {
        StorageReason::NotFound => Some("check the path"),
        StorageReason::Denied => Some("check the permissions and credentials for this place"),
        StorageReason::Full => Some("free some space and run the command again"),
        StorageReason::Unreachable => Some("check the address and the network, then run it again"),
        StorageReason::Other => None,
    }
}
