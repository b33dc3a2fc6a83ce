//! Objects behind the protocol of S3: few requests, refusals, and a server that dies.

use std::{fs, time::Duration};

use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    Context,
    deletion::{Cascade, CascadePlan, Done, list, retry_purges},
};
use metalith_objects::ObjectPlaces;
use metalith_store::{DeletionMode, Store};
use metalith_testkit::{
    fixtures::{graph, memory_store, write},
    s3_server::{BUCKET, S3Server},
};
use serde_json::{Value, json};

use crate::support::request;

const OBJECTS: usize = 10_000;

struct World {
    server: S3Server,
    store: Store,
    graph: FeatureGraph,
    places: ObjectPlaces,
}

impl World {
    fn context(&self) -> Context<'_> {
        Context { store: &self.store, graph: &self.graph, places: &self.places, space: None }
    }

    async fn purge(&self) -> Done {
        let all = request("clip", DeletionMode::Hard, "goes", Cascade::None);
        let plan = CascadePlan::make(self.context(), &all).await.unwrap();
        plan.apply(self.context()).await.unwrap()
    }

    fn left(&self) -> usize {
        fs::read_dir(self.server.bucket_folder().join("clips")).unwrap().count()
    }
}

/// Ten thousand samples that go, with an object each, and one that stays.
async fn world() -> World {
    let server = S3Server::start();
    let clips = server.bucket_folder().join("clips");
    fs::create_dir(&clips).unwrap();
    let rows: Value = (0..=OBJECTS)
        .map(|number| {
            let name = format!("{number:05}.mp4");
            fs::write(clips.join(&name), "x").unwrap();
            json!({
                "id": number,
                "path": format!("s3://{BUCKET}/clips/{name}"),
                "goes": number < OBJECTS,
                "metaxy_provenance_by_field": { "default": "x" },
            })
        })
        .collect();
    let text =
        "[[features]]\nkey = \"clip\"\nid_columns = [\"id\"]\nobjects = [{ column = \"path\" }]\n";
    let (store, graph) = (memory_store().await, graph(text));
    write(&store, &graph, "clip", &rows).await.unwrap();
    let options = [("s3://".to_owned(), server.options())].into();
    World { server, store, graph, places: ObjectPlaces::new(options) }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_objects_take_ten_requests() {
    let world = world().await;
    let report = world.purge().await.objects.unwrap();
    assert_eq!((report.deleted, report.failed), (OBJECTS as u64, 0));
    assert_eq!(world.server.delete_requests(), 10);
    assert_eq!(world.left(), 1);
}

/// One in twenty.
fn is_locked(key: &str) -> bool {
    let number = key.rsplit('/').next().and_then(|name| name.split_once('.'));
    number.and_then(|(number, _)| number.parse::<usize>().ok()).is_some_and(|it| it % 20 == 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_keys_are_told_one_by_one_and_tried_again() {
    let world = world().await;
    world.server.refuse(Some(is_locked));
    let report = world.purge().await.objects.unwrap();
    assert_eq!((report.deleted, report.failed), (9_500, 500));
    assert_eq!(world.left(), 501);
    assert!(report.failures.iter().all(|(key, _)| is_locked(key)));
    assert!(report.failures[0].1.contains("it is locked"), "{:?}", report.failures[0]);
    assert_eq!(list(&world.store).await.unwrap()[0].state.name(), "purge pending");

    world.server.refuse(None);
    let again = retry_purges(world.context()).await.unwrap();
    let report = again[0].outcome.as_ref().unwrap().objects.as_ref().unwrap();
    assert_eq!((report.deleted, report.failed), (500, 0), "what was counted before is not again");
    assert_eq!(world.left(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_the_middle_loses_nothing() {
    let mut world = world().await;
    world.server.delay(Duration::from_millis(300));
    let World { server, store, graph, places } = &mut world;
    let context = Context { store, graph, places, space: None };
    let all = request("clip", DeletionMode::Hard, "goes", Cascade::None);
    let plan = CascadePlan::make(context, &all).await.unwrap();
    let killing = async {
        while server.delete_requests() < 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.kill();
    };
    let (done, ()) = tokio::join!(plan.apply(context), killing);
    let done = done.unwrap();
    let report = done.objects.unwrap();
    assert_eq!(done.steps[0].samples, OBJECTS as u64, "rows go");
    assert!(report.failed > 0 && report.deleted > 0, "{} {}", report.failed, report.deleted);

    world.server.delay(Duration::ZERO);
    world.server.restart();
    assert!(world.left() as u64 <= report.failed + 1, "what was told as deleted is gone");
    let again = retry_purges(world.context()).await.unwrap();
    assert_eq!(again[0].outcome.as_ref().unwrap().objects.as_ref().unwrap().failed, 0);
    assert_eq!(world.left(), 1);
    assert_eq!(list(&world.store).await.unwrap()[0].state.name(), "done");
}
