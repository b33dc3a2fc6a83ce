//! What would be text, and was meant to be something else.

use expect_test::expect;

use crate::{captured, check, check_refused};

const OUT: &str =
    "- {seq: 99, type: output, destination: {datasource_id: ds-warehouse, table: t}}\n";

#[tokio::test]
async fn a_placeholder_that_nobody_fills_is_refused() {
    check_refused(
        "variables: {keep: open}\n\
         selectors: {others: \"status <> '{{keep}}'\"}\n\
         operations:\n\
         - {seq: 1, type: delete, selector: \"status <> '${keep}'\"}\n\
         - {seq: 2, type: delete, selector: \"status <> '{{keep}}'\"}\n\
         - {seq: 3, type: update, assignments: {status: \"CONCAT('{{ keep }}', '!')\"}}\n\
         - {seq: 4, type: update, assignments: {\"${keep}\": id}}\n",
        expect![[r#"
            5 mistakes in test.yaml, nothing was done

            Error: Invalid selector `others`
              Reason: `{{keep}}` within quotes is text, and not what it names
              At: line 8, column 21
              Hint: write {{keep}} without quotes

            Error: Invalid selector in operation 1 (delete)
              Selector: "status <> '${keep}'"
              Reason: `${keep}` is not filled in within an expression
              At: line 10, column 36
              Hint: write {{keep}} without quotes

            Error: Invalid selector in operation 2 (delete)
              Selector: "status <> '{{keep}}'"
              Reason: `{{keep}}` within quotes is text, and not what it names
              At: line 11, column 36
              Hint: write {{keep}} without quotes

            Error: Invalid assignment in operation 3 (update)
              Assignment: "CONCAT('{{ keep }}', '!')"
              Reason: `{{keep}}` within quotes is text, and not what it names
              At: line 12, column 48
              Hint: write {{keep}} without quotes

            Error: Invalid variable
              Reason: `${keep}` is not filled in within a key
              At: line 13, column 40
              Hint: write the name itself, or a list of `column` and `expression`
        "#]],
    )
    .await;
    let file = format!(
        "variables: {{keep: open, c: kept}}\noperations:\n\
         - {{seq: 1, type: delete, selector: 'status <> {{{{keep}}}}'}}\n\
         - {{seq: 2, type: update, assignments: [{{column: '${{c}}', expression: id + 1}}]}}\n{OUT}"
    );
    check(
        &file,
        &["id", "kept"],
        expect![[r#"
            1 2
            3 4
            5 6
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_value_with_braces_stays_a_value() {
    let file = format!(
        "variables: {{keep: '{{{{x}}}}'}}\noperations:\n\
         - {{seq: 1, type: delete, selector: 'status <> {{{{keep}}}}'}}\n{OUT}"
    );
    check(&file, &["id"], expect![""]).await;
}

#[tokio::test]
async fn a_column_in_double_quotes_is_no_constant() {
    check_refused(
        &format!(
            "operations:\n- {{seq: 1, type: delete, selector: '\"Orders.status\" <> \"open\"'}}\n{OUT}"
        ),
        expect![[r#"
            a mistake in test.yaml, nothing was done

            Error: Invalid selector in operation 1 (delete)
              Selector: ""Orders.status" <> "open""
              Reason: "status" is text here and not the column, so each row is the same
              At: line 8, column 36
              Hint: write status without quotes
        "#]],
    )
    .await;
    let refused = [
        "\"open\" = \"status\"",
        "id = 1 OR \"status\" IN (\"open\", \"returned\")",
        "NOT \"status\" LIKE \"o%\"",
        "UPPER(\"status\") = \"OPEN\"",
        "\"customer\" IS NULL",
        "\"status\" = {{keep}}",
    ];
    for selector in refused {
        let file = format!(
            "variables: {{keep: open}}\noperations:\n- {{seq: 1, type: delete, selector: '{selector}'}}\n{OUT}"
        );
        let told = captured(&file).await.unwrap_err().to_string();
        assert!(told.contains("is text here and not the column"), "{selector}: {told}");
    }
    // Of the value there is no doubt where a column is compared with it.
    for selector in ["status <> \"status\"", "status IN (\"id\", \"open\")", "''id'' = ''id''"] {
        let file =
            format!("operations:\n- {{seq: 1, type: delete, selector: '{selector}'}}\n{OUT}");
        captured(&file).await.unwrap();
    }
}
