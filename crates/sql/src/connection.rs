//! A connection to a database, and what is done on it. Every call here blocks.

use std::{fmt, sync::Arc};

use adbc_core::{
    Connection as _, Database as _, Optionable as _, Statement as _,
    options::{IngestMode, OptionStatement, OptionValue},
};
use adbc_driver_manager::{ManagedConnection, ManagedDatabase, ManagedStatement};
use arrow::{
    array::{Array, AsArray as _, RecordBatch, RecordBatchReader},
    compute::cast,
    datatypes::{DataType, Int64Type},
};

use crate::{
    dialect::Dialect,
    failure::{Failure, Reason, Stop},
    place::Place,
};

/// Rows as a driver hands them out or takes them.
pub(crate) type Reader = Box<dyn RecordBatchReader + Send>;

/// A connection to a database.
pub(crate) struct Connection {
    inner: ManagedConnection,
    database: ManagedDatabase,
    dialect: &'static dyn Dialect,
    place: Arc<Place>,
    /// Whether it may be in a state that nobody knows.
    pub(crate) is_broken: bool,
    /// Whether nothing was asked since it was idle, when it may have been lost.
    is_rested: bool,
}

impl Connection {
    pub(crate) fn new(
        inner: ManagedConnection,
        database: ManagedDatabase,
        dialect: &'static dyn Dialect,
        place: Arc<Place>,
    ) -> Self {
        Self { inner, database, dialect, place, is_broken: false, is_rested: false }
    }

    /// Tells it first what every connection is told.
    pub(crate) fn set_up(mut self) -> Result<Self, Failure> {
        for statement in self.dialect.setup(&self.place) {
            self.run(&statement)?;
        }
        Ok(self)
    }

    /// Nobody needs it for a while.
    pub(crate) fn rest(&mut self) {
        self.is_rested = self.dialect.is_remote();
    }

    pub(crate) fn dialect(&self) -> &'static dyn Dialect {
        self.dialect
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Works for a store from now on, whose tables may have other names.
    pub(crate) fn work_for(&mut self, place: &Arc<Place>) {
        self.place = Arc::clone(place);
    }

    fn failed(&self, error: &adbc_core::error::Error) -> Failure {
        Failure::of(error, self.dialect, &self.place)
    }

    /// Begins to read the rows of a result. A connection that was lost while it was idle is replaced:
    /// nothing has been done on it since.
    fn start(
        &mut self,
        sql: &str,
        batch_rows: Option<usize>,
    ) -> Result<(ManagedStatement, Reader), Failure> {
        let may_be_lost = std::mem::take(&mut self.is_rested);
        match self.start_once(sql, batch_rows) {
            Err(failure) if may_be_lost && failure.reason == Reason::Unreachable => {
                let database = self.database.clone();
                let inner = database.new_connection().map_err(|error| self.failed(&error))?;
                let place = Arc::clone(&self.place);
                let is_broken = self.is_broken;
                *self = Self::new(inner, database, self.dialect, place).set_up()?;
                self.is_broken = is_broken;
                self.start_once(sql, batch_rows)
            }
            started => started,
        }
    }

    fn start_once(
        &mut self,
        sql: &str,
        batch_rows: Option<usize>,
    ) -> Result<(ManagedStatement, Reader), Failure> {
        let started = self.inner.new_statement().and_then(|mut statement| {
            statement.set_sql_query(sql)?;
            if let (Some(option), Some(rows)) = (self.dialect.batch_rows(), batch_rows) {
                let rows = OptionValue::String(rows.max(1).to_string());
                statement.set_option(OptionStatement::Other(option.to_owned()), rows)?;
            }
            let reader = statement.execute()?;
            Ok((statement, reader))
        });
        started.map_err(|error| self.failed(&error))
    }

    /// Does something that has no rows to show.
    pub(crate) fn run(&mut self, sql: &str) -> Result<(), Failure> {
        self.query(sql).map(drop)
    }

