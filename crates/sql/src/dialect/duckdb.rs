//! DuckDB: a file, for one process that writes or any number that read, all of Arrow's usual
//! types.

use adbc_core::error::Error;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use metalith_store::HashAlgorithm;

use super::{Computes, Dialect, DriverFacts, Plain, PlainForm, Relation, Storage, disk};
use crate::{columns, failure::Reason, place::Place, quote};

#[derive(Debug)]
pub(super) struct DuckDb;

impl Dialect for DuckDb {
    fn name(&self) -> &'static str {
        "duckdb"
    }

    fn title(&self) -> &'static str {
        "DuckDB"
    }

    fn is_file(&self) -> bool {
        true
    }

    fn reading(&self) -> Option<(&'static str, &'static str)> {
        Some(("access_mode", "READ_ONLY"))
    }

    fn driver(&self) -> DriverFacts {
        DriverFacts {
            name: "duckdb",
            entrypoint: Some(b"duckdb_adbc_init"),
            advice: "install it with `dbc install duckdb`, or download libduckdb from duckdb.org \
                     and name the file with `driver`",
        }
    }

    fn options(&self, place: &Place) -> Vec<(String, String)> {
        let mut options = vec![("path".to_owned(), place.address().to_owned())];
        options.extend(place.options().iter().map(|(key, value)| (key.clone(), value.clone())));
        options
    }

    fn setup(&self, _place: &Place) -> Vec<String> {
        vec!["SET TimeZone = 'UTC'".to_owned()]
    }

    fn folds_case(&self) -> bool {
        true
    }

    fn storage(&self, of: &DataType) -> Option<Storage> {
        Some(Storage::new(sql_type(of)?, of.clone()))
    }

    /// Members are added with a new value: when DuckDB 1.5 finds in its write-ahead log that a
    /// member was added to a column, it does not open the database again.
    fn grown(&self, value: String, from: &DataType, to: &DataType) -> String {
        let (DataType::Struct(old), DataType::Struct(new)) = (from, to) else { return value };
        if from == to {
            return value;
        }
        let members = new.iter().map(|member| {
            let name = quote::name(member.name());
            let stored = match old.find(member.name()) {
                Some((_, field)) => {
                    let part = format!("({value}).{name}");
                    self.grown(part, field.data_type(), member.data_type())
                }
                None => {
                    let of = sql_type(member.data_type()).unwrap_or_default();
                    format!("CAST(NULL AS {of})")
                }
            };
            format!("{name} := {stored}")
        });
        let members = members.collect::<Vec<_>>().join(", ");
        format!("CASE WHEN {value} IS NULL THEN NULL ELSE struct_pack({members}) END")
    }

    fn plain(&self, _declared: &str, given: &DataType) -> Plain {
        match columns::stored_schema(&Schema::new(vec![Field::new("it", given.clone(), true)])) {
            Ok(stored) => Plain { of: stored.field(0).data_type().clone(), form: PlainForm::AsIs },
            Err(_) => Plain::text(),
        }
    }

    fn columns_of(&self, relation: &Relation) -> String {
        let schema = relation.schema.as_deref();
        let schema = schema.map_or_else(|| "current_schema()".to_owned(), quote::text);
        format!(
            "SELECT column_name AS name, data_type AS type FROM duckdb_columns() \
             WHERE database_name = current_database() AND lower(schema_name) = lower({schema}) \
             AND lower(table_name) = lower({}) ORDER BY column_index",
            quote::text(&relation.table)
        )
    }

    fn temporary(&self) -> &'static str {
        "temp"
    }

    fn tables(&self) -> &'static str {
        "SELECT table_name AS name FROM duckdb_tables() WHERE NOT temporary \
         AND database_name = current_database() AND schema_name = current_schema()"
    }

    fn foreign_tables(&self) -> Option<&'static str> {
        Some(
            "SELECT c.table_name AS name FROM duckdb_columns() c JOIN duckdb_tables() t \
             ON c.table_oid = t.table_oid AND c.database_oid = t.database_oid \
             WHERE c.column_name = 'metaxy_provenance_by_field' AND NOT t.temporary \
             AND c.database_name = current_database() AND c.schema_name = current_schema()",
        )
    }

    fn row_id(&self) -> &'static str {
        "rowid"
    }

    fn sweep(&self, _table: &str) -> Vec<String> {
        vec!["CHECKPOINT".to_owned()]
    }

    fn reason(&self, error: &Error) -> Reason {
        let message = error.message.as_str();
        let has = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
        if has(&["Could not set lock on file"]) {
            Reason::InUse
        } else if has(&[
            "Transaction conflict",
            "TransactionContext Error: Conflict",
            "Conflict on",
        ]) {
            Reason::Conflict
        } else if has(&["not a valid DuckDB database file"]) {
            Reason::NoDatabase
        } else {
            disk(message).unwrap_or(Reason::Other)
        }
    }

    fn computes(&self) -> Option<&'static dyn Computes> {
        Some(&Self)
    }
}

