//! Tables that are read: files, Delta tables, features of a store, plain tables of a database.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, RecordBatch},
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
};
use datafusion::logical_expr::{Expr as PlanExpr, SortExpr};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_base::{FeatureKey, nearest};
use metalith_delta::{Layout, open_backend};
use metalith_graph::{FeatureGraph, columns};
use metalith_ingest::RowFile;
use metalith_store::{
    Backend, ChunkRequest, Digest, Frame, Mode, PlainTables, ReadOptions, Rows, Store, StoreError,
    Table, expression_type, is_system_table, stored_as,
};
use serde_json::{Value, json};

use crate::{
    PipelineError, Surroundings,
    engine::{Engine, Stream, Threads, ahead, rows_of},
    exact::{Inexact, exactly},
    files::{self, Extent, Found},
    model::{Datasource, SourceKind, TableRef},
    reads::{State, Watch, table_place},
    working::is_reserved,
};

/// A table that is there and whose columns are known.
pub(crate) struct Input {
    /// What expressions call it.
    pub(crate) name: String,
    /// Where it is, as a person would write it.
    pub(crate) shown: String,
    /// Which state of it is read, as far as it can be told.
    pub(crate) version: Value,
    /// The columns that are read.
    pub(crate) schema: SchemaRef,
    /// What each of them is called there.
    origins: Vec<String>,
    /// Columns that have the name of another one there.
    pub(crate) posing: Vec<String>,
    /// What is read, by place, and in which state.
    pub(crate) reads: Vec<(String, State)>,
    source: Source,
}

pub(crate) enum Source {
    /// Files, and the folder of those that were fetched from elsewhere.
    Files(Vec<RowFile>, Option<Arc<tempfile::TempDir>>),
    Delta(Arc<dyn Table>),
    Feature {
        store: Box<Store>,
        graph: Box<FeatureGraph>,
        key: FeatureKey,
        /// The version of its table here.
        version: Option<u64>,
    },
    /// A plain table with all of its columns.
    Plain {
        tables: Arc<dyn PlainTables>,
        table: String,
        columns: SchemaRef,
        watch: Arc<Watch>,
    },
    Memory(Vec<RecordBatch>),
}

/// Why a table cannot be used.
pub(crate) enum Unusable {
    /// The project file is wrong.
    Mistake { reason: String, hint: Option<String> },
    /// Something failed.
    Error(Box<PipelineError>),
}

impl<E: Into<PipelineError>> From<E> for Unusable {
    fn from(error: E) -> Self {
        Self::Error(Box::new(error.into()))
    }
}

impl Unusable {
    pub(crate) fn mistake(reason: impl Into<String>, hint: Option<String>) -> Self {
        Self::Mistake { reason: reason.into(), hint }
    }
}

impl Input {
    /// Finds a table and its columns. No row is kept yet, though types of text are inferred.
    pub(crate) async fn open(
        surroundings: &Surroundings<'_>,
        datasource: &Datasource,
        (table, extent): (&TableRef, Extent),
    ) -> Result<Self, Unusable> {
        let given = (table.datasource.clone(), table.table.clone());
        let opened = match surroundings.replaced.get(&given) {
            Some(Frame { schema, batches }) => {
                let shown = format!("{}/{}", given.0, given.1);
                let source = Source::Memory(batches.clone());
                let schema = Arc::clone(schema);
                Opened { source, schema, shown, version: Value::Null, reads: Vec::new() }
            }
            None => match datasource.kind {
                SourceKind::Files(format) => {
                    open_files(surroundings, datasource, (table, format, extent)).await?
                }
                SourceKind::Delta => open_delta(surroundings, datasource, table).await?,
                SourceKind::Store => open_feature(surroundings, datasource, table).await?,
                SourceKind::Database => open_plain(surroundings, datasource, table).await?,
            },
        };
        let Opened { source, schema, shown, version, reads } = opened;
        let there = schema;
        let (schema, origins) = read_columns(&there, table)?;
        let names = schema.fields().iter().map(|it| it.name());
        let posing = names.zip(&origins).filter(|(name, origin)| name != origin);
        let posing = posing.map(|(name, _)| name.clone());
        let posing = posing.filter(|name| there.index_of(name).is_ok()).collect();
        let name = table.name().to_owned();
        Ok(Self { name, shown, version, schema, origins, posing, reads, source })
    }

