//! Why a migration cannot be made, applied or taken back.

use std::{borrow::Cow, io, path::PathBuf};

use metalith_base::{Diagnostic, FeatureKey, Kind};
use metalith_document::DocumentError;
use metalith_expr::ExprError;
use metalith_store::{CarryProblem, StoreError};

use crate::{deletion::DeletionError, snapshots::SnapshotError};

/// Why a migration cannot be made, applied or taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// No feature has another version.
    #[error("no feature has another version than in the graph that was recorded as {version}")]
    NothingChanged {
        /// The version of the recorded graph.
        version: String,
    },
    /// A text that cannot be an id.
    #[error("`{id}` cannot be the name of a migration")]
    Id {
        /// The text.
        id: String,
    },
    /// There is no such migration.
    #[error("there is no migration `{id}`")]
    Unknown {
        /// The id asked for.
        id: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A file that cannot be read or written.
    #[error("cannot {action} `{}`", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Several files have migrations of the same id.
    #[error("there are several migrations `{id}`")]
    Several {
        /// The id.
        id: String,
        /// The files.
        files: Vec<PathBuf>,
    },
    /// A file that says something wrong.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// It was made for another graph than today's.
    #[error("migration `{id}` leads to graph {to}, but today's is {found}")]
    OtherGraph {
        /// The migration.
        id: String,
        /// The version it leads to.
        to: String,
        /// The version of today's graph.
        found: String,
    },
    /// It does not say by a whole version from which graph it comes.
    #[error("migration `{id}` comes from `{from}`, which may be another graph tomorrow")]
    NoVersion {
        /// The migration.
        id: String,
        /// What it says.
        from: String,
        /// The version that this means today.
        version: String,
    },
    /// It is another project's.
    #[error("migration `{id}` is about project `{project}`")]
    OtherProject {
        /// The migration.
        id: String,
        /// Its project.
        project: String,
    },
    /// A step that makes no sense.
    #[error("step {number} of migration `{id}`, {operation} `{feature}`: {problem}")]
    Step {
        /// The migration.
        id: String,
        /// Which step, counted from 1.
        number: usize,
        /// What it does.
        operation: &'static str,
        /// To which feature.
        feature: FeatureKey,
        /// What is wrong with it.
        problem: StepProblem,
    },
    /// Steps that would fail, counted from 1. Nothing is done.
    #[error("nothing of migration `{id}` was done: {}", .problems.iter()
        .map(|(number, why)| format!("step {number} would fail: {why}"))
        .collect::<Vec<_>>().join("\n"))]
    WouldFail {
        /// The migration.
        id: String,
        /// The steps, and why.
        problems: Vec<(usize, Self)>,
    },
    /// A step that failed. Those before it are done.
    #[error("step {number} of migration `{id}` failed: {source}")]
    StepFailed {
        /// The migration.
        id: String,
        /// Which step, counted from 1.
        number: usize,
        /// Why.
        source: Box<Self>,
    },
    /// Its file is not what it was when it was begun.
    #[error("migration `{id}` was changed after it was begun")]
    Changed {
        /// The migration.
        id: String,
    },
    /// It is being taken back.
    #[error("migration `{id}` is being rolled back, and that is not finished")]
    RollingBack {
        /// The migration.
        id: String,
    },
    /// Somebody else is carrying out a deletion of it.
    #[error("deletion `{deletion}` is being carried out by somebody else")]
    Busy {
        /// The deletion.
        deletion: String,
    },
    /// It was not applied, so there is nothing to take back.
    #[error("migration `{id}` was not applied to this store")]
    NotApplied {
        /// The migration.
        id: String,
    },
    /// Something was built on what it did.
    #[error("migration `{id}` cannot be rolled back: {}", .found.join("; "))]
    BuiltUpon {
        /// The migration.
        id: String,
        /// What was built.
        found: Vec<String>,
    },
    /// An expression in a step cannot be read.
    #[error("in step {number} of migration `{id}`: {source}")]
    Expression {
        /// The migration.
        id: String,
        /// Which step, counted from 1.
        number: usize,
        /// What is wrong with it.
        source: Box<ExprError>,
    },
    /// A recorded graph cannot be had.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A deletion failed or was refused.
    #[error(transparent)]
    Deletion(#[from] DeletionError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with a step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepProblem {
    /// It does not say why it is right.
    #[error("it gives no reason")]
    NoReason,
    /// It carries samples over, and the migration does not say from which graph.
    #[error("the migration does not say `from` which graph")]
    NoFrom,
    /// The older graph does not have the feature.
    #[error("the graph it comes from has no feature `{feature}`")]
    NotBefore {
        /// The feature.
        feature: FeatureKey,
    },
    /// It is under the same version in both graphs.
    #[error("its version is the same in both graphs")]
    SameVersion,
    /// What it is computed from is carried over later, or it is there twice.
    #[error("it comes before step {other}, which it depends on")]
    TooEarly {
        /// The step that must come first, counted from 1.
        other: usize,
    },
    /// The same feature is carried over by another step.
    #[error("step {other} carries the same feature over")]
    Twice {
        /// The other step, counted from 1.
        other: usize,
    },
    /// It is another project's.
    #[error("it is external, and written to by another project")]
    External,
    /// Its function is in Python, and whoever applies it cannot call that.
    #[error("`{run}` is a function in Python, which cannot be called from here")]
    NoPython {
        /// The function.
        run: String,
    },
    /// The definitions have too little in common.
    #[error("{0}")]
    NotCarried(CarryProblem),
    /// Samples under the former name are held, and would not be under the newer one.
    #[error("samples of `{feature}` are held by hold {hold}, which does not go along")]
    Held {
        /// The feature's former name.
        feature: FeatureKey,
        /// The hold.
        hold: String,
    },
    /// What it is computed from has another version, and is not carried over.
    #[error("it is computed from `{upstream}`, which is not carried over")]
    NotKept {
        /// The feature upstream.
        upstream: FeatureKey,
    },
}

