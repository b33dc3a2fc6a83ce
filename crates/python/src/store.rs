//! An open store.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use metalith_base::{FeatureKey, Kind, Quota};
use metalith_expr::{Expr, parse};
use metalith_ingest::read_samples;
use metalith_lifecycle::quota::Meter;
use metalith_objects::ObjectPlaces;
use metalith_project::CachedNotes;
use metalith_store::{
    self as engine, Absent, Compute, Computed, CopyOptions, Finding, HashAlgorithm, HashSettings,
    Mode, Notes, OpenOptions, OverFallback, ReadOptions, ResolveOptions, Rows, StatusOptions,
    StoreError, WriteOptions,
};
use pyo3::{prelude::*, types::PyDict};

use crate::{
    arrow::{Frame, Stoppable, batch_with_views, collect, reader, viewed, with_views},
    deletion::Work,
    errors::{raise, raise_as},
    graph::{Graph, hash_length, key},
    place::Place,
    wait::{wait, wait_or_stop},
};

/// An open store, with the places where objects are.
#[pyclass(frozen, module = "metalith._metalith")]
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) store: engine::Store,
    pub(crate) places: Arc<ObjectPlaces>,
    /// Of which space it is, where a project says so.
    pub(crate) space: Option<Arc<str>>,
    /// How much it may hold, where a project says so.
    pub(crate) quota: Quota,
}

/// What to compute, to recompute, and to consider deleting.
#[pyclass(frozen, get_all, module = "metalith._metalith")]
#[derive(Debug)]
pub(crate) struct Increment {
    new: Py<Frame>,
    stale: Py<Frame>,
    orphaned: Py<Frame>,
    waiting: Py<Frame>,
    /// Whether the database found it.
    is_native: bool,
}

/// Conditions as a user wrote them, or as the package wrote them for one.
pub(crate) fn filters(texts: &[String]) -> PyResult<Vec<Expr>> {
    texts.iter().map(|text| parse(text).map_err(|error| raise(&error))).collect()
}

/// Raises when a text is no expression.
#[pyfunction]
pub(crate) fn check_filter(text: &str) -> PyResult<()> {
    parse(text).map(drop).map_err(|error| raise(&error))
}

fn over_fallback_of(hides: bool) -> OverFallback {
    if hides { OverFallback::Hide } else { OverFallback::Refuse }
}

fn filters_by_feature(
    given: BTreeMap<String, Vec<String>>,
) -> PyResult<BTreeMap<FeatureKey, Vec<Expr>>> {
    given.into_iter().map(|(feature, texts)| Ok((key(&feature)?, filters(&texts)?))).collect()
}

/// The samples in a file.
fn samples_of(py: Python<'_>, file: PathBuf) -> PyResult<Rows> {
    // Of a text all is looked at first, to find the types of its columns.
    let what = format!("looking at {}", file.display());
    let read = wait(py, &what, async move {
        tokio::task::spawn_blocking(move || read_samples(&file, None, &[])).await
    })?;
    let read = read.map_err(|stopped| {
        raise_as(Kind::Internal, "python.engine", &format!("the engine failed: {stopped}"), None)
    })?;
    read.map_err(|error| raise(&error))
}

/// All samples of an object or of a file.
fn collected(samples: &Bound<'_, PyAny>) -> PyResult<Vec<RecordBatch>> {
    let Ok(file) = samples.extract::<PathBuf>() else { return Ok(collect(samples)?.batches) };
    let py = samples.py();
    let rows = samples_of(py, file)?;
    let batches = wait(py, "reading samples", async move { rows.collect().await })?;
    batches.map_err(|error| raise(&error))
}

/// What a store is opened for.
pub(crate) fn mode(name: &str) -> PyResult<Mode> {
    match name {
        "read" => Ok(Mode::Read),
        "write" => Ok(Mode::Write),
        other => {
            let message = format!("`{other}` is no mode of a store");
            let hint = Some("choose `read` or `write`");
            Err(raise_as(Kind::Invalid, "store.mode", &message, hint))
        }
    }
}

/// Notes from one resolve to the next, about stores that are named from the current folder.
fn notes() -> Option<Arc<dyn Notes>> {
    let notes = CachedNotes::of(Path::new("."), &metalith_project::variables())?;
    Some(Arc::new(notes))
}

