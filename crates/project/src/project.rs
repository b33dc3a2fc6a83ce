//! A project, read and ready.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use metalith_delta::{Layout, open_backend, open_space, space_of};
use metalith_document::Format;
use metalith_graph::{FeatureDefinition, FeatureGraph, HashLength, parse_features};
use metalith_objects::ObjectPlaces;
use metalith_store::{
    Backend, Compute, MemoryBackend, Mode, Notes, OpenOptions, PlainTables, SpaceOf, Store,
    StoreError,
};

use crate::{
    CachedNotes, ProjectError, Settings, StoreKind, StoreSettings,
    config::{check_space, read_settings},
    environment::login,
    registry,
};

const CONFIG: &str = "metalith.toml";

/// A project, read and ready.
#[derive(Clone, Debug)]
pub struct Project {
    root: PathBuf,
    settings: Settings,
    /// Features that do not come from files.
    declared: Vec<FeatureDefinition>,
    graph: FeatureGraph,
    notes: Option<Arc<dyn Notes>>,
}

/// How to find a project, and what to put over its settings.
#[derive(Clone, Debug, Default)]
pub struct ProjectOptions {
    /// A folder or a `metalith.toml`. `None`: as the environment says, or from the current folder
    /// upwards.
    pub project: Option<PathBuf>,
    /// The store to use instead of the configured one.
    pub store: Option<String>,
    /// Who is working. `None`: as the environment or the project says, or whoever is logged in.
    pub actor: Option<String>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// Features that the project declares in Python, beside those in its files. `None`: nobody
    /// loaded them, so a project that has any cannot be used.
    pub declared: Option<Vec<FeatureDefinition>>,
}

/// The `metalith.toml` of a folder or of the nearest folder above it; a file is taken as it is.
pub fn find_config(start: &Path) -> Result<PathBuf, ProjectError> {
    if start.is_file() {
        return Ok(start.to_path_buf());
    }
    let absolute = std::path::absolute(start).unwrap_or_else(|_| start.to_path_buf());
    let found = absolute.ancestors().map(|folder| folder.join(CONFIG)).find(|file| file.is_file());
    found.ok_or_else(|| ProjectError::NotFound { start: start.to_path_buf() })
}

impl Project {
    /// Finds and reads a project with its features.
    pub fn load(options: &ProjectOptions) -> Result<Self, ProjectError> {
        let named = options.project.clone();
        let named =
            named.or_else(|| options.environment.get("METALITH_PROJECT").map(PathBuf::from));
        let file = match named {
            // A project that is named is not searched for above.
            Some(folder) if folder.is_dir() && folder.join(CONFIG).is_file() => folder.join(CONFIG),
            Some(folder) if folder.is_dir() => {
                return Err(ProjectError::NotFound { start: folder });
            }
            Some(file) => file,
            None => find_config(Path::new("."))?,
        };
        let mut settings = read_settings(&file, &read(&file)?, &options.environment)?;
        if let Some(store) = &options.store {
            settings.store.clone_from(store);
        }
        let named = options.actor.clone().or_else(|| settings.actor.take());
        settings.actor = named.or_else(|| login(&options.environment));
        let root = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        if options.declared.is_none() && !settings.entrypoints.is_empty() {
            return Err(ProjectError::InPython { entrypoints: settings.entrypoints });
        }
        let declared = options.declared.clone().unwrap_or_default();
        let graph = read_graph(&root, &settings, &declared)?;
        let notes = CachedNotes::of(&root, &options.environment);
        let notes = notes.map(|it| Arc::new(it) as Arc<dyn Notes>);
        Ok(Self { root, settings, declared, graph, notes })
    }

    /// The same project in another space.
    pub fn in_space(&self, space: Option<&str>) -> Result<Self, ProjectError> {
        let mut settings = self.settings.clone();
        settings.space = space.map(str::to_owned);
        check_space(&settings)?;
        let graph = read_graph(&self.root, &settings, &self.declared)?;
        let (root, declared) = (self.root.clone(), self.declared.clone());
        Ok(Self { root, settings, declared, graph, notes: self.notes.clone() })
    }

    /// The same project with somebody else at work, if it is known who.
    #[must_use]
    pub fn acting_as(&self, actor: Option<&str>) -> Self {
        let mut project = self.clone();
        if let Some(actor) = actor {
            project.settings.actor = Some(actor.to_owned());
        }
        project
    }

