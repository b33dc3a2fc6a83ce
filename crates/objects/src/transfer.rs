//! Whole objects to and from files of this machine.

mod parts;

use std::{
    fmt,
    fs::File,
    io::{Read as _, Write},
    ops::Range,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use futures::TryStreamExt as _;
use object_store::{
    Error as StoreError, ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload, UpdateVersion,
    path::Path as ObjectPath,
};

use self::parts::Parts;
pub use self::parts::tidied;
use crate::{ObjectEntry, ObjectError, OpenedLocation};

/// How much is sent at once. S3 takes no parts smaller than 5 MiB.
const PART: usize = 8 << 20;

/// Writes the content of an object, in order.
pub async fn download(
    place: &OpenedLocation,
    entry: &ObjectEntry,
    to: &mut (impl Write + Send),
) -> Result<(), ObjectError> {
    let failed = |source| ObjectError::storage("read", entry.location.to_string(), source);
    let found = place.store.get(&entry.location).await.map_err(failed)?;
    let mut parts = found.into_stream();
    while let Some(part) = parts.try_next().await.map_err(failed)? {
        to.write_all(&part)
            .map_err(|source| ObjectError::storage("fetch", entry.location.to_string(), source))?;
    }
    Ok(())
}

/// A part of an object.
pub async fn download_part(
    place: &OpenedLocation,
    entry: &ObjectEntry,
    part: Range<u64>,
) -> Result<Vec<u8>, ObjectError> {
    let failed = |source| ObjectError::storage("read", entry.location.to_string(), source);
    if part.is_empty() {
        return Ok(Vec::new());
    }
    Ok(place.store.get_range(&entry.location, part).await.map_err(failed)?.to_vec())
}

/// What tells an object from another in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectState {
    etag: Option<String>,
    version: Option<String>,
    size: u64,
    modified: i64,
}

/// What is at a place now; `None` when there is nothing.
pub async fn object_state(
    place: &OpenedLocation,
    name: &str,
) -> Result<Option<ObjectState>, ObjectError> {
    state(place, &path_of(place, name)).await
}

async fn state(
    place: &OpenedLocation,
    path: &ObjectPath,
) -> Result<Option<ObjectState>, ObjectError> {
    match place.store.head(path).await {
        Ok(meta) => Ok(Some(ObjectState {
            etag: meta.e_tag,
            version: meta.version,
            size: meta.size,
            modified: meta.last_modified.timestamp_micros(),
        })),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(source) => Err(ObjectError::storage("read", path.to_string(), source)),
    }
}

impl ObjectState {
    /// Its bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What changes with its content, if storage says that.
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }
}

/// What is the same for two spellings of an object's place.
pub fn object_identity(place: &OpenedLocation, name: &str) -> String {
    let (user, host) = (place.url.username(), place.url.host_str().unwrap_or_default());
    format!("{user}@{host}/{}", path_of(place, name))
}

fn path_of(place: &OpenedLocation, name: &str) -> ObjectPath {
    let parts = name.split('/').filter(|part| !part.is_empty());
    parts.fold(place.prefix.clone(), |path, part| path.join(part))
}

/// A file on its way to become an object, which nobody sees before it is [finished](Self::finish).
/// One that is dropped before is given up: what storage has of it goes away in the background, see
/// [`tidied`].
pub struct Upload {
    place: OpenedLocation,
    path: ObjectPath,
    content: Content,
}

enum Content {
    /// Small enough to be sent in one piece.
    Whole(Vec<u8>),
    /// Storage has all of it. What keeps account of that is no thing that threads could share, unless
    /// one has it at a time.
    Parts(Mutex<Parts>),
}

/// Whether a file became an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It did.
    Done,
    /// Something else is in its place than what was looked at, and stays.
    Changed,
}