/// A transaction sees what was committed when it began. What a setting can change about comparing
/// texts is looked for.
impl Computes for DuckDb {
    fn hash(&self, algorithm: HashAlgorithm, text: &str) -> Option<String> {
        match algorithm {
            HashAlgorithm::Md5 => Some(format!("md5({text})")),
            HashAlgorithm::Sha256 => Some(format!("sha256({text})")),
            HashAlgorithm::XxHash64 | HashAlgorithm::XxHash32 | HashAlgorithm::WyHash => None,
        }
    }

    /// Where there are many, `||` copies the text for each of them; `concat` skips what is NULL.
    fn joined(&self, parts: &[String], values: &[String]) -> String {
        let joined = format!("concat({})", parts.join(", "));
        if values.is_empty() {
            return joined;
        }
        let missing: Vec<String> = values.iter().map(|it| format!("{it} IS NULL")).collect();
        format!("CASE WHEN {} THEN NULL ELSE {joined} END", missing.join(" OR "))
    }

    fn streams_on_one_core(&self) -> bool {
        true
    }

    fn compares_bytes(&self) -> &'static str {
        "lower(current_setting('default_collation')) IN ('', 'binary', 'c', 'posix')"
    }

    fn begin(&self) -> &'static str {
        "BEGIN"
    }

    fn member(&self, of: &str, name: &str) -> String {
        format!("({of}).{}", quote::name(name))
    }

    fn column_types(&self, table: &str) -> String {
        format!(
            "SELECT column_name AS name, data_type AS type FROM duckdb_columns() \
             WHERE database_name = current_database() AND schema_name = current_schema() \
             AND table_name = {}",
            quote::text(table)
        )
    }

    fn type_name(&self, sql: &str) -> String {
        format!("typeof(CAST(NULL AS {sql}))")
    }
}

fn sql_type(of: &DataType) -> Option<String> {
    Some(match of {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INTEGER".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::Float32 => "FLOAT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Utf8 => "VARCHAR".to_owned(),
        DataType::Binary => "BLOB".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "TIMESTAMPTZ".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "TIMESTAMP".to_owned(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        DataType::List(item) => format!("{}[]", sql_type(item.data_type())?),
        DataType::Struct(members) => {
            let members = members.iter().map(|it| {
                Some(format!("{} {}", quote::name(it.name()), sql_type(it.data_type())?))
            });
            format!("STRUCT({})", members.collect::<Option<Vec<_>>>()?.join(", "))
        }
        DataType::Map(entries, _) => {
            let (key, value) = columns::pair(entries)?;
            format!("MAP({}, {})", sql_type(key)?, sql_type(value)?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Fields};

    use super::{Dialect as _, DuckDb, sql_type};

    fn of(members: &[(&str, DataType)]) -> DataType {
        let fields = members.iter().map(|(name, of)| Field::new(*name, of.clone(), true));
        DataType::Struct(fields.collect::<Fields>())
    }

    #[test]
    fn members_are_added_by_a_new_value() {
        let old = of(&[("a", DataType::Utf8), ("in", of(&[("x", DataType::Int64)]))]);
        let deeper = of(&[("x", DataType::Int64), ("y", DataType::Utf8)]);
        let new = of(&[("a", DataType::Utf8), ("in", deeper), ("b\"", DataType::Int8)]);
        assert_eq!(
            DuckDb.grown("\"s\"".to_owned(), &old, &new),
            "CASE WHEN \"s\" IS NULL THEN NULL ELSE struct_pack(\"a\" := (\"s\").\"a\", \"in\" := \
             CASE WHEN (\"s\").\"in\" IS NULL THEN NULL ELSE struct_pack(\"x\" := \
             ((\"s\").\"in\").\"x\", \"y\" := CAST(NULL AS VARCHAR)) END, \"b\"\"\" := \
             CAST(NULL AS TINYINT)) END"
        );
        assert_eq!(DuckDb.grown("\"s\"".to_owned(), &old, &old), "\"s\"");
        let sql = sql_type(&new).unwrap();
        assert_eq!(
            sql,
            "STRUCT(\"a\" VARCHAR, \"in\" STRUCT(\"x\" BIGINT, \"y\" VARCHAR), \"b\"\"\" TINYINT)"
        );
    }
}
