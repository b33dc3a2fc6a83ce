//! The store's behaviour, told through its public surface on the memory backend.

mod bad_rows;
mod deletion;
mod golden;
mod increments;
mod model;
mod opening;
