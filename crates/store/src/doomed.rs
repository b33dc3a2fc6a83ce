//! Which stored rows a hard deletion removes.
//!
//! Every row of a sample whose latest row meets the filters, with its whole history, so that no
//! older row comes back in its place; and every older row that meets the filters by itself.

use std::{collections::BTreeSet, sync::Arc};

use datafusion::arrow::{
    array::{Array as _, ArrayRef, BooleanBufferBuilder, RecordBatch},
    buffer::BooleanBuffer,
    datatypes::Schema,
};
use futures::TryStreamExt as _;
use metalith_graph::{Feature, columns};

use crate::{
    ChunkRequest, DeletionRequest, Store, StoreError, Table,
    chunk_scan::{ChunkSelection, Selection, nullable},
    current::{Visibility, equals},
    row_test::{Conditions, RowTest, Within},
    unique::IdSet,
};

/// The rows that a hard deletion removes.
#[derive(Debug)]
pub(crate) struct Doomed {
    /// Chunks that hold such rows, and which of their rows stay.
    pub(crate) chunks: Vec<(usize, BooleanBuffer)>,
    /// How many rows go.
    pub(crate) rows: u64,
    /// Of how many samples.
    pub(crate) samples: u64,
}

impl Doomed {
    /// The rows that go, of the table they were found in.
    pub(crate) fn selection(&self, table: &dyn Table) -> Selection {
        let mut chunks: Vec<ChunkSelection> =
            table.chunks().iter().map(|_| ChunkSelection::Nothing).collect();
        for (chunk, kept) in &self.chunks {
            chunks[*chunk] = ChunkSelection::Some(!kept);
        }
        Selection::new(chunks)
    }

    /// The rows that stay, of the table they were found in.
    pub(crate) fn kept(&self, table: &dyn Table) -> Selection {
        let mut chunks: Vec<ChunkSelection> =
            table.chunks().iter().map(|_| ChunkSelection::All).collect();
        for (chunk, kept) in &self.chunks {
            chunks[*chunk] = ChunkSelection::Some(kept.clone());
        }
        Selection::new(chunks)
    }
}

/// Finds the rows that a hard deletion removes.
pub(crate) async fn find_doomed(
    store: &Store,
    feature: &Feature,
    table: &Arc<dyn Table>,
    request: &DeletionRequest,
) -> Result<Doomed, StoreError> {
    let version = request.feature_version.as_deref().unwrap_or(feature.feature_version());
    let version = (!request.feature_history).then(|| version.to_owned());
    let visibility = Visibility {
        feature_version: version.clone(),
        sample_history: false,
        include_deleted: true,
    };
    let latest = store.select_visible(feature, table, &visibility).await?;
    let judge = Judge::new(store, feature, table, request, version)?;
    let mut verdicts = Vec::new();
    let mut samples = Vec::new();
    for (chunk, latest) in latest.chunks().iter().enumerate() {
        let verdict = judge.read(chunk).await?;
        samples.extend(verdict.ids_where(|row| match latest {
            ChunkSelection::All => true,
            ChunkSelection::Some(rows) => rows.value(row),
            ChunkSelection::Nothing => false,
        })?);
        verdicts.push(verdict);
    }
    let samples = IdSet::new(&samples)?;
    let mut doomed = Doomed { chunks: Vec::new(), rows: 0, samples: 0 };
    let mut removed = Vec::new();
    for (chunk, verdict) in verdicts.iter().enumerate() {
        let kept = verdict.kept(samples.as_ref())?;
        let gone = kept.len() - kept.count_set_bits();
        if gone > 0 {
            removed.extend(verdict.ids_of(|row| !kept.value(row))?);
            doomed.rows += gone as u64;
            doomed.chunks.push((chunk, kept));
        }
    }
    doomed.samples = IdSet::new(&removed)?.map_or(0, |ids| ids.len() as u64);
    Ok(doomed)
}

/// Evaluates the filters on stored rows, chunk by chunk.
struct Judge<'a> {
    feature: &'a Feature,
    table: &'a Arc<dyn Table>,
    columns: Vec<usize>,
    test: RowTest,
    within: Option<Within>,
    version: Option<String>,
}

/// What is known of the rows of a chunk.
struct Verdict {
    batches: Vec<Vec<ArrayRef>>,
    /// Of the versions that the request is about.
    in_scope: BooleanBuffer,
    /// In scope, and meeting the filters.
    matches: BooleanBuffer,
}

