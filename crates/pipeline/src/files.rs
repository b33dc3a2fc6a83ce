//! Which files are the table of a datasource, here or in object storage.

use std::{
    collections::BTreeMap,
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use futures::TryStreamExt as _;
use globset::{GlobBuilder, GlobMatcher};
use metalith_base::nearest;
use metalith_delta::is_store;
use metalith_ingest::FileFormat;
use metalith_objects::{ObjectEntry, ObjectError, ObjectLocation, OpenedLocation, without_secrets};
use serde_json::{Value, json};

use crate::{
    PipelineError, Surroundings,
    input::Unusable,
    model::{Datasource, SourceKind},
    reads::file_place,
};

/// Files of a table.
pub(crate) struct Found {
    /// In the order in which they are read.
    pub(crate) files: Vec<FoundFile>,
    /// Where those were put that came from elsewhere.
    pub(crate) folder: Option<Arc<tempfile::TempDir>>,
}

/// One of them.
pub(crate) struct FoundFile {
    pub(crate) path: PathBuf,
    /// As a person would write it.
    pub(crate) shown: String,
    /// What changes with its content.
    pub(crate) state: Value,
    /// What is the same for two spellings of where it is.
    pub(crate) identity: String,
}

/// How much of files is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// What tells the columns.
    Columns,
}

/// So much of an object of text is fetched to see its columns, and so much of the end of others
/// first.
const BEGINNING: u64 = 1 << 20;
const ENDING: u64 = 1 << 16;

/// How deep folders are looked through.
const DEPTH_MAX: usize = 16;

/// The path of a datasource from where the project file is; an address stays as it is.
pub(crate) fn address(surroundings: &Surroundings<'_>, path: &str) -> String {
    if path.contains("://") {
        return path.to_owned();
    }
    surroundings.folder.join(path).display().to_string()
}

/// Refuses a table that is within a store of ours, at its root or anywhere below.
pub(crate) async fn require_outside_stores(
    address: &str,
    table: &str,
    options: &BTreeMap<String, String>,
) -> Result<(), Unusable> {
    let location: ObjectLocation = address.parse()?;
    let places: Vec<(String, bool)> = match &location {
        ObjectLocation::Local(path) => {
            let path = canonical(&path.join(table));
            path.ancestors().skip(1).map(|it| (it.display().to_string(), true)).collect()
        }
        ObjectLocation::Remote(url) => {
            let base = address.split(['?', '#']).next().unwrap_or(address).trim_end_matches('/');
            let rest = &address[base.len()..];
            let depth = table.matches('/').count() + url.path().matches('/').count();
            let whole = format!("{base}/{table}");
            let mut places = Vec::new();
            let mut place = whole.as_str();
            for _ in 0..=depth {
                let Some((parent, _)) = place.rsplit_once('/').filter(|it| !it.0.ends_with('/'))
                else {
                    break;
                };
                let is_own = parent.len() >= base.len();
                places.push((format!("{parent}{}", rest.trim_start_matches('/')), is_own));
                place = parent;
            }
            places
        }
    };
    for (place, is_own) in places {
        let is_store = match is_store(&place, options).await {
            Ok(found) => found,
            Err(error) if is_own => return Err(error.into()),
            // What is above in a bucket may be somebody else's, who lets nobody look.
            Err(_) => false,
        };
        if is_store {
            let reason = format!("`{table}` is within the store at {}", without_secrets(&place));
            let hint = "use `type: store`, and name the feature as the table";
            return Err(Unusable::mistake(reason, Some(hint.to_owned())));
        }
    }
    Ok(())
}

/// A path with all links followed, as far as it is there.
pub(crate) fn canonical(path: &Path) -> PathBuf {
    if let Ok(found) = fs::canonicalize(path) {
        return found;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => {
            canonical(Path::new(".")).join(name)
        }
        (Some(parent), Some(name)) => canonical(parent).join(name),
        _ => path.to_path_buf(),
    }
}

