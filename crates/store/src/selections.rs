//! Selections of current rows, remembered while the table is the same.
//!
//! Finding them goes through the ids of a whole table. A deletion over several features, or a status
//! of all of them, asks for the same ones again and again.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use metalith_graph::Feature;

use crate::{
    StoreError, Table,
    chunk_scan::Selection,
    current::{Visibility, select_visible},
};

/// How many are remembered. One takes a bit for each row of its table.
const CAPACITY: usize = 32;

/// Selections of current rows by table and question.
#[derive(Debug, Default)]
pub(crate) struct Selections {
    known: Mutex<VecDeque<Known>>,
}

#[derive(Debug)]
struct Known {
    table: Weak<dyn Table>,
    id_columns: Vec<String>,
    active: Option<String>,
    visibility: Visibility,
    selection: Selection,
}

impl Known {
    fn answers(&self, feature: &Feature, table: &Arc<dyn Table>, visibility: &Visibility) -> bool {
        let spec = feature.spec();
        let same = |known: Arc<dyn Table>| Arc::ptr_eq(&known, table);
        self.visibility == *visibility
            && self.id_columns == spec.id_columns
            && self.active == spec.active
            && self.table.upgrade().is_some_and(same)
    }
}

impl Selections {
    /// The visible rows of a feature's table.
    pub(crate) async fn of(
        &self,
        feature: &Feature,
        table: &Arc<dyn Table>,
        visibility: &Visibility,
    ) -> Result<Selection, StoreError> {
        let answers = |known: &&Known| known.answers(feature, table, visibility);
        if let Some(known) = self.lock().iter().find(answers) {
            return Ok(known.selection.clone());
        }
        let selection = select_visible(feature, table.as_ref(), visibility).await?;
        let mut known = self.lock();
        known.retain(|known| known.table.strong_count() > 0);
        if known.len() >= CAPACITY {
            known.pop_front();
        }
        known.push_back(Known {
            table: Arc::downgrade(table),
            id_columns: feature.spec().id_columns.clone(),
            active: feature.spec().active.clone(),
            visibility: visibility.clone(),
            selection: selection.clone(),
        });
        Ok(selection)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Known>> {
        // Every change is one push or pop; a panic elsewhere cannot leave it half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
