//! One scan: what it has found and not yet written, and what it says in the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use globset::GlobMatcher;
use metalith_objects::OpenedLocation;
use metalith_store::WriteOptions;

use super::{
    Gone, GoneSamples, RowGuard, ScanReport, Target,
    content::{Looked, News, Outcome},
    list::{FoundFile, Listing},
    samples::{self, Known, Sample, uri_of},
};
use crate::IngestError;

/// How many paths of files that are gone are named.
const EXAMPLES: usize = 10;

pub(super) struct Run<'a> {
    place: &'a OpenedLocation,
    target: Target<'a>,
    matcher: Option<GlobMatcher>,
    seen: BTreeSet<String>,
    is_whole: bool,
    pending: Vec<Sample>,
    report: ScanReport,
}

impl<'a> Run<'a> {
    /// A run and the files that it is about.
    pub(super) fn new(
        place: &'a OpenedLocation,
        target: Target<'a>,
        matcher: Option<GlobMatcher>,
        listing: Listing,
    ) -> (Vec<FoundFile>, Self) {
        let Listing { files, skipped, unlisted } = listing;
        let seen = files.iter().map(|file| file.path.clone()).collect();
        let is_whole = unlisted.is_empty();
        let count = files.len() as u64;
        let report =
            ScanReport { files: count, skipped, unreadable: unlisted, ..ScanReport::default() };
        let run = Self { place, target, matcher, seen, is_whole, pending: Vec::new(), report };
        (files, run)
    }

    /// How many samples are to be written.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn take(&mut self, looked: Looked) {
        match looked.outcome {
            Outcome::Same => self.report.unchanged += 1,
            Outcome::Found { sample, read, news, is_moved } => {
                self.report.bytes_read += read;
                self.report.moved += u64::from(is_moved);
                match news {
                    News::New => self.report.new += 1,
                    News::Changed => self.report.changed += 1,
                    // Its time or place is written, its version stays.
                    News::Nothing => self.report.unchanged += 1,
                }
                self.pending.push(sample);
            }
            Outcome::Vanished => self.report.vanished += 1,
            Outcome::Unreadable { path, problem } => self.report.unreadable.add(path, problem),
        }
    }

    /// Writes what is pending.
    pub(super) async fn write(&mut self) -> Result<(), IngestError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let Target { store, graph, feature, id_column, guard } = self.target;
        let rows = samples::rows(feature, id_column, &mem::take(&mut self.pending))?;
        let rows = match guard {
            Some(RowGuard(guard)) => guard(rows),
            None => rows,
        };
        store.write(graph, feature.key(), rows, &WriteOptions::default()).await?;
        Ok(())
    }

    /// Finds what is gone.
    pub(super) fn conclude(
        mut self,
        known: &BTreeMap<String, Known>,
        what: Gone,
    ) -> Result<ScanReport, IngestError> {
        let (ours, elsewhere): (Vec<_>, Vec<_>) = known
            .iter()
            .filter(|(_, it)| it.is_current)
            .partition(|(path, it)| self.is_ours(path, it));
        self.report.elsewhere = elsewhere.len() as u64;
        if !self.is_whole {
            return Ok(self.report);
        }
        let gone: Vec<&str> = ours
            .into_iter()
            .map(|(path, _)| path.as_str())
            .filter(|path| !self.seen.contains(*path))
            .collect();
        self.report.gone = Some(gone.len() as u64);
        self.report.gone_examples =
            gone.iter().take(EXAMPLES).map(|path| (*path).to_owned()).collect();
        if what == Gone::Report || gone.is_empty() {
            return Ok(self.report);
        }
        let Target { feature, id_column, .. } = self.target;
        if self.report.files == 0 {
            // An unmounted disk looks just like this.
            return Err(IngestError::NothingThere {
                place: self.place.url.to_string(),
                feature: feature.key().clone(),
                samples: gone.len() as u64,
            });
        }
        let paths = gone.into_iter().map(str::to_owned).collect();
        self.report.gone_samples = Some(GoneSamples { id_column: id_column.to_owned(), paths });
        Ok(self.report)
    }

    /// Whether a sample was scanned from this place, by this pattern.
    fn is_ours(&self, path: &str, known: &Known) -> bool {
        let fits = self.matcher.as_ref().is_none_or(|matcher| matcher.is_match(path));
        self.seen.contains(path) || (fits && known.uri == uri_of(self.place, path))
    }
}
