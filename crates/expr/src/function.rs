//! The functions an expression can call.

use metalith_base::nearest;

use crate::error::Problem;

mod table;

/// A function by its name: what it takes, and one line about it.
#[derive(Debug)]
pub struct Function {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) parameters: &'static [Parameter],
    /// How many of the parameters must be given.
    pub(crate) required: usize,
    /// Whether the last parameter may be given more than once.
    pub(crate) variadic: bool,
    pub(crate) meaning: Meaning,
    pub(crate) doc: &'static str,
}

/// A place for an argument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
}

/// What an argument has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Text.
    Text,
    /// Anything that has a text form; it is converted.
    Printable,
    /// A number; it is converted to a float.
    Float,
    /// A number, kept as it is.
    Number,
    /// A number that is rounded: floats and decimals are kept, and so are integers, with which
    /// there is little to do.
    Rounded,
    /// A whole number.
    Int,
    /// A boolean.
    Bool,
    /// A date or a timestamp, kept as it is.
    Time,
    /// Text or a whole number.
    TextOrInt,
    /// The same type as all other arguments that take this.
    Common,
    /// Anything.
    Any,
    /// The name of a date unit as literal text.
    Unit,
}

/// What a call turns into.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meaning {
    Scalar(Scalar, Returns),
    Aggregate(Aggregate),
    Today,
    Now,
    If,
    IsNull,
    ToDay,
    Modulo,
    DatePart,
    PartOf(DateUnit),
    DateTrunc,
    DateDiff,
    DateAdd,
}

/// The type a scalar function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returns {
    Text,
    Bool,
    Int,
    Float,
    Date,
    Timestamp,
    /// The type of the first argument.
    First,
    /// The type of the first argument, a decimal with room for one more digit.
    Rounded,
    /// The type all common arguments were brought to.
    Common,
}

/// A function of each row, as it occurs in a typed tree; arguments in the order shown.
///
/// `text`, `int` and `float` are the types [`check`](crate::check) brings the arguments to. What
/// gives a number of characters or a position gives an `Int`, counted in characters from 1.
// Exhaustive on purpose: whoever lowers the tree must know every function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scalar {
    /// `(text)` in upper case.
    Upper,
    /// `(text)` in lower case.
    Lower,
    /// `(text)` or `(text, text)`: without white space, or without the characters, at both ends.
    Trim,
    /// Likewise at the start.
    TrimStart,
    /// Likewise at the end.
    TrimEnd,
    /// `(text)`: the number of characters, an `Int`.
    Length,
    /// `(text, int)` or `(text, int, int)`: from a position, at most so many characters.
    Substring,
    /// `(text, int)`: the first characters; negative counts leave so many out at the end.
    Left,
    /// `(text, int)`: the last characters; negative counts leave so many out at the start.
    Right,
    /// `(text, text, text)`: every occurrence of the second replaced by the third.
    Replace,
    /// `(text, …)` joined; `NULL` counts as empty.
    Concat,
    /// `(text, text)`: a boolean.
    StartsWith,
    /// `(text, text)`: a boolean.
    EndsWith,
    /// `(text, text)`: a boolean.
    Contains,
    /// `(text, text)`: where the second first occurs in the first, an `Int`, 0 for nowhere.
    Position,
    /// `(text, int)` or `(text, int, text)`: filled on the left to a length.
    PadStart,
    /// Likewise on the right.
    PadEnd,
    /// `(text)` backwards.
    Reverse,
    /// `(text, text, int)`: the part with that number, from 1, of a text split at the second.
    SplitPart,
    /// `(text, text)`: whether the second, a regular expression, matches anywhere; a boolean.
    RegexpLike,
    /// `(number)` without its sign; the type stays.
    Abs,
    /// `(float)`, `(float, int)` or the same of a decimal: rounded, to so many digits after the
    /// point. A decimal stays one.
    Round,
    /// `(float)` or `(decimal)`: the whole number below, of that type.
    Floor,
    /// `(float)` or `(decimal)`: the whole number above, of that type.
    Ceil,
    /// `(float)`.
    Sqrt,
    /// `(float, float)`: the first to the power of the second.
    Power,
    /// `(float)`: e to this power.
    Exp,
    /// `(float)`: the natural logarithm.
    Ln,
    /// `(float)`: the logarithm to base 10.
    Log10,
    /// `(float)`: -1, 0 or 1 as a `Float`.
    Sign,
    /// Two or more of one type: the greatest that is not `NULL`.
    Greatest,
    /// Two or more of one type: the least that is not `NULL`.
    Least,
    /// One or more of one type: the first that is not `NULL`.
    Coalesce,
    /// Two of one type: the first, or `NULL` when they are equal.
    NullIf,
    /// `(text)` or `(text, text)`: the date in a text, in a format of `%Y`, `%m`, `%d` ….
    ToDate,
    /// `(text)`, `(text, text)`, or `(int)` seconds since 1970: a timestamp without zone.
    ToTimestamp,
}

