//! Why a store refused, or could not.

use std::{borrow::Cow, error::Error, fmt};

use datafusion::{arrow::error::ArrowError, error::DataFusionError};
use metalith_base::{Diagnostic, FeatureKey, Kind, nearest};
use metalith_expr::ExprError;
use metalith_graph::GraphError;

use crate::{HashAlgorithm, HashSettings};

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

/// What is wrong with rows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowProblem {
    /// A column that must be there is not.
    MissingColumn {
        /// Its name.
        column: String,
        /// The columns there are.
        present: Vec<String>,
    },
    /// A column that must be of another type.
    WrongType {
        /// Its name.
        column: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A struct that lacks the value of a field.
    MissingField {
        /// The struct column.
        column: String,
        /// The struct member, named like the field.
        field: String,
        /// The members there are.
        present: Vec<String>,
    },
    /// Rows without an id.
    NullId {
        /// The id column.
        column: String,
        /// Position of the first such row, from 0.
        row: usize,
    },
    /// The same id in several rows of one write.
    DuplicateIds {
        /// Up to three of them, shown.
        examples: Vec<String>,
        /// How many rows are duplicates.
        count: usize,
    },
    /// A value that the stored type cannot hold.
    OutOfRange {
        /// The column.
        column: String,
        /// The stored type.
        stored: String,
        /// Position of the first such row, from 0.
        row: usize,
        /// The value, shown.
        value: String,
    },
    /// A column that Metalith sets itself and a user must not name.
    ReservedColumn {
        /// Its name.
        column: String,
    },
    /// Two columns of the same name.
    RepeatedColumn {
        /// The name.
        column: String,
    },
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingColumn { column, .. } => write!(f, "column `{column}` is missing"),
            Self::WrongType { column, expected, found } => {
                write!(f, "column `{column}` must be {expected}, but is {found}")
            }
            Self::MissingField { column, field, .. } => {
                write!(f, "`{column}` has no member `{field}`")
            }
            Self::NullId { column, row } => {
                write!(f, "id column `{column}` is NULL in row {row}")
            }
            Self::DuplicateIds { examples, count } => {
                let rows = if *count == 1 { "row repeats" } else { "rows repeat" };
                write!(f, "{count} {rows} an id of this write, e.g. {}", examples.join("; "))
            }
            Self::OutOfRange { column, stored, row, value } => write!(
                f,
                "column `{column}` is stored as {stored}, which cannot hold {value} of row {row}"
            ),
            Self::ReservedColumn { column } => {
                write!(f, "column `{column}` is reserved for Metalith itself")
            }
            Self::RepeatedColumn { column } => write!(f, "column `{column}` appears twice"),
        }
    }
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestProblem {
    /// A root feature has no upstream to resolve against.
    SamplesRequired,
    /// An external feature is written elsewhere.
    External,
    /// Two upstreams give a column of the same name.
    SharedColumn {
        /// The column.
        column: String,
        /// The upstream that gave it first.
        first: FeatureKey,
        /// The upstream that gives it again.
        second: FeatureKey,
    },
    /// An upstream lacks a column that the dep names.
    UnknownColumn {
        /// The upstream, or the feature itself.
        of: FeatureKey,
        /// What names it, e.g. `rename`, `select`, `a join key`, `columns`.
        part: &'static str,
        /// The column.
        column: String,
        /// The columns there are.
        known: Vec<String>,
    },
    /// Columns were asked for without the ids.
    IdsRequired {
        /// The id columns.
        ids: Vec<String>,
    },
    /// A root feature cannot be rebased: nothing is upstream of it.
    RootRebase,
    /// There is nothing to restore.
    NothingToRestore {
        /// The deletion, when one was named.
        deletion: Option<String>,
    },
    /// Newer rows stand where deleted ones would come back.
    Superseded {
        /// How many.
        samples: usize,
        /// Up to three of them, shown.
        examples: Vec<String>,
    },
    /// The table changed after the plan was made.
    PlanOutdated {
        /// The version that the plan saw.
        planned: u64,
        /// The version now.
        found: u64,
    },
}

impl fmt::Display for RequestProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SamplesRequired => {
                write!(f, "a root feature has no upstream, so it can only be resolved with samples")
            }
            Self::External => write!(f, "an external feature is written by its own project"),
            Self::SharedColumn { column, first, second } => {
                write!(f, "its upstreams `{first}` and `{second}` both have a column `{column}`")
            }
            Self::UnknownColumn { of, part, column, .. } => {
                write!(f, "{part} names column `{column}`, which `{of}` does not have")
            }
            Self::IdsRequired { ids } => {
                write!(f, "`columns` must include the id columns {}", known(ids))
            }
            Self::RootRebase => write!(f, "a root feature has no upstream to rebase on"),
            Self::NothingToRestore { deletion: Some(deletion) } => {
                write!(f, "no sample is deleted by deletion `{deletion}`")
            }
            Self::NothingToRestore { deletion: None } => write!(f, "no sample is deleted"),
            Self::Superseded { samples, examples } => write!(
                f,
                "{samples} of the deleted samples have been written again since, e.g. {}",
                examples.join("; ")
            ),
            Self::PlanOutdated { planned, found } => {
                write!(f, "the plan was made at table version {planned}, which is now {found}")
            }
        }
    }
}

