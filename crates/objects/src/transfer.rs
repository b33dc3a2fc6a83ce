//! Whole objects to and from files of this machine.

use std::{
    fs::File,
    io::{Read as _, Write},
    path::Path,
};

use futures::TryStreamExt as _;
use object_store::{ObjectStoreExt as _, PutPayload, WriteMultipart};

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

/// Makes an object of a file, in one act: whoever reads sees the object before or after it.
pub async fn upload(place: &OpenedLocation, name: &str, from: &Path) -> Result<(), ObjectError> {
    let mut path = place.prefix.clone();
    for part in name.split('/').filter(|part| !part.is_empty()) {
        path = path.join(part);
    }
    let failed = |source| ObjectError::storage("write", path.to_string(), source);
    let unread = |source| ObjectError::storage("read", from.display().to_string(), source);
    let mut file = File::open(from).map_err(unread)?;
    let length = file.metadata().map_err(unread)?.len();
    if length <= PART as u64 {
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(unread)?;
        let put = place.store.put(&path, PutPayload::from(content)).await;
        return put.map(drop).map_err(failed);
    }
    let started = place.store.put_multipart(&path).await.map_err(failed)?;
    let mut parts = WriteMultipart::new_with_chunk_size(started, PART);
    let mut buffer = vec![0; PART];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(source) => {
                // What was sent is no object yet; storage forgets it sooner this way.
                parts.abort().await.ok();
                return Err(unread(source));
            }
        };
        parts.wait_for_capacity(4).await.map_err(failed)?;
        parts.write(&buffer[..read]);
    }
    parts.finish().await.map(drop).map_err(failed)
}

#[cfg(test)]
mod tests;
