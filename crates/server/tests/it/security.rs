//! Who may do what, from where.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use metalith_registry::{
    Job, JobState, NewDataset, Session, Space, find, register_dataset,
    tokens::{self, Role},
};
use metalith_server::{Limits, ServerError, Settings, start};
use serde_json::json;

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn others_get_in_with_tokens_only() {
    let world = World::stopped();
    let open = Settings::at(([0, 0, 0, 0], 0).into());
    let refused = start(world.project(), open).await.unwrap_err();
    assert!(matches!(refused, ServerError::Open { .. }), "{refused}");
    let session = world.session().await;
    tokens::add(session.store(), "anna", Role::Admin, None).await.unwrap();
    start(world.project(), open).await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_what_the_lower_ones_may() {
    let mut world = World::stopped();
    let session = world.session().await;
    let mut secrets = Vec::new();
    for role in Role::ALL {
        let secret = tokens::add(session.store(), role.name(), role, None).await.unwrap();
        secrets.push((role, secret.reveal().to_owned()));
    }
    world.start(crate::support::settings()).await;
    let dataset = json!({ "name": "d", "dataset_type": "features" });
    let nobody = "/api/v1/models/550e8400-e29b-41d4-a716-446655440000";
    for (role, secret) in &secrets {
        world.set_token(Some(secret));
        let read = world.get("/api/v1/models").await.status;
        let write = world.post("/api/v1/jobs/synthetic/datasets", dataset.clone()).await.status;
        let delete = world.delete(nobody).await.status;
        assert_eq!(read, StatusCode::OK);
        assert_eq!(write == StatusCode::CREATED, *role >= Role::Write, "{role}: {write}");
        assert_eq!(delete == StatusCode::NOT_FOUND, *role >= Role::Delete, "{role}: {delete}");
        assert_eq!(delete == StatusCode::FORBIDDEN, *role < Role::Delete, "{role}: {delete}");
    }
    for wrong in [None, Some("mlt_0000"), Some("")] {
        world.set_token(wrong);
        let refused = world.get("/api/v1/models").await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert_eq!(world.get("/metrics").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(world.get("/health").await.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tokens_name_is_the_actor_and_its_space_a_world_of_its_own() {
    let mut world = World::stopped();
    let session = world.session().await;
    let secret = async |name: &str, space: Option<&str>| {
        let secret = tokens::add(session.store(), name, Role::Admin, space).await.unwrap();
        secret.reveal().to_owned()
    };
    let (anna, ben) = (secret("anna", Some("a")).await, secret("ben", Some("b")).await);
    world.start(crate::support::settings()).await;

    world.set_token(Some(&anna));
    let (job, dataset) = world.made("hers", 1).await;
    assert!(world.bucket.join(format!("synthetic/a/{dataset}/sample-0/rx_0.npy")).is_file());
    let job = format!("/api/v1/jobs/synthetic/{job}");
    let dataset_path = format!("/api/v1/jobs/synthetic/datasets/{dataset}");
    assert_eq!(world.get(&job).await.json()["created_by"], "anna");

    world.set_token(Some(&ben));
    for list in ["/api/v1/jobs/synthetic", "/api/v1/jobs/synthetic/datasets", "/api/v1/models"] {
        assert_eq!(world.get(list).await.json()["total"], 0, "{list}");
    }
    for path in [&job, &dataset_path, &format!("{dataset_path}/plan"), &format!("{job}/plan")] {
        assert_eq!(world.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(world.delete(&job).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.delete(&dataset_path).await.status, StatusCode::NOT_FOUND);
    let cancel = world.post(&format!("{job}/cancel"), json!(null)).await;
    assert_eq!(cancel.status, StatusCode::NOT_FOUND);
    let thief = json!({ "name": "m", "is_active": true, "dataset_ids": [dataset] });
    assert_eq!(world.post("/api/v1/models", thief).await.status, StatusCode::NOT_FOUND);

    world.set_token(Some(&anna));
    let gone = world.delete(&format!("{job}?delete_dataset=true")).await;
    assert_eq!(gone.json()["minio_files_deleted"], 2, "{}", gone.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_and_borrowed_names_get_nothing() {
    let world = World::new().await;
    let path = "/api/v1/jobs/synthetic/datasets/550e8400-e29b-41d4-a716-446655440000";
    for header in
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")]
    {
        let refused = world.send("DELETE", path, &[header], None).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{header:?}");
    }
    let borrowed = world.send("GET", "/api/v1/models", &[("host", "evil.example")], None).await;
    assert_eq!(borrowed.status, StatusCode::FORBIDDEN);
    let login =
        [("origin", "https://evil.example"), ("content-type", "application/x-www-form-urlencoded")];
    let entered = world.send("POST", "/login", &login, None).await;
    assert_eq!(entered.status, StatusCode::FORBIDDEN, "nobody is let in under another's name");
    let fine = world.send("GET", "/api/v1/models", &[("host", "localhost:1")], None).await;
    // Behind a proxy everybody comes from this machine.
    for name in ["x-forwarded-for", "x-forwarded-port", "forwarded", "via", "cf-connecting-ip"] {
        let proxied = world.send("GET", "/api/v1/models", &[(name, "203.0.113.7")], None).await;
        assert_eq!(proxied.status, StatusCode::FORBIDDEN, "{name}: {}", proxied.text());
        assert_eq!(proxied.json()["code"], "auth.proxy");
    }
    let as_proxies_do = "GET /api/v1/models HTTP/1.0\r\nhost: localhost\r\n\r\n";
    assert!(world.send_raw(as_proxies_do).await.ends_with("403 Forbidden"));
    assert_eq!(fine.status, StatusCode::OK);
    assert_eq!(fine.header("x-frame-options"), "DENY");
    assert!(fine.header("content-security-policy").contains("default-src 'none'"));
}

#[tokio::test]
async fn secrets_are_not_kept() {
    let world = World::stopped();
    let session = world.session().await;
    let secret = tokens::add(session.store(), "anna", Role::Read, None).await.unwrap();
    let kept = tokens::list(session.store()).await.unwrap();
    assert!(!format!("{kept:?}{secret:?}").contains(secret.reveal()));
    let valid = tokens::Tokens::read(session.store()).await.unwrap();
    assert_eq!(valid.owner(secret.reveal()).unwrap().name, "anna");
    let twice = tokens::add(session.store(), "anna", Role::Read, None).await.unwrap_err();
    assert_eq!(twice.to_string(), "there is a token `anna` already");
    tokens::revoke(session.store(), "anna").await.unwrap();
    let valid = tokens::Tokens::read(session.store()).await.unwrap();
    assert!(valid.owner(secret.reveal()).is_none() && valid.is_empty());
    tokens::revoke(session.store(), "anna").await.unwrap_err();
    assert!(world.folder().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_of_spaces_touches_and_tells_nothing_of_theirs() {
    let mut world = World::stopped();
    let session = world.session().await;
    let secret = async |name: &str, role: Role, space: Option<&str>| {
        let secret = tokens::add(session.store(), name, role, space).await.unwrap();
        secret.reveal().to_owned()
    };
    let anna = secret("anna", Role::Admin, Some("a")).await;
    let boss = secret("boss", Role::Admin, None).await;
    let clerk = secret("clerk", Role::Delete, None).await;
    world.start(crate::support::settings()).await;
    world.set_token(Some(&anna));
    let (_, hers) = world.made("hers", 2).await;
    let scan = |location: &str| {
        let config = json!({ "location": location, "feature": "video/raw" });
        json!({ "name": "look", "kind": "scan", "config": config })
    };
    let bucket = format!("s3://{}/synthetic", crate::support::BUCKET);
    let others = [
        bucket.clone(),
        format!("{bucket}/b"),
        format!("{bucket}/a/../b"),
        // One reader could take these for `…/b`, another for `…/a`.
        format!("{bucket}/b#/a"),
        format!("{bucket}/b?/a"),
        format!("{bucket}/a/.\t./b"),
        format!("{bucket}/a/%2e%2e/b"),
        format!("{bucket}/a/..\\b"),
    ];
    for other in others {
        let refused = world.post("/api/v1/jobs/synthetic", scan(&other)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{other}: {}", refused.text());
    }
    let own = world.post("/api/v1/jobs/synthetic", scan(&format!("{bucket}/a"))).await;
    let own = world.job_when(&own.json(), |it| it["finished_at"].is_string()).await;
    assert_eq!(own["status"], "completed", "{own}");
    assert_eq!(world.get("/metrics").await.status, StatusCode::FORBIDDEN, "it is of all spaces");

    world.set_token(Some(&boss));
    let (_, his) = world.made("his", 1).await;
    let found = world.get("/api/v1/objects/audit?min_age=0s").await.json();
    assert_eq!((&found["objects"], &found["orphans"]), (&json!(2), &json!(0)), "{found}");
    let fixed = world.post("/api/v1/objects/audit/fix?min_age=0s", json!({})).await;
    assert_eq!(fixed.status, StatusCode::CONFLICT, "{}", fixed.text());
    assert!(fixed.detail().contains("spaces a"), "{}", fixed.detail());
    let refused = world.post("/api/v1/jobs/synthetic", scan(&bucket)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
    let gone = world.delete(&format!("/api/v1/jobs/synthetic/datasets/{his}")).await;
    assert_eq!(gone.header("metalith-objects-deleted"), "2", "its own goes all the same");
    assert_eq!(world.objects(&format!("a/{hers}")), 4);
    assert_eq!(world.get("/metrics").await.status, StatusCode::OK);
    world.set_token(Some(&clerk));
    assert_eq!(world.get("/metrics").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_its_callers_own_and_nobodys_is_remembered() {
    let limits = Limits { body: 200, ..crate::support::settings().limits };
    let mut world = World::stopped();
    let session = world.session().await;
    let mut secrets = Vec::new();
    for name in ["anna", "ben"] {
        let secret = tokens::add(session.store(), name, Role::Write, None).await.unwrap();
        secrets.push(secret.reveal().to_owned());
    }
    world.start(Settings { limits, ..crate::support::settings() }).await;
    let path = "/api/v1/jobs/synthetic/datasets";
    let key = [("idempotency-key", "one")];
    let body = json!({ "name": "d", "dataset_type": "features" });
    // What is too long is not even read of those who are nobody.
    let long = json!({ "name": "d".repeat(1000), "dataset_type": "features" });
    for _ in 0..2 {
        let refused = world.send("POST", path, &key, Some(long.clone())).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
    let mut made = Vec::new();
    for secret in &secrets {
        world.set_token(Some(secret));
        let answer = world.send("POST", path, &key, Some(body.clone())).await;
        assert_eq!(
            (answer.status, answer.header("idempotency-replayed")),
            (StatusCode::CREATED, "")
        );
        made.push(answer.json()["dataset_id"].clone());
    }
    assert_ne!(made[0], made[1]);
    let again = world.send("POST", path, &key, Some(body.clone())).await;
    assert_eq!(again.json()["dataset_id"], made[1]);
    world.set_token(Some("mlt_nobody"));
    let nobody = world.send("POST", path, &key, Some(body)).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_revokes_the_last_token_does_not_open_the_door() {
    let mut world = World::stopped();
    let session = world.session().await;
    tokens::add(session.store(), "anna", Role::Read, None).await.unwrap();
    tokens::revoke(session.store(), "anna").await.unwrap();
    world.start(crate::support::settings()).await;
    assert_eq!(world.get("/api/v1/models").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_space_that_is_broken_keeps_the_others_working() {
    let mut world = World::stopped();
    let session = world.session().await;
    let mut secrets = Vec::new();
    for space in ["bad", "good"] {
        let secret = tokens::add(session.store(), space, Role::Write, Some(space)).await.unwrap();
        secrets.push(secret.reveal().to_owned());
    }
    let root = std::path::PathBuf::from(session.store().location());
    let bad = root.join("spaces/bad");
    std::fs::create_dir_all(&bad).unwrap();
    std::fs::write(bad.join("metalith-store.json"), "nonsense").unwrap();
    world.start(crate::support::settings()).await;
    world.set_token(Some(&secrets[0]));
    assert!(world.get("/api/v1/models").await.status.is_server_error());
    world.set_token(Some(&secrets[1]));
    world.made("fine", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_without_tokens_is_looked_after_all_the_same() {
    let mut world = World::stopped();
    let session = world.session().await;
    let secret = tokens::add(session.store(), "anna", Role::Write, Some("a")).await.unwrap();
    world.start(crate::support::settings()).await;
    world.set_token(Some(secret.reveal()));
    let job = world.begin_job("long", 300).await;
    world.job_when(&job, |it| it["done"].as_u64().unwrap_or_default() >= 2).await;
    world.stop().await;
    tokens::revoke(session.store(), "anna").await.unwrap();
    world.start(crate::support::settings()).await;
    let space = Space::open(world.project().in_space(Some("a")).unwrap()).await.unwrap();
    let inside = Session::new(&Arc::new(space), "beside");
    let id = job["job_id"].as_str().unwrap().parse().unwrap();
    for _ in 0..600 {
        let job: Job = find(&inside, id).await.unwrap();
        if job.status == JobState::Completed {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody goes on with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_is_slow_keeps_no_other_waiting() {
    let mut world = World::stopped();
    let session = world.session().await;
    tokens::add(session.store(), "anna", Role::Write, Some("a")).await.unwrap();
    let space = Space::open(world.project().in_space(Some("a")).unwrap()).await.unwrap();
    let inside = Session::new(&Arc::new(space), "beside");
    for number in 0..60 {
        let (name, dataset_type) = (number.to_string(), "features".to_owned());
        let new = NewDataset { name, dataset_type, created_by_job_id: None };
        register_dataset(&inside, new).await.unwrap();
    }
    // The first to have its turn lists objects for an hour.
    world.s3.delay_reading(Duration::from_secs(3600));
    let restless = Settings { every: Duration::from_millis(200), ..crate::support::settings() };
    world.start(restless).await;
    let dataset = "synthetic/dataset".parse().unwrap();
    for _ in 0..600 {
        let status = inside.store().status(inside.graph(), &dataset).await.unwrap();
        assert_eq!(status.samples, 60);
        if status.chunks < 50 {
            world.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody looks after it");
}
