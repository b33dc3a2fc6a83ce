//! Writing samples: checked row by row on their way into one commit.

use std::sync::Arc;

use datafusion::arrow::{
    array::{
        Array, ArrayRef, AsArray as _, RecordBatch, StringArray, TimestampMicrosecondArray,
        new_null_array,
    },
    compute::{cast, is_null, kernels::zip::zip},
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};
use futures::StreamExt as _;
use metalith_base::{FeatureKey, Timestamp};
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    Commit, CommitNote, HashSettings, Precondition, RequestProblem, RowProblem, Rows, Store,
    StoreError,
    evolution::{is_id_type, merge_schemas, to_stored},
    unique::UniqueIds,
    versions::{GivenProvenance, Versions},
};

/// How to write.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// The run that made the rows. Without one, a `metaxy_materialization_id` of the rows is kept.
    pub materialization_id: Option<String>,
    /// What about samples that are read from a store further down the fallback chain.
    pub over_fallback: OverFallback,
    /// Which state the feature's table must still be in, for rows that were computed from it.
    pub precondition: Precondition,
}

/// What to do about samples of a feature that this store does not have yet, and that are read from
/// one further down the fallback chain: after the first write or copy they would not be seen any
/// more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverFallback {
    /// Refuse, if there are any under the current definition.
    #[default]
    Refuse,
    /// Write all the same: from then on the feature is what this store has.
    Hide,
}

/// So many rows are checked and stamped at once.
const PIECE: usize = 1 << 14;

/// The type of every time that the store sets.
pub(crate) fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl Store {
    /// Adds samples to a feature in one commit: all rows or none.
    ///
    /// Ids must be there, unique and not NULL, and so must `metaxy_provenance_by_field`. Versions
    /// of feature and graph and the time are set here; the other version columns are filled where
    /// they are absent or NULL. Existing samples are superseded, deleted ones come back.
    pub async fn write(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        rows: Rows,
        options: &WriteOptions,
    ) -> Result<Commit, StoreError> {
        self.require_write()?;
        let rows = self.stamped(graph, feature, rows, options).await?;
        // What is stamped was refused if ids repeat or are NULL.
        let ids = &graph.feature(feature)?.spec().id_columns;
        let mut note = CommitNote::new("write").by(self.actor()).distinct(ids);
        note.precondition = options.precondition;
        if let Some(run) = &options.materialization_id {
            note = note.with("materializationId", run);
        }
        if options.precondition != Precondition::None {
            return self.append(feature, rows, note).await;
        }
        let (rows, passing) = self.passing(feature, rows);
        let commit = self.append(feature, rows, note).await?;
        drop(passing);
        self.tidy_behind(feature, &commit).await;
        Ok(commit)
    }

    /// Refuses what [`write`](Self::write) would refuse of these rows, and writes nothing. Rows of
    /// no batch tell whether their columns fit.
    pub async fn check_write(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        rows: Rows,
        options: &WriteOptions,
    ) -> Result<(), StoreError> {
        let rows = self.stamped(graph, feature, rows, options).await?;
        if let Some(table) = self.backend().open_table(feature).await? {
            merge_schemas(&table.schema(), &rows.schema())
                .map_err(|problem| StoreError::rows(feature, problem))?;
        }
        rows.count().await.map(drop)
    }

    /// Rows as they are stored, checked one after the other.
    async fn stamped(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        rows: Rows,
        options: &WriteOptions,
    ) -> Result<Rows, StoreError> {
        let feature = graph.feature(feature)?;
        self.require_own(graph, feature)?;
        if options.over_fallback == OverFallback::Refuse {
            self.refuse_hiding(graph, feature.key()).await?;
        }
        let mut stamp = Stamp::new(self, graph, feature);
        stamp.materialization_id.clone_from(&options.materialization_id);
        stamp.apply_to(rows)
    }

    /// Refuses to write where that is not for this store.
    pub(crate) fn require_writable(
        &self,
        graph: &FeatureGraph,
        feature: &Feature,
    ) -> Result<(), StoreError> {
        self.require_write()?;
        self.require_own(graph, feature)
    }

    /// Refuses rows that are not for this store, or not for this project.
    fn require_own(&self, graph: &FeatureGraph, feature: &Feature) -> Result<(), StoreError> {
        self.require_same_length(graph)?;
        match feature.is_external() {
            true => Err(StoreError::request(feature.key(), RequestProblem::External)),
            false => Ok(()),
        }
    }
}