impl Diagnostic for MigrationError {
    fn kind(&self) -> Kind {
        match self {
            Self::NothingChanged { .. } | Self::Unknown { .. } | Self::NotApplied { .. } => {
                Kind::NotFound
            }
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => Kind::NotFound,
            Self::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                Kind::Invalid
            }
            Self::File { .. } => Kind::Unavailable,
            Self::Id { .. } | Self::OtherGraph { .. } | Self::OtherProject { .. } => Kind::Invalid,
            Self::Several { .. } | Self::Step { .. } | Self::NoVersion { .. } => Kind::Invalid,
            Self::Changed { .. } | Self::RollingBack { .. } | Self::BuiltUpon { .. } => {
                Kind::Blocked
            }
            Self::Busy { .. } => Kind::Conflict,
            Self::StepFailed { source, .. } => source.kind(),
            Self::WouldFail { problems, .. } => {
                problems.first().map_or(Kind::Invalid, |(_, why)| why.kind())
            }
            Self::Document(error) => error.kind(),
            Self::Expression { source, .. } => source.kind(),
            Self::Snapshot(error) => error.kind(),
            Self::Deletion(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NothingChanged { .. } => "migration.nothing-changed",
            Self::Id { .. } => "migration.id",
            Self::Unknown { .. } => "migration.unknown",
            Self::File { .. } => "migration.file",
            Self::Several { .. } => "migration.several",
            Self::OtherGraph { .. } => "migration.other-graph",
            Self::OtherProject { .. } => "migration.other-project",
            Self::NoVersion { .. } => "migration.no-version",
            Self::Step { .. } => "migration.step",
            Self::StepFailed { source, .. } => source.code(),
            Self::WouldFail { problems, .. } => {
                problems.first().map_or("migration.would-fail", |(_, why)| why.code())
            }
            Self::Changed { .. } => "migration.changed",
            Self::RollingBack { .. } => "migration.rolling-back",
            Self::Busy { .. } => "migration.busy",
            Self::NotApplied { .. } => "migration.not-applied",
            Self::BuiltUpon { .. } => "migration.built-upon",
            Self::Document(error) => error.code(),
            Self::Expression { source, .. } => source.code(),
            Self::Snapshot(error) => error.code(),
            Self::Deletion(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::NothingChanged { .. } => Some(
                "if the graph was pushed since the code changed, compare with an earlier one: \
                 `--from VERSION`, see `metalith graph history`"
                    .into(),
            ),
            Self::Id { .. } => Some("use letters, digits, `-` and `_`".into()),
            Self::Unknown { known, .. } if known.is_empty() => {
                Some("make one with `metalith migrations generate`".into())
            }
            Self::Unknown { known, .. } => Some(format!("there are {}", known.join(", ")).into()),
            Self::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                Some("give another `--name`".into())
            }
            Self::File { .. } => Some("check the path and its permissions".into()),
            Self::Several { files, .. } => {
                let files: Vec<_> = files.iter().map(|it| it.display().to_string()).collect();
                Some(format!("name a file, or change its id: {}", files.join(", ")).into())
            }
            Self::OtherGraph { .. } => {
                Some("check out the code it was made for, or make a new one".into())
            }
            Self::OtherProject { .. } => Some("apply it in that project".into()),
            Self::NoVersion { version, .. } => Some(
                format!("write the whole version, if you mean this one: `from: {version}`").into(),
            ),
            Self::Step { problem, .. } => Some(problem.hint()),
            Self::StepFailed { source, .. } => source.hint(),
            Self::WouldFail { problems, .. } => {
                let hints: Vec<_> = problems.iter().filter_map(|(_, why)| why.hint()).collect();
                (!hints.is_empty()).then(|| hints.join("\n").into())
            }
            Self::Changed { .. } => {
                Some("bring its file back as it was, or roll it back first".into())
            }
            Self::RollingBack { id } => {
                Some(format!("finish it with `metalith migrations rollback {id}`").into())
            }
            Self::Busy { .. } => Some("apply the migration again in a moment".into()),
            Self::NotApplied { .. } => Some("see `metalith migrations status`".into()),
            Self::BuiltUpon { .. } => {
                Some("delete what was built with `--hard`, or go on from how things are".into())
            }
            Self::Document(error) => error.hint(),
            Self::Expression { source, .. } => source.hint(),
            Self::Snapshot(error) => error.hint(),
            Self::Deletion(error) => error.hint(),
            Self::Store(error) => error.hint(),
        }
    }
}

impl StepProblem {
    fn hint(&self) -> Cow<'_, str> {
        match self {
            Self::NoReason => {
                "say in `reason` why this is right, or choose `recompute` if it is not".into()
            }
            Self::NoFrom => {
                "name the recorded graph in `from`, see `metalith graph history`".into()
            }
            Self::NotBefore { .. } => {
                "take the step out, or name the older feature by a `rename`".into()
            }
            Self::SameVersion => "take the step out: its samples are current".into(),
            Self::TooEarly { .. } => "put upstreams before what is computed from them".into(),
            Self::Twice { .. } => "take one of them out".into(),
            Self::External => "let that project carry it over".into(),
            Self::NoPython { .. } => {
                "apply it with the `metalith` command that the Python package installs".into()
            }
            Self::NotCarried(_) => "choose `recompute`".into(),
            Self::Held { hold, .. } => format!(
                "place the same hold on the newer name, then release this one with \
                 `metalith hold release {hold}`, if you may"
            )
            .into(),
            Self::NotKept { upstream } => {
                format!("choose `recompute`, or carry `{upstream}` over as well").into()
            }
        }
    }
}
