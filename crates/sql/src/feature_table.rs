//! The database's table that the rows of a feature are in.
//!
//! It has two hidden columns: the chunk that a row is in, and its place there. Rows without a chunk
//! were put there by others; they are read as a chunk of their own, and get a number with the next
//! commit.

use std::sync::Arc;

use arrow::{
    array::{Int64Array, RecordBatch, RecordBatchIterator},
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
};
use metalith_base::FeatureKey;
use metalith_store::{RowProblem, StoreError};

use crate::{
    catalog, columns,
    connection::Connection,
    dialect::Dialect,
    failure::{Failure, Stop},
    place::Place,
    quote,
    stage::{self, Held, Staged},
    values::{self, CHUNK, POSITION},
};

/// A column that Metaxy gives every table that it writes.
pub(crate) const OF_METAXY: &str = "metaxy_provenance_by_field";

/// The columns that tell the table in which Metaxy records graphs.
const OF_GRAPHS: [&str; 2] = ["metaxy_definition_version", "feature_spec"];
/// What that is called.
const GRAPHS: &str = "metaxy-system/feature_versions";

/// The name of the table of a feature, as Metaxy calls it. Two features may have one name; then the
/// first of them has the table.
pub(crate) fn name(place: &Place, feature: &FeatureKey) -> String {
    place.table(&feature.table_name())
}

/// The same as it stands in a statement.
fn quoted(connection: &Connection, feature: &FeatureKey) -> String {
    quote::name(&name(connection.place(), feature))
}

/// A feature whose table would have a name, if any. What is `-` in the key is not told from `_`.
pub(crate) fn feature(table: &str) -> Option<FeatureKey> {
    FeatureKey::from_parts(table.split("__")).ok()
}

/// Refuses what the database could not tell apart, or has no room for.
pub(crate) fn check(
    dialect: &dyn Dialect,
    place: &Place,
    feature: &FeatureKey,
    columns: &Schema,
) -> Result<(), StoreError> {
    let rows = |problem| StoreError::Rows { feature: feature.clone(), problem };
    let hidden = columns
        .fields()
        .iter()
        .find(|it| [CHUNK, POSITION].iter().any(|hidden| it.name().eq_ignore_ascii_case(hidden)));
    if let Some(hidden) = hidden {
        return Err(rows(RowProblem::ReservedColumn { column: hidden.name().clone() }));
    }
    values::storage(dialect, columns).map_err(rows)?;
    check_names(dialect, place, &name(place, feature), columns)
}

/// Refuses names that the database could not tell apart.
pub(crate) fn check_names(
    dialect: &dyn Dialect,
    place: &Place,
    table: &str,
    columns: &Schema,
) -> Result<(), StoreError> {
    let refuse =
        |what: String| Err(StoreError::Unsupported { location: place.shown().to_owned(), what });
    if let Some(longest) = dialect.longest_name() {
        let names = columns.fields().iter().map(|it| it.name().as_str());
        if let Some(long) = names.chain([table]).find(|it| it.len() > longest) {
            let title = dialect.title();
            return refuse(format!(
                "hold `{long}`: {title} tells names apart by their first {longest} bytes"
            ));
        }
    }
    if dialect.folds_case()
        && let Some((first, second)) = columns::same_but_for_case(columns.fields())
    {
        let title = dialect.title();
        return refuse(format!(
            "hold both `{first}` and `{second}`: to {title} these are one name"
        ));
    }
    Ok(())
}

/// The columns of the table as it is, hidden ones included, or an error that names the first that
/// cannot be read.
pub(crate) fn physical(
    connection: &mut Connection,
    feature: &FeatureKey,
) -> Result<SchemaRef, Stop> {
    let query = format!("SELECT * FROM {} LIMIT 0", quoted(connection, feature));
    let (_statement, reader) = connection.stream(&query, 0)?;
    Ok(reader.schema())
}

/// What is there, of a table that the catalog does not know.
#[derive(Debug)]
pub(crate) enum Unknown {
    /// No table.
    Nothing,
    /// One that Metaxy wrote, with these columns.
    OfMetaxy(SchemaRef),
    /// The table of another feature, whose name is the same.
    OfFeature(FeatureKey),
    /// Somebody else's.
    Other,
}

