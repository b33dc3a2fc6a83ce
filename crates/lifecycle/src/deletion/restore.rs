//! Bringing a whole deletion back.

use metalith_base::{Diagnostic as _, FeatureKey, Kind};
use metalith_graph::FeatureGraph;
use metalith_store::{RestoreReceipt, RestoreRequest, Store};

use super::DeletionError;

/// Whether to do it, or only to say what would be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreMode {
    /// Bring samples back.
    Apply,
    /// Only say which.
    DryRun,
}

/// Brings back what a soft deletion hid, in every feature it was about, parents before what was
/// computed from them.
///
/// Nothing comes back when something newer stands in the place of any sample. A restore that was
/// interrupted may be repeated: it goes on with the features that are left.
pub async fn restore(
    store: &Store,
    graph: &FeatureGraph,
    deletion: &str,
    mode: RestoreMode,
) -> Result<Vec<(FeatureKey, RestoreReceipt)>, DeletionError> {
    let mut request =
        RestoreRequest { deletion: Some(deletion.to_owned()), dry_run: true, ..Default::default() };
    let mut found = Vec::new();
    for feature in graph.features().filter(|feature| !feature.is_external()) {
        match store.restore(graph, feature.key(), &request).await {
            Ok(receipt) => found.push((feature.key().clone(), receipt)),
            // It has no table, or the deletion was not about it.
            Err(error) if error.kind() == Kind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    if found.is_empty() {
        return Err(DeletionError::NothingToRestore { deletion: deletion.to_owned() });
    }
    if mode == RestoreMode::Apply {
        request.dry_run = false;
        for (feature, receipt) in &mut found {
            *receipt = store.restore(graph, feature, &request).await?;
        }
    }
    Ok(found)
}
