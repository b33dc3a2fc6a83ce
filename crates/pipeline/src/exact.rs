//! Values as another type: exactly, or not at all. The query engine cuts and rounds instead.

use std::sync::Arc;

use arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, BooleanArray, Decimal128Array, Int64Array, StringArray,
        UInt64Array,
    },
    compute::{CastOptions, can_cast_types, cast_with_options, kernels::cmp::distinct},
    datatypes::{DataType, TimeUnit},
    error::ArrowError,
    util::display::array_value_to_string,
};

/// Why values are not of another type.
pub(crate) enum Inexact {
    /// A value that would be another one.
    Value { row: usize, value: String },
    /// There is no such conversion.
    Arrow(ArrowError),
}

impl From<ArrowError> for Inexact {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

/// How many digits of a second are kept.
const SECOND_DIGITS: usize = 6;
/// As long as a date; what is longer has a time of day.
const DATE_LENGTH: usize = 10;

/// Values as another type, if each of them is the same there.
pub(crate) fn exactly(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, Inexact> {
    let array = plain(array)?;
    if array.data_type() == wanted {
        return Ok(array);
    }
    let converted = match (array.as_string_opt::<i32>(), wanted) {
        (Some(texts), DataType::Decimal128(precision, scale)) => {
            let values = texts.iter().map(|it| decimal(it?, *precision, *scale));
            let values = Decimal128Array::from_iter(values);
            Arc::new(values.with_precision_and_scale(*precision, *scale)?) as ArrayRef
        }
        (Some(texts), DataType::Int64) => {
            let whole = |it: &str| decimal(it, MOST, 0).and_then(|it| it.try_into().ok());
            Arc::new(Int64Array::from_iter(texts.iter().map(|it| whole(it?))))
        }
        (Some(texts), DataType::UInt64) => {
            let whole = |it: &str| decimal(it, MOST, 0).and_then(|it| it.try_into().ok());
            Arc::new(UInt64Array::from_iter(texts.iter().map(|it| whole(it?))))
        }
        _ => lenient(&array, wanted)?,
    };
    let lost = |row: usize| array.is_valid(row) && converted.is_null(row);
    let row = match (0..array.len()).find(|row| lost(*row)) {
        Some(row) => Some(row),
        None => match array.as_string_opt::<i32>() {
            Some(texts) => cut_time(texts, &array, &converted)?,
            None => changed(&array, &converted)?,
        },
    };
    match row {
        Some(row) => Err(Inexact::Value { row, value: array_value_to_string(&array, row)? }),
        None => Ok(converted),
    }
}

/// The most digits of a decimal.
const MOST: u8 = 38;

/// Values without the way in which they are packed.
fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let packed = match array.data_type() {
        DataType::Dictionary(_, values) => values.as_ref(),
        DataType::RunEndEncoded(_, values) => values.data_type(),
        DataType::LargeUtf8 | DataType::Utf8View => &DataType::Utf8,
        _ => return Ok(Arc::clone(array)),
    };
    cast_with_options(array, packed, &CastOptions { safe: false, ..CastOptions::default() })
}

/// Values as another type; those that have none there are NULL.
fn lenient(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(array, wanted, &CastOptions { safe: true, ..CastOptions::default() })
}

/// The first value that is another one when it is converted back.
fn changed(array: &ArrayRef, converted: &ArrayRef) -> Result<Option<usize>, ArrowError> {
    let own = array.data_type();
    // Text holds whatever is written.
    if *converted.data_type() == DataType::Utf8 || !can_cast_types(converted.data_type(), own) {
        return Ok(None);
    }
    let back = lenient(converted, own)?;
    Ok(first(&distinct(array, &back)?))
}

fn first(mask: &BooleanArray) -> Option<usize> {
    (0..mask.len()).find(|row| mask.is_valid(*row) && mask.value(*row))
}

/// Whether the text of a row loses something.
type IsCut = dyn Fn(usize, &str) -> bool;

/// The first text that tells more of a time than its type holds.
fn cut_time(
    texts: &StringArray,
    array: &ArrayRef,
    converted: &ArrayRef,
) -> Result<Option<usize>, ArrowError> {
    let is_cut: Box<IsCut> = match converted.data_type() {
        DataType::Date32 => {
            let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            let (time, day) = (lenient(array, &micros)?, lenient(converted, &micros)?);
            let differs = distinct(&time, &day)?;
            Box::new(move |row, text| text.trim().len() > DATE_LENGTH && differs.value(row))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => Box::new(|_, text| {
            let digits = text.split_once('.').map_or("", |(_, rest)| rest);
            let digits = digits.bytes().take_while(u8::is_ascii_digit).skip(SECOND_DIGITS);
            digits.into_iter().any(|it| it != b'0')
        }),
        _ => return Ok(None),
    };
    let found = texts.iter().enumerate().find(|(row, it)| it.is_some_and(|it| is_cut(*row, it)));
    Ok(found.map(|(row, _)| row))
}

/// The number that a text says, without its point; nothing when it has more digits than there is
/// room for.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.trim().split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text.trim(), 0),
    };
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let shorter = all.trim_end_matches('0');
    let zeros = i32::try_from(all.len() - shorter.len()).ok()?;
    if shorter.is_empty() {
        return Some(0);
    }
    // The value is `shorter` times ten to the power of this.
    let power = zeros.checked_add(exponent)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let more = u32::try_from(power.checked_add(i32::from(scale))?).ok()?;
    let unscaled = shorter.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(more)?)?;
    (unscaled < 10_i128.checked_pow(u32::from(precision))?).then_some(sign * unscaled)
}
