//! A project on disk, as the command sees it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use metalith_graph::FeatureGraph;
use metalith_project::{self as engine, ProjectError, ProjectOptions};
use metalith_store::Mode;
use pyo3::prelude::*;

use crate::{
    errors::raise,
    graph::{Graph, definitions},
    store::{Store, mode},
    wait::wait,
};

/// A project, read and ready.
#[pyclass(frozen, module = "metalith._metalith")]
#[derive(Debug)]
pub(crate) struct Project {
    project: engine::Project,
    graph: Arc<FeatureGraph>,
}

#[pymethods]
impl Project {
    /// `variables` stand beside those of the environment.
    #[staticmethod]
    fn load(
        project: Option<PathBuf>,
        store: Option<String>,
        actor: Option<String>,
        declared: &str,
        variables: BTreeMap<String, String>,
    ) -> PyResult<Self> {
        let mut environment = variables;
        environment.extend(engine::variables());
        let declared = Some(definitions(declared)?);
        let options = ProjectOptions { project, store, actor, environment, declared };
        let project = engine::Project::load(&options).map_err(|error| raise(&error))?;
        let graph = Arc::new(project.graph().clone());
        Ok(Self { project, graph })
    }

    #[getter]
    fn root(&self) -> &Path {
        self.project.root()
    }

    #[getter]
    fn graph(&self) -> Graph {
        Graph(Arc::clone(&self.graph))
    }

    /// Opens the project's store. Opening for writing finishes deletions that were interrupted.
    fn open(&self, py: Python<'_>, mode: &str) -> PyResult<Store> {
        let (project, mode) = (self.project.clone(), self::mode(mode)?);
        let opened = wait(py, "opening a store", async move {
            let store = project.open_store(None, mode).await?;
            Ok::<_, ProjectError>((store, project))
        })?;
        let (store, project) = opened.map_err(|error| raise(&error))?;
        let settings = project.settings();
        let (space, quota) = (settings.space.as_deref().map(Arc::from), settings.quota);
        let store = Store { store, places: Arc::new(project.places()), space, quota };
        if mode == Mode::Write {
            store.finish_interrupted(py, &self.graph())?;
        }
        Ok(store)
    }
}
