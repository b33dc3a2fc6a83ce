//! Stores that lie beside each other share objects: each goes with the last row that names it, in
//! whatever store that is.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use metalith_delta::{Layout, open_backend, space_of};
use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    Context,
    deletion::{Cascade, CascadePlan, Done, list, retry_purges},
    objects::audit::{compare, delete_orphans},
};
use metalith_objects::{ObjectPlaces, ObjectUri};
use metalith_store::{Backend, DeletionMode, OpenOptions, SpaceOf, Store};
use metalith_testkit::fixtures::{graph, write};
use serde_json::json;

use crate::support::{made, request};

const FEATURES: &str = r#"
[[features]]
key = "video"
id_columns = ["id"]
objects = [{ column = "path" }]

[[features]]
key = "favourite"
id_columns = ["id"]
objects = [{ column = "seen", owned = false }]
"#;

/// A store with two spaces below it, and files.
struct World {
    graph: FeatureGraph,
    places: ObjectPlaces,
    stores: tempfile::TempDir,
    files: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let (stores, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Self { graph: graph(FEATURES), places: ObjectPlaces::default(), stores, files }
    }

    fn backend(&self, folder: &str) -> Arc<dyn Backend> {
        let folder = self.stores.path().join(folder);
        open_backend(folder.to_str().unwrap(), &BTreeMap::new(), Layout::Nested).unwrap()
    }

    /// The store of a space, or the one above all of them.
    async fn open(&self, space: Option<&str>) -> Store {
        let Some(name) = space else {
            return Store::open(self.backend(""), OpenOptions::write()).await.unwrap();
        };
        let name_of = name.to_owned();
        let space_of = Some(SpaceOf { above: self.backend(""), name: name_of, is_declared: true });
        let options = OpenOptions { space_of, ..OpenOptions::write() };
        Store::open(self.backend(&format!("spaces/{name}")), options).await.unwrap()
    }

    fn context<'a>(&'a self, store: &'a Store, space: Option<&'a str>) -> Context<'a> {
        Context { store, graph: &self.graph, places: &self.places, space }
    }

    /// A file, by its whole path.
    fn put(&self, name: &str) -> String {
        let file = self.files.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "bytes").unwrap();
        file.display().to_string()
    }

    async fn add(&self, store: &Store, feature: &str, id: &str, column: &str, path: &str) {
        let row = made("default", &[json!({ "id": id, column: path })]);
        write(store, &self.graph, feature, &row).await.unwrap();
    }

    async fn purge(&self, store: &Store, space: Option<&str>, feature: &str) -> Done {
        let context = self.context(store, space);
        let request = request(feature, DeletionMode::Hard, "TRUE", Cascade::None);
        CascadePlan::make(context, &request).await.unwrap().apply(context).await.unwrap()
    }
}

#[tokio::test]
async fn what_a_space_names_stays_when_the_store_above_deletes_it() {
    let world = World::new();
    let (home, anna) = (world.open(None).await, world.open(Some("anna")).await);
    let (shared, own) = (world.put("shared.mp4"), world.put("own.mp4"));
    world.add(&home, "video", "1", "path", &shared).await;
    world.add(&home, "video", "2", "path", &own).await;
    world.add(&anna, "favourite", "1", "seen", &format!("file://{shared}")).await;

    let filter = request("video", DeletionMode::Hard, "TRUE", Cascade::None);
    let plan = CascadePlan::make(world.context(&home, None), &filter).await.unwrap();
    assert_eq!(plan.steps()[0].objects, 1, "the plan knows it as well");
    let report = world.purge(&home, None, "video").await.objects.unwrap();
    assert_eq!((report.deleted, report.failed, report.skipped), (1, 0, 1));
    assert!(Path::new(&shared).exists() && !Path::new(&own).exists());
    assert_eq!(list(&home).await.unwrap()[0].kept, 1);
}

#[tokio::test]
async fn what_others_name_stays_when_a_space_deletes_it() {
    let world = World::new();
    let home = world.open(None).await;
    let (anna, ben) = (world.open(Some("anna")).await, world.open(Some("ben")).await);
    let paths: Vec<String> =
        ["home", "ben", "nobody"].map(|name| world.put(&format!("anna/{name}.mp4"))).into();
    for path in &paths {
        world.add(&anna, "video", path, "path", path).await;
    }
    world.add(&home, "favourite", "1", "seen", &paths[0]).await;
    world.add(&ben, "favourite", "1", "seen", &paths[1]).await;
    let report = world.purge(&anna, Some("anna"), "video").await.objects.unwrap();
    assert_eq!((report.deleted, report.failed, report.skipped), (1, 0, 2));
    let left: Vec<bool> = paths.iter().map(|path| Path::new(path).exists()).collect();
    assert_eq!(left, [true, true, false]);

    // Nobody in the space names them any more, and they are no orphans all the same.
    let context = world.context(&anna, Some("anna"));
    let prefix = world.files.path().join("anna");
    let prefixes = [ObjectUri::parse(prefix.to_str().unwrap()).unwrap()];
    let report = compare(context, &prefixes, Duration::ZERO).await.unwrap();
    assert_eq!((report.objects, report.orphans), (2, 0));
    let fixed = delete_orphans(context, &prefixes, Duration::ZERO).await.unwrap();
    assert_eq!(fixed.deleted, 0);
}