    /// The rows, in an order that is always the same, with the columns of the schema.
    pub(crate) async fn rows(&self, engine: &Engine) -> Result<Stream<RecordBatch>, PipelineError> {
        let rows: Stream<RecordBatch> = match &self.source {
            Source::Files(files, folder) => {
                // The folder of fetched files must live as long as they are read.
                let folder = folder.clone();
                let (files, shown) = (files.clone(), self.shown.clone());
                let opened = files.into_iter().map(move |file| {
                    let rows = file.rows().map_err(PipelineError::from);
                    (rows, folder.clone())
                });
                stream::iter(opened)
                    .map(move |(rows, folder)| {
                        let shown = shown.clone();
                        let rows = rows?.into_stream();
                        let rows = rows.map_err(move |error| unreadable(&shown, error));
                        Ok::<_, PipelineError>(rows.inspect(move |_| drop(folder.clone())))
                    })
                    .try_flatten()
                    .boxed()
            }
            Source::Plain { tables, table, columns, watch } => {
                // What may have changed is all of the table.
                let names: BTreeSet<&String> = match watch.is_wanted() {
                    true => columns.fields().iter().map(|it| it.name()).collect(),
                    false => self.origins.iter().collect(),
                };
                let names: Vec<String> = names.into_iter().cloned().collect();
                let rows = tables.read(table, &names).await?.into_stream();
                let rows = rows.map_err(PipelineError::from).boxed();
                if watch.is_wanted() { watched(rows, Arc::clone(watch)) } else { rows }
            }
            Source::Memory(batches) => stream::iter(batches.clone().into_iter().map(Ok)).boxed(),
            Source::Delta(table) => {
                let table = Arc::clone(table);
                let columns: Vec<usize> = (0..table.schema().fields().len()).collect();
                stream::iter(0..table.chunks().len())
                    .then(move |chunk| {
                        let request =
                            ChunkRequest { columns: columns.clone(), ..ChunkRequest::default() };
                        let table = Arc::clone(&table);
                        async move { table.read_chunk(chunk, request).await }
                    })
                    .map_ok(Rows::into_stream)
                    .try_flatten()
                    .map_err(PipelineError::from)
                    .boxed()
            }
            Source::Feature { store, graph, key, version } => {
                let rows = feature_rows(engine, store, graph, key).await?;
                // The rows are those of the state that was bound, or of none.
                if store.table_version(key).await? != *version {
                    return Err(PipelineError::Changed { place: self.shown.clone() });
                }
                rows
            }
        };
        let columns = (SchemaRef::clone(&self.schema), self.origins.clone());
        let shown = self.shown.clone();
        let mut before = 0;
        let fitted = rows.map(move |batch| {
            let batch = batch?;
            let fitted = declared(&batch, (&columns.0, &columns.1), (&shown, before));
            before += batch.num_rows();
            fitted
        });
        Ok(ahead(fitted.boxed()))
    }
}

/// Rows that are noted while they pass.
fn watched(rows: Stream<RecordBatch>, watch: Arc<Watch>) -> Stream<RecordBatch> {
    let begun = (rows, Digest::default(), watch);
    stream::unfold(begun, |(mut rows, mut digest, watch)| async move {
        let Some(batch) = rows.next().await else {
            watch.note(digest);
            return None;
        };
        let noted = batch.and_then(|batch| {
            digest.add(&batch).map_err(StoreError::arrow)?;
            Ok(batch)
        });
        Some((noted, (rows, digest, watch)))
    })
    .boxed()
}

/// What a file holds that cannot be read is a mistake of whoever wrote it.
fn unreadable(shown: &str, error: StoreError) -> PipelineError {
    match error {
        StoreError::Engine { source, .. } => {
            PipelineError::value(&format!("reading `{shown}`"), *source)
        }
        other => other.into(),
    }
}

/// A table that was found.
pub(crate) struct Opened {
    source: Source,
    pub(crate) schema: SchemaRef,
    shown: String,
    version: Value,
    reads: Vec<(String, State)>,
}

