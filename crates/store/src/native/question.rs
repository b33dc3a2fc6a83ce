//! A resolve as a question.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use datafusion::{
    arrow::datatypes::{FieldRef, Schema, SchemaRef},
    common::DFSchema,
};
use metalith_base::{FeatureKey, QualifiedField};
use metalith_expr::Expr;
use metalith_graph::{Feature, FeatureGraph, Lineage, columns};

use super::{Condition, Current, FieldHash, HashPart, Question, Stored, Upstream};
use crate::{
    ResolveOptions, Store, StoreError, Table,
    chunk_scan::nullable,
    expected::{Dep, Filters},
    lower::checked_filters,
    read::visible_columns,
};

/// Why a question cannot be asked.
#[derive(Debug)]
pub(crate) enum Unasked {
    /// It would not say everything.
    Because(String),
    /// What is asked for makes no sense, as whoever finds the increment here will say.
    Failed(StoreError),
}

impl From<StoreError> for Unasked {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

fn because<T>(reason: impl Into<String>) -> Result<T, Unasked> {
    Err(Unasked::Because(reason.into()))
}

/// What a resolve of a feature with deps is to find.
pub(crate) async fn question(
    store: &Store,
    graph: &FeatureGraph,
    feature: &Feature,
    options: &ResolveOptions,
) -> Result<Question, Unasked> {
    let filters =
        Filters { by_feature: &options.filters, global: &options.global_filters, changed: None };
    let mut parts = Vec::new();
    for (index, dep) in feature.spec().deps.iter().enumerate() {
        let upstream = graph.feature(&dep.feature).map_err(StoreError::from)?;
        let dep = Dep { index, dep, upstream, feature, pinned: None };
        let table = store.require_table(upstream.key()).await?;
        parts.push(of_dep(&dep, table, filters)?);
    }
    let (required, optional): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|(upstream, _)| !upstream.optional);
    let (upstreams, values): (Vec<Upstream>, Vec<Vec<QualifiedField>>) =
        required.into_iter().chain(optional).unzip();
    let columns = joined_columns(feature, &upstreams)?;
    let fields: Vec<FieldHash> = field_hashes(feature, &upstreams, &values)?;
    let mut order: Vec<usize> = (0..fields.len()).collect();
    order.sort_by(|left, right| fields[*left].member.cmp(&fields[*right].member));
    let stored = match options.skip_comparison {
        true => None,
        false => stored(store, feature, options, &columns).await?,
    };
    let (hash, keys) = (store.hash(), feature.join_keys().len());
    Ok(Question { hash, upstreams, columns, keys, fields, order, stored })
}

/// An upstream, and the fields that its values are of.
fn of_dep(
    dep: &Dep<'_>,
    table: Arc<dyn Table>,
    filters: Filters<'_>,
) -> Result<(Upstream, Vec<QualifiedField>), Unasked> {
    let schema = table.schema();
    let place = |name: &str| place_in(&schema, name);
    let names = dep.names(table.as_ref())?;
    let selected = dep.selected(&names)?;
    let mut own = Vec::new();
    for (stored, new) in &names {
        own.push((place(stored)?, new.clone()));
    }
    for version in columns::VERSIONS {
        own.push((place(version)?, version.to_owned()));
    }
    let renamed = own.iter().map(|(place, name)| schema.field(*place).clone().with_name(name));
    let renamed = Arc::new(Schema::new(renamed.collect::<Vec<_>>()));
    let columns: Vec<(usize, String)> =
        own.iter().filter(|(_, name)| selected.contains(name)).cloned().collect();
    let different: BTreeSet<&String> = own.iter().map(|(_, name)| name).collect();
    if different.len() != own.len() || columns.len() != selected.len() {
        return because("a column gets the name of another");
    }
    let group = match &dep.dep.lineage {
        Lineage::Identity | Lineage::Expansion { .. } => None,
        Lineage::Aggregation { on } => {
            Some(on.clone().unwrap_or_else(|| dep.feature.spec().id_columns.clone()))
        }
    };
    let ids = dep.ids();
    let needed = dep.feature.join_keys().iter().chain(group.iter().flatten()).chain(&ids);
    if let Some(missing) = needed.into_iter().find(|name| !selected.contains(name)) {
        return because(format!("`{missing}` is no column of `{}`", dep.upstream.key()));
    }
    let places: Arc<[usize]> = own.iter().map(|(place, _)| *place).collect();
    let conditions = conditions(dep.feature.key(), &dep.parsed_filters()?, &renamed, &places)?;
    let values: Vec<QualifiedField> = dep.values().into_iter().map(|(field, _)| field).collect();
    let upstream = Upstream {
        rows: current(dep.upstream, table, &filters.on(dep.upstream.key()))?,
        columns,
        conditions,
        ids,
        group,
        values: values.iter().map(|it| it.field.struct_name()).collect(),
        optional: dep.dep.optional,
    };
    Ok((upstream, values))
}

fn place_in(schema: &Schema, name: &str) -> Result<usize, Unasked> {
    schema.index_of(name).map_err(|error| Unasked::Failed(StoreError::arrow(error)))
}

