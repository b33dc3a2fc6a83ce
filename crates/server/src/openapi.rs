//! The description of the API.

mod links;

use serde_json::{Value, json};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{
    api::{self, features::ARROW},
    ongoing::OngoingView,
    problem,
    replay::KEY_LENGTH,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Metalith",
        description = "Metadata of ML pipelines: what came from what, what must be recomputed, what may be deleted. Failures are `application/problem+json`.",
    ),
    paths(
        api::jobs::list, api::jobs::submit, api::jobs::get, api::jobs::cancel, api::jobs::plan,
        api::jobs::delete,
        api::datasets::list, api::datasets::register, api::datasets::get, api::datasets::plan,
        api::datasets::delete,
        api::models::list, api::models::register, api::models::get, api::models::activate,
        api::models::deactivate, api::models::delete,
        api::features::list, api::features::get, api::features::samples, api::features::increment,
        api::deletions::list, api::deletions::get, api::deletions::plan, api::deletions::execute,
        api::deletions::restore, api::deletions::purge,
        api::holds::list, api::holds::add, api::holds::release,
        api::storage::statistics, api::storage::audit, api::storage::fix, api::storage::due,
        api::storage::apply,
        api::audit::list, api::audit::verify,
        api::runs::list, api::runs::get,
        api::system::health, api::system::ready, api::system::metrics, api::system::openapi,
    ),
    components(schemas(
        problem::Problem, problem::BlockerView, api::features::Part, OngoingView
    )),
    modifiers(&Tokens),
    security(("token" = [])),
)]
struct Api;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token made by `metalith token add`"));
        let components = openapi.components.get_or_insert_with(Components::new);
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
    }
}

/// The description as JSON.
pub fn document() -> Value {
    let mut document = serde_json::to_value(Api::openapi()).unwrap_or_default();
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|it| it.values_mut());
    for (method, operation) in paths.filter_map(Value::as_object_mut).flatten() {
        complete(method, operation);
        links::tell(operation);
    }
    for path in ["samples", "increment"] {
        let path = format!("/api/v1/features/{{feature}}/{path}");
        tell_arrow(&mut document["paths"][path.as_str()]["get"]["responses"]["200"]);
    }
    document
}

/// What can be looked at that is nearest to where a request goes: its path, cut down to one of which
/// there is something to be had.
pub(crate) fn nearest(route: &str, path: &str) -> String {
    let document = document();
    let parts: Vec<&str> = route.split('/').collect();
    let can_be_had = |count: &usize| {
        let route = parts[..*count].join("/");
        document["paths"][route.as_str()]["get"].is_object()
    };
    let count = (2..=parts.len()).rev().find(can_be_had);
    let Some(count) = count else { return "/".to_owned() };
    path.split('/').take(count).collect::<Vec<_>>().join("/")
}

/// Which failures any request may end in that is not open to everybody.
const FAILURES: [(&str, &str); 8] = [
    ("400", "something about the request makes no sense"),
    ("401", "a valid token is needed"),
    ("403", "this token may not do it, or another site's page sent the request"),
    ("404", "it is not there, or the project has no registry"),
    ("409", "something stands in the way, or somebody else changed the same"),
    ("501", "this store cannot do it"),
    ("503", "storage cannot be reached, or too much is asked for; try again"),
    ("504", "it took too long, and was given up; nothing of it goes on"),
];

/// Adds what holds for every operation: ids of requests, keys, and the failures that come from
/// around it.
fn complete(method: &str, operation: &mut Value) {
    let changes = method == "post" || method == "delete";
    name(operation);
    let is_open = operation["security"].as_array().is_some_and(|it| it.contains(&json!({})));
    let mut parameters = vec![header("x-request-id", "an id for the log, which is sent back")];
    if changes {
        let what =
            "sent again with the same key, the request does nothing again and gets the same answer";
        let mut key = header("idempotency-key", what);
        key["schema"]["minLength"] = 1.into();
        key["schema"]["maxLength"] = KEY_LENGTH.into();
        parameters.push(key);
    }
    match operation["parameters"].as_array_mut() {
        Some(known) => {
            known.iter_mut().for_each(tell_id);
            known.extend(parameters);
        }
        None => operation["parameters"] = parameters.into(),
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    let mut failures = vec![("500", "a defect, or stored data that contradicts itself")];
    if !is_open {
        failures.extend(FAILURES);
    }
    if changes {
        failures.push(("413", "the body is too long"));
        failures.push(("422", "the idempotency key was used for another request"));
    }
    if changes {
        tell_ongoing(responses.entry("202").or_insert_with(|| json!({ "description": "" })));
    }
    for (status, what) in failures {
        let known = responses.entry(status).or_insert_with(|| json!({ "description": "" }));
        if known["description"].as_str().unwrap_or_default().is_empty() {
            known["description"] = what.into();
        }
    }
    let problem = json!({
        "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } },
    });
    for (status, response) in responses.iter_mut() {
        response["headers"]["x-request-id"] = text("the id of the request");
        if status.starts_with(['4', '5']) {
            response["content"] = problem.clone();
        }
        if status == "503" {
            response["headers"]["retry-after"] = text("after how many seconds to try again");
        }
        if changes && status.starts_with('2') {
            let what = "`true` for an answer that was given before";
            response["headers"]["idempotency-replayed"] = text(what);
        }
    }
}

/// The ids of records are UUIDs.
fn tell_id(parameter: &mut Value) {
    if parameter["name"].as_str().is_some_and(|name| name.ends_with("_id")) {
        parameter["schema"]["format"] = "uuid".into();
    }
}

/// Names an operation after its resource too: generated clients call them by their names.
fn name(operation: &mut Value) {
    let (tag, own) = (&operation["tags"][0], &operation["operationId"]);
    let name = [tag, own].map(|it| it.as_str().unwrap_or_default()).join("_");
    operation["operationId"] = name.into();
}

/// Changes are carried to their end, also where that takes longer than a client is kept waiting.
fn tell_ongoing(response: &mut Value) {
    let ongoing = json!({ "$ref": "#/components/schemas/OngoingView" });
    let known = response["content"]["application/json"]["schema"].take();
    let schema = if known.is_null() { ongoing } else { json!({ "oneOf": [known, ongoing] }) };
    response["content"]["application/json"]["schema"] = schema;
    if response["description"].as_str().unwrap_or_default().is_empty() {
        response["description"] = "it takes longer, and goes on to its end".into();
    }
    response["headers"]["location"] = text("where to look for what comes of it");
    response["headers"]["metalith-deletion"] = text("the deletion that goes on, if it is one");
}

fn header(name: &str, what: &str) -> Value {
    let schema = json!({ "type": "string" });
    json!({ "name": name, "in": "header", "description": what, "required": false, "schema": schema })
}

fn text(what: &str) -> Value {
    json!({ "description": what, "schema": { "type": "string" } })
}

/// Samples come as Arrow too.
fn tell_arrow(response: &mut Value) {
    let binary = json!({ "schema": { "type": "string", "format": "binary" } });
    response["content"][ARROW] = binary;
    response["headers"]["metalith-total"] = text("how many there are in all, beside Arrow");
}

#[cfg(test)]
mod tests;
