//! Jobs, datasets and models as records, and how they are kept as samples.

use std::{collections::HashSet, sync::Arc};

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    compute::{
        SortColumn, SortOptions, cast, concat_batches, lexsort_to_indices, take_record_batch,
    },
    datatypes::{DataType, Field, Schema, TimeUnit},
    error::ArrowError,
    json::{LineDelimitedWriter, ReaderBuilder},
};
use futures::TryStreamExt as _;
use metalith_base::FeatureKey;
use metalith_expr::{Expr, column, lit};
use metalith_graph::columns;
use metalith_store::{Frame, Precondition, ReadOptions, Rows, StoreError, WriteOptions};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{RegistryError, Session};

/// How often something is read again because somebody removed rows meanwhile. Each time somebody made
/// progress.
const ATTEMPTS: usize = 20;

/// The column of every record that says when it was made.
const CREATED_AT: &str = "created_at";

pub(crate) const JOB: &str = "synthetic/job";
pub(crate) const DATASET: &str = "synthetic/dataset";

/// Something that the registry keeps.
pub trait Record: Serialize + DeserializeOwned + Send + Sync {
    /// The feature whose samples they are.
    const FEATURE: &'static str;
    /// The column with its id, or the first of its ids.
    const ID: &'static str;
    /// What one is called.
    const NOUN: &'static str;
    /// The columns, with their types.
    const COLUMNS: &'static [(&'static str, Type)];
    /// By which the newest is told.
    fn created_at(&self) -> &str;
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// Yes or no.
    Flag,
    /// A time.
    Time,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// It is at work.
    Running,
    /// It did its work.
    Completed,
    /// It could not go on.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl JobState {
    /// Whether it will do nothing more.
    pub fn is_over(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }

    /// The name, as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Work in the background.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id, a UUID.
    pub job_id: String,
    /// What people call it.
    pub name: String,
    /// What it does: one of [`KINDS`](crate::KINDS).
    pub kind: String,
    /// How it stands.
    pub status: JobState,
    /// What it was asked to do, as JSON.
    pub config: String,
    /// How much there is to do; 0 while that is not known.
    pub total: i64,
    /// How much of it is done.
    pub done: i64,
    /// How often it was begun.
    pub attempts: i64,
    /// Its last lines of log.
    #[serde(default)]
    pub log: String,
    /// Why it could not go on.
    #[serde(default)]
    pub error: Option<String>,
    /// Who asked for it.
    #[serde(default)]
    pub created_by: Option<String>,
    /// When.
    pub created_at: String,
    /// When it was begun.
    #[serde(default)]
    pub started_at: Option<String>,
    /// When it was over.
    #[serde(default)]
    pub finished_at: Option<String>,
}

impl Record for Job {
    const FEATURE: &'static str = JOB;
    const ID: &'static str = "job_id";
    const NOUN: &'static str = "job";
    const COLUMNS: &'static [(&'static str, Type)] = &[
        ("job_id", Type::Text),
        ("name", Type::Text),
        ("kind", Type::Text),
        ("status", Type::Text),
        ("config", Type::Text),
        ("total", Type::Number),
        ("done", Type::Number),
        ("attempts", Type::Number),
        ("log", Type::Text),
        ("error", Type::Text),
        ("created_by", Type::Text),
        ("created_at", Type::Time),
        ("started_at", Type::Time),
        ("finished_at", Type::Time),
    ];

    fn created_at(&self) -> &str {
        &self.created_at
    }
}

/// What a job made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its id, a UUID.
    pub dataset_id: String,
    /// What people call it.
    pub name: String,
    /// What is in it; `iq_raw` ones have objects.
    pub dataset_type: String,
    /// The job that made it, while there is one.
    #[serde(default)]
    pub created_by_job_id: Option<String>,
    /// How many samples it was made to have.
    pub num_samples: i64,
    /// How many bytes its objects have.
    pub bytes: i64,
    /// When it was made.
    pub created_at: String,
}

impl Record for Dataset {
    const FEATURE: &'static str = DATASET;
    const ID: &'static str = "dataset_id";
    const NOUN: &'static str = "dataset";
    const COLUMNS: &'static [(&'static str, Type)] = &[
        ("dataset_id", Type::Text),
        ("name", Type::Text),
        ("dataset_type", Type::Text),
        ("created_by_job_id", Type::Text),
        ("num_samples", Type::Number),
        ("bytes", Type::Number),
        ("created_at", Type::Time),
    ];

    fn created_at(&self) -> &str {
        &self.created_at
    }
}

/// One sample of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) sample_id: String,
    pub(crate) dataset_id: String,
    pub(crate) number: i64,
    pub(crate) files: i64,
    pub(crate) bytes: i64,
    pub(crate) created_at: String,
}

