//! Removing rows that nobody sees any more.

use std::sync::Arc;

use metalith_base::FeatureKey;
use metalith_store::{StoreError, Vacuum, Vacuumed};

use crate::{catalog, feature_table, pool::Pool};

/// Removes the rows of chunks that were replaced longer ago than they are kept, and then from the
/// disk, as far as the database does that. Says when it does not.
pub(crate) async fn vacuum(
    pool: &Arc<Pool>,
    feature: &FeatureKey,
    request: Vacuum,
) -> Result<Vacuumed, StoreError> {
    let feature = feature.clone();
    pool.with("vacuum", move |pool, connection| {
        if !catalog::is_there(connection)? {
            return Ok(Vacuumed::default());
        }
        let keep = i64::try_from(request.keep.as_micros()).unwrap_or(i64::MAX);
        // What is to be kept for no time at all was removed long enough ago by anybody's clock.
        let until = if keep == 0 { i64::MAX } else { catalog::now().saturating_sub(keep) };
        let gone = catalog::removed_chunks(connection, &feature, until)?;
        let bytes = gone.iter().map(|(_, bytes)| bytes).sum();
        let overwritten_later = !pool.dialect().overwrites();
        let mut removed = Vacuumed { files: gone.len() as u64, bytes, overwritten_later };
        if request.dry_run || (gone.is_empty() && keep > 0) {
            return Ok(removed);
        }
        let chunks: Vec<i64> = gone.into_iter().map(|(chunk, _)| chunk).collect();
        if !chunks.is_empty() {
            pool.writing(connection, |connection| {
                feature_table::delete(connection, &feature, &chunks)?;
                Ok(catalog::forget_chunks(connection, &feature, &chunks)?)
            })?;
        }
        // Also when nothing was removed now: an earlier time may not have got so far.
        for statement in pool.dialect().sweep(&feature_table::name(pool.place(), &feature)) {
            // While others read, the database does it later.
            if let Err(failure) = connection.run(&statement) {
                tracing::debug!(%feature, "removed rows leave the disk later: {failure}");
                removed.overwritten_later = true;
            }
        }
        Ok(removed)
    })
    .await
}
