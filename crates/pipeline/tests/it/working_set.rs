//! What operations do to the working set, and what is left of it in real files.

use std::{fs, path::Path};

use arrow::datatypes::{DataType, Field, TimeUnit};
use expect_test::expect;
use metalith_base::Timestamp;
use metalith_ingest::read_file;
use metalith_pipeline::{
    DELETED, MODIFIED_AT, Options, PipelineError, ROW_ID, Report, Surroundings, run,
};
use metalith_testkit::rows_to_json;
use serde_json::Value;

use crate::{NOW, ORDERS, Row, captured, captured_of, check, check_refused, folder, project, put};
use crate::{rows, shown};

const OUT: &str =
    "- {seq: 98, type: output, destination: {datasource_id: ds-warehouse, table: t}}\n";
const ALL: &str = "- {seq: 99, type: output, include_deleted: true,\n   \
                   destination: {datasource_id: ds-archive, table: t}}\n";

async fn run_in(folder: &Path, text: &str, options: Options) -> Result<Report, PipelineError> {
    let surroundings = Surroundings::new(folder, Timestamp::from_micros(NOW));
    run(("test.yaml", text), &surroundings, options).await
}

/// The columns and rows of a file.
async fn written(path: &Path) -> (Vec<Field>, Vec<Row>) {
    let found = read_file(path, None).unwrap();
    let fields = found.schema().fields().iter().map(|it| it.as_ref().clone()).collect();
    (fields, rows_to_json(&found.collect().await.unwrap()))
}

fn types(fields: &[Field]) -> Vec<(&str, DataType)> {
    fields.iter().map(|it| (it.name().as_str(), it.data_type().clone())).collect()
}

/// Three deletions, each of which has less to delete, and two outputs.
const ONE_AFTER_THE_OTHER: &str = "\
selectors:
  invalid_orders: customer IS NULL OR orders.amount < 0
operations:
# With a selector.
- seq: 3
  type: delete
  selector: \"orders.amount = 0 OR status = \\\"returned\\\"\"
# With a selector by name.
- seq: 4
  type: delete
  alias: invalid
  selector: \"{{invalid_orders}}\"
- seq: 5
  type: output
  arguments:
    destination: {datasource_id: ds-warehouse, table: valid_orders}
# All that is active.
- seq: 6
  type: delete
- seq: 10
  type: output
  arguments:
    destination:
      datasource_id: \"ds-warehouse\"
      table: \"processed_orders\"
- seq: 11
  type: output
  arguments:
    destination:
      datasource_id: \"ds-archive\"
      table: \"all_orders_with_deleted\"
    include_deleted: true
";