pub(crate) async fn open_files(
    surroundings: &Surroundings<'_>,
    datasource: &Datasource,
    (table, format, extent): (&TableRef, Option<metalith_ingest::FileFormat>, Extent),
) -> Result<Opened, Unusable> {
    let found = files::find(surroundings, datasource, (&table.table, extent));
    let Found { files, folder } = found.await?;
    let open = match extent {
        Extent::Whole => RowFile::open,
        Extent::Columns => RowFile::peek,
    };
    let mut opened = Vec::new();
    let mut schema: Option<SchemaRef> = None;
    // Values of text are converted later: readers of files cut what does not fit.
    let types: Vec<(String, DataType)> =
        table.types.iter().map(|(name, _)| (name.clone(), DataType::Utf8)).collect();
    let mut version = serde_json::Map::new();
    let mut reads = Vec::new();
    for file in &files {
        reads.push((file.identity.clone(), State::File(file.state.clone())));
        let known = metalith_ingest::FileFormat::of_file(&file.path);
        let found = open(&file.path, known.or(format), &types)?;
        schema = Some(match schema {
            None => found.schema(),
            Some(first) => united(&first, &found.schema(), &file.shown)?,
        });
        version.insert(file.shown.clone(), file.state.clone());
        opened.push(found);
    }
    // Files of one table may differ in the types that were inferred; the widest hold for all.
    let schema = schema.unwrap_or_else(|| Arc::new(Schema::empty()));
    let mut read = Vec::new();
    for file in opened {
        let path: PathBuf = file.path().to_path_buf();
        let of_file = |name: &str| Some((name.to_owned(), schema.field_with_name(name).ok()?));
        let wide: Vec<(String, DataType)> = file
            .schema()
            .fields()
            .iter()
            .filter_map(|it| of_file(it.name()))
            .map(|(name, field)| (name, field.data_type().clone()))
            .collect();
        let known = metalith_ingest::FileFormat::of_file(&path);
        read.push(match file.schema() == schema {
            true => file,
            false => open(&path, known.or(format), &wide)?,
        });
    }
    let shown = match files.as_slice() {
        [one] => one.shown.clone(),
        several => format!("{} files of `{}`", several.len(), table.table),
    };
    let (source, version) = (Source::Files(read, folder), Value::Object(version));
    Ok(Opened { source, schema, shown, version, reads })
}

/// The columns of files of one table: those of the first, wide enough for all.
fn united(first: &SchemaRef, other: &SchemaRef, file: &str) -> Result<SchemaRef, Unusable> {
    let names = |it: &SchemaRef| -> Vec<String> {
        it.fields().iter().map(|field| field.name().clone()).collect()
    };
    let (known, found) = (names(first), names(other));
    let more = found.iter().find(|name| !known.contains(name));
    let less = known.iter().find(|name| !found.contains(name));
    if let Some(name) = more.or(less) {
        let which = if more.is_some() { "and not in the first file" } else { "only elsewhere" };
        let reason = format!("column `{name}` is there {which}: `{file}`");
        let hint = "files of one table have the same columns";
        return Err(Unusable::mistake(reason, Some(hint.to_owned())));
    }
    let fields = first.fields().iter().map(|field| {
        let other = other.field_with_name(field.name()).map_or(field.data_type(), Field::data_type);
        match wide(field.data_type(), other) {
            Some(wide) => Ok(Field::new(field.name(), wide, true)),
            None => Err(Unusable::mistake(
                format!(
                    "column `{}` is {other} in `{file}` and {} elsewhere",
                    field.name(),
                    field.data_type()
                ),
                Some("say what it is with `types`".to_owned()),
            )),
        }
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?)))
}

/// The type that holds the values of both.
fn wide(one: &DataType, other: &DataType) -> Option<DataType> {
    use DataType::{Float32, Float64, Int64, Null, Utf8};
    match (one, other) {
        _ if one == other => Some(one.clone()),
        (Null, it) | (it, Null) => Some(it.clone()),
        (one, other) if one.is_integer() && other.is_integer() => Some(Int64),
        (Float32 | Float64, it) | (it, Float32 | Float64) if it.is_numeric() => Some(Float64),
        (Utf8, _) | (_, Utf8) => Some(Utf8),
        _ => None,
    }
}

async fn open_delta(
    surroundings: &Surroundings<'_>,
    datasource: &Datasource,
    table: &TableRef,
) -> Result<Opened, Unusable> {
    let (backend, key) = delta_table(surroundings, datasource, &table.table).await?;
    let Some(found) = backend.open_table(&key).await? else {
        let reason = format!("there is no Delta table `{key}.delta` in {}", backend.location());
        return Err(Unusable::mistake(reason, None));
    };
    let (schema, version) = (found.schema(), found.version());
    let shown = format!("{}/{key}", backend.location());
    let reads = vec![(table_place(&backend.location(), &key), State::Table(Some(version)))];
    let (source, version) = (Source::Delta(found), json!({ "table_version": version }));
    Ok(Opened { source, schema, shown, version, reads })
}

