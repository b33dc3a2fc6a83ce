//! Reading a few rows chunk by chunk, without a query plan: making one would take longer than reading
//! them does. What comes back is what the plan would give.

use std::{collections::BTreeSet, sync::Arc};

use datafusion::{
    arrow::{
        array::{
            ArrayRef, AsArray as _, BooleanArray, RecordBatch, RecordBatchOptions, new_null_array,
        },
        buffer::BooleanBuffer,
        compute::{cast, filter_record_batch},
        datatypes::{DataType, Field, Schema, SchemaRef},
    },
    common::DFSchema,
    physical_expr::PhysicalExpr,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_base::FeatureKey;
use metalith_expr::Expr;

use crate::{
    ChunkRequest, Keys, Rows, Store, StoreError, Table,
    chunk_scan::{ChunkSelection, Selection, nullable},
    lower::lower_filters,
    unique::IdSet,
};

/// Where more rows than this are to be looked at, planning is worth it: it reads on all cores.
const FEW: usize = 1 << 16;

/// Chunks that are read at once.
const AHEAD: usize = 8;

/// Which rows of a table to read, and how.
pub(crate) struct Direct<'a> {
    pub(crate) feature: &'a FeatureKey,
    pub(crate) table: &'a Arc<dyn Table>,
    pub(crate) selection: &'a Selection,
    pub(crate) filters: &'a [Expr],
    pub(crate) within: Option<&'a Keys>,
    /// The columns that come back. Those that the table lacks are NULL.
    pub(crate) wanted: Vec<Field>,
}

impl Direct<'_> {
    /// Whether there are so few rows that it is worth it. Filters are left to the plan: some functions
    /// only work after its optimiser has rewritten them.
    pub(crate) fn is_worth_it(&self) -> bool {
        self.filters.is_empty() && self.selection.rows(self.table.as_ref()) <= FEW
    }
}

/// What is done with each batch.
struct Sieve {
    feature: FeatureKey,
    /// As it is read.
    schema: SchemaRef,
    filter: Option<Arc<dyn PhysicalExpr>>,
    /// Columns, with the keys that rows must have in them; `None`: there are none, and no row has one.
    within: Option<(Vec<String>, Option<IdSet>)>,
    /// As it comes back.
    wanted: SchemaRef,
}

impl Store {
    /// Reads rows in the order of their chunks.
    pub(crate) fn read_directly(&self, direct: Direct<'_>) -> Result<Rows, StoreError> {
        let Direct { feature, table, selection, filters, within, wanted } = direct;
        let failed = |error| StoreError::engine(feature.as_str(), error);
        let stored = nullable(&table.schema());
        let whole = DFSchema::try_from(stored.as_ref().clone()).map_err(failed)?;
        let filter = lower_filters(feature, filters, &whole, self.now())?;
        let mut named: BTreeSet<&str> = wanted.iter().map(|it| it.name().as_str()).collect();
        let of_filter = filter.as_ref().map(|it| it.column_refs()).unwrap_or_default();
        named.extend(of_filter.iter().map(|it| it.name.as_str()));
        let within = match within {
            Some(keys) if keys.is_empty() => Some((Vec::new(), None)),
            Some(keys) => {
                named.extend(keys.names().iter().map(String::as_str));
                Some((keys.names().to_vec(), keys.as_stored(feature, &stored)?.set()?))
            }
            None => None,
        };
        let columns = stored.fields().iter().enumerate();
        let columns = columns.filter(|(_, field)| named.contains(field.name().as_str()));
        let columns: Vec<usize> = columns.map(|(place, _)| place).collect();
        let schema = Arc::new(stored.project(&columns).map_err(StoreError::arrow)?);
        let read = DFSchema::try_from(schema.as_ref().clone()).map_err(failed)?;
        let physical = |filter| self.session().create_physical_expr(filter, &read);
        let filter = filter.clone().map(physical).transpose().map_err(failed)?;
        let wanted: SchemaRef = Arc::new(Schema::new(wanted));
        let sieve = Sieve { feature: feature.clone(), schema, filter, within, wanted };
        let wanted = SchemaRef::clone(&sieve.wanted);
        let table = Arc::clone(table);
        let batches = stream::iter(requests(selection, &columns))
            .map(move |(chunk, request)| {
                let table = Arc::clone(&table);
                async move { table.read_chunk(chunk, request).await }
            })
            // In object storage each of many small ones takes a while.
            .buffered(AHEAD)
            .map_ok(Rows::into_stream)
            .try_flatten()
            .map(move |batch| sieve.pass(&batch?));
        Ok(Rows::new(wanted, batches))
    }
}

