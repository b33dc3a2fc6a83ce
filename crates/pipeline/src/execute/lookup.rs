//! Looking rows of another table up by their keys.

use std::{fmt, sync::Arc};

use arrow::{
    array::{Array as _, ArrayRef, BooleanArray, RecordBatch, UInt32Array, UInt32Builder},
    compute::{concat_batches, take},
    error::ArrowError,
    row::{RowConverter, Rows, SortField},
    util::display::{ArrayFormatter, FormatOptions},
};
use datafusion::error::DataFusionError;
use futures::TryStreamExt as _;
use hashbrown::{HashTable, hash_table::Entry};
use xxhash_rust::xxh64::xxh64;

use crate::{PipelineError, bind::JoinStep, engine::Engine, input::strictly, working::WorkingRows};

/// A table in memory, found by its keys. Each key is there once.
pub(super) struct Lookup {
    converter: RowConverter,
    keys: Rows,
    /// Rows by the hash of their key.
    table: HashTable<u32>,
    /// Which columns of the working set make the key.
    own: Vec<usize>,
    types: Vec<arrow::datatypes::DataType>,
    added: Vec<ArrayRef>,
}

impl Lookup {
    /// Reads the whole of a table that others are joined with.
    pub(super) async fn load(
        step: &JoinStep,
        engine: &Arc<Engine>,
        operation: &str,
    ) -> Result<Self, PipelineError> {
        let failed = |error| PipelineError::arrow(operation, error);
        let table = || step.input.name.clone();
        let mut rows = step.input.rows(engine).await?;
        let (mut batches, mut bytes) = (Vec::new(), 0);
        while let Some(batch) = rows.try_next().await? {
            bytes += batch.get_array_memory_size();
            // The table is held once more while its batches are put together.
            let is_large = bytes > engine.memory / 3;
            if is_large || u32::try_from(batches.len()).is_err() {
                let operation = operation.to_owned();
                return Err(PipelineError::LargeLookup { operation, table: table() });
            }
            batches.push(batch);
        }
        let all = concat_batches(&step.input.schema, &batches).map_err(failed)?;
        drop(batches);
        let own = step.keys.iter().map(|(own, _)| *own).collect();
        let places: Vec<usize> = step.keys.iter().map(|(_, other)| *other).collect();
        let (converter, keys) = Self::keys(&all, &places, &step.key_types).map_err(failed)?;
        let added = step.added.iter().map(|index| Arc::clone(all.column(*index))).collect();
        let types = step.key_types.clone();
        let mut lookup = Self { converter, keys, table: HashTable::new(), own, types, added };
        let given: Vec<&ArrayRef> = places.iter().map(|it| all.column(*it)).collect();
        match lookup.index(&given) {
            None => Ok(lookup),
            Some(row) => Err(PipelineError::RepeatedKey {
                operation: operation.to_owned(),
                table: table(),
                key: shown(&given, row).map_err(failed)?,
            }),
        }
    }

    fn keys(
        all: &RecordBatch,
        places: &[usize],
        types: &[arrow::datatypes::DataType],
    ) -> Result<(RowConverter, Rows), ArrowError> {
        let fields = types.iter().map(|it| SortField::new(it.clone())).collect();
        let converter = RowConverter::new(fields)?;
        let keys = places.iter().zip(types);
        let keys = keys.map(|(place, data_type)| strictly(all.column(*place), data_type));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let keys = converter.convert_columns(&keys)?;
        Ok((converter, keys))
    }

    /// Finds a place for every row; the first whose key is there already is given back. A key
    /// with NULL in it is never found, so it has no place.
    fn index(&mut self, keys: &[&ArrayRef]) -> Option<usize> {
        let Self { keys: rows, table, .. } = self;
        let hash = |row: u32| xxh64(rows.row(row as usize).as_ref(), 0);
        for row in 0..rows.num_rows() {
            if keys.iter().any(|key| key.is_null(row)) {
                continue;
            }
            let number = u32::try_from(row).unwrap_or(u32::MAX);
            let own = rows.row(row);
            let same = |other: &u32| rows.row(*other as usize) == own;
            match table.entry(xxh64(own.as_ref(), 0), same, |it| hash(*it)) {
                Entry::Occupied(_) => return Some(row),
                Entry::Vacant(place) => drop(place.insert(number)),
            }
        }
        None
    }

    /// Which row belongs to each working row; none to those that are not active.
    pub(super) fn find(
        &self,
        rows: &WorkingRows,
        active: &BooleanArray,
    ) -> Result<UInt32Array, DataFusionError> {
        let own = self.own.iter().zip(&self.types);
        let own = own.map(|(index, data_type)| strictly(&rows.columns[*index], data_type));
        let own = own.collect::<Result<Vec<ArrayRef>, _>>()?;
        let keys = self.converter.convert_columns(&own)?;
        let mut found = UInt32Builder::with_capacity(rows.len());
        for row in 0..rows.len() {
            if !active.value(row) || own.iter().any(|it| it.is_null(row)) {
                found.append_null();
                continue;
            }
            let key = keys.row(row);
            let same = |other: &u32| self.keys.row(*other as usize) == key;
            found.append_option(self.table.find(xxh64(key.as_ref(), 0), same).copied());
        }
        Ok(found.finish())
    }

    /// The columns that are added, for rows that were found.
    pub(super) fn columns(&self, found: &UInt32Array) -> Result<Vec<ArrayRef>, ArrowError> {
        self.added.iter().map(|column| take(column, found, None)).collect()
    }
}

/// A key, as a person would write it.
fn shown(keys: &[&ArrayRef], row: usize) -> Result<String, ArrowError> {
    let options = FormatOptions::default();
    let parts = keys.iter().map(|key| {
        let shown = ArrayFormatter::try_new(key.as_ref(), &options)?;
        Ok(format!("`{}`", shown.value(row)))
    });
    Ok(parts.collect::<Result<Vec<_>, ArrowError>>()?.join(", "))
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("rows", &self.table.len()).finish_non_exhaustive()
    }
}
