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

mod error;
mod json_text;
mod node;
mod places;
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

/// How deep lists and tables may be nested: far more than anybody writes, and few enough that
/// nothing which walks the tree exhausts its stack.
const DEPTH_MAX: usize = 100;

/// Parses a text; `file` is how messages call it. Two equal keys in a table are a mistake in every
/// format.
pub fn parse(file: &str, text: &str, format: Format) -> Result<Node, DocumentError> {
    // Editors of some systems begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Toml => toml_text::parse(file, text),
        Format::Yaml => yaml_text::parse(file, text),
        Format::Json => json_text::parse(file, text),
    }
}

#[cfg(test)]
mod tests;