/// Turns a user's rows into stored rows.
pub(crate) struct Stamp {
    feature: Feature,
    hash: HashSettings,
    /// The time of the rows.
    pub(crate) now: Timestamp,
    project_version: String,
    materialization_id: Option<String>,
    /// Columns of Metalith's own that the rows bring along. A user's have none.
    pub(crate) brought: &'static [&'static str],
}

impl Stamp {
    pub(crate) fn new(store: &Store, graph: &FeatureGraph, feature: &Feature) -> Self {
        Self {
            feature: feature.clone(),
            hash: store.hash(),
            now: store.now(),
            project_version: graph.snapshot_version().to_owned(),
            materialization_id: None,
            brought: &[],
        }
    }

    pub(crate) fn apply_to(self, rows: Rows) -> Result<Rows, StoreError> {
        self.check_columns(&rows.schema())?;
        // It says something to whoever works rows off, and would keep them from being cut in pieces.
        let rows = rows.without(columns::FINDING)?;
        let given = rows.schema();
        // Stamping no rows tells the schema of all stamped rows.
        let schema = self.stamp(&RecordBatch::new_empty(given), 0)?.schema();
        let mut ids = UniqueIds::new(&schema, &self.feature.spec().id_columns)?;
        let mut first_row = 0;
        let stamped = rows.in_pieces(PIECE).into_stream().map(move |batch| {
            let stamped = self.stamp(&batch?, first_row)?;
            ids.check(self.feature.key(), &stamped, first_row)?;
            first_row += stamped.num_rows();
            Ok(stamped)
        });
        Ok(Rows::new(schema, stamped))
    }

