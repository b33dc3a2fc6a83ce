//! The working set: rows with what the pipeline knows about each, and the columns they have.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{
        Array as _, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray,
        TimestampMicrosecondArray, UInt64Array,
    },
    compute::{filter, filter_record_batch},
    datatypes::{
        DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit,
    },
    error::ArrowError,
};
use datafusion::{
    common::DFSchema, error::DataFusionError, logical_expr::Expr as PlanExpr,
    physical_expr::PhysicalExpr,
};
use metalith_base::Timestamp;
use metalith_expr::{Column, Schema as ExprSchema, Typed};
use metalith_store::{expression_type, is_lossless, lower_expression, physical_expression};

use crate::{arithmetic::checked, engine::Engine};

/// The id of a row: a UUID v7 as text, for ever the same.
pub const ROW_ID: &str = "_row_id";
/// Whether a row was deleted.
pub const DELETED: &str = "_deleted";
/// When a row was loaded or last changed.
pub const MODIFIED_AT: &str = "_modified_at";
/// The columns that the pipeline keeps about each row, in front of all others.
pub(crate) const METADATA: [&str; 3] = [ROW_ID, DELETED, MODIFIED_AT];

/// Whether a name is reserved, in whatever case.
pub(crate) fn is_reserved(name: &str) -> bool {
    METADATA.iter().any(|it| it.eq_ignore_ascii_case(name))
}

pub(crate) fn metadata_fields() -> [FieldRef; 3] {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    [(ROW_ID, DataType::Utf8), (DELETED, DataType::Boolean), (MODIFIED_AT, time)]
        .map(|(name, data_type)| Arc::new(Field::new(name, data_type, false)))
}

/// The columns of a working set, without those that every row has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    fields: Vec<FieldRef>,
    /// What expressions may put before the name.
    tables: Vec<String>,
}

impl Columns {
    /// The columns of a table.
    pub(crate) fn of_table(table: &str, schema: &Schema) -> Self {
        let fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
        Self { tables: vec![table.to_owned(); fields.len()], fields }
    }

    pub(crate) fn push(&mut self, table: &str, field: Field) {
        self.fields.push(Arc::new(field));
        self.tables.push(table.to_owned());
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The table that the working set began with: what new columns belong to.
    pub(crate) fn table(&self) -> &str {
        self.tables.first().map_or("", String::as_str)
    }

    /// Whether some columns are of a table.
    pub(crate) fn has_table(&self, table: &str) -> bool {
        self.tables.iter().any(|it| it.eq_ignore_ascii_case(table))
    }

    pub(crate) fn field(&self, index: usize) -> &FieldRef {
        &self.fields[index]
    }

    /// Where a column is, by its exact name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|it| it.name() == name)
    }

    /// The column that a text is the name of, with or without its table, in whatever case.
    pub(crate) fn named(&self, text: &str) -> Option<String> {
        let plain = match text.split_once('.') {
            Some((table, rest)) if self.has_table(table) => rest,
            _ => text,
        };
        let mut known = METADATA.into_iter().chain(self.names());
        known.find(|it| it.eq_ignore_ascii_case(plain)).map(str::to_owned)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|it| it.name().as_str())
    }

    /// These columns and those of others, each of the type that has room for both; with the names
    /// of columns for which there is none.
    pub(crate) fn with(&self, others: &Self) -> (Self, Vec<String>) {
        let (mut all, mut torn) = (self.clone(), Vec::new());
        for field in &mut all.fields {
            *field = Arc::new(field.as_ref().clone().with_nullable(true));
        }
        for (field, table) in others.fields.iter().zip(&others.tables) {
            let Some(at) = all.position(field.name()) else {
                all.push(table, field.as_ref().clone().with_nullable(true));
                continue;
            };
            match common_type(all.fields[at].data_type(), field.data_type()) {
                Some(common) => {
                    let field = all.fields[at].as_ref().clone().with_data_type(common);
                    all.fields[at] = Arc::new(field);
                }
                None => torn.push(field.name().clone()),
            }
        }
        (all, torn)
    }

    /// The columns as Arrow describes them.
    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.fields.clone()))
    }

    /// The columns as expressions see them, with those that every row has.
    pub(crate) fn scope(&self) -> ExprSchema {
        let metadata = metadata_fields();
        let metadata =
            metadata.iter().map(|it| Column::new(it.name(), expression_type(it.data_type())));
        let own = self.fields.iter().zip(&self.tables);
        let own =
            own.map(|(it, table)| Column::of(table, it.name(), expression_type(it.data_type())));
        ExprSchema::new(metadata.chain(own).collect::<Vec<_>>())
    }

    /// All fields, in the order of [`scope`](Self::scope).
    fn all(&self) -> Vec<FieldRef> {
        metadata_fields().into_iter().chain(self.fields.iter().cloned()).collect()
    }

    /// The columns for the query engine, in the order of [`scope`](Self::scope).
    pub(crate) fn plan_schema(&self) -> Result<DFSchema, DataFusionError> {
        DFSchema::try_from(Schema::new(self.all()))
    }
}

