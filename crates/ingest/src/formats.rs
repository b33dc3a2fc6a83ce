//! The formats of files of rows.

use std::{path::Path, str::FromStr};

/// A format in which rows are kept in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header.
    Csv,
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

    /// The ending of files of this format.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
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
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            "arrow" | "ipc" | "feather" | "arrows" => Ok(Self::Arrow),
            _ => Err(()),
        }
    }
}
