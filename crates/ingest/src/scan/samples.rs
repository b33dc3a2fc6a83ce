//! Scanned files as rows, and back.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray, StructArray,
        TimestampMicrosecondArray,
    },
    compute::cast,
    datatypes::{DataType, Field, Fields, Int64Type, Schema, TimeUnit, TimestampMicrosecondType},
};
use metalith_base::FieldKey;
use metalith_graph::{Feature, columns};
use metalith_objects::OpenedLocation;
use metalith_store::{ReadOptions, Rows, StoreError};

use super::{Target, list::Facts};

/// The columns of a scanned sample beside its id.
pub(super) const COLUMNS: [&str; 4] = ["uri", "size", "modified_at", "content_hash"];

/// A scanned file.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) path: String,
    pub(super) uri: String,
    pub(super) facts: Facts,
    pub(super) content_hash: String,
}

/// What the store knows of a file.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Whether the sample is one of the feature's current version.
    pub(super) is_current: bool,
    pub(super) uri: String,
    /// `None` for samples that no scan wrote.
    pub(super) facts: Option<Facts>,
    pub(super) content_hash: String,
    /// When the sample was written.
    pub(super) written: i64,
}

/// The address of a path below a place.
pub(super) fn uri_of(place: &OpenedLocation, path: &str) -> String {
    let mut uri = place.url.clone();
    if let Ok(mut parts) = uri.path_segments_mut() {
        parts.pop_if_empty().extend(path.split('/'));
    }
    uri.to_string()
}

/// Samples as rows; every field of the feature has the content hash as its provenance.
pub(super) fn rows(
    feature: &Feature,
    id_column: &str,
    samples: &[Sample],
) -> Result<Rows, StoreError> {
    let texts = |value: fn(&Sample) -> &str| -> ArrayRef {
        Arc::new(samples.iter().map(|sample| Some(value(sample))).collect::<StringArray>())
    };
    let hashes = texts(|sample| &sample.content_hash);
    let members: Fields = feature
        .field_versions()
        .keys()
        .map(|field: &FieldKey| Field::new(field.struct_name(), DataType::Utf8, true))
        .collect();
    let values = members.iter().map(|_| Arc::clone(&hashes)).collect();
    let versions = StructArray::try_new(members, values, None).map_err(StoreError::arrow)?;
    let modified =
        TimestampMicrosecondArray::from_iter_values(samples.iter().map(|it| it.facts.modified));
    let sizes = samples.iter().map(|it| i64::try_from(it.facts.size).unwrap_or(i64::MAX));
    let named: [(&str, ArrayRef); 6] = [
        (id_column, texts(|sample| &sample.path)),
        ("uri", texts(|sample| &sample.uri)),
        ("size", Arc::new(Int64Array::from_iter_values(sizes))),
        ("modified_at", Arc::new(modified.with_timezone("UTC"))),
        ("content_hash", hashes),
        (columns::PROVENANCE_BY_FIELD, Arc::new(versions)),
    ];
    let fields: Vec<Field> = named
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = named.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
    Ok(Rows::from_batch(batch.map_err(StoreError::arrow)?))
}

/// What the store knows of each file, by path, whatever the version of the feature.
pub(super) async fn known(target: Target<'_>) -> Result<BTreeMap<String, Known>, StoreError> {
    let Target { store, graph, feature, id_column, .. } = target;
    let Some(stored) = store.stored_schema(graph, feature.key()).await? else {
        return Ok(BTreeMap::new());
    };
    // A feature that was written by other means may lack some of them.
    let wanted = [id_column, columns::FEATURE_VERSION, columns::UPDATED_AT].into_iter();
    let wanted = wanted.chain(COLUMNS).filter(|it| stored.field_with_name(it).is_ok());
    let options = ReadOptions {
        columns: Some(wanted.map(str::to_owned).collect()),
        feature_history: true,
        ..ReadOptions::default()
    };
    let rows = store.read(graph, feature.key(), &options).await?;
    let mut known = BTreeMap::new();
    for batch in rows.collect().await? {
        add_known(&batch, feature, id_column, &mut known).map_err(StoreError::arrow)?;
    }
    Ok(known)
}

fn add_known(
    batch: &RecordBatch,
    feature: &Feature,
    id_column: &str,
    known: &mut BTreeMap<String, Known>,
) -> Result<(), arrow::error::ArrowError> {
    let column = |name: &str, given: &DataType| match batch.column_by_name(name) {
        Some(column) => cast(column, given),
        None => Ok(arrow::array::new_null_array(given, batch.num_rows())),
    };
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let (paths, uris) = (column(id_column, &DataType::Utf8)?, column("uri", &DataType::Utf8)?);
    let hashes = column("content_hash", &DataType::Utf8)?;
    let versions = column(columns::FEATURE_VERSION, &DataType::Utf8)?;
    let (sizes, modified) = (column("size", &DataType::Int64)?, column("modified_at", &time)?);
    let written = column(columns::UPDATED_AT, &time)?;
    let text = |array: &ArrayRef, row: usize| array.as_string::<i32>().value(row).to_owned();
    let micros =
        |array: &ArrayRef, row: usize| array.as_primitive::<TimestampMicrosecondType>().value(row);
    for row in 0..batch.num_rows() {
        let scanned = sizes.is_valid(row) && modified.is_valid(row);
        let size = u64::try_from(sizes.as_primitive::<Int64Type>().value(row)).unwrap_or_default();
        let found = Known {
            is_current: versions.as_string::<i32>().value(row) == feature.feature_version(),
            uri: text(&uris, row),
            facts: scanned.then(|| Facts { size, modified: micros(&modified, row) }),
            content_hash: text(&hashes, row),
            written: micros(&written, row),
        };
        known.insert(text(&paths, row), found);
    }
    Ok(())
}
