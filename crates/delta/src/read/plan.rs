//! How the columns of a data file become the columns asked for.

use std::{ops::Range, sync::Arc};

use datafusion::arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, new_null_array},
    datatypes::{Field, SchemaRef},
    error::ArrowError,
};
use metalith_store::{Run, adapt_array};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ArrowReaderBuilder, ArrowReaderMetadata},
};

use crate::{
    data_file::DataFile,
    facts, partition,
    selection::{Places, Selection},
    snapshot::Snapshot,
};

/// Rows of a batch: enough to amortise its cost, few enough to stay in the cache.
const BATCH_ROWS: usize = 16 * 1024;

/// Where the columns asked for come from.
pub(super) struct Plan {
    schema: SchemaRef,
    columns: Vec<Origin>,
    projection: ProjectionMask,
}

/// Where a column comes from.
enum Origin {
    /// A column of the projected file.
    File(usize),
    /// A value in the log.
    Log(String),
    /// It consists of runs.
    Counted(Vec<Run>),
    /// It has one value in all rows: here that is there for each row of a batch.
    Repeated(ArrayRef),
    /// It is the same as another one that is asked for, the one at this place.
    Same(usize),
    /// The file is older than the column.
    Nowhere,
}

impl Plan {
    pub(super) fn new(
        table: &Snapshot,
        file: &DataFile,
        footer: &ArrowReaderMetadata,
        schema: SchemaRef,
    ) -> Self {
        let same = facts::same(footer, file.rows);
        let like = |field: &Field| {
            let (place, other) = schema.column_with_name(same.get(field.name())?)?;
            let is_read =
                other.data_type() == field.data_type() && !same.contains_key(other.name());
            is_read.then_some(place)
        };
        // What need not be read of the file.
        let told = |field: &Field| -> Option<Origin> {
            if table.partitioned_by.contains(field.name())
                && file.partition.contains_key(field.name())
            {
                return Some(Origin::Log(field.name().clone()));
            }
            let rows = file.rows;
            let runs = facts::runs_of(footer, field, rows).map(Origin::Counted);
            let most = rows.min(BATCH_ROWS);
            let one = || facts::repeated(footer, field, rows, most).map(Origin::Repeated);
            runs.or_else(one).or_else(|| like(field).map(Origin::Same))
        };
        let position = |field: &Field| {
            footer.schema().fields().iter().position(|it| it.name() == field.name())
        };
        let fields = schema.fields().iter();
        let told: Vec<Option<Origin>> = fields.clone().map(|field| told(field)).collect();
        let read = fields.clone().zip(&told).filter(|(_, told)| told.is_none());
        let mut roots: Vec<usize> = read.filter_map(|(field, _)| position(field)).collect();
        roots.sort_unstable();
        roots.dedup();
        let of_file = |field| match position(field).and_then(|it| roots.binary_search(&it).ok()) {
            Some(index) => Origin::File(index),
            None => Origin::Nowhere,
        };
        let columns = fields.zip(told).map(|(field, told)| told.unwrap_or_else(|| of_file(field)));
        let columns = columns.collect();
        let projection = ProjectionMask::roots(footer.parquet_schema(), roots.iter().copied());
        Self { schema, columns, projection }
    }

    /// Where the rows are that are read, as far as that has to be known.
    pub(super) fn places(&self, selection: &Selection) -> Places {
        match self.columns.iter().any(|from| matches!(from, Origin::Counted(_))) {
            true => selection.places(),
            false => Places::default(),
        }
    }

    pub(super) fn prepare<T>(
        &self,
        builder: ArrowReaderBuilder<T>,
        selection: Selection,
    ) -> ArrowReaderBuilder<T> {
        let builder = builder
            .with_batch_size(BATCH_ROWS)
            .with_projection(self.projection.clone())
            .with_row_groups(selection.row_groups)
            .with_row_selection_policy(selection.policy);
        match selection.rows {
            Some(rows) => builder.with_row_selection(rows),
            None => builder,
        }
    }

    /// The columns asked for of the next rows among those at `places`.
    pub(super) fn adapt(
        &self,
        batch: &RecordBatch,
        file: &DataFile,
        places: &mut Places,
    ) -> Result<RecordBatch, ArrowError> {
        let rows = batch.num_rows();
        let places = places.take(rows);
        let columns = (0..self.columns.len()).map(|at| self.column(at, batch, file, &places));
        let columns = columns.collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), columns, &options)
    }

    /// One of the columns asked for, for the rows of a batch of the file, which are at `places`.
    fn column(
        &self,
        at: usize,
        batch: &RecordBatch,
        file: &DataFile,
        places: &[Range<usize>],
    ) -> Result<ArrayRef, ArrowError> {
        let (target, rows) = (self.schema.field(at).data_type(), batch.num_rows());
        match &self.columns[at] {
            Origin::File(index) => adapt_array(batch.column(*index), target),
            Origin::Log(name) => {
                let value = file.partition.get(name).and_then(Option::as_deref);
                partition::column(value, target, rows)
            }
            Origin::Counted(runs) => Ok(counted(runs, places, rows)),
            Origin::Repeated(values) => Ok(values.slice(0, rows)),
            Origin::Same(other) => self.column(*other, batch, file, places),
            Origin::Nowhere => Ok(new_null_array(target, rows)),
        }
    }
}

/// The values of a column that consists of runs, at so many places.
fn counted(runs: &[Run], places: &[Range<usize>], count: usize) -> ArrayRef {
    let mut values = Vec::with_capacity(count);
    for place in places {
        let mut row = place.start;
        let mut next = runs.partition_point(|run| run.row <= row);
        while row < place.end {
            let run = &runs[next - 1];
            let end = runs.get(next).map_or(place.end, |next| next.row.min(place.end));
            values.extend((row..end).map(|row| run.at(row)));
            (row, next) = (end, next + 1);
        }
    }
    Arc::new(Int64Array::from(values))
}
