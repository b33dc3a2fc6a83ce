//! Resolves that look at what changed alone, and when they must not.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use datafusion::arrow::{
    array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray, StructArray},
    datatypes::{DataType, Field, Int64Type},
};
use metalith_expr::parse;
use metalith_graph::FeatureGraph;
use metalith_store::{
    Backend, DeletionMode, DeletionRequest, Extent, Frame, Increment, MaintainOptions, OpenOptions,
    ResolveOptions, Rows, Store, WriteOptions,
};
use metalith_testkit::{
    fixtures::{graph, key, write},
    notes::MemoryNotes,
};
use serde_json::json;

use super::support::local;

const GRAPH: &str = r#"
[[features]]
key = "video"
id_columns = ["id"]
fields = ["frames"]

[[features]]
key = "crop"
id_columns = ["id"]
fields = ["frames"]
deps = ["video"]
"#;

/// A store in a folder, whose resolves leave notes.
struct Scene {
    backend: Arc<dyn Backend>,
    store: Store,
    graph: FeatureGraph,
}

impl Scene {
    async fn open(folder: &Path, notes: &Arc<MemoryNotes>) -> Self {
        let notes = Arc::clone(notes);
        let options = OpenOptions { notes: Some(notes), ..OpenOptions::write() };
        let backend = local(folder);
        let store = Store::open(Arc::clone(&backend), options).await.unwrap();
        Self { backend, store, graph: graph(GRAPH) }
    }

    async fn film(&self, ids: &[&str], content: &str) {
        let row = |id: &&str| json!({"id": id, "metaxy_provenance_by_field": {"frames": content}});
        let rows: Vec<_> = ids.iter().map(row).collect();
        write(&self.store, &self.graph, "video", &json!(rows)).await.unwrap();
    }

    /// Samples whose ids are numbers.
    async fn count(&self, ids: &[i64], content: &str) {
        let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
        let contents: ArrayRef = Arc::new(StringArray::from(vec![content; ids.len()]));
        let field = Arc::new(Field::new("frames", DataType::Utf8, true));
        let by_field: ArrayRef = Arc::new(StructArray::from(vec![(field, contents)]));
        let columns = [("id", ids), ("metaxy_provenance_by_field", by_field)];
        let rows = Rows::from_batch(RecordBatch::try_from_iter(columns).unwrap());
        let options = WriteOptions::default();
        self.store.write(&self.graph, &key("video"), rows, &options).await.unwrap();
    }

    async fn resolve(&self) -> Increment {
        let options = ResolveOptions::default();
        self.store.resolve(&self.graph, &key("crop"), options).await.unwrap()
    }

    /// New, stale and orphaned samples.
    async fn found(&self) -> [usize; 3] {
        let Increment { new, stale, orphaned, .. } = self.resolve().await;
        [new, stale, orphaned].map(|it| it.rows())
    }

    async fn work_off(&self) {
        let Increment { new, stale, .. } = self.resolve().await;
        for frame in [new, stale].into_iter().filter(|it| it.rows() > 0) {
            let rows = Rows::from_batches(frame.schema, frame.batches);
            let options = WriteOptions::default();
            self.store.write(&self.graph, &key("crop"), rows, &options).await.unwrap();
        }
    }

    async fn delete(&self, mode: DeletionMode, id: &str) {
        // A number, where ids are numbers.
        let value = if id.parse::<i64>().is_ok() { id.to_owned() } else { format!("'{id}'") };
        let filter = parse(&format!("id = {value}")).unwrap();
        let request = DeletionRequest::new(mode, vec![filter]);
        self.store.delete(&self.graph, &key("video"), &request).await.unwrap();
    }

    /// The state of the upstream's table.
    async fn state(&self) -> (u64, String) {
        let table = self.backend.open_table(&key("video")).await.unwrap().unwrap();
        (table.version(), table.mark().await.unwrap().unwrap())
    }

    /// How many chunks of the upstream were added since, if that is all that happened.
    async fn added_since(&self, (version, mark): &(u64, String)) -> Option<usize> {
        let table = self.backend.open_table(&key("video")).await.unwrap().unwrap();
        table.added_since(*version, mark).await.unwrap().map(|chunks| chunks.len())
    }
}

#[tokio::test]
async fn what_changed_since_all_was_in_order_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let notes = Arc::new(MemoryNotes::default());
    let scene = Scene::open(folder.path(), &notes).await;
    scene.film(&["a", "b", "c"], "1").await;
    scene.work_off().await;
    assert_eq!((scene.found().await, notes.count()), ([0, 0, 0], 1));

    assert_eq!(scene.resolve().await.extent, Extent::Changed(0));

    scene.film(&["b", "d"], "2").await;
    assert_eq!(scene.found().await, [1, 1, 0]);
    assert_eq!(scene.resolve().await.extent, Extent::Changed(2));
    scene.work_off().await;
    assert_eq!(scene.found().await, [0, 0, 0]);
    assert_eq!(scene.resolve().await.extent, Extent::Changed(0), "that was noted as well");

    // The first tombstone brings new columns; then everything is looked at once more.
    scene.delete(DeletionMode::Soft, "a").await;
    assert_eq!(scene.found().await, [0, 0, 1]);
    assert_eq!(scene.resolve().await.extent, Extent::All);
    scene.film(&["a"], "1").await;
    assert_eq!(scene.found().await, [0, 0, 0]);
    scene.delete(DeletionMode::Soft, "a").await;
    assert_eq!(scene.found().await, [0, 0, 1]);
    assert_eq!(scene.resolve().await.extent, Extent::Changed(1));

    scene.store.maintain(&key("video"), &MaintainOptions::default()).await.unwrap();
    assert_eq!(scene.found().await, [0, 0, 1]);
    scene.delete(DeletionMode::Hard, "c").await;
    assert_eq!(scene.found().await, [0, 0, 2]);
    assert_eq!(scene.resolve().await.extent, Extent::All, "what is gone leaves no rows to go by");
}

