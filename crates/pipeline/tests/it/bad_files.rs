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
        expect![[""]],
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
        expect![[""]],
    )
    .await;
}

#[tokio::test]
async fn an_aggregate_leaves_its_own_columns_only() {
    check_refused(
        "operations:\n\
         - {seq: 1, type: aggregate, group_by: [status], aggregations: {total: SUM(amount)}}\n\
         - {seq: 2, type: delete, selector: amount > 3 OR total > 3}\n",
        expect![[""]],
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
        expect![[""]],
    )
    .await;
}

#[tokio::test]
async fn a_value_must_fit_its_column() {
    check_refused(
        "operations:\n\
         - {seq: 1, type: update, assignments: {amount: \"'many'\", id: amount / 2.0}}\n",
        expect![[""]],
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
        expect![[""]],
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
        expect![[""]],
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
        expect![[""]],
    )
    .await;
}