/// What is wrong with a place where a store should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlaceProblem {
    /// There is nothing.
    Missing,
    /// There is something else.
    NotAStore {
        /// What was found, e.g. a file's name.
        found: String,
    },
    /// The store hashes otherwise.
    OtherHash {
        /// How the store hashes.
        stored: HashSettings,
        /// How it was asked to.
        asked: HashSettings,
    },
    /// The graph's versions are cut to another length than the store's hashes.
    OtherLength {
        /// How the store cuts.
        stored: HashSettings,
    },
    /// Tables of another system; how they hash is not written anywhere.
    HashUnknown,
    /// A newer Metalith wrote it.
    NewerFormat {
        /// Its format.
        format: u32,
    },
    /// It was opened for reading.
    ReadOnly,
}

impl fmt::Display for PlaceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "there is no store here"),
            Self::NotAStore { found } => write!(f, "this is not a store: it holds {found}"),
            Self::OtherHash { stored, asked } => {
                write!(f, "the store hashes with {stored}, but {asked} was asked for")
            }
            Self::OtherLength { stored } => {
                write!(
                    f,
                    "the store hashes with {stored}, but the graph's versions are cut otherwise"
                )
            }
            Self::HashUnknown => {
                write!(
                    f,
                    "the tables were written by another system, which does not record its hash"
                )
            }
            Self::NewerFormat { format } => {
                write!(f, "the store has format {format}, which a newer Metalith wrote")
            }
            Self::ReadOnly => write!(f, "the store was opened for reading"),
        }
    }
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
            Self::Rows { .. } | Self::UnknownAlgorithm { .. } => Kind::Invalid,
            Self::Request { problem, .. } => match problem {
                RequestProblem::NothingToRestore { .. } => Kind::NotFound,
                RequestProblem::Superseded { .. } => Kind::Blocked,
                RequestProblem::PlanOutdated { .. } => Kind::Conflict,
                RequestProblem::SamplesRequired
                | RequestProblem::External
                | RequestProblem::SharedColumn { .. }
                | RequestProblem::UnknownColumn { .. }
                | RequestProblem::IdsRequired { .. }
                | RequestProblem::RootRebase => Kind::Invalid,
            },
            Self::Place { problem, .. } => match problem {
                PlaceProblem::Missing => Kind::NotFound,
                PlaceProblem::NewerFormat { .. } => Kind::Unsupported,
                PlaceProblem::NotAStore { .. }
                | PlaceProblem::OtherHash { .. }
                | PlaceProblem::OtherLength { .. }
                | PlaceProblem::HashUnknown
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
            Self::Rows { .. } => "store.rows",
            Self::Request { .. } => "store.request",
            Self::Place { .. } => "store.place",
            Self::UnknownAlgorithm { .. } => "store.unknown-algorithm",
            Self::Conflict { .. } => "store.conflict",
            Self::Storage { .. } => "store.storage",
            Self::Corrupt { .. } => "store.corrupt",
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
            Self::Rows { problem, .. } => row_hint(problem),
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
                "restore the table's folder from a backup, or drop the feature and write it again"
                    .into(),
            ),
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

fn known(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn did_you_mean(name: &str, names: &[String]) -> String {
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "there are no columns".to_owned(),
        None => format!("there are {}", known(names)),
    }
}

fn row_hint(problem: &RowProblem) -> Option<Cow<'_, str>> {
    Some(match problem {
        RowProblem::MissingColumn { column, present } => did_you_mean(column, present).into(),
        RowProblem::MissingField { field, present, .. } => did_you_mean(field, present).into(),
        RowProblem::WrongType { .. } => "convert the column before writing".into(),
        RowProblem::NullId { .. } => "give every row an id, or leave the row out".into(),
        RowProblem::DuplicateIds { .. } => "keep one row for each id".into(),
        RowProblem::OutOfRange { .. } => "store such numbers as text".into(),
        RowProblem::ReservedColumn { .. } => "rename or drop the column".into(),
        RowProblem::RepeatedColumn { .. } => "rename one of them".into(),
    })
}

fn request_hint(problem: &RequestProblem) -> Option<Cow<'_, str>> {
    match problem {
        RequestProblem::SamplesRequired => {
            Some("give samples, or scan a folder with `metalith scan`".into())
        }
        RequestProblem::External => None,
        RequestProblem::SharedColumn { column, second, .. } => Some(
            format!("in the dep on `{second}`, rename `{column}` or leave it out of `select`")
                .into(),
        ),
        RequestProblem::UnknownColumn { column, known, .. } => {
            Some(did_you_mean(column, known).into())
        }
        RequestProblem::IdsRequired { ids } => Some(format!("add {}", known(ids)).into()),
        RequestProblem::RootRebase => Some("write its samples again".into()),
        RequestProblem::NothingToRestore { .. } => Some(
            "list deleted samples with `metalith metadata read FEATURE --include-deleted`".into(),
        ),
        RequestProblem::Superseded { .. } => {
            Some("narrow the restore with `--filter` to samples that were not written again".into())
        }
        RequestProblem::PlanOutdated { .. } => Some("make the plan again".into()),
    }
}

fn place_hint(problem: &PlaceProblem) -> &'static str {
    match problem {
        PlaceProblem::Missing => "create it with `metalith init`, or check the path",
        PlaceProblem::NotAStore { .. } => "choose an empty folder or an existing store",
        PlaceProblem::OtherHash { .. } | PlaceProblem::OtherLength { .. } => {
            "set `[hash]` in metalith.toml to what the store uses, or open another store"
        }
        PlaceProblem::HashUnknown => "say how it hashes under `[hash]` in metalith.toml",
        PlaceProblem::NewerFormat { .. } => "update Metalith",
        PlaceProblem::ReadOnly => "open it for writing",
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
