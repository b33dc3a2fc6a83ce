//! Rows told apart by a hash over all of their values.

use std::{collections::HashMap, fmt, sync::Arc};

use datafusion::arrow::{
    array::{Array as _, ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
    row::{RowConverter, SortField},
    util::display::{ArrayFormatter, FormatOptions},
};
use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};

use crate::{Rows, StoreError, evolution::adapt_batch};

/// Hashes rows. Columns go by name, and one that rows lack is NULL in them.
#[derive(Debug)]
pub(super) struct Digester {
    schema: SchemaRef,
    converter: RowConverter,
}

/// How many rows there are of each hash.
#[derive(Clone, Debug, Default)]
pub(super) struct Digests {
    counts: HashMap<u128, u32>,
    rows: u64,
}

impl Digester {
    pub(super) fn new(schema: &Schema) -> Result<Self, StoreError> {
        let mut fields: Vec<Field> = schema
            .fields()
            .iter()
            .map(|field| field.as_ref().clone().with_nullable(true))
            .collect();
        fields.sort_by(|one, other| one.name().cmp(other.name()));
        let types = fields.iter().map(|field| match is_comparable(field.data_type()) {
            true => SortField::new(field.data_type().clone()),
            false => SortField::new(DataType::Utf8),
        });
        let converter = RowConverter::new(types.collect()).map_err(StoreError::arrow)?;
        Ok(Self { schema: Arc::new(Schema::new(fields)), converter })
    }

    pub(super) async fn digests(&self, rows: Rows) -> Result<Digests, StoreError> {
        let mut digests = Digests::default();
        let mut batches = rows.into_stream();
        while let Some(batch) = batches.try_next().await? {
            for digest in self.of_batch(&batch)? {
                *digests.counts.entry(digest).or_default() += 1;
                digests.rows += 1;
            }
        }
        Ok(digests)
    }

    /// The hash of each row.
    pub(super) fn of_batch(&self, batch: &RecordBatch) -> Result<Vec<u128>, StoreError> {
        let batch = adapt_batch(batch, &self.schema)?;
        let columns: Vec<ArrayRef> =
            batch.columns().iter().map(comparable).collect::<Result<_, _>>()?;
        let rows = self.converter.convert_columns(&columns).map_err(StoreError::arrow)?;
        Ok((0..batch.num_rows()).map(|row| digest(rows.row(row).as_ref())).collect())
    }
}

fn digest(row: &[u8]) -> u128 {
    let hash = Sha256::digest(row);
    hash.iter().take(16).fold(0, |digest, byte| (digest << 8) | u128::from(*byte))
}

fn is_comparable(data_type: &DataType) -> bool {
    RowConverter::supports_fields(&[SortField::new(data_type.clone())])
}

/// A column as it is, or as text where values of its type have no order, such as maps.
fn comparable(column: &ArrayRef) -> Result<ArrayRef, StoreError> {
    if is_comparable(column.data_type()) {
        return Ok(Arc::clone(column));
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options).map_err(StoreError::arrow)?;
    let texts =
        (0..column.len()).map(|row| column.is_valid(row).then(|| formatter.value(row).to_string()));
    Ok(Arc::new(texts.collect::<StringArray>()))
}

impl Digests {
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Those that are not in `others`, or not as often.
    pub(super) fn without(&self, others: &Self) -> Self {
        let there = |digest| others.counts.get(digest).copied().unwrap_or(0);
        let missing = self.counts.iter().filter_map(|(digest, count)| {
            let missing = count.saturating_sub(there(digest));
            (missing > 0).then_some((*digest, missing))
        });
        let counts: HashMap<u128, u32> = missing.collect();
        let rows = counts.values().map(|count| u64::from(*count)).sum();
        Self { counts, rows }
    }

    /// Takes one out; `false` when there is none.
    pub(super) fn take(&mut self, digest: u128) -> bool {
        match self.counts.get_mut(&digest) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }
}

/// One hash over all of them, in whatever order.
impl fmt::Display for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms = self.counts.iter().map(|(digest, count)| digest.wrapping_mul((*count).into()));
        write!(f, "{:032x}", terms.fold(0_u128, u128::wrapping_add))
    }
}
