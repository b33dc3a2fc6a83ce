//! System tables: records of the store about itself, beside the features.

use datafusion::arrow::array::BooleanBufferBuilder;
use metalith_base::FeatureKey;

use crate::{
    Change, ChunkRequest, Commit, CommitNote, Replacement, Rows, Store, StoreError,
    chunk_scan::{Selection, nullable},
    current::equals,
    direct::Direct,
    expected::scan,
    retry::until_undisturbed,
};

/// The first part of the keys of system tables. No feature of a graph may begin with it.
const SYSTEM: [&str; 2] = ["metaxy-system", "metalith-system"];

/// Whether a key is that of a system table.
pub fn is_system(key: &FeatureKey) -> bool {
    key.parts().next().is_some_and(|part| SYSTEM.contains(&part))
}

/// The end of a system table.
#[derive(Debug)]
pub struct SystemTail {
    /// The version of the table.
    pub version: u64,
    /// The rows that were committed last, if there are any.
    pub rows: Option<Rows>,
}

impl Store {
    /// Adds rows to a system table, as they are.
    pub async fn append_system(
        &self,
        table: &FeatureKey,
        rows: Rows,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        self.require_write()?;
        self.append(table, rows, note).await
    }

    /// Every row of a system table, or `None` when there is no such table yet.
    pub async fn read_system(&self, table: &FeatureKey) -> Result<Option<Rows>, StoreError> {
        // Others remove rows for good, files and all, while these are read.
        until_undisturbed(|| self.read_system_once(table)).await
    }

    async fn read_system_once(&self, table: &FeatureKey) -> Result<Option<Rows>, StoreError> {
        let Some(found) = self.backend().open_table(table).await? else { return Ok(None) };
        let selection = &Selection::all(found.as_ref());
        let schema = nullable(&found.schema());
        let wanted = schema.fields().iter().map(|it| it.as_ref().clone()).collect();
        let (filters, within) = (&[] as &[_], None);
        let direct = Direct { feature: table, table: &found, selection, filters, within, wanted };
        if direct.is_worth_it() {
            let rows = self.read_directly(direct)?;
            let schema = rows.schema();
            return Ok(Some(Rows::from_batches(schema, rows.collect().await?)));
        }
        let plan = scan(found, selection.clone())
            .and_then(datafusion::logical_expr::LogicalPlanBuilder::build)
            .map_err(|error| StoreError::engine(table.as_str(), error))?;
        let rows = self.run(plan, table.as_str()).await?;
        let schema = rows.schema();
        Ok(Some(Rows::from_batches(schema, rows.collect().await?)))
    }

    /// The last chunk of a system table, or `None` when there is no such table yet.
    pub async fn read_system_tail(
        &self,
        table: &FeatureKey,
    ) -> Result<Option<SystemTail>, StoreError> {
        let Some(found) = self.backend().open_table(table).await? else { return Ok(None) };
        let columns = (0..found.schema().fields().len()).collect();
        let rows = match found.chunks().len().checked_sub(1) {
            Some(last) => {
                let request = ChunkRequest { columns, ..ChunkRequest::default() };
                Some(found.read_chunk(last, request).await?)
            }
            None => None,
        };
        Ok(Some(SystemTail { version: found.version(), rows }))
    }

    /// Whether a commit was made to a table once under a tag: for a deletion, its id.
    pub async fn has_commit(&self, table: &FeatureKey, tag: &str) -> Result<bool, StoreError> {
        match self.backend().open_table(table).await? {
            Some(found) => found.has_commit(tag).await,
            None => Ok(false),
        }
    }

    /// Removes rows of a system table for good: those with a text in a column. Files that earlier
    /// removals left behind go as well.
    pub async fn remove_system_rows(
        &self,
        table: &FeatureKey,
        column: &str,
        text: &str,
    ) -> Result<(), StoreError> {
        self.require_write()?;
        until_undisturbed(|| self.take_system_rows(table, column, text)).await?;
        self.purge_files(table).await.map(drop)
    }

    /// Removes rows from a system table; the files that had them stay.
    async fn take_system_rows(
        &self,
        table: &FeatureKey,
        column: &str,
        text: &str,
    ) -> Result<(), StoreError> {
        let Some(found) = self.backend().open_table(table).await? else { return Ok(()) };
        let place = found.schema().index_of(column).map_err(StoreError::arrow)?;
        let (mut chunks, mut kept) = (Vec::new(), Vec::new());
        for (chunk, its) in found.chunks().iter().enumerate() {
            let request = ChunkRequest { columns: vec![place], ..ChunkRequest::default() };
            let mut stays = BooleanBufferBuilder::new(its.rows);
            for batch in found.read_chunk(chunk, request).await?.collect().await? {
                stays.append_buffer(&!&equals(batch.column(0), text)?);
            }
            let stays = stays.finish();
            if stays.count_set_bits() < stays.len() {
                chunks.push(chunk);
                let columns = (0..found.schema().fields().len()).collect();
                let request = ChunkRequest { columns, rows: Some(stays), range: None };
                kept.extend(found.read_chunk(chunk, request).await?.collect().await?);
            }
        }
        if !chunks.is_empty() {
            let rows = Rows::from_batches(found.schema(), kept);
            let replacement = Replacement { table: found, chunks, rows, change: Change::Content };
            self.replace(table, replacement, CommitNote::new("remove")).await?;
        }
        Ok(())
    }
}
