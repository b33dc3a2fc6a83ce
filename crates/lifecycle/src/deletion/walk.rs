//! Following samples through lineage.

use std::collections::{BTreeMap, BTreeSet};

use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureDep, FeatureGraph, OnDelete};
use metalith_store::{DeletionMode, Keys, ReadOptions, Store, StoreError};

use super::{Cascade, CascadeRequest, scope::Scope};

/// Which samples of each feature go, found step by step.
pub(super) struct Walk<'a> {
    pub(super) store: &'a Store,
    pub(super) graph: &'a FeatureGraph,
    pub(super) request: &'a CascadeRequest,
    /// The ids of samples that go.
    doomed: BTreeMap<FeatureKey, Keys>,
    /// How many samples stay without an input.
    stale: BTreeMap<FeatureKey, u64>,
    /// Samples that let go of a reference, by feature and dep.
    detached: BTreeMap<FeatureKey, Vec<Detached>>,
}

/// Samples that stay and let go of what they refer to by one dep.
#[derive(Clone, Debug)]
pub(super) struct Detached {
    /// What is gone, by values of the columns that become NULL.
    pub(super) references: Keys,
    /// The ids of the samples.
    pub(super) ids: Keys,
}

/// Which samples downstream are reached from some upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of which no input is left.
    AllInputs,
    /// Those of which some input is among them.
    AnyInput,
}

/// A dep, with the names that the columns have on both sides by which it refers.
pub(super) struct Link<'a> {
    pub(super) upstream: &'a Feature,
    pub(super) dep: &'a FeatureDep,
    /// In the feature that depends.
    pub(super) keys: Vec<String>,
    /// The same in the upstream.
    pub(super) stored: Vec<String>,
}

impl<'a> Link<'a> {
    fn new(feature: &'a Feature, dep: &'a FeatureDep, upstream: &'a Feature) -> Self {
        let (keys, stored) = feature.references(dep, upstream).into_iter().unzip();
        Self { upstream, dep, keys, stored }
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
        Self {
            store,
            graph,
            request,
            doomed: BTreeMap::new(),
            stale: BTreeMap::new(),
            detached: BTreeMap::new(),
        }
    }

    /// The ids of samples of a feature that go.
    pub(super) fn doomed(&self, feature: &FeatureKey) -> Keys {
        self.doomed.get(feature).cloned().unwrap_or_else(Keys::none)
    }

    /// The features of which samples go.
    pub(super) fn touched(&self) -> impl Iterator<Item = &FeatureKey> {
        self.doomed.keys()
    }

    /// The samples of a feature that let go of a reference, dep by dep.
    pub(super) fn detached(&self, feature: &FeatureKey) -> &[Detached] {
        self.detached.get(feature).map_or(&[], Vec::as_slice)
    }

    /// Takes samples for those that go, instead of finding them.
    pub(super) fn take(&mut self, doomed: BTreeMap<FeatureKey, Keys>) {
        self.doomed = doomed;
    }

    /// Finds the samples that are reached by lineage alone, whatever deps say about deletions.
    pub(super) async fn reach(&mut self, scope: &Scope, reach: Reach) -> Result<(), StoreError> {
        self.start(scope).await?;
        for key in self.graph.downstream(&self.request.feature)? {
            let feature = self.graph.feature(&key)?;
            let ids = &feature.spec().id_columns;
            for link in self.links(feature)? {
                let Some((gone, all)) = self.keys_without_input(&link).await? else { continue };
                let within = Some(if reach == Reach::AnyInput { all } else { gone });
                let options = ReadOptions { within, ..self.reading() };
                if let Some(found) = self.keys(feature, ids, ids, options).await? {
                    self.doom(feature, found)?;
                }
            }
        }
        Ok(())
    }

    /// How many samples of a feature stay without one of their inputs.
    pub(super) fn stale(&self, feature: &FeatureKey) -> u64 {
        self.stale.get(feature).copied().unwrap_or_default()
    }

    /// Finds the samples of the named feature, and from there those of the features that the
    /// request takes along.
    pub(super) async fn follow(&mut self, scope: &Scope) -> Result<(), StoreError> {
        self.start(scope).await?;
        self.down().await?;
        match self.request.cascade {
            Cascade::None | Cascade::Downstream => Ok(()),
            Cascade::Upstream | Cascade::Both => self.up().await,
        }
    }

