//! The schema for editors knows what the reader knows.

use std::collections::BTreeSet;

use metalith_pipeline::SCHEMA;
use serde_json::Value;

use crate::captured;

/// Every operation with every key it can have.
const EVERYTHING: &str = "\
description: everything
variables: {least: 0}
selectors: {low: amount < {{least}}}
operations:
- {seq: 1, alias: a, type: delete, parameters: {selector: amount < 0}}
- {order: 2, alias: b, type: update, arguments: {selector: amount < 0, assignments: {amount: 1}}}
- {seq: 3, type: aggregate, into: summary_rows, selector: id = 1, group_by: [status], aggregations: {id: MAX(id)}}
- {seq: 4, type: append, selector: id = 1, group_by: status, aggregations: {id: MAX(id)},
   input: {datasource_id: ds-orders, table: orders, as: o, columns: [id, status], types: {id: bigint}}}
- {seq: 5, type: join, on: id, how: left, columns: {other: status},
   input: {datasource_id: ds-orders, table: orders, as: o}}
- {seq: 6, type: output, include_deleted: true, selector: id = 1, columns: [id], metadata: true, mode: append,
   deletion: {mode: soft, cascade: none, reason: x}, versions: {}, destination: {datasource_id: ds-archive, table: t}}
";

#[tokio::test]
async fn a_file_with_everything_in_it_is_read() {
    // A brace in flow style is one of YAML's.
    let file = EVERYTHING.replace("amount < {{least}}", "'amount < {{least}}'");
    captured(&file).await.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_key_of_an_operation_in_the_schema_is_in_that_file() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let operations = schema["properties"]["operations"]["items"]["oneOf"].as_array().unwrap();
    for operation in operations {
        let kind = operation["title"].as_str().unwrap();
        let start = EVERYTHING.find(&format!("type: {kind}")).unwrap();
        let end = EVERYTHING[start..].find("\n- ").map_or(EVERYTHING.len(), |it| start + it);
        let text = &EVERYTHING[start..end];
        let written: BTreeSet<&str> = text
            .split(|it: char| !it.is_alphanumeric() && it != '_')
            .filter(|it| !it.is_empty())
            .collect();
        let header = ["seq", "order", "type", "alias", "parameters", "arguments"];
        let keys = operation["properties"].as_object().unwrap().keys();
        for key in keys.filter(|key| !header.contains(&key.as_str())) {
            assert!(written.contains(key.as_str()), "{kind} lacks {key}");
        }
    }
}
