//! Where the table of a feature lies.

use metalith_base::FeatureKey;

/// How tables are laid out below the root of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// `<root>/<a>/<b>.delta` for feature `a/b`.
    #[default]
    Nested,
    /// `<root>/a__b.delta` for feature `a/b`.
    Flat,
}

/// What the name of every table's folder ends with.
pub(crate) const SUFFIX: &str = ".delta";

impl Layout {
    /// The folder of a feature's table, relative to the root.
    pub(crate) fn folder(self, feature: &FeatureKey) -> String {
        let name = match self {
            Self::Nested => feature.as_str().to_owned(),
            Self::Flat => feature.as_str().replace('/', "__"),
        };
        name + SUFFIX
    }

    /// The feature whose table would lie in a folder, if any.
    pub(crate) fn feature(self, folder: &str) -> Option<FeatureKey> {
        let name = folder.strip_suffix(SUFFIX)?;
        match self {
            Self::Nested => name.parse().ok(),
            Self::Flat if name.contains('/') => None,
            Self::Flat => FeatureKey::from_parts(name.split("__")).ok(),
        }
    }
}

#[cfg(test)]
mod tests;
