//! The record that makes a place a store.

use std::collections::BTreeMap;

use metalith_objects::ObjectLocation;
use metalith_store::{MarkerState, SPACES, StoreError, StoreMarker};
use object_store::path::Path;

use crate::{
    error,
    layout::Layout,
    place::{Parent, Place, Put},
    table_list,
};

/// The file of the marker, below the root.
pub(crate) const FILE: &str = "metalith-store.json";

pub(crate) async fn read(place: &Place, layout: Layout) -> Result<MarkerState, StoreError> {
    if let Some(found) = not_a_folder(place) {
        return Ok(MarkerState::Occupied(found));
    }
    if let Some(marker) = stored(place).await? {
        return Ok(MarkerState::Store(marker));
    }
    let root = place.object("");
    let listing = place
        .store()
        .list_with_delimiter(Some(&root))
        .await
        .map_err(|source| error::storage("list", place.shown(""), source))?;
    let name = |path: &Path| path.filename().unwrap_or_default().to_owned();
    let mut folders: Vec<String> = listing.common_prefixes.iter().map(&name).collect();
    let mut files: Vec<String> = listing.objects.iter().map(|it| name(&it.location)).collect();
    folders.retain(|name| !name.starts_with('.'));
    files.retain(|name| !name.starts_with('.'));
    if folders.iter().any(|it| it == SPACES) && !table_list::spaces(place, layout).await?.is_empty()
    {
        // Its spaces may come before the store itself.
        folders.retain(|name| name != SPACES);
    }
    if folders.is_empty() && files.is_empty() {
        return Ok(MarkerState::Empty);
    }
    if !folders.is_empty() && !table_list::list(place, layout).await?.is_empty() {
        return Ok(MarkerState::Foreign);
    }
    let first = folders.into_iter().map(|name| format!("a folder `{name}`")).min();
    let first = first.or_else(|| files.into_iter().map(|name| format!("a file `{name}`")).min());
    Ok(MarkerState::Occupied(first.unwrap_or_default()))
}

pub(crate) async fn create(place: &Place, marker: StoreMarker) -> Result<StoreMarker, StoreError> {
    let mut text = serde_json::to_vec_pretty(&marker)
        .map_err(|source| error::storage("write", place.shown(FILE), source))?;
    text.push(b'\n');
    match place.put_new(FILE, text, Parent::Make).await? {
        Put::Created | Put::NoFolder => Ok(marker),
        // Somebody was faster: theirs counts.
        Put::Exists => Ok(stored(place).await?.unwrap_or(marker)),
    }
}

/// Whether there is a store of ours at an address; nothing but its marker is looked for.
pub async fn is_store(
    address: &str,
    options: &BTreeMap<String, String>,
) -> Result<bool, StoreError> {
    let location: ObjectLocation = address.parse().map_err(error::place)?;
    let opened = metalith_objects::open(&location, options).map_err(error::place)?;
    let place = Place::new(opened, location.to_string());
    if not_a_folder(&place).is_some() {
        return Ok(false);
    }
    Ok(stored(&place).await?.is_some())
}

async fn stored(place: &Place) -> Result<Option<StoreMarker>, StoreError> {
    let Some(text) = place.get(FILE).await? else { return Ok(None) };
    match serde_json::from_slice(&text) {
        Ok(marker) => Ok(Some(marker)),
        Err(source) => {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidData, source);
            Err(error::storage("read", place.shown(FILE), source))
        }
    }
}

/// What is at the root of a local store when it is not a folder.
fn not_a_folder(place: &Place) -> Option<String> {
    let root = place.local("")?;
    let meta = std::fs::metadata(root).ok()?;
    (!meta.is_dir()).then(|| "a file".to_owned())
}
