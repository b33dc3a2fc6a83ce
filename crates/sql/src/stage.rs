//! Rows on their way: whatever goes wrong until they are all there, nobody has seen any of them, and
//! nobody had to wait.
//!
//! They are in a temporary table of a connection of their own. Where there are few, and the database
//! takes them as they are, they are in memory, and need no connection before the commit.

use std::sync::Arc;

use arrow::{
    array::{RecordBatch, RecordBatchIterator},
    compute::concat_batches,
    datatypes::SchemaRef,
    error::ArrowError,
};
use futures::StreamExt as _;
use metalith_store::{RowProblem, Rows, StoreError};
use tokio::sync::mpsc;

use crate::{
    connection::{Connection, Reader},
    failure::{Failure, Stop},
    pool::{Lease, Pool, blocking},
    quote,
    values::{POSITION, Packing},
};

/// Batches that the source may be ahead of the database.
const AHEAD: usize = 4;
/// Rows that are packed at once. A column of JSON holds no more than two gigabytes.
const PACKED_ROWS: usize = 1 << 13;

/// So many rows are few, if they take no more bytes than that.
const FEW: usize = 1 << 10;
const FEW_BYTES: usize = 1 << 20;

/// The rows of some commits, which are all there.
#[derive(Debug)]
pub(crate) struct Stage {
    pool: Arc<Pool>,
    /// The connection that sees those in temporary tables. It does not go back to the others before
    /// they are cleared.
    lease: Option<Lease>,
    /// Those of each commit.
    staged: Vec<Staged>,
}

/// The rows of one commit.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) held: Held,
    /// Their columns.
    pub(crate) columns: SchemaRef,
    pub(crate) rows: usize,
    pub(crate) bytes: u64,
}

/// Where rows wait.
#[derive(Debug)]
pub(crate) enum Held {
    /// In a temporary table of this name.
    Table(String),
    /// Here, packed.
    Memory(RecordBatch),
}

impl Stage {
    /// A stage without rows.
    pub(crate) fn new(pool: &Arc<Pool>) -> Self {
        Self { pool: Arc::clone(pool), lease: None, staged: Vec::new() }
    }

    /// Takes the rows of one more commit; `refuse` says whose rows are refused.
    pub(crate) async fn fill(
        self,
        packing: Packing,
        rows: Rows,
        refuse: impl Fn(RowProblem) -> StoreError + Send,
    ) -> Result<Self, StoreError> {
        let rows = match self.pool.dialect().ingests_in_place() {
            true => few(rows).await?,
            false => Taken::Many(rows),
        };
        let Self { pool, lease, mut staged } = self;
        let columns = packing.columns();
        let (lease, filled) = match rows {
            Taken::Few(rows) => {
                let packed = match rows.first() {
                    Some(first) => {
                        let rows = concat_batches(&first.schema(), &rows);
                        packing.pack(&rows.map_err(StoreError::arrow)?, 0).map_err(refuse)?
                    }
                    None => RecordBatch::new_empty(packing.packed()),
                };
                let (rows, bytes) = (packed.num_rows(), packed.get_array_memory_size() as u64);
                (lease, Staged { held: Held::Memory(packed), columns, rows, bytes })
            }
            Taken::Many(rows) => {
                let table = format!("metalith_stage_{}", staged.len());
                let filled = fill((&pool, lease), &table, packing, rows, refuse).await?;
                let Filled { lease, rows, bytes } = filled;
                (Some(lease), Staged { held: Held::Table(table), columns, rows, bytes })
            }
        };
        staged.push(filled);
        Ok(Self { pool, lease, staged })
    }

    /// The rows, and the connection that sees them.
    pub(crate) fn parts(&mut self) -> Result<(&mut Connection, &[Staged]), StoreError> {
        let lease = match self.lease.take() {
            Some(lease) => lease,
            None => self.pool.connect()?,
        };
        Ok((self.lease.insert(lease).get(), &self.staged))
    }

    pub(crate) fn pool(&self) -> Arc<Pool> {
        Arc::clone(&self.pool)
    }

