//! Rows of system tables: columns of text, numbers, times and bytes.

use std::sync::Arc;

use datafusion::arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, BinaryArray, Int64Array, RecordBatch, StringArray,
        TimestampMicrosecondArray,
    },
    datatypes::{Field, Int64Type, Schema, TimestampMicrosecondType},
};
use metalith_base::{FeatureKey, Timestamp};
use metalith_store::StoreError;

/// The key of a system table.
pub(crate) fn table(name: &str) -> FeatureKey {
    name.parse().expect("the name of a system table is a key")
}

pub(crate) fn texts<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

pub(crate) fn numbers(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

pub(crate) fn time(value: Timestamp) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_value(value.as_micros(), 1).with_timezone("UTC"))
}

pub(crate) fn bytes<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> ArrayRef {
    Arc::new(BinaryArray::from_iter_values(values))
}

pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch, StoreError> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(StoreError::arrow)
}

/// One row of a batch, read by names. What is not there, or of another type, is `None`.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    batch: &'a RecordBatch,
    row: usize,
}

/// Every row of some batches.
pub(crate) fn rows(batches: &[RecordBatch]) -> impl Iterator<Item = Row<'_>> {
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| Row { batch, row }))
}

impl<'a> Row<'a> {
    pub(crate) fn text(self, name: &str) -> Option<&'a str> {
        let column = self.batch.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(self.row).then(|| column.value(self.row))
    }

    pub(crate) fn number(self, name: &str) -> Option<i64> {
        let column = self.batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
        column.is_valid(self.row).then(|| column.value(self.row))
    }

    pub(crate) fn time(self, name: &str) -> Option<Timestamp> {
        let column = self.batch.column_by_name(name)?;
        let column = column.as_primitive_opt::<TimestampMicrosecondType>()?;
        column.is_valid(self.row).then(|| Timestamp::from_micros(column.value(self.row)))
    }

    pub(crate) fn bytes(self, name: &str) -> Option<&'a [u8]> {
        let column = self.batch.column_by_name(name)?.as_binary_opt::<i32>()?;
        column.is_valid(self.row).then(|| column.value(self.row))
    }
}
