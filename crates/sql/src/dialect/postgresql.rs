//! PostgreSQL: a server.

use adbc_core::error::{Error, Status};
use arrow::{
    array::{ArrayRef, AsArray as _},
    datatypes::{DataType, TimeUnit},
};
use metalith_store::HashAlgorithm;

use super::{Computes, Dialect, DriverFacts, Plain, PlainForm, Relation, Storage, digits, disk};
use crate::{columns, failure::Reason, place::Place, quote};

#[derive(Debug)]
pub(super) struct PostgreSql;

/// The option that names the schema that the tables are in.
const SCHEMA: &str = "schema";

impl Dialect for PostgreSql {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    fn title(&self) -> &'static str {
        "PostgreSQL"
    }

    fn is_file(&self) -> bool {
        false
    }

    fn driver(&self) -> DriverFacts {
        DriverFacts {
            name: "postgresql",
            entrypoint: None,
            advice: "install it with `dbc install postgresql`, or `pip install \
                     adbc-driver-postgresql` and name the library in that package with `driver`",
        }
    }

    fn options(&self, place: &Place) -> Vec<(String, String)> {
        let others = place.options().iter().filter(|(key, _)| key.as_str() != SCHEMA);
        let others = others.filter(|(key, _)| !["username", "password"].contains(&key.as_str()));
        let mut options = vec![("uri".to_owned(), place.with_credentials())];
        options.extend(others.map(|(key, value)| (key.clone(), value.clone())));
        options
    }

    fn setup(&self, place: &Place) -> Vec<String> {
        let settings = [
            "SET standard_conforming_strings = on",
            "SET client_min_messages = warning",
            // Who waits longer is told so: whoever has the lock may have been forgotten.
            "SET lock_timeout = '60s'",
        ];
        let mut setup = settings.map(str::to_owned).to_vec();
        let schema = place.options().get(SCHEMA);
        setup.extend(schema.map(|it| format!("SET search_path TO {}", quote::name(it))));
        setup
    }

    fn prepare(&self, place: &Place) -> Vec<String> {
        let schema = place.options().get(SCHEMA);
        let create = |it: &String| format!("CREATE SCHEMA IF NOT EXISTS {}", quote::name(it));
        schema.map(create).into_iter().collect()
    }

    fn locks_rows(&self) -> bool {
        true
    }

    fn folds_case(&self) -> bool {
        false
    }

    fn own_schema(&self) -> &'static str {
        "public"
    }

    fn goes_along(&self, relation: &Relation) -> Option<String> {
        Some(format!(
            "SELECT conrelid::regclass::text AS name FROM pg_catalog.pg_constraint \
             WHERE contype = 'f' AND confdeltype IN ('c', 'n', 'd') \
             AND confrelid = to_regclass({}) LIMIT 1",
            quote::text(&relation.quoted())
        ))
    }

    fn longest_name(&self) -> Option<usize> {
        Some(63)
    }

    /// JSON that is stored as it was written, unlike JSONB.
    fn storage(&self, of: &DataType) -> Option<Storage> {
        Some(match of {
            DataType::Boolean => Storage::new("BOOLEAN", DataType::Boolean),
            DataType::Int8 | DataType::Int16 => Storage::new("SMALLINT", DataType::Int16),
            DataType::Int32 => Storage::new("INTEGER", DataType::Int32),
            DataType::Int64 => Storage::new("BIGINT", DataType::Int64),
            DataType::Float32 => Storage::new("REAL", DataType::Float32),
            DataType::Float64 => Storage::new("DOUBLE PRECISION", DataType::Float64),
            DataType::Utf8 => Storage::new("TEXT", DataType::Utf8),
            DataType::Binary => Storage::new("BYTEA", DataType::Binary),
            DataType::Date32 => Storage::new("DATE", DataType::Date32),
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
                Storage::new("TIMESTAMPTZ", of.clone())
            }
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                Storage::new("TIMESTAMP", of.clone())
            }
            DataType::Decimal128(precision, scale) => {
                Storage::new(format!("NUMERIC({precision}, {scale})"), of.clone())
            }
            DataType::List(_) | DataType::Struct(_) => Storage::json("JSON"),
            // The names of an object in JSON are texts.
            DataType::Map(entries, _) if columns::pair(entries)?.0 == &DataType::Utf8 => {
                Storage::json("JSON")
            }
            _ => return None,
        })
    }

    /// There is no text with a NUL character.
    fn misfit(&self, values: &ArrayRef) -> Option<usize> {
        let values = values.as_string_opt::<i32>()?;
        values.iter().position(|it| it.is_some_and(|text| text.contains('\0')))
    }

    /// What a driver has no type for comes as text.
    fn plain(&self, declared: &str, given: &DataType) -> Plain {
        let as_is = |of: &DataType| Plain { of: of.clone(), form: PlainForm::AsIs };
        let is_numeric = declared.starts_with("numeric");
        match digits(declared).filter(|_| is_numeric) {
            Some((precision, scale)) => {
                Plain { of: DataType::Decimal128(precision, scale), form: PlainForm::Text }
            }
            None => match given {
                DataType::Boolean
                | DataType::Int16
                | DataType::Int32
                | DataType::Int64
                | DataType::Float32
                | DataType::Float64
                | DataType::Date32
                | DataType::Timestamp(TimeUnit::Microsecond, _) => as_is(given),
                DataType::Binary if declared == "bytea" => as_is(given),
                DataType::Utf8 if declared == "text" || declared.starts_with("character") => {
                    as_is(given)
                }
                _ => Plain::text(),
            },
        }
    }

    fn columns_of(&self, relation: &Relation) -> String {
        format!(
            "SELECT attname::text AS name, pg_catalog.format_type(atttypid, atttypmod) AS type \
             FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass({}) AND attnum > 0 \
             AND NOT attisdropped ORDER BY attnum",
            quote::text(&relation.quoted())
        )
    }

    fn plain_order(&self) -> &'static str {
        "tableoid, ctid"
    }

    fn lock(&self, relation: &Relation) -> Option<String> {
        Some(format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", relation.quoted()))
    }

    fn ingests_in_place(&self) -> bool {
        true
    }

    fn temporary(&self) -> &'static str {
        "pg_temp"
    }

    fn tables(&self) -> &'static str {
        "SELECT tablename::text AS name FROM pg_catalog.pg_tables \
         WHERE schemaname = current_schema()"
    }

    /// The view of all tables takes as long as a dozen other questions.
    fn table_named(&self, table: &str) -> String {
        format!(
            "SELECT relname::text AS name FROM pg_catalog.pg_class WHERE relname = {} \
             AND relkind IN ('r', 'p') AND relnamespace = (SELECT oid FROM \
             pg_catalog.pg_namespace WHERE nspname = current_schema())",
            quote::text(table)
        )
    }

    fn row_id(&self) -> &'static str {
        "ctid"
    }

    fn index(&self, table: &str, columns: &str) -> Option<String> {
        Some(format!("CREATE INDEX ON {} ({columns})", quote::name(table)))
    }

    fn sweep(&self, table: &str) -> Vec<String> {
        vec![format!("VACUUM {}", quote::name(table))]
    }

    fn reason(&self, error: &Error) -> Reason {
        let state: String =
            error.sqlstate.iter().map(|byte| char::from(byte.unsigned_abs())).collect();
        let message = error.message.as_str();
        let has = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
        match state.get(..2) {
            Some("40") => return Reason::Conflict,
            Some("28") => return Reason::Denied,
            Some("08" | "57") => return Reason::Unreachable,
            _ => {}
        }
        if ["23505", "55P03", "42P07", "42710", "42P06"].contains(&state.as_str()) {
            Reason::Conflict
        } else if state == "53100" {
            Reason::Full
        } else if state == "42501" || has(&["authentication failed", "no password supplied"]) {
            Reason::Denied
        } else if has(&["database \"", "role \""]) && has(&["does not exist"]) {
            Reason::NotFound
        } else if has(&[
            "connection to server",
            "server closed the connection",
            "no connection to the server",
            "could not translate host name",
            "SSL connection has been closed",
            "terminating connection",
        ]) || error.status == Status::IO && !has(&["failed to open '"])
        {
            // All but what the driver of SQLite says, which takes the address for a file.
            Reason::Unreachable
        } else {
            disk(message).unwrap_or(Reason::Other)
        }
    }

    fn computes(&self) -> Option<&'static dyn Computes> {
        Some(&Self)
    }
}

