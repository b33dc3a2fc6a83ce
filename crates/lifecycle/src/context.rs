//! What work on features needs.

use metalith_graph::FeatureGraph;
use metalith_objects::ObjectPlaces;
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
}
