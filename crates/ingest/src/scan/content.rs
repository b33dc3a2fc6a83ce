//! What tells whether a file is still the same.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use futures::TryStreamExt as _;
use metalith_base::{Diagnostic as _, Kind};
use metalith_objects::{ObjectError, OpenedLocation};
use object_store::ObjectStoreExt as _;
use xxhash_rust::xxh64::Xxh64;

use super::{
    list::{Facts, FoundFile, Source},
    samples::{Known, Sample, uri_of},
};

const BY_CONTENT: &str = "xxh64:";
const BY_STAT: &str = "stat:";
const PIECE: usize = 1 << 20;
/// How coarse the clock of a file system may be, in microseconds.
const COARSE: i64 = 2_000_000;

/// What looking at a file found.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) size: u64,
    pub(super) outcome: Outcome,
}

#[derive(Debug)]
pub(super) enum Outcome {
    /// The stored sample stands.
    Same,
    /// A sample to write.
    Found { sample: Sample, read: u64, news: News, is_moved: bool },
    /// The file is not there any more.
    Vanished,
    /// The file cannot be read.
    Unreadable { path: String, problem: String },
}

/// What a sample that is written means to those downstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    New,
    Changed,
    Nothing,
}

pub(super) async fn look(
    place: &OpenedLocation,
    known: &BTreeMap<String, Known>,
    quick: bool,
    file: FoundFile,
) -> Looked {
    let size = file.size;
    let before = known.get(&file.path);
    let uri = uri_of(place, &file.path);
    let trusted = before.filter(|before| before.stands(&file.facts, quick, &uri));
    if trusted.is_some_and(|before| before.is_current) {
        return Looked { size, outcome: Outcome::Same };
    }
    let found = match trusted {
        // The sample is one of an older version of the feature; its file is the same.
        Some(before) => {
            Ok(Fingerprint { hash: before.content_hash.clone(), facts: file.facts, read: 0 })
        }
        None if quick => {
            let Facts { size, modified } = file.facts;
            let hash = format!("{BY_STAT}{size}:{modified}");
            Ok(Fingerprint { hash, facts: file.facts, read: 0 })
        }
        None => fingerprint(place, &file).await,
    };
    let outcome = match found {
        Ok(found) => outcome(before, found, file.path, uri),
        Err(error) if error.kind() == Kind::NotFound => Outcome::Vanished,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let problem = cause.unwrap_or_else(|| error.to_string());
            Outcome::Unreadable { path: file.path, problem }
        }
    };
    Looked { size, outcome }
}

fn outcome(before: Option<&Known>, found: Fingerprint, path: String, uri: String) -> Outcome {
    let news = match before.filter(|before| before.is_current) {
        None => News::New,
        Some(before) if before.content_hash == found.hash => News::Nothing,
        Some(_) => News::Changed,
    };
    // One that would not be trusted the next time either is not worth a row.
    let is_futile = before.is_some_and(|before| {
        news == News::Nothing
            && before.facts == Some(found.facts)
            && before.uri == uri
            && found.facts.modified > before.written
    });
    if is_futile {
        return Outcome::Same;
    }
    let is_moved = before.is_some_and(|before| before.uri != uri);
    let Fingerprint { hash: content_hash, facts, read } = found;
    Outcome::Found { sample: Sample { path, uri, facts, content_hash }, read, news, is_moved }
}

impl Known {
    /// Whether the file can be taken to be as it was, without reading it.
    fn stands(&self, facts: &Facts, quick: bool, uri: &str) -> bool {
        let how = if quick { BY_STAT } else { BY_CONTENT };
        // Stat tells nothing more the second time.
        let is_settled = quick || facts.modified.saturating_add(COARSE) < self.written;
        is_settled
            && self.facts == Some(*facts)
            && self.uri == uri
            && self.content_hash.starts_with(how)
    }
}

/// What stands for the content of a file.
#[derive(Clone, Debug)]
struct Fingerprint {
    hash: String,
    /// What the file was like when it was read.
    facts: Facts,
    /// Bytes read.
    read: u64,
}

async fn fingerprint(place: &OpenedLocation, file: &FoundFile) -> Result<Fingerprint, ObjectError> {
    let (shown, facts) = (file.path.clone(), file.facts);
    match &file.source {
        Source::File(path) => {
            let path: PathBuf = path.clone();
            let task = tokio::task::spawn_blocking(move || fingerprint_file(&path));
            let found = task.await.map_err(io::Error::other).flatten();
            found.map_err(|source| ObjectError::storage("read", shown, source))
        }
        Source::Object(location) => {
            let (store, location) = (std::sync::Arc::clone(&place.store), location.clone());
            // A task of its own, so that objects are hashed on all cores.
            let task = tokio::spawn(async move {
                let mut pieces = store.get(&location).await?.into_stream();
                let (mut hasher, mut read) = (Xxh64::new(0), 0);
                while let Some(piece) = pieces.try_next().await? {
                    hasher.update(&piece);
                    read += piece.len() as u64;
                }
                Ok::<_, object_store::Error>(Fingerprint { hash: text(&hasher, read), facts, read })
            });
            let found = task.await.map_err(|it| ObjectError::storage("read", &shown, it))?;
            found.map_err(|source| ObjectError::storage("read", shown, source))
        }
    }
}

/// Reads a file a piece at a time.
fn fingerprint_file(path: &Path) -> io::Result<Fingerprint> {
    let mut file = File::open(path)?;
    let facts = Facts::of(&file.metadata()?)?;
    let size = usize::try_from(facts.size).unwrap_or(PIECE).clamp(1, PIECE);
    let (mut piece, mut hasher, mut read) = (vec![0; size], Xxh64::new(0), 0);
    loop {
        let count = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&piece[..count]);
        read += count as u64;
    }
    Ok(Fingerprint { hash: text(&hasher, read), facts, read })
}

fn text(hasher: &Xxh64, size: u64) -> String {
    format!("{BY_CONTENT}{:016x}:{size}", hasher.digest())
}
