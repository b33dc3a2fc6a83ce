//! Tables that are no store's: read as they are, and changed in one transaction.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, AsArray as _, BinaryBuilder, RecordBatch, RecordBatchOptions, StringBuilder,
    },
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
};
use async_trait::async_trait;
use metalith_store::{
    Digest, Keeping, OpenChange, Outbox, PlainTables, Prepared, Put, RowProblem, Rows, StoreError,
    adapt_array,
};

use crate::{
    catalog, columns,
    connection::Connection,
    dialect::{Plain, PlainForm, Relation},
    failure::{Failure, Reason, Stop},
    feature_table::{self, OF_METAXY},
    pool::{Access, Lease, Pool, blocking},
    quote, stage,
    values::{CHUNK, POSITION, Packing},
};

/// How many rows a batch has, where a driver is told.
const BATCH_ROWS: usize = 1 << 13;
/// How often a change is tried anew because the database saw a conflict with another.
const ATTEMPTS: usize = 5;

/// The plain tables of a database.
#[derive(Debug)]
pub(crate) struct SqlTables {
    pool: Arc<Pool>,
}

impl SqlTables {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self { pool }
    }
}

/// A column of a plain table.
#[derive(Clone, Debug)]
struct Column {
    name: String,
    plain: Plain,
    /// Whether a text that is put there stays what it is.
    keeps_text: bool,
}

impl Column {
    /// What is asked for.
    fn expression(&self) -> String {
        let name = quote::name(&self.name);
        let value = match self.plain.form {
            PlainForm::AsIs => return name,
            PlainForm::Text => format!("CAST({name} AS TEXT)"),
            PlainForm::Marked => {
                // So many digits tell each float from every other, and so few hide none of a
                // decimal that somebody stored as a number.
                let real = match self.plain.of {
                    DataType::Float64 => format!("printf('%!.17g', {name})"),
                    _ => format!("CAST({name} AS TEXT)"),
                };
                format!(
                    "CASE typeof({name}) WHEN 'null' THEN 'n' WHEN 'blob' THEN 'x' || hex({name}) \
                     WHEN 'real' THEN 'v' || {real} ELSE 'v' || {name} END"
                )
            }
        };
        format!("{value} AS {name}")
    }

    /// The type in which its values are handed out.
    fn handed(&self) -> DataType {
        match (self.plain.form, &self.plain.of) {
            (PlainForm::AsIs, of) | (PlainForm::Marked, of @ DataType::Binary) => of.clone(),
            (PlainForm::Text | PlainForm::Marked, _) => DataType::Utf8,
        }
    }

    fn unpack(&self, values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        let handed = self.handed();
        match self.plain.form {
            PlainForm::Marked => unmarked(&adapt_array(values, &DataType::Utf8)?, &handed)
                .map_err(|problem| ArrowError::CastError(format!("`{}` {problem}", self.name))),
            // A value that has no place there must not come out as NULL.
            PlainForm::AsIs | PlainForm::Text => adapt_array(values, &handed).map_err(|error| {
                ArrowError::CastError(format!(
                    "`{}` has a value that does not fit: {error}",
                    self.name
                ))
            }),
        }
    }
}

/// Values without the letters before them.
fn unmarked(texts: &ArrayRef, of: &DataType) -> Result<ArrayRef, &'static str> {
    let texts = texts.as_string::<i32>();
    let parts = texts.iter().map(|it| it.and_then(|it| it.split_at_checked(1)));
    if *of == DataType::Binary {
        let mut built = BinaryBuilder::new();
        for part in parts {
            match part {
                Some(("x", hex)) => built.append_value(bytes(hex).ok_or("has odd bytes")?),
                Some(("v", text)) => built.append_value(text),
                _ => built.append_null(),
            }
        }
        return Ok(Arc::new(built.finish()));
    }
    let mut built = StringBuilder::new();
    for part in parts {
        match part {
            Some(("x", _)) => return Err("holds bytes, and is not declared so"),
            Some(("v", text)) => built.append_value(text),
            _ => built.append_null(),
        }
    }
    Ok(Arc::new(built.finish()))
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = (0..hex.len()).step_by(2).map(|at| hex.get(at..at + 2));
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