    /// Whether the deletion takes along what is downstream when a dep does not say.
    fn goes_down(&self) -> bool {
        match self.request.cascade {
            Cascade::Downstream | Cascade::Both => true,
            Cascade::None | Cascade::Upstream => false,
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
            // Another project's samples are its own.
            if feature.is_external() {
                continue;
            }
            let (mut dead, mut touched, mut let_go) = (Vec::new(), Vec::new(), Vec::new());
            for link in self.links(feature)? {
                if link.dep.on_delete == OnDelete::AsAsked && !self.goes_down() {
                    continue;
                }
                let Some((gone, all)) = self.keys_without_input(&link).await? else { continue };
                touched.push(all);
                match link.dep.on_delete {
                    OnDelete::Cascade => dead.push(gone),
                    OnDelete::AsAsked if !link.dep.optional => dead.push(gone),
                    OnDelete::SetNull => let_go.push(gone),
                    OnDelete::AsAsked | OnDelete::Restrict { .. } | OnDelete::NoAction => {}
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
            self.stale.insert(key.clone(), stale.map_or(0, |keys| keys.len() as u64));
            for gone in let_go {
                self.detach(feature, gone).await?;
            }
        }
        Ok(())
    }

    /// Marks the samples that refer to what is gone as letting go of it.
    async fn detach(&mut self, feature: &Feature, gone: Keys) -> Result<(), StoreError> {
        let ids = &feature.spec().id_columns;
        let without = self.doomed.get(feature.key()).cloned();
        let options = ReadOptions {
            within: Some(gone.clone()),
            without,
            feature_history: true,
            ..ReadOptions::default()
        };
        let Some(found) = self.keys(feature, ids, ids, options).await? else { return Ok(()) };
        if found.is_empty() {
            return Ok(());
        }
        let detached = Detached { references: gone, ids: found };
        self.detached.entry(feature.key().clone()).or_default().push(detached);
        Ok(())
    }

    /// Follows samples that go to those that nothing else was computed from.
    async fn up(&mut self) -> Result<(), StoreError> {
        let mut upstreams = self.graph.upstream(&self.request.feature)?;
        upstreams.reverse();
        for key in upstreams {
            let upstream = self.graph.feature(&key)?;
            if upstream.is_external() {
                continue;
            }
            let ids = &upstream.spec().id_columns;
            let mut candidates = None;
            for (reader, link) in self.readers(upstream)? {
                let Some(doomed) = self.doomed.get(reader.key()).cloned() else { continue };
                let options = ReadOptions { within: Some(doomed), ..self.reading() };
                let Some(keys) = self.keys(reader, &link.stored, &link.keys, options).await? else {
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
        let Some(keys) = self.keys(upstream, &link.keys, &link.stored, options).await? else {
            return Ok(None);
        };
        let without = self.doomed.get(reader.key()).cloned();
        // Samples of older definitions need their upstreams too.
        let options =
            ReadOptions { within: Some(keys), without, feature_history: true, ..self.reading() };
        let Some(live) = self.keys(reader, &link.stored, &link.keys, options).await? else {
            return Ok(None);
        };
        let ids = &upstream.spec().id_columns;
        let options = ReadOptions { within: Some(live), ..self.reading() };
        self.keys(upstream, ids, ids, options).await
    }

    /// The join keys of samples of the upstream that go: those of which no row stays, and all.
    pub(super) async fn keys_without_input(
        &self,
        link: &Link<'_>,
    ) -> Result<Option<(Keys, Keys)>, StoreError> {
        let Some(doomed) = self.doomed.get(link.upstream.key()) else { return Ok(None) };
        let options = ReadOptions { within: Some(doomed.clone()), ..self.reading() };
        let touched = self.keys(link.upstream, &link.keys, &link.stored, options).await?;
        let Some(touched) = touched else { return Ok(None) };
        if link.is_one_to_one() {
            return Ok(Some((touched.clone(), touched)));
        }
        let options = ReadOptions {
            within: Some(touched.called(&link.stored)),
            without: Some(doomed.clone()),
            ..self.reading()
        };
        let alive = self.keys(link.upstream, &link.keys, &link.stored, options).await?;
        let dead = match alive {
            Some(alive) => touched.without(&alive)?,
            None => touched.clone(),
        };
        Ok(Some((dead, touched)))
    }

    /// The values in the columns `stored` of a feature's rows, under the names `names`. None when
    /// the feature has no table.
    pub(super) async fn keys(
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
        let rows = self.store.read_whole(self.graph, feature.key(), &options).await?;
        Keys::new(names, stored, &rows.schema, &rows.batches).map(Some)
    }

    /// What is for ever looks at hidden samples as well: they could be restored.
    pub(super) fn reading(&self) -> ReadOptions {
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

    pub(super) fn links(&self, feature: &'a Feature) -> Result<Vec<Link<'a>>, StoreError> {
        let deps = feature.spec().deps.iter();
        let links = deps.map(|dep| Ok(Link::new(feature, dep, self.graph.feature(&dep.feature)?)));
        links.collect()
    }

    /// The features that depend on an upstream, with how.
    pub(super) fn readers(
        &self,
        upstream: &Feature,
    ) -> Result<Vec<(&'a Feature, Link<'a>)>, StoreError> {
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
