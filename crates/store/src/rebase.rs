//! Carrying samples over to a new definition without recomputing them.

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    common::{Column, JoinType, Result as PlanResult, ScalarValue},
    functions::core::expr_fn::named_struct,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit, when},
};
use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    Frame, ReadOptions, RequestProblem, Store, StoreError,
    compare::names,
    expected::{Filters, UpstreamVersions, expected_rows},
    hash::field_version,
    lower::{column, is_distinct},
};

impl Store {
    /// The current samples of an older feature version, with their provenance recomputed under the
    /// graph's definition. Write them to carry them over.
    ///
    /// User columns are kept, and so are data versions that differ from the old provenance: a user
    /// gave those. The others are NULL, to be filled when written. Samples that upstream does not
    /// have any more are left out.
    pub async fn rebase(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        from_feature_version: &str,
    ) -> Result<Frame, StoreError> {
        let feature = graph.feature(feature)?;
        if feature.spec().deps.is_empty() {
            return Err(StoreError::request(feature.key(), RequestProblem::RootRebase));
        }
        let none = std::collections::BTreeMap::new();
        let filters = Filters { by_feature: &none, global: &[] };
        let current = UpstreamVersions::Current;
        let expected = expected_rows(self, graph, feature, filters, current).await?;
        let options = ReadOptions {
            feature_version: Some(from_feature_version.to_owned()),
            ..ReadOptions::default()
        };
        let old = self.visible_rows(graph, feature.key(), &options).await?;
        let plan = rebased(feature, feature, old, expected)
            .map_err(|error| StoreError::engine(feature.key().as_str(), error))?;
        let rows = self.run(plan, feature.key().as_str()).await?;
        let schema: SchemaRef = rows.schema();
        let batches: Vec<RecordBatch> = rows.collect().await?;
        Ok(Frame { schema, batches })
    }
}

/// The rows with the provenance that is expected of them. Data versions that a user gave are kept;
/// the others are left to follow from provenance.
pub(crate) fn rebased(
    old: &Feature,
    new: &Feature,
    rows: LogicalPlan,
    expected: LogicalPlan,
) -> PlanResult<LogicalPlan> {
    let keys = new.join_keys();
    let expected_name = |name: &str| format!("__new_{name}");
    let versions = [columns::PROVENANCE_BY_FIELD, columns::PROVENANCE];
    let wanted = keys.iter().map(String::as_str).chain(versions);
    let expected = LogicalPlanBuilder::from(expected)
        .project(wanted.map(|name| column(name).alias(expected_name(name))))?
        .distinct()?
        .build()?;
    let on = (
        keys.iter().map(Column::from_name).collect::<Vec<_>>(),
        keys.iter().map(|name| Column::from_name(expected_name(name))).collect::<Vec<_>>(),
    );
    let given = is_distinct(column(columns::DATA_VERSION), column(columns::PROVENANCE));
    let kept = |value: Expr, name: &str| -> PlanResult<Expr> {
        let nothing = lit(ScalarValue::Null);
        Ok(when(given.clone(), value).otherwise(nothing)?.alias(name))
    };
    let by_field = data_versions(old, new, &expected_name(columns::PROVENANCE_BY_FIELD));
    let mut projected: Vec<Expr> = user_columns(&rows);
    projected.extend(versions.map(|name| column(&expected_name(name)).alias(name)));
    projected.push(kept(by_field, columns::DATA_VERSION_BY_FIELD)?);
    projected.push(kept(column(columns::DATA_VERSION), columns::DATA_VERSION)?);
    projected.extend(carried_along(&rows));
    LogicalPlanBuilder::from(rows)
        .join(expected, JoinType::Inner, on, None)?
        .project(projected)?
        .build()
}

/// The data version of each field of the newer definition: what the older one had for it, or its
/// provenance where there was no such field.
fn data_versions(old: &Feature, new: &Feature, provenance: &str) -> Expr {
    let had = |name: &str| old.spec().fields.iter().any(|it| it.key.struct_name() == name);
    let fields = new.spec().fields.iter().map(|field| field.key.struct_name());
    let members = fields.flat_map(|name| {
        let from = if had(&name) { columns::DATA_VERSION_BY_FIELD } else { provenance };
        [lit(name.as_str()), field_version(column(from), &name)]
    });
    named_struct(members.collect())
}

pub(crate) fn user_columns(rows: &LogicalPlan) -> Vec<Expr> {
    let names = names(rows).into_iter().filter(|name| !columns::is_system(name));
    names.map(|name| column(&name).alias(name)).collect()
}

/// What stays with a sample whatever its definition. Tables of other systems may lack it.
pub(crate) fn carried_along(rows: &LogicalPlan) -> Vec<Expr> {
    let known = names(rows);
    let wanted = [columns::CREATED_AT, columns::MATERIALIZATION_ID];
    let there = wanted.into_iter().filter(|name| known.iter().any(|it| it == name));
    there.map(column).collect()
}
