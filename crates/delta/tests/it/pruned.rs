//! Filters that rule out parts of files, which are then not read.

use std::{
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use datafusion::arrow::{
    array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, StructArray},
    datatypes::{DataType, Field},
};
use metalith_expr::parse;
use metalith_graph::FeatureGraph;
use metalith_store::{
    DeletionMode, DeletionRequest, OpenOptions, ReadOptions, Rows, Store, StoreError, WriteOptions,
};
use metalith_testkit::fixtures::{graph, key, read_with, write};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::json;

use super::support::{damage, files_in, local};

const GRAPH: &str = "[[features]]\nkey = \"video\"\nid_columns = [\"id\"]\nfields = [\"frames\"]";
/// Three row groups of one file.
const ROWS: i64 = 150_000;

struct Sample {
    id: i64,
    /// Now and then NULL.
    size: Option<i64>,
    clip: String,
    /// Now and then none at all.
    level: f64,
}

fn sample(row: i64) -> Sample {
    Sample {
        id: row * 2 - 1000,
        size: (row % 5 != 0).then_some(row / 1000 - 50),
        clip: format!("clip {:03}", row / 500),
        level: if row % 7 == 0 { f64::NAN } else { row as f64 / 10.0 },
    }
}

async fn written(store: &Store, graph: &FeatureGraph) {
    let all: Vec<_> = (0..ROWS).map(sample).collect();
    let field = Arc::new(Field::new("frames", DataType::Utf8, true));
    let contents: ArrayRef = Arc::new(StringArray::from(vec!["f"; all.len()]));
    let columns: [(_, ArrayRef); 5] = [
        ("id", Arc::new(Int64Array::from_iter_values(all.iter().map(|it| it.id)))),
        ("size", Arc::new(Int64Array::from_iter(all.iter().map(|it| it.size)))),
        ("clip", Arc::new(StringArray::from_iter_values(all.iter().map(|it| &it.clip)))),
        ("level", Arc::new(Float64Array::from_iter_values(all.iter().map(|it| it.level)))),
        ("metaxy_provenance_by_field", Arc::new(StructArray::from(vec![(field, contents)]))),
    ];
    let rows = Rows::from_batch(RecordBatch::try_from_iter(columns).unwrap());
    store.write(graph, &key("video"), rows, &WriteOptions::default()).await.unwrap();
}

fn with(filters: &[&str]) -> ReadOptions {
    let filters = filters.iter().map(|it| parse(it).unwrap()).collect();
    ReadOptions { filters, ..ReadOptions::default() }
}

/// Whatever is left out, what is found is what meets the filters.
#[tokio::test]
async fn rows_that_meet_filters_are_found_wherever_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(local(folder.path()), OpenOptions::write()).await.unwrap();
    let graph = graph(GRAPH);
    written(&store, &graph).await;
    type Meets = fn(&Sample) -> bool;
    let stories: [(&[&str], Meets); 20] = [
        (&["id BETWEEN 7 AND 2000"], |it| (7..=2000).contains(&it.id)),
        (&["id = 250000"], |it| it.id == 250_000),
        (&["id = 250001"], |_| false),
        (&["id < -990 OR id > 298980"], |it| !(-990..=298_980).contains(&it.id)),
        (&["id IN (-1000, 130000, 298998)"], |it| [-1000, 130_000, 298_998].contains(&it.id)),
        (&["NOT id >= -990"], |it| it.id < -990),
        (&["id + 1000 < 20"], |it| it.id + 1000 < 20),
        (&["id > 298990.5"], |it| it.id > 298_990),
        (&["size = 99"], |it| it.size == Some(99)),
        (&["size <> 0", "id < 0"], |it| it.id < 0 && it.size.is_some_and(|it| it != 0)),
        (&["size IS NULL", "id > 298980"], |it| it.id > 298_980 && it.size.is_none()),
        (&["clip = 'clip 299'"], |it| it.clip == "clip 299"),
        (&["clip LIKE 'clip 29%'", "size > 98"], |it| {
            it.clip.starts_with("clip 29") && it.size > Some(98)
        }),
        (&["clip >= 'clip 2995'"], |it| it.clip.as_str() >= "clip 2995"),
        // What a cast makes of bounds is not what it makes of the values between.
        (&["CAST(size AS BOOLEAN) IS FALSE"], |it| it.size == Some(0)),
        (&["CAST(size AS BOOLEAN) IS NOT TRUE"], |it| it.size.is_none_or(|it| it == 0)),
        (&["CAST(size AS BOOLEAN) IS DISTINCT FROM TRUE", "id < 0"], |it| {
            it.id < 0 && it.size.is_none_or(|it| it == 0)
        }),
        (&["NOT CAST(CAST(size AS DOUBLE) AS BOOLEAN)"], |it| it.size == Some(0)),
        (&["level > 14998.5"], |it| it.level > 14_998.5),
        (&["NOT level < 14998.5"], |it| it.level >= 14_998.5),
    ];
    for (filters, meets) in stories {
        let found = read_with(&store, &graph, "video", &["id"], &with(filters)).await;
        let chosen = (0..ROWS).map(sample).filter(meets);
        let mut expected: Vec<String> = chosen.map(|it| it.id.to_string()).collect();
        expected.sort();
        // Nothing is said here of how a number that is none compares.
        let is_number =
            |id: &&String| sample((id.parse::<i64>().unwrap() + 1000) / 2).level.is_finite();
        let found: Vec<_> = match filters[0].contains("level") {
            true => found.iter().filter(is_number).collect(),
            false => found.iter().collect(),
        };
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{filters:?}");
    }
}

