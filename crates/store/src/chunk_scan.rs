//! Chosen rows of a table as the leaf of a query plan.

use std::{fmt, ops::Range, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    arrow::{
        buffer::BooleanBuffer,
        datatypes::{Schema, SchemaRef},
    },
    catalog::{Session, TableProvider},
    common::{Result, Statistics, stats::Precision, tree_node::TreeNodeRecursion},
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::{Expr, TableType},
    physical_expr::{EquivalenceProperties, PhysicalExpr},
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
        execution_plan::{Boundedness, EmissionType},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::TryStreamExt as _;

use crate::{ChunkRequest, StoreError, Table, ahead::ahead};

/// Which rows of a table a query sees, chunk by chunk.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    chunks: Vec<ChunkSelection>,
}

/// Which rows of a chunk a query sees.
#[derive(Clone, Debug)]
pub(crate) enum ChunkSelection {
    /// Every row.
    All,
    /// Those whose bit is set; the buffer is as long as the chunk.
    Some(BooleanBuffer),
    /// None at all.
    Nothing,
}

impl ChunkSelection {
    /// The rows of a chunk whose bits are set.
    pub(crate) fn of(rows: BooleanBuffer) -> Self {
        match rows.count_set_bits() {
            0 => Self::Nothing,
            set if set == rows.len() => Self::All,
            _ => Self::Some(rows),
        }
    }
}

impl Selection {
    pub(crate) fn new(chunks: Vec<ChunkSelection>) -> Self {
        Self { chunks }
    }

    /// Every row of a table.
    pub(crate) fn all(table: &dyn Table) -> Self {
        Self::new(table.chunks().iter().map(|_| ChunkSelection::All).collect())
    }

    pub(crate) fn chunks(&self) -> &[ChunkSelection] {
        &self.chunks
    }

    /// How many rows it selects of `table`.
    pub(crate) fn rows(&self, table: &dyn Table) -> usize {
        self.chunks
            .iter()
            .zip(table.chunks())
            .map(|(selection, chunk)| match selection {
                ChunkSelection::All => chunk.rows,
                ChunkSelection::Some(rows) => rows.count_set_bits(),
                ChunkSelection::Nothing => 0,
            })
            .sum()
    }
}

/// A table of which a query sees the selected rows.
#[derive(Debug)]
pub(crate) struct ChunkScan {
    table: Arc<dyn Table>,
    selection: Selection,
    /// How many are selected: a plan asks for that more than once.
    rows: usize,
}

impl ChunkScan {
    pub(crate) fn new(table: Arc<dyn Table>, selection: Selection) -> Self {
        let rows = selection.rows(table.as_ref());
        Self { table, selection, rows }
    }
}

#[async_trait]
impl TableProvider for ChunkScan {
    fn schema(&self) -> SchemaRef {
        nullable(&self.table.schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema();
        let columns = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let partitions = state.config().target_partitions();
        Ok(Arc::new(ChunkScanExec::new(self, columns, partitions)?))
    }

    fn statistics(&self) -> Option<Statistics> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        statistics.num_rows = Precision::Exact(self.rows);
        Some(statistics)
    }
}

/// A piece of a chunk that is read at once.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) chunk: usize,
    pub(crate) range: Range<usize>,
    /// Which rows of the whole chunk are selected; `None` for all.
    pub(crate) rows: Option<BooleanBuffer>,
}

/// Pieces are cut here, so that they end where the row groups of our own files do.
const PIECE_ROWS: usize = 1 << 17;

/// How many pieces of a partition are read side by side, so that nobody waits while one of them is
/// opened,
const PIECES_AHEAD: usize = 2;

/// unless there are so many of all partitions: where these keep the cores busy anyway, a database is
/// not asked for more connections, nor a disk for more at once.
const PIECES_AT_ONCE: usize = 8;

struct ChunkScanExec {
    table: Arc<dyn Table>,
    columns: Vec<usize>,
    partitions: Vec<Vec<Piece>>,
    rows: usize,
    properties: Arc<PlanProperties>,
}

