//! Carrying samples over to a new definition without recomputing them.

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    common::{Column, JoinType},
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit, when},
};
use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    Frame, ReadOptions, RequestProblem, Store, StoreError,
    compare::names,
    expected::{Filters, UpstreamVersions, expected_rows},
    lower::column,
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
        let plan = rebased(feature, expected, old)
            .map_err(|error| StoreError::engine(feature.key().as_str(), error))?;
        let rows = self.run(plan, feature.key().as_str()).await?;
        let schema: SchemaRef = rows.schema();
        let batches: Vec<RecordBatch> = rows.collect().await?;
        Ok(Frame { schema, batches })
    }
}

fn rebased(
    feature: &Feature,
    expected: LogicalPlan,
    old: LogicalPlan,
) -> datafusion::common::Result<LogicalPlan> {
    let keys = feature.join_keys();
    let new_key = |name: &str| format!("__new_{name}");
    let versions = [columns::PROVENANCE_BY_FIELD, columns::PROVENANCE];
    let expected = LogicalPlanBuilder::from(expected)
        .project(
            keys.iter()
                .map(String::as_str)
                .chain(versions)
                .map(|name| column(name).alias(new_key(name))),
        )?
        .distinct()?
        .build()?;
    let on = (
        keys.iter().map(Column::from_name).collect::<Vec<_>>(),
        keys.iter().map(|name| Column::from_name(new_key(name))).collect::<Vec<_>>(),
    );
    let user_given = column(columns::DATA_VERSION).not_eq(column(columns::PROVENANCE));
    let kept = |name: &str| -> datafusion::common::Result<Expr> {
        let nothing = lit(datafusion::common::ScalarValue::Null);
        Ok(when(user_given.clone(), column(name)).otherwise(nothing)?.alias(name))
    };
    let user_columns: Vec<String> =
        names(&old).into_iter().filter(|name| !columns::is_system(name)).collect();
    let mut projected: Vec<Expr> = user_columns.iter().map(|name| column(name)).collect();
    projected.extend(versions.map(|name| column(&new_key(name)).alias(name)));
    projected.push(kept(columns::DATA_VERSION_BY_FIELD)?);
    projected.push(kept(columns::DATA_VERSION)?);
    for name in [columns::CREATED_AT, columns::MATERIALIZATION_ID] {
        projected.push(column(name));
    }
    LogicalPlanBuilder::from(old)
        .join(expected, JoinType::Inner, on, None)?
        .project(projected)?
        .build()
}
