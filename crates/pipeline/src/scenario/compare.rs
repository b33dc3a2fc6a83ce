//! What was written against what was expected.

use arrow::{
    array::RecordBatch,
    json::{WriterBuilder, writer::LineDelimited},
};
use metalith_store::Frame;
use serde_json::{Map, Value};

use super::Expected;

/// How many rows a message shows.
const SHOWN: usize = 5;

/// What is not as expected, if anything.
pub(super) fn difference(expected: &Expected, found: &Frame) -> Option<String> {
    let found = match rows(&found.batches) {
        Ok(found) => found,
        Err(problem) => return Some(problem),
    };
    let fits = |expected_row: &Map<String, Value>, row: &Map<String, Value>| {
        let is_same = |(name, value): (&String, &Value)| {
            row.get(name).is_some_and(|found| same(value, found))
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

/// Whether two values are the same, however their numbers are written.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64().zip(other.as_f64()).is_some_and(|(a, b)| close(a, b))
        }
        // Decimals come as numbers or as text, by how exact they are.
        (Value::Number(number), Value::String(text)) => {
            let text = text.parse::<f64>().ok();
            text.zip(number.as_f64()).is_some_and(|(a, b)| close(a, b))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, a)| other.get(name).is_some_and(|b| same(a, b)))
        }
        _ => expected == found,
    }
}

/// Equal but for what arithmetic in floats loses.
fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

fn rows(batches: &[RecordBatch]) -> Result<Vec<Map<String, Value>>, String> {
    let mut text = Vec::new();
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let mut writer: arrow::json::Writer<_, LineDelimited> = builder.build(&mut text);
    for batch in batches {
        writer.write(batch).map_err(|error| error.to_string())?;
    }
    writer.finish().map_err(|error| error.to_string())?;
    drop(writer);
    let lines = text.split(|it| *it == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|error| error.to_string())).collect()
}
