//! What commits left behind beside rows: tags, and files that are not needed any more.
//!
//! Looking these up in the log reads all of it, each time. So what the commits say that follow a
//! state which was read as a whole is remembered, and shared by all states that follow it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use deltalake_core::kernel::Remove;
use metalith_store::StoreError;
use tokio::sync::OnceCell;

use crate::{
    log_entry::{self, is_entry, now_millis},
    place::Place,
    table_list::LOG,
};

/// For how long a listing of a table's folder says what was left there before.
const LISTED: Duration = Duration::from_secs(60 * 60);
const CHECKPOINT: &str = ".checkpoint.parquet";

/// The commits since a state that was read as a whole.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Tags of commits that happen only once, with the version that each made.
    tags: Mutex<HashMap<String, u64>>,
    /// The tags of all commits up to the state, `None` if the log does not tell in a simple way.
    before: OnceCell<Option<HashSet<String>>>,
    removed: Mutex<Removed>,
}

#[derive(Debug, Default)]
struct Removed {
    /// Files that commits replaced and that may still be there.
    files: HashMap<String, Replaced>,
    /// When the folder was listed last, and what was left there removed.
    listed: Option<Instant>,
}

/// A file that a commit replaced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replaced {
    /// In milliseconds.
    pub(crate) at: i64,
    pub(crate) bytes: u64,
}

impl History {
    /// Takes note of the tag of a commit.
    pub(crate) fn note_tag(&self, tag: String, version: u64) {
        lock(&self.tags).insert(tag, version);
    }

    /// Takes note of a file that a commit replaced.
    pub(crate) fn note_removed(&self, file: Remove) {
        let at = file.deletion_timestamp.unwrap_or_else(now_millis);
        let bytes = file.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
        lock(&self.removed).files.insert(file.path, Replaced { at, bytes });
    }

    /// Whether a commit with a tag was made since, up to a version.
    pub(crate) fn has_tag(&self, tag: &str, version: u64) -> bool {
        lock(&self.tags).get(tag).is_some_and(|made| *made <= version)
    }

    /// The tags of all commits up to the state, as long as the log tells in a simple way.
    pub(crate) async fn before(
        &self,
        place: &Place,
        folder: &str,
        version: u64,
    ) -> Result<Option<&HashSet<String>>, StoreError> {
        let before = self.before.get_or_try_init(|| tags(place, folder, version)).await?;
        Ok(before.as_ref())
    }

    /// The files that commits replaced since, and that may still be there.
    pub(crate) fn replaced(&self) -> HashMap<String, Replaced> {
        lock(&self.removed).files.clone()
    }

    /// Whether there is nothing else that is not needed, as of a while ago.
    pub(crate) fn is_all(&self) -> bool {
        lock(&self.removed).listed.is_some_and(|at| at.elapsed() < LISTED)
    }

    /// Takes note that all that was not needed is gone.
    pub(crate) fn note_listed(&self) {
        lock(&self.removed).listed = Some(Instant::now());
    }

    /// Takes note that a file is gone.
    pub(crate) fn note_gone(&self, path: &str) {
        lock(&self.removed).files.remove(path);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // One insertion, removal or assignment at a time; a panic cannot leave it half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The tags of all commits up to a version: of the last checkpoint that is a single file, and of the
/// entries after it. `None` where there is anything else, which Delta's own reader knows better.
async fn tags(
    place: &Place,
    folder: &str,
    version: u64,
) -> Result<Option<HashSet<String>>, StoreError> {
    let mut found = HashSet::new();
    let (mut first, mut entries) = (0, HashSet::new());
    let mut checkpoints = Vec::new();
    for (name, _, _) in place.list(&format!("{folder}/{LOG}")).await? {
        let number = name.split('.').next().and_then(|it| it.parse::<u64>().ok());
        let Some(number) = number.filter(|it| *it <= version) else { continue };
        if is_entry(&name) {
            entries.insert(number);
        } else if name.contains(".checkpoint.") {
            checkpoints.push((number, name));
        }
    }
    if let Some((number, name)) = checkpoints.into_iter().max() {
        if name != format!("{number:020}{CHECKPOINT}") {
            return Ok(None);
        }
        let content = place.get(&format!("{folder}/{LOG}/{name}")).await?;
        let Some(tags) = content.and_then(|it| checkpoint::tags(it.into())) else {
            return Ok(None);
        };
        found.extend(tags);
        first = number + 1;
    }
    for number in first..=version {
        if !entries.contains(&number) {
            return Ok(None);
        }
        let entry = place.get(&log_entry::file(folder, number)).await?;
        let Some(entry) = entry else { return Ok(None) };
        found.extend(log_entry::tags(&entry));
    }
    Ok(Some(found))
}

/// Checkpoints that are a single file.
mod checkpoint {
    use bytes::Bytes;
    use datafusion::arrow::array::{Array as _, AsArray as _};
    use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};

    /// The tags in a checkpoint; `None` if it is not one that is understood here.
    pub(super) fn tags(content: Bytes) -> Option<Vec<String>> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(content).ok()?;
        let names = builder.schema().fields().iter().map(|field| field.name().as_str());
        let names: Vec<&str> = names.collect();
        // What has sidecars has a part of its actions elsewhere.
        if names.contains(&"sidecar") || !names.contains(&"txn") {
            return None;
        }
        let schema = builder.parquet_schema();
        let is_tag = |leaf: &usize| schema.column(*leaf).path().string() == "txn.appId";
        let leaves: Vec<usize> = (0..schema.num_columns()).filter(is_tag).collect();
        let mask = ProjectionMask::leaves(schema, leaves);
        let mut found = Vec::new();
        for batch in builder.with_projection(mask).build().ok()? {
            let batch = batch.ok()?;
            let txn = batch.column_by_name("txn")?.as_struct_opt()?;
            let tags = txn.column_by_name("appId")?.as_string_opt::<i32>()?;
            let there = (0..tags.len()).filter(|row| txn.is_valid(*row) && tags.is_valid(*row));
            found.extend(there.map(|row| tags.value(row).to_owned()));
        }
        Some(found)
    }
}