#[tokio::test]
async fn only_additions_can_be_told_apart_from_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path(), &Arc::default()).await;
    scene.film(&["a", "b", "z"], "1").await;
    let very_first = scene.state().await;
    scene.delete(DeletionMode::Soft, "z").await;
    assert_eq!(scene.added_since(&very_first).await, None, "tombstones brought new columns");
    let first = scene.state().await;
    assert_eq!(scene.added_since(&first).await, Some(0));
    scene.film(&["c"], "1").await;
    scene.delete(DeletionMode::Soft, "a").await;
    assert_eq!(scene.added_since(&first).await, Some(2), "a tombstone is a row like others");

    let second = scene.state().await;
    scene.store.maintain(&key("video"), &MaintainOptions::default()).await.unwrap();
    assert_eq!(scene.added_since(&second).await, Some(0), "the same rows in another file");
    assert_eq!(
        scene.added_since(&first).await,
        Some(1),
        "what was added is in a file with the rest"
    );
    scene.film(&["d"], "1").await;
    assert_eq!(scene.added_since(&second).await, Some(1));

    scene.delete(DeletionMode::Hard, "b").await;
    assert_eq!(scene.added_since(&second).await, None, "rows are gone");
}

/// Ids that count are known from footers; others, and those of rows that were deleted or written
/// several times, are looked at. What is found is what looking at everything finds.
#[tokio::test]
async fn changes_are_found_among_many_samples() {
    let folder = tempfile::tempdir().unwrap();
    let notes = Arc::new(MemoryNotes::default());
    let scene = Scene::open(folder.path(), &notes).await;
    scene.count(&(0..9000).collect::<Vec<_>>(), "1").await;
    let mixed = |id: i64| id * 7919 % 20_011 + 50_000;
    scene.count(&(1..20_011).map(mixed).collect::<Vec<_>>(), "1").await;
    scene.work_off().await;
    assert_eq!(scene.found().await, [0, 0, 0]);
    scene.delete(DeletionMode::Soft, "17").await;
    scene.count(&[17, 18], "2").await;
    scene.work_off().await;
    assert_eq!(scene.found().await, [0, 0, 0]);

    let scattered: Vec<i64> = (0..70_000).step_by(501).collect();
    let known = scattered.iter().filter(|id| **id < 9000 || (50_001..70_011).contains(*id)).count();
    scene.count(&scattered, "3").await;
    scene.delete(DeletionMode::Soft, "18").await;
    let few = scene.resolve().await;
    assert_eq!(few.extent, Extent::Changed(scattered.len() + 1));
    let whole = Scene::open(folder.path(), &Arc::default()).await.resolve().await;
    assert_eq!(whole.extent, Extent::All);
    let found = |it: &Increment| {
        let ids = |frame: &Frame| {
            let ids =
                frame.batches.iter().flat_map(|it| it["id"].as_primitive::<Int64Type>().values());
            ids.copied().collect::<BTreeSet<_>>()
        };
        [ids(&it.new), ids(&it.stale), ids(&it.orphaned)]
    };
    assert_eq!(found(&few), found(&whole));
    assert_eq!(found(&few).map(|ids| ids.len()), [scattered.len() - known, known, 1]);
}

/// Who writes few rows puts small files together now and then. What was added is found all the same.
#[tokio::test]
async fn changes_that_were_put_together_with_others_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::open(folder.path(), &Arc::default()).await;
    scene.film(&["a", "b"], "1").await;
    scene.work_off().await;
    assert_eq!(scene.found().await, [0, 0, 0]);
    for number in 0..40 {
        scene.film(&[&format!("c{number}")], "1").await;
    }
    assert_eq!(scene.found().await, [40, 0, 0]);
    let Extent::Changed(samples) = scene.resolve().await.extent else { panic!("not all is new") };
    assert!((40..=42).contains(&samples), "{samples} samples were looked at");
}

/// A copy of a store has the same tables in the same versions, until it goes its own way.
#[tokio::test]
async fn a_copy_that_went_its_own_way_is_another_table() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let scene = Scene::open(&one, &Arc::default()).await;
    scene.film(&["a", "b"], "1").await;
    let copied = std::process::Command::new("cp").arg("-r").args([&one, &other]).status().unwrap();
    assert!(copied.success());
    let copy = Scene::open(&other, &Arc::default()).await;
    assert_eq!(copy.added_since(&scene.state().await).await, Some(0), "nothing differs yet");
    scene.film(&["a"], "2").await;
    copy.film(&["b"], "2").await;
    assert_eq!(scene.state().await.0, copy.state().await.0);
    assert_eq!(copy.added_since(&scene.state().await).await, None);
}

#[tokio::test]
async fn other_definitions_find_no_note() {
    let folder = tempfile::tempdir().unwrap();
    let notes = Arc::new(MemoryNotes::default());
    let mut scene = Scene::open(folder.path(), &notes).await;
    scene.film(&["a", "b"], "1").await;
    scene.work_off().await;
    assert_eq!(scene.found().await, [0, 0, 0]);
    let fields = "fields = [{ key = \"frames\", code_version = \"2\" }]\ndeps";
    scene.graph = graph(&GRAPH.replace("fields = [\"frames\"]\ndeps", fields));
    assert_eq!(scene.found().await, [2, 0, 0]);
}
