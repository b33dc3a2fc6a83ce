//! Why a pipeline cannot run, or did not.

use std::{borrow::Cow, error::Error, fmt, io, path::PathBuf};

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use metalith_base::{Diagnostic, Kind};
use metalith_document::{DocumentError, Problem, Span};
use metalith_expr::{ExprError, Named};
use metalith_ingest::IngestError;
use metalith_lifecycle::deletion::DeletionError;
use metalith_objects::ObjectError;
use metalith_project::ProjectError;
use metalith_store::StoreError;

use crate::{model::Text, placeholders::Misread};

/// Why a pipeline cannot run, or did not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// Mistakes in a project file, all of them. Nothing was read.
    #[error("{}", told(file, mistakes))]
    Invalid {
        /// The file.
        file: String,
        /// What is wrong with it.
        mistakes: Vec<Mistake>,
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
    /// A value that an operation could not compute with.
    #[error("{operation} failed: {source}")]
    Value {
        /// The operation.
        operation: String,
        /// What the engine says.
        source: Box<DataFusionError>,
    },
    /// A value that is not what `types` says of its column.
    #[error("`{value}` in row {row} of `{place}` is no {wanted} that column `{column}` could hold")]
    Unfit {
        /// The table.
        place: String,
        /// The column.
        column: String,
        /// The row, from 1.
        row: usize,
        /// The value.
        value: String,
        /// The type that it should have.
        wanted: String,
    },
    /// A sample would be deleted although a row of it was not.
    #[error(
        "{operation} would delete the sample {id} of `{place}`, of which another row is active"
    )]
    StillActive {
        /// The operation.
        operation: String,
        /// The feature.
        place: String,
        /// The id.
        id: String,
    },
    /// A lookup with several rows of one key.
    #[error("{operation} found more than one row with the key {key} in `{table}`")]
    RepeatedKey {
        /// The operation.
        operation: String,
        /// The table.
        table: String,
        /// The key.
        key: String,
    },
    /// A lookup that does not fit into memory.
    #[error("{operation} needs `{table}` in memory, where it does not fit")]
    LargeLookup {
        /// The operation.
        operation: String,
        /// The table.
        table: String,
    },
    /// Samples would be deleted for good, and nobody has agreed to that.
    #[error("{operation} deletes samples for good, which needs your consent")]
    NoConsent {
        /// The operation.
        operation: String,
    },
    /// Somebody else changed what was read, or what is to be changed.
    #[error("`{place}` was changed by somebody else since the run began")]
    Changed {
        /// What was changed.
        place: String,
    },
    /// Some outputs could not be put in place after others were.
    #[error("{source}; before that, these outputs were written: {}", .written.join(", "))]
    Partly {
        /// What was written already.
        written: Vec<String>,
        /// What failed.
        source: Box<Self>,
    },
    /// Files that could not be taken in or put out.
    #[error(transparent)]
    Ingest(Box<IngestError>),
    /// Object storage that refused.
    #[error(transparent)]
    Objects(Box<ObjectError>),
    /// A store that refused.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// A project that cannot be used.
    #[error(transparent)]
    Project(Box<ProjectError>),
    /// A deletion that was refused.
    #[error(transparent)]
    Deletion(Box<DeletionError>),
}

impl From<IngestError> for PipelineError {
    fn from(error: IngestError) -> Self {
        Self::Ingest(Box::new(error))
    }
}

impl From<ObjectError> for PipelineError {
    fn from(error: ObjectError) -> Self {
        Self::Objects(Box::new(error))
    }
}