impl Upload {
    /// Sends what can be sent without anybody seeing it.
    pub async fn begin(
        place: &OpenedLocation,
        name: &str,
        from: &Path,
    ) -> Result<Self, ObjectError> {
        let path = path_of(place, name);
        let failed = |source| ObjectError::storage("write", path.to_string(), source);
        let unread = |source| ObjectError::storage("read", from.display().to_string(), source);
        let mut file = File::open(from).map_err(unread)?;
        let length = file.metadata().map_err(unread)?.len();
        if length <= PART as u64 {
            let mut content = Vec::new();
            file.read_to_end(&mut content).map_err(unread)?;
            return Ok(Self { place: place.clone(), path, content: Content::Whole(content) });
        }
        let parts = Parts::begin(Arc::clone(&place.store), path.clone()).await;
        let mut parts = parts.map_err(failed)?;
        let sent = loop {
            let mut part = Vec::with_capacity(PART);
            match (&mut file).take(PART as u64).read_to_end(&mut part) {
                // Whether all of them arrived is known before anything is shown to anybody.
                Ok(0) => break parts.wait_for(0).await.map_err(failed),
                Ok(_) => {
                    if let Err(error) = parts.send(part).await {
                        break Err(failed(error));
                    }
                }
                Err(source) => break Err(unread(source)),
            }
        };
        match sent {
            Ok(()) => {
                Ok(Self { place: place.clone(), path, content: Content::Parts(Mutex::new(parts)) })
            }
            Err(error) => {
                parts.abort().await;
                Err(error)
            }
        }
    }

    /// Makes the object in one act, if what is in its place is what was looked at: whoever reads
    /// sees the object before or after it.
    ///
    /// Small objects are written under a condition that storage itself checks, where it can. Of
    /// large ones, which are made of parts, it is looked at just before.
    pub async fn finish(self, looked_at: Option<&ObjectState>) -> Result<Finished, ObjectError> {
        let Self { place, path, content } = self;
        let failed = |source| ObjectError::storage("write", path.to_string(), source);
        let now = match state(&place, &path).await {
            Ok(now) => now,
            Err(error) => {
                content.abort().await;
                return Err(error);
            }
        };
        if now.as_ref() != looked_at {
            content.abort().await;
            return Ok(Finished::Changed);
        }
        match content {
            Content::Parts(parts) => {
                let mut parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
                match parts.complete().await {
                    Ok(()) => Ok(Finished::Done),
                    Err(error) => {
                        // Should it be an object nevertheless, there is nothing to give up.
                        parts.abort().await;
                        Err(failed(error))
                    }
                }
            }
            Content::Whole(content) => {
                let payload = PutPayload::from(content);
                let mode = match now {
                    None => PutMode::Create,
                    Some(ObjectState { etag: e_tag, version, .. }) => {
                        PutMode::Update(UpdateVersion { e_tag, version })
                    }
                };
                match place.store.put_opts(&path, payload.clone(), mode.into()).await {
                    Ok(_) => Ok(Finished::Done),
                    Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {
                        Ok(Finished::Changed)
                    }
                    Err(refused) if knows_no_conditions(&refused, looked_at) => {
                        // That took its time.
                        let now = state(&place, &path).await?;
                        if now.as_ref() != looked_at {
                            return Ok(Finished::Changed);
                        }
                        place.store.put(&path, payload).await.map_err(failed)?;
                        Ok(Finished::Done)
                    }
                    // It may have been written or not, and others may have written since.
                    Err(error) => Err(failed(error)),
                }
            }
        }
    }

    /// Gives it up.
    pub async fn abort(self) {
        self.content.abort().await;
    }
}

/// Whether storage, or its client, cannot write under a condition.
fn knows_no_conditions(refused: &StoreError, looked_at: Option<&ObjectState>) -> bool {
    let says_so = || {
        let said = refused.to_string();
        said.contains("NotImplemented") || said.contains("501")
    };
    let has_no_mark = looked_at.is_some_and(|it| it.etag.is_none() && it.version.is_none());
    matches!(refused, StoreError::NotImplemented { .. } | StoreError::NotSupported { .. })
        || has_no_mark
        || says_so()
}

impl Content {
    async fn abort(self) {
        match self {
            Self::Whole(_) => {}
            Self::Parts(parts) => {
                parts.into_inner().unwrap_or_else(PoisonError::into_inner).abort().await;
            }
        }
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
