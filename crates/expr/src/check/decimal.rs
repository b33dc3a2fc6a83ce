//! Exact numbers.

use crate::types::Type;

/// The most digits a decimal can have.
pub(super) const MOST: u8 = 38;

/// A number without its point, how many digits it has, and how many of them after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exact {
    pub(super) unscaled: i128,
    pub(super) precision: u8,
    pub(super) scale: u8,
}

/// Reads what a literal says; nothing when it has too many digits.
pub(super) fn exact(text: &str) -> Option<Exact> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    let mut scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    while scale > 0 && digits.ends_with('0') {
        digits.pop();
        scale -= 1;
    }
    if !(-i64::from(MOST)..=i64::from(MOST)).contains(&scale) {
        return None;
    }
    let zeros = usize::try_from(-scale).unwrap_or(0);
    digits.push_str(&"0".repeat(zeros));
    let unscaled: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let scale = u8::try_from(scale).unwrap_or(0);
    let length = u8::try_from(unscaled.unsigned_abs().to_string().len()).ok()?;
    let precision = length.max(scale).max(1);
    (precision <= MOST).then_some(Exact { unscaled, precision, scale })
}

impl Exact {
    /// The same number with more digits after the point.
    pub(super) fn rescaled(self, precision: u8, scale: i8) -> Option<i128> {
        let more = u32::from(u8::try_from(scale).ok()?.checked_sub(self.scale)?);
        let unscaled = self.unscaled.checked_mul(10_i128.checked_pow(more)?)?;
        let limit = 10_u128.checked_pow(u32::from(precision))?;
        (unscaled.unsigned_abs() < limit).then_some(unscaled)
    }
}

/// The decimal that holds both without loss; nothing when that takes too many digits.
pub(super) fn widened(left: (u8, i8), right: (u8, i8)) -> Option<Type> {
    let whole = |(precision, scale): (u8, i8)| i16::from(precision) - i16::from(scale);
    let scale = left.1.max(right.1);
    sized(whole(left).max(whole(right)) + i16::from(scale), i16::from(scale))
}

/// A decimal of so many digits, if there is one.
pub(super) fn sized(precision: i16, scale: i16) -> Option<Type> {
    let precision = u8::try_from(precision.max(1)).ok().filter(|it| *it <= MOST)?;
    Some(Type::Decimal(precision, i8::try_from(scale).ok()?))
}
