//! Columns that are the same as others, or the same in all rows, which readers know without reading
//! them.

use std::{fs::File, ops::Range, path::Path, sync::Arc};

use datafusion::arrow::{
    array::{
        Array as _, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, StructArray,
    },
    buffer::BooleanBuffer,
    compute::{concat_batches, filter_record_batch},
    datatypes::{DataType, Field},
};
use metalith_store::{ChunkRequest, Rows, StoreError, Table};
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use crate::support::{damage, data_files, feature, local, note, open};

/// Three row groups of one file.
const ROWS: usize = 150_000;

/// Rows with versions as most have them. `other` has data that is not what its provenance says.
fn batch(other: Option<usize>) -> RecordBatch {
    let provenance = |row: usize| format!("provenance {}", row % 997);
    let version = |row: usize| if other == Some(row) { "given".into() } else { provenance(row) };
    let texts = |text: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..ROWS).map(text)))
    };
    let by_field = |texts: ArrayRef| -> ArrayRef {
        let field = Arc::new(Field::new("frames", DataType::Utf8, true));
        Arc::new(StructArray::from(vec![(field, texts)]))
    };
    let mixed = (0..ROWS as i64).map(|row| row.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64));
    // Where all other numbers are one, bounds do not tell of those that are none.
    let level = (0..ROWS).map(|row| if row == 70_000 { f64::NAN } else { 1.5 });
    let holes = (0..ROWS).map(|row| (row != 140_000).then_some("always"));
    let columns: [(_, ArrayRef); 9] = [
        ("id", Arc::new(Int64Array::from_iter_values(mixed))),
        ("metaxy_data_version", texts(&version)),
        ("metaxy_provenance", texts(&provenance)),
        ("metaxy_provenance_by_field", by_field(texts(&provenance))),
        ("metaxy_data_version_by_field", by_field(texts(&version))),
        ("metaxy_feature_version", Arc::new(StringArray::from(vec!["abcdef"; ROWS]))),
        ("nothing", Arc::new(StringArray::new_null(ROWS))),
        ("level", Arc::new(Float64Array::from_iter_values(level))),
        ("holes", Arc::new(StringArray::from_iter(holes))),
    ];
    let columns = columns.map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

async fn written(folder: &Path, rows: RecordBatch) -> Arc<dyn Table> {
    let backend = local(folder);
    backend.append(&feature(), Rows::from_batch(rows), note()).await.unwrap();
    open(&backend).await.unwrap()
}

async fn read(table: &Arc<dyn Table>, request: ChunkRequest) -> Result<RecordBatch, StoreError> {
    let rows = table.read_chunk(0, request).await?;
    let schema = rows.schema();
    let batches = rows.collect().await?;
    Ok(concat_batches(&schema, &batches).unwrap())
}

fn places(table: &Arc<dyn Table>, names: &[&str]) -> Vec<usize> {
    names.iter().map(|name| table.schema().index_of(name).unwrap()).collect()
}

#[tokio::test]
async fn whatever_is_asked_for_is_what_was_written() {
    let versions = ["metaxy_data_version", "metaxy_provenance"];
    let nested = ["metaxy_data_version_by_field", "metaxy_provenance_by_field", "level"];
    let constants = ["nothing", "metaxy_feature_version", "holes"];
    let all: Vec<&str> = [&versions[..], &nested, &constants, &["id"]].concat();
    let asked: [&[&str]; 6] =
        [&all, &versions, &nested, &constants, &versions[..1], &constants[..2]];
    // One is told of in the first row group, one in the last.
    for other in [None, Some(3), Some(149_999)] {
        let folder = tempfile::tempdir().unwrap();
        let rows = batch(other);
        let table = written(folder.path(), rows.clone()).await;
        for names in asked {
            let expected: Vec<usize> =
                names.iter().map(|name| rows.schema().index_of(name).unwrap()).collect();
            let expected = rows.project(&expected).unwrap();
            let every = |nth| BooleanBuffer::collect_bool(ROWS, |row| row % nth == 3);
            let requests: [(Option<Range<usize>>, Option<BooleanBuffer>); 6] = [
                (None, None),
                (Some(40_000..120_000), None),
                (None, Some(every(9_973))),
                (Some(40_000..120_000), Some(every(9_973))),
                (None, Some(every(41))),
                (Some(40_000..120_000), Some(every(5))),
            ];
            for (range, mask) in requests {
                let wanted = BooleanBuffer::collect_bool(ROWS, |row| {
                    range.as_ref().is_none_or(|it| it.contains(&row))
                        && mask.as_ref().is_none_or(|it| it.value(row))
                });
                let expected = filter_record_batch(&expected, &wanted.into()).unwrap();
                let columns = places(&table, names);
                let found =
                    read(&table, ChunkRequest { columns, range, rows: mask }).await.unwrap();
                assert_eq!(found.num_rows(), expected.num_rows(), "{names:?}");
                for (found, expected) in found.columns().iter().zip(expected.columns()) {
                    assert_eq!(found.to_data(), expected.to_data(), "{names:?}, {other:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_known_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let rows = batch(None);
    drop(written(folder.path(), rows.clone()).await);
    let file = data_files(folder.path()).remove(0);
    let reader = SerializedFileReader::new(File::open(&file).unwrap()).unwrap();
    let damaged = ["metaxy_data_version", "metaxy_feature_version", "nothing"];
    for column in reader.metadata().row_groups().iter().flat_map(|it| it.columns()) {
        if damaged.contains(&column.column_path().parts()[0].as_str()) {
            let (start, length) = column.byte_range();
            damage(&file, start..start + length);
        }
    }

    let table = open(&local(folder.path())).await.unwrap();
    let names = [&damaged[..], &["metaxy_provenance"]].concat();
    let columns = places(&table, &names);
    let request = ChunkRequest { columns, ..ChunkRequest::default() };
    let found = read(&table, request).await.unwrap();
    for name in names {
        assert_eq!(found.column_by_name(name), rows.column_by_name(name), "{name}");
    }
    // By itself it has to be read.
    let columns = places(&table, &damaged[..1]);
    let request = ChunkRequest { columns, ..ChunkRequest::default() };
    assert!(read(&table, request).await.is_err(), "these were damaged");
}
