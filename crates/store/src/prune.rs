//! Parts of tables that filters rule out, by what is known of them without reading.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::{ArrayRef, BooleanArray, BooleanBufferBuilder, UInt64Array, new_null_array},
        buffer::BooleanBuffer,
        compute::concat,
        datatypes::{DataType, SchemaRef},
    },
    common::{Column, DFSchema, ScalarValue},
    physical_expr::{PhysicalExpr, utils::collect_columns},
    physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder, PruningStatistics},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_base::FeatureKey;
use metalith_expr::{Expr, ExprKind, Test};

use crate::{
    PartFacts, Store, StoreError, Table,
    chunk_scan::{ChunkSelection, Selection, nullable},
    lower::lower_filters,
    row_test::physical_expression,
};

/// How many chunks are asked about at once: in object storage each takes a while.
const CHUNKS_AHEAD: usize = 8;

/// Long conditions, such as lists of values, would take longer to prepare than they save.
const MOST_PARTS: usize = 64;

/// Conditions that bounds are asked of: all rows that are wanted meet each of them.
fn worth_asking(filters: &[Expr]) -> Vec<Expr> {
    let all = filters.iter().flat_map(|filter| match filter.kind() {
        ExprKind::And(parts) => parts.as_slice(),
        _ => std::slice::from_ref(filter),
    });
    let asked = all.filter(|it| it.size() <= MOST_PARTS && is_plain(it));
    asked.take(MOST_PARTS).cloned().collect()
}

/// Whether a condition does nothing but compare columns with values. What functions, casts and
/// arithmetic make of bounds need not be the bounds of what they make.
fn is_plain(condition: &Expr) -> bool {
    match condition.kind() {
        ExprKind::And(parts) | ExprKind::Or(parts) => parts.iter().all(is_plain),
        ExprKind::Not(inner) => is_plain(inner),
        ExprKind::Compare { left, right, .. } => is_value(left) && is_value(right),
        ExprKind::Between { value, low, high, .. } => {
            [value, low, high].into_iter().all(|it| is_value(it))
        }
        ExprKind::In { value, list, .. } => is_value(value) && list.iter().all(is_value),
        ExprKind::Like { value, pattern, .. } => is_value(value) && is_value(pattern),
        ExprKind::Is { value, test: Test::Null, .. } => is_value(value),
        _ => false,
    }
}

/// Whether an expression is a column, or written out.
fn is_value(expr: &Expr) -> bool {
    match expr.kind() {
        ExprKind::Column(_) | ExprKind::Literal(_) => true,
        ExprKind::Negate(inner) => matches!(inner.kind(), ExprKind::Literal(_)),
        _ => false,
    }
}

impl Store {
    /// The selection without parts of chunks of which no row meets all filters. What is left may have
    /// rows that do not: the filters are still to be applied.
    pub(crate) async fn pruned(
        &self,
        feature: &FeatureKey,
        table: &dyn Table,
        selection: Selection,
        filters: &[Expr],
    ) -> Result<Selection, StoreError> {
        let filters = worth_asking(filters);
        if filters.is_empty() {
            return Ok(selection);
        }
        let stored = nullable(&table.schema());
        let failed = |error| StoreError::engine(feature.as_str(), error);
        let schema = DFSchema::try_from(SchemaRef::clone(&stored)).map_err(failed)?;
        // What is wrong with a filter is told where all of them are applied.
        let Ok(Some(filter)) = lower_filters(feature, &filters, &schema, self.now()) else {
            return Ok(selection);
        };
        let filter = physical_expression(self.session(), filter, &schema).map_err(failed)?;
        // Not every expression can be asked of bounds.
        let Some(asked) = Asked::of(filter, &stored) else { return Ok(selection) };
        let asked = &asked;
        let left = selection.chunks().iter().enumerate().map(|(chunk, chosen)| async move {
            let chosen = match chosen {
                ChunkSelection::Nothing => return Ok(ChunkSelection::Nothing),
                ChunkSelection::All => None,
                ChunkSelection::Some(rows) => Some(rows),
            };
            let rows = table.chunks()[chunk].rows;
            let parts = table.part_facts(chunk, &asked.columns).await?;
            let left = match (asked.left(&parts, rows), chosen) {
                (Some(left), Some(chosen)) => ChunkSelection::of(&left & chosen),
                (Some(left), None) => ChunkSelection::of(left),
                (None, Some(chosen)) => ChunkSelection::Some(chosen.clone()),
                (None, None) => ChunkSelection::All,
            };
            Ok::<_, StoreError>(left)
        });
        let left: Vec<_> = left.collect();
        let left = stream::iter(left).buffered(CHUNKS_AHEAD).try_collect().await?;
        Ok(Selection::new(left))
    }
}

