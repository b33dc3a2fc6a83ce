//! What work on features needs.

use metalith_graph::FeatureGraph;
use metalith_objects::{ObjectPlaces, ObjectUri};
use metalith_store::Store;

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

impl<'a> Context<'a> {
    /// The same work on the stores that this one falls back to, one by one. What their rows name is
    /// named, though nothing in them is changed from here.
    pub(crate) fn behind(self) -> impl Iterator<Item = Self> {
        self.store.chain().skip(1).map(move |store: &'a Store| Self { store, ..self })
    }

    /// Whether an object is surely of this space.
    pub(crate) fn is_of_space(&self, uri: &ObjectUri) -> bool {
        self.space.is_none_or(|space| uri.key().split('/').any(|part| part == space))
    }
}