    /// The folder of the project.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the project says about itself.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its features.
    pub fn graph(&self) -> &FeatureGraph {
        &self.graph
    }

    /// The places that objects are in, with the options the project has for them. A bucket that a
    /// store is in needs none of its own.
    pub fn places(&self) -> ObjectPlaces {
        let mut options = BTreeMap::new();
        let is_delta = |store: &&StoreSettings| store.kind == StoreKind::Delta;
        for store in self.settings.stores.values().filter(is_delta) {
            let mut parts = store.address.splitn(4, '/');
            if let (Some(scheme), Some(""), Some(bucket)) =
                (parts.next(), parts.next(), parts.next())
            {
                options.insert(format!("{scheme}//{bucket}"), store.options.clone());
            }
        }
        options.extend(self.settings.objects.clone());
        ObjectPlaces::new(options)
    }

    /// Opens a store of the project, the named one or the configured one, with those that it falls
    /// back to. These are opened for reading, whatever the first one is opened for.
    pub async fn open_store(&self, name: Option<&str>, mode: Mode) -> Result<Store, ProjectError> {
        let name = name.unwrap_or(&self.settings.store);
        let mut chain = Vec::new();
        self.add_to_chain(&[name], &mut chain)?;
        let mut behind: Option<Store> = None;
        for (place, settings) in chain.iter().enumerate().rev() {
            let options = match mode {
                Mode::Write if place == 0 => OpenOptions::write(),
                Mode::Write | Mode::Read => OpenOptions::read(),
            };
            let (backend, space_of) = place_of(settings, self.settings.space.as_deref())?;
            let options = OpenOptions {
                hash: self.settings.hash,
                actor: self.settings.actor.clone(),
                fallback: behind.take(),
                space_of,
                notes: self.notes.clone(),
                compute: settings.compute,
                ..options
            };
            behind = Some(Store::open(backend, options).await?);
        }
        behind.ok_or_else(|| self.unknown_store(name))
    }

    /// The plain tables of the database that a store of the project is in, the named one or the
    /// configured one. Nothing is opened yet.
    pub fn open_tables(&self, name: Option<&str>) -> Result<Arc<dyn PlainTables>, ProjectError> {
        let name = name.unwrap_or(&self.settings.store);
        let settings = self.settings.stores.get(name);
        let StoreSettings { kind, address, driver, options, .. } =
            settings.ok_or_else(|| self.unknown_store(name))?;
        match kind {
            StoreKind::Database(database) => {
                Ok(metalith_sql::open_tables(*database, address, driver.as_deref(), options))
            }
            StoreKind::Delta | StoreKind::Memory => {
                Err(ProjectError::NoDatabase { name: name.to_owned() })
            }
        }
    }

    /// Puts a store and what it falls back to into a list: first come those it names, each followed
    /// by those that it names in turn. `path` leads to the store.
    fn add_to_chain<'a>(
        &'a self,
        path: &[&'a str],
        chain: &mut Vec<&'a StoreSettings>,
    ) -> Result<(), ProjectError> {
        let Some((name, before)) = path.split_last() else { return Ok(()) };
        if before.contains(name) {
            let path = path.iter().map(|name| (*name).to_owned()).collect();
            return Err(ProjectError::FallbackCircle { path });
        }
        let settings = self.settings.stores.get(*name);
        let settings = settings.ok_or_else(|| self.unknown_store(name))?;
        if chain.iter().any(|known| std::ptr::eq(*known, settings)) {
            return Ok(());
        }
        chain.push(settings);
        for next in &settings.fallback_stores {
            self.add_to_chain(&[path, &[next.as_str()]].concat(), chain)?;
        }
        Ok(())
    }

    fn unknown_store(&self, name: &str) -> ProjectError {
        ProjectError::UnknownStore {
            name: name.to_owned(),
            known: self.settings.stores.keys().cloned().collect(),
        }
    }
}