/// What bounds are asked.
struct Asked {
    predicate: PruningPredicate,
    schema: SchemaRef,
    /// The columns whose bounds it takes, by their place in the table.
    columns: Vec<usize>,
}

impl Asked {
    fn of(filter: Arc<dyn PhysicalExpr>, stored: &SchemaRef) -> Option<Self> {
        let named = collect_columns(&filter);
        let builder = PruningPredicateBuilder::new().with_file_schema(SchemaRef::clone(stored));
        let predicate = builder.try_build(filter).ok()?;
        let places = named.iter().map(|column| column.index());
        let columns: BTreeSet<usize> =
            places.filter(|at| has_order(stored.field(*at).data_type())).collect();
        let columns: Vec<usize> = columns.into_iter().collect();
        let is_of_use = !columns.is_empty() && !predicate.always_true();
        is_of_use.then(|| Self { predicate, schema: SchemaRef::clone(stored), columns })
    }

    /// The rows of a chunk that may meet the filter, if some cannot.
    fn left(&self, parts: &[PartFacts], rows: usize) -> Option<BooleanBuffer> {
        if parts.is_empty() || parts.iter().map(|part| part.rows).sum::<usize>() != rows {
            return None;
        }
        let may_hold = self.predicate.prune(&Known { asked: self, parts }).ok()?;
        let mut left = BooleanBufferBuilder::new(rows);
        for (part, may_hold) in parts.iter().zip(&may_hold) {
            left.append_n(part.rows, *may_hold);
        }
        may_hold.contains(&false).then(|| left.finish())
    }
}

/// Whether bounds of such values are those that comparisons go by. NaN lies beyond all bounds.
fn has_order(data_type: &DataType) -> bool {
    data_type.is_signed_integer()
        || matches!(data_type, DataType::Utf8 | DataType::Date32 | DataType::Timestamp(_, _))
}

/// What is known of the parts of a chunk, as the query engine asks for it.
struct Known<'a> {
    asked: &'a Asked,
    parts: &'a [PartFacts],
}

impl Known<'_> {
    fn place(&self, column: &Column) -> Option<(usize, &DataType)> {
        let at = self.asked.schema.index_of(column.name()).ok()?;
        let place = self.asked.columns.iter().position(|it| *it == at)?;
        Some((place, self.asked.schema.field(at).data_type()))
    }

    fn bounds(&self, column: &Column, which: usize) -> Option<ArrayRef> {
        let (place, data_type) = self.place(column)?;
        let of_part = |part: &PartFacts| -> ArrayRef {
            let bounds = part.columns.get(place).and_then(|facts| facts.bounds.as_ref());
            match bounds.filter(|it| it.len() == 2 && it.data_type() == data_type) {
                Some(bounds) => bounds.slice(which, 1),
                None => new_null_array(data_type, 1),
            }
        };
        let parts: Vec<ArrayRef> = self.parts.iter().map(of_part).collect();
        concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()).ok()
    }
}

impl PruningStatistics for Known<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, 0)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, 1)
    }

    fn num_containers(&self) -> usize {
        self.parts.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let (place, _) = self.place(column)?;
        let nulls = |part: &PartFacts| Some(part.columns.get(place)?.nulls? as u64);
        Some(Arc::new(self.parts.iter().map(nulls).collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = self.parts.iter().map(|part| part.rows as u64);
        Some(Arc::new(UInt64Array::from_iter_values(rows)))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
