//! What work on features needs.

use metalith_graph::FeatureGraph;
use metalith_objects::{ObjectPlaces, ObjectUri};
use metalith_store::{Store, StoreError};

use crate::deletion::DeletionError;

/// The store, the graph, and the places where objects are.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Where rows are.
    pub store: &'a Store,
    /// The features.
    pub graph: &'a FeatureGraph,
    /// Where the objects are that samples name.
    pub places: &'a ObjectPlaces,
    /// The space that the store is of, if it is one of several beside each other. Objects of which
    /// no part of the address is its name may be those of other spaces, and are never deleted.
    pub space: Option<&'a str>,
}

/// What tells the objects of a space from those of others: the name of a space is a part of the
/// address. What has no such name is of the store that the spaces lie below, as far as one can see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    space: Option<String>,
    others: Vec<String>,
}

impl Own {
    /// Whether an object, or everything below a prefix, may be touched by work in this space.
    pub fn has(&self, uri: &ObjectUri) -> bool {
        let mut parts = uri.key().split('/');
        match &self.space {
            Some(space) => parts.any(|part| part == space),
            None => !parts.any(|part| self.others.iter().any(|other| other == part)),
        }
    }

    /// The spaces whose stores lie below this one. What nobody names here may be theirs.
    pub fn others(&self) -> &[String] {
        &self.others
    }
}

impl<'a> Context<'a> {
    /// The same work on the stores that this one falls back to, one by one. What their rows name is
    /// named, though nothing in them is changed from here.
    pub(crate) fn behind(self) -> impl Iterator<Item = Self> {
        self.store.chain().skip(1).map(move |store: &'a Store| Self { store, ..self })
    }

    /// The stores that share their place with this one, or with one that it falls back to: the one
    /// above a space, and other spaces. What their rows name stays, however it got there. All of
    /// them have the same features; where datasets have their objects differs, but only below a
    /// folder that has the name of its space.
    pub(crate) async fn beside(self) -> Result<Vec<Store>, DeletionError> {
        let mut found = Vec::new();
        for store in self.store.chain() {
            let beside = store.beside().await;
            found.extend(beside.map_err(|it| DeletionError::beside(store.location(), it.into()))?);
        }
        Ok(found)
    }

    /// What tells the objects of this space from those of others.
    pub async fn own(self) -> Result<Own, StoreError> {
        let others = match self.space {
            Some(_) => Vec::new(),
            None => self.store.spaces().await?,
        };
        Ok(Own { space: self.space.map(str::to_owned), others })
    }
}
