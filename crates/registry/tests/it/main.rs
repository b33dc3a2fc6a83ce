//! What holds of a registry without a server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tokens;
