//! What is in one space can neither be read, changed nor found out from another: every endpoint that
//! is described, and every part of the page, is tried with everything there is.

use std::{collections::BTreeMap, sync::Arc};

use axum::http::StatusCode;
use metalith_pipeline::{Options, Surroundings};
use metalith_registry::{
    Session, Space,
    tokens::{self, Role},
};
use metalith_server::openapi;
use metalith_testkit::fixtures::write;
use serde_json::{Value, json};

use crate::support::{Answer, World, settings, text};

/// A part of everything that somebody has, in whatever column.
const SECRET: &str = "secret";
const NOBODY: &str = "550e8400-e29b-41d4-a716-446655440000";

/// What somebody has: ids, by what the description calls them.
async fn have_things(world: &World, space: &str) -> BTreeMap<&'static str, String> {
    let (job_id, dataset_id) = world.made("secret-tones", 2).await;
    let model_id = world.model("secret-model", true, &[&dataset_id]).await;
    let space = Space::open(world.project().in_space(Some(space)).unwrap()).await.unwrap();
    let session = Session::new(&Arc::new(space), "secret-anna");
    let video =
        |path: &str| json!({ "path": path, "metaxy_provenance_by_field": { "content": "x" } });
    let videos = json!([video("secret-a.mp4"), video("secret-b.mp4"), video("secret-c.mp4")]);
    write(session.store(), session.graph(), "video/raw", &videos).await.unwrap();
    let plan = async |path: &str| {
        let filter = format!("path = '{path}'");
        let body = json!({ "feature": "video/raw", "filters": [filter], "reason": "secret" });
        let planned = world.post("/api/v1/deletions/plans", body).await;
        assert_eq!(planned.status, StatusCode::CREATED, "{}", planned.text());
        text(&planned.json(), "id")
    };
    let deletion = plan("secret-a.mp4").await;
    let path = format!("/api/v1/deletions/plans/{deletion}/execute");
    assert_eq!(world.post(&path, json!({})).await.status, StatusCode::OK);
    let body =
        json!({ "feature": "video/raw", "filters": ["path = 'secret-c.mp4'"], "reason": "secret" });
    let hold = text(&world.post("/api/v1/holds", body).await.json(), "id");
    BTreeMap::from([
        ("job_id", job_id),
        ("dataset_id", dataset_id),
        ("model_id", model_id),
        ("deletion", deletion),
        ("plan", plan("secret-b.mp4").await),
        ("hold", hold),
        ("run", run(&session).await),
        ("feature", "video__raw".to_owned()),
    ])
}

/// A pipeline that somebody ran.
async fn run(session: &Session) -> String {
    let mut surroundings = Surroundings::new(".", session.store().now());
    surroundings.project = Some(session.space().project());
    let text = "name: secret\ninput: nothing\noperations: []\n";
    // It is on record, though it failed.
    metalith_pipeline::run(("secret.yaml", text), &surroundings, Options::default())
        .await
        .unwrap_err();
    surroundings.run.clone()
}

/// A body with which somebody else might get at it.
fn body(path: &str, ids: &BTreeMap<&'static str, String>) -> Value {
    let bucket = format!("s3://{}/synthetic/a", crate::support::BUCKET);
    match path {
        "/api/v1/jobs/synthetic" => {
            let config = json!({ "location": bucket, "feature": "video/raw" });
            json!({ "name": "look", "kind": "scan", "config": config })
        }
        "/api/v1/jobs/synthetic/datasets" => {
            json!({ "name": "d", "dataset_type": "x", "created_by_job_id": ids["job_id"] })
        }
        "/api/v1/models" => {
            json!({ "name": "m", "is_active": true, "dataset_ids": [ids["dataset_id"]] })
        }
        "/api/v1/deletions/plans" => {
            json!({ "feature": "video/raw", "filters": ["TRUE"], "mode": "hard" })
        }
        "/api/v1/holds" => json!({ "feature": "video/raw" }),
        _ => json!({}),
    }
}

fn check_silent(answer: &Answer, story: &str) {
    let said = String::from_utf8_lossy(&answer.body);
    assert!(!said.contains(SECRET), "{story} tells: {said}");
    let said = format!("{:?}", answer.headers);
    assert!(!said.contains(SECRET), "{story} tells: {said}");
    assert!(!answer.status.is_server_error(), "{story}: {}", answer.status);
}

