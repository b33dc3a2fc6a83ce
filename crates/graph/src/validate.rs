//! What a declaration must hold to before it can be part of a graph.

use std::collections::{BTreeMap, BTreeSet};

use metalith_base::{FeatureKey, FieldKey, nearest};

use crate::{
    GraphError, SpecProblem,
    order::path_to,
    spec::{
        DepFields, FeatureDefinition, FeatureDep, FieldDeps, FieldSpec, FieldsMapping, Lineage,
    },
};

type Declared = BTreeMap<FeatureKey, FeatureDefinition>;

/// First parts of keys under which the system keeps its own tables.
const SYSTEM: [&str; 2] = ["metaxy-system", "metalith-system"];

/// Checks one declaration by itself.
pub(crate) fn spec(definition: &FeatureDefinition) -> Result<(), GraphError> {
    match spec_problem(definition) {
        None => Ok(()),
        Some(problem) => Err(refuse(definition, problem)),
    }
}

fn refuse(definition: &FeatureDefinition, problem: SpecProblem) -> GraphError {
    let (feature, origin) = (definition.spec.key.clone(), definition.origin.clone());
    GraphError::Spec { feature, problem, origin }
}

fn spec_problem(definition: &FeatureDefinition) -> Option<SpecProblem> {
    let spec = &definition.spec;
    if spec.key.parts().next().is_some_and(|part| SYSTEM.contains(&part)) {
        return Some(SpecProblem::SystemKey);
    }
    if spec.id_columns.is_empty() {
        return Some(SpecProblem::NoIds);
    }
    names_problem("id column", spec.id_columns.iter().map(String::as_str))
        .or_else(|| repeated("field", spec.fields.iter().map(|it| it.key.as_str())))
        .or_else(|| repeated("dep", spec.deps.iter().map(|it| it.feature.as_str())))
        .or_else(|| spec.deps.iter().find_map(dep_problem))
        .or_else(|| spec.fields.iter().find_map(|field| field_problem(definition, field)))
}

fn dep_problem(dep: &FeatureDep) -> Option<SpecProblem> {
    let renamed = names_problem("new name", dep.rename.values().map(String::as_str));
    let on = match &dep.lineage {
        Lineage::Identity | Lineage::Aggregation { on: None } => return renamed,
        Lineage::Aggregation { on: Some(on) } | Lineage::Expansion { on, .. } => on,
    };
    let empty = on.is_empty().then(|| SpecProblem::EmptyOn { dep: dep.feature.clone() });
    renamed.or(empty).or_else(|| repeated("column in `on`", on.iter().map(String::as_str)))
}

/// A field that is computed from a feature that is not a dep.
fn field_problem(definition: &FeatureDefinition, field: &FieldSpec) -> Option<SpecProblem> {
    let FieldDeps::These(of) = &field.deps else { return None };
    let deps = &definition.spec.deps;
    let other = of.iter().find(|of| !deps.iter().any(|it| it.feature == of.feature))?;
    Some(SpecProblem::FieldDepNotADep { field: field.key.clone(), of: other.feature.clone() })
}

/// Names of columns must be there, differ, and be the user's.
fn names_problem<'a>(
    part: &'static str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Option<SpecProblem> {
    let is_reserved = |it: &&str| it.starts_with("metaxy_") || it.starts_with("metalith_");
    if names.clone().any(str::is_empty) {
        return Some(SpecProblem::Empty { part });
    }
    let reserved = names.clone().find(is_reserved);
    let reserved = reserved.map(|name| SpecProblem::Reserved { part, name: name.to_owned() });
    repeated(part, names).or(reserved)
}

fn repeated<'a>(
    part: &'static str,
    mut names: impl Iterator<Item = &'a str>,
) -> Option<SpecProblem> {
    let mut seen = BTreeSet::new();
    let name = names.find(|name| !seen.insert(*name))?;
    Some(SpecProblem::Twice { part, name: name.to_owned() })
}

