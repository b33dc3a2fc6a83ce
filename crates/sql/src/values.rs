//! Values on their way into a database and out of it: what goes in comes out the same, or is
//! refused before anything is written.

use std::sync::Arc;

use arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray, new_null_array,
    },
    compute::cast,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    json::{ReaderBuilder, WriterBuilder, writer::LineDelimited},
    util::display::array_value_to_string,
};
use metalith_store::{RowProblem, adapt_array, adapt_batch};

use crate::{
    columns::unstorable,
    dialect::{Dialect, Form, Storage},
    quote,
};

/// The hidden column with the place of a row in its chunk.
pub(crate) const POSITION: &str = "metalith_position";
/// The hidden column with the chunk that a row is in.
pub(crate) const CHUNK: &str = "metalith_chunk";

/// How rows with some columns get into a database.
#[derive(Debug)]
pub(crate) struct Packing {
    dialect: &'static dyn Dialect,
    columns: SchemaRef,
    storage: Vec<Storage>,
    packed: SchemaRef,
}

impl Packing {
    /// For rows of these columns, which are such as are stored.
    pub(crate) fn new(
        dialect: &'static dyn Dialect,
        columns: &SchemaRef,
    ) -> Result<Self, RowProblem> {
        Ok(Self::of(dialect, columns, storage(dialect, columns)?))
    }

    /// The same for a plain table, in which values are as others would write them.
    pub(crate) fn plain(
        dialect: &'static dyn Dialect,
        columns: &SchemaRef,
    ) -> Result<Self, RowProblem> {
        let storage = columns.fields().iter().map(|field| {
            let expected = format!("of a type that {} can hold", dialect.title());
            let storage = dialect.plain_storage(field.data_type());
            storage.ok_or_else(|| unstorable(field.name(), &expected, field.data_type()))
        });
        let storage = storage.collect::<Result<_, _>>()?;
        Ok(Self::of(dialect, columns, storage))
    }

    fn of(dialect: &'static dyn Dialect, columns: &SchemaRef, storage: Vec<Storage>) -> Self {
        let named = storage.iter().zip(columns.fields());
        let mut packed: Vec<Field> = named.map(|(it, field)| it.field(field.name())).collect();
        packed.push(Field::new(POSITION, DataType::Int64, true));
        let packed = Arc::new(Schema::new(packed));
        Self { dialect, columns: SchemaRef::clone(columns), storage, packed }
    }

    /// The columns of rows before they are packed.
    pub(crate) fn columns(&self) -> SchemaRef {
        SchemaRef::clone(&self.columns)
    }

    /// Columns with their types, as a table is declared.
    pub(crate) fn declared(&self) -> String {
        let named = self.columns.fields().iter().zip(&self.storage);
        let declared = named.map(|(field, storage)| declaration(field.name(), &storage.sql));
        declared.collect::<Vec<_>>().join(", ")
    }

    /// The columns of packed rows.
    pub(crate) fn packed(&self) -> SchemaRef {
        SchemaRef::clone(&self.packed)
    }

    /// Packs rows that come after `before` others.
    pub(crate) fn pack(
        &self,
        rows: &RecordBatch,
        before: usize,
    ) -> Result<RecordBatch, RowProblem> {
        let rows = adapt_batch(rows, &self.columns).map_err(|error| RowProblem::WrongType {
            column: self
                .columns
                .fields()
                .iter()
                .map(|it| it.name().as_str())
                .collect::<Vec<_>>()
                .join(", "),
            expected: "as the table has them".to_owned(),
            found: error.to_string(),
        })?;
        let mut packed = Vec::with_capacity(self.storage.len() + 1);
        for ((values, field), storage) in
            rows.columns().iter().zip(self.columns.fields()).zip(&self.storage)
        {
            packed.push(self.pack_column(values, field, storage, before)?);
        }
        let end = before + rows.num_rows();
        let places = (before..end).map(|it| i64::try_from(it).unwrap_or(i64::MAX));
        packed.push(Arc::new(Int64Array::from_iter_values(places)));
        RecordBatch::try_new(self.packed(), packed)
            .map_err(|error| unstorable(&error.to_string(), "storable", &DataType::Null))
    }

