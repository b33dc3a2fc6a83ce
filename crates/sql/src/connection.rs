//! A connection to a database, and what is done on it. Every call here blocks.

use std::{fmt, sync::Arc};

use adbc_core::{
    Connection as _, Optionable as _, Statement as _,
    options::{IngestMode, OptionStatement, OptionValue},
};
use adbc_driver_manager::{ManagedConnection, ManagedStatement};
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
    dialect: &'static dyn Dialect,
    place: Arc<Place>,
    /// Whether it may be in a state that nobody knows.
    pub(crate) is_broken: bool,
}

impl Connection {
    pub(crate) fn new(
        inner: ManagedConnection,
        dialect: &'static dyn Dialect,
        place: Arc<Place>,
    ) -> Self {
        Self { inner, dialect, place, is_broken: false }
    }

    pub(crate) fn dialect(&self) -> &'static dyn Dialect {
        self.dialect
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    fn failed(&self, error: &adbc_core::error::Error) -> Failure {
        Failure::of(error, self.dialect, &self.place)
    }

    fn statement(&mut self, sql: &str) -> Result<ManagedStatement, Failure> {
        let statement = self.inner.new_statement().and_then(|mut statement| {
            statement.set_sql_query(sql)?;
            Ok(statement)
        });
        statement.map_err(|error| self.failed(&error))
    }

    /// Does something that has no rows to show.
    pub(crate) fn run(&mut self, sql: &str) -> Result<(), Failure> {
        self.query(sql).map(drop)
    }

    /// All rows of a small result.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Answer, Failure> {
        let mut statement = self.statement(sql)?;
        let reader = statement.execute().map_err(|error| self.failed(&error))?;
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
        let mut statement = self.statement(sql)?;
        if let Some(option) = self.dialect.batch_rows() {
            let rows = OptionValue::String(rows.max(1).to_string());
            let option = OptionStatement::Other(option.to_owned());
            statement.set_option(option, rows).map_err(|error| self.failed(&error))?;
        }
        let reader = statement.execute().map_err(|error| self.failed(&error))?;
        Ok((statement, reader))
    }

    /// Adds rows to a temporary table.
    pub(crate) fn ingest(&mut self, table: &str, rows: Reader) -> Result<(), Failure> {
        let done = self.inner.new_statement().and_then(|mut statement| {
            statement.set_option(OptionStatement::TargetTable, table.into())?;
            statement.set_option(OptionStatement::IngestMode, IngestMode::Append.into())?;
            statement.set_option(OptionStatement::Temporary, true.into())?;
            statement.bind_stream(rows)?;
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
