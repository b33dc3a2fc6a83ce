//! Columns whose values are in the log and not in the data files.

use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, StringArray, UInt32Array, new_null_array},
    compute::{cast, take},
    datatypes::DataType,
    error::ArrowError,
};

/// A column of one value, as Delta writes it in the log: text, empty for NULL.
pub(crate) fn column(
    value: Option<&str>,
    target: &DataType,
    rows: usize,
) -> Result<ArrayRef, ArrowError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(new_null_array(target, rows));
    };
    let one: ArrayRef = Arc::new(StringArray::from(vec![value]));
    let one = cast(&one, target)?;
    take(&one, &UInt32Array::from(vec![0; rows]), None)
}
