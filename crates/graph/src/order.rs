//! Topological order, and what stands in its way.

use std::collections::{BTreeMap, BTreeSet};

use metalith_base::{FeatureKey, nearest};

use crate::{GraphError, spec::FeatureDefinition};

type Declared = BTreeMap<FeatureKey, FeatureDefinition>;

/// Keys with upstreams first; of several that could come next, the least.
pub(crate) fn topological_order(declared: &Declared) -> Result<Vec<FeatureKey>, GraphError> {
    let mut open: BTreeMap<&FeatureKey, usize> = BTreeMap::new();
    let mut readers: BTreeMap<&FeatureKey, Vec<&FeatureKey>> = BTreeMap::new();
    for (key, definition) in declared {
        open.insert(key, definition.spec.deps.len());
        for dep in &definition.spec.deps {
            if !declared.contains_key(&dep.feature) {
                return Err(unknown_dep(declared, definition, &dep.feature));
            }
            readers.entry(&dep.feature).or_default().push(key);
        }
    }
    let mut ready: BTreeSet<&FeatureKey> =
        open.iter().filter(|(_, deps)| **deps == 0).map(|(key, _)| *key).collect();
    let mut order = Vec::with_capacity(declared.len());
    while let Some(key) = ready.pop_first() {
        order.push(key.clone());
        open.remove(key);
        for reader in readers.get(key).into_iter().flatten() {
            if let Some(deps) = open.get_mut(*reader) {
                *deps -= 1;
                if *deps == 0 {
                    ready.insert(*reader);
                }
            }
        }
    }
    match open.keys().next() {
        None => Ok(order),
        Some(stuck) => Err(GraphError::Cycle { path: cycle(declared, stuck, &open) }),
    }
}

/// Follows unfinished deps until a feature comes again, and returns the circle, least key first.
fn cycle(
    declared: &Declared,
    start: &FeatureKey,
    open: &BTreeMap<&FeatureKey, usize>,
) -> Vec<FeatureKey> {
    let mut path: Vec<&FeatureKey> = vec![start];
    let mut here = start;
    loop {
        let deps = declared.get(here).into_iter().flat_map(|it| &it.spec.deps);
        let Some(next) = deps.map(|dep| &dep.feature).find(|dep| open.contains_key(dep)) else {
            return path.into_iter().cloned().collect();
        };
        if let Some(first) = path.iter().position(|key| *key == next) {
            let mut circle = path.split_off(first);
            let least = (0..circle.len()).min_by_key(|index| circle[*index]).unwrap_or_default();
            circle.rotate_left(least);
            circle.push(circle[0]);
            return circle.into_iter().cloned().collect();
        }
        path.push(next);
        here = next;
    }
}

fn unknown_dep(declared: &Declared, asks: &FeatureDefinition, dep: &FeatureKey) -> GraphError {
    let near = nearest(dep.as_str(), declared.keys().map(FeatureKey::as_str));
    let mut path = path_to(declared, &asks.spec.key);
    path.push(dep.clone());
    GraphError::UnknownDep {
        path,
        dep: dep.clone(),
        near: near.and_then(|near| near.parse().ok()),
        origin: asks.origin.clone(),
    }
}

/// The way to a feature from one that nothing depends on.
pub(crate) fn path_to(declared: &Declared, key: &FeatureKey) -> Vec<FeatureKey> {
    let mut path = vec![key.clone()];
    loop {
        let here = &path[0];
        let reads = |it: &&FeatureDefinition| it.spec.deps.iter().any(|dep| dep.feature == *here);
        match declared.values().find(reads) {
            Some(reader) if !path.contains(&reader.spec.key) => {
                path.insert(0, reader.spec.key.clone());
            }
            _ => return path,
        }
    }
}