impl Record for Sample {
    const FEATURE: &'static str = "synthetic/sample";
    const ID: &'static str = "sample_id";
    const NOUN: &'static str = "sample";
    const COLUMNS: &'static [(&'static str, Type)] = &[
        ("sample_id", Type::Text),
        ("dataset_id", Type::Text),
        ("number", Type::Number),
        ("files", Type::Number),
        ("bytes", Type::Number),
        ("created_at", Type::Time),
    ];

    fn created_at(&self) -> &str {
        &self.created_at
    }
}

/// A model that was trained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Its id, a UUID.
    pub model_id: String,
    /// What people call it.
    pub name: String,
    /// Whether it is in use. Then the datasets it was trained on may not go.
    pub is_active: bool,
    /// When it was registered.
    pub created_at: String,
}

impl Record for Model {
    const FEATURE: &'static str = "model";
    const ID: &'static str = "model_id";
    const NOUN: &'static str = "model";
    const COLUMNS: &'static [(&'static str, Type)] = &[
        ("model_id", Type::Text),
        ("name", Type::Text),
        ("is_active", Type::Flag),
        ("created_at", Type::Time),
    ];

    fn created_at(&self) -> &str {
        &self.created_at
    }
}

/// That a model was trained on a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The model.
    pub model_id: String,
    /// The dataset.
    pub dataset_id: String,
    /// When that was registered.
    pub created_at: String,
}

impl Record for Usage {
    const FEATURE: &'static str = "model/usage";
    const ID: &'static str = "model_id";
    const NOUN: &'static str = "usage";
    const COLUMNS: &'static [(&'static str, Type)] =
        &[("model_id", Type::Text), ("dataset_id", Type::Text), ("created_at", Type::Time)];

    fn created_at(&self) -> &str {
        &self.created_at
    }
}

/// A part of a list, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many to leave out.
    pub offset: usize,
    /// How many to give at most.
    pub limit: usize,
}

/// The record with an id.
pub async fn find<R: Record>(session: &Session, id: Uuid) -> Result<R, RegistryError> {
    let mut found = select::<R>(session, Some(is(R::ID, id))).await?;
    found.pop().ok_or(RegistryError::Unknown { noun: R::NOUN, id: id.to_string() })
}

/// A part of all records, the newest first, and how many there are. One that cannot be read is left
/// out, and told to the log: it must not hide the others.
pub async fn list<R: Record>(
    session: &Session,
    page: Page,
) -> Result<(Vec<R>, usize), RegistryError> {
    let Some(Frame { schema, batches }) = frame::<R>(session, None).await? else {
        return Ok((Vec::new(), 0));
    };
    let whole = concat_batches(&schema, &batches)?;
    let newest_first = Some(SortOptions { descending: true, nulls_first: false });
    let by = [(CREATED_AT, newest_first), (R::ID, None)].map(|(name, options)| {
        let place = schema.index_of(name)?;
        Ok::<_, ArrowError>(SortColumn { values: Arc::clone(whole.column(place)), options })
    });
    let [times, ids] = by;
    let times = times?;
    // A record that does not say when it was made cannot be read.
    let count = whole.num_rows() - times.values.null_count();
    let (first, end) = (page.offset.min(count), page.offset.saturating_add(page.limit).min(count));
    let order = lexsort_to_indices(&[times, ids?], Some(end))?.slice(first, end - first);
    let lines = json_lines(&[take_record_batch(&whole, &order)?])?;
    Ok((lines.iter().filter_map(|line| told(line)).collect(), count))
}

/// The datasets that no sample belongs to, the newest first, and how many there are.
pub async fn list_without_samples(
    session: &Session,
    page: Page,
) -> Result<(Vec<Dataset>, usize), RegistryError> {
    // Datasets first: one that gets its samples in between is none of them.
    let mut datasets = readable::<Dataset>(session, None).await?;
    let mut attempt = 1;
    let with_samples = loop {
        match with_samples(session).await {
            // Somebody removed samples for good meanwhile, files and all.
            Err(RegistryError::Store(StoreError::Conflict { .. })) if attempt < ATTEMPTS => {
                attempt += 1;
            }
            found => break found?,
        }
    };
    datasets.retain(|dataset| !with_samples.contains(&dataset.dataset_id));
    Ok(page_of(datasets, page))
}

/// The ids of the datasets that samples belong to.
async fn with_samples(session: &Session) -> Result<HashSet<String>, RegistryError> {
    let (feature, mut found) = (key::<Sample>(), HashSet::new());
    if session.store().stored_schema(session.graph(), &feature).await?.is_none() {
        return Ok(found);
    }
    let options = ReadOptions {
        columns: Some([Sample::ID, Dataset::ID].map(str::to_owned).to_vec()),
        feature_history: true,
        ..ReadOptions::default()
    };
    let rows = session.store().read(session.graph(), &feature, &options).await?;
    let mut batches = rows.into_stream();
    while let Some(batch) = batches.try_next().await? {
        let column = batch.schema().index_of(Dataset::ID)?;
        let ids = cast(batch.column(column), &DataType::Utf8)?;
        for id in ids.as_string::<i32>().iter().flatten() {
            if !found.contains(id) {
                found.insert(id.to_owned());
            }
        }
    }
    Ok(found)
}

