//! What happens to features over time.
//!
//! [`snapshots`] is the record of which graph was in force when; [`deletion`] deletes samples with
//! what was computed from them; [`holds`] keep samples from being deleted; [`objects`] are the
//! files that samples name; [`retention`] says how long things are kept and [`quota`] how many; [`audit`] is the log of
//! what was done; [`migrations`] carry samples over when code changes; with [`leases`] several
//! processes agree on who does what. How one feature's samples are deleted is the store's own.

pub mod audit;
mod context;
pub mod copying;
pub mod deletion;
pub mod events;
pub mod holds;
mod journal;
pub mod leases;
pub mod migrations;
pub mod objects;
pub mod quota;
pub mod retention;
pub mod snapshots;
mod system_rows;

use metalith_base::FeatureKey;

pub use self::context::{Context, Own};

/// The tables in which it is written down what is done here: they grow by a row or a few at a time.
pub fn own_tables() -> impl Iterator<Item = FeatureKey> {
    let names = [audit::TABLE, audit::HEAD, holds::TABLE, journal::TABLE];
    names.into_iter().map(system_rows::table).chain([leases::table()])
}