fn current(feature: &Feature, table: Arc<dyn Table>, filters: &[Expr]) -> Result<Current, Unasked> {
    let schema = table.schema();
    let ids = feature.spec().id_columns.iter().map(|id| place_in(&schema, id));
    let places: Arc<[usize]> = (0..schema.fields().len()).collect();
    Ok(Current {
        ids: ids.collect::<Result<_, _>>()?,
        active: feature.spec().active.as_ref().and_then(|it| schema.index_of(it).ok()),
        feature_version: feature.feature_version().to_owned(),
        conditions: conditions(feature.key(), filters, &schema, &places)?,
        table,
    })
}

fn conditions(
    feature: &FeatureKey,
    filters: &[Expr],
    schema: &SchemaRef,
    places: &Arc<[usize]>,
) -> Result<Vec<Condition>, Unasked> {
    let failed = |error| StoreError::engine(feature.as_str(), error);
    let schema = DFSchema::try_from(nullable(schema).as_ref().clone()).map_err(failed)?;
    let checked = checked_filters(feature, filters, &schema)?;
    Ok(checked.into_iter().map(|what| Condition { what, columns: Arc::clone(places) }).collect())
}

/// The keys, then what each upstream adds.
fn joined_columns(feature: &Feature, upstreams: &[Upstream]) -> Result<Vec<FieldRef>, Unasked> {
    let keys = feature.join_keys();
    let mut found: BTreeMap<&str, FieldRef> = BTreeMap::new();
    let mut owners: BTreeMap<&str, &Upstream> = BTreeMap::new();
    let mut others = Vec::new();
    for upstream in upstreams {
        let schema = nullable(&upstream.rows.table.schema());
        for (place, name) in &upstream.columns {
            let field = Arc::new(schema.field(*place).clone().with_name(name));
            let is_key = keys.contains(name);
            match found.get(name.as_str()) {
                Some(before) if is_key && before.data_type() != field.data_type() => {
                    return because(format!("`{name}` has another type in each upstream"));
                }
                Some(_) => {}
                None => {
                    found.insert(name, field);
                    if !is_key {
                        others.push(name);
                    }
                }
            }
            if !is_key
                && let Some(owner) = owners.insert(name, upstream)
                && !(owner.ids.contains(name) && upstream.ids.contains(name))
            {
                return because(format!("several upstreams have a column `{name}`"));
            }
        }
    }
    Ok(keys.iter().chain(others).filter_map(|name| found.get(name.as_str()).cloned()).collect())
}

fn field_hashes(
    feature: &Feature,
    upstreams: &[Upstream],
    values: &[Vec<QualifiedField>],
) -> Result<Vec<FieldHash>, Unasked> {
    let find = |parent: &QualifiedField| {
        let of = values.iter().enumerate();
        let mut of =
            of.filter_map(|(at, fields)| Some((at, fields.iter().position(|it| it == parent)?)));
        of.next()
    };
    let mut hashes = Vec::new();
    for field in &feature.spec().fields {
        let mut parts = vec![HashPart::Text(format!("{}|{}", field.key, field.code_version))];
        for parent in feature.parent_fields().get(&field.key).into_iter().flatten() {
            let Some((upstream, value)) = find(parent) else {
                return because(format!("`{parent}` is a field of no upstream"));
            };
            parts.push(HashPart::Text(parent.to_string()));
            parts.push(match upstreams[upstream].optional {
                true => HashPart::OptionalValue(upstream, value),
                false => HashPart::Value(upstream, value),
            });
        }
        hashes.push(FieldHash { member: field.key.struct_name(), parts });
    }
    Ok(hashes)
}

/// What is stored, or nothing when there is no table yet.
async fn stored(
    store: &Store,
    feature: &Feature,
    options: &ResolveOptions,
    expected: &[FieldRef],
) -> Result<Option<Stored>, Unasked> {
    let Some(table) = store.open_table(feature.key()).await? else { return Ok(None) };
    let schema = table.schema();
    let mut keys = Vec::new();
    for (name, field) in feature.join_keys().iter().zip(expected) {
        let place = place_in(&schema, name)?;
        if schema.field(place).data_type() != field.data_type() {
            return because(format!("`{name}` has another type upstream"));
        }
        keys.push(place);
    }
    for needed in [columns::PROVENANCE, columns::UPDATED_AT] {
        place_in(&schema, needed)?;
    }
    let filters: Vec<Expr> =
        options.global_filters.iter().chain(&options.target_filters).cloned().collect();
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let shown = visible_columns(&names);
    let shown = shown.iter().map(|name| place_in(&schema, name));
    let places: Arc<[usize]> = (0..schema.fields().len()).collect();
    let mut lineages = feature.spec().deps.iter().map(|dep| &dep.lineage);
    Ok(Some(Stored {
        keys,
        collapse: lineages.any(|it| matches!(it, Lineage::Expansion { .. })),
        shown: shown.collect::<Result<_, _>>()?,
        stale_if: conditions(feature.key(), &options.staleness, &schema, &places)?,
        rows: current(feature, table, &filters)?,
    }))
}
