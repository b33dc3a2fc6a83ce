//! Which features have a table.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_base::FeatureKey;
use metalith_store::{SPACES, StoreError};
use object_store::path::Path;

use crate::{
    error,
    layout::{Layout, SUFFIX},
    marker,
    place::Place,
};

/// How many requests are under way at once.
const AT_ONCE: usize = 16;
/// No key has more parts.
const DEPTH: usize = 16;

/// The folder of the log, below that of a table.
pub(crate) const LOG: &str = "_delta_log";

/// The features that have a table below a root, by key.
pub(crate) async fn list(place: &Place, layout: Layout) -> Result<Vec<FeatureKey>, StoreError> {
    let mut found = Vec::new();
    let mut level = vec![String::new()];
    for _ in 0..DEPTH {
        let folders: Vec<Vec<String>> = stream::iter(level)
            .map(|folder| async move { subfolders(place, &folder).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let (tables, others): (Vec<String>, Vec<String>) =
            folders.into_iter().flatten().partition(|folder| folder.ends_with(SUFFIX));
        found.extend(tables);
        level = others;
        level.retain(|folder| layout == Layout::Nested && folder.parse::<FeatureKey>().is_ok());
        if level.is_empty() {
            break;
        }
    }
    let candidates = found.into_iter().filter_map(|it| layout.feature(&it).map(|key| (it, key)));
    let checked: Vec<Option<FeatureKey>> = stream::iter(candidates.collect::<Vec<_>>())
        .map(|(folder, key)| async move {
            Ok::<_, StoreError>(has_log(place, &folder).await?.then_some(key))
        })
        .buffered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    let mut features: Vec<FeatureKey> = checked.into_iter().flatten().collect();
    features.sort();
    Ok(features)
}

async fn subfolders(place: &Place, folder: &str) -> Result<Vec<String>, StoreError> {
    let listing = place.store().list_with_delimiter(Some(&place.object(folder))).await;
    let listing = match listing {
        Ok(listing) => listing,
        Err(object_store::Error::NotFound { .. }) => return Ok(Vec::new()),
        Err(source) => return Err(error::storage("list", place.shown(folder), source)),
    };
    // A folder with a marker is a store of its own.
    let is_marker = |path: &Path| path.filename() == Some(marker::FILE);
    if !folder.is_empty() && listing.objects.iter().any(|it| is_marker(&it.location)) {
        return Ok(Vec::new());
    }
    let names = listing.common_prefixes.iter().filter_map(|path| path.filename());
    let names = names.filter(|name| !name.starts_with('.'));
    Ok(names
        .map(|name| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
        .collect())
}

/// The stores that lie below a root, by name. One that has tables and lost its marker is there too.
pub(crate) async fn spaces(place: &Place, layout: Layout) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for folder in subfolders(place, SPACES).await? {
        let has_marker = place.head(&format!("{folder}/{}", marker::FILE)).await?.is_some();
        if has_marker || !list(&place.below(&folder)?, layout).await?.is_empty() {
            found.extend(folder.rsplit('/').next().map(str::to_owned));
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a folder has a log with something in it.
pub(crate) async fn has_log(place: &Place, folder: &str) -> Result<bool, StoreError> {
    let log = format!("{folder}/{LOG}");
    let mut listing = place.store().list(Some(&place.object(&log)));
    while let Some(meta) = listing.next().await {
        let meta = match meta {
            Ok(meta) => meta,
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(source) => return Err(error::storage("list", place.shown(&log), source)),
        };
        let name = meta.location.filename().unwrap_or_default();
        if name.starts_with(|it: char| it.is_ascii_digit()) {
            return Ok(true);
        }
    }
    Ok(false)
}
