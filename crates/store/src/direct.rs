//! Reading a few rows chunk by chunk, without a query plan: making one would take longer than reading
//! them does. What comes back is what the plan would give.

use std::{collections::BTreeSet, sync::Arc};

use datafusion::arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array},
    compute::filter_record_batch,
    datatypes::{Field, Schema, SchemaRef},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_base::FeatureKey;
use metalith_expr::Expr;

use crate::{
    ChunkRequest, Keys, Rows, Store, StoreError, Table,
    chunk_scan::{ChunkSelection, Piece, Selection, nullable},
    row_test::{Conditions, RowTest, Within},
    sift::Probe,
};

/// Where more rows than this are to be looked at, planning is worth it: it reads on all cores.
pub(crate) const FEW: usize = 1 << 16;

/// Chunks that are read at once.
const AHEAD: usize = 8;

/// A chunk with more rows is read in two steps, where not all columns say which rows are wanted.
const LARGE: usize = 1 << 12;

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
    /// Whether there are so few rows that it is worth it.
    pub(crate) fn is_worth_it(&self) -> bool {
        self.selection.rows(self.table.as_ref()) <= FEW
    }
}

/// What is done with each batch.
struct Sieve {
    /// As it is read.
    schema: SchemaRef,
    test: RowTest,
    within: Option<Within>,
    /// As it comes back.
    wanted: SchemaRef,
    /// What tells which rows to read, where not all columns are needed for that.
    first: Option<Probe>,
}

impl Store {
    /// Reads rows in the order of their chunks.
    pub(crate) fn read_directly(&self, direct: Direct<'_>) -> Result<Rows, StoreError> {
        let Direct { feature, table, selection, filters, within, wanted } = direct;
        let stored = nullable(&table.schema());
        let conditions = Conditions::new(self, feature, filters, &stored)?;
        let within = within.map(|keys| Within::new(feature, &stored, keys)).transpose()?;
        let mut named: BTreeSet<&str> = conditions.columns();
        named.extend(within.iter().flat_map(Within::names).map(String::as_str));
        let tested = places(&stored, &named);
        named.extend(wanted.iter().map(|it| it.name().as_str()));
        let columns = places(&stored, &named);
        let first = match tested.is_empty() || tested.len() == columns.len() {
            true => None,
            false => Some(Probe::new(self, &stored, tested, conditions.clone())?),
        };
        let schema = Arc::new(stored.project(&columns).map_err(StoreError::arrow)?);
        let test = conditions.over(self, &schema)?;
        let wanted: SchemaRef = Arc::new(Schema::new(wanted));
        let sieve = Arc::new(Sieve { schema, test, within, wanted, first });
        let wanted = SchemaRef::clone(&sieve.wanted);
        let (table, passing) = (Arc::clone(table), Arc::clone(&sieve));
        let batches = stream::iter(requests(selection, &columns))
            .map(move |(chunk, request)| {
                let (table, sieve) = (Arc::clone(&table), Arc::clone(&sieve));
                async move { sieve.read(table.as_ref(), chunk, request).await }
            })
            // In object storage each of many small ones takes a while.
            .buffered(AHEAD)
            .map_ok(Rows::into_stream)
            .try_flatten()
            .map(move |batch| passing.pass(&batch?));
        Ok(Rows::new(wanted, batches))
    }
}

/// Where columns are that the table has.
pub(crate) fn places(stored: &SchemaRef, named: &BTreeSet<&str>) -> Vec<usize> {
    let columns = stored.fields().iter().enumerate();
    let columns = columns.filter(|(_, field)| named.contains(field.name().as_str()));
    columns.map(|(place, _)| place).collect()
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
    /// Reads what may pass of a chunk. Of a large one the other columns are read of the rows that
    /// pass alone.
    async fn read(
        &self,
        table: &dyn Table,
        chunk: usize,
        mut request: ChunkRequest,
    ) -> Result<Rows, StoreError> {
        let rows = table.chunks().get(chunk).map_or(0, |it| it.rows);
        if let Some(first) = self.first.as_ref().filter(|_| rows > LARGE) {
            let whole = Piece { chunk, range: 0..rows, rows: request.rows };
            let passing = first.passing(table, &whole, self.within.as_ref()).await?;
            if !passing.has_true() {
                let schema = table.schema().project(&request.columns).map_err(StoreError::arrow)?;
                return Ok(Rows::from_batches(Arc::new(schema), Vec::new()));
            }
            request.rows = Some(passing);
        }
        table.read_chunk(chunk, request).await
    }

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

    /// The rows that have one of the keys and meet the filters.
    fn kept(&self, batch: &RecordBatch) -> Result<RecordBatch, StoreError> {
        let kept = self.test.holds_within(batch, self.within.as_ref())?;
        filter_record_batch(batch, &kept.into()).map_err(StoreError::arrow)
    }
}
