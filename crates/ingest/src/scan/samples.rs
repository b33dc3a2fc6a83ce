//! Scanned files as rows, and back.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray, StructArray,
        TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Fields, Int64Type, Schema, TimestampMicrosecondType},
};
use metalith_base::Kind;
use metalith_graph::{Feature, FeatureGraph, columns};
use metalith_objects::{ObjectEntry, OpenedLocation};
use metalith_store::{ReadOptions, Rows, Store, StoreError};

use super::content::{Fingerprint, Known};

/// The columns of a scanned sample beside its id.
pub(super) const COLUMNS: [&str; 4] = ["uri", "size", "modified_at", "content_hash"];

/// A scanned file.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    path: String,
    uri: String,
    size: i64,
    modified: i64,
    content_hash: String,
}

impl Sample {
    pub(super) fn new(place: &OpenedLocation, entry: &ObjectEntry, found: Fingerprint) -> Self {
        let mut uri = place.url.clone();
        if let Ok(mut parts) = uri.path_segments_mut() {
            parts.pop_if_empty().extend(entry.path.split('/'));
        }
        Self {
            path: entry.path.clone(),
            uri: uri.to_string(),
            size: i64::try_from(entry.size).unwrap_or(i64::MAX),
            modified: entry.modified,
            content_hash: found.hash,
        }
    }
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
        .spec()
        .fields
        .iter()
        .map(|field| Field::new(field.key.struct_name(), DataType::Utf8, true))
        .collect();
    let values = members.iter().map(|_| Arc::clone(&hashes)).collect();
    let versions = StructArray::try_new(members, values, None).map_err(StoreError::arrow)?;
    let modified =
        TimestampMicrosecondArray::from_iter_values(samples.iter().map(|it| it.modified));
    let sizes = Int64Array::from_iter_values(samples.iter().map(|it| it.size));
    let named: [(&str, ArrayRef); 6] = [
        (id_column, texts(|sample| &sample.path)),
        ("uri", texts(|sample| &sample.uri)),
        ("size", Arc::new(sizes)),
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

/// What the store knows of each file, by path.
pub(super) async fn known(
    store: &Store,
    graph: &FeatureGraph,
    feature: &Feature,
    id_column: &str,
) -> Result<BTreeMap<String, Known>, StoreError> {
    let wanted = [id_column, "size", "modified_at", "content_hash"].map(str::to_owned);
    let options = ReadOptions { columns: Some(wanted.to_vec()), ..ReadOptions::default() };
    let rows = match store.read(graph, feature.key(), &options).await {
        Ok(rows) => rows,
        Err(error) if metalith_base::Diagnostic::kind(&error) == Kind::NotFound => {
            return Ok(BTreeMap::new());
        }
        Err(error) => return Err(error),
    };
    let mut known = BTreeMap::new();
    for batch in rows.collect().await? {
        let (paths, hashes) =
            (batch.column(0).as_string::<i32>(), batch.column(3).as_string::<i32>());
        let sizes = batch.column(1).as_primitive::<Int64Type>();
        let modified = batch.column(2).as_primitive::<TimestampMicrosecondType>();
        for row in (0..batch.num_rows()).filter(|row| hashes.is_valid(*row)) {
            known.insert(
                paths.value(row).to_owned(),
                Known {
                    size: u64::try_from(sizes.value(row)).unwrap_or_default(),
                    modified: modified.value(row),
                    content_hash: hashes.value(row).to_owned(),
                },
            );
        }
    }
    Ok(known)
}
