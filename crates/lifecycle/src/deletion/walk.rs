//! Following samples through lineage.

use std::collections::{BTreeMap, BTreeSet};

use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureDep, FeatureGraph};
use metalith_store::{DeletionMode, Keys, ReadOptions, Store, StoreError};

use super::{Cascade, CascadeRequest, scope::Scope};

/// Which samples of each feature go, found step by step.
pub(super) struct Walk<'a> {
    store: &'a Store,
    graph: &'a FeatureGraph,
    request: &'a CascadeRequest,
    /// The ids of samples that go.
    doomed: BTreeMap<FeatureKey, Keys>,
    /// How many samples stay without an input.
    stale: BTreeMap<FeatureKey, u64>,
}

/// A dep, with the names that its join keys have on both sides.
struct Link<'a> {
    upstream: &'a Feature,
    is_optional: bool,
    /// In the feature that depends.
    keys: &'a [String],
    /// The same in the upstream.
    stored: Vec<String>,
}

impl<'a> Link<'a> {
    fn new(feature: &'a Feature, dep: &'a FeatureDep, upstream: &'a Feature) -> Self {
        let keys = feature.join_keys();
        let stored_name = |key: &String| {
            let renamed = dep.rename.iter().find(|(_, new)| *new == key);
            renamed.map_or_else(|| key.clone(), |(stored, _)| stored.clone())
        };
        let stored = keys.iter().map(stored_name).collect();
        Self { upstream, is_optional: dep.optional, keys, stored }
    }

    /// Whether a key names at most one sample of the upstream.
    fn is_one_to_one(&self) -> bool {
        self.upstream.spec().id_columns.iter().all(|id| self.stored.contains(id))
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        store: &'a Store,
        graph: &'a FeatureGraph,
        request: &'a CascadeRequest,
    ) -> Self {
        Self { store, graph, request, doomed: BTreeMap::new(), stale: BTreeMap::new() }
    }

    /// The ids of samples of a feature that go.
    pub(super) fn doomed(&self, feature: &FeatureKey) -> Keys {
        self.doomed.get(feature).cloned().unwrap_or_else(Keys::none)
    }

    /// How many samples of a feature stay without one of their inputs.
    pub(super) fn stale(&self, feature: &FeatureKey) -> u64 {
        self.stale.get(feature).copied().unwrap_or_default()
    }

    /// Finds the samples of the named feature, and from there those of the features that the
    /// request takes along.
    pub(super) async fn follow(&mut self, scope: &Scope) -> Result<(), StoreError> {
        match self.request.cascade {
            Cascade::None => Ok(()),
            Cascade::Downstream => {
                self.start(scope).await?;
                self.down().await
            }
            Cascade::Upstream => {
                self.start(scope).await?;
                self.up().await
            }
            Cascade::Both => {
                self.start(scope).await?;
                self.down().await?;
                self.up().await
            }
        }
    }

    /// Finds the samples of the named feature.
    async fn start(&mut self, scope: &Scope) -> Result<(), StoreError> {
        let feature = self.graph.feature(&self.request.feature)?;
        let ids = &feature.spec().id_columns;
        let options = ReadOptions {
            filters: scope.filters.clone(),
            within: scope.within.clone(),
            ..self.reading()
        };
        if let Some(found) = self.keys(feature, ids, ids, options).await? {
            self.doom(feature, found)?;
        }
        Ok(())
    }

    /// Follows samples that go to those that were computed from them.
    async fn down(&mut self) -> Result<(), StoreError> {
        for key in self.graph.downstream(&self.request.feature)? {
            let feature = self.graph.feature(&key)?;
            let (mut dead, mut touched) = (Vec::new(), Vec::new());
            for link in self.links(feature)? {
                let Some((gone, all)) = self.keys_without_input(&link).await? else { continue };
                touched.push(all);
                if !link.is_optional {
                    dead.push(gone);
                }
            }
            let ids = &feature.spec().id_columns;
            for keys in dead {
                let options = ReadOptions { within: Some(keys), ..self.reading() };
                if let Some(found) = self.keys(feature, ids, ids, options).await? {
                    self.doom(feature, found)?;
                }
            }
            let mut stale: Option<Keys> = None;
            for keys in touched {
                let without = self.doomed.get(&key).cloned();
                let options = ReadOptions { within: Some(keys), without, ..self.reading() };
                stale = join(stale, self.keys(feature, ids, ids, options).await?)?;
            }
            self.stale.insert(key, stale.map_or(0, |keys| keys.len() as u64));
        }
        Ok(())
    }

