//! Looking rows of another table up by their keys.

use std::{fmt, sync::Arc};

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, UInt32Array},
    buffer::{NullBuffer, ScalarBuffer},
    compute::{concat_batches, max, min, take},
    datatypes::{DataType, Int64Type},
    error::ArrowError,
    row::{RowConverter, Rows, SortField},
    util::display::{ArrayFormatter, FormatOptions},
};
use datafusion::error::DataFusionError;
use futures::TryStreamExt as _;
use hashbrown::{HashMap, HashTable, hash_table};
use xxhash_rust::xxh64::xxh64;

use crate::{PipelineError, bind::JoinStep, engine::Engine, input::strictly, working::WorkingRows};

/// A table in memory, found by its keys. Each key is there once.
pub(super) struct Lookup {
    keys: Keys,
    /// Which columns of the working set make the key.
    own: Vec<usize>,
    types: Vec<DataType>,
    added: Vec<ArrayRef>,
}

/// Where the row of a key is.
enum Keys {
    /// Integers that are close to each other: the place of each, from the least on.
    Dense { least: i64, places: Vec<u32> },
    /// Other integers.
    Integers(HashMap<i64, u32>),
    /// Whatever can be compared, by the hash of its encoding.
    Rows { converter: RowConverter, rows: Rows, table: HashTable<u32> },
}

/// No row is at this place.
const NOWHERE: u32 = u32::MAX;
/// Places of integers may be so many times as many as there are integers.
const SPREAD: usize = 8;

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
        let types = step.key_types.clone();
        let given: Vec<&ArrayRef> = places.iter().map(|it| all.column(*it)).collect();
        let keys = given.iter().zip(&types).map(|(key, of)| strictly(key, of));
        let keys = keys.collect::<Result<Vec<ArrayRef>, _>>().map_err(failed)?;
        let added = step.added.iter().map(|index| Arc::clone(all.column(*index))).collect();
        match Keys::new(&keys, &types).map_err(failed)? {
            Ok(keys) => Ok(Self { keys, own, types, added }),
            Err(row) => Err(PipelineError::RepeatedKey {
                operation: operation.to_owned(),
                table: table(),
                key: shown(&given, row).map_err(failed)?,
            }),
        }
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
        // A key with NULL in it is never found.
        let mut sought = active.values().clone();
        for nulls in own.iter().filter_map(|key| key.logical_nulls()) {
            sought = &sought & nulls.inner();
        }
        let is_sought = |row: usize| sought.value(row);
        let mut places = Vec::with_capacity(rows.len());
        match (&self.keys, own.as_slice()) {
            (Keys::Dense { least, places: known }, [key]) => {
                let key = key.as_primitive::<Int64Type>().values();
                places.extend(key.iter().enumerate().map(|(row, key)| {
                    let at = usize::try_from(key.wrapping_sub(*least)).ok();
                    let at = at.filter(|_| key >= least && is_sought(row));
                    at.and_then(|at| known.get(at)).copied().unwrap_or(NOWHERE)
                }));
            }
            (Keys::Integers(known), [key]) => {
                let key = key.as_primitive::<Int64Type>().values();
                places.extend(key.iter().enumerate().map(|(row, key)| {
                    let found = known.get(key).filter(|_| is_sought(row));
                    found.copied().unwrap_or(NOWHERE)
                }));
            }
            (Keys::Rows { converter, rows: known, table }, _) => {
                let keys = converter.convert_columns(&own)?;
                places.extend(keys.iter().enumerate().map(|(row, key)| {
                    if !is_sought(row) {
                        return NOWHERE;
                    }
                    let same = |other: &u32| known.row(*other as usize) == key;
                    table.find(xxh64(key.as_ref(), 0), same).copied().unwrap_or(NOWHERE)
                }));
            }
            (Keys::Dense { .. } | Keys::Integers(_), _) => places.resize(rows.len(), NOWHERE),
        }
        let found = NullBuffer::from_iter(places.iter().map(|it| *it != NOWHERE));
        Ok(UInt32Array::new(ScalarBuffer::from(places), Some(found)))
    }

    /// The columns that are added, for rows that were found.
    pub(super) fn columns(&self, found: &UInt32Array) -> Result<Vec<ArrayRef>, ArrowError> {
        self.added.iter().map(|column| take(column, found, None)).collect()
    }
}

impl Keys {
    /// Finds a place for every row; the first whose key is there already is given back instead.
    fn new(keys: &[ArrayRef], types: &[DataType]) -> Result<Result<Self, usize>, ArrowError> {
        if let ([key], [DataType::Int64]) = (keys, types) {
            return Ok(Self::of_integers(key.as_primitive::<Int64Type>()));
        }
        let fields = types.iter().map(|it| SortField::new(it.clone())).collect();
        let converter = RowConverter::new(fields)?;
        let rows = converter.convert_columns(keys)?;
        let mut table = HashTable::new();
        let hash = |row: u32| xxh64(rows.row(row as usize).as_ref(), 0);
        for (row, number) in (0..rows.num_rows()).zip(0_u32..) {
            if keys.iter().any(|key| key.is_null(row)) {
                continue;
            }
            let own = rows.row(row);
            let same = |other: &u32| rows.row(*other as usize) == own;
            match table.entry(xxh64(own.as_ref(), 0), same, |it| hash(*it)) {
                hash_table::Entry::Occupied(_) => return Ok(Err(row)),
                hash_table::Entry::Vacant(place) => drop(place.insert(number)),
            }
        }
        Ok(Ok(Self::Rows { converter, rows, table }))
    }

    fn of_integers(keys: &Int64Array) -> Result<Self, usize> {
        let (least, most) = (min(keys).unwrap_or(0), max(keys).unwrap_or(0));
        let valued = || (0..keys.len()).zip(0_u32..).filter(|(row, _)| keys.is_valid(*row));
        let span = usize::try_from(i128::from(most) - i128::from(least)).unwrap_or(usize::MAX);
        if span < keys.len().saturating_mul(SPREAD) {
            let mut places = vec![NOWHERE; span + 1];
            for (row, number) in valued() {
                let at = usize::try_from(keys.value(row) - least).unwrap_or(usize::MAX);
                if let Some(place) = places.get_mut(at)
                    && std::mem::replace(place, number) != NOWHERE
                {
                    return Err(row);
                }
            }
            return Ok(Self::Dense { least, places });
        }
        let mut known = HashMap::with_capacity(keys.len());
        for (row, number) in valued() {
            if known.insert(keys.value(row), number).is_some() {
                return Err(row);
            }
        }
        Ok(Self::Integers(known))
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
        f.debug_struct("Lookup").field("own", &self.own).finish_non_exhaustive()
    }
}
