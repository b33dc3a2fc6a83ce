//! Copying a feature from another store.

use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::FeatureGraph;

use crate::{CommitNote, PlaceProblem, ReadOptions, Store, StoreError};

/// What to copy of a feature. The default copies current rows.
#[derive(Clone, Debug, Default)]
pub struct CopyOptions {
    /// Conditions that rows must meet, all of them.
    pub filters: Vec<Expr>,
    /// Rows of every feature version.
    pub feature_history: bool,
    /// Every row of a sample, deleted ones included, so that the copy has the same history.
    pub sample_history: bool,
}

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyReceipt {
    /// How many rows.
    pub rows: u64,
}

impl Store {
    /// Adds the rows of a feature in another store to this one, as they are, in one commit.
    ///
    /// Versions, times and tombstones are kept. Both stores must hash alike.
    pub async fn copy_from(
        &self,
        source: &Self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        options: &CopyOptions,
    ) -> Result<CopyReceipt, StoreError> {
        self.require_write()?;
        if source.hash() != self.hash() {
            let problem = PlaceProblem::OtherHash { stored: source.hash(), asked: self.hash() };
            return Err(StoreError::Place { location: source.location(), problem });
        }
        let read = ReadOptions {
            filters: options.filters.clone(),
            feature_history: options.feature_history,
            sample_history: options.sample_history,
            include_deleted: options.sample_history,
            ..ReadOptions::default()
        };
        let plan = source.visible_rows(graph, feature, &read).await?;
        let rows = source.run(plan, feature.as_str()).await?;
        let mut note = CommitNote::new("copy").with("from", source.location());
        if let Some(actor) = self.actor() {
            note = note.with("actor", actor);
        }
        let commit = self.backend().append(feature, rows, note).await?;
        Ok(CopyReceipt { rows: commit.rows })
    }
}
