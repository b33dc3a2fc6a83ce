//! What rows that become samples were computed from.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray as _, RecordBatch, StringArray, StructArray, new_null_array},
    compute::{cast, interleave},
    datatypes::{
        DataType, Date32Type, Field, Fields, Float64Type, Schema, SchemaRef, TimeUnit,
        TimestampMicrosecondType,
    },
    error::ArrowError,
    row::{OwnedRow, RowConverter, SortField},
    util::display::array_value_to_string,
};
use futures::{StreamExt as _, TryStreamExt as _};
use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureGraph, columns};
use metalith_ingest::{VersionColumn, assemble_versions};
use metalith_store::{Rows, Store, StoreError};
use xxhash_rust::xxh64::Xxh64;

use crate::{PipelineError, input::strictly, working::is_reserved};

/// Adds `metaxy_provenance_by_field` where rows lack it.
///
/// Samples of a feature with deps are computed from those upstream, whose versions say what they
/// are: provenance is what a resolve expects of their join keys. What has no upstream is its own
/// origin: provenance changes with the values of the row.
pub(crate) async fn complete(
    store: &Store,
    graph: &FeatureGraph,
    key: &FeatureKey,
    rows: Rows,
) -> Result<Rows, PipelineError> {
    let feature = graph.feature(key).map_err(StoreError::from)?;
    if rows.schema().index_of(columns::PROVENANCE_BY_FIELD).is_ok() {
        return Ok(rows);
    }
    if !is_resolved(feature, &rows) {
        return Ok(of_values(feature, rows));
    }
    let known = Expected::read(feature, store.expected_provenance(graph, key).await?).await?;
    let schema = with_provenance(&rows.schema(), &known.data_type);
    let form = SchemaRef::clone(&schema);
    let batches = rows.into_stream().map(move |batch| {
        let batch = batch?;
        known.complete(&batch, &form).map_err(StoreError::arrow)
    });
    Ok(Rows::new(schema, batches))
}

/// What is expected of samples, by their join keys.
struct Expected {
    names: Vec<String>,
    types: Vec<DataType>,
    converter: RowConverter,
    /// Of each key the batch and the row there.
    places: HashMap<OwnedRow, (usize, usize)>,
    /// Provenance, batch by batch, and NULL at the end.
    provenance: Vec<ArrayRef>,
    data_type: DataType,
}

impl Expected {
    /// Reads rows with the join keys in front, and provenance behind them.
    async fn read(feature: &Feature, rows: Rows) -> Result<Self, StoreError> {
        let schema = rows.schema();
        let (names, width) = (feature.join_keys().to_vec(), feature.join_keys().len());
        let types: Vec<DataType> =
            schema.fields()[..width].iter().map(|it| it.data_type().clone()).collect();
        let fields = types.iter().map(|it| SortField::new(it.clone())).collect();
        let converter = RowConverter::new(fields).map_err(StoreError::arrow)?;
        let data_type = schema.field(width).data_type().clone();
        let (mut places, mut provenance) = (HashMap::new(), Vec::new());
        let mut batches = rows.into_stream();
        while let Some(batch) = batches.try_next().await? {
            let keys = converter.convert_columns(&batch.columns()[..width]);
            let keys = keys.map_err(StoreError::arrow)?;
            let number = provenance.len();
            places.extend(keys.iter().enumerate().map(|(row, key)| (key.owned(), (number, row))));
            provenance.push(Arc::clone(batch.column(width)));
        }
        provenance.push(new_null_array(&data_type, 1));
        Ok(Self { names, types, converter, places, provenance, data_type })
    }

    fn complete(&self, batch: &RecordBatch, form: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let keys = self.names.iter().zip(&self.types).map(|(name, data_type)| {
            strictly(batch.column(batch.schema().index_of(name)?), data_type)
        });
        let keys = keys.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
        let rows = self.converter.convert_columns(&keys)?;
        // A row without an upstream has NULL here, which the store refuses and names.
        let none = (self.provenance.len() - 1, 0);
        let places: Vec<(usize, usize)> =
            rows.iter().map(|row| self.places.get(&row.owned()).copied().unwrap_or(none)).collect();
        let known: Vec<&dyn Array> = self.provenance.iter().map(AsRef::as_ref).collect();
        let mut arrays = batch.columns().to_vec();
        arrays.push(interleave(&known, &places)?);
        RecordBatch::try_new(SchemaRef::clone(form), arrays)
    }
}