/// The columns of a table; none when it is not there. Those of a store's are refused.
fn columns_of(connection: &mut Connection, relation: &Relation) -> Result<Vec<Column>, Stop> {
    let dialect = connection.dialect();
    let found = connection.query(&dialect.columns_of(relation))?;
    let names: Vec<String> = found.texts(0)?.into_iter().flatten().collect();
    let types = found.texts(1)?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let hidden = [CHUNK, POSITION, OF_METAXY];
    let is_of_store = names.iter().any(|name| hidden.contains(&name.as_str()));
    if is_of_store || catalog::is_of_catalog(&relation.table) {
        return Err(StoreError::Unsupported {
            location: connection.place().shown().to_owned(),
            what: format!("give out `{}` as a plain table: it is a store's", relation.table),
        }
        .into());
    }
    let query = format!("SELECT * FROM {} LIMIT 0", relation.quoted());
    let (_statement, reader) = connection.stream(&query, 0)?;
    let given = reader.schema();
    let columns = names.into_iter().zip(types).map(|(name, declared)| {
        let of = given.field_with_name(&name).map_or(&DataType::Null, |it| it.data_type());
        let declared = declared.unwrap_or_default().to_lowercase();
        let plain = dialect.plain(&declared, of);
        Column { name, plain, keeps_text: dialect.keeps_text(&declared) }
    });
    Ok(columns.collect())
}

