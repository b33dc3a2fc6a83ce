//! Rows through every format, and what is not of its format.

use std::path::Path;

use arrow::array::RecordBatch;
use expect_test::expect;
use metalith_ingest::{FileFormat, VersionColumn, assemble_versions, read_file, write_file};
use metalith_store::Rows;
use metalith_testkit::{batch_from_json, rows_to_json};
use serde_json::{Map, Value, json};

fn batch() -> RecordBatch {
    let rows: Vec<Map<String, Value>> = [
        json!({"id": "a", "size": 1, "ratio": 0.5, "good": true}),
        json!({"id": "b", "size": null, "ratio": 1.5, "good": false}),
    ]
    .iter()
    .filter_map(Value::as_object)
    .cloned()
    .collect();
    batch_from_json(&rows, &[])
}

async fn read(path: &Path) -> Vec<RecordBatch> {
    read_file(path, None).unwrap().collect().await.unwrap()
}

#[tokio::test]
async fn rows_come_back_from_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for format in [FileFormat::Parquet, FileFormat::Csv, FileFormat::JsonLines, FileFormat::Arrow] {
        let path = folder.path().join(format!("rows.{}", format.ending()));
        assert_eq!(write_file(Rows::from_batch(batch()), &path, format).await.unwrap(), 2);
        assert_eq!(rows_to_json(&read(&path).await), rows_to_json(&[batch()]), "{format:?}");
    }
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 4, "no parts are left behind");
}

#[tokio::test]
async fn flat_files_give_versions_in_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, "id,metaxy_provenance_by_field.audio,etag\n1,a1,e1\n2,a2,e2\n").unwrap();
    let column = VersionColumn { field: "frames".parse().unwrap(), column: "etag".to_owned() };
    let rows = assemble_versions(read_file(&path, None).unwrap(), &[column]).unwrap();
    let rows = rows_to_json(&rows.collect().await.unwrap());
    assert_eq!(rows[0]["metaxy_provenance_by_field"], json!({"audio": "a1", "frames": "e1"}));
    assert_eq!(rows[1]["etag"], json!("e2"));
}

#[tokio::test]
async fn what_is_not_of_its_format_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, content: &str, expected: expect_test::Expect| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let error = match read_file(&path, None) {
            Err(error) => error.to_string(),
            Ok(_) => "was read".to_owned(),
        };
        expected.assert_eq(&error.replace(&folder.path().display().to_string(), "DIR"));
    };
    check(
        "a.parquet",
        "text",
        expect![
            "`DIR/a.parquet` is not the Parquet it should be: EOF: Parquet file too small. Size is 4 but need 8"
        ],
    );
    check(
        "a.jsonl",
        "{\"id\": 1}\n{\"id\"",
        expect![
            "`DIR/a.jsonl` is not the JSON lines it should be: Json error: Not valid JSON: EOF while parsing an object at line 1 column 5"
        ],
    );
    check(
        "a.arrow",
        "text",
        expect![
            "`DIR/a.arrow` is not the Arrow IPC it should be: Io error: failed to fill whole buffer"
        ],
    );
    check("a.xlsx", "text", expect!["the format of `DIR/a.xlsx` is not known"]);
}
