//! Ids of rows that stay, beside which no sample of the same id may be deleted.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, Write as _},
};

use arrow::{
    array::{Array as _, ArrayRef, RecordBatch},
    error::ArrowError,
    row::{RowConverter, SortField},
    util::display::array_value_to_string,
};
use hashbrown::HashMap;
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

/// Ids of rows that are not deleted: in a file, for there may be more than fit into memory.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Where the ids are in what is written.
    places: Vec<usize>,
    active: Option<BufWriter<File>>,
}

impl Kept {
    pub(super) fn new(places: &[usize]) -> Self {
        Self { places: places.to_vec(), active: None }
    }

    pub(super) fn add(&mut self, active: impl IntoIterator<Item = u64>) -> io::Result<()> {
        let file = match &mut self.active {
            Some(file) => file,
            none => none.insert(BufWriter::new(tempfile::tempfile()?)),
        };
        active.into_iter().try_for_each(|it| file.write_all(&it.to_le_bytes()))
    }

    /// The first id that is deleted and stays, as a person would write it.
    pub(super) fn contradiction(
        self,
        deleted: &[RecordBatch],
    ) -> Result<Option<String>, ArrowError> {
        let Some(active) = self.active.filter(|_| !self.places.is_empty()) else {
            return Ok(None);
        };
        let ids_of = |batch: &RecordBatch| -> Vec<ArrayRef> {
            self.places.iter().map(|it| ArrayRef::clone(batch.column(*it))).collect()
        };
        let mut doomed: HashMap<u64, (usize, usize)> = HashMap::new();
        for (number, batch) in deleted.iter().enumerate() {
            for (row, id) in fingerprints(&ids_of(batch))?.into_iter().enumerate() {
                if let Some(id) = id {
                    doomed.entry(id).or_insert((number, row));
                }
            }
        }
        let mut file = active.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let mut file = BufReader::new(file);
        let (mut first, mut id) = (None, [0; 8]);
        while !file.fill_buf()?.is_empty() {
            file.read_exact(&mut id)?;
            let found = doomed.get(&u64::from_le_bytes(id)).copied();
            first = [first, found].into_iter().flatten().min();
        }
        let Some((number, row)) = first else { return Ok(None) };
        let ids = ids_of(&deleted[number]);
        let parts = ids.iter().map(|it| array_value_to_string(it, row));
        Ok(Some(parts.collect::<Result<Vec<_>, _>>()?.join(", ")))
    }
}