/// No rows of a schema, as samples of a feature: as they would be with versions and provenance.
pub(crate) fn without_rows(
    feature: &Feature,
    schema: &SchemaRef,
    versions: &[VersionColumn],
) -> Result<Rows, PipelineError> {
    let none = Rows::from_batches(Arc::clone(schema), Vec::new());
    let none = assemble_versions(none, versions)?;
    if none.schema().index_of(columns::PROVENANCE_BY_FIELD).is_ok() {
        return Ok(none);
    }
    let schema = with_provenance(&none.schema(), &DataType::Struct(members(feature)));
    Ok(Rows::from_batches(schema, Vec::new()))
}

/// A text for each field of a feature.
fn members(feature: &Feature) -> Fields {
    let fields = feature.spec().fields.iter();
    fields.map(|field| Field::new(field.key.struct_name(), DataType::Utf8, true)).collect()
}

/// Whether provenance of rows is found by a resolve, so that it depends on what is upstream.
pub(crate) fn is_resolved(feature: &Feature, rows: &Rows) -> bool {
    !feature.spec().deps.is_empty() && rows.schema().index_of(columns::PROVENANCE_BY_FIELD).is_err()
}

fn with_provenance(schema: &Schema, data_type: &DataType) -> SchemaRef {
    let mut fields: Vec<Field> = schema.fields().iter().map(|it| it.as_ref().clone()).collect();
    fields.push(Field::new(columns::PROVENANCE_BY_FIELD, data_type.clone(), true));
    Arc::new(Schema::new(fields))
}

/// Provenance of rows that come from outside: a hash of their values, the same for every field.
fn of_values(feature: &Feature, rows: Rows) -> Rows {
    let members = members(feature);
    let schema = with_provenance(&rows.schema(), &DataType::Struct(members.clone()));
    let form = SchemaRef::clone(&schema);
    let batches = rows.into_stream().map(move |batch| {
        let batch = batch?;
        let hashed = hashes(&batch).map_err(StoreError::arrow)?;
        let values = members.iter().map(|_| Arc::clone(&hashed)).collect();
        let provenance = StructArray::try_new(members.clone(), values, None);
        let mut arrays = batch.columns().to_vec();
        arrays.push(Arc::new(provenance.map_err(StoreError::arrow)?));
        RecordBatch::try_new(SchemaRef::clone(&form), arrays).map_err(StoreError::arrow)
    });
    Rows::new(schema, batches)
}

/// A hash of each row, of its columns by name: their order does not matter, and what the pipeline
/// keeps about rows is none of their values.
fn hashes(batch: &RecordBatch) -> Result<ArrayRef, ArrowError> {
    let schema = batch.schema();
    let mut columns: Vec<(&str, &ArrayRef)> = schema
        .fields()
        .iter()
        .map(|it| it.name().as_str())
        .zip(batch.columns())
        .filter(|(name, _)| !is_reserved(name))
        .collect();
    columns.sort_by_key(|(name, _)| *name);
    let mut texts = Vec::with_capacity(batch.num_rows());
    let mut bytes = Vec::new();
    for row in 0..batch.num_rows() {
        bytes.clear();
        bytes.extend_from_slice(ENCODING);
        for (name, column) in &columns {
            sized(&mut bytes, name.as_bytes());
            encode(column, row, &mut bytes)?;
        }
        let mut hash = Xxh64::new(0);
        hash.update(&bytes);
        texts.push(format!("{:016x}", hash.digest()));
    }
    Ok(Arc::new(StringArray::from(texts)))
}

/// Names the encoding below. Every stored provenance depends on it: a change makes all samples new.
const ENCODING: &[u8] = b"metalith-values-1";

/// Bytes after their number.
fn sized(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    bytes.extend_from_slice(value);
}

