//! Reading chunks.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions},
    buffer::BooleanBuffer,
    compute::filter_record_batch,
    datatypes::SchemaRef,
    error::ArrowError,
};
use metalith_store::{ChunkRequest, Outbox, Rows, StoreError, Table as _};

use crate::{
    connection::Connection,
    dialect::Form,
    failure::{Failure, Stop},
    feature_table,
    pool::Pool,
    quote,
    table::{Part, SqlTable},
    values::{self, CHUNK, POSITION},
};

/// So many single rows are asked for by their places.
const SINGLE_ROWS: usize = 500;

/// Reads a chunk of a table, in the order in which its rows were written.
pub(crate) async fn read_chunk(
    table: &SqlTable,
    chunk: usize,
    request: ChunkRequest,
) -> Result<Rows, StoreError> {
    let part = table.part(chunk)?;
    let rows = table.chunks().get(chunk).map_or(0, |it| it.rows);
    let schema = Arc::new(table.columns.project(&request.columns).map_err(StoreError::arrow)?);
    let wanted = Wanted::new(&request, rows);
    if wanted.rows == 0 {
        return Ok(Rows::from_batches(schema, Vec::new()));
    }
    let problem = |problem| StoreError::Rows { feature: table.feature.clone(), problem };
    let forms = values::storage(table.pool.dialect(), &schema).map_err(problem)?;
    let reading = Reading {
        pool: Arc::clone(&table.pool),
        table: table.clone(),
        part,
        query: query(table, part, &schema, &wanted),
        wanted,
        schema: SchemaRef::clone(&schema),
        forms: forms.into_iter().map(|storage| storage.form).collect(),
        gone: StoreError::Conflict {
            feature: table.feature.clone(),
            with: "a removal of rows that were replaced".to_owned(),
            attempts: 1,
        },
    };
    Ok(Rows::made_ahead(schema, move |outbox| reading.run(outbox)))
}

/// Which rows of a chunk to ask for.
struct Wanted {
    /// From which place on.
    start: usize,
    /// How many the database is asked for.
    rows: usize,
    /// Which of these are handed out; all, if that is not said.
    chosen: Option<BooleanBuffer>,
    /// Their places, if they are asked for one by one.
    places: Vec<i64>,
}

impl Wanted {
    fn new(request: &ChunkRequest, rows: usize) -> Self {
        let range = request.range.clone().unwrap_or(0..rows);
        let Some(chosen) = &request.rows else {
            let (start, rows) = (range.start, range.len());
            return Self { start, rows, chosen: None, places: Vec::new() };
        };
        let chosen = chosen.slice(range.start, range.len());
        let mut places = chosen.set_indices();
        let (Some(first), last) = (places.next(), places.last()) else {
            return Self { start: range.start, rows: 0, chosen: None, places: Vec::new() };
        };
        let count = chosen.count_set_bits();
        let span = last.unwrap_or(first) + 1 - first;
        let start = range.start + first;
        if count <= SINGLE_ROWS && count < span / 4 {
            let places = chosen.set_indices().map(|it| range.start + it);
            let places = places.map(|it| i64::try_from(it).unwrap_or(i64::MAX)).collect();
            return Self { start, rows: count, chosen: None, places };
        }
        let chosen = chosen.slice(first, span);
        Self { start, rows: span, chosen: Some(chosen), places: Vec::new() }
    }
}

fn query(table: &SqlTable, part: Part, columns: &SchemaRef, wanted: &Wanted) -> String {
    let from = quote::name(&table.name());
    let (position, row) = (quote::name(POSITION), table.pool.dialect().row_id());
    let names = columns.fields().iter().map(|it| it.name().as_str());
    let names =
        if columns.fields().is_empty() { "1 AS one".to_owned() } else { quote::names(names) };
    let Wanted { start, rows, places, .. } = wanted;
    match part {
        Part::Chunk(id) => {
            let which = if places.is_empty() {
                format!("{position} >= {start} AND {position} < {}", start + rows)
            } else {
                format!("{position} IN ({})", quote::numbers(places))
            };
            let of = quote::name(CHUNK);
            format!("SELECT {names} FROM {from} WHERE {of} = {id} AND {which} ORDER BY {position}")
        }
        Part::Loose(_) => {
            let loose = match table.has_hidden {
                true => format!("{from} WHERE {} IS NULL", quote::name(CHUNK)),
                false => from,
            };
            if places.is_empty() {
                return format!(
                    "SELECT {names} FROM {loose} ORDER BY {row} LIMIT {rows} OFFSET {start}"
                );
            }
            let numbered = format!(
                "SELECT *, ROW_NUMBER() OVER (ORDER BY {row}) - 1 AS metalith_loose FROM {loose}"
            );
            format!(
                "SELECT {names} FROM ({numbered}) AS numbered WHERE metalith_loose IN ({}) \
                 ORDER BY metalith_loose",
                quote::numbers(places)
            )
        }
    }
}

