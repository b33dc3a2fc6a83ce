//! The rows of an increment to files, as they are found.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use metalith_base::FeatureKey;
use metalith_graph::FeatureGraph;
use metalith_store::{Finding, ResolveOptions, Resolved, Store};

use crate::{FileFormat, IngestError, RowWriter};

/// What a file is made for, also without rows.
const KEPT: [Finding; 3] = [Finding::New, Finding::Stale, Finding::Orphaned];

/// An increment whose rows are in files.
#[derive(Debug)]
pub struct WrittenIncrement {
    /// How it was found.
    pub resolved: Resolved,
    /// How many rows there are of each; nothing where there are none.
    pub rows: BTreeMap<Finding, u64>,
    /// The files of new, stale and orphaned rows.
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