/// Scattered ids are looked for first, and nothing but current samples is found by them.
#[tokio::test]
async fn scattered_samples_are_found_among_superseded_and_deleted_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(local(folder.path()), OpenOptions::write()).await.unwrap();
    let graph = graph(GRAPH);
    written(&store, &graph).await;
    let newer = json!([
        { "id": 0, "size": 7, "clip": "new", "metaxy_provenance_by_field": { "frames": "g" } },
        { "id": 1, "size": 7, "clip": "new", "metaxy_provenance_by_field": { "frames": "g" } },
    ]);
    write(&store, &graph, "video", &newer).await.unwrap();
    let filters = vec![parse("id BETWEEN 2000 AND 150000").unwrap()];
    let request = DeletionRequest::new(DeletionMode::Soft, filters);
    store.delete(&graph, &key("video"), &request).await.unwrap();

    // Too many to be looked up in bounds. Odd ones are of no sample, but for one.
    let asked: Vec<i64> = (-999..299_000).step_by(1000).chain((0..299_000).step_by(1000)).collect();
    let is_asked = among(asked.iter().copied());
    let found = async |filters: &[&str], more: ReadOptions| {
        let options = ReadOptions { filters: with(filters).filters, ..more };
        read_with(&store, &graph, "video", &["id", "clip"], &options).await
    };
    let left = |it: &i64| !(2000..=150_000).contains(it);
    let told = |id: &i64| match id {
        0 | 1 => format!("{id} new"),
        _ => format!("{id} {}", sample((id + 1000) / 2).clip),
    };
    let even = || asked.iter().filter(|it| **it % 2 == 0 || **it == 1);
    let mut expected: Vec<String> = even().filter(|it| left(it)).map(told).collect();
    expected.sort();
    assert_eq!(found(&[&is_asked], ReadOptions::default()).await, expected);
    let some = found(&[&is_asked, "clip <> 'new'"], ReadOptions::default()).await;
    assert_eq!(some.len(), expected.len() - 2);
    // Neither more nor less where the flags say otherwise.
    let deleted = ReadOptions { include_deleted: true, ..ReadOptions::default() };
    assert_eq!(found(&[&is_asked], deleted).await.len(), even().count());
    let old = ReadOptions { sample_history: true, ..ReadOptions::default() };
    let both = ["0 clip 001", "0 new"].map(str::to_owned);
    let zero = found(&[&is_asked], old).await.into_iter().filter(|it| it.starts_with("0 "));
    assert_eq!(zero.collect::<Vec<_>>(), both);
    // And a page of them is a page of them.
    let page = ReadOptions { limit: Some(3), ..ReadOptions::default() };
    let page = found(&[&is_asked], page).await;
    assert!(page.len() == 3 && page.iter().all(|it| expected.contains(it)), "{page:?}");
}

/// The condition that an id is one of these.
fn among(ids: impl Iterator<Item = i64>) -> String {
    let ids: Vec<String> = ids.map(|it| it.to_string()).collect();
    format!("id IN ({})", ids.join(", "))
}

/// A store whose table is one file, and that file.
async fn in_one_file(folder: &Path, graph: &FeatureGraph) -> PathBuf {
    let store = Store::open(local(folder), OpenOptions::write()).await.unwrap();
    written(&store, graph).await;
    let mut files = files_in(&folder.join("video.delta"));
    assert_eq!(files.len(), 1);
    files.remove(0)
}

/// How many rows meet a filter, of a store that is opened anew.
async fn count(folder: &Path, graph: &FeatureGraph, filter: &str) -> Result<usize, StoreError> {
    let store = Store::open(local(folder), OpenOptions::read()).await.unwrap();
    store.read(graph, &key("video"), &with(&[filter])).await?.count().await
}

/// Where a column of the first row group is damaged, rows elsewhere are found by another column.
#[tokio::test]
async fn of_rows_that_meet_no_filter_nothing_else_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let graph = graph(GRAPH);
    let file = in_one_file(folder.path(), &graph).await;
    let reader = SerializedFileReader::new(File::open(&file).unwrap()).unwrap();
    let columns = reader.metadata().row_group(0).columns();
    let clip = columns.iter().find(|it| it.column_path().string() == "clip").unwrap();
    let (start, length) = clip.byte_range();
    damage(&file, start..start + length);

    let read = async |ids: Range<i64>| count(folder.path(), &graph, &among(ids.step_by(100))).await;
    assert_eq!(read(200_000..290_000).await.unwrap(), 900);
    assert!(read(0..90_000).await.is_err(), "these were damaged");
}

/// Where the first row group is damaged, only those notice who need it.
#[tokio::test]
async fn what_is_ruled_out_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let graph = graph(GRAPH);
    let file = in_one_file(folder.path(), &graph).await;
    let reader = SerializedFileReader::new(File::open(&file).unwrap()).unwrap();
    let (start, _) = reader.metadata().row_group(1).column(0).byte_range();
    damage(&file, 4..start);

    let read = async |filter: &str| count(folder.path(), &graph, filter).await;
    assert_eq!(read("id BETWEEN 200000 AND 200099").await.unwrap(), 50);
    assert_eq!(read("id >= 140000 AND size = 20").await.unwrap(), 400);
    assert_eq!(read("clip > 'clip 298'").await.unwrap(), 500);
    assert!(read("id BETWEEN 0 AND 99").await.is_err(), "these were damaged");
}
