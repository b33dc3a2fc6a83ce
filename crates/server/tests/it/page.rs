//! The page, as a browser gets it.

use axum::http::StatusCode;
use metalith_registry::tokens::{self, Role};
use serde_json::json;

use crate::support::{Answer, World, settings};

/// Parts of a page that must be there.
fn check(page: &Answer, parts: &[&str]) {
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    let text = page.text();
    for part in parts {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_shows_what_there_is() {
    let world = World::new().await;
    let (job, dataset) = world.made("tones <b>", 2).await;
    world.model("loc v1", true, &[&dataset]).await;
    check(&world.get("/").await, &["What needs attention", "synthetic/sample"]);
    check(&world.get("/graph").await, &["<svg", "href=\"/features/synthetic__dataset\""]);
    let samples = world.get("/features/synthetic__sample?filter=number%20%3D%201").await;
    check(&samples, &["1 samples", &format!("{dataset}/1")]);
    let wrong = world.get("/features/synthetic__sample?filter=colour%20%3D%201").await;
    check(&wrong, &["colour", "role=\"alert\""]);
    check(&world.get("/jobs").await, &["make tones &lt;b&gt;", "completed", "data-kind=\"job\""]);
    check(&world.get(&format!("/jobs/{job}")).await, &["begun", "dataset_name"]);
    check(&world.get("/datasets").await, &["tones &lt;b&gt;", "data-kind=\"dataset\""]);
    let page = world.get(&format!("/datasets/{dataset}")).await;
    check(&page, &["href=\"/models#model-loc-v1\"", "(active)"]);
    check(&world.get("/models").await, &["id=\"model-loc-v1\"", "Deactivate"]);
    check(&world.get("/objects").await, &["4</strong> objects", "s3://heimdall-synthetic-iq"]);
    check(&world.get("/holds").await, &["deleted by nobody"]);
    let parts = ["GET /api/v1/runs", "delete_dataset", "Listed_RunView", "OngoingView"];
    check(&world.get("/api").await, &parts);

    let gone = world.delete(&format!("/api/v1/jobs/synthetic/{job}")).await;
    let deletion = gone.header("metalith-deletion");
    check(&world.get("/deletions").await, &[deletion, "synthetic/job"]);
    check(&world.get(&format!("/deletions/{deletion}")).await, &["set_null", "tester"]);
    check(&world.get("/audit").await, &["entries holds", deletion]);
    for missing in ["/deletions/nothing", "/jobs/550e8400-e29b-41d4-a716-446655440000"] {
        let page = world.get(missing).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        assert!(page.text().contains("there is no"), "{}", page.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_tells_what_lies_in_each_bucket() {
    let mut world = World::stopped();
    let folder = world.bucket.join("synthetic/lost");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.npy"), [0; 2048]).unwrap();
    world.start(settings()).await;
    // It is listed in the background.
    for _ in 0..200 {
        if world.get("/").await.text().contains("As listed at") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    check(&world.get("/").await, &["<code>s3://heimdall-synthetic-iq</code>", "2.0 KiB"]);
    let audit = world.get("/api/v1/objects/audit").await.json();
    let place = json!({ "place": "s3://heimdall-synthetic-iq", "objects": 1, "bytes": 2048 });
    assert_eq!(audit["places"], json!([place]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_needs_nothing_from_elsewhere() {
    let world = World::new().await;
    for path in ["/", "/jobs", "/assets/style.css", "/assets/script.js"] {
        let page = world.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(!page.text().contains("//cdn") && !page.text().contains("https://"), "{path}");
    }
    // The policy forbids styles and scripts that stand in the page itself.
    let page = world.get("/jobs").await.text();
    assert!(!page.contains(" style=") && !page.contains("onclick"), "{page}");
    let dialog = page.split_once("<dialog").unwrap().1;
    assert!(dialog.contains("id=\"delete-dataset\" type=\"checkbox\""), "{dialog}");
    assert!(!dialog.contains("checked"), "the datasets stay unless somebody says otherwise");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_the_page_and_stays_in_a_cookie() {
    let mut world = World::stopped();
    let session = world.session().await;
    let secret = tokens::add(session.store(), "anna", Role::Read, None).await.unwrap();
    world.start(settings()).await;
    let outside = world.get("/jobs").await;
    assert_eq!((outside.status, outside.header("location")), (StatusCode::SEE_OTHER, "/login"));
    check(&world.get("/login").await, &["name=\"token\""]);
    let wrong = world.form("/login", "token=nonsense").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let entered = world.form("/login", &format!("token={}", secret.reveal())).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER);
    let cookie = entered.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let inside = world.send("GET", "/jobs", &[("cookie", cookie)], None).await;
    assert_eq!(inside.status, StatusCode::OK);
    let body = Some(json!({ "name": "x", "dataset_type": "y" }));
    let path = "/api/v1/jobs/synthetic/datasets";
    let beyond = world.send("POST", path, &[("cookie", cookie)], body).await;
    assert_eq!(beyond.status, StatusCode::FORBIDDEN, "a reader changes nothing");
}
