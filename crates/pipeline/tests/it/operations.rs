//! What each operation does.

use expect_test::expect;

use crate::{captured, check, folder, project, put, rows, shown};

const OUT: &str =
    "- {seq: 99, type: output, destination: {datasource_id: ds-warehouse, table: t}}\n";

#[tokio::test]
async fn assignments_are_made_in_order_and_only_where_the_selector_held() {
    let file = format!(
        "operations:\n\
         - seq: 1\n  type: update\n  selector: orders.amount > 5\n  assignments:\n\
         \x20   amount: orders.amount * 2\n    double: amount\n    status: \"IF(double > 20, 'big', status)\"\n{OUT}"
    );
    check(
        &file,
        &["id", "amount", "double", "status"],
        expect![[r#"
        1 20 20 open
        2 0 - cancelled
        3 50 50 big
        4 14 14 returned
        5 0 - open
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_selector_of_an_update_is_looked_at_once() {
    let file = format!(
        "operations:\n- {{seq: 1, type: update, selector: amount = 0,\n   \
         assignments: [{{column: amount, expression: 1}}, {{column: status, expression: \"'free'\"}}]}}\n{OUT}"
    );
    check(
        &file,
        &["id", "amount", "status"],
        expect![[r#"
        1 10 open
        2 1 free
        3 25 open
        4 7 returned
        5 1 free
    "#]],
    )
    .await;
}

#[tokio::test]
async fn groups_are_summed_up() {
    let file = format!(
        "operations:\n- seq: 1\n  type: aggregate\n  group_by: [status]\n  aggregations:\n\
         \x20   rows: COUNT(*)\n    customers: COUNT(DISTINCT customer)\n    total: SUM(orders.amount)\n\
         \x20   mean: SUM(amount) / COUNT(*) + MIN(id)\n    middle: MEDIAN(amount)\n    least: MIN(amount)\n\
         \x20   most: MAX(amount)\n    average: AVG(amount)\n    loud: UPPER(status)\n{OUT}"
    );
    let columns = [
        "status",
        "rows",
        "customers",
        "total",
        "mean",
        "middle",
        "least",
        "most",
        "average",
        "loud",
    ];
    check(
        &file,
        &columns,
        expect![[r#"
        cancelled 1 1 0 2 0.0 0 0 0.0 CANCELLED
        open 3 2 35 12 10.0 0 25 11.666666666666666 OPEN
        returned 1 0 7 11 7.0 7 7 7.0 RETURNED
    "#]],
    )
    .await;
}

#[tokio::test]
async fn summaries_may_be_rows_beside_the_others() {
    let file = format!(
        "operations:\n- {{seq: 1, type: aggregate, into: summary_rows, selector: amount > 0,\n   \
         group_by: customer, aggregations: {{amount: SUM(amount), orders: COUNT(*)}}}}\n{OUT}"
    );
    check(
        &file,
        &["id", "customer", "amount", "orders"],
        expect![[r#"
        1 anna 10 -
        2 ben 0 -
        3 anna 25 -
        4 - 7 -
        5 cleo 0 -
        - - 7 1
        - anna 35 2
    "#]],
    )
    .await;
}

/// Runs a file over a folder with two more tables.
async fn with_tables(rest: &str, columns: &[&str], expected: expect_test::Expect) {
    let folder = folder();
    put(folder.path(), "in/more.csv", "id,amount,customer\n6,30,dora\n7,0,anna\n");
    put(
        folder.path(),
        "in/customers.csv",
        "name,country,vip\nanna,DE,true\nben,FR,false\n,XX,true\n",
    );
    let mut surroundings = metalith_pipeline::Surroundings::new(
        folder.path(),
        metalith_base::Timestamp::from_micros(crate::NOW),
    );
    surroundings.captures = true;
    let file = project(rest);
    let report = metalith_pipeline::run(("t.yaml", &file), &surroundings, <_>::default()).await;
    match report {
        Ok(report) => expected.assert_eq(&shown(&report, 0, columns)),
        Err(error) => expected.assert_eq(&format!("{error}\n")),
    }
}

#[tokio::test]
async fn rows_of_another_table_are_appended() {
    with_tables(
        &format!(
            "operations:\n- {{seq: 1, type: append, selector: more.amount > 0,\n   \
             input: {{datasource_id: ds-orders, table: more}}}}\n{OUT}"
        ),
        &["id", "customer", "amount", "status"],
        expect![[r#"
            1 anna 10 open
            2 ben 0 cancelled
            3 anna 25 open
            4 - 7 returned
            5 cleo 0 open
            6 dora 30 -
        "#]],
    )
    .await;
}

#[tokio::test]
async fn what_is_appended_may_be_summed_up() {
    with_tables(
        &format!(
            "operations:\n- {{seq: 1, type: append, input: {{datasource_id: ds-orders, table: more}},\n   \
             aggregations: {{amount: SUM(amount), id: MAX(id)}}}}\n{OUT}"
        ),
        &["id", "customer", "amount"],
        expect![[r#"
            1 anna 10
            2 ben 0
            3 anna 25
            4 - 7
            5 cleo 0
            7 - 30
        "#]],
    )
    .await;
}

#[tokio::test]
async fn columns_that_are_appended_must_be_known() {
    with_tables(
        "operations:\n- {seq: 1, type: append, input: {datasource_id: ds-orders, table: customers}}\n",
        &[],
        expect![[r#"
            3 mistakes in t.yaml, nothing was done

            Error: Invalid append in operation 1 (append)
              Reason: Column 'name' not found in schema
              At: line 8, column 33
              Hint: there are `id`, `customer`, `amount`, `status`; name the columns to append in `columns` of its input

            Error: Invalid append in operation 1 (append)
              Reason: Column 'country' not found in schema
              At: line 8, column 33
              Hint: there are `id`, `customer`, `amount`, `status`; name the columns to append in `columns` of its input

            Error: Invalid append in operation 1 (append)
              Reason: Column 'vip' not found in schema
              At: line 8, column 33
              Hint: there are `id`, `customer`, `amount`, `status`; name the columns to append in `columns` of its input
        "#]],
    )
    .await;
}

#[tokio::test]
async fn columns_are_looked_up_by_key() {
    let join = "seq: 1, type: join, input: {datasource_id: ds-orders, table: customers},\n   \
                on: {customer: name}";
    with_tables(
        &format!("operations:\n- {{{join}}}\n{OUT}"),
        &["id", "customer", "country", "vip"],
        expect![[r#"
            1 anna DE true
            2 ben FR false
            3 anna DE true
            4 - - -
            5 cleo - -
        "#]],
    )
    .await;
    with_tables(
        &format!(
            "operations:\n- {{{join}, how: inner, columns: {{land: country}}}}\n\
                  - {{seq: 2, type: delete, selector: customers.land = 'FR'}}\n{OUT}"
        ),
        &["id", "customer", "land"],
        expect![[r#"
            1 anna DE
            3 anna DE
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_lookup_has_one_row_a_key() {
    with_tables(
        "operations:\n- {seq: 1, type: join, input: {datasource_id: ds-orders, table: orders},\n   \
         on: {id: amount}, columns: {other: id}}\n",
        &[],
        expect![[r#"
            operation 1 (join) found more than one row with the key `0` in `orders`
        "#]],
    )
    .await;
}

#[tokio::test]
async fn integers_stay_integers_and_decimals_decimals() {
    let folder = folder();
    put(folder.path(), "in/orders.csv", "id,price,code\n1,0.10,007\n2,0.20,008\n");
    let file = project(
        "operations:\n\
         - {seq: 1, type: update, assignments: {price: \"ROUND(price * 1.25, 1)\", id: ROUND(id) + 1,\n   \
            whole: FLOOR(price), above: CEIL(price), tens: \"ROUND(id, -1)\"}}\n\
         - {seq: 2, type: output, destination: {datasource_id: ds-warehouse, table: t}}\n",
    )
    .replace("table: orders}", "table: orders, types: {price: 'decimal(10,2)', code: text}}");
    let time = metalith_base::Timestamp::from_micros(0);
    let mut surroundings = metalith_pipeline::Surroundings::new(folder.path(), time);
    surroundings.captures = true;
    let report = metalith_pipeline::run(("t.yaml", &file), &surroundings, <_>::default()).await;
    let frame = report.unwrap().outputs[0].captured.clone().unwrap();
    let types: Vec<String> =
        frame.schema.fields().iter().map(|it| it.data_type().to_string()).collect();
    let exact = "Decimal128(11, 2)";
    assert_eq!(types, ["Int64", "Decimal128(10, 2)", "Utf8", exact, exact, "Float64"]);
    let shown = arrow::util::pretty::pretty_format_batches(&frame.batches).unwrap();
    expect![[r#"
        +----+-------+------+-------+-------+------+
        | id | price | code | whole | above | tens |
        +----+-------+------+-------+-------+------+
        | 2  | 0.10  | 007  | 0.00  | 1.00  | 0.0  |
        | 3  | 0.30  | 008  | 0.00  | 1.00  | 0.0  |
        +----+-------+------+-------+-------+------+
    "#]]
    .assert_eq(&format!("{shown}\n"));
}

#[tokio::test]
async fn the_functions_of_the_document_are_there() {
    let functions = "\
a: \"IF(amount > 5, 'x', 'y')\"
b: ISNULL(customer)
c: COALESCE(customer, 'nobody')
d: CONCAT(UPPER(status), LOWER('X'), TRIM(' t '), LEN(status))
e: CONCAT(LEFT(status, 2), RIGHT(status, 2))
f: CONTAINS(status, 'pe')
g: REPLACE(status, 'o', '0')
h: ABS(-amount) + MOD(amount, 3)
i: ROUND(amount / 3.0, 1)
j: FLOOR(amount / 3.0) + CEIL(amount / 3.0)
k: YEAR(TODAY()) * 10000 + MONTH(TODAY()) * 100 + DAY(TODAY())
l: DATEDIFF(DATEADD(TODAY(), 3), DATE('2026-01-01'))
";
    let indented: String = functions.lines().map(|line| format!("    {line}\n")).collect();
    let file = format!(
        "operations:\n- seq: 1\n  type: update\n  assignments:\n{indented}\
         - {{seq: 2, type: delete, selector: id > 4 OR id = 2}}\n{OUT}"
    );
    let columns = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    check(
        &file,
        &columns,
        expect![[r#"
        x false anna OPENxt4 open true 0pen 11 3.3 7.0 20260101 3
        x false anna OPENxt4 open true 0pen 26 8.3 17.0 20260101 3
        x true nobody RETURNEDxt8 reed false returned 8 2.3 5.0 20260101 3
    "#]],
    )
    .await;
}

#[tokio::test]
async fn operations_count_what_they_do() {
    let file = format!(
        "operations:\n\
         - {{seq: 20, type: update, selector: amount = 0, assignments: {{status: \"'void'\"}}}}\n\
         - {{seq: 10, type: delete, selector: customer IS NULL}}\n\
         - {{seq: 30, type: aggregate, group_by: status}}\n{OUT}"
    );
    let report = captured(&file).await.unwrap();
    let counts: Vec<_> = report
        .operations
        .iter()
        .map(|it| (it.number, it.rows_in, it.matched, it.rows_out))
        .collect();
    assert_eq!(counts, [(10, 5, 1, 4), (20, 4, 2, 4), (30, 4, 4, 2), (99, 2, 2, 2)]);
    assert_eq!(rows(&report, 0).len(), 2);
}
