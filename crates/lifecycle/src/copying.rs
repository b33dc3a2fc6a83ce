//! Copying features from one store into another, one after the other.
//!
//! Each feature is one commit, compared row by row afterwards. Whatever is there already is not
//! copied again, so a copy that was interrupted is finished by asking for it again.

use metalith_base::FeatureKey;
use metalith_graph::FeatureGraph;
use metalith_store::{CopyOptions, CopyReceipt, OverFallback, Store, StoreError};

use crate::snapshots;

/// What to copy.
#[derive(Clone, Debug)]
pub struct CopyRequest {
    /// The features; `None` for all that the source has. Of features that the graph does not know
    /// there is nothing to select by, so they are copied only with everything they have.
    pub features: Option<Vec<FeatureKey>>,
    /// Which rows.
    pub options: CopyOptions,
    /// The recorded graphs as well.
    pub snapshots: bool,
}

impl CopyRequest {
    /// All that can be carried over. Deletions under way, holds and the audit log are the source's
    /// own, and stay there.
    pub fn everything(over_fallback: OverFallback) -> Self {
        let options = CopyOptions { over_fallback, ..CopyOptions::everything() };
        Self { features: None, options, snapshots: true }
    }
}

/// What was copied of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The feature.
    pub feature: FeatureKey,
    /// Its rows.
    pub receipt: CopyReceipt,
}

/// Copies features from a store into another, telling each before it begins.
pub async fn copy(
    source: &Store,
    target: &Store,
    graph: &FeatureGraph,
    request: &CopyRequest,
    tell: impl Fn(&FeatureKey),
) -> Result<Vec<Copied>, StoreError> {
    let features = match &request.features {
        Some(features) => features.clone(),
        None => {
            let mut features = source.features().await?;
            let is_everything = request.options.is_everything();
            features.retain(|key| is_everything || graph.feature(key).is_ok());
            features
        }
    };
    if request.options.over_fallback == OverFallback::Refuse {
        // All are looked at before the first is copied.
        for feature in &features {
            target.refuse_hiding(graph, feature).await?;
        }
    }
    let mut copied = Vec::new();
    for feature in features {
        tell(&feature);
        let receipt = target.copy_from(source, graph, &feature, &request.options).await?;
        copied.push(Copied { feature, receipt });
    }
    if request.snapshots {
        let table = snapshots::system_table();
        tell(&table);
        let receipt = target.copy_system(source, &table).await?;
        copied.push(Copied { feature: table, receipt });
    }
    Ok(copied)
}
