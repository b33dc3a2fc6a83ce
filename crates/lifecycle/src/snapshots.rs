//! Recorded states of the feature graph.
//!
//! They are rows of the system table `metaxy-system/feature_versions`, one a feature, in the form
//! in which the reference system keeps them, so that either can read what the other recorded.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use datafusion::arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, RecordBatch, StringArray, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType},
};
use metalith_base::{FeatureKey, Timestamp};
use metalith_graph::{Feature, FeatureGraph, spec_to_wire};
use metalith_store::{CommitNote, Rows, Store, StoreError};

/// The table that snapshots are kept in.
const TABLE: &str = "metaxy-system/feature_versions";

/// A recorded state of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The project.
    pub project: String,
    /// The version of the graph.
    pub version: String,
    /// When it was recorded first.
    pub recorded_at: Timestamp,
    /// How many features it has.
    pub features: usize,
    /// What was noted with it.
    pub tags: BTreeMap<String, String>,
}

/// What a push did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The version of the graph.
    pub version: String,
    /// Features whose definition is recorded with this version; empty when it was there already.
    pub features: Vec<FeatureKey>,
}

/// Records the graph of a project, unless it is the one recorded last.
pub async fn push(
    store: &Store,
    graph: &FeatureGraph,
    project: &str,
    tags: &BTreeMap<String, String>,
) -> Result<Pushed, StoreError> {
    let version = graph.snapshot_version().to_owned();
    let known = list(store).await?;
    let last = known.iter().filter(|it| it.project == project).max_by_key(|it| it.recorded_at);
    if last.is_some_and(|last| last.version == version) {
        return Ok(Pushed { version, features: Vec::new() });
    }
    let own: Vec<&Feature> = graph.features().filter(|feature| !feature.is_external()).collect();
    let features: Vec<FeatureKey> = own.iter().map(|feature| feature.key().clone()).collect();
    if !features.is_empty() {
        let rows = Rows::from_batch(rows(&own, project, &version, tags, store.now())?);
        store.append_system(&table(), rows, CommitNote::new("push")).await?;
    }
    Ok(Pushed { version, features })
}

/// Every recorded state, the oldest first.
pub async fn list(store: &Store) -> Result<Vec<Snapshot>, StoreError> {
    let Some(rows) = store.read_system(&table()).await? else { return Ok(Vec::new()) };
    let mut found: BTreeMap<(String, String), (Snapshot, BTreeSet<String>)> = BTreeMap::new();
    for batch in rows.collect().await? {
        let text = |name: &str| {
            let column = batch.column_by_name(name);
            column.and_then(|it| it.as_string_opt::<i32>()).cloned()
        };
        let (Some(projects), Some(versions)) = (text("project"), text("metaxy_project_version"))
        else {
            continue;
        };
        let (keys, tags) = (text("feature_key"), text("tags"));
        let times = batch.column_by_name("recorded_at");
        let times = times.and_then(|it| it.as_primitive_opt::<TimestampMicrosecondType>());
        for row in 0..batch.num_rows() {
            let place = (projects.value(row).to_owned(), versions.value(row).to_owned());
            let at = Timestamp::from_micros(times.map_or(0, |times| times.value(row)));
            let (snapshot, features) = found.entry(place.clone()).or_insert_with(|| {
                let snapshot = Snapshot {
                    project: place.0,
                    version: place.1,
                    recorded_at: at,
                    features: 0,
                    tags: tags.as_ref().map(|it| parse_tags(it.value(row))).unwrap_or_default(),
                };
                (snapshot, BTreeSet::new())
            });
            snapshot.recorded_at = snapshot.recorded_at.min(at);
            features.extend(keys.as_ref().map(|keys| keys.value(row).to_owned()));
        }
    }
    let mut snapshots: Vec<Snapshot> = found
        .into_values()
        .map(|(snapshot, features)| Snapshot { features: features.len(), ..snapshot })
        .collect();
    snapshots.sort_by_key(|snapshot| snapshot.recorded_at);
    Ok(snapshots)
}

/// Tags that are text; other systems keep more in theirs.
fn parse_tags(json: &str) -> BTreeMap<String, String> {
    let tags: BTreeMap<String, serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
    let text =
        |(name, value): (String, serde_json::Value)| Some((name, value.as_str()?.to_owned()));
    tags.into_iter().filter_map(text).collect()
}

fn table() -> FeatureKey {
    TABLE.parse().expect("the name of the table is a key")
}

fn rows(
    features: &[&Feature],
    project: &str,
    version: &str,
    tags: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<RecordBatch, StoreError> {
    let count = features.len();
    let each = |value: &dyn Fn(&Feature) -> String| -> ArrayRef {
        Arc::new(features.iter().map(|feature| Some(value(feature))).collect::<StringArray>())
    };
    let same = |text: &str| -> ArrayRef { Arc::new(StringArray::new_repeated(text, count)) };
    let tags = serde_json::Value::from_iter(
        tags.iter().map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let recorded_at = TimestampMicrosecondArray::from_value(now.as_micros(), count);
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("project", same(project)),
        ("feature_key", each(&|feature| feature.key().to_string())),
        ("metaxy_feature_version", each(&|feature| feature.feature_version().to_owned())),
        ("metaxy_definition_version", each(&|feature| feature.definition_version())),
        ("recorded_at", Arc::new(recorded_at.with_timezone("UTC"))),
        ("feature_spec", each(&|feature| spec_to_wire(feature.spec()).to_string())),
        ("feature_schema", same("{}")),
        ("feature_class_path", same("")),
        ("metaxy_project_version", same(version)),
        ("tags", same(&tags.to_string())),
        ("deleted_at", datafusion::arrow::array::new_null_array(&time, count)),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(StoreError::arrow)
}
