//! Scanning: what lies in a folder or bucket becomes samples of a root feature.
//!
//! A sample's id is its path below the scanned place, with `/` between its parts. Beside it a
//! sample has `uri` (the whole address, percent-encoded), `size`, `modified_at` and `content_hash`.
//!
//! # Versions
//!
//! The content hash is the version of every field of the feature: `xxh64:<16 hex digits>:<size>`,
//! xxHash64 with seed 0 over the bytes. A quick scan reads no content; there it is
//! `stat:<size>:<microseconds since 1970>`. Going from one kind to the other changes the version
//! of every sample.
//!
//! # What is read again
//!
//! A file whose size and time are those of the stored sample is not read again, unless it was
//! changed less than two seconds before the sample was written: clocks of storage are coarse, and
//! such a file may have changed once more without a trace.
//!
//! # Interruption
//!
//! What has been hashed is written every few seconds. A scan that was interrupted goes on where it
//! stopped.
//!
//! # Files that are gone
//!
//! Samples that were scanned from the same place, fit the pattern and whose files are not there any
//! more are reported. They stay until they are deleted: the scan says which they are, and deletes
//! nothing itself. Then what was computed from them is orphaned. Nothing is concluded when a part of
//! the place could not be listed.

mod content;
mod list;
mod report;
mod run;
mod samples;

use std::{fmt, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use globset::{GlobBuilder, GlobMatcher};
use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureGraph};
use metalith_objects::OpenedLocation;
use metalith_store::{OverFallback, Rows, Store, StoreError};

pub use self::report::{GoneSamples, Remark, Remarks, ScanReport};
use self::{content::look, list::list_place, run::Run};
use crate::IngestError;

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
    /// What rows go through on their way to the store.
    pub guard: Option<RowGuard>,
    /// What about samples that are read from a store further down the fallback chain.
    pub over_fallback: OverFallback,
}

/// Something that rows go through on their way to the store, and that may end them in an error.
#[derive(Clone)]
pub struct RowGuard(pub Arc<dyn Fn(Rows) -> Rows + Send + Sync>);

impl fmt::Debug for RowGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowGuard")
    }
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            glob: None,
            quick: false,
            gone: Gone::Report,
            parallelism: 8,
            guard: None,
            over_fallback: OverFallback::Refuse,
        }
    }
}

/// What to do about samples whose files are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Count them.
    Report,
    /// Say which they are, for the caller to delete. An error when nothing is there any more: an
    /// unmounted disk looks just like that.
    Choose,
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

/// How often what has been found is written.
#[derive(Clone, Copy, Debug)]
struct Pace {
    samples: usize,
    time: Duration,
}

const PACE: Pace = Pace { samples: 20_000, time: Duration::from_secs(5) };

/// Turns what lies in a place into samples of a root feature.
///
/// Files that cannot be read do not stop it; they are in the report.
pub async fn scan(
    place: &OpenedLocation,
    store: &Store,
    graph: &FeatureGraph,
    feature: &FeatureKey,
    options: &ScanOptions,
    progress: &mut (dyn FnMut(ScanEvent) + Send),
) -> Result<ScanReport, IngestError> {
    let feature = graph.feature(feature).map_err(StoreError::from)?;
    let (id_column, guard) = (id_column(feature)?, options.guard.as_ref());
    // A store that hides what is behind needs the files that are known there as well.
    let store = match options.over_fallback {
        OverFallback::Refuse => store,
        OverFallback::Hide => &store.alone(),
    };
    let target = Target { store, graph, feature, id_column, guard };
    scan_at(place, target, options, PACE, progress).await
}

/// Where samples go.
#[derive(Clone, Copy)]
struct Target<'a> {
    store: &'a Store,
    graph: &'a FeatureGraph,
    feature: &'a Feature,
    id_column: &'a str,
    guard: Option<&'a RowGuard>,
}

async fn scan_at(
    place: &OpenedLocation,
    target: Target<'_>,
    options: &ScanOptions,
    pace: Pace,
    progress: &mut (dyn FnMut(ScanEvent) + Send),
) -> Result<ScanReport, IngestError> {
    let matcher = options.glob.as_deref().map(matcher).transpose()?;
    let listing = list_place(place, matcher.as_ref()).await?;
    let bytes = listing.files.iter().map(|file| file.size).sum();
    progress(ScanEvent::Listed { files: listing.files.len(), bytes });
    let known = samples::known(target).await?;
    let (files, mut run) = Run::new(place, target, matcher, listing);
    let mut looked = stream::iter(files)
        .map(|file| look(place, &known, options.quick, file))
        .buffer_unordered(options.parallelism.max(1));
    let mut due = tokio::time::Instant::now() + pace.time;
    loop {
        match tokio::time::timeout_at(due, looked.next()).await {
            Ok(Some(found)) => {
                progress(ScanEvent::Looked { bytes: found.size });
                run.take(found);
            }
            Ok(None) => break,
            Err(_) => {}
        }
        let is_due = tokio::time::Instant::now() >= due;
        if is_due || run.pending() >= pace.samples {
            run.write().await?;
            due = tokio::time::Instant::now() + pace.time;
        }
    }
    run.write().await?;
    drop(looked);
    run.conclude(&known, options.gone)
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

fn matcher(pattern: &str) -> Result<GlobMatcher, IngestError> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| IngestError::Pattern {
        pattern: pattern.to_owned(),
        problem: error.kind().to_string(),
    })
}
