//! Increments that the database itself finds.
//!
//! A question of the store is one statement: current rows of each table, joins, the texts that are
//! hashed, the hashes, the comparison. Only the increment comes out. It is all in one transaction,
//! whose first statements make sure that the answer would be the store's own:
//!
//! - the database hashes a text, with characters of every length, as we do;
//! - the columns that decide are of the types that were recorded, and texts are compared by bytes;
//! - every table has all rows of the state that was opened.
//!
//! Whatever is not known to mean the same is declined, and found by the store.

mod condition;
mod current;
mod statement;

use std::{any::Any, collections::BTreeSet, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray as _, BooleanArray, RecordBatch, RecordBatchOptions},
    compute::{cast, filter_record_batch},
    datatypes::{DataType, Int64Type, SchemaRef},
};
use metalith_base::FeatureKey;
use metalith_store::{Answer, Found, HashSettings, Question, StoreError, Table};

use self::{
    current::Side,
    statement::{DATA_VERSION_BY_FIELD, Writer},
};
use crate::{
    connection::Connection,
    dialect::{Computes, Dialect, Form},
    failure::{Failure, Stop},
    pool::Pool,
    quote,
    table::SqlTable,
    values,
};

/// Why the database is not asked.
#[derive(Debug)]
struct Declined(String);

/// The temporary table of rows that are not handed out while they are computed. Where it is left
/// behind, the transaction is taken back, and it with it.
const GATHERED: &str = "temp.metalith_found";

/// Text whose hash is known. It has characters of one byte to four, and what SQL might misread.
const PROBE: &str = "a|\u{e4}\u{20ac}\u{1f600}'\\n %s $1 \"\u{301}";

/// Finds an increment in the database, or says why not.
pub(crate) async fn resolve(pool: &Arc<Pool>, question: &Question) -> Result<Answer, StoreError> {
    let work = match Work::of(pool, question) {
        Ok(work) => work,
        Err(Declined(because)) => return Ok(Answer::Declined(because)),
    };
    let done = pool.with("resolve", move |_, connection| {
        match connection.in_transaction_by(work.computes.begin(), |connection| work.run(connection))
        {
            // What it does not understand, allow or have room for can still be found by the store. A
            // database that is not there cannot be read either, as the store will say.
            Err(Stop::Failed(failure)) => {
                tracing::warn!("a resolve is computed here: {failure}");
                Ok(Answer::Declined(format!("the database says: {failure}")))
            }
            done => done,
        }
    });
    done.await
}

/// The hash of a text, cut.
fn hash(
    dialect: &dyn Dialect,
    computes: &dyn Computes,
    settings: HashSettings,
    text: &str,
) -> Result<String, Declined> {
    let hash = computes.hash(settings.algorithm, text).ok_or_else(|| {
        Declined(format!("{} does not compute {}", dialect.title(), settings.algorithm))
    })?;
    Ok(match settings.length.get() {
        Some(length) => format!("left({hash}, {length})"),
        None => hash,
    })
}

/// What is to be run.
struct Work {
    computes: &'static dyn Computes,
    /// Tells the hash of a text, and whether texts are compared by their bytes.
    probe: String,
    /// What that hash must be.
    expected: String,
    tables: Vec<TableCheck>,
    increment: String,
    waiting: Option<String>,
    /// The columns of expected rows with their hashes, and of orphaned ones.
    answer: Columns,
    shown: Columns,
}

/// What must hold of a table.
struct TableCheck {
    feature: FeatureKey,
    /// Tells how many rows of the state are there.
    count: String,
    rows: usize,
    /// Tells the types of all columns.
    types: String,
    /// Tells what the types that were recorded are called.
    recorded: String,
    /// The columns that these are of.
    names: Vec<String>,
    /// Tells how many rows have versions that are not read as they are stored.
    odd: Option<String>,
    /// The table, if it has rows that others added. Those of another state look the same.
    loose: Option<SqlTable>,
}

