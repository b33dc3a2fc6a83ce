//! Rows through every format, and what is not of its format.

use std::{
    io::{self, Write},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use arrow::array::RecordBatch;
use expect_test::expect;
use metalith_ingest::{
    FileFormat, RowSink, VersionColumn, assemble_versions, read_file, read_stream,
};
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
        let file = RowSink::file(&path, format).unwrap();
        assert_eq!(file.fill(Rows::from_batch(batch())).await.unwrap(), 2);
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

/// What a sink writes into, to be looked at afterwards.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_does_not_look_complete() {
    let count = async |bytes: &[u8]| {
        let rows = read_stream(io::Cursor::new(bytes.to_vec())).unwrap();
        rows.count().await.map_err(|error| format!("{error:?}"))
    };
    let stream = |out: &Bytes| RowSink::stream(Box::new(out.clone()), FileFormat::Arrow);
    let whole = Bytes::default();
    stream(&whole).fill(Rows::from_batch(batch())).await.unwrap();
    let whole = whole.0.lock().unwrap().clone();
    assert_eq!(count(&whole).await, Ok(2));
    // Its writer was killed.
    let killed = &whole[..whole.len() - 8];
    assert!(count(killed).await.unwrap_err().contains("ends without saying so"));
    // Its writer came to an error, so that any reader finds out.
    let broken = Bytes::default();
    let mut sink = stream(&broken);
    sink.write(&batch()).unwrap();
    drop(sink);
    let broken = broken.0.lock().unwrap().clone();
    assert!(broken.starts_with(killed) && broken.len() == whole.len());
    count(&broken).await.unwrap_err();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_named_pipe_takes_rows_as_a_stream() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let from = pipe.clone();
    // Either end waits for the other.
    let bytes = tokio::task::spawn_blocking(move || std::fs::read(from).unwrap());
    let sink = RowSink::file(&pipe, FileFormat::Arrow).unwrap();
    assert_eq!(sink.fill(Rows::from_batch(batch())).await.unwrap(), 2);
    let rows = read_stream(io::Cursor::new(bytes.await.unwrap())).unwrap();
    assert_eq!(rows_to_json(&rows.collect().await.unwrap()), rows_to_json(&[batch()]));
}
