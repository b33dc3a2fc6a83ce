//! The general part of the API: features, samples, deletions, holds, storage, audit.

use axum::http::StatusCode;
use metalith_pipeline::{Options, Surroundings};
use metalith_testkit::fixtures::write;
use serde_json::{Value, json};

use crate::support::{Answer, World, text};

/// Three videos, and crops of two of them.
async fn videos(world: &World) {
    let session = world.session().await;
    let video = |path: &str, size: i64| json!({ "path": path, "size": size, "metaxy_provenance_by_field": { "content": path } });
    let rows = json!([video("b.mp4", 2), video("a.mp4", 1), video("c.mp4", 3)]);
    write(session.store(), session.graph(), "video/raw", &rows).await.unwrap();
    let crop =
        |path: &str| json!({ "path": path, "metaxy_provenance_by_field": { "content": "made" } });
    let rows = json!([crop("a.mp4"), crop("b.mp4")]);
    write(session.store(), session.graph(), "video/crop", &rows).await.unwrap();
}

fn names(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let items = json["items"].as_array().unwrap_or_else(|| panic!("{json}"));
    items.iter().map(|it| text(it, "path")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_pipelines_are_looked_at() {
    let world = World::new().await;
    let session = world.session().await;
    let file = world.folder().join("videos.csv");
    std::fs::write(&file, "path,size\na,1\nb,2\n").unwrap();
    let pipeline = "name: copy\ndatasources:\n  - { id: here, type: csv, path: . }\n\
                    input: { datasource_id: here, table: videos }\noperations:\n  \
                    - { seq: 1, type: output, destination: { datasource_id: here, table: copied } }\n";
    let (now, project) = (session.store().now(), world.project());
    for (text, outcome) in [(pipeline, "succeeded"), ("name: odd\n", "failed")] {
        let mut surroundings = Surroundings::new(world.folder(), now);
        surroundings.project = Some(&project);
        let name = "copy.yaml";
        let done = metalith_pipeline::run((name, text), &surroundings, Options::default()).await;
        assert_eq!(done.is_ok(), outcome == "succeeded", "{done:?}");
        let run = world.get(&format!("/api/v1/runs/{}", surroundings.run)).await.json();
        assert_eq!((&run["outcome"], &run["file"]), (&json!(outcome), &json!(name)), "{run}");
        assert_eq!(run["error"].is_string(), outcome == "failed", "{run}");
    }
    let runs = world.get("/api/v1/runs?limit=1").await.json();
    assert_eq!((&runs["total"], &runs["items"][0]["outcome"]), (&json!(2), &json!("failed")));
    assert_eq!(world.get("/api/v1/runs/nothing").await.status, StatusCode::NOT_FOUND);
}

const RAW: &str = "/api/v1/features/video__raw";

#[tokio::test(flavor = "multi_thread")]
async fn features_and_samples_are_looked_at() {
    let world = World::new().await;
    videos(&world).await;
    let all = world.get("/api/v1/features").await.json();
    let keys: Vec<&str> =
        all["features"].as_array().unwrap().iter().filter_map(|it| it["key"].as_str()).collect();
    assert!(keys.contains(&"video/raw") && keys.contains(&"synthetic/dataset"), "{keys:?}");
    let crop = world.get("/api/v1/features/video%2Fcrop").await.json();
    assert_eq!((&crop["deps"], &crop["status"]["samples"]), (&json!(["video/raw"]), &json!(2)));
    assert_eq!(crop["status"]["increment"]["new"], 1);

    let samples = |query: &str| format!("{RAW}/samples{query}");
    assert_eq!(names(&world.get(&samples("")).await), ["a.mp4", "b.mp4", "c.mp4"]);
    let page = world.get(&samples("?limit=1&offset=1&columns=size")).await;
    assert_eq!(
        page.json(),
        json!({ "items": [{ "size": 2, "path": "b.mp4" }], "total": 3, "offset": 1 })
    );
    assert_eq!(names(&world.get(&samples("?filter=size%20%3E%201")).await), ["b.mp4", "c.mp4"]);
    assert_eq!(names(&world.get(&samples("?offset=99")).await), [""; 0]);
    for odd in ["?filter=colour%20%3D%201", "?filter=size%20%3E", "?columns=colour", "?limit=x"] {
        let refused = world.get(&samples(odd)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{odd}: {}", refused.text());
    }
    assert_eq!(world.get("/api/v1/features/video__nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/api/v1/features/__").await.status, StatusCode::BAD_REQUEST);

    let increment = world.get("/api/v1/features/video__crop/increment?part=new").await;
    assert_eq!(names(&increment), ["c.mp4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_come_as_arrow_if_asked_for() {
    let world = World::new().await;
    videos(&world).await;
    let accept = [("accept", "application/vnd.apache.arrow.stream")];
    let answer = world.send("GET", &format!("{RAW}/samples?limit=2"), &accept, None).await;
    assert_eq!(answer.header("content-type"), accept[0].1);
    assert_eq!(answer.header("metalith-total"), "3");
    let reader = arrow::ipc::reader::StreamReader::try_new(answer.body.as_slice(), None).unwrap();
    let rows: usize = reader.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, 2);
}

fn of_a(cascade: &str) -> Value {
    json!({ "feature": "video/raw", "filters": ["path = 'a.mp4'"], "cascade": cascade, "reason": "blurred" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_planned_carried_out_looked_at_and_restored() {
    let world = World::new().await;
    videos(&world).await;
    let plan = world.planned(of_a("downstream")).await;
    assert_eq!((&plan["samples"], &plan["mode"]), (&json!(2), &json!("soft")));
    assert_eq!(names(&world.get(&format!("{RAW}/samples")).await).len(), 3, "nothing happened");
    let done = world.carry_out(&plan).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    assert_eq!(done.json()["samples"], 2);
    let again = world.carry_out(&plan).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND, "a plan is carried out once");
    assert_eq!(names(&world.get(&format!("{RAW}/samples")).await), ["b.mp4", "c.mp4"]);
    let hidden = world.get(&format!("{RAW}/samples?include_deleted=true")).await;
    assert_eq!(names(&hidden).len(), 3);

    let id = text(&done.json(), "deletion");
    let path = format!("/api/v1/deletions/{id}");
    let seen = world.get(&path).await.json();
    for (name, value) in [("state", "done"), ("actor", "tester"), ("reason", "blurred")] {
        assert_eq!(seen[name], value, "{seen}");
    }
    let restore = format!("{path}/restore");
    let dry = world.post(&restore, json!({ "dry_run": true })).await.json();
    assert_eq!(dry.as_array().unwrap().len(), 2, "{dry}");
    assert_eq!(names(&world.get(&format!("{RAW}/samples")).await).len(), 2);
    assert_eq!(world.post(&restore, json!({})).await.status, StatusCode::OK);
    assert_eq!(names(&world.get(&format!("{RAW}/samples")).await).len(), 3);
    assert_eq!(world.get(&path).await.json()["state"], "restored");
    assert_eq!(world.post(&restore, json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/api/v1/deletions/nonsense").await.status, StatusCode::NOT_FOUND);

    let listed = world.get("/api/v1/deletions").await.json();
    assert_eq!((&listed["total"], &listed["items"][0]["id"]), (&json!(1), &json!(id)));
    let log = world.get("/api/v1/audit").await.json();
    assert_eq!(log["items"][0]["event"], "restored");
    assert_eq!(world.get("/api/v1/audit/verification").await.json()["holds"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_stays_until_it_is_released() {
    let world = World::new().await;
    videos(&world).await;
    let hold = json!({ "feature": "video/raw", "filters": ["size = 1"], "reason": "a lawsuit" });
    let placed = world.post("/api/v1/holds", hold).await;
    assert_eq!((placed.status, &placed.json()["held"]), (StatusCode::CREATED, &json!(1)));
    let plan = world.planned(of_a("none")).await;
    assert_eq!(plan["blockers"][0]["hold"], placed.json()["id"]);
    let blocked = world.carry_out(&plan).await;
    assert_eq!(blocked.status, StatusCode::CONFLICT);
    assert!(blocked.detail().contains("a lawsuit"), "{}", blocked.detail());
    assert_eq!(world.get("/api/v1/deletions").await.json()["items"][0]["state"], "blocked");

    let release = format!("/api/v1/holds/{}/release", text(&placed.json(), "id"));
    assert_eq!(world.post(&release, json!({})).await.json()["is_released"], true);
    assert_eq!(world.post(&release, json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.planned(of_a("none")).await["blockers"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_nobody_names_are_found_and_deleted() {
    let world = World::new().await;
    let (_, dataset) = world.made("tones", 1).await;
    let stray = world.bucket.join("synthetic/lost/sample-0");
    std::fs::create_dir_all(&stray).unwrap();
    std::fs::write(stray.join("rx_0.npy"), "xyz").unwrap();
    let found = world.get("/api/v1/objects/audit?min_age=0s").await.json();
    assert_eq!((&found["objects"], &found["orphans"]), (&json!(3), &json!(1)), "{found}");
    assert_eq!(found["orphan_bytes"], 3);
    let young = world.post("/api/v1/objects/audit/fix?min_age=1h", json!({})).await.json();
    assert_eq!(young["deleted"], 0, "it may be about to be named");
    let fixed = world.post("/api/v1/objects/audit/fix?min_age=0s", json!({})).await.json();
    assert_eq!(fixed, json!({ "deleted": 1, "failed": 0, "bytes": 3 }));
    assert_eq!(world.objects(&dataset), 2);
    let odd = world.get("/api/v1/objects/audit?min_age=soon").await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_and_retention_are_told() {
    let world = World::new().await;
    videos(&world).await;
    let figures = world.get("/api/v1/statistics").await.json();
    assert_eq!(figures["samples"], 5, "{figures}");
    let session = world.session().await;
    let note =
        |path: &str| json!({ "path": path, "metaxy_provenance_by_field": { "default": "x" } });
    let rows = json!([note("a"), note("b")]);
    write(session.store(), session.graph(), "note", &rows).await.unwrap();
    let body = json!({ "feature": "note", "filters": ["path = 'a'"] });
    let plan = world.planned(body).await;
    world.carry_out(&plan).await;
    let due = world.get("/api/v1/retention").await.json();
    let rule = json!({ "feature": "note", "rule": "keep_deleted", "samples": 1 });
    for (name, value) in rule.as_object().unwrap() {
        assert_eq!(&due[0][name], value, "{due}");
    }
    let applied = world.post("/api/v1/retention/apply", json!({})).await.json();
    assert_eq!(applied["deletions"].as_array().unwrap().len(), 1, "{applied}");
    let hidden = world.get("/api/v1/features/note/samples?include_deleted=true").await;
    assert_eq!(names(&hidden), ["b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_to_be_purged_is_shown_and_tried_again() {
    let world = World::new().await;
    let (_, dataset) = world.made("tones", 2).await;
    world.s3.refuse(Some(|_| true));
    let gone = world.delete(&format!("/api/v1/jobs/synthetic/datasets/{dataset}")).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let path = format!("/api/v1/deletions/{}", gone.header("metalith-deletion"));
    let waiting = world.get(&path).await.json();
    assert_eq!((&waiting["state"], &waiting["failed"]), (&json!("purge pending"), &json!(4)));
    assert!(text(&waiting["failures"][0], "address").contains(&dataset), "{waiting}");
    world.s3.refuse(None);
    let purged = world.post("/api/v1/deletions/purge", json!({})).await.json();
    assert_eq!((&purged["objects_deleted"], &purged["unfinished"]), (&json!(4), &json!(0)));
    assert_eq!(world.get(&path).await.json()["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tombstones_say_can_be_asked_before_there_is_one() {
    let world = World::new().await;
    videos(&world).await;
    let asked = async |filter: &str| {
        let escaped = [(" ", "%20"), ("=", "%3D"), ("<", "%3C"), (">", "%3E")];
        let escape = |text: String, (sign, code): (&str, &str)| text.replace(sign, code);
        let filter = escaped.into_iter().fold(filter.to_owned(), escape);
        let answer =
            world.get(&format!("{RAW}/samples?include_deleted=true&filter={filter}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        names(&answer).len()
    };
    let counts = async || {
        [
            asked("metalith_deleted_by = 'tester'").await,
            asked("metalith_deleted_by IS NULL").await,
            asked("metalith_recoverable_until < now()").await,
            asked("metalith_deletion_id IS NULL AND size > 1").await,
        ]
    };
    assert_eq!(counts().await, [0, 3, 0, 2]);

    // Deletions take the same filters; crops are asked for by what their own tombstones say, not
    // by what those of the videos say that they were made of.
    let plan = async |feature: &str, mode: &str, filter: &str| {
        world.planned(json!({ "feature": feature, "filters": [filter], "mode": mode })).await
    };
    for mode in ["soft", "hard"] {
        let planned = plan("video/raw", mode, "metalith_deleted_by = 'tester'").await;
        assert_eq!(planned["samples"], 0, "{planned}");
    }
    let hidden = plan("video/raw", "soft", "path = 'a.mp4'").await;
    assert_eq!(world.carry_out(&hidden).await.status, StatusCode::OK);
    assert_eq!(counts().await, [1, 2, 0, 2]);
    let planned = plan("video/crop", "hard", "metalith_deleted_by = 'tester'").await;
    assert_eq!(planned["samples"], 0, "{planned}");
}