/// The files of a table.
pub(crate) async fn find(
    surroundings: &Surroundings<'_>,
    datasource: &Datasource,
    (table, extent): (&str, Extent),
) -> Result<Found, Unusable> {
    let SourceKind::Files(format) = datasource.kind else {
        return Err(Unusable::mistake("it has no files", None));
    };
    let (base, pattern) = split_pattern(surroundings, &datasource.path);
    let address = address(surroundings, &base);
    let mut base = address.clone();
    let mut table = table;
    // An object is looked for in what it lies in: a listing of itself has nothing.
    if address.contains("://")
        && pattern.is_none()
        && FileFormat::of_file(Path::new(&address)).is_some()
        && let Some((parent, name)) = address.rsplit_once('/')
    {
        (base, table) = (parent.to_owned(), name);
    }
    let location: ObjectLocation = base.parse()?;
    let wanted = Wanted { pattern, table, format };
    // Messages and records tell no password.
    let base = location.to_string();
    match &location {
        ObjectLocation::Local(path) if path.is_file() && wanted.pattern.is_none() => {
            surroundings.require_path(path)?;
            Ok(Found { files: vec![local_file(path.clone(), &datasource.path)?], folder: None })
        }
        ObjectLocation::Local(path) => {
            let mut names = Vec::new();
            let top = wanted.pattern.is_none().then(|| table.split('/').next().unwrap_or(table));
            walk((path, ""), (top, wanted.depth()), &mut names)
                .map_err(|source| file_error("read", path.clone(), source))?;
            let files = wanted.pick(&names, &base)?;
            files.iter().try_for_each(|name| surroundings.require_path(&path.join(name)))?;
            let files = files.into_iter().map(|name| local_file(path.join(&name), &name));
            Ok(Found { files: files.collect::<Result<_, PipelineError>>()?, folder: None })
        }
        ObjectLocation::Remote(_) => {
            let opened = metalith_objects::open(&location, &datasource.options)?;
            fetch((surroundings, &opened, extent), &wanted, &base).await
        }
    }
}

/// Whether a path of a datasource stands for several files. A file or folder that is called so
/// stands for itself.
pub(crate) fn is_pattern(surroundings: &Surroundings<'_>, path: &str) -> bool {
    let has_signs = path.contains(['*', '?', '[', '{']);
    has_signs && (path.contains("://") || !surroundings.folder.join(path).exists())
}

/// Splits `a/b/*.csv` into the folder that is looked through and what its files must be like.
pub(crate) fn split_pattern(
    surroundings: &Surroundings<'_>,
    path: &str,
) -> (String, Option<String>) {
    let first = path.find(['*', '?', '[', '{']).filter(|_| is_pattern(surroundings, path));
    let Some(first) = first else { return (path.to_owned(), None) };
    match path[..first].rfind('/') {
        Some(0) => ("/".to_owned(), Some(path[1..].to_owned())),
        Some(end) => (path[..end].to_owned(), Some(path[end + 1..].to_owned())),
        None => (".".to_owned(), Some(path.to_owned())),
    }
}

struct Wanted<'a> {
    pattern: Option<String>,
    table: &'a str,
    format: Option<FileFormat>,
}

