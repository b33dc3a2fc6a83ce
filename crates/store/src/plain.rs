//! Tables of a database that are no store's: whatever people keep there beside it.

use std::fmt;

use async_trait::async_trait;
use datafusion::arrow::{
    array::RecordBatch,
    datatypes::SchemaRef,
    error::ArrowError,
    row::{RowConverter, SortField},
};
use xxhash_rust::xxh64::xxh64;

use crate::{Rows, StoreError};

/// The plain tables of a database. Those of a store, which have rules, are not among them.
///
/// # Contract
///
/// - Rows that are [read](Self::read) are those of one moment, in an order that is the same as long
///   as nobody writes, unless it is a view.
/// - What is [prepared](Self::prepare) is seen by nobody. A [commit](OpenChange::commit) shows all of
///   it, over all of its tables, or nothing.
/// - Whoever dies in between has done nothing. Until then other writers of these tables may wait, so
///   nothing that takes long comes in between.
#[async_trait]
pub trait PlainTables: fmt::Debug + Send + Sync + 'static {
    /// Where the database is, as a person would write it.
    fn location(&self) -> String;

    /// What is the same for two spellings of a table.
    fn identity(&self, table: &str) -> String;

    /// The tables that are there, by name.
    async fn names(&self) -> Result<Vec<String>, StoreError>;

    /// The columns of a table; `None` when there is none. Those of a store's are refused.
    async fn columns(&self, table: &str) -> Result<Option<SchemaRef>, StoreError>;

    /// The rows of a table with some of its columns. A value may come as text where the database
    /// has no better form for it: its column then says what it is the text of.
    async fn read(&self, table: &str, columns: &[String]) -> Result<Rows, StoreError>;

    /// Refuses columns that a table cannot have.
    fn require_storable(&self, table: &str, columns: &SchemaRef) -> Result<(), StoreError>;

    /// Does everything that can fail, and lets nobody see it yet.
    async fn prepare(&self, puts: Vec<Put>) -> Result<Prepared, StoreError>;
}

/// Rows for a table.
#[derive(Debug)]
pub struct Put {
    /// The table.
    pub table: String,
    /// The rows.
    pub rows: Rows,
    /// What becomes of what is there.
    pub keeping: Keeping,
    /// The columns that the table must still have; `None` where there must be no table.
    pub before: Option<SchemaRef>,
    /// What it must still hold, where that matters.
    pub content: Option<Digest>,
}

/// What becomes of rows that are in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// They stay.
    Rows,
    /// They go; the table stays, with its indices and rights.
    Table,
}

/// What became of rows that were to be put into tables.
#[derive(Debug)]
pub enum Prepared {
    /// They are seen as soon as this is committed.
    Ready(Box<dyn OpenChange>),
    /// Somebody changed this table, so there is nothing to commit.
    Changed(String),
}

/// A change of tables that nobody sees yet. Dropped, it has never been.
#[async_trait]
pub trait OpenChange: fmt::Debug + Send {
    /// Lets everybody see all of it.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// What tells the rows of a table from others, in whatever order they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    rows: u64,
    sum: u64,
}

impl Digest {
    /// Adds rows.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let fields = batch.columns().iter().map(|it| SortField::new(it.data_type().clone()));
        let rows = RowConverter::new(fields.collect())?.convert_columns(batch.columns())?;
        self.rows += batch.num_rows() as u64;
        for row in &rows {
            self.sum = self.sum.wrapping_add(xxh64(row.as_ref(), 0));
        }
        Ok(())
    }
}
