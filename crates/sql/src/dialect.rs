//! What differs between databases.
//!
//! A new one is a file here and a line in [`DIALECTS`]; the tests go through that table too.

mod duckdb;
mod postgresql;
mod sqlite;

use std::fmt;

use adbc_core::error::Error;
use arrow::{
    array::ArrayRef,
    datatypes::{DataType, Field},
};
use metalith_store::HashAlgorithm;

use crate::{failure::Reason, place::Place, quote};

/// Every database that can hold a store.
pub(crate) const DIALECTS: [&dyn Dialect; 3] =
    [&duckdb::DuckDb, &sqlite::Sqlite, &postgresql::PostgreSql];

/// A kind of database.
pub(crate) trait Dialect: fmt::Debug + Send + Sync + 'static {
    /// Its name in configuration.
    fn name(&self) -> &'static str;

    /// Its name for people.
    fn title(&self) -> &'static str;

    /// Whether a database is a file of this machine.
    fn is_file(&self) -> bool;

    /// The option, and its value, with which several processes may have a file open at once, all
    /// of them to read. `None` where any number may anyway.
    fn reading(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    /// How its ADBC driver is found and got.
    fn driver(&self) -> DriverFacts;

    /// What a driver is told about the place.
    fn options(&self, place: &Place) -> Vec<(String, String)>;

    /// What a new connection is told first.
    fn setup(&self, place: &Place) -> Vec<String>;

    /// What is needed before the first table of a store.
    fn prepare(&self, _place: &Place) -> Vec<String> {
        Vec::new()
    }

    /// Begins a transaction that will write.
    fn begin(&self) -> &'static str {
        "BEGIN"
    }

    /// Whether writers have to wait for each other at one row; else they wait at [`Self::begin`],
    /// or there is one process at a time.
    fn locks_rows(&self) -> bool {
        false
    }

    /// Whether names that differ in case alone are one name.
    fn folds_case(&self) -> bool;

    /// The schema of tables that are named without one.
    fn own_schema(&self) -> &'static str {
        "main"
    }

    /// Whether a column that was declared so keeps a text as it is.
    fn keeps_text(&self, _declared: &str) -> bool {
        true
    }

    /// Asks for tables with rows that go, or lose a value, with rows of this one.
    fn goes_along(&self, _relation: &Relation) -> Option<String> {
        None
    }

    /// How many bytes of a name count.
    fn longest_name(&self) -> Option<usize> {
        None
    }

    /// How values of a type are stored; `None` where they cannot be.
    fn storage(&self, of: &DataType) -> Option<Storage>;

    /// The first value that would not come back as it was.
    fn misfit(&self, _values: &ArrayRef) -> Option<usize> {
        None
    }

    /// An expression for a stored value as a type that has more members. Both types are alike
    /// unless nested values are stored as such.
    fn grown(&self, value: String, _from: &DataType, _to: &DataType) -> String {
        value
    }

    /// How values are stored in a plain table, where others read them.
    fn plain_storage(&self, of: &DataType) -> Option<Storage> {
        self.storage(of)
    }

    /// How a column of a plain table is read: `declared` is what the database calls its type,
    /// `given` what the driver makes of it.
    fn plain(&self, declared: &str, given: &DataType) -> Plain;

    /// A query for the columns of a table or view in their order: `name` and `type`.
    fn columns_of(&self, relation: &Relation) -> String;

    /// What orders the rows of a table as they came, across its parts.
    fn plain_order(&self) -> &'static str {
        self.row_id()
    }

    /// Keeps others from writing to a table until the transaction ends; `None` where there is no
    /// need for that.
    fn lock(&self, _relation: &Relation) -> Option<String> {
        None
    }

    /// Whether the driver puts rows into a table within a transaction of ours, as values of the
    /// table's types. Else they go through a temporary table.
    fn ingests_in_place(&self) -> bool {
        false
    }

    /// The schema of temporary tables.
    fn temporary(&self) -> &'static str;

    /// A query for the names of all tables, in a column `name`.
    fn tables(&self) -> &'static str;

    /// A query that has a row if there is a table of this name.
    fn table_named(&self, table: &str) -> String {
        let (tables, table) = (self.tables(), quote::text(table));
        format!("SELECT name FROM ({tables}) AS found WHERE name = {table}")
    }

    /// A query for the names of the tables that Metaxy wrote, in a column `name`; `None` where it
    /// writes none that could be taken over.
    fn foreign_tables(&self) -> Option<&'static str> {
        None
    }

    /// What tells stored rows apart, and orders them as they came.
    fn row_id(&self) -> &'static str;

    /// Makes an index over two columns of a table; `None` where there is no need for one.
    fn index(&self, _table: &str, _columns: &str) -> Option<String> {
        None
    }

    /// The option of a statement that makes results come in batches of so many rows.
    fn batch_rows(&self) -> Option<&'static str> {
        None
    }

    /// What makes removed rows leave the disk, or their place free for others.
    fn sweep(&self, table: &str) -> Vec<String>;

    /// Whether no byte of removed rows is on the disk after that.
    fn overwrites(&self) -> bool {
        false
    }

    /// Whether idle connections can be lost.
    fn is_remote(&self) -> bool {
        !self.is_file()
    }

    /// What an error of the driver is about.
    fn reason(&self, error: &Error) -> Reason;

    /// How increments are found in the database; `None` where it hashes nothing.
    fn computes(&self) -> Option<&'static dyn Computes> {
        None
    }
}

