//! Data files as the log names them.

use std::collections::HashMap;

use deltalake_core::kernel::{Add, Remove};
use metalith_store::Change;

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

/// Whether a path leads out of the folder of the table.
pub(crate) fn is_elsewhere(path: &str) -> bool {
    path.starts_with('/') || path.contains("://")
}

impl DataFile {
    /// The file that an action adds, and whether the action says how many rows it has; `None` when
    /// the file cannot be read here.
    pub(crate) fn added(add: Add) -> Option<(Self, bool)> {
        if add.deletion_vector.is_some() || is_elsewhere(&add.path) {
            return None;
        }
        let stats: Option<serde_json::Value> =
            add.stats.as_deref().and_then(|stats| serde_json::from_str(stats).ok());
        let rows = stats.and_then(|stats| stats["numRecords"].as_u64());
        let file = Self {
            path: add.path,
            bytes: u64::try_from(add.size).unwrap_or_default(),
            modified: add.modification_time,
            rows: usize::try_from(rows.unwrap_or_default()).unwrap_or_default(),
            partition: add.partition_values,
        };
        Some((file, rows.is_some()))
    }

    pub(crate) fn add(&self, modified: i64, change: Change) -> Add {
        Add {
            path: self.path.clone(),
            partition_values: HashMap::new(),
            size: i64::try_from(self.bytes).unwrap_or(i64::MAX),
            modification_time: modified,
            data_change: change == Change::Content,
            stats: Some(format!("{{\"numRecords\":{}}}", self.rows)),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        }
    }

    pub(crate) fn remove(&self, change: Change) -> Remove {
        Remove {
            path: self.path.clone(),
            data_change: change == Change::Content,
            deletion_timestamp: Some(now_millis()),
            extended_file_metadata: Some(true),
            partition_values: Some(self.partition.clone()),
            size: i64::try_from(self.bytes).ok(),
            ..Remove::default()
        }
    }
}
