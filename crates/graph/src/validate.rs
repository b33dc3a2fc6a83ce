//! What a declaration must hold to before it can be part of a graph.

use std::collections::BTreeMap;

use metalith_base::FeatureKey;

use crate::{
    GraphError, SpecProblem,
    spec::{FeatureDefinition, FeatureDep, FieldDeps, Lineage},
};

/// Checks one declaration by itself.
pub(crate) fn spec(definition: &FeatureDefinition) -> Result<(), GraphError> {
    let spec = &definition.spec;
    let refuse = |problem| {
        Err(GraphError::Spec {
            feature: spec.key.clone(),
            problem,
            origin: definition.origin.clone(),
        })
    };
    if spec.id_columns.is_empty() {
        return refuse(SpecProblem::NoIds);
    }
    let fields: Vec<String> = spec.fields.iter().map(|it| it.key.to_string()).collect();
    let deps: Vec<String> = spec.deps.iter().map(|it| it.feature.to_string()).collect();
    for (part, names) in [("id column", &spec.id_columns), ("field", &fields), ("dep", &deps)] {
        if let Some(name) = repeated(names) {
            return refuse(SpecProblem::Twice { part, name });
        }
    }
    if let Some(name) = spec.id_columns.iter().find(|it| is_reserved(it)) {
        return refuse(SpecProblem::Reserved { part: "id column", name: name.clone() });
    }
    for dep in &spec.deps {
        if let Some(problem) = dep_problem(dep) {
            return refuse(problem);
        }
    }
    for field in &spec.fields {
        let FieldDeps::These(of) = &field.deps else { continue };
        if let Some(of) = of.iter().find(|of| !spec.deps.iter().any(|it| it.feature == of.feature))
        {
            let (field, of) = (field.key.clone(), of.feature.clone());
            return refuse(SpecProblem::FieldDepNotADep { field, of });
        }
    }
    Ok(())
}

fn dep_problem(dep: &FeatureDep) -> Option<SpecProblem> {
    let new_names: Vec<String> = dep.rename.values().cloned().collect();
    if let Some(name) = repeated(&new_names) {
        return Some(SpecProblem::Twice { part: "new name", name });
    }
    if let Some(name) = new_names.into_iter().find(|it| is_reserved(it)) {
        return Some(SpecProblem::Reserved { part: "new name", name });
    }
    let on = match &dep.lineage {
        Lineage::Identity | Lineage::Aggregation { on: None } => return None,
        Lineage::Aggregation { on: Some(on) } | Lineage::Expansion { on, .. } => on,
    };
    on.is_empty().then(|| SpecProblem::EmptyOn { dep: dep.feature.clone() })
}

fn repeated(names: &[String]) -> Option<String> {
    let mut seen = std::collections::BTreeSet::new();
    names.iter().find(|name| !seen.insert(name.as_str())).cloned()
}

fn is_reserved(name: &str) -> bool {
    name.starts_with("metaxy_") || name.starts_with("metalith_")
}

/// Checks that names stay different where they are written otherwise: tables, struct members,
/// suffixes in joins; and that no rename takes the name of an upstream's id.
pub(crate) fn names(declared: &BTreeMap<FeatureKey, FeatureDefinition>) -> Result<(), GraphError> {
    let keys = || declared.keys();
    different(keys().map(|key| (key.to_string(), key.table_name())), "table")?;
    for definition in declared.values() {
        let spec = &definition.spec;
        let members =
            spec.fields.iter().map(|it| (format!("{}.{}", spec.key, it.key), it.key.struct_name()));
        different(members, "struct member")?;
        let suffixes =
            spec.deps.iter().map(|it| (it.feature.to_string(), it.feature.column_suffix()));
        different(suffixes, "column suffix")?;
        for dep in &spec.deps {
            let Some(upstream) = declared.get(&dep.feature) else { continue };
            let ids = &upstream.spec.id_columns;
            // An id that is itself renamed away leaves its name free.
            let taken = |to: &String| ids.contains(to) && !dep.rename.contains_key(to);
            if let Some((from, to)) = dep.rename.iter().find(|(from, to)| taken(to) && from != to) {
                let (dep, from, to) = (dep.feature.clone(), from.clone(), to.clone());
                return Err(GraphError::Spec {
                    feature: spec.key.clone(),
                    problem: SpecProblem::RenameToId { dep, from, to },
                    origin: definition.origin.clone(),
                });
            }
        }
    }
    Ok(())
}

fn different(
    names: impl Iterator<Item = (String, String)>,
    becomes: &'static str,
) -> Result<(), GraphError> {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (second, name) in names {
        if let Some(first) = seen.insert(name.clone(), second.clone()) {
            return Err(GraphError::Collision { first, second, becomes, name });
        }
    }
    Ok(())
}
