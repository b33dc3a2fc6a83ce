//! Rows from files and to files, and folders and buckets as samples.
//!
//! [`read_file`] and [`RowSink`] know Parquet, CSV, TSV, JSON lines and Arrow IPC;
//! [`write_increment`] and [`write_work`] write what a resolve finds. [`scan`] turns what lies in a
//! folder or bucket into samples of a root feature. What this crate is not: it decides
//! nothing about versions; rows go through `Store::write` like everybody's.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the types of Arrow and its kin are many and grow; what is not named is refused or kept"
)]

mod behind;
mod encode;
mod error;
mod files;
mod formats;
mod increment;
mod save;
mod scan;
mod sink;
mod stream;
mod versions;

pub use crate::{
    error::IngestError,
    files::{RowFile, read_file, read_stream},
    formats::FileFormat,
    increment::{WrittenIncrement, write_increment, write_work},
    save::{CompleteFile, RowWriter},
    scan::{
        Gone, GoneSamples, Remark, Remarks, RowGuard, ScanEvent, ScanOptions, ScanReport, scan,
    },
    sink::RowSink,
    versions::{VersionColumn, assemble_versions, read_samples},
};
