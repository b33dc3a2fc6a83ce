//! Versions of definitions.
//!
//! SHA-256 over UTF-8 pieces with no separator, in lower hex, cut to the graph's length:
//!
//! ```text
//! field_version(X, F)     = H("X.F", code_version(F), field_version(P) for each parent field P)
//! feature_version(X)      = H(F, field_version(X, F) for each field F, by key)
//! feature_code_version(X) = H(F, code_version(F)     for each field F, by key)
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::GraphError;

/// To how many characters hashes are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Option<usize>", into = "Option<usize>")]
pub struct HashLength(Option<usize>);

impl HashLength {
    /// Not cut at all.
    pub const UNCUT: Self = Self(None);

    /// The shortest length allowed: fewer characters would take different versions for one.
    pub const SHORTEST: usize = 8;

    /// Cut to so many characters.
    pub fn cut_to(length: usize) -> Result<Self, GraphError> {
        match length >= Self::SHORTEST {
            true => Ok(Self(Some(length))),
            false => Err(GraphError::HashLength { length }),
        }
    }

    /// The number of characters, or `None` when hashes are not cut.
    pub fn get(self) -> Option<usize> {
        self.0
    }

    /// A hash, which is ASCII, cut to this length.
    pub fn cut(self, hash: &str) -> &str {
        match self.0 {
            Some(length) => hash.get(..length).unwrap_or(hash),
            None => hash,
        }
    }

    /// Like [`cut`](Self::cut), in place.
    pub fn cut_text(self, mut hash: String) -> String {
        hash.truncate(self.cut(&hash).len());
        hash
    }
}

/// What is read from outside keeps to the shortest length too.
impl TryFrom<Option<usize>> for HashLength {
    type Error = GraphError;

    fn try_from(length: Option<usize>) -> Result<Self, GraphError> {
        length.map_or(Ok(Self::UNCUT), Self::cut_to)
    }
}

impl From<HashLength> for Option<usize> {
    fn from(length: HashLength) -> Self {
        length.0
    }
}

impl fmt::Display for HashLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(length) => write!(f, "cut to {length}"),
            None => f.write_str("uncut"),
        }
    }
}

/// SHA-256 over pieces, in lower hex, cut.
pub(crate) fn hash<'a>(pieces: impl IntoIterator<Item = &'a str>, length: HashLength) -> String {
    let mut digest = Sha256::new();
    for piece in pieces {
        digest.update(piece.as_bytes());
    }
    let mut hex = String::with_capacity(64);
    for byte in digest.finalize() {
        for nibble in [byte >> 4, byte & 15] {
            hex.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    length.cut_text(hex)
}
