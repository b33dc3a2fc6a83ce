//! Files that samples own go with them, and no others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures::TryStreamExt as _;
use metalith_delta::{Layout, open_backend};
use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    Context,
    deletion::{Cascade, CascadePlan, CascadeRequest, Done, StepDone, list, retry_purges},
    objects::audit::{compare, delete_orphans},
};
use metalith_objects::{ObjectPlaces, ObjectUri, OpenedLocation};
use metalith_store::{CopyOptions, DeletionMode, MemoryBackend, OpenOptions, OverFallback, Store};
use metalith_testkit::fixtures::{graph, key, write};
use object_store::{ObjectStore, ObjectStoreExt as _, memory::InMemory, path::Path as ObjectPath};
use serde_json::{Value, json};

use crate::support::{delta_store, made, request};

const FEATURES: &str = r#"
[[features]]
key = "video/raw"
id_columns = ["id"]
fields = ["frames"]
objects = [{ column = "path", size = "size" }]

[[features]]
key = "video/still"
id_columns = ["still"]
fields = ["frames"]
deps = [{ feature = "video/raw", lineage = { expansion = { on = ["id"] } } }]
[[features.objects]]
template = "ROOT/stills/{id}/{still}/"
when = "kind = 'kept'"

[[features]]
key = "favourite"
id_columns = ["favourite"]
objects = [{ column = "seen", owned = false }]
"#;

struct World {
    store: Store,
    graph: FeatureGraph,
    places: ObjectPlaces,
    root: tempfile::TempDir,
}

impl World {
    fn context(&self) -> Context<'_> {
        Context { store: &self.store, graph: &self.graph, places: &self.places, space: None }
    }

    /// What files there are, below the root.
    fn files(&self) -> BTreeSet<String> {
        fn walk(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, root, found);
                } else {
                    found.insert(path.strip_prefix(root).unwrap().display().to_string());
                }
            }
        }
        let mut found = BTreeSet::new();
        walk(self.root.path(), self.root.path(), &mut found);
        found
    }

    fn put(&self, path: &str) {
        let file = self.root.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "bytes").unwrap();
    }

    async fn plan(&self, feature: &str, filter: &str, mode: DeletionMode) -> CascadePlan {
        let request = request(feature, mode, filter, Cascade::Downstream);
        CascadePlan::make(self.context(), &request).await.unwrap()
    }

    async fn purge(&self, feature: &str, filter: &str) -> Done {
        let plan = self.plan(feature, filter, DeletionMode::Hard).await;
        plan.apply(self.context()).await.unwrap()
    }

    async fn add(&self, feature: &str, field: &str, rows: &[Value]) {
        write(&self.store, &self.graph, feature, &made(field, rows)).await.unwrap();
    }
}

/// Two videos with stills of the first, files for all of them, and one file that nobody names.
async fn world() -> World {
    let root = tempfile::tempdir().unwrap();
    let graph = graph(&FEATURES.replace("ROOT", root.path().to_str().unwrap()));
    let store = delta_store().await;
    let world = World { store, graph, places: ObjectPlaces::default(), root };
    let path = |name: &str| world.root.path().join(name).display().to_string();
    let videos = [
        json!({ "id": "a", "path": path("videos/a.mp4"), "size": 5 }),
        json!({ "id": "b", "path": path("videos/b b.mp4"), "size": 5 }),
    ];
    world.add("video/raw", "frames", &videos).await;
    let stills = [
        json!({ "still": "1", "id": "a", "kind": "kept" }),
        json!({ "still": "2", "id": "a", "kind": "thrown" }),
        json!({ "still": "10", "id": "b", "kind": "kept" }),
    ];
    world.add("video/still", "frames", &stills).await;
    for file in [
        "videos/a.mp4",
        "videos/b b.mp4",
        "videos/orphan.mp4",
        "stills/a/1/x.png",
        "stills/a/1/deep/y.png",
        "stills/a/2/x.png",
        "stills/b/10/x.png",
    ] {
        world.put(file);
    }
    world
}

