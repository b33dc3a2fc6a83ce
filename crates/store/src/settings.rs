//! How a store hashes samples.

use std::{fmt, str::FromStr};

use metalith_graph::HashLength;
use serde::{Deserialize, Serialize};

use crate::{
    StoreError,
    hash::{Part, hash_joined},
};

/// Algorithm and length of the hashes of a store, fixed when it is created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HashSettings {
    /// The hash function over provenance texts.
    pub algorithm: HashAlgorithm,
    /// To how many characters hashes of samples and definitions are cut.
    #[serde(default)]
    pub length: HashLength,
}

impl HashSettings {
    /// The hash of a text.
    pub fn of(self, text: &str) -> Result<String, StoreError> {
        let parts = vec![Part::Literal(text.to_owned())];
        let hashes = hash_joined(self, parts, 1).map_err(StoreError::arrow)?;
        Ok(hashes.value(0).to_owned())
    }
}

/// A hash function over provenance texts. The result is text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashAlgorithm {
    /// 64-bit xxHash with seed 0, as an unsigned decimal.
    #[default]
    XxHash64,
    /// 32-bit xxHash with seed 0, as an unsigned decimal.
    XxHash32,
    /// 64-bit wyhash with seed 0, as an unsigned decimal.
    WyHash,
    /// MD5 in lower hex.
    Md5,
    /// SHA-256 in lower hex.
    Sha256,
}

impl HashAlgorithm {
    /// Every algorithm. A new one is a line here, its name below, and its function in `hash.rs`.
    pub const ALL: [Self; 5] =
        [Self::XxHash64, Self::XxHash32, Self::WyHash, Self::Md5, Self::Sha256];

    /// The name in configuration and in the store's marker.
    pub fn name(self) -> &'static str {
        match self {
            Self::XxHash64 => "xxhash64",
            Self::XxHash32 => "xxhash32",
            Self::WyHash => "wyhash",
            Self::Md5 => "md5",
            Self::Sha256 => "sha256",
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for HashAlgorithm {
    type Err = StoreError;

    fn from_str(name: &str) -> Result<Self, StoreError> {
        Self::ALL
            .into_iter()
            .find(|it| it.name() == name)
            .ok_or_else(|| StoreError::UnknownAlgorithm { name: name.to_owned() })
    }
}

impl fmt::Display for HashSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.algorithm, self.length)
    }
}
