//! The process ends before or after any single call to storage, storage fails or answers twice:
//! after the next opening everything is as if nothing of it had happened.

use std::{
    collections::BTreeSet,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use futures::TryStreamExt as _;
use metalith_base::{Clock, Timestamp};
use metalith_delta::{DeltaBackend, Layout};
use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    Context, audit,
    deletion::{
        Cascade, CascadePlan, DeletionError, Done, finish_interrupted, list, retry_due_purges,
        retry_purges,
    },
};
use metalith_objects::{ObjectPlaces, OpenedLocation};
use metalith_store::{DeletionMode, OpenOptions, ReadOptions, Store};
use metalith_testkit::{
    faulty::{Fault, Faults, FaultyStore},
    fixtures::{graph, read, read_with, write},
};
use object_store::{ObjectStore, ObjectStoreExt as _, memory::InMemory, path::Path};
use serde_json::json;

use crate::support::{made, request};

const FEATURES: &str = r#"
[[features]]
key = "video/raw"
id_columns = ["video"]
fields = ["frames"]
objects = [{ column = "path", size = "size" }]

[[features]]
key = "video/chunk"
id_columns = ["chunk"]
fields = ["frames"]
objects = [{ template = "s3://media/chunks/{video}/{chunk}/" }]
deps = [{ feature = "video/raw", lineage = { expansion = { on = ["video"] } } }]

[[features]]
key = "video/faces"
id_columns = ["chunk"]
fields = ["faces"]
deps = [{ feature = "video/chunk", rename = { video = "unused" } }]
"#;

/// Text that only samples have that are deleted.
const MARKER: &str = "marker-of-the-deleted";

/// All that outlives a process: the store, and the bucket with the objects of samples.
#[derive(Debug)]
struct Disk {
    store: Arc<InMemory>,
    bucket: Arc<InMemory>,
}

/// A process: what it has opened.
struct Process {
    store: Store,
    graph: FeatureGraph,
    places: ObjectPlaces,
}

impl Process {
    fn context(&self) -> Context<'_> {
        Context { store: &self.store, graph: &self.graph, places: &self.places, space: None }
    }
}

fn opened(inner: &Arc<InMemory>, faults: &Arc<Faults>, url: &str) -> OpenedLocation {
    let inner = Arc::clone(inner) as Arc<dyn ObjectStore>;
    OpenedLocation {
        store: Arc::new(FaultyStore::new(inner, Arc::clone(faults))),
        prefix: Path::default(),
        url: url.parse().unwrap(),
        folder: None,
    }
}

/// A clock that is set by hand.
#[derive(Debug)]
struct ByHand(AtomicI64);

impl Clock for ByHand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// The clock of a process that begins a minute after another one.
#[derive(Debug)]
pub(crate) struct Later(pub(crate) Arc<dyn Clock>);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.now().as_micros() + 60_000_000)
    }
}

impl Disk {
    async fn open(&self, of_store: &Arc<Faults>, of_bucket: &Arc<Faults>) -> Process {
        self.open_with(of_store, of_bucket, OpenOptions::write()).await
    }

    async fn open_with(
        &self,
        of_store: &Arc<Faults>,
        of_bucket: &Arc<Faults>,
        options: OpenOptions,
    ) -> Process {
        let place = opened(&self.store, of_store, "s3://store/");
        let backend = DeltaBackend::new(place, "s3://store".to_owned(), Layout::Nested);
        // The marker is read before anything can go wrong.
        let store = Store::open(Arc::new(backend), options).await.unwrap();
        let places = ObjectPlaces::default();
        let places = places.with("s3://media", opened(&self.bucket, of_bucket, "s3://media/"));
        Process { store, graph: graph(FEATURES), places }
    }

    async fn open_healthy(&self) -> Process {
        let healthy = Faults::new(Fault::None);
        self.open(&healthy, &healthy).await
    }

    /// A process that begins when the lease of one that died is over.
    async fn open_later(&self) -> Process {
        let healthy = Faults::new(Fault::None);
        let clock = Arc::new(Later(OpenOptions::write().clock));
        let options = OpenOptions { clock, ..OpenOptions::write() };
        self.open_with(&healthy, &healthy, options).await
    }

