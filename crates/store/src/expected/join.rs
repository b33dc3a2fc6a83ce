//! The upstreams of a feature in one plan, and what the feature's fields hash to.

use std::collections::BTreeMap;

use datafusion::{
    common::{JoinType, Result as PlanResult},
    functions::core::expr_fn::{coalesce, named_struct},
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit},
};
use metalith_base::QualifiedField;
use metalith_graph::{Feature, columns};

use super::dep::Prepared;
use crate::{
    RequestProblem, Store, StoreError,
    hash::hash_of,
    lower::{column, key_pairs},
};

/// A column that two upstreams have must be a join key, or an id in both.
pub(super) fn refuse_shared_columns(
    feature: &Feature,
    deps: &[Prepared],
) -> Result<(), StoreError> {
    let mut owners: BTreeMap<&str, &Prepared> = BTreeMap::new();
    for dep in deps {
        for name in dep.columns.iter().filter(|name| !feature.join_keys().contains(name)) {
            let Some(first) = owners.insert(name, dep) else { continue };
            if !(first.ids.contains(name) && dep.ids.contains(name)) {
                let problem = RequestProblem::SharedColumn {
                    column: name.clone(),
                    first: first.feature.clone(),
                    second: dep.feature.clone(),
                };
                return Err(StoreError::request(feature.key(), problem));
            }
        }
    }
    Ok(())
}

/// All upstreams in one plan: the join keys, every other column once, and the field values.
pub(crate) struct Joined {
    pub(crate) plan: LogicalPlanBuilder,
    pub(crate) columns: Vec<String>,
    /// Field, column, and whether the field's dep is optional.
    pub(crate) values: Vec<(QualifiedField, String, bool)>,
    /// The columns that tell contents, and whether their deps are optional.
    pub(crate) contents: Vec<(String, bool)>,
}

/// Required deps inner-join in order, then optional ones left-join; all optional: full outer join.
pub(super) fn join_all(feature: &Feature, deps: Vec<Prepared>) -> PlanResult<Joined> {
    let all_optional = deps.iter().all(|dep| dep.optional);
    let (required, optional): (Vec<_>, Vec<_>) = deps.into_iter().partition(|dep| !dep.optional);
    let mut joined: Option<Joined> = None;
    for dep in required.into_iter().chain(optional) {
        let kind = match dep.optional {
            false => JoinType::Inner,
            true if all_optional => JoinType::Full,
            true => JoinType::Left,
        };
        joined = Some(match joined {
            None => first(feature, dep)?,
            Some(left) => join_one(feature, left, dep, kind)?,
        });
    }
    joined.ok_or_else(|| {
        datafusion::error::DataFusionError::Plan("a feature without deps".to_owned())
    })
}

fn values_of(dep: &Prepared) -> impl Iterator<Item = (QualifiedField, String, bool)> {
    dep.values.iter().map(|(field, name)| (field.clone(), name.clone(), dep.optional))
}

fn content_of_dep(dep: &Prepared) -> Option<(String, bool)> {
    dep.content.clone().map(|name| (name, dep.optional))
}

fn first(feature: &Feature, dep: Prepared) -> PlanResult<Joined> {
    let keys = feature.join_keys();
    let values = values_of(&dep).collect();
    let contents = content_of_dep(&dep).into_iter().collect();
    let others = dep.columns.iter().filter(|name| !keys.contains(name));
    let columns: Vec<String> = keys.iter().chain(others).cloned().collect();
    Ok(Joined { plan: LogicalPlanBuilder::from(dep.plan), columns, values, contents })
}

fn join_one(feature: &Feature, left: Joined, dep: Prepared, kind: JoinType) -> PlanResult<Joined> {
    let keys = feature.join_keys();
    let right_key = |name: &str| format!("__key_{name}");
    let added: Vec<String> =
        dep.columns.iter().filter(|name| !left.columns.contains(name)).cloned().collect();
    let right = LogicalPlanBuilder::from(dep.plan.clone())
        .project(
            keys.iter()
                .map(|name| column(name).alias(right_key(name)))
                .chain(added.iter().map(|name| column(name)))
                .chain(dep.values.iter().map(|(_, name)| column(name)))
                .chain(dep.content.iter().map(|name| column(name))),
        )?
        .build()?;
    let on = key_pairs(keys, right_key);
    let (mut values, mut contents) = (left.values, left.contents);
    let key = |name: &String| match kind {
        JoinType::Full => coalesce(vec![column(name), column(&right_key(name))]).alias(name),
        _ => column(name),
    };
    let kept = left.columns.iter().filter(|name| !keys.contains(name)).chain(&added);
    let old_values = values.iter().map(|(_, name, _)| column(name));
    let old_contents = contents.iter().map(|(name, _)| column(name));
    let old_values: Vec<_> = old_values.chain(old_contents).collect();
    let plan = left.plan.join(right, kind, on, None)?.project(
        keys.iter()
            .map(key)
            .chain(kept.map(|name| column(name)))
            .chain(old_values)
            .chain(dep.values.iter().map(|(_, name)| column(name)))
            .chain(dep.content.iter().map(|name| column(name))),
    )?;
    values.extend(values_of(&dep));
    contents.extend(content_of_dep(&dep));
    let columns = left.columns.into_iter().chain(added).collect();
    Ok(Joined { plan, columns, values, contents })
}

/// Replaces the field values by the hashes of the feature's own fields.
pub(crate) fn with_provenance(
    store: &Store,
    feature: &Feature,
    joined: Joined,
) -> PlanResult<LogicalPlan> {
    let hashed = |index: usize| format!("__field_{index}");
    let fields = feature.spec().fields.iter().enumerate().map(|(index, field)| {
        let mut texts = vec![lit(format!("{}|{}", field.key, field.code_version))];
        for parent in feature.parent_fields().get(&field.key).into_iter().flatten() {
            texts.push(lit(parent.to_string()));
            let value = joined.values.iter().find(|(value, _, _)| value == parent);
            texts.push(match value {
                Some((_, name, true)) => coalesce(vec![column(name), lit("")]),
                Some((_, name, false)) => column(name),
                None => lit(datafusion::common::ScalarValue::Utf8(None)),
            });
        }
        hash_of(store.hash(), texts).alias(hashed(index))
    });
    let columns = &joined.columns;
    let contents = joined.contents.iter().map(|(name, is_optional)| match is_optional {
        true => coalesce(vec![column(name), lit("")]).alias(name),
        false => column(name),
    });
    let with_fields = joined
        .plan
        .project(columns.iter().map(|name| column(name)).chain(fields).chain(contents))?;
    let mut members: Vec<(String, Expr)> = feature
        .spec()
        .fields
        .iter()
        .enumerate()
        .map(|(index, field)| (field.key.struct_name(), column(&hashed(index))))
        .collect();
    let by_field = named_struct(
        members.iter().flat_map(|(name, hash)| [lit(name.as_str()), hash.clone()]).collect(),
    );
    members.sort_by(|left, right| left.0.cmp(&right.0));
    let whole = hash_of(store.hash(), members.into_iter().map(|(_, hash)| hash).collect());
    let versions = [
        by_field.clone().alias(columns::PROVENANCE_BY_FIELD),
        whole.clone().alias(columns::PROVENANCE),
        by_field.alias(columns::DATA_VERSION_BY_FIELD),
        whole.alias(columns::DATA_VERSION),
    ];
    let contents = joined.contents.iter().map(|(name, _)| column(name));
    with_fields
        .project(columns.iter().map(|name| column(name)).chain(versions).chain(contents))?
        .build()
}
