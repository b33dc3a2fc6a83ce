//! Ids of one write: there, and each only once.

use std::hash::BuildHasher as _;

use datafusion::arrow::{
    array::{Array as _, ArrayRef, RecordBatch},
    datatypes::Schema,
    row::{OwnedRow, RowConverter, Rows as KeyRows, SortField},
    util::display::{ArrayFormatter, FormatOptions},
};
use hashbrown::{DefaultHashBuilder, HashTable};
use metalith_base::FeatureKey;

use crate::{RowProblem, StoreError};

/// How many examples an error shows.
const EXAMPLES: usize = 3;

/// The ids seen so far in one write.
pub(crate) struct UniqueIds {
    columns: Vec<usize>,
    names: Vec<String>,
    converter: RowConverter,
    hasher: DefaultHashBuilder,
    seen: HashTable<(u32, u32)>,
    keys: Vec<KeyRows>,
}

impl UniqueIds {
    /// Nothing seen yet; the id columns must be in the schema.
    pub(crate) fn new(schema: &Schema, id_columns: &[String]) -> Result<Self, StoreError> {
        let columns = id_columns
            .iter()
            .map(|name| schema.index_of(name))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StoreError::arrow)?;
        let fields = columns.iter().map(|it| SortField::new(schema.field(*it).data_type().clone()));
        Ok(Self {
            converter: RowConverter::new(fields.collect()).map_err(StoreError::arrow)?,
            columns,
            names: id_columns.to_vec(),
            hasher: DefaultHashBuilder::default(),
            seen: HashTable::new(),
            keys: Vec::new(),
        })
    }

    /// Refuses a batch with a NULL id, or one that was there before.
    pub(crate) fn check(
        &mut self,
        feature: &FeatureKey,
        batch: &RecordBatch,
        first_row: usize,
    ) -> Result<(), StoreError> {
        let ids: Vec<ArrayRef> =
            self.columns.iter().map(|it| ArrayRef::clone(batch.column(*it))).collect();
        for (column, name) in ids.iter().zip(&self.names) {
            if let Some(row) = (0..column.len()).find(|row| column.is_null(*row)) {
                let problem = RowProblem::NullId { column: name.clone(), row: first_row + row };
                return Err(StoreError::rows(feature, problem));
            }
        }
        let repeated = self.repeated(&ids)?;
        if repeated.is_empty() {
            return Ok(());
        }
        let mut examples = Vec::new();
        for row in &repeated {
            let shown = show_id(&self.names, &ids, *row)?;
            if examples.len() < EXAMPLES && !examples.contains(&shown) {
                examples.push(shown);
            }
        }
        let problem = RowProblem::DuplicateIds { examples, count: repeated.len() };
        Err(StoreError::rows(feature, problem))
    }

    fn repeated(&mut self, ids: &[ArrayRef]) -> Result<Vec<usize>, StoreError> {
        let rows = self.converter.convert_columns(ids).map_err(StoreError::arrow)?;
        let batch = self.keys.len() as u32;
        self.keys.push(rows);
        let Self { seen, keys, hasher, .. } = self;
        let key_of = |(batch, row): (u32, u32)| keys[batch as usize].row(row as usize);
        let mut repeated = Vec::new();
        for row in 0..ids.first().map_or(0, |it| it.len()) {
            let place = (batch, row as u32);
            let key = key_of(place);
            let hash = hasher.hash_one(key.as_ref());
            if seen.find(hash, |it| key_of(*it) == key).is_some() {
                repeated.push(row);
            } else {
                seen.insert_unique(hash, place, |it| hasher.hash_one(key_of(*it).as_ref()));
            }
        }
        Ok(repeated)
    }
}

/// An id as a person would write it: `video_id=v1, chunk=3`.
pub(crate) fn show_id(
    names: &[String],
    ids: &[ArrayRef],
    row: usize,
) -> Result<String, StoreError> {
    let options = FormatOptions::default().with_null("NULL");
    let shown = names.iter().zip(ids).map(|(name, column)| {
        let value = ArrayFormatter::try_new(column, &options).map_err(StoreError::arrow)?;
        Ok(format!("{name}={}", value.value(row)))
    });
    Ok(shown.collect::<Result<Vec<_>, StoreError>>()?.join(", "))
}

/// Rows of ids that can be looked up: which of other rows have one of them.
pub(crate) struct IdSet {
    converter: RowConverter,
    ids: hashbrown::HashSet<OwnedRow>,
}

impl IdSet {
    /// The ids of some rows, in columns of one type each.
    pub(crate) fn new(batches: &[Vec<ArrayRef>]) -> Result<Option<Self>, StoreError> {
        let Some(first) = batches.first() else { return Ok(None) };
        let fields = first.iter().map(|it| SortField::new(it.data_type().clone())).collect();
        let converter = RowConverter::new(fields).map_err(StoreError::arrow)?;
        let mut ids = hashbrown::HashSet::new();
        for batch in batches {
            let rows = converter.convert_columns(batch).map_err(StoreError::arrow)?;
            ids.extend(rows.iter().map(|row| row.owned()));
        }
        Ok(Some(Self { converter, ids }))
    }

    /// No ids yet, of the types that these columns have.
    pub(crate) fn of_types(schema: &Schema) -> Result<Self, StoreError> {
        let fields = schema.fields().iter().map(|it| SortField::new(it.data_type().clone()));
        let converter = RowConverter::new(fields.collect()).map_err(StoreError::arrow)?;
        Ok(Self { converter, ids: hashbrown::HashSet::new() })
    }

    /// Adds ids and says which of them were not there before.
    pub(crate) fn insert(&mut self, batch: &[ArrayRef]) -> Result<Vec<bool>, StoreError> {
        let rows = self.converter.convert_columns(batch).map_err(StoreError::arrow)?;
        Ok(rows.iter().map(|row| self.ids.insert(row.owned())).collect())
    }

    /// How many different ids there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Which of these rows have an id of the set.
    pub(crate) fn contains(&self, batch: &[ArrayRef]) -> Result<Vec<bool>, StoreError> {
        let rows = self.converter.convert_columns(batch).map_err(StoreError::arrow)?;
        Ok(rows.iter().map(|row| self.ids.contains(&row.owned())).collect())
    }
}
