//! What is at a place.

use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};

use crate::{ObjectError, ObjectUri, OpenedLocation};

/// One object, or one file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEntry {
    /// Where it is, relative to the place that was listed, with `/` between its parts.
    pub path: String,
    /// Its path for the client of the place.
    pub location: object_store::path::Path,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed, in microseconds since 1970-01-01T00:00:00Z.
    pub modified: i64,
    /// A text that changes with the content, if storage has one.
    pub etag: Option<String>,
}

/// Lists what lies below a prefix, with the address of each object.
pub fn list_below(
    place: &OpenedLocation,
    prefix: &ObjectUri,
) -> BoxStream<'static, Result<(ObjectUri, ObjectEntry), ObjectError>> {
    let path = match object_store::path::Path::parse(prefix.key()) {
        Ok(path) => path,
        Err(source) => {
            let error = ObjectError::storage("list", prefix.to_string(), source);
            return futures::stream::once(std::future::ready(Err(error))).boxed();
        }
    };
    let below = OpenedLocation { prefix: path, ..place.clone() };
    let prefix = prefix.clone();
    list(&below)
        .map(move |entry| {
            let entry = entry?;
            let uri = prefix.sibling(entry.location.as_ref()).map_err(|problem| {
                ObjectError::storage("list", entry.location.to_string(), problem)
            })?;
            Ok((uri, entry))
        })
        .boxed()
}

/// Lists everything at and below a place, in no order. A place that does not exist has nothing.
pub fn list(place: &OpenedLocation) -> BoxStream<'static, Result<ObjectEntry, ObjectError>> {
    let prefix = place.prefix.clone();
    let shown = place.url.to_string();
    place
        .store
        .list(Some(&prefix))
        .map_err(move |source| ObjectError::storage("list", shown.clone(), source))
        .map_ok(move |meta| {
            let relative = meta.location.prefix_match(&prefix).map(|parts| {
                parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/")
            });
            ObjectEntry {
                path: relative.unwrap_or_else(|| meta.location.to_string()),
                size: meta.size,
                modified: meta.last_modified.timestamp_micros(),
                etag: meta.e_tag,
                location: meta.location,
            }
        })
        .boxed()
}

#[cfg(test)]
mod tests;