impl Work {
    fn of(pool: &Arc<Pool>, question: &Question) -> Result<Self, Declined> {
        let dialect = pool.dialect();
        let title = dialect.title();
        let computes =
            dialect.computes().ok_or_else(|| Declined(format!("{title} computes no hashes")))?;
        let probe = hash(dialect, computes, question.hash, &quote::text(PROBE))?;
        let probe = format!("SELECT {probe} AS hash, {} AS fine", computes.compares_bytes());
        let failed = |error: StoreError| Declined(error.to_string());
        let tables = question.upstreams.iter().map(|it| &it.rows.table);
        let tables = tables.chain(question.stored.iter().map(|it| &it.rows.table));
        let tables: Vec<SqlTable> = tables
            .map(|it| ours(pool, it))
            .collect::<Option<_>>()
            .ok_or_else(|| Declined("a table is of another store".to_owned()))?;
        let writer = Writer::new(question, (dialect, computes), &tables)?;
        let checks = writer.sides().map(|side| TableCheck::of(dialect, computes, side));
        let checks = checks.collect::<Result<Vec<_>, _>>()?;
        let (increment, waiting) = (writer.increment()?, writer.waiting()?);
        if increment.contains('\0') {
            return Err(Declined("a text has a NUL character".to_owned()));
        }
        let shown = match (&question.stored, tables.last()) {
            (Some(stored), Some(table)) => {
                let columns = table.columns.project(&stored.shown);
                Arc::new(columns.map_err(|error| Declined(error.to_string()))?)
            }
            _ => Arc::new(arrow::datatypes::Schema::empty()),
        };
        Ok(Self {
            computes,
            probe,
            expected: question.hash.of(PROBE).map_err(failed)?,
            tables: checks,
            increment,
            waiting,
            answer: Columns::of(dialect, question.answer_columns())?,
            shown: Columns::of(dialect, shown)?,
        })
    }

    fn run(&self, connection: &mut Connection) -> Result<Answer, Stop> {
        let declined = |because: String| Ok(Answer::Declined(because));
        let probe = connection.query(&self.probe)?;
        if probe.text()?.as_ref() != Some(&self.expected) {
            return declined("the database hashes texts in another way".to_owned());
        }
        if probe.flag(1)? != Some(true) {
            return declined("the database compares texts by other rules".to_owned());
        }
        for table in &self.tables {
            if let Some(because) = table.problem(connection)? {
                return declined(because);
            }
        }
        let mut found = Found {
            new: Vec::new(),
            stale: Vec::new(),
            orphaned: Vec::new(),
            waiting: Vec::new(),
            statements: vec![self.increment.clone()],
        };
        let width = self.answer.forms.len();
        self.read(connection, &self.increment, |batch| {
            let kinds = cast(batch.column(0), &DataType::Int64)?;
            for (kind, rows) in
                [(0, &mut found.new), (1, &mut found.stale), (2, &mut found.orphaned)]
            {
                let of_kind: BooleanArray = kinds
                    .as_primitive::<Int64Type>()
                    .iter()
                    .map(|it| Some(it == Some(kind)))
                    .collect();
                if !of_kind.has_true() {
                    continue;
                }
                let (columns, first) = match kind {
                    2 => (&self.shown, 1 + width),
                    _ => (&self.answer, 1),
                };
                rows.push(columns.unpack(&filter_record_batch(batch, &of_kind)?, first)?);
            }
            Ok(())
        })?;
        if let Some(waiting) = self.waiting.as_ref().filter(|_| !found.orphaned.is_empty()) {
            found.statements.push(waiting.clone());
            self.read(connection, waiting, |batch| {
                found.waiting.push(self.shown.unpack(batch, 0)?);
                Ok(())
            })?;
        }
        Ok(Answer::Found(found))
    }

    fn read(
        &self,
        connection: &mut Connection,
        query: &str,
        mut take: impl FnMut(&RecordBatch) -> Result<(), arrow::error::ArrowError>,
    ) -> Result<(), Failure> {
        let gathered = self.computes.streams_on_one_core();
        if gathered {
            connection.run(&format!("CREATE OR REPLACE TEMPORARY TABLE {GATHERED} AS {query}"))?;
        }
        let query = if gathered { &format!("SELECT * FROM {GATHERED}") } else { query };
        let (statement, reader) = connection.stream(query, 1)?;
        for batch in reader {
            let batch = batch.map_err(|error| connection.arrow(&error))?;
            if batch.num_rows() > 0 {
                take(&batch).map_err(|error| Failure::odd(&error))?;
            }
        }
        drop(statement);
        if gathered { connection.run(&format!("DROP TABLE {GATHERED}")) } else { Ok(()) }
    }
}

