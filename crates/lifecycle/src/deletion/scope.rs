//! Which samples of the named feature a request is about.
//!
//! A filter that names columns of the feature is left to the store. One that names a column which
//! only an upstream has is about the samples that were computed from that upstream's.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::Schema;
use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::{FeatureGraph, columns};
use metalith_store::{Keys, Store, StoreError};

use super::{
    CascadeRequest, DeletionError,
    walk::{Reach, Walk},
};

/// Filters on the feature's own columns, and the ids that filters on upstreams lead to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) filters: Vec<Expr>,
    pub(crate) within: Option<Keys>,
}

pub(crate) async fn of_request(
    store: &Store,
    graph: &FeatureGraph,
    request: &CascadeRequest,
    reach: Reach,
) -> Result<Scope, DeletionError> {
    let mut scope = Scope { filters: Vec::new(), within: request.within.clone() };
    let Some(schema) = store.stored_schema(graph, &request.feature).await? else {
        return Ok(Scope { filters: request.filters.clone(), ..scope });
    };
    let mut own = names(&schema);
    // What tombstones say is of the feature itself, also where there have been none yet.
    own.extend(columns::OF_DELETIONS.map(str::to_owned));
    for filter in &request.filters {
        let named = filter.named_columns();
        let owner = match named.iter().find(|name| !own.contains(*name)) {
            None => None,
            Some(column) => owner(store, graph, &request.feature, column, &named).await?,
        };
        let Some(owner) = owner else {
            scope.filters.push(filter.clone());
            continue;
        };
        let walk = Walk::new(store, graph, request);
        let ids = computed_from(&walk, reach, owner, filter).await?;
        scope.within = Some(match scope.within {
            None => ids,
            // What both have in common.
            Some(others) => others.without(&others.without(&ids)?)?,
        });
    }
    Ok(scope)
}

/// The ids of samples that were computed from an upstream's that meet a filter, whatever deps say
/// about deletions.
async fn computed_from(
    walk: &Walk<'_>,
    reach: Reach,
    upstream: FeatureKey,
    filter: &Expr,
) -> Result<Keys, DeletionError> {
    let of = walk.request.feature.clone();
    let at_upstream = CascadeRequest { feature: upstream, within: None, ..walk.request.clone() };
    let mut walk = Walk::new(walk.store, walk.graph, &at_upstream);
    let filters = vec![filter.clone()];
    walk.reach(&Scope { filters, within: None }, reach).await?;
    Ok(walk.doomed(&of))
}

/// The nearest upstream that has all the columns. None: the store will say what is wrong.
async fn owner(
    store: &Store,
    graph: &FeatureGraph,
    feature: &FeatureKey,
    column: &str,
    named: &BTreeSet<String>,
) -> Result<Option<FeatureKey>, DeletionError> {
    let mut candidates = Vec::new();
    for upstream in graph.upstream(feature).map_err(StoreError::from)? {
        let schema = store.stored_schema(graph, &upstream).await?;
        if schema.is_some_and(|schema| named.is_subset(&names(&schema))) {
            candidates.push(upstream);
        }
    }
    let mut nearest = candidates.clone();
    for candidate in &candidates {
        let further = graph.upstream(candidate).map_err(StoreError::from)?;
        nearest.retain(|it| !further.contains(it));
    }
    match nearest.len() {
        0 | 1 => Ok(nearest.pop()),
        _ => Err(DeletionError::Ambiguous {
            feature: feature.clone(),
            column: column.to_owned(),
            candidates: nearest,
        }),
    }
}

fn names(schema: &Schema) -> BTreeSet<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}
