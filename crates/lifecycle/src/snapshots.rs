//! Recorded states of the feature graph.
//!
//! They are rows of the system table `metaxy-system/feature_versions`, one a feature, in the form
//! in which the reference system keeps them, so that either can read what the other recorded. What
//! one recording wrote has one time. In the reference system each row has its own, and features that
//! are only declared otherwise are added to those of the same version; so what it wrote of a project
//! is one recording until another version comes.

mod error;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use datafusion::arrow::{
    array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array},
    compute::cast,
    datatypes::DataType,
};
use metalith_base::{FeatureKey, Timestamp};
use metalith_graph::{DeclaringClass, Feature, FeatureGraph, spec_to_wire};
use metalith_store::{CommitNote, Rows, Store, StoreError};
use serde_json::{Map, Value, json};

pub use self::error::SnapshotError;
use crate::system_rows::{self, Row, table};

/// The table that snapshots are kept in.
const TABLE: &str = "metaxy-system/feature_versions";
/// The name of the tag in which Metalith keeps what the columns have no place for.
const OURS: &str = "metalith";
/// The same of the reference system.
const THEIRS: &str = "metaxy";

/// A recorded state of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The project.
    pub project: String,
    /// The version of the graph.
    pub version: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// How many features it has.
    pub features: usize,
    /// What was noted with it.
    pub tags: BTreeMap<String, String>,
}

/// A recorded state with its graph.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// What is known of the recording.
    pub snapshot: Snapshot,
    /// The graph as it was.
    pub graph: FeatureGraph,
}

/// What a push did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The version of the graph.
    pub version: String,
    /// Features whose definition is recorded with this version; empty when it was there already.
    pub features: Vec<FeatureKey>,
    /// Names of tags that were given for a graph that was there already, without them. Its record
    /// stays as it is.
    pub tags_left_out: Vec<String>,
}

/// The rows in which graphs are recorded, as they are: those of the store itself, then those of the
/// stores that it falls back to.
pub async fn stored_rows(store: &Store) -> Result<Vec<Rows>, StoreError> {
    let mut found = Vec::new();
    for store in store.chain() {
        found.extend(store.read_system(&table(TABLE)).await?);
    }
    Ok(found)
}

/// The table that snapshots are kept in, for those who copy it.
pub(crate) fn system_table() -> FeatureKey {
    table(TABLE)
}

/// Records the graph of a project, unless it is the one recorded last.
pub async fn push(
    store: &Store,
    graph: &FeatureGraph,
    project: &str,
    tags: &BTreeMap<String, String>,
) -> Result<Pushed, SnapshotError> {
    if let Some(name) = [OURS, THEIRS].into_iter().find(|name| tags.contains_key(*name)) {
        return Err(SnapshotError::ReservedTag { name: name.to_owned() });
    }
    let version = graph.snapshot_version().to_owned();
    let own: Vec<&Feature> = graph.features().filter(|feature| !feature.is_external()).collect();
    let last = pushes(store).await?.into_iter().rfind(|it| it.project == project);
    let definitions: BTreeMap<String, String> =
        own.iter().map(|it| (it.key().to_string(), definition_version(it, graph))).collect();
    let is_known = |last: &Push| last.version == version && last.definitions().eq(&definitions);
    if own.is_empty() || last.as_ref().is_some_and(is_known) {
        let recorded = last.map(|it| it.tags).unwrap_or_default();
        let left_out = tags.iter().filter(|(name, value)| {
            recorded.get(*name).and_then(|it| it.as_str()) != Some(value.as_str())
        });
        let tags_left_out = left_out.map(|(name, _)| name.clone()).collect();
        return Ok(Pushed { version, features: Vec::new(), tags_left_out });
    }
    let features: Vec<FeatureKey> = own.iter().map(|feature| feature.key().clone()).collect();
    let rows = as_stored(store, rows(&own, project, graph, tags, store.now())?).await?;
    // Of two that push the same at the same time, one does.
    let after = last.map_or(0, |last| last.recorded_at.as_micros());
    let note = CommitNote::new("push").once(format!("push/{project}/{after}/{version}"));
    let commit = store.append_system(&table(TABLE), Rows::from_batch(rows), note).await?;
    let features = if commit.is_new { features } else { Vec::new() };
    Ok(Pushed { version, features, tags_left_out: Vec::new() })
}

/// Every recorded state, the oldest first. A graph that came back is there again.
pub async fn list(store: &Store) -> Result<Vec<Snapshot>, SnapshotError> {
    Ok(pushes(store).await?.iter().map(Push::snapshot).collect())
}