    /// Follows samples that go to those that nothing else was computed from.
    async fn up(&mut self) -> Result<(), StoreError> {
        let mut upstreams = self.graph.upstream(&self.request.feature)?;
        upstreams.reverse();
        for key in upstreams {
            let upstream = self.graph.feature(&key)?;
            let ids = &upstream.spec().id_columns;
            let mut candidates = None;
            for (reader, link) in self.readers(upstream)? {
                let Some(doomed) = self.doomed.get(reader.key()).cloned() else { continue };
                let options = ReadOptions { within: Some(doomed), ..self.reading() };
                let Some(keys) = self.keys(reader, &link.stored, link.keys, options).await? else {
                    continue;
                };
                let options = ReadOptions { within: Some(keys), ..self.reading() };
                candidates = join(candidates, self.keys(upstream, ids, ids, options).await?)?;
            }
            let Some(mut candidates) = candidates else { continue };
            for (reader, link) in self.readers(upstream)? {
                let needed = self.needed(upstream, &candidates, reader, &link).await?;
                if let Some(needed) = needed {
                    candidates = candidates.without(&needed)?;
                }
            }
            self.doom(upstream, candidates)?;
        }
        Ok(())
    }

    /// Of those samples of an upstream, the ids of those that samples of a reader still need.
    async fn needed(
        &self,
        upstream: &Feature,
        candidates: &Keys,
        reader: &Feature,
        link: &Link<'_>,
    ) -> Result<Option<Keys>, StoreError> {
        let options = ReadOptions { within: Some(candidates.clone()), ..self.reading() };
        let Some(keys) = self.keys(upstream, link.keys, &link.stored, options).await? else {
            return Ok(None);
        };
        let without = self.doomed.get(reader.key()).cloned();
        // Samples of older definitions need their upstreams too.
        let options =
            ReadOptions { within: Some(keys), without, feature_history: true, ..self.reading() };
        let Some(live) = self.keys(reader, &link.stored, link.keys, options).await? else {
            return Ok(None);
        };
        let ids = &upstream.spec().id_columns;
        let options = ReadOptions { within: Some(live), ..self.reading() };
        self.keys(upstream, ids, ids, options).await
    }

    /// The join keys of samples of the upstream that go: those of which no row stays, and all.
    async fn keys_without_input(
        &self,
        link: &Link<'_>,
    ) -> Result<Option<(Keys, Keys)>, StoreError> {
        let Some(doomed) = self.doomed.get(link.upstream.key()) else { return Ok(None) };
        let options = ReadOptions { within: Some(doomed.clone()), ..self.reading() };
        let touched = self.keys(link.upstream, link.keys, &link.stored, options).await?;
        let Some(touched) = touched else { return Ok(None) };
        if link.is_one_to_one() {
            return Ok(Some((touched.clone(), touched)));
        }
        let options = ReadOptions {
            within: Some(touched.called(&link.stored)),
            without: Some(doomed.clone()),
            ..self.reading()
        };
        let alive = self.keys(link.upstream, link.keys, &link.stored, options).await?;
        let dead = match alive {
            Some(alive) => touched.without(&alive)?,
            None => touched.clone(),
        };
        Ok(Some((dead, touched)))
    }

    /// The values in the columns `stored` of a feature's rows, under the names `names`. None when
    /// the feature has no table.
    async fn keys(
        &self,
        feature: &Feature,
        names: &[String],
        stored: &[String],
        options: ReadOptions,
    ) -> Result<Option<Keys>, StoreError> {
        if self.store.stored_schema(self.graph, feature.key()).await?.is_none() {
            return Ok(None);
        }
        // Rows are read with their ids, whatever else is wanted.
        let ids = feature.spec().id_columns.iter();
        let columns: BTreeSet<String> = ids.chain(stored).cloned().collect();
        let options = ReadOptions { columns: Some(columns.into_iter().collect()), ..options };
        let rows = self.store.read(self.graph, feature.key(), &options).await?;
        let schema = rows.schema();
        let batches = rows.collect().await?;
        Keys::new(names, stored, &schema, &batches).map(Some)
    }

    /// What is for ever looks at hidden samples as well: they could be restored.
    fn reading(&self) -> ReadOptions {
        ReadOptions {
            feature_history: self.request.feature_history,
            include_deleted: self.request.mode == DeletionMode::Hard,
            ..ReadOptions::default()
        }
    }

    fn doom(&mut self, feature: &Feature, ids: Keys) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let before = self.doomed.remove(feature.key());
        if let Some(all) = join(before, Some(ids))? {
            self.doomed.insert(feature.key().clone(), all);
        }
        Ok(())
    }

    fn links(&self, feature: &'a Feature) -> Result<Vec<Link<'a>>, StoreError> {
        let deps = feature.spec().deps.iter();
        let links = deps.map(|dep| Ok(Link::new(feature, dep, self.graph.feature(&dep.feature)?)));
        links.collect()
    }

    /// The features that depend on an upstream, with how.
    fn readers(&self, upstream: &Feature) -> Result<Vec<(&'a Feature, Link<'a>)>, StoreError> {
        let mut readers = Vec::new();
        for key in self.graph.direct_downstream(upstream.key())? {
            let reader = self.graph.feature(&key)?;
            for link in self.links(reader)? {
                if link.upstream.key() == upstream.key() {
                    readers.push((reader, link));
                }
            }
        }
        Ok(readers)
    }
}

fn join(some: Option<Keys>, more: Option<Keys>) -> Result<Option<Keys>, StoreError> {
    match (some, more) {
        (Some(some), Some(more)) => some.and(more).map(Some),
        (some, more) => Ok(some.or(more)),
    }
}
