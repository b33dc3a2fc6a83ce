//! Expected rows against stored ones: new, stale, orphaned.
//!
//! ```text
//! new = E without C      stale = E with C where provenance differs, or C's is NULL,
//! orphaned = C without E         or a staleness predicate holds on C
//! ```
//!
//! One full outer join on the join keys finds all three; of the stored side it carries only keys
//! and provenance. Whole stored rows are fetched afterwards, for orphans alone.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{AsArray as _, RecordBatch, UInt8Array},
        compute::{concat_batches, filter_record_batch, kernels::cmp::eq},
        datatypes::{SchemaRef, UInt8Type},
    },
    common::{Column, JoinType, Result as PlanResult},
    datasource::{MemTable, provider_as_source},
    functions::core::expr_fn::coalesce,
    functions_aggregate::{bool_and_or::bool_or_udaf, first_last::last_value},
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, expr::AggregateFunction, lit, when},
};
use futures::TryStreamExt as _;
use metalith_graph::columns;

use crate::{Frame, Rows, StoreError, lower::column};

/// The stored side of a comparison.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Current rows of the feature, filtered.
    pub(crate) rows: LogicalPlan,
    /// Holds on a stored row that is to be recomputed whatever its provenance.
    pub(crate) stale_if: Option<Expr>,
    /// Several stored rows answer to one expected row (expansion).
    pub(crate) collapse: bool,
}

/// What a comparison found, before orphans are fetched.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) new: Frame,
    pub(crate) stale: Frame,
    /// The join keys of orphaned rows.
    pub(crate) orphans: Frame,
}

const NEW: u8 = 0;
const STALE: u8 = 1;
const ORPHANED: u8 = 2;
const FRESH: u8 = 3;

const STATUS: &str = "__status";
const STORED: &str = "__stored";
const EXPECTED: &str = "__expected";
const STORED_PROVENANCE: &str = "__stored_provenance";
const STORED_STALE: &str = "__stored_stale";

fn stored_key(name: &str) -> String {
    format!("__stored_key_{name}")
}

/// The plan that pairs expected with stored rows and says what each pair is.
pub(crate) fn comparison(
    expected: LogicalPlan,
    stored: Stored,
    keys: &[String],
) -> PlanResult<LogicalPlan> {
    let columns = names(&expected);
    let stored = stored_side(stored, keys)?;
    let marked = LogicalPlanBuilder::from(expected)
        .project(columns.iter().map(|name| column(name)).chain([lit(true).alias(EXPECTED)]))?;
    let on = (
        keys.iter().map(|name| Column::from_name(stored_key(name))).collect::<Vec<_>>(),
        keys.iter().map(Column::from_name).collect::<Vec<_>>(),
    );
    let differs = column(STORED_PROVENANCE)
        .is_null()
        .or(column(columns::PROVENANCE).not_eq(column(STORED_PROVENANCE)))
        .or(column(STORED_STALE));
    let status = when(column(STORED).is_null(), lit(NEW))
        .when(column(EXPECTED).is_null(), lit(ORPHANED))
        .when(differs, lit(STALE))
        .otherwise(lit(FRESH))?;
    let stored_keys = keys.iter().map(|name| column(&stored_key(name)));
    LogicalPlanBuilder::from(stored)
        .join(marked.build()?, JoinType::Full, on, None)?
        .project(
            std::iter::once(status.alias(STATUS))
                .chain(columns.iter().map(|name| column(name)))
                .chain(stored_keys),
        )?
        .filter(column(STATUS).not_eq(lit(FRESH)))?
        .build()
}

/// Keys and provenance of stored rows; of several that answer to one key, the newest.
///
/// The reference takes any of them. The newest is deterministic, and lets a sample that was
/// recomputed into fewer children than before come to rest.
fn stored_side(stored: Stored, keys: &[String]) -> PlanResult<LogicalPlan> {
    let stale = stored.stale_if.map_or_else(|| lit(false), |it| coalesce(vec![it, lit(false)]));
    let rows = LogicalPlanBuilder::from(stored.rows).project(
        keys.iter().map(|name| column(name).alias(stored_key(name))).chain([
            column(columns::PROVENANCE).alias(STORED_PROVENANCE),
            stale.alias(STORED_STALE),
            column(columns::UPDATED_AT).alias("__stored_at"),
        ]),
    )?;
    let rows = if stored.collapse {
        let newest =
            last_value(column(STORED_PROVENANCE), vec![column("__stored_at").sort(true, true)]);
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
    rows.project(keys.iter().map(|name| column(&stored_key(name))).chain([
        column(STORED_PROVENANCE),
        column(STORED_STALE),
        lit(true).alias(STORED),
    ]))?
    .build()
}

/// Sorts the rows of a comparison by what they are.
pub(crate) async fn sort_out(rows: Rows, keys: &[String]) -> Result<Compared, StoreError> {
    let schema = rows.schema();
    let width = schema.fields().len();
    let expected: Vec<usize> = (1..width - keys.len()).collect();
    let orphans: Vec<usize> = (width - keys.len()..width).collect();
    let project =
        |columns: &[usize]| schema.project(columns).map(Arc::new).map_err(StoreError::arrow);
    let mut found = Compared {
        new: Frame::empty(project(&expected)?),
        stale: Frame::empty(project(&expected)?),
        orphans: Frame::empty(renamed(&project(&orphans)?, keys)),
    };
    let mut batches = rows.into_stream();
    while let Some(batch) = batches.try_next().await? {
        for (status, columns, frame) in [
            (NEW, &expected, &mut found.new),
            (STALE, &expected, &mut found.stale),
            (ORPHANED, &orphans, &mut found.orphans),
        ] {
            if let Some(chosen) = choose(&batch, status)? {
                let chosen = chosen.project(columns).map_err(StoreError::arrow)?;
                let chosen = RecordBatch::try_new(
                    SchemaRef::clone(&frame.schema),
                    chosen.columns().to_vec(),
                );
                frame.batches.push(chosen.map_err(StoreError::arrow)?);
            }
        }
    }
    Ok(found)
}

fn choose(batch: &RecordBatch, status: u8) -> Result<Option<RecordBatch>, StoreError> {
    let statuses = batch.column(0).as_primitive::<UInt8Type>();
    let mask = eq(statuses, &UInt8Array::new_scalar(status)).map_err(StoreError::arrow)?;
    match mask.true_count() {
        0 => Ok(None),
        all if all == batch.num_rows() => Ok(Some(batch.clone())),
        _ => filter_record_batch(batch, &mask).map(Some).map_err(StoreError::arrow),
    }
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
    let on = (
        keys.iter().map(Column::from_name).collect::<Vec<_>>(),
        keys.iter().map(|name| Column::from_name(stored_key(name))).collect::<Vec<_>>(),
    );
    LogicalPlanBuilder::from(rows).join(wanted, kind, on, None)?.build()
}

/// Keeps of rows that share their keys the one updated last.
pub(crate) fn newest_per_key(frame: Frame, keys: &[String]) -> Result<Frame, StoreError> {
    let Some(first) = frame.batches.first() else { return Ok(frame) };
    let all = concat_batches(first.schema_ref(), &frame.batches).map_err(StoreError::arrow)?;
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
