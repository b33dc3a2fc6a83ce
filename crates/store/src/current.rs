//! Current rows: which of the stored rows a reader sees.
//!
//! Rows of the current feature version; per id the one with the greatest
//! `coalesce(metaxy_deleted_at, metaxy_updated_at)`, ties to the row committed last; then rows that
//! are deleted go. Winners are found on ids and times alone, before any other column is read.

use std::{pin::pin, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray as _, BooleanArray, BooleanBufferBuilder, RecordBatch},
        buffer::BooleanBuffer,
        compute::{cast, filter},
        datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
    },
    common::runtime::SpawnedTask,
};
use futures::TryStreamExt as _;
use metalith_graph::{Feature, columns};

use crate::{
    ChunkRequest, ColumnFacts, RowProblem, StoreError, Table,
    chunk_scan::{ChunkSelection, Selection, nullable},
    key_index::KeyIndex,
    known::{known_selection, repeated},
    settled::{Changed, ChangedRows},
};

/// Which rows count as current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visibility {
    /// Only rows of this feature version; `None` for all of them.
    pub(crate) feature_version: Option<String>,
    /// Every row of a sample, or only the latest.
    pub(crate) sample_history: bool,
    /// Deleted samples too.
    pub(crate) include_deleted: bool,
}

impl Visibility {
    /// The current rows of a feature version.
    pub(crate) fn current(feature_version: &str) -> Self {
        Self {
            feature_version: Some(feature_version.to_owned()),
            sample_history: false,
            include_deleted: false,
        }
    }
}

/// Selects the visible rows of a feature's table.
pub(crate) async fn select_visible(
    feature: &Feature,
    table: &dyn Table,
    visibility: &Visibility,
) -> Result<Selection, StoreError> {
    if let Some(known) = known_selection(feature, table, visibility).await? {
        return Ok(known);
    }
    let layout = Layout::of(feature, table, visibility)?;
    let mut winners = Winners::new(table, &layout.id_types)?;
    winners.ids.reserve(table.chunks().iter().map(|chunk| chunk.rows).sum());
    for chunk in 0..table.chunks().len() {
        winners.offer_chunk(table, chunk, None, &layout, visibility).await?;
    }
    Ok(winners.finish(visibility))
}

/// Selects the visible rows of changed samples; `ids` are the columns of their keys. A task of its own
/// does it, so that several tables are looked at on several cores.
pub(crate) async fn select_changed(
    feature: &Feature,
    table: &Arc<dyn Table>,
    visibility: Visibility,
    (changed, ids): (&Arc<Changed>, &[String]),
) -> Result<Selection, StoreError> {
    let layout = Layout::of(feature, table.as_ref(), &visibility)?;
    let (table, changed, ids) = (Arc::clone(table), Arc::clone(changed), ids.to_vec());
    let task = SpawnedTask::spawn(async move {
        let mut winners = Winners::new(table.as_ref(), &layout.id_types)?;
        winners.ids.reserve(changed.samples());
        let mut chunks = pin!(changed.rows_of(&table, &ids));
        while let Some(found) = chunks.try_next().await? {
            winners.offer_changed(table.as_ref(), found, &ids, &layout, &visibility).await?;
        }
        Ok(winners.finish(&visibility))
    });
    task.join().await.map_err(StoreError::stopped)?
}

/// Where the columns that decide are, and in which order they are read.
struct Layout {
    columns: Vec<usize>,
    ids: usize,
    id_types: Vec<DataType>,
    updated_at: Option<usize>,
    deleted_at: Option<usize>,
    /// The feature's own mark of samples that count.
    active: Option<usize>,
    feature_version: Option<usize>,
}

/// The columns that decide, for one batch.
struct Facts {
    ids: Vec<ArrayRef>,
    /// Time of the last change in microseconds; rows of foreign writers without one come first.
    changed_at: Vec<i64>,
    deleted: Option<BooleanBuffer>,
    visible: Option<BooleanBuffer>,
    rows: usize,
}

