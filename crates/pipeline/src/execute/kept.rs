//! Ids of rows that stay, beside which no sample of the same id may be deleted.

use arrow::{
    array::{Array as _, ArrayRef, RecordBatch},
    error::ArrowError,
    row::{RowConverter, SortField},
    util::display::array_value_to_string,
};
use hashbrown::HashSet;
use xxhash_rust::xxh64::xxh64;

/// What tells ids apart in eight bytes, for there is one for each row that stays; nothing for an id
/// that is not whole.
pub(super) fn fingerprints(ids: &[ArrayRef]) -> Result<Vec<Option<u64>>, ArrowError> {
    let fields = ids.iter().map(|it| SortField::new(it.data_type().clone()));
    let rows = RowConverter::new(fields.collect())?.convert_columns(ids)?;
    let is_whole = |row: usize| ids.iter().all(|it| it.is_valid(row));
    let told = rows.iter().enumerate();
    Ok(told.map(|(at, row)| is_whole(at).then(|| xxh64(row.as_ref(), 0))).collect())
}

/// Ids of a deletion, and of rows that are not deleted.
#[derive(Default)]
pub(super) struct Kept {
    /// Where the ids are in what is written.
    places: Vec<usize>,
    active: HashSet<u64>,
}

impl Kept {
    pub(super) fn new(places: &[usize]) -> Self {
        Self { places: places.to_vec(), active: HashSet::new() }
    }

    pub(super) fn add(&mut self, active: impl IntoIterator<Item = u64>) {
        self.active.extend(active);
    }

    /// The first id that is deleted and stays, as a person would write it.
    pub(super) fn contradiction(
        &self,
        deleted: &[RecordBatch],
    ) -> Result<Option<String>, ArrowError> {
        if self.places.is_empty() || self.active.is_empty() {
            return Ok(None);
        }
        for batch in deleted {
            let ids: Vec<ArrayRef> =
                self.places.iter().map(|it| ArrayRef::clone(batch.column(*it))).collect();
            let found = fingerprints(&ids)?;
            let row = found.iter().position(|it| it.is_some_and(|it| self.active.contains(&it)));
            if let Some(row) = row {
                let parts = ids.iter().map(|it| array_value_to_string(it, row));
                return Ok(Some(parts.collect::<Result<Vec<_>, _>>()?.join(", ")));
            }
        }
        Ok(None)
    }
}