/// Where a store is, and which store it is a space of.
fn place_of(
    settings: &StoreSettings,
    space: Option<&str>,
) -> Result<(Arc<dyn Backend>, Option<SpaceOf>), ProjectError> {
    let StoreSettings { address, options, .. } = settings;
    match settings.kind {
        StoreKind::Memory => Ok((Arc::new(MemoryBackend::new()), None)),
        StoreKind::Database(database) => {
            let driver = settings.driver.as_deref();
            let backend = metalith_sql::open_backend(database, address, driver, options);
            match space {
                None => Ok((backend, None)),
                Some(_) => Err(StoreError::Unsupported {
                    location: backend.location(),
                    what: "have spaces: stores in databases have none".to_owned(),
                }
                .into()),
            }
        }
        StoreKind::Delta => {
            let layout = if settings.flat { Layout::Flat } else { Layout::Nested };
            if let Some(name) = space {
                let (backend, space_of) = open_space(address, options, layout, name)?;
                return Ok((backend, Some(space_of)));
            }
            let backend = open_backend(address, options, layout)?;
            Ok((backend, space_of(address, options, layout)?))
        }
    }
}

/// A store as it is configured, before it is opened.
#[derive(Debug)]
pub struct ConfiguredPlace {
    /// Where its tables are.
    pub backend: Arc<dyn Backend>,
    /// Which store it is a space of.
    pub space_of: Option<SpaceOf>,
    /// Where increments are found.
    pub compute: Compute,
}

/// The store that a text in the form of `metalith.toml` configures; for those who have no project.
/// Its paths are relative to `root`.
pub async fn configured_place(root: &Path, text: &str) -> Result<ConfiguredPlace, ProjectError> {
    let settings = read_settings(&root.join(CONFIG), text, &BTreeMap::new())?;
    let (root, declared) = (root.to_path_buf(), Vec::new());
    let graph = FeatureGraph::new(Vec::new(), HashLength::UNCUT)?;
    let project = Project { root, settings, declared, graph, notes: None };
    let name = &project.settings.store;
    let store = project.settings.stores.get(name).ok_or_else(|| project.unknown_store(name))?;
    let (backend, space_of) = place_of(store, project.settings.space.as_deref())?;
    Ok(ConfiguredPlace { backend, space_of, compute: store.compute })
}

fn read(path: &Path) -> Result<String, ProjectError> {
    std::fs::read_to_string(path).map_err(|source| ProjectError::File {
        action: "read",
        path: path.to_path_buf(),
        source,
    })
}

fn read_graph(
    root: &Path,
    settings: &Settings,
    declared: &[FeatureDefinition],
) -> Result<FeatureGraph, ProjectError> {
    let mut definitions = declared.to_vec();
    for pattern in &settings.features {
        for path in files(root, pattern)? {
            // Messages call a file as the user would from the project.
            let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let format = Format::of_file(&shown).unwrap_or(Format::Toml);
            let mut found = parse_features(&shown, &read(&path)?, format)?;
            for definition in &mut found {
                if definition.project == "default" {
                    definition.project.clone_from(&settings.project);
                }
            }
            definitions.extend(found);
        }
    }
    if let Some(given) = &settings.registry {
        let mut found = registry::definitions(given, settings.space.as_deref())?;
        for definition in &mut found {
            definition.project.clone_from(&settings.project);
        }
        definitions.extend(found);
    }
    let length = settings.hash.map_or(HashLength::UNCUT, |hash| hash.length);
    Ok(FeatureGraph::new(definitions, length)?)
}

/// The files that a path names, `*` in its last part standing for any text, in order.
fn files(root: &Path, pattern: &str) -> Result<Vec<PathBuf>, ProjectError> {
    let missing = || ProjectError::NoFeatureFile { pattern: pattern.to_owned() };
    let path = root.join(pattern);
    if !pattern.contains('*') {
        return if path.is_file() { Ok(vec![path]) } else { Err(missing()) };
    }
    let folder = path.parent().unwrap_or(root);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let entries = std::fs::read_dir(folder).map_err(|_| missing())?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .filter(|path| path.file_name().and_then(|it| it.to_str()).is_some_and(|it| fits(name, it)))
        .collect();
    found.sort();
    if found.is_empty() { Err(missing()) } else { Ok(found) }
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|tail| {
            let ends = tail.char_indices().map(|(index, _)| index).chain([tail.len()]);
            ends.into_iter().any(|index| fits(rest, &tail[index..]))
        }),
    }
}
