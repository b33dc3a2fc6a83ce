//! What happened to a table since an earlier state, from its log.

use deltalake_core::kernel::Action;
use metalith_store::StoreError;
use sha2::{Digest as _, Sha256};

use crate::{log_entry, snapshot::Snapshot};

/// Longer histories are not looked through: whoever asks has to read the table anyway.
const MANY_COMMITS: u64 = 256;

/// The hash of the log entry that made this state. An entry of ours has an id of its own, and one of
/// others names data files by ids of their own, so no other table has it.
pub(crate) async fn mark(table: &Snapshot) -> Result<Option<String>, StoreError> {
    let entry = table.place.get(&log_entry::file(&table.folder, table.version)).await?;
    Ok(entry.map(|entry| hash_of(&entry)))
}

fn hash_of(entry: &[u8]) -> String {
    format!("{:x}", Sha256::digest(entry))
}

/// The chunks that were added after a version which had a mark, if that is all.
pub(crate) async fn added_since(
    table: &Snapshot,
    version: u64,
    mark: &str,
) -> Result<Option<Vec<usize>>, StoreError> {
    if version > table.version || table.version - version > MANY_COMMITS {
        return Ok(None);
    }
    let entry_of = async |version| {
        let entry = table.place.get(&log_entry::file(&table.folder, version)).await?;
        Ok::<_, StoreError>(entry)
    };
    // An entry that is gone tells nothing.
    if entry_of(version).await?.is_none_or(|entry| hash_of(&entry) != mark) {
        return Ok(None);
    }
    let mut added: Vec<String> = Vec::new();
    for version in version + 1..=table.version {
        let actions = entry_of(version).await?.and_then(|entry| log_entry::actions(&entry));
        let Some(actions) = actions else { return Ok(None) };
        let (mut rewritten, mut takes_added) = (Vec::new(), false);
        for action in actions {
            match action {
                Action::Add(add) if add.data_change => added.push(add.path),
                Action::Add(add) => rewritten.push(add.path),
                Action::Remove(remove) if !remove.data_change => {
                    let before = added.len();
                    added.retain(|path| *path != remove.path);
                    takes_added |= added.len() < before;
                }
                Action::Remove(_) | Action::Metadata(_) | Action::Protocol(_) => return Ok(None),
                Action::Txn(_)
                | Action::Cdc(_)
                | Action::CommitInfo(_)
                | Action::DomainMetadata(_) => {}
            }
        }
        // Compaction: the same rows in other files. What was added is among them.
        if takes_added {
            added.extend(rewritten);
        }
    }
    let place = |path: &String| table.files.iter().position(|file| file.path == *path);
    Ok(added.iter().map(place).collect())
}
