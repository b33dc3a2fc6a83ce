//! Why work on the registry fails.

use std::borrow::Cow;

use metalith_base::{Diagnostic, Kind};
use metalith_ingest::IngestError;
use metalith_lifecycle::deletion::{Blocker, DeletionError, Reference};
use metalith_objects::ObjectError;
use metalith_pipeline::PipelineError;
use metalith_project::ProjectError;
use metalith_store::StoreError;

/// Why work on the registry fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The project has no registry.
    #[error("this project has no registry of jobs, datasets and models")]
    NoRegistry,
    /// No record has this id.
    #[error("there is no {noun} `{id}`")]
    Unknown {
        /// What was looked for.
        noun: &'static str,
        /// Its id.
        id: String,
    },
    /// A text that is no id.
    #[error("`{id}` is not the id of a {noun}: it must be a UUID")]
    NotAnId {
        /// What was looked for.
        noun: &'static str,
        /// The text.
        id: String,
    },
    /// Active models use what would go.
    #[error("{}", in_use(.blocked, *.advice))]
    InUse {
        /// Which models use what.
        blocked: Vec<Reference>,
        /// What the caller asked for.
        advice: Advice,
    },
    /// A job did not stop in time.
    #[error("job `{job}` was told to stop and has not stopped yet")]
    StillRunning {
        /// Its id.
        job: String,
    },
    /// A job is at work on it.
    #[error("{noun} `{id}` is still being made by job `{job}`")]
    BeingMade {
        /// What it is.
        noun: &'static str,
        /// Its id.
        id: String,
        /// The job.
        job: String,
    },
    /// Datasets went while a model began to use them.
    #[error("model `{model}` cannot be used: dataset {} is gone, or about to go", .datasets.join(", "))]
    LosesDatasets {
        /// The model's name.
        model: String,
        /// The datasets.
        datasets: Vec<String>,
    },
    /// Somebody else works on the job by now, or it is gone.
    #[error("job `{job}` is not this process's to work on any more")]
    Lost {
        /// Its id.
        job: String,
    },
    /// A job cannot be stopped any more.
    #[error("job `{job}` is over already: it is {state}")]
    Over {
        /// Its id.
        job: String,
        /// How it stands.
        state: &'static str,
    },
    /// No job does this.
    #[error("`{kind}` is not a kind of job")]
    UnknownKind {
        /// What was asked for.
        kind: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// A setting of a record or job that makes no sense.
    #[error("`{setting}` {problem}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A token that cannot be made or found.
    #[error("{problem}")]
    Token {
        /// What is wrong.
        problem: String,
        /// What kind of failure that is.
        kind: Kind,
    },
    /// A run of a pipeline failed, and is not begun again.
    #[error("{error}")]
    Run {
        /// What it said.
        error: String,
    },
    /// A run of a pipeline was interrupted while its outputs took their places.
    #[error("it was interrupted while it wrote to {}: some of it may be there", .places.join(", "))]
    HalfPublished {
        /// The places.
        places: Vec<String>,
    },
    /// A computation broke off.
    #[error("a defect: a computation broke off")]
    Broken,
    /// A job was stopped.
    #[error("it was stopped")]
    Cancelled,
    /// The store of a record cannot be read as one.
    #[error("a record cannot be read")]
    Record(#[from] serde_json::Error),
    /// Arrow refused.
    #[error("rows cannot be made or read")]
    Rows(#[from] arrow::error::ArrowError),
    /// A deletion was refused or failed.
    #[error(transparent)]
    Deletion(#[from] DeletionError),
    /// A scan failed.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// A pipeline failed, or makes no sense.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// Storage of objects refused.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// The project cannot be opened.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What somebody asked for who is told that models are in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// To delete a dataset.
    Dataset,
    /// To delete a job with its datasets, which could stay.
    Job,
}

/// The documented text: for a dataset without its name, which the caller gave; for a job with it.
fn in_use(blocked: &[Reference], advice: Advice) -> String {
    let mut told: Vec<String> = blocked.iter().map(|it| one_in_use(it, advice)).collect();
    let way = blocked.first().map(|it| Blocker::Reference(it.clone()).way_out());
    let way = way.unwrap_or_default();
    told.push(match advice {
        Advice::Dataset => format!("{way}."),
        Advice::Job => format!("{way}, or uncheck 'delete_dataset'."),
    });
    told.join(" ")
}

fn one_in_use(reference: &Reference, advice: Advice) -> String {
    let whole = reference.to_string();
    match advice {
        Advice::Job => format!("{whole}."),
        Advice::Dataset => {
            format!("{}.", whole.replacen(&format!(" '{}'", reference.target), "", 1))
        }
    }
}

impl RegistryError {
    /// The models that are in the way, and what else is.
    pub fn blockers(&self) -> Vec<Blocker> {
        match self {
            Self::InUse { blocked, .. } => {
                blocked.iter().cloned().map(Blocker::Reference).collect()
            }
            Self::Deletion(DeletionError::Blocked { blockers }) => blockers.clone(),
            _ => Vec::new(),
        }
    }

    /// The same, told to somebody who asked for something in particular.
    pub(crate) fn advise(self, advice: Advice) -> Self {
        let Self::Deletion(DeletionError::Blocked { blockers }) = self else { return self };
        let references = blockers.iter().filter_map(|blocker| match blocker {
            Blocker::Reference(reference) => Some(reference.clone()),
            Blocker::Hold { .. } => None,
        });
        let blocked: Vec<Reference> = references.collect();
        // What is held has a text of its own, and other ways out.
        if blocked.len() < blockers.len() {
            return Self::Deletion(DeletionError::Blocked { blockers });
        }
        Self::InUse { blocked, advice }
    }
}

impl Diagnostic for RegistryError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoRegistry | Self::Unknown { .. } => Kind::NotFound,
            Self::NotAnId { .. } | Self::UnknownKind { .. } | Self::Setting { .. } => Kind::Invalid,
            Self::InUse { .. } => Kind::Blocked,
            Self::StillRunning { .. } => Kind::Unavailable,
            Self::Over { .. }
            | Self::Cancelled
            | Self::Lost { .. }
            | Self::Run { .. }
            | Self::HalfPublished { .. }
            | Self::BeingMade { .. }
            | Self::LosesDatasets { .. } => Kind::Conflict,
            Self::Token { kind, .. } => *kind,
            Self::Record(_) => Kind::Corrupt,
            Self::Rows(_) | Self::Broken => Kind::Internal,
            Self::Deletion(error) => error.kind(),
            Self::Ingest(error) => error.kind(),
            Self::Pipeline(error) => error.kind(),
            Self::Objects(error) => error.kind(),
            Self::Project(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoRegistry => "registry.none",
            Self::Unknown { .. } => "registry.unknown",
            Self::NotAnId { .. } => "registry.not-an-id",
            Self::InUse { .. } => "registry.in-use",
            Self::StillRunning { .. } => "job.still-running",
            Self::BeingMade { .. } => "registry.being-made",
            Self::LosesDatasets { .. } => "model.loses-datasets",
            Self::Lost { .. } => "job.lost",
            Self::Over { .. } => "job.over",
            Self::Run { .. } => "job.run",
            Self::HalfPublished { .. } => "job.half-published",
            Self::UnknownKind { .. } => "job.unknown-kind",
            Self::Setting { .. } => "registry.setting",
            Self::Token { .. } => "token",
            Self::Cancelled => "job.cancelled",
            Self::Record(_) => "registry.record",
            Self::Rows(_) => "registry.rows",
            Self::Broken => "job.broken",
            Self::Deletion(error) => error.code(),
            Self::Ingest(error) => error.code(),
            Self::Pipeline(error) => error.code(),
            Self::Objects(error) => error.code(),
            Self::Project(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::NoRegistry => Some("add a table `[registry]` to metalith.toml".into()),
            Self::UnknownKind { known, .. } => {
                Some(format!("choose one of {}", known.join(", ")).into())
            }
            Self::StillRunning { .. } => Some("try again in a while; it has been told".into()),
            Self::BeingMade { .. } => Some("stop the job first, or delete it".into()),
            Self::LosesDatasets { .. } => Some("leave these datasets out".into()),
            Self::HalfPublished { .. } => Some("look at these places, and run it anew".into()),
            Self::Lost { .. }
            | Self::Unknown { .. }
            | Self::NotAnId { .. }
            | Self::InUse { .. }
            | Self::Over { .. }
            | Self::Setting { .. }
            | Self::Token { .. }
            | Self::Cancelled
            | Self::Run { .. }
            | Self::Broken
            | Self::Record(_)
            | Self::Rows(_) => None,
            Self::Deletion(error) => error.hint(),
            Self::Ingest(error) => error.hint(),
            Self::Pipeline(error) => error.hint(),
            Self::Objects(error) => error.hint(),
            Self::Project(error) => error.hint(),
            Self::Store(error) => error.hint(),
        }
    }
}
