//! Backends and rows for the tests.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    ops::Range,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use datafusion::arrow::{
    array::{ArrayRef, AsArray as _, Int64Array, RecordBatch},
    datatypes::Int64Type,
};
use metalith_base::FeatureKey;
use metalith_delta::{Layout, open_backend};
use metalith_store::{Backend, Commit, CommitNote, Rows, StoreError, Table};
use metalith_testkit::fixtures::all_rows;

/// A backend over a folder.
pub(crate) fn local(folder: &Path) -> Arc<dyn Backend> {
    laid_out(folder, Layout::Nested)
}

pub(crate) fn laid_out(folder: &Path, layout: Layout) -> Arc<dyn Backend> {
    open_backend(folder.to_str().unwrap(), &BTreeMap::new(), layout).unwrap()
}

pub(crate) fn feature() -> FeatureKey {
    "video/raw".parse().unwrap()
}

/// The folder of the feature's table.
pub(crate) fn table_folder(root: &Path) -> PathBuf {
    root.join("video/raw.delta")
}

/// A log entry of the feature's table.
pub(crate) fn entry(root: &Path, version: u64) -> PathBuf {
    table_folder(root).join(format!("_delta_log/{version:020}.json"))
}

/// Data files in the folder of the feature's table, committed or not.
pub(crate) fn data_files(root: &Path) -> Vec<PathBuf> {
    files_in(&table_folder(root))
}

/// Data files in the folder of a table, committed or not. One that is not there has none.
pub(crate) fn files_in(table: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(table) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "parquet"));
    files.sort();
    files
}

/// Writes noise over bytes of a file.
pub(crate) fn damage(file: &Path, bytes: Range<u64>) {
    let noise = vec![0xA5; usize::try_from(bytes.end - bytes.start).unwrap()];
    File::options().write(true).open(file).unwrap().write_all_at(&noise, bytes.start).unwrap();
}

/// Rows with one column of numbers.
pub(crate) fn numbers(values: impl IntoIterator<Item = i64>) -> RecordBatch {
    let column = Arc::new(Int64Array::from_iter_values(values)) as ArrayRef;
    RecordBatch::try_from_iter_with_nullable([("n", column, true)]).unwrap()
}

pub(crate) fn note() -> CommitNote {
    CommitNote::new("write").with("actor", "a test")
}

pub(crate) async fn append(
    backend: &Arc<dyn Backend>,
    rows: RecordBatch,
) -> Result<Commit, StoreError> {
    backend.append(&feature(), Rows::from_batch(rows), note()).await
}

pub(crate) async fn open(backend: &Arc<dyn Backend>) -> Result<Arc<dyn Table>, StoreError> {
    Ok(backend.open_table(&feature()).await?.expect("there is a table"))
}

/// The numbers of the feature's table, in their order.
pub(crate) async fn stored(backend: &Arc<dyn Backend>) -> Result<Vec<i64>, StoreError> {
    let rows = all_rows(&open(backend).await?).await?;
    Ok(rows.column_by_name("n").unwrap().as_primitive::<Int64Type>().values().to_vec())
}
