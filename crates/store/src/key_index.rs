//! Keys of rows, numbered: what finds rows by their ids, whatever types these have.
//!
//! Looking ids up is most of the work of finding current rows, of comparing and of checking what is
//! written, so keys are kept in the smallest form that their columns allow.

use std::hash::BuildHasher as _;

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray as _, Int64Array},
    buffer::BooleanBuffer,
    compute::cast,
    datatypes::{DataType, Int64Type, Schema},
    row::{RowConverter, SortField},
};
use hashbrown::{DefaultHashBuilder, HashTable};

use self::whole::WholeKeys;
use crate::StoreError;

mod whole;

/// Numbers different keys in the order in which they come, from 0.
///
/// NULL is a value like others here: two keys with NULL in the same place are the same key.
pub(crate) struct KeyIndex {
    keys: Keys,
    /// The number of NULL, where that has no place among the keys.
    null: Option<u32>,
}

/// The keys by number.
enum Keys {
    /// One column of whole numbers, days or times, as 64-bit numbers.
    Whole(WholeKeys),
    /// One column of text.
    Text(BlobKeys),
    /// Anything else, as Arrow writes rows to compare them.
    Rows(RowConverter, BlobKeys),
}

/// Different byte strings, in the order in which they came.
#[derive(Default)]
struct BlobKeys {
    hasher: DefaultHashBuilder,
    numbers: HashTable<u32>,
    keys: Blobs,
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
            [only] if is_whole(only) => Keys::Whole(WholeKeys::default()),
            [DataType::Utf8] => Keys::Text(BlobKeys::default()),
            several => {
                let fields = several.iter().cloned().map(SortField::new).collect();
                let converter = RowConverter::new(fields).map_err(StoreError::arrow)?;
                Keys::Rows(converter, BlobKeys::default())
            }
        };
        Ok(Self { keys, null: None })
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
            Keys::Text(keys) | Keys::Rows(_, keys) => keys.len(),
        }
    }

    /// Makes room for so many keys.
    pub(crate) fn reserve(&mut self, more: usize) {
        match &mut self.keys {
            Keys::Whole(keys) => keys.reserve(more),
            Keys::Text(keys) | Keys::Rows(_, keys) => keys.reserve(more),
        }
    }

    /// Prepares for looking up many rows whose keys have no number.
    pub(crate) fn sift(&mut self) {
        if let Keys::Whole(keys) = &mut self.keys {
            keys.sift();
        }
    }

    /// The number of each row's key; keys that were not there get one.
    pub(crate) fn number(&mut self, columns: &[ArrayRef]) -> Result<Vec<u32>, StoreError> {
        let null = &mut self.null;
        let found = match (&mut self.keys, columns) {
            (Keys::Whole(keys), [column]) => {
                let whole = whole(column)?;
                if whole.null_count() == 0 {
                    whole.values().iter().map(|key| keys.number(*key)).collect()
                } else {
                    let number = |key: Option<i64>| match key {
                        Some(key) => keys.number(key),
                        None => *null.get_or_insert_with(|| keys.push_nothing()),
                    };
                    whole.iter().map(number).collect()
                }
            }
            (Keys::Text(keys), [column]) => {
                let number = |key: Option<&str>| match key {
                    Some(key) => keys.number(key.as_bytes()),
                    None => *null.get_or_insert_with(|| keys.push_nothing()),
                };
                column.as_string::<i32>().iter().map(number).collect()
            }
            (Keys::Rows(converter, keys), columns) => {
                let rows = converter.convert_columns(columns).map_err(StoreError::arrow)?;
                rows.iter().map(|row| keys.number(row.as_ref())).collect()
            }
            (Keys::Whole(_) | Keys::Text(_), _) => return Err(wrong_columns(columns)),
        };
        Ok(found)
    }

    /// The number of each row's key, where it has one.
    pub(crate) fn find(&self, columns: &[ArrayRef]) -> Result<Vec<Option<u32>>, StoreError> {
        let mut found = Vec::with_capacity(columns.first().map_or(0, |it| it.len()));
        self.look_up(columns, |number| found.push(number))?;
        Ok(found)
    }

    /// Which rows have a key that has a number.
    pub(crate) fn contains(&self, columns: &[ArrayRef]) -> Result<BooleanBuffer, StoreError> {
        if let (Keys::Whole(keys), [column]) = (&self.keys, columns) {
            let whole = whole(column)?;
            if whole.null_count() == 0 {
                return Ok(keys.which(whole.values()));
            }
        }
        let mut found = Vec::with_capacity(columns.first().map_or(0, |it| it.len()));
        self.look_up(columns, |number| found.push(number.is_some()))?;
        Ok(BooleanBuffer::from(found))
    }

    /// Tells the number of each row's key, one row after the other.
    fn look_up(
        &self,
        columns: &[ArrayRef],
        mut tell: impl FnMut(Option<u32>),
    ) -> Result<(), StoreError> {
        let null = self.null;
        match (&self.keys, columns) {
            (Keys::Whole(keys), [column]) => {
                let whole = whole(column)?;
                if whole.null_count() == 0 {
                    whole.values().iter().for_each(|key| tell(keys.find(*key)));
                } else {
                    let find = |key: Option<i64>| key.map_or(null, |key| keys.find(key));
                    whole.iter().for_each(|key| tell(find(key)));
                }
            }
            (Keys::Text(keys), [column]) => {
                let find = |key: Option<&str>| key.map_or(null, |key| keys.find(key.as_bytes()));
                column.as_string::<i32>().iter().for_each(|key| tell(find(key)));
            }
            (Keys::Rows(converter, keys), columns) => {
                let rows = converter.convert_columns(columns).map_err(StoreError::arrow)?;
                rows.iter().for_each(|row| tell(keys.find(row.as_ref())));
            }
            (Keys::Whole(_) | Keys::Text(_), _) => return Err(wrong_columns(columns)),
        }
        Ok(())
    }
}

impl BlobKeys {
    fn len(&self) -> usize {
        self.keys.ends.len()
    }

    fn reserve(&mut self, more: usize) {
        let Self { hasher, numbers, keys } = self;
        numbers.reserve(more, |it| hasher.hash_one(keys.get(*it)));
        keys.ends.reserve(more);
    }

    /// Gives a number to what is no key, and to nothing that is asked for.
    fn push_nothing(&mut self) -> u32 {
        self.keys.push(&[]);
        self.len() as u32 - 1
    }

    /// The number of a key, which gets one if it has none.
    fn number(&mut self, key: &[u8]) -> u32 {
        let next = self.len() as u32;
        let Self { hasher, numbers, keys } = self;
        let hash = hasher.hash_one(key);
        if let Some(number) = numbers.find(hash, |it| keys.get(*it) == key) {
            return *number;
        }
        keys.push(key);
        numbers.insert_unique(hash, next, |it| hasher.hash_one(keys.get(*it)));
        next
    }

    /// The number of a key that has one.
    fn find(&self, key: &[u8]) -> Option<u32> {
        let is_it = |it: &u32| self.keys.get(*it) == key;
        self.numbers.find(self.hasher.hash_one(key), is_it).copied()
    }
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