/// The type that has room for all values of two types.
fn common_type(one: &DataType, other: &DataType) -> Option<DataType> {
    if one == other || is_lossless(other, one) {
        return Some(one.clone());
    }
    if is_lossless(one, other) {
        return Some(other.clone());
    }
    // Digits before the point and after it.
    let digits = |of: &DataType| match of {
        DataType::Decimal128(precision, scale) => {
            Some((i16::from(*precision) - i16::from(*scale), i16::from(*scale)))
        }
        whole if whole.is_integer() => Some((19, 0)),
        _ => None,
    };
    let ((before, after), (others, behind)) = (digits(one)?, digits(other)?);
    let (before, after) = (before.max(others), after.max(behind));
    let precision = u8::try_from(before + after).ok().filter(|it| *it <= DECIMAL128_MAX_PRECISION);
    Some(DataType::Decimal128(precision?, i8::try_from(after).ok()?))
}

/// Some rows of a working set.
#[derive(Clone, Debug)]
pub(crate) struct WorkingRows {
    /// Of which set they are. Groups that take the place of rows begin another; what was deleted
    /// before keeps the columns that it had, and only an output looks at it any more.
    pub(crate) set: usize,
    /// Which row each is: where it came from and the how manieth it was there.
    pub(crate) ids: UInt64Array,
    /// Whether each was deleted.
    pub(crate) deleted: BooleanArray,
    /// The other columns.
    pub(crate) columns: Vec<ArrayRef>,
}

impl WorkingRows {
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// How many rows were not deleted.
    pub(crate) fn active(&self) -> u64 {
        (self.len() - self.deleted.true_count()) as u64
    }

    /// The rows for which a mask holds.
    pub(crate) fn filtered(&self, mask: &BooleanArray) -> Result<Self, ArrowError> {
        if mask.true_count() == self.len() {
            return Ok(self.clone());
        }
        let kept = |array: &dyn arrow::array::Array| filter(array, mask);
        let columns = self.columns.iter().map(|it| kept(it)).collect::<Result<_, _>>()?;
        let deleted = BooleanArray::from(kept(&self.deleted)?.to_data());
        let ids = UInt64Array::from(kept(&self.ids)?.to_data());
        Ok(Self { set: self.set, ids, deleted, columns })
    }

    /// A column in the order of [`Columns::scope`].
    pub(crate) fn column(&self, index: usize, clock: &RowClock) -> ArrayRef {
        match index {
            0 => Arc::new(clock.row_ids(&self.ids)),
            1 => Arc::new(self.deleted.clone()),
            2 => {
                let times =
                    TimestampMicrosecondArray::from_value(clock.now.as_micros(), self.len());
                Arc::new(times.with_timezone("UTC"))
            }
            own => Arc::clone(&self.columns[own - METADATA.len()]),
        }
    }
}

/// How many bits of a row's id count rows; those above say where it came from.
const COUNT_BITS: u32 = 40;
/// How many sources of rows there can be.
pub(crate) const SOURCES_MAX: u64 = 1 << 14;

