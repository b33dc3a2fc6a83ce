//! Migrations made from what changed.

use metalith_base::Timestamp;
use metalith_graph::{FeatureGraph, GraphDiff};

use super::{Migration, MigrationError, Operation, Step, file::check_id};
use crate::snapshots::Recorded;

/// A migration, and what it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The migration, without reasons.
    pub migration: Migration,
    /// What changed.
    pub diff: GraphDiff,
}

impl Generated {
    /// The text of its file.
    pub fn to_yaml(&self) -> String {
        self.migration.to_yaml(Some(&self.diff))
    }
}

/// A migration for everything that has another version than in a recorded graph: to begin with,
/// every feature is carried over.
pub fn generate(
    recorded: &Recorded,
    graph: &FeatureGraph,
    name: &str,
    now: Timestamp,
) -> Result<Generated, MigrationError> {
    let diff = GraphDiff::between(&recorded.graph, graph);
    let is_own = |key| graph.feature(key).is_ok_and(|feature| !feature.is_external());
    let steps: Vec<Step> = diff
        .features
        .iter()
        .filter(|change| change.has_new_version() && is_own(&change.key))
        .map(|change| Step {
            feature: change.key.clone(),
            operation: Operation::Reconcile,
            reason: String::new(),
        })
        .collect();
    // A feature under a new name is one that went and one that came.
    if steps.is_empty() && diff.is_empty() {
        let version = recorded.snapshot.version.clone();
        return Err(MigrationError::NothingChanged { version });
    }
    let migration = Migration {
        id: id(name, now)?,
        project: recorded.snapshot.project.clone(),
        from: Some(recorded.snapshot.version.clone()),
        to: graph.snapshot_version().to_owned(),
        steps,
    };
    Ok(Generated { migration, diff })
}

/// A migration without steps, to be filled in by hand.
pub fn scaffold(
    project: &str,
    from: Option<&str>,
    graph: &FeatureGraph,
    name: &str,
    now: Timestamp,
) -> Result<String, MigrationError> {
    let migration = Migration {
        id: id(name, now)?,
        project: project.to_owned(),
        from: from.map(str::to_owned),
        to: graph.snapshot_version().to_owned(),
        steps: Vec::new(),
    };
    Ok(migration.to_yaml(None).replace("steps: []\n", EXAMPLES))
}

/// Every operation once, to be kept or taken out.
const EXAMPLES: &str = r#"steps: []
# Write steps like these, without the marks, in place of the empty list:
# steps:
#   - feature: video/crop
#     operation: reconcile         # samples that are in order are carried over
#     reason: "only the code's looks changed"
#   - feature: video/clip
#     operation: rename            # the same from a feature that was called otherwise
#     from: video/chunk
#     reason: "a better name"
#   - feature: video/crop
#     operation: backfill          # columns are set by expressions
#     set: { seconds: "frames / fps" }
#     where: "seconds IS NULL"
#     reason: "older samples lack it"
#   - feature: video/crop
#     operation: custom            # columns become what a function in Python says
#     run: "shop.fixes:seconds"
#     reason: "the files are looked at again"
#   - feature: video/crop
#     operation: delete            # samples are softly deleted
#     where: "frames = 0"
#     downstream: true
#     reason: "empty clips were a mistake"
#   - feature: video/crop
#     operation: recompute         # nothing is done: they are computed anew
"#;

fn id(name: &str, now: Timestamp) -> Result<String, MigrationError> {
    check_id(name)?;
    // `2026-11-21T11:30:05.000000Z` without its marks, to the second, so that names sort by time.
    let time: String = now.to_string().chars().take(19).filter(|it| it.is_ascii_digit()).collect();
    let (day, clock) = time.split_at(time.len().min(8));
    Ok(format!("{day}-{clock}-{name}"))
}