impl Wanted<'_> {
    /// How many folders down its files can be.
    fn depth(&self) -> usize {
        match &self.pattern {
            Some(pattern) if !pattern.contains("**") => pattern.matches('/').count(),
            Some(_) | None => DEPTH_MAX,
        }
    }

    /// Which of some files belong to the table, in order.
    fn pick(&self, names: &[String], place: &str) -> Result<Vec<String>, Unusable> {
        let mut found: Vec<String> = match &self.pattern {
            Some(pattern) => {
                let matcher = matcher(pattern)?;
                names.iter().filter(|it| matcher.is_match(it)).cloned().collect()
            }
            None => self.of_table(names)?,
        };
        found.sort();
        if !found.is_empty() {
            return Ok(found);
        }
        if let Some(pattern) = &self.pattern {
            // The query of an address may hold a token.
            let is_address = place.contains("://");
            let pattern =
                if is_address { pattern.split("?").next().unwrap_or(pattern) } else { pattern };
            return Err(Unusable::mistake(format!("no file in {place} is like `{pattern}`"), None));
        }
        let tables: Vec<&str> = names
            .iter()
            .filter(|name| FileFormat::of_file(Path::new(name)).is_some())
            .map(|name| name.split(['/', '.']).next().unwrap_or(name))
            .collect();
        let hint = nearest(self.table, tables.iter().copied())
            .map(|near| format!("did you mean `{near}`?"));
        Err(Unusable::mistake(format!("there is no table `{}` in {place}", self.table), hint))
    }

    /// A file of that name, or the files in a folder of that name.
    fn of_table(&self, names: &[String]) -> Result<Vec<String>, Unusable> {
        let is_read = |name: &str| match (self.format, FileFormat::of_file(Path::new(name))) {
            (Some(wanted), Some(found)) => wanted == found,
            (None, found) => found.is_some(),
            (Some(_), None) => false,
        };
        if names.iter().any(|it| it == self.table) {
            return Ok(vec![self.table.to_owned()]);
        }
        let stem = |name: &str| name.rsplit_once('.').map(|(stem, _)| stem.to_owned());
        let mut single: Vec<String> = names
            .iter()
            .filter(|it| is_read(it) && stem(it).as_deref() == Some(self.table))
            .cloned()
            .collect();
        single.sort();
        if let [first, second, ..] = single.as_slice() {
            let reason = format!("`{}` could be `{first}` or `{second}`", self.table);
            let hint = "name the table with its ending".to_owned();
            return Err(Unusable::mistake(reason, Some(hint)));
        }
        if !single.is_empty() {
            return Ok(single);
        }
        let folder = format!("{}/", self.table);
        Ok(names.iter().filter(|it| it.starts_with(&folder) && is_read(it)).cloned().collect())
    }
}

fn matcher(pattern: &str) -> Result<GlobMatcher, Unusable> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|it| it.compile_matcher())
        .map_err(|error| Unusable::mistake(format!("`{pattern}` is no pattern: {error}"), None))
}

/// The files below a folder, relative to it, or only those in one of its own folders and beside it.
/// A folder that is not there has none.
fn walk(
    (folder, below): (&Path, &str),
    (only, depth): (Option<&str>, usize),
    names: &mut Vec<String>,
) -> std::io::Result<()> {
    if below.matches('/').count() > depth {
        return Ok(());
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if is_unfinished(&name) {
            continue;
        }
        let path = entry.path();
        if !path.is_dir() {
            names.push(format!("{below}{name}"));
        } else if only.is_none_or(|only| only == name) {
            walk((&path, &format!("{below}{name}/")), (None, depth), names)?;
        }
    }
    Ok(())
}

/// Whether a name is one of files that others are still writing, or that systems keep for
/// themselves.
fn is_unfinished(name: &str) -> bool {
    name.starts_with(['.', '_']) || name.ends_with(".part")
}

fn local_file(path: PathBuf, shown: &str) -> Result<FoundFile, PipelineError> {
    match state_of(&path)? {
        Some(state) => {
            let identity = file_place(&path);
            Ok(FoundFile { path, shown: shown.to_owned(), state, identity })
        }
        None => Err(file_error("read", path, std::io::ErrorKind::NotFound.into())),
    }
}

/// What changes with the content of a file; `None` when it is not there.
pub(crate) fn state_of(path: &Path) -> Result<Option<Value>, PipelineError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error("read", path.to_path_buf(), error)),
    };
    let modified = metadata.modified().ok().and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let modified = modified.map(|it| u64::try_from(it.as_micros()).unwrap_or(u64::MAX));
    Ok(Some(json!({ "bytes": metadata.len(), "modified_micros": modified })))
}

/// What changes with the content of an object.
pub(crate) fn object_state(bytes: u64, etag: Option<&str>) -> Value {
    json!({ "bytes": bytes, "etag": etag })
}

