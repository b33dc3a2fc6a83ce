//! Data files as the log names them.

use std::collections::HashMap;

use deltalake_core::kernel::{Add, Remove};

use crate::log_entry::now_millis;

/// A data file of a table.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    /// Relative to the folder of the table, without URL encoding.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// In milliseconds; orders the chunks of a table.
    pub(crate) modified: i64,
    pub(crate) rows: usize,
    /// Values of partition columns, which are not in the file.
    pub(crate) partition: HashMap<String, Option<String>>,
}

/// Whether a commit changes what is in the table, or only how it is stored.
pub(crate) type DataChange = bool;

impl DataFile {
    pub(crate) fn add(&self, modified: i64, data_change: DataChange) -> Add {
        Add {
            path: self.path.clone(),
            partition_values: HashMap::new(),
            size: i64::try_from(self.bytes).unwrap_or(i64::MAX),
            modification_time: modified,
            data_change,
            stats: Some(format!("{{\"numRecords\":{}}}", self.rows)),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        }
    }

    pub(crate) fn remove(&self, data_change: DataChange) -> Remove {
        Remove {
            path: self.path.clone(),
            data_change,
            deletion_timestamp: Some(now_millis()),
            extended_file_metadata: Some(true),
            partition_values: Some(self.partition.clone()),
            size: i64::try_from(self.bytes).ok(),
            ..Remove::default()
        }
    }
}
