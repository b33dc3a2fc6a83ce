//! Entries of a table's log, as text.

use std::time::{SystemTime, UNIX_EPOCH};

use deltalake_core::kernel::Action;
use metalith_store::{CommitNote, StoreError};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{error, features, place::Place, table_list::LOG};

/// What a commit of ours says about itself, besides its actions.
#[derive(Debug)]
pub(crate) struct Intent {
    note: CommitNote,
    blind: bool,
    /// Tells whose an entry is, should storage lose the answer to a write that took place.
    id: String,
}

impl Intent {
    /// A commit that does not depend on what is in the table.
    pub(crate) fn append(note: CommitNote) -> Self {
        Self { note, blind: true, id: Uuid::new_v4().to_string() }
    }

    /// A commit that replaces what is in the table.
    pub(crate) fn replace(note: CommitNote) -> Self {
        Self { note, blind: false, id: Uuid::new_v4().to_string() }
    }

    pub(crate) fn note(&self) -> &CommitNote {
        &self.note
    }

    /// The text of the entry: one JSON object a line.
    pub(crate) fn entry(
        &self,
        read_version: Option<u64>,
        actions: &[Action],
    ) -> Result<Vec<u8>, serde_json::Error> {
        let parameters: serde_json::Map<String, Value> = self
            .note
            .details
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::String(value.clone())))
            .collect();
        let mut info = json!({
            "timestamp": now_millis(),
            "operation": self.note.operation,
            "operationParameters": parameters,
            "isBlindAppend": self.blind,
            "engineInfo": concat!("metalith ", env!("CARGO_PKG_VERSION")),
            "txnId": self.id,
        });
        if let (Some(version), Some(info)) = (read_version, info.as_object_mut()) {
            info.insert("readVersion".to_owned(), version.into());
        }
        let mut text = serde_json::to_vec(&json!({ "commitInfo": info }))?;
        for action in actions {
            text.push(b'\n');
            serde_json::to_writer(&mut text, action)?;
        }
        text.push(b'\n');
        Ok(text)
    }

    /// Whether an entry was written by this commit.
    pub(crate) fn wrote(&self, entry: &[u8]) -> bool {
        info(entry).is_some_and(|info| info["txnId"] == Value::String(self.id.clone()))
    }
}

/// The file of an entry, below the root.
pub(crate) fn file(folder: &str, version: u64) -> String {
    format!("{folder}/{LOG}/{version:020}.json")
}

/// The actions of an entry, or `None` when it has something that is not one.
pub(crate) fn actions(entry: &[u8]) -> Option<Vec<Action>> {
    let lines = entry.split(|it| *it == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines.map(|line| serde_json::from_slice(line).ok()).collect()
}

/// The tags in an entry.
pub(crate) fn tags(entry: &[u8]) -> Vec<String> {
    let tag = |action: Value| action["txn"]["appId"].as_str().map(str::to_owned);
    lines(entry).filter_map(Result::ok).filter_map(tag).collect()
}

/// The operation and version of a commit, as a person would say it.
pub(crate) async fn describe(
    place: &Place,
    folder: &str,
    version: u64,
) -> Result<String, StoreError> {
    let entry = place.get(&file(folder, version)).await?;
    let info = entry.as_deref().and_then(info);
    let operation = info.as_ref().and_then(|info| info["operation"].as_str()).unwrap_or("a commit");
    Ok(format!("`{operation}`, which made version {version}"))
}

/// The first commit from `first` on that removed a file, as a person would say it.
pub(crate) async fn remover(
    place: &Place,
    folder: &str,
    first: u64,
    path: &str,
) -> Result<Option<String>, StoreError> {
    for version in first.. {
        let Some(entry) = place.get(&file(folder, version)).await? else { break };
        let removes = |action: &Value| action["remove"]["path"].as_str() == Some(path);
        if lines(&entry).any(|line| line.is_ok_and(|action| removes(&action))) {
            return describe(place, folder, version).await.map(Some);
        }
    }
    Ok(None)
}

/// Why a log cannot be used, as far as its entries tell.
#[derive(Debug)]
pub(crate) enum Obstacle {
    /// An entry cannot be read.
    Damage(String),
    /// Readers must know a feature that is not known here.
    Feature(String),
}

/// Looks for what keeps a table from being opened.
pub(crate) async fn obstacle(place: &Place, folder: &str) -> Result<Option<Obstacle>, StoreError> {
    let mut files = place.list(&format!("{folder}/{LOG}")).await?;
    files.retain(|(name, _, _)| is_entry(name));
    files.sort();
    let (mut expected, mut feature) = (None, None);
    for (name, _, _) in files {
        let version = name.trim_end_matches(".json").parse::<u64>().unwrap_or_default();
        let damage = |detail: String| {
            Ok(Some(Obstacle::Damage(format!("log entry `{LOG}/{name}`{detail}"))))
        };
        if let Some(expected) = expected.filter(|it| *it != version) {
            let missing = format!("log entry `{LOG}/{expected:020}.json` is missing");
            return Ok(Some(Obstacle::Damage(missing)));
        }
        expected = Some(version + 1);
        let entry = place.get(&file(folder, version)).await?.unwrap_or_default();
        if entry.is_empty() {
            return damage(" is empty".to_owned());
        }
        for (line, action) in lines(&entry).enumerate() {
            match action {
                Ok(action) if action["protocol"].is_null() => {}
                Ok(action) => feature = features::unreadable_protocol(&action["protocol"]),
                Err(source) => {
                    return damage(format!(", line {}: {}", line + 1, error::one_line(&source)));
                }
            }
        }
    }
    Ok(feature.map(Obstacle::Feature))
}

/// Milliseconds since 1970, the unit of times in the log.
pub(crate) fn now_millis() -> i64 {
    now_micros() / 1000
}

/// Microseconds since 1970.
pub(crate) fn now_micros() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}

/// Whether the name is that of an entry, and not of a checkpoint or something temporary.
pub(crate) fn is_entry(name: &str) -> bool {
    name.strip_suffix(".json")
        .is_some_and(|it| it.len() == 20 && it.bytes().all(|it| it.is_ascii_digit()))
}

fn info(entry: &[u8]) -> Option<Value> {
    let found = lines(entry).filter_map(Result::ok);
    found.map(|mut action| action["commitInfo"].take()).find(|info| !info.is_null())
}

fn lines(entry: &[u8]) -> impl Iterator<Item = Result<Value, serde_json::Error>> {
    entry
        .split(|it| *it == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .map(serde_json::from_slice)
}
