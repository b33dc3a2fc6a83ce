//! What becomes of samples when the code changes.
//!
//! A new definition has a new version, and to the store its samples are yet to be computed. Where
//! the computation did not change, a migration carries the samples over instead. It is a file that
//! people review: every affected feature, what is done about it, and why. Applying it works off one
//! step after the other, each in one commit that happens once, and writes down what was done in the
//! system table `metalith-system/migrations`; so whoever applies it again after a crash goes on
//! where it ended.
//!
//! | operation | what happens |
//! |---|---|
//! | `reconcile` | samples of which it can be shown that they are in order are written again under the new definition, with the provenance it gives them; user columns and data versions that users gave stay |
//! | `rename` | the same, from a feature that was called otherwise |
//! | `recompute` | nothing: the samples are computed anew |
//! | `backfill` | columns of current samples are set by expressions |
//! | `custom` | columns of current samples become what a function of the project says |
//! | `delete` | current samples are softly deleted, with what was computed from them if asked for |
//!
//! A new operation is a variant of [`Operation`], its reading in `file.rs`, what makes no
//! sense in `check.rs`, what it does in `apply.rs`, and how that is taken back in `rollback.rs`.

mod apply;
mod check;
mod custom;
mod error;
mod events;
mod file;
mod folder;
mod generate;
mod rollback;
mod status;

use metalith_base::FeatureKey;
use serde::{Deserialize, Serialize};

pub use self::{
    apply::{Applied, ApplyRequest, Figures, StepOutcome, StepState, apply},
    custom::Functions,
    error::{MigrationError, StepProblem},
    folder::{Folder, find_file, read_folder, write_file},
    generate::{Generated, generate, scaffold},
    rollback::{RolledBack, rollback},
    status::{MigrationState, MigrationStatus, status},
};
use crate::deletion::Cascade;

/// What becomes of samples, step by step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// By which it is known; also the name of its file.
    pub id: String,
    /// The project whose features it is about.
    pub project: String,
    /// The version of the recorded graph that the samples are of, if any step needs it.
    pub from: Option<String>,
    /// The version of the graph that they become samples of.
    pub to: String,
    /// What is done, first things first.
    pub steps: Vec<Step>,
}

/// What is done about a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The feature, as it is called now.
    pub feature: FeatureKey,
    /// What is done.
    pub operation: Operation,
    /// Why that is right.
    pub reason: String,
}

/// What can be done about a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// The computation did not change: samples are carried over.
    Reconcile,
    /// The same for a feature that was called otherwise.
    Rename {
        /// What it was called.
        from: FeatureKey,
    },
    /// The computation changed: nothing is done, the samples are computed anew.
    Recompute,
    /// Columns are filled.
    Backfill {
        /// Columns with expressions that say what they become.
        set: Vec<(String, String)>,
        /// Conditions that samples must meet.
        filters: Vec<String>,
    },
    /// Columns become what a function says.
    Custom {
        /// What the function is called, such as `module:function`.
        run: String,
        /// Conditions that samples must meet.
        filters: Vec<String>,
    },
    /// Samples are softly deleted.
    Delete {
        /// Conditions that samples must meet.
        filters: Vec<String>,
        /// Whether what was computed from them goes as well.
        downstream: bool,
    },
}

impl Operation {
    /// The name, as it is written in files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            Self::Rename { .. } => "rename",
            Self::Recompute => "recompute",
            Self::Backfill { .. } => "backfill",
            Self::Custom { .. } => "custom",
            Self::Delete { .. } => "delete",
        }
    }

    /// What the samples' feature is called in the older graph, if they are carried over from it.
    fn carried_from<'a>(&'a self, feature: &'a FeatureKey) -> Option<&'a FeatureKey> {
        match self {
            Self::Reconcile => Some(feature),
            Self::Rename { from } => Some(from),
            Self::Recompute | Self::Backfill { .. } | Self::Custom { .. } | Self::Delete { .. } => {
                None
            }
        }
    }
}

/// How far a deletion of a step reaches.
fn cascade(downstream: bool) -> Cascade {
    if downstream { Cascade::Downstream } else { Cascade::None }
}
