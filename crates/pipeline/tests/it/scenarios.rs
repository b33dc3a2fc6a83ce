//! Tests of pipelines, tested.

use std::path::Path;

use expect_test::{Expect, expect};
use metalith_pipeline::Scenario;

use crate::put;

const PIPELINE: &str = "\
name: clean
variables: {least: 1}
datasources:
- {id: in, type: csv, path: nowhere}
- {id: out, path: nowhere}
input: {datasource_id: in, table: orders, types: {price: 'decimal(20,2)'}}
operations:
- {seq: 1, type: delete, selector: \"amount < {{least}}\"}
- {seq: 2, type: output, destination: {datasource_id: out, table: good}}
- {seq: 3, type: output, include_deleted: true, columns: [id, _deleted], metadata: false,
   destination: {datasource_id: out, table: all}}
";

const GIVEN: &str = "  given:\n    in/orders:\n    - {id: 1, amount: 0, price: 1}\n    - {id: 2, amount: 3, price: 0.25}\n";

async fn check(scenario: &str, expected: Expect) {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "clean.yaml", PIPELINE);
    put(folder.path(), "orders.csv", "id,amount,price\n7,1,2.5\n");
    let text = format!("pipeline: clean.yaml\nscenarios:\n- name: it\n{scenario}");
    put(folder.path(), "test.yaml", &text);
    let told = match told(&folder.path().join("test.yaml")).await {
        Ok(told) | Err(told) => told,
    };
    let place = folder.path().display().to_string();
    expected.assert_eq(&told.replace(&place, "DIR"));
}

async fn told(file: &Path) -> Result<String, String> {
    let scenarios = Scenario::read_all(file).await.map_err(|error| format!("{error}\n"))?;
    let outcome = scenarios[0].run().await;
    match outcome.passed() {
        true => Ok("passed\n".to_owned()),
        false => Err(outcome.failures.join("\n") + "\n"),
    }
}

#[tokio::test]
async fn what_is_expected_passes() {
    let right = format!(
        "{GIVEN}  expect:\n    out/good: [{{id: 2, amount: 3, price: 0.25}}]\n    \
         out/all: {{ordered: true, rows: [{{id: 1, _deleted: true}}, {{id: 2, _deleted: false}}]}}\n"
    );
    check(&right, expect![["passed\n"]]).await;
    let subset = format!("{GIVEN}  expect: {{out/all: {{match: subset, rows: [{{id: 2}}]}}}}\n");
    check(&subset, expect![["passed\n"]]).await;
    let file =
        "  given: {in/orders: orders.csv}\n  variables: {least: 2}\n  expect: {out/good: []}\n";
    check(file, expect![["passed\n"]]).await;
    let empty = "  given: {in/orders: {columns: {id: bigint, amount: int, price: text}, rows: []}}\n  \
                 expect: {out/all: []}\n";
    check(empty, expect![["passed\n"]]).await;
    let error = format!("{GIVEN}  variables: {{lest: 2}}\n  expect_error: did you mean `least`\n");
    check(&error, expect![["passed\n"]]).await;
}