    /// Lets go of the rows.
    pub(crate) fn clear(mut self) {
        let Some(lease) = &mut self.lease else { return };
        let connection = lease.get();
        let tables = self.staged.iter().filter_map(|it| match &it.held {
            Held::Table(table) => Some(table),
            Held::Memory(_) => None,
        });
        let tables: Vec<_> = tables.collect();
        if !tables.is_empty() {
            let is_cleared = tables.into_iter().all(|it| drop_table(connection, it).is_ok());
            connection.is_broken = !is_cleared;
        }
    }
}

/// Rows, all of them or still to come.
enum Taken {
    Few(Vec<RecordBatch>),
    Many(Rows),
}

/// Takes rows until they end, or are many.
async fn few(rows: Rows) -> Result<Taken, StoreError> {
    let (schema, mut batches) = (rows.schema(), rows.into_stream());
    let (mut taken, mut count, mut bytes) = (Vec::new(), 0, 0);
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        if batch.num_rows() == 0 {
            continue;
        }
        count += batch.num_rows();
        bytes += batch.get_array_memory_size();
        taken.push(batch);
        if count > FEW || bytes > FEW_BYTES {
            let all = futures::stream::iter(taken.into_iter().map(Ok)).chain(batches);
            return Ok(Taken::Many(Rows::new(schema, all)));
        }
    }
    Ok(Taken::Few(taken))
}

/// A temporary table that has all of its rows.
#[derive(Debug)]
pub(crate) struct Filled {
    /// The connection that sees it, and ends with it.
    pub(crate) lease: Lease,
    rows: usize,
    bytes: u64,
}

/// Fills a temporary table, on a connection that has others already or on a new one.
pub(crate) async fn fill(
    (pool, lease): (&Arc<Pool>, Option<Lease>),
    table: &str,
    packing: Packing,
    rows: Rows,
    refuse: impl Fn(RowProblem) -> StoreError + Send,
) -> Result<Filled, StoreError> {
    let table = table.to_owned();
    let (sender, receiver) = mpsc::channel(AHEAD);
    let declared = format!("{}, {} BIGINT", packing.declared(), quote::name(POSITION));
    let (packed, connecting) = (packing.packed(), Arc::clone(pool));
    let writing = blocking(move || {
        let mut lease = match lease {
            Some(lease) => lease,
            None => connecting.connect()?,
        };
        // It ends with these rows, unless they are cleared.
        lease.discard();
        let written = write(lease.get(), (&table, &declared), packed, receiver);
        written.map(|()| lease).map_err(|stop| stop.when("write", connecting.place()))
    });
    let reading = async move {
        let (mut count, mut bytes) = (0, 0);
        let mut batches = rows.into_stream();
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            for start in (0..batch.num_rows()).step_by(PACKED_ROWS) {
                let batch = batch.slice(start, PACKED_ROWS.min(batch.num_rows() - start));
                let packed = packing.pack(&batch, count).map_err(&refuse)?;
                count += batch.num_rows();
                bytes += packed.get_array_memory_size() as u64;
                // Who does not take any more has an error to tell.
                if sender.send(packed).await.is_err() {
                    return Ok((count, bytes));
                }
            }
        }
        Ok::<_, StoreError>((count, bytes))
    };
    let (read, written) = tokio::join!(reading, writing);
    let (rows, bytes) = read?;
    Ok(Filled { lease: written?, rows, bytes })
}

/// Removes a temporary table.
pub(crate) fn drop_table(connection: &mut Connection, table: &str) -> Result<(), Failure> {
    let of = connection.dialect().temporary();
    connection.run(&format!("DROP TABLE {of}.{}", quote::name(table)))
}

fn write(
    connection: &mut Connection,
    (table, declared): (&str, &str),
    columns: SchemaRef,
    mut batches: mpsc::Receiver<RecordBatch>,
) -> Result<(), Stop> {
    connection.run(&format!("CREATE TEMPORARY TABLE {} ({declared})", quote::name(table)))?;
    let Some(first) = batches.blocking_recv() else { return Ok(()) };
    let all = std::iter::once(first).chain(std::iter::from_fn(move || batches.blocking_recv()));
    let reader: Reader = Box::new(RecordBatchIterator::new(all.map(Ok::<_, ArrowError>), columns));
    Ok(connection.ingest(table, reader)?)
}