/// Looks for a table of the name that a feature's would have.
pub(crate) fn unknown(connection: &mut Connection, feature: &FeatureKey) -> Result<Unknown, Stop> {
    let table = name(connection.place(), feature);
    if !catalog::has_table(connection, &table)? {
        return Ok(Unknown::Nothing);
    }
    if catalog::is_there(connection)? {
        let others = catalog::features(connection)?;
        let same =
            |other: &FeatureKey| other != feature && other.table_name() == feature.table_name();
        if let Some(other) = others.into_iter().find(same) {
            return Ok(Unknown::OfFeature(other));
        }
    }
    if catalog::others(connection)?.have(&table) || connection.dialect().foreign_tables().is_none()
    {
        return Ok(Unknown::Other);
    }
    let physical = physical(connection, feature)?;
    let has = |columns: &[&str]| columns.iter().all(|it| physical.field_with_name(it).is_ok());
    let is_metaxys = if feature.as_str() == GRAPHS { has(&OF_GRAPHS) } else { has(&[OF_METAXY]) };
    if !is_metaxys {
        return Ok(Unknown::Other);
    }
    let fields: Vec<_> = physical.fields().iter().filter(|it| !is_hidden(it.name())).collect();
    let columns = Schema::new(fields.into_iter().map(Arc::clone).collect::<Vec<_>>());
    let stored = columns::stored_schema(&columns)
        .map_err(|problem| StoreError::Rows { feature: feature.clone(), problem })?;
    Ok(Unknown::OfMetaxy(stored))
}

pub(crate) fn is_hidden(column: &str) -> bool {
    column == CHUNK || column == POSITION
}

/// Refuses to touch a table that is not a store's, or that of another feature.
pub(crate) fn not_ours(place: &Place, feature: &FeatureKey, of: Option<&FeatureKey>) -> StoreError {
    let of = match of {
        Some(other) => format!("that of `{other}`"),
        None => "not of this store".to_owned(),
    };
    StoreError::Unsupported {
        location: place.shown().to_owned(),
        what: format!(
            "hold `{feature}`: there is a table `{}` already, which is {of}",
            name(place, feature)
        ),
    }
}

/// What is said of a table that somebody dropped although the catalog has it.
pub(crate) fn dropped(place: &Place, feature: &FeatureKey) -> StoreError {
    StoreError::Corrupt {
        feature: feature.clone(),
        location: place.shown().to_owned(),
        detail: format!("somebody else dropped `{}` in the database", name(place, feature)),
    }
}

/// What is said when it is looked for the rows of a feature: that its table is gone, if it is.
pub(crate) fn expect_table(
    connection: &mut Connection,
    feature: &FeatureKey,
    failure: Failure,
) -> Stop {
    let table = name(connection.place(), feature);
    match catalog::has_table(connection, &table) {
        Ok(false) => dropped(connection.place(), feature).into(),
        // A transaction that failed answers nothing more, and a lost connection neither.
        Ok(true) | Err(_) => failure.into(),
    }
}

/// Makes the table.
pub(crate) fn create(
    connection: &mut Connection,
    feature: &FeatureKey,
    columns: &Schema,
) -> Result<(), Stop> {
    let table = name(connection.place(), feature);
    create_called(connection, &quote::name(&table), feature, columns)?;
    index(connection, &table)
}

/// Makes a table for a feature's rows, with the hidden columns; its name is quoted.
fn create_called(
    connection: &mut Connection,
    table: &str,
    feature: &FeatureKey,
    columns: &Schema,
) -> Result<(), Stop> {
    let declared = declared(connection.dialect(), feature, columns)?;
    let hidden = format!("{} BIGINT, {} BIGINT", quote::name(CHUNK), quote::name(POSITION));
    Ok(connection.run(&format!("CREATE TABLE {table} ({declared}, {hidden})"))?)
}

fn index(connection: &mut Connection, table: &str) -> Result<(), Stop> {
    let index = connection.dialect().index(table, &quote::names([CHUNK, POSITION]));
    if let Some(index) = index {
        connection.run(&index)?;
    }
    Ok(())
}

/// Columns with their types, as a table is declared.
pub(crate) fn declared(
    dialect: &dyn Dialect,
    feature: &FeatureKey,
    columns: &Schema,
) -> Result<String, StoreError> {
    let storage = values::storage(dialect, columns)
        .map_err(|problem| StoreError::Rows { feature: feature.clone(), problem })?;
    let named = columns.fields().iter().zip(&storage);
    let declared = named.map(|(field, storage)| values::declaration(field.name(), &storage.sql));
    Ok(declared.collect::<Vec<_>>().join(", "))
}

