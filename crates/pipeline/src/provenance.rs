//! What rows that become samples were computed from.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{Array as _, ArrayRef, RecordBatch, StringArray, StructArray, UInt32Array},
    compute::{concat_batches, take},
    datatypes::{DataType, Field, Fields, Schema, SchemaRef},
    error::ArrowError,
    row::{OwnedRow, RowConverter, SortField},
};
use futures::StreamExt as _;
use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureGraph, columns};
use metalith_store::{ResolveOptions, Rows, Store, StoreError};
use xxhash_rust::xxh64::Xxh64;

use crate::{PipelineError, input::strictly};

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
    if feature.spec().deps.is_empty() {
        return Ok(of_values(feature, rows));
    }
    let options = ResolveOptions { skip_comparison: true, ..ResolveOptions::default() };
    let expected = store.resolve(graph, key, options).await?.new;
    let all = concat_batches(&expected.schema, &expected.batches).map_err(StoreError::arrow)?;
    let known = Expected::new(feature, &all).map_err(StoreError::arrow)?;
    let schema = with_provenance(&rows.schema(), known.provenance.data_type());
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
    places: HashMap<OwnedRow, u32>,
    provenance: ArrayRef,
}

impl Expected {
    fn new(feature: &Feature, all: &RecordBatch) -> Result<Self, ArrowError> {
        let names = feature.join_keys().to_vec();
        let keys = names.iter().map(|name| {
            let index = all.schema().index_of(name)?;
            Ok(Arc::clone(all.column(index)))
        });
        let keys = keys.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
        let types: Vec<DataType> = keys.iter().map(|it| it.data_type().clone()).collect();
        let fields = types.iter().map(|it| SortField::new(it.clone())).collect();
        let converter = RowConverter::new(fields)?;
        let rows = converter.convert_columns(&keys)?;
        let places = rows.iter().zip(0_u32..).map(|(row, place)| (row.owned(), place)).collect();
        let index = all.schema().index_of(columns::PROVENANCE_BY_FIELD)?;
        let provenance = Arc::clone(all.column(index));
        Ok(Self { names, types, converter, places, provenance })
    }

    fn complete(&self, batch: &RecordBatch, form: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let keys = self.names.iter().zip(&self.types).map(|(name, data_type)| {
            strictly(batch.column(batch.schema().index_of(name)?), data_type)
        });
        let keys = keys.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
        let rows = self.converter.convert_columns(&keys)?;
        let places: UInt32Array =
            rows.iter().map(|row| self.places.get(&row.owned()).copied()).collect();
        // A row without an upstream has NULL here, which the store refuses and names.
        let provenance = take(&self.provenance, &places, None)?;
        let mut arrays = batch.columns().to_vec();
        arrays.push(provenance);
        RecordBatch::try_new(SchemaRef::clone(form), arrays)
    }
}

fn with_provenance(schema: &Schema, data_type: &DataType) -> SchemaRef {
    let mut fields: Vec<Field> = schema.fields().iter().map(|it| it.as_ref().clone()).collect();
    fields.push(Field::new(columns::PROVENANCE_BY_FIELD, data_type.clone(), true));
    Arc::new(Schema::new(fields))
}

/// Provenance of rows that come from outside: a hash of their values, the same for every field.
fn of_values(feature: &Feature, rows: Rows) -> Rows {
    let members: Fields = feature
        .spec()
        .fields
        .iter()
        .map(|field| Field::new(field.key.struct_name(), DataType::Utf8, true))
        .collect();
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

/// A hash of each row, of its columns by name: their order does not matter.
fn hashes(batch: &RecordBatch) -> Result<ArrayRef, ArrowError> {
    let schema = batch.schema();
    let mut order: Vec<usize> = (0..batch.num_columns()).collect();
    order.sort_by_key(|index| schema.field(*index).name().clone());
    let fields = order.iter().map(|it| SortField::new(schema.field(*it).data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let columns: Vec<ArrayRef> = order.iter().map(|it| Arc::clone(batch.column(*it))).collect();
    let rows = converter.convert_columns(&columns)?;
    let names: Vec<&str> = order.iter().map(|it| schema.field(*it).name().as_str()).collect();
    let names = names.join("\n");
    let hash = rows.iter().map(|row| {
        let mut hash = Xxh64::new(0);
        hash.update(names.as_bytes());
        hash.update(row.as_ref());
        format!("{:016x}", hash.digest())
    });
    Ok(Arc::new(StringArray::from_iter_values(hash)))
}
