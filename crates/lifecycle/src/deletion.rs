//! Deleting samples of a feature together with what was computed from them.
//!
//! A plan finds the affected samples of every feature by lineage, not by repeating the filter: the
//! chunks of a video by the columns that name the video in them, and the faces by those that name
//! the chunk. Nothing has happened until [`CascadePlan::apply`].
//!
//! # Downstream
//!
//! The features that a feature depends on are joined on its join keys. A sample goes when no row of
//! an upstream with its key stays; while some do, as with an aggregate of which an input goes, it
//! is stale. A sample without its optional upstream is stale too.
//!
//! # Upstream
//!
//! A sample goes with the last sample that was computed from it: while anything else needs it, in
//! whatever feature, it stays.

mod error;
mod restore;
mod scope;
mod walk;

use std::str::FromStr;

use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::{Direction, FeatureGraph, Start};
use metalith_store::{DeletionMode, DeletionReceipt, DeletionRequest, Store, StoreError};

use self::walk::Walk;
pub use self::{
    error::DeletionError,
    restore::{RestoreMode, restore},
};

/// Which features a deletion takes along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cascade {
    /// Only the named feature.
    #[default]
    None,
    /// Those computed from it; dependents go first.
    Downstream,
    /// Those it was computed from; dependencies go first.
    Upstream,
    /// Both, in dependency order.
    Both,
}

impl Cascade {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Downstream, Self::Upstream, Self::Both];

    /// The name, as doors take it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
            Self::Both => "both",
        }
    }

    fn direction(self) -> Option<Direction> {
        match self {
            Self::None => None,
            Self::Downstream => Some(Direction::Downstream),
            Self::Upstream => Some(Direction::Upstream),
            Self::Both => Some(Direction::Both),
        }
    }
}

impl FromStr for Cascade {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| "choose none, downstream, upstream or both".to_owned())
    }
}

/// What to delete. There is no default: say the mode.
#[derive(Clone, Debug)]
pub struct CascadeRequest {
    /// The feature that `filters` are about.
    pub feature: FeatureKey,
    /// Conditions, all of which a sample must meet. One may name columns that only an upstream
    /// has; then it is about the samples that were computed from those that meet it.
    pub filters: Vec<Expr>,
    /// Soft or hard, for every feature.
    pub mode: DeletionMode,
    /// Which features are taken along.
    pub cascade: Cascade,
    /// Rows of every feature version, not only of the current one.
    pub feature_history: bool,
    /// A tombstone for every row of a sample, not only for the latest.
    pub sample_history: bool,
    /// Why, for the logs of the tables.
    pub reason: Option<String>,
}

impl CascadeRequest {
    /// A request about one feature's samples.
    pub fn new(feature: FeatureKey, mode: DeletionMode, filters: Vec<Expr>) -> Self {
        Self {
            feature,
            filters,
            mode,
            cascade: Cascade::None,
            feature_history: false,
            sample_history: false,
            reason: None,
        }
    }

    /// The features it is about, in the order in which they are worked off.
    fn order(&self, graph: &FeatureGraph) -> Result<Vec<FeatureKey>, StoreError> {
        match self.cascade.direction() {
            Some(direction) => {
                Ok(graph.deletion_order(&self.feature, direction, Start::Included)?)
            }
            None => Ok(vec![graph.feature(&self.feature)?.key().clone()]),
        }
    }
}

/// What a deletion would do, in the order in which it would.
#[derive(Debug)]
pub struct CascadePlan {
    id: String,
    mode: DeletionMode,
    steps: Vec<Step>,
}

/// What a deletion would do to one feature.
#[derive(Debug)]
pub struct Step {
    /// What is asked of the store, bound to the samples that were found.
    request: DeletionRequest,
    planned: metalith_store::DeletionPlan,
    /// Samples that stay, and were computed from something that goes.
    pub stale: u64,
}

impl Step {
    /// The feature.
    pub fn feature(&self) -> &FeatureKey {
        self.planned.feature()
    }

    /// How many of its samples go.
    pub fn samples(&self) -> u64 {
        self.planned.samples()
    }

    /// How many rows are appended (soft) or removed (hard).
    pub fn rows(&self) -> u64 {
        self.planned.rows()
    }
}

impl CascadePlan {
    /// The id under which every feature's part will be carried out.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Soft or hard.
    pub fn mode(&self) -> DeletionMode {
        self.mode
    }

    /// What happens, first things first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How many samples go, of all features.
    pub fn samples(&self) -> u64 {
        self.steps.iter().map(Step::samples).sum()
    }

    /// Finds what a deletion would do, and does nothing.
    pub async fn make(
        store: &Store,
        graph: &FeatureGraph,
        request: &CascadeRequest,
    ) -> Result<Self, DeletionError> {
        let scope = scope::of_request(store, graph, request).await?;
        let mut walk = Walk::new(store, graph, request);
        walk.follow(&scope).await?;
        let (mut id, mut steps) = (None, Vec::new());
        for feature in request.order(graph)? {
            let (filters, within) = if feature == request.feature {
                (scope.filters.clone(), scope.within.clone())
            } else {
                (Vec::new(), Some(walk.doomed(&feature)))
            };
            let of_store = DeletionRequest {
                id: id.clone(),
                within,
                feature_history: request.feature_history,
                sample_history: request.sample_history,
                reason: request.reason.clone(),
                ..DeletionRequest::new(request.mode, filters)
            };
            let planned = store.plan_deletion(graph, &feature, &of_store).await?;
            id = Some(planned.id().to_owned());
            let stale = walk.stale(&feature);
            steps.push(Step { request: of_store, planned, stale });
        }
        Ok(Self { id: id.unwrap_or_default(), mode: request.mode, steps })
    }

    /// Does what the plan says, one commit a feature, in order.
    ///
    /// Where somebody has written to a feature since, the same samples of it are looked up again.
    /// The deletion may be repeated when it was interrupted: what is gone already stays so.
    pub async fn apply(
        self,
        store: &Store,
        graph: &FeatureGraph,
    ) -> Result<Vec<DeletionReceipt>, DeletionError> {
        let mut receipts = Vec::new();
        for step in self.steps {
            let feature = step.feature().clone();
            let receipt = match store.apply_deletion(step.planned).await {
                Err(StoreError::Conflict { .. }) => {
                    store.delete(graph, &feature, &step.request).await
                }
                other => other,
            };
            receipts.push(receipt?);
        }
        Ok(receipts)
    }
}
