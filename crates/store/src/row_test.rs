//! Testing rows batch by batch, without a query plan.

use std::{collections::BTreeSet, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _, RecordBatch},
        buffer::BooleanBuffer,
        compute::cast,
        datatypes::{DataType, Schema, SchemaRef},
    },
    common::{DFSchema, DataFusionError},
    logical_expr::{Expr as PlanExpr, simplify::SimplifyContext},
    optimizer::simplify_expressions::ExprSimplifier,
    physical_expr::PhysicalExpr,
    prelude::SessionContext,
};
use metalith_base::FeatureKey;
use metalith_expr::Expr;

use crate::{Keys, Store, StoreError, lower::lower_filters, unique::IdSet};

/// Makes an expression ready to be evaluated over batches of a schema, as the optimiser of a query
/// would: some functions only exist as what they are simplified to.
pub fn physical_expression(
    session: &SessionContext,
    expr: PlanExpr,
    schema: &DFSchema,
) -> Result<Arc<dyn PhysicalExpr>, DataFusionError> {
    let context = SimplifyContext::builder().with_schema(Arc::new(schema.clone()));
    let simplifier = ExprSimplifier::new(context.build());
    let simple = simplifier.simplify(simplifier.coerce(expr, schema)?)?;
    session.create_physical_expr(simple, schema)
}

/// Conditions on stored rows.
#[derive(Clone)]
pub(crate) struct Conditions {
    feature: FeatureKey,
    /// `None` where there are no conditions, and each row meets them.
    lowered: Option<PlanExpr>,
}

impl Conditions {
    /// Checks conditions against the columns that the rows are stored with, all of which may be NULL.
    pub(crate) fn new(
        store: &Store,
        feature: &FeatureKey,
        conditions: &[Expr],
        stored: &SchemaRef,
    ) -> Result<Self, StoreError> {
        let failed = |error| StoreError::engine(feature.as_str(), error);
        let schema = DFSchema::try_from(SchemaRef::clone(stored)).map_err(failed)?;
        let lowered = lower_filters(feature, conditions, &schema, store.now())?;
        Ok(Self { feature: feature.clone(), lowered })
    }

    /// The columns that they read.
    pub(crate) fn columns(&self) -> BTreeSet<&str> {
        let columns = self.lowered.iter().flat_map(|it| it.column_refs());
        columns.map(|it| it.name.as_str()).collect()
    }

    /// Makes them ready for batches of a schema, which has those columns, and may have fewer others.
    pub(crate) fn over(self, store: &Store, schema: &SchemaRef) -> Result<RowTest, StoreError> {
        let Self { feature, lowered } = self;
        let failed = |error| StoreError::engine(feature.as_str(), error);
        let schema = DFSchema::try_from(SchemaRef::clone(schema)).map_err(failed)?;
        let ready = lowered.map(|it| physical_expression(store.session(), it, &schema));
        let ready = ready.transpose().map_err(failed)?;
        Ok(RowTest { feature, ready })
    }
}

/// Conditions that are ready for batches of one schema.
pub(crate) struct RowTest {
    feature: FeatureKey,
    ready: Option<Arc<dyn PhysicalExpr>>,
}

impl RowTest {
    /// Which rows meet all conditions. What is unknown is not met.
    pub(crate) fn holds(&self, batch: &RecordBatch) -> Result<BooleanBuffer, StoreError> {
        let Some(ready) = &self.ready else { return Ok(BooleanBuffer::new_set(batch.num_rows())) };
        let failed = |error| StoreError::engine(self.feature.as_str(), error);
        let result = ready.evaluate(batch).map_err(failed)?;
        let result = result.into_array(batch.num_rows()).map_err(failed)?;
        // A bare NULL has a type of its own.
        let result = cast(&result, &DataType::Boolean).map_err(StoreError::arrow)?;
        let result = result.as_boolean();
        Ok(match result.nulls() {
            Some(nulls) => result.values() & nulls.inner(),
            None => result.values().clone(),
        })
    }

    /// Which rows meet all conditions and have one of the keys, if there are keys to have.
    pub(crate) fn holds_within(
        &self,
        batch: &RecordBatch,
        within: Option<&Within>,
    ) -> Result<BooleanBuffer, StoreError> {
        let met = self.holds(batch)?;
        Ok(match within {
            Some(within) => &met & &within.holds(batch)?,
            None => met,
        })
    }
}

/// Keys that rows must have, in stored types.
pub(crate) struct Within {
    names: Vec<String>,
    /// `None`: there are none, and no row has one.
    set: Option<IdSet>,
}

impl Within {
    pub(crate) fn new(
        feature: &FeatureKey,
        stored: &Schema,
        keys: &Keys,
    ) -> Result<Self, StoreError> {
        let set = keys.as_stored(feature, stored)?.set()?;
        Ok(Self { names: keys.names().to_vec(), set })
    }

    /// The columns that the keys are of.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Which rows have one of the keys. No key has a NULL, so a row with one has none.
    fn holds(&self, batch: &RecordBatch) -> Result<BooleanBuffer, StoreError> {
        let Some(set) = &self.set else { return Ok(BooleanBuffer::new_unset(batch.num_rows())) };
        let columns = self.names.iter().map(|name| {
            let place = batch.schema().index_of(name).map_err(StoreError::arrow)?;
            Ok(Arc::clone(batch.column(place)))
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>, StoreError>>()?;
        Ok(set.contains(&columns)?.into_iter().collect())
    }
}
