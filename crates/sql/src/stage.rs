//! Rows on their way, in a temporary table of a connection of their own: whatever goes wrong until
//! they are all there, nobody has seen any of them, and nobody had to wait.

use std::sync::Arc;

use arrow::{
    array::{RecordBatch, RecordBatchIterator},
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

/// The rows of some commits, which are all there.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The connection that sees them. It does not go back to the others before they are cleared.
    lease: Lease,
    /// Those of each commit.
    staged: Vec<Staged>,
}

/// The rows of one commit.
#[derive(Debug)]
pub(crate) struct Staged {
    /// The temporary table that they are in.
    pub(crate) table: String,
    /// Their columns.
    pub(crate) columns: SchemaRef,
    pub(crate) rows: usize,
    pub(crate) bytes: u64,
}

impl Stage {
    /// A stage without rows.
    pub(crate) async fn new(pool: &Arc<Pool>) -> Result<Self, StoreError> {
        let pool = Arc::clone(pool);
        let lease = blocking(move || pool.connect()).await?;
        Ok(Self { lease, staged: Vec::new() })
    }

    /// Fills a temporary table with the rows of one more commit; `refuse` says whose rows are
    /// refused.
    pub(crate) async fn fill(
        self,
        packing: Packing,
        rows: Rows,
        refuse: impl Fn(RowProblem) -> StoreError + Send,
    ) -> Result<Self, StoreError> {
        let Self { lease, mut staged } = self;
        let table = format!("metalith_stage_{}", staged.len());
        let (columns, pool) = (packing.columns(), Arc::clone(lease.pool()));
        let filled = fill((&pool, Some(lease)), &table, packing, rows, refuse).await?;
        let Filled { lease, rows, bytes } = filled;
        staged.push(Staged { table, columns, rows, bytes });
        Ok(Self { lease, staged })
    }

    /// The rows, and the connection that sees them.
    pub(crate) fn parts(&mut self) -> (&mut Connection, &[Staged]) {
        (self.lease.get(), &self.staged)
    }

    pub(crate) fn pool(&self) -> Arc<Pool> {
        Arc::clone(self.lease.pool())
    }

    /// Lets go of the rows.
    pub(crate) fn clear(mut self) {
        let connection = self.lease.get();
        let is_cleared = self.staged.iter().all(|it| drop_table(connection, &it.table).is_ok());
        connection.is_broken = !is_cleared;
    }
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
