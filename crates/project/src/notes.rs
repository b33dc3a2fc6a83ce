//! Notes from one resolve to the next, in the user's cache folder.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    time::Duration,
};

use metalith_store::Notes;

/// From so many notes on, those that are old go.
const MANY: usize = 256;
/// 30 days.
const LONG: Duration = Duration::from_secs(30 * 24 * 3600);

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
        match written {
            Ok(()) => self.prune(),
            Err(_) => {
                fs::remove_file(&part).ok();
            }
        }
    }
}

impl CachedNotes {
    /// Stores come and go, and nobody tells: of many notes those go that were not renewed for long.
    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let notes: Vec<_> = entries.flatten().collect();
        if notes.len() < MANY {
            return;
        }
        for note in notes {
            let changed = note.metadata().and_then(|it| it.modified());
            let age = changed.ok().and_then(|it| it.elapsed().ok());
            if age.is_some_and(|age| age > LONG) {
                fs::remove_file(note.path()).ok();
            }
        }
    }
}
