//! Stores in databases: the contract of a backend and the rules of a store, on each of them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails a test")]

mod bad_input;
mod contract;
mod foreign;
mod native;
mod prefixes;
mod readers;
mod rules;
mod support;
