//! The root of a store: small files in it, written whole or not at all.

use std::{fs, io::Write as _, path::PathBuf, sync::Arc};

use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use futures::StreamExt as _;
use metalith_objects::OpenedLocation;
use metalith_store::StoreError;
use object_store::{
    Error as ObjectStoreError, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload, path::Path, prefix::PrefixStore,
};
use url::Url;
use uuid::Uuid;

use crate::error;

/// The root of a store.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    opened: OpenedLocation,
    shown: Arc<str>,
}

/// What tells whether a file is still the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) size: u64,
    modified: i64,
    etag: Option<String>,
}

/// How an attempt to create a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// The file is there, with this content.
    Created,
    /// There was one already; it is as it was.
    Exists,
    /// The folder it should be in does not exist.
    NoFolder,
}

/// Whether the folder of a new file is made when it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parent {
    Make,
    MustExist,
}

impl Fingerprint {
    fn new(meta: &ObjectMeta) -> Self {
        Self {
            size: meta.size,
            modified: meta.last_modified.timestamp_micros(),
            etag: meta.e_tag.clone(),
        }
    }
}

impl Place {
    pub(crate) fn new(opened: OpenedLocation, shown: String) -> Self {
        Self { opened, shown: shown.into() }
    }

    /// The root, or something below it, as a person would write it.
    pub(crate) fn shown(&self, relative: &str) -> String {
        let root = self.shown.trim_end_matches('/');
        if relative.is_empty() { root.to_owned() } else { format!("{root}/{relative}") }
    }

    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.opened.store)
    }

    /// Something below the root, for the object store.
    pub(crate) fn object(&self, relative: &str) -> Path {
        relative
            .split('/')
            .filter(|part| !part.is_empty())
            .fold(self.opened.prefix.clone(), |path, part| path.join(part))
    }

    /// Something below the root, in the file system, if the store is in one.
    pub(crate) fn local(&self, relative: &str) -> Option<PathBuf> {
        let folder = self.opened.folder.as_ref()?;
        // Joining nothing would add a slash, which makes a folder of what may be none.
        Some(if relative.is_empty() { folder.clone() } else { folder.join(relative) })
    }

    /// A folder in it as a root of its own.
    pub(crate) fn below(&self, folder: &str) -> Result<Self, StoreError> {
        let opened = OpenedLocation {
            store: self.store(),
            prefix: self.object(folder),
            url: self.url(folder)?,
            folder: self.local(folder),
        };
        Ok(Self::new(opened, self.shown(folder)))
    }

    fn url(&self, folder: &str) -> Result<Url, StoreError> {
        let bad = |source| error::storage("address", self.shown(folder), source);
        let mut url = self.opened.url.clone();
        for part in folder.split('/') {
            url = url.join(&format!("{part}/")).map_err(bad)?;
        }
        Ok(url)
    }

    /// Delta's view of the table in a folder.
    pub(crate) fn log_store(&self, folder: &str) -> Result<LogStoreRef, StoreError> {
        let url = self.url(folder)?;
        let table = PrefixStore::new(self.store(), self.object(folder));
        Ok(default_logstore(Arc::new(table), self.store(), &url, &StorageConfig::default()))
    }

    /// What a file looks like now, or `None` when it is not there.
    pub(crate) async fn head(&self, relative: &str) -> Result<Option<Fingerprint>, StoreError> {
        match self.opened.store.head(&self.object(relative)).await {
            Ok(meta) => Ok(Some(Fingerprint::new(&meta))),
            Err(ObjectStoreError::NotFound { .. }) => Ok(None),
            Err(source) => Err(error::storage("read", self.shown(relative), source)),
        }
    }

    /// The content of a small file, or `None` when it is not there.
    pub(crate) async fn get(&self, relative: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.look(relative).await?.map(|(content, _)| content))
    }

    /// The content of a small file and what it looks like, or `None` when it is not there.
    pub(crate) async fn look(
        &self,
        relative: &str,
    ) -> Result<Option<(Vec<u8>, Fingerprint)>, StoreError> {
        let failed = |source| error::storage("read", self.shown(relative), source);
        match self.opened.store.get(&self.object(relative)).await {
            Ok(found) => {
                let fingerprint = Fingerprint::new(&found.meta);
                Ok(Some((found.bytes().await.map_err(failed)?.to_vec(), fingerprint)))
            }
            Err(ObjectStoreError::NotFound { .. }) => Ok(None),
            Err(source) => Err(failed(source)),
        }
    }

    /// Creates a file with a content, unless it is there already.
    pub(crate) async fn put_new(
        &self,
        relative: &str,
        content: Vec<u8>,
        parent: Parent,
    ) -> Result<Put, StoreError> {
        let failed = |source| error::storage("write", self.shown(relative), source);
        if let Some(path) = self.local(relative) {
            let put = tokio::task::spawn_blocking(move || put_new_file(&path, &content, parent));
            return match put.await {
                Ok(put) => {
                    put.map_err(|source| error::storage("write", self.shown(relative), source))
                }
                Err(source) => Err(error::storage("write", self.shown(relative), source)),
            };
        }
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let payload = PutPayload::from(content);
        match self.opened.store.put_opts(&self.object(relative), payload, options).await {
            Ok(_) => Ok(Put::Created),
            Err(ObjectStoreError::AlreadyExists { .. } | ObjectStoreError::Precondition { .. }) => {
                Ok(Put::Exists)
            }
            Err(source) => Err(failed(source)),
        }
    }

    /// Removes a file. One that is not there is fine.
    pub(crate) async fn remove(&self, relative: &str) -> Result<(), StoreError> {
        match self.opened.store.delete(&self.object(relative)).await {
            Ok(()) | Err(ObjectStoreError::NotFound { .. }) => Ok(()),
            Err(source) => Err(error::storage("remove", self.shown(relative), source)),
        }
    }

    /// Everything at and below a folder: path relative to the folder, size, and when it was changed
    /// in milliseconds.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<(String, u64, i64)>, StoreError> {
        let prefix = self.object(folder);
        let mut found = Vec::new();
        let mut listing = self.opened.store.list(Some(&prefix));
        while let Some(meta) = listing.next().await {
            let meta = meta.map_err(|source| error::storage("list", self.shown(folder), source))?;
            if let Some(parts) = meta.location.prefix_match(&prefix) {
                let parts: Vec<_> = parts.map(|part| part.as_ref().to_owned()).collect();
                found.push((parts.join("/"), meta.size, meta.last_modified.timestamp_millis()));
            }
        }
        Ok(found)
    }
}

