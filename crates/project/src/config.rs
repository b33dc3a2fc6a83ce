//! `metalith.toml`, with the environment over it.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use metalith_base::{Quota, parse_size};
use metalith_document::{Format, Node, Table, Value, parse, text};
use metalith_graph::HashLength;
use metalith_sql::Database;
use metalith_store::{Compute, HashAlgorithm, HashSettings};

use crate::{ProjectError, environment::expand, registry::RegistrySettings};

/// What a project says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The project's name.
    pub project: String,
    /// The name of the store that is used when none is named.
    pub store: String,
    /// Which of several spaces beside each other every store is taken for: none sees the others.
    pub space: Option<String>,
    /// The stores by name.
    pub stores: BTreeMap<String, StoreSettings>,
    /// How stores must hash; `None` to take each as it is.
    pub hash: Option<HashSettings>,
    /// Feature files: paths relative to the project, `*` allowed in file names.
    pub features: Vec<String>,
    /// Modules that declare features in Python. The Python package loads them.
    pub entrypoints: Vec<String>,
    /// Options of the places that objects are in, by address (`s3://bucket`) or scheme (`s3://`).
    pub objects: BTreeMap<String, BTreeMap<String, String>>,
    /// How much samples may hold.
    pub quota: Quota,
    /// Where the registry of jobs, datasets and models has its objects; `None` without a registry.
    pub registry: Option<RegistrySettings>,
    /// Who is working, unless the caller says otherwise.
    pub actor: Option<String>,
}

/// Where a store is. Neither a password in its address nor its options are shown to debuggers.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// Of what kind it is.
    pub kind: StoreKind,
    /// A folder, a file, or an address such as `s3://bucket/prefix` or `postgresql://host/database`.
    pub address: String,
    /// How features are laid out in folders.
    pub flat: bool,
    /// What speaks to the database: the name of an ADBC driver, or a path.
    pub driver: Option<String>,
    /// Options of the object storage, or of the database.
    pub options: BTreeMap<String, String>,
    /// The stores that features are read from which are missing in this one, by name, in order.
    pub fallback_stores: Vec<String>,
    /// Where increments are found: in the database, if that is exact, or here.
    pub compute: Compute,
}

/// A kind of store. A new one is a line here, its name, and its opener in `project.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// Delta Lake tables in a folder or bucket.
    Delta,
    /// In memory, gone at the end of the process.
    Memory,
    /// Tables in a database. Its kinds are a table of `metalith_sql`.
    Database(Database),
}

impl StoreKind {
    fn all() -> impl Iterator<Item = (&'static str, Self)> {
        let databases = Database::all().map(|it| (it.name(), Self::Database(it)));
        [("delta", Self::Delta), ("memory", Self::Memory)].into_iter().chain(databases)
    }

    fn named(name: &str) -> Option<Self> {
        Self::all().find(|(known, _)| *known == name).map(|(_, kind)| kind)
    }

    fn names() -> String {
        Self::all().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }

    /// Where a store of this kind is that says nothing about it; `None` where it must say so.
    fn default_address(self, root: &Path) -> Option<String> {
        let path = match self {
            Self::Delta | Self::Memory => root.join(DEFAULT_PATH),
            Self::Database(it) if it.is_file() => root.join(DEFAULT_PATH).with_extension(it.name()),
            Self::Database(_) => return None,
        };
        Some(path.display().to_string())
    }
}

impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSettings")
            .field("kind", &self.kind)
            .field("address", &metalith_sql::without_password(&self.address))
            .field("driver", &self.driver)
            .field("fallback_stores", &self.fallback_stores)
            .finish_non_exhaustive()
    }
}

/// The folder of a store that the file says nothing about.
const DEFAULT_PATH: &str = ".metalith/store";
const DEFAULT_STORE: &str = "dev";
/// What the names of a store's tables begin with, among the options of its database.
const PREFIX: &str = "table_prefix";

