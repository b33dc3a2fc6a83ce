//! How the columns of a table grow, and how rows are brought into the table's form.

use std::sync::Arc;

use datafusion::arrow::{
    array::{
        Array, ArrayRef, ArrowPrimitiveType as _, AsArray as _, RecordBatch, RecordBatchOptions,
        StructArray, new_null_array,
    },
    compute::{CastOptions, cast_with_options},
    datatypes::{
        DataType, Field, FieldRef, Fields, Int64Type, Schema, SchemaRef, TimeUnit, UInt64Type,
    },
    error::ArrowError,
};

use crate::{RowProblem, StoreError};

/// The columns of a table after rows with the columns of `rows` are added.
///
/// New columns come after the old ones and are nullable; new members of structs likewise. A column
/// that exists keeps its type if the type of the rows can be cast to it without loss.
pub fn merge_schemas(table: &Schema, rows: &Schema) -> Result<SchemaRef, RowProblem> {
    let mut fields: Vec<FieldRef> = table.fields().iter().map(Arc::clone).collect();
    for added in rows.fields() {
        match fields.iter_mut().find(|field| field.name() == added.name()) {
            Some(field) => *field = merge_fields(field, added)?,
            None => fields.push(Arc::new(added.as_ref().clone().with_nullable(true))),
        }
    }
    Ok(Arc::new(Schema::new_with_metadata(fields, table.metadata().clone())))
}

fn merge_fields(stored: &FieldRef, added: &FieldRef) -> Result<FieldRef, RowProblem> {
    if stored.data_type() == added.data_type() || is_lossless(added.data_type(), stored.data_type())
    {
        return Ok(Arc::clone(stored));
    }
    if let (DataType::Struct(old), DataType::Struct(new)) = (stored.data_type(), added.data_type())
    {
        let merged = merge_schemas(&Schema::new(old.clone()), &Schema::new(new.clone()))?;
        let merged = DataType::Struct(merged.fields().clone());
        return Ok(Arc::new(stored.as_ref().clone().with_data_type(merged)));
    }
    Err(RowProblem::WrongType {
        column: stored.name().clone(),
        expected: stored.data_type().to_string(),
        found: added.data_type().to_string(),
    })
}

/// Whether every value of `from` is also a value of `to`.
pub fn is_lossless(from: &DataType, to: &DataType) -> bool {
    use DataType::{
        Date32, Date64, Dictionary, Float16, Float32, Float64, Int8, Int16, Int32, Int64,
        LargeUtf8, List, Null, Timestamp, Utf8, Utf8View,
    };
    match (from, to) {
        (Null, _)
        | (Int8, Int16 | Int32 | Int64 | Float32 | Float64)
        | (Int16, Int32 | Int64 | Float32 | Float64)
        | (Int32, Int64 | Float64)
        | (Float16, Float32 | Float64)
        | (Float32, Float64)
        | (LargeUtf8 | Utf8View, Utf8)
        | (Utf8 | Utf8View, LargeUtf8)
        | (Date32, Date64) => true,
        (Timestamp(from, zone), Timestamp(to, other)) => {
            zone.is_some() == other.is_some()
                && (from == to
                    || *from == TimeUnit::Second
                    || *to == TimeUnit::Nanosecond
                    || (*from == TimeUnit::Millisecond && *to == TimeUnit::Microsecond))
        }
        // Of a list that is empty in every row, producers know no type.
        (List(from), List(to)) => {
            from.data_type() == to.data_type() || is_lossless(from.data_type(), to.data_type())
        }
        (Dictionary(_, values), to) => values.as_ref() == to || is_lossless(values, to),
        (from, to) if from.is_unsigned_integer() => {
            stored_type(from) == *to || is_lossless(&stored_type(from), to)
        }
        _ => false,
    }
}