/// Creates a file that appears under its name with all of its content, flushed to the disk.
///
/// The name is given by a hard link, which fails when it is taken; a reader sees no half file, and
/// what a crash leaves is a hidden name that nobody reads.
fn put_new_file(path: &std::path::Path, content: &[u8], parent: Parent) -> std::io::Result<Put> {
    let folder = path.parent().unwrap_or(path);
    if parent == Parent::Make {
        fs::create_dir_all(folder)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hidden = folder.join(format!(".{name}.{}.tmp", Uuid::new_v4()));
    let written = write_and_link(&hidden, path, content);
    fs::remove_file(&hidden).ok();
    match written {
        Ok(()) => {
            sync_folder(folder);
            Ok(Put::Created)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(Put::Exists),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match parent {
            Parent::MustExist => Ok(Put::NoFolder),
            Parent::Make => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn write_and_link(
    hidden: &std::path::Path,
    path: &std::path::Path,
    content: &[u8],
) -> std::io::Result<()> {
    let mut file = fs::File::create(hidden)?;
    file.write_all(content)?;
    file.sync_data()?;
    fs::hard_link(hidden, path)
}

/// Flushes the names in a folder. Some file systems cannot; they keep their own promises.
pub(crate) fn sync_folder(folder: &std::path::Path) {
    if let Ok(folder) = fs::File::open(folder) {
        folder.sync_all().ok();
    }
}