/// The place of a Delta table, which is none of a store of ours: what protects samples knows
/// nothing of what is read and written past it.
pub(crate) async fn delta_table(
    surroundings: &Surroundings<'_>,
    datasource: &Datasource,
    table: &str,
) -> Result<(Arc<dyn Backend>, FeatureKey), Unusable> {
    let key = feature_key(table)?;
    if is_system_table(&key) {
        let reason = format!("`{key}` is what a store keeps about itself");
        return Err(Unusable::mistake(reason, None));
    }
    let address = files::address(surroundings, &datasource.path);
    surroundings.require_table(&address, &format!("{key}.delta"))?;
    files::require_outside_stores(&address, key.as_str(), &datasource.options).await?;
    Ok((open_backend(&address, &datasource.options, Layout::Nested)?, key))
}

async fn open_feature(
    surroundings: &Surroundings<'_>,
    datasource: &Datasource,
    table: &TableRef,
) -> Result<Opened, Unusable> {
    let key = feature_key(&table.table)?;
    let project = surroundings.project()?;
    let name = (!datasource.path.is_empty()).then_some(datasource.path.as_str());
    let store = project.open_store(name, Mode::Read).await?;
    let graph = project.graph().clone();
    known_feature(&graph, &key)?;
    // The version first: a change of the columns in between is then one of the version, too.
    let version = store.table_version(&key).await?;
    let Some(stored) = store.stored_schema(&graph, &key).await? else {
        return Err(Unusable::mistake(format!("feature `{key}` has no samples yet"), None));
    };
    let fields: Vec<Field> = stored
        .fields()
        .iter()
        .filter(|it| !columns::is_system(it.name()))
        .map(|it| it.as_ref().clone())
        .collect();
    let shown = format!("{}/{key}", store.location());
    let reads = vec![(table_place(&store.location(), &key), State::Table(version))];
    let (store, graph) = (Box::new(store), Box::new(graph));
    let source = Source::Feature { store, graph, key, version };
    let (schema, version) = (Arc::new(Schema::new(fields)), json!({ "table_version": version }));
    Ok(Opened { source, schema, shown, version, reads })
}

async fn open_plain(
    surroundings: &Surroundings<'_>,
    datasource: &Datasource,
    table: &TableRef,
) -> Result<Opened, Unusable> {
    let tables = plain_tables(surroundings, datasource)?;
    let Some(schema) = tables.columns(&table.table).await? else {
        let known = tables.names().await?;
        let near = nearest(&table.table, known.iter().map(String::as_str));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        let reason = format!("there is no table `{}` in {}", table.table, tables.location());
        return Err(Unusable::mistake(reason, hint));
    };
    let shown = format!("{}/{}", tables.location(), table.table);
    let watch = Arc::new(Watch::default());
    let reads = vec![(tables.identity(&table.table), State::Content(Arc::clone(&watch)))];
    let columns = SchemaRef::clone(&schema);
    let source = Source::Plain { tables, table: table.table.clone(), columns, watch };
    Ok(Opened { source, schema, shown, version: Value::Null, reads })
}

/// The plain tables of a datasource.
pub(crate) fn plain_tables(
    surroundings: &Surroundings<'_>,
    datasource: &Datasource,
) -> Result<Arc<dyn PlainTables>, Unusable> {
    let name = (!datasource.path.is_empty()).then_some(datasource.path.as_str());
    Ok(surroundings.project()?.open_tables(name)?)
}

pub(crate) fn feature_key(name: &str) -> Result<FeatureKey, Unusable> {
    name.parse().map_err(|error: metalith_base::KeyError| {
        Unusable::mistake(format!("`{name}` is no key: {error}"), None)
    })
}

pub(crate) fn known_feature(graph: &FeatureGraph, key: &FeatureKey) -> Result<(), Unusable> {
    if graph.feature(key).is_ok() {
        return Ok(());
    }
    let known: Vec<String> = graph.features().map(|it| it.key().to_string()).collect();
    let near = nearest(key.as_str(), known.iter().map(String::as_str));
    let hint = near.map(|near| format!("did you mean `{near}`?"));
    Err(Unusable::mistake(format!("the project has no feature `{key}`"), hint))
}

/// Current samples, in the order of their ids: a store promises none.
async fn feature_rows(
    engine: &Engine,
    store: &Store,
    graph: &FeatureGraph,
    key: &FeatureKey,
) -> Result<Stream<RecordBatch>, PipelineError> {
    let rows = store.read(graph, key, &ReadOptions::default()).await?;
    let schema = rows.schema();
    let ids = graph.feature(key).map_or_else(|_| Vec::new(), |it| it.spec().id_columns.clone());
    let batches = rows.into_stream().map_err(PipelineError::from).boxed();
    let failed = |error| PipelineError::value(key.as_str(), error);
    let order: Vec<SortExpr> = ids.iter().map(|id| column(id).sort(true, true)).collect();
    let frame = engine
        .frame(schema, batches, Threads::Many)
        .and_then(|it| it.sort(order))
        .map_err(failed)?;
    Ok(rows_of(frame, key.to_string()))
}

