//! Datasets and jobs are deleted as documented: what goes, what stays, what is said.

use std::{fs, time::Duration};

use axum::http::StatusCode;
use metalith_server::{Limits, Settings, start};
use metalith_testkit::{fixtures::write, s3_server::Moment};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::{BUCKET, World, settings};

const NOBODY: &str = "550e8400-e29b-41d4-a716-446655440000";

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_goes_with_its_samples_and_its_objects() {
    let world = World::new().await;
    let (_, dataset) = world.made("tones", 5).await;
    let (_, other) = world.made("other", 2).await;
    assert_eq!((world.objects(&dataset), world.objects(&other)), (10, 4));
    let path = format!("/api/v1/jobs/synthetic/datasets/{dataset}");
    let plan = world.get(&format!("{path}/plan")).await.json();
    assert_eq!(plan["objects"], 10, "{plan}");
    assert!(plan["bytes"].as_u64().unwrap() > 10 * 2000, "{plan}");
    let of_samples = json!({ "action": "delete", "feature": "synthetic/sample", "samples": 5 });
    for (name, value) in of_samples.as_object().unwrap() {
        assert_eq!(&plan["steps"][0][name], value, "{plan}");
    }

    let gone = world.delete(&path).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(gone.body, b"");
    assert_eq!(gone.header("metalith-cleanup"), "complete");
    assert_eq!(gone.header("metalith-objects-deleted"), "10");
    assert_eq!((world.objects(&dataset), world.objects(&other)), (0, 4));

    let again = world.delete(&path).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert_eq!(again.detail(), format!("there is no dataset `{dataset}`"));
    let left = world.get("/api/v1/jobs/synthetic/datasets").await.json();
    assert_eq!((&left["total"], &left["items"][0]["dataset_id"]), (&json!(1), &json!(other)));
    let metrics = world.get("/metrics").await.text();
    for line in [
        "metalith_datasets_deleted_total 1",
        "metalith_objects_deleted_total 10",
        "metalith_cleanups_total{outcome=\"success\"} 1",
        "metalith_deletion_seconds_count 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_or_malformed_is_told() {
    let world = World::new().await;
    for path in ["datasets/", ""] {
        let path = format!("/api/v1/jobs/synthetic/{path}");
        let unknown = world.delete(&format!("{path}{NOBODY}")).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{path}");
        let malformed = world.delete(&format!("{path}nonsense")).await;
        assert_eq!(malformed.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(malformed.detail().contains("must be a UUID"), "{}", malformed.detail());
    }
    let odd = format!("/api/v1/jobs/synthetic/{NOBODY}?delete_dataset=perhaps");
    assert_eq!(world.delete(&odd).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn active_models_protect_a_dataset_and_are_named() {
    let world = World::new().await;
    let (_, dataset) = world.made("synthetic_v1", 2).await;
    let first = world.model("localization_v1", true, &[&dataset]).await;
    let second = world.model("localization_v2", true, &[&dataset]).await;
    world.model("old", false, &[&dataset]).await;
    let path = format!("/api/v1/jobs/synthetic/datasets/{dataset}");

    let blocked = world.delete(&path).await;
    assert_eq!(blocked.status, StatusCode::CONFLICT);
    assert_eq!(
        blocked.detail(),
        "Cannot delete dataset: it is currently used by 2 active model(s): localization_v1, \
         localization_v2. Please deactivate or delete these models first."
    );
    let names = &blocked.json()["blockers"][0]["names"];
    assert_eq!(names, &json!(["localization_v1", "localization_v2"]));
    assert_eq!(world.objects(&dataset), 4);
    let seen = world.get(&path).await.json();
    assert_eq!(seen["models"].as_array().unwrap().len(), 3);

    let path_of = |model: &str| format!("/api/v1/models/{model}");
    let off = world.post(&format!("{}/deactivate", path_of(&first)), json!(null)).await;
    assert_eq!(off.json()["is_active"], false);
    let blocked = world.delete(&path).await;
    assert!(
        blocked.detail().contains("1 active model(s): localization_v2."),
        "{}",
        blocked.detail()
    );
    assert_eq!(world.delete(&path_of(&second)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.objects(&dataset), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_and_its_datasets_stay_unless_asked_otherwise() {
    let world = World::new().await;
    let (job, dataset) = world.made("tones", 3).await;
    let gone = world.delete(&format!("/api/v1/jobs/synthetic/{job}")).await;
    assert_eq!(gone.status, StatusCode::OK);
    assert_eq!(
        gone.json(),
        json!({
            "message": format!("Synthetic generation job {job} deleted successfully"),
            "job_id": job,
            "datasets_deleted": 0,
            "minio_files_deleted": 0,
        })
    );
    let stays = world.get(&format!("/api/v1/jobs/synthetic/datasets/{dataset}")).await.json();
    assert_eq!(stays["created_by_job_id"], json!(null));
    assert_eq!(stays["num_samples"], 3);
    assert_eq!(world.objects(&dataset), 6);

    let (job, dataset) = world.made("more tones", 75).await;
    let gone = world.delete(&format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true")).await;
    assert_eq!(
        gone.json(),
        json!({
            "message": format!("Synthetic generation job {job} deleted successfully"),
            "job_id": job,
            "datasets_deleted": 1,
            "minio_files_deleted": 150,
        })
    );
    assert_eq!(world.objects(&dataset), 0);
    assert_eq!(world.get("/api/v1/jobs/synthetic").await.json()["total"], 0);
    assert_eq!(world.get("/api/v1/jobs/synthetic/datasets").await.json()["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn datasets_without_any_sample_are_found() {
    let world = World::new().await;
    let path = "/api/v1/jobs/synthetic/datasets?without_samples=true";
    assert_eq!(world.get(path).await.json()["total"], 0);
    let empty = json!({ "name": "empty", "dataset_type": "features" });
    world.post("/api/v1/jobs/synthetic/datasets", empty).await;
    world.made("tones", 3).await;
    let found = world.get(path).await.json();
    let told = (&found["total"], &found["items"][0]["name"]);
    assert_eq!(told, (&json!(1), &json!("empty")), "{found}");
    assert_eq!(world.get("/api/v1/jobs/synthetic/datasets").await.json()["total"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dataset_in_use_keeps_the_job_and_all_its_datasets() {
    let world = World::new().await;
    let (job, dataset) = world.made("my_dataset", 1).await;
    // A second dataset of the same job, which nothing protects; its maker spells the id otherwise.
    let spelled = job.to_uppercase();
    let other =
        json!({ "name": "another", "dataset_type": "features", "created_by_job_id": spelled });
    let other = world.post("/api/v1/jobs/synthetic/datasets", other).await;
    assert_eq!(other.status, StatusCode::CREATED, "{}", other.text());
    assert_eq!(other.json()["created_by_job_id"], json!(job));
    world.model("localization_v1", true, &[&dataset]).await;
    world.model("localization_v2", true, &[&dataset]).await;

    let path = format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true");
    let blocked = world.delete(&path).await;
    assert_eq!(blocked.status, StatusCode::CONFLICT);
    assert_eq!(
        blocked.detail(),
        "Cannot delete dataset 'my_dataset': it is currently used by 2 active model(s): \
         localization_v1, localization_v2. Please deactivate or delete these models first, or \
         uncheck 'delete_dataset'."
    );
    let plan = world.get(&path.replace('?', "/plan?")).await.json();
    assert_eq!(plan["blockers"][0]["target"], "my_dataset");
    assert_eq!(world.get("/api/v1/jobs/synthetic/datasets").await.json()["total"], 2);
    assert_eq!(world.get("/api/v1/jobs/synthetic").await.json()["total"], 1);
    assert_eq!(world.objects(&dataset), 2);

    let without = world.delete(&format!("/api/v1/jobs/synthetic/{job}")).await;
    assert_eq!(without.status, StatusCode::OK, "without the datasets it may go");
}

/// Half of them.
fn is_locked(key: &str) -> bool {
    key.ends_with("rx_1.npy")
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_storage_keeps_are_told_and_go_later() {
    let world = World::new().await;
    let (job, dataset) = world.made("tones", 4).await;
    world.s3.refuse(Some(is_locked));
    let gone = world.delete(&format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true")).await;
    assert_eq!(gone.status, StatusCode::OK);
    let told = gone.json();
    assert_eq!((&told["minio_files_deleted"], &told["minio_files_failed"]), (&json!(4), &json!(4)));
    assert_eq!(gone.header("metalith-cleanup"), "pending");
    assert_eq!(gone.header("metalith-objects-failed"), "4");
    assert_eq!(gone.header("metalith-objects-pending"), "4");
    assert_eq!(told["minio_files_pending"], 4);
    assert_eq!(world.objects(&dataset), 4);
    assert!(world.get("/metrics").await.text().contains("metalith_objects_failed_total 4"));

    // Soon after, in the background, less and less often; or now, when somebody says so.
    world.s3.refuse(None);
    let purged = world.post("/api/v1/deletions/purge", json!({})).await.json();
    assert_eq!((&purged["objects_deleted"], &purged["unfinished"]), (&json!(4), &json!(0)));
    assert_eq!(world.objects(&dataset), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_is_down_keeps_no_dataset() {
    let mut world = World::new().await;
    let (_, dataset) = world.made("tones", 2).await;
    let path = format!("/api/v1/jobs/synthetic/datasets/{dataset}");
    world.s3.kill();
    let gone = world.delete(&path).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(gone.header("metalith-cleanup"), "pending");
    assert_eq!(world.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_ne!(gone.header("metalith-objects-pending"), "0");
    let deletion = format!("/api/v1/deletions/{}", gone.header("metalith-deletion"));
    let deletion = world.get(&deletion).await.json();
    assert_eq!(deletion["state"], "purge pending");
    assert!(deletion["pending"].as_u64().unwrap() > 0, "{deletion}");
    assert_eq!(world.objects(&dataset), 4, "they wait");
    world.s3.restart();
    let purged = world.post("/api/v1/deletions/purge", json!({})).await.json();
    assert_eq!(purged["objects_deleted"], 4, "{purged}");
    assert_eq!(world.objects(&dataset), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_delete_the_same_at_once_one_is_told_so() {
    let world = World::new().await;
    let (job, dataset) = world.made("tones", 2).await;
    let model = world.model("old", false, &[]).await;
    for path in [
        format!("/api/v1/jobs/synthetic/datasets/{dataset}"),
        format!("/api/v1/jobs/synthetic/{job}"),
        format!("/api/v1/models/{model}"),
    ] {
        let (a, b, c, d) = tokio::join!(
            world.delete(&path),
            world.delete(&path),
            world.delete(&path),
            world.delete(&path)
        );
        let mut told: Vec<u16> = [a, b, c, d].iter().map(|it| it.status.as_u16()).collect();
        told.sort_unstable();
        assert!(told[0] < 300, "{path}: {told:?}");
        assert_eq!(told[1..], [404; 3], "{path}");
    }
    let metrics = world.get("/metrics").await.text();
    assert!(metrics.contains("metalith_datasets_deleted_total 1\n"), "{metrics}");
    assert!(metrics.contains("metalith_jobs_deleted_total 1\n"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_carries_deletions_to_their_end() {
    let mut world = World::new().await;
    let (_, dataset) = world.made("tones", 3).await;
    world.s3.delay(Duration::from_millis(300));
    let path = format!("/api/v1/jobs/synthetic/datasets/{dataset}");
    let asked = world.at(world.address());
    let answer = tokio::spawn(async move { asked.delete(&path).await });
    while world.s3.delete_requests() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.stop().await;
    assert_eq!(world.objects(&dataset), 0, "it ended when the objects were gone");
    assert_eq!(answer.await.unwrap().status, StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_others_name_are_told_as_kept() {
    let world = World::new().await;
    let (job, dataset) = world.made("tones", 2).await;
    let session = world.session().await;
    let seen = format!("s3://{BUCKET}/synthetic/{dataset}/sample-0/rx_1.npy");
    let row =
        json!([{ "path": "x", "seen": seen, "metaxy_provenance_by_field": { "default": "x" } }]);
    write(session.store(), session.graph(), "favourite", &row).await.unwrap();
    let gone = world.delete(&format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true")).await;
    let told = gone.json();
    assert_eq!((&told["minio_files_deleted"], &told["minio_files_kept"]), (&json!(3), &json!(1)));
    for (name, value) in [("cleanup", "kept"), ("objects-kept", "1"), ("objects-failed", "0")] {
        assert_eq!(gone.header(&format!("metalith-{name}")), value, "{name}");
    }
    assert_eq!(world.objects(&dataset), 1);
    let deletion = gone.header("metalith-deletion");
    let seen = world.get(&format!("/api/v1/deletions/{deletion}")).await.json();
    assert_eq!((&seen["state"], &seen["kept"]), (&json!("done"), &json!(1)), "{seen}");
    let page = world.get(&format!("/deletions/{deletion}")).await.text();
    assert!(page.contains("1 objects stay: something else names them"), "{page}");
    let metrics = world.get("/metrics").await.text();
    for line in [
        "metalith_cleanups_total{outcome=\"success\"} 0",
        "metalith_cleanups_total{outcome=\"kept\"} 1",
        "metalith_objects_kept_total 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_of_a_whole_dataset_is_counted_object_by_object() {
    let mut world = World::stopped();
    let features = world.folder().join("features.toml");
    let declared = fs::read_to_string(&features).unwrap();
    let template = format!("s3://{BUCKET}/synthetic/{{dataset_id}}/");
    let archive = format!(
        "[[features]]\nkey = \"archive\"\nid_columns = [\"path\"]\n\
         objects = [{{ template = \"{template}\", owned = false }}]\n"
    );
    fs::write(&features, declared + &archive).unwrap();
    world.start(settings()).await;
    let (job, dataset) = world.made("tones", 3).await;
    let session = world.session().await;
    let row = json!([{
        "path": "x", "dataset_id": dataset, "metaxy_provenance_by_field": { "default": "x" },
    }]);
    write(session.store(), session.graph(), "archive", &row).await.unwrap();
    let path = format!("/api/v1/jobs/synthetic/{job}");
    let plan = world.get(&format!("{path}/plan?delete_dataset=true")).await.json();
    assert_eq!((&plan["objects"], &plan["samples"]), (&json!(0), &json!(5)), "{plan}");
    let gone = world.delete(&format!("{path}?delete_dataset=true")).await;
    let told = gone.json();
    assert_eq!((&told["minio_files_deleted"], &told["minio_files_kept"]), (&json!(0), &json!(6)));
    for (name, value) in [("cleanup", "kept"), ("objects-kept", "6"), ("objects-pending", "0")] {
        assert_eq!(gone.header(&format!("metalith-{name}")), value, "{name}");
    }
    assert_eq!(world.objects(&dataset), 6);
    let deletion = gone.header("metalith-deletion");
    let seen = world.get(&format!("/api/v1/deletions/{deletion}")).await.json();
    assert_eq!(seen["kept"], 6, "{seen}");
    let page = world.get(&format!("/deletions/{deletion}")).await.text();
    assert!(page.contains("6 objects stay: something else names them"), "{page}");
    let metrics = world.get("/metrics").await.text();
    assert!(metrics.contains("metalith_objects_kept_total 6"), "{metrics}");
}

/// Waits until something can be seen.
async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1200 {
        if let Some(seen) = look().await {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never comes")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_wait_is_told_that_it_goes_on_and_where_to_look() {
    let world = World::new().await;
    let limits = Limits { time: Duration::from_secs(10), ..settings().limits };
    let other = start(world.project(), Settings { limits, ..settings() }).await.unwrap();
    let hasty = world.at(other.address());
    for key in [&[][..], &[("idempotency-key", "one")]] {
        let (_, dataset) = world.made("tones", 2).await;
        let path = format!("/api/v1/jobs/synthetic/datasets/{dataset}");
        world.s3.delay(Duration::from_secs(3600));
        let told = hasty.send("DELETE", &path, key, None).await;
        world.s3.delay(Duration::ZERO);
        assert_eq!(told.status, StatusCode::ACCEPTED, "{}", told.text());
        let body = told.json();
        assert_eq!(told.header("location"), body["look"].as_str().unwrap());
        assert_eq!(told.header("metalith-deletion"), body["deletion"].as_str().unwrap());
        assert!(body["message"].as_str().unwrap().contains("goes on to its end"), "{body}");
        let again = body["message"].as_str().unwrap().contains("idempotency key");
        assert_eq!(again, !key.is_empty(), "{body}");
        until(async || {
            let seen = world.get(told.header("location")).await.json();
            (seen["state"] == "done").then_some(())
        })
        .await;
        assert_eq!(world.objects(&dataset), 0);
        assert_eq!(world.get(&path).await.status, StatusCode::NOT_FOUND);
        if !key.is_empty() {
            let answer = until(async || {
                let answer = hasty.send("DELETE", &path, key, None).await;
                (answer.status != StatusCode::CONFLICT).then_some(answer)
            });
            let answer = answer.await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
            assert_eq!(answer.header("metalith-objects-deleted"), "4");
        }
    }
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_changes_go_on_than_can_be_carried() {
    let world = World::new().await;
    let limits = Limits { time: Duration::from_secs(10), at_once: 1, ..settings().limits };
    let other = start(world.project(), Settings { limits, ..settings() }).await.unwrap();
    let hasty = world.at(other.address());
    let (_, first) = world.made("first", 2).await;
    let (_, second) = world.made("second", 2).await;
    let path = |dataset: &str| format!("/api/v1/jobs/synthetic/datasets/{dataset}");
    world.s3.delay(Duration::from_secs(3600));
    assert_eq!(hasty.delete(&path(&first)).await.status, StatusCode::ACCEPTED);
    // Nobody waits for the first one any more, and it is still at work.
    let refused = hasty.delete(&path(&second)).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.text());
    assert_eq!(
        (refused.json()["code"].as_str(), refused.header("retry-after")),
        (Some("server.busy"), "1")
    );
    assert_eq!(world.get(&path(&second)).await.status, StatusCode::OK);
    world.s3.delay(Duration::ZERO);
    until(async || {
        let gone = hasty.delete(&path(&second)).await;
        (gone.status == StatusCode::NO_CONTENT).then_some(())
    })
    .await;
    assert_eq!(world.objects(&first) + world.objects(&second), 0);
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_background_finishes_is_counted() {
    let mut world = World::stopped();
    let runtime = Runtime::new().unwrap();
    world.start_in(&runtime, settings()).await;
    let (job, dataset) = world.made("tones", 3).await;
    world.s3.delay(Duration::from_secs(3600));
    let path = format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true");
    let asked = world.at(world.address());
    let asking = tokio::spawn(async move { asked.try_delete(&path).await });
    while world.s3.delete_requests() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Its rows are gone, its objects are not, and nobody was told.
    runtime.shutdown_background();
    asking.abort();
    world.s3.delay(Duration::ZERO);
    let restless = Settings { every: Duration::from_millis(200), ..settings() };
    world.start(restless).await;
    until(async || {
        let deletions = world.get("/api/v1/deletions").await.json();
        (deletions["items"][0]["state"] == "done").then_some(())
    })
    .await;
    assert_eq!(world.objects(&dataset), 0);
    let metrics = until(async || {
        let metrics = world.get("/metrics").await.text();
        metrics.contains("metalith_cleanups_total{outcome=\"success\"} 1").then_some(metrics)
    })
    .await;
    for line in [
        "metalith_datasets_deleted_total 1\n",
        "metalith_jobs_deleted_total 1\n",
        "metalith_objects_deleted_total 6\n",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let freed = metrics.lines().find_map(|it| it.strip_prefix("metalith_bytes_freed_total "));
    assert!(freed.unwrap().parse::<u64>().unwrap() > 6 * 2000, "{freed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_client_goes_away_is_carried_to_its_end() {
    let world = World::new().await;
    let body = json!({ "feature": "note", "filters": [], "reason": "a lawsuit" });
    for wait in (0..60).step_by(2) {
        world.send_and_leave("/api/v1/holds", &body, Duration::from_millis(wait)).await;
    }
    // One more, so that all before it have ended.
    assert_eq!(world.post("/api/v1/holds", body).await.status, StatusCode::CREATED);
    until(async || {
        let holds = world.get("/api/v1/holds?limit=1000").await.json();
        let log = world.get("/api/v1/audit?limit=1000").await.json();
        let entries = log["items"].as_array().unwrap().iter();
        let told = entries.filter(|it: &&Value| it["event"] == "hold-added").count();
        (holds["total"] == told && told > 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_dies_in_the_middle_is_told_everywhere() {
    let mut world = World::new().await;
    // More than one request to delete.
    let (job, dataset) = world.made("tones", 600).await;
    let requests = world.s3.requests();
    world.get(&format!("/api/v1/jobs/synthetic/{job}/plan?delete_dataset=true")).await;
    let to_list = world.s3.requests() - requests;
    // It lists once to plan, once before the job is stopped, and once to delete.
    world.s3.die_at_request(3 * to_list + 2, Moment::Before);
    let gone = world.delete(&format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true")).await;
    let told = gone.json();
    assert_eq!(gone.status, StatusCode::OK, "{told}");
    let (deleted, left) = (1200 - world.objects(&dataset) as u64, world.objects(&dataset) as u64);
    assert!(left > 0, "{told}");
    assert_eq!(gone.header("metalith-cleanup"), "pending", "{told}");
    let failed = told["minio_files_failed"].as_u64().unwrap();
    // What was deleted and not answered counts as failed.
    assert!(failed >= left, "{told}, {left} are left");
    assert!(told["minio_files_deleted"].as_u64().unwrap() <= deleted, "{told}");
    let deletion = gone.header("metalith-deletion");
    let page = world.get(&format!("/deletions/{deletion}")).await.text();
    assert!(page.contains(&format!("{failed} objects wait to be deleted")), "{page}");
    assert!(world.get("/").await.text().contains("objects could not be deleted"));
    let metrics = world.get("/metrics").await.text();
    for line in [
        "metalith_cleanups_total{outcome=\"failure\"} 1".to_owned(),
        format!("metalith_objects_failed_total {failed}\n"),
    ] {
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }

    // Another server, and storage is there again.
    world.stop().await;
    world.s3.restart();
    world.start(settings()).await;
    let purged = world.post("/api/v1/deletions/purge", json!({})).await.json();
    assert_eq!((&purged["unfinished"], &purged["objects_failed"]), (&json!(0), &json!(0)));
    assert_eq!(world.objects(&dataset), 0);
    let seen = world.get(&format!("/api/v1/deletions/{deletion}")).await.json();
    assert_eq!((&seen["state"], &seen["pending"]), (&json!("done"), &json!(0)), "{seen}");
}