/// The recorded state of a project that a name means: `latest`, the beginning of a version, or
/// `NAME=VALUE` for the latest with such a tag. What this store does not know is looked for in those
/// that it falls back to.
pub async fn find(store: &Store, project: &str, name: &str) -> Result<Recorded, SnapshotError> {
    let mut refused = None;
    for store in store.chain() {
        match find_in(store, project, name).await {
            Err(error @ (SnapshotError::NothingPushed { .. } | SnapshotError::Unknown { .. })) => {
                refused = refused.or(Some(error));
            }
            other => return other,
        }
    }
    let project = project.to_owned();
    Err(refused.unwrap_or(SnapshotError::NothingPushed { project }))
}

async fn find_in(store: &Store, project: &str, name: &str) -> Result<Recorded, SnapshotError> {
    let mut pushes = pushes(store).await?;
    pushes.retain(|push| push.project == project);
    if pushes.is_empty() {
        return Err(SnapshotError::NothingPushed { project: project.to_owned() });
    }
    let found = match name.split_once('=') {
        _ if name.is_empty() => None,
        _ if name == "latest" => pushes.len().checked_sub(1),
        Some((tag, value)) => {
            pushes.iter().rposition(|it| it.tags().get(tag).is_some_and(|it| it == value))
        }
        None => {
            let matching = pushes.iter().filter(|it| it.version.starts_with(name));
            let versions: BTreeSet<&str> = matching.map(|it| it.version.as_str()).collect();
            if versions.len() > 1 {
                let versions = versions.into_iter().map(str::to_owned).collect();
                return Err(SnapshotError::Ambiguous { name: name.to_owned(), versions });
            }
            pushes.iter().rposition(|it| it.version.starts_with(name))
        }
    };
    let unknown = || SnapshotError::Unknown {
        name: name.to_owned(),
        known: pushes.iter().map(|it| it.version.clone()).collect(),
    };
    let place = found.ok_or_else(unknown)?;
    pushes[place].recorded(store)
}

/// The recorded state that a name means, or today's graph for `current`.
pub async fn find_or_current(
    store: &Store,
    project: &str,
    name: &str,
    current: &FeatureGraph,
) -> Result<FeatureGraph, SnapshotError> {
    match name {
        "current" => Ok(current.clone()),
        _ => find(store, project, name).await.map(|recorded| recorded.graph),
    }
}

/// What was recorded at one time.
struct Push {
    project: String,
    version: String,
    recorded_at: Timestamp,
    tags: Map<String, Value>,
    /// By key.
    features: BTreeMap<String, Stored>,
}

/// A feature as it is recorded.
struct Stored {
    version: String,
    definition_version: String,
    spec: String,
}

/// What was recorded, the oldest first.
async fn pushes(store: &Store) -> Result<Vec<Push>, StoreError> {
    let Some(rows) = store.read_system(&table(TABLE)).await? else { return Ok(Vec::new()) };
    let batches = rows.collect().await?;
    let mut rows = system_rows::rows(&batches)
        .map(|row| {
            Push::of_row(row).ok_or_else(|| {
                let detail = "a row lacks the project, the feature or a version".to_owned();
                let (feature, location) = (table(TABLE), store.location());
                StoreError::Corrupt { feature, location, detail }
            })
        })
        .collect::<Result<Vec<Push>, _>>()?;
    rows.sort_by_key(|row| row.recorded_at);
    let mut found: Vec<Push> = Vec::new();
    for row in rows {
        match found.iter_mut().rfind(|push| push.project == row.project) {
            Some(push) if push.goes_on_with(&row) => {
                push.tags.extend(row.tags);
                push.features.extend(row.features);
            }
            _ => found.push(row),
        }
    }
    Ok(found)
}

impl Push {
    /// What one row tells.
    fn of_row(row: Row<'_>) -> Option<Self> {
        let text = |name: &str| row.text(name).map(str::to_owned);
        let feature = Stored {
            version: text("metaxy_feature_version")?,
            definition_version: text("metaxy_definition_version").unwrap_or_default(),
            spec: text("feature_spec")?,
        };
        let tags = row.text("tags").and_then(|tags| serde_json::from_str(tags).ok());
        Some(Self {
            project: text("project")?,
            version: text("metaxy_project_version")?,
            recorded_at: row.time("recorded_at")?,
            tags: tags.unwrap_or_default(),
            features: BTreeMap::from([(text("feature_key")?, feature)]),
        })
    }

    fn is_theirs(&self) -> bool {
        self.tags.contains_key(THEIRS)
    }

    /// Whether a later row of the same project belongs to this push. Each row of the reference
    /// system has a time of its own.
    fn goes_on_with(&self, row: &Self) -> bool {
        let at_once = self.recorded_at == row.recorded_at || (self.is_theirs() && row.is_theirs());
        self.version == row.version && at_once
    }

