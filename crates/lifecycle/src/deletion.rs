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

mod at_work;
mod drop_feature;
mod error;
mod execute;
mod list;
mod noted;
mod plan;
mod protect;
mod restore;
mod resume;
pub(crate) mod scope;
mod steps;
mod told;
mod walk;

use std::{str::FromStr, time::Instant};

use metalith_base::{FeatureKey, Timestamp};
use metalith_expr::Expr;
use metalith_store::{DeletionMode, DeletionPlan, Keys, StoreError, until_undisturbed};

pub use self::{
    at_work::being_deleted,
    drop_feature::drop_feature,
    error::DeletionError,
    execute::Done,
    list::{Deletion, DeletionState, is_on_record, list},
    protect::{Blocker, Reference},
    restore::{RestoreMode, Restored, restore},
    resume::{Finished, finish_interrupted, retry_due_purges, retry_purges},
    steps::StepDone,
};
pub(crate) use self::{restore::restore_marked, walk::Reach};
use crate::{
    Context,
    journal::{Intent, IntentStep},
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
    /// Only samples with one of these keys.
    pub within: Option<Keys>,
    /// Soft or hard, for every feature.
    pub mode: DeletionMode,
    /// Which features are taken along.
    pub cascade: Cascade,
    /// Rows of every feature version, not only of the current one.
    pub feature_history: bool,
    /// A tombstone for every row of a sample, not only for the latest.
    pub sample_history: bool,
    /// Why, for the tombstones and the logs.
    pub reason: Option<String>,
    /// Until when a soft deletion can be restored at least; `None` for as long as retention says.
    pub recoverable_until: Option<Timestamp>,
    /// What about records of a registry.
    pub records: Records,
}

/// What about samples that are records of a registry, such as jobs: something may be at work on
/// them, and would write them again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Records {
    /// They go by their registry only.
    #[default]
    Refused,
    /// It is their registry that asks, and nothing is at work on them.
    AtRest,
}

impl CascadeRequest {
    /// A request about one feature's samples.
    pub fn new(feature: FeatureKey, mode: DeletionMode, filters: Vec<Expr>) -> Self {
        Self {
            feature,
            filters,
            within: None,
            mode,
            cascade: Cascade::None,
            feature_history: false,
            sample_history: false,
            reason: None,
            recoverable_until: None,
            records: Records::Refused,
        }
    }
}

/// What a deletion would do, in the order in which it would.
#[derive(Debug)]
pub struct CascadePlan {
    made_at: Instant,
    request: CascadeRequest,
    intent: Intent,
    steps: Vec<Step>,
    blockers: Vec<Blocker>,
}

/// What happens to samples of a feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// They are deleted.
    Delete,
    /// They stay, and these columns become NULL, which refer to what is deleted.
    SetNull(Vec<String>),
}

impl Action {
    /// The name, as doors show it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::SetNull(_) => "set_null",
        }
    }
}

/// What a deletion would do to one feature.
#[derive(Debug)]
pub struct Step {
    /// The feature.
    pub feature: FeatureKey,
    /// What happens to its samples.
    pub action: Action,
    /// To how many.
    pub samples: u64,
    /// How many rows are appended (soft, or set to NULL) or removed (hard).
    pub rows: u64,
    /// Samples that stay, and were computed from something that goes.
    pub stale: u64,
    /// Objects that are deleted with the samples.
    pub objects: u64,
    /// Their bytes, where they are known.
    pub bytes: Option<u64>,
    planned: Option<DeletionPlan>,
}

impl Step {
    fn new(action: Action, intent: &IntentStep, planned: Option<DeletionPlan>) -> Self {
        Self {
            feature: intent.feature.clone(),
            action,
            samples: intent.samples,
            rows: intent.rows,
            stale: intent.stale,
            objects: 0,
            bytes: Some(0),
            planned,
        }
    }
}

impl CascadePlan {
    /// Finds what a deletion would do, and does nothing.
    pub async fn make(
        context: Context<'_>,
        request: &CascadeRequest,
    ) -> Result<Self, DeletionError> {
        let make = || async {
            match plan::make(context, request).await {
                // Somebody removed rows for good meanwhile, files and all.
                Err(DeletionError::Store(conflict @ StoreError::Conflict { .. })) => Err(conflict),
                made => Ok(made),
            }
        };
        until_undisturbed(make).await?
    }

    /// The id under which every feature's part will be carried out.
    pub fn id(&self) -> &str {
        &self.intent.id
    }

    /// Soft or hard.
    pub fn mode(&self) -> DeletionMode {
        self.request.mode
    }

    /// What happens, first things first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What stands in its way. While there is anything, it cannot be applied.
    pub fn blockers(&self) -> &[Blocker] {
        &self.blockers
    }

    /// How many samples go, of all features.
    pub fn samples(&self) -> u64 {
        let gone = self.steps.iter().filter(|step| step.action == Action::Delete);
        gone.map(|step| step.samples).sum()
    }
}