#[tokio::test]
async fn while_a_space_cannot_be_read_objects_wait() {
    let world = World::new();
    let (home, anna) = (world.open(None).await, world.open(Some("anna")).await);
    let path = world.put("a.mp4");
    world.add(&home, "video", "1", "path", &path).await;
    world.add(&anna, "favourite", "1", "seen", "/elsewhere").await;
    let marker = world.stores.path().join("spaces/anna/metalith-store.json");
    let fine = fs::read(&marker).unwrap();
    // What it is called stays between it and those who run the system.
    let told = "it cannot be found out which objects the stores beside this one name";
    fs::write(&marker, "nonsense").unwrap();

    let done = world.purge(&home, None, "video").await;
    let report = done.objects.clone().unwrap();
    assert_eq!((done.rows(), report.deleted, report.failed), (1, 0, 1), "the row goes");
    assert_eq!(report.failures[0].1, told);
    assert!(Path::new(&path).exists());
    assert_eq!(list(&home).await.unwrap()[0].state.name(), "purge pending");

    fs::remove_file(&marker).unwrap();
    let again = retry_purges(world.context(&home, None)).await.unwrap().pop().unwrap();
    let report = again.outcome.unwrap().objects.unwrap();
    assert_eq!((report.deleted, report.failed), (0, 1), "tables without a marker are a store");
    assert!(Path::new(&path).exists());

    fs::write(&marker, fine).unwrap();
    let again = retry_purges(world.context(&home, None)).await.unwrap().pop().unwrap();
    assert_eq!(again.outcome.unwrap().objects.unwrap().deleted, 1);
    assert!(!Path::new(&path).exists());
}

#[tokio::test]
async fn a_table_in_a_space_that_is_not_declared_keeps_objects_too() {
    let world = World::new();
    let (home, anna) = (world.open(None).await, world.open(Some("anna")).await);
    let path = world.put("a.mp4");
    world.add(&home, "video", "1", "path", &path).await;
    let other = graph("[[features]]\nkey = \"album\"\nid_columns = [\"id\"]\n");
    let row = made("default", &[json!({ "id": "1", "cover": path })]);
    write(&anna, &other, "album", &row).await.unwrap();
    let report = world.purge(&home, None, "video").await.objects.unwrap();
    assert_eq!((report.deleted, report.failed), (0, 1));
    assert!(!report.failures[0].1.contains("album"), "{report:?}");
    assert!(Path::new(&path).exists());
}

/// Whoever opens a space by its address, and does not say that it is one, does it no less.
#[tokio::test]
async fn a_space_that_is_opened_by_its_address_asks_the_others_too() {
    let world = World::new();
    let (home, ben) = (world.open(None).await, world.open(Some("ben")).await);
    let stores = world.stores.path().display();
    let address = format!("{stores}/spaces//anna/.");
    let options = BTreeMap::new();
    let space_of = space_of(&address, &options, Layout::Nested).unwrap();
    let backend = open_backend(&address, &options, Layout::Nested).unwrap();
    let anna =
        Store::open(backend, OpenOptions { space_of, ..OpenOptions::write() }).await.unwrap();
    let paths = ["home", "ben", "nobody"].map(|name| world.put(&format!("{name}.mp4")));
    for path in &paths {
        world.add(&anna, "video", path, "path", path).await;
    }
    world.add(&home, "favourite", "1", "seen", &paths[0]).await;
    world.add(&ben, "favourite", "1", "seen", &paths[1]).await;
    world.purge(&anna, None, "video").await;
    assert_eq!(paths.map(|path| Path::new(&path).exists()), [true, true, false]);

    // Which objects would be its own is not known without its name.
    let prefix = ObjectUri::parse(world.files.path().to_str().unwrap()).unwrap();
    let refused = delete_orphans(world.context(&anna, None), &[prefix], Duration::ZERO).await;
    assert!(refused.unwrap_err().to_string().contains("not opened as the space"));
}

#[tokio::test]
async fn a_store_in_a_folder_of_that_name_need_not_be_a_space() {
    let world = World::new();
    let address = world.stores.path().join("spaces/prod");
    let address = address.to_str().unwrap();
    fs::write(world.stores.path().join("notes.txt"), "no store of ours").unwrap();
    let options = BTreeMap::new();
    let space_of = space_of(address, &options, Layout::Nested).unwrap();
    let backend = open_backend(address, &options, Layout::Nested).unwrap();
    let prod =
        Store::open(backend, OpenOptions { space_of, ..OpenOptions::write() }).await.unwrap();
    let below = world.open(Some("prod/spaces/eve")).await;
    let (shared, own) = (world.put("shared.mp4"), world.put("own.mp4"));
    world.add(&prod, "video", "1", "path", &shared).await;
    world.add(&prod, "video", "2", "path", &own).await;
    world.add(&below, "favourite", "1", "seen", &shared).await;
    world.purge(&prod, None, "video").await;
    assert_eq!([shared, own].map(|path| Path::new(&path).exists()), [true, false]);
}
