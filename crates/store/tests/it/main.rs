//! The store's behaviour, told through its public surface on the memory backend.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_rows;
mod deletion;
mod few_rows;
mod golden;
mod increments;
mod model;
mod opening;
mod rebasing;
mod unknown;

/// A graph of one root.
const VIDEO: &str = r#"
[[features]]
key = "video"
id_columns = ["id"]
fields = ["frames"]
"#;
