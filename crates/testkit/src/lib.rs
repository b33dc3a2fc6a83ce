//! What tests of several crates share: vectors, contracts, models, servers.
//!
//! A dev-dependency only. Nothing here ships.
#![expect(
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "this is for tests, which fail by panicking, on few kinds of values"
)]

pub mod backend_contract;
pub mod both_ways;
pub mod databases;
pub mod faulty;
pub mod fixtures;
pub mod forgetful;
pub mod golden;
mod json_rows;
pub mod model;
pub mod notes;
pub mod s3_server;

pub use crate::json_rows::{batch_from_json, rows_to_json};
