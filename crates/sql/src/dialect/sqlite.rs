//! SQLite: a file, one writer at a time, four types of values.

use adbc_core::error::Error;
use arrow::{
    array::{Array as _, ArrayRef, AsArray as _},
    datatypes::{DataType, Float32Type, Float64Type, TimeUnit},
};

use super::{Dialect, DriverFacts, Plain, PlainForm, Relation, Storage, digits, disk};
use crate::{columns, failure::Reason, place::Place, quote};

#[derive(Debug)]
pub(super) struct Sqlite;

impl Dialect for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn title(&self) -> &'static str {
        "SQLite"
    }

    fn is_file(&self) -> bool {
        true
    }

    fn driver(&self) -> DriverFacts {
        DriverFacts {
            name: "sqlite",
            entrypoint: None,
            advice: "install it with `dbc install sqlite`, or `pip install adbc-driver-sqlite` and \
                     name the library in that package with `driver`",
        }
    }

    fn options(&self, place: &Place) -> Vec<(String, String)> {
        let mut options = vec![("uri".to_owned(), place.address().to_owned())];
        options.extend(place.options().iter().map(|(key, value)| (key.clone(), value.clone())));
        options
    }

    /// Readers do not wait for writers, writers wait for each other, and what is deleted is
    /// overwritten.
    fn setup(&self, _place: &Place) -> Vec<String> {
        ["PRAGMA busy_timeout = 60000", "PRAGMA journal_mode = WAL", "PRAGMA secure_delete = ON"]
            .map(str::to_owned)
            .to_vec()
    }

    fn begin(&self) -> &'static str {
        "BEGIN IMMEDIATE"
    }

    fn folds_case(&self) -> bool {
        true
    }

    /// A column of another affinity than TEXT and BLOB makes numbers of texts that look like some.
    fn keeps_text(&self, declared: &str) -> bool {
        let declared = declared.to_ascii_uppercase();
        let has = |part: &str| declared.contains(part);
        let is_text = ["CHAR", "CLOB", "TEXT", "BLOB"].into_iter().any(has);
        !has("INT") && (is_text || declared.is_empty())
    }

    /// Floats are in columns without a type: in one of type REAL, -0.0 would become 0.0.
    fn storage(&self, of: &DataType) -> Option<Storage> {
        Some(match of {
            DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Timestamp(..) => Storage::new("INTEGER", DataType::Int64),
            DataType::Float32 | DataType::Float64 => Storage::new("", DataType::Float64),
            DataType::Utf8 | DataType::Decimal128(..) => Storage::new("TEXT", DataType::Utf8),
            DataType::Binary => Storage::new("BLOB", DataType::Binary),
            DataType::List(_) | DataType::Struct(_) => Storage::json("TEXT"),
            // The names of an object in JSON are texts.
            DataType::Map(entries, _) if columns::pair(entries)?.0 == &DataType::Utf8 => {
                Storage::json("TEXT")
            }
            _ => return None,
        })
    }

    /// NaN becomes NULL.
    fn misfit(&self, values: &ArrayRef) -> Option<usize> {
        match values.data_type() {
            DataType::Float64 => {
                let values = values.as_primitive::<Float64Type>();
                values.iter().position(|it| it.is_some_and(f64::is_nan))
            }
            DataType::Float32 => {
                let values = values.as_primitive::<Float32Type>();
                values.iter().position(|it| it.is_some_and(f32::is_nan))
            }
            _ => None,
        }
    }

    /// Times and dates as texts that SQLite's own functions understand, decimals as text: a number
    /// would lose digits.
    fn plain_storage(&self, of: &DataType) -> Option<Storage> {
        Some(match of {
            DataType::Boolean => Storage::new("BOOLEAN", DataType::Int64),
            DataType::Date32 => Storage::new("DATE", DataType::Utf8),
            DataType::Timestamp(_, None) => Storage::new("TIMESTAMP", DataType::Utf8),
            DataType::Timestamp(_, Some(_)) => Storage::new("TIMESTAMPTZ", DataType::Utf8),
            DataType::Float32 | DataType::Float64 => Storage::new("REAL", DataType::Float64),
            DataType::Decimal128(precision, scale) => {
                Storage::new(format!("DECIMAL TEXT({precision}, {scale})"), DataType::Utf8)
            }
            other => return self.storage(other),
        })
    }

    /// By the rules of affinity, and a few names that people use. Values may be of another type:
    /// whether they are is seen when they are converted.
    fn plain(&self, declared: &str, _given: &DataType) -> Plain {
        let declared = declared.to_ascii_uppercase();
        let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
        let of = if has(&["DECIMAL", "NUMERIC"]) {
            match digits(&declared) {
                Some((precision, scale)) => DataType::Decimal128(precision, scale),
                None => DataType::Utf8,
            }
        } else if has(&["INT"]) {
            DataType::Int64
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            DataType::Utf8
        } else if has(&["BLOB"]) {
            DataType::Binary
        } else if has(&["REAL", "FLOA", "DOUB"]) {
            DataType::Float64
        } else if has(&["BOOL"]) {
            DataType::Boolean
        } else if has(&["TIMESTAMPTZ", "WITH TIME ZONE"]) {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        } else if has(&["TIMESTAMP", "DATETIME"]) {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        } else if has(&["DATE"]) {
            DataType::Date32
        } else {
            DataType::Utf8
        };
        Plain { of, form: PlainForm::Marked }
    }

    fn columns_of(&self, relation: &Relation) -> String {
        let table = quote::text(&relation.table);
        let arguments = match &relation.schema {
            Some(schema) => format!("{table}, {}", quote::text(schema)),
            None => table,
        };
        format!("SELECT name, type FROM pragma_table_info({arguments}) ORDER BY cid")
    }

    fn temporary(&self) -> &'static str {
        "temp"
    }

    fn tables(&self) -> &'static str {
        "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' \
         ESCAPE '\\'"
    }

    fn row_id(&self) -> &'static str {
        "rowid"
    }

    fn index(&self, table: &str, columns: &str) -> Option<String> {
        let index = quote::name(&format!("{table}__metalith"));
        Some(format!("CREATE INDEX {index} ON {} ({columns})", quote::name(table)))
    }

    /// The driver guesses types from the rows of the first batch, so all must be in it.
    fn batch_rows(&self) -> Option<&'static str> {
        Some("adbc.sqlite.query.batch_rows")
    }

    /// By `secure_delete`.
    fn overwrites(&self) -> bool {
        true
    }

    fn sweep(&self, _table: &str) -> Vec<String> {
        vec!["PRAGMA wal_checkpoint(TRUNCATE)".to_owned()]
    }

    fn reason(&self, error: &Error) -> Reason {
        let message = error.message.as_str();
        let has = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
        // Of a constraint only where it is one of the catalog's: what others forbid they forbid again.
        let of_catalog = has(&["UNIQUE constraint failed: "]) && has(&["__metalith_"]);
        if of_catalog
            || has(&["database is locked", "database table is locked", "schema has changed"])
        {
            Reason::Conflict
        } else if has(&["file is not a database"]) {
            Reason::NoDatabase
        } else if has(&["unable to open database file"]) {
            Reason::Denied
        } else {
            disk(message).unwrap_or(Reason::Other)
        }
    }
}