/// Adds the columns, and the members of columns, that the table does not have.
pub(crate) fn grow(
    connection: &mut Connection,
    feature: &FeatureKey,
    (old, new): (&Schema, &Schema),
) -> Result<(), Stop> {
    let dialect = connection.dialect();
    let is_changed = |field: &str, of: &DataType| {
        let before = old.field_with_name(field).ok().map(|it| it.data_type());
        let sql = |of| dialect.storage(of).map(|it| it.sql);
        before.is_some_and(|before| sql(before) != sql(of))
    };
    if new.fields().iter().any(|it| is_changed(it.name(), it.data_type())) {
        return rebuild(connection, feature, (old, new));
    }
    let table = quoted(connection, feature);
    for field in new.fields().iter().filter(|it| old.field_with_name(it.name()).is_err()) {
        let column = declared(dialect, feature, &Schema::new(vec![field.as_ref().clone()]))?;
        connection.run(&format!("ALTER TABLE {table} ADD COLUMN {column}"))?;
    }
    Ok(())
}

/// Makes the table anew, with the same rows in other columns.
fn rebuild(
    connection: &mut Connection,
    feature: &FeatureKey,
    (old, new): (&Schema, &Schema),
) -> Result<(), Stop> {
    let dialect = connection.dialect();
    let is_known = |name: &str| is_hidden(name) || old.column_with_name(name).is_some();
    if let Some(other) =
        physical(connection, feature)?.fields().iter().find(|it| !is_known(it.name()))
    {
        let what = format!(
            "change the type of a column of `{feature}` while its table has a column that others \
             added, `{}`",
            other.name()
        );
        let location = connection.place().shown().to_owned();
        return Err(StoreError::Unsupported { location, what }.into());
    }
    let own = name(connection.place(), feature);
    // Nobody else sees it before it has the name of the table.
    let next = connection.place().table("__metalith_next");
    let (table, next) = (quote::name(&own), quote::name(&next));
    create_called(connection, &next, feature, new)?;
    let values = new.fields().iter().filter_map(|field| {
        let before = old.field_with_name(field.name()).ok()?;
        let value = quote::name(field.name());
        Some(dialect.grown(value, before.data_type(), field.data_type()))
    });
    let values = values.chain([CHUNK, POSITION].map(quote::name)).collect::<Vec<_>>().join(", ");
    let names = new.fields().iter().map(|it| it.name().as_str());
    let names = names.filter(|it| old.field_with_name(it).is_ok());
    let names = quote::names(names.chain([CHUNK, POSITION]));
    connection.run(&format!(
        "INSERT INTO {next} ({names}) SELECT {values} FROM {table} ORDER BY {}",
        dialect.row_id()
    ))?;
    connection.run(&format!("DROP TABLE {table}"))?;
    connection.run(&format!("ALTER TABLE {next} RENAME TO {table}"))?;
    index(connection, &own)
}

/// How many rows have no chunk. A table without hidden columns has no others.
pub(crate) fn loose_rows(
    connection: &mut Connection,
    feature: &FeatureKey,
    has_hidden: bool,
) -> Result<usize, Failure> {
    let count = connection.query(&count_loose(connection, feature, has_hidden))?.number()?;
    Ok(count.and_then(|it| usize::try_from(it).ok()).unwrap_or_default())
}

/// A query for that number.
pub(crate) fn count_loose(
    connection: &Connection,
    feature: &FeatureKey,
    has_hidden: bool,
) -> String {
    let filter =
        if has_hidden { format!(" WHERE {} IS NULL", quote::name(CHUNK)) } else { String::new() };
    format!("SELECT COUNT(*) AS n FROM {}{filter}", quoted(connection, feature))
}

/// Adds the hidden columns to a table of others.
pub(crate) fn add_hidden(connection: &mut Connection, feature: &FeatureKey) -> Result<(), Stop> {
    let table = name(connection.place(), feature);
    for column in [CHUNK, POSITION] {
        let column = quote::name(column);
        connection
            .run(&format!("ALTER TABLE {} ADD COLUMN {column} BIGINT", quote::name(&table)))?;
    }
    index(connection, &table)
}

/// Makes the rows without a chunk a chunk, in the order in which they came.
pub(crate) fn adopt(
    connection: &mut Connection,
    feature: &FeatureKey,
    chunk: i64,
) -> Result<(), Failure> {
    let (table, row) = (quoted(connection, feature), connection.dialect().row_id());
    let (of, position) = (quote::name(CHUNK), quote::name(POSITION));
    connection.run(&format!(
        "UPDATE {table} SET {of} = {chunk}, {position} = loose.place FROM (SELECT {row} AS its_row, \
         ROW_NUMBER() OVER (ORDER BY {row}) - 1 AS place FROM {table} WHERE {of} IS NULL) AS loose \
         WHERE {table}.{row} = loose.its_row"
    ))
}

