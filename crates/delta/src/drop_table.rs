//! Removing a table with everything in it.

use std::{fs, io, path::Path};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_store::StoreError;
use uuid::Uuid;

use crate::{
    error,
    snapshot::Source,
    table_list::{self, LOG},
};

/// Removals under way at once.
const AT_ONCE: usize = 16;

/// Removes a table; `false` when there was none.
///
/// In a folder, the table vanishes at once under another name and is removed then, so that an
/// interrupted drop never leaves half a table. In object storage the log goes first, newest entry
/// first: what an interrupted drop leaves is an older state of the table with all of its data.
pub(crate) async fn drop_table(source: &Source) -> Result<bool, StoreError> {
    let Some(folder) = source.place.local(&source.folder) else {
        return drop_objects(source).await;
    };
    let existed = table_list::has_log(&source.place, &source.folder).await?;
    let dropped = tokio::task::spawn_blocking(move || drop_folder(&folder)).await;
    let location = || source.place.shown(&source.folder);
    match dropped {
        Ok(Ok(())) => Ok(existed),
        Ok(Err(failed)) => Err(error::storage("remove", location(), failed)),
        Err(stopped) => Err(error::storage("remove", location(), stopped)),
    }
}

fn drop_folder(folder: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else { return Ok(()) };
    let hidden = format!(".{}.dropped-", name.to_string_lossy());
    match fs::rename(folder, parent.join(format!("{hidden}{}", Uuid::new_v4()))) {
        Err(failed) if failed.kind() != io::ErrorKind::NotFound => return Err(failed),
        Ok(()) | Err(_) => {}
    }
    // Also what earlier drops left that were interrupted here.
    let Ok(siblings) = fs::read_dir(parent) else { return Ok(()) };
    for sibling in siblings {
        let sibling = sibling?;
        if sibling.file_name().to_string_lossy().starts_with(&hidden) {
            match fs::remove_dir_all(sibling.path()) {
                Err(failed) if failed.kind() != io::ErrorKind::NotFound => return Err(failed),
                Ok(()) | Err(_) => {}
            }
        }
    }
    Ok(())
}

async fn drop_objects(source: &Source) -> Result<bool, StoreError> {
    let all = source.place.list(&source.folder).await?;
    let log = format!("{LOG}/");
    let (mut entries, data): (Vec<String>, Vec<String>) =
        all.into_iter().map(|(path, _, _)| path).partition(|path| path.starts_with(&log));
    entries.sort();
    let remove = |path: String| async move {
        source.place.remove(&format!("{}/{path}", source.folder)).await
    };
    let existed = !entries.is_empty();
    // The hint at the last checkpoint sorts last, as it must: it goes before what it points at.
    for path in entries.into_iter().rev() {
        remove(path).await?;
    }
    let removals = stream::iter(data).map(remove).buffer_unordered(AT_ONCE);
    removals.try_collect::<Vec<()>>().await?;
    Ok(existed)
}