    fn copy(&self) -> Self {
        Self { store: Arc::new(self.store.fork()), bucket: Arc::new(self.bucket.fork()) }
    }

    async fn objects(&self) -> BTreeSet<String> {
        let all: Vec<_> = self.bucket.list(None).try_collect().await.unwrap();
        all.into_iter().map(|meta| meta.location.to_string()).collect()
    }

    /// The files of the store that have the marker in them.
    async fn marked(&self) -> Vec<String> {
        let all: Vec<_> = self.store.list(None).try_collect().await.unwrap();
        let mut marked = Vec::new();
        for meta in all {
            let bytes = self.store.get(&meta.location).await.unwrap().bytes().await.unwrap();
            if bytes.windows(MARKER.len()).any(|it| it == MARKER.as_bytes()) {
                marked.push(meta.location.to_string());
            }
        }
        marked
    }
}

/// Two videos with two chunks each, faces, and all of their objects; the first one is marked.
async fn disk() -> Disk {
    let disk = Disk { store: Arc::default(), bucket: Arc::default() };
    let process = disk.open_healthy().await;
    let (store, graph) = (&process.store, &process.graph);
    let video = |id: &str, note: &str| json!({ "video": id, "path": format!("s3://media/videos/{id}"), "size": 1, "note": note });
    let chunk = |id: &str, video: &str| json!({ "chunk": id, "video": video });
    let first = format!("{MARKER}-v1");
    let videos = [video(&first, MARKER), video("v2", "kept")];
    let a = format!("{MARKER}-a");
    let chunks = [chunk(&a, &first), chunk("b", &first), chunk("c", "v2"), chunk("d", "v2")];
    let faces = [a.as_str(), "b", "c", "d"].map(|chunk| json!({ "chunk": chunk }));
    write(store, graph, "video/raw", &made("frames", &videos)).await.unwrap();
    write(store, graph, "video/chunk", &made("frames", &chunks)).await.unwrap();
    write(store, graph, "video/faces", &made("faces", &faces)).await.unwrap();
    for object in [
        format!("videos/{first}"),
        "videos/v2".to_owned(),
        format!("chunks/{first}/{a}/1"),
        format!("chunks/{first}/{a}/2"),
        format!("chunks/{first}/b/1"),
        "chunks/v2/c/1".to_owned(),
        "chunks/v2/d/1".to_owned(),
    ] {
        disk.bucket.put(&Path::from(object), "bytes".into()).await.unwrap();
    }
    disk
}

/// Deletes the first video for good, with everything that was computed from it.
async fn delete(process: &Process) -> Result<Done, DeletionError> {
    let filter = format!("note = '{MARKER}'");
    let request = request("video/raw", DeletionMode::Hard, &filter, Cascade::Downstream);
    CascadePlan::make(process.context(), &request).await?.apply(process.context()).await
}

/// What is visible, however far a deletion got: never a child without its parent.
async fn check_parents(process: &Process) {
    let (store, graph) = (&process.store, &process.graph);
    let videos = read(store, graph, "video/raw", &["video"]).await;
    let of_chunks = read(store, graph, "video/chunk", &["video"]).await;
    let chunks = read(store, graph, "video/chunk", &["chunk"]).await;
    let of_faces = read(store, graph, "video/faces", &["chunk"]).await;
    assert!(of_chunks.iter().all(|it| videos.contains(it)), "{of_chunks:?} of {videos:?}");
    assert!(of_faces.iter().all(|it| chunks.contains(it)), "{of_faces:?} of {chunks:?}");
}

