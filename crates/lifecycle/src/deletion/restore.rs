//! Bringing a whole deletion back.

use std::collections::BTreeMap;

use metalith_base::{Diagnostic as _, FeatureKey, Kind};
use metalith_expr::{Expr, parse};
use metalith_graph::{Feature, columns};
use metalith_store::{
    DeletionMode, Keys, Mark, ReadOptions, RestoreReceipt, RestoreRequest, StoreError,
};

use super::{
    CascadeRequest, DeletionError, list,
    noted::note_restored,
    scope,
    walk::{Reach, Walk},
};
use crate::Context;

/// Whether to do it, or only to say what would be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreMode {
    /// Bring samples back.
    Apply,
    /// Only say which.
    DryRun,
}

/// What came back of a feature, or would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The feature.
    pub feature: FeatureKey,
    /// The samples.
    pub receipt: RestoreReceipt,
    /// How many samples that had stayed refer again to what came back.
    pub reattached: u64,
}

/// Brings back what a soft deletion hid, in every feature it was about, parents before what was
/// computed from them, and gives references back that samples had let go of.
///
/// With filters, which are about the feature that the deletion was asked for, only samples that
/// meet them come back, with what they were computed from and what was computed from them.
///
/// Nothing comes back when something newer stands in the place of any sample, unless filters
/// choose others. A restore that was interrupted may be repeated: it goes on with what is left.
pub async fn restore(
    context: Context<'_>,
    deletion: &str,
    filters: &[Expr],
    mode: RestoreMode,
) -> Result<Vec<Restored>, DeletionError> {
    restore_marked(context, deletion, filters, mode, None).await
}