impl Layout {
    fn of(
        feature: &Feature,
        table: &dyn Table,
        visibility: &Visibility,
    ) -> Result<Self, StoreError> {
        let id_columns = &feature.spec().id_columns;
        let schema = table.schema();
        let mut read = Vec::new();
        let mut place = |name: &str| {
            let index = schema.index_of(name).ok()?;
            read.push(index);
            Some(read.len() - 1)
        };
        for column in id_columns {
            if place(column).is_none() {
                let problem = RowProblem::MissingColumn {
                    column: column.clone(),
                    present: schema.fields().iter().map(|it| it.name().clone()).collect(),
                };
                return Err(StoreError::rows(feature.key(), problem));
            }
        }
        let updated_at = place(columns::UPDATED_AT);
        let deleted_at = place(columns::DELETED_AT);
        let active = feature.spec().active.as_ref().and_then(|column| place(column));
        let feature_version =
            visibility.feature_version.as_ref().and_then(|_| place(columns::FEATURE_VERSION));
        let id_types = read[..id_columns.len()]
            .iter()
            .map(|column| schema.field(*column).data_type().clone())
            .collect();
        Ok(Self {
            columns: read,
            ids: id_columns.len(),
            id_types,
            updated_at,
            deleted_at,
            active,
            feature_version,
        })
    }

    /// What would be read of some rows of a chunk, from the ids of these rows, if every other column
    /// is known to have one value in all of the chunk, as the time of a write has.
    async fn known(
        &self,
        table: &dyn Table,
        chunk: usize,
        (names, keys): (&[String], &[ArrayRef]),
    ) -> Result<Option<RecordBatch>, StoreError> {
        let (ids, others) = self.columns.split_at(self.ids);
        let schema = table.schema();
        let key = |id: &usize| {
            let place = names.iter().position(|name| name == schema.field(*id).name())?;
            Some(ArrayRef::clone(&keys[place]))
        };
        let count = keys.first().map_or(0, |it| it.len());
        let facts = table.chunk_facts(chunk, others).await?;
        if facts.columns.len() != others.len() {
            return Ok(None);
        }
        let rows = table.chunks()[chunk].rows;
        let of_all = |(column, facts): (&usize, &ColumnFacts)| {
            repeated(facts, schema.field(*column).data_type(), rows, count)
        };
        let others = others.iter().zip(&facts.columns).map(of_all);
        let columns: Option<Vec<_>> = ids.iter().map(key).chain(others).collect();
        let Some(columns) = columns else { return Ok(None) };
        let schema = schema.project(&self.columns).map_err(StoreError::arrow)?;
        RecordBatch::try_new(nullable(&Arc::new(schema)), columns)
            .map(Some)
            .map_err(StoreError::arrow)
    }

    fn facts(&self, batch: &RecordBatch, visibility: &Visibility) -> Result<Facts, StoreError> {
        let rows = batch.num_rows();
        let deleted_at = self.deleted_at.map(|it| micros(batch.column(it))).transpose()?;
        let mut changed_at = vec![i64::MIN; rows];
        if let Some(updated_at) = self.updated_at {
            let updated_at = micros(batch.column(updated_at))?;
            let updated_at = updated_at.as_primitive::<TimestampMicrosecondType>();
            if updated_at.null_count() == 0 {
                changed_at.copy_from_slice(updated_at.values());
            } else {
                for row in (0..rows).filter(|row| updated_at.is_valid(*row)) {
                    changed_at[row] = updated_at.value(row);
                }
            }
        }
        let mut deleted = None;
        if let Some(deleted_at) = deleted_at.filter(|it| it.null_count() < rows) {
            let deleted_at = deleted_at.as_primitive::<TimestampMicrosecondType>();
            for row in (0..rows).filter(|row| deleted_at.is_valid(*row)) {
                changed_at[row] = deleted_at.value(row);
            }
            deleted = Some(match deleted_at.nulls() {
                Some(nulls) => nulls.inner().clone(),
                None => BooleanBuffer::new_set(rows),
            });
        }
        if let Some(active) = self.active {
            let inactive = inactive(batch.column(active))?;
            deleted = Some(deleted.map_or(inactive.clone(), |deleted| &deleted | &inactive));
        }
        let visible = match (&visibility.feature_version, self.feature_version) {
            (Some(wanted), Some(column)) => Some(equals(batch.column(column), wanted)?),
            _ => None,
        };
        Ok(Facts { ids: batch.columns()[..self.ids].to_vec(), changed_at, deleted, visible, rows })
    }
}