/// Reads the settings from the text of a `metalith.toml`.
pub(crate) fn read_settings(
    file: &Path,
    source: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Settings, ProjectError> {
    let name = file.display().to_string();
    let mut tree = parse(&name, source, Format::Toml)?;
    expand_texts(&name, &mut tree, environment)?;
    let mut table = Table::new(&name, &tree)?;
    let root = file.parent().unwrap_or(Path::new("."));
    let entrypoints = table.texts("entrypoints")?.unwrap_or_default();
    // A project in Python needs no file of features.
    let features = match table.texts("features")? {
        Some(features) => features,
        None if entrypoints.is_empty() => vec!["features.toml".to_owned()],
        None => Vec::new(),
    };
    let mut settings = Settings {
        project: table.required_text("project")?.to_owned(),
        store: table.text("store")?.unwrap_or(DEFAULT_STORE).to_owned(),
        space: table.text("space")?.map(str::to_owned),
        stores: BTreeMap::new(),
        hash: None,
        features,
        entrypoints,
        actor: table.text("actor")?.map(str::to_owned),
        objects: BTreeMap::new(),
        quota: Quota::default(),
        registry: None,
    };
    if let Some(mut registry) = table.table("registry")? {
        let mut given = RegistrySettings::default();
        if let Some(objects) = registry.text("objects")? {
            objects.clone_into(&mut given.objects);
        }
        given.pipelines = registry.text("pipelines")?.map(str::to_owned);
        registry.finish()?;
        settings.registry = Some(given);
    }
    if let Some(quota) = table.table("quota")? {
        settings.quota = read_quota(quota)?;
    }
    if let Some(places) = table.table("objects")? {
        for entry in places.entries() {
            let options = read_options(&name, &Table::new(&name, &entry.node)?)?;
            settings.objects.insert(entry.key.clone(), options);
        }
    }
    if let Some(stores) = table.table("stores")? {
        for entry in stores.entries() {
            let store = read_store(&name, root, &entry.node)?;
            settings.stores.insert(entry.key.clone(), store);
        }
    }
    if let Some(hash) = table.table("hash")? {
        settings.hash = Some(read_hash(hash)?);
    }
    table.finish()?;
    override_by(&mut settings, root, environment)?;
    if settings.stores.is_empty() {
        settings.stores.insert(settings.store.clone(), local(root.join(DEFAULT_PATH)));
    }
    Ok(settings)
}

fn local(path: PathBuf) -> StoreSettings {
    StoreSettings {
        kind: StoreKind::Delta,
        address: path.display().to_string(),
        flat: false,
        driver: None,
        options: BTreeMap::new(),
        fallback_stores: Vec::new(),
        compute: Compute::default(),
    }
}

fn compute(prefer_native: bool) -> Compute {
    if prefer_native { Compute::Native } else { Compute::Here }
}

fn expand_texts(
    file: &str,
    node: &mut Node,
    environment: &BTreeMap<String, String>,
) -> Result<(), ProjectError> {
    match &mut node.value {
        Value::Text(text) => {
            *text = expand(text, environment).map_err(|name| ProjectError::Variable {
                name: format!("{name}, which {file}:{} needs,", node.span.line),
                value: "not set".to_owned(),
                expected: "set, or given a default as `${NAME:-default}`".to_owned(),
            })?;
        }
        Value::List(items) => {
            for item in items {
                expand_texts(file, item, environment)?;
            }
        }
        Value::Table(entries) => {
            for entry in entries {
                expand_texts(file, &mut entry.node, environment)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
    }
    Ok(())
}

fn read_store(file: &str, root: &Path, node: &Node) -> Result<StoreSettings, ProjectError> {
    let mut table = Table::new(file, node)?;
    let kind = match table.optional("type") {
        None => StoreKind::Delta,
        Some(node) => {
            let name = text(file, "type", node)?;
            StoreKind::named(name).ok_or_else(|| {
                table.mistake(
                    node,
                    format!("`{name}` is no type of store"),
                    Some(format!("choose one of {}", StoreKind::names())),
                )
            })?
        }
    };
    let path = table.text("path")?.map(|path| root.join(path).display().to_string());
    let address = table.text("address")?.map(str::to_owned);
    let address = match (path, address) {
        (Some(address), None) | (None, Some(address)) => address,
        (None, None) => kind.default_address(root).ok_or_else(|| {
            let hint = Some("e.g. `address = \"postgresql://user@host/database\"`".to_owned());
            table.mistake(node, "this store needs an `address`".to_owned(), hint)
        })?,
        (Some(_), Some(_)) => {
            let message = "a store has a `path` or an `address`, not both".to_owned();
            return Err(table.mistake(node, message, None).into());
        }
    };
    let layout = table.text("layout")?;
    let flat = match layout {
        None | Some("nested") => false,
        Some("flat") => true,
        Some(other) => {
            let hint = Some("choose `nested` or `flat`".to_owned());
            return Err(table.mistake(node, format!("`{other}` is no layout"), hint).into());
        }
    };
    let driver = table.text("driver")?.map(|driver| driver_in(root, driver));
    if driver.is_some() && !matches!(kind, StoreKind::Database(_)) {
        let message = "only a store in a database has a `driver`".to_owned();
        return Err(table.mistake(node, message, None).into());
    }
    let mut options = match table.table("options")? {
        Some(given) => read_options(file, &given)?,
        None => BTreeMap::new(),
    };
    if let Some(prefix) = table.text(PREFIX)? {
        if !matches!(kind, StoreKind::Database(_)) {
            let message = format!("only a store in a database has a `{PREFIX}`");
            return Err(table.mistake(node, message, None).into());
        }
        options.insert(PREFIX.to_owned(), prefix.to_owned());
    }
    let fallback_stores = table.texts("fallback_stores")?.unwrap_or_default();
    let compute = table.flag("prefer_native")?.map(compute).unwrap_or_default();
    table.finish()?;
    Ok(StoreSettings { kind, address, flat, driver, options, fallback_stores, compute })
}

/// The name of a driver as it is, a path from the folder of the project.
fn driver_in(root: &Path, driver: &str) -> String {
    if driver.contains(['/', '\\']) {
        root.join(driver).display().to_string()
    } else {
        driver.to_owned()
    }
}

fn read_quota(mut table: Table<'_>) -> Result<Quota, ProjectError> {
    let mut quota = Quota::default();
    for (key, threshold) in [("objects", &mut quota.objects), ("bytes", &mut quota.bytes)] {
        let Some(mut limits) = table.table(key)? else { continue };
        for (name, limit) in [("warn", &mut threshold.warn), ("refuse", &mut threshold.refuse)] {
            let Some(node) = limits.optional(name) else { continue };
            let given = match &node.value {
                Value::Int(number) => u64::try_from(*number).ok(),
                Value::Text(text) if key == "bytes" => parse_size(text).ok(),
                Value::Null
                | Value::Bool(_)
                | Value::Float(_)
                | Value::Text(_)
                | Value::List(_)
                | Value::Table(_) => None,
            };
            *limit = Some(given.ok_or_else(|| {
                let message = format!("`{name}` of `{key}` must be a number that is not negative");
                let hint = (key == "bytes").then(|| "write e.g. `\"500 GB\"`".to_owned());
                limits.mistake(node, message, hint)
            })?);
        }
        limits.finish()?;
    }
    table.finish()?;
    Ok(quota)
}

fn read_options(file: &str, given: &Table<'_>) -> Result<BTreeMap<String, String>, ProjectError> {
    let mut options = BTreeMap::new();
    for entry in given.entries() {
        let value = text(file, &entry.key, &entry.node)?.to_owned();
        options.insert(entry.key.clone(), value);
    }
    Ok(options)
}

fn read_hash(mut table: Table<'_>) -> Result<HashSettings, ProjectError> {
    let mut hash = HashSettings::default();
    if let Some(name) = table.text("algorithm")? {
        hash.algorithm = name.parse::<HashAlgorithm>()?;
    }
    if let Some(length) = table.integer("length")? {
        hash.length = HashLength::cut_to(usize::try_from(length).unwrap_or(0))?;
    }
    table.finish()?;
    Ok(hash)
}

/// Puts variables of the environment over what the file says.
fn override_by(
    settings: &mut Settings,
    root: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<(), ProjectError> {
    if let Some(store) = environment.get("METALITH_STORE") {
        settings.store.clone_from(store);
    }
    if let Some(space) = environment.get("METALITH_SPACE") {
        settings.space = Some(space.clone());
    }
    check_space(settings)?;
    if let Some(actor) = environment.get("METALITH_ACTOR") {
        settings.actor = Some(actor.clone());
    }
    if let Some(name) = environment.get("METALITH_HASH_ALGORITHM") {
        settings.hash.get_or_insert_default().algorithm = name.parse::<HashAlgorithm>()?;
    }
    if let Some(length) = environment.get("METALITH_HASH_LENGTH") {
        let number = length.parse().map_err(|_| ProjectError::Variable {
            name: "METALITH_HASH_LENGTH".to_owned(),
            value: length.clone(),
            expected: "a number".to_owned(),
        })?;
        settings.hash.get_or_insert_default().length = HashLength::cut_to(number)?;
    }
    for (variable, value) in environment {
        let Some(rest) = variable.strip_prefix("METALITH_STORES__") else { continue };
        let Some((name, key)) = rest.split_once("__") else { continue };
        let name = name.to_lowercase();
        let store = settings.stores.entry(name).or_insert_with(|| local(root.join(DEFAULT_PATH)));
        override_store(store, root, key, (variable, value))?;
    }
    drivers_by(settings, root, environment)
}

/// Puts a variable over what the file says of one store; `key` is the end of the variable's name.
fn override_store(
    store: &mut StoreSettings,
    root: &Path,
    key: &str,
    (variable, value): (&String, &String),
) -> Result<(), ProjectError> {
    let refuse = |value: &str, expected: String| ProjectError::Variable {
        name: variable.clone(),
        value: value.to_owned(),
        expected,
    };
    match key {
        "PATH" => store.address = root.join(value).display().to_string(),
        "ADDRESS" => store.address.clone_from(value),
        "DRIVER" => store.driver = Some(driver_in(root, value)),
        "TYPE" => {
            let kind = StoreKind::named(value);
            store.kind =
                kind.ok_or_else(|| refuse(value, format!("one of {}", StoreKind::names())))?;
        }
        "PREFER_NATIVE" => {
            let flag = value.parse();
            store.compute =
                compute(flag.map_err(|_| refuse(value, "`true` or `false`".to_owned()))?);
        }
        "TABLE_PREFIX" => {
            store.options.insert(PREFIX.to_owned(), value.clone());
        }
        "FALLBACK_STORES" => {
            let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
            store.fallback_stores = names.map(str::to_owned).collect();
        }
        other => match other.strip_prefix("OPTIONS__") {
            Some(option) => {
                store.options.insert(option.to_lowercase(), value.clone());
            }
            None => {
                let known = "one of TYPE, PATH, ADDRESS, DRIVER, TABLE_PREFIX, PREFER_NATIVE, \
                             FALLBACK_STORES and OPTIONS__<KEY>";
                // It could be a password.
                return Err(refuse("set", known.to_owned()));
            }
        },
    }
    Ok(())
}

/// Gives drivers to stores in databases that name none.
fn drivers_by(
    settings: &mut Settings,
    root: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<(), ProjectError> {
    for (variable, driver) in environment {
        let Some(database) = variable.strip_prefix("METALITH_DRIVERS__") else { continue };
        let Some(kind @ StoreKind::Database(_)) = StoreKind::named(&database.to_lowercase()) else {
            let names = Database::all().map(|it| it.name().to_uppercase()).collect::<Vec<_>>();
            return Err(ProjectError::Variable {
                name: variable.clone(),
                value: driver.clone(),
                expected: format!("of a database: {}", names.join(", ")),
            });
        };
        for store in settings.stores.values_mut().filter(|store| store.kind == kind) {
            store.driver.get_or_insert_with(|| driver_in(root, driver));
        }
    }
    Ok(())
}

/// Refuses a name of a space that could lead elsewhere.
pub(crate) fn check_space(settings: &Settings) -> Result<(), ProjectError> {
    if let Some(space) = &settings.space {
        let fits = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
        if space.is_empty() || !space.chars().all(fits) {
            return Err(ProjectError::Variable {
                name: "the space".to_owned(),
                value: space.clone(),
                expected: "letters, digits, `-` and `_`".to_owned(),
            });
        }
        // By its name objects are told to be its own.
        let of_registry = settings.registry.iter().map(|registry| &registry.objects);
        let mut places = of_registry.chain(settings.objects.keys());
        if let Some(place) = places.find(|place| place.split('/').any(|part| part == space)) {
            return Err(ProjectError::Variable {
                name: "the space".to_owned(),
                value: space.clone(),
                expected: format!("no part of `{place}`, where there are objects of others"),
            });
        }
    }
    Ok(())
}