#[tokio::test]
async fn exactly_the_objects_of_the_samples_go() {
    let world = world().await;
    let before = world.files();
    let plan = world.plan("video/raw", "id = 'a'", DeletionMode::Hard).await;
    let figures: Vec<(String, u64, Option<u64>)> =
        plan.steps().iter().map(|it| (it.feature.to_string(), it.objects, it.bytes)).collect();
    assert_eq!(
        figures,
        [("video/still".to_owned(), 2, Some(10)), ("video/raw".to_owned(), 1, Some(5))]
    );
    assert_eq!(world.files(), before, "a plan changes nothing");
    let done = plan.apply(world.context()).await.unwrap();
    let report = done.objects.unwrap();
    assert_eq!((report.deleted, report.failed, report.bytes), (3, 0, 15));
    let gone: Vec<String> = before.difference(&world.files()).cloned().collect();
    assert_eq!(gone, ["stills/a/1/deep/y.png", "stills/a/1/x.png", "videos/a.mp4"]);
}

#[tokio::test]
async fn a_soft_deletion_leaves_objects_alone() {
    let world = world().await;
    let before = world.files();
    let plan = world.plan("video/raw", "id = 'a'", DeletionMode::Soft).await;
    assert_eq!(plan.steps().iter().map(|it| it.objects).sum::<u64>(), 0);
    let done = plan.apply(world.context()).await.unwrap();
    assert_eq!((done.objects, world.files()), (None, before));
}

#[tokio::test]
async fn what_anybody_else_names_stays_however_it_is_spelled() {
    let root = |world: &World| world.root.path().display().to_string();
    for spelling in ["file://{root}/videos/a.mp4", "{root}//videos/./a.mp4", "{root}/videos/a.mp4"]
    {
        let world = world().await;
        let seen = spelling.replace("{root}", &root(&world));
        world.add("favourite", "default", &[json!({ "favourite": 1, "seen": seen })]).await;
        let done = world.purge("video/raw", "id = 'a'").await;
        let report = done.objects.unwrap();
        assert_eq!((report.deleted, report.skipped), (2, 1), "{spelling}");
        assert!(world.files().contains("videos/a.mp4"), "{spelling}");
    }
    // Percent-encoding, and a hidden row that could come back.
    let world = world().await;
    let seen = format!("file://{}/videos/b%20b.mp4", root(&world));
    world.add("favourite", "default", &[json!({ "favourite": 1, "seen": seen })]).await;
    let hide = world.plan("favourite", "favourite = 1", DeletionMode::Soft).await;
    hide.apply(world.context()).await.unwrap();
    world.purge("video/raw", "id = 'b'").await;
    assert!(world.files().contains("videos/b b.mp4"));
}

const SCENES: &str = r#"
[[features]]
key = "scene"
id_columns = ["scene"]
fields = ["frames"]
objects = [{ column = "cover" }, { template = "ROOT/scenes/{scene}/" }]

[[features]]
key = "guest"
id_columns = ["guest"]
objects = [{ column = "seen", owned = false }, { template = "ROOT/scenes/{scene}/", owned = false }]
"#;

#[tokio::test]
async fn each_object_counts_once_whoever_names_it() {
    let root = tempfile::tempdir().unwrap();
    let graph = graph(&SCENES.replace("ROOT", root.path().to_str().unwrap()));
    let store = delta_store().await;
    let world = World { store, graph, places: ObjectPlaces::default(), root };
    let cover = |scene: &str| {
        world.root.path().join(format!("scenes/{scene}/cover.png")).display().to_string()
    };
    let scenes = ["a", "b", "c"].map(|it| json!({ "scene": it, "cover": cover(it) }));
    world.add("scene", "frames", &scenes).await;
    for scene in ["a", "b", "c"] {
        for file in ["cover.png", "x.png", "deep/y.png"] {
            world.put(&format!("scenes/{scene}/{file}"));
        }
    }
    // One names a cover, the other everything of a scene.
    let guests = [
        json!({ "guest": 1, "seen": cover("a"), "scene": null }),
        json!({ "guest": 2, "seen": null, "scene": "b" }),
    ];
    world.add("guest", "default", &guests).await;
    let plan = world.plan("scene", "TRUE", DeletionMode::Hard).await;
    let step = &plan.steps()[0];
    assert_eq!((step.objects, step.bytes), (5, Some(25)));
    let report = plan.apply(world.context()).await.unwrap().objects.unwrap();
    assert_eq!((report.deleted, report.failed, report.skipped), (5, 0, 4));
    assert_eq!((report.bytes, list(&world.store).await.unwrap()[0].kept), (25, 4));
    let left: Vec<String> = world.files().into_iter().collect();
    let left: Vec<&str> = left.iter().map(String::as_str).collect();
    let kept =
        ["scenes/a/cover.png", "scenes/b/cover.png", "scenes/b/deep/y.png", "scenes/b/x.png"];
    assert_eq!(left, kept);
}

