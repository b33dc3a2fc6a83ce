//! Deletions: planned, carried out, restored, listed.

use std::sync::{Arc, Mutex, PoisonError};

use metalith_base::Kind;
use metalith_graph::FeatureGraph;
use metalith_lifecycle::{
    Context,
    deletion::{
        Blocker, Cascade, CascadePlan, CascadeRequest, RestoreMode, drop_feature,
        finish_interrupted, list, restore,
    },
};
use metalith_objects::ObjectPlaces;
use metalith_store::{self as engine, DeletionMode};
use pyo3::{
    prelude::*,
    types::{PyDict, PyList},
};

use crate::{
    errors::{raise, raise_as},
    graph::{Graph, key},
    store::{Store, filters},
    wait::wait,
};

/// What work on features needs, owned, so that it can be moved to a worker thread.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    store: engine::Store,
    graph: Arc<FeatureGraph>,
    places: Arc<ObjectPlaces>,
    space: Option<Arc<str>>,
}

impl Work {
    pub(crate) fn new(store: &Store, graph: &Graph) -> Self {
        Self {
            store: store.store.clone(),
            graph: Arc::clone(&graph.0),
            places: Arc::clone(&store.places),
            space: store.space.clone(),
        }
    }

    pub(crate) fn context(&self) -> Context<'_> {
        let space = self.space.as_deref();
        Context { store: &self.store, graph: &self.graph, places: &self.places, space }
    }
}

/// What a deletion would do.
#[pyclass(frozen, module = "metalith._metalith")]
#[derive(Debug)]
pub(crate) struct Plan {
    work: Work,
    id: String,
    steps: Vec<Line>,
    blockers: Vec<Blocker>,
    /// Gone once it is carried out.
    plan: Mutex<Option<CascadePlan>>,
}

/// A step, as it is shown.
#[derive(Debug)]
struct Line {
    feature: String,
    action: &'static str,
    samples: u64,
    rows: u64,
    stale: u64,
    objects: u64,
    bytes: Option<u64>,
}

impl Line {
    fn show<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let shown = PyDict::new(py);
        shown.set_item("feature", &self.feature)?;
        shown.set_item("action", self.action)?;
        shown.set_item("samples", self.samples)?;
        shown.set_item("rows", self.rows)?;
        shown.set_item("stale", self.stale)?;
        shown.set_item("objects", self.objects)?;
        shown.set_item("bytes", self.bytes)?;
        Ok(shown)
    }
}

#[pymethods]
impl Plan {
    #[getter]
    fn id(&self) -> &str {
        &self.id
    }

    #[getter]
    fn steps<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let steps = self.steps.iter().map(|line| line.show(py)).collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, steps)
    }

    #[getter]
    fn blockers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let shown = |blocker: &Blocker| {
            let shown = PyDict::new(py);
            shown.set_item("message", blocker.to_string())?;
            shown.set_item("way_out", blocker.way_out())?;
            Ok(shown)
        };
        let blockers = self.blockers.iter().map(shown).collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, blockers)
    }

    /// Carries it out, once.
    fn apply<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner).take();
        let plan = plan.ok_or_else(|| {
            let hint = Some("plan the deletion again");
            raise_as(Kind::Invalid, "deletion.applied", "this plan was carried out already", hint)
        })?;
        let work = self.work.clone();
        let done = wait(py, "deleting", async move { plan.apply(work.context()).await })?;
        let done = done.map_err(|error| raise(&error))?;
        let shown = PyDict::new(py);
        shown.set_item("id", &done.id)?;
        let steps = done.steps.iter().zip(&self.steps).map(|(step, planned)| {
            let line = Line {
                feature: step.feature.to_string(),
                action: step.action.name(),
                samples: step.samples,
                rows: step.rows,
                stale: step.stale,
                objects: planned.objects,
                bytes: planned.bytes,
            };
            line.show(py)
        });
        shown.set_item("steps", steps.collect::<PyResult<Vec<_>>>()?)?;
        let objects = done.objects.as_ref();
        shown.set_item("objects_deleted", objects.map_or(0, |report| report.deleted))?;
        shown.set_item("objects_failed", objects.map_or(0, |report| report.failed))?;
        Ok(shown)
    }
}

