//! The types a column or an expression can have.

use std::fmt;

/// A type, as far as expressions tell types apart: widths of numbers and units of time do not
/// matter to what a filter means, so `Int` is every signed integer and `Timestamp` every unit.
// Exhaustive on purpose: whoever lowers a tree must know every type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// Of the literal `NULL` where nothing around it says more.
    Null,
    /// True or false.
    Bool,
    /// A signed integer of up to 64 bits.
    Int,
    /// An unsigned integer of up to 64 bits.
    UInt,
    /// A floating point number of up to 64 bits.
    Float,
    /// An exact number: digits in all, and digits after the point.
    Decimal(u8, i8),
    /// UTF-8 text.
    Text,
    /// Any bytes.
    Bytes,
    /// A day.
    Date,
    /// A point in time.
    Timestamp {
        /// Whether it is stored with a time zone; without one it is taken as UTC.
        zoned: bool,
    },
    /// A span of time: months, days, microseconds.
    Interval,
    /// A list of values of one type.
    List(Box<Self>),
    /// Named members, in order.
    Struct(Vec<(String, Self)>),
    /// A type expressions cannot work with, by its name.
    Other(String),
}

impl Type {
    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::UInt | Self::Float | Self::Decimal(..))
    }

    /// Whether it is a whole number.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::Int | Self::UInt)
    }

    /// Whether it is a date or a timestamp.
    pub fn is_time(&self) -> bool {
        matches!(self, Self::Date | Self::Timestamp { .. })
    }

    /// Whether `CAST` can produce it: anything but lists, structs and types unknown here.
    pub fn is_castable(&self) -> bool {
        match self {
            Self::Null | Self::List(_) | Self::Struct(_) | Self::Other(_) => false,
            Self::Bool | Self::Int | Self::UInt | Self::Float | Self::Decimal(..) => true,
            Self::Text | Self::Bytes | Self::Date | Self::Timestamp { .. } | Self::Interval => true,
        }
    }

    /// What a person calls it, with an article: `a number`, `text`.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Bool => "a boolean".to_owned(),
            Self::Int => "an integer".to_owned(),
            Self::UInt => "an unsigned integer".to_owned(),
            Self::Float => "a float".to_owned(),
            Self::Decimal(..) => "a decimal".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Bytes => "bytes".to_owned(),
            Self::Date => "a date".to_owned(),
            Self::Timestamp { .. } => "a timestamp".to_owned(),
            Self::Interval => "an interval".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Struct(_) => "a struct".to_owned(),
            Self::Other(name) => format!("of type {name}"),
        }
    }

    /// The type a name in `CAST` means; a decimal without digits gets its widest form.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, it)| it.clone())
    }

    /// Every name `CAST` understands.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }
}

/// Shows the SQL name, the form `CAST` reads.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool => f.write_str("BOOLEAN"),
            Self::Int => f.write_str("BIGINT"),
            Self::UInt => f.write_str("UBIGINT"),
            Self::Float => f.write_str("DOUBLE"),
            Self::Decimal(precision, scale) => write!(f, "DECIMAL({precision}, {scale})"),
            Self::Text => f.write_str("TEXT"),
            Self::Bytes => f.write_str("BYTES"),
            Self::Date => f.write_str("DATE"),
            Self::Timestamp { zoned: false } => f.write_str("TIMESTAMP"),
            Self::Timestamp { zoned: true } => f.write_str("TIMESTAMPTZ"),
            Self::Interval => f.write_str("INTERVAL"),
            Self::List(element) => write!(f, "LIST({element})"),
            Self::Struct(members) => {
                f.write_str("STRUCT(")?;
                for (index, (name, data_type)) in members.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{name} {data_type}")?;
                }
                f.write_str(")")
            }
            Self::Other(name) => f.write_str(name),
        }
    }
}

const NAMES: &[(&str, Type)] = &[
    ("boolean", Type::Bool),
    ("bool", Type::Bool),
    ("bigint", Type::Int),
    ("integer", Type::Int),
    ("int", Type::Int),
    ("smallint", Type::Int),
    ("tinyint", Type::Int),
    ("int8", Type::Int),
    ("int16", Type::Int),
    ("int32", Type::Int),
    ("int64", Type::Int),
    ("ubigint", Type::UInt),
    ("uinteger", Type::UInt),
    ("usmallint", Type::UInt),
    ("utinyint", Type::UInt),
    ("uint8", Type::UInt),
    ("uint16", Type::UInt),
    ("uint32", Type::UInt),
    ("uint64", Type::UInt),
    ("double", Type::Float),
    ("float", Type::Float),
    ("real", Type::Float),
    ("float4", Type::Float),
    ("float8", Type::Float),
    ("float32", Type::Float),
    ("float64", Type::Float),
    ("decimal", Type::Decimal(38, 10)),
    ("numeric", Type::Decimal(38, 10)),
    ("text", Type::Text),
    ("string", Type::Text),
    ("varchar", Type::Text),
    ("char", Type::Text),
    ("utf8", Type::Text),
    ("bytes", Type::Bytes),
    ("bytea", Type::Bytes),
    ("blob", Type::Bytes),
    ("binary", Type::Bytes),
    ("varbinary", Type::Bytes),
    ("date", Type::Date),
    ("timestamp", Type::Timestamp { zoned: false }),
    ("datetime", Type::Timestamp { zoned: false }),
    ("timestamptz", Type::Timestamp { zoned: true }),
    ("interval", Type::Interval),
];