#[tokio::test]
async fn a_file_that_a_sample_named_before_goes_with_it() {
    let world = world().await;
    world.put("videos/a2.mp4");
    let path = world.root.path().join("videos/a2.mp4").display().to_string();
    world.add("video/raw", "frames", &[json!({ "id": "a", "path": path, "size": 5 })]).await;
    world.purge("video/raw", "id = 'a'").await;
    let left = world.files();
    assert!(!left.contains("videos/a.mp4") && !left.contains("videos/a2.mp4"), "{left:?}");
}

#[tokio::test]
async fn a_sample_that_names_too_much_deletes_nothing() {
    let world = world().await;
    let odd = [
        json!({ "still": "..", "id": "a", "kind": "kept" }),
        json!({ "still": "", "id": "a", "kind": "kept" }),
        json!({ "still": "x/../..", "id": "a", "kind": "kept" }),
    ];
    world.add("video/still", "frames", &odd).await;
    let before = world.files();
    let done = world.purge("video/still", "still IN ('..', '', 'x/../..')").await;
    assert_eq!(done.rows(), 3);
    assert_eq!(world.files(), before);
}

#[tokio::test]
async fn objects_that_cannot_be_deleted_wait_and_are_told() {
    let world = world().await;
    // A folder stands where the object should be.
    fs::remove_file(world.root.path().join("videos/a.mp4")).unwrap();
    world.put("videos/a.mp4/inside");
    let done = world.purge("video/raw", "id = 'a'").await;
    let steps: Vec<u64> = done.steps.iter().map(|it: &StepDone| it.samples).collect();
    assert_eq!(steps, [2, 1], "rows go");
    let report = done.objects.unwrap();
    assert_eq!((report.deleted, report.failed), (2, 1));
    assert!(report.failures[0].0.ends_with("videos/a.mp4"), "{report:?}");
    let waiting = list(&world.store).await.unwrap();
    assert_eq!(waiting[0].state.name(), "purge pending");
    assert_eq!(waiting[0].failures, report.failures);

    fs::remove_dir_all(world.root.path().join("videos/a.mp4")).unwrap();
    world.put("videos/a.mp4");
    let again = retry_purges(world.context()).await.unwrap();
    assert_eq!(again[0].outcome.as_ref().unwrap().objects.as_ref().unwrap().failed, 0);
    assert!(!world.files().contains("videos/a.mp4"));
    assert_eq!(list(&world.store).await.unwrap()[0].state.name(), "done");
    assert!(retry_purges(world.context()).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_audit_tells_what_nobody_names_and_what_is_gone() {
    let world = world().await;
    fs::remove_file(world.root.path().join("videos/b b.mp4")).unwrap();
    let root = ObjectUri::parse(world.root.path().to_str().unwrap()).unwrap();
    let prefixes = [root];
    let report = compare(world.context(), &prefixes, Duration::from_secs(3600)).await.unwrap();
    assert_eq!((report.objects, report.orphans, report.old_orphans, report.missing), (6, 2, 0, 1));
    let mut orphans: Vec<&str> =
        report.orphan_examples.iter().filter_map(|it| it.address.rsplit("/").next()).collect();
    orphans.sort_unstable();
    // The still that is not kept owns nothing, by its condition.
    assert_eq!(orphans, ["orphan.mp4", "x.png"]);
    assert!(report.missing_examples[0].ends_with("videos/b b.mp4"));

    let before = world.files();
    let kept = delete_orphans(world.context(), &prefixes, Duration::from_secs(3600)).await.unwrap();
    assert_eq!((kept.deleted, world.files()), (0, before), "they are too young");
    let fixed = delete_orphans(world.context(), &prefixes, Duration::ZERO).await.unwrap();
    assert_eq!(fixed.deleted, 2);
    let again = compare(world.context(), &prefixes, Duration::ZERO).await.unwrap();
    assert_eq!((again.objects, again.orphans), (4, 0));
}

#[tokio::test]
async fn an_audit_deletes_nothing_while_a_table_is_unknown_or_a_column_is_missing() {
    let world = world().await;
    let prefixes = [ObjectUri::parse(world.root.path().to_str().unwrap()).unwrap()];
    let before = world.files();
    let other = graph("[[features]]\nkey = \"favourite\"\nid_columns = [\"favourite\"]\n");
    let narrow = Context { graph: &other, ..world.context() };
    let error = delete_orphans(narrow, &prefixes, Duration::ZERO).await.unwrap_err();
    assert!(error.to_string().contains("`video/raw`"), "{error}");
    let text = FEATURES.replace("ROOT", world.root.path().to_str().unwrap());
    let misspelled = graph(&text.replace("column = \"path\"", "column = \"pth\""));
    let context = Context { graph: &misspelled, ..world.context() };
    let error = delete_orphans(context, &prefixes, Duration::ZERO).await.unwrap_err();
    assert!(error.to_string().contains("`pth`"), "{error}");
    assert_eq!(world.files(), before);
}

#[tokio::test]
async fn in_a_space_only_its_own_objects_go() {
    let world = world().await;
    for file in ["anna/videos/c.mp4", "bert/videos/d.mp4"] {
        world.put(file);
        let path = world.root.path().join(file).display().to_string();
        world.add("video/raw", "frames", &[json!({ "id": file, "path": path, "size": 5 })]).await;
    }
    let before = world.files();
    let context = Context { space: Some("anna"), ..world.context() };
    let request = request("video/raw", DeletionMode::Hard, "TRUE", Cascade::Downstream);
    let plan = CascadePlan::make(context, &request).await.unwrap();
    plan.apply(context).await.unwrap();
    let gone: Vec<String> = before.difference(&world.files()).cloned().collect();
    assert_eq!(gone, ["anna/videos/c.mp4"]);
    let prefixes = [ObjectUri::parse(world.root.path().to_str().unwrap()).unwrap()];
    let error = delete_orphans(context, &prefixes, Duration::ZERO).await.unwrap_err();
    assert!(error.to_string().contains("other spaces"), "{error}");
}

#[tokio::test]
async fn keys_with_percent_signs_are_told_apart_from_encoded_ones() {
    let bucket: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let opened = OpenedLocation {
        store: Arc::clone(&bucket),
        prefix: ObjectPath::default(),
        url: "s3://media/".parse().unwrap(),
        folder: None,
    };
    let world =
        World { places: ObjectPlaces::default().with("s3://media", opened), ..world().await };
    let put = async |key: &str| {
        bucket.put(&ObjectPath::parse(key).unwrap(), "bytes".into()).await.unwrap();
    };
    put("d/raw%20key").await;
    put("d/encoded key").await;
    put("d/both%20there").await;
    put("d/both there").await;
    for (id, name) in [("r", "raw"), ("e", "encoded")] {
        let path = format!("s3://media/d/{name}%20key");
        world.add("video/raw", "frames", &[json!({ "id": id, "path": path, "size": 5 })]).await;
    }
    let path = "s3://media/d/both%20there";
    world.add("video/raw", "frames", &[json!({ "id": "x", "path": path, "size": 5 })]).await;
    let prefixes = [ObjectUri::parse("s3://media/d").unwrap()];
    let report = compare(world.context(), &prefixes, Duration::ZERO).await.unwrap();
    assert_eq!((report.objects, report.orphans), (4, 0), "each may be the one that is named");

    let done = world.purge("video/raw", "id IN ('r', 'e', 'x')").await.objects.unwrap();
    assert_eq!((done.deleted, done.failed), (2, 1));
    assert!(done.failures[0].1.contains("are both there"), "{:?}", done.failures);
    let left: Vec<_> = bucket.list(None).try_collect().await.unwrap();
    let mut left: Vec<String> = left.into_iter().map(|it| it.location.to_string()).collect();
    left.sort();
    assert_eq!(left, ["d/both there", "d/both%20there"]);
}

#[tokio::test]
async fn while_a_name_cannot_be_read_no_orphan_is_deleted() {
    let world = world().await;
    let odd = json!({ "id": "o", "path": "videos/relative.mp4", "size": 5 });
    world.add("video/raw", "frames", &[odd]).await;
    let prefixes = [ObjectUri::parse(world.root.path().to_str().unwrap()).unwrap()];
    let report = compare(world.context(), &prefixes, Duration::ZERO).await.unwrap();
    assert_eq!(report.unreadable, 1);
    let error = delete_orphans(world.context(), &prefixes, Duration::ZERO).await.unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
}

#[tokio::test]
async fn while_a_table_is_not_declared_objects_stay() {
    let world = world().await;
    let before = world.files();
    let text = FEATURES.replace("ROOT", world.root.path().to_str().unwrap());
    let narrow = graph(text.split("[[features]]\nkey = \"favourite\"").next().unwrap());
    let other = [json!({ "favourite": 1, "seen": "/x" })];
    world.add("favourite", "default", &other).await;
    let context = Context { graph: &narrow, ..world.context() };
    let request = request("video/raw", DeletionMode::Hard, "id = 'a'", Cascade::Downstream);
    let error = CascadePlan::make(context, &request).await.unwrap_err();
    assert!(error.to_string().contains("`favourite`"), "{error}");
    assert_eq!(world.files(), before);
}

#[tokio::test]
async fn what_a_store_further_down_names_stays() {
    let prod = world().await;
    let options = OpenOptions { fallback: Some(prod.store.clone()), ..OpenOptions::write() };
    let store = Store::open(Arc::new(MemoryBackend::new()), options).await.unwrap();
    let everything = CopyOptions { over_fallback: OverFallback::Hide, ..CopyOptions::everything() };
    store.copy_from(&prod.store, &prod.graph, &key("video/raw"), &everything).await.unwrap();
    let branch = World {
        store,
        graph: prod.graph.clone(),
        places: ObjectPlaces::default(),
        root: prod.root,
    };
    // Of the branch's own rows one goes, and the store behind has it still.
    let filters = vec![metalith_expr::parse("id = 'b'").unwrap()];
    let request = CascadeRequest::new(key("video/raw"), DeletionMode::Hard, filters);
    let plan = CascadePlan::make(branch.context(), &request).await.unwrap();
    let done = plan.apply(branch.context()).await.unwrap();
    assert_eq!((done.rows(), done.objects.map(|it| it.deleted)), (1, Some(0)));
    assert!(branch.files().contains("videos/b b.mp4"));
    let root = ObjectUri::parse(branch.root.path().to_str().unwrap()).unwrap();
    let report = compare(branch.context(), &[root], Duration::ZERO).await.unwrap();
    let orphans: Vec<&str> =
        report.orphan_examples.iter().map(|it| it.address.rsplit('/').next().unwrap()).collect();
    assert_eq!(orphans, ["orphan.mp4", "x.png"], "{report:?}");
}

#[tokio::test]
async fn the_store_that_spaces_lie_below_leaves_their_objects_alone() {
    let folder = tempfile::tempdir().unwrap();
    let open = async |path: &Path| {
        let address = path.to_str().unwrap();
        let backend = open_backend(address, &BTreeMap::new(), Layout::Nested).unwrap();
        Store::open(backend, OpenOptions::write()).await.unwrap()
    };
    let home = open(folder.path()).await;
    let world = World { store: home, ..world().await };
    let context = world.context();
    let prefixes = [ObjectUri::parse(world.root.path().to_str().unwrap()).unwrap()];
    for file in ["c.mp4", "anna/d.mp4"] {
        world.put(file);
    }
    let path = world.root.path().join("c.mp4").display().to_string();
    world.add("video/raw", "frames", &[json!({ "id": "c", "path": path, "size": 5 })]).await;
    let before = world.files();
    assert_eq!(context.own().await.unwrap().others(), [""; 0]);

    let anna = open(&folder.path().join("spaces/anna")).await;
    let theirs = made("frames", &[json!({ "id": "x", "path": "/elsewhere/x.mp4" })]);
    write(&anna, &world.graph, "video/raw", &theirs).await.unwrap();
    assert_eq!(world.store.spaces().await.unwrap(), ["anna"]);
    assert_eq!(world.store.features().await.unwrap(), [key("video/raw")], "theirs are not ours");
    let report = compare(context, &prefixes, Duration::ZERO).await.unwrap();
    let shown: Vec<_> = report.orphan_examples.iter().map(|it| it.address.as_str()).collect();
    assert!(shown.iter().all(|it| !it.contains("anna")), "{shown:?}");
    let refused = delete_orphans(context, &prefixes, Duration::ZERO).await.unwrap_err();
    assert!(refused.to_string().contains("spaces anna"), "{refused}");
    assert_eq!(world.files(), before);

    // What is its own by a row of its own goes all the same; what a row of its own takes from a space
    // stays.
    let path = world.root.path().join("anna/d.mp4").display().to_string();
    world.add("video/raw", "frames", &[json!({ "id": "d", "path": path, "size": 5 })]).await;
    let request = request("video/raw", DeletionMode::Hard, "TRUE", Cascade::None);
    let plan = CascadePlan::make(context, &request).await.unwrap();
    plan.apply(context).await.unwrap();
    let gone: Vec<String> = before.difference(&world.files()).cloned().collect();
    assert_eq!(gone, ["c.mp4"]);
}
