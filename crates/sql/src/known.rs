//! The latest known state of each table.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use metalith_base::FeatureKey;
use metalith_store::StoreError;

use crate::{pool::Pool, table::SqlTable};

/// The latest known state of each table. Whether it still is the latest is asked each time, which
/// takes one small statement.
#[derive(Debug, Default)]
pub(crate) struct KnownTables {
    known: Mutex<HashMap<FeatureKey, Arc<SqlTable>>>,
}

impl KnownTables {
    /// The table as it is now, or `None` when there is none.
    pub(crate) async fn latest(
        &self,
        pool: &Arc<Pool>,
        feature: &FeatureKey,
    ) -> Result<Option<Arc<SqlTable>>, StoreError> {
        let known = self.lock().get(feature).cloned();
        let before = known.clone();
        let asked = feature.clone();
        let opened = pool.with("read", move |pool, connection| {
            SqlTable::open(connection, pool, &asked, known.as_ref())
        });
        let latest = opened.await?;
        let is_same_table = |it: &Arc<SqlTable>| {
            latest.as_ref().is_some_and(|latest| latest.table_id() == it.table_id())
        };
        if let Some(gone) = before.as_ref().filter(|it| !is_same_table(it)) {
            pool.small().forget_table(gone.table_id());
        }
        let Some(latest) = latest else {
            self.lock().remove(feature);
            return Ok(None);
        };
        if before.is_none_or(|before| !Arc::ptr_eq(&before, &latest)) {
            pool.small().keep_only(&latest);
            let mut known = self.lock();
            // Who asked earlier may be told later.
            let is_older = known.get(feature).is_some_and(|it| {
                it.table_id() == latest.table_id()
                    && it.recorded_version() > latest.recorded_version()
            });
            if !is_older {
                known.insert(feature.clone(), Arc::clone(&latest));
            }
        }
        Ok(Some(latest))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FeatureKey, Arc<SqlTable>>> {
        // Every change is one insertion or removal.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
