//! Values stay what they are, or are refused.

use std::{fs, path::Path, sync::Arc};

use arrow::{
    array::{
        ArrayRef, AsArray as _, Float64Array, RecordBatch, TimestampMicrosecondArray, UInt64Array,
    },
    datatypes::{DataType, UInt64Type},
};
use expect_test::expect;
use metalith_base::{Diagnostic as _, Kind, Timestamp};
use metalith_ingest::{FileFormat, RowSink};
use metalith_pipeline::{Options, PipelineError, Report, Surroundings, run};
use metalith_store::Rows;

use crate::{folder, project, put, shown};

const OUT: &str =
    "- {seq: 99, type: output, destination: {datasource_id: ds-warehouse, table: t}}\n";

/// Runs operations over `in/<table>`, whose columns have the given types.
async fn over(
    folder: &Path,
    (table, types): (&str, &str),
    operations: &str,
) -> Result<Report, PipelineError> {
    let text = project(&format!("operations:\n{operations}{OUT}"))
        .replace("type: csv, path: in", "path: in")
        .replace("table: orders}", &format!("table: {table}, types: {{{types}}}}}"));
    let mut surroundings = Surroundings::new(folder, Timestamp::from_micros(0));
    surroundings.captures = true;
    run(("t.yaml", &text), &surroundings, Options::default()).await
}

async fn put_parquet(folder: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let path = folder.join("in/t.parquet");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = RowSink::file(&path, FileFormat::Parquet).unwrap();
    file.fill(Rows::from_batch(batch)).await.unwrap();
}

fn type_of(report: &Report, column: &str) -> DataType {
    let schema = &report.outputs[0].captured.as_ref().unwrap().schema;
    schema.field_with_name(column).unwrap().data_type().clone()
}

#[tokio::test]
async fn a_value_that_does_not_fit_its_type_is_named() {
    let folder = folder();
    for (value, declared, fits) in [
        ("1.00", "decimal(10,2)", true),
        ("1.500", "decimal(10,2)", true),
        ("-12e1", "decimal(10,2)", true),
        ("1.005", "decimal(10,2)", false),
        ("123456789.00", "decimal(10,2)", false),
        ("3.0", "bigint", true),
        ("2.999", "bigint", false),
        ("9223372036854775808", "bigint", false),
        ("2024-01-31", "date", true),
        ("2024-01-31T00:00:00", "date", true),
        ("2024-01-31 12:30:00", "date", false),
        ("2024-01-31T12:30:00.123456", "timestamp", true),
        ("2024-01-31T12:30:00.1234567", "timestamp", false),
        ("true", "boolean", true),
        ("maybe", "boolean", false),
    ] {
        put(folder.path(), "in/t.csv", &format!("id,v\n1,\n2,{value}\n"));
        put(
            folder.path(),
            "in/u.jsonl",
            &format!("{{\"id\":1}}\n{{\"id\":2,\"v\":\"{value}\"}}\n"),
        );
        for table in ["t.csv", "u.jsonl"] {
            let done = over(folder.path(), (table, &format!("v: '{declared}'")), "").await;
            match done {
                Ok(report) => assert!(fits, "{table} {value} {:?}", type_of(&report, "v")),
                Err(error) => {
                    assert!(!fits, "{table}: {error}");
                    let start = format!("`{value}` in row 2 of `{table}` is no ");
                    assert!(error.to_string().starts_with(&start), "{error}");
                    assert_eq!(error.kind(), Kind::Invalid);
                }
            }
        }
    }
    put(folder.path(), "in/u.jsonl", "{\"v\":0.10}\n{\"v\":12345678901234567.89}\n");
    let report = over(folder.path(), ("u", "v: 'decimal(20,2)'"), "").await.unwrap();
    assert_eq!(shown(&report, 0, &["v"]), "0.10\n12345678901234567.89\n");
}

#[tokio::test]
async fn a_value_of_a_table_with_types_is_not_cut_either() {
    let folder = folder();
    let noon = TimestampMicrosecondArray::from(vec![0, 43_200_000_000]).with_timezone("UTC");
    put_parquet(
        folder.path(),
        vec![
            ("price", Arc::new(Float64Array::from(vec![0.1, 1.005]))),
            ("size", Arc::new(Float64Array::from(vec![2.0, 2.999]))),
            ("at", Arc::new(noon)),
        ],
    )
    .await;
    for (types, told) in [
        ("price: 'decimal(10,2)'", "`1.005` in row 2 of `t.parquet` is no DECIMAL(10, 2)"),
        ("size: bigint", "`2.999` in row 2 of `t.parquet` is no BIGINT"),
        ("at: date", "`1970-01-01T12:00:00Z` in row 2 of `t.parquet` is no DATE"),
    ] {
        let error = over(folder.path(), ("t", types), "").await.unwrap_err().to_string();
        assert!(error.starts_with(told), "{error}");
    }
    let report = over(folder.path(), ("t", "price: 'decimal(10,3)', size: 'decimal(5,3)'"), "");
    assert_eq!(shown(&report.await.unwrap(), 0, &["price", "size"]), "0.100 2.000\n1.005 2.999\n");
}