/// A function of many rows.
// Exhaustive on purpose: whoever lowers the tree must know every function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aggregate {
    /// The sum of numbers, of their type.
    Sum,
    /// The number of rows, or of those where the argument is not `NULL`; an `Int`.
    Count,
    /// The mean of floats.
    Avg,
    /// The least, of the argument's type.
    Min,
    /// The greatest, of the argument's type.
    Max,
    /// The median of floats.
    Median,
}

/// A unit of time.
// Exhaustive on purpose, as above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DateUnit {
    /// The year.
    Year,
    /// The quarter, 1 to 4.
    Quarter,
    /// The month, 1 to 12.
    Month,
    /// The ISO week.
    Week,
    /// The day of the month.
    Day,
    /// The day of the week, Sunday being 0.
    DayOfWeek,
    /// The day of the year, from 1.
    DayOfYear,
    /// The hour.
    Hour,
    /// The minute.
    Minute,
    /// The whole second.
    Second,
    /// Seconds since 1970, with a fraction.
    Epoch,
}

impl Function {
    /// Every function, by name.
    pub fn all() -> &'static [Self] {
        table::FUNCTIONS
    }

    /// The function of this name or alias, in any case.
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = name.to_ascii_lowercase();
        Self::all().iter().find(|it| it.name == name || it.aliases.contains(&name.as_str()))
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its other names.
    pub fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    /// One line about what it does.
    pub fn doc(&self) -> &'static str {
        self.doc
    }

    /// Whether it aggregates rows.
    pub fn is_aggregate(&self) -> bool {
        matches!(self.meaning, Meaning::Aggregate(_))
    }

    /// How it is called, e.g. `substr(text, start[, length])`.
    pub fn usage(&self) -> String {
        let mut usage = format!("{}(", self.name);
        for (index, parameter) in self.parameters.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let (open, close) = if index < self.required { ("", "") } else { ("[", "]") };
            usage.push_str(&format!("{open}{comma}{}{close}", parameter.name));
        }
        usage + if self.variadic { ", …)" } else { ")" }
    }

    pub(crate) fn check_arity(&self, given: usize) -> Result<(), Problem> {
        if given >= self.required && (self.variadic || given <= self.parameters.len()) {
            return Ok(());
        }
        let (least, most) = (self.required, self.parameters.len());
        let takes = match (least, most) {
            (1, _) if self.variadic => "at least 1 argument".to_owned(),
            _ if self.variadic => format!("at least {least} arguments"),
            (0, 0) => "no arguments".to_owned(),
            (1, 1) => "1 argument".to_owned(),
            _ if least == most => format!("{least} arguments"),
            _ => format!("{least} to {most} arguments"),
        };
        Err(Problem::Arity { function: self.name, takes, given, usage: self.usage() })
    }

    /// What the argument at an index has to be.
    pub(crate) fn takes(&self, index: usize) -> Takes {
        self.parameters.get(index).or(self.parameters.last()).map_or(Takes::Any, |it| it.takes)
    }

    pub(crate) fn near(name: &str) -> Option<String> {
        let names = Self::all().iter().flat_map(|it| it.aliases.iter().chain([&it.name]));
        nearest(name, names.copied()).map(str::to_owned)
    }
}

/// Names are unique.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Aggregate {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Count => "count",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Median => "median",
        }
    }
}

impl DateUnit {
    /// Its name, as `date_part` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Quarter => "quarter",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
            Self::DayOfWeek => "dow",
            Self::DayOfYear => "doy",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Epoch => "epoch",
        }
    }

    pub(crate) const ALL: [Self; 11] = [
        Self::Year,
        Self::Quarter,
        Self::Month,
        Self::Week,
        Self::Day,
        Self::DayOfWeek,
        Self::DayOfYear,
        Self::Hour,
        Self::Minute,
        Self::Second,
        Self::Epoch,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// What to write.
    pub(crate) fn advice() -> String {
        format!("write {}", Self::ALL.map(Self::name).join(", "))
    }

    /// Whether a time can be cut to it.
    pub(crate) fn truncates(self) -> bool {
        !matches!(self, Self::DayOfWeek | Self::DayOfYear | Self::Epoch)
    }

    /// Whether a date alone does not have it.
    pub(crate) fn needs_time(self) -> bool {
        matches!(self, Self::Hour | Self::Minute | Self::Second | Self::Epoch)
    }
}

#[cfg(test)]
mod tests;
