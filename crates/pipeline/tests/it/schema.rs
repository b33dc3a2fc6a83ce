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

/// Whether a value is what a schema says. Knows the words that ours uses, and no others.
fn fits(schema: &Value, value: &Value) -> bool {
    let Some(words) = schema.as_object() else { return schema.as_bool().unwrap() };
    words.iter().all(|(word, said)| match word.as_str() {
        "$ref" => {
            let name = said.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
            let whole: Value = serde_json::from_str(SCHEMA).unwrap();
            fits(&whole["$defs"][name], value)
        }
        "type" => match said.as_array() {
            Some(types) => types.iter().any(|it| is_of(value, it.as_str().unwrap())),
            None => is_of(value, said.as_str().unwrap()),
        },
        "const" => value == said,
        "enum" => said.as_array().unwrap().contains(value),
        "anyOf" => said.as_array().unwrap().iter().any(|it| fits(it, value)),
        "oneOf" => said.as_array().unwrap().iter().filter(|it| fits(it, value)).count() == 1,
        "minimum" => value.as_i64() >= said.as_i64(),
        "items" => value.as_array().is_none_or(|all| all.iter().all(|it| fits(said, it))),
        "required" => value.as_object().is_none_or(|members| {
            said.as_array().unwrap().iter().all(|it| members.contains_key(it.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|members| {
            members.iter().all(|(key, it)| said.get(key).is_none_or(|own| fits(own, it)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|members| {
            let known = |key: &str| schema["properties"].get(key).is_some();
            members.iter().all(|(key, it)| known(key) || fits(said, it))
        }),
        "$schema" | "$defs" | "title" | "description" => true,
        other => panic!("`{other}` says something that this test does not know"),
    })
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("`{other}` is no type"),
    }
}

/// A project file as a validator of JSON sees it.
fn json_of(text: &str) -> Value {
    fn of(node: &metalith_document::Node) -> Value {
        use metalith_document::Value as Own;
        match &node.value {
            Own::Null => Value::Null,
            Own::Bool(flag) => (*flag).into(),
            Own::Int(number) => (*number).into(),
            Own::Float(number) => (*number).into(),
            Own::Text(text) => text.as_str().into(),
            Own::List(items) => items.iter().map(of).collect(),
            Own::Table(entries) => {
                Value::Object(entries.iter().map(|it| (it.key.clone(), of(&it.node))).collect())
            }
        }
    }
    of(&metalith_document::parse("t.yaml", text, metalith_document::Format::Yaml).unwrap())
}

fn fits_ours(text: &str) -> bool {
    fits(&serde_json::from_str(SCHEMA).unwrap(), &json_of(text))
}

fn everything() -> String {
    crate::project(&EVERYTHING.replace("amount < {{least}}", "'amount < {{least}}'"))
}

/// The names of keys, wherever the schema has some.
fn keys(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                found.extend(properties.keys().cloned());
            }
            members.values().for_each(|it| keys(it, found));
        }
        Value::Array(items) => items.iter().for_each(|it| keys(it, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_schema_takes_what_is_shown_as_an_example() {
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/orders");
    let example = std::fs::read_to_string(example.join("clean.yaml")).unwrap();
    for text in [everything(), example] {
        assert!(fits_ours(&text), "{text}");
    }
}

#[tokio::test]
async fn a_misspelt_key_is_seen_by_editors_and_by_the_reader() {
    let mut known = BTreeSet::new();
    keys(&serde_json::from_str(SCHEMA).unwrap(), &mut known);
    let whole = everything();
    let head = crate::project("");
    let mut misspelt = BTreeSet::new();
    for key in &known {
        for (at, _) in whole.match_indices(&format!("{key}:")) {
            let is_key = whole[..at].ends_with([' ', '{', '\n']) || at == 0;
            // Columns may be called anything.
            let is_column = key == "id" && at > head.len();
            if !is_key || is_column {
                continue;
            }
            let wrong = format!("{}{key}y{}", &whole[..at], &whole[at + key.len()..]);
            assert!(!fits_ours(&wrong), "{wrong}");
            let operations = wrong.strip_prefix(&head);
            if let Some(operations) = operations {
                assert!(captured(operations).await.is_err(), "{wrong}");
            }
            misspelt.insert(key.as_str());
        }
    }
    let never: Vec<&String> = known.iter().filter(|it| !misspelt.contains(it.as_str())).collect();
    assert_eq!(never, ["column", "expression", "options", "store"]);
}
