//! Expected rows against stored ones: new, stale, orphaned.
//!
//! ```text
//! new = E without C      stale = E with C where provenance differs, or C's is NULL,
//! orphaned = C without E         or a staleness predicate holds on C
//! ```
//!
//! One pass over each side finds all three: keys and provenance of the stored rows are put into an
//! index, and the expected rows stream past it, on all cores. Whole stored rows are fetched
//! afterwards, for orphans alone.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use datafusion::{
    arrow::{
        array::{
            Array as _, ArrayRef, AsArray as _, BooleanArray, BooleanBufferBuilder, RecordBatch,
            UInt32Array,
        },
        buffer::{BooleanBuffer, NullBuffer},
        compute::{
            SortColumn, cast, concat_batches, filter_record_batch, lexsort_to_indices,
            take_record_batch,
        },
        datatypes::{DataType, SchemaRef},
    },
    common::{JoinType, Result as PlanResult, plan_err},
    datasource::{MemTable, provider_as_source},
    functions::core::expr_fn::coalesce,
    functions_aggregate::{bool_and_or::bool_or_udaf, first_last::last_value},
    logical_expr::{
        Expr, LogicalPlan, LogicalPlanBuilder, expr::AggregateFunction, lit,
        type_coercion::binary::comparison_coercion,
    },
};
use futures::{TryStreamExt as _, join};
use metalith_graph::columns;

use crate::{
    Frame, Rows, Store, StoreError,
    chunk_scan::nullable,
    findings::{Finding, Outlet},
    key_index::{Blobs, KeyIndex},
    lower::{column, key_pairs},
};

/// The stored side of a comparison.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Current rows of the feature, filtered.
    pub(crate) rows: LogicalPlan,
    /// How many these are at most.
    pub(crate) at_most: usize,
    /// Holds on a stored row that is to be recomputed whatever its provenance.
    pub(crate) stale_if: Option<Expr>,
    /// The ids of the rows, where several of them answer to one expected row (expansion).
    pub(crate) collapse: Option<Vec<String>>,
}

const STORED_PROVENANCE: &str = "__stored_provenance";
const STORED_STALE: &str = "__stored_stale";

fn stored_key(name: &str) -> String {
    format!("__stored_key_{name}")
}

/// Pairs expected with stored rows, hands on what is new and what is stale, and returns the join keys
/// of stored rows for which nothing is expected.
pub(crate) async fn compare(
    store: &Store,
    subject: &str,
    expected: Expected,
    stored: Stored,
    keys: &[String],
    to: &Outlet,
) -> Result<Frame, StoreError> {
    let failed = |error| StoreError::engine(subject, error);
    let at_most = stored.at_most;
    let stored = stored_side(stored, keys).map_err(failed)?;
    let types = common_types(&expected.plan, &stored, keys).map_err(failed)?;
    let places = keys.iter().map(|name| expected.schema.index_of(name));
    let places = places.collect::<Result<Vec<_>, _>>().map_err(StoreError::arrow)?;
    let provenance = expected.schema.index_of(columns::PROVENANCE).map_err(StoreError::arrow)?;

    let side = async {
        let rows = store.run(stored, subject).await?;
        Side::collect(rows, types, at_most).await
    };
    // While the one side is read, the other is planned. What is wrong upstream is told first.
    let (side, expected) = join!(side, expected.planned(store, subject));
    let (expected, side) = (expected?, side?);
    let pass = Arc::new(Pass { side, places, provenance });
    let sorting = Arc::clone(&pass);
    expected.judge(to, move |batch| sorting.sort_out(&batch)).await?;
    pass.side.orphans(keys)
}

/// What a feature should hold.
pub(crate) struct Expected {
    pub(crate) plan: LogicalPlan,
    /// The columns of its rows.
    pub(crate) schema: SchemaRef,
}

impl Expected {
    pub(crate) fn new(plan: LogicalPlan) -> Self {
        let schema = nullable(&plan.schema().as_arrow().clone().into());
        Self { plan, schema }
    }

    /// Plans how the rows are computed. Hardly any is before somebody takes them.
    pub(crate) async fn planned(self, store: &Store, subject: &str) -> Result<Planned, StoreError> {
        let parts = store.run_parts(self.plan, subject).await?;
        Ok(Planned { parts, schema: self.schema })
    }
}