impl ChunkScanExec {
    fn new(scan: &ChunkScan, columns: Vec<usize>, partitions: usize) -> Result<Self> {
        let ChunkScan { table, selection, rows } = scan;
        let partitions = spread(table.as_ref(), selection, partitions);
        let schema = Arc::new(nullable(&table.schema()).project(&columns)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            table: Arc::clone(table),
            columns,
            partitions,
            rows: *rows,
            properties: Arc::new(properties),
        })
    }
}

/// Cuts a table into pieces, in order, and leaves out those in which no row is selected.
pub(crate) fn pieces(table: &dyn Table, selection: &Selection) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (index, (chunk, chosen)) in table.chunks().iter().zip(selection.chunks()).enumerate() {
        let rows = match chosen {
            ChunkSelection::All => None,
            ChunkSelection::Some(rows) => Some(rows),
            ChunkSelection::Nothing => continue,
        };
        for start in (0..chunk.rows).step_by(PIECE_ROWS) {
            let range = start..(start + PIECE_ROWS).min(chunk.rows);
            let wanted = rows.is_none_or(|it| it.slice(start, range.len()).count_set_bits() > 0);
            if wanted {
                pieces.push(Piece { chunk: index, range, rows: rows.cloned() });
            }
        }
    }
    pieces
}

/// Deals the pieces of selected rows out to partitions, in order and evenly.
fn spread(table: &dyn Table, selection: &Selection, partitions: usize) -> Vec<Vec<Piece>> {
    let pieces = pieces(table, selection);
    let total: usize = pieces.iter().map(|piece| piece.range.len()).sum();
    let share = total.div_ceil(partitions.max(1)).max(1);
    let mut spread: Vec<Vec<Piece>> = vec![Vec::new()];
    let mut filled = 0;
    for piece in pieces {
        if filled >= share && spread.len() < partitions {
            spread.push(Vec::new());
            filled = 0;
        }
        filled += piece.range.len();
        join_or_push(spread.last_mut(), piece);
    }
    spread
}

/// Pieces of one chunk that follow one another are read in one go.
fn join_or_push(pieces: Option<&mut Vec<Piece>>, piece: Piece) {
    let Some(pieces) = pieces else { return };
    match pieces.last_mut() {
        Some(last) if last.chunk == piece.chunk && last.range.end == piece.range.start => {
            last.range.end = piece.range.end;
        }
        _ => pieces.push(piece),
    }
}

impl ExecutionPlan for ChunkScanExec {
    fn name(&self) -> &'static str {
        "ChunkScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let table = Arc::clone(&self.table);
        let columns = self.columns.clone();
        let schema = self.schema();
        let at_once = (PIECES_AT_ONCE / self.partitions.len().max(1)).clamp(1, PIECES_AHEAD);
        let form = SchemaRef::clone(&schema);
        let read = move |piece: Piece| {
            let table = Arc::clone(&table);
            let request = ChunkRequest {
                columns: columns.clone(),
                range: Some(piece.range),
                rows: piece.rows,
            };
            async move { table.read_chunk(piece.chunk, request).await }
        };
        let batches = ahead(self.partitions[partition].clone(), at_once, read)
            .map_ok(|rows| rows.into_stream())
            .try_flatten()
            .and_then(move |batch| {
                let batch = batch.with_schema(SchemaRef::clone(&form)).map_err(StoreError::arrow);
                std::future::ready(batch)
            })
            .map_err(Into::into);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        if partition.is_none() {
            statistics.num_rows = Precision::Exact(self.rows);
        }
        Ok(Arc::new(statistics))
    }
}

impl DisplayAs for ChunkScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pieces: usize = self.partitions.iter().map(Vec::len).sum();
        write!(
            f,
            "ChunkScanExec: version={}, rows={}, pieces={pieces}",
            self.table.version(),
            self.rows
        )
    }
}

impl fmt::Debug for ChunkScanExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as(DisplayFormatType::Default, f)
    }
}

/// The schema with every column nullable, and without metadata: what rows of several commits have
/// in common, whatever their writers declared.
pub(crate) fn nullable(schema: &SchemaRef) -> SchemaRef {
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true).with_metadata([].into()))
        .collect();
    Arc::new(Schema::new(fields))
}
