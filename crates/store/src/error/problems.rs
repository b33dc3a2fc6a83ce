//! What is wrong with rows, with a request, or with a place.

use std::{borrow::Cow, fmt};

use metalith_base::{FeatureKey, nearest};

use crate::{CarryProblem, HashSettings};

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
            Self::DuplicateIds { examples } => {
                write!(f, "rows repeat ids of this write, e.g. {}", examples.join("; "))
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
    /// A column that says which sample it is, or what it was computed from.
    FixedColumn {
        /// Its name.
        column: String,
    },
    /// A new column that would hold nothing but NULL.
    UntypedColumn {
        /// Its name.
        column: String,
    },
    /// Code of users failed, or gives what cannot be stored.
    Computation {
        /// What went wrong.
        detail: String,
    },
    /// The definitions differ in a way that nothing can be carried over from one to the other.
    NotCarried(CarryProblem),
    /// Samples that were deleted under the older definition would be there again under the newer.
    Revived {
        /// How many.
        samples: u64,
    },
    /// A root feature cannot be rebased: nothing is upstream of it.
    RootRebase,
    /// A root feature has no upstreams to join.
    RootJoin,
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
    /// The feature is read from a store further down the fallback chain, which is not written to.
    InFallback {
        /// Where that store is.
        location: String,
    },
    /// Samples that are read from a store further down would not be seen any more.
    WouldHide {
        /// Where that store is.
        location: String,
        /// How many it has.
        samples: usize,
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
            Self::FixedColumn { column } => write!(
                f,
                "column `{column}` says which sample it is or what it was computed from, and cannot \
                 be filled"
            ),
            Self::UntypedColumn { column } => {
                write!(f, "column `{column}` would be new and hold nothing but NULL")
            }
            Self::Computation { detail } => write!(f, "its columns cannot be computed: {detail}"),
            Self::NotCarried(problem) => write!(f, "{problem}"),
            Self::Revived { samples } => write!(
                f,
                "{samples} samples that today's definition has from before were deleted under the \
                 other one since, and would be there again"
            ),
            Self::RootRebase => write!(f, "a root feature has no upstream to rebase on"),
            Self::RootJoin => write!(f, "a root feature has no upstreams to join"),
            Self::NothingToRestore { deletion: Some(deletion) } => {
                write!(f, "no sample is deleted by deletion `{deletion}`")
            }
            Self::NothingToRestore { deletion: None } => write!(f, "no sample is deleted"),
            Self::Superseded { samples, examples } => write!(
                f,
                "{samples} of the deleted samples have been written again since, e.g. {}",
                examples.join("; ")
            ),
            Self::InFallback { location } => {
                write!(f, "these samples are read from {location}, which is only read from here")
            }
            Self::WouldHide { location, samples } => write!(
                f,
                "its {samples} samples are read from {location}, and the first rows here would \
                 hide them"
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
    /// The store it falls back to hashes otherwise.
    FallbackHash {
        /// How the store hashes.
        stored: HashSettings,
        /// Where the other one is.
        fallback: String,
        /// How that one hashes.
        hash: HashSettings,
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
    /// Another process has it, and there is room for one.
    InUse,
    /// What speaks to the database is not there.
    NoDriver {
        /// The database.
        database: &'static str,
        /// The name or path that was looked for.
        driver: String,
        /// What was found out on the way.
        detail: String,
        /// How to get it.
        advice: &'static str,
    },
    /// The driver does not take what it is told of the database.
    NotOpened {
        /// The database.
        database: &'static str,
        /// What the driver says.
        detail: String,
    },
    /// What should speak to the database cannot.
    NotADriver {
        /// The name or path.
        driver: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl fmt::Display for PlaceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "there is no store here"),
            Self::NotAStore { found } => write!(f, "this is not a store: it holds {found}"),
            Self::OtherHash { stored, asked } => {
                write!(f, "the store hashes with {stored}, but {asked} was asked for")
            }
            Self::FallbackHash { stored, fallback, hash } => write!(
                f,
                "the store hashes with {stored}, but {fallback}, which it falls back to, with \
                 {hash}"
            ),
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
            Self::InUse => {
                write!(
                    f,
                    "another process has the database open: either one writes it, or any number read it"
                )
            }
            Self::NoDriver { database, driver, detail, .. } => {
                write!(f, "the ADBC driver `{driver}` for {database} was not found: {detail}")
            }
            Self::NotOpened { database, detail } => {
                write!(f, "it cannot be opened as {database}: {detail}")
            }
            Self::NotADriver { driver, detail } => {
                write!(f, "`{driver}` cannot be used as an ADBC driver: {detail}")
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

pub(super) fn row_hint(problem: &RowProblem) -> Option<Cow<'_, str>> {
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

pub(super) fn request_hint(problem: &RequestProblem) -> Option<Cow<'_, str>> {
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
        RequestProblem::FixedColumn { .. } => {
            Some("fill a column that only describes the sample".into())
        }
        RequestProblem::UntypedColumn { .. } => {
            Some("give it a type, e.g. `CAST(NULL AS BIGINT)`".into())
        }
        RequestProblem::Computation { .. } => Some(
            "give back the ids of samples that change, once each, with the columns that change"
                .into(),
        ),
        RequestProblem::NotCarried(_) => Some("compute its samples anew".into()),
        RequestProblem::Revived { .. } => {
            Some("delete them with `metalith metadata delete` first, as the code is today".into())
        }
        RequestProblem::RootRebase => Some("write its samples again".into()),
        RequestProblem::RootJoin => {
            Some("give its rows `metaxy_provenance_by_field` themselves".into())
        }
        RequestProblem::NothingToRestore { .. } => Some(
            "list deleted samples with `metalith metadata read FEATURE --include-deleted`".into(),
        ),
        RequestProblem::Superseded { .. } => {
            Some("narrow the restore with `--filter` to samples that were not written again".into())
        }
        RequestProblem::InFallback { .. } => Some(
            "work in that store, or copy the feature from it first with `metalith metadata copy \
             --over-fallback hide`"
                .into(),
        ),
        RequestProblem::WouldHide { .. } => Some(
            "with `--over-fallback hide` the feature is what this store has from then on; `metalith \
             metadata copy` takes it so and brings what is there along"
                .into(),
        ),
        RequestProblem::PlanOutdated { .. } => Some("make the plan again".into()),
    }
}

pub(super) fn place_hint(problem: &PlaceProblem) -> &str {
    match problem {
        PlaceProblem::Missing => {
            "the first write makes it, as `metalith init` does for a new project; or check the path"
        }
        PlaceProblem::NotAStore { .. } => "choose an empty folder or an existing store",
        PlaceProblem::OtherHash { .. } | PlaceProblem::OtherLength { .. } => {
            "set `[hash]` in metalith.toml to what the store uses, or open another store"
        }
        PlaceProblem::FallbackHash { .. } => {
            "fall back to a store with the same hash, or create this one anew with that hash"
        }
        PlaceProblem::HashUnknown => "say how it hashes under `[hash]` in metalith.toml",
        PlaceProblem::NewerFormat { .. } => "update Metalith",
        PlaceProblem::ReadOnly => "open it for writing",
        PlaceProblem::InUse => "run the command again when the other process is done",
        PlaceProblem::NoDriver { advice, .. } => advice,
        PlaceProblem::NotOpened { .. } => "check `driver` and `options` of this store",
        PlaceProblem::NotADriver { .. } => {
            "name the shared library of a driver, or a manifest, with `driver`"
        }
    }
}