/// Texts are hashed in the encoding of the database; if that is another than ours, the first hash
/// that it is asked for shows it.
impl Computes for PostgreSql {
    fn hash(&self, algorithm: HashAlgorithm, text: &str) -> Option<String> {
        match algorithm {
            HashAlgorithm::Md5 => Some(format!("md5({text})")),
            HashAlgorithm::Sha256 => {
                Some(format!("encode(sha256(convert_to({text}, getdatabaseencoding())), 'hex')"))
            }
            HashAlgorithm::XxHash64 | HashAlgorithm::XxHash32 | HashAlgorithm::WyHash => None,
        }
    }

    /// Each text is given a collation that does.
    fn compares_bytes(&self) -> &'static str {
        "TRUE"
    }

    fn begin(&self) -> &'static str {
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    }

    fn member(&self, of: &str, name: &str) -> String {
        format!("({of} ->> {})", quote::text(name))
    }

    fn odd_members(&self, of: &str) -> Option<String> {
        Some(format!(
            "CASE json_typeof({of}::json) WHEN 'object' THEN EXISTS (SELECT 1 FROM \
             json_each({of}::json) AS m WHERE json_typeof(m.value) NOT IN ('string', 'null')) \
             ELSE {of} IS NOT NULL END"
        ))
    }

    fn column_types(&self, table: &str) -> String {
        format!(
            "SELECT attname::text AS name, atttypid::regtype::text AS type \
             FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass({}) AND attnum > 0 \
             AND NOT attisdropped",
            quote::text(&quote::name(table))
        )
    }

    fn type_name(&self, sql: &str) -> String {
        format!("pg_typeof(CAST(NULL AS {sql}))::text")
    }
}
