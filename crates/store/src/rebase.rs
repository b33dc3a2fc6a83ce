//! Carrying samples over to a new definition without recomputing them.

use datafusion::{
    common::{JoinType, Result as PlanResult, ScalarValue},
    functions::core::expr_fn::named_struct,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Operator, binary_expr, lit, not, when},
};
use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureGraph, columns};

use crate::{
    Frame, HashSettings, ReadOptions, RequestProblem, Store, StoreError,
    compare::names,
    expected::{Filters, UpstreamVersions, expected_rows},
    hash::{field_version, hash_of},
    lower::{column, key_pairs},
};

impl Store {
    /// The current samples of an older feature version, with their provenance recomputed under the
    /// graph's definition. Write them to carry them over.
    ///
    /// User columns are kept, and so are data versions that differ from the old provenance, field by
    /// field: a user gave those. The others follow the new provenance, or are NULL, to be filled
    /// when written. Samples that upstream does not
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
        let filters = Filters { by_feature: &none, global: &[], changed: None };
        let current = UpstreamVersions::Current;
        let expected = expected_rows(self, graph, feature, filters, current).await?;
        let options = ReadOptions {
            feature_version: Some(from_feature_version.to_owned()),
            ..ReadOptions::default()
        };
        let old = self.visible_rows(graph, feature.key(), &options).await?;
        let plan = rebased(feature, self.hash(), expected, old)
            .map_err(|error| StoreError::engine(feature.key().as_str(), error))?;
        self.run(plan, feature.key().as_str()).await?.into_frame().await
    }
}

fn rebased(
    feature: &Feature,
    hash: HashSettings,
    expected: LogicalPlan,
    old: LogicalPlan,
) -> PlanResult<LogicalPlan> {
    let keys = feature.join_keys();
    let versions = [columns::PROVENANCE_BY_FIELD, columns::PROVENANCE];
    let expected = LogicalPlanBuilder::from(expected)
        .project(
            keys.iter()
                .map(String::as_str)
                .chain(versions)
                .map(|name| column(name).alias(expected_name(name))),
        )?
        .distinct()?
        .build()?;
    let on = key_pairs(keys, expected_name);
    let user_columns: Vec<String> =
        names(&old).into_iter().filter(|name| !columns::is_system(name)).collect();
    let mut projected: Vec<Expr> = user_columns.iter().map(|name| column(name)).collect();
    projected.extend(versions.map(|name| column(&expected_name(name)).alias(name)));
    projected.extend(data_versions(feature, feature, hash)?);
    for name in [columns::CREATED_AT, columns::MATERIALIZATION_ID] {
        projected.push(column(name));
    }
    LogicalPlanBuilder::from(old)
        .join(expected, JoinType::Inner, on, None)?
        .project(projected)?
        .build()
}

/// What a column of the expected rows is called beside the old ones.
pub(crate) fn expected_name(name: &str) -> String {
    format!("__new_{name}")
}

/// A field on its way from the old rows to the new ones.
struct FieldVersions {
    name: String,
    old: Expr,
    is_given: Expr,
    new: Expr,
}

impl FieldVersions {
    fn of(name: String) -> PlanResult<Self> {
        let old = field_version(column(columns::DATA_VERSION_BY_FIELD), &name);
        let provenance = |by_field: &str| field_version(column(by_field), &name);
        let is_given =
            old.clone().is_not_null().and(differ(&old, provenance(columns::PROVENANCE_BY_FIELD)));
        let followed = provenance(&expected_name(columns::PROVENANCE_BY_FIELD));
        let new = when(is_given.clone(), old.clone()).otherwise(followed)?;
        Ok(Self { name, old, is_given, new })
    }
}

/// The data versions by field and of the whole. Both are NULL where a user gave neither. A field
/// that a user gave no version for follows its provenance, whatever was given for others; and the
/// whole follows the fields where it did.
pub(crate) fn data_versions(
    old: &Feature,
    new: &Feature,
    hash: HashSettings,
) -> PlanResult<[Expr; 2]> {
    let fields_of = |feature: &Feature| {
        let fields = feature.spec().fields.iter();
        fields
            .map(|field| FieldVersions::of(field.key.struct_name()))
            .collect::<PlanResult<Vec<_>>>()
    };
    let (old, fields) = (fields_of(old)?, fields_of(new)?);
    let by_field = named_struct(
        fields.iter().flat_map(|it| [lit(it.name.as_str()), it.new.clone()]).collect(),
    );
    let whole_of = |fields: &[FieldVersions], of: fn(&FieldVersions) -> &Expr| {
        let mut fields: Vec<_> = fields.iter().collect();
        fields.sort_by(|left, right| left.name.cmp(&right.name));
        hash_of(hash, fields.into_iter().map(|field| of(field).clone()).collect())
    };
    let whole = column(columns::DATA_VERSION);
    let is_given = differ(&whole, column(columns::PROVENANCE));
    let follows = whole.clone().eq(whole_of(&old, |field| &field.old));
    let nothing = || lit(ScalarValue::Null);
    let new_whole = when(not(is_given.clone()), nothing())
        .when(follows, whole_of(&fields, |field| &field.new))
        .otherwise(whole)?;
    let any = fields.into_iter().fold(is_given, |any, field| any.or(field.is_given));
    Ok([
        when(any, by_field).otherwise(nothing())?.alias(columns::DATA_VERSION_BY_FIELD),
        new_whole.alias(columns::DATA_VERSION),
    ])
}

/// Whether two values differ, where NULL is a value like any other.
pub(crate) fn differ(one: &Expr, other: Expr) -> Expr {
    binary_expr(one.clone(), Operator::IsDistinctFrom, other)
}
