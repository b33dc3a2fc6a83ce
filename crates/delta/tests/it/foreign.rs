//! Tables that other systems wrote.

use std::{fs, path::Path, sync::Arc};

use datafusion::arrow::{
    array::{ArrayRef, AsArray as _, Int32Array, LargeStringArray, RecordBatch},
    datatypes::{DataType, Int64Type},
};
use metalith_base::{Diagnostic as _, Kind};
use metalith_store::MarkerState;
use metalith_testkit::fixtures::all_rows;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use crate::support::{
    append, data_files, entry, feature, local, numbers, open, stored, table_folder,
};

/// Writes a table by hand: one data file, one log entry.
fn table(root: &Path, protocol: Value, metadata: &Value, add: &Value, rows: &RecordBatch) {
    let folder = table_folder(root);
    fs::create_dir_all(folder.join("_delta_log")).unwrap();
    let path = add["path"].as_str().unwrap();
    let file = folder.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(&file).unwrap(), rows.schema(), None);
    writer.as_mut().unwrap().write(rows).unwrap();
    writer.unwrap().close().unwrap();
    let mut whole = json!({ "partitionValues": {}, "modificationTime": 1, "dataChange": true });
    whole["size"] = fs::metadata(&file).unwrap().len().into();
    for (key, value) in add.as_object().unwrap() {
        whole[key] = value.clone();
    }
    let mut meta = json!({
        "id": "0b3a", "format": { "provider": "parquet", "options": {} },
        "partitionColumns": [], "configuration": {},
    });
    for (key, value) in metadata.as_object().unwrap() {
        meta[key] = value.clone();
    }
    let lines =
        [json!({ "protocol": protocol }), json!({ "metaData": meta }), json!({ "add": whole })];
    let text = lines.map(|line| line.to_string()).join("\n");
    fs::write(entry(root, 0), text).unwrap();
}

fn schema(fields: &[(&str, &str)]) -> String {
    let fields: Vec<Value> = fields
        .iter()
        .map(|(name, of)| json!({ "name": name, "type": of, "nullable": true, "metadata": {} }))
        .collect();
    json!({ "type": "struct", "fields": fields }).to_string()
}

fn plain() -> Value {
    json!({ "minReaderVersion": 1, "minWriterVersion": 2 })
}

fn rows() -> RecordBatch {
    let n = Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef;
    let t = Arc::new(LargeStringArray::from(vec!["x", "y"])) as ArrayRef;
    RecordBatch::try_from_iter([("n", n), ("t", t)]).unwrap()
}

#[tokio::test]
async fn types_become_those_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let metadata =
        json!({ "schemaString": schema(&[("t", "string"), ("n", "long"), ("z", "date")]) });
    // Without statistics the rows are counted in the file.
    table(folder.path(), plain(), &metadata, &json!({ "path": "part-0.parquet" }), &rows());
    let backend = local(folder.path());
    assert_eq!(backend.marker().await.unwrap(), MarkerState::Foreign);
    let table = open(&backend).await.unwrap();
    assert_eq!(table.chunks()[0].rows, 2);
    let rows = all_rows(&table).await.unwrap();
    assert_eq!(rows.column(0).as_string::<i32>().value(1), "y");
    assert_eq!(rows.column(1).as_primitive::<Int64Type>().values(), &[1, 2]);
    assert_eq!(rows.column(2).null_count(), 2);
    append(&backend, numbers([3])).await.unwrap();
    assert_eq!(stored(&backend).await.unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn partitions_are_columns_and_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let fields = [("n", "integer"), ("day", "date"), ("t", "string")];
    let metadata = json!({ "schemaString": schema(&fields), "partitionColumns": ["day"] });
    let add = json!({
        "path": "day=2026-01-02/part 0.parquet",
        "partitionValues": { "day": "2026-01-02" },
        "stats": "{\"numRecords\":2}",
    });
    table(folder.path(), plain(), &metadata, &add, &rows());
    let log = fs::read_to_string(entry(folder.path(), 0)).unwrap();
    fs::write(entry(folder.path(), 0), log.replace("part 0", "part%200")).unwrap();
    let backend = local(folder.path());
    let table = open(&backend).await.unwrap();
    let rows = all_rows(&table).await.unwrap();
    assert_eq!(*rows.column(1).data_type(), DataType::Date32);
    assert_eq!(
        datafusion::arrow::util::display::array_value_to_string(rows.column(1), 1).unwrap(),
        "2026-01-02"
    );
    let error = append(&backend, numbers([3])).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.to_string().ends_with("the table uses `partitions`"), "{error}");
}

async fn refused(protocol: Value, metadata: Value, add: Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut whole = json!({ "schemaString": schema(&[("n", "integer"), ("t", "string")]) });
    for (key, value) in metadata.as_object().unwrap() {
        whole[key] = value.clone();
    }
    let mut path = json!({ "path": "part-0.parquet", "stats": "{\"numRecords\":2}" });
    for (key, value) in add.as_object().unwrap() {
        path[key] = value.clone();
    }
    table(folder.path(), protocol, &whole, &path, &rows());
    let error = local(folder.path()).open_table(&feature()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported, "{error}");
    let text = error.to_string();
    text.rsplit_once(" cannot ").map_or(text.clone(), |(_, what)| what.to_owned())
}

fn modern(readers: &[&str], writers: &[&str]) -> Value {
    json!({
        "minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": readers, "writerFeatures": writers,
    })
}

#[tokio::test]
async fn what_is_not_honoured_is_refused_by_name() {
    let vector = json!({
        "deletionVector": {
            "storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 1,
            "sizeInBytes": 36, "cardinality": 1,
        },
    });
    let both = ["deletionVectors"];
    assert_eq!(
        refused(modern(&both, &both), json!({}), vector).await,
        "be read: the table uses `deletionVectors`"
    );
    let mapped = json!({
        "configuration": { "delta.columnMapping.mode": "name" },
        "schemaString": json!({ "type": "struct", "fields": [{
            "name": "n", "type": "integer", "nullable": true,
            "metadata": { "delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "c1" },
        }]}).to_string(),
    });
    assert_eq!(
        refused(json!({ "minReaderVersion": 2, "minWriterVersion": 5 }), mapped, json!({})).await,
        "be read: the table uses `columnMapping`"
    );
    let both = ["variantType"];
    assert_eq!(
        refused(modern(&both, &both), json!({}), json!({})).await,
        "be read: the table uses `variantType`"
    );
    let both = ["featureOfTheFuture"];
    assert_eq!(
        refused(modern(&both, &both), json!({}), json!({})).await,
        "be read: the table uses `featureOfTheFuture`"
    );
}

#[tokio::test]
async fn constraints_are_not_broken() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = json!({
        "schemaString": schema(&[("n", "long"), ("t", "string")]),
        "configuration": { "delta.constraints.positive": "n > 0" },
    });
    let protocol = json!({ "minReaderVersion": 1, "minWriterVersion": 3 });
    table(folder.path(), protocol, &metadata, &json!({ "path": "part-0.parquet" }), &rows());
    let backend = local(folder.path());
    assert_eq!(stored(&backend).await.unwrap(), [1, 2]);
    let error = append(&backend, numbers([-3])).await.unwrap_err();
    assert!(error.to_string().contains("checkConstraints"), "{error}");
    assert_eq!(data_files(folder.path()).len(), 1);
}