#[pymethods]
impl Store {
    /// Opens a store. A place with nothing in it reads as an empty one.
    #[staticmethod]
    #[pyo3(signature = (
        place, *, mode, hash_algorithm = None, hash_length = None, actor = None,
        object_options = BTreeMap::new(), fallback = None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords, and Python names them")]
    fn open(
        py: Python<'_>,
        place: &Place,
        mode: &str,
        hash_algorithm: Option<&str>,
        hash_length: Option<usize>,
        actor: Option<String>,
        object_options: BTreeMap<String, BTreeMap<String, String>>,
        fallback: Option<&Self>,
    ) -> PyResult<Self> {
        let length = self::hash_length(hash_length)?;
        let algorithm: Option<HashAlgorithm> =
            hash_algorithm.map(str::parse).transpose().map_err(|error| raise(&error))?;
        let base = match self::mode(mode)? {
            Mode::Read => OpenOptions::read(),
            Mode::Write => OpenOptions::write(),
        };
        let options = OpenOptions {
            hash: algorithm.map(|algorithm| HashSettings { algorithm, length }),
            hash_if_new: HashSettings { length, ..HashSettings::default() },
            absent: Absent::Empty,
            actor,
            fallback: fallback.map(|it| it.store.clone()),
            notes: notes(),
            space_of: place.space_of.clone(),
            compute: place.compute,
            ..base
        };
        let backend = Arc::clone(&place.backend);
        let opened = wait(py, "opening a store", engine::Store::open(backend, options))?;
        let places = Arc::new(ObjectPlaces::new(object_options));
        let store = opened.map_err(|error| raise(&error))?;
        Ok(Self { store, places, space: None, quota: Quota::default() })
    }