impl<'a> Judge<'a> {
    fn new(
        store: &Store,
        feature: &'a Feature,
        table: &'a Arc<dyn Table>,
        request: &DeletionRequest,
        version: Option<String>,
    ) -> Result<Self, StoreError> {
        let stored = nullable(&table.schema());
        let conditions = Conditions::new(store, feature.key(), &request.filters, &stored)?;
        let within = request.within.as_ref();
        let within = within.map(|keys| Within::new(feature.key(), &stored, keys)).transpose()?;
        let mut named: BTreeSet<&str> = conditions.columns();
        named.extend(within.iter().flat_map(Within::names).map(String::as_str));
        let columns = needed(feature, &stored, &named);
        let read = Arc::new(stored.project(&columns).map_err(StoreError::arrow)?);
        let test = conditions.over(store, &read)?;
        Ok(Self { feature, table, columns, test, within, version })
    }

    async fn read(&self, chunk: usize) -> Result<Verdict, StoreError> {
        let request = ChunkRequest { columns: self.columns.clone(), ..ChunkRequest::default() };
        let mut batches = self.table.read_chunk(chunk, request).await?.into_stream();
        let rows = self.table.chunks()[chunk].rows;
        let mut in_scope = BooleanBufferBuilder::new(rows);
        let mut matches = BooleanBufferBuilder::new(rows);
        let mut ids = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            let scope = self.scope(&batch)?;
            let met = self.test.holds_within(&batch, self.within.as_ref())?;
            matches.append_buffer(&(&scope & &met));
            in_scope.append_buffer(&scope);
            let columns = self.feature.spec().id_columns.iter();
            ids.push(columns.filter_map(|id| batch.column_by_name(id).cloned()).collect());
        }
        Ok(Verdict { batches: ids, in_scope: in_scope.finish(), matches: matches.finish() })
    }

    fn scope(&self, batch: &RecordBatch) -> Result<BooleanBuffer, StoreError> {
        match (&self.version, batch.column_by_name(columns::FEATURE_VERSION)) {
            (Some(version), Some(column)) => equals(column, version),
            _ => Ok(BooleanBuffer::new_set(batch.num_rows())),
        }
    }
}

/// The columns that a judge looks at: ids, versions, and those that conditions name.
fn needed(feature: &Feature, stored: &Schema, named: &BTreeSet<&str>) -> Vec<usize> {
    let is_needed = |name: &str| {
        name == columns::FEATURE_VERSION
            || named.contains(name)
            || feature.spec().id_columns.iter().any(|id| id == name)
    };
    let fields = stored.fields().iter().enumerate();
    fields.filter(|(_, field)| is_needed(field.name())).map(|(index, _)| index).collect()
}

impl Verdict {
    /// The ids of rows that meet the filters and `also`.
    fn ids_where(&self, also: impl Fn(usize) -> bool) -> Result<Vec<Vec<ArrayRef>>, StoreError> {
        self.ids_of(|row| self.matches.value(row) && also(row))
    }

    fn ids_of(&self, chosen: impl Fn(usize) -> bool) -> Result<Vec<Vec<ArrayRef>>, StoreError> {
        let mut found = Vec::new();
        let mut first_row = 0;
        for batch in &self.batches {
            let rows = batch.first().map_or(0, |it| it.len());
            let mask = BooleanBuffer::collect_bool(rows, |row| chosen(first_row + row));
            first_row += rows;
            if mask.count_set_bits() > 0 {
                let mask = mask.into();
                let ids = batch
                    .iter()
                    .map(|column| datafusion::arrow::compute::filter(column, &mask))
                    .collect::<Result<Vec<_>, _>>();
                found.push(ids.map_err(StoreError::arrow)?);
            }
        }
        Ok(found)
    }

    /// Which rows stay when these samples go.
    fn kept(&self, samples: Option<&IdSet>) -> Result<BooleanBuffer, StoreError> {
        let mut kept = BooleanBufferBuilder::new(self.in_scope.len());
        for batch in &self.batches {
            let of_sample = match samples {
                Some(samples) => samples.contains(batch)?,
                None => vec![false; batch.first().map_or(0, |it| it.len())],
            };
            for of_sample in of_sample {
                let row = kept.len();
                let goes = self.matches.value(row) || (of_sample && self.in_scope.value(row));
                kept.append(!goes);
            }
        }
        Ok(kept.finish())
    }
}