/// What to read of which chunk.
fn requests(selection: &Selection, columns: &[usize]) -> Vec<(usize, ChunkRequest)> {
    let request = |rows| ChunkRequest { columns: columns.to_vec(), range: None, rows };
    let chunks = selection.chunks().iter().enumerate();
    chunks
        .filter_map(|(chunk, chosen)| match chosen {
            ChunkSelection::All => Some((chunk, request(None))),
            ChunkSelection::Some(rows) if rows.count_set_bits() == 0 => None,
            ChunkSelection::Some(rows) => Some((chunk, request(Some(rows.clone())))),
            ChunkSelection::Nothing => None,
        })
        .collect()
}

impl Sieve {
    fn pass(&self, batch: &RecordBatch) -> Result<RecordBatch, StoreError> {
        let batch = batch.clone().with_schema(SchemaRef::clone(&self.schema));
        let batch = self.kept(&batch.map_err(StoreError::arrow)?)?;
        let rows = batch.num_rows();
        let columns = self.wanted.fields().iter().map(|field| {
            let found = batch.column_by_name(field.name()).cloned();
            found.unwrap_or_else(|| new_null_array(field.data_type(), rows))
        });
        let columns: Vec<ArrayRef> = columns.collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let wanted = SchemaRef::clone(&self.wanted);
        RecordBatch::try_new_with_options(wanted, columns, &options).map_err(StoreError::arrow)
    }

    /// The rows that have one of the keys and meet the filter.
    fn kept(&self, batch: &RecordBatch) -> Result<RecordBatch, StoreError> {
        let mut batch = batch.clone();
        if let Some((names, set)) = &self.within {
            let mask = has_key(&batch, names, set.as_ref())?;
            batch = filter_record_batch(&batch, &mask).map_err(StoreError::arrow)?;
        }
        if let Some(filter) = &self.filter {
            let failed = |error| StoreError::engine(self.feature.as_str(), error);
            let result = filter.evaluate(&batch).map_err(failed)?;
            let result = result.into_array(batch.num_rows()).map_err(failed)?;
            // What is unknown is not met, be it known to be unknown or not.
            let result = cast(&result, &DataType::Boolean).map_err(StoreError::arrow)?;
            batch = filter_record_batch(&batch, result.as_boolean()).map_err(StoreError::arrow)?;
        }
        Ok(batch)
    }
}

/// Which rows have one of the keys. A NULL is none.
fn has_key(
    batch: &RecordBatch,
    names: &[String],
    set: Option<&IdSet>,
) -> Result<BooleanArray, StoreError> {
    let Some(set) = set else {
        return Ok(BooleanBuffer::new_unset(batch.num_rows()).into());
    };
    let columns = names.iter().map(|name| {
        let place = batch.schema().index_of(name).map_err(StoreError::arrow)?;
        Ok(Arc::clone(batch.column(place)))
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, StoreError>>()?;
    let mut found: BooleanBuffer = set.contains(&columns)?.into_iter().collect();
    for nulls in columns.iter().filter_map(|it| it.logical_nulls()) {
        found = &found & nulls.inner();
    }
    Ok(found.into())
}
