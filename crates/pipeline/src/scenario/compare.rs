//! What was written against what was expected.

use std::sync::Arc;

use arrow::{
    array::RecordBatch,
    compute::cast,
    datatypes::{DataType, Field, Schema},
    error::ArrowError,
    json::{WriterBuilder, writer::LineDelimited},
};
use metalith_store::Frame;
use serde_json::{Map, Value};

use super::Expected;

/// How many rows a message shows.
const SHOWN: usize = 5;

/// What is not as expected, if anything.
pub(super) fn difference(expected: &Expected, found: &Frame) -> Option<String> {
    let types = &found.schema;
    let found = match rows(&found.batches) {
        Ok(found) => found,
        Err(problem) => return Some(problem),
    };
    let fits = |expected_row: &Map<String, Value>, row: &Map<String, Value>| {
        let is_same = |(name, value): (&String, &Value)| {
            let data_type = types.field_with_name(name).ok().map(Field::data_type);
            row.get(name).is_some_and(|found| same(value, found, data_type))
        };
        expected_row.iter().all(is_same) && (!expected.is_exact || expected_row.len() == row.len())
    };
    let (missing, extra) = match expected.is_ordered {
        true => in_order(expected, &found, fits),
        false => in_any_order(expected, &found, fits),
    };
    let extra = if expected.is_exact { extra } else { Vec::new() };
    if missing.is_empty() && extra.is_empty() {
        return None;
    }
    let mut told = format!("expected {} rows, found {}", expected.rows.len(), found.len());
    tell(&mut told, "not found", &missing);
    tell(&mut told, "not expected", &extra);
    if extra.is_empty() && !missing.is_empty() {
        let all: Vec<&Map<String, Value>> = found.iter().collect();
        tell(&mut told, "found", &all);
    }
    Some(told)
}

type Rows<'a> = Vec<&'a Map<String, Value>>;

/// Each expected row comes after the one before; for an exact match they are at the same places.
fn in_order<'a>(
    expected: &'a Expected,
    found: &'a [Map<String, Value>],
    fits: impl Fn(&Map<String, Value>, &Map<String, Value>) -> bool,
) -> (Rows<'a>, Rows<'a>) {
    let (mut missing, mut extra, mut next) = (Vec::new(), Vec::new(), 0);
    for row in &expected.rows {
        let place = match expected.is_exact {
            true => found.get(next).filter(|it| fits(row, it)).map(|_| next),
            false => (next..found.len()).find(|at| fits(row, &found[*at])),
        };
        match place {
            Some(at) => next = at + 1,
            None => {
                missing.push(row);
                if expected.is_exact {
                    extra.extend(found.get(next));
                    next += 1;
                }
            }
        }
    }
    extra.extend(found.iter().skip(next));
    (missing, extra)
}

/// Each expected row is there once for each time it is expected.
fn in_any_order<'a>(
    expected: &'a Expected,
    found: &'a [Map<String, Value>],
    fits: impl Fn(&Map<String, Value>, &Map<String, Value>) -> bool,
) -> (Rows<'a>, Rows<'a>) {
    let mut taken: Vec<Option<usize>> = vec![None; found.len()];
    let mut missing = Vec::new();
    for (index, row) in expected.rows.iter().enumerate() {
        let mut tried = vec![false; found.len()];
        let choices = |index: usize| {
            let row = &expected.rows[index];
            (0..found.len()).filter(|at| fits(row, &found[*at])).collect::<Vec<_>>()
        };
        if !assign(index, &choices, &mut taken, &mut tried) {
            missing.push(row);
        }
    }
    let extra = found.iter().zip(&taken).filter(|(_, it)| it.is_none()).map(|(row, _)| row);
    (missing, extra.collect())
}

/// Finds a row for an expected one, moving others to another of theirs if need be: a row that says
/// little must not take the only one that fits a row that says more.
fn assign(
    index: usize,
    choices: &impl Fn(usize) -> Vec<usize>,
    taken: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for at in choices(index) {
        if std::mem::replace(&mut tried[at], true) {
            continue;
        }
        let is_free = match taken[at] {
            None => true,
            Some(other) => assign(other, choices, taken, tried),
        };
        if is_free {
            taken[at] = Some(index);
            return true;
        }
    }
    false
}