    fn pack_column(
        &self,
        values: &ArrayRef,
        field: &Field,
        storage: &Storage,
        before: usize,
    ) -> Result<ArrayRef, RowProblem> {
        let refuse = |row: usize| RowProblem::OutOfRange {
            column: field.name().clone(),
            stored: format!("{} of {}", shown_type(storage), self.dialect.title()),
            row: before + row,
            value: array_value_to_string(values, row).unwrap_or_default(),
        };
        if let Some(row) = self.dialect.misfit(values) {
            return Err(refuse(row));
        }
        match &storage.form {
            Form::As(of) => cast(values, of)
                .map_err(|_| unstorable(field.name(), &of.to_string(), values.data_type())),
            Form::Json => {
                let refuse_all =
                    |_| unstorable(field.name(), "writable as JSON", values.data_type());
                let texts = to_json(values).map_err(refuse_all)?;
                let back = from_json(&texts, values.data_type()).map_err(refuse_all)?;
                if &back == values {
                    return Ok(texts);
                }
                let differs = |row: &usize| back.slice(*row, 1) != values.slice(*row, 1);
                match (0..values.len()).find(differs) {
                    Some(row) => Err(refuse(row)),
                    None => Ok(texts),
                }
            }
        }
    }
}

/// A column with its type, as a table is declared.
pub(crate) fn declaration(column: &str, of: &str) -> String {
    format!("{} {of}", quote::name(column)).trim_end().to_owned()
}

fn shown_type(storage: &Storage) -> &str {
    match (&storage.form, storage.sql.as_str()) {
        (Form::Json, _) => "JSON",
        (Form::As(_), "") => "REAL",
        (Form::As(_), sql) => sql,
    }
}

/// How columns are stored; an error names the first that cannot be.
pub(crate) fn storage(dialect: &dyn Dialect, columns: &Schema) -> Result<Vec<Storage>, RowProblem> {
    let of = |field: &Arc<Field>| {
        let expected = format!("of a type that {} can hold", dialect.title());
        let storage = dialect.storage(field.data_type());
        storage.ok_or_else(|| unstorable(field.name(), &expected, field.data_type()))
    };
    columns.fields().iter().map(of).collect()
}

/// Brings a column that a database gave into the type that it was stored as.
pub(crate) fn unpack(
    values: &ArrayRef,
    of: &DataType,
    form: &Form,
) -> Result<ArrayRef, ArrowError> {
    if values.null_count() == values.len() {
        return Ok(new_null_array(of, values.len()));
    }
    match form {
        Form::Json => from_json(&cast(values, &DataType::Utf8)?, of),
        Form::As(_) => match (values.data_type(), of) {
            (DataType::Int64, DataType::Date32) => cast(&cast(values, &DataType::Int32)?, of),
            _ => adapt_array(values, of),
        },
    }
}

/// Values as texts in JSON.
fn to_json(values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    const START: &str = "{\"v\":";
    let schema = Schema::new(vec![Field::new("v", values.data_type().clone(), true)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::clone(values)])?;
    let mut written = Vec::new();
    let mut writer = WriterBuilder::new().build::<_, LineDelimited>(&mut written);
    writer.write(&batch)?;
    writer.finish()?;
    drop(writer);
    let written =
        String::from_utf8(written).map_err(|error| ArrowError::JsonError(error.to_string()))?;
    let texts: StringArray = written
        .lines()
        .map(|line| line.strip_prefix(START).and_then(|rest| rest.strip_suffix('}')))
        .collect();
    if texts.len() != values.len() {
        return Err(ArrowError::JsonError("a row was lost".to_owned()));
    }
    Ok(Arc::new(texts))
}

