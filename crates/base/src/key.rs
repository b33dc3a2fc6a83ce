//! Names of features and fields.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Diagnostic, Kind};

/// The name of a feature: parts joined with `/`, e.g. `video/raw`.
///
/// The first part matches `[a-z_][a-z0-9_-]*`, later ones may start with a digit; no part contains
/// `__`. A key that exists is valid, so it can become a path or a table name without checks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FeatureKey(Arc<str>);

/// The name of a field within a feature, by the same rules as [`FeatureKey`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldKey(Arc<str>);

/// A field of a particular feature, shown as `feature/key.field/key`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QualifiedField {
    /// The feature that has the field.
    pub feature: FeatureKey,
    /// The field.
    pub field: FieldKey,
}

/// Why a text is not a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Nothing there.
    #[error("a key cannot be empty")]
    Empty,
    /// Two slashes in a row, or one at an end.
    #[error("key `{key}` has an empty part")]
    EmptyPart {
        /// The text as given.
        key: String,
    },
    /// Two underscores in a row, which table names use to join parts.
    #[error("key `{key}` has `__` in part `{part}`")]
    DoubleUnderscore {
        /// The text as given.
        key: String,
        /// The offending part.
        part: String,
    },
    /// A character that is not allowed at its place.
    #[error("key `{key}` has `{character}` at position {position} of part `{part}`")]
    BadCharacter {
        /// The text as given.
        key: String,
        /// The offending part.
        part: String,
        /// The offending character.
        character: char,
        /// Where in the part, counted in characters from 1.
        position: usize,
    },
}

impl Diagnostic for KeyError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn code(&self) -> &'static str {
        "key.invalid"
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(
            "write parts of `a-z`, `0-9`, `_` and `-` joined with `/`, starting with a letter or `_`, \
             e.g. `video/raw`",
        ))
    }
}

macro_rules! key_type {
    ($name:ident) => {
        impl $name {
            /// Joins parts to a key.
            pub fn from_parts<P: AsRef<str>>(
                parts: impl IntoIterator<Item = P>,
            ) -> Result<Self, KeyError> {
                let mut joined = String::new();
                for part in parts {
                    if part.as_ref().contains('/') {
                        return Err(KeyError::BadCharacter {
                            key: part.as_ref().to_owned(),
                            part: part.as_ref().to_owned(),
                            character: '/',
                            position: part.as_ref().chars().take_while(|it| *it != '/').count() + 1,
                        });
                    }
                    if !joined.is_empty() {
                        joined.push('/');
                    }
                    joined.push_str(part.as_ref());
                }
                joined.parse()
            }

            /// The key with `/` between its parts.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The parts, first to last.
            pub fn parts(&self) -> impl Iterator<Item = &str> {
                self.0.split('/')
            }

            /// The parts joined with `_`: the name as a member of a `*_by_field` struct.
            ///
            /// Not injective (`a/b` and `a_b`); a graph refuses two keys that collide.
            pub fn struct_name(&self) -> String {
                self.0.replace('/', "_")
            }
        }

        impl FromStr for $name {
            type Err = KeyError;

            fn from_str(text: &str) -> Result<Self, KeyError> {
                check(text)?;
                Ok(Self(Arc::from(text)))
            }
        }

        impl TryFrom<String> for $name {
            type Error = KeyError;

            fn try_from(text: String) -> Result<Self, KeyError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> Self {
                key.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

key_type!(FeatureKey);
key_type!(FieldKey);

impl FeatureKey {
    /// The name of the feature's table in a database: parts with `-` as `_`, joined with `__`.
    ///
    /// Not injective (`h-x` and `h_x`); a graph refuses two keys that collide.
    pub fn table_name(&self) -> String {
        self.0.replace('-', "_").replace('/', "__")
    }

    /// What a join appends to the names of this feature's version columns.
    pub fn column_suffix(&self) -> String {
        format!("__{}", self.struct_name())
    }
}

impl FieldKey {
    /// The key of the one field of a feature that declares none.
    pub fn default_field() -> Self {
        Self(Arc::from("default"))
    }
}

impl fmt::Display for QualifiedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.feature, self.field)
    }
}

fn check(key: &str) -> Result<(), KeyError> {
    if key.is_empty() {
        return Err(KeyError::Empty);
    }
    for (index, part) in key.split('/').enumerate() {
        if part.is_empty() {
            return Err(KeyError::EmptyPart { key: key.to_owned() });
        }
        if part.contains("__") {
            return Err(KeyError::DoubleUnderscore { key: key.to_owned(), part: part.to_owned() });
        }
        for (position, character) in part.chars().enumerate() {
            let allowed = match character {
                'a'..='z' | '_' => true,
                '0'..='9' => index > 0 || position > 0,
                '-' => position > 0,
                _ => false,
            };
            if !allowed {
                return Err(KeyError::BadCharacter {
                    key: key.to_owned(),
                    part: part.to_owned(),
                    character,
                    position: position + 1,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
