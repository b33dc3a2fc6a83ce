//! Writing one object.

use object_store::{ObjectStoreExt as _, PutPayload};

use crate::{ObjectError, ObjectUri, OpenedLocation};

/// Writes an object in one piece. What was under the address before is replaced.
pub async fn put(
    place: &OpenedLocation,
    uri: &ObjectUri,
    content: Vec<u8>,
) -> Result<(), ObjectError> {
    let path = object_store::path::Path::parse(uri.key())
        .map_err(|source| ObjectError::storage("write", uri.to_string(), source))?;
    let written = place.store.put(&path, PutPayload::from(content)).await;
    written.map(drop).map_err(|source| ObjectError::storage("write", uri.to_string(), source))
}
