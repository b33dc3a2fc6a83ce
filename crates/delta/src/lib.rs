//! Tables of a store on Delta Lake, in a folder or in object storage.
//!
//! [`open_backend`] is the front door: an address in, a [`Backend`](metalith_store::Backend) out.
//! A feature's table is a folder `<key>.delta` in Delta's open format, so that every reader of
//! Delta sees the same rows.
//!
//! How the promises of a backend are kept:
//!
//! - A commit is one log entry, written whole and only if its number is free. A writer that finds
//!   the number taken reads the table again, checks that its change still makes sense, and takes
//!   the next number; nobody waits for a lock.
//! - Data files come before the log entry that names them. What a writer that died left behind is
//!   never read, and removed by [`vacuum`](metalith_store::Backend::vacuum) after an hour.
//! - In a folder, log entries and data files are flushed to the disk before they count.
//!
//! What this crate is not: it knows no versions of samples and runs no queries. Delta features that
//! it cannot honour (deletion vectors, column mapping) are refused by name, never ignored.

mod backend;
mod cache;
mod commit;
mod data_file;
mod drop_table;
mod encode;
mod error;
mod facts;
mod features;
mod history;
mod layout;
mod local_file;
mod log_entry;
mod marker;
mod partition;
mod place;
mod read;
mod remote_file;
mod schema;
mod selection;
mod since;
mod small;
mod snapshot;
mod table_list;
mod vacuum;
mod write;

pub use crate::{
    backend::{DeltaBackend, open_backend, open_space, space_of},
    encode::{parquet_properties, system_error},
    layout::Layout,
    marker::is_store,
};
