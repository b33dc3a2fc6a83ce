//! The database is down, and comes back.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use axum::http::StatusCode;
use metalith_testkit::databases;
use serde_json::json;

use crate::support::{World, settings};

/// What stands between a server and its database, and can be cut.
struct Line {
    port: u16,
    is_cut: Arc<AtomicBool>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Line {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let line = Self {
            port: listener.local_addr().unwrap().port(),
            is_cut: Arc::default(),
            ends: Arc::default(),
        };
        let (is_cut, ends) = (Arc::clone(&line.is_cut), Arc::clone(&line.ends));
        thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let far = TcpStream::connect(("127.0.0.1", port)).unwrap();
                ends.lock().unwrap().extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                for (mut from, mut to) in
                    [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)]
                {
                    thread::spawn(move || {
                        io::copy(&mut from, &mut to).ok();
                        to.shutdown(Shutdown::Both).ok();
                    });
                }
            }
        });
        line
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        for end in self.ends.lock().unwrap().drain(..) {
            end.shutdown(Shutdown::Both).ok();
        }
    }

    fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down_is_told_and_nothing_is_lost() {
    let database = databases::fresh("postgresql").settings("dev");
    let (before, rest) = database.split_once("@127.0.0.1:").unwrap();
    let (port, after) = rest.split_once('/').unwrap();
    let line = Line::to(port.parse().unwrap());
    let database = format!("{before}@127.0.0.1:{}/{after}", line.port);
    let mut world = World::stopped_with(&database);
    world.start(settings()).await;
    let (job, dataset) = world.made("tones", 2).await;
    let path = format!("/api/v1/jobs/synthetic/datasets/{dataset}");

    line.cut();
    let body = json!({ "name": "d", "dataset_type": "features" });
    for (method, path, body) in [
        ("GET", path.as_str(), None),
        ("DELETE", path.as_str(), None),
        ("DELETE", &format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true"), None),
        ("POST", "/api/v1/jobs/synthetic/datasets", Some(body)),
        ("GET", "/ready", None),
    ] {
        let told = world.send(method, path, &[], body).await;
        let story = format!("{method} {path}: {}", told.text());
        assert_eq!(told.status, StatusCode::SERVICE_UNAVAILABLE, "{story}");
        assert!(!told.detail().contains("password"), "{story}");
    }
    let page = world.get("/datasets").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.text());
    assert!(page.text().contains("role=\"alert\""), "{}", page.text());
    assert_eq!(world.get("/health").await.status, StatusCode::OK);
    assert_eq!(world.objects(&dataset), 4);

    line.mend();
    for _ in 0..100 {
        if world.get("/ready").await.status == StatusCode::OK {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(world.get(&path).await.status, StatusCode::OK);
    let listed = world.get("/api/v1/jobs/synthetic/datasets").await.json();
    assert_eq!(listed["total"], 1, "{listed}");
    let gone = world.delete(&format!("/api/v1/jobs/synthetic/{job}?delete_dataset=true")).await;
    assert_eq!((gone.status, &gone.json()["minio_files_deleted"]), (StatusCode::OK, &json!(4)));
    assert_eq!(world.objects(&dataset), 0);
}
