//! What keeps samples: holds; and what is left over: objects that nobody names; recorded graphs.

use std::{collections::BTreeMap, time::Duration};

use metalith_lifecycle::{
    holds,
    objects::audit::{compare, declared_prefixes},
    snapshots,
};
use metalith_objects::ObjectUri;
use metalith_store::StoreError;
use pyo3::{prelude::*, types::PyDict};

use crate::{
    arrow::Frame,
    deletion::Work,
    errors::{raise, raise_as},
    graph::{Graph, key},
    store::{Store, filters},
    wait::wait,
};

#[pymethods]
impl Store {
    /// Places a hold; returns its id and how many samples it holds now.
    fn add_hold(
        &self,
        py: Python<'_>,
        graph: &Graph,
        feature: &str,
        filters: Vec<String>,
        reason: Option<String>,
    ) -> PyResult<(String, u64)> {
        let (filters, feature) = (self::filters(&filters)?, key(feature)?);
        let work = Work::new(self, graph);
        let added = wait(py, "placing a hold", async move {
            let metalith_lifecycle::Context { store, graph, .. } = work.context();
            holds::add(store, graph, &feature, &filters, reason.as_deref()).await
        })?;
        added.map(|(hold, held)| (hold.id, held)).map_err(|error| raise(&error))
    }

    /// Every hold there ever was.
    fn holds<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let store = self.store.clone();
        let holds = wait(py, "reading holds", async move { holds::list(&store).await })?;
        let holds = holds.map_err(|error| raise(&error))?;
        holds
            .iter()
            .map(|hold| {
                let shown = PyDict::new(py);
                shown.set_item("id", &hold.id)?;
                shown.set_item("feature", hold.feature.to_string())?;
                shown.set_item("filters", &hold.filters)?;
                shown.set_item("reason", &hold.reason)?;
                shown.set_item("actor", &hold.actor)?;
                shown.set_item("at", hold.at.to_string())?;
                shown.set_item("is_released", hold.is_released)?;
                Ok(shown)
            })
            .collect()
    }

    fn release_hold(&self, py: Python<'_>, hold: String) -> PyResult<()> {
        let store = self.store.clone();
        let released =
            wait(py, "releasing a hold", async move { holds::release(&store, &hold).await })?;
        released.map(drop).map_err(|error| raise(&error))
    }

    /// Compares what lies below prefixes with what samples name, and changes nothing.
    fn audit_objects<'py>(
        &self,
        py: Python<'py>,
        graph: &Graph,
        prefixes: Vec<String>,
        min_age_seconds: u64,
    ) -> PyResult<Bound<'py, PyDict>> {
        let named = prefixes
            .iter()
            .map(|text| {
                ObjectUri::parse(text).map_err(|problem| {
                    let message = format!("`{text}`: {problem}");
                    raise_as(metalith_base::Kind::Invalid, "objects.prefix", &message, None)
                })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let work = Work::new(self, graph);
        let report = wait(py, "comparing objects with samples", async move {
            let context = work.context();
            let prefixes = if named.is_empty() { declared_prefixes(context) } else { named };
            compare(context, &prefixes, Duration::from_secs(min_age_seconds)).await
        })?;
        let report = report.map_err(|error| raise(&error))?;
        let shown = PyDict::new(py);
        shown.set_item("prefixes", &report.prefixes)?;
        shown.set_item("objects", report.objects)?;
        shown.set_item("bytes", report.bytes)?;
        shown.set_item("orphans", report.orphans)?;
        shown.set_item("orphan_bytes", report.orphan_bytes)?;
        let orphans = report.orphan_examples.iter().map(|orphan| orphan.address.as_str());
        shown.set_item("orphan_examples", orphans.collect::<Vec<_>>())?;
        shown.set_item("missing", report.missing)?;
        shown.set_item("missing_examples", &report.missing_examples)?;
        Ok(shown)
    }

    /// Records the graph, unless it is the one recorded last: its version, and the features that
    /// were recorded.
    fn push(
        &self,
        py: Python<'_>,
        graph: &Graph,
        project: String,
        tags: BTreeMap<String, String>,
    ) -> PyResult<(String, Vec<String>)> {
        let work = Work::new(self, graph);
        let pushed = wait(py, "recording the graph", async move {
            let metalith_lifecycle::Context { store, graph, .. } = work.context();
            snapshots::push(store, graph, &project, &tags).await
        })?;
        let pushed = pushed.map_err(|error| raise(&error))?;
        Ok((pushed.version, pushed.features.iter().map(ToString::to_string).collect()))
    }

    /// The rows in which graphs are recorded: a frame for each store that has any, itself first.
    fn recorded_graphs(&self, py: Python<'_>) -> PyResult<Vec<Frame>> {
        let store = self.store.clone();
        let found = wait(py, "reading recorded graphs", async move {
            let mut frames = Vec::new();
            for rows in snapshots::stored_rows(&store).await? {
                frames.push(rows.into_frame().await?);
            }
            Ok::<_, StoreError>(frames)
        })?;
        let found = found.map_err(|error| raise(&error))?;
        Ok(found.into_iter().map(Frame::from).collect())
    }
}
