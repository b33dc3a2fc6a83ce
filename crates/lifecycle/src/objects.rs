//! Stored objects that samples name: which they are, deleting them with their samples, and finding
//! those that nobody names.
//!
//! An object is deleted only when no stored row of any feature names it any more: not a live one,
//! not one that could be restored or that history keeps, and not one of a store beside this one.

pub mod audit;
pub(crate) mod named;
pub(crate) mod purge;

pub(crate) use self::purge::Below;
pub use self::purge::{Cleanup, PurgeReport};