    /// All rows of a small result.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Answer, Failure> {
        let (_statement, reader) = self.start(sql, None)?;
        let batches: Result<Vec<RecordBatch>, _> = reader.collect();
        let batches = batches.map_err(|error| self.arrow(&error))?;
        Ok(Answer { batches })
    }

    /// The rows of a result, of which there are so many.
    pub(crate) fn stream(
        &mut self,
        sql: &str,
        rows: usize,
    ) -> Result<(ManagedStatement, Reader), Failure> {
        self.start(sql, Some(rows))
    }

    /// Adds rows to a temporary table.
    pub(crate) fn ingest(&mut self, table: &str, rows: Reader) -> Result<(), Failure> {
        let temporary = (OptionStatement::Temporary, true.into());
        self.ingest_to(table, &[temporary], |statement| statement.bind_stream(rows))
    }

    /// Adds rows to a table of ours.
    pub(crate) fn ingest_in_place(
        &mut self,
        table: &str,
        rows: RecordBatch,
    ) -> Result<(), Failure> {
        self.ingest_to(table, &[], |statement| statement.bind(rows))
    }

    fn ingest_to(
        &mut self,
        table: &str,
        options: &[(OptionStatement, OptionValue)],
        bind: impl FnOnce(&mut ManagedStatement) -> adbc_core::error::Result<()>,
    ) -> Result<(), Failure> {
        let done = self.inner.new_statement().and_then(|mut statement| {
            statement.set_option(OptionStatement::TargetTable, table.into())?;
            statement.set_option(OptionStatement::IngestMode, IngestMode::Append.into())?;
            for (option, value) in options {
                statement.set_option(option.clone(), value.clone())?;
            }
            bind(&mut statement)?;
            statement.execute_update()
        });
        done.map(drop).map_err(|error| self.failed(&error))
    }

    /// Does something in one transaction: all of it, or nothing.
    pub(crate) fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        self.in_transaction_by(self.dialect.begin(), work)
    }

    /// The same in a transaction that begins as told.
    pub(crate) fn in_transaction_by<T>(
        &mut self,
        begin: &str,
        work: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let was_broken = self.is_broken;
        self.run(begin)?;
        // Should the work panic, nobody gets the connection with half of it.
        self.is_broken = true;
        let done = work(self).and_then(|done| {
            self.run("COMMIT")?;
            Ok(done)
        });
        // A connection that was lost has nothing to take back.
        let is_ended = done.is_ok() || self.run("ROLLBACK").is_ok();
        self.is_broken = was_broken || !is_ended;
        done
    }

    /// A failure while rows were read.
    pub(crate) fn arrow(&self, error: &arrow::error::ArrowError) -> Failure {
        let told = adbc_core::error::Error::with_message_and_status(
            error.to_string(),
            adbc_core::error::Status::Unknown,
        );
        self.failed(&told)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("place", &self.place).finish_non_exhaustive()
    }
}

/// The rows of a small result.
#[derive(Debug)]
pub(crate) struct Answer {
    batches: Vec<RecordBatch>,
}

impl Answer {
    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// A column of numbers.
    pub(crate) fn numbers(&self, column: usize) -> Result<Vec<Option<i64>>, Failure> {
        let mut values = Vec::new();
        for batch in &self.batches {
            let numbers = converted(batch, column, &DataType::Int64)?;
            values.extend(numbers.as_primitive::<Int64Type>().iter());
        }
        Ok(values)
    }

    /// A column of texts.
    pub(crate) fn texts(&self, column: usize) -> Result<Vec<Option<String>>, Failure> {
        let mut values = Vec::new();
        for batch in &self.batches {
            let texts = converted(batch, column, &DataType::Utf8)?;
            values.extend(texts.as_string::<i32>().iter().map(|it| it.map(str::to_owned)));
        }
        Ok(values)
    }

    /// A boolean in the first row.
    pub(crate) fn flag(&self, column: usize) -> Result<Option<bool>, Failure> {
        let Some(batch) = self.batches.iter().find(|it| it.num_rows() > 0) else { return Ok(None) };
        let flags = converted(batch, column, &DataType::Boolean)?;
        Ok(flags.as_boolean().iter().next().flatten())
    }

    /// The text in the first row.
    pub(crate) fn text(&self) -> Result<Option<String>, Failure> {
        Ok(self.texts(0)?.into_iter().next().flatten())
    }

    /// The number in the first row.
    pub(crate) fn number(&self) -> Result<Option<i64>, Failure> {
        Ok(self.numbers(0)?.into_iter().next().flatten())
    }
}

fn converted(batch: &RecordBatch, column: usize, to: &DataType) -> Result<Arc<dyn Array>, Failure> {
    let odd = || Failure::new(Reason::Other, "the catalog of the store has unexpected columns");
    let column = batch.columns().get(column).ok_or_else(odd)?;
    cast(column, to).map_err(|_| odd())
}