/// Which rows say that their sample does not count. NULL says nothing.
fn inactive(active: &ArrayRef) -> Result<BooleanBuffer, StoreError> {
    let active = cast(active, &DataType::Boolean).map_err(StoreError::arrow)?;
    let active = active.as_boolean();
    let said = match active.nulls() {
        Some(nulls) => nulls.inner().clone(),
        None => BooleanBuffer::new_set(active.len()),
    };
    Ok(&!active.values() & &said)
}

fn micros(column: &ArrayRef) -> Result<ArrayRef, StoreError> {
    let wanted = DataType::Timestamp(TimeUnit::Microsecond, None);
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => Ok(Arc::clone(column)),
        _ => cast(column, &wanted).map_err(StoreError::arrow),
    }
}

pub(crate) fn equals(column: &ArrayRef, wanted: &str) -> Result<BooleanBuffer, StoreError> {
    let text = cast(column, &DataType::Utf8).map_err(StoreError::arrow)?;
    let text = text.as_string::<i32>();
    Ok(BooleanBuffer::collect_bool(text.len(), |row| {
        text.is_valid(row) && text.value(row) == wanted
    }))
}

/// The best row of each id so far, by the number of the id.
struct Winners {
    ids: KeyIndex,
    changed_at: Vec<i64>,
    /// Chunk, and row of the chunk.
    places: Vec<(u32, u32)>,
    deleted: BooleanBufferBuilder,
    selected: Vec<BooleanBufferBuilder>,
}

impl Winners {
    fn new(table: &dyn Table, id_types: &[DataType]) -> Result<Self, StoreError> {
        let unselected = |rows: usize| {
            let mut marks = BooleanBufferBuilder::new(rows);
            marks.append_n(rows, false);
            marks
        };
        Ok(Self {
            ids: KeyIndex::new(id_types)?,
            changed_at: Vec::new(),
            places: Vec::new(),
            deleted: BooleanBufferBuilder::new(0),
            selected: table.chunks().iter().map(|chunk| unselected(chunk.rows)).collect(),
        })
    }

    /// Takes the visible rows of a chunk into account; with `places`, only those rows.
    async fn offer_chunk(
        &mut self,
        table: &dyn Table,
        chunk: usize,
        places: Option<Vec<usize>>,
        layout: &Layout,
        visibility: &Visibility,
    ) -> Result<(), StoreError> {
        let rows = places.as_ref().map(|places| marked(places, table.chunks()[chunk].rows));
        let place = |row: usize| places.as_ref().map_or(row, |places| places[row]);
        let request = ChunkRequest { columns: layout.columns.clone(), range: None, rows };
        let mut batches = table.read_chunk(chunk, request).await?.into_stream();
        let mut first = 0;
        while let Some(batch) = batches.try_next().await? {
            let facts = layout.facts(&batch, visibility)?;
            self.offer(chunk, |row| place(first + row), facts, visibility)?;
            first += batch.num_rows();
        }
        Ok(())
    }

    /// Takes rows of a chunk into account of which the keys, columns `ids` of the table, are known
    /// already: often nothing else of the chunk has to be read.
    async fn offer_changed(
        &mut self,
        table: &dyn Table,
        found: ChangedRows,
        ids: &[String],
        layout: &Layout,
        visibility: &Visibility,
    ) -> Result<(), StoreError> {
        let ChangedRows { chunk, places, keys } = found;
        let known = layout.known(table, chunk, (ids, &keys)).await?;
        let Some(batch) = known else {
            return self.offer_chunk(table, chunk, Some(places), layout, visibility).await;
        };
        self.offer(chunk, |row| places[row], layout.facts(&batch, visibility)?, visibility)
    }