/// Takes rows over, as a chunk.
pub(crate) fn take(
    connection: &mut Connection,
    feature: &FeatureKey,
    (rows, of_table): (&Staged, &Schema),
    chunk: i64,
) -> Result<(), Stop> {
    let packed = match &rows.held {
        Held::Table(table) => {
            return Ok(insert(connection, feature, (table, &rows.columns, of_table), chunk)?);
        }
        Held::Memory(packed) => packed,
    };
    let dialect = connection.dialect();
    let sql = |of: &Schema, name: &str| {
        let field = of.field_with_name(name).ok()?;
        dialect.storage(field.data_type()).map(|it| it.sql)
    };
    let is_alike = |name: &String| sql(&rows.columns, name) == sql(of_table, name);
    let table = name(connection.place(), feature);
    if rows.columns.fields().iter().all(|it| is_alike(it.name()))
        && has_types(connection, &table, &rows.columns)?
    {
        let chunk = numbered(packed, chunk).map_err(|error| Failure::odd(&error))?;
        return Ok(connection.ingest_in_place(&table, chunk)?);
    }
    // The database converts them.
    let declared = declared(dialect, feature, &rows.columns)?;
    let (table, position) = ("metalith_stage", quote::name(POSITION));
    connection.run(&format!(
        "CREATE TEMPORARY TABLE {} ({declared}, {position} BIGINT)",
        quote::name(table)
    ))?;
    let packed = RecordBatchIterator::new([Ok(packed.clone())], packed.schema());
    connection.ingest(table, Box::new(packed))?;
    insert(connection, feature, (table, &rows.columns, of_table), chunk)?;
    Ok(stage::drop_table(connection, table)?)
}

/// Whether columns of a table are of the types that they were made with. Somebody may have altered
/// them, and a driver puts values into a table as they are.
fn has_types(connection: &mut Connection, table: &str, columns: &Schema) -> Result<bool, Failure> {
    let dialect = connection.dialect();
    let Some(computes) = dialect.computes() else { return Ok(false) };
    let typed = columns.fields().iter().filter_map(|field| {
        let made = computes.type_name(&dialect.storage(field.data_type())?.sql);
        Some(format!("(found.name = {} AND found.type = {made})", quote::text(field.name())))
    });
    let typed = typed.collect::<Vec<_>>().join(" OR ");
    let found = computes.column_types(table);
    let count =
        connection.query(&format!("SELECT COUNT(*) AS n FROM ({found}) AS found WHERE {typed}"))?;
    let count = count.number()?.and_then(|it| usize::try_from(it).ok());
    Ok(count == Some(columns.fields().len()))
}

/// Packed rows with the number of their chunk.
fn numbered(packed: &RecordBatch, chunk: i64) -> Result<RecordBatch, ArrowError> {
    let mut fields = packed.schema().fields().to_vec();
    fields.push(Arc::new(Field::new(CHUNK, DataType::Int64, true)));
    let mut columns = packed.columns().to_vec();
    columns.push(Arc::new(Int64Array::from_value(chunk, packed.num_rows())));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// Takes rows from a temporary table with some columns to the columns of the feature's table.
fn insert(
    connection: &mut Connection,
    feature: &FeatureKey,
    (from, columns, of_table): (&str, &Schema, &Schema),
    chunk: i64,
) -> Result<(), Failure> {
    let dialect = connection.dialect();
    let values = columns.fields().iter().map(|field| {
        let value = quote::name(field.name());
        match of_table.field_with_name(field.name()) {
            Ok(target) => dialect.grown(value, field.data_type(), target.data_type()),
            Err(_) => value,
        }
    });
    let values = values.chain([chunk.to_string(), quote::name(POSITION)]);
    let values = values.collect::<Vec<_>>().join(", ");
    let names = columns.fields().iter().map(|it| it.name().as_str());
    let names = quote::names(names.chain([CHUNK, POSITION]));
    let (table, from) = (quoted(connection, feature), quote::name(from));
    let position = quote::name(POSITION);
    connection.run(&format!(
        "INSERT INTO {table} ({names}) SELECT {values} FROM {}.{from} ORDER BY {position}",
        dialect.temporary()
    ))
}

/// Removes the rows of chunks.
pub(crate) fn delete(
    connection: &mut Connection,
    feature: &FeatureKey,
    chunks: &[i64],
) -> Result<(), Failure> {
    let (table, of) = (quoted(connection, feature), quote::name(CHUNK));
    let chunks = quote::numbers(chunks);
    connection.run(&format!("DELETE FROM {table} WHERE {of} IN ({chunks})"))
}

/// Removes the table, if nobody else has.
pub(crate) fn drop(connection: &mut Connection, feature: &FeatureKey) -> Result<(), Failure> {
    connection.run(&format!("DROP TABLE IF EXISTS {}", quoted(connection, feature)))
}
