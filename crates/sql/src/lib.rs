//! Tables of a store in a database, through ADBC: DuckDB, SQLite and PostgreSQL.
//!
//! [`open_backend`] is the front door: a [`Database`] and an address in, a
//! [`Backend`](metalith_store::Backend) out. The rows of a feature are in a table `a__b`, whose
//! columns are those of the feature; two more, which readers of this crate do not see, say in which
//! chunk a row is and where. A catalog of four tables beside says which chunks there are, by version.
//!
//! [`open_tables`] is the other one, to plain tables that people keep beside.
//!
//! How the promises of a backend are kept:
//!
//! - Rows arrive in a temporary table of their own, or wait in memory if they are few. Then one
//!   transaction adds columns, takes the rows over and writes the commit into the catalog. Whoever
//!   dies before that has done nothing.
//! - Rows are never changed. Those of a replaced chunk stay, so that who has opened the table reads
//!   what it was; [`vacuum`](metalith_store::Backend::vacuum) removes them.
//! - Writers wait for each other only while they commit.
//!
//! What this crate is not: it knows no versions of samples and runs no queries but on its own
//! tables. Every text that stands in a statement comes from `quote.rs`.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the types of Arrow are many and grow; what is not named is refused"
)]

mod backend;
mod catalog;
mod columns;
mod commit;
mod connection;
mod dialect;
mod driver;
mod failure;
mod feature_table;
mod known;
mod place;
mod plain;
mod pool;
mod quote;
mod read;
mod resolve;
mod small;
mod stage;
mod table;
mod vacuum;
mod values;

pub use crate::backend::{Database, open_backend, open_tables, without_password};