/// A table of this very store.
fn ours(pool: &Arc<Pool>, table: &Arc<dyn Table>) -> Option<SqlTable> {
    let table: &dyn Any = table.as_ref();
    let table = table.downcast_ref::<SqlTable>()?;
    table.pool.is_same(pool).then(|| table.clone())
}

impl TableCheck {
    fn of(
        dialect: &dyn Dialect,
        computes: &dyn Computes,
        side: &Side<'_>,
    ) -> Result<Self, Declined> {
        let table = side.table;
        let stored = side.stored(dialect, &BTreeSet::new());
        let (mut names, mut recorded) = (Vec::new(), Vec::new());
        for place in side.deciding() {
            let field = table.columns.field(place);
            let storage = dialect.storage(field.data_type());
            let storage = storage.filter(|it| !it.sql.is_empty()).ok_or_else(|| {
                Declined(format!("`{}` has no type in {}", field.name(), dialect.title()))
            })?;
            names.push(field.name().clone());
            recorded.push(format!("{} AS t{}", computes.type_name(&storage.sql), names.len()));
        }
        let name = table.name();
        let odd = names.iter().find(|it| *it == DATA_VERSION_BY_FIELD);
        let odd = odd
            .and_then(|it| computes.odd_members(&quote::name(it)))
            .map(|such| format!("SELECT COUNT(*) AS n FROM {} WHERE {such}", quote::name(&name)));
        Ok(Self {
            odd,
            loose: (table.loose_and_chunked().0 > 0).then(|| table.clone()),
            feature: table.feature.clone(),
            count: format!("SELECT COUNT(*) AS n FROM ({stored}) AS stored"),
            rows: table.chunks().iter().map(|chunk| chunk.rows).sum(),
            types: computes.column_types(&name),
            recorded: format!("SELECT {}", recorded.join(", ")),
            names,
        })
    }

    /// What is not as it was when the table was opened.
    fn problem(&self, connection: &mut Connection) -> Result<Option<String>, Stop> {
        let found = connection.query(&self.types)?;
        let found: Vec<_> = found.texts(0)?.into_iter().zip(found.texts(1)?).collect();
        let recorded = connection.query(&self.recorded)?;
        for (at, name) in self.names.iter().enumerate() {
            let wanted = recorded.texts(at)?.into_iter().next().flatten();
            let found = found.iter().find(|(known, _)| known.as_ref() == Some(name));
            let found = found.and_then(|(_, of)| of.clone());
            if found.is_none() || found != wanted {
                let found = found.unwrap_or_else(|| "not there".to_owned());
                let (feature, wanted) = (&self.feature, wanted.unwrap_or_default());
                return Ok(Some(format!(
                    "`{name}` of `{feature}` is {found} in the database, and was recorded as {wanted}"
                )));
            }
        }
        let rows = connection.query(&self.count)?.number()?;
        if rows.and_then(|it| usize::try_from(it).ok()) != Some(self.rows) {
            return Ok(Some(format!("rows of `{}` were removed or added meanwhile", self.feature)));
        }
        if let Some(table) = &self.loose
            && !table.is_latest(connection)?
        {
            return Ok(Some(format!("`{}` was written to meanwhile", self.feature)));
        }
        if let Some(odd) = &self.odd
            && connection.query(odd)?.number()? != Some(0)
        {
            return Ok(Some(format!("versions of `{}` are not all texts", self.feature)));
        }
        Ok(None)
    }
}

/// Columns of an answer.
struct Columns {
    schema: SchemaRef,
    forms: Vec<Form>,
}

impl Columns {
    fn of(dialect: &dyn Dialect, schema: SchemaRef) -> Result<Self, Declined> {
        let forms = values::storage(dialect, &schema).map_err(|it| Declined(it.to_string()))?;
        Ok(Self { schema, forms: forms.into_iter().map(|it| it.form).collect() })
    }

    /// The columns of a batch from one on, in the types that they were stored in.
    fn unpack(
        &self,
        batch: &RecordBatch,
        first: usize,
    ) -> Result<RecordBatch, arrow::error::ArrowError> {
        let fields = self.schema.fields().iter().zip(&self.forms);
        let given = batch.columns().get(first..).unwrap_or_default();
        let columns = fields
            .zip(given)
            .map(|((field, form), values)| values::unpack(values, field.data_type(), form));
        let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), columns, &options)
    }
}
