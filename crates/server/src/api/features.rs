//! Features, how they stand, and their samples.

use std::sync::Arc;

use arrow::{
    array::RecordBatch,
    datatypes::SchemaRef,
    error::ArrowError,
    ipc::writer::StreamWriter,
    json::{LineDelimitedWriter, WriterBuilder, writer::LineDelimited},
};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
    routing,
};
use metalith_base::FeatureKey;
use metalith_graph::Feature;
use metalith_registry::{Page, Session};
use metalith_store::{FeatureStatus, Frame, Keys, ReadOptions, ResolveOptions, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::App,
    auth::{Caller, Read},
    problem::Problem,
    wire::{Json, Params, Path, feature_key, filters, some},
};

/// The type of a stream of Arrow record batches.
pub(crate) const ARROW: &str = "application/vnd.apache.arrow.stream";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/features", routing::get(list))
        .route("/api/v1/features/{feature}", routing::get(get))
        .route("/api/v1/features/{feature}/samples", routing::get(samples))
        .route("/api/v1/features/{feature}/increment", routing::get(increment))
}

/// A feature, as it is declared.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeatureView {
    /// Its name.
    pub(crate) key: String,
    /// The version of its definition, that of its upstreams included.
    pub(crate) feature_version: String,
    /// The columns that identify a sample.
    pub(crate) id_columns: Vec<String>,
    /// The logical parts of its data, with their versions.
    pub(crate) fields: Vec<FieldView>,
    /// What it is computed from.
    pub(crate) deps: Vec<String>,
    /// What it is, for people.
    pub(crate) description: Option<String>,
}

/// A logical part of a feature's data.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldView {
    /// Its name.
    key: String,
    /// Its version.
    version: String,
}

impl From<&Feature> for FeatureView {
    fn from(feature: &Feature) -> Self {
        let spec = feature.spec();
        let fields = feature.field_versions().iter();
        Self {
            key: feature.key().to_string(),
            feature_version: feature.feature_version().to_owned(),
            id_columns: spec.id_columns.clone(),
            fields: fields
                .map(|(key, version)| FieldView { key: key.to_string(), version: version.clone() })
                .collect(),
            deps: spec.deps.iter().map(|dep| dep.feature.to_string()).collect(),
            description: spec.description.clone(),
        }
    }
}

/// The features of the project.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Features {
    /// The version of the whole graph.
    snapshot_version: String,
    /// The features, upstreams first.
    features: Vec<FeatureView>,
}

/// A feature and how it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeatureDetail {
    /// The feature.
    #[serde(flatten)]
    feature: FeatureView,
    /// How it stands.
    status: StatusView,
}

/// How a feature stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct StatusView {
    /// Current samples.
    pub(crate) samples: u64,
    /// Samples that are deleted and could be restored.
    pub(crate) deleted: u64,
    /// Stored rows, history and tombstones included.
    pub(crate) rows: u64,
    /// Bytes stored.
    pub(crate) bytes: u64,
    /// What is to do; nothing for roots.
    pub(crate) increment: Option<IncrementView>,
}

/// The sizes of an increment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct IncrementView {
    /// Samples to compute.
    pub(crate) new: u64,
    /// Samples to recompute.
    pub(crate) stale: u64,
    /// Samples to consider deleting.
    pub(crate) orphaned: u64,
    /// Samples whose upstream has yet to be written under its new definition.
    pub(crate) waiting: u64,
}

impl From<FeatureStatus> for StatusView {
    fn from(status: FeatureStatus) -> Self {
        Self {
            samples: status.samples,
            deleted: status.deleted,
            rows: status.rows,
            bytes: status.bytes,
            increment: status.increment.map(|it| IncrementView {
                new: it.new,
                stale: it.stale,
                orphaned: it.orphaned,
                waiting: it.waiting,
            }),
        }
    }
}

/// Which samples.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SampleParams {
    /// A condition in SQL.
    filter: Option<String>,
    /// The columns, by name, with commas between them.
    columns: Option<String>,
    /// How many samples to leave out, in the order of their ids.
    #[serde(default)]
    offset: usize,
    /// How many samples to give at most.
    #[serde(default = "some")]
    limit: usize,
    /// Softly deleted samples too.
    #[serde(default)]
    include_deleted: bool,
    /// Samples of every feature version, not only of the current one.
    #[serde(default)]
    feature_history: bool,
}

