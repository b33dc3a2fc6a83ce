//! Files in and out, and folders as samples.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod files;
mod increments;
mod scanning;
