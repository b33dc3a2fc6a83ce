//! Names and values as they stand in SQL.
//!
//! Nothing else in this crate puts a text into a statement.

/// A name of a table or column.
pub(crate) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names with commas between them.
pub(crate) fn names<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    all.into_iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A value. Connections are set up so that a backslash is no escape; a NUL byte makes the driver
/// manager refuse the statement.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A value that may be missing.
pub(crate) fn optional(value: Option<&str>) -> String {
    value.map_or_else(|| "NULL".to_owned(), text)
}

/// Numbers with commas between them; a list that nothing is in, where there are none.
pub(crate) fn numbers(all: &[i64]) -> String {
    if all.is_empty() {
        return "NULL".to_owned();
    }
    all.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{name, names, numbers, text};

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(name("a\"; DROP TABLE x; --"), "\"a\"\"; DROP TABLE x; --\"");
        assert_eq!(text("'; DROP TABLE x; --\\'"), "'''; DROP TABLE x; --\\'''");
        assert_eq!(names(["a", "b\""]), "\"a\", \"b\"\"\"");
        assert_eq!((numbers(&[1, -2]), numbers(&[])), ("1, -2".to_owned(), "NULL".to_owned()));
    }
}
