//! Rows that meet filters, found by the columns that the filters name before any other is read.

use std::{sync::Arc, thread::available_parallelism};

use datafusion::{
    arrow::{array::BooleanBufferBuilder, buffer::BooleanBuffer, datatypes::SchemaRef},
    common::runtime::SpawnedTask,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_base::FeatureKey;
use metalith_expr::Expr;

use crate::{
    ChunkRequest, Store, StoreError, Table,
    chunk_scan::{ChunkSelection, Piece, Selection, nullable, pieces, scattered},
    direct::{FEW, places},
    row_test::{Conditions, RowTest},
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
        let schema = Arc::new(stored.project(&columns).map_err(StoreError::arrow)?);
        let test = conditions.over(self, &schema)?;
        let sieve = Arc::new(Sieve { table: Arc::clone(table), columns, schema, test });
        let found = pieces(table.as_ref(), selection).into_iter().map(|piece| {
            let (sieve, looked_at) = (Arc::clone(&sieve), piece.clone());
            async move {
                let task = SpawnedTask::spawn(async move { sieve.sift(&looked_at).await });
                let rows = task.join().await.map_err(StoreError::stopped)??;
                Ok::<_, StoreError>((piece, rows))
            }
        });
        let at_once = available_parallelism().map_or(1, usize::from);
        let mut found = stream::iter(found).buffered(at_once);
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

/// What tells rows apart.
struct Sieve {
    table: Arc<dyn Table>,
    columns: Vec<usize>,
    schema: SchemaRef,
    test: RowTest,
}

impl Sieve {
    /// Which rows of a piece are wanted and meet the filters.
    async fn sift(&self, piece: &Piece) -> Result<BooleanBuffer, StoreError> {
        let request = ChunkRequest {
            columns: self.columns.clone(),
            range: Some(piece.range.clone()),
            rows: piece.rows.clone(),
        };
        let batches = self.table.read_chunk(piece.chunk, request).await?.into_stream();
        let met = batches.map(|batch| {
            let batch = batch?.with_schema(SchemaRef::clone(&self.schema));
            self.test.holds(&batch.map_err(StoreError::arrow)?)
        });
        let met: Vec<BooleanBuffer> = met.try_collect().await?;
        let wanted = piece.rows.as_ref().map(|it| it.slice(piece.range.start, piece.range.len()));
        Ok(scattered(piece.range.len(), wanted.as_ref(), &met))
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
