//! What happens to features over time, on a store in memory.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and one is told by another what it does"
)]

mod audit;
mod beside;
mod chains;
mod copying;
mod crashes;
mod databases;
mod deletion;
mod holds;
mod leases;
mod migration_chains;
mod migration_crashes;
mod migration_files;
mod migration_freshness;
mod migration_killings;
mod migration_refusals;
mod migration_returns;
mod migrations;
mod objects;
mod purges;
mod quota;
mod references;
mod retention;
mod s3_objects;
mod snapshots;
mod stories;
mod support;
