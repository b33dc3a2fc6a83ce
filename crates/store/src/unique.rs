//! Ids of one write: there, and each only once.

use datafusion::arrow::{
    array::{Array as _, ArrayRef, RecordBatch},
    datatypes::Schema,
    util::display::{ArrayFormatter, FormatOptions},
};
use metalith_base::FeatureKey;

use crate::{RowProblem, StoreError, key_index::KeyIndex};

/// How many examples an error shows.
const EXAMPLES: usize = 3;

/// The ids seen so far in one write.
pub(crate) struct UniqueIds {
    columns: Vec<usize>,
    names: Vec<String>,
    seen: IdSet,
}

impl UniqueIds {
    /// Nothing seen yet; the id columns must be in the schema.
    pub(crate) fn new(schema: &Schema, id_columns: &[String]) -> Result<Self, StoreError> {
        let columns = id_columns
            .iter()
            .map(|name| schema.index_of(name))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StoreError::arrow)?;
        let seen = IdSet::of_types(&schema.project(&columns).map_err(StoreError::arrow)?)?;
        Ok(Self { columns, names: id_columns.to_vec(), seen })
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
            let null =
                column.logical_nulls().and_then(|it| (0..it.len()).find(|row| it.is_null(*row)));
            if let Some(row) = null {
                let problem = RowProblem::NullId { column: name.clone(), row: first_row + row };
                return Err(StoreError::rows(feature, problem));
            }
        }
        let is_new = self.seen.insert(&ids)?;
        let repeated: Vec<usize> = (0..is_new.len()).filter(|row| !is_new[*row]).collect();
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
        let problem = RowProblem::DuplicateIds { examples };
        Err(StoreError::rows(feature, problem))
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

/// Ids that can be looked up: which of other rows have one of them.
pub(crate) struct IdSet {
    ids: KeyIndex,
}

impl IdSet {
    /// The ids of some rows, in columns of one type each.
    pub(crate) fn new(batches: &[Vec<ArrayRef>]) -> Result<Option<Self>, StoreError> {
        let Some(first) = batches.first() else { return Ok(None) };
        let types: Vec<_> = first.iter().map(|it| it.data_type().clone()).collect();
        let mut ids = KeyIndex::new(&types)?;
        for batch in batches {
            ids.number(batch)?;
        }
        Ok(Some(Self { ids }))
    }

    /// No ids yet, of the types that these columns have.
    pub(crate) fn of_types(schema: &Schema) -> Result<Self, StoreError> {
        Ok(Self { ids: KeyIndex::of_types(schema)? })
    }

    /// Adds ids and says which of them were not there before.
    pub(crate) fn insert(&mut self, batch: &[ArrayRef]) -> Result<Vec<bool>, StoreError> {
        let mut next = self.ids.len() as u32;
        let is_new = |number: u32| {
            let is_new = number == next;
            next += u32::from(is_new);
            is_new
        };
        Ok(self.ids.number(batch)?.into_iter().map(is_new).collect())
    }

    /// How many different ids there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Which of these rows have an id of the set.
    pub(crate) fn contains(&self, batch: &[ArrayRef]) -> Result<Vec<bool>, StoreError> {
        Ok(self.ids.find(batch)?.into_iter().map(|it| it.is_some()).collect())
    }
}