struct Reading {
    pool: Arc<Pool>,
    table: SqlTable,
    part: Part,
    query: String,
    wanted: Wanted,
    schema: SchemaRef,
    forms: Vec<Form>,
    /// What is said when there are fewer rows than there were.
    gone: StoreError,
}

impl Reading {
    /// Hands out rows until nobody wants any more.
    fn run(self, outbox: &Outbox) -> Result<(), StoreError> {
        let pool = Arc::clone(&self.pool);
        let mut lease = pool.connect()?;
        let when = |stop: Stop| stop.when("read", pool.place());
        let seen = match self.hand_out(lease.get(), outbox) {
            Ok(seen) => seen,
            // Whoever drops a table through the store does no damage.
            Err(_) if matches!(self.table.is_there(lease.get()), Ok(false)) => {
                return Err(self.gone);
            }
            Err(stop) => return Err(when(stop)),
        };
        let all_there = seen.is_none_or(|seen| seen == self.wanted.rows);
        match self.part {
            Part::Chunk(_) if all_there => Ok(()),
            Part::Chunk(chunk) => {
                let is_current = self.table.is_current(lease.get(), chunk).map_err(when)?;
                Err(if is_current { self.taken(seen) } else { self.gone })
            }
            // Rows without a chunk are told by nothing from those that came since.
            Part::Loose(_) => {
                let is_latest = self.table.is_latest(lease.get()).map_err(when)?;
                if all_there && is_latest { Ok(()) } else { Err(self.gone) }
            }
        }
    }

    /// What is said of rows that nobody in the store removed.
    fn taken(&self, seen: Option<usize>) -> StoreError {
        let table = self.table.name();
        let (seen, wanted) = (seen.unwrap_or_default(), self.wanted.rows);
        StoreError::Corrupt {
            feature: self.table.feature.clone(),
            location: self.pool.place().shown().to_owned(),
            detail: format!(
                "somebody else changed `{table}` in the database: of {wanted} rows that were read \
                 there are {seen}"
            ),
        }
    }

    /// How many rows there were; `None` when nobody wanted all of them.
    fn hand_out(
        &self,
        connection: &mut Connection,
        outbox: &Outbox,
    ) -> Result<Option<usize>, Stop> {
        let stream = connection.stream(&self.query, self.wanted.rows);
        let (_statement, reader) = stream.map_err(|failure| {
            feature_table::expect_table(connection, &self.table.feature, failure)
        })?;
        let mut seen = 0;
        for batch in reader {
            let batch = batch.map_err(|error| connection.arrow(&error))?;
            let end = seen + batch.num_rows();
            if end > self.wanted.rows {
                return Ok(Some(end));
            }
            let batch = self.unpack(&batch, seen).map_err(|error| Failure::odd(&error))?;
            seen = end;
            if batch.num_rows() > 0 && outbox.blocking_send(Ok(batch)).is_err() {
                return Ok(None);
            }
        }
        Ok(Some(seen))
    }

    fn unpack(&self, batch: &RecordBatch, seen: usize) -> Result<RecordBatch, ArrowError> {
        let fields = self.schema.fields().iter().zip(&self.forms);
        let columns = fields
            .zip(batch.columns())
            .map(|((field, form), values)| values::unpack(values, field.data_type(), form));
        let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let schema = SchemaRef::clone(&self.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        match &self.wanted.chosen {
            Some(chosen) => {
                let chosen = chosen.slice(seen, batch.num_rows());
                filter_record_batch(&batch, &BooleanArray::new(chosen, None))
            }
            None => Ok(batch),
        }
    }
}