/// A part of the samples of a feature.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Samples {
    /// The samples.
    #[schema(value_type = Vec<Object>)]
    pub(crate) items: Vec<Value>,
    /// How many there are in all.
    pub(crate) total: usize,
    /// How many were left out before these.
    pub(crate) offset: usize,
}

/// Which part of an increment.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    /// To compute.
    New,
    /// To recompute.
    Stale,
    /// To consider deleting.
    Orphaned,
}

/// Which part of an increment.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct IncrementParams {
    /// Which part of it.
    part: Part,
    /// How many samples to leave out.
    #[serde(default)]
    offset: usize,
    /// How many samples to give at most.
    #[serde(default = "some")]
    limit: usize,
}

/// The features of the project.
#[utoipa::path(get, path = "/api/v1/features", tag = "features",
    responses((status = 200, body = Features)))]
pub(crate) async fn list(caller: Caller<Read>) -> Json<Features> {
    let graph = caller.session.graph();
    Json(Features {
        snapshot_version: graph.snapshot_version().to_owned(),
        features: graph.features().map(FeatureView::from).collect(),
    })
}

/// A feature and how it stands. Its name is written `video__raw`, or `video%2Fraw`.
#[utoipa::path(get, path = "/api/v1/features/{feature}", tag = "features",
    params(("feature" = String, Path)),
    responses((status = 200, body = FeatureDetail), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn get(
    caller: Caller<Read>,
    Path(feature): Path,
) -> Result<Json<FeatureDetail>, Problem> {
    let (session, key) = (&caller.session, feature_key(&feature)?);
    let feature = FeatureView::from(session.graph().feature(&key)?);
    let status = session.store().status(session.graph(), &key).await?.into();
    Ok(Json(FeatureDetail { feature, status }))
}

/// Samples of a feature, in the order of their ids: as JSON, or as a stream of Arrow record batches
/// if `Accept` asks for it; then the header `metalith-total` has their number.
#[utoipa::path(get, path = "/api/v1/features/{feature}/samples", tag = "features",
    params(("feature" = String, Path), SampleParams),
    responses((status = 200, body = Samples), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn samples(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Path(feature): Path,
    headers: HeaderMap,
    Params(params): Params<SampleParams>,
) -> Result<Response, Problem> {
    let key = feature_key(&feature)?;
    let page = Page { offset: params.offset, limit: params.limit.min(app.limits.page) };
    let found = part_of(&caller.session, &key, &params, page).await?;
    if wants_arrow(&headers) {
        let total = [("metalith-total", found.total.to_string())];
        let body = stream(&found.schema, &found.batches).map_err(StoreError::arrow)?;
        return Ok((total, [(header::CONTENT_TYPE, ARROW)], body).into_response());
    }
    let items = rows(&found.batches).map_err(StoreError::arrow)?;
    Ok(Json(Samples { items, total: found.total, offset: page.offset }).into_response())
}

/// What is to be computed, recomputed, or considered for deletion.
#[utoipa::path(get, path = "/api/v1/features/{feature}/increment", tag = "features",
    params(("feature" = String, Path), IncrementParams),
    responses((status = 200, body = Samples), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn increment(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Path(feature): Path,
    headers: HeaderMap,
    Params(params): Params<IncrementParams>,
) -> Result<Response, Problem> {
    let (session, key) = (&caller.session, feature_key(&feature)?);
    let options = ResolveOptions::default();
    let found = session.store().resolve(session.graph(), &key, options).await?;
    let frame = match params.part {
        Part::New => found.new,
        Part::Stale => found.stale,
        Part::Orphaned => found.orphaned,
    };
    let total = frame.rows();
    let limit = params.limit.min(app.limits.page);
    let batches = cut(&frame.batches, params.offset, limit);
    if wants_arrow(&headers) {
        let total = [("metalith-total", total.to_string())];
        let body = stream(&frame.schema, &batches).map_err(StoreError::arrow)?;
        return Ok((total, [(header::CONTENT_TYPE, ARROW)], body).into_response());
    }
    let items = rows(&batches).map_err(StoreError::arrow)?;
    Ok(Json(Samples { items, total, offset: params.offset }).into_response())
}

/// Rows that were found.
pub(crate) struct Found {
    schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) total: usize,
}

/// A page of the samples of a feature. The ids of all that meet the filter are read, and ordered;
/// further columns only of those on the page.
async fn part_of(
    session: &Session,
    key: &FeatureKey,
    params: &SampleParams,
    page: Page,
) -> Result<Found, Problem> {
    let texts: Vec<String> = params.filter.iter().cloned().collect();
    let columns = params
        .columns
        .as_deref()
        .map(|names| names.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>());
    let options = ReadOptions {
        filters: filters(&texts)?,
        columns,
        include_deleted: params.include_deleted,
        feature_history: params.feature_history,
        ..ReadOptions::default()
    };
    page_of(session, key, options, page).await
}

/// A page of the samples that options choose, in the order of their ids.
pub(crate) async fn page_of(
    session: &Session,
    key: &FeatureKey,
    options: ReadOptions,
    page: Page,
) -> Result<Found, Problem> {
    let (store, graph) = (session.store(), session.graph());
    let ids = &graph.feature(key)?.spec().id_columns;
    if store.stored_schema(graph, key).await?.is_none() {
        let schema = SchemaRef::new(arrow::datatypes::Schema::empty());
        return Ok(Found { schema, batches: Vec::new(), total: 0 });
    }
    let all = ReadOptions { columns: Some(ids.clone()), ..options.clone() };
    let Frame { schema, batches } = store.read_whole(graph, key, &all).await?;
    let in_order = ordered(ids, &schema, &batches).map_err(StoreError::arrow)?;
    let total = in_order.iter().map(RecordBatch::num_rows).sum();
    let chosen = cut(&in_order, page.offset, page.limit);
    let within = Keys::new(ids, ids, &schema, &chosen)?;
    let columns = options.columns.clone();
    // Rows are read with their ids, which say in which order they come.
    let columns = columns.map(|mut columns| {
        columns.extend(ids.iter().filter(|id| !columns.contains(id)).cloned().collect::<Vec<_>>());
        columns
    });
    let options = ReadOptions { within: Some(within), columns, ..options };
    let Frame { schema, batches } = store.read_whole(graph, key, &options).await?;
    let batches = ordered(ids, &schema, &batches).map_err(StoreError::arrow)?;
    Ok(Found { schema, batches, total })
}

/// Rows in the order of some columns, as one batch.
fn ordered(
    by: &[String],
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<Vec<RecordBatch>, ArrowError> {
    use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
    let whole = concat_batches(schema, batches)?;
    if whole.num_rows() < 2 {
        return Ok(vec![whole]);
    }
    let columns = by.iter().filter_map(|name| whole.column_by_name(name));
    let columns: Vec<SortColumn> =
        columns.map(|values| SortColumn { values: Arc::clone(values), options: None }).collect();
    let order = lexsort_to_indices(&columns, None)?;
    Ok(vec![take_record_batch(&whole, &order)?])
}

/// Some rows in the middle.
fn cut(batches: &[RecordBatch], offset: usize, limit: usize) -> Vec<RecordBatch> {
    let (mut offset, mut limit) = (offset, limit);
    let mut cut = Vec::new();
    for batch in batches {
        let skipped = offset.min(batch.num_rows());
        let taken = limit.min(batch.num_rows() - skipped);
        offset -= skipped;
        limit -= taken;
        if taken > 0 {
            cut.push(batch.slice(skipped, taken));
        }
    }
    cut
}

/// Rows as JSON objects, with `null` where there is nothing.
pub(crate) fn rows(batches: &[RecordBatch]) -> Result<Vec<Value>, ArrowError> {
    let mut text = Vec::new();
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let mut writer: LineDelimitedWriter<_> = builder.build::<_, LineDelimited>(&mut text);
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    drop(writer);
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let parse = |line| serde_json::from_slice(line);
    lines.map(parse).collect::<Result<_, _>>().map_err(|it| ArrowError::JsonError(it.to_string()))
}

fn wants_arrow(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    accept.is_some_and(|accept| accept.contains(ARROW))
}

fn stream(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut body = Vec::new();
    let mut writer = StreamWriter::try_new(&mut body, schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    drop(writer);
    Ok(body)
}