/// What a feature should hold, on its way.
pub(crate) struct Planned {
    parts: Vec<Rows>,
    schema: SchemaRef,
}

impl Planned {
    /// Computes the rows, on all cores, and hands on what they are judged to be.
    pub(crate) async fn judge(
        self,
        to: &Outlet,
        judge: impl Fn(RecordBatch) -> Result<Vec<(Finding, RecordBatch)>, StoreError>
        + Send
        + Sync
        + 'static,
    ) -> Result<(), StoreError> {
        let judge = move |batch: RecordBatch| {
            let batch = batch.with_schema(SchemaRef::clone(&self.schema));
            judge(batch.map_err(StoreError::arrow)?)
        };
        to.put_judged(self.parts, judge).await
    }
}

/// The types in which keys of both sides are compared.
fn common_types(
    expected: &LogicalPlan,
    stored: &LogicalPlan,
    keys: &[String],
) -> PlanResult<Vec<DataType>> {
    let common = |name: &String| {
        let expected = expected.schema().field_with_unqualified_name(name)?.data_type();
        let stored = stored.schema().field_with_unqualified_name(&stored_key(name))?.data_type();
        match comparison_coercion(expected, stored) {
            Some(common) => Ok(common),
            None => plan_err!("`{name}` is {stored} where it is stored, and {expected} upstream"),
        }
    };
    keys.iter().map(common).collect()
}

/// The stored rows of a comparison, found by their keys.
struct Side {
    types: Vec<DataType>,
    index: KeyIndex,
    /// Provenance by row, empty where there is none.
    provenance: Blobs,
    /// Rows that are not in order whatever is expected.
    stale: BooleanBuffer,
    /// The rows of each key, where some have several.
    chains: Option<Chains>,
    /// Keys as they are stored.
    keys: Frame,
    /// A bit for each row that something is expected for.
    seen: Vec<AtomicU64>,
}

/// Rows that share their key, as a list through all of them.
struct Chains {
    first: Vec<Option<u32>>,
    next: Vec<Option<u32>>,
}

impl Side {
    /// Rows with the keys in front, then provenance and staleness.
    async fn collect(rows: Rows, types: Vec<DataType>, at_most: usize) -> Result<Self, StoreError> {
        let width = types.len();
        let names: Vec<usize> = (0..width).collect();
        let schema = rows.schema().project(&names).map_err(StoreError::arrow)?;
        let mut index = KeyIndex::new(&types)?;
        index.reserve(at_most);
        let mut keys = Frame::empty(Arc::new(schema));
        let (mut numbers, mut provenance) = (Vec::new(), Blobs::default());
        let mut stale = BooleanBufferBuilder::new(0);
        let mut batches = rows.into_stream();
        while let Some(batch) = batches.try_next().await? {
            let key = batch.project(&names).map_err(StoreError::arrow)?;
            numbers.extend(index.number(&in_types(key.columns(), &types)?)?);
            keys.batches.push(key);
            let text = cast(batch.column(width), &DataType::Utf8).map_err(StoreError::arrow)?;
            let text = text.as_string::<i32>();
            let marked = batch.column(width + 1).as_boolean();
            for row in 0..batch.num_rows() {
                let there = text.is_valid(row);
                provenance.push(if there { text.value(row).as_bytes() } else { &[] });
                stale.append(!there || (marked.is_valid(row) && marked.value(row)));
            }
        }
        let rows = numbers.len();
        let chains = (index.len() < rows).then(|| Chains::of(&numbers, index.len()));
        let seen = (0..rows.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { types, index, provenance, stale: stale.finish(), chains, keys, seen })
    }

    fn see(&self, row: u32) {
        self.seen[row as usize / 64].fetch_or(1 << (row % 64), Ordering::Relaxed);
    }

    fn was_seen(&self, row: usize) -> bool {
        self.seen[row / 64].load(Ordering::Relaxed) >> (row % 64) & 1 == 1
    }

    fn first(&self, number: u32) -> Option<u32> {
        match &self.chains {
            Some(chains) => chains.first[number as usize],
            None => Some(number),
        }
    }

