//! Rows of small tables and small chunks, kept in memory as they are read.
//!
//! Tables that grow by a few rows at a time have many chunks. Whoever reads such a table reads all of
//! them, again and again, and a statement for each takes longer than the rows do. Rows of a chunk never
//! change, so what was read once is there; and who needs one that was not read gets the others of the
//! table that were not with the same statement. Of larger chunks of small tables the columns are kept
//! that somebody read.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arrow::{
    array::{ArrayRef, AsArray as _, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array},
    compute::{cast, concat_batches, filter_record_batch, take_record_batch},
    datatypes::{DataType, Int64Type, Schema, SchemaRef},
    error::ArrowError,
};
use metalith_store::{ChunkRequest, Rows, StoreError};

use crate::{
    catalog::StoredChunk,
    connection::Connection,
    failure::{Failure, Stop},
    pool::blocking,
    quote,
    table::SqlTable,
    values::{self, CHUNK, POSITION},
};

/// A chunk with no more rows and bytes is small.
const ROWS: usize = 4096;
const BYTES: u64 = 256 * 1024;
/// And so is a table with no more of them.
const TABLE_ROWS: usize = 1 << 16;
const TABLE_BYTES: u64 = 32 * 1024 * 1024;
/// How many chunks, and how many bytes of them, are read by one statement.
const AT_ONCE: usize = 1000;
const BYTES_AT_ONCE: u64 = 8 * 1024 * 1024;
/// How many bytes of rows are kept.
const CAPACITY: usize = 64 * 1024 * 1024;

/// Rows of small chunks and tables.
#[derive(Debug, Default)]
pub(crate) struct SmallChunks {
    known: Mutex<Known>,
}

/// The rows of a chunk, whatever store has them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    /// The number of the table that no other has, but for a copy of it.
    table: String,
    /// The mark of the commit that added the chunk: of two copies that each went on by itself, chunks of
    /// one number are not the same.
    added_by: String,
    chunk: i64,
}

impl Place {
    fn of(table: &SqlTable, chunk: &StoredChunk) -> Option<Self> {
        let (table, added_by) = (table.table_id().to_owned(), chunk.added_by.clone()?);
        Some(Self { table, added_by, chunk: chunk.id })
    }
}

/// Columns of a chunk by name.
type Columns = BTreeMap<String, ArrayRef>;

#[derive(Debug, Default)]
struct Known {
    by_place: HashMap<Place, Columns>,
    by_age: VecDeque<Place>,
    bytes: usize,
}

impl SmallChunks {
    /// Some columns of a chunk, if all of them are known.
    fn get(&self, table: &SqlTable, chunk: &StoredChunk, columns: &Schema) -> Option<RecordBatch> {
        let known = self.lock();
        let found = known.by_place.get(&Place::of(table, chunk)?)?;
        let columns_found = columns.fields().iter().map(|field| {
            let column = found.get(field.name())?;
            // It may have got members since.
            (column.data_type() == field.data_type()).then(|| Arc::clone(column))
        });
        let columns_found = columns_found.collect::<Option<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(chunk.size.rows));
        let schema = Arc::new(columns.clone());
        RecordBatch::try_new_with_options(schema, columns_found, &options).ok()
    }

    fn put(&self, table: &SqlTable, chunk: &StoredChunk, rows: &RecordBatch) {
        let Some(place) = Place::of(table, chunk) else { return };
        let mut known = self.lock();
        known.add(place, rows);
        while known.bytes > CAPACITY
            && let Some(oldest) = known.by_age.pop_front()
        {
            known.forget(&oldest);
        }
    }

    /// Forgets rows of a table that its latest state has not: they may have been deleted for good.
    pub(crate) fn keep_only(&self, latest: &SqlTable) {
        let stored = latest.stored().iter();
        let there: HashSet<Place> = stored.filter_map(|chunk| Place::of(latest, chunk)).collect();
        self.forget(|place| place.table == latest.table_id() && !there.contains(place));
    }

    /// Forgets rows of a table that is not there any more.
    pub(crate) fn forget_table(&self, table_id: &str) {
        self.forget(|place| place.table == table_id);
    }

    fn forget(&self, is_gone: impl Fn(&Place) -> bool) {
        let mut known = self.lock();
        let gone: Vec<Place> = known.by_age.iter().filter(|it| is_gone(it)).cloned().collect();
        if !gone.is_empty() {
            gone.iter().for_each(|place| known.forget(place));
            known.by_age.retain(|place| !is_gone(place));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn add(&mut self, place: Place, rows: &RecordBatch) {
        if !self.by_place.contains_key(&place) {
            self.by_age.push_back(place.clone());
        }
        let columns = self.by_place.entry(place).or_default();
        for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
            self.bytes += column.get_array_memory_size();
            if let Some(before) = columns.insert(field.name().clone(), Arc::clone(column)) {
                self.bytes -= before.get_array_memory_size();
            }
        }
    }

    fn forget(&mut self, place: &Place) {
        for column in self.by_place.remove(place).into_iter().flatten().map(|(_, column)| column) {
            self.bytes = self.bytes.saturating_sub(column.get_array_memory_size());
        }
    }
}