/// The one time of a run, and what tells its rows from those of others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowClock {
    pub(crate) now: Timestamp,
    /// 20 bits.
    pub(crate) seed: u32,
}

impl RowClock {
    /// Numbers of rows of a source, from a position on.
    pub(crate) fn numbers(source: u64, first: u64, rows: usize) -> UInt64Array {
        let start = (source << COUNT_BITS) + first;
        UInt64Array::from_iter_values(start..start + rows as u64)
    }

    /// The ids of rows as text.
    pub(crate) fn row_ids(&self, numbers: &UInt64Array) -> StringArray {
        let mut buffer = uuid::Uuid::encode_buffer();
        let texts = numbers
            .values()
            .iter()
            .map(|number| self.row_id(*number).hyphenated().encode_lower(&mut buffer).to_owned());
        StringArray::from_iter_values(texts)
    }

    /// A UUID v7: milliseconds, 20 bits of the run, and 54 bits that number the row.
    fn row_id(&self, number: u64) -> uuid::Uuid {
        let millis = u128::try_from(self.now.as_micros().div_euclid(1_000)).unwrap_or(0);
        let seed = u128::from(self.seed & 0xF_FFFF);
        let bits = (millis & 0xFFFF_FFFF_FFFF) << 80
            | 0x7 << 76
            | (seed >> 8) << 64
            | 0b10 << 62
            | (seed & 0xFF) << 54
            | u128::from(number);
        uuid::Uuid::from_u128(bits)
    }
}

/// An expression that is ready to be evaluated over working rows.
#[derive(Clone, Debug)]
pub(crate) struct Evaluator {
    /// The columns it reads, in the order of [`Columns::scope`].
    columns: Vec<usize>,
    schema: SchemaRef,
    expr: Arc<dyn PhysicalExpr>,
}

impl Evaluator {
    pub(crate) fn new(
        engine: &Engine,
        typed: &Typed,
        columns: &Columns,
    ) -> Result<Self, DataFusionError> {
        let schema = columns.plan_schema()?;
        let lowered = checked(lower_expression(typed, &schema, engine.clock.now), &schema)?;
        Self::of_plan(engine, lowered, typed.columns(), columns)
    }

    fn of_plan(
        engine: &Engine,
        lowered: PlanExpr,
        read: BTreeSet<usize>,
        columns: &Columns,
    ) -> Result<Self, DataFusionError> {
        let all = columns.all();
        let fields: Fields = read.iter().map(|index| Arc::clone(&all[*index])).collect();
        // What a row lacks is told by the data; no plan may count on a column having no NULL.
        let fields: Fields =
            fields.iter().map(|it| it.as_ref().clone().with_nullable(true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let plan_schema = DFSchema::try_from(SchemaRef::clone(&schema))?;
        let expr = physical_expression(&engine.session, lowered, &plan_schema)?;
        Ok(Self { columns: read.into_iter().collect(), schema, expr })
    }

    /// Whether it reads a column, by its place in the order of [`Columns::scope`].
    pub(crate) fn reads(&self, column: usize) -> bool {
        self.columns.contains(&column)
    }

    /// The type of its values.
    pub(crate) fn data_type(&self) -> Result<DataType, DataFusionError> {
        self.expr.data_type(&self.schema)
    }

    /// Its value for each row for which `mask` holds, or for each row.
    pub(crate) fn evaluate(
        &self,
        rows: &WorkingRows,
        mask: Option<&BooleanArray>,
        clock: &RowClock,
    ) -> Result<ArrayRef, DataFusionError> {
        let columns: Vec<ArrayRef> =
            self.columns.iter().map(|index| rows.column(*index, clock)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let schema = SchemaRef::clone(&self.schema);
        let mut batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        if let Some(mask) = mask {
            batch = filter_record_batch(&batch, mask)?;
        }
        self.expr.evaluate(&batch)?.into_array(batch.num_rows())
    }
}
