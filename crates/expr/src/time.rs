//! Dates, times and intervals as text.

use std::fmt;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime};

use crate::expr::Interval;

/// Days from 0001-01-01, counted as 1, to 1970-01-01.
const EPOCH_FROM_COMMON_ERA: i32 = 719_163;

pub(crate) const DATE_ADVICE: &str = "write a date as `2024-01-31`";
pub(crate) const TIMESTAMP_ADVICE: &str = "write a timestamp as `2024-01-31 12:30:00`, with up to 6 digits of a second and `Z` or \
     `+02:00` where it has a zone";
pub(crate) const INTERVAL_ADVICE: &str =
    "write an interval as `7 days` or `1 month 12 hours`, in whole numbers";

/// The days since 1970 of a text such as `2024-01-31`.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let bytes = text.trim().as_bytes();
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else { return None };
    let year = digits(&[y1, y2, y3, y4]).filter(|it| *it > 0)?;
    let (month, day) = (digits(&[m1, m2])?, digits(&[d1, d2])?);
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some(date.num_days_from_ce() - EPOCH_FROM_COMMON_ERA)
}

/// Microseconds since 1970 in UTC, and whether the text has a zone.
pub(crate) fn parse_timestamp(text: &str) -> Option<(i64, bool)> {
    let text = text.trim();
    let days = i64::from(parse_date(text.get(..10)?)?);
    let mut rest = &text[10..];
    let mut micros = days * 86_400_000_000;
    if !rest.is_empty() {
        let clock = rest.strip_prefix([' ', 'T', 't'])?;
        let end = clock.find(['Z', 'z', '+', '-', ' ']).unwrap_or(clock.len());
        micros += parse_clock(&clock[..end])?;
        rest = clock[end..].trim_start();
    }
    let offset = parse_offset(rest)?;
    let shifted = micros - offset.unwrap_or(0) * 60_000_000;
    // What is shown must be readable again.
    let year = DateTime::from_timestamp_micros(shifted)?.year();
    (1..=9999).contains(&year).then_some((shifted, offset.is_some()))
}

/// An interval such as `1 month 2 days` or `-7 days`.
pub(crate) fn parse_interval(text: &str) -> Option<Interval> {
    let mut interval = Interval::default();
    let mut words = text.split_whitespace().peekable();
    words.peek()?;
    while let Some(count) = words.next() {
        // `7days` is common enough to be read.
        let glued = count.find(|it: char| it.is_ascii_alphabetic());
        let (count, unit) = match glued {
            Some(at) => count.split_at(at),
            None => (count, words.next()?),
        };
        add_to_interval(&mut interval, count.parse().ok()?, unit)?;
    }
    Some(interval)
}

/// Whether a word is a unit an interval can have.
pub(crate) fn is_interval_unit(word: &str) -> bool {
    add_to_interval(&mut Interval::default(), 0, word).is_some()
}

fn add_to_interval(interval: &mut Interval, count: i64, unit: &str) -> Option<()> {
    let unit = unit.to_ascii_lowercase();
    let unit = if unit.len() > 2 { unit.trim_end_matches('s') } else { &unit };
    let months = |factor| i32::try_from(count.checked_mul(factor)?).ok();
    let micros = |factor| count.checked_mul(factor);
    match unit {
        "year" | "y" => interval.months = interval.months.checked_add(months(12)?)?,
        "quarter" => interval.months = interval.months.checked_add(months(3)?)?,
        "month" | "mon" => interval.months = interval.months.checked_add(months(1)?)?,
        "week" | "w" => interval.days = interval.days.checked_add(months(7)?)?,
        "day" | "d" => interval.days = interval.days.checked_add(months(1)?)?,
        "hour" | "h" => interval.micros = interval.micros.checked_add(micros(3_600_000_000)?)?,
        "minute" | "min" => interval.micros = interval.micros.checked_add(micros(60_000_000)?)?,
        "second" | "sec" | "s" => {
            interval.micros = interval.micros.checked_add(micros(1_000_000)?)?;
        }
        "millisecond" | "ms" => interval.micros = interval.micros.checked_add(micros(1_000)?)?,
        "microsecond" | "us" => interval.micros = interval.micros.checked_add(count)?,
        _ => return None,
    }
    Some(())
}

/// Shows what [`parse_date`] reads.
pub(crate) fn show_date(days: i32) -> String {
    days.checked_add(EPOCH_FROM_COMMON_ERA)
        .and_then(NaiveDate::from_num_days_from_ce_opt)
        .map_or_else(|| format!("day {days}"), |it| it.format("%Y-%m-%d").to_string())
}

/// Shows what [`parse_timestamp`] reads.
pub(crate) fn show_timestamp(micros: i64, zoned: bool) -> String {
    let zone = if zoned { "Z" } else { "" };
    DateTime::from_timestamp_micros(micros).map_or_else(
        || format!("microsecond {micros}{zone}"),
        |it| format!("{}{zone}", it.naive_utc().format("%Y-%m-%d %H:%M:%S%.f")),
    )
}

/// Shows months, days and microseconds, e.g. `1 months -2 days`, which `INTERVAL` reads again.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (i64::from(self.months), "months"),
            (i64::from(self.days), "days"),
            (self.micros, "microseconds"),
        ];
        let shown: Vec<_> = parts
            .iter()
            .filter(|(count, _)| *count != 0)
            .map(|(count, unit)| format!("{count} {unit}"))
            .collect();
        f.write_str(if shown.is_empty() { "0 days" } else { "" })?;
        f.write_str(&shown.join(" "))
    }
}

/// Microseconds of `12:30`, `12:30:45` or `12:30:45.123456`.
fn parse_clock(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let micros: u32 = match fraction.len() {
        0 if whole.len() == text.len() => 0,
        1..=6 => digits(format!("{fraction:0<6}").as_bytes())?,
        _ => return None,
    };
    let (hour, minute, second) = match *whole.as_bytes() {
        [h1, h2, b':', m1, m2] if fraction.is_empty() => {
            (digits(&[h1, h2])?, digits(&[m1, m2])?, 0)
        }
        [h1, h2, b':', m1, m2, b':', s1, s2] => {
            (digits(&[h1, h2])?, digits(&[m1, m2])?, digits(&[s1, s2])?)
        }
        _ => return None,
    };
    let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?;
    Some(NaiveDateTime::new(NaiveDate::default(), time).and_utc().timestamp_micros())
}

/// Minutes east of Greenwich; nothing within `Some` when no zone is written.
fn parse_offset(text: &str) -> Option<Option<i64>> {
    if text.is_empty() {
        return Some(None);
    }
    if text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
        return Some(Some(0));
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match text.as_bytes()[1..] {
        [h1, h2] => (digits(&[h1, h2])?, 0),
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => (digits(&[h1, h2])?, digits(&[m1, m2])?),
        _ => return None,
    };
    (hours <= 15 && minutes < 60).then(|| Some(sign * i64::from(hours * 60 + minutes)))
}

fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0_u32, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests;
