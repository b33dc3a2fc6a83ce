//! What has been kept long enough goes, and nothing comes back by itself.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use metalith_base::{Clock, Timestamp};
use metalith_expr::parse;
use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    Context,
    deletion::{Cascade, CascadePlan, CascadeRequest},
    holds,
    retention::{self, Rule},
};
use metalith_objects::ObjectPlaces;
use metalith_store::{DeletionMode, MemoryBackend, OpenOptions, ReadOptions, Store};
use metalith_testkit::fixtures::{graph, key, read, read_with, write};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use crate::support::{made, request};

const FEATURES: &str = r#"
[retention]
keep_deleted = "30 days"

[[features]]
key = "clip"
id_columns = ["id"]
fields = [{ key = "frames", code_version = "1" }]
retention = { expire = { after = "1 year", column = "recorded_at" }, keep_versions = 2 }

[[features]]
key = "crop"
id_columns = ["id"]
fields = ["frames"]
deps = ["clip"]
"#;

const DAY: i64 = 86_400_000_000;

/// A clock that is set by hand.
#[derive(Debug)]
struct ByHand(AtomicI64);

impl ByHand {
    fn forward(&self, days: i64) {
        self.0.fetch_add(days * DAY, Ordering::SeqCst);
    }
}

impl Clock for ByHand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

struct World {
    store: Store,
    graph: FeatureGraph,
    places: ObjectPlaces,
    clock: Arc<ByHand>,
}

impl World {
    fn context(&self) -> Context<'_> {
        Context { store: &self.store, graph: &self.graph, places: &self.places, space: None }
    }

    /// What is due, one line a rule.
    async fn due(&self) -> Vec<String> {
        let due = retention::plan(self.context()).await.unwrap();
        let line = |due: &retention::Due| {
            let samples = due.plan.as_ref().map_or(0, |plan| plan.samples());
            format!("{} {} {samples} held {}", due.feature, due.rule.name(), due.held)
        };
        due.iter().filter(|it| it.plan.is_some() || it.held > 0).map(line).collect()
    }

    async fn apply(&self) -> Vec<(Rule, u64)> {
        let applied = retention::apply(self.context()).await.unwrap();
        assert!(applied.blocked.is_empty());
        applied.done.into_iter().map(|(rule, done)| (rule, done.rows())).collect()
    }

    async fn add(&self, feature: &str, rows: &[Value]) {
        write(&self.store, &self.graph, feature, &made("frames", rows)).await.unwrap();
    }

    async fn left(&self, feature: &str) -> Vec<String> {
        read(&self.store, &self.graph, feature, &["id"]).await
    }

    async fn stored(&self, feature: &str) -> usize {
        let all = ReadOptions {
            include_deleted: true,
            sample_history: true,
            feature_history: true,
            ..ReadOptions::default()
        };
        read_with(&self.store, &self.graph, feature, &["id"], &all).await.len()
    }

    async fn delete(&self, request: &CascadeRequest) {
        let plan = CascadePlan::make(self.context(), request).await.unwrap();
        plan.apply(self.context()).await.unwrap();
    }
}

/// On 2026-06-01: an old clip, a young one, and one that nobody knows the age of; each has a crop.
async fn world() -> World {
    let clock = Arc::new(ByHand(AtomicI64::new(1_780_272_000_000_000)));
    let options =
        OpenOptions { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..OpenOptions::write() };
    let store = Store::open(Arc::new(MemoryBackend::new()), options).await.unwrap();
    let (graph, places) = (graph(FEATURES), ObjectPlaces::default());
    let world = World { store, graph, places, clock };
    let clips = json!([
        { "id": "old", "recorded_at": "2025-05-31T23:59:59Z" },
        { "id": "young", "recorded_at": "2025-06-01T00:00:01+00:00" },
        { "id": "ageless", "recorded_at": null },
    ]);
    let clips: Vec<Value> = clips.as_array().unwrap().clone();
    let rows = metalith_testkit::batch_from_json(
        &clips
            .iter()
            .map(|row| {
                let mut row = row.as_object().unwrap().clone();
                row.insert("metaxy_provenance_by_field".to_owned(), json!({ "frames": "made" }));
                row
            })
            .collect::<Vec<_>>(),
        &[],
    );
    let rows = with_times(&rows);
    let rows = metalith_store::Rows::from_batch(rows);
    let options = metalith_store::WriteOptions::default();
    world.store.write(&world.graph, &key("clip"), rows, &options).await.unwrap();
    world.add("crop", &["old", "young", "ageless"].map(|id| json!({ "id": id }))).await;
    world
}