fn is_small(chunk: &StoredChunk) -> bool {
    chunk.size.rows <= ROWS && chunk.size.bytes <= BYTES
}

fn is_small_table(table: &SqlTable) -> bool {
    let rows: usize = table.stored().iter().map(|chunk| chunk.size.rows).sum();
    let bytes: u64 = table.stored().iter().map(|chunk| chunk.size.bytes).sum();
    rows <= TABLE_ROWS && bytes <= TABLE_BYTES
}

/// Whether most rows of a chunk are not asked for.
fn is_choosy(request: &ChunkRequest, chunk: &StoredChunk) -> bool {
    let chosen = request.rows.as_ref().map_or(chunk.size.rows, |it| it.count_set_bits());
    chosen < chunk.size.rows / 4
}

/// All rows of a chunk, with the columns that are asked for, if it is small. `None` also where
/// something is wrong with it: who reads it by itself is told.
pub(crate) async fn rows(
    table: &SqlTable,
    chunk: usize,
    request: &ChunkRequest,
) -> Option<RecordBatch> {
    let stored = table.stored().get(chunk)?;
    let columns = table.columns.project(&request.columns).ok()?;
    let small = table.pool.small();
    if let Some(rows) = small.get(table, stored, &columns) {
        return Some(rows);
    }
    if !is_small(stored) {
        if is_choosy(request, stored) || !is_small_table(table) || columns.fields().is_empty() {
            return None;
        }
        let (_, rows) = fill(table, vec![stored.clone()], Arc::new(columns)).await?.pop()?;
        return Some(rows);
    }
    // Who waited finds them.
    let _turn = table.filling.lock().await;
    if let Some(rows) = small.get(table, stored, &columns) {
        return Some(rows);
    }
    let read = fill(table, missing(table, chunk), SchemaRef::clone(&table.columns)).await?;
    let (_, rows) = read.into_iter().find(|(chunk, _)| chunk.id == stored.id)?;
    rows.project(&request.columns).ok()
}

/// Reads chunks, and keeps what there is of them.
async fn fill(
    table: &SqlTable,
    wanted: Vec<StoredChunk>,
    columns: SchemaRef,
) -> Option<Vec<(StoredChunk, RecordBatch)>> {
    let (reading, pool) = (table.clone(), Arc::clone(&table.pool));
    let read = blocking(move || {
        let mut lease = pool.connect()?;
        let read = read(lease.get(), (&reading, &columns), &wanted);
        read.map_err(|stop| stop.when("read", pool.place()))
    });
    match read.await {
        Ok(read) => {
            for (chunk, rows) in &read {
                table.pool.small().put(table, chunk, rows);
            }
            Some(read)
        }
        Err(error) => {
            tracing::debug!(feature = %table.feature, "chunks are read one by one: {error}");
            None
        }
    }
}

/// A small chunk, and others from there on that were not read yet.
fn missing(table: &SqlTable, first: usize) -> Vec<StoredChunk> {
    let is_missing = |it: &StoredChunk| table.pool.small().get(table, it, &table.columns).is_none();
    let mut bytes = 0;
    let from = table.stored().iter().skip(first);
    from.filter(|it| is_small(it) && is_missing(it))
        .take_while(|it| {
            let is_first = bytes == 0;
            bytes += it.size.bytes.max(1);
            is_first || bytes <= BYTES_AT_ONCE
        })
        .take(AT_ONCE)
        .cloned()
        .collect()
}

