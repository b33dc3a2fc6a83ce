//! What a scan has to say.

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
    /// The deletion of those, if it was asked for.
    pub deletion: Option<String>,
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
