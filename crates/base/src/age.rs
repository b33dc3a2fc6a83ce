//! How long something is kept, as people write it.

use std::time::Duration;

const SECOND: u64 = 1;
const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// Names of units with their seconds. A year has 365 days here; months differ, so there are none.
const UNITS: [(&[&str], u64); 6] = [
    (&["s", "second", "seconds"], SECOND),
    (&["m", "minute", "minutes"], MINUTE),
    (&["h", "hour", "hours"], HOUR),
    (&["d", "day", "days"], DAY),
    (&["w", "week", "weeks"], 7 * DAY),
    (&["y", "year", "years"], 365 * DAY),
];

/// Why a text is no age.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no age: write a number and a unit, e.g. `7d`, `30 days`, `12 hours`, `1 year`"
)]
pub struct AgeError {
    text: String,
}

/// Reads an age: a number and a unit, with or without a space.
pub fn parse_age(text: &str) -> Result<Duration, AgeError> {
    let trimmed = text.trim();
    let split = trimmed.find(|it: char| !it.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let seconds = UNITS.iter().find(|(names, _)| names.contains(&unit.trim())).map(|(_, it)| *it);
    let age = number.parse::<u64>().ok().zip(seconds);
    let age = age.and_then(|(number, seconds)| number.checked_mul(seconds));
    age.map(Duration::from_secs).ok_or_else(|| AgeError { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::{Duration, parse_age};

    #[test]
    fn ages_are_numbers_with_a_unit() {
        let hour = Duration::from_secs(3600);
        for (text, age) in [
            ("7d", hour * 24 * 7),
            ("30 days", hour * 24 * 30),
            ("1 year", hour * 24 * 365),
            (" 12 hours ", hour * 12),
            ("0s", Duration::ZERO),
        ] {
            assert_eq!(parse_age(text), Ok(age), "{text}");
        }
        for text in ["", "7", "d", "1 month", "-1 d", "1.5 d", "99999999999999999999 y", "1 d 2"] {
            assert!(parse_age(text).is_err(), "{text}");
        }
    }
}