/// The same, with a mark on rows that bear none.
pub(crate) async fn restore_marked(
    context: Context<'_>,
    deletion: &str,
    filters: &[Expr],
    mode: RestoreMode,
    mark: Option<&Mark>,
) -> Result<Vec<Restored>, DeletionError> {
    let Context { store, graph, .. } = context;
    let narrowed = match filters {
        [] => None,
        filters => Some(narrow(context, deletion, filters).await?),
    };
    let request = |feature: &FeatureKey, dry_run| RestoreRequest {
        deletion: Some(deletion.to_owned()),
        within: narrowed.as_ref().map(|it| it.get(feature).cloned().unwrap_or_else(Keys::none)),
        dry_run,
        mark: mark.cloned(),
        ..RestoreRequest::default()
    };
    let mut found = Vec::new();
    for feature in graph.features().filter(|feature| !feature.is_external()) {
        let key = feature.key();
        match store.restore(graph, key, &request(key, true)).await {
            Ok(receipt) => {
                found.push(Restored { feature: key.clone(), receipt, reattached: 0 });
            }
            // It has no table, or the deletion was not about it.
            Err(error) if error.kind() == Kind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    let nothing = || DeletionError::NothingToRestore { deletion: deletion.to_owned() };
    if mode == RestoreMode::DryRun {
        return if found.is_empty() { Err(nothing()) } else { Ok(found) };
    }
    for restored in &mut found {
        let request = request(&restored.feature, false);
        restored.receipt = store.restore(graph, &restored.feature, &request).await?;
    }
    if narrowed.is_none() {
        for feature in graph.features().filter(|feature| !feature.is_external()) {
            let receipt = store.reattach(graph, feature.key(), deletion, mark).await?;
            if receipt.samples == 0 {
                continue;
            }
            match found.iter_mut().find(|it| it.feature == *feature.key()) {
                Some(restored) => restored.reattached = receipt.samples,
                None => found.push(Restored {
                    feature: feature.key().clone(),
                    receipt: RestoreReceipt {
                        samples: 0,
                        deletions: vec![deletion.to_owned()],
                        table_version: receipt.table_version,
                    },
                    reattached: receipt.samples,
                }),
            }
        }
    }
    // Looked at last: an interrupted restore may have left references alone to be given back.
    if found.is_empty() {
        return Err(nothing());
    }
    note_restored(context, deletion, &found).await?;
    Ok(found)
}

/// The samples of each feature that filters choose among those that a deletion hid: of the feature
/// it was asked for those that meet them, and all that hangs together with these.
async fn narrow(
    context: Context<'_>,
    deletion: &str,
    filters: &[Expr],
) -> Result<BTreeMap<FeatureKey, Keys>, DeletionError> {
    let Context { store, graph, .. } = context;
    let nothing = || DeletionError::NothingToRestore { deletion: deletion.to_owned() };
    let known = list(store).await?.into_iter().find(|it| it.id == deletion);
    let start = known.and_then(|it| it.feature).ok_or_else(nothing)?;
    // Hidden samples are looked at, as for a deletion for good.
    let request = CascadeRequest::new(start.clone(), DeletionMode::Hard, filters.to_vec());
    let scope = scope::of_request(store, graph, &request, Reach::AllInputs).await?;
    let walk = Walk::new(store, graph, &request);
    let hidden = Hidden { walk: &walk, deletion };
    let first = graph.feature(&start).map_err(StoreError::from)?;
    let mut chosen = BTreeMap::new();
    let options = ReadOptions { filters: scope.filters, within: scope.within, ..walk.reading() };
    let ids = &first.spec().id_columns;
    hidden.choose(&mut chosen, first, ids, ids, options).await?;
    for key in graph.downstream(&start).map_err(StoreError::from)? {
        let feature = graph.feature(&key).map_err(StoreError::from)?;
        for link in walk.links(feature)? {
            let Some(of) = chosen.get(link.upstream.key()).cloned() else { continue };
            let within = ReadOptions { within: Some(of), ..walk.reading() };
            let keys = walk.keys(link.upstream, &link.keys, &link.stored, within).await?;
            let options = ReadOptions { within: keys, ..walk.reading() };
            let ids = &feature.spec().id_columns;
            hidden.choose(&mut chosen, feature, ids, ids, options).await?;
        }
    }
    let mut upstreams = graph.upstream(&start).map_err(StoreError::from)?;
    upstreams.reverse();
    for key in upstreams {
        let upstream = graph.feature(&key).map_err(StoreError::from)?;
        for (reader, link) in walk.readers(upstream)? {
            let Some(of) = chosen.get(reader.key()).cloned() else { continue };
            let within = ReadOptions { within: Some(of), ..walk.reading() };
            let keys = walk.keys(reader, &link.stored, &link.keys, within).await?;
            let options = ReadOptions { within: keys, ..walk.reading() };
            let ids = &upstream.spec().id_columns;
            hidden.choose(&mut chosen, upstream, ids, ids, options).await?;
        }
    }
    Ok(chosen)
}

/// What a deletion hides.
struct Hidden<'a> {
    walk: &'a Walk<'a>,
    deletion: &'a str,
}

impl Hidden<'_> {
    /// Adds the ids of hidden samples that the options choose.
    async fn choose(
        &self,
        chosen: &mut BTreeMap<FeatureKey, Keys>,
        feature: &Feature,
        names: &[String],
        stored: &[String],
        mut options: ReadOptions,
    ) -> Result<(), DeletionError> {
        let schema = self.walk.store.stored_schema(self.walk.graph, feature.key()).await?;
        if schema.is_none_or(|schema| schema.index_of(columns::DELETION_ID).is_err()) {
            return Ok(());
        }
        let quoted = self.deletion.replace('\'', "''");
        let of_deletion = format!("{} = '{quoted}'", columns::DELETION_ID);
        options.filters.push(parse(&of_deletion).map_err(DeletionError::Filter)?);
        let Some(keys) = self.walk.keys(feature, names, stored, options).await? else {
            return Ok(());
        };
        let all = match chosen.remove(feature.key()) {
            Some(before) => before.and(keys)?,
            None => keys,
        };
        chosen.insert(feature.key().clone(), all);
        Ok(())
    }
}
