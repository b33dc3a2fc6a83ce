//! Values of some columns that name rows: how one feature's samples are found in another.

use std::{fmt, sync::Arc};

use datafusion::{
    arrow::{
        array::{ArrayRef, BooleanArray, RecordBatch},
        compute::{cast, filter_record_batch, is_not_null},
        datatypes::{Field, Schema, SchemaRef},
        ipc::{reader::StreamReader, writer::StreamWriter},
    },
    common::JoinType,
    logical_expr::{LogicalPlan, LogicalPlanBuilder, lit},
};
use metalith_base::FeatureKey;

use crate::{
    Frame, RequestProblem, StoreError,
    compare::rows_with_keys,
    unique::{IdSet, show_id},
};

/// Values of some columns, each combination once and none of them NULL.
#[derive(Clone)]
pub struct Keys {
    names: Vec<String>,
    frame: Frame,
}

impl Keys {
    /// The values in the columns `from` of some rows, for columns that are called `names`.
    pub fn new(
        names: &[String],
        from: &[String],
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<Self, StoreError> {
        let places = from.iter().map(|name| schema.index_of(name)).collect::<Result<Vec<_>, _>>();
        let places = places.map_err(StoreError::arrow)?;
        let fields = names.iter().zip(&places);
        let fields: Vec<Field> = fields
            .map(|(name, place)| Field::new(name, schema.field(*place).data_type().clone(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let mut keys = Self::empty(names, SchemaRef::clone(&schema));
        for batch in batches {
            let columns = places.iter().map(|place| Arc::clone(batch.column(*place))).collect();
            let batch = RecordBatch::try_new(SchemaRef::clone(&schema), columns);
            keys.frame.batches.push(complete(&batch.map_err(StoreError::arrow)?)?);
        }
        keys.distinct()
    }

    /// No keys at all.
    pub fn none() -> Self {
        Self::empty(&[], Arc::new(Schema::empty()))
    }

    fn empty(names: &[String], schema: SchemaRef) -> Self {
        Self { names: names.to_vec(), frame: Frame::empty(schema) }
    }

    /// The same values for columns of other names.
    pub fn called(&self, names: &[String]) -> Self {
        let fields = self.frame.schema.fields().iter().zip(names);
        let fields: Vec<Field> =
            fields.map(|(field, name)| field.as_ref().clone().with_name(name)).collect();
        let schema = Arc::new(Schema::new(fields));
        let mut renamed = Self::empty(names, SchemaRef::clone(&schema));
        for batch in &self.frame.batches {
            let batch = RecordBatch::try_new(SchemaRef::clone(&schema), batch.columns().to_vec());
            // Only the names differ, so it fits.
            renamed.frame.batches.extend(batch);
        }
        renamed
    }

    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.frame.rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that are not in `other`, which has the same columns.
    pub fn without(&self, other: &Self) -> Result<Self, StoreError> {
        if self.is_empty() || other.is_empty() {
            return Ok(self.clone());
        }
        let other = other.typed_as(&self.frame.schema)?;
        let Some(others) = IdSet::new(&other.columns())? else { return Ok(self.clone()) };
        self.keeping(|columns| {
            Ok(others.contains(columns)?.into_iter().map(|is_in| !is_in).collect())
        })
    }

    /// These and those of `other`, which has the same columns.
    pub fn and(mut self, other: Self) -> Result<Self, StoreError> {
        if self.is_empty() || other.is_empty() {
            return Ok(if self.is_empty() { other } else { self });
        }
        let other = other.typed_as(&self.frame.schema)?;
        self.frame.batches.extend(other.frame.batches);
        self.distinct()
    }

    /// The first few, as a person would write them.
    pub fn examples(&self, count: usize) -> Result<Vec<String>, StoreError> {
        let mut examples = Vec::new();
        for batch in &self.frame.batches {
            for row in 0..batch.num_rows() {
                if examples.len() == count {
                    return Ok(examples);
                }
                examples.push(show_id(&self.names, batch.columns(), row)?);
            }
        }
        Ok(examples)
    }

    /// The keys as bytes: an Arrow IPC stream.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StoreError> {
        let mut writer =
            StreamWriter::try_new(Vec::new(), &self.frame.schema).map_err(StoreError::arrow)?;
        for batch in &self.frame.batches {
            writer.write(batch).map_err(StoreError::arrow)?;
        }
        writer.into_inner().map_err(StoreError::arrow)
    }

    /// Keys from the bytes that [`to_bytes`](Self::to_bytes) made.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let reader = StreamReader::try_new(bytes, None).map_err(StoreError::arrow)?;
        let schema = reader.schema();
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut keys = Self::empty(&names, schema);
        for batch in reader {
            keys.frame.batches.push(batch.map_err(StoreError::arrow)?);
        }
        Ok(keys)
    }

    /// The plan of those of a feature's rows that have one of these keys, or have none of them.
    pub(crate) fn restrict(
        &self,
        feature: &FeatureKey,
        rows: LogicalPlan,
        kind: JoinType,
    ) -> Result<LogicalPlan, StoreError> {
        let failed = |error| StoreError::engine(feature.as_str(), error);
        if self.is_empty() {
            return match kind {
                JoinType::LeftAnti => Ok(rows),
                _ => LogicalPlanBuilder::from(rows)
                    .filter(lit(false))
                    .and_then(LogicalPlanBuilder::build)
                    .map_err(failed),
            };
        }
        let keys = self.as_stored(feature, rows.schema().as_arrow())?;
        rows_with_keys(rows, &keys.frame, &self.names, kind).map_err(failed)
    }

    /// These keys in the types that a feature's columns have.
    pub(crate) fn as_stored(
        &self,
        feature: &FeatureKey,
        stored: &Schema,
    ) -> Result<Self, StoreError> {
        let field = |name: &String| {
            stored.field_with_name(name).cloned().map_err(|_| {
                let problem = RequestProblem::UnknownColumn {
                    of: feature.clone(),
                    part: "a key",
                    column: name.clone(),
                    known: stored.fields().iter().map(|field| field.name().clone()).collect(),
                };
                StoreError::request(feature, problem)
            })
        };
        let fields = self.names.iter().map(field).collect::<Result<Vec<_>, _>>()?;
        self.typed_as(&Arc::new(Schema::new(fields)))
    }

    /// The keys as sets to look rows up in; `None` when there are none.
    pub(crate) fn set(&self) -> Result<Option<IdSet>, StoreError> {
        IdSet::new(&self.columns())
    }

    fn columns(&self) -> Vec<Vec<ArrayRef>> {
        self.frame.batches.iter().map(|batch| batch.columns().to_vec()).collect()
    }

    fn typed_as(&self, schema: &SchemaRef) -> Result<Self, StoreError> {
        let mut typed = Self::empty(&self.names, SchemaRef::clone(schema));
        for batch in &self.frame.batches {
            let columns = batch.columns().iter().zip(schema.fields());
            let columns = columns
                .map(|(column, field)| cast(column, field.data_type()))
                .collect::<Result<Vec<_>, _>>();
            let batch =
                RecordBatch::try_new(SchemaRef::clone(schema), columns.map_err(StoreError::arrow)?);
            // A value that the type cannot hold names nothing.
            typed.frame.batches.push(complete(&batch.map_err(StoreError::arrow)?)?);
        }
        Ok(typed)
    }

    fn distinct(self) -> Result<Self, StoreError> {
        let mut seen = IdSet::of_types(&self.frame.schema)?;
        self.keeping(|columns| seen.insert(columns))
    }

    fn keeping(
        &self,
        mut kept: impl FnMut(&[ArrayRef]) -> Result<Vec<bool>, StoreError>,
    ) -> Result<Self, StoreError> {
        let mut result = Self::empty(&self.names, SchemaRef::clone(&self.frame.schema));
        for batch in &self.frame.batches {
            let mask = BooleanArray::from(kept(batch.columns())?);
            let batch = filter_record_batch(batch, &mask).map_err(StoreError::arrow)?;
            if batch.num_rows() > 0 {
                result.frame.batches.push(batch);
            }
        }
        Ok(result)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("names", &self.names)
            .field("count", &self.len())
            .finish_non_exhaustive()
    }
}

/// The rows without a NULL.
fn complete(batch: &RecordBatch) -> Result<RecordBatch, StoreError> {
    let mut whole = batch.clone();
    for index in 0..batch.num_columns() {
        let there = is_not_null(whole.column(index)).map_err(StoreError::arrow)?;
        whole = filter_record_batch(&whole, &there).map_err(StoreError::arrow)?;
    }
    Ok(whole)
}
