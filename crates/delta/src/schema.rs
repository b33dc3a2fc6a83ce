//! Columns as Arrow has them and as Delta can hold them.

use std::sync::Arc;

use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit,
};
use deltalake_core::kernel::{
    StructField, StructType,
    engine::arrow_conversion::{TryFromArrow as _, TryIntoArrow as _},
};
use metalith_store::RowProblem;

/// The columns that a table has after rows with these columns are the first in it.
///
/// Types that Delta lacks become the next ones that hold every value: unsigned integers the next
/// signed type, times microseconds. A column of nothing but NULL becomes text. Times without a zone
/// keep having none, which asks readers of the table for Delta's feature `timestampNtz`.
pub(crate) fn stored_schema(rows: &Schema) -> Result<SchemaRef, RowProblem> {
    let fields: Vec<FieldRef> = rows
        .fields()
        .iter()
        .map(|field| {
            let stored = stored_type(field.data_type()).ok_or_else(|| RowProblem::WrongType {
                column: field.name().clone(),
                expected: "of a type that Delta tables can hold".to_owned(),
                found: field.data_type().to_string(),
            })?;
            Ok(Arc::new(Field::new(field.name(), stored, true)))
        })
        .collect::<Result<_, RowProblem>>()?;
    // Through Delta and back, so that parts of lists and maps have the names they get on reading.
    let schema = Schema::new(fields);
    let delta = to_delta(&schema).map_err(|()| impossible(&schema))?;
    let arrow = to_arrow(&delta).map_err(|()| impossible(&schema))?;
    Ok(Arc::new(arrow))
}

/// Columns of a table as Arrow, all but their metadata.
pub(crate) fn to_arrow(schema: &StructType) -> Result<Schema, ()> {
    let arrow: Schema = schema.try_into_arrow().map_err(|_| ())?;
    let fields = arrow.fields().iter().map(|field| {
        Arc::new(Field::new(field.name(), plain(field.data_type()), field.is_nullable()))
    });
    Ok(Schema::new(fields.collect::<Vec<FieldRef>>()))
}

/// The columns of a table that grew from `old`, whose Arrow form is `before`, to `after`.
///
/// Columns that did not change keep what else Delta says about them, e.g. comments.
pub(crate) fn grown(old: &StructType, before: &Schema, after: &Schema) -> Result<StructType, ()> {
    let fields = after.fields().iter().map(|field| {
        let unchanged = before.field_with_name(field.name()).is_ok_and(|it| it == field.as_ref());
        match old.field(field.name()).filter(|_| unchanged) {
            Some(kept) => Ok(kept.clone()),
            None => StructField::try_from_arrow(field.as_ref()).map_err(|_| ()),
        }
    });
    StructType::try_new(fields.collect::<Result<Vec<_>, ()>>()?).map_err(|_| ())
}

pub(crate) fn to_delta(schema: &Schema) -> Result<StructType, ()> {
    StructType::try_from_arrow(schema).map_err(|_| ())
}

/// Whether a column, or a part of one, is a time without a zone.
pub(crate) fn has_time_without_zone(schema: &Schema) -> bool {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all but these have no parts")]
    fn within(given: &DataType) -> bool {
        match given {
            DataType::Timestamp(_, None) => true,
            DataType::List(item) => within(item.data_type()),
            DataType::Map(entries, _) => within(entries.data_type()),
            DataType::Struct(members) => members.iter().any(|it| within(it.data_type())),
            _ => false,
        }
    }
    schema.fields().iter().any(|field| within(field.data_type()))
}

fn stored_type(given: &DataType) -> Option<DataType> {
    use DataType as It;
    Some(match given {
        It::Null | It::Utf8 | It::LargeUtf8 | It::Utf8View => It::Utf8,
        It::Binary | It::LargeBinary | It::BinaryView | It::FixedSizeBinary(_) => It::Binary,
        It::Boolean | It::Int8 | It::Int16 | It::Int32 | It::Int64 | It::Float32 | It::Float64 => {
            given.clone()
        }
        It::UInt8 => It::Int16,
        It::UInt16 => It::Int32,
        It::UInt32 | It::UInt64 => It::Int64,
        It::Float16 => It::Float32,
        It::Date32 | It::Date64 => It::Date32,
        It::Timestamp(_, zone) => {
            It::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| "UTC".into()))
        }
        It::Decimal32(precision, scale)
        | It::Decimal64(precision, scale)
        | It::Decimal128(precision, scale)
        | It::Decimal256(precision, scale)
            if *precision <= 38 && *scale >= 0 =>
        {
            It::Decimal128(*precision, *scale)
        }
        It::Dictionary(_, values) => stored_type(values)?,
        It::RunEndEncoded(_, values) => stored_type(values.data_type())?,
        It::List(item)
        | It::LargeList(item)
        | It::ListView(item)
        | It::LargeListView(item)
        | It::FixedSizeList(item, _) => It::List(stored_field(item)?),
        It::Struct(members) if members.is_empty() => return None,
        It::Struct(members) => {
            It::Struct(members.iter().map(stored_field).collect::<Option<Fields>>()?)
        }
        It::Map(entries, _) => It::Map(stored_entries(entries)?, false),
        It::Decimal32(..)
        | It::Decimal64(..)
        | It::Decimal128(..)
        | It::Decimal256(..)
        | It::Time32(_)
        | It::Time64(_)
        | It::Duration(_)
        | It::Interval(_)
        | It::Union(..) => return None,
    })
}

fn stored_field(field: &FieldRef) -> Option<FieldRef> {
    Some(Arc::new(Field::new(field.name(), stored_type(field.data_type())?, true)))
}

fn stored_entries(entries: &FieldRef) -> Option<FieldRef> {
    let DataType::Struct(parts) = entries.data_type() else { return None };
    let [key, value] = parts.as_ref() else { return None };
    let key = Field::new("key", stored_type(key.data_type())?, false);
    let value = Field::new("value", stored_type(value.data_type())?, true);
    let parts = Fields::from(vec![key, value]);
    Some(Arc::new(Field::new("key_value", DataType::Struct(parts), false)))
}

/// A type without the metadata that Delta may attach to its parts.
#[expect(clippy::wildcard_enum_match_arm, reason = "all but these have no parts")]
fn plain(given: &DataType) -> DataType {
    let plain_field = |field: &FieldRef| {
        Arc::new(Field::new(field.name(), plain(field.data_type()), field.is_nullable()))
    };
    match given {
        DataType::Struct(members) => DataType::Struct(members.iter().map(plain_field).collect()),
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        other => other.clone(),
    }
}

fn impossible(schema: &Schema) -> RowProblem {
    let columns = schema.fields().iter().map(|field| field.name().as_str());
    RowProblem::WrongType {
        column: columns.collect::<Vec<_>>().join(", "),
        expected: "columns that a Delta table can hold".to_owned(),
        found: "others".to_owned(),
    }
}

#[cfg(test)]
mod tests;