fn page_of<R: Record>(mut all: Vec<R>, page: Page) -> (Vec<R>, usize) {
    all.sort_by(|one, other| other.created_at().cmp(one.created_at()));
    let count = all.len();
    (all.into_iter().skip(page.offset).take(page.limit).collect(), count)
}

/// That a column has an id.
pub(crate) fn is(column_name: &str, id: Uuid) -> Expr {
    column(column_name).eq(lit(id.to_string()))
}

/// The records that meet a condition.
pub(crate) async fn select<R: Record>(
    session: &Session,
    filter: Option<Expr>,
) -> Result<Vec<R>, RegistryError> {
    lines::<R>(session, filter).await?.iter().map(|it| Ok(serde_json::from_slice(it)?)).collect()
}

/// The same without those that cannot be read.
pub(crate) async fn readable<R: Record>(
    session: &Session,
    filter: Option<Expr>,
) -> Result<Vec<R>, RegistryError> {
    Ok(lines::<R>(session, filter).await?.iter().filter_map(|line| told(line)).collect())
}

/// The record in a line. That one cannot be read is told to the log.
fn told<R: Record>(line: &[u8]) -> Option<R> {
    let read = serde_json::from_slice(line);
    read.inspect_err(|error| {
        tracing::error!(feature = R::FEATURE, %error, "a record cannot be read");
    })
    .ok()
}

/// Records as JSON.
async fn lines<R: Record>(
    session: &Session,
    filter: Option<Expr>,
) -> Result<Vec<Vec<u8>>, RegistryError> {
    match frame::<R>(session, filter).await? {
        Some(frame) => json_lines(&frame.batches),
        None => Ok(Vec::new()),
    }
}

/// Records as rows; `None` where there have never been any.
async fn frame<R: Record>(
    session: &Session,
    filter: Option<Expr>,
) -> Result<Option<Frame>, RegistryError> {
    session.require_registry()?;
    let (store, graph, feature) = (session.store(), session.graph(), key::<R>());
    if store.stored_schema(graph, &feature).await?.is_none() {
        return Ok(None);
    }
    let columns = R::COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let options = ReadOptions {
        filters: filter.into_iter().collect(),
        columns: Some(columns),
        feature_history: true,
        ..ReadOptions::default()
    };
    Ok(Some(store.read_whole(graph, &feature, &options).await?))
}

fn json_lines(batches: &[RecordBatch]) -> Result<Vec<Vec<u8>>, RegistryError> {
    let mut text = Vec::new();
    let mut writer = LineDelimitedWriter::new(&mut text);
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    drop(writer);
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(<[u8]>::to_vec).collect())
}

/// Writes records, in one commit.
pub(crate) async fn write<R: Record>(
    session: &Session,
    records: &[R],
) -> Result<(), RegistryError> {
    write_if(session, records, Precondition::None).await
}

/// The same in a state of the table that was looked at.
pub(crate) async fn write_if<R: Record>(
    session: &Session,
    records: &[R],
    precondition: Precondition,
) -> Result<(), RegistryError> {
    session.require_registry()?;
    if records.is_empty() {
        return Ok(());
    }
    let rows = Rows::from_batch(batch(records)?);
    let options = WriteOptions { precondition, ..WriteOptions::default() };
    session.store().write(session.graph(), &key::<R>(), rows, &options).await?;
    Ok(())
}

/// The feature whose samples jobs are.
pub fn job_table() -> FeatureKey {
    key::<Job>()
}

pub(crate) fn key<R: Record>() -> FeatureKey {
    R::FEATURE.parse().expect("the name of a built-in feature is a key")
}

fn batch<R: Record>(records: &[R]) -> Result<RecordBatch, RegistryError> {
    let mut fields: Vec<Field> =
        R::COLUMNS.iter().map(|(name, of)| Field::new(*name, of.stored(), true)).collect();
    // Records come from people and from jobs, not from other samples.
    let source = Field::new("default", DataType::Utf8, true);
    let sources = DataType::Struct(vec![source].into());
    fields.push(Field::new(columns::PROVENANCE_BY_FIELD, sources, true));
    let rows = records.iter().map(|record| {
        let mut row = serde_json::to_value(record)?;
        row[columns::PROVENANCE_BY_FIELD] = json!({ "default": "registry" });
        Ok(row)
    });
    let rows: Vec<Value> = rows.collect::<Result<_, RegistryError>>()?;
    let mut decoder = ReaderBuilder::new(Arc::new(Schema::new(fields)))
        .with_batch_size(rows.len())
        .build_decoder()?;
    decoder.serialize(&rows)?;
    let schema = Arc::new(Schema::empty());
    Ok(decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(schema)))
}

impl Type {
    fn stored(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Number => DataType::Int64,
            Self::Flag => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }
}
