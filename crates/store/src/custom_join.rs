//! Joins of upstreams that a caller does, between the rows that this crate prepares and the hashes
//! that it computes.
//!
//! Each upstream comes with one struct column of its data versions, called
//! `metaxy_data_version_by_field__<feature>` with the parts of the feature's key joined by `_`. The
//! caller joins upstreams as it sees fit and keeps these columns; hashing replaces them.

use std::collections::BTreeMap;

use datafusion::{
    arrow::datatypes::{DataType, Schema},
    functions::core::expr_fn::named_struct,
    logical_expr::{LogicalPlanBuilder, lit},
};
use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    Frame, RequestProblem, RowProblem, Store, StoreError,
    compare::in_memory,
    expected::{Dep, Filters, Joined, UpstreamVersions, with_provenance},
    hash::field_version,
    lower::column,
};

/// The column in which a caller's rows hold the data versions of an upstream.
fn versions_column(upstream: &FeatureKey) -> String {
    format!("{}__{}", columns::DATA_VERSION_BY_FIELD, upstream.as_str().replace('/', "_"))
}

impl Store {
    /// The upstreams of a feature, each ready to be joined: renamed, filtered, selected, and with
    /// the hashes of its group if it is aggregated.
    ///
    /// `filters` are on stored columns by feature, as when resolving.
    pub async fn upstream_rows(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        filters: &BTreeMap<FeatureKey, Vec<Expr>>,
    ) -> Result<Vec<(FeatureKey, Frame)>, StoreError> {
        self.require_same_length(graph)?;
        let feature = graph.feature(feature)?;
        let filters = Filters { by_feature: filters, global: &[], changed: None };
        let mut found = Vec::new();
        for dep in deps(graph, feature)? {
            let key = dep.upstream.key();
            let failed = |error| StoreError::engine(key.as_str(), error);
            let prepared = dep.prepare(self, filters, UpstreamVersions::Current).await?;
            let members = prepared
                .values
                .iter()
                .flat_map(|(field, name)| [lit(field.field.struct_name()), column(name)]);
            let mut projected: Vec<_> = prepared.columns.iter().map(|name| column(name)).collect();
            if !prepared.values.is_empty() {
                projected.push(named_struct(members.collect()).alias(versions_column(key)));
            }
            let plan = LogicalPlanBuilder::from(prepared.plan)
                .project(projected)
                .and_then(LogicalPlanBuilder::build)
                .map_err(failed)?;
            let rows = self.run(plan, key.as_str()).await?.into_frame().await?;
            found.push((key.clone(), rows));
        }
        Ok(found)
    }

    /// Gives rows that a caller joined the four version columns, in place of those that hold the
    /// versions of upstreams. An optional upstream's may be NULL; a required one's makes NULL.
    pub async fn compute_provenance(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        joined: Frame,
    ) -> Result<Frame, StoreError> {
        self.require_same_length(graph)?;
        let feature = graph.feature(feature)?;
        let failed = |error| StoreError::engine(feature.key().as_str(), error);
        let mut values = Vec::new();
        let mut extracted = Vec::new();
        for dep in deps(graph, feature)? {
            let holder = versions_column(dep.upstream.key());
            for (field, name) in dep.values() {
                let member = field.field.struct_name();
                require_member(feature, &joined.schema, &holder, &member)?;
                extracted.push(field_version(column(&holder), &member).alias(&name));
                values.push((field, name, dep.dep.optional));
            }
        }
        let given = joined.schema.fields().iter().map(|field| field.name().clone());
        let kept: Vec<String> = given.filter(|name| !is_replaced(name)).collect();
        let plan = in_memory(&joined)
            .and_then(|plan| plan.project(kept.iter().map(|name| column(name)).chain(extracted)))
            .map_err(failed)?;
        let plan = with_provenance(
            self,
            feature,
            Joined { plan, columns: kept, values, contents: Vec::new() },
        )
        .map_err(failed)?;
        self.run(plan, feature.key().as_str()).await?.into_frame().await
    }
}

fn deps<'a>(graph: &'a FeatureGraph, feature: &'a Feature) -> Result<Vec<Dep<'a>>, StoreError> {
    if feature.spec().deps.is_empty() {
        return Err(StoreError::request(feature.key(), RequestProblem::RootJoin));
    }
    let deps = feature.spec().deps.iter().enumerate();
    deps.map(|(index, dep)| {
        Ok(Dep { index, dep, upstream: graph.feature(&dep.feature)?, feature, pinned: None })
    })
    .collect()
}

/// Columns that the hashes take the place of.
fn is_replaced(name: &str) -> bool {
    let holder = name.strip_prefix(columns::DATA_VERSION_BY_FIELD);
    columns::is_system(name) || holder.is_some_and(|rest| rest.starts_with("__"))
}

fn require_member(
    feature: &Feature,
    schema: &Schema,
    holder: &str,
    member: &str,
) -> Result<(), StoreError> {
    let refuse = |column: String| {
        let present = schema.fields().iter().map(|field| field.name().clone()).collect();
        Err(StoreError::rows(feature.key(), RowProblem::MissingColumn { column, present }))
    };
    match schema.field_with_name(holder).map(|field| field.data_type()) {
        Ok(DataType::Struct(members)) if members.find(member).is_some() => Ok(()),
        Ok(_) => refuse(format!("{holder}.{member}")),
        Err(_) => refuse(holder.to_owned()),
    }
}
