//! Keys of rows, numbered: what finds rows by their ids, whatever types these have.
//!
//! Looking ids up is most of the work of finding current rows, of comparing and of checking what is
//! written, so keys are kept in the smallest form that their columns allow.

use std::hash::BuildHasher as _;

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray as _, Int64Array},
    compute::cast,
    datatypes::{DataType, Int64Type, Schema},
    row::{RowConverter, SortField},
};
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::StoreError;

/// Numbers different keys in the order in which they come, from 0.
///
/// NULL is a value like others here: two keys with NULL in the same place are the same key.
pub(crate) struct KeyIndex {
    hasher: DefaultHashBuilder,
    numbers: HashTable<u32>,
    keys: Keys,
    /// The number of NULL, where that has no place among the keys.
    null: Option<u32>,
}

/// The keys by number.
enum Keys {
    /// One column of whole numbers, days or times, as 64-bit numbers.
    Whole(Vec<i64>),
    /// One column of text.
    Text(Blobs),
    /// Anything else, as Arrow writes rows to compare them.
    Rows(RowConverter, Blobs),
}

/// Byte strings one after another.
#[derive(Default)]
pub(crate) struct Blobs {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Blobs {
    pub(crate) fn get(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[number]]
    }

    pub(crate) fn push(&mut self, blob: &[u8]) {
        self.bytes.extend_from_slice(blob);
        self.ends.push(self.bytes.len());
    }
}

impl KeyIndex {
    /// No keys yet, of columns with these types.
    pub(crate) fn new(types: &[DataType]) -> Result<Self, StoreError> {
        let keys = match types {
            [only] if is_whole(only) => Keys::Whole(Vec::new()),
            [DataType::Utf8] => Keys::Text(Blobs::default()),
            several => {
                let fields = several.iter().cloned().map(SortField::new).collect();
                let converter = RowConverter::new(fields).map_err(StoreError::arrow)?;
                Keys::Rows(converter, Blobs::default())
            }
        };
        let hasher = DefaultHashBuilder::default();
        Ok(Self { hasher, numbers: HashTable::new(), keys, null: None })
    }

    /// No keys yet, of the columns of a schema.
    pub(crate) fn of_types(schema: &Schema) -> Result<Self, StoreError> {
        let types: Vec<_> = schema.fields().iter().map(|it| it.data_type().clone()).collect();
        Self::new(&types)
    }

    /// How many different keys there are.
    pub(crate) fn len(&self) -> usize {
        match &self.keys {
            Keys::Whole(keys) => keys.len(),
            Keys::Text(keys) | Keys::Rows(_, keys) => keys.ends.len(),
        }
    }

    /// Makes room for so many keys.
    pub(crate) fn reserve(&mut self, more: usize) {
        let Self { hasher, numbers, keys, .. } = self;
        match keys {
            Keys::Whole(keys) => {
                numbers.reserve(more, |it| hasher.hash_one(keys[*it as usize]));
                keys.reserve(more);
            }
            Keys::Text(keys) | Keys::Rows(_, keys) => {
                numbers.reserve(more, |it| hasher.hash_one(keys.get(*it)));
                keys.ends.reserve(more);
            }
        }
    }

    /// The number of each row's key; keys that were not there get one.
    pub(crate) fn number(&mut self, columns: &[ArrayRef]) -> Result<Vec<u32>, StoreError> {
        let Self { hasher, numbers, keys, null } = self;
        let found = match (&mut *keys, columns) {
            (Keys::Whole(keys), [column]) => {
                let whole = whole(column)?;
                let number = |row: usize| {
                    if whole.is_null(row) {
                        return *null.get_or_insert_with(|| {
                            keys.push(0);
                            keys.len() as u32 - 1
                        });
                    }
                    let key = whole.value(row);
                    let hash = hasher.hash_one(key);
                    match numbers.find(hash, |it| keys[*it as usize] == key) {
                        Some(number) => *number,
                        None => {
                            let number = keys.len() as u32;
                            keys.push(key);
                            let hash_of = |it: &u32| hasher.hash_one(keys[*it as usize]);
                            numbers.insert_unique(hash, number, hash_of);
                            number
                        }
                    }
                };
                (0..whole.len()).map(number).collect()
            }
            (Keys::Text(keys), [column]) => {
                let text = column.as_string::<i32>();
                let number = |row: usize| {
                    if text.is_null(row) {
                        return *null.get_or_insert_with(|| {
                            keys.push(&[]);
                            keys.ends.len() as u32 - 1
                        });
                    }
                    number_blob(hasher, numbers, keys, text.value(row).as_bytes())
                };
                (0..text.len()).map(number).collect()
            }
            (Keys::Rows(converter, keys), columns) => {
                let rows = converter.convert_columns(columns).map_err(StoreError::arrow)?;
                rows.iter().map(|row| number_blob(hasher, numbers, keys, row.as_ref())).collect()
            }
            (Keys::Whole(_) | Keys::Text(_), _) => return Err(wrong_columns(columns)),
        };
        Ok(found)
    }