#[pymethods]
impl Store {
    #[pyo3(signature = (
        graph, feature, *, filters = Vec::new(), hard = false, cascade = "none", reason = None,
        feature_history = false, sample_history = false,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords, and Python names them")]
    fn plan_deletion(
        &self,
        py: Python<'_>,
        graph: &Graph,
        feature: &str,
        filters: Vec<String>,
        hard: bool,
        cascade: &str,
        reason: Option<String>,
        feature_history: bool,
        sample_history: bool,
    ) -> PyResult<Plan> {
        let cascade: Cascade = cascade.parse().map_err(|hint: String| {
            let message = format!("`{cascade}` is no way to cascade");
            raise_as(Kind::Invalid, "deletion.cascade", &message, Some(&hint))
        })?;
        let mode = if hard { DeletionMode::Hard } else { DeletionMode::Soft };
        let request = CascadeRequest {
            cascade,
            reason,
            feature_history,
            sample_history,
            ..CascadeRequest::new(key(feature)?, mode, self::filters(&filters)?)
        };
        let work = Work::new(self, graph);
        let planner = work.clone();
        let plan = wait(py, "finding what goes", async move {
            CascadePlan::make(planner.context(), &request).await
        })?;
        let plan = plan.map_err(|error| raise(&error))?;
        let steps = plan.steps().iter().map(|step| Line {
            feature: step.feature.to_string(),
            action: step.action.name(),
            samples: step.samples,
            rows: step.rows,
            stale: step.stale,
            objects: step.objects,
            bytes: step.bytes,
        });
        Ok(Plan {
            work,
            id: plan.id().to_owned(),
            steps: steps.collect(),
            blockers: plan.blockers().to_vec(),
            plan: Mutex::new(Some(plan)),
        })
    }

    /// Finishes deletions that were interrupted; returns their ids.
    pub(crate) fn finish_interrupted(
        &self,
        py: Python<'_>,
        graph: &Graph,
    ) -> PyResult<Vec<String>> {
        let work = Work::new(self, graph);
        let finished = wait(py, "finishing interrupted deletions", async move {
            finish_interrupted(work.context()).await
        })?;
        let finished = finished.map_err(|error| raise(&error))?;
        Ok(finished.into_iter().filter(|it| it.outcome.is_ok()).map(|it| it.id).collect())
    }

    /// Brings back what a soft deletion hid; returns how many samples of which feature.
    fn restore(
        &self,
        py: Python<'_>,
        graph: &Graph,
        deletion: String,
        filters: Vec<String>,
        dry_run: bool,
    ) -> PyResult<Vec<(String, u64)>> {
        let filters = self::filters(&filters)?;
        let mode = if dry_run { RestoreMode::DryRun } else { RestoreMode::Apply };
        let work = Work::new(self, graph);
        let restored = wait(py, "restoring", async move {
            restore(work.context(), &deletion, &filters, mode).await
        })?;
        let restored = restored.map_err(|error| raise(&error))?;
        Ok(restored.into_iter().map(|it| (it.feature.to_string(), it.receipt.samples)).collect())
    }

    /// Removes a feature's table; `False` when there was none.
    fn drop_feature(&self, py: Python<'_>, graph: &Graph, feature: &str) -> PyResult<bool> {
        let feature = key(feature)?;
        let work = Work::new(self, graph);
        wait(py, "dropping a table", async move { drop_feature(work.context(), &feature).await })?
            .map_err(|error| raise(&error))
    }

    /// Every deletion, the oldest first.
    fn deletions<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let store = self.store.clone();
        let deletions = wait(py, "reading the log", async move { list(&store).await })?;
        let deletions = deletions.map_err(|error| raise(&error))?;
        deletions
            .iter()
            .map(|deletion| {
                let shown = PyDict::new(py);
                shown.set_item("id", &deletion.id)?;
                shown.set_item("feature", deletion.feature.as_ref().map(ToString::to_string))?;
                shown.set_item("mode", &deletion.mode)?;
                shown.set_item("cascade", &deletion.cascade)?;
                shown.set_item("actor", &deletion.actor)?;
                shown.set_item("reason", &deletion.reason)?;
                shown.set_item("state", deletion.state.name())?;
                shown.set_item("at", deletion.at.to_string())?;
                shown.set_item("objects_failed", deletion.failures.len())?;
                Ok(shown)
            })
            .collect()
    }
}
