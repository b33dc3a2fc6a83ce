//! The columns of a table as Arrow has them, and how they are remembered.
//!
//! A database does not know all of Arrow's types, so the types of a table stand in the catalog of
//! the store, as JSON.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use metalith_store::RowProblem;
use serde::{Deserialize, Serialize};

/// The name of an item of a list.
const ITEM: &str = "item";

/// The columns that a table has after rows with these columns are the first in it.
pub(crate) fn stored_schema(rows: &Schema) -> Result<SchemaRef, RowProblem> {
    let fields = rows.fields().iter().map(|field| {
        let of = stored_type(field.data_type()).ok_or_else(|| {
            unstorable(field.name(), "of a type that a database can hold", field.data_type())
        })?;
        Ok(Arc::new(Field::new(field.name(), of, true)))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<FieldRef>, RowProblem>>()?)))
}

pub(crate) fn unstorable(column: &str, expected: &str, found: &DataType) -> RowProblem {
    RowProblem::WrongType {
        column: column.to_owned(),
        expected: expected.to_owned(),
        found: found.to_string(),
    }
}

fn stored_type(given: &DataType) -> Option<DataType> {
    use DataType as It;
    Some(match given {
        It::Null => It::Utf8,
        It::FixedSizeBinary(_) => It::Binary,
        It::Boolean
        | It::Int8
        | It::Int16
        | It::Int32
        | It::Int64
        | It::Float32
        | It::Float64
        | It::Utf8
        | It::Binary
        | It::Date32 => given.clone(),
        It::Float16 => It::Float32,
        It::Date64 => It::Date32,
        It::Decimal32(precision, scale)
        | It::Decimal64(precision, scale)
        | It::Decimal128(precision, scale)
        | It::Decimal256(precision, scale)
            if *precision <= 38 && (0..=i8::try_from(*precision).ok()?).contains(scale) =>
        {
            It::Decimal128(*precision, *scale)
        }
        It::RunEndEncoded(_, values) => stored_type(values.data_type())?,
        It::List(item)
        | It::LargeList(item)
        | It::ListView(item)
        | It::LargeListView(item)
        | It::FixedSizeList(item, _) => list_of(stored_type(item.data_type())?),
        It::Struct(members) if members.is_empty() => return None,
        It::Struct(members) => {
            let member = |field: &FieldRef| {
                Some(Arc::new(Field::new(field.name(), stored_type(field.data_type())?, true)))
            };
            It::Struct(members.iter().map(member).collect::<Option<Fields>>()?)
        }
        It::Map(entries, _) => {
            let (key, value) = pair(entries)?;
            map_of(stored_type(key)?, stored_type(value)?)
        }
        other => match metalith_store::stored_type(other) {
            next if next != *other => stored_type(&next)?,
            stored @ It::Timestamp(TimeUnit::Microsecond, _) => stored,
            _ => return None,
        },
    })
}

/// The types of the keys and the values of a map.
pub(crate) fn pair(entries: &Field) -> Option<(&DataType, &DataType)> {
    match entries.data_type() {
        DataType::Struct(pair) if pair.len() == 2 => {
            Some((pair[0].data_type(), pair[1].data_type()))
        }
        _ => None,
    }
}

fn map_of(key: DataType, value: DataType) -> DataType {
    let entries = [Field::new("key", key, false), Field::new("value", value, true)];
    let entries = DataType::Struct(entries.into_iter().collect());
    DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new(ITEM, item, true)))
}

