//! Rows written as JSON in tests.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::arrow::{
    array::{
        Array, ArrayRef, AsArray as _, BooleanArray, Float64Array, Int64Array, RecordBatch,
        RecordBatchOptions, StringArray, StructArray,
    },
    buffer::NullBuffer,
    compute::cast,
    datatypes::{DataType, Field, Fields, Float64Type, Int64Type, Schema},
};
use serde_json::{Map, Value};

/// A batch of rows given as JSON objects: text, integers, floats, booleans, and objects of text
/// as structs. `columns` gives the order, and columns that no row mentions.
pub fn batch_from_json(rows: &[Map<String, Value>], columns: &[&str]) -> RecordBatch {
    let mut names: Vec<String> = columns.iter().map(|it| (*it).to_owned()).collect();
    for name in rows.iter().flat_map(Map::keys) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let arrays: Vec<ArrayRef> = names
        .iter()
        .map(|name| {
            let values: Vec<&Value> =
                rows.iter().map(|row| row.get(name).unwrap_or(&Value::Null)).collect();
            array(&values)
        })
        .collect();
    let fields = names.iter().zip(&arrays);
    let fields = fields.map(|(name, array)| Field::new(name, array.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(schema, arrays, &options)
        .expect("arrays were made as long as there are rows")
}

fn array(values: &[&Value]) -> ArrayRef {
    let known = values.iter().find(|value| !value.is_null());
    match known {
        Some(Value::Number(number)) if number.is_i64() => {
            Arc::new(values.iter().map(|value| value.as_i64()).collect::<Int64Array>())
        }
        Some(Value::Number(_)) => {
            Arc::new(values.iter().map(|value| value.as_f64()).collect::<Float64Array>())
        }
        Some(Value::Bool(_)) => {
            Arc::new(values.iter().map(|value| value.as_bool()).collect::<BooleanArray>())
        }
        Some(Value::Object(_)) => structs(values),
        _ => Arc::new(values.iter().map(|value| value.as_str()).collect::<StringArray>()),
    }
}

fn structs(values: &[&Value]) -> ArrayRef {
    let mut names: Vec<&String> = Vec::new();
    for name in values.iter().filter_map(|value| value.as_object()).flat_map(Map::keys) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let members = names.iter().map(|name| {
        let texts = values.iter().map(|value| value.get(name.as_str()).and_then(Value::as_str));
        Arc::new(texts.collect::<StringArray>()) as ArrayRef
    });
    let members: Vec<ArrayRef> = members.collect();
    let fields: Fields =
        names.iter().map(|name| Field::new(name.as_str(), DataType::Utf8, true)).collect();
    let present = NullBuffer::from_iter(values.iter().map(|value| !value.is_null()));
    Arc::new(StructArray::new(fields, members, Some(present)))
}

/// Rows as JSON objects. Times become microseconds since the epoch.
pub fn rows_to_json(batches: &[RecordBatch]) -> Vec<BTreeMap<String, Value>> {
    let mut rows = Vec::new();
    for batch in batches {
        let first = rows.len();
        rows.resize(first + batch.num_rows(), BTreeMap::new());
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            for (row, value) in json_values(column).into_iter().enumerate() {
                rows[first + row].insert(field.name().clone(), value);
            }
        }
    }
    rows
}

fn json_values(column: &ArrayRef) -> Vec<Value> {
    let rows = 0..column.len();
    let optional = |row: usize, value: &dyn Fn(usize) -> Value| match column.is_null(row) {
        true => Value::Null,
        false => value(row),
    };
    match column.data_type() {
        DataType::Struct(fields) => {
            let columns = column.as_struct().columns().iter().map(json_values);
            let members: Vec<Vec<Value>> = columns.collect();
            rows.map(|row| {
                optional(row, &|row| {
                    let named = fields.iter().zip(&members);
                    named
                        .map(|(field, values)| (field.name().clone(), values[row].clone()))
                        .collect()
                })
            })
            .collect()
        }
        DataType::Boolean => {
            rows.map(|row| optional(row, &|row| column.as_boolean().value(row).into())).collect()
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let floats = cast(column, &DataType::Float64).expect("a float is a float");
            let floats = floats.as_primitive::<Float64Type>();
            rows.map(|row| optional(row, &|row| floats.value(row).into())).collect()
        }
        DataType::Timestamp(_, _) => integers(column),
        kind if kind.is_integer() => integers(column),
        _ => {
            let texts = cast(column, &DataType::Utf8).expect("tests use values that print");
            let texts = texts.as_string::<i32>();
            rows.map(|row| optional(row, &|row| texts.value(row).into())).collect()
        }
    }
}

fn integers(column: &ArrayRef) -> Vec<Value> {
    let integers = cast(column, &DataType::Int64).expect("an integer fits");
    integers.as_primitive::<Int64Type>().iter().map(Value::from).collect()
}
