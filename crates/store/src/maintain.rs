//! Keeping tables quick to read: compaction and vacuum.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_base::FeatureKey;

use crate::{
    Change, Chunk, ChunkRequest, Commit, CommitNote, Replacement, Rows, Store, StoreError, Table,
    Vacuum, Vacuumed, known::distinct_in,
};

/// Chunks with fewer rows and bytes are put together often,
const FEW: Chunk = Chunk { rows: 4096, bytes: 1 << 20 };
/// and so many of them at once: others wait meanwhile who add rows.
const AT_ONCE: usize = 256;
/// Whoever writes few rows with every 32nd commit puts small chunks together
const COMMITS: u64 = 32;
/// if there are more than so many.
const SMALL_CHUNKS: usize = 16;

/// What to do about a table.
#[derive(Clone, Copy, Debug)]
pub struct MaintainOptions {
    /// Put small chunks together.
    pub compact: bool,
    /// Remove files that have not been part of the table for so long; `None` keeps them all.
    pub vacuum: Option<Duration>,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Chunks with fewer rows than this are small, and are put together to about as many.
    pub target_rows: usize,
}

impl Default for MaintainOptions {
    /// Compaction into chunks of 512 thousand rows, and removal of files a week old.
    fn default() -> Self {
        Self {
            compact: true,
            vacuum: Some(Duration::from_secs(7 * 24 * 3600)),
            dry_run: false,
            target_rows: 1 << 19,
        }
    }
}

/// What was done about a table, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaintenanceReport {
    /// Chunks there were.
    pub chunks_before: u64,
    /// Chunks put together into larger ones.
    pub chunks_compacted: u64,
    /// Chunks there are now; in a dry run, as many as before.
    pub chunks_after: u64,
    /// Files removed.
    pub files_removed: u64,
    /// Their bytes, as far as known.
    pub bytes_freed: u64,
}

impl Store {
    /// Compacts a feature's table and removes files that no reader needs any more.
    ///
    /// Rows stay what they were, in the same order. Writers at work are not disturbed: if one of
    /// the chunks is rewritten by somebody else meanwhile, compaction is left to the next time.
    pub async fn maintain(
        &self,
        feature: &FeatureKey,
        options: &MaintainOptions,
    ) -> Result<MaintenanceReport, StoreError> {
        self.require_write()?;
        let table = self.require_own_table(feature).await?;
        let mut report = MaintenanceReport::default();
        report.chunks_before = table.chunks().len() as u64;
        report.chunks_after = report.chunks_before;
        if options.compact {
            let target = Chunk { rows: options.target_rows, bytes: u64::MAX };
            let small = small_chunks(table.as_ref(), target);
            report.chunks_compacted = small.len() as u64;
            if !options.dry_run && !small.is_empty() {
                self.compact(feature, &table, small).await?;
                let table = self.require_own_table(feature).await?;
                report.chunks_after = table.chunks().len() as u64;
            }
        }
        if let Some(keep) = options.vacuum {
            let request = Vacuum { keep, dry_run: options.dry_run };
            let Vacuumed { files, bytes, .. } = self.backend().vacuum(feature, request).await?;
            report.files_removed = files;
            report.bytes_freed = bytes;
        }
        Ok(report)
    }

    /// Puts the smallest chunks of a table together where there are more than so many: for tables to
    /// which many add a few rows each, and which others read all the time. What is not small is left
    /// alone, so this costs little, however large the table is. Says whether there was anything to do.
    pub async fn tidy(&self, table: &FeatureKey, most: usize) -> Result<bool, StoreError> {
        self.require_write()?;
        let count = |found: &Arc<dyn Table>| small_chunks(found.as_ref(), FEW).len();
        let found = self.backend().open_table(table).await?;
        if found.is_none_or(|found| count(&found) <= most) {
            return Ok(false);
        }
        let _turn = self.turn(table).await;
        let found = self.require_own_table(table).await?;
        let mut small = small_chunks(found.as_ref(), FEW);
        if small.is_empty() {
            return Ok(false);
        }
        let youngest = small.split_off(small.len().saturating_sub(AT_ONCE));
        self.compact(table, &found, youngest).await?;
        Ok(true)
    }

    /// Tidies behind a commit, now and then, so that tables which grow by a few rows at a time stay quick
    /// to read. Who wrote has written, whether that succeeds or not.
    pub(crate) async fn tidy_behind(&self, table: &FeatureKey, commit: &Commit) {
        let is_due = commit.is_new && commit.version.is_multiple_of(COMMITS);
        if !is_due || commit.rows >= FEW.rows as u64 {
            return;
        }
        if let Err(error) = self.tidy(table, SMALL_CHUNKS).await {
            // Somebody rewrote them meanwhile, most likely.
            tracing::info!(%table, %error, "its chunks stay for now");
        }
    }

    /// Removes the files that a hard deletion replaced, so that no byte of what they held is left,
    /// where the backend can do that.
    ///
    /// Readers at work on an older state of the table may fail then, and read again.
    pub async fn purge_files(&self, feature: &FeatureKey) -> Result<Vacuumed, StoreError> {
        self.require_write()?;
        let request = Vacuum { keep: Duration::ZERO, dry_run: false };
        self.backend().vacuum(feature, request).await
    }

    async fn compact(
        &self,
        feature: &FeatureKey,
        table: &Arc<dyn Table>,
        chunks: Vec<usize>,
    ) -> Result<(), StoreError> {
        let schema = table.schema();
        // What is known of the chunks holds of what they become.
        let distinct = distinct_in(table.as_ref(), &chunks).await?;
        let columns: Vec<usize> = (0..schema.fields().len()).collect();
        let source = Arc::clone(table);
        let batches = stream::iter(chunks.clone())
            .then(move |chunk| {
                let source = Arc::clone(&source);
                let request = ChunkRequest { columns: columns.clone(), ..ChunkRequest::default() };
                async move { source.read_chunk(chunk, request).await }
            })
            .map_ok(Rows::into_stream)
            .try_flatten();
        let replacement = Replacement {
            table: Arc::clone(table),
            chunks,
            rows: Rows::new(schema, batches),
            change: Change::Layout,
        };
        let note = CommitNote::new("compact").distinct(&distinct);
        self.backend().replace(feature, replacement, note).await.map(drop)
    }
}

/// The chunks worth putting together: ones with less than `target`, if there are several.
fn small_chunks(table: &dyn Table, target: Chunk) -> Vec<usize> {
    let is_small = |chunk: &Chunk| chunk.rows < target.rows && chunk.bytes < target.bytes;
    let chunks = table.chunks().iter().enumerate();
    let small: Vec<usize> = chunks.filter(|(_, it)| is_small(it)).map(|(index, _)| index).collect();
    if small.len() > 1 { small } else { Vec::new() }
}
