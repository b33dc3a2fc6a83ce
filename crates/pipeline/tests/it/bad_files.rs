//! Files that are refused, with all their mistakes at once.

use expect_test::expect;

use crate::check_refused;

#[tokio::test]
async fn all_mistakes_are_told_at_once() {
    check_refused(
        "operations:\n\
         - {seq: 1, type: update, selector: amont > 0, assignments: {total: amount * tax, note: \"'x'\"}}\n\
         - {seq: 2, type: delete, selector: total > 3 AND note = 'x'}\n\
         - {seq: 3, type: aggregate, group_by: [customr], aggregations: {n: COUNT(*), a: amount}}\n\
         - {seq: 4, type: output, destination: {datasource_id: ds-warehous, table: t}}\n",
        expect![[r#"
            4 mistakes in test.yaml, nothing was done

            Error: Invalid selector in operation 1 (update)
              Selector: "amont > 0"
              Reason: Column 'amont' not found in schema
              At: line 8, column 36
                  amont > 0
                  ^^^^^
              Hint: did you mean `amount`?

            Error: Invalid assignment in operation 1 (update)
              Assignment: "amount * tax"
              Reason: Column 'tax' not found in schema
              At: line 8, column 68
                  amount * tax
                           ^^^
              Hint: known columns are `_row_id`, `_deleted`, `_modified_at`, `orders.id`, `orders.customer`, `orders.amount`, `orders.status`

            Error: Invalid group_by in operation 3 (aggregate)
              Expression: "customr"
              Reason: Column 'customr' not found in schema
              At: line 10, column 40
                  customr
                  ^^^^^^^
              Hint: did you mean `customer`?

            Error: Invalid destination in operation 4 (output)
              Reason: datasource `ds-warehous` is not declared
              At: line 11, column 39
              Hint: did you mean `ds-warehouse`?
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_column_is_known_from_the_operation_on_that_makes_it() {
    check_refused(
        "operations:\n\
         - {seq: 1, type: delete, selector: total > 3}\n\
         - {seq: 2, type: update, assignments: {total: amount * 2}}\n\
         - {seq: 3, type: delete, selector: total > 3}\n",
        expect![[r#"
            a mistake in test.yaml, nothing was done

            Error: Invalid selector in operation 1 (delete)
              Selector: "total > 3"
              Reason: Column 'total' not found in schema
              At: line 8, column 36
                  total > 3
                  ^^^^^
              Hint: known columns are `_row_id`, `_deleted`, `_modified_at`, `orders.id`, `orders.customer`, `orders.amount`, `orders.status`
        "#]],
    )
    .await;
}

#[tokio::test]
async fn an_aggregate_leaves_its_own_columns_only() {
    check_refused(
        "operations:\n\
         - {seq: 1, type: aggregate, group_by: [status], aggregations: {total: SUM(amount)}}\n\
         - {seq: 2, type: delete, selector: amount > 3 OR total > 3}\n",
        expect![[r#"
            a mistake in test.yaml, nothing was done

            Error: Invalid selector in operation 2 (delete)
              Selector: "amount > 3 OR total > 3"
              Reason: Column 'amount' not found in schema
              At: line 9, column 36
                  amount > 3 OR total > 3
                  ^^^^^^
              Hint: known columns are `_row_id`, `_deleted`, `_modified_at`, `orders.status`, `orders.total`
        "#]],
    )
    .await;
}

#[tokio::test]
async fn keys_types_and_numbers_are_checked() {
    check_refused(
        "operatons: []\n\
         operations:\n\
         - {seq: 1, type: delte}\n\
         - {seq: 1, type: update, assignmnts: {a: 1}}\n\
         - {seq: 2, order: 3, type: delete}\n\
         - {type: delete}\n\
         - {seq: 4, type: delete, selector: id = 1, parameters: {selector: id = 2}}\n\
         - {seq: 5, type: output}\n\
         - {seq: 6, type: aggregate}\n",
        expect![[r#"
            10 mistakes in test.yaml, nothing was done

            Error: Invalid project file
              Reason: unknown key `operatons`
              At: line 7, column 1
              Hint: did you mean `operations`?

            Error: Invalid operation 1
              Reason: `delte` is no type of operation
              At: line 9, column 18
              Hint: did you mean `delete`?

            Error: Invalid number of operation 1
              Reason: there is an operation 1 already
              At: line 10, column 3
              Hint: each operation has a number of its own, in `seq` or `order`

            Error: Invalid operation 1 (update)
              Reason: unknown key `assignmnts`
              At: line 10, column 26
              Hint: did you mean `assignments`?

            Error: Invalid operation 3
              Reason: `seq` and `order` mean the same
              At: line 11, column 19
              Hint: write one of them

            Error: Invalid operation 4
              Reason: has no number, though others have
              At: line 12, column 3
              Hint: write its `seq`

            Error: Invalid operation 5
              Reason: parameter `selector` is there twice
              At: line 13, column 67

            Error: Invalid operation 5 (output)
              Reason: key `destination` is missing
              At: line 14, column 3
              Hint: add `destination`

            Error: Invalid number of operation 5
              Reason: there is an operation 5 already
              At: line 14, column 3
              Hint: each operation has a number of its own, in `seq` or `order`

            Error: Invalid operation 6 (aggregate)
              Reason: has neither `group_by` nor `aggregations`
              At: line 15, column 3
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_value_must_fit_its_column() {
    check_refused(
        "operations:\n\
         - {seq: 1, type: update, assignments: {amount: \"'many'\", id: amount / 2.0}}\n",
        expect![[r#"
            2 mistakes in test.yaml, nothing was done

            Error: Invalid assignment in operation 1 (update)
              Assignment: "'many'"
              Reason: column 'amount' cannot take it: the value must be an integer (BIGINT), not text
              At: line 8, column 48
                  'many'
                  ^^^^^^
              Hint: convert with CAST(… AS BIGINT)

            Error: Invalid assignment in operation 1 (update)
              Assignment: "amount / 2.0"
              Reason: column 'id' cannot take it: the value must be an integer (BIGINT), not a float
              At: line 8, column 62
                  amount / 2.0
                  ^^^^^^^^^^^^
              Hint: convert with CAST(… AS BIGINT)
        "#]],
    )
    .await;
}

#[tokio::test]
async fn two_outputs_cannot_write_to_one_place() {
    check_refused(
        "operations:\n\
         - {seq: 1, type: output, destination: {datasource_id: ds-archive, table: t}, columns: [id, nam]}\n\
         - {seq: 2, type: output, destination: {datasource_id: ds-archive, table: t}}\n\
         - {seq: 3, type: output, destination: {datasource_id: ds-archive, table: ../t}}\n",
        expect![[r#"
            2 mistakes in test.yaml, nothing was done

            Error: Invalid columns in operation 1 (output)
              Reason: Column 'nam' not found in schema
              At: line 8, column 39
              Hint: there are `id`, `customer`, `amount`, `status`

            Error: Invalid destination in operation 2 (output)
              Reason: operation 1 (output) writes to ds-archive/t already
              At: line 9, column 39
        "#]],
    )
    .await;
}

#[tokio::test]
async fn inputs_must_be_there() {
    check_refused(
        "operations:\n\
         - {seq: 1, type: append, input: {datasource_id: ds-orders, table: ordrs}}\n\
         - {seq: 2, type: join, input: {datasource_id: ds-orders, table: orders, columns: [idd]}, on: id}\n\
         - {seq: 3, type: join, input: {datasource_id: ds-orders, table: orders, as: o}, on: {status: amount}}\n",
        expect![[r#"
            6 mistakes in test.yaml, nothing was done

            Error: Invalid input in operation 1 (append)
              Reason: there is no table `ordrs` in DIR/in
              At: line 8, column 33
              Hint: did you mean `orders`?

            Error: Invalid input in operation 2 (join)
              Reason: column `idd` of `columns` is not in `orders`
              At: line 9, column 31
              Hint: did you mean `id`?

            Error: Invalid join in operation 3 (join)
              Reason: 'status' is Utf8 and 'amount' is Int64
              At: line 10, column 3
              Hint: bring both to one type with `types` of an input

            Error: Invalid join in operation 3 (join)
              Reason: there is a column 'id' already
              At: line 10, column 3
              Hint: give it another name: `columns: {o_id: id}`

            Error: Invalid join in operation 3 (join)
              Reason: there is a column 'customer' already
              At: line 10, column 3
              Hint: give it another name: `columns: {o_customer: customer}`

            Error: Invalid join in operation 3 (join)
              Reason: there is a column 'status' already
              At: line 10, column 3
              Hint: give it another name: `columns: {o_status: status}`
        "#]],
    )
    .await;
}

#[tokio::test]
async fn variables_are_declared() {
    check_refused(
        "variables: {least: 5}\n\
         operations:\n\
         - {seq: 1, type: delete, selector: \"amount < {{lest}}\"}\n\
         - {seq: 2, type: output, destination: {datasource_id: ds-archive, table: \"${nam}\"}}\n",
        expect![[r#"
            2 mistakes in test.yaml, nothing was done

            Error: Invalid selector in operation 1 (delete)
              Selector: "amount < {{lest}}"
              Reason: Selector 'lest' not found in project
              At: line 9, column 36
                  amount < {{lest}}
                           ^^^^^^^^
              Hint: did you mean `{{least}}`?

            Error: Invalid variable
              Reason: variable `nam` is not declared
              At: line 10, column 74
              Hint: there are `least`
        "#]],
    )
    .await;
}
