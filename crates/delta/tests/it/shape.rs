//! How rows are laid out in files.

use std::{fs::File, sync::Arc};

use datafusion::arrow::{
    array::{ArrayRef, Int64Array, ListArray, RecordBatch},
    datatypes::Float32Type,
};
use metalith_store::Rows;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use crate::support::{data_files, feature, local, note};

/// Rows of all row groups, file by file.
async fn groups(batches: Vec<RecordBatch>) -> Vec<i64> {
    let folder = tempfile::tempdir().unwrap();
    let rows = Rows::from_batches(batches[0].schema(), batches);
    local(folder.path()).append(&feature(), rows, note()).await.unwrap();
    let mut groups = Vec::new();
    for file in data_files(folder.path()) {
        let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
        groups.extend(reader.metadata().row_groups().iter().map(|it| it.num_rows()));
    }
    groups
}

/// A batch that was cut shares its lists with the others, but has no more than its own.
#[tokio::test]
async fn rows_with_lists_are_grouped_alike_however_they_come() {
    let vector = |n: i64| Some((0..40).map(|at| Some((n + at) as f32)).collect::<Vec<_>>());
    let vectors = ListArray::from_iter_primitive::<Float32Type, _, _>((0..200_000).map(vector));
    let ids: ArrayRef = Arc::new(Int64Array::from_iter(0..200_000));
    let columns = [("n", ids, true), ("vector", Arc::new(vectors) as ArrayRef, true)];
    let whole = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let pieces = (0..200_000).step_by(8000).map(|first| whole.slice(first, 8000)).collect();
    assert_eq!(groups(pieces).await, [65_536, 65_536, 65_536, 3392]);
    assert_eq!(groups(vec![whole]).await, [65_536, 65_536, 65_536, 3392]);
}
