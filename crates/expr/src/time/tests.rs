use expect_test::{Expect, expect};

use super::{parse_date, parse_interval, parse_timestamp, show_date, show_timestamp};

fn check(read: impl Fn(&str) -> Option<String>, texts: &[&str], expected: Expect) {
    let shown: Vec<_> = texts
        .iter()
        .map(|text| format!("{text:?}: {}", read(text).unwrap_or_else(|| "refused".to_owned())))
        .collect();
    expected.assert_eq(&shown.join("\n"));
}

#[test]
fn dates() {
    let read = |text: &str| parse_date(text).map(|it| format!("{it} = {}", show_date(it)));
    check(
        read,
        &[
            "1970-01-01",
            " 2024-02-29 ",
            "0001-01-01",
            "9999-12-31",
            "2023-02-29",
            "2024-13-01",
            "2024-1-1",
            "0000-01-01",
            "２024-01-01",
            "",
            "2024-01-01x",
        ],
        expect![[r#"
            "1970-01-01": 0 = 1970-01-01
            " 2024-02-29 ": 19782 = 2024-02-29
            "0001-01-01": -719162 = 0001-01-01
            "9999-12-31": 2932896 = 9999-12-31
            "2023-02-29": refused
            "2024-13-01": refused
            "2024-1-1": refused
            "0000-01-01": refused
            "２024-01-01": refused
            "": refused
            "2024-01-01x": refused"#]],
    );
}

#[test]
fn timestamps() {
    let read = |text: &str| {
        let (micros, zoned) = parse_timestamp(text)?;
        Some(format!("{micros} = {}", show_timestamp(micros, zoned)))
    };
    check(
        read,
        &[
            "1970-01-01",
            "1970-01-01 00:00:01",
            "1970-01-01T00:00:00.5Z",
            "2024-01-01 12:30",
            "2024-01-01 12:30:45.123456+02:00",
            "2024-01-01T12:30-0530",
            "2024-01-01 12:30:00 UTC",
            "2024-01-01 24:00:00",
            "2024-01-01 12:60",
            "2024-01-01 12:30:00.1234567",
            "2024-01-01 12:30:00.",
            "2024-01-01 12:30.5",
            "2024-01-01 12",
            "0001-01-01T00:00+01:00",
            "2024-01-01 ",
            "日2024-01-01",
        ],
        expect![[r#"
            "1970-01-01": 0 = 1970-01-01 00:00:00
            "1970-01-01 00:00:01": 1000000 = 1970-01-01 00:00:01
            "1970-01-01T00:00:00.5Z": 500000 = 1970-01-01 00:00:00.500Z
            "2024-01-01 12:30": 1704112200000000 = 2024-01-01 12:30:00
            "2024-01-01 12:30:45.123456+02:00": 1704105045123456 = 2024-01-01 10:30:45.123456Z
            "2024-01-01T12:30-0530": 1704132000000000 = 2024-01-01 18:00:00Z
            "2024-01-01 12:30:00 UTC": 1704112200000000 = 2024-01-01 12:30:00Z
            "2024-01-01 24:00:00": refused
            "2024-01-01 12:60": refused
            "2024-01-01 12:30:00.1234567": refused
            "2024-01-01 12:30:00.": refused
            "2024-01-01 12:30.5": refused
            "2024-01-01 12": refused
            "0001-01-01T00:00+01:00": refused
            "2024-01-01 ": 1704067200000000 = 2024-01-01 00:00:00
            "日2024-01-01": refused"#]],
    );
}

#[test]
fn intervals() {
    let read = |text: &str| parse_interval(text).map(|it| format!("{it:?} = {it}"));
    check(
        read,
        &[
            "7 days",
            "1 year 2 months -3 d",
            "1 week 2h 3 min",
            "7days",
            "1.5 days",
            "7",
            "days",
            "",
            "0 s",
            "99999999999 years",
            "1 parsec",
            "3 ms 4 us",
            "1 mons",
        ],
        expect![[r#"
            "7 days": Interval { months: 0, days: 7, micros: 0 } = 7 days
            "1 year 2 months -3 d": Interval { months: 14, days: -3, micros: 0 } = 14 months -3 days
            "1 week 2h 3 min": Interval { months: 0, days: 7, micros: 7380000000 } = 7 days 7380000000 microseconds
            "7days": Interval { months: 0, days: 7, micros: 0 } = 7 days
            "1.5 days": refused
            "7": refused
            "days": refused
            "": refused
            "0 s": Interval { months: 0, days: 0, micros: 0 } = 0 days
            "99999999999 years": refused
            "1 parsec": refused
            "3 ms 4 us": Interval { months: 0, days: 0, micros: 3004 } = 3004 microseconds
            "1 mons": Interval { months: 1, days: 0, micros: 0 } = 1 months"#]],
    );
}