/// A path of the description with ids in it, and what it is the id of, if it has one.
fn at(path: &str, ids: &BTreeMap<&'static str, String>) -> (String, Option<String>) {
    let Some((before, rest)) = path.split_once('{') else { return (path.to_owned(), None) };
    let (name, after) = rest.split_once('}').unwrap();
    let name = if path.contains("/plans/") { "plan" } else { name };
    let id = ids.get(name).unwrap_or_else(|| panic!("whose is {name} in {path}? teach this test"));
    (format!("{before}{id}{after}"), Some(id.clone()))
}

/// Everything that somebody sees, but for figures of the moment.
async fn everything(world: &World) -> Vec<(String, Value)> {
    let mut seen = Vec::new();
    for (path, methods) in openapi()["paths"].as_object().unwrap() {
        if methods["get"].is_object() && !path.contains('{') && path.starts_with("/api/v1") {
            let answer = world.get(path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
            seen.push((path.clone(), answer.json()));
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_space_is_read_changed_or_found_out_from_another() {
    let mut world = World::stopped();
    let session = world.session().await;
    let mut secrets = Vec::new();
    for (name, space) in [("secret-anna", "a"), ("ben", "b")] {
        let secret = tokens::add(session.store(), name, Role::Admin, Some(space)).await.unwrap();
        secrets.push(secret.reveal().to_owned());
    }
    world.start(settings()).await;
    world.set_token(Some(&secrets[0]));
    let ids = have_things(&world, "a").await;
    let before = everything(&world).await;
    assert!(format!("{before:?}").matches(SECRET).count() > 8, "{before:?}");

    world.set_token(Some(&secrets[1]));
    let nobodys: BTreeMap<_, _> = ids
        .iter()
        .map(|(name, id)| (*name, if *name == "feature" { id.clone() } else { NOBODY.to_owned() }))
        .collect();
    let mut tried = 0;
    for (path, methods) in openapi()["paths"].as_object().unwrap() {
        for (method, _) in methods.as_object().unwrap() {
            let method = method.to_uppercase();
            let query = if path.ends_with("/increment") { "?part=new" } else { "" };
            let body = (method == "POST").then(|| body(path, &ids));
            let (theirs, id) = at(path, &ids);
            let story = format!("{method} {theirs}");
            let answer = world.send(&method, &format!("{theirs}{query}"), &[], body.clone()).await;
            check_silent(&answer, &story);
            tried += 1;
            let Some(id) = id.filter(|_| !path.contains("{feature}")) else { continue };
            // It is answered as if it were not there at all.
            let (unknown, _) = at(path, &nobodys);
            let other = world.send(&method, &unknown, &[], body).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{story}: {}", answer.text());
            assert_eq!(other.status, StatusCode::NOT_FOUND, "{unknown}");
            assert_eq!(answer.text().replace(&id, NOBODY), other.text(), "{story}");
        }
    }
    assert!(tried > 35, "{tried}");
    for path in [
        "/",
        "/graph",
        "/features/video__raw",
        "/features/synthetic__sample",
        "/jobs",
        "/datasets",
        "/models",
        "/deletions",
        "/objects",
        "/holds",
        "/audit",
    ] {
        let page = world.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        check_silent(&page, path);
    }
    for (path, name) in
        [("/jobs", "job_id"), ("/datasets", "dataset_id"), ("/deletions", "deletion")]
    {
        let page = world.get(&format!("{path}/{}", ids[name])).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        check_silent(&page, path);
    }

    world.set_token(Some(&secrets[0]));
    for ((path, before), (_, after)) in before.iter().zip(everything(&world).await) {
        assert_eq!(before, &after, "{path}");
    }
    let dataset = &ids["dataset_id"];
    assert_eq!(world.objects(&format!("a/{dataset}")), 4);
    // Nor was anything used up: her plan is hers to carry out.
    let plan = format!("/api/v1/deletions/plans/{}/execute", ids["plan"]);
    assert_eq!(world.post(&plan, json!({})).await.json()["samples"], 1);
}
