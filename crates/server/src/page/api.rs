//! The API as its description tells it.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, response::Html, routing::get};
use maud::{Markup, html};
use serde_json::Value;

use super::{
    visitor::{Refused, Visitor},
    whole,
};
use crate::{app::App, openapi::document};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api", get(api))
}

/// An operation: its method, its path, and what is said of it.
type Operation<'a> = (&'a str, &'a str, &'a Value);

async fn api(_visitor: Visitor) -> Result<Html<String>, Refused> {
    let document = document();
    let mut by_tag: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let tag = text(&operation["tags"][0]);
            by_tag.entry(tag).or_default().push((method, path, operation));
        }
    }
    let content = html! {
        p {
            "Failures are " code { "application/problem+json" } ". All of this for programs: "
            a href="/api/v1/openapi.json" { "/api/v1/openapi.json" } "."
        }
        @for (tag, operations) in &by_tag {
            h2 { (tag) }
            @for operation in operations { (shown(&document, operation)) }
        }
    };
    Ok(whole("/api", "API", content))
}

fn shown(document: &Value, (method, path, operation): &Operation<'_>) -> Markup {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    html! {
        details {
            summary { code { (method.to_uppercase()) " " (path) } " " (text(&operation["summary"])) }
            p { (text(&operation["description"])) }
            table {
                thead { tr { th { "Parameter" } th { "In" } th { "Type" } th { "What" } } }
                tbody {
                    @for parameter in parameters {
                        tr {
                            td { code { (text(&parameter["name"])) } }
                            td { (text(&parameter["in"])) }
                            td { (kind(&parameter["schema"])) }
                            td { (text(&parameter["description"])) }
                        }
                    }
                    @for (name, property) in properties(document, body) {
                        tr {
                            td { code { (name) } }
                            td { "body" }
                            td { (kind(property)) }
                            td { (text(&property["description"])) }
                        }
                    }
                }
            }
            table {
                thead { tr { th { "Status" } th { "What" } th { "Answer" } } }
                tbody {
                    @for (status, response) in operation["responses"].as_object().into_iter().flatten() {
                        tr {
                            td { (status) }
                            td { (text(&response["description"])) }
                            td { (answer(response)) }
                        }
                    }
                }
            }
        }
    }
}

/// What a body has.
fn properties<'a>(
    document: &'a Value,
    schema: &'a Value,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let referred = schema["$ref"].as_str().map(|it| it.trim_start_matches('#'));
    let schema = referred.and_then(|it| document.pointer(it)).unwrap_or(schema);
    schema["properties"].as_object().into_iter().flatten()
}

/// The kinds of content that an answer may have, with what is in them.
fn answer(response: &Value) -> String {
    let contents = response["content"].as_object().into_iter().flatten();
    let shown = contents.map(|(name, content)| match kind(&content["schema"]) {
        kind if kind.is_empty() => name.clone(),
        kind => format!("{name}: {kind}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// The type of a value, as short as it can be put.
fn kind(schema: &Value) -> String {
    if let Some(referred) = schema["$ref"].as_str() {
        return referred.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
