//! What happens to features over time.
//!
//! [`snapshots`] is the record of which graph was in force when; [`deletion`] deletes samples with
//! what was computed from them. Holds, retention and migrations will live here; how one feature's
//! samples are deleted is the store's own.

pub mod deletion;
pub mod snapshots;
