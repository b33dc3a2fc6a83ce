//! What every command works with.

use std::{path::PathBuf, sync::Arc};

use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_lifecycle::{deletion::finish_interrupted, migrations::Functions, quota::Meter};
use metalith_objects::ObjectPlaces;
use metalith_project::{Project, ProjectError, ProjectOptions};
use metalith_store::{Mode, OverFallback, Store};

use crate::{
    InPython,
    failure::{CliError, Failure, fail},
    printer::Printer,
};

/// What every command works with.
pub(crate) struct Context {
    pub(crate) printer: Printer,
    /// What calls functions of the project in Python, if anything can.
    pub(crate) functions: Option<Arc<dyn Functions>>,
    options: ProjectOptions,
}

impl Context {
    pub(crate) fn new(
        printer: Printer,
        globals: &crate::app::Globals,
        python: Option<InPython>,
    ) -> Self {
        let (declared, functions) = match python {
            Some(InPython { declared, functions }) => (Some(declared), Some(functions)),
            None => (None, None),
        };
        let environment = metalith_project::variables();
        let options = ProjectOptions {
            project: globals.project.clone(),
            store: globals.store.clone(),
            actor: globals.actor.clone(),
            environment,
            declared,
        };
        Self { printer, functions, options }
    }

    pub(crate) fn project(&self) -> Result<Project, Failure> {
        Project::load(&self.options).map_err(fail)
    }

    /// The project; without one that is named, there need not be any.
    pub(crate) fn project_if_any(&self) -> Result<Option<Project>, Failure> {
        match Project::load(&self.options) {
            Ok(project) => Ok(Some(project)),
            Err(ProjectError::NotFound { .. }) if self.options.project.is_none() => Ok(None),
            Err(error) => Err(fail(error)),
        }
    }

    /// Like [`project`](Self::project), and its store. Opening for writing finishes deletions that
    /// were interrupted.
    pub(crate) async fn open(&self, mode: Mode) -> Result<(Project, Store), Failure> {
        let project = self.project()?;
        let store = project.open_store(None, mode).await.map_err(fail)?;
        if mode == Mode::Write {
            self.finish(&project, &store).await?;
        }
        Ok((project, store))
    }

    /// Finishes deletions in a store that were interrupted.
    pub(crate) async fn finish(&self, project: &Project, store: &Store) -> Result<(), Failure> {
        let places = project.places();
        let work = work(project, store, &places);
        for finished in finish_interrupted(work).await.map_err(fail)? {
            let (id, outcome) = (&finished.id, &finished.outcome);
            self.printer.remark(&match outcome {
                Ok(_) => format!("finished the interrupted deletion {id}"),
                Err(error) => format!("deletion {id} is still not finished: {error}"),
            });
        }
        Ok(())
    }
}

/// What the lifecycle works with.
pub(crate) fn work<'a>(
    project: &'a Project,
    store: &'a Store,
    places: &'a ObjectPlaces,
) -> metalith_lifecycle::Context<'a> {
    let space = project.settings().space.as_deref();
    metalith_lifecycle::Context { store, graph: project.graph(), places, space }
}

/// What counts and refuses objects, if the project has a quota.
pub(crate) async fn meter(project: &Project, store: &Store) -> Result<Option<Meter>, Failure> {
    let places = project.places();
    let work = work(project, store, &places);
    Meter::if_limited(work, project.settings().quota).await.map_err(fail)
}

/// What about samples that are read from a fallback store, for commands that write.
#[derive(clap::Args)]
pub(crate) struct OverFallbackArg {
    /// When the feature's samples are read from a fallback store so far: refuse to hide them, or
    /// hide them
    #[arg(long, value_parser = parse_over_fallback, default_value = "refuse", value_name = "refuse|hide")]
    pub(crate) over_fallback: OverFallback,
}

fn parse_over_fallback(name: &str) -> Result<OverFallback, String> {
    match name {
        "refuse" => Ok(OverFallback::Refuse),
        "hide" => Ok(OverFallback::Hide),
        _ => Err("choose refuse or hide".to_owned()),
    }
}

/// Conditions as the user wrote them.
pub(crate) fn filters(texts: &[String]) -> Result<Vec<Expr>, Failure> {
    texts
        .iter()
        .map(|text| metalith_expr::parse(text).map_err(|error| fail(CliError::Filter(error))))
        .collect()
}

/// The features that were named, which must be part of the project, or all of them.
pub(crate) fn features(
    project: &Project,
    named: &[FeatureKey],
) -> Result<Vec<FeatureKey>, Failure> {
    if named.is_empty() {
        return Ok(project.graph().features().map(|feature| feature.key().clone()).collect());
    }
    for key in named {
        project.graph().feature(key).map_err(fail)?;
    }
    Ok(named.to_vec())
}

/// A folder that output goes to, made if need be.
pub(crate) fn output_folder(folder: &PathBuf) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| fail(CliError::Output(error)))
}
