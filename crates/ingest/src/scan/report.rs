//! What a scan has to say.

use metalith_expr::{Expr, column, lit};

/// What a scan found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Files that fit.
    pub files: u64,
    /// Samples that were not there before.
    pub new: u64,
    /// Samples whose content changed.
    pub changed: u64,
    /// Samples as they were.
    pub unchanged: u64,
    /// Samples, new or changed or not, that were scanned from another place before.
    pub moved: u64,
    /// Samples whose files are gone; `None` when a part of the place could not be listed.
    pub gone: Option<u64>,
    /// The first of those, by path.
    pub gone_examples: Vec<String>,
    /// All of those, if it was asked for and there are any.
    pub gone_samples: Option<GoneSamples>,
    /// Samples of the feature that are none of this scan's business: from other places, or such
    /// that do not fit the pattern.
    pub elsewhere: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Files that vanished while the scan ran. The next scan reports them gone.
    pub vanished: u64,
    /// Files and folders that could not be read.
    pub unreadable: Remarks,
    /// What is no file that could be a sample: a name that is not Unicode, a link that leads
    /// nowhere or in a circle, a device.
    pub skipped: Remarks,
}

/// Samples whose files are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoneSamples {
    /// The column of their ids.
    pub(super) id_column: String,
    /// Their ids.
    pub paths: Vec<String>,
}

impl GoneSamples {
    /// The condition that they meet, and no others.
    pub fn filter(&self) -> Expr {
        let paths = self.paths.iter().map(|path| lit(path.clone()));
        column(self.id_column.as_str()).is_in(paths)
    }
}

/// Remarks on paths: how many there are, and the first hundred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// How many.
    pub count: u64,
    /// The first hundred.
    pub first: Vec<Remark>,
}

/// A path and what is the matter with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The path below the scanned place.
    pub path: String,
    /// What is the matter.
    pub problem: String,
}

impl Remarks {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn add(&mut self, path: impl Into<String>, problem: impl Into<String>) {
        self.count += 1;
        if self.first.len() < 100 {
            self.first.push(Remark { path: path.into(), problem: problem.into() });
        }
    }
}
