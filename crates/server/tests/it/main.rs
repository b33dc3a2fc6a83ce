//! The server over real connections, with a real server of the S3 protocol behind it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod background;
mod deletions;
mod general;
mod jobs;
mod load;
mod outages;
mod page;
mod pipelines;
mod pipelines_of_spaces;
mod security;
mod support;
mod system;
mod tenants;