#[tokio::test]
async fn a_code_keeps_its_zeros() {
    let folder = folder();
    put(folder.path(), "in/t.csv", "zip,n,ratio,zero\n00720,10,0.5,0\n10115,20,1.5,-0.5\n");
    let report = over(folder.path(), ("t", ""), "").await.unwrap();
    assert_eq!(shown(&report, 0, &["zip", "n"]), "00720 10\n10115 20\n");
    let types = ["n", "ratio", "zero"].map(|it| type_of(&report, it));
    assert_eq!(types, [DataType::Int64, DataType::Float64, DataType::Float64]);
    let report = over(folder.path(), ("t", "zip: bigint"), "").await.unwrap();
    assert_eq!(shown(&report, 0, &["zip"]), "720\n10115\n");
}

#[tokio::test]
async fn money_stays_exact_beside_literals() {
    let folder = folder();
    put(folder.path(), "in/t.csv", "id,price\n1,10.10\n2,0.30\n");
    let computed = "- seq: 1\n  type: update\n  assignments:\n    \
        rest: price % 0.20\n    also: MOD(price, id)\n    more: price * (1 + 0.05)\n    \
        sum: 0.1 + 0.2\n    odd: 7.5 % 2\n";
    let report = over(folder.path(), ("t", "price: 'decimal(10,2)'"), computed).await.unwrap();
    let columns = ["rest", "also", "more", "sum", "odd"];
    expect![[r#"
        0.10 0.10 10.6050 0.3 1.5
        0.10 0.30 0.3150 0.3 1.5
    "#]]
    .assert_eq(&shown(&report, 0, &columns));
    for column in columns {
        assert!(matches!(type_of(&report, column), DataType::Decimal128(..)), "{column}");
    }
    let summed = "- seq: 1\n  type: aggregate\n  aggregations:\n    \
        mean: AVG(price)\n    each: AVG(DISTINCT price)\n    middle: MEDIAN(price)\n";
    let report = over(folder.path(), ("t", "price: 'decimal(10,2)'"), summed).await.unwrap();
    assert_eq!(shown(&report, 0, &["mean", "each", "middle"]), "5.200000 5.200000 5.200\n");
    assert_eq!(type_of(&report, "mean"), DataType::Decimal128(14, 6));
}

#[tokio::test]
async fn what_is_computed_of_decimals_is_a_decimal_or_an_error() {
    let folder = folder();
    put(
        folder.path(),
        "in/t.csv",
        "id,price,wide\n3,2.00,1.5\n-8,0.01,999999999999999999999999999\n",
    );
    let types = ("t", "price: 'decimal(10,2)', wide: decimal");
    let values = [
        ("third", "price / id"),
        ("ratio", "price / 0.30"),
        ("each", "1 / price"),
        ("sum", "wide + price"),
        ("tenth", "wide * 0.1"),
        ("rest", "wide % 7"),
        ("back", "price / id * id"),
    ];
    let lines = values.map(|(name, value)| format!("    {name}: {value}\n")).concat();
    let computed = format!("- seq: 1\n  type: update\n  assignments:\n{lines}");
    let report = over(folder.path(), types, &computed).await.unwrap();
    let columns = values.map(|(name, _)| name);
    for column in columns {
        assert!(matches!(type_of(&report, column), DataType::Decimal128(..)), "{column}");
    }
    expect![[r#"
        0.666667 6.666667 0.500000 3.5000000000 0.15000000000 1.5000000000 2.000001
        -0.001250 0.033333 100.000000 999999999999999999999999999.0100000000 99999999999999999999999999.90000000000 5.0000000000 0.010000
    "#]].assert_eq(&shown(&report, 0, &columns));
    let sums = "- seq: 1\n  type: aggregate\n  aggregations:\n    mean: AVG(price)\n    \
        share: SUM(price) / COUNT(*)\n    middle: MEDIAN(price)\n    wide: SUM(wide)\n";
    let report = over(folder.path(), types, sums).await.unwrap();
    expect![[r#"
        1.005000 1.005000 1.005 1000000000000000000000000000.5000000000
    "#]]
    .assert_eq(&shown(&report, 0, &["mean", "share", "middle", "wide"]));
    // Nothing wraps around or becomes a float where there is no room: it is told.
    for value in ["wide * wide", "wide * 10 + wide * 90", "price / 0.0", "price / (id + 8)"] {
        let wrong = format!("- seq: 1\n  type: update\n  assignments:\n    x: {value}\n");
        assert!(over(folder.path(), types, &wrong).await.is_err(), "{value}");
    }
    put(
        folder.path(),
        "in/t.csv",
        &format!("id,price,wide\n{}", format!("1,1,{}\n", "9".repeat(28)).repeat(20)),
    );
    for value in ["SUM(wide)", "SUM(wide) / 2", "MEDIAN(wide)"] {
        let wrong = format!("- seq: 1\n  type: aggregate\n  aggregations:\n    x: {value}\n");
        assert!(over(folder.path(), types, &wrong).await.is_err(), "{value}");
    }
}

#[tokio::test]
async fn money_is_not_rounded_silently() {
    let folder = folder();
    put(folder.path(), "in/t.csv", "id,price\n1,10.00\n2,0.10\n");
    let update = |value: &str, selector: &str| {
        format!("- {{seq: 1, type: update, {selector}assignments: {{price: \"{value}\"}}}}\n")
    };
    let types = ("t", "price: 'decimal(10,2)'");
    let error = over(folder.path(), types, &update("price * 1.055", "")).await.unwrap_err();
    expect![[r#"
        operation 1 (update) failed: Execution error: 0.105500 has digits that DECIMAL(10, 2) has no room for: write ROUND(…, 2), or CAST(… AS DECIMAL(10, 2))
    "#]]
    .assert_eq(&format!("{error}\n"));
    assert_eq!(error.kind(), Kind::Invalid);
    over(folder.path(), types, &update("1.005", "")).await.unwrap_err();
    for (value, selector, expected) in [
        ("price * 1.055", "selector: id = 1, ", "10.55\n0.10\n"),
        ("ROUND(price * 1.055, 2)", "", "10.55\n0.11\n"),
        ("CAST(price * 1.055 AS decimal(10,2))", "", "10.55\n0.11\n"),
        ("price * 2", "", "20.00\n0.20\n"),
        ("1.50", "", "1.50\n1.50\n"),
    ] {
        let report = over(folder.path(), types, &update(value, selector)).await.unwrap();
        assert_eq!(shown(&report, 0, &["price"]), expected, "{value}");
    }
}

#[tokio::test]
async fn the_largest_integers_do_not_wrap_around() {
    let folder = folder();
    put_parquet(folder.path(), vec![("n", Arc::new(UInt64Array::from(vec![1, u64::MAX - 1])))])
        .await;
    let update = |value: &str| format!("- {{seq: 1, type: update, assignments: {{n: {value}}}}}\n");
    for value in ["n + n", "n * n", "n * 2"] {
        let error = over(folder.path(), ("t", ""), &update(value)).await.unwrap_err().to_string();
        assert!(error.contains("Overflow happened on"), "{value}: {error}");
    }
    let report = over(folder.path(), ("t", ""), &update("n + 1")).await.unwrap();
    let batch = &report.outputs[0].captured.as_ref().unwrap().batches[0];
    let found = batch.column_by_name("n").unwrap().as_primitive::<UInt64Type>();
    assert_eq!(*found, UInt64Array::from(vec![2, u64::MAX]));
}

#[tokio::test]
async fn a_median_counts_equal_values_once_if_told_so() {
    let folder = folder();
    put(folder.path(), "in/t.csv", "n\n1\n1\n1\n5\n9\n");
    let summed = "- seq: 1\n  type: aggregate\n  aggregations:\n    \
        all: MEDIAN(n)\n    each: MEDIAN(DISTINCT n)\n";
    let report = over(folder.path(), ("t", ""), summed).await.unwrap();
    assert_eq!(shown(&report, 0, &["all", "each"]), "1.0 5.0\n");
}

#[tokio::test]
async fn an_ending_and_a_type_say_the_same() {
    let folder = folder();
    let text = project(&format!("operations:\n{OUT}"))
        .replace("ds-warehouse, path", "ds-warehouse, type: csv, path")
        .replace("table: t}", "table: t.parquet}");
    let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(0));
    let error = run(("t.yaml", &text), &surroundings, Options::default()).await.unwrap_err();
    let told = error.to_string();
    assert!(told.contains("`t.parquet` ends like Parquet, and the datasource has CSV"), "{told}");
    assert!(!folder.path().join("out").exists());
}
