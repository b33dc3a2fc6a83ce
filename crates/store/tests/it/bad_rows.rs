//! What rows that cannot be written get: an error that says what and what to do, and no write.

use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, StringArray, StructArray, UInt64Array},
    datatypes::{DataType, Field},
};
use expect_test::{Expect, expect};
use metalith_base::Diagnostic as _;
use metalith_store::{Rows, WriteOptions};
use metalith_testkit::fixtures::{graph, key, memory_store, rows};
use serde_json::{Value, json};

const GRAPH: &str = r#"
[[features]]
key = "video"
id_columns = ["id"]
fields = ["frames", "audio"]
"#;

async fn refused(given: Rows) -> String {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let options = WriteOptions::default();
    let error = store.write(&graph, &key("video"), given, &options).await.expect_err("refused");
    assert!(store.features().await.unwrap().is_empty(), "nothing may be written");
    format!("{error}\nhint: {}", error.hint().unwrap_or_default())
}

async fn check(json: Value, expected: Expect) {
    expected.assert_eq(&refused(rows(&json)).await);
}

fn versions() -> Value {
    json!({"frames": "f", "audio": "a"})
}

#[tokio::test]
async fn ids_must_be_there_once_and_not_null() {
    check(
        json!([{"ident": "1", "metaxy_provenance_by_field": versions()}]),
        expect![[r#"
            cannot take these rows for `video`: column `id` is missing
            hint: did you mean `ident`?"#]],
    )
    .await;
    check(
        json!([
            {"id": "1", "metaxy_provenance_by_field": versions()},
            {"id": null, "metaxy_provenance_by_field": versions()},
        ]),
        expect![[r#"
            cannot take these rows for `video`: id column `id` is NULL in row 1
            hint: give every row an id, or leave the row out"#]],
    )
    .await;
    let repeated: Vec<Value> = ["1", "2", "1", "2", "1"]
        .map(|id| json!({"id": id, "metaxy_provenance_by_field": versions()}))
        .to_vec();
    check(
        Value::Array(repeated),
        expect![[r#"
            cannot take these rows for `video`: rows repeat ids of this write, e.g. id=1; id=2
            hint: keep one row for each id"#]],
    )
    .await;
    check(
        json!([{"id": 0.5, "metaxy_provenance_by_field": versions()}]),
        expect![[r#"
            cannot take these rows for `video`: column `id` must be text, an integer, a date or a time to be an id, but is Float64
            hint: convert the column before writing"#]],
    )
    .await;
}

#[tokio::test]
async fn every_field_needs_a_version() {
    check(
        json!([{"id": "1"}]),
        expect![[r#"
            cannot take these rows for `video`: column `metaxy_provenance_by_field` is missing
            hint: there are `id`"#]],
    )
    .await;
    check(
        json!([{"id": "1", "metaxy_provenance_by_field": {"frames": "f"}}]),
        expect![[r#"
            cannot take these rows for `video`: `metaxy_provenance_by_field` has no member `audio`
            hint: there are `frames`"#]],
    )
    .await;
    check(
        json!([{"id": "1", "metaxy_provenance_by_field": "f"}]),
        expect![[r#"
            cannot take these rows for `video`: column `metaxy_provenance_by_field` must be a struct or map of text, but is Utf8
            hint: convert the column before writing"#]],
    )
    .await;
}

#[tokio::test]
async fn bookkeeping_is_not_for_users() {
    check(
        json!([{"id": "1", "metalith_deletion_id": "x", "metaxy_provenance_by_field": versions()}]),
        expect![[r#"
            cannot take these rows for `video`: column `metalith_deletion_id` is reserved for Metalith itself
            hint: rename or drop the column"#]],
    )
    .await;
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let member = |name: &str| Arc::new(Field::new(name, DataType::Utf8, true));
    let text = || Arc::new(StringArray::from(vec!["v"])) as ArrayRef;
    let by_field: ArrayRef =
        Arc::new(StructArray::from(vec![(member("frames"), text()), (member("audio"), text())]));
    RecordBatch::try_from_iter(
        columns.into_iter().chain([("metaxy_provenance_by_field", by_field)]),
    )
    .unwrap()
}

#[tokio::test]
async fn an_unsigned_id_that_no_signed_type_holds_is_named() {
    let ids: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
    expect![[r#"
        cannot take these rows for `video`: column `id` is stored as Int64, which cannot hold 18446744073709551615 of row 0
        hint: store such numbers as text"#]]
    .assert_eq(&refused(Rows::from_batch(batch(vec![("id", ids)]))).await);
}

#[tokio::test]
async fn a_column_keeps_its_type() {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["1"]));
    let number: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let first = Rows::from_batch(batch(vec![("id", Arc::clone(&text)), ("size", number)]));
    store.write(&graph, &key("video"), first, &WriteOptions::default()).await.unwrap();
    let second = Rows::from_batch(batch(vec![("id", Arc::clone(&text)), ("size", text)]));
    let error = store.write(&graph, &key("video"), second, &WriteOptions::default()).await;
    expect![[r#"cannot take these rows for `video`: column `size` must be Int64, but is Utf8"#]]
        .assert_eq(&error.expect_err("refused").to_string());
}