    fn check_columns(&self, given: &Schema) -> Result<(), StoreError> {
        let refuse = |problem| Err(StoreError::rows(self.feature.key(), problem));
        let names: Vec<String> = given.fields().iter().map(|it| it.name().clone()).collect();
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                return refuse(RowProblem::RepeatedColumn { column: name.clone() });
            }
            if columns::is_internal(name) && !self.brought.contains(&name.as_str()) {
                return refuse(RowProblem::ReservedColumn { column: name.clone() });
            }
        }
        for id in &self.feature.spec().id_columns {
            let Ok(field) = given.field_with_name(id) else {
                return refuse(RowProblem::MissingColumn { column: id.clone(), present: names });
            };
            if !is_id_type(field.data_type()) {
                return refuse(RowProblem::WrongType {
                    column: id.clone(),
                    expected: "text, an integer, a date or a time to be an id".to_owned(),
                    found: match field.data_type() {
                        DataType::Null => "without any value".to_owned(),
                        other => other.to_string(),
                    },
                });
            }
        }
        Ok(())
    }

    fn stamp(&self, batch: &RecordBatch, first_row: usize) -> Result<RecordBatch, StoreError> {
        let versions = Versions::complete(&self.feature, batch, self.hash, GivenProvenance::Kept)?;
        let rows = batch.num_rows();
        let mut stamped = Stamped::default();
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            // A column of nothing but NULL says neither what it holds nor what it will.
            if columns::is_system(field.name()) || *field.data_type() == DataType::Null {
                continue;
            }
            let array = to_stored(field, array, first_row)
                .map_err(|problem| StoreError::rows(self.feature.key(), problem))?;
            stamped.push(field.name(), array);
        }
        stamped.push(columns::PROVENANCE_BY_FIELD, versions.provenance_by_field);
        stamped.push(columns::PROVENANCE, versions.provenance);
        stamped.push(columns::DATA_VERSION_BY_FIELD, versions.data_version_by_field);
        stamped.push(columns::DATA_VERSION, versions.data_version);
        stamped.push(columns::FEATURE_VERSION, constant(self.feature.feature_version(), rows));
        stamped.push(columns::PROJECT_VERSION, constant(&self.project_version, rows));
        stamped.push(columns::CREATED_AT, self.created_at(batch)?);
        stamped.push(columns::UPDATED_AT, times(self.now, rows));
        stamped.push(columns::DELETED_AT, new_null_array(&timestamp_type(), rows));
        stamped.push(columns::MATERIALIZATION_ID, self.materialization_id(batch)?);
        for name in self.brought {
            stamped.push(name, Arc::new(text_column(batch, name)));
        }
        stamped.into_batch()
    }

    fn created_at(&self, batch: &RecordBatch) -> Result<ArrayRef, StoreError> {
        let now = times(self.now, batch.num_rows());
        let Some(given) = batch.column_by_name(columns::CREATED_AT) else { return Ok(now) };
        let given = cast(given, &timestamp_type()).map_err(|_| {
            let problem = RowProblem::WrongType {
                column: columns::CREATED_AT.to_owned(),
                expected: "a time".to_owned(),
                found: given.data_type().to_string(),
            };
            StoreError::rows(self.feature.key(), problem)
        })?;
        let absent = is_null(&given).map_err(StoreError::arrow)?;
        zip(&absent, &now, &given).map_err(StoreError::arrow)
    }

    fn materialization_id(&self, batch: &RecordBatch) -> Result<ArrayRef, StoreError> {
        let rows = batch.num_rows();
        match (&self.materialization_id, batch.column_by_name(columns::MATERIALIZATION_ID)) {
            (Some(run), _) => Ok(constant(run, rows)),
            (None, Some(given)) => cast(given, &DataType::Utf8).map_err(StoreError::arrow),
            (None, None) => Ok(new_null_array(&DataType::Utf8, rows)),
        }
    }
}

#[derive(Default)]
struct Stamped {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Stamped {
    fn push(&mut self, name: &str, array: ArrayRef) {
        self.fields.push(Field::new(name, array.data_type().clone(), true));
        self.arrays.push(array);
    }

    fn into_batch(self) -> Result<RecordBatch, StoreError> {
        let schema: SchemaRef = Arc::new(Schema::new(self.fields));
        RecordBatch::try_new(schema, self.arrays).map_err(StoreError::arrow)
    }
}

/// A text in every row.
pub(crate) fn constant(text: &str, rows: usize) -> ArrayRef {
    Arc::new(StringArray::new_repeated(text, rows))
}

/// A time in every row.
pub(crate) fn times(time: Timestamp, rows: usize) -> ArrayRef {
    let times = TimestampMicrosecondArray::from_value(time.as_micros(), rows);
    Arc::new(times.with_timezone("UTC"))
}

/// A batch with a column replaced, or added at the end.
pub(crate) fn with_column(
    batch: &RecordBatch,
    name: &str,
    array: ArrayRef,
) -> Result<RecordBatch, StoreError> {
    let mut stamped = Stamped::default();
    let mut array = Some(array);
    for (field, old) in batch.schema().fields().iter().zip(batch.columns()) {
        let replaced = if field.name() == name { array.take() } else { None };
        stamped.push(field.name(), replaced.unwrap_or_else(|| Arc::clone(old)));
    }
    if let Some(array) = array {
        stamped.push(name, array);
    }
    stamped.into_batch()
}

/// A text column as it stands, or NULL where the batch lacks it.
pub(crate) fn text_column(batch: &RecordBatch, name: &str) -> StringArray {
    match batch.column_by_name(name).and_then(|it| it.as_string_opt::<i32>()) {
        Some(text) => text.clone(),
        None => StringArray::new_null(batch.num_rows()),
    }
}