    #[getter]
    fn hash_algorithm(&self) -> &'static str {
        self.store.hash().algorithm.name()
    }

    #[getter]
    fn hash_length(&self) -> Option<usize> {
        self.store.hash().length.get()
    }

    /// The features that have a table, by key, without system tables.
    fn features(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let store = self.store.clone();
        let features = wait(py, "listing features", async move { store.features().await })?;
        let features = features.map_err(|error| raise(&error))?;
        Ok(features.iter().map(ToString::to_string).collect())
    }

    /// Where a feature is read from, if that is not this store.
    fn read_from(&self, py: Python<'_>, feature: &str) -> PyResult<Option<String>> {
        let (store, feature) = (self.store.clone(), key(feature)?);
        wait(py, "looking for a table", async move { store.read_from(&feature).await })?
            .map_err(|error| raise(&error))
    }

    /// The columns that a feature is stored with, as a frame without rows; `None` without a table.
    fn stored_schema(
        &self,
        py: Python<'_>,
        graph: &Graph,
        feature: &str,
    ) -> PyResult<Option<Frame>> {
        let (store, graph, feature) = (self.store.clone(), Arc::clone(&graph.0), key(feature)?);
        let schema =
            wait(
                py,
                "looking at a table",
                async move { store.stored_schema(&graph, &feature).await },
            )?;
        let schema = schema.map_err(|error| raise(&error))?;
        Ok(schema.map(|schema| engine::Frame::empty(schema).into()))
    }

    #[pyo3(signature = (
        graph, feature, *, filters = Vec::new(), columns = None, feature_version = None,
        feature_history = false, sample_history = false, include_deleted = false, limit = None,
        views = false,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords, and Python names them")]
    fn read(
        &self,
        py: Python<'_>,
        graph: &Graph,
        feature: &str,
        filters: Vec<String>,
        columns: Option<Vec<String>>,
        feature_version: Option<String>,
        feature_history: bool,
        sample_history: bool,
        include_deleted: bool,
        limit: Option<usize>,
        views: bool,
    ) -> PyResult<Frame> {
        let options = ReadOptions {
            filters: self::filters(&filters)?,
            columns,
            // A version that is named is the one that is read.
            feature_history: feature_history && feature_version.is_none(),
            feature_version,
            sample_history,
            include_deleted,
            limit,
            ..ReadOptions::default()
        };
        let what = format!("reading `{feature}`");
        let (store, graph, feature) = (self.store.clone(), Arc::clone(&graph.0), key(feature)?);
        let frame = wait(py, &what, async move {
            let rows = store.read(&graph, &feature, &options).await?;
            let rows = if views { with_views(rows) } else { rows };
            rows.into_frame().await
        })?;
        frame.map(Frame::from).map_err(|error| raise(&error))
    }

    /// Adds samples, those of an object or of a file, in one commit; returns how many.
    #[pyo3(signature = (graph, feature, rows, materialization_id = None, over_fallback = false))]
    fn write(
        &self,
        py: Python<'_>,
        graph: &Graph,
        feature: &str,
        rows: &Bound<'_, PyAny>,
        materialization_id: Option<String>,
        over_fallback: bool,
    ) -> PyResult<u64> {
        let what = format!("writing `{feature}`");
        let (store, key) = (self.store.clone(), key(feature)?);
        let stop = Arc::new(AtomicBool::new(false));
        let mut rows = match rows.extract::<PathBuf>() {
            Ok(file) => samples_of(py, file)?,
            Err(_) => Rows::from_reader(Stoppable::new(reader(rows)?, &stop)),
        };
        let (work, quota) = (Work::new(self, graph), self.quota);
        let meter = wait(py, "counting what the project holds", async move {
            Meter::if_limited(work.context(), quota).await
        })?;
        let meter = meter.map_err(|error| raise(&error))?;
        if let Some(meter) = &meter {
            rows = meter.guard(graph.feature(feature)?, rows);
        }
        let graph = Arc::clone(&graph.0);
        let commit = wait_or_stop(py, &what, &stop, async move {
            let over_fallback = over_fallback_of(over_fallback);
            let options =
                WriteOptions { materialization_id, over_fallback, ..WriteOptions::default() };
            store.write(&graph, &key, rows, &options).await
        })?;
        let commit = commit.map_err(|error| raise(&error))?;
        for warning in meter.iter().flat_map(Meter::warnings) {
            py.import("warnings")?.call_method1("warn", (warning,))?;
        }
        Ok(commit.rows)
    }

    #[pyo3(signature = (
        graph, feature, *, samples = None, filters = BTreeMap::new(), global_filters = Vec::new(),
        target_filters = Vec::new(), staleness = Vec::new(), skip_comparison = false,
        prefer_native = None, views = false,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords, and Python names them")]
    fn resolve(
        &self,
        py: Python<'_>,
        graph: &Graph,
        feature: &str,
        samples: Option<&Bound<'_, PyAny>>,
        filters: BTreeMap<String, Vec<String>>,
        global_filters: Vec<String>,
        target_filters: Vec<String>,
        staleness: Vec<String>,
        skip_comparison: bool,
        prefer_native: Option<bool>,
        views: bool,
    ) -> PyResult<Increment> {
        let options = ResolveOptions {
            compute: prefer_native.map(|it| if it { Compute::Native } else { Compute::Here }),
            samples: samples.map(collected).transpose()?,
            filters: filters_by_feature(filters)?,
            global_filters: self::filters(&global_filters)?,
            target_filters: self::filters(&target_filters)?,
            staleness: self::filters(&staleness)?,
            skip_comparison,
            ..ResolveOptions::default()
        };
        let what = format!("resolving `{feature}`");
        let (store, graph, feature) = (self.store.clone(), Arc::clone(&graph.0), key(feature)?);
        let (found, mut batches) = wait(py, &what, async move {
            let mut batches: BTreeMap<Finding, Vec<RecordBatch>> = BTreeMap::new();
            let take = |finding, batch| {
                let batch = if views { batch_with_views(&batch)? } else { batch };
                batches.entry(finding).or_default().push(batch);
                Ok(())
            };
            let found = store.resolve_each(&graph, &feature, options, take).await;
            (found, batches)
        })?;
        let found = found.map_err(|error: StoreError| raise(&error))?;
        let mut frame = |finding, schema: &SchemaRef| {
            let schema = if views { viewed(schema) } else { SchemaRef::clone(schema) };
            let batches = batches.remove(&finding).unwrap_or_default();
            Py::new(py, Frame::from(engine::Frame { schema, batches }))
        };
        Ok(Increment {
            is_native: matches!(found.computed, Computed::Native { .. }),
            new: frame(Finding::New, &found.expected)?,
            stale: frame(Finding::Stale, &found.expected)?,
            orphaned: frame(Finding::Orphaned, &found.stored)?,
            waiting: frame(Finding::Waiting, &found.stored)?,
        })
    }

    /// The upstreams of a feature ready for a join of the caller's own, by key and in order.
    #[pyo3(signature = (graph, feature, filters = BTreeMap::new()))]
    fn upstream_rows(
        &self,
        py: Python<'_>,
        graph: &Graph,
        feature: &str,
        filters: BTreeMap<String, Vec<String>>,
    ) -> PyResult<Vec<(String, Frame)>> {
        let filters = filters_by_feature(filters)?;
        let what = format!("reading the upstreams of `{feature}`");
        let (store, graph, feature) = (self.store.clone(), Arc::clone(&graph.0), key(feature)?);
        let found =
            wait(py, &what, async move { store.upstream_rows(&graph, &feature, &filters).await })?;
        let found = found.map_err(|error| raise(&error))?;
        Ok(found.into_iter().map(|(key, frame)| (key.to_string(), frame.into())).collect())
    }

    /// Gives joined upstreams their version columns.
    fn compute_provenance(
        &self,
        py: Python<'_>,
        graph: &Graph,
        feature: &str,
        joined: &Bound<'_, PyAny>,
    ) -> PyResult<Frame> {
        let joined = collect(joined)?;
        let what = format!("hashing samples of `{feature}`");
        let (store, graph, feature) = (self.store.clone(), Arc::clone(&graph.0), key(feature)?);
        let frame =
            wait(
                py,
                &what,
                async move { store.compute_provenance(&graph, &feature, joined).await },
            )?;
        frame.map(Frame::from).map_err(|error| raise(&error))
    }

    fn progress(&self, py: Python<'_>, graph: &Graph, feature: &str) -> PyResult<Option<f64>> {
        let what = format!("counting the inputs of `{feature}`");
        let (store, graph, feature) = (self.store.clone(), Arc::clone(&graph.0), key(feature)?);
        wait(py, &what, async move { store.progress(&graph, &feature).await })?
            .map_err(|error| raise(&error))
    }

    #[pyo3(signature = (
        graph, feature, *, global_filters = Vec::new(), target_filters = Vec::new(),
        staleness = Vec::new(),
    ))]
    fn status<'py>(
        &self,
        py: Python<'py>,
        graph: &Graph,
        feature: &str,
        global_filters: Vec<String>,
        target_filters: Vec<String>,
        staleness: Vec<String>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let options = StatusOptions {
            global_filters: filters(&global_filters)?,
            target_filters: filters(&target_filters)?,
            staleness: filters(&staleness)?,
        };
        let what = format!("looking at `{feature}`");
        let (store, graph, feature) = (self.store.clone(), Arc::clone(&graph.0), key(feature)?);
        let status =
            wait(py, &what, async move { store.status_of(&graph, &feature, &options).await })?;
        let status = status.map_err(|error| raise(&error))?;
        let shown = PyDict::new(py);
        shown.set_item("exists", status.exists)?;
        shown.set_item("samples", status.samples)?;
        shown.set_item("deleted", status.deleted)?;
        shown.set_item("rows", status.rows)?;
        shown.set_item("bytes", status.bytes)?;
        shown.set_item("table_version", status.table_version)?;
        for (name, count) in [
            ("new", status.increment.map(|it| it.new)),
            ("stale", status.increment.map(|it| it.stale)),
            ("orphaned", status.increment.map(|it| it.orphaned)),
            ("waiting", status.increment.map(|it| it.waiting)),
        ] {
            shown.set_item(name, count)?;
        }
        Ok(shown)
    }

    /// Samples of an older feature version with their provenance under the graph's definition.
    fn rebase(
        &self,
        py: Python<'_>,
        graph: &Graph,
        feature: &str,
        from_feature_version: String,
    ) -> PyResult<Frame> {
        let what = format!("rebasing `{feature}`");
        let (store, graph, feature) = (self.store.clone(), Arc::clone(&graph.0), key(feature)?);
        let frame =
            wait(
                py,
                &what,
                async move { store.rebase(&graph, &feature, &from_feature_version).await },
            )?;
        frame.map(Frame::from).map_err(|error| raise(&error))
    }

    /// Adds the rows of a feature in another store; returns how many.
    #[pyo3(signature = (
        source, graph, feature, *, filters = Vec::new(), feature_history = false,
        sample_history = false, over_fallback = false,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords, and Python names them")]
    fn copy_from(
        &self,
        py: Python<'_>,
        source: &Self,
        graph: &Graph,
        feature: &str,
        filters: Vec<String>,
        feature_history: bool,
        sample_history: bool,
        over_fallback: bool,
    ) -> PyResult<u64> {
        let options = CopyOptions {
            filters: self::filters(&filters)?,
            feature_history,
            sample_history,
            over_fallback: over_fallback_of(over_fallback),
        };
        let what = format!("copying `{feature}`");
        let (store, source) = (self.store.clone(), source.store.clone());
        let (graph, feature) = (Arc::clone(&graph.0), key(feature)?);
        let copied =
            wait(
                py,
                &what,
                async move { store.copy_from(&source, &graph, &feature, &options).await },
            )?;
        copied.map(|receipt| receipt.rows).map_err(|error| raise(&error))
    }
}
