//! Removing a table with everything in it.

use std::{fs, io, path::Path};

use metalith_store::StoreError;
use uuid::Uuid;

use crate::{
    error,
    snapshot::Source,
    table_list::{self, LOG},
};

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
    // The hint at the last checkpoint sorts last, as it must: it goes before what it points at.
    for path in entries.iter().rev().chain(&data) {
        source.place.remove(&format!("{}/{path}", source.folder)).await?;
    }
    Ok(!entries.is_empty())
}
