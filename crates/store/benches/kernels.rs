//! What most of a resolve is made of, over tables in memory: hashing, finding current rows and
//! comparing. `copying` tells how fast this machine's memory is, for the bytes per second beside it.
//!
//! Bytes are those of the texts and ids that a step has to look at. Run it with
//! `cargo bench --package metalith-store`.

use std::{hint::black_box, sync::Arc};

use datafusion::arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, StringArray, StructArray},
    datatypes::{DataType, Field},
};
use divan::{Bencher, counter::BytesCount};
use metalith_graph::FeatureGraph;
use metalith_store::{
    Backend, HashAlgorithm, HashSettings, Increment, MemoryBackend, OpenOptions, ReadOptions,
    ResolveOptions, Rows, Store, WriteOptions,
};
use metalith_testkit::fixtures::{graph, key};
use tokio::runtime::Runtime;

/// Without optimisation it is only shown that everything works.
const ROWS: i64 = if cfg!(debug_assertions) { 1_000 } else { 1_000_000 };
/// Bytes of an id, and of what a field's version says.
const ID: usize = 8;
const VERSION: usize = 12;

const GRAPH: &str = r#"
[[features]]
key = "clip"
id_columns = ["clip"]
fields = ["audio", "frames"]

[[features]]
key = "crop"
id_columns = ["clip"]
deps = ["clip"]
fields = ["pixels"]
"#;

fn main() {
    divan::main();
}

/// A store in memory, what is declared, and who waits for it.
struct World {
    runtime: Runtime,
    backend: Arc<dyn Backend>,
    store: Store,
    graph: FeatureGraph,
}

impl World {
    fn new(algorithm: HashAlgorithm) -> Self {
        let runtime = Runtime::new().expect("threads can be started");
        let hash = Some(HashSettings { algorithm, ..HashSettings::default() });
        let options = OpenOptions { hash, ..OpenOptions::write() };
        let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
        let store = Store::open(Arc::clone(&backend), options);
        let store = runtime.block_on(store).expect("memory can be opened");
        let world = Self { runtime, backend, store, graph: graph(GRAPH) };
        world.write("clip", Rows::from_batch(clips(0)));
        world
    }

    /// The same store, which remembers nothing of earlier reads.
    fn reopened(&self) -> Store {
        let store = Store::open(Arc::clone(&self.backend), OpenOptions::read());
        self.runtime.block_on(store).expect("memory can be opened")
    }

    fn write(&self, feature: &str, rows: Rows) {
        let (feature, options) = (key(feature), WriteOptions::default());
        let written = self.store.write(&self.graph, &feature, rows, &options);
        self.runtime.block_on(written).expect("the rows fit");
    }

    fn resolve(&self) -> Increment {
        let feature = key("crop");
        let found = self.store.resolve(&self.graph, &feature, ResolveOptions::default());
        self.runtime.block_on(found).expect("it can be resolved")
    }
}

/// Samples, with versions that only this round of them has.
fn clips(round: i64) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS));
    let versions = |name: &str| -> (Arc<Field>, ArrayRef) {
        let texts = (0..ROWS).map(|id| format!("{:012x}", id + round * ROWS));
        let field = Field::new(name, DataType::Utf8, true);
        (Arc::new(field), Arc::new(StringArray::from_iter_values(texts)))
    };
    let by_field: ArrayRef =
        Arc::new(StructArray::from(vec![versions("audio"), versions("frames")]));
    let columns = [("clip", ids), ("metaxy_provenance_by_field", by_field)];
    RecordBatch::try_from_iter(columns).expect("they are as long as each other")
}

/// Copies memory, to compare with.
#[divan::bench(sample_count = 10)]
fn copying(bencher: Bencher<'_, '_>) {
    let bytes = vec![7_u8; if cfg!(debug_assertions) { 1 << 10 } else { 1 << 28 }];
    let mut copy = vec![0_u8; bytes.len()];
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| {
        copy.copy_from_slice(black_box(&bytes));
        black_box(&mut copy);
    });
}

/// Resolves where all is new: nearly everything is reading what is upstream and hashing it.
#[divan::bench(
    sample_count = 10,
    args = [HashAlgorithm::XxHash64, HashAlgorithm::Md5, HashAlgorithm::Sha256],
)]
fn hashing(bencher: Bencher<'_, '_>, algorithm: HashAlgorithm) {
    let world = World::new(algorithm);
    let bytes = ROWS as usize * (ID + 2 * VERSION);
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        assert_eq!(world.resolve().new.rows(), ROWS as usize);
    });
}

/// Resolves where nothing has changed: on top of that, all is compared.
#[divan::bench(sample_count = 10)]
fn comparing(bencher: Bencher<'_, '_>) {
    let world = World::new(HashAlgorithm::default());
    let new = world.resolve().new;
    world.write("crop", Rows::from_batches(new.schema, new.batches));
    // The ids and provenance of what is there, and the ids and versions of what is upstream.
    let bytes = ROWS as usize * (ID + 20 + ID + 2 * VERSION);
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        let found = world.resolve();
        assert_eq!(found.new.rows() + found.stale.rows() + found.orphaned.rows(), 0);
    });
}

/// Reads the ids of current rows where each has an older one: the latest of each id is found.
#[divan::bench(sample_count = 10)]
fn deduplicating(bencher: Bencher<'_, '_>) {
    let world = World::new(HashAlgorithm::default());
    world.write("clip", Rows::from_batch(clips(1)));
    let options = ReadOptions { columns: Some(vec!["clip".to_owned()]), ..ReadOptions::default() };
    let bytes = 2 * ROWS as usize * (ID + 8);
    let bencher = bencher.counter(BytesCount::new(bytes)).with_inputs(|| world.reopened());
    bencher.bench_local_values(|store| {
        let rows = world.runtime.block_on(async {
            let rows = store.read(&world.graph, &key("clip"), &options).await;
            rows.expect("it is there").collect().await.expect("they can be read")
        });
        assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), ROWS as usize);
    });
}
