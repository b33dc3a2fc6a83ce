//! Rows that meet filters, found by the columns that the filters name before any other is read.

use std::{sync::Arc, thread::available_parallelism};

use datafusion::arrow::{array::BooleanBufferBuilder, buffer::BooleanBuffer, datatypes::SchemaRef};
use futures::{StreamExt as _, TryStreamExt as _};
use metalith_base::FeatureKey;
use metalith_expr::Expr;

use crate::{
    ChunkRequest, Store, StoreError, Table,
    ahead::ahead,
    chunk_scan::{ChunkSelection, Piece, Selection, nullable, pieces},
    direct::{FEW, places},
    row_test::{Conditions, RowTest, Within},
};

/// It is given up where more than one row in so many is wanted: all columns are read together then,
/// and nothing is read twice but what the filters name.
const RARE: usize = 32;

impl Store {
    /// The rows of a selection that meet filters, for who wants some columns of them. `None` where
    /// looking for them first spares nothing: of few rows, of tables that read all anyway, where no other
    /// columns are wanted than the filters name, and where many rows meet them.
    pub(crate) async fn sifted(
        &self,
        feature: &FeatureKey,
        table: &Arc<dyn Table>,
        selection: &Selection,
        filters: &[Expr],
        wanted: &[String],
    ) -> Result<Option<Selection>, StoreError> {
        let is_large = || selection.rows(table.as_ref()) > FEW;
        if filters.is_empty() || !table.skips_rows() || !is_large() {
            return Ok(None);
        }
        let stored = nullable(&table.schema());
        let conditions = Conditions::new(self, feature, filters, &stored)?;
        let named = conditions.columns();
        let columns = places(&stored, &named);
        if columns.is_empty() || wanted.iter().all(|it| named.contains(it.as_str())) {
            return Ok(None);
        }
        let probe = Arc::new(Probe::new(self, &stored, columns, conditions)?);
        let look = |piece: Piece| {
            let (table, probe) = (Arc::clone(table), Arc::clone(&probe));
            async move {
                let rows = probe.passing(table.as_ref(), &piece, None).await?;
                Ok((piece, rows))
            }
        };
        let at_once = available_parallelism().map_or(1, usize::from);
        let mut found = ahead(pieces(table.as_ref(), selection), at_once, look);
        let mut kept = Kept::nothing_of(table.as_ref());
        let (mut seen, mut met) = (0, 0);
        while let Some((piece, rows)) = found.try_next().await? {
            seen += piece.range.len();
            met += rows.count_set_bits();
            if met > seen / RARE {
                return Ok(None);
            }
            kept.add(&piece, &rows);
        }
        Ok(Some(kept.finish()))
    }
}

/// What tells rows of a table apart, by no more columns than that takes.
pub(crate) struct Probe {
    columns: Vec<usize>,
    schema: SchemaRef,
    test: RowTest,
}

impl Probe {
    /// `columns` are those that the conditions name, and those of the keys that rows are to have.
    pub(crate) fn new(
        store: &Store,
        stored: &SchemaRef,
        columns: Vec<usize>,
        conditions: Conditions,
    ) -> Result<Self, StoreError> {
        let schema = Arc::new(stored.project(&columns).map_err(StoreError::arrow)?);
        let test = conditions.over(store, &schema)?;
        Ok(Self { columns, schema, test })
    }

    /// Which rows of a piece are wanted, meet the conditions, and have one of the keys.
    pub(crate) async fn passing(
        &self,
        table: &dyn Table,
        piece: &Piece,
        within: Option<&Within>,
    ) -> Result<BooleanBuffer, StoreError> {
        let Piece { chunk, range, rows } = piece;
        let request = ChunkRequest {
            columns: self.columns.clone(),
            range: Some(range.clone()),
            rows: rows.clone(),
        };
        let batches = table.read_chunk(*chunk, request).await?.into_stream();
        let passing = batches.map(|batch| {
            let batch = batch?.with_schema(SchemaRef::clone(&self.schema));
            self.test.holds_within(&batch.map_err(StoreError::arrow)?, within)
        });
        let passing: Vec<BooleanBuffer> = passing.try_collect().await?;
        let wanted = rows.as_ref().map(|it| it.slice(range.start, range.len()));
        Ok(scattered(range.len(), wanted.as_ref(), &passing))
    }
}

/// Rows that are found, chunk by chunk; pieces come in order.
struct Kept {
    chunks: Vec<BooleanBufferBuilder>,
    rows: Vec<usize>,
}

impl Kept {
    fn nothing_of(table: &dyn Table) -> Self {
        let rows: Vec<usize> = table.chunks().iter().map(|it| it.rows).collect();
        Self { chunks: rows.iter().map(|_| BooleanBufferBuilder::new(0)).collect(), rows }
    }

    fn add(&mut self, piece: &Piece, rows: &BooleanBuffer) {
        let chunk = &mut self.chunks[piece.chunk];
        // Pieces in between have no row that is wanted.
        chunk.append_n(piece.range.start - chunk.len(), false);
        chunk.append_buffer(rows);
    }

    fn finish(self) -> Selection {
        let chunks = self.chunks.into_iter().zip(self.rows).map(|(mut chunk, rows)| {
            match chunk.is_empty() {
                true => ChunkSelection::Nothing,
                false => {
                    chunk.append_n(rows - chunk.len(), false);
                    ChunkSelection::of(chunk.finish())
                }
            }
        });
        Selection::new(chunks.collect())
    }
}

/// Which of so many rows are meant by marks on those of them that were read, batch by batch; `None`
/// read all.
fn scattered(rows: usize, read: Option<&BooleanBuffer>, marks: &[BooleanBuffer]) -> BooleanBuffer {
    let mut meant = BooleanBufferBuilder::new(rows);
    match read {
        None => marks.iter().for_each(|it| meant.append_buffer(it)),
        Some(read) => {
            meant.append_n(rows, false);
            let marks = marks.iter().flatten();
            let marked = read.set_indices().zip(marks).filter(|(_, is_marked)| *is_marked);
            marked.for_each(|(row, _)| meant.set_bit(row, true));
        }
    }
    meant.finish()
}