    fn definitions(&self) -> BTreeMap<String, String> {
        let features = self.features.iter();
        features.map(|(key, it)| (key.clone(), it.definition_version.clone())).collect()
    }

    /// What a user noted.
    fn tags(&self) -> BTreeMap<String, String> {
        let tags = self.tags.iter().filter(|(name, _)| ![OURS, THEIRS].contains(&name.as_str()));
        tags.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            project: self.project.clone(),
            version: self.version.clone(),
            recorded_at: self.recorded_at,
            features: self.features.len(),
            tags: self.tags(),
        }
    }

    /// Puts the graph together, and checks that it has the versions that were recorded.
    fn recorded(&self, store: &Store) -> Result<Recorded, SnapshotError> {
        let unreadable = |source| {
            let (version, source) = (self.version.clone(), Box::new(source));
            SnapshotError::Unreadable { version, source }
        };
        let mut features = Vec::new();
        for feature in self.features.values() {
            let spec: Value = serde_json::from_str(&feature.spec)
                .map_err(|error| unreadable(metalith_graph::SnapshotError::Form(error)))?;
            features.push(json!({
                "project": self.project,
                "feature_version": feature.version,
                "spec": spec,
            }));
        }
        let external = self.tags.get(OURS).and_then(|ours| ours["external"].as_array());
        features.extend(external.into_iter().flatten().cloned());
        let graph = json!({
            "hash_length": store.hash().length,
            "snapshot_version": (!self.is_theirs()).then_some(&self.version),
            "features": features,
        });
        let graph = FeatureGraph::from_snapshot(&graph).map_err(unreadable)?;
        Ok(Recorded { snapshot: self.snapshot(), graph })
    }
}

/// The rows with times as the table has them: the reference system keeps UTC without saying so.
async fn as_stored(store: &Store, rows: RecordBatch) -> Result<RecordBatch, StoreError> {
    let Some(stored) = store.read_system(&table(TABLE)).await? else { return Ok(rows) };
    let (schema, mut columns) = (stored.schema(), Vec::new());
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        let wanted = schema.field_with_name(field.name()).map(|it| it.data_type());
        let column = match wanted {
            Ok(wanted @ DataType::Timestamp(..)) => {
                cast(column, wanted).map_err(StoreError::arrow)?
            }
            _ => Arc::clone(column),
        };
        columns.push((field.name().as_str(), column));
    }
    system_rows::batch(columns)
}

fn rows(
    features: &[&Feature],
    project: &str,
    graph: &FeatureGraph,
    tags: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<RecordBatch, StoreError> {
    let count = features.len();
    let each = |value: &dyn Fn(&Feature) -> String| -> ArrayRef {
        Arc::new(features.iter().map(|feature| Some(value(feature))).collect::<StringArray>())
    };
    let same = |text: &str| -> ArrayRef { Arc::new(StringArray::new_repeated(text, count)) };
    let recorded_at: ArrayRef = Arc::new(
        TimestampMicrosecondArray::from_value(now.as_micros(), count).with_timezone("UTC"),
    );
    let deleted_at = new_null_array(recorded_at.data_type(), count);
    let class = |feature: &Feature| feature.definition().class.clone();
    let schema = |class: DeclaringClass| class.schema;
    let path = |class: DeclaringClass| class.path;
    system_rows::batch(vec![
        ("project", same(project)),
        ("feature_key", each(&|feature| feature.key().to_string())),
        ("metaxy_feature_version", each(&|feature| feature.feature_version().to_owned())),
        ("metaxy_definition_version", each(&|feature| definition_version(feature, graph))),
        ("recorded_at", recorded_at),
        ("feature_spec", each(&|feature| spec_to_wire(feature.spec()).to_string())),
        ("feature_schema", each(&|feature| class(feature).map_or("{}".to_owned(), schema))),
        ("feature_class_path", each(&|feature| class(feature).map_or(String::new(), path))),
        ("metaxy_project_version", same(graph.snapshot_version())),
        ("tags", same(&tags_text(graph, tags))),
        ("deleted_at", deleted_at),
    ])
}

fn definition_version(feature: &Feature, graph: &FeatureGraph) -> String {
    feature.definition_version(graph.hash_length())
}

/// The tags, and with them the features of other projects, which have no rows of their own here.
fn tags_text(graph: &FeatureGraph, tags: &BTreeMap<String, String>) -> String {
    let mut all: Map<String, Value> =
        tags.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let snapshot = graph.to_snapshot();
    let features = snapshot["features"].as_array().into_iter().flatten();
    let external: Vec<Value> =
        features.filter(|feature| feature.get("external").is_some()).cloned().collect();
    if !external.is_empty() {
        all.insert(OURS.to_owned(), json!({ "external": external }));
    }
    Value::Object(all).to_string()
}
