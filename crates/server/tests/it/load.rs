//! Many clients at once: nobody meets an error, and nothing that was acknowledged is lost.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use metalith_testkit::fixtures::write;
use serde_json::{Value, json};

use crate::support::{Answer, Elsewhere, World, text};

const CLIENTS: usize = 32;
const DATASETS: &str = "/api/v1/jobs/synthetic/datasets";
const SAMPLES: &str = "/api/v1/features/video__raw/samples";

/// What one client knows in the end of what it did.
struct Kept {
    datasets: [String; 2],
    model: String,
    /// The sample that is deleted.
    deleted: String,
}

async fn expect(
    server: &Elsewhere,
    (method, path): (&str, &str),
    body: Option<Value>,
    status: StatusCode,
) -> Answer {
    let answer = server.send(method, path, &[], body).await;
    assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
    answer
}

/// Deletes a sample behind a tombstone, and says by which deletion.
async fn hide(server: &Elsewhere, path: &str) -> String {
    let body = json!({ "feature": "video/raw", "filters": [format!("path = '{path}'")] });
    let plan = ("POST", "/api/v1/deletions/plans");
    let plan = expect(server, plan, Some(body), StatusCode::CREATED).await;
    let id = text(&plan.json(), "id");
    let execute = format!("/api/v1/deletions/plans/{id}/execute");
    let done = expect(server, ("POST", &execute), None, StatusCode::OK).await;
    assert_eq!(done.json()["samples"], 1, "{}", done.text());
    id
}

/// Reads, writes and deletions, each of which sees what the same client did before.
async fn work(server: Elsewhere, number: usize) -> Kept {
    let register = async |name: &str| {
        let body = json!({ "name": format!("{name} {number}"), "dataset_type": "iq_raw" });
        let made = expect(&server, ("POST", DATASETS), Some(body), StatusCode::CREATED).await;
        text(&made.json(), "dataset_id")
    };
    let (kept, used, gone) =
        (register("kept").await, register("used").await, register("gone").await);
    let model = json!({ "name": format!("m {number}"), "is_active": true, "dataset_ids": [used] });
    let made = ("POST", "/api/v1/models");
    let model =
        text(&expect(&server, made, Some(model), StatusCode::CREATED).await.json(), "model_id");

    let (first, second) = (format!("{number}-a.mp4"), format!("{number}-b.mp4"));
    let deletion = hide(&server, &first).await;
    let listed = expect(&server, ("GET", DATASETS), None, StatusCode::OK).await;
    assert!(listed.json()["total"].as_u64().unwrap() >= 2, "{}", listed.text());
    let path = format!("{DATASETS}/{gone}");
    expect(&server, ("DELETE", &path), None, StatusCode::NO_CONTENT).await;
    expect(&server, ("GET", &path), None, StatusCode::NOT_FOUND).await;
    let path = format!("{DATASETS}/{used}");
    let blocked = expect(&server, ("DELETE", &path), None, StatusCode::CONFLICT).await;
    assert_eq!(blocked.json()["blockers"][0]["names"], json!([format!("m {number}")]));

    let sample = async |path: &str| {
        let filter = format!("{SAMPLES}?filter=path%3D'{path}'");
        let seen = expect(&server, ("GET", &filter), None, StatusCode::OK).await;
        seen.json()["total"].as_u64().unwrap()
    };
    assert_eq!(sample(&first).await, 0);
    let restore = format!("/api/v1/deletions/{deletion}/restore");
    expect(&server, ("POST", &restore), Some(json!({})), StatusCode::OK).await;
    assert_eq!(sample(&first).await, 1);
    hide(&server, &second).await;
    let switch = format!("/api/v1/models/{model}/deactivate");
    expect(&server, ("POST", &switch), None, StatusCode::OK).await;
    Kept { datasets: [kept, used], model, deleted: second }
}

/// One thing that all items of a list have.
fn all(listed: &Value, name: &str) -> BTreeSet<String> {
    listed["items"].as_array().unwrap().iter().map(|item| text(item, name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_read_write_and_delete_at_once_lose_nothing() {
    let world = World::new().await;
    let session = world.session().await;
    let names: Vec<String> = (0..CLIENTS)
        .flat_map(|number| ["a", "b"].map(|name| format!("{number}-{name}.mp4")))
        .collect();
    let videos = names
        .iter()
        .map(|path| json!({ "path": path, "metaxy_provenance_by_field": { "content": "x" } }));
    let videos = Value::from(videos.collect::<Vec<_>>());
    write(session.store(), session.graph(), "video/raw", &videos).await.unwrap();

    let clients = (0..CLIENTS).map(|number| tokio::spawn(work(world.at(world.address()), number)));
    let clients: Vec<_> = clients.collect();
    let mut kept = Vec::new();
    for client in clients {
        kept.push(client.await.unwrap());
    }

    let listed = world.get(&format!("{DATASETS}?limit=10000")).await.json();
    let datasets = kept.iter().flat_map(|it| it.datasets.clone()).collect();
    assert_eq!(all(&listed, "dataset_id"), datasets);
    let listed = world.get("/api/v1/models?limit=10000").await.json();
    assert_eq!(all(&listed, "model_id"), kept.iter().map(|it| it.model.clone()).collect());
    let models = listed["items"].as_array().unwrap();
    assert!(models.iter().all(|model| model["is_active"] == false), "{listed}");
    let listed = world.get(&format!("{SAMPLES}?limit=10000")).await.json();
    let deleted: BTreeSet<_> = kept.iter().map(|it| it.deleted.clone()).collect();
    let left = names.iter().filter(|name| !deleted.contains(*name)).cloned().collect();
    assert_eq!(all(&listed, "path"), left);
    let audit = world.get("/api/v1/audit/verification").await.json();
    assert_eq!(audit["holds"], true, "{audit}");
    let deletions = world.get("/api/v1/deletions?limit=10000").await.json();
    assert_eq!(all(&deletions, "id").len(), 4 * CLIENTS);
    let states = all(&deletions, "state");
    assert_eq!(states, ["blocked", "done", "restored"].map(str::to_owned).into());
}