#[tokio::test]
async fn what_is_not_expected_fails() {
    let with = |expected: &str| format!("{GIVEN}  expect:\n    {expected}\n");
    check(
        &with("out/good: [{id: 2, amount: 4, price: 0.25}]"),
        expect![[r#"
            out/good: expected 1 rows, found 1
              not found: {"amount":4,"id":2,"price":0.25}
              not expected: {"amount":3,"id":2,"price":"0.25"}
        "#]],
    )
    .await;
    check(
        &with("out/good: [{id: 2}]"),
        expect![[r#"
            out/good: expected 1 rows, found 1
              not found: {"id":2}
              not expected: {"amount":3,"id":2,"price":"0.25"}
        "#]],
    )
    .await;
    check(
        &with("out/good: []"),
        expect![[r#"
            out/good: expected 0 rows, found 1
              not expected: {"amount":3,"id":2,"price":"0.25"}
        "#]],
    )
    .await;
    check(
        &with(
            "out/all: {ordered: true, rows: [{id: 2, _deleted: false}, {id: 1, _deleted: true}]}",
        ),
        expect![[r#"
            out/all: expected 2 rows, found 2
              not found: {"_deleted":false,"id":2}
              not found: {"_deleted":true,"id":1}
              not expected: {"_deleted":true,"id":1}
              not expected: {"_deleted":false,"id":2}
        "#]],
    )
    .await;
    check(
        &with("out/all: {match: subset, rows: [{id: 2}, {id: 2}]}"),
        expect![[r#"
        out/all: expected 2 rows, found 2
          not found: {"id":2}
          found: {"_deleted":true,"id":1}
          found: {"_deleted":false,"id":2}
    "#]],
    )
    .await;
    check(
        &with("out/god: []"),
        expect![[r#"
        there is no output out/god; there are out/good, out/all
    "#]],
    )
    .await;
    check(
        &format!("{GIVEN}  expect_error: nothing\n"),
        expect![[r#"
        expected an error with `nothing`, but it ran
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_scenario_that_expects_nothing_is_a_mistake() {
    check(
        GIVEN,
        expect![[r#"
        a mistake in DIR/test.yaml, nothing was done

        Error: Invalid scenario
          Reason: expects nothing
          At: line 3, column 3
          Hint: add `expect` with the rows of an output, or `expect_error`
    "#]],
    )
    .await;
    check(
        &format!("{GIVEN}  expekt: {{}}\n  expect_error: x\n"),
        expect![[r#"
        a mistake in DIR/test.yaml, nothing was done

        Error: Invalid scenario
          Reason: unknown key `expekt`
          At: line 8, column 3
          Hint: did you mean `expect`?
    "#]],
    )
    .await;
}

#[tokio::test]
async fn integers_and_decimals_are_compared_to_the_last_digit() {
    let with = |big: &str, price: &str| {
        format!(
            "  given:\n    in/orders: {{columns: {{price: 'decimal(20,2)'}}, rows: [{{id: 9007199254740993, amount: 3, price: \"123456789012345678.91\"}}]}}\n  \
             expect: {{out/good: [{{id: {big}, amount: 3, price: {price}}}]}}\n"
        )
    };
    let right = with("9007199254740993", "'123456789012345678.910'");
    check(
        &right,
        expect![[r#"
        passed
    "#]],
    )
    .await;
    check(
        &with("9007199254740992", "'123456789012345678.91'"),
        expect![[r#"
        out/good: expected 1 rows, found 1
          not found: {"amount":3,"id":9007199254740992,"price":"123456789012345678.91"}
          not expected: {"amount":3,"id":9007199254740993,"price":"123456789012345678.91"}
    "#]],
    )
    .await;
    check(
        &with("9007199254740993", "'123456789012345678.92'"),
        expect![[r#"
        out/good: expected 1 rows, found 1
          not found: {"amount":3,"id":9007199254740993,"price":"123456789012345678.92"}
          not expected: {"amount":3,"id":9007199254740993,"price":"123456789012345678.91"}
    "#]],
    )
    .await;
}

#[tokio::test]
async fn what_could_not_fail_is_a_mistake() {
    let misspelt = format!("{GIVEN}    in/order: [{{id: 1}}]\n");
    check(
        &format!("{misspelt}  expect: {{out/good: []}}\n"),
        expect![[r#"
            the pipeline failed:
            a mistake in clean.yaml, nothing was done

            Error: Invalid given table
              Reason: the pipeline does not read `in/order`
              Hint: did you mean `in/orders`?
        "#]],
    )
    .await;
    check(
        &format!("{GIVEN}  expect: {{out/all: {{match: subset}}}}\n"),
        expect![[r#"
        a mistake in DIR/test.yaml, nothing was done

        Error: Invalid scenario
          Reason: a subset without rows is there always
          At: line 8, column 21
          Hint: name rows, or leave `match: subset` out to expect none
    "#]],
    )
    .await;
    check(
        &format!("{GIVEN}  expect_error: ''\n"),
        expect![[r#"
        a mistake in DIR/test.yaml, nothing was done

        Error: Invalid scenario
          Reason: an empty `expect_error` is in every error
          At: line 3, column 3
          Hint: write a part of the message
    "#]],
    )
    .await;
}