/// The texts of `recorded_at` as times with a zone.
fn with_times(
    batch: &datafusion::arrow::array::RecordBatch,
) -> datafusion::arrow::array::RecordBatch {
    use datafusion::arrow::{
        compute::cast,
        datatypes::{DataType, Field, Schema, TimeUnit},
    };
    let index = batch.schema().index_of("recorded_at").unwrap();
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut columns = batch.columns().to_vec();
    columns[index] = cast(&columns[index], &time).unwrap();
    let mut fields: Vec<Field> =
        batch.schema().fields().iter().map(|it| it.as_ref().clone()).collect();
    fields[index] = Field::new("recorded_at", time, true);
    datafusion::arrow::array::RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

#[tokio::test]
async fn samples_expire_to_the_second_and_are_recoverable_for_a_while() {
    let world = world().await;
    assert_eq!(world.due().await, ["clip expire 2 held 0"], "the old clip and its crop");
    let due = retention::plan(world.context()).await.unwrap();
    let next = due.iter().find(|it| it.rule == Rule::Expire).unwrap().next.unwrap();
    assert_eq!(next.to_string(), "2026-06-01T00:00:01.000000Z");
    assert_eq!(world.stored("clip").await, 3, "a plan changes nothing");

    assert_eq!(world.apply().await, [(Rule::Expire, 2)]);
    assert_eq!(world.left("clip").await, ["ageless", "young"]);
    assert_eq!(world.left("crop").await, ["ageless", "young"]);
    assert_eq!(world.stored("clip").await, 4, "it is hidden, not gone");
    assert!(world.apply().await.is_empty(), "nothing is due twice");

    // A year later all but the ageless one have expired; the first is past its recovery.
    world.clock.forward(31);
    let done = world.apply().await;
    assert!(done.contains(&(Rule::KeepDeleted, 2)), "{done:?}");
    assert_eq!(world.left("clip").await, ["ageless"]);
    world.clock.forward(31);
    world.apply().await;
    assert_eq!(world.stored("clip").await, 1, "rows, tombstones and all");
    assert_eq!(world.stored("crop").await, 1);
}

#[tokio::test]
async fn what_is_held_stays_and_is_counted() {
    let world = world().await;
    let filters = [parse("id = 'old'").unwrap()];
    let (hold, _) =
        holds::add(&world.store, &world.graph, &key("clip"), &filters, None).await.unwrap();
    assert_eq!(world.due().await, ["clip expire 0 held 1"]);
    assert!(world.apply().await.is_empty());
    holds::release(&world.store, &hold.id).await.unwrap();
    assert_eq!(world.apply().await, [(Rule::Expire, 2)]);
}

#[tokio::test]
async fn a_sample_that_came_back_is_not_purged_by_its_old_tombstone() {
    let world = world().await;
    let one = request("crop", DeletionMode::Soft, "id = 'young'", Cascade::None);
    world.delete(&one).await;
    world.add("crop", &[json!({ "id": "young" })]).await;
    world.clock.forward(40);
    let due = retention::plan(world.context()).await.unwrap();
    let crop = due.iter().find(|it| it.feature == key("crop")).unwrap();
    assert!(crop.plan.is_none(), "it lives");
}

#[tokio::test]
async fn a_deletion_may_ask_for_longer_and_is_never_shortened() {
    let world = world().await;
    let until = Timestamp::from_micros(world.store.now().as_micros() + 90 * DAY);
    let mut one = request("crop", DeletionMode::Soft, "id = 'young'", Cascade::None);
    one.recoverable_until = Some(until);
    world.delete(&one).await;
    let two = request("crop", DeletionMode::Soft, "id = 'ageless'", Cascade::None);
    world.delete(&two).await;
    world.clock.forward(31);
    world.apply().await;
    let hidden = ReadOptions { include_deleted: true, ..ReadOptions::default() };
    let left = read_with(&world.store, &world.graph, "crop", &["id"], &hidden).await;
    assert!(left.contains(&"young".to_owned()), "{left:?}");
    assert!(!left.contains(&"ageless".to_owned()), "{left:?}");
    world.clock.forward(60);
    world.apply().await;
    let left = read_with(&world.store, &world.graph, "crop", &["id"], &hidden).await;
    assert!(!left.contains(&"young".to_owned()), "{left:?}");
}

#[tokio::test]
async fn old_versions_go_when_there_are_enough_newer_ones() {
    let mut world = world().await;
    for version in ["2", "3"] {
        let text =
            FEATURES.replace("code_version = \"1\"", &format!("code_version = \"{version}\""));
        world.graph = graph(&text);
        world.add("clip", &[json!({ "id": "young" })]).await;
    }
    assert_eq!(world.stored("clip").await, 5);
    let due = retention::plan(world.context()).await.unwrap();
    let versions = due.iter().find(|it| it.rule == Rule::KeepVersions).unwrap();
    assert_eq!(versions.plan.as_ref().unwrap().steps().iter().map(|it| it.rows).sum::<u64>(), 3);
    world.apply().await;
    assert_eq!(world.left("clip").await, ["young"]);
    assert_eq!(world.stored("clip").await, 2);
}

/// What happens to a clip, a day at a time.
#[derive(Clone, Debug)]
enum Day {
    /// It is written, recorded so many days ago; a younger one has its life extended.
    Written { id: u8, age: i64 },
    /// It is deleted, to be kept for so many days at least.
    Deleted { id: u8, kept: i64 },
    /// Nothing but time.
    Passed { days: i64 },
    /// Retention is applied.
    Applied,
}

/// When a hidden clip may go, or that it lives and when it was recorded.
#[derive(Clone, Copy, Debug)]
enum Clip {
    Lives { recorded: i64 },
    Hidden { since: i64, until: i64 },
}

async fn live_through(days: &[Day]) {
    let mut world = world().await;
    world.graph = graph(&FEATURES.replace("keep_versions = 2", ""));
    let (mut today, mut clips) = (0, BTreeMap::<u8, Clip>::new());
    let start = world.store.now().as_micros();
    for day in days {
        match day {
            Day::Written { id, age } => {
                let recorded = today - age;
                let time = Timestamp::from_micros(start + recorded * DAY).to_string();
                let text = json!({ "id": format!("c{id}"), "recorded_at": time });
                let mut row = text.as_object().unwrap().clone();
                row.insert("metaxy_provenance_by_field".to_owned(), json!({ "frames": "x" }));
                let rows = with_times(&metalith_testkit::batch_from_json(&[row], &[]));
                let rows = metalith_store::Rows::from_batch(rows);
                let options = metalith_store::WriteOptions::default();
                world.store.write(&world.graph, &key("clip"), rows, &options).await.unwrap();
                clips.insert(*id, Clip::Lives { recorded });
            }
            Day::Deleted { id, kept } => {
                let until = today + kept;
                let filter = format!("id = 'c{id}'");
                let mut one = request("clip", DeletionMode::Soft, &filter, Cascade::None);
                one.recoverable_until = Some(Timestamp::from_micros(start + until * DAY));
                world.delete(&one).await;
                if let Some(Clip::Lives { .. }) = clips.get(id) {
                    clips.insert(*id, Clip::Hidden { since: today, until });
                }
            }
            Day::Passed { days } => {
                world.clock.forward(*days);
                today += days;
            }
            Day::Applied => {
                world.apply().await;
                clips.retain(|_, clip| match *clip {
                    Clip::Hidden { since, until } => since + 30 > today || until > today,
                    Clip::Lives { .. } => true,
                });
                for clip in clips.values_mut() {
                    if matches!(*clip, Clip::Lives { recorded } if recorded + 365 <= today) {
                        *clip = Clip::Hidden { since: today, until: today };
                    }
                }
            }
        }
        // Nothing comes back by itself, and nothing that can be restored is gone.
        let shown = |id: &u8| format!("c{id}");
        let ours = |id: &String| id.starts_with('c');
        let live = clips.iter().filter(|(_, clip)| matches!(clip, Clip::Lives { .. }));
        let live: Vec<String> = live.map(|(id, _)| shown(id)).collect();
        let found: Vec<String> = world.left("clip").await.into_iter().filter(ours).collect();
        assert_eq!(found, live, "{day:?} of {days:?}");
        let hidden = ReadOptions { include_deleted: true, ..ReadOptions::default() };
        let there = read_with(&world.store, &world.graph, "clip", &["id"], &hidden).await;
        let there: Vec<String> = there.into_iter().filter(ours).collect();
        assert_eq!(there, clips.keys().map(shown).collect::<Vec<_>>(), "{day:?} of {days:?}");
    }
}

#[test]
fn a_tombstone_outlives_what_it_hides_whatever_happens_to_the_sample() {
    let day = prop_oneof![
        3 => (0..3_u8, prop_oneof![Just(1), Just(340), Just(364), Just(400)])
            .prop_map(|(id, age)| Day::Written { id, age }),
        3 => (0..3_u8, prop_oneof![Just(0), Just(60)])
            .prop_map(|(id, kept)| Day::Deleted { id, kept }),
        2 => prop_oneof![Just(1_i64), Just(29), Just(31)].prop_map(|days| Day::Passed { days }),
        3 => Just(Day::Applied),
    ];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() };
    let lived = TestRunner::new(config).run(&prop::collection::vec(day, 4..16), |days| {
        runtime.block_on(live_through(&days));
        Ok(())
    });
    if let Err(error) = lived {
        panic!("{error}");
    }
}