/// Reads chunks by one statement. Those of which not all rows are there are left out.
fn read(
    connection: &mut Connection,
    (table, columns): (&SqlTable, &SchemaRef),
    wanted: &[StoredChunk],
) -> Result<Vec<(StoredChunk, RecordBatch)>, Stop> {
    let problem = |problem| StoreError::Rows { feature: table.feature.clone(), problem };
    let forms = values::storage(connection.dialect(), columns).map_err(problem)?;
    let ids: Vec<i64> = wanted.iter().map(|chunk| chunk.id).collect();
    let (from, of) = (quote::name(&table.name()), quote::name(CHUNK));
    let names = columns.fields().iter().map(|it| it.name().as_str());
    let query = format!(
        "SELECT {} FROM {from} WHERE {of} IN ({}) ORDER BY {of}, {}",
        quote::names([CHUNK].into_iter().chain(names)),
        quote::numbers(&ids),
        quote::name(POSITION)
    );
    let rows = wanted.iter().map(|chunk| chunk.size.rows).sum();
    let (_statement, reader) = connection.stream(&query, rows)?;
    let batches: Result<Vec<RecordBatch>, _> = reader.collect();
    let batches = batches.map_err(|error| connection.arrow(&error))?;
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let odd = |error: ArrowError| Failure::odd(&error);
    let read = concat_batches(&first.schema(), &batches).map_err(odd)?;
    let unpacked = columns.fields().iter().zip(&forms).zip(read.columns().iter().skip(1));
    let unpacked = unpacked
        .map(|((field, storage), column)| values::unpack(column, field.data_type(), &storage.form));
    let unpacked = unpacked.collect::<Result<Vec<ArrayRef>, _>>().map_err(odd)?;
    let options = RecordBatchOptions::new().with_row_count(Some(read.num_rows()));
    let rows = RecordBatch::try_new_with_options(SchemaRef::clone(columns), unpacked, &options)
        .map_err(odd)?;
    Ok(apart(read.column(0), &rows, wanted).map_err(odd)?)
}

/// The rows of each chunk, of rows that come chunk by chunk.
fn apart(
    chunks: &ArrayRef,
    rows: &RecordBatch,
    wanted: &[StoredChunk],
) -> Result<Vec<(StoredChunk, RecordBatch)>, ArrowError> {
    let chunks = cast(chunks, &DataType::Int64)?;
    let chunks = chunks.as_primitive::<Int64Type>().values();
    let expected: HashMap<i64, &StoredChunk> = wanted.iter().map(|it| (it.id, it)).collect();
    let mut found = Vec::with_capacity(wanted.len());
    let mut start = 0;
    for run in chunks.chunk_by(|one, other| one == other) {
        let end = start + run.len();
        if let Some(chunk) = expected.get(&run[0]).filter(|it| it.size.rows == run.len()) {
            // What stays must not hold on to all of them.
            let places = UInt64Array::from_iter_values(start as u64..end as u64);
            found.push(((*chunk).clone(), take_record_batch(rows, &places)?));
        }
        start = end;
    }
    Ok(found)
}

/// What is asked for of the rows of a chunk, which have the columns that are asked for.
pub(crate) fn chosen(rows: &RecordBatch, request: &ChunkRequest) -> Result<Rows, StoreError> {
    let count = rows.num_rows();
    let range = request.range.clone().unwrap_or(0..count);
    let range = range.start.min(count)..range.end.min(count);
    let mut batch = rows.slice(range.start, range.len());
    if let Some(chosen) = &request.rows {
        let chosen = BooleanArray::new(chosen.slice(range.start, range.len()), None);
        batch = filter_record_batch(&batch, &chosen).map_err(StoreError::arrow)?;
    }
    let batches = if batch.num_rows() == 0 { Vec::new() } else { vec![batch] };
    Ok(Rows::from_batches(rows.schema(), batches))
}
