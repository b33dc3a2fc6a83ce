//! Numbers that count, which readers know without reading them.

use std::{fs, ops::Range, path::Path, sync::Arc};

use datafusion::arrow::{
    array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray},
    buffer::BooleanBuffer,
    datatypes::Int64Type,
};
use metalith_store::{Backend, ChunkRequest, CommitNote, Rows, Run, Table};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    file::properties::WriterProperties,
};

use crate::support::{data_files, feature, local, note, open, stored};

/// Numbers that count, but for some places where they begin again elsewhere.
fn numbers() -> Vec<i64> {
    let mut numbers: Vec<i64> = (0..80_000).collect();
    numbers.extend(-9_000..20_000);
    numbers.extend([4, 5, 6]);
    numbers.extend(1 << 40..(1 << 40) + 30_000);
    numbers
}

/// The numbers, with as many others that do not count.
fn batch(numbers: &[i64]) -> RecordBatch {
    let texts = numbers.iter().map(|n| format!("text {}", n % 77));
    let mixed = numbers.iter().map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64));
    let columns: [(_, ArrayRef, _); 3] = [
        ("n", Arc::new(Int64Array::from(numbers.to_vec())), true),
        ("text", Arc::new(StringArray::from_iter_values(texts)), true),
        ("mixed", Arc::new(Int64Array::from_iter_values(mixed)), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

async fn written(folder: &Path) -> Arc<dyn Backend> {
    let backend = local(folder);
    let note = CommitNote { distinct: vec!["n".to_owned()], ..note() };
    let rows = batch(&numbers());
    backend.append(&feature(), Rows::from_batch(rows), note).await.unwrap();
    backend
}

async fn read(table: &Arc<dyn Table>, request: ChunkRequest) -> Vec<Vec<i64>> {
    let columns = request.columns.len();
    let rows = table.read_chunk(0, request).await.unwrap().collect().await.unwrap();
    let mut found = vec![Vec::new(); columns];
    for (column, found) in found.iter_mut().enumerate() {
        for batch in &rows {
            found.extend_from_slice(batch.column(column).as_primitive::<Int64Type>().values());
        }
    }
    found
}

#[tokio::test]
async fn whatever_rows_are_asked_for_have_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let table = open(&written(folder.path()).await).await.unwrap();
    let numbers = numbers();
    let written = batch(&numbers);
    let mixed = written.column(2).as_primitive::<Int64Type>().values();
    let place = |name: &str| table.schema().index_of(name).unwrap();
    let (n, others) = (place("n"), place("mixed"));

    let facts = table.chunk_facts(0, &[n, others]).await.unwrap().columns;
    let runs = [(0, 0), (80_000, -9_000), (109_000, 4), (109_003, 1 << 40)];
    assert_eq!(facts[0].runs, Some(runs.map(|(row, first)| Run { row, first }).to_vec()));
    assert_eq!(facts[1].runs, None);

    let all = numbers.len();
    let ranges: [Option<Range<usize>>; 4] =
        [None, Some(5..70_000), Some(79_990..109_010), Some(7..7)];
    let every = |nth: usize| BooleanBuffer::collect_bool(all, |row| row % nth == 3);
    let masks = [None, Some(every(5)), Some(every(30_011)), Some(BooleanBuffer::new_unset(all))];
    for range in &ranges {
        for mask in &masks {
            let wanted = |row: &usize| {
                range.as_ref().is_none_or(|it| it.contains(row))
                    && mask.as_ref().is_none_or(|it| it.value(*row))
            };
            let rows: Vec<usize> = (0..all).filter(wanted).collect();
            let expected: Vec<i64> = rows.iter().map(|row| numbers[*row]).collect();
            let beside: Vec<i64> = rows.iter().map(|row| mixed[*row]).collect();
            let request = |columns: &[usize]| ChunkRequest {
                columns: columns.to_vec(),
                range: range.clone(),
                rows: mask.clone(),
            };
            assert_eq!(read(&table, request(&[n])).await[0], expected, "{range:?}");
            let both = [beside, expected];
            assert_eq!(read(&table, request(&[others, n])).await, both, "{range:?}");
        }
    }
}

/// Others may copy what they do not know into files that they make of ours.
#[tokio::test]
async fn what_a_file_of_others_says_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let backend = written(folder.path()).await;
    let file = data_files(folder.path()).remove(0);
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&file).unwrap()).unwrap();
    let copied = reader.metadata().file_metadata().key_value_metadata().cloned();
    let names: Vec<_> = copied.iter().flatten().map(|it| it.key.clone()).collect();
    assert!(names.contains(&"metalith.counted".to_owned()), "{names:?}");
    assert!(names.contains(&"metalith.distinct".to_owned()), "{names:?}");

    // As many rows, in another order, and one of them twice.
    let mut others = numbers();
    others.reverse();
    others[0] = others[1];
    let rows = batch(&others);
    let properties = WriterProperties::builder().set_key_value_metadata(copied).build();
    let sink = fs::File::create(&file).unwrap();
    let mut writer = ArrowWriter::try_new(sink, rows.schema(), Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();

    drop(backend);
    let backend = local(folder.path());
    let table = open(&backend).await.unwrap();
    let facts = table.chunk_facts(0, &[0]).await.unwrap();
    assert_eq!(facts.distinct, None);
    assert_eq!(facts.columns[0].runs, None);
    assert!(table.chunks()[0].rows == others.len());
    assert_eq!(stored(&backend).await.unwrap(), others);
}
