//! What tells whether a file is still the same.

use futures::TryStreamExt as _;
use metalith_objects::{ObjectEntry, ObjectError, OpenedLocation};
use object_store::ObjectStoreExt as _;
use xxhash_rust::xxh64::Xxh64;

/// What the store knows of a file.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) content_hash: String,
}

/// What stands for the content of a file.
#[derive(Clone, Debug)]
pub(super) struct Fingerprint {
    /// `xxh64:` and 16 hex digits over the content, or `stat:` with size and time.
    pub(super) hash: String,
    /// Bytes read to find it.
    pub(super) read: u64,
}

const BY_CONTENT: &str = "xxh64:";
const BY_STAT: &str = "stat:";

impl Known {
    /// Whether the file can be taken to be as it was, without reading it.
    pub(super) fn stands(&self, entry: &ObjectEntry, quick: bool) -> bool {
        let how = if quick { BY_STAT } else { BY_CONTENT };
        self.size == entry.size
            && self.modified == entry.modified
            && self.content_hash.starts_with(how)
    }
}

/// Finds what stands for the content of a file, a piece at a time.
pub(super) async fn fingerprint(
    place: &OpenedLocation,
    entry: &ObjectEntry,
    quick: bool,
) -> Result<Fingerprint, ObjectError> {
    if quick {
        let hash = format!("{BY_STAT}{}:{}", entry.size, entry.modified);
        return Ok(Fingerprint { hash, read: 0 });
    }
    let failed = |source| ObjectError::storage("read", entry.path.clone(), source);
    let mut pieces = place.store.get(&entry.location).await.map_err(failed)?.into_stream();
    let (mut hasher, mut read) = (Xxh64::new(0), 0);
    while let Some(piece) = pieces.try_next().await.map_err(failed)? {
        hasher.update(&piece);
        read += piece.len() as u64;
    }
    Ok(Fingerprint { hash: format!("{BY_CONTENT}{:016x}", hasher.digest()), read })
}