/// Opens again, by two at once, and checks that all of it happened or nothing.
async fn check(disk: &Disk, story: &str) {
    check_parents(&disk.open_healthy().await).await;
    let (one, other) = (disk.open_later().await, disk.open_later().await);
    let (first, second) =
        tokio::join!(finish_interrupted(one.context()), finish_interrupted(other.context()));
    for finished in [first, second] {
        for deletion in finished.unwrap_or_else(|error| panic!("{story}: {error}")) {
            deletion.outcome.unwrap_or_else(|error| panic!("{story}: {error}"));
        }
    }

    let process = disk.open_later().await;
    let waiting = list(&process.store).await.unwrap();
    let waiting: Vec<_> = waiting.iter().map(|it| it.state.name()).collect();
    assert!(
        waiting.is_empty() || waiting == ["done"] || waiting == ["purge pending"],
        "{story}: {waiting:?}"
    );
    retry_purges(process.context()).await.unwrap();
    let (store, graph) = (&process.store, &process.graph);
    let everything =
        ReadOptions { include_deleted: true, sample_history: true, ..ReadOptions::default() };
    let mut left = Vec::new();
    for (feature, id) in
        [("video/raw", "video"), ("video/chunk", "chunk"), ("video/faces", "chunk")]
    {
        left.push(read_with(store, graph, feature, &[id], &everything).await.join(" "));
    }
    let objects = disk.objects().await;
    let log = audit::verify(store).await.unwrap();
    assert_eq!(log.findings, [], "{story}");
    let deletions = list(store).await.unwrap();
    if deletions.is_empty() {
        // The deletion had not been written down yet.
        assert_eq!(left[1], format!("b c d {MARKER}-a"), "{story}");
        assert_eq!(left[2], format!("b c d {MARKER}-a"), "{story}");
        assert_eq!(left[0], format!("{MARKER}-v1 v2"), "{story}");
        assert_eq!(objects.len(), 7, "{story}: {objects:?}");
        return;
    }
    assert_eq!(left, ["v2", "c d", "c d"], "{story}");
    let kept = ["chunks/v2/c/1", "chunks/v2/d/1", "videos/v2"].map(str::to_owned);
    assert_eq!(objects, BTreeSet::from(kept), "{story}");
    let entries = audit::read(store).await.unwrap();
    let told = entries.iter().filter(|it| it.event == "deleted").count();
    assert_eq!((deletions.len(), told), (1, 1), "{story}");
    assert_eq!(deletions[0].state.name(), "done", "{story}");
    assert_eq!(disk.marked().await, Vec::<String>::new(), "{story}");
}

/// Tries a fault at every call that the deletion makes, and returns how many there are.
async fn at_every_call(fault: impl Fn(u64) -> Fault) -> u64 {
    let disk = disk().await;
    let mut tried = 0;
    loop {
        let copy = disk.copy();
        let process = copy.open_healthy().await;
        drop(process);
        // The opening itself reads the marker, which is not of interest.
        let skipped = 2;
        let fault = fault(skipped + tried + 1);
        let faults = Faults::new(fault);
        let process = copy.open(&faults, &faults).await;
        let done = delete(&process).await;
        drop(process);
        if !faults.has_struck() {
            done.unwrap();
            check(&copy, "no fault").await;
            return tried;
        }
        tried += 1;
        let call = faults.log().get(faults.calls().min(skipped + tried) as usize - 1).cloned();
        check(&copy, &format!("{fault:?} of {}", call.unwrap_or_default())).await;
    }
}

/// Tells how many points were tried, also when the output of tests is kept back.
fn say(points: u64) {
    writeln!(std::io::stderr(), "{points} points tried").ok();
}

#[tokio::test]
async fn the_process_ends_before_any_call() {
    let tried = at_every_call(Fault::StopBefore).await;
    say(tried);
    assert!(tried > 100, "{tried}");
}

#[tokio::test]
async fn the_process_ends_after_any_call() {
    let tried = at_every_call(Fault::StopAfter).await;
    say(tried);
    assert!(tried > 100, "{tried}");
}

#[tokio::test]
async fn any_call_fails_once() {
    say(at_every_call(Fault::FailOnce).await);
}

#[tokio::test]
async fn any_call_is_made_twice() {
    say(at_every_call(Fault::Twice).await);
}