#[tokio::test]
async fn each_row_is_deleted_once_and_every_file_is_valid() {
    let folder = folder();
    put(folder.path(), "in/orders.csv", &format!("{ORDERS}6,,3,open\n"));
    let trace = folder.path().join("trace.csv");
    let options = Options { trace: Some(trace.clone()), ..Options::default() };
    let report = run_in(folder.path(), &project(ONE_AFTER_THE_OTHER), options).await.unwrap();
    let matched: Vec<u64> = report.operations.iter().map(|it| it.matched).collect();
    assert_eq!(matched, [3, 1, 2, 2, 0, 6]);
    // No deletion says anything about a row that another one took.
    expect![[r#"
        row_id,operation,type,alias,column,before,after
        019b76da-a87b-7000-8000-000000000001,3,delete,,_deleted,false,true
        019b76da-a87b-7000-8000-000000000003,3,delete,,_deleted,false,true
        019b76da-a87b-7000-8000-000000000004,3,delete,,_deleted,false,true
        019b76da-a87b-7000-8000-000000000005,4,delete,invalid,_deleted,false,true
        019b76da-a87b-7000-8000-000000000000,6,delete,,_deleted,false,true
        019b76da-a87b-7000-8000-000000000002,6,delete,,_deleted,false,true
    "#]]
    .assert_eq(&fs::read_to_string(trace).unwrap());

    let text = |name| (name, DataType::Utf8);
    let own =
        [("id", DataType::Int64), text("customer"), ("amount", DataType::Int64), text("status")];
    let (fields, valid) = written(&folder.path().join("out/valid_orders.parquet")).await;
    assert_eq!((types(&fields), valid.len()), (own.to_vec(), 2));
    let (fields, none) = written(&folder.path().join("out/processed_orders.parquet")).await;
    assert_eq!((types(&fields), none.len()), (own.to_vec(), 0));
    let (fields, all) =
        written(&folder.path().join("archive/all_orders_with_deleted.parquet")).await;
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let kept = [text("_row_id"), ("_deleted", DataType::Boolean), ("_modified_at", time)];
    assert_eq!(types(&fields), [&kept[..], &own[..]].concat());
    assert_eq!([ROW_ID, DELETED, MODIFIED_AT], ["_row_id", "_deleted", "_modified_at"]);
    assert_eq!(all.len(), 6);
    for row in &all {
        assert_eq!((&row[DELETED], &row[MODIFIED_AT]), (&true.into(), &NOW.into()), "{row:?}");
    }
}

#[test]
fn no_operation_but_an_output_sees_what_is_deleted() {
    let files = [
        ("orders", ORDERS),
        ("more", "id,amount\n6,30\n7,0\n"),
        ("customers", "name,country\nanna,DE\nben,FR\n"),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let rest = format!(
        "operations:\n\
         - {{seq: 1, type: output, columns: [id, _row_id, _deleted], destination: {{datasource_id: ds-archive, table: before}}}}\n\
         - {{seq: 2, type: delete, selector: customer = 'anna'}}\n\
         - {{seq: 3, type: update, assignments: {{amount: amount + 1}}}}\n\
         - {{seq: 4, type: join, on: {{customer: name}}, input: {{datasource_id: ds-orders, table: customers}}}}\n\
         - {{seq: 5, type: aggregate, into: summary_rows, aggregations: {{amount: SUM(amount)}}}}\n\
         - {{seq: 6, type: join, how: inner, on: id, columns: {{again: status}},\n   \
            input: {{datasource_id: ds-orders, table: orders, as: o}}}}\n\
         - {{seq: 7, type: append, input: {{datasource_id: ds-orders, table: more}}}}\n\
         - {{seq: 8, type: delete, selector: _deleted OR id = 7}}\n{OUT}{ALL}"
    );
    let report = captured_of(&files, &rest).unwrap();
    let counts: Vec<_> =
        report.operations.iter().map(|it| (it.rows_in, it.matched, it.rows_out)).collect();
    expect![[r#"
        [
            (5, 5, 5),
            (5, 2, 3),
            (3, 3, 3),
            (3, 1, 3),
            (3, 3, 4),
            (4, 3, 3),
            (3, 2, 5),
            (5, 1, 4),
            (4, 4, 4),
            (4, 7, 7),
        ]
    "#]]
    .assert_eq(&format!("{}\n", short(&counts)));
    // The first of them are as they were when they were deleted.
    let columns = ["id", "amount", "country", "again", DELETED];
    expect![[r#"
        1 10 - - true
        2 1 FR cancelled false
        3 25 - - true
        4 8 - returned false
        5 1 - open false
        6 30 - - false
        7 0 - - true
    "#]]
    .assert_eq(&shown(&report, 2, &columns));
    expect![[r#"
        2 1 FR cancelled
        4 8 - returned
        5 1 - open
        6 30 - -
    "#]]
    .assert_eq(&shown(&report, 1, &columns[..4]));
    // Whoever was there before has the same id, and nobody has it twice.
    let (before, after) = (rows(&report, 0), rows(&report, 2));
    let ids = |rows: &[Row]| rows.iter().map(|it| it[ROW_ID].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&before), ids(&after)[..5]);
    assert!(before.iter().all(|it| it[DELETED] == Value::Bool(false)));
    let mut distinct: Vec<String> = ids(&after).iter().map(Value::to_string).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 7);
}

/// A line for each operation.
fn short(counts: &[(u64, u64, u64)]) -> String {
    let lines: String = counts.iter().map(|it| format!("    {it:?},\n")).collect();
    format!("[\n{lines}]")
}

#[tokio::test]
async fn groups_are_rows_like_others() {
    let file = "operations:\n\
        - {seq: 1, type: delete, selector: amount = 0}\n\
        - {seq: 2, type: aggregate, group_by: status, aggregations: {n: COUNT(*)}}\n\
        - {seq: 3, type: update, selector: NOT _deleted AND _modified_at IS NOT NULL, assignments: {n: n + 1}}\n\
        - {seq: 4, type: output, metadata: true, destination: {datasource_id: ds-warehouse, table: t}}\n";
    let report = captured(file).await.unwrap();
    expect![[r#"
        false 1767225600123456 open 3
        false 1767225600123456 returned 2
    "#]]
    .assert_eq(&shown(&report, 0, &[DELETED, MODIFIED_AT, "status", "n"]));
    let found = rows(&report, 0);
    assert_ne!(found[0][ROW_ID], found[1][ROW_ID]);
}

#[tokio::test]
async fn where_nothing_is_left_every_operation_goes_on_and_every_output_is_valid() {
    let folder = folder();
    put(folder.path(), "in/customers.csv", "name,country\nanna,DE\n");
    let to = |number: u32, table: &str| {
        format!(
            "- {{seq: {number}, type: output, destination: {{datasource_id: ds-warehouse, table: {table}}}}}\n"
        )
    };
    let text = format!(
        "operations:\n- {{seq: 1, type: delete, selector: id > 0}}\n\
         - {{seq: 2, type: update, assignments: {{amount: 1 / amount, twice: amount * 2}}}}\n\
         - {{seq: 3, type: join, how: inner, on: {{customer: name}}, input: {{datasource_id: ds-orders, table: customers}}}}\n\
         - {{seq: 4, type: aggregate, into: summary_rows, aggregations: {{amount: SUM(amount)}}}}\n\
         - {{seq: 5, type: append, selector: id > 99, input: {{datasource_id: ds-orders, table: orders}}}}\n\
         - {{seq: 6, type: delete}}\n{}{}{}{}{}\
         - {{seq: 20, type: output, destination: {{datasource_id: lake, table: none}}}}\n\
         - {{seq: 30, type: aggregate, group_by: [status, country], aggregations: {{n: COUNT(*), most: MAX(twice)}}}}\n{}",
        to(10, "a"),
        to(11, "b.csv"),
        to(12, "c.jsonl"),
        to(13, "d.tsv"),
        to(14, "e.arrow"),
        to(31, "groups.csv"),
    );
    let with_lake = |text: String| {
        text.replace("datasources:\n", "datasources:\n- {id: lake, type: delta, path: lake}\n")
    };
    let text = with_lake(project(&text));
    for name in ["out/b.csv", "out/groups.csv"] {
        put(folder.path(), name, "id\n77\n");
    }
    let report = run_in(folder.path(), &text, Options::default()).await.unwrap();
    assert!(
        report.operations[1..].iter().all(|it| (it.rows_in, it.matched, it.rows_out) == (0, 0, 0))
    );
    assert!(report.outputs.iter().all(|it| it.rows == 0));
    let out = folder.path().join("out");
    let header = ["id", "customer", "amount", "status", "twice", "country"];
    for name in ["a.parquet", "e.arrow"] {
        let (fields, rows) = written(&out.join(name)).await;
        let names: Vec<&str> = fields.iter().map(|it| it.name().as_str()).collect();
        assert_eq!((names, rows.len()), (header.to_vec(), 0), "{name}");
    }
    let of = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    assert_eq!(of("b.csv"), header.join(",") + "\n");
    assert_eq!(of("d.tsv"), header.join("\t") + "\n");
    assert_eq!(of("c.jsonl"), "");
    assert_eq!(of("groups.csv"), "status,country,n,most\n");
    // What is empty is a table to read as well.
    for (input, types) in [
        ("lake, table: none", ""),
        ("ds-warehouse, table: a", ""),
        ("ds-warehouse, table: b", ", types: {amount: bigint}"),
    ] {
        let again = project(
            "operations:\n- {seq: 1, type: delete, selector: amount > 0}\n\
             - {seq: 2, type: output, destination: {datasource_id: ds-archive, table: again.csv}}\n",
        );
        let again = again.replace(
            "{datasource_id: ds-orders, table: orders}",
            &format!("{{datasource_id: {input}{types}}}"),
        );
        run_in(folder.path(), &with_lake(again), Options::default()).await.unwrap();
        let found = fs::read_to_string(folder.path().join("archive/again.csv")).unwrap();
        assert_eq!(found, header.join(",") + "\n", "{input}");
    }
}

#[tokio::test]
async fn more_may_be_said_about_deleted_rows() {
    check(
        &format!(
            "operations:\n\
             - seq: 1\n  type: update\n  selector: amount = 0\n  assignments:\n    \
               _deleted_reason: \"'worth nothing'\"\n    _deleted_by: \"'anna'\"\n\
             - {{seq: 2, type: delete, selector: _deleted_reason IS NOT NULL}}\n{ALL}"
        ),
        &["id", DELETED, "_deleted_by", "_deleted_reason"],
        expect![[r#"
            1 false - -
            2 true anna worth nothing
            3 false - -
            4 false - -
            5 true anna worth nothing
        "#]],
    )
    .await;
}

#[tokio::test]
async fn nothing_else_is_called_what_the_pipeline_keeps() {
    let files = [
        ("orders".to_owned(), ORDERS.to_owned()),
        ("odd".to_owned(), "id,_Deleted\n1,true\n".to_owned()),
    ];
    let odd = "input: {datasource_id: ds-orders, table: odd}";
    for operation in [
        format!("append, {odd}"),
        format!("join, on: id, {odd}"),
        "join, on: id, columns: {_ROW_ID: customer}, input: {datasource_id: ds-orders, table: orders, as: o}".to_owned(),
        "aggregate, aggregations: {_modified_at: COUNT(*)}".to_owned(),
        "aggregate, group_by: [_deleted]".to_owned(),
    ] {
        let rest = format!("operations:\n- {{seq: 1, type: {operation}}}\n");
        let files = files.clone();
        let told = std::thread::spawn(move || captured_of(&files, &rest).unwrap_err().to_string());
        let told = told.join().unwrap();
        assert!(told.starts_with("a mistake in test.yaml, nothing was done"), "{operation}: {told}");
    }
    let folder = folder();
    put(folder.path(), "in/orders.csv", "id,_ROW_ID\n1,x\n");
    let text = project(&format!("operations:\n{OUT}"));
    let error = run_in(folder.path(), &text, Options::default()).await.unwrap_err();
    expect![[r#"
        a mistake in test.yaml, nothing was done

        Error: Invalid input
          Reason: column `_ROW_ID` of `orders` has a reserved name
          At: line 6, column 8
          Hint: name what is read in `columns`, this one otherwise: `columns: {was_row_id: _ROW_ID}`
    "#]]
    .assert_eq(&format!("{error}\n"));
    check_refused(
        "operations:\n- {seq: 1, type: update, assignments: {_MODIFIED_AT: NOW()}}\n",
        expect![[r#"
            a mistake in test.yaml, nothing was done

            Error: Invalid assignment in operation 1 (update)
              Reason: column '_MODIFIED_AT' is kept by the pipeline and cannot be assigned
              At: line 8, column 54
              Hint: mark rows as deleted with a `delete` operation
        "#]],
    )
    .await;
}

#[tokio::test]
async fn rows_come_back_from_an_archive() {
    let folder = folder();
    let text =
        project(&format!("operations:\n- {{seq: 1, type: delete, selector: amount < 10}}\n{ALL}"));
    run_in(folder.path(), &text, Options::default()).await.unwrap();
    // Another run, another day: what was deleted by mistake is taken from there.
    let text = project(
        "operations:\n\
         - {seq: 1, type: delete, selector: NOT was_deleted OR status <> 'cancelled'}\n\
         - {seq: 2, type: output, columns: [number, was_id], destination: {datasource_id: ds-warehouse, table: back.csv}}\n",
    );
    let archive = "{datasource_id: ds-archive, table: t, columns: [{number: id, was_deleted: _deleted, was_id: _row_id}, status]}";
    let text = text.replace("{datasource_id: ds-orders, table: orders}", archive);
    run_in(folder.path(), &text, Options::default()).await.unwrap();
    expect![[r#"
        number,was_id
        2,019b76da-a87b-7000-8000-000000000001
    "#]]
    .assert_eq(&fs::read_to_string(folder.path().join("out/back.csv")).unwrap());
}

#[tokio::test]
async fn a_column_that_is_read_by_another_name_keeps_its_type_and_its_rows() {
    let folder = folder();
    let wrong = |columns: &str| {
        let text = project(&format!("operations:\n{OUT}"));
        text.replace(
            "table: orders}",
            &format!("table: orders, columns: {columns}, types: {{amount: 'decimal(10, 2)'}}}}"),
        )
    };
    let text = wrong("{price: amount, id: customer, again: amount}");
    run_in(folder.path(), &text, Options::default()).await.unwrap();
    let (fields, found) = written(&folder.path().join("out/t.parquet")).await;
    let decimal = DataType::Decimal128(10, 2);
    let expected = [("price", decimal.clone()), ("id", DataType::Utf8), ("again", decimal)];
    assert_eq!(types(&fields), expected);
    assert_eq!((&found[2]["price"], &found[2]["id"]), (&"25.00".into(), &"anna".into()));
    for (columns, told) in [
        ("{price: amuont}", "column `amuont` of `columns` is not in `orders`"),
        ("[id, {id: amount}]", "column `id` is there twice"),
        ("{_deleted: status}", "column `_deleted` of `orders` has a reserved name"),
    ] {
        let error = run_in(folder.path(), &wrong(columns), Options::default()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(told), "{columns}: {error}");
    }
    put(folder.path(), "in/orders.csv", "amount\n1.005\n");
    let error = run_in(folder.path(), &wrong("{price: amount}"), Options::default()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.ends_with("that column `amount` could hold"), "{error}");
}
