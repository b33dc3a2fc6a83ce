//! Pipelines as their users see them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bad_files;
mod databases;
mod document;
mod exact;
mod keys;
mod memory;
mod misread;
mod objects;
mod operations;
mod others;
mod outputs;
mod random;
mod scenarios;
mod schema;
mod traps;
mod working_set;

use std::{collections::BTreeMap, path::Path};

use expect_test::Expect;
use metalith_base::Timestamp;
use metalith_pipeline::{Options, PipelineError, Report, Surroundings, run};
use metalith_testkit::rows_to_json;
use serde_json::Value;

pub(crate) type Row = BTreeMap<String, Value>;

/// Orders that every test knows.
pub(crate) const ORDERS: &str = "\
id,customer,amount,status
1,anna,10,open
2,ben,0,cancelled
3,anna,25,open
4,,7,returned
5,cleo,0,open
";

/// A time with microseconds.
pub(crate) const NOW: i64 = 1_767_225_600_123_456;

/// What most files begin with: orders in, and two places to write to.
pub(crate) fn project(rest: &str) -> String {
    format!(
        "name: test\n\
         datasources:\n\
         - {{id: ds-orders, type: csv, path: in}}\n\
         - {{id: ds-warehouse, path: out}}\n\
         - {{id: ds-archive, path: archive}}\n\
         input: {{datasource_id: ds-orders, table: orders}}\n\
         {rest}"
    )
}

/// A folder with orders.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "in/orders.csv", ORDERS);
    folder
}

pub(crate) fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Runs a file over the orders, and keeps outputs in memory.
pub(crate) async fn captured(rest: &str) -> Result<Report, PipelineError> {
    captured_in(folder().path(), rest).await
}

/// Runs a file over the orders of a folder, and keeps outputs in memory.
async fn captured_in(folder: &Path, rest: &str) -> Result<Report, PipelineError> {
    let mut surroundings = Surroundings::new(folder, Timestamp::from_micros(NOW));
    surroundings.captures = true;
    run(("test.yaml", &project(rest)), &surroundings, Options::default()).await
}

/// The rows of an output.
pub(crate) fn rows(report: &Report, output: usize) -> Vec<Row> {
    rows_to_json(&report.outputs[output].captured.as_ref().unwrap().batches)
}

/// Columns of the rows of an output, as text: a line each.
pub(crate) fn shown(report: &Report, output: usize, columns: &[&str]) -> String {
    let cell = |row: &Row, column: &&str| match row.get(*column) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) => "-".to_owned(),
        Some(other) => other.to_string(),
        None => panic!("there is no column {column} in {row:?}"),
    };
    let line = |row: &Row| {
        columns.iter().map(|column| cell(row, column)).collect::<Vec<_>>().join(" ") + "\n"
    };
    rows(report, output).iter().map(line).collect()
}

/// Runs a file over the orders and compares columns of the only output.
pub(crate) async fn check(rest: &str, columns: &[&str], expected: Expect) {
    let report = captured(rest).await.unwrap_or_else(|error| panic!("{error}"));
    expected.assert_eq(&shown(&report, 0, columns));
}

/// Checks a file that is wrong, and compares what is told.
pub(crate) async fn check_refused(rest: &str, expected: Expect) {
    let folder = folder();
    let error = captured_in(folder.path(), rest).await.unwrap_err();
    let place = folder.path().display().to_string();
    expected.assert_eq(&format!("{error}\n").replace(&place, "DIR"));
}

/// Runs a file over tables of its own, the first of which is its input, and keeps outputs.
pub(crate) fn captured_of(files: &[(String, String)], rest: &str) -> Result<Report, PipelineError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        put(folder.path(), &format!("in/{name}.csv"), text);
    }
    let text = project(rest).replace("table: orders}", &format!("table: {}}}", files[0].0));
    let mut surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
    surroundings.captures = true;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(("test.yaml", &text), &surroundings, Options::default()))
}