    /// Takes the visible ones of some rows of a chunk into account; `place` says where they are.
    fn offer(
        &mut self,
        chunk: usize,
        place: impl Fn(usize) -> usize,
        facts: Facts,
        visibility: &Visibility,
    ) -> Result<(), StoreError> {
        let is_deleted = |row: usize| facts.deleted.as_ref().is_some_and(|it| it.value(row));
        let visible = facts.visible.filter(|it| it.count_set_bits() < facts.rows);
        let rows: Box<dyn Iterator<Item = usize>> = match &visible {
            Some(visible) => Box::new(visible.set_indices()),
            None => Box::new(0..facts.rows),
        };
        if visibility.sample_history {
            for row in rows.filter(|row| visibility.include_deleted || !is_deleted(*row)) {
                self.selected[chunk].set_bit(place(row), true);
            }
            return Ok(());
        }
        let ids = match &visible {
            Some(visible) => {
                let visible = BooleanArray::new(visible.clone(), None);
                let chosen = facts.ids.iter().map(|ids| filter(ids, &visible));
                chosen.collect::<Result<_, _>>().map_err(StoreError::arrow)?
            }
            None => facts.ids,
        };
        let numbers = self.ids.number(&ids)?;
        for (row, number) in rows.zip(numbers) {
            let place = (chunk as u32, place(row) as u32);
            let (changed_at, deleted) = (facts.changed_at[row], is_deleted(row));
            let number = number as usize;
            match self.changed_at.get_mut(number) {
                // Chunks and rows come in commit order, so an equal time belongs to the later row.
                Some(best) if changed_at >= *best => {
                    *best = changed_at;
                    self.places[number] = place;
                    self.deleted.set_bit(number, deleted);
                }
                Some(_) => {}
                None => {
                    self.changed_at.push(changed_at);
                    self.places.push(place);
                    self.deleted.append(deleted);
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, visibility: &Visibility) -> Selection {
        for (number, (chunk, row)) in self.places.iter().enumerate() {
            if visibility.include_deleted || !self.deleted.get_bit(number) {
                self.selected[*chunk as usize].set_bit(*row as usize, true);
            }
        }
        let chunks = self.selected.into_iter().map(|mut rows| ChunkSelection::of(rows.finish()));
        Selection::new(chunks.collect())
    }
}

/// Bits for so many rows, of which those at some places are set.
fn marked(places: &[usize], rows: usize) -> BooleanBuffer {
    let mut marks = BooleanBufferBuilder::new(rows);
    marks.append_n(rows, false);
    places.iter().for_each(|place| marks.set_bit(*place, true));
    marks.finish()
}

/// Of rows in memory, marks per key the one updated last, the later row of equals.
pub(crate) fn newest_rows(rows: &RecordBatch, keys: &[String]) -> Result<BooleanArray, StoreError> {
    let key_columns: Vec<ArrayRef> =
        keys.iter().filter_map(|name| rows.column_by_name(name).cloned()).collect();
    let types: Vec<_> = key_columns.iter().map(|it| it.data_type().clone()).collect();
    let numbers = KeyIndex::new(&types)?.number(&key_columns)?;
    let updated_at = rows.column_by_name(columns::UPDATED_AT).map(micros).transpose()?;
    let updated_at = |row: usize| {
        let times = updated_at.as_ref()?.as_primitive::<TimestampMicrosecondType>();
        times.is_valid(row).then(|| times.value(row))
    };
    let mut newest: Vec<usize> = Vec::new();
    for (row, number) in numbers.into_iter().enumerate() {
        match newest.get_mut(number as usize) {
            Some(best) if updated_at(row) >= updated_at(*best) => *best = row,
            Some(_) => {}
            None => newest.push(row),
        }
    }
    Ok(marked(&newest, rows.num_rows()).into())
}