/// How increments are found in a database.
pub(crate) trait Computes: fmt::Debug + Send + Sync + 'static {
    /// An expression for the hash of a text, as lower hex; `None` for what the database has not.
    fn hash(&self, algorithm: HashAlgorithm, text: &str) -> Option<String>;

    /// An expression for texts one after another; NULL where one of `values`, those of the parts that
    /// may be NULL, is.
    fn joined(&self, parts: &[String], _values: &[String]) -> String {
        parts.join(" || ")
    }

    /// Whether rows that are handed out while they are computed are computed on one core only. They
    /// are put into a temporary table first.
    fn streams_on_one_core(&self) -> bool {
        false
    }

    /// A condition without which texts would not be equal, or ordered, as their bytes are.
    fn compares_bytes(&self) -> &'static str;

    /// Begins a transaction whose statements all see the same.
    fn begin(&self) -> &'static str;

    /// An expression for a text in a struct, be it stored as such or as JSON.
    fn member(&self, of: &str, name: &str) -> String;

    /// A condition for structs with members that are no texts, where they are not stored as such.
    fn odd_members(&self, _of: &str) -> Option<String> {
        None
    }

    /// A query for the columns of a table, `name` and `type`.
    fn column_types(&self, table: &str) -> String;

    /// An expression for what such a query calls a type.
    fn type_name(&self, sql: &str) -> String;
}

/// A table that may be in a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
}

impl Relation {
    /// Reads `table` or `schema.table`.
    pub(crate) fn new(name: &str) -> Self {
        match name.split_once('.') {
            Some((schema, table)) if !schema.is_empty() && !table.is_empty() => {
                Self { schema: Some(schema.to_owned()), table: table.to_owned() }
            }
            _ => Self { schema: None, table: name.to_owned() },
        }
    }

    /// As it stands in a statement.
    pub(crate) fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quote::name(schema), quote::name(&self.table)),
            None => quote::name(&self.table),
        }
    }
}

/// How a column of a plain table is read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plain {
    /// What it is.
    pub(crate) of: DataType,
    /// In which form it is asked for.
    pub(crate) form: PlainForm,
}

/// In which form a column of a plain table is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlainForm {
    /// As it is.
    AsIs,
    /// As text.
    Text,
    /// As text with a letter before it, by which NULL and bytes are told from other values: the
    /// driver takes the type of a column from its first rows.
    Marked,
}

impl Plain {
    fn text() -> Self {
        Self { of: DataType::Utf8, form: PlainForm::Text }
    }
}

/// Precision and scale of a type such as `NUMERIC(10, 2)` that a decimal has room for.
fn digits(declared: &str) -> Option<(u8, i8)> {
    let (_, within) = declared.split_once('(')?;
    let (within, _) = within.split_once(')')?;
    let (precision, scale) = within.split_once(',').unwrap_or((within, "0"));
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    let is_known =
        (1..=38).contains(&precision) && scale >= 0 && i16::from(scale) <= i16::from(precision);
    is_known.then_some((precision, scale))
}

/// How a driver is found and got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DriverFacts {
    /// The name of its manifest.
    pub(crate) name: &'static str,
    /// The function that it begins with, where it is not called as its file suggests.
    pub(crate) entrypoint: Option<&'static [u8]>,
    /// How to get it.
    pub(crate) advice: &'static str,
}

/// How values of a type are stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Storage {
    /// The database's type.
    pub(crate) sql: String,
    /// How they get there.
    pub(crate) form: Form,
}

/// How values get into a database and out of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    /// As values of this type.
    As(DataType),
    /// As text in JSON.
    Json,
}

impl Storage {
    fn new(sql: impl Into<String>, of: DataType) -> Self {
        Self { sql: sql.into(), form: Form::As(of) }
    }

    fn json(sql: &str) -> Self {
        Self { sql: sql.to_owned(), form: Form::Json }
    }

    /// A column of a batch that goes into the database.
    pub(crate) fn field(&self, name: &str) -> Field {
        let of = match &self.form {
            Form::As(of) => of.clone(),
            Form::Json => DataType::Utf8,
        };
        Field::new(name, of, true)
    }
}

/// What any database says about a disk.
fn disk(message: &str) -> Option<Reason> {
    let message = message.to_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if has(&["no space left", "disk is full", "disk full"]) {
        Some(Reason::Full)
    } else if has(&["permission denied", "read-only", "readonly"]) {
        Some(Reason::Denied)
    } else {
        None
    }
}