/// A value as bytes: a letter for its kind, then what it is. How wide the column is does not matter.
fn encode(array: &ArrayRef, row: usize, bytes: &mut Vec<u8>) -> Result<(), ArrowError> {
    if array.is_null(row) {
        bytes.push(b'-');
        return Ok(());
    }
    let text = |bytes: &mut Vec<u8>, kind: u8, array: &ArrayRef| {
        let shown = array_value_to_string(array, row)?;
        bytes.push(kind);
        sized(bytes, shown.as_bytes());
        Ok(())
    };
    match array.data_type() {
        // Integers and decimals print the same in every release: digits, a sign, a point.
        it if it.is_integer() => text(bytes, b'i', array),
        it if it.is_decimal() => text(bytes, b'd', array),
        DataType::Boolean => {
            bytes.extend_from_slice(&[b'b', u8::from(array.as_boolean().value(row))]);
            Ok(())
        }
        it if it.is_floating() => {
            let wide = cast(&array.slice(row, 1), &DataType::Float64)?;
            let value = wide.as_primitive::<Float64Type>().value(0);
            bytes.push(b'f');
            bytes.extend_from_slice(&value.to_bits().to_le_bytes());
            Ok(())
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => text(bytes, b't', array),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            let binary = cast(&array.slice(row, 1), &DataType::Binary)?;
            bytes.push(b'x');
            sized(bytes, binary.as_binary::<i32>().value(0));
            Ok(())
        }
        DataType::Date32 => {
            bytes.push(b'D');
            bytes.extend_from_slice(&array.as_primitive::<Date32Type>().value(row).to_le_bytes());
            Ok(())
        }
        DataType::Timestamp(_, zone) => {
            let kind = if zone.is_some() { b'Z' } else { b'T' };
            let micros = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            let value = strictly(&array.slice(row, 1), &micros)?;
            bytes.push(kind);
            let value = value.as_primitive::<TimestampMicrosecondType>().value(0);
            bytes.extend_from_slice(&value.to_le_bytes());
            Ok(())
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            bytes.push(b'[');
            bytes.extend_from_slice(&(items.len() as u64).to_le_bytes());
            (0..items.len()).try_for_each(|item| encode(&items, item, bytes))
        }
        DataType::Struct(fields) => {
            bytes.push(b'{');
            bytes.extend_from_slice(&(fields.len() as u64).to_le_bytes());
            let mut members: Vec<_> = fields.iter().zip(array.as_struct().columns()).collect();
            members.sort_by_key(|(field, _)| field.name().clone());
            for (field, member) in members {
                sized(bytes, field.name().as_bytes());
                encode(member, row, bytes)?;
            }
            Ok(())
        }
        other => {
            Err(ArrowError::NotYetImplemented(format!("provenance of values of type {other}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Decimal128Array, Float64Array, Int32Array, Int64Array};

    use super::*;
    use crate::working::ROW_ID;

    fn hash(columns: Vec<(&str, ArrayRef)>) -> String {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        );
        hashes(&batch.unwrap()).unwrap().as_string::<i32>().value(0).to_owned()
    }

    #[test]
    fn provenance_of_values_is_the_same_for_ever() {
        let id: ArrayRef = Arc::new(Int64Array::from(vec![7]));
        let name: ArrayRef = Arc::new(StringArray::from(vec!["anna"]));
        let none: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
        let price = Decimal128Array::from(vec![1250]).with_precision_and_scale(10, 2).unwrap();
        let price: ArrayRef = Arc::new(price);
        let share: ArrayRef = Arc::new(Float64Array::from(vec![0.5]));
        let all = vec![
            ("id", Arc::clone(&id)),
            ("name", Arc::clone(&name)),
            ("none", none),
            ("price", price),
            ("share", share),
        ];
        let pinned = hash(all.clone());
        assert_eq!(pinned, "690b0add6af96af7");
        // Neither the order of columns matters, nor their width, nor what the pipeline keeps.
        let mut others = all;
        others.reverse();
        others[4].1 = Arc::new(Int32Array::from(vec![7]));
        others.push((ROW_ID, Arc::clone(&name)));
        assert_eq!(hash(others), pinned);
        assert_ne!(hash(vec![("a", Arc::clone(&name))]), hash(vec![("b", name)]));
    }
}
