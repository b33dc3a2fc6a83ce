//! Every key, word and number of a project file, and what is told of one that is wrong.

use std::fs;

use expect_test::{Expect, expect};
use metalith_base::Timestamp;
use metalith_pipeline::{Options, Surroundings, run};

use crate::{NOW, captured, check_refused, folder, project, put, rows, shown};

const OUT: &str =
    "- {seq: 99, type: output, destination: {datasource_id: ds-warehouse, table: t}}\n";

/// What is told of whole files, without the places in them.
async fn check_files(files: &[String], expected: Expect) {
    let folder = folder();
    let mut surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
    surroundings.captures = true;
    let mut all = String::new();
    for text in files {
        let done = run(("test.yaml", text), &surroundings, Options::default()).await;
        let told = done.map(drop).unwrap_err().to_string();
        let lines = told.lines().skip(2).filter(|it| !it.contains("  At: ") && !it.is_empty());
        all.extend(lines.map(|line| format!("{line}\n")));
    }
    expected.assert_eq(&all);
}

/// The same of operations.
async fn check_operations(operations: &[&str], expected: Expect) {
    let files = operations.iter().map(|it| project(&format!("operations:\n- {it}\n{OUT}")));
    check_files(&files.collect::<Vec<_>>(), expected).await;
}