/// A column as the catalog remembers it.
#[derive(Serialize, Deserialize)]
struct Remembered {
    name: String,
    #[serde(rename = "type")]
    of: Type,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Type {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Text,
    Binary,
    Date,
    Time,
    LocalTime,
    Decimal { precision: u8, scale: i8 },
    List(Box<Self>),
    Struct(Vec<Remembered>),
    Map(Box<Self>, Box<Self>),
}

/// Columns as a text for the catalog; `None` where one has a type that [`stored_schema`] would not
/// have let through.
pub(crate) fn to_text(columns: &Schema) -> Option<String> {
    serde_json::to_string(&remembered(columns.fields())?).ok()
}

/// The columns that a text of the catalog is about.
pub(crate) fn from_text(text: &str) -> Option<SchemaRef> {
    let columns: Vec<Remembered> = serde_json::from_str(text).ok()?;
    Some(Arc::new(Schema::new(fields(&columns))))
}

fn remembered(fields: &Fields) -> Option<Vec<Remembered>> {
    let column = |field: &FieldRef| {
        Some(Remembered { name: field.name().clone(), of: Type::of(field.data_type())? })
    };
    fields.iter().map(column).collect()
}

fn fields(columns: &[Remembered]) -> Fields {
    columns.iter().map(|it| Arc::new(Field::new(&it.name, it.of.arrow(), true))).collect()
}

impl Type {
    fn of(given: &DataType) -> Option<Self> {
        Some(match given {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::Int8,
            DataType::Int16 => Self::Int16,
            DataType::Int32 => Self::Int32,
            DataType::Int64 => Self::Int64,
            DataType::Float32 => Self::Float32,
            DataType::Float64 => Self::Float64,
            DataType::Utf8 => Self::Text,
            DataType::Binary => Self::Binary,
            DataType::Date32 => Self::Date,
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Self::Time,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::LocalTime,
            DataType::Decimal128(precision, scale) => {
                Self::Decimal { precision: *precision, scale: *scale }
            }
            DataType::List(item) => Self::List(Box::new(Self::of(item.data_type())?)),
            DataType::Struct(members) => Self::Struct(remembered(members)?),
            DataType::Map(entries, _) => {
                let (key, value) = pair(entries)?;
                Self::Map(Box::new(Self::of(key)?), Box::new(Self::of(value)?))
            }
            _ => return None,
        })
    }

    fn arrow(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::LocalTime => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale),
            Self::List(item) => list_of(item.arrow()),
            Self::Struct(members) => DataType::Struct(fields(members)),
            Self::Map(key, value) => map_of(key.arrow(), value.arrow()),
        }
    }
}

/// Two names among columns, or among members of one struct, that differ in nothing but case.
pub(crate) fn same_but_for_case(fields: &Fields) -> Option<(&str, &str)> {
    for (place, field) in fields.iter().enumerate() {
        let like = |it: &&FieldRef| it.name().to_lowercase() == field.name().to_lowercase();
        if let Some(first) = fields.iter().take(place).find(like) {
            return Some((first.name(), field.name()));
        }
        let mut of = field.data_type();
        while let DataType::List(item) = of {
            of = item.data_type();
        }
        if let DataType::Struct(members) = of
            && let Some(found) = same_but_for_case(members)
        {
            return Some(found);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};

    use super::{from_text, list_of, map_of, same_but_for_case, stored_schema, to_text};

    fn schema() -> Schema {
        let member = |name: &str, of| Field::new(name, of, true);
        let deep = Fields::from(vec![member("A b", DataType::Utf8), member("t", DataType::Int8)]);
        Schema::new(vec![
            member("decimal", DataType::Decimal128(38, 3)),
            member("utc", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
            member("local", DataType::Timestamp(TimeUnit::Microsecond, None)),
            member("deep", list_of(DataType::Struct(deep))),
            member("map", map_of(DataType::Utf8, list_of(DataType::Int32))),
        ])
    }

    #[test]
    fn types_are_remembered() {
        let text = to_text(&schema()).unwrap();
        assert_eq!(from_text(&text).unwrap().as_ref(), &schema());
        assert_eq!(stored_schema(&schema()).unwrap().as_ref(), &schema());
    }

    #[test]
    fn what_no_database_holds_is_named() {
        let duration = Field::new("d", DataType::Duration(TimeUnit::Second), true);
        let problem = stored_schema(&Schema::new(vec![duration])).unwrap_err();
        assert!(problem.to_string().starts_with("column `d` must be of a type"), "{problem}");
    }

    #[test]
    fn names_that_differ_in_case_are_found() {
        let members = ["a", "b", "A"].map(|it| Field::new(it, DataType::Utf8, true));
        let members = Fields::from(members.to_vec());
        assert_eq!(same_but_for_case(&members), Some(("a", "A")));
        let whole = Fields::from(vec![Field::new("s", DataType::Struct(members), true)]);
        assert_eq!(same_but_for_case(&whole), Some(("a", "A")));
        assert_eq!(same_but_for_case(schema().fields()), None);
    }
}
