//! A space that is open, and somebody at work in it.

use std::sync::{Arc, Mutex, PoisonError};

use metalith_graph::{FeatureGraph, OnDelete};
use metalith_lifecycle::{Context, deletion::is_on_record};
use metalith_objects::ObjectPlaces;
use metalith_project::Project;
use metalith_store::{Mode, Store, StoreError};

use crate::{RegistryError, record};

/// A project's store, or one of several spaces in it, open for work.
#[derive(Debug)]
pub struct Space {
    project: Project,
    places: ObjectPlaces,
    /// The project's features, but a job takes its datasets along.
    taking: FeatureGraph,
    store: Store,
}

/// Somebody at work in a space. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Session {
    space: Arc<Space>,
    store: Store,
    /// The deletion that was begun last, by this session or a clone of it.
    deletion: Arc<Mutex<Option<String>>>,
}

impl Space {
    /// Opens the store of a project for writing.
    pub async fn open(project: Project) -> Result<Self, RegistryError> {
        let store = project.open_store(None, Mode::Write).await?;
        let taking = taking(project.graph())?;
        let places = project.places();
        Ok(Self { project, places, taking, store })
    }

    /// The project.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// Its name, if it is one of several.
    pub fn name(&self) -> Option<&str> {
        self.project.settings().space.as_deref()
    }
}

impl Session {
    /// Somebody at work in a space.
    pub fn new(space: &Arc<Space>, actor: &str) -> Self {
        let store = space.store.acting_as(actor);
        Self { space: Arc::clone(space), store, deletion: Arc::default() }
    }

    /// The space.
    pub fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// The id of the deletion that was begun last, for those who cannot wait for its end: as soon as
    /// it is on record.
    pub async fn recorded_deletion(&self) -> Option<String> {
        let id = self.deletion.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        is_on_record(&self.store, &id).await.unwrap_or_default().then_some(id)
    }

    /// Says which deletion begins now.
    pub fn begins_deletion(&self, id: &str) {
        *self.deletion.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.to_owned());
    }

    /// The store, with this actor at work.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The features of the project.
    pub fn graph(&self) -> &FeatureGraph {
        self.space.project.graph()
    }

    /// Where objects are.
    pub fn places(&self) -> &ObjectPlaces {
        &self.space.places
    }

    /// What the lifecycle works with.
    pub fn context(&self) -> Context<'_> {
        self.context_of(self.graph())
    }

    /// The same, with a graph by which a job takes its datasets along.
    pub(crate) fn context_taking_datasets(&self) -> Context<'_> {
        self.context_of(&self.space.taking)
    }

    fn context_of<'a>(&'a self, graph: &'a FeatureGraph) -> Context<'a> {
        let (store, places) = (&self.store, &self.space.places);
        Context { store, graph, places, space: self.space.name() }
    }

    /// Refuses work on a registry that the project does not have.
    pub(crate) fn require_registry(&self) -> Result<(), RegistryError> {
        match self.space.project.settings().registry {
            Some(_) => Ok(()),
            None => Err(RegistryError::NoRegistry),
        }
    }
}

/// The graph in which a dataset goes with its job. What a feature is, and so its version, is the
/// same in both.
fn taking(graph: &FeatureGraph) -> Result<FeatureGraph, RegistryError> {
    let mut definitions: Vec<_> = graph.features().map(|it| it.definition().clone()).collect();
    let dataset = definitions.iter_mut().find(|it| it.spec.key.as_str() == record::DATASET);
    let deps = dataset.into_iter().flat_map(|it| &mut it.spec.deps);
    for dep in deps.filter(|dep| dep.feature.as_str() == record::JOB) {
        dep.on_delete = OnDelete::Cascade;
    }
    let graph = FeatureGraph::new(definitions, graph.hash_length());
    Ok(graph.map_err(StoreError::from)?)
}
