//! Which of Delta's optional features a table uses, and whether they are honoured here.

use datafusion::arrow::datatypes::Schema;
use deltalake_core::{
    kernel::{Action, Metadata, Protocol, StructType},
    table::state::DeltaTableState,
};

use crate::schema::has_time_without_zone;

/// Features that a reader need not do anything for, or that are looked at file by file.
const READABLE: [&str; 7] = [
    "timestampNtz",
    "columnMapping",
    "deletionVectors",
    "v2Checkpoint",
    "vacuumProtocolCheck",
    "typeWidening",
    "typeWidening-preview",
];
/// Features that a writer need not do anything for, or that the settings of the table turn on.
const WRITABLE: [&str; 14] = [
    "timestampNtz",
    "columnMapping",
    "deletionVectors",
    "v2Checkpoint",
    "vacuumProtocolCheck",
    "appendOnly",
    "invariants",
    "checkConstraints",
    "changeDataFeed",
    "generatedColumns",
    "identityColumns",
    "domainMetadata",
    "typeWidening",
    "allowColumnDefaults",
];

/// The feature of a table that cannot be read here, if there is one.
pub(crate) fn unreadable(state: &DeltaTableState) -> Option<String> {
    let protocol = state.protocol();
    if protocol.min_reader_version() > 3 {
        return Some(format!("reader version {}", protocol.min_reader_version()));
    }
    let named = protocol.reader_features().unwrap_or_default().iter().map(ToString::to_string);
    if let Some(name) = named.into_iter().find(|name| !READABLE.contains(&name.as_str())) {
        return Some(name);
    }
    setting(state.metadata(), "delta.columnMapping.mode")
        .is_some_and(|mode| mode != "none")
        .then(|| "columnMapping".to_owned())
}

/// The feature that a protocol action of a log asks of readers and that is not known here.
pub(crate) fn unreadable_protocol(protocol: &serde_json::Value) -> Option<String> {
    let named = protocol["readerFeatures"].as_array().into_iter().flatten();
    let mut named = named.filter_map(serde_json::Value::as_str);
    let unknown = named.find(|name| !READABLE.contains(name)).map(ToOwned::to_owned);
    let version = protocol["minReaderVersion"].as_u64().filter(|version| *version > 3);
    unknown.or_else(|| version.map(|version| format!("reader version {version}")))
}

/// The feature of a table that cannot be written here, if there is one.
pub(crate) fn unwritable(state: &DeltaTableState) -> Option<String> {
    let protocol = state.protocol();
    if protocol.min_writer_version() > 7 {
        return Some(format!("writer version {}", protocol.min_writer_version()));
    }
    let named = protocol.writer_features().unwrap_or_default().iter().map(ToString::to_string);
    if let Some(name) = named.into_iter().find(|name| !WRITABLE.contains(&name.as_str())) {
        return Some(name);
    }
    let metadata = state.metadata();
    if !metadata.partition_columns().is_empty() {
        return Some("partitions".to_owned());
    }
    if metadata.configuration().keys().any(|key| key.starts_with("delta.constraints.")) {
        return Some("checkConstraints".to_owned());
    }
    ruled_column(&state.schema()).map(ToOwned::to_owned)
}

/// The setting of a table that forbids to remove rows, if there is one.
pub(crate) fn keeps_rows(state: &DeltaTableState) -> Option<&'static str> {
    let on = |key| setting(state.metadata(), key).is_some_and(|value| value == "true");
    if on("delta.appendOnly") {
        Some("appendOnly")
    } else if on("delta.enableChangeDataFeed") {
        Some("changeDataFeed")
    } else {
        None
    }
}

/// What a new table asks of its readers and writers: as little as its columns allow.
pub(crate) fn first_protocol(schema: &Schema) -> Result<Protocol, serde_json::Error> {
    if has_time_without_zone(schema) {
        with_time_without_zone(&[], &["appendOnly", "invariants"])
    } else {
        serde_json::from_value(serde_json::json!({ "minReaderVersion": 1, "minWriterVersion": 2 }))
    }
}

/// What a table must ask of its readers and writers once it has these columns, if more than now.
pub(crate) fn next_protocol(
    now: &Protocol,
    schema: &Schema,
) -> Result<Option<Protocol>, serde_json::Error> {
    let named = |features: Option<&[_]>| -> Vec<String> {
        features.unwrap_or_default().iter().map(ToString::to_string).collect()
    };
    let (readers, writers) = (named(now.reader_features()), named(now.writer_features()));
    if !has_time_without_zone(schema) || readers.iter().any(|it| it == "timestampNtz") {
        return Ok(None);
    }
    // Older tables imply features by their version; a table that names them names these too.
    let implied: &[&str] = match now.min_writer_version() {
        ..=1 => &[],
        2 => &["appendOnly", "invariants"],
        3 => &["appendOnly", "invariants", "checkConstraints"],
        4..=6 => {
            &["appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns"]
        }
        7.. => &[],
    };
    let writers: Vec<&str> =
        implied.iter().copied().chain(writers.iter().map(String::as_str)).collect();
    let readers: Vec<&str> = readers.iter().map(String::as_str).collect();
    with_time_without_zone(&readers, &writers).map(Some)
}

fn with_time_without_zone(
    readers: &[&str],
    writers: &[&str],
) -> Result<Protocol, serde_json::Error> {
    let and_this = |features: &[&str]| -> Vec<String> {
        features.iter().copied().chain(["timestampNtz"]).map(ToOwned::to_owned).collect()
    };
    serde_json::from_value(serde_json::json!({
        "minReaderVersion": 3,
        "minWriterVersion": 7,
        "readerFeatures": and_this(readers),
        "writerFeatures": and_this(writers),
    }))
}

/// The actions that make a table, or that change its columns.
pub(crate) fn declare(
    protocol: Option<Protocol>,
    metadata: Option<Metadata>,
) -> impl Iterator<Item = Action> {
    protocol.map(Action::Protocol).into_iter().chain(metadata.map(Action::Metadata))
}

fn setting<'a>(metadata: &'a Metadata, key: &str) -> Option<&'a str> {
    metadata.configuration().get(key).map(String::as_str)
}

/// What a column asks of writers beyond its type, if one does.
fn ruled_column(schema: &StructType) -> Option<&'static str> {
    const RULES: [(&str, &str); 4] = [
        ("delta.invariants", "invariants"),
        ("delta.generationExpression", "generatedColumns"),
        ("delta.identity.start", "identityColumns"),
        ("CURRENT_DEFAULT", "allowColumnDefaults"),
    ];
    let has = |key: &str| schema.fields().any(|field| field.metadata().contains_key(key));
    RULES.iter().find(|(key, _)| has(key)).map(|(_, name)| *name)
}
