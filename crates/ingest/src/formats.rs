//! The formats of files of rows.

use std::{fmt, path::Path, str::FromStr};

/// A format in which rows are kept in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// One JSON object a line.
    JsonLines,
    /// Arrow IPC, as a file or as a stream.
    Arrow,
}

impl FileFormat {
    /// The format that a file's name ends with.
    pub fn of_file(path: &Path) -> Option<Self> {
        path.extension()?.to_str()?.parse().ok()
    }

    /// Whether files of it are text, to which lines can be added.
    pub fn is_text(self) -> bool {
        match self {
            Self::Csv | Self::Tsv | Self::JsonLines => true,
            Self::Parquet | Self::Arrow => false,
        }
    }

    /// The ending of files of this format.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::JsonLines => "jsonl",
            Self::Arrow => "arrow",
        }
    }
}

impl FromStr for FileFormat {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name.to_lowercase().as_str() {
            "parquet" => Ok(Self::Parquet),
            "csv" => Ok(Self::Csv),
            "tsv" => Ok(Self::Tsv),
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            "arrow" | "ipc" | "feather" | "arrows" => Ok(Self::Arrow),
            _ => Err(()),
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parquet => "Parquet",
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::JsonLines => "JSON lines",
            Self::Arrow => "Arrow IPC",
        })
    }
}
