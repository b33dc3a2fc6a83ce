//! The rows of an increment to files or to another program, as they are found.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use arrow::{
    array::{ArrayRef, DictionaryArray, Int8Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use metalith_base::FeatureKey;
use metalith_graph::{FeatureGraph, columns};
use metalith_store::{Finding, ResolveOptions, Resolved, Store, StoreError};

use crate::{FileFormat, IngestError, RowSink, RowWriter};

/// What a file is made for, also without rows.
const KEPT: [Finding; 3] = [Finding::New, Finding::Stale, Finding::Orphaned];

/// What somebody is to compute, for the first time or once more.
const WORK: [Finding; 2] = [Finding::New, Finding::Stale];

/// An increment whose rows were written as they were found.
#[derive(Debug)]
pub struct WrittenIncrement {
    /// How it was found.
    pub resolved: Resolved,
    /// How many rows there are of each; nothing where there are none.
    pub rows: BTreeMap<Finding, u64>,
    /// The files of new, stale and orphaned rows, if each has its own.
    pub files: Vec<PathBuf>,
}

/// Resolves a feature and writes what is found into files of a folder, which must exist.
///
/// The files take their names, one after the other, when all rows of all of them are there. Whoever
/// loses them in a power failure resolves again. Of waiting rows, which are orphaned ones too, there
/// is a count.
pub async fn write_increment(
    (store, graph): (&Store, &FeatureGraph),
    feature: &FeatureKey,
    options: ResolveOptions,
    folder: &Path,
    format: FileFormat,
) -> Result<WrittenIncrement, IngestError> {
    let file = |finding: Finding| folder.join(format!("{}.{}", finding.name(), format.ending()));
    let begin = |finding, schema: &SchemaRef| {
        RowWriter::create(&file(finding), SchemaRef::clone(schema), format)
    };
    let mut writers: BTreeMap<Finding, RowWriter> = BTreeMap::new();
    let mut rows: BTreeMap<Finding, u64> = BTreeMap::new();
    let take = |finding, batch: RecordBatch| {
        *rows.entry(finding).or_default() += batch.num_rows() as u64;
        if !KEPT.contains(&finding) {
            return Ok(());
        }
        let writer = match writers.entry(finding) {
            Entry::Occupied(writer) => writer.into_mut(),
            Entry::Vacant(place) => place.insert(begin(finding, &batch.schema())?),
        };
        writer.write(&batch)
    };
    let resolved = store.resolve_each(graph, feature, options, take).await?;
    let mut complete = Vec::new();
    for finding in KEPT {
        let schema = match finding {
            Finding::New | Finding::Stale => &resolved.expected,
            Finding::Orphaned | Finding::Waiting => &resolved.stored,
        };
        let writer = match writers.remove(&finding) {
            Some(writer) => writer,
            None => begin(finding, schema)?,
        };
        complete.push(writer.complete_unsynced()?);
    }
    for file in complete {
        file.publish()?;
    }
    Ok(WrittenIncrement { resolved, rows, files: KEPT.map(file).to_vec() })
}

/// Resolves a feature and writes new and stale samples, all of them to one place, in which they are
/// told apart by the column [`columns::FINDING`] in front.
///
/// These are the samples that somebody computes and writes back; of orphaned ones, which nobody is to
/// write back, there is a count.
pub async fn write_work(
    (store, graph): (&Store, &FeatureGraph),
    feature: &FeatureKey,
    options: ResolveOptions,
    mut sink: RowSink,
) -> Result<WrittenIncrement, IngestError> {
    let mut rows: BTreeMap<Finding, u64> = BTreeMap::new();
    let take = |finding, batch: RecordBatch| {
        *rows.entry(finding).or_default() += batch.num_rows() as u64;
        match WORK.into_iter().zip(0..).find(|(it, _)| *it == finding) {
            Some((_, kind)) => sink.write(&told_apart(&batch, kind)?),
            None => Ok(()),
        }
    };
    let resolved = store.resolve_each(graph, feature, options, take).await?;
    let none = RecordBatch::new_empty(SchemaRef::clone(&resolved.expected));
    sink.finish(told_apart(&none, 0)?.schema_ref())?;
    Ok(WrittenIncrement { resolved, rows, files: Vec::new() })
}

/// Rows that say what they are: which of [`WORK`].
fn told_apart(batch: &RecordBatch, kind: i8) -> Result<RecordBatch, IngestError> {
    /// The same for all batches, so that a stream has it once.
    static NAMES: LazyLock<ArrayRef> =
        LazyLock::new(|| Arc::new(StringArray::from_iter_values(WORK.map(Finding::name))));

    let keys = Int8Array::from_value(kind, batch.num_rows());
    let kinds = DictionaryArray::try_new(keys, Arc::clone(&NAMES)).map_err(StoreError::arrow)?;
    let of_kind = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let field = Arc::new(Field::new(columns::FINDING, of_kind, false));
    let schema = batch.schema();
    let fields: Vec<_> = std::iter::once(&field).chain(schema.fields()).cloned().collect();
    let kinds: ArrayRef = Arc::new(kinds);
    let arrays = std::iter::once(&kinds).chain(batch.columns()).cloned().collect();
    let told = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
    Ok(told.map_err(StoreError::arrow)?)
}
