//! Where the tables of a run may be, if somebody from afar chose to run it.
//!
//! Stores know spaces themselves. What lies in files and buckets beside them is told apart here.

use std::{
    collections::BTreeMap,
    mem,
    path::{Component, Path, PathBuf},
};

use metalith_lifecycle::Own;
use metalith_objects::{ObjectLocation, ObjectUri, configured, without_secrets};

use crate::{
    PipelineError, Surroundings,
    error::Mistake,
    files::{address, canonical, split_pattern},
    input::Unusable,
    model::{Datasource, SourceKind},
    read::Reading,
};

/// What a run may name beside the stores of its project.
#[derive(Clone, Debug)]
pub struct Confines {
    whose: Whose,
}

#[derive(Clone, Debug)]
enum Whose {
    /// A space's: nothing but what is its own.
    Space {
        /// What it is called, and what those beside it are.
        name: String,
        beside: Vec<String>,
        /// Files at or below this folder are.
        folder: PathBuf,
        /// So is what has the name of the space below one of these.
        places: BTreeMap<String, BTreeMap<String, String>>,
    },
    /// Those who have spaces below them: everything but what is a space's.
    Above {
        /// What tells theirs.
        own: Own,
        /// The folders of pipelines that each have the name of a space are.
        folder: PathBuf,
    },
}

impl Confines {
    /// Those of a space among others: files at or below a folder, and what has the name of the space,
    /// before that of any other, at or below one of the places that the project names, which are
    /// opened with the project's options.
    pub fn within(
        folder: &Path,
        (name, beside): (&str, Vec<String>),
        places: BTreeMap<String, BTreeMap<String, String>>,
    ) -> Self {
        let (name, folder) = (name.to_owned(), canonical(folder));
        Self { whose: Whose::Space { name, beside, folder, places } }
    }

    /// Those of everybody else: what is not one of the spaces below. In a folder of pipelines each
    /// space has a folder of its own.
    pub fn beside(folder: &Path, own: Own) -> Self {
        Self { whose: Whose::Above { own, folder: canonical(folder) } }
    }

    /// Takes out the datasources of a project file that are elsewhere. Those that stay are opened
    /// with the options that they may have.
    pub(crate) fn apply_to(&self, reading: &mut Reading, surroundings: &Surroundings<'_>) {
        let pipeline = &mut reading.pipeline;
        for (id, mut datasource) in mem::take(&mut pipeline.datasources) {
            match self.admit(&mut datasource, surroundings) {
                Ok(()) => drop(pipeline.datasources.insert(id, datasource)),
                Err((reason, hint)) => {
                    let title = format!("Invalid datasource `{id}`");
                    let mistake = Mistake::new(title, reason, datasource.span);
                    reading.mistakes.push(mistake.with_hint(Some(hint)));
                    pipeline.unreadable.insert(id);
                }
            }
        }
    }

    fn admit(
        &self,
        datasource: &mut Datasource,
        surroundings: &Surroundings<'_>,
    ) -> Result<(), (String, String)> {
        let is_space = matches!(self.whose, Whose::Space { .. });
        match datasource.kind {
            SourceKind::Store => return Ok(()),
            SourceKind::Database if is_space => {
                let reason = "the plain tables of a database belong to no space";
                return Err((reason.to_owned(), "use features of the store".to_owned()));
            }
            SourceKind::Database => return Ok(()),
            SourceKind::Files(_) | SourceKind::Delta => {}
        }
        if is_space && !datasource.options.is_empty() {
            let reason = "in a space the options of storage are those of the project";
            return Err((reason.to_owned(), "leave `options` out".to_owned()));
        }
        let (base, _) = split_pattern(surroundings, &datasource.path);
        let climbs = Path::new(&base).components().any(|it| it == Component::ParentDir);
        let place = address(surroundings, &base);
        let location = place.parse::<ObjectLocation>().ok().filter(|_| !(is_space && climbs));
        let is_own = match &location {
            Some(ObjectLocation::Local(path)) => self.has_path(path),
            Some(ObjectLocation::Remote(_)) => match &self.whose {
                Whose::Space { places, .. } => match configured(&place, places) {
                    Some((uri, options)) if self.has(&uri) => {
                        datasource.options.clone_from(options);
                        true
                    }
                    Some(_) | None => false,
                },
                Whose::Above { .. } => self.has_object(&place),
            },
            None => false,
        };
        if is_own { Ok(()) } else { Err(self.elsewhere(&without_secrets(&datasource.path))) }
    }