impl From<StoreError> for PipelineError {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl From<ProjectError> for PipelineError {
    fn from(error: ProjectError) -> Self {
        Self::Project(Box::new(error))
    }
}

impl From<DeletionError> for PipelineError {
    fn from(error: DeletionError) -> Self {
        Self::Deletion(Box::new(error))
    }
}

/// One mistake in a project file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong: `Invalid selector in operation 3 (delete)`.
    pub title: String,
    /// What was written, and what it is called there.
    pub subject: Option<(&'static str, String)>,
    /// Why.
    pub reason: String,
    /// Where in the file; its line is 0 where that is not known.
    pub span: Span,
    /// The place in the expression.
    pub snippet: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Mistake {
    /// Something wrong at a place.
    pub(crate) fn new(title: impl Into<String>, reason: impl Into<String>, span: Span) -> Self {
        Self {
            title: title.into(),
            subject: None,
            reason: reason.into(),
            span,
            snippet: None,
            hint: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// A name that is none of the known ones.
    pub(crate) fn about_name<'a>(
        self,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let near = metalith_base::nearest(name, known.iter().copied());
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "there are none".to_owned(),
            None => {
                let names: Vec<String> = known.iter().map(|it| format!("`{it}`")).collect();
                format!("there are {}", names.join(", "))
            }
        };
        self.with_hint(Some(hint))
    }

    /// What a reader of configuration found.
    pub(crate) fn of_document(title: impl Into<String>, error: &DocumentError) -> Self {
        let hint = match &error.problem {
            // Files of pipelines are written by hand: the list of all keys helps nobody.
            Problem::UnknownKey { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            _ => error.hint().map(Cow::into_owned),
        };
        Self::new(title, error.problem.to_string(), error.span).with_hint(hint)
    }

    /// A mistake in an expression: `what` is `selector`, `assignment` and the like.
    pub(crate) fn of_expression(
        what: &'static str,
        operation: &str,
        (text, span): (&str, Span),
        error: &ExprError,
    ) -> Self {
        let place = if operation.is_empty() { String::new() } else { format!(" in {operation}") };
        let mut mistake = Self::new(format!("Invalid {what}{place}"), reason(error), span)
            .with_hint(error.hint().map(Cow::into_owned));
        mistake.subject = Some((label(what), text.to_owned()));
        mistake.snippet = (!error.source_text().trim().is_empty()).then(|| error.snippet());
        mistake
    }
}

impl Mistake {
    /// An expression that says something else than was meant.
    pub(crate) fn of_misread(
        what: &'static str,
        operation: &str,
        text: &Text,
        misread: Misread,
    ) -> Self {
        let title = format!("Invalid {what} in {operation}");
        let mut mistake = Self::new(title, misread.reason, text.span);
        mistake.subject = Some((label(what), text.text.clone()));
        mistake.with_hint(Some(misread.hint))
    }
}

fn label(what: &'static str) -> &'static str {
    match what {
        "selector" => "Selector",
        "assignment" => "Assignment",
        "aggregation" => "Aggregation",
        _ => "Expression",
    }
}

fn reason(error: &ExprError) -> String {
    match error.problem() {
        metalith_expr::Problem::Unknown { what: Named::Column | Named::Member, name, .. } => {
            let last = name.rsplit('.').next().unwrap_or(name).trim_matches(['"', '`']);
            format!("Column '{last}' not found in schema")
        }
        metalith_expr::Problem::Unknown { what: Named::Reference, name, .. } => {
            format!("Selector '{name}' not found in project")
        }
        _ => error.message(),
    }
}

/// The form in which every mistake is told.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error: {}", self.title)?;
        if let Some((label, text)) = &self.subject {
            write!(f, "\n  {label}: \"{}\"", text.trim())?;
        }
        write!(f, "\n  Reason: {}", self.reason)?;
        if self.span.line > 0 {
            write!(f, "\n  At: line {}, column {}", self.span.line, self.span.column)?;
        }
        if let Some(snippet) = &self.snippet {
            for line in snippet.lines() {
                write!(f, "\n    {line}")?;
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  Hint: {hint}")?;
        }
        Ok(())
    }
}

fn told(file: &str, mistakes: &[Mistake]) -> String {
    let count = match mistakes.len() {
        1 => "a mistake".to_owned(),
        more => format!("{more} mistakes"),
    };
    let each: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    format!("{count} in {file}, nothing was done\n\n{}", each.join("\n\n"))
}

/// An error with what is behind it, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.contains(&told) {
            text.push_str(&format!(": {told}"));
        }
        source = cause.source();
    }
    text
}

impl PipelineError {
    pub(crate) fn value(operation: &str, source: DataFusionError) -> Self {
        // Errors of ours travel through the engine, and are told as they are.
        match StoreError::engine(operation, source) {
            StoreError::Engine { source, .. } => {
                Self::Value { operation: operation.to_owned(), source }
            }
            ours => ours.into(),
        }
    }

    pub(crate) fn arrow(operation: &str, source: ArrowError) -> Self {
        Self::value(operation, DataFusionError::ArrowError(Box::new(source), None))
    }
}

impl Diagnostic for PipelineError {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid { .. }
            | Self::Unfit { .. }
            | Self::StillActive { .. }
            | Self::RepeatedKey { .. }
            | Self::LargeLookup { .. }
            | Self::NoConsent { .. } => Kind::Invalid,
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Kind::NotFound,
                _ => Kind::Unavailable,
            },
            Self::Value { source, .. } => match source.find_root() {
                DataFusionError::ResourcesExhausted(_) | DataFusionError::IoError(_) => {
                    Kind::Unavailable
                }
                DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => Kind::Invalid,
                _ => Kind::Internal,
            },
            Self::Changed { .. } => Kind::Conflict,
            Self::Partly { source, .. } => source.kind(),
            Self::Ingest(error) => error.kind(),
            Self::Objects(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Project(error) => error.kind(),
            Self::Deletion(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "pipeline.invalid",
            Self::File { .. } => "pipeline.file",
            Self::Value { .. } => "pipeline.value",
            Self::Unfit { .. } => "pipeline.unfit",
            Self::StillActive { .. } => "pipeline.still-active",
            Self::RepeatedKey { .. } => "pipeline.repeated-key",
            Self::LargeLookup { .. } => "pipeline.large-lookup",
            Self::NoConsent { .. } => "pipeline.no-consent",
            Self::Changed { .. } => "pipeline.changed",
            Self::Partly { source, .. } => source.code(),
            Self::Ingest(error) => error.code(),
            Self::Objects(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Project(error) => error.code(),
            Self::Deletion(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            // Each mistake has its own.
            Self::Invalid { .. } => None,
            Self::File { .. } => Some("check the path and its permissions".into()),
            Self::Value { .. } => {
                Some("leave such rows out with a `selector`, or choose a value with `IF(…)`".into())
            }
            Self::Unfit { .. } => Some(
                "say a type in `types` that holds all values, e.g. `text`, and convert with CAST"
                    .into(),
            ),
            Self::StillActive { .. } => {
                Some("delete all rows of a sample, or choose with the output's `selector`".into())
            }
            Self::RepeatedKey { .. } => {
                Some("a lookup has one row a key: join on more columns".into())
            }
            Self::LargeLookup { .. } => {
                Some("make the larger table the input, or read fewer of its columns".into())
            }
            Self::NoConsent { .. } => {
                Some("see what would happen with `--dry-run`, then pass `--yes`".into())
            }
            Self::Changed { .. } => {
                Some("run the pipeline again: it reads what is there now".into())
            }
            Self::Partly { source, .. } => source.hint(),
            Self::Ingest(error) => error.hint(),
            Self::Objects(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Project(error) => error.hint(),
            Self::Deletion(error) => error.hint(),
        }
    }
}