/// Values that texts in JSON stand for.
fn from_json(texts: &ArrayRef, of: &DataType) -> Result<ArrayRef, ArrowError> {
    let texts = texts.as_string::<i32>();
    let schema = Arc::new(Schema::new(vec![Field::new("v", of.clone(), true)]));
    let mut decoder = ReaderBuilder::new(schema).with_batch_size(texts.len()).build_decoder()?;
    let mut whole = String::new();
    for text in texts {
        match text {
            Some(text) => {
                whole.push_str("{\"v\":");
                whole.push_str(text);
                whole.push_str("}\n");
            }
            None => whole.push_str("{}\n"),
        }
    }
    let mut rest = whole.as_bytes();
    while !rest.is_empty() {
        let read = decoder.decode(rest)?;
        if read == 0 {
            break;
        }
        rest = rest.get(read..).unwrap_or_default();
    }
    match decoder.flush()? {
        Some(batch) if batch.num_rows() == texts.len() => Ok(Arc::clone(batch.column(0))),
        _ => Err(ArrowError::JsonError("a stored text is not one value".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{
            ArrayRef, BinaryArray, Decimal128Array, Float64Array, Int64Array, ListArray,
            StringArray, StructArray, TimestampMicrosecondArray,
        },
        buffer::NullBuffer,
        datatypes::{DataType, Field, Fields, Float64Type, Schema, TimeUnit},
    };

    use super::{Packing, from_json, to_json, unpack};
    use crate::dialect::{DIALECTS, Form};

    /// Every kind of value, nested.
    fn nested() -> ArrayRef {
        let times = vec![Some(1), None, Some(-62_135_596_800_000_000)];
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("big", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)]))),
            ("float", Arc::new(Float64Array::from(vec![Some(-0.0), Some(0.1), Some(f64::MIN)]))),
            ("text", Arc::new(StringArray::from(vec![Some("\0\"'\\"), None, Some("\u{1F600}\n")]))),
            ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\0\xff"), None, Some(b"")]))),
            (
                "money",
                Arc::new(
                    Decimal128Array::from(vec![Some(-15), None, Some(10_i128.pow(37))])
                        .with_precision_and_scale(38, 3)
                        .unwrap(),
                ),
            ),
            ("utc", Arc::new(TimestampMicrosecondArray::from(times.clone()).with_timezone("UTC"))),
            ("local", Arc::new(TimestampMicrosecondArray::from(times))),
        ];
        let fields: Fields = columns
            .iter()
            .map(|(name, values)| Field::new(*name, values.data_type().clone(), true))
            .collect();
        let nulls = NullBuffer::from(vec![true, true, true]);
        let arrays = columns.into_iter().map(|(_, values)| values).collect();
        Arc::new(StructArray::new(fields, arrays, Some(nulls)))
    }

    #[test]
    fn nested_values_come_back_from_json() {
        let values = nested();
        let texts = to_json(&values).unwrap();
        assert_eq!(&from_json(&texts, values.data_type()).unwrap(), &values);
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([
            Some(vec![Some(0.5), None]),
            None,
            Some(vec![]),
        ]));
        let texts = to_json(&lists).unwrap();
        assert_eq!(&from_json(&texts, lists.data_type()).unwrap(), &lists);
    }

    #[test]
    fn what_json_cannot_hold_is_refused_with_its_row() {
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([
            Some(vec![Some(0.5)]),
            Some(vec![Some(f64::NAN)]),
        ]));
        let schema = Arc::new(Schema::new(vec![Field::new("l", lists.data_type().clone(), true)]));
        let rows = arrow::array::RecordBatch::try_new(Arc::clone(&schema), vec![lists]).unwrap();
        for dialect in DIALECTS.into_iter().filter(|it| it.name() != "duckdb") {
            let packing = Packing::new(dialect, &schema).unwrap();
            let problem = packing.pack(&rows, 10).unwrap_err().to_string();
            assert!(problem.contains("`l` is stored as JSON of"), "{problem}");
            assert!(problem.ends_with("which cannot hold [NaN] of row 11"), "{problem}");
        }
    }

    #[test]
    fn a_column_of_nothing_is_of_any_type() {
        let nothing: ArrayRef = Arc::new(Int64Array::from(vec![None, None]));
        let of = DataType::Timestamp(TimeUnit::Microsecond, None);
        let form = Form::As(DataType::Int64);
        assert_eq!(unpack(&nothing, &of, &form).unwrap().data_type(), &of);
    }
}
