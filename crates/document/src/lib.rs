//! Configuration text as one tree with positions.
//!
//! TOML, YAML and JSON become the same [`Node`]s, each with the line and column it stands at. A
//! [`Table`] hands out values by key and refuses, at the end, keys that nobody asked for, naming
//! the nearest known one. What this crate is not: it opens no files and knows no meaning.
//!
//! ```
//! use metalith_document::{Format, Table, parse};
//!
//! let tree = parse("metalith.toml", "project = 'demo'", Format::Toml)?;
//! let mut table = Table::new("metalith.toml", &tree)?;
//! assert_eq!(table.required_text("project")?, "demo");
//! table.finish()?;
//! # Ok::<(), metalith_document::DocumentError>(())
//! ```
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a value of any other kind is refused, whatever kinds there are"
)]

mod error;
mod node;
mod table;
mod toml_text;
mod yaml_text;

pub use crate::{
    error::{DocumentError, Problem},
    node::{Entry, Node, Span, Value},
    table::{Items, Table, integer, json, text},
};

/// The language of a configuration text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML.
    Toml,
    /// YAML, one document.
    Yaml,
    /// JSON.
    Json,
}

impl Format {
    /// The format of a file, by the ending of its name.
    pub fn of_file(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Parses a text; `file` is how messages call it.
pub fn parse(file: &str, text: &str, format: Format) -> Result<Node, DocumentError> {
    match format {
        Format::Toml => toml_text::parse(file, text),
        // Every JSON document is a YAML document.
        Format::Yaml | Format::Json => yaml_text::parse(file, text),
    }
}

#[cfg(test)]
mod tests;
