//! What lies in a place.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use futures::TryStreamExt as _;
use globset::GlobMatcher;
use metalith_objects::OpenedLocation;

use super::Remarks;
use crate::IngestError;

/// Folders of this name hold a project's own store, and are none of its samples.
const OWN_FOLDER: &str = ".metalith";

/// A file that fits.
#[derive(Clone, Debug)]
pub(super) struct FoundFile {
    /// Below the place, with `/` between its parts.
    pub(super) path: String,
    pub(super) facts: Facts,
    pub(super) size: u64,
    pub(super) source: Source,
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) size: u64,
    /// Microseconds since 1970.
    pub(super) modified: i64,
}

#[derive(Clone, Debug)]
pub(super) enum Source {
    File(PathBuf),
    Object(object_store::path::Path),
}

/// What lies in a place, by path.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: Vec<FoundFile>,
    pub(super) skipped: Remarks,
    /// Folders that could not be listed: what is in them is not known.
    pub(super) unlisted: Remarks,
}

pub(super) async fn list_place(
    place: &OpenedLocation,
    matcher: Option<&GlobMatcher>,
) -> Result<Listing, IngestError> {
    let mut listing = match &place.folder {
        Some(folder) => {
            let (folder, matcher) = (folder.clone(), matcher.cloned());
            let walk = move || Walk::over(&folder, matcher.as_ref());
            tokio::task::spawn_blocking(walk).await.map_err(io::Error::other).flatten().map_err(
                |source| IngestError::File {
                    action: "scan",
                    path: place.folder.clone().unwrap_or_default(),
                    source,
                },
            )?
        }
        None => list_bucket(place, matcher).await?,
    };
    listing.files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(listing)
}

async fn list_bucket(
    place: &OpenedLocation,
    matcher: Option<&GlobMatcher>,
) -> Result<Listing, IngestError> {
    let mut listing = Listing::default();
    let mut entries = metalith_objects::list(place);
    while let Some(entry) = entries.try_next().await? {
        if !matcher.is_none_or(|matcher| matcher.is_match(&entry.path)) {
            continue;
        }
        listing.files.push(FoundFile {
            path: entry.path,
            facts: Facts { size: entry.size, modified: entry.modified },
            size: entry.size,
            source: Source::Object(entry.location),
        });
    }
    Ok(listing)
}

impl Facts {
    pub(super) fn of(metadata: &fs::Metadata) -> io::Result<Self> {
        let time = metadata.modified()?;
        let micros = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()),
            Err(before) => i64::try_from(before.duration().as_micros()).map(|it| -it),
        };
        Ok(Self { size: metadata.len(), modified: micros.unwrap_or(i64::MAX) })
    }
}

/// A walk through a folder. Links are followed, except in circles.
struct Walk<'a> {
    matcher: Option<&'a GlobMatcher>,
    /// The real folders that lead to where the walk is.
    above: Vec<PathBuf>,
    listing: Listing,
}

impl<'a> Walk<'a> {
    fn over(folder: &Path, matcher: Option<&'a GlobMatcher>) -> io::Result<Listing> {
        // A place that is not there must not make every sample look gone.
        let entries = fs::read_dir(folder)?;
        let above = vec![fs::canonicalize(folder)?];
        let mut walk = Self { matcher, above, listing: Listing::default() };
        walk.entries(entries, "");
        Ok(walk.listing)
    }

    fn entries(&mut self, entries: fs::ReadDir, parent: &str) {
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(&entry, parent),
                Err(error) => self.listing.unlisted.add(parent, error.to_string()),
            }
        }
    }

    fn entry(&mut self, entry: &fs::DirEntry, parent: &str) {
        let name = entry.file_name();
        let shown = join(parent, &name.to_string_lossy());
        let Some(name) = name.to_str() else {
            self.listing.skipped.add(shown, "its name is not Unicode");
            return;
        };
        let relative = join(parent, name);
        match fs::metadata(entry.path()) {
            Ok(found) if found.is_dir() && name == OWN_FOLDER => {}
            Ok(found) if found.is_dir() => self.folder(&entry.path(), &relative),
            Ok(found) if found.is_file() => self.file(entry.path(), relative, &found),
            Ok(_) => self.remark(&relative, "it is neither a file nor a folder"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A link that leads nowhere; a file that has just vanished is no link.
                if fs::symlink_metadata(entry.path()).is_ok() {
                    self.remark(&relative, "the link leads nowhere");
                }
            }
            Err(error) if is_ring(&entry.path(), &error) => {
                self.remark(&relative, "the link leads in a circle");
            }
            Err(error) => self.listing.unlisted.add(relative, error.to_string()),
        }
    }

    fn folder(&mut self, folder: &Path, relative: &str) {
        let opened = fs::canonicalize(folder).and_then(|real| Ok((real, fs::read_dir(folder)?)));
        match opened {
            Ok((real, _)) if self.above.contains(&real) => {
                self.listing.skipped.add(relative, "the link leads in a circle");
            }
            Ok((real, entries)) => {
                self.above.push(real);
                self.entries(entries, relative);
                self.above.pop();
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.listing.unlisted.add(relative, error.to_string()),
        }
    }

    fn file(&mut self, file: PathBuf, path: String, metadata: &fs::Metadata) {
        if !self.fits(&path) {
            return;
        }
        match Facts::of(metadata) {
            Ok(facts) => {
                let (size, source) = (facts.size, Source::File(file));
                self.listing.files.push(FoundFile { path, facts, size, source });
            }
            Err(error) => self.listing.unlisted.add(path, error.to_string()),
        }
    }

    /// Says why something is no sample, unless the pattern left it out anyway.
    fn remark(&mut self, path: &str, problem: &str) {
        if self.fits(path) {
            self.listing.skipped.add(path, problem);
        }
    }

    fn fits(&self, path: &str) -> bool {
        self.matcher.is_none_or(|matcher| matcher.is_match(path))
    }
}

/// Whether links lead to one another, and to nothing else.
fn is_ring(path: &Path, error: &io::Error) -> bool {
    // The standard library has no stable name for this error.
    error.to_string().contains("symbolic link") && path.is_symlink()
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}