    /// The number of each row's key, where it has one.
    pub(crate) fn find(&self, columns: &[ArrayRef]) -> Result<Vec<Option<u32>>, StoreError> {
        let Self { hasher, numbers, keys, null } = self;
        let blob = |keys: &Blobs, blob: &[u8]| {
            numbers.find(hasher.hash_one(blob), |it| keys.get(*it) == blob).copied()
        };
        let found = match (keys, columns) {
            (Keys::Whole(keys), [column]) => {
                let whole = whole(column)?;
                let find = |row: usize| {
                    if whole.is_null(row) {
                        return *null;
                    }
                    let key = whole.value(row);
                    numbers.find(hasher.hash_one(key), |it| keys[*it as usize] == key).copied()
                };
                (0..whole.len()).map(find).collect()
            }
            (Keys::Text(keys), [column]) => {
                let text = column.as_string::<i32>();
                let find = |row: usize| match text.is_null(row) {
                    true => *null,
                    false => blob(keys, text.value(row).as_bytes()),
                };
                (0..text.len()).map(find).collect()
            }
            (Keys::Rows(converter, keys), columns) => {
                let rows = converter.convert_columns(columns).map_err(StoreError::arrow)?;
                rows.iter().map(|row| blob(keys, row.as_ref())).collect()
            }
            (Keys::Whole(_) | Keys::Text(_), _) => return Err(wrong_columns(columns)),
        };
        Ok(found)
    }
}

fn number_blob(
    hasher: &DefaultHashBuilder,
    numbers: &mut HashTable<u32>,
    keys: &mut Blobs,
    key: &[u8],
) -> u32 {
    let hash = hasher.hash_one(key);
    if let Some(number) = numbers.find(hash, |it| keys.get(*it) == key) {
        return *number;
    }
    let number = keys.ends.len() as u32;
    keys.push(key);
    numbers.insert_unique(hash, number, |it| hasher.hash_one(keys.get(*it)));
    number
}

fn is_whole(data_type: &DataType) -> bool {
    use DataType::{Date32, Date64, Int8, Int16, Int32, Int64, Timestamp, UInt8, UInt16, UInt32};
    matches!(
        data_type,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | Date32 | Date64 | Timestamp(_, _)
    )
}

/// A column of whole numbers, days or times as 64-bit numbers. Its own unit stays.
fn whole(column: &ArrayRef) -> Result<Int64Array, StoreError> {
    let narrow = match column.data_type() {
        // Days are 32-bit numbers, which alone cast to 64.
        DataType::Date32 => cast(column, &DataType::Int32).map_err(StoreError::arrow)?,
        _ => ArrayRef::clone(column),
    };
    let whole = cast(&narrow, &DataType::Int64).map_err(StoreError::arrow)?;
    Ok(whole.as_primitive::<Int64Type>().clone())
}

/// Callers give the columns whose types they named.
fn wrong_columns(columns: &[ArrayRef]) -> StoreError {
    let found = columns.iter().map(|it| it.data_type().to_string()).collect::<Vec<_>>();
    let message = format!("keys of one column were looked up by ({})", found.join(", "));
    StoreError::arrow(datafusion::arrow::error::ArrowError::InvalidArgumentError(message))
}

#[cfg(test)]
mod tests;