/// What columns are said to be.
fn schema_of(columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|it| Field::new(&it.name, it.plain.of.clone(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// What columns are handed out as.
fn handed_schema(columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|it| Field::new(&it.name, it.handed(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn select(columns: &[Column], relation: &Relation) -> String {
    let expressions: Vec<String> = columns.iter().map(Column::expression).collect();
    let expressions =
        if expressions.is_empty() { "1 AS one".to_owned() } else { expressions.join(", ") };
    format!("SELECT {expressions} FROM {}", relation.quoted())
}

/// Hands the rows of a query to somebody, until nobody wants any more.
fn hand_out(
    connection: &mut Connection,
    (query, columns): (&str, &[Column]),
    mut take: impl FnMut(RecordBatch) -> Result<bool, Stop>,
) -> Result<(), Stop> {
    let schema = handed_schema(columns);
    let (_statement, reader) = connection.stream(query, BATCH_ROWS)?;
    for batch in reader {
        let batch = batch.map_err(|error| connection.arrow(&error))?;
        let values = columns.iter().zip(batch.columns());
        let values = values.map(|(column, values)| column.unpack(values));
        let values = values.collect::<Result<Vec<_>, _>>().map_err(|it| Failure::odd(&it))?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), values, &options);
        if !take(batch.map_err(|it| Failure::odd(&it))?)? {
            break;
        }
    }
    Ok(())
}

/// Rows of a table that are on their way out.
struct Reading {
    pool: Arc<Pool>,
    relation: Relation,
    columns: Vec<Column>,
}

impl Reading {
    fn run(self, outbox: &Outbox) -> Result<(), StoreError> {
        let mut lease = self.pool.connect()?;
        let connection = lease.get();
        let order = connection.dialect().plain_order();
        // A view has nothing to order its rows by.
        let trial = format!("SELECT {order} FROM {} LIMIT 0", self.relation.quoted());
        let mut query = select(&self.columns, &self.relation);
        if connection.run(&trial).is_ok() {
            query = format!("{query} ORDER BY {order}");
        }
        let handed = hand_out(connection, (&query, &self.columns), |batch| {
            Ok(batch.num_rows() == 0 || outbox.blocking_send(Ok(batch)).is_ok())
        });
        handed.map_err(|stop| stop.when("read", self.pool.place()))
    }
}

#[async_trait]
impl PlainTables for SqlTables {
    fn location(&self) -> String {
        self.pool.place().shown().to_owned()
    }

    fn identity(&self, table: &str) -> String {
        let Relation { schema, table } = Relation::new(table);
        let file = self.pool.file().map(|it| it.display().to_string());
        let database = self.pool.place().of_database();
        let place = file.unwrap_or_else(|| database.shown().to_owned());
        let own = self.pool.place().options().get("schema").cloned();
        let schema = schema.or(own).unwrap_or_else(|| self.pool.dialect().own_schema().to_owned());
        match self.pool.dialect().folds_case() {
            true => format!("{place}#{}.{}", schema.to_lowercase(), table.to_lowercase()),
            false => format!("{place}#{schema}.{table}"),
        }
    }

    async fn names(&self) -> Result<Vec<String>, StoreError> {
        if self.pool.is_missing() {
            return Ok(Vec::new());
        }
        self.pool.settle(Access::Read).await?;
        let found = self.pool.with("list", |_, connection| {
            let found = connection.query(connection.dialect().tables())?.texts(0)?;
            Ok(found.into_iter().flatten().filter(|it| !catalog::is_of_catalog(it)).collect())
        });
        found.await
    }

    async fn columns(&self, table: &str) -> Result<Option<SchemaRef>, StoreError> {
        if self.pool.is_missing() {
            return Ok(None);
        }
        self.pool.settle(Access::Read).await?;
        let relation = Relation::new(table);
        let found = self.pool.with("read", move |_, connection| columns_of(connection, &relation));
        let found = found.await?;
        Ok((!found.is_empty()).then(|| schema_of(&found)))
    }

    async fn read(&self, table: &str, columns: &[String]) -> Result<Rows, StoreError> {
        let relation = Relation::new(table);
        let looked = relation.clone();
        self.pool.settle(Access::Read).await?;
        let all = self.pool.with("read", move |_, connection| columns_of(connection, &looked));
        let all = all.await?;
        let wanted = columns.iter().map(|name| {
            let found = all.iter().find(|it| it.name == *name).cloned();
            found.ok_or_else(|| StoreError::PlainRows {
                table: table.to_owned(),
                problem: RowProblem::MissingColumn {
                    column: name.clone(),
                    present: all.iter().map(|it| it.name.clone()).collect(),
                },
            })
        });
        let columns = wanted.collect::<Result<Vec<Column>, StoreError>>()?;
        let schema = handed_schema(&columns);
        let reading = Reading { pool: Arc::clone(&self.pool), relation, columns };
        Ok(Rows::made_ahead(schema, move |outbox| reading.run(outbox)))
    }

    fn require_storable(&self, table: &str, columns: &SchemaRef) -> Result<(), StoreError> {
        let dialect = self.pool.dialect();
        let refuse = |problem| StoreError::PlainRows { table: table.to_owned(), problem };
        let stored = columns::stored_schema(columns).map_err(refuse)?;
        Packing::plain(dialect, &stored).map_err(refuse)?;
        let relation = Relation::new(table);
        if catalog::is_of_catalog(&relation.table) {
            return Err(StoreError::Unsupported {
                location: self.location(),
                what: format!("have a table `{table}`: it is what a store keeps about itself"),
            });
        }
        feature_table::check_names(dialect, self.pool.place(), &relation.table, &stored)
    }

    async fn prepare(&self, puts: Vec<Put>) -> Result<Prepared, StoreError> {
        self.pool.make_folder()?;
        self.pool.settle(Access::Write).await?;
        let (mut lease, mut changes) = (None, Vec::new());
        for (place, put) in puts.into_iter().enumerate() {
            let refuse = |problem| StoreError::PlainRows { table: put.table.clone(), problem };
            let columns = columns::stored_schema(&put.rows.schema()).map_err(refuse)?;
            let packing = Packing::plain(self.pool.dialect(), &columns).map_err(refuse)?;
            let declared = packing.declared();
            let stage = format!("metalith_stage_{place}");
            let filled =
                stage::fill((&self.pool, lease.take()), &stage, packing, put.rows, refuse).await?;
            lease = Some(filled.lease);
            let (keeping, before, content) = (put.keeping, put.before, put.content);
            let relation = Relation::new(&put.table);
            let given = put.table;
            changes.push(Change {
                given,
                relation,
                columns,
                declared,
                stage,
                keeping,
                before,
                content,
            });
        }
        let pool = Arc::clone(&self.pool);
        blocking(move || {
            let mut lease = match lease {
                Some(lease) => lease,
                None => pool.connect()?,
            };
            // Until it is committed, it is nobody else's.
            lease.discard();
            let begun = begin(lease.get(), &changes);
            Ok(match begun.map_err(|stop| stop.when("write", pool.place()))? {
                Some(changed) => Prepared::Changed(changed),
                None => {
                    let stages = changes.into_iter().map(|it| it.stage).collect();
                    Prepared::Ready(Box::new(Open { lease, stages }))
                }
            })
        })
        .await
    }
}

/// Rows in a temporary table, and what is to be done with them.
struct Change {
    /// The table, as it was named.
    given: String,
    relation: Relation,
    columns: SchemaRef,
    declared: String,
    stage: String,
    keeping: Keeping,
    before: Option<SchemaRef>,
    content: Option<Digest>,
}

/// Begins a transaction and makes all changes in it; names a table that somebody else changed.
/// Whatever goes wrong, the connection is not used again, and nothing has happened.
fn begin(connection: &mut Connection, changes: &[Change]) -> Result<Option<String>, Stop> {
    for attempt in 1.. {
        connection.run(connection.dialect().begin())?;
        match changes.iter().find_map(|it| it.make(connection).transpose()) {
            None => return Ok(None),
            Some(Ok(changed)) => return Ok(Some(changed)),
            Some(Err(Stop::Failed(failure)))
                if failure.reason == Reason::Conflict && attempt < ATTEMPTS =>
            {
                tracing::debug!(attempt, "a change is tried again: {failure}");
                connection.run("ROLLBACK")?;
            }
            Some(Err(stop)) => return Err(stop),
        }
    }
    Ok(None)
}

impl Change {
    /// Makes the change; names the table if somebody else changed it.
    fn make(&self, connection: &mut Connection) -> Result<Option<String>, Stop> {
        let found = columns_of(connection, &self.relation)?;
        let now = (!found.is_empty()).then(|| schema_of(&found));
        let changed = || Ok(Some(self.given.clone()));
        if now != self.before {
            return changed();
        }
        let table = self.relation.quoted();
        if now.is_some() {
            if let Some(lock) = connection.dialect().lock(&self.relation) {
                connection.run(&lock)?;
            }
            if let Some(content) = self.content
                && digest(connection, &found, &self.relation)? != content
            {
                return changed();
            }
        }
        self.require_kept(connection, &found)?;
        match (&now, self.keeping) {
            (Some(_), Keeping::Rows) => {}
            (Some(_), Keeping::Table) => {
                self.require_alone(connection)?;
                connection.run(&format!("DELETE FROM {table}"))?;
            }
            (None, _) => {
                for statement in connection.dialect().prepare(connection.place()) {
                    connection.run(&statement)?;
                }
                self.create(connection)?;
            }
        }
        let names = quote::names(self.columns.fields().iter().map(|it| it.name().as_str()));
        let (of, stage) = (connection.dialect().temporary(), quote::name(&self.stage));
        connection.run(&format!(
            "INSERT INTO {table} ({names}) SELECT {names} FROM {of}.{stage} ORDER BY {}",
            quote::name(POSITION)
        ))?;
        Ok(None)
    }

    /// Refuses a text or a decimal for a column that would make another value of it.
    fn require_kept(&self, connection: &Connection, found: &[Column]) -> Result<(), Stop> {
        let is_text = |of: &DataType| matches!(of, DataType::Utf8 | DataType::Decimal128(..));
        let texts = self.columns.fields().iter().filter(|it| is_text(it.data_type()));
        let mut there = texts.filter_map(|own| found.iter().find(|it| it.name == *own.name()));
        match there.find(|it| !it.keeps_text) {
            None => Ok(()),
            Some(Column { name, .. }) => Err(self.refused(
                connection,
                &format!("keep a text or decimal in column `{name}`, which makes numbers of texts"),
            )),
        }
    }

    /// Refuses to delete rows that others would go with.
    fn require_alone(&self, connection: &mut Connection) -> Result<(), Stop> {
        let Some(query) = connection.dialect().goes_along(&self.relation) else { return Ok(()) };
        match connection.query(&query)?.texts(0)?.into_iter().flatten().next() {
            None => Ok(()),
            Some(other) => {
                Err(self
                    .refused(connection, &format!("replace its rows: those of `{other}` follow")))
            }
        }
    }

    fn refused(&self, connection: &Connection, what: &str) -> Stop {
        let location = connection.place().shown().to_owned();
        StoreError::Unsupported { location, what: format!("in table `{}`, {what}", self.given) }
            .into()
    }

    fn create(&self, connection: &mut Connection) -> Result<(), Failure> {
        connection.run(&format!("CREATE TABLE {} ({})", self.relation.quoted(), self.declared))
    }
}

/// What tells the rows that are there from others.
fn digest(
    connection: &mut Connection,
    columns: &[Column],
    relation: &Relation,
) -> Result<Digest, Stop> {
    let mut digest = Digest::default();
    let query = select(columns, relation);
    hand_out(connection, (&query, columns), |batch| {
        digest.add(&batch).map_err(|it| Failure::odd(&it))?;
        Ok(true)
    })?;
    Ok(digest)
}

/// A transaction that needs nothing but its commit. Its connection ends with it.
#[derive(Debug)]
struct Open {
    lease: Lease,
    stages: Vec<String>,
}

#[async_trait]
impl OpenChange for Open {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { mut lease, stages } = *self;
        blocking(move || {
            let pool = Arc::clone(lease.pool());
            let connection = lease.get();
            connection.run("COMMIT").map_err(|it| it.when("write", pool.place()))?;
            let is_cleared = stages.iter().all(|it| stage::drop_table(connection, it).is_ok());
            connection.is_broken = !is_cleared;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{ArrayRef, UInt64Array},
        datatypes::DataType,
    };

    use super::Column;
    use crate::dialect::{Plain, PlainForm};

    #[test]
    fn a_number_without_a_place_is_no_null() {
        let plain = Plain { of: DataType::Int64, form: PlainForm::AsIs };
        let column = Column { name: "hash".to_owned(), plain, keeps_text: true };
        let unpack = |value| column.unpack(&(Arc::new(UInt64Array::from(vec![value])) as ArrayRef));
        assert_eq!(unpack(7).unwrap().null_count(), 0);
        let error = unpack(u64::MAX).unwrap_err().to_string();
        assert!(error.contains("`hash` has a value that does not fit"), "{error}");
    }
}