#[tokio::test]
async fn numbers_of_operations_are_whole_and_from_zero() {
    check_operations(
        &[
            "{seq: -1, type: delete}",
            "{order: 4294967296, type: delete}",
            "{seq: '3', type: delete}",
            "{seq: 1.5, type: delete}",
            "{seq: true, type: delete}",
            "{seq: , type: delete}",
        ],
        expect![[r#"
            Error: Invalid operation 1
              Reason: `seq` must be a number from 0
            Error: Invalid operation 1
              Reason: `order` must be a number from 0
            Error: Invalid operation 1
              Reason: `seq` must be an integer, but is text
            Error: Invalid operation 1
              Reason: `seq` must be an integer, but is a number
            Error: Invalid operation 1
              Reason: `seq` must be an integer, but is a boolean
            Error: Invalid operation 1
              Reason: has no number, though others have
              Hint: write its `seq`
        "#]],
    )
    .await;
    let file = format!(
        "operations:\n- {{order: 4294967295, type: delete}}\n\
         - {{seq: 0, type: delete, selector: id = 1}}\n{OUT}"
    );
    let report = captured(&file).await.unwrap();
    let numbers: Vec<u32> = report.operations.iter().map(|it| it.number).collect();
    assert_eq!(numbers, [0, 99, u32::MAX]);
    assert_eq!(rows(&report, 0).len(), 4);
}

#[tokio::test]
async fn parameters_may_be_left_out_but_are_what_they_are() {
    for parameters in ["parameters:", "arguments: {}", "parameters: {}, arguments:"] {
        let file = format!("operations:\n- {{seq: 1, type: delete, {parameters}}}\n{OUT}");
        let report = captured(&file).await.unwrap();
        assert_eq!(report.operations[0].matched, 5, "{parameters}");
    }
    check_operations(
        &[
            "{seq: 1, type: delete, parameters: [amount = 0]}",
            "{seq: 1, type: delete, arguments: amount = 0}",
            "{seq: 1, type: delete, parameters: {selector: [id, 1]}}",
            "{seq: 1, type: delete, parameters: {seq: 2}}",
            "{seq: 1, type: delete, arguments: {parameters: {selector: id = 1}}}",
            "{seq: 1, type: delete, selector: id = 1, selector: id = 2}",
            "{seq: 1, type: Delete}",
            "{seq: 1}",
        ],
        expect![[r#"
            Error: Invalid operation 1
              Reason: this must be a table, but is a list
            Error: Invalid operation 1
              Reason: this must be a table, but is text
            Error: Invalid operation 1 (delete)
              Reason: `selector` must be text, but is a list
            Error: Invalid operation 1
              Reason: `seq` belongs to the operation, not to its parameters
            Error: Invalid operation 1 (delete)
              Reason: unknown key `parameters`
              Hint: known here are `seq`, `order`, `alias`, `type`, `selector`
            Error: Invalid project file
              Reason: key `selector` is there twice
              Hint: keep one of them
            Error: Invalid operation 1
              Reason: `Delete` is no type of operation
              Hint: did you mean `delete`?
            Error: Invalid operation 1
              Reason: key `type` is missing
              Hint: add `type`
        "#]],
    )
    .await;
}

#[tokio::test]
async fn what_belongs_to_an_output_is_checked_as_well() {
    check_operations(
        &[
            "{seq: 1, type: output, destination: {datasource_id: ds-archive}}",
            "{seq: 1, type: output, destination: {datasource: ds-archive, table: t}}",
            "{seq: 1, type: output, destination: {datasource_id: ds-archive, table: t, mode: append}}",
            "{seq: 1, type: output, destination: ds-archive}",
            "{seq: 1, type: output, include_deletd: true, destination: {datasource_id: ds-archive, table: t}}",
            "{seq: 1, type: output, include_deleted: 'yes', destination: {datasource_id: ds-archive, table: t}}",
            "{seq: 1, type: output, mode: overwrite, destination: {datasource_id: ds-archive, table: t}}",
            "{seq: 1, type: output, deletion: {mod: hard}, destination: {datasource_id: ds-archive, table: t}}",
            "{seq: 1, type: output, deletion: {mode: gone}, destination: {datasource_id: ds-archive, table: t}}",
            "{seq: 1, type: output, deletion: {cascade: down}, destination: {datasource_id: ds-archive, table: t}}",
        ],
        expect![[r#"
            Error: Invalid operation 1 (output)
              Reason: key `table` is missing
              Hint: add `table`
            Error: Invalid operation 1 (output)
              Reason: unknown key `datasource`
              Hint: did you mean `datasource_id`?
            Error: Invalid operation 1 (output)
              Reason: unknown key `mode`
              Hint: known here are `datasource_id`, `table`
            Error: Invalid operation 1 (output)
              Reason: this must be a table, but is text
            Error: Invalid operation 1 (output)
              Reason: unknown key `include_deletd`
              Hint: did you mean `include_deleted`?
            Error: Invalid operation 1 (output)
              Reason: `include_deleted` must be true or false, but is text
            Error: Invalid operation 1 (output)
              Reason: `overwrite` is no `mode`
              Hint: choose `append` or `replace` or `delete`
            Error: Invalid operation 1 (output)
              Reason: unknown key `mod`
              Hint: did you mean `mode`?
            Error: Invalid operation 1 (output)
              Reason: `gone` is no `mode`
              Hint: choose `soft` or `hard`
            Error: Invalid operation 1 (output)
              Reason: `down` is no `cascade`
              Hint: choose none, downstream, upstream or both
        "#]],
    )
    .await;
}

#[tokio::test]
async fn tables_and_their_places_are_checked_as_well() {
    let whole = project(&format!("operations:\n{OUT}"));
    let with = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        whole.replace(from, to)
    };
    check_files(
        &[
            with("name: test\n", ""),
            with("input: {datasource_id: ds-orders, table: orders}\n", ""),
            with("{id: ds-orders, type: csv, path: in}", "{id: ds-orders, type: csv, pth: in}"),
            with("{id: ds-orders, type: csv", "{id: ds-orders, type: cvs"),
            with("{id: ds-orders,", "{name: ds-orders,"),
            with("id: ds-archive", "id: ds-warehouse"),
            with("table: orders}", "tabel: orders}"),
            with("table: orders}", "table: orders, colums: [id]}"),
            with("table: orders}", "table: orders, types: {id: numbr}}"),
            with("table: orders}", "table: orders, types: {ids: bigint}}"),
            with("{datasource_id: ds-orders, table: orders}", "orders"),
            with("operations:", "selectors: {a: [x]}\noperations:"),
            with("operations:", "variables: {a: 1}\nselectors: {a: id = 1}\noperations:"),
            with("operations:", "variables: {a: [1]}\noperations:"),
            "operations: [\n".to_owned(),
        ],
        expect![[r#"
            Error: Invalid project file
              Reason: key `name` is missing
              Hint: add `name`
            Error: Invalid project file
              Reason: key `input` is missing
              Hint: add `input`
            Error: Invalid datasource
              Reason: unknown key `pth`
              Hint: did you mean `path`?
            Error: Invalid datasource
              Reason: `cvs` is no type of datasource
              Hint: choose one of `files`, `parquet`, `csv`, `tsv`, `jsonl`, `arrow`, `delta`, `store`, `database`
            Error: Invalid datasource
              Reason: key `id` is missing
              Hint: add `id`
            Error: Invalid input
              Reason: datasource `ds-orders` is not declared
              Hint: did you mean `ds-warehouse`?
            Error: Invalid datasource
              Reason: datasource `ds-warehouse` is there twice
            Error: Invalid project file
              Reason: unknown key `tabel`
              Hint: did you mean `table`?
            Error: Invalid project file
              Reason: unknown key `colums`
              Hint: did you mean `columns`?
            Error: Invalid project file
              Reason: unknown type `numbr`
              Hint: did you mean `numeric`?
            Error: Invalid input
              Reason: column `ids` of `types` is not in `orders`
              Hint: did you mean `id`?
            Error: Invalid project file
              Reason: this must be a table, but is text
            Error: Invalid selector `a`
              Reason: `a` must be text, but is a list
            Error: Invalid selector `a`
              Reason: `a` is a variable already
            Error: Invalid variable
              Reason: variable `a` must be a text, a number or a boolean
            Error: Invalid project file
              Reason: while parsing a node, did not find expected node content
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_selector_is_one_condition_about_each_row() {
    check_refused(
        "selectors: {sum: amount + 1, much: SUM(amount) > 3, far: '{{nearer}} OR id = 1', broken: 'amount = '}\n\
         operations:\n\
         - {seq: 1, type: delete, selector: \"orders.amount = = 0\"}\n\
         - {seq: 2, type: delete, selector: \"{{sum}}\"}\n\
         - {seq: 3, type: delete, selector: \"{{much}}\"}\n\
         - {seq: 4, type: delete, selector: \"{{far}}\"}\n\
         - {seq: 5, type: delete, selector: \"{{sum\"}\n\
         - {seq: 6, type: delete, selector: status}\n\
         - {seq: 7, type: update, selector: amount, assignments: {amount: 1}}\n\
         - {seq: 8, type: aggregate, into: summary_rows, selector: COUNT(*) > 1, aggregations: {amount: MIN(amount)}}\n\
         - {seq: 9, type: append, selector: id + 1, input: {datasource_id: ds-orders, table: orders}}\n\
         - {seq: 10, type: output, selector: \"'yes'\", destination: {datasource_id: ds-archive, table: t}}\n\
         - {seq: 11, type: delete, selector: 0}\n\
         - {seq: 12, type: delete, selector: \"-- nothing\"}\n",
        expect![[r#"
            13 mistakes in test.yaml, nothing was done

            Error: Invalid selector `broken`
              Selector: "amount ="
              Reason: expected an expression, found the end
              At: line 7, column 90
                  amount =
                           ^

            Error: Invalid selector in operation 1 (delete)
              Selector: "orders.amount = = 0"
              Reason: expected an expression, found `=`
              At: line 9, column 36
                  orders.amount = = 0
                                  ^

            Error: Invalid selector in operation 2 (delete)
              Selector: "{{sum}}"
              Reason: a condition must be a boolean, not an integer
              At: line 10, column 36
                  amount + 1
                  ^^^^^^^^^^
              Hint: compare it, e.g. `x <> 0`

            Error: Invalid selector in operation 3 (delete)
              Selector: "{{much}}"
              Reason: `sum` aggregates rows and cannot be used where each row stands alone
              At: line 11, column 36
                  SUM(amount) > 3
                  ^^^^^^^^^^^
              Hint: use values of the row itself

            Error: Invalid selector in operation 4 (delete)
              Selector: "{{far}}"
              Reason: Selector 'nearer' not found in project
              At: line 12, column 36
                  {{nearer}} OR id = 1
                  ^^^^^^^^^^
              Hint: known names are broken, far, much, sum

            Error: Invalid selector in operation 5 (delete)
              Selector: "{{sum"
              Reason: the reference is not closed: `}}` is missing
              At: line 13, column 36
                  {{sum
                  ^^
              Hint: add `}}`

            Error: Invalid selector in operation 6 (delete)
              Selector: "status"
              Reason: a condition must be a boolean, not text
              At: line 14, column 36
                  status
                  ^^^^^^
              Hint: compare it, e.g. `status = 'value'`

            Error: Invalid selector in operation 7 (update)
              Selector: "amount"
              Reason: a condition must be a boolean, not an integer
              At: line 15, column 36
                  amount
                  ^^^^^^
              Hint: compare it, e.g. `amount <> 0`

            Error: Invalid selector in operation 8 (aggregate)
              Selector: "COUNT(*) > 1"
              Reason: `count` aggregates rows and cannot be used where each row stands alone
              At: line 16, column 59
                  COUNT(*) > 1
                  ^^^^^^^^
              Hint: use values of the row itself

            Error: Invalid selector in operation 9 (append)
              Selector: "id + 1"
              Reason: a condition must be a boolean, not an integer
              At: line 17, column 36
                  id + 1
                  ^^^^^^
              Hint: compare it, e.g. `x <> 0`

            Error: Invalid selector in operation 10 (output)
              Selector: "'yes'"
              Reason: a condition must be a boolean, not text
              At: line 18, column 37
                  'yes'
                  ^^^^^
              Hint: compare it, e.g. `'yes' = 'value'`

            Error: Invalid selector in operation 11 (delete)
              Selector: "0"
              Reason: a condition must be a boolean, not an integer
              At: line 19, column 37
                  0
                  ^
              Hint: compare it, e.g. `0 <> 0`

            Error: Invalid selector in operation 12 (delete)
              Selector: "-- nothing"
              Reason: the expression is empty
              At: line 20, column 37
                  -- nothing
                            ^
              Hint: write a condition, e.g. `confidence < 0.3`
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_file_with_a_mistake_changes_nothing() {
    let folder = folder();
    put(folder.path(), "out/t.csv", "id\n77\n");
    let text = project(
        "operations:\n\
         - {seq: 1, type: output, destination: {datasource_id: ds-warehouse, table: t.csv}}\n\
         - {seq: 2, type: output, destination: {datasource_id: ds-archive, table: t.csv}}\n\
         - {seq: 3, type: delete, selector: orders.invalid_field = 5}\n",
    );
    let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
    let error = run(("test.yaml", &text), &surroundings, Options::default()).await.unwrap_err();
    let form = "Error: Invalid selector in operation 3 (delete)\n  \
                Selector: \"orders.invalid_field = 5\"\n  \
                Reason: Column 'invalid_field' not found in schema\n";
    assert!(error.to_string().contains(form), "{error}");
    assert_eq!(fs::read_to_string(folder.path().join("out/t.csv")).unwrap(), "id\n77\n");
    assert!(!folder.path().join("archive").exists());
}

#[tokio::test]
async fn a_project_file_may_be_json() {
    let folder = folder();
    let text = r#"{
        "name": "test",
        "datasources": {
            "ds-orders": {"type": "csv", "path": "in"},
            "ds-archive": {"path": "archive"}
        },
        "input": {"datasource_id": "ds-orders", "table": "orders"},
        "operations": [
            {"order": 3, "type": "delete", "alias": "remove_cancelled",
             "parameters": {"selector": "orders.status = \"cancelled\""}},
            {"order": 4, "type": "output",
             "arguments": {"destination": {"datasource_id": "ds-archive", "table": "t"}}}
        ]
    }"#;
    let mut surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
    surroundings.captures = true;
    let report = run(("test.json", text), &surroundings, Options::default()).await.unwrap();
    assert_eq!(shown(&report, 0, &["id"]), "1\n3\n4\n5\n");
}