/// A column by its exact name.
pub(crate) fn column(name: &str) -> PlanExpr {
    PlanExpr::Column(datafusion::common::Column::from_name(name))
}

/// The columns that are read, with the types they are worked with, and what they are called there.
fn read_columns(
    schema: &SchemaRef,
    table: &TableRef,
) -> Result<(SchemaRef, Vec<String>), Unusable> {
    let names: Vec<&str> = schema.fields().iter().map(|it| it.name().as_str()).collect();
    let unknown = |name: &str, part: &str| {
        let near = nearest(name, names.iter().copied());
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        let reason = format!("column `{name}` of `{part}` is not in `{}`", table.table);
        Unusable::mistake(reason, hint)
    };
    let wanted: Vec<(&str, &str)> = match &table.columns {
        Some(columns) => columns.iter().map(|(name, own)| (name.as_str(), own.as_str())).collect(),
        None => names.iter().map(|name| (*name, *name)).collect(),
    };
    let types: BTreeMap<&str, &metalith_expr::Type> =
        table.types.iter().map(|(name, it)| (name.as_str(), it)).collect();
    if let Some(name) = types.keys().find(|name| !names.contains(name)) {
        return Err(unknown(name, "types"));
    }
    let mut fields: Vec<Field> = Vec::new();
    let mut origins = Vec::new();
    for (name, own) in wanted {
        let Ok(field) = schema.field_with_name(own) else {
            return Err(unknown(own, "columns"));
        };
        if is_reserved(name) {
            let reason = format!("column `{name}` of `{}` has a reserved name", table.table);
            let hint = format!(
                "name what is read in `columns`, this one otherwise: `columns: {{was{}: {own}}}`",
                name.to_lowercase()
            );
            return Err(Unusable::mistake(reason, Some(hint)));
        }
        if fields.iter().any(|it| it.name() == name) {
            return Err(Unusable::mistake(format!("column `{name}` is there twice"), None));
        }
        let data_type = types.get(own).and_then(|it| stored_as(it));
        let data_type = data_type.unwrap_or_else(|| worked_with(field.data_type()));
        fields.push(Field::new(name, data_type, true));
        origins.push(own.to_owned());
    }
    Ok((Arc::new(Schema::new(fields)), origins))
}

/// The type that a column is worked with: its own, unless it only says how values are packed.
fn worked_with(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => worked_with(values),
        DataType::RunEndEncoded(_, values) => worked_with(values.data_type()),
        // A column without any value can be compared with text.
        DataType::Null => DataType::Utf8,
        other => other.clone(),
    }
}

/// Rows with the columns that a table has, of which some are said to be of another type.
fn declared(
    batch: &RecordBatch,
    (schema, origins): (&SchemaRef, &[String]),
    (shown, before): (&str, usize),
) -> Result<RecordBatch, PipelineError> {
    let failed = |error| PipelineError::arrow(&format!("reading `{shown}`"), error);
    let arrays = schema.fields().iter().zip(origins).map(|(field, origin)| {
        let Some(array) = batch.column_by_name(origin) else {
            return Ok(arrow::array::new_null_array(field.data_type(), batch.num_rows()));
        };
        exactly(array, field.data_type()).map_err(|inexact| match inexact {
            Inexact::Value { row, value } => PipelineError::Unfit {
                place: shown.to_owned(),
                column: origin.clone(),
                row: before + row + 1,
                value,
                wanted: expression_type(field.data_type()).to_string(),
            },
            Inexact::Arrow(error) => failed(error),
        })
    });
    let arrays = arrays.collect::<Result<Vec<ArrayRef>, PipelineError>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), arrays, &options).map_err(failed)
}

/// Rows with exactly the columns of a schema; what is not there is NULL.
pub(crate) fn fit(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let arrays = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(array) => strictly(array, field.data_type()),
        None => Ok(arrow::array::new_null_array(field.data_type(), batch.num_rows())),
    });
    let arrays = arrays.collect::<Result<Vec<ArrayRef>, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), arrays, &options)
}

/// Values as another type; one that does not fit is an error and not NULL.
pub(crate) fn strictly(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == data_type {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, data_type, &options)
}