    fn next(&self, row: u32) -> Option<u32> {
        self.chains.as_ref().and_then(|chains| chains.next[row as usize])
    }

    /// The keys of rows that nothing is expected for.
    fn orphans(&self, keys: &[String]) -> Result<Frame, StoreError> {
        let mut orphans = Frame::empty(renamed(&self.keys.schema, keys));
        let mut start = 0;
        for batch in &self.keys.batches {
            let rows = start..start + batch.num_rows();
            start = rows.end;
            let unseen: BooleanArray = rows.map(|row| Some(!self.was_seen(row))).collect();
            if unseen.has_true() {
                let found = filter_record_batch(batch, &unseen).map_err(StoreError::arrow)?;
                let columns = found.columns().to_vec();
                let found = RecordBatch::try_new(SchemaRef::clone(&orphans.schema), columns);
                orphans.batches.push(found.map_err(StoreError::arrow)?);
            }
        }
        Ok(orphans)
    }
}

impl Chains {
    fn of(numbers: &[u32], keys: usize) -> Self {
        let mut chains = Self { first: vec![None; keys], next: vec![None; numbers.len()] };
        for (row, number) in numbers.iter().enumerate().rev() {
            chains.next[row] = chains.first[*number as usize].replace(row as u32);
        }
        chains
    }
}

/// Expected rows on their way past the stored ones.
struct Pass {
    side: Side,
    /// Where the keys are in expected rows, and the provenance.
    places: Vec<usize>,
    provenance: usize,
}

impl Pass {
    /// The rows of a batch that are new, and those that are stale: as often as they are stored.
    fn sort_out(&self, batch: &RecordBatch) -> Result<Vec<(Finding, RecordBatch)>, StoreError> {
        let side = &self.side;
        let keys: Vec<ArrayRef> =
            self.places.iter().map(|it| ArrayRef::clone(batch.column(*it))).collect();
        let keys = in_types(&keys, &side.types)?;
        let numbers = side.index.find(&keys)?;
        // As in SQL, NULL is not equal to NULL.
        let nulls: Vec<NullBuffer> = keys.iter().filter_map(|it| it.logical_nulls()).collect();
        let has_null = |row: usize| nulls.iter().any(|it| it.is_null(row));
        let provenance = batch.column(self.provenance).as_string::<i32>();
        let (mut new, mut stale) = (Vec::new(), Vec::new());
        for (row, number) in numbers.into_iter().enumerate() {
            let mut stored = number.filter(|_| !has_null(row)).and_then(|it| side.first(it));
            if stored.is_none() {
                new.push(row as u32);
            }
            while let Some(there) = stored {
                side.see(there);
                let differs = || {
                    let expected = provenance.value(row).as_bytes();
                    provenance.is_valid(row) && expected != side.provenance.get(there)
                };
                if side.stale.value(there as usize) || differs() {
                    stale.push(row as u32);
                }
                stored = side.next(there);
            }
        }
        let found = [(Finding::New, new), (Finding::Stale, stale)].into_iter();
        let found = found.map(|(finding, rows)| Ok((finding, chosen(batch, rows)?)));
        found.collect()
    }
}

fn in_types(keys: &[ArrayRef], types: &[DataType]) -> Result<Vec<ArrayRef>, StoreError> {
    let cast = keys.iter().zip(types).map(|(key, target)| cast(key, target));
    cast.collect::<Result<_, _>>().map_err(StoreError::arrow)
}

/// Rows of a batch, in their order.
fn chosen(batch: &RecordBatch, rows: Vec<u32>) -> Result<RecordBatch, StoreError> {
    let is_whole = rows.len() == batch.num_rows() && rows.windows(2).all(|it| it[0] < it[1]);
    match rows.len() {
        0 => Ok(batch.slice(0, 0)),
        _ if is_whole => Ok(batch.clone()),
        _ => take_record_batch(batch, &UInt32Array::from(rows)).map_err(StoreError::arrow),
    }
}

