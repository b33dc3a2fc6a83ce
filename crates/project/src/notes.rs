//! Notes from one resolve to the next, in the user's cache folder.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

use metalith_store::Notes;

/// Notes as files. Losing them costs time and nothing else, so what fails is let go.
#[derive(Debug)]
pub struct CachedNotes {
    folder: PathBuf,
}

impl CachedNotes {
    /// Notes about the stores that are named from a folder, e.g. that of a project. `None` where the
    /// environment tells of no place for caches.
    pub fn of(from: &Path, environment: &BTreeMap<String, String>) -> Option<Self> {
        let named = |name: &str| environment.get(name).filter(|it| !it.is_empty());
        let caches = match (named("XDG_CACHE_HOME"), named("HOME"), named("LOCALAPPDATA")) {
            (Some(caches), _, _) | (None, None, Some(caches)) => PathBuf::from(caches),
            (None, Some(home), _) => Path::new(home).join(".cache"),
            (None, None, None) => return None,
        };
        // Where relative addresses lead depends on the folder.
        let from = std::path::absolute(from).ok()?;
        let mut hasher = DefaultHasher::new();
        from.hash(&mut hasher);
        let folder = caches.join("metalith/resolved").join(format!("{:016x}", hasher.finish()));
        Some(Self { folder })
    }
}

impl Notes for CachedNotes {
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.join(name)).ok()
    }

    fn write(&self, name: &str, note: &[u8]) {
        let part = self.folder.join(format!("{name}.{}.part", std::process::id()));
        let written = fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&part, note))
            .and_then(|()| fs::rename(&part, self.folder.join(name)));
        if written.is_err() {
            fs::remove_file(&part).ok();
        }
    }
}
