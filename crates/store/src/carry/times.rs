//! Which of two definitions has the later word on a sample.
//!
//! Usually nobody has written under the newer one, or has begun to compute under it. But code may
//! also go back to what it was: then what is there under "the newer one" is of long ago, and what
//! the other one has by now takes its place.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::AsArray as _,
        compute::{cast, max},
        datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
    },
    common::{JoinType, Result as PlanResult, ScalarValue},
    functions::core::expr_fn::coalesce,
    functions_aggregate::expr_fn as aggregate,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit, not},
};
use metalith_base::Timestamp;
use metalith_graph::columns;

use super::{Carry, Rest};
use crate::{
    Keys, ReadOptions, RequestProblem, StoreError, Table,
    compare::names,
    lower::{column, key_pairs},
};

const NEWER: &str = "__newer";
const OLDER: &str = "__older";

impl Carry<'_> {
    /// The current samples of the older definition, without those of which the newer one has the
    /// later word.
    pub(super) async fn rest(&self, source: &Arc<dyn Table>) -> Result<Rest, StoreError> {
        let (store, key) = (self.store, self.new.key());
        let old = store.visible_rows_of(self.old, source, &ReadOptions::default()).await?;
        let all = self.count(old.clone()).await?;
        let nothing_there = Rest { rows: old.clone(), all, already: 0, after: None };
        let Some(table) = store.open_table(key).await? else { return Ok(nothing_there) };
        let ids = &self.new.spec().id_columns;
        if ids.iter().any(|id| table.schema().index_of(id).is_err()) {
            return Ok(nothing_there);
        }
        let deleted_too = ReadOptions { include_deleted: true, ..ReadOptions::default() };
        let there = store.visible_rows_of(self.new, &table, &deleted_too).await?;
        if self.count(there.clone()).await? == 0 {
            return Ok(nothing_there);
        }
        let ever = store.visible_rows_of(self.old, source, &deleted_too).await?;
        let pairs = paired(self.together(), there, ever).map_err(|error| self.failed(error))?;
        let (outdated, after) = self.outdated(pairs.clone()).await?;
        if !outdated.is_empty() {
            let live = store.visible_rows_of(self.new, &table, &ReadOptions::default()).await?;
            self.refuse_revived(&outdated, live, &old).await?;
        }
        let later = LogicalPlanBuilder::from(pairs)
            .filter(not(is_outdated()))
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| self.failed(error))?;
        let later = self.keys(later, self.together()).await?;
        let rows = later.restrict(key, old, JoinType::LeftAnti)?;
        let already = all - self.count(rows.clone()).await?;
        Ok(Rest { rows, all, already, after })
    }

    /// The columns by which samples are taken together. What was computed from one input is one
    /// result, no part of which is mixed with parts of another.
    fn together(&self) -> &[String] {
        match self.new.spec().deps.is_empty() {
            true => &self.new.spec().id_columns,
            false => self.new.join_keys(),
        }
    }

    /// The samples on which the older definition has the later word, and its last one.
    async fn outdated(&self, pairs: LogicalPlan) -> Result<(Keys, Option<Timestamp>), StoreError> {
        let keys = self.together();
        let plan = LogicalPlanBuilder::from(pairs)
            .filter(is_outdated())
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| self.failed(error))?;
        let rows = self.store.run(plan, self.new.key().as_str()).await?;
        let schema = rows.schema();
        let batches = rows.collect().await?;
        let mut last = None;
        for batch in &batches {
            let Some(older) = batch.column_by_name(OLDER) else { continue };
            let wanted = DataType::Timestamp(TimeUnit::Microsecond, None);
            let older = cast(older, &wanted).map_err(StoreError::arrow)?;
            last = last.max(max(older.as_primitive::<TimestampMicrosecondType>()));
        }
        Ok((Keys::new(keys, keys, &schema, &batches)?, last.map(Timestamp::from_micros)))
    }

    /// Refuses samples of long ago that the older definition has not any more.
    async fn refuse_revived(
        &self,
        outdated: &Keys,
        live: LogicalPlan,
        old: &LogicalPlan,
    ) -> Result<(), StoreError> {
        let (key, ids) = (self.new.key(), &self.new.spec().id_columns);
        let kept = self.keys(old.clone(), ids).await?;
        let live = outdated.restrict(key, live, JoinType::LeftSemi)?;
        match self.count(kept.restrict(key, live, JoinType::LeftAnti)?).await? {
            0 => Ok(()),
            samples => Err(StoreError::request(key, RequestProblem::Revived { samples })),
        }
    }
}

fn is_outdated() -> Expr {
    coalesce(vec![column(NEWER).lt(column(OLDER)), lit(false)])
}

/// The last change under the newer definition beside that under the older one, if there is any.
fn paired(keys: &[String], there: LogicalPlan, ever: LogicalPlan) -> PlanResult<LogicalPlan> {
    let older_key = |name: &str| format!("__older_{name}");
    let newer = LogicalPlanBuilder::from(there.clone())
        .aggregate(
            keys.iter().map(|name| column(name)),
            [aggregate::max(changed_at(&there)).alias(NEWER)],
        )?
        .build()?;
    let older = LogicalPlanBuilder::from(ever.clone())
        .aggregate(
            keys.iter().map(|name| column(name).alias(older_key(name))),
            [aggregate::max(changed_at(&ever)).alias(OLDER)],
        )?
        .build()?;
    let on = key_pairs(keys, older_key);
    let shown = keys.iter().map(|name| column(name).alias(name));
    LogicalPlanBuilder::from(newer)
        .join(older, JoinType::Left, on, None)?
        .project(shown.chain([column(NEWER), column(OLDER)]))?
        .build()
}

/// When a row was written, or its sample deleted. Tables of other systems may lack either.
fn changed_at(rows: &LogicalPlan) -> Expr {
    let known = names(rows);
    let wanted = [columns::DELETED_AT, columns::UPDATED_AT];
    let there = wanted.into_iter().filter(|name| known.iter().any(|it| it == name));
    let never = lit(ScalarValue::TimestampMicrosecond(None, Some("UTC".into())));
    coalesce(there.map(column).chain([never]).collect())
}