fn tell(told: &mut String, what: &str, rows: &[&Map<String, Value>]) {
    for row in rows.iter().take(SHOWN) {
        told.push_str(&format!("\n  {what}: {}", Value::Object((*row).clone())));
    }
    if rows.len() > SHOWN {
        told.push_str(&format!("\n  {what}: {} more", rows.len() - SHOWN));
    }
}

/// Whether two values are the same, however their numbers are written. Only floats may differ, by
/// what arithmetic loses.
fn same(expected: &Value, found: &Value, data_type: Option<&DataType>) -> bool {
    match (expected, found) {
        (Value::Number(one), Value::Number(other))
            if data_type.is_some_and(DataType::is_floating) =>
        {
            one.as_f64().zip(other.as_f64()).is_some_and(|(a, b)| close(a, b))
        }
        (Value::Number(one), Value::Number(other)) => {
            digits(&one.to_string()) == digits(&other.to_string())
        }
        // Decimals are text, which holds all of their digits.
        (Value::Number(number), Value::String(text))
            if data_type.is_some_and(DataType::is_decimal) =>
        {
            digits(&number.to_string()) == digits(text)
        }
        (Value::String(one), Value::String(other))
            if data_type.is_some_and(DataType::is_decimal) =>
        {
            digits(one) == digits(other)
        }
        (Value::Array(one), Value::Array(other)) => {
            let item = match data_type {
                Some(
                    DataType::List(item)
                    | DataType::LargeList(item)
                    | DataType::FixedSizeList(item, _),
                ) => Some(item.data_type()),
                _ => None,
            };
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b, item))
        }
        (Value::Object(one), Value::Object(other)) => {
            let member = |name: &str| match data_type {
                Some(DataType::Struct(fields)) => {
                    fields.find(name).map(|(_, field)| field.data_type())
                }
                _ => None,
            };
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, a)| other.get(name).is_some_and(|b| same(a, b, member(name))))
        }
        _ => expected == found,
    }
}

/// A decimal number as its sign, its digits without zeros at either end, and the power of ten of
/// the last digit. What is no number is itself.
fn digits(text: &str) -> (bool, String, i64) {
    let (number, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let (is_negative, whole) = match whole.strip_prefix('-') {
        Some(whole) => (true, whole),
        None => (false, whole),
    };
    let all = format!("{whole}{part}");
    let Ok(power) = power.parse::<i64>() else { return (false, text.to_owned(), 0) };
    if all.is_empty() || !all.bytes().all(|it| it.is_ascii_digit()) {
        return (false, text.to_owned(), 0);
    }
    let short = all.trim_end_matches('0');
    let power = power - part.len() as i64 + (all.len() - short.len()) as i64;
    match short.trim_start_matches('0') {
        "" => (false, "0".to_owned(), 0),
        short => (is_negative, short.to_owned(), power),
    }
}

/// Equal but for what arithmetic in floats loses.
fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

/// Rows as JSON, decimals as text: a JSON number would lose digits on its way here.
fn rows(batches: &[RecordBatch]) -> Result<Vec<Map<String, Value>>, String> {
    let mut text = Vec::new();
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let mut writer: arrow::json::Writer<_, LineDelimited> = builder.build(&mut text);
    for batch in batches {
        let batch = printed(batch).map_err(|error| error.to_string())?;
        writer.write(&batch).map_err(|error| error.to_string())?;
    }
    writer.finish().map_err(|error| error.to_string())?;
    drop(writer);
    let lines = text.split(|it| *it == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|error| error.to_string())).collect()
}

fn printed(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let is_decimal = field.data_type().is_decimal();
        let data_type = if is_decimal { &DataType::Utf8 } else { field.data_type() };
        fields.push(Field::new(field.name(), data_type.clone(), true));
        columns.push(cast(column, data_type)?);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