/// Fetches the files of a table from object storage into a folder of their own.
async fn fetch(
    (surroundings, opened, extent): (&Surroundings<'_>, &OpenedLocation, Extent),
    wanted: &Wanted<'_>,
    place: &str,
) -> Result<Found, Unusable> {
    let entries: Vec<_> = metalith_objects::list(opened).try_collect().await?;
    let entries: BTreeMap<String, _> =
        entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
    let is_whole = |path: &&String| !path.split('/').any(is_unfinished);
    let names: Vec<String> = entries.keys().filter(is_whole).cloned().collect();
    let chosen = wanted.pick(&names, place)?;
    chosen.iter().try_for_each(|name| surroundings.require_object(place, name))?;
    let folder = tempfile::tempdir().map_err(|it| file_error("write", "a folder".into(), it))?;
    let mut files = Vec::new();
    for name in chosen {
        let Some(entry) = entries.get(&name) else { continue };
        let entry = &marked(opened, entry).await?;
        let ending = Path::new(&name).extension().and_then(|it| it.to_str()).unwrap_or("rows");
        let path = folder.path().join(format!("{}.{ending}", files.len()));
        let failed = |source| file_error("write", path.clone(), source);
        let mut file = fs::File::create(&path).map_err(failed)?;
        match extent {
            Extent::Whole => metalith_objects::download(opened, entry, &mut file).await?,
            Extent::Columns => {
                let format = FileFormat::of_file(&path).or(wanted.format);
                fetch_columns(opened, entry, (&mut file, format)).await.map_err(|it| match it {
                    Partial::Object(error) => Unusable::from(error),
                    Partial::File(source) => failed(source).into(),
                })?;
            }
        }
        let state = object_state(entry.size, entry.etag.as_deref());
        let identity = metalith_objects::object_identity(opened, &entry.path);
        files.push(FoundFile { path, shown: format!("{place}/{name}"), state, identity });
    }
    if files.is_empty() {
        return Err(Unusable::mistake(format!("there is nothing at {place}"), None));
    }
    Ok(Found { files, folder: Some(Arc::new(folder)) })
}

/// An object with what changes with its content, which some storage says only when it is asked for
/// one object alone.
async fn marked(opened: &OpenedLocation, entry: &ObjectEntry) -> Result<ObjectEntry, ObjectError> {
    let mut entry = entry.clone();
    if entry.etag.is_none() {
        let state = metalith_objects::object_state(opened, &entry.path).await?;
        entry.etag = state.and_then(|it| it.etag().map(str::to_owned));
    }
    Ok(entry)
}

/// Why a part of an object was not fetched.
enum Partial {
    Object(ObjectError),
    File(std::io::Error),
}

impl From<ObjectError> for Partial {
    fn from(error: ObjectError) -> Self {
        Self::Object(error)
    }
}

impl From<std::io::Error> for Partial {
    fn from(error: std::io::Error) -> Self {
        Self::File(error)
    }
}

/// Fetches what tells the columns of an object, into a file that is as long as the object and has
/// nothing in between. Text is cut off instead.
async fn fetch_columns(
    opened: &OpenedLocation,
    entry: &ObjectEntry,
    (file, format): (&mut fs::File, Option<FileFormat>),
) -> Result<(), Partial> {
    let part =
        async |range: Range<u64>| metalith_objects::download_part(opened, entry, range).await;
    let beginning = part(0..entry.size.min(BEGINNING)).await?;
    file.write_all(&beginning)?;
    if entry.size <= BEGINNING || format.is_none_or(FileFormat::is_text) {
        return Ok(());
    }
    // Both kinds end with the length of what describes them, and a mark.
    let mut ending = part(entry.size - ENDING..entry.size).await?;
    let marks = if format == Some(FileFormat::Parquet) { 4 } else { 6 };
    let length = ending.len().checked_sub(marks + 4).and_then(|at| ending.get(at..at + 4));
    let length = length.and_then(|it| it.try_into().ok()).map_or(0, u32::from_le_bytes);
    let needed = (u64::from(length) + marks as u64 + 4).min(entry.size);
    if needed > ENDING {
        ending = part(entry.size - needed..entry.size).await?;
    }
    file.seek(SeekFrom::Start(entry.size - ending.len() as u64))?;
    file.write_all(&ending)?;
    Ok(())
}

pub(crate) fn file_error(
    action: &'static str,
    path: PathBuf,
    source: std::io::Error,
) -> PipelineError {
    PipelineError::File { action, path, source }
}
