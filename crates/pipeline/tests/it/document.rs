//! What the design of deletions in pipelines promises, example by example.

use expect_test::expect;
use metalith_pipeline::{DELETED, MODIFIED_AT, ROW_ID};
use serde_json::Value;

use crate::{captured, check, check_refused, rows};

const ALL: &str = "\
- seq: 90
  type: output
  arguments:
    destination:
      datasource_id: \"ds-archive\"
      table: \"all_orders_with_deleted\"
    include_deleted: true
";

#[tokio::test]
async fn a_selector_says_what_is_deleted() {
    let file = format!(
        "operations:\n\
         - seq: 3\n  type: delete\n  selector: \"orders.amount = 0\"\n{ALL}"
    );
    check(
        &file,
        &["id", DELETED],
        expect![[r#"
        1 false
        2 true
        3 false
        4 false
        5 true
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_named_selector_says_so_too() {
    let file = format!(
        "selectors:\n  invalid_orders: \"amount = 0 OR customer IS NULL\"\n\
         operations:\n- seq: 4\n  type: delete\n  selector: \"{{{{invalid_orders}}}}\"\n{ALL}"
    );
    check(
        &file,
        &["id", DELETED],
        expect![[r#"
        1 false
        2 true
        3 false
        4 true
        5 true
    "#]],
    )
    .await;
}

#[tokio::test]
async fn no_selector_and_an_empty_one_mean_all_active_rows() {
    for selector in ["", "  selector:\n", "  selector: \"\"\n", "  selector: \" \"\n"] {
        let file = format!("operations:\n- seq: 5\n  type: delete\n{selector}{ALL}");
        let report = captured(&file).await.unwrap();
        assert!(rows(&report, 0).iter().all(|row| row[DELETED] == Value::Bool(true)));
        assert_eq!((report.operations[0].matched, report.operations[0].rows_out), (5, 0));
    }
}

#[tokio::test]
async fn parameters_stand_anywhere_and_numbers_have_two_names() {
    for parameters in ["  ", "  parameters:\n    ", "  arguments:\n    "] {
        for number in ["seq", "order"] {
            let file = format!(
                "operations:\n- {number}: 3\n  type: delete\n  alias: remove_cancelled\n\
                 {parameters}selector: 'orders.status = \"cancelled\"'\n{ALL}"
            );
            let report = captured(&file).await.unwrap();
            assert_eq!(report.operations[0].matched, 1, "{file}");
            assert_eq!(report.operations[0].alias.as_deref(), Some("remove_cancelled"));
        }
    }
}

#[tokio::test]
async fn outputs_leave_deleted_rows_out_unless_they_ask_for_them() {
    let file = format!(
        "operations:\n\
         - {{seq: 3, type: delete, selector: \"amount = 0\"}}\n\
         - seq: 10\n  type: output\n  arguments:\n    destination:\n\
         \x20     datasource_id: \"ds-warehouse\"\n      table: \"processed_orders\"\n{ALL}"
    );
    let report = captured(&file).await.unwrap();
    let ids =
        |output| rows(&report, output).iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(0), [1, 3, 4].map(Value::from));
    assert_eq!(ids(1), [1, 2, 3, 4, 5].map(Value::from));
    assert!(!rows(&report, 0)[0].contains_key(DELETED));
}

#[tokio::test]
async fn the_selector_of_an_output_comes_after_the_deleted_rows() {
    let file = "operations:\n\
        - {seq: 1, type: delete, selector: \"amount = 0\"}\n\
        - {seq: 2, type: output, destination: {datasource_id: ds-warehouse, table: t},\n\
        \x20  selector: \"_deleted OR id = 1\", columns: [id]}\n";
    check(
        file,
        &["id"],
        expect![[r#"
        1
    "#]],
    )
    .await;
    let with_deleted = file.replace("columns", "include_deleted: true, metadata: false, columns");
    check(
        &with_deleted,
        &["id"],
        expect![[r#"
        1
        2
        5
    "#]],
    )
    .await;
}

#[tokio::test]
async fn rows_have_an_id_a_flag_and_a_time() {
    let report = captured(&format!("operations:\n{ALL}")).await.unwrap();
    let rows = rows(&report, 0);
    let ids: Vec<&str> = rows.iter().map(|row| row[ROW_ID].as_str().unwrap()).collect();
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct, ids, "they are in the order of the rows, and each is there once");
    for row in &rows {
        let id = row[ROW_ID].as_str().unwrap();
        // Version 7, variant 10.
        assert!(id.len() == 36 && &id[14..15] == "7" && "89ab".contains(&id[19..20]), "{id}");
        assert_eq!(row[DELETED], Value::Bool(false));
        assert_eq!(row[MODIFIED_AT], crate::NOW);
    }
}

#[tokio::test]
async fn ids_stay_through_all_operations_and_runs_at_one_time() {
    let many = "operations:\n\
        - {seq: 1, type: update, assignments: {amount: amount + 1}}\n\
        - {seq: 2, type: delete, selector: \"id = 3\"}\n";
    let of = |report: &_| rows(report, 0).iter().map(|it| it[ROW_ID].clone()).collect::<Vec<_>>();
    let first = captured(&format!("operations:\n{ALL}")).await.unwrap();
    let second = captured(&format!("{many}{ALL}")).await.unwrap();
    assert_eq!(of(&first), of(&second));
}

#[tokio::test]
async fn zero_matches_change_nothing() {
    let file = format!("operations:\n- {{seq: 1, type: delete, selector: \"amount = 99\"}}\n{ALL}");
    let report = captured(&file).await.unwrap();
    assert_eq!((report.operations[0].rows_in, report.operations[0].matched), (5, 0));
    assert!(rows(&report, 0).iter().all(|row| row[DELETED] == Value::Bool(false)));
}

#[tokio::test]
async fn rows_that_are_deleted_already_are_not_touched() {
    let file = format!(
        "operations:\n\
         - {{seq: 1, type: delete, selector: \"amount = 0\"}}\n\
         - {{seq: 2, type: delete, selector: \"amount = 0\"}}\n\
         - {{seq: 3, type: update, assignments: {{status: \"'seen'\"}}}}\n{ALL}"
    );
    let report = captured(&file).await.unwrap();
    assert_eq!(report.operations[1].matched, 0);
    let deleted = rows(&report, 0).into_iter().find(|row| row["id"] == 2).unwrap();
    assert_eq!(deleted["status"], "cancelled");
}

#[tokio::test]
async fn an_unknown_column_is_refused_in_the_documented_form() {
    check_refused(
        "operations:\n- {seq: 3, type: delete, selector: \"orders.invalid_field = 5\"}\n",
        expect![[r#"
            a mistake in test.yaml, nothing was done

            Error: Invalid selector in operation 3 (delete)
              Selector: "orders.invalid_field = 5"
              Reason: Column 'invalid_field' not found in schema
              At: line 8, column 36
                  orders.invalid_field = 5
                  ^^^^^^^^^^^^^^^^^^^^
              Hint: did you mean `orders.id`?
        "#]],
    )
    .await;
}

#[tokio::test]
async fn an_unknown_name_arithmetic_and_aggregates_are_refused() {
    check_refused(
        "selectors: {invalid_orders: amount = 0}\n\
         operations:\n\
         - {seq: 1, type: delete, selector: \"{{invalid_order}}\"}\n\
         - {seq: 2, type: delete, selector: \"amount + 1\"}\n\
         - {seq: 3, type: delete, selector: \"SUM(amount) > 3\"}\n",
        expect![[r#"
            3 mistakes in test.yaml, nothing was done

            Error: Invalid selector in operation 1 (delete)
              Selector: "{{invalid_order}}"
              Reason: Selector 'invalid_order' not found in project
              At: line 9, column 36
                  {{invalid_order}}
                  ^^^^^^^^^^^^^^^^^
              Hint: did you mean `{{invalid_orders}}`?

            Error: Invalid selector in operation 2 (delete)
              Selector: "amount + 1"
              Reason: a condition must be a boolean, not an integer
              At: line 10, column 36
                  amount + 1
                  ^^^^^^^^^^
              Hint: compare it, e.g. `x <> 0`

            Error: Invalid selector in operation 3 (delete)
              Selector: "SUM(amount) > 3"
              Reason: `sum` aggregates rows and cannot be used where each row stands alone
              At: line 11, column 36
                  SUM(amount) > 3
                  ^^^^^^^^^^^
              Hint: use values of the row itself
        "#]],
    )
    .await;
}
