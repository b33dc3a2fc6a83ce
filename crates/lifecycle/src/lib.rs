//! What happens to features over time.
//!
//! Today: [`snapshots`], the record of which graph was in force when. Deletions over several
//! features, holds, retention and migrations will live here; a deletion of one feature's samples is
//! the store's own.

pub mod snapshots;
