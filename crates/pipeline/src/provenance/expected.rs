//! What a resolve expects of samples, found by their join keys.
//!
//! Both sides are put in the order of the keys, by an engine that spills, and pass each other once:
//! there may be more of either than fits into memory.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray as _, RecordBatch, StructArray, UInt64Array, new_null_array},
    compute::interleave,
    datatypes::{DataType, Field, Fields, Schema, SchemaRef},
    error::ArrowError,
    row::{OwnedRow, Row, RowConverter, Rows as Keys, SortField},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_graph::{Feature, columns};
use metalith_store::{Rows, StoreError};

use super::with_provenance;
use crate::{
    PipelineError,
    engine::{Engine, Stream, Threads, rows_of},
    input::{column, strictly},
};

/// Adds what is expected to rows, which come in the order of their join keys. `expected` has the
/// join keys in front, and provenance behind them.
pub(super) fn add(
    feature: &Feature,
    (rows, expected): (Rows, Rows),
    engine: &Engine,
) -> Result<Rows, PipelineError> {
    let side = Side::of(feature, &expected.schema())?;
    let schema = rows.schema();
    let form = with_provenance(&schema, &DataType::Struct(side.members.clone()));
    let rows = side.given(feature, rows, engine)?;
    let merge = Merge {
        expected: side.expected(feature, expected, engine)?,
        converter: side.converter()?,
        held: vec![new_null_array(&DataType::Struct(side.members.clone()), 1)],
        side,
        current: None,
        found: None,
    };
    let subject = feature.key().to_string();
    let form_of_batches = SchemaRef::clone(&form);
    let merged = stream::try_unfold((rows, merge), move |(mut rows, mut merge)| {
        let form = SchemaRef::clone(&form_of_batches);
        async move {
            let Some(batch) = rows.try_next().await? else { return Ok(None) };
            let batch = merge.complete(&batch, &form).await?;
            Ok::<_, PipelineError>(Some((batch, (rows, merge))))
        }
    });
    Ok(Rows::new(form, merged.map(move |batch| batch.map_err(|it| of_store(&subject, it)))))
}

/// An error on its way through a store.
fn of_store(subject: &str, error: PipelineError) -> StoreError {
    match error {
        PipelineError::Store(error) => *error,
        error => StoreError::engine(
            subject,
            datafusion::error::DataFusionError::External(Box::new(error)),
        ),
    }
}

/// What both sides have in common.
struct Side {
    /// The join keys, and their types upstream.
    names: Vec<String>,
    types: Vec<DataType>,
    /// The fields of provenance.
    members: Fields,
}

fn key(number: usize) -> String {
    format!("key {number}")
}

const POSITION: &str = "position";

impl Side {
    fn of(feature: &Feature, expected: &Schema) -> Result<Self, PipelineError> {
        let names = feature.join_keys().to_vec();
        let fields = expected.fields();
        let types = fields[..names.len()].iter().map(|it| it.data_type().clone()).collect();
        let DataType::Struct(members) = fields[names.len()].data_type() else {
            let problem = format!("`{}` is no struct", columns::PROVENANCE_BY_FIELD);
            let problem = StoreError::arrow(ArrowError::SchemaError(problem));
            return Err(problem.into());
        };
        Ok(Self { names, types, members: members.clone() })
    }

    fn converter(&self) -> Result<RowConverter, PipelineError> {
        let fields = self.types.iter().map(|it| SortField::new(it.clone())).collect();
        Ok(RowConverter::new(fields).map_err(StoreError::arrow)?)
    }

    fn keys(&self) -> impl Iterator<Item = Field> {
        let types = self.types.iter().enumerate();
        types.map(|(number, of)| Field::new(key(number), of.clone(), true))
    }

    /// Rows with their keys and their number in front, in the order of these.
    fn given(
        &self,
        feature: &Feature,
        rows: Rows,
        engine: &Engine,
    ) -> Result<Stream<RecordBatch>, PipelineError> {
        let position = Field::new(POSITION, DataType::UInt64, false);
        let own = rows.schema();
        let own = own.fields().iter().enumerate();
        // Called otherwise, so that no name means anything.
        let own = own.map(|(at, it)| it.as_ref().clone().with_name(format!("column {at}")));
        let schema: SchemaRef =
            Arc::new(Schema::new(self.keys().chain([position]).chain(own).collect::<Vec<_>>()));
        let (names, types, form) = (self.names.clone(), self.types.clone(), Arc::clone(&schema));
        let mut first = 0;
        let rows = rows.into_stream().map(move |batch| {
            let batch = batch?;
            let keys = names
                .iter()
                .zip(&types)
                .map(|(name, of)| strictly(batch.column(batch.schema().index_of(name)?), of));
            let mut arrays =
                keys.collect::<Result<Vec<_>, ArrowError>>().map_err(StoreError::arrow)?;
            let until = first + batch.num_rows() as u64;
            arrays.push(Arc::new(UInt64Array::from_iter_values(first..until)));
            first = until;
            arrays.extend(batch.columns().iter().cloned());
            Ok(RecordBatch::try_new(Arc::clone(&form), arrays).map_err(StoreError::arrow)?)
        });
        let order = (0..self.names.len()).map(key).chain([POSITION.to_owned()]);
        sorted(feature, (schema, rows.boxed(), order.collect()), engine)
    }

