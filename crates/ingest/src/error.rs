//! Why files could not be taken in or put out.

use std::{borrow::Cow, io, path::PathBuf};

use arrow::error::ArrowError;
use metalith_base::{Diagnostic, FeatureKey, Kind};
use metalith_objects::ObjectError;
use metalith_store::StoreError;
use parquet::errors::ParquetError;

use crate::FileFormat;

/// Why files could not be taken in or put out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// A file that cannot be opened, read or written.
    #[error("cannot {action} `{}`", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that is not what its name says.
    #[error("`{}` is not the {format} it should be: {source}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The format it should have.
        format: FileFormat,
        /// What the reader says, with the line where it knows one.
        source: ArrowError,
    },
    /// A Parquet file that cannot be read.
    #[error("`{}` is not the Parquet it should be: {source}", .path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        source: ParquetError,
    },
    /// Rows that a format cannot hold.
    #[error("{format} cannot hold these rows in `{}`", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The format.
        format: FileFormat,
        /// What the writer says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of separated values without a line.
    #[error("`{}` is empty: it has no header", .path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// A file name without a format.
    #[error("the format of `{}` is not known", .path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// A column that versions were to come from.
    #[error("there is no column `{column}` to take the version of field `{field}` from")]
    NoVersionColumn {
        /// The column.
        column: String,
        /// The field.
        field: String,
    },
    /// A feature that cannot hold scanned files.
    #[error("`{feature}` cannot hold scanned files: {problem}")]
    NotScannable {
        /// The feature.
        feature: FeatureKey,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A place without a single file, when all samples from it were to be deleted.
    #[error("there is no file in {place}, and {samples} samples of `{feature}` came from there")]
    NothingThere {
        /// The place.
        place: String,
        /// The feature.
        feature: FeatureKey,
        /// Its samples from that place.
        samples: u64,
    },
    /// A pattern that is none.
    #[error("`{pattern}` is no pattern: {problem}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A folder or bucket that cannot be read.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// A store that refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Diagnostic for IngestError {
    fn kind(&self) -> Kind {
        match self {
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Kind::NotFound,
                io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory => Kind::Invalid,
                _ => Kind::Unavailable,
            },
            Self::Content { .. }
            | Self::Parquet { .. }
            | Self::Unwritable { .. }
            | Self::NoHeader { .. }
            | Self::UnknownFormat { .. }
            | Self::NoVersionColumn { .. }
            | Self::NotScannable { .. }
            | Self::Pattern { .. } => Kind::Invalid,
            Self::NothingThere { .. } => Kind::Blocked,
            Self::Objects(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "ingest.file",
            Self::Content { .. } | Self::Parquet { .. } => "ingest.content",
            Self::Unwritable { .. } => "ingest.unwritable",
            Self::NothingThere { .. } => "ingest.nothing-there",
            Self::NoHeader { .. } => "ingest.no-header",
            Self::UnknownFormat { .. } => "ingest.unknown-format",
            Self::NoVersionColumn { .. } => "ingest.no-version-column",
            Self::NotScannable { .. } => "ingest.not-scannable",
            Self::Pattern { .. } => "ingest.pattern",
            Self::Objects(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::File { .. } => Some("check the path and its permissions".into()),
            Self::Content { .. } | Self::Parquet { .. } => {
                Some("name another format with `--format` if the ending misleads".into())
            }
            Self::Unwritable { .. } => Some("choose another format, e.g. parquet".into()),
            Self::NothingThere { .. } => Some(
                "is the disk mounted and the address right? if all of it is really gone, delete \
                 the samples with `metalith metadata delete`"
                    .into(),
            ),
            Self::NoHeader { .. } => {
                Some("the first line of such a file has the names of its columns".into())
            }
            Self::UnknownFormat { .. } => {
                Some("name it with `--format`: parquet, csv, tsv, jsonl or arrow".into())
            }
            Self::NoVersionColumn { .. } => Some("name a column of the file".into()),
            Self::NotScannable { .. } => {
                Some("scan into a root feature with one text id column, e.g. `path`".into())
            }
            Self::Pattern { .. } => Some("write e.g. `**/*.mp4`".into()),
            Self::Objects(error) => error.hint(),
            Self::Store(error) => error.hint(),
        }
    }
}
