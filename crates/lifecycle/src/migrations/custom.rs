//! Operations that others bring: code in Python, say, by whoever runs the migration.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use metalith_base::FeatureKey;
use metalith_graph::FeatureGraph;
use metalith_store::{Rows, Store, StoreError};
use serde_json::{Map, Value};

/// Code of somebody's own that makes the samples of a step.
///
/// What it returns is written as by [`Store::write`], in one commit that happens once. It may be
/// called again for a step that was interrupted before that, so it must not do anything else.
#[async_trait]
pub trait CustomOperation: fmt::Debug + Send + Sync {
    /// The rows to write.
    async fn rows(&self, work: CustomWork<'_>) -> Result<Rows, StoreError>;
}

/// What an operation has to work with.
#[derive(Clone, Copy, Debug)]
pub struct CustomWork<'a> {
    /// The store, to be read.
    pub store: &'a Store,
    /// The graph that the samples are of, if the migration names one.
    pub from: Option<&'a FeatureGraph>,
    /// Today's graph.
    pub graph: &'a FeatureGraph,
    /// The feature that is written to.
    pub feature: &'a FeatureKey,
    /// What the step is given under `with`.
    pub options: &'a Map<String, Value>,
}

/// Operations by what steps call them.
#[derive(Clone, Debug, Default)]
pub struct CustomOperations {
    by_name: BTreeMap<String, Arc<dyn CustomOperation>>,
}

impl CustomOperations {
    /// Adds one.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, operation: Arc<dyn CustomOperation>) -> Self {
        self.by_name.insert(name.into(), operation);
        self
    }

    pub(super) fn get(&self, name: &str) -> Option<&dyn CustomOperation> {
        self.by_name.get(name).map(AsRef::as_ref)
    }
}