    /// What is expected, in the order of the keys: of several for one key the last one counts, which
    /// is always the same.
    fn expected(
        &self,
        feature: &Feature,
        expected: Rows,
        engine: &Engine,
    ) -> Result<Stream<RecordBatch>, PipelineError> {
        let width = self.names.len();
        let members = self.members.iter().enumerate();
        let members = members
            .map(|(at, it)| it.as_ref().clone().with_name(key(width + at)).with_nullable(true));
        let schema: SchemaRef =
            Arc::new(Schema::new(self.keys().chain(members).collect::<Vec<_>>()));
        let form = Arc::clone(&schema);
        let rows = expected.into_stream().map(move |batch| {
            let batch = batch?;
            let mut arrays = batch.columns()[..width].to_vec();
            arrays.extend(batch.column(width).as_struct().columns().iter().cloned());
            Ok(RecordBatch::try_new(Arc::clone(&form), arrays).map_err(StoreError::arrow)?)
        });
        let order = (0..schema.fields().len()).map(key).collect();
        sorted(feature, (schema, rows.boxed(), order), engine)
    }
}

/// Rows in the order of some of their columns.
fn sorted(
    feature: &Feature,
    (schema, rows, order): (SchemaRef, Stream<RecordBatch>, Vec<String>),
    engine: &Engine,
) -> Result<Stream<RecordBatch>, PipelineError> {
    let subject = format!("provenance of `{}`", feature.key());
    let order = order.iter().map(|name| column(name).sort(true, true)).collect();
    let frame = engine.frame(schema, rows, Threads::Many).and_then(|frame| frame.sort(order));
    let frame = frame.map_err(|error| PipelineError::value(&subject, error))?;
    Ok(rows_of(frame, subject))
}

/// Rows on their way past what is expected.
struct Merge {
    side: Side,
    converter: RowConverter,
    expected: Stream<RecordBatch>,
    /// The keys of the expected rows that are looked at, and the next of them.
    current: Option<(Keys, usize)>,
    /// Provenance that may still be asked for: NULL, then batch by batch, the current one last.
    held: Vec<ArrayRef>,
    /// The key that was found last, and where its provenance is in what is held.
    found: Option<(OwnedRow, (usize, usize))>,
}

impl Merge {
    async fn complete(
        &mut self,
        batch: &RecordBatch,
        form: &SchemaRef,
    ) -> Result<RecordBatch, PipelineError> {
        let width = self.side.names.len();
        let keys = self.converter.convert_columns(&batch.columns()[..width]);
        let keys = keys.map_err(StoreError::arrow)?;
        let mut places = Vec::with_capacity(batch.num_rows());
        for key in &keys {
            places.push(self.place(key).await?);
        }
        let held: Vec<&dyn Array> = self.held.iter().map(AsRef::as_ref).collect();
        let provenance = interleave(&held, &places).map_err(StoreError::arrow)?;
        let own = batch.columns()[width + 1..].iter().cloned();
        let arrays = own.chain([provenance]).collect();
        self.let_go();
        let completed = RecordBatch::try_new(SchemaRef::clone(form), arrays);
        Ok(completed.map_err(StoreError::arrow)?)
    }

    /// Where the provenance of a key is. A row without an upstream has NULL: a resolve finds that it
    /// is orphaned.
    async fn place(&mut self, key: Row<'_>) -> Result<(usize, usize), PipelineError> {
        loop {
            let Some((keys, next)) = &mut self.current else {
                if self.advance().await? {
                    continue;
                }
                break;
            };
            if *next == keys.num_rows() {
                self.current = None;
                continue;
            }
            let expected = keys.row(*next);
            if expected > key {
                break;
            }
            if expected == key {
                self.found = Some((expected.owned(), (self.held.len() - 1, *next)));
            }
            *next += 1;
        }
        let found = self.found.as_ref().filter(|(found, _)| found.row() == key);
        Ok(found.map_or((0, 0), |(_, place)| *place))
    }

    /// Goes on to the next expected rows, if there are more.
    async fn advance(&mut self) -> Result<bool, PipelineError> {
        let Some(batch) = self.expected.try_next().await? else { return Ok(false) };
        // What no row asked for is not held: there may be much more than is asked for.
        let last = self.held.len() - 1;
        let is_asked_for = self.found.as_ref().is_some_and(|(_, (place, _))| *place == last);
        if last > 0 && !is_asked_for {
            self.held.pop();
        }
        let (keys, members) = batch.columns().split_at(self.side.names.len());
        let keys = self.converter.convert_columns(keys).map_err(StoreError::arrow)?;
        let provenance = StructArray::try_new(self.side.members.clone(), members.to_vec(), None);
        self.held.push(Arc::new(provenance.map_err(StoreError::arrow)?));
        self.current = Some((keys, 0));
        Ok(true)
    }

    /// Forgets provenance that nothing asks for any more.
    fn let_go(&mut self) {
        let last = self.held.len() - 1;
        let mut kept = vec![ArrayRef::clone(&self.held[0])];
        if let Some((_, (place, _))) = &mut self.found {
            if *place < last {
                kept.push(ArrayRef::clone(&self.held[*place]));
            }
            *place = 1;
        }
        if last > 0 {
            kept.push(ArrayRef::clone(&self.held[last]));
        }
        self.held = kept;
    }
}
