//! What went wrong elsewhere.

use expect_test::expect;
use metalith_pipeline::DELETED;

use crate::{captured, check, check_refused, folder, put, rows};

const OUT: &str =
    "- {seq: 99, type: output, destination: {datasource_id: ds-warehouse, table: t}}\n";
const ALL: &str = "- {seq: 99, type: output, include_deleted: true,\n   \
                   destination: {datasource_id: ds-archive, table: t}}\n";

#[tokio::test]
async fn either_of_two_values_is_found() {
    let file = "operations:\n\
        - {seq: 1, type: delete, selector: 'status = \"cancelled\" OR status = \"returned\"'}\n";
    check(
        &format!("{file}{OUT}"),
        &["id"],
        expect![[r#"
        1
        3
        5
    "#]],
    )
    .await;
    let file = "operations:\n- {seq: 1, type: delete, selector: id = 1 OR id = 2}\n";
    check(
        &format!("{file}{OUT}"),
        &["id"],
        expect![[r#"
        3
        4
        5
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_misspelt_selector_deletes_nothing() {
    check_refused(
        &format!("operations:\n- {{seq: 1, type: delete, selctor: amount = 0}}\n{OUT}"),
        expect![[r#"
            a mistake in test.yaml, nothing was done

            Error: Invalid operation 1 (delete)
              Reason: unknown key `selctor`
              At: line 8, column 26
              Hint: did you mean `selector`?
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_reference_is_in_parentheses() {
    let file = "selectors: {X: amount = 10 OR amount = 0}\n\
        operations:\n- {seq: 1, type: delete, selector: \"{{X}} AND amount = 0\"}\n";
    check(
        &format!("{file}{OUT}"),
        &["id"],
        expect![[r#"
        1
        3
        4
    "#]],
    )
    .await;
}

#[tokio::test]
async fn references_may_nest_but_not_in_a_circle() {
    let file = "selectors: {a: \"{{b}} AND id > 1\", b: \"NOT {{c}}\", c: amount > 5}\n\
        operations:\n- {seq: 1, type: delete, selector: \"{{a}}\"}\n";
    check(
        &format!("{file}{OUT}"),
        &["id"],
        expect![[r#"
        1
        3
        4
    "#]],
    )
    .await;
    check_refused(
        "selectors: {a: \"{{b}}\", b: \"{{a}}\"}\n\
         operations:\n- {seq: 1, type: delete, selector: \"{{a}}\"}\n",
        expect![[r#"
            a mistake in test.yaml, nothing was done

            Error: Invalid selector in operation 1 (delete)
              Selector: "{{a}}"
              Reason: references form a cycle: a -> b -> a
              At: line 9, column 36
                  {{a}}
                  ^^^^^
              Hint: take one of these references out
        "#]],
    )
    .await;
}

#[tokio::test]
async fn everything_deleted_leaves_nothing_to_sum_up() {
    for (group, columns) in [("", vec!["n"]), ("group_by: [customer], ", vec!["customer", "n"])] {
        let file = format!(
            "operations:\n\
             - {{seq: 1, type: delete}}\n\
             - {{seq: 2, type: aggregate, {group}aggregations: {{n: COUNT(*)}}}}\n{OUT}"
        );
        let report = captured(&file).await.unwrap();
        assert_eq!(rows(&report, 0).len(), 0);
        let schema = &report.outputs[0].captured.as_ref().unwrap().schema;
        let names: Vec<&String> = schema.fields().iter().map(|it| it.name()).collect();
        assert_eq!(names, columns);
    }
}

#[tokio::test]
async fn deleted_rows_are_in_a_later_archive() {
    let file = format!(
        "operations:\n\
         - {{seq: 1, type: delete, selector: \"amount < 10\"}}\n\
         - {{seq: 2, type: update, assignments: {{amount: amount * 2}}}}\n\
         - {{seq: 3, type: aggregate, into: summary_rows, aggregations: {{amount: SUM(amount)}}}}\n{ALL}"
    );
    check(
        &file,
        &["id", "amount", DELETED],
        expect![[r#"
        1 20 false
        2 0 true
        3 50 false
        4 7 true
        5 0 true
        - 70 false
    "#]],
    )
    .await;
}

#[tokio::test]
async fn columns_may_be_called_like_words_of_the_language() {
    let folder = folder();
    put(folder.path(), "in/orders.csv", "NOTES,NULLABLE,IS_NULL,not_null\na,1,x,1\nb,2,y,2\n");
    let file = crate::project(
        "operations:\n\
         - {seq: 1, type: delete, selector: \"NOTES = 'a' AND NULLABLE IS NOT NULL\"}\n\
         - {seq: 2, type: update, assignments: {NOTES: \"CONCAT(NOTES, IS_NULL, NOT_NULL)\"}}\n\
         - {seq: 3, type: output, destination: {datasource_id: ds-warehouse, table: t}}\n",
    );
    let time = metalith_base::Timestamp::from_micros(0);
    let mut surroundings = metalith_pipeline::Surroundings::new(folder.path(), time);
    surroundings.captures = true;
    let report = metalith_pipeline::run(("t.yaml", &file), &surroundings, <_>::default()).await;
    let report = report.unwrap();
    assert_eq!(crate::shown(&report, 0, &["NOTES", "NULLABLE"]), "by2 2\n");
}

#[tokio::test]
async fn a_row_that_is_not_meant_is_not_computed_with() {
    let file = format!(
        "operations:\n\
         - {{seq: 1, type: update, selector: amount <> 0, assignments: {{share: 100 / amount}}}}\n{OUT}"
    );
    check(
        &file,
        &["id", "share"],
        expect![[r#"
        1 10
        2 -
        3 4
        4 14
        5 -
    "#]],
    )
    .await;
}

#[tokio::test]
async fn what_the_pipeline_keeps_cannot_be_assigned() {
    check_refused(
        "operations:\n- {seq: 1, type: update, assignments: {_deleted: false, _Row_Id: id}}\n",
        expect![[r#"
            2 mistakes in test.yaml, nothing was done

            Error: Invalid assignment in operation 1 (update)
              Reason: column '_deleted' is kept by the pipeline and cannot be assigned
              At: line 8, column 50
              Hint: mark rows as deleted with a `delete` operation

            Error: Invalid assignment in operation 1 (update)
              Reason: column '_Row_Id' is kept by the pipeline and cannot be assigned
              At: line 8, column 66
              Hint: mark rows as deleted with a `delete` operation
        "#]],
    )
    .await;
}

#[tokio::test]
async fn deleted_rows_are_still_there_when_sums_take_the_place_of_others() {
    // Columns of rows, then of both, then of sums; each row has those that it was made with.
    let deleted_and_summed = format!(
        "operations:\n\
         - {{seq: 1, type: delete, selector: amount = 0}}\n\
         - {{seq: 2, type: update, assignments: {{note: \"'kept'\"}}}}\n\
         - {{seq: 3, type: aggregate, group_by: customer, aggregations: {{total: SUM(amount)}}}}\n\
         - {{seq: 4, type: delete, selector: customer IS NULL}}\n\
         - {{seq: 5, type: update, assignments: {{total: total + 1, amount: 1}}}}\n{ALL}"
    );
    check(
        &deleted_and_summed,
        &["id", "customer", "amount", "status", "note", "total", "_deleted"],
        expect![[r#"
            2 ben 0 cancelled - - true
            5 cleo 0 open - - true
            - - - - - 7 true
            - anna 1 - - 36 false
        "#]],
    )
    .await;
    // And again: two sets before this one, each deleted row as it was.
    let twice = format!(
        "operations:\n\
         - {{seq: 1, type: delete, selector: amount = 0}}\n\
         - {{seq: 2, type: aggregate, group_by: customer, aggregations: {{total: SUM(amount)}}}}\n\
         - {{seq: 3, type: delete, selector: total < 10}}\n\
         - {{seq: 4, type: aggregate, aggregations: {{customers: COUNT(*), total: SUM(total)}}}}\n\
         {ALL}"
    );
    check(
        &twice,
        &["id", "customer", "amount", "total", "customers", "_deleted"],
        expect![[r#"
        2 ben 0 - - true
        5 cleo 0 - - true
        - - - 7 - true
        - - - 35 1 false
    "#]],
    )
    .await;
    // A selector comes after what is visible, and knows all columns.
    let selected = deleted_and_summed.replace(
        "include_deleted: true,",
        "include_deleted: true, selector: status = 'open' OR total > 10,",
    );
    check(
        &selected,
        &["id", "customer", "total"],
        expect![[r#"
        5 cleo -
        - anna 36
    "#]],
    )
    .await;
    // Without them, there are no columns of rows before.
    let report = captured(&deleted_and_summed.replace("include_deleted: true,", "")).await.unwrap();
    let columns = rows(&report, 0)[0].keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(columns, "amount customer total");
}

#[tokio::test]
async fn a_column_that_would_be_of_two_types_is_refused_where_it_is_written() {
    let averaged = format!(
        "operations:\n- {{seq: 1, type: delete, selector: id = 1}}\n\
         - {{seq: 2, type: aggregate, group_by: status, aggregations: {{amount: AVG(amount)}}}}\n\
         {ALL}"
    );
    check_refused(&averaged, expect![[r#"
        a mistake in test.yaml, nothing was done

        Error: Invalid columns in operation 99 (output)
          Reason: column 'amount' is Float64, and Int64 in rows deleted before operation 2 (aggregate)
          At: line 11, column 17
          Hint: call what operation 2 (aggregate) computes otherwise, or name others in `columns`
    "#]]).await;
    let others =
        averaged.replace("include_deleted: true,", "include_deleted: true, columns: [status, id],");
    check(
        &others,
        &["status", "id", "_deleted"],
        expect![[r#"
        open 1 true
        cancelled - false
        open - false
        returned - false
    "#]],
    )
    .await;
    // Also where one cannot be made of the other.
    let counted =
        others.replace("amount: AVG(amount)", "note: COUNT(*)").replace("group_by: status,", "");
    check(
        &counted.replace("columns: [status, id],", "columns: [id, amount],"),
        &["id", "amount", "_deleted"],
        expect![[r#"
            1 10 true
            - - false
        "#]],
    )
    .await;
    // Decimals of several sizes have room in one.
    let decimals = "operations:\n\
        - {seq: 1, type: update, assignments: {price: \"CAST(amount AS decimal(10,2))\"}}\n\
        - {seq: 2, type: delete, selector: id = 1}\n\
        - {seq: 3, type: aggregate, aggregations: {price: \"SUM(CAST(price AS decimal(12,4)))\"}}\n";
    check(
        &format!("{decimals}{ALL}"),
        &["id", "price", "_deleted"],
        expect![[r#"
        1 10.0000 true
        - 32.0000 false
    "#]],
    )
    .await;
}

#[tokio::test]
async fn no_type_is_made_narrower_silently() {
    check_refused(
        "operations:\n\
         - {seq: 1, type: aggregate, into: summary_rows, aggregations: {amount: AVG(amount)}}\n",
        expect![[r#"
            a mistake in test.yaml, nothing was done

            Error: Invalid aggregation in operation 1 (aggregate)
              Reason: column 'amount' is Float64 and cannot become Int64
              At: line 8, column 3
              Hint: choose another name, or convert with CAST or `types`
        "#]],
    )
    .await;
    let file = "operations:\n\
        - {seq: 1, type: update, assignments: {price: \"CAST(amount AS decimal(10,2))\"}}\n\
        - {seq: 2, type: aggregate, into: summary_rows, aggregations: {price: \"MIN(CAST(amount AS decimal(10,4)))\"}}\n";
    check_refused(
        file,
        expect![[r#"
            a mistake in test.yaml, nothing was done

            Error: Invalid aggregation in operation 2 (aggregate)
              Reason: column 'price' is Decimal128(10, 4) and cannot become Decimal128(10, 2)
              At: line 9, column 3
              Hint: choose another name, or convert with CAST or `types`
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_sum_without_room_fails() {
    let file = format!(
        "operations:\n\
         - {{seq: 1, type: update, assignments: {{amount: 9223372036854775807}}}}\n\
         - {{seq: 2, type: aggregate, aggregations: {{all: SUM(amount)}}}}\n{OUT}"
    );
    let error = captured(&file).await.unwrap_err().to_string();
    assert!(error.contains("operation 2 (aggregate) failed"), "{error}");
    let file = file.replace("all: SUM(amount)", "all: SUM(DISTINCT amount)");
    check(&file, &["all"], expect![["9223372036854775807\n"]]).await;
}

#[tokio::test]
async fn integers_never_wrap_around() {
    const LARGEST: &str = "9223372036854775807";
    for (value, is_fine) in [
        (format!("{LARGEST} - amount"), true),
        (format!("{LARGEST} + amount"), false),
        (format!("-{LARGEST} - 2 * amount"), false),
        (format!("{LARGEST} * amount"), false),
        (format!("-(-{LARGEST} - 1 + 0 * amount)"), false),
        // What is not computed fails nothing.
        (format!("IF(amount = 0, {LARGEST} + amount, 1)"), true),
    ] {
        let file = format!(
            "operations:\n- {{seq: 1, type: update, assignments: {{amount: '{value}'}}}}\n{OUT}"
        );
        let done = captured(&file).await;
        assert_eq!(done.is_ok(), is_fine, "{value}");
        if let Err(error) = done {
            let told = error.to_string();
            assert!(told.starts_with("operation 1 (update) failed: "), "{told}");
            assert!(told.contains("Overflow happened on"), "{told}");
        }
    }
    let file = format!(
        "operations:\n- {{seq: 1, type: aggregate, aggregations: {{all: MAX({LARGEST} + amount) }}}}\n{OUT}"
    );
    let error = captured(&file).await.unwrap_err().to_string();
    assert!(error.contains("Overflow happened on"), "{error}");
    let file =
        file.replace("MAX(9223372036854775807 + amount)", "MAX(amount) * 9223372036854775807");
    let error = captured(&file).await.unwrap_err().to_string();
    assert!(error.contains("Overflow happened on"), "{error}");
}

#[tokio::test]
async fn money_times_a_number_of_things_is_exact() {
    let file = format!(
        "operations:\n\
         - {{seq: 1, type: update, assignments: {{price: \"CAST(0.1 AS decimal(10,2))\"}}}}\n\
         - {{seq: 2, type: update, assignments: {{total: price * amount}}}}\n{OUT}"
    );
    let report = captured(&file).await.unwrap();
    let schema = &report.outputs[0].captured.as_ref().unwrap().schema;
    let total = schema.field_with_name("total").unwrap().data_type();
    assert_eq!(*total, arrow::datatypes::DataType::Decimal128(31, 2));
}
