//! A place that says that it keeps rows, and loses some.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use futures::StreamExt as _;
use metalith_base::FeatureKey;
use metalith_store::{
    Backend, Commit, CommitNote, MarkerState, Mode, Replacement, Rows, StoreError, StoreMarker,
    Table, Vacuum, Vacuumed,
};

/// Loses the first row of whatever is appended.
#[derive(Debug)]
pub struct Forgetful(pub Arc<dyn Backend>);

#[async_trait]
impl Backend for Forgetful {
    fn location(&self) -> String {
        self.0.location()
    }

    async fn prepare_for(&self, mode: Mode) -> Result<(), StoreError> {
        self.0.prepare_for(mode).await
    }

    async fn marker(&self) -> Result<MarkerState, StoreError> {
        self.0.marker().await
    }

    async fn create(&self, marker: StoreMarker) -> Result<StoreMarker, StoreError> {
        self.0.create(marker).await
    }

    async fn tables(&self) -> Result<Vec<FeatureKey>, StoreError> {
        self.0.tables().await
    }

    async fn spaces(&self) -> Result<BTreeMap<String, Arc<dyn Backend>>, StoreError> {
        self.0.spaces().await
    }

    async fn open_table(&self, feature: &FeatureKey) -> Result<Option<Arc<dyn Table>>, StoreError> {
        self.0.open_table(feature).await
    }

    async fn append(
        &self,
        feature: &FeatureKey,
        rows: Rows,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        let (schema, mut is_lost) = (rows.schema(), false);
        let kept = rows.into_stream().map(move |batch| {
            let batch = batch?;
            if is_lost || batch.num_rows() == 0 {
                return Ok(batch);
            }
            is_lost = true;
            Ok(batch.slice(1, batch.num_rows() - 1))
        });
        self.0.append(feature, Rows::new(schema, kept), note).await
    }

    async fn replace(
        &self,
        feature: &FeatureKey,
        replacement: Replacement,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        self.0.replace(feature, replacement, note).await
    }

    async fn drop_table(&self, feature: &FeatureKey) -> Result<bool, StoreError> {
        self.0.drop_table(feature).await
    }

    async fn vacuum(&self, feature: &FeatureKey, request: Vacuum) -> Result<Vacuumed, StoreError> {
        self.0.vacuum(feature, request).await
    }
}
