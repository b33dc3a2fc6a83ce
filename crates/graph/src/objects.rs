//! Stored objects that samples name: files and prefixes of buckets.

use std::{fmt, str::FromStr};

/// Stored objects that samples of a feature name, and whether they belong to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleObjects {
    /// How a sample names them.
    pub named_by: ObjectName,
    /// Only samples that meet this condition have any.
    pub when: Option<String>,
    /// A column with the size in bytes, for the figures of plans.
    pub size: Option<String>,
    /// Whether they are deleted with the sample for good. Otherwise they are only referred to,
    /// which keeps others from deleting them.
    pub owned: bool,
}

/// How a sample names objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectName {
    /// A column with the address of one object.
    Column(String),
    /// An address with the values of columns in it.
    Template(ObjectTemplate),
}

impl ObjectName {
    /// The columns that are needed to tell the name.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::Column(column) => vec![column],
            Self::Template(template) => template.columns(),
        }
    }
}

/// An address with names of columns in braces, e.g. `s3://bucket/synthetic/{dataset_id}/`.
///
/// With a slash at its end it stands for everything below, otherwise for one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectTemplate {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Column(String),
}

/// Why a text is no template of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateProblem {
    /// Every sample would own the same objects.
    #[error("it names no column in braces, so all samples would own the same objects")]
    NoColumn,
    /// Braces that do not match.
    #[error("its braces do not match")]
    Braces,
    /// A column decides which bucket or folder is meant.
    #[error("a column stands before the first `/` of the path, so a sample could name any bucket")]
    OpenPlace,
}

/// Why a sample has no address, although its feature says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderProblem {
    /// A value is NULL.
    #[error("`{column}` is NULL")]
    Null {
        /// The column.
        column: String,
    },
    /// A value would change which folder is meant.
    #[error("`{column}` is \"{value}\", which cannot be a part of an address")]
    Value {
        /// The column.
        column: String,
        /// Its value.
        value: String,
    },
}

impl ObjectTemplate {
    /// The columns it names, in order.
    pub fn columns(&self) -> Vec<&str> {
        let columns = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Column(column) => Some(column.as_str()),
            Piece::Text(_) => None,
        });
        columns.collect()
    }

    /// Whether it stands for everything below an address.
    pub fn is_prefix(&self) -> bool {
        self.text.ends_with('/')
    }

    /// The address of a sample, whose values of columns `value` tells.
    ///
    /// An empty value, one with a slash or one of dots would name more than the sample's own, so
    /// it is refused.
    pub fn render<'v>(
        &self,
        value: impl Fn(&str) -> Option<&'v str>,
    ) -> Result<String, RenderProblem> {
        let mut address = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => address.push_str(text),
                Piece::Column(column) => {
                    let value = value(column)
                        .ok_or_else(|| RenderProblem::Null { column: column.clone() })?;
                    if is_open(value) {
                        let (column, value) = (column.clone(), value.to_owned());
                        return Err(RenderProblem::Value { column, value });
                    }
                    address.push_str(value);
                }
            }
        }
        Ok(address)
    }
}

/// Whether a value in an address could lead to other objects than those meant.
fn is_open(value: &str) -> bool {
    value.is_empty()
        || value.chars().all(|it| it == '.')
        || value.chars().any(|it| matches!(it, '/' | '\\' | '%' | '?' | '#') || it.is_control())
}

impl FromStr for ObjectTemplate {
    type Err = TemplateProblem;

    fn from_str(text: &str) -> Result<Self, TemplateProblem> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(start);
            let inner = from.strip_prefix('{').ok_or(TemplateProblem::Braces)?;
            let (column, after) = inner.split_once('}').ok_or(TemplateProblem::Braces)?;
            if column.is_empty() || column.contains('{') {
                return Err(TemplateProblem::Braces);
            }
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Column(column.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        if !pieces.iter().any(|piece| matches!(piece, Piece::Column(_))) {
            return Err(TemplateProblem::NoColumn);
        }
        match pieces.first() {
            Some(Piece::Text(start)) if fixes_place(start) => {}
            _ => return Err(TemplateProblem::OpenPlace),
        }
        Ok(Self { text: text.to_owned(), pieces })
    }
}

/// Whether the start of an address says where it is: a bucket, or a folder.
fn fixes_place(start: &str) -> bool {
    match start.split_once("://") {
        Some((_, rest)) => rest.contains('/'),
        None => start.contains('/'),
    }
}

impl fmt::Display for ObjectTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}
