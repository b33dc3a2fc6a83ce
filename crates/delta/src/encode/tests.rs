use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::{
    array::{
        Array as _, ArrayRef, Int64Array, RecordBatch, StringArray, StructArray,
        TimestampMicrosecondArray, new_null_array,
    },
    compute::concat_batches,
    datatypes::{self, DataType, SchemaRef},
};
use metalith_graph::columns;
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    file::metadata::{ParquetMetaData, RowGroupMetaData},
};

use super::{Encoder, parquet_properties};

/// Samples as a write leaves them. Versions of data are their provenance, unless `changed`.
fn samples(ids: std::ops::Range<i64>, run: &str, time: i64, changed: bool) -> RecordBatch {
    let rows = ids.clone().count();
    let texts = |prefix: &str, null: bool| -> ArrayRef {
        let text = |id: i64| (!null || id % 5 > 0).then(|| format!("{prefix}{:x}", id * 7919));
        Arc::new(ids.clone().map(text).collect::<StringArray>())
    };
    let by_field = |prefix: &str| -> ArrayRef {
        let members = [texts(prefix, true), texts("b", false)].into_iter();
        let fields = ["audio", "frames"].map(|name| field(name, DataType::Utf8)).to_vec();
        Arc::new(StructArray::new(fields.into(), members.collect(), None))
    };
    let data = if changed { "c" } else { "a" };
    let times = TimestampMicrosecondArray::from_value(time, rows).with_timezone("UTC");
    let nothing = new_null_array(times.data_type(), rows);
    RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new(Int64Array::from_iter(ids.clone())) as ArrayRef, true),
        (columns::PROVENANCE_BY_FIELD, by_field("a"), true),
        (columns::PROVENANCE, texts("a", false), true),
        (columns::DATA_VERSION_BY_FIELD, by_field(data), true),
        (columns::DATA_VERSION, texts(data, false), true),
        (columns::CREATED_AT, Arc::new(times), true),
        (columns::DELETED_AT, nothing, true),
        (columns::MATERIALIZATION_ID, Arc::new(StringArray::new_repeated(run, rows)), true),
    ])
    .unwrap()
}

fn field(name: &str, of: DataType) -> datatypes::Field {
    datatypes::Field::new(name, of, true)
}

/// The bytes of a file that has a row group of each of these.
fn written(groups: &[Vec<RecordBatch>]) -> Bytes {
    let feature = "video".parse().unwrap();
    let encoder = Encoder::new(&feature, groups[0][0].schema(), &groups[0]).unwrap();
    let mut file = encoder.file(Vec::new()).unwrap();
    for group in groups {
        file.push(encoder.encode(group).unwrap()).unwrap();
    }
    file.finish(None).unwrap();
    std::mem::take(file.sink().unwrap()).into()
}

/// The same by the library alone, which encodes every column of every group.
fn encoded(groups: &[Vec<RecordBatch>]) -> Bytes {
    let schema = groups[0][0].schema();
    let properties = parquet_properties(&schema, &groups[0]);
    let mut file = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
    for group in groups {
        group.iter().for_each(|batch| file.write(batch).unwrap());
        file.flush().unwrap();
    }
    file.into_inner().unwrap().into()
}

fn open(file: &Bytes) -> ParquetRecordBatchReaderBuilder<Bytes> {
    ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap()
}

/// What a file says of each chunk of a column, but for where it is.
fn said(metadata: &ParquetMetaData) -> Vec<String> {
    let of_group = |group: &RowGroupMetaData| -> Vec<String> {
        let chunks = group.columns().iter().map(|it| {
            format!(
                "{} {:?} {:?} {} {} {} {:?} {:?} {:?} {:?} {:?}",
                it.column_path(),
                it.compression(),
                it.encodings().collect::<Vec<_>>(),
                it.num_values(),
                it.compressed_size(),
                it.uncompressed_size(),
                it.statistics(),
                it.definition_level_histogram(),
                it.page_encoding_stats(),
                it.unencoded_byte_array_data_bytes(),
                it.dictionary_page_offset().map(|at| it.data_page_offset() - at),
            )
        });
        chunks.collect()
    };
    metadata.row_groups().iter().flat_map(of_group).collect()
}

/// Runs and times that change between and within row groups, versions that somebody gave, and
/// another number of rows: what is not encoded again is as it would be.
#[test]
fn columns_that_are_written_again_are_as_if_they_were_encoded() {
    let groups = [
        vec![samples(0..600, "r1", 1, false), samples(600..1000, "r1", 1, false)],
        vec![samples(1000..2000, "r1", 1, false)],
        vec![samples(2000..3000, "r1", 1, true)],
        vec![samples(3000..3500, "r1", 1, false), samples(3500..4000, "r2", 2, true)],
        vec![samples(4000..5000, "r2", 2, false)],
        vec![samples(5000..5007, "r2", 2, false)],
    ];
    let (ours, plain) = (written(&groups), encoded(&groups));
    assert_eq!(said(open(&ours).metadata()), said(open(&plain).metadata()));

    let schema: SchemaRef = groups[0][0].schema();
    let expected = concat_batches(&schema, groups.iter().flatten()).unwrap();
    let read: Vec<_> = open(&ours).build().unwrap().map(|it| it.unwrap()).collect();
    let read = concat_batches(&read[0].schema(), &read).unwrap();
    assert_eq!(read.columns(), expected.columns());
    assert_eq!(read.num_rows(), expected.num_rows());
}
