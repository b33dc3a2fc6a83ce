//! Scanning: what lies in a folder or bucket becomes samples of a root feature.
//!
//! A sample's id is its path below the scanned place. Its data version is a hash of its content, or
//! of size and time when asked to be quick. Files whose size and time are those of the stored
//! sample are not read again, and what has been hashed is written every thousand files: a scan that
//! was interrupted goes on where it stopped. Files that are gone are reported; their samples stay
//! until they are deleted, by this scan if asked, and softly.

mod content;
mod samples;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use globset::{GlobBuilder, GlobMatcher};
use metalith_base::{Diagnostic as _, FeatureKey, Kind};
use metalith_graph::{Feature, FeatureGraph};
use metalith_objects::{ObjectEntry, ObjectError, OpenedLocation, list};
use metalith_store::{DeletionMode, DeletionRequest, Store, WriteOptions};

use self::{
    content::{Known, fingerprint},
    samples::Sample,
};
use crate::IngestError;

/// How many samples are written at once.
const BATCH: usize = 1_000;

/// How to scan.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// Only paths that fit, e.g. `**/*.mp4`.
    pub glob: Option<String>,
    /// Tell changes by size and time instead of reading every file.
    pub quick: bool,
    /// What to do about samples whose files are gone.
    pub gone: Gone,
    /// How many files are read at once.
    pub parallelism: usize,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { glob: None, quick: false, gone: Gone::Report, parallelism: 8 }
    }
}

/// What to do about samples whose files are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Count them.
    Report,
    /// Delete them softly; they can be restored.
    SoftDelete,
}

/// Something that happened during a scan.
#[derive(Clone, Copy, Debug)]
pub enum ScanEvent {
    /// The place has been listed: so many files fit.
    Listed {
        /// How many.
        files: usize,
        /// How many bytes they have.
        bytes: u64,
    },
    /// A file has been looked at.
    Looked {
        /// Its size in bytes.
        bytes: u64,
    },
}

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
    /// Samples whose files are gone.
    pub gone: u64,
    /// The deletion of those, if it was asked for.
    pub deletion: Option<String>,
    /// Bytes read.
    pub bytes_read: u64,
    /// Files that vanished while the scan ran. The next scan reports them gone.
    pub vanished: u64,
    /// Files that could not be read, and why; the first hundred.
    pub unreadable: Vec<(String, String)>,
}

/// Turns what lies in a place into samples of a root feature.
///
/// Nothing is concluded about files that are gone unless the whole place was listed.
pub async fn scan(
    place: &OpenedLocation,
    store: &Store,
    graph: &FeatureGraph,
    feature: &FeatureKey,
    options: &ScanOptions,
    progress: &mut (dyn FnMut(ScanEvent) + Send),
) -> Result<ScanReport, IngestError> {
    let feature = graph.feature(feature).map_err(metalith_store::StoreError::from)?;
    let id_column = id_column(feature)?;
    require_place(place)?;
    let entries = listed(place, options.glob.as_deref()).await?;
    let bytes = entries.iter().map(|entry| entry.size).sum();
    progress(ScanEvent::Listed { files: entries.len(), bytes });
    let known = samples::known(store, graph, feature, id_column).await?;
    let seen: BTreeSet<String> = entries.iter().map(|entry| entry.path.clone()).collect();
    let mut run = Run {
        store,
        graph,
        feature,
        id_column,
        report: ScanReport { files: entries.len() as u64, ..ScanReport::default() },
    };
    let looked = stream::iter(entries)
        .map(|entry| look(place, &known, options.quick, entry))
        .buffer_unordered(options.parallelism.max(1));
    let mut batches =
        looked.inspect(|it| progress(ScanEvent::Looked { bytes: it.size })).chunks(BATCH);
    while let Some(batch) = batches.next().await {
        run.take(batch).await?;
    }
    drop(batches);
    let gone: Vec<String> = known.into_keys().filter(|path| !seen.contains(path)).collect();
    run.leave(gone, options.gone).await
}

/// The one id column, which must hold text.
fn id_column(feature: &Feature) -> Result<&str, IngestError> {
    let refuse = |problem| IngestError::NotScannable { feature: feature.key().clone(), problem };
    if !feature.spec().deps.is_empty() {
        return Err(refuse("it is computed from other features"));
    }
    match feature.spec().id_columns.as_slice() {
        [id] if samples::COLUMNS.contains(&id.as_str()) => {
            Err(refuse("its id column has the name of a column that a scan fills"))
        }
        [id] => Ok(id),
        _ => Err(refuse("it has several id columns")),
    }
}

