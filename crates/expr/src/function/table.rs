//! The table of functions: a row a function.

use super::{Aggregate, DateUnit, Function, Meaning, Parameter, Returns, Scalar, Takes};

/// How many arguments a function takes: all its parameters, at least so many of them, or at least
/// so many with the last one repeated.
#[derive(Clone, Copy)]
enum Arity {
    Exactly(usize),
    Optional(usize),
    Repeated(usize),
}

const fn row(
    (name, aliases): (&'static str, &'static [&'static str]),
    parameters: &'static [Parameter],
    arity: Arity,
    (meaning, doc): (Meaning, &'static str),
) -> Function {
    let (Arity::Exactly(required) | Arity::Optional(required) | Arity::Repeated(required)) = arity;
    let variadic = matches!(arity, Arity::Repeated(_));
    Function { name, aliases, parameters, required, variadic, meaning, doc }
}

const fn takes(name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, takes }
}

pub(super) const FUNCTIONS: &[Function] = &[
    row(
        ("upper", &["ucase"]),
        &[takes("text", Takes::Text)],
        Arity::Exactly(1),
        (Meaning::Scalar(Scalar::Upper, Returns::Text), "text in upper case"),
    ),
    row(
        ("lower", &["lcase"]),
        &[takes("text", Takes::Text)],
        Arity::Exactly(1),
        (Meaning::Scalar(Scalar::Lower, Returns::Text), "text in lower case"),
    ),
    row(
        ("trim", &["btrim"]),
        &[takes("text", Takes::Text), takes("characters", Takes::Text)],
        Arity::Optional(1),
        (
            Meaning::Scalar(Scalar::Trim, Returns::Text),
            "text without white space, or without the characters, at both ends",
        ),
    ),
    row(
        ("ltrim", &[]),
        &[takes("text", Takes::Text), takes("characters", Takes::Text)],
        Arity::Optional(1),
        (
            Meaning::Scalar(Scalar::TrimStart, Returns::Text),
            "text without white space, or without the characters, at the start",
        ),
    ),
    row(
        ("rtrim", &[]),
        &[takes("text", Takes::Text), takes("characters", Takes::Text)],
        Arity::Optional(1),
        (
            Meaning::Scalar(Scalar::TrimEnd, Returns::Text),
            "text without white space, or without the characters, at the end",
        ),
    ),
    row(
        ("length", &["len", "char_length", "character_length"]),
        &[takes("text", Takes::Text)],
        Arity::Exactly(1),
        (Meaning::Scalar(Scalar::Length, Returns::Int), "the number of characters"),
    ),
    row(
        ("substr", &["substring"]),
        &[takes("text", Takes::Text), takes("start", Takes::Int), takes("length", Takes::Int)],
        Arity::Optional(2),
        (
            Meaning::Scalar(Scalar::Substring, Returns::Text),
            "the part from a position, counted from 1, of at most a length",
        ),
    ),
    row(
        ("left", &[]),
        &[takes("text", Takes::Text), takes("count", Takes::Int)],
        Arity::Exactly(2),
        (Meaning::Scalar(Scalar::Left, Returns::Text), "the first characters"),
    ),
    row(
        ("right", &[]),
        &[takes("text", Takes::Text), takes("count", Takes::Int)],
        Arity::Exactly(2),
        (Meaning::Scalar(Scalar::Right, Returns::Text), "the last characters"),
    ),
    row(
        ("replace", &[]),
        &[takes("text", Takes::Text), takes("from", Takes::Text), takes("to", Takes::Text)],
        Arity::Exactly(3),
        (
            Meaning::Scalar(Scalar::Replace, Returns::Text),
            "text with every occurrence of one text replaced by another",
        ),
    ),
    row(
        ("concat", &[]),
        &[takes("value", Takes::Printable)],
        Arity::Repeated(1),
        (
            Meaning::Scalar(Scalar::Concat, Returns::Text),
            "all values as one text; NULL counts as empty",
        ),
    ),
    row(
        ("starts_with", &["startswith"]),
        &[takes("text", Takes::Text), takes("prefix", Takes::Text)],
        Arity::Exactly(2),
        (Meaning::Scalar(Scalar::StartsWith, Returns::Bool), "whether text starts with another"),
    ),
    row(
        ("ends_with", &["endswith"]),
        &[takes("text", Takes::Text), takes("suffix", Takes::Text)],
        Arity::Exactly(2),
        (Meaning::Scalar(Scalar::EndsWith, Returns::Bool), "whether text ends with another"),
    ),
    row(
        ("contains", &[]),
        &[takes("text", Takes::Text), takes("part", Takes::Text)],
        Arity::Exactly(2),
        (Meaning::Scalar(Scalar::Contains, Returns::Bool), "whether text contains another"),
    ),
    row(
        ("strpos", &["instr"]),
        &[takes("text", Takes::Text), takes("part", Takes::Text)],
        Arity::Exactly(2),
        (
            Meaning::Scalar(Scalar::Position, Returns::Int),
            "where a part first occurs, counted from 1; 0 for nowhere; also position(part IN text)",
        ),
    ),
    row(
        ("lpad", &[]),
        &[takes("text", Takes::Text), takes("length", Takes::Int), takes("fill", Takes::Text)],
        Arity::Optional(2),
        (Meaning::Scalar(Scalar::PadStart, Returns::Text), "text filled on the left to a length"),
    ),
    row(
        ("rpad", &[]),
        &[takes("text", Takes::Text), takes("length", Takes::Int), takes("fill", Takes::Text)],
        Arity::Optional(2),
        (Meaning::Scalar(Scalar::PadEnd, Returns::Text), "text filled on the right to a length"),
    ),
    row(
        ("reverse", &[]),
        &[takes("text", Takes::Text)],
        Arity::Exactly(1),
        (Meaning::Scalar(Scalar::Reverse, Returns::Text), "text backwards"),
    ),
    row(
        ("split_part", &[]),
        &[takes("text", Takes::Text), takes("separator", Takes::Text), takes("number", Takes::Int)],
        Arity::Exactly(3),
        (
            Meaning::Scalar(Scalar::SplitPart, Returns::Text),
            "the part with a number, counted from 1, of text split at a separator",
        ),
    ),
    row(
        ("regexp_like", &["regexp_matches"]),
        &[takes("text", Takes::Text), takes("pattern", Takes::Text)],
        Arity::Exactly(2),
        (
            Meaning::Scalar(Scalar::RegexpLike, Returns::Bool),
            "whether a regular expression matches anywhere in text",
        ),
    ),
    row(
        ("abs", &[]),
        &[takes("number", Takes::Number)],
        Arity::Exactly(1),
        (Meaning::Scalar(Scalar::Abs, Returns::First), "the number without its sign"),
    ),
    row(
        ("round", &[]),
        &[takes("number", Takes::Rounded), takes("digits", Takes::Int)],
        Arity::Optional(1),
        (
            Meaning::Scalar(Scalar::Round, Returns::Rounded),
            "the number rounded, to digits after the point; a decimal or an integer stays one",
        ),
    ),
    row(
        ("floor", &[]),
        &[takes("number", Takes::Rounded)],
        Arity::Exactly(1),
        (Meaning::Scalar(Scalar::Floor, Returns::Rounded), "the whole number below"),
    ),
    row(
        ("ceil", &["ceiling"]),
        &[takes("number", Takes::Rounded)],
        Arity::Exactly(1),
        (Meaning::Scalar(Scalar::Ceil, Returns::Rounded), "the whole number above"),
    ),
    row(
        ("sqrt", &[]),
        &[takes("number", Takes::Float)],
        Arity::Exactly(1),
        (Meaning::Scalar(Scalar::Sqrt, Returns::Float), "the square root"),
    ),
    row(
        ("power", &["pow"]),
        &[takes("base", Takes::Float), takes("exponent", Takes::Float)],
        Arity::Exactly(2),
        (Meaning::Scalar(Scalar::Power, Returns::Float), "the base to the power of the exponent"),
    ),
    row(
        ("mod", &[]),
        &[takes("number", Takes::Number), takes("divisor", Takes::Number)],
        Arity::Exactly(2),
        (Meaning::Modulo, "the remainder of a division, as %"),
    ),
    row(
        ("exp", &[]),
        &[takes("number", Takes::Float)],
        Arity::Exactly(1),
        (Meaning::Scalar(Scalar::Exp, Returns::Float), "e to the power of the number"),
    ),
    row(
        ("ln", &[]),
        &[takes("number", Takes::Float)],
        Arity::Exactly(1),
        (Meaning::Scalar(Scalar::Ln, Returns::Float), "the natural logarithm"),
    ),
    row(
        ("log10", &[]),
        &[takes("number", Takes::Float)],
        Arity::Exactly(1),
        (Meaning::Scalar(Scalar::Log10, Returns::Float), "the logarithm to base 10"),
    ),
    row(
        ("sign", &[]),
        &[takes("number", Takes::Float)],
        Arity::Exactly(1),
        (Meaning::Scalar(Scalar::Sign, Returns::Float), "-1, 0 or 1"),
    ),
    row(
        ("greatest", &[]),
        &[takes("value", Takes::Common), takes("value", Takes::Common)],
        Arity::Repeated(2),
        (Meaning::Scalar(Scalar::Greatest, Returns::Common), "the greatest value that is not NULL"),
    ),
    row(
        ("least", &[]),
        &[takes("value", Takes::Common), takes("value", Takes::Common)],
        Arity::Repeated(2),
        (Meaning::Scalar(Scalar::Least, Returns::Common), "the least value that is not NULL"),
    ),
    row(
        ("coalesce", &[]),
        &[takes("value", Takes::Common)],
        Arity::Repeated(1),
        (Meaning::Scalar(Scalar::Coalesce, Returns::Common), "the first value that is not NULL"),
    ),
    row(
        ("ifnull", &["nvl"]),
        &[takes("value", Takes::Common), takes("otherwise", Takes::Common)],
        Arity::Exactly(2),
        (
            Meaning::Scalar(Scalar::Coalesce, Returns::Common),
            "the value, or another where it is NULL",
        ),
    ),
    row(
        ("nullif", &[]),
        &[takes("value", Takes::Common), takes("other", Takes::Common)],
        Arity::Exactly(2),
        (
            Meaning::Scalar(Scalar::NullIf, Returns::Common),
            "the value, or NULL where it equals another",
        ),
    ),
    row(
        ("isnull", &[]),
        &[takes("value", Takes::Any)],
        Arity::Exactly(1),
        (Meaning::IsNull, "whether the value is NULL"),
    ),
    row(
        ("if", &["iff"]),
        &[
            takes("condition", Takes::Bool),
            takes("then", Takes::Common),
            takes("otherwise", Takes::Common),
        ],
        Arity::Exactly(3),
        (Meaning::If, "one value where a condition holds, another where it does not"),
    ),
    row(
        ("date", &[]),
        &[takes("value", Takes::Any)],
        Arity::Exactly(1),
        (Meaning::ToDay, "the date of a timestamp or a text"),
    ),
    row(
        ("today", &["current_date"]),
        &[],
        Arity::Exactly(0),
        (Meaning::Today, "the date now, in UTC"),
    ),
    row(("now", &["current_timestamp"]), &[], Arity::Exactly(0), (Meaning::Now, "the time now")),
    row(
        ("year", &[]),
        &[takes("time", Takes::Time)],
        Arity::Exactly(1),
        (Meaning::PartOf(DateUnit::Year), "the year of a date or timestamp"),
    ),
    row(
        ("month", &[]),
        &[takes("time", Takes::Time)],
        Arity::Exactly(1),
        (Meaning::PartOf(DateUnit::Month), "the month, 1 to 12"),
    ),
    row(
        ("day", &[]),
        &[takes("time", Takes::Time)],
        Arity::Exactly(1),
        (Meaning::PartOf(DateUnit::Day), "the day of the month"),
    ),
    row(
        ("hour", &[]),
        &[takes("time", Takes::Time)],
        Arity::Exactly(1),
        (Meaning::PartOf(DateUnit::Hour), "the hour"),
    ),
    row(
        ("minute", &[]),
        &[takes("time", Takes::Time)],
        Arity::Exactly(1),
        (Meaning::PartOf(DateUnit::Minute), "the minute"),
    ),
    row(
        ("second", &[]),
        &[takes("time", Takes::Time)],
        Arity::Exactly(1),
        (Meaning::PartOf(DateUnit::Second), "the whole second"),
    ),
    row(
        ("date_part", &["datepart"]),
        &[takes("unit", Takes::Unit), takes("time", Takes::Time)],
        Arity::Exactly(2),
        (Meaning::DatePart, "a part of a date or timestamp; also extract(unit FROM time)"),
    ),
    row(
        ("date_trunc", &["datetrunc"]),
        &[takes("unit", Takes::Unit), takes("time", Takes::Time)],
        Arity::Exactly(2),
        (Meaning::DateTrunc, "a date or timestamp cut to the start of its unit"),
    ),
    row(
        ("datediff", &["date_diff"]),
        &[takes("to", Takes::Time), takes("from", Takes::Time)],
        Arity::Exactly(2),
        (Meaning::DateDiff, "the number of days from the second date to the first"),
    ),
    row(
        ("dateadd", &["date_add"]),
        &[takes("time", Takes::Time), takes("days", Takes::Int)],
        Arity::Exactly(2),
        (Meaning::DateAdd, "a date or timestamp and a number of days later"),
    ),
    row(
        ("to_date", &[]),
        &[takes("text", Takes::Text), takes("format", Takes::Text)],
        Arity::Optional(1),
        (
            Meaning::Scalar(Scalar::ToDate, Returns::Date),
            "the date in a text, in a format such as %d.%m.%Y",
        ),
    ),
    row(
        ("to_timestamp", &[]),
        &[takes("value", Takes::TextOrInt), takes("format", Takes::Text)],
        Arity::Optional(1),
        (
            Meaning::Scalar(Scalar::ToTimestamp, Returns::Timestamp),
            "the time in a text, or so many seconds after 1970",
        ),
    ),
    row(
        ("sum", &[]),
        &[takes("number", Takes::Number)],
        Arity::Exactly(1),
        (Meaning::Aggregate(Aggregate::Sum), "the sum of all rows"),
    ),
    row(
        ("count", &[]),
        &[takes("value", Takes::Any)],
        Arity::Exactly(1),
        (
            Meaning::Aggregate(Aggregate::Count),
            "the number of rows where the value is not NULL; count(*) counts all",
        ),
    ),
    row(
        ("avg", &["mean"]),
        &[takes("number", Takes::Number)],
        Arity::Exactly(1),
        (Meaning::Aggregate(Aggregate::Avg), "the mean of all rows"),
    ),
    row(
        ("min", &[]),
        &[takes("value", Takes::Any)],
        Arity::Exactly(1),
        (Meaning::Aggregate(Aggregate::Min), "the least of all rows"),
    ),
    row(
        ("max", &[]),
        &[takes("value", Takes::Any)],
        Arity::Exactly(1),
        (Meaning::Aggregate(Aggregate::Max), "the greatest of all rows"),
    ),
    row(
        ("median", &[]),
        &[takes("number", Takes::Number)],
        Arity::Exactly(1),
        (Meaning::Aggregate(Aggregate::Median), "the median of all rows"),
    ),
];