/// Checks that names stay different where they are written otherwise: tables, struct members,
/// suffixes in joins; and that no rename takes the name of an upstream's id.
pub(crate) fn names(declared: &Declared) -> Result<(), GraphError> {
    different("table", declared.keys().map(|key| (key, key.table_name())))?;
    for definition in declared.values() {
        let spec = &definition.spec;
        let members = spec.fields.iter().map(|it| {
            let shown = Shown { feature: &spec.key, field: &it.key };
            (shown, it.key.struct_name())
        });
        different("struct member", members)?;
        let suffixes = spec.deps.iter().map(|it| (&it.feature, it.feature.column_suffix()));
        different("column suffix", suffixes)?;
        for dep in &spec.deps {
            let Some(upstream) = declared.get(&dep.feature) else { continue };
            if let Some(problem) = taken_id(dep, &upstream.spec.id_columns) {
                return Err(refuse(definition, problem));
            }
        }
    }
    Ok(())
}

/// A rename onto an id of the upstream. One that is itself renamed away leaves its name free.
fn taken_id(dep: &FeatureDep, ids: &[String]) -> Option<SpecProblem> {
    let taken = |to: &String| ids.contains(to) && !dep.rename.contains_key(to);
    let (from, to) = dep.rename.iter().find(|(from, to)| taken(to) && from != to)?;
    Some(SpecProblem::RenameToId { dep: dep.feature.clone(), from: from.clone(), to: to.clone() })
}

struct Shown<'a> {
    feature: &'a FeatureKey,
    field: &'a FieldKey,
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.feature, self.field)
    }
}

fn different<T: std::fmt::Display>(
    becomes: &'static str,
    names: impl Iterator<Item = (T, String)>,
) -> Result<(), GraphError> {
    let mut seen: BTreeMap<String, T> = BTreeMap::new();
    for (second, name) in names {
        if let Some(first) = seen.get(&name) {
            let (first, second) = (first.to_string(), second.to_string());
            return Err(GraphError::Collision { first, second, becomes, name });
        }
        seen.insert(name, second);
    }
    Ok(())
}

/// Checks that every field that is named exists, whether or not the name has an effect: one that
/// has none is a mistake that nobody sees. Every dep must be declared.
pub(crate) fn fields(declared: &Declared) -> Result<(), GraphError> {
    for definition in declared.values() {
        let spec = &definition.spec;
        let external = definition.external.iter().flat_map(|it| it.provenance_by_field.keys());
        known(declared, definition, &spec.key, external)?;
        for field in &spec.fields {
            let FieldDeps::These(deps) = &field.deps else { continue };
            for dep in deps {
                let DepFields::These(fields) = &dep.fields else { continue };
                known(declared, definition, &dep.feature, fields)?;
            }
        }
        for dep in &spec.deps {
            match &dep.fields_mapping {
                FieldsMapping::All | FieldsMapping::None => {}
                FieldsMapping::Default { exclude_fields, .. } => {
                    known(declared, definition, &dep.feature, exclude_fields)?;
                }
                FieldsMapping::Specific(mapping) => {
                    known(declared, definition, &spec.key, mapping.keys())?;
                    known(declared, definition, &dep.feature, mapping.values().flatten())?;
                }
            }
        }
    }
    Ok(())
}

/// Refuses the first field that a feature does not have; `named_by` names it.
fn known<'a>(
    declared: &Declared,
    named_by: &FeatureDefinition,
    feature: &FeatureKey,
    fields: impl IntoIterator<Item = &'a FieldKey>,
) -> Result<(), GraphError> {
    let Some(definition) = declared.get(feature) else { return Ok(()) };
    let has = |field: &FieldKey| definition.spec.fields.iter().any(|it| it.key == *field);
    let Some(field) = fields.into_iter().find(|field| !has(field)) else { return Ok(()) };
    let names = definition.spec.fields.iter().map(|it| it.key.as_str());
    let mut path = path_to(declared, &named_by.spec.key);
    if *feature != named_by.spec.key {
        path.push(feature.clone());
    }
    Err(GraphError::UnknownField {
        path,
        feature: feature.clone(),
        field: field.clone(),
        near: nearest(field.as_str(), names).and_then(|near| near.parse().ok()),
        origin: named_by.origin.clone(),
    })
}
