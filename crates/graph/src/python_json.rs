//! JSON as Python's `json.dumps(value, sort_keys=True)` writes it: what the reference system hashes.

use std::{
    fmt::Write as _,
    io::{Error, Result, Write},
};

use serde::Serialize as _;
use serde_json::{Value, ser::Formatter};

pub(crate) fn python_json(value: &Value) -> String {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Python);
    // Objects are sorted, keys are texts, and memory takes whatever is written.
    value.serialize(&mut serializer).ok();
    String::from_utf8_lossy(&out).into_owned()
}

struct Python;

impl Formatter for Python {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> Result<()> {
        writer.write_all(float(value).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> Result<()> {
        let mut text = String::with_capacity(fragment.len());
        for unit in fragment.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte @ b' '..=b'~') => text.push(char::from(byte)),
                _ => write!(text, "\\u{unit:04x}").map_err(Error::other)?,
            }
        }
        writer.write_all(text.as_bytes())
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        writer.write_all(b": ")
    }
}

/// The shortest digits, with an exponent where Python writes one.
fn float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let parts = scientific.split_once('e');
    match parts.and_then(|(digits, exponent)| Some((digits, exponent.parse::<i32>().ok()?))) {
        Some((digits, exponent)) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => format!("{value:?}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::python_json;

    #[test]
    fn it_is_written_as_python_writes_it() {
        let value = json!({
            "b": [1, 2.0, 0.5, 1e16, 1.5e-7, 0.0001, 123456789012345.6, -1e300],
            "a": { "text": "z\u{fc}rich \u{1f600} \"\\ \n\u{1}\u{7f}", "none": null, "yes": true },
            "empty": [[], {}],
        });
        // What Python 3.11 says of the same value.
        let expected = concat!(
            r#"{"a": {"none": null, "text": "z\u00fcrich \ud83d\ude00 \"\\ \n\u0001\u007f", "#,
            r#""yes": true}, "b": [1, 2.0, 0.5, 1e+16, 1.5e-07, 0.0001, 123456789012345.6, "#,
            r#"-1e+300], "empty": [[], {}]}"#,
        );
        assert_eq!(python_json(&value), expected);
    }
}
