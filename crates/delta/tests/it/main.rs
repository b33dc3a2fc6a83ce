//! Delta tables against the contract of a backend, real files, real processes and a real S3 server.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what fails here fails a test, and what is printed is read by tests"
)]

mod contract;
mod counted;
mod damage;
mod foreign;
mod full_disk;
mod leftovers;
mod log;
mod places;
mod processes;
mod pruned;
mod rules;
mod settled;
mod shape;
mod support;
mod unread;
