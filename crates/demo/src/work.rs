//! The work a user's pipeline would do: compute what is new or stale, and write it back.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow::{
    array::{
        ArrayRef, AsArray as _, Float64Array, Int64Array, RecordBatch, StringArray, UInt64Array,
    },
    compute::{concat_batches, take},
    datatypes::{Float64Type, Int64Type},
};
use metalith_graph::columns;
use metalith_store::{Increment, ResolveOptions, Rows, Store, StoreError, WriteOptions};

use crate::{
    DemoError,
    scene::{Scene, key},
    video::Video,
};

/// The features that are computed, upstreams first.
pub(crate) const COMPUTED: [&str; 4] =
    ["video/chunk", "video/measure", "video/light", "video/action"];

/// Computes the new and stale samples of a feature and writes them; says how many rows there were.
pub(crate) async fn work_off(
    scene: &Scene,
    store: &Store,
    feature: &str,
) -> Result<usize, DemoError> {
    let graph = scene.project().graph();
    let options = ResolveOptions::default();
    let Increment { new, stale, .. } = store.resolve(graph, &key(feature), options).await?;
    let mut written = 0;
    for frame in [new, stale] {
        if frame.rows() == 0 {
            continue;
        }
        let todo = concat_batches(&frame.schema, &frame.batches).map_err(StoreError::arrow)?;
        let done = match feature {
            "video/chunk" => cut(scene, &todo)?,
            "video/measure" => measure(scene, &todo)?,
            "video/light" => average(&todo, "brightness")?,
            _ => average(&todo, "motion")?,
        };
        written += done.num_rows();
        store.write(graph, &key(feature), Rows::from_batch(done), &WriteOptions::default()).await?;
    }
    Ok(written)
}

fn paths(todo: &RecordBatch) -> Result<&StringArray, StoreError> {
    let column = todo.column_by_name("path").and_then(|it| it.as_string_opt::<i32>());
    column.ok_or_else(|| missing("path"))
}

fn missing(column: &str) -> StoreError {
    StoreError::arrow(arrow::error::ArrowError::SchemaError(format!("no column `{column}`")))
}

/// The provenance that goes with some rows of what is to do.
fn provenance(todo: &RecordBatch, rows: &[u64]) -> Result<ArrayRef, StoreError> {
    let column = todo
        .column_by_name(columns::PROVENANCE_BY_FIELD)
        .ok_or_else(|| missing(columns::PROVENANCE_BY_FIELD))?;
    take(column, &UInt64Array::from(rows.to_vec()), None).map_err(StoreError::arrow)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch, DemoError> {
    Ok(RecordBatch::try_from_iter(columns).map_err(StoreError::arrow)?)
}

/// Cuts videos into pieces: many samples from one.
fn cut(scene: &Scene, todo: &RecordBatch) -> Result<RecordBatch, DemoError> {
    let (mut names, mut numbers, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for (row, path) in paths(todo)?.iter().enumerate() {
        let path = path.unwrap_or_default();
        for piece in 0..Video::read(&scene.media(path))?.pieces() {
            names.push(path.to_owned());
            numbers.push(piece as i64);
            rows.push(row as u64);
        }
    }
    batch(vec![
        ("path", Arc::new(StringArray::from(names))),
        ("chunk", Arc::new(Int64Array::from(numbers))),
        (columns::PROVENANCE_BY_FIELD, provenance(todo, &rows)?),
    ])
}

/// Measures pieces: one sample from one.
fn measure(scene: &Scene, todo: &RecordBatch) -> Result<RecordBatch, DemoError> {
    let names = paths(todo)?;
    let pieces = todo.column_by_name("chunk").and_then(|it| it.as_primitive_opt::<Int64Type>());
    let pieces = pieces.ok_or_else(|| missing("chunk"))?;
    let mut videos: BTreeMap<&str, Video> = BTreeMap::new();
    let (mut brightness, mut motion) = (Vec::new(), Vec::new());
    for row in 0..todo.num_rows() {
        let name = names.value(row);
        if !videos.contains_key(name) {
            videos.insert(name, Video::read(&scene.media(name))?);
        }
        let piece = usize::try_from(pieces.value(row)).unwrap_or_default();
        brightness.push(videos[name].brightness(piece));
        motion.push(videos[name].motion(piece));
    }
    let rows: Vec<u64> = (0..todo.num_rows() as u64).collect();
    batch(vec![
        ("path", Arc::new(names.clone())),
        ("chunk", Arc::new(pieces.clone())),
        ("brightness", Arc::new(Float64Array::from(brightness))),
        ("motion", Arc::new(Float64Array::from(motion))),
        (columns::PROVENANCE_BY_FIELD, provenance(todo, &rows)?),
    ])
}

/// Averages the pieces of each video: one sample from many. Every row of a group carries the
/// group's provenance.
fn average(todo: &RecordBatch, column: &str) -> Result<RecordBatch, DemoError> {
    let names = paths(todo)?;
    let values = todo.column_by_name(column).and_then(|it| it.as_primitive_opt::<Float64Type>());
    let values = values.ok_or_else(|| missing(column))?;
    let (mut seen, mut rows, mut means) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (row, name) in names.iter().enumerate() {
        if !seen.insert(name) {
            continue;
        }
        let of_video =
            (0..todo.num_rows()).filter(|it| names.value(*it) == name.unwrap_or_default());
        let of_video: Vec<f64> = of_video.map(|it| values.value(it)).collect();
        means.push(of_video.iter().sum::<f64>() / of_video.len() as f64);
        rows.push(row as u64);
    }
    let kept = take(names, &UInt64Array::from(rows.clone()), None).map_err(StoreError::arrow)?;
    batch(vec![
        ("path", kept),
        ("mean", Arc::new(Float64Array::from(means))),
        (columns::PROVENANCE_BY_FIELD, provenance(todo, &rows)?),
    ])
}
