//! What holds for every request.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use axum::http::StatusCode;
use metalith_lifecycle::leases;
use metalith_registry::{
    Session, Space,
    tokens::{self, Role},
};
use metalith_server::{Limits, Settings, openapi};
use serde_json::{Value, json};

use crate::support::{Answer, World, settings};

/// Checks that an answer is one that the description names, with its kind of content.
fn check_described(operation: &Value, answer: &Answer, story: &str) {
    let status = answer.status.as_str();
    let described = &operation["responses"][status];
    assert!(described.is_object(), "{story}: {status} is not described: {}", answer.text());
    let kind = answer.header("content-type").split(';').next().unwrap_or_default();
    let kinds = described["content"].as_object();
    let is_empty = answer.body.is_empty() && kinds.is_none();
    let is_told = kinds.is_some_and(|kinds| kinds.contains_key(kind));
    assert!(is_empty || is_told, "{story}: {status} with `{kind}` is not described");
    assert!(described["headers"]["x-request-id"].is_object(), "{story}");
    assert!(!answer.header("x-request-id").is_empty(), "{story}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_described_is_there_and_nothing_else_is_answered() {
    let world = World::new().await;
    let served = world.get("/api/v1/openapi.json").await.json();
    assert_eq!(served, openapi());
    let nobody = "550e8400-e29b-41d4-a716-446655440000";
    for (path, methods) in served["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_uppercase();
            let parameters = operation["parameters"].as_array().unwrap();
            let mut names: Vec<_> = parameters.iter().map(|it| (&it["in"], &it["name"])).collect();
            names.sort_by_key(|(place, name)| (place.to_string(), name.to_string()));
            names.dedup();
            assert_eq!(names.len(), parameters.len(), "{method} {path} names one twice");
            let query = if path.ends_with("/increment") { "?part=new" } else { "" };
            let at = |id: &str| {
                let parts = path.split('/').map(|it| if it.starts_with('{') { id } else { it });
                format!("{}{query}", parts.collect::<Vec<_>>().join("/"))
            };
            let has_id = path.contains('{');
            for id in ["video__raw", nobody, "%FF", "a%2Fb"] {
                for body in [None, Some(json!({})), Some(json!([1])), Some(json!({ "x": "y" }))] {
                    let answer = world.send(&method, &at(id), &[], body.clone()).await;
                    let story = format!("{method} {} {body:?}", at(id));
                    check_described(operation, &answer, &story);
                    assert!(!answer.status.is_server_error(), "{story}: {}", answer.text());
                    if answer.status == StatusCode::NOT_FOUND {
                        assert!(has_id, "{story}: {}", answer.text());
                        assert_ne!(
                            answer.json()["detail"],
                            format!("there is nothing at `{}`", at(id))
                        );
                    }
                    if method == "GET" && !has_id {
                        assert_eq!(answer.status, StatusCode::OK, "{story}: {}", answer.text());
                    }
                    if id == "%FF" && has_id {
                        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{story}");
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_somebody_out_is_described_too() {
    let mut world = World::stopped();
    let session = world.session().await;
    let secret = tokens::add(session.store(), "reader", Role::Read, Some("a")).await.unwrap();
    world.start(settings()).await;
    let document = openapi();
    for token in [None, Some(secret.reveal())] {
        world.set_token(token);
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let query = if path.ends_with("/increment") { "?part=new" } else { "" };
                let at = format!("{}{query}", path.replace(['{', '}'], ""));
                let answer = world.send(&method.to_uppercase(), &at, &[], None).await;
                let story = format!("{method} {at} with {token:?}");
                check_described(operation, &answer, &story);
                let is_open = operation["security"] == json!([{}]);
                let is_out = answer.status == StatusCode::UNAUTHORIZED;
                assert_eq!(is_out, token.is_none() && !is_open, "{story}: {}", answer.status);
                if token.is_some() && *method != "get" {
                    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{story}");
                }
            }
        }
    }
}

/// Every reference in a description.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(entries) => {
            found.extend(entries.get("$ref").and_then(Value::as_str));
            entries.values().for_each(|it| references(it, found));
        }
        Value::Array(items) => items.iter().for_each(|it| references(it, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn what_the_description_refers_to_is_in_it() {
    let document = openapi();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for reference in found {
        let path = reference.trim_start_matches('#');
        assert!(document.pointer(path).is_some(), "{reference}");
    }
}

/// Every operation of a description.
fn operations(document: &Value) -> impl Iterator<Item = &Value> {
    let methods = document["paths"].as_object().unwrap().values();
    methods.flat_map(|it| it.as_object().unwrap().values())
}

#[test]
fn what_an_answer_leads_to_is_there() {
    let document = openapi();
    let named = |name: &Value| operations(&document).find(|it| it["operationId"] == *name);
    let responses = operations(&document).flat_map(|it| it["responses"].as_object().unwrap());
    let links = responses.filter_map(|(_, it)| it["links"].as_object()).flatten();
    let mut count = 0;
    for (name, link) in links {
        let target = named(&link["operationId"]).unwrap_or_else(|| panic!("{name} is nowhere"));
        let parameters = target["parameters"].as_array().unwrap();
        for parameter in link["parameters"].as_object().unwrap().keys() {
            assert!(parameters.iter().any(|it| it["name"] == *parameter), "{name}: {parameter}");
        }
        count += 1;
    }
    assert_eq!(count, 19);
}

#[test]
fn operations_have_names_of_their_own() {
    let document = openapi();
    let names = operations(&document).map(|it| it["operationId"].as_str().unwrap());
    let mut names: Vec<&str> = names.collect();
    let all = names.len();
    names.sort_unstable();
    assert!(names.contains(&"jobs_delete"), "{names:?}");
    names.dedup();
    assert_eq!(names.len(), all, "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem_too() {
    let world = World::new().await;
    let nothing = world.get("/api/v1/nothing").await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    assert_eq!(nothing.detail(), "there is nothing at `/api/v1/nothing`");
    let odd = world.send("PATCH", "/api/v1/models", &[], None).await;
    assert_eq!(odd.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(odd.detail(), "`PATCH` cannot be done here");
    assert!(!odd.header("x-request-id").is_empty());
    let given = world.send("GET", "/health", &[("x-request-id", "abc-1")], None).await;
    assert_eq!(given.header("x-request-id"), "abc-1");
    assert_eq!(world.get("/ready").await.json()["status"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_nothing_to_do_with_what_cannot_be_done() {
    let world = World::new().await;
    let path = "/api/v1/jobs/synthetic/datasets";
    let key = [("idempotency-key", "one")];
    let body = json!({ "name": "d", "dataset_type": "features" });
    let first = world.send("POST", path, &key, Some(body.clone())).await;
    assert_eq!(first.status, StatusCode::CREATED);
    for (path, status) in
        [(path, StatusCode::METHOD_NOT_ALLOWED), ("/api/v1/nothing", StatusCode::NOT_FOUND)]
    {
        assert_eq!(world.send("DELETE", path, &key, None).await.status, status);
    }
    let empty = world.send("POST", path, &[("idempotency-key", "")], Some(body)).await;
    assert_eq!(empty.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_a_key_is_carried_out_once() {
    let world = World::new().await;
    let path = "/api/v1/jobs/synthetic/datasets";
    let body = json!({ "name": "d", "dataset_type": "features" });
    let key = [("idempotency-key", "one")];
    let first = world.send("POST", path, &key, Some(body.clone())).await;
    let again = world.send("POST", path, &key, Some(body.clone())).await;
    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(world.get(path).await.json()["total"], 1);
    let other = json!({ "name": "e", "dataset_type": "features" });
    let reused = world.send("POST", path, &key, Some(other)).await;
    assert_eq!(reused.status, StatusCode::UNPROCESSABLE_ENTITY);

    let dataset = first.json()["dataset_id"].as_str().unwrap().to_owned();
    let one = format!("{path}/{dataset}");
    let key = [("idempotency-key", "two")];
    for _ in 0..2 {
        let gone = world.send("DELETE", &one, &key, None).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(world.delete(&one).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_changes_are_put_together() {
    // Long before it is the turn of everything else.
    let world = World::with_settings(settings()).await;
    let path = "/api/v1/jobs/synthetic/datasets";
    for number in 0..60 {
        let body = json!({ "name": format!("{number}"), "dataset_type": "features" });
        assert_eq!(world.post(path, body).await.status, StatusCode::CREATED);
    }
    let session = world.session().await;
    let dataset = "synthetic/dataset".parse().unwrap();
    for _ in 0..200 {
        let status = session.store().status(session.graph(), &dataset).await.unwrap();
        assert_eq!(status.samples, 60);
        if status.chunks < 50 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("they stay apart");
}

/// All files below a folder, with their sizes.
fn files(folder: &Path, found: &mut BTreeMap<String, u64>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => {
                found.insert(path.display().to_string(), fs::metadata(&path).unwrap().len());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_leaves_spaces_at_rest_alone() {
    let mut world = World::stopped();
    // Where something is kept for a time there is something to do some day.
    let features = world.folder().join("features.toml");
    let declared = fs::read_to_string(&features).unwrap();
    fs::write(&features, declared.replace("retention = { keep_deleted = \"0s\" }", "")).unwrap();
    let home = world.session().await;
    let anna = tokens::add(home.store(), "anna", Role::Admin, Some("anna")).await.unwrap();
    tokens::add(home.store(), "ben", Role::Admin, Some("ben")).await.unwrap();
    let above = tokens::add(home.store(), "above", Role::Admin, None).await.unwrap();
    world.set_token(Some(anna.reveal()));
    let restless = Settings { every: Duration::from_millis(100), ..settings() };
    world.start(restless).await;
    world.made("tones", 2).await;
    let space = Space::open(world.project().in_space(Some("anna")).unwrap()).await.unwrap();
    let session = Session::new(&Arc::new(space), "beside");
    // That was said before there was a job, too.
    let version = session.store().table_version(&"synthetic/job".parse().unwrap()).await.unwrap();
    let end = format!("/job:{}", version.unwrap());
    let says_so = |name: &String| name.starts_with("rest/") && name.ends_with(&end);
    while !leases::held(session.store()).await.unwrap().keys().any(says_so) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.stop().await;
    let spaces = world.folder().join(".metalith/store/spaces");
    assert!(!spaces.join("ben").exists(), "nobody has worked there");
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    files(&spaces, &mut before);

    world.set_token(Some(above.reveal()));
    world.start(restless).await;
    let seen = "metalith_purge_queue{space=\"anna\"} 0";
    while !world.get("/metrics").await.text().contains(seen) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.stop().await;
    files(&spaces, &mut after);
    assert_eq!(after, before);
    // What happens there is seen all the same.
    world.set_token(Some(anna.reveal()));
    world.start(restless).await;
    let (_, dataset) = world.made("more", 1).await;
    assert_eq!(world.objects(&format!("anna/{dataset}")), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold() {
    let limits = Limits { body: 100, page: 1, ..settings().limits };
    let world = World::with_settings(Settings { limits, ..settings() }).await;
    let path = "/api/v1/jobs/synthetic/datasets";
    let long = json!({ "name": "d".repeat(200), "dataset_type": "features" });
    assert_eq!(world.post(path, long).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    for name in ["d", "e"] {
        let body = json!({ "name": name, "dataset_type": "features" });
        assert_eq!(world.post(path, body).await.status, StatusCode::CREATED);
    }
    let listed = world.get(&format!("{path}?limit=1000")).await.json();
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["total"]), (1, &json!(2)));
    assert_eq!(listed["items"][0]["name"], "e", "the newest first");
    let far = u64::MAX;
    for path in [path, "/jobs", "/datasets", "/deletions", "/holds", "/audit"] {
        let beyond = world.get(&format!("{path}?offset={far}")).await;
        assert_eq!(beyond.status, StatusCode::OK, "{path}: {}", beyond.text());
    }
    let second = world.get(&format!("{path}?limit=1&offset=1")).await.json();
    assert_eq!(second["items"][0]["name"], "d");

    let limits = Limits { at_once: 0, ..settings().limits };
    let busy = World::with_settings(Settings { limits, ..settings() }).await;
    let refused = busy.get("/ready").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(busy.get("/health").await.status, StatusCode::OK, "busy is not dead");
}