/// A folder must be there: scanning one that is not would make every sample look gone.
fn require_place(place: &OpenedLocation) -> Result<(), IngestError> {
    match &place.folder {
        Some(folder) if !folder.is_dir() => Err(IngestError::File {
            action: "scan",
            path: PathBuf::from(folder),
            source: std::io::ErrorKind::NotFound.into(),
        }),
        _ => Ok(()),
    }
}

async fn listed(
    place: &OpenedLocation,
    glob: Option<&str>,
) -> Result<Vec<ObjectEntry>, IngestError> {
    let matcher = glob.map(matcher).transpose()?;
    let mut entries: Vec<ObjectEntry> = list(place)
        .try_filter(|entry| {
            let fits = matcher.as_ref().is_none_or(|matcher| matcher.is_match(&entry.path));
            std::future::ready(fits)
        })
        .try_collect()
        .await?;
    entries.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(entries)
}

fn matcher(pattern: &str) -> Result<GlobMatcher, IngestError> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| IngestError::Pattern {
        pattern: pattern.to_owned(),
        problem: error.kind().to_string(),
    })
}

/// What looking at a file found.
struct Looked {
    size: u64,
    outcome: Outcome,
}

enum Outcome {
    Unchanged,
    Hashed { sample: Sample, read: u64, is_new: bool, is_same: bool },
    Vanished,
    Unreadable { path: String, problem: String },
}

async fn look(
    place: &OpenedLocation,
    known: &BTreeMap<String, Known>,
    quick: bool,
    entry: ObjectEntry,
) -> Looked {
    let size = entry.size;
    let before = known.get(&entry.path);
    if before.is_some_and(|before| before.stands(&entry, quick)) {
        return Looked { size, outcome: Outcome::Unchanged };
    }
    let outcome = match fingerprint(place, &entry, quick).await {
        Ok(found) => Outcome::Hashed {
            is_new: before.is_none(),
            is_same: before.is_some_and(|before| before.content_hash == found.hash),
            read: found.read,
            sample: Sample::new(place, &entry, found),
        },
        Err(error) => failed(entry.path, &error),
    };
    Looked { size, outcome }
}

fn failed(path: String, error: &ObjectError) -> Outcome {
    match error.kind() {
        Kind::NotFound => Outcome::Vanished,
        _ => Outcome::Unreadable { path, problem: error.to_string() },
    }
}

struct Run<'a> {
    store: &'a Store,
    graph: &'a FeatureGraph,
    feature: &'a Feature,
    id_column: &'a str,
    report: ScanReport,
}

impl Run<'_> {
    async fn take(&mut self, batch: Vec<Looked>) -> Result<(), IngestError> {
        let mut samples = Vec::new();
        for looked in batch {
            match looked.outcome {
                Outcome::Unchanged => self.report.unchanged += 1,
                Outcome::Hashed { sample, read, is_new, is_same } => {
                    self.report.bytes_read += read;
                    match (is_new, is_same) {
                        (true, _) => self.report.new += 1,
                        // Touched, but the same: its time is written, its version stays.
                        (false, true) => self.report.unchanged += 1,
                        (false, false) => self.report.changed += 1,
                    }
                    samples.push(sample);
                }
                Outcome::Vanished => self.report.vanished += 1,
                Outcome::Unreadable { path, problem } => {
                    if self.report.unreadable.len() < 100 {
                        self.report.unreadable.push((path, problem));
                    }
                }
            }
        }
        if samples.is_empty() {
            return Ok(());
        }
        let rows = samples::rows(self.feature, self.id_column, &samples)?;
        let options = WriteOptions::default();
        self.store.write(self.graph, self.feature.key(), rows, &options).await?;
        Ok(())
    }

    async fn leave(mut self, gone: Vec<String>, what: Gone) -> Result<ScanReport, IngestError> {
        self.report.gone = gone.len() as u64;
        if what == Gone::Report || gone.is_empty() {
            return Ok(self.report);
        }
        let paths = gone.into_iter().map(metalith_expr::lit);
        let filter = metalith_expr::column(self.id_column).is_in(paths);
        let mut request = DeletionRequest::new(DeletionMode::Soft, vec![filter]);
        request.reason = Some("gone from the scanned place".to_owned());
        let receipt = self.store.delete(self.graph, self.feature.key(), &request).await?;
        self.report.deletion = Some(receipt.id);
        Ok(self.report)
    }
}