    /// Refuses a file that is not its own, whatever links lead there.
    pub(crate) fn require_path(&self, path: &Path) -> Result<(), Unusable> {
        self.require(self.has_path(path), &path.display().to_string())
    }

    /// Refuses an object that is not its own.
    pub(crate) fn require_object(&self, place: &str, name: &str) -> Result<(), Unusable> {
        let object = format!("{place}/{name}");
        self.require(self.has_object(&object), &object)
    }

    fn require(&self, is_own: bool, shown: &str) -> Result<(), Unusable> {
        if is_own {
            return Ok(());
        }
        let (reason, hint) = self.elsewhere(shown);
        Err(Unusable::mistake(reason, Some(hint)))
    }

    fn elsewhere(&self, shown: &str) -> (String, String) {
        match &self.whose {
            Whose::Space { .. } => (
                format!("`{shown}` is not known to be this space's own"),
                "name what lies in the folder of the project file, or an address with the name of \
                 the space below a place under `[objects]` of the project"
                    .to_owned(),
            ),
            Whose::Above { .. } => (
                format!("`{shown}` may be a space's own"),
                "run it in that space, with a project file of its own".to_owned(),
            ),
        }
    }

    fn has_path(&self, path: &Path) -> bool {
        let path = canonical(path);
        if path.components().any(|it| it == Component::ParentDir) {
            return false;
        }
        let uri = || ObjectUri::parse(path.to_str()?).ok();
        match &self.whose {
            Whose::Space { folder, places, .. } => {
                let is_below = |place: &String| {
                    let place = ObjectUri::parse(place).ok();
                    place.zip(uri()).is_some_and(|(place, it)| place.covers(&it))
                };
                path.starts_with(folder)
                    || (uri().is_some_and(|it| self.has(&it)) && places.keys().any(is_below))
            }
            Whose::Above { own, folder } => {
                let mut of_spaces = own.others().iter().map(|it| folder.join(it));
                !of_spaces.any(|theirs| path.starts_with(canonical(&theirs)))
            }
        }
    }

    /// Whether an address is its own by its parts.
    fn has(&self, uri: &ObjectUri) -> bool {
        match &self.whose {
            Whose::Space { name, beside, .. } => {
                let mut names = uri.key().split('/');
                // What lies in the folder of another space is that one's, whatever it is called.
                names.find(|it| it == name || beside.iter().any(|other| other == it))
                    == Some(name.as_str())
            }
            Whose::Above { own, .. } => own.has(uri),
        }
    }

    fn has_object(&self, address: &str) -> bool {
        match ObjectUri::parse(address) {
            Ok(uri) => uri.readings().iter().all(|it| self.has(it)),
            // A whole bucket: what is in it is looked at one by one.
            Err(metalith_objects::UriProblem::Everything) => {
                matches!(self.whose, Whose::Above { .. })
            }
            Err(_) => false,
        }
    }
}

impl Surroundings<'_> {
    /// Refuses a file that the run may not name.
    pub(crate) fn require_path(&self, path: &Path) -> Result<(), Unusable> {
        self.confines.as_ref().map_or(Ok(()), |it| it.require_path(path))
    }

    /// Refuses an object that the run may not name.
    pub(crate) fn require_object(&self, place: &str, name: &str) -> Result<(), Unusable> {
        self.confines.as_ref().map_or(Ok(()), |it| it.require_object(place, name))
    }

    /// Refuses a table of a folder or bucket that the run may not name.
    pub(crate) fn require_table(&self, place: &str, name: &str) -> Result<(), Unusable> {
        match place.parse::<ObjectLocation>().map_err(PipelineError::from)? {
            ObjectLocation::Local(folder) => self.require_path(&folder.join(name)),
            location @ ObjectLocation::Remote(_) => {
                self.require_object(&location.to_string(), name)
            }
        }
    }
}