/// The type under which a column is stored: unsigned integers as the next signed type, times in
/// microseconds, text as plain text.
pub fn stored_type(given: &DataType) -> DataType {
    use DataType::{
        Dictionary, Int16, Int32, Int64, LargeUtf8, Struct, Timestamp, UInt8, UInt16, UInt32,
        UInt64, Utf8, Utf8View,
    };
    match given {
        UInt8 => Int16,
        UInt16 => Int32,
        UInt32 | UInt64 => Int64,
        LargeUtf8 | Utf8View => Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        Dictionary(_, values) => stored_type(values),
        Timestamp(_, Some(_)) => Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Timestamp(_, None) => Timestamp(TimeUnit::Microsecond, None),
        Struct(fields) => Struct(fields.iter().map(stored_field).collect()),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => {
            DataType::List(stored_field(item))
        }
        DataType::Map(entries, is_sorted) => match entries.data_type() {
            Struct(pair) if pair.len() == 2 => map_type(&pair[0], &pair[1], *is_sorted),
            _ => given.clone(),
        },
        other => other.clone(),
    }
}

/// A map as it is stored: its parts have the names that they have in Arrow, whatever others say.
fn map_type(key: &Field, value: &Field, is_sorted: bool) -> DataType {
    let key = Field::new("key", stored_type(key.data_type()), false);
    let value = Field::new("value", stored_type(value.data_type()), value.is_nullable());
    let entries = DataType::Struct(Fields::from(vec![key, value]));
    DataType::Map(Arc::new(Field::new("entries", entries, false)), is_sorted)
}

fn stored_field(field: &FieldRef) -> FieldRef {
    Arc::new(field.as_ref().clone().with_data_type(stored_type(field.data_type())))
}

/// Brings a batch into the form of `target`: columns by name, missing ones NULL, casts where the
/// type differs. Columns that `target` does not have are left out.
pub fn adapt_batch(batch: &RecordBatch, target: &SchemaRef) -> Result<RecordBatch, StoreError> {
    if batch.schema_ref() == target {
        return Ok(batch.clone());
    }
    let columns = target
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) => adapt_array(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(StoreError::arrow)?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(SchemaRef::clone(target), columns, &options)
        .map_err(StoreError::arrow)
}

/// Casts an array, structs member by member and by name. A value that does not fit is an error.
pub fn adapt_array(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    if let (DataType::Struct(_), DataType::Struct(members)) = (array.data_type(), target) {
        return adapt_struct(array.as_struct(), members);
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, target, &options)
}

fn adapt_struct(array: &StructArray, members: &Fields) -> Result<ArrayRef, ArrowError> {
    if members.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(array.len(), array.nulls().cloned())));
    }
    let columns = members
        .iter()
        .map(|member| match array.column_by_name(member.name()) {
            Some(column) => adapt_array(column, member.data_type()),
            None => Ok(new_null_array(member.data_type(), array.len())),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(StructArray::try_new(members.clone(), columns, array.nulls().cloned())?))
}

/// Brings a user's column into its stored type, or says which row does not fit.
pub(crate) fn to_stored(
    field: &Field,
    array: &ArrayRef,
    first_row: usize,
) -> Result<ArrayRef, RowProblem> {
    let target = stored_type(field.data_type());
    if let Some(values) = array.as_primitive_opt::<UInt64Type>() {
        let misfit = values.iter().position(|it| it.is_some_and(|it| i64::try_from(it).is_err()));
        if let Some(row) = misfit {
            return Err(RowProblem::OutOfRange {
                column: field.name().clone(),
                stored: Int64Type::DATA_TYPE.to_string(),
                row: first_row + row,
                value: values.value(row).to_string(),
            });
        }
    }
    adapt_array(array, &target).map_err(|_| RowProblem::WrongType {
        column: field.name().clone(),
        expected: target.to_string(),
        found: field.data_type().to_string(),
    })
}

/// Whether values of this type can be ids: they must compare and hash exactly.
pub(crate) fn is_id_type(given: &DataType) -> bool {
    let stored = stored_type(given);
    stored.is_signed_integer()
        || matches!(
            stored,
            DataType::Utf8
                | DataType::Binary
                | DataType::Boolean
                | DataType::Date32
                | DataType::Timestamp(_, _)
                | DataType::Decimal128(_, _)
                | DataType::FixedSizeBinary(_)
        )
}