/// Keys and provenance of stored rows; of several that answer to one key, the newest.
///
/// The reference takes any of them. The newest is deterministic, and lets a sample that was
/// recomputed into fewer children than before come to rest. Of equally new ones it is the one with
/// the greatest id, wherever it is looked for.
fn stored_side(stored: Stored, keys: &[String]) -> PlanResult<LogicalPlan> {
    let stale = stored.stale_if.map_or_else(|| lit(false), |it| coalesce(vec![it, lit(false)]));
    let stored_id = |name: &String| format!("__stored_id_{name}");
    let ids = stored.collapse.iter().flatten();
    let ids: Vec<Expr> = ids.clone().map(|it| column(it).alias(stored_id(it))).collect();
    let rows = LogicalPlanBuilder::from(stored.rows).project(
        keys.iter()
            .map(|name| column(name).alias(stored_key(name)))
            .chain([
                column(columns::PROVENANCE).alias(STORED_PROVENANCE),
                stale.alias(STORED_STALE),
                column(columns::UPDATED_AT).alias("__stored_at"),
            ])
            .chain(ids),
    )?;
    let rows = if let Some(ids) = &stored.collapse {
        let mut order = vec![column("__stored_at").sort(true, true)];
        order.extend(ids.iter().map(|it| column(&stored_id(it)).sort(true, true)));
        let newest = last_value(column(STORED_PROVENANCE), order);
        let any_stale = Expr::AggregateFunction(AggregateFunction::new_udf(
            bool_or_udaf(),
            vec![column(STORED_STALE)],
            false,
            None,
            Vec::new(),
            None,
        ));
        rows.aggregate(
            keys.iter().map(|name| column(&stored_key(name))),
            [newest.alias(STORED_PROVENANCE), any_stale.alias(STORED_STALE)],
        )?
    } else {
        rows
    };
    rows.project(
        keys.iter()
            .map(|name| column(&stored_key(name)))
            .chain([column(STORED_PROVENANCE), column(STORED_STALE)]),
    )?
    .build()
}

fn renamed(schema: &SchemaRef, names: &[String]) -> SchemaRef {
    let fields = schema.fields().iter().zip(names);
    let fields = fields.map(|(field, name)| field.as_ref().clone().with_name(name));
    Arc::new(datafusion::arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()))
}

/// The plan of those of `rows` whose keys are among `wanted`, or are not: `kind` is a left semi or
/// a left anti join.
pub(crate) fn rows_with_keys(
    rows: LogicalPlan,
    wanted: &Frame,
    keys: &[String],
    kind: JoinType,
) -> PlanResult<LogicalPlan> {
    let wanted = in_memory(wanted)?
        .project(keys.iter().map(|name| column(name).alias(stored_key(name))))?
        .distinct()?
        .build()?;
    let on = key_pairs(keys, stored_key);
    LogicalPlanBuilder::from(rows).join(wanted, kind, on, None)?.build()
}

/// Keeps of rows that share their keys the one updated last, of equals the one with the greatest
/// id.
pub(crate) fn newest_per_key(
    frame: Frame,
    (keys, ids): (&[String], &[String]),
) -> Result<Frame, StoreError> {
    let Some(first) = frame.batches.first() else { return Ok(frame) };
    let all = concat_batches(first.schema_ref(), &frame.batches).map_err(StoreError::arrow)?;
    let ids = ids.iter().filter_map(|name| all.column_by_name(name).cloned());
    let ids: Vec<SortColumn> = ids.map(|values| SortColumn { values, options: None }).collect();
    let all = match ids.is_empty() {
        true => all,
        false => {
            let order = lexsort_to_indices(&ids, None).map_err(StoreError::arrow)?;
            take_record_batch(&all, &order).map_err(StoreError::arrow)?
        }
    };
    let newest = crate::current::newest_rows(&all, keys)?;
    let kept = filter_record_batch(&all, &newest).map_err(StoreError::arrow)?;
    Ok(Frame { schema: frame.schema, batches: vec![kept] })
}

/// Batches in memory as the start of a plan.
pub(crate) fn in_memory(frame: &Frame) -> PlanResult<LogicalPlanBuilder> {
    let table = MemTable::try_new(SchemaRef::clone(&frame.schema), vec![frame.batches.clone()])?;
    LogicalPlanBuilder::scan("given", provider_as_source(Arc::new(table)), None)
}

/// The names of a plan's columns.
pub(crate) fn names(plan: &LogicalPlan) -> Vec<String> {
    plan.schema().fields().iter().map(|field| field.name().clone()).collect()
}
