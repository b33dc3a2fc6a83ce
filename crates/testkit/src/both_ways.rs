//! Increments that are found where the rows are, against the same ones found here.

use std::collections::BTreeMap;

use metalith_base::FeatureKey;
use metalith_graph::FeatureGraph;
use metalith_store::{Compute, Computed, Frame, Increment, ResolveOptions, Store, StoreError};

use crate::rows_to_json;

/// How often increments were found where the rows are, and why others were not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// Where the rows are.
    pub native: usize,
    /// Here, by reason.
    pub here: BTreeMap<String, usize>,
}

impl Ways {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.native += other.native;
        for (because, times) in &other.here {
            *self.here.entry(because.clone()).or_default() += times;
        }
    }

    /// Counts an increment.
    pub fn count(&mut self, found: &Increment) {
        match &found.computed {
            Computed::Native { .. } => self.native += 1,
            Computed::Here { because, .. } => {
                let because =
                    because.clone().unwrap_or_else(|| "nothing computes there".to_owned());
                *self.here.entry(because).or_default() += 1;
            }
        }
    }
}

/// Resolves a feature in both ways, and returns what the place that has the rows found, if it did.
///
/// # Panics
///
/// If both differ in anything but the order of rows.
pub async fn resolve(
    store: &Store,
    graph: &FeatureGraph,
    feature: &FeatureKey,
    options: &ResolveOptions,
) -> Result<Increment, StoreError> {
    let by = |compute| ResolveOptions { compute: Some(compute), ..options.clone() };
    let there = store.resolve(graph, feature, by(Compute::Native)).await;
    let here = store.resolve(graph, feature, by(Compute::Here)).await;
    let (there, here) = match (there, here) {
        (Ok(there), Ok(here)) => (there, here),
        (Err(there), Err(here)) => {
            assert_eq!(there.to_string(), here.to_string(), "`{feature}` fails in two ways");
            return Err(there);
        }
        (there, here) => panic!("`{feature}`: {there:?} where the rows are, {here:?} here"),
    };
    assert!(matches!(here.computed, Computed::Here { .. }), "`{feature}` was to be found here");
    for (name, there_frame, here_frame) in [
        ("new", &there.new, &here.new),
        ("stale", &there.stale, &here.stale),
        ("orphaned", &there.orphaned, &here.orphaned),
        ("waiting", &there.waiting, &here.waiting),
    ] {
        let computed = &there.computed;
        let place = || format!("`{name}` of `{feature}` by {options:?}, {computed:#?}");
        assert_eq!(there_frame.schema, here_frame.schema, "{}", place());
        assert_eq!(sorted(there_frame), sorted(here_frame), "{}", place());
    }
    Ok(there)
}

fn sorted(frame: &Frame) -> Vec<String> {
    let rows = rows_to_json(&frame.batches);
    let mut texts: Vec<String> =
        rows.iter().map(|row| serde_json::to_string(row).expect("rows are JSON")).collect();
    texts.sort();
    texts
}