#[tokio::test]
async fn the_bucket_is_down_from_any_call_on() {
    let disk = disk().await;
    for first in 1.. {
        let copy = disk.copy();
        let faults = Faults::new(Fault::FailFrom(first));
        let process = copy.open(&Faults::new(Fault::None), &faults).await;
        let done = delete(&process).await.unwrap();
        assert_eq!(done.rows(), 5, "rows go, whatever the bucket says");
        if !faults.has_struck() {
            say(first - 1);
            return;
        }
        check(&copy, &format!("the bucket fails from call {first} on")).await;
    }
}

#[tokio::test]
async fn what_somebody_may_be_at_work_on_is_left_alone_for_a_while() {
    let whole = disk().await;
    // The first moment at which it is written down.
    let mut call = 50;
    let (disk, begun) = loop {
        call += 10;
        let disk = whole.copy();
        let faults = Faults::new(Fault::StopBefore(call));
        let process = disk.open(&faults, &faults).await;
        delete(&process).await.expect_err("it ended before it was written down, or after it was");
        let begun = disk.open_healthy().await;
        if !list(&begun.store).await.unwrap().is_empty() {
            break (disk, begun);
        }
    };
    assert_eq!(list(&begun.store).await.unwrap()[0].state.name(), "unfinished");
    assert!(finish_interrupted(begun.context()).await.unwrap().is_empty());
    assert!(retry_purges(begun.context()).await.unwrap().is_empty());
    assert_eq!(list(&begun.store).await.unwrap()[0].state.name(), "unfinished");
    let later = disk.open_later().await;
    assert_eq!(finish_interrupted(later.context()).await.unwrap().len(), 1);
    check(&disk, "after a while").await;
}

#[tokio::test]
async fn an_outage_is_noted_once_and_tried_again_less_and_less_often() {
    let disk = disk().await;
    let down = Faults::new(Fault::FailFrom(1));
    let start = OpenOptions::write().clock.now().as_micros();
    let clock = Arc::new(ByHand(AtomicI64::new(start)));
    let options = || OpenOptions { clock: Arc::<ByHand>::clone(&clock), ..OpenOptions::write() };
    let process = disk.open_with(&Faults::new(Fault::None), &down, options()).await;
    let done = delete(&process).await.unwrap();
    let left = done.objects.unwrap();
    assert!(left.failed > 0 && left.deleted == 0, "{left:?}");

    let mut tried = Vec::new();
    for minute in 0..20 {
        if !retry_due_purges(process.context()).await.unwrap().is_empty() {
            tried.push(minute);
        }
        clock.0.fetch_add(60_000_000, Ordering::SeqCst);
    }
    assert_eq!(tried, [1, 3, 7, 15]);
    let entries = audit::read(&process.store).await.unwrap();
    let told = entries.iter().filter(|it| it.event == "purge-failed").count();
    assert_eq!(told, 1, "{entries:?}");
    let waiting = &list(&process.store).await.unwrap()[0];
    assert_eq!((waiting.state.name(), waiting.pending), ("purge pending", left.failed));
    drop(process);

    let healthy = Faults::new(Fault::None);
    let process = disk.open_with(&healthy, &healthy, options()).await;
    let done = retry_purges(process.context()).await.unwrap().pop().unwrap().outcome.unwrap();
    assert_eq!(done.objects.unwrap().deleted, 4, "more than could be listed before");
    assert_eq!(list(&process.store).await.unwrap()[0].state.name(), "done");
}

#[tokio::test]
async fn objects_that_cannot_be_listed_any_more_are_counted_as_planned() {
    let disk = disk().await;
    let down = Faults::new(Fault::None);
    let process = disk.open(&Faults::new(Fault::None), &down).await;
    let filter = format!("note = '{MARKER}'");
    let request = request("video/raw", DeletionMode::Hard, &filter, Cascade::Downstream);
    let plan = CascadePlan::make(process.context(), &request).await.unwrap();
    let broken = disk.open(&Faults::new(Fault::None), &Faults::new(Fault::FailFrom(1))).await;
    let done = plan.apply(broken.context()).await.unwrap();
    assert_eq!(done.objects.unwrap().failed, 4, "one video, and three files of two chunks");
}
