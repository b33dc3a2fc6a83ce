//! Increments: what to compute, to recompute, and to consider deleting.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    common::JoinType,
    logical_expr::{LogicalPlan, LogicalPlanBuilder},
};
use futures::{join, try_join};
use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::{Feature, FeatureGraph, Lineage, columns};

use crate::{
    Answer, Compute, Computed, Finding, Frame, RequestProblem, Rows, Store, StoreError,
    compare::{self, Expected, Stored, compare, in_memory, newest_per_key, rows_with_keys},
    current::{Visibility, select_changed},
    expected::{Filters, UpstreamVersions, expected_rows, scan},
    findings::Outlet,
    lower::{column, lower_any, lower_filters},
    native::{Unasked, question},
    read::visible_columns,
    samples::given_samples,
    settled::{Changed, Notes, Watched},
};

/// What a resolve is to look at.
#[derive(Clone, Debug, Default)]
pub struct ResolveOptions {
    /// The expected rows, instead of those computed from upstreams. A root feature needs them.
    pub samples: Option<Vec<RecordBatch>>,
    /// Per feature, filters on its stored columns. Those on the feature itself filter `samples`.
    pub filters: BTreeMap<FeatureKey, Vec<Expr>>,
    /// Filters on every upstream and on the feature itself.
    pub global_filters: Vec<Expr>,
    /// Filters on the feature's own rows: stored ones, and `samples` if they are given.
    pub target_filters: Vec<Expr>,
    /// Stored rows for which one of these holds are stale, whatever their provenance.
    pub staleness: Vec<Expr>,
    /// Take every expected row as new.
    pub skip_comparison: bool,
    /// Where to find the increment; `None`: as the store was opened.
    pub compute: Option<Compute>,
    /// Whether to say by which plan it was found here.
    pub explain: bool,
}

/// What to compute, to recompute, and to consider deleting.
///
/// `new` and `stale` hold the join keys, the upstreams' columns and the four version columns, ready
/// to be worked off and written back; `orphaned` holds stored rows.
#[derive(Clone, Debug)]
pub struct Increment {
    /// Expected but not stored.
    pub new: Frame,
    /// Stored, but computed from something else than what is upstream now.
    pub stale: Frame,
    /// Stored but not expected any more.
    pub orphaned: Frame,
    /// Those of `orphaned` whose upstream is still there under an older definition. They wait for
    /// the upstream to be written again, and must not be taken for garbage.
    pub waiting: Frame,
    /// How much was looked at to find this.
    pub extent: Extent,
    /// How it was found.
    pub computed: Computed,
}

/// An increment of which the rows were handed on as they were found.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The columns of new and of stale rows.
    pub expected: SchemaRef,
    /// The columns of orphaned and of waiting rows.
    pub stored: SchemaRef,
    /// How much was looked at.
    pub extent: Extent,
    /// How it was found.
    pub computed: Computed,
}

/// How much a resolve looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every sample.
    All,
    /// So many samples that may have changed since an earlier resolve found all in order.
    Changed(usize),
}

impl Store {
    /// Compares what a feature should hold with what it holds.
    pub async fn resolve(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        options: ResolveOptions,
    ) -> Result<Increment, StoreError> {
        let mut batches: BTreeMap<Finding, Vec<RecordBatch>> = BTreeMap::new();
        let gather = |finding, batch| {
            batches.entry(finding).or_default().push(batch);
            Ok::<_, StoreError>(())
        };
        let resolved = self.resolve_each(graph, feature, options, gather).await?;
        let Resolved { expected, stored, extent, computed } = resolved;
        let mut frame = |finding, schema: &SchemaRef| Frame {
            schema: SchemaRef::clone(schema),
            batches: batches.remove(&finding).unwrap_or_default(),
        };
        Ok(Increment {
            new: frame(Finding::New, &expected),
            stale: frame(Finding::Stale, &expected),
            orphaned: frame(Finding::Orphaned, &stored),
            waiting: frame(Finding::Waiting, &stored),
            extent,
            computed,
        })
    }

    /// The same where rows are not held in memory but handed on as they are found, so that many of them
    /// take no more memory than a few.
    pub async fn resolve_each<E: From<StoreError>>(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        options: ResolveOptions,
        mut take: impl FnMut(Finding, RecordBatch) -> Result<(), E>,
    ) -> Result<Resolved, E> {
        self.require_same_length(graph)?;
        let feature = graph.feature(feature).map_err(StoreError::from)?;
        let resolve = Resolve { store: self, graph, feature, options };
        let (outlet, mut found) = Outlet::new();
        let find = async move { resolve.run(&outlet).await.map_err(E::from) };
        let take = async move {
            while let Some((finding, batch)) = found.recv().await {
                take(finding, batch)?;
            }
            Ok(())
        };
        let (resolved, ()) = try_join!(find, take)?;
        Ok(resolved)
    }

    /// The join keys of every sample that a feature with deps should hold, and the provenance that
    /// is expected of it, in no particular order. Nothing else of upstreams is read.
    pub async fn expected_provenance(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
    ) -> Result<Rows, StoreError> {
        self.require_same_length(graph)?;
        let feature = graph.feature(feature)?;
        let resolve = Resolve { store: self, graph, feature, options: ResolveOptions::default() };
        let keys = feature.join_keys().iter().map(String::as_str);
        let wanted = keys.chain([columns::PROVENANCE_BY_FIELD]).map(column);
        let plan = LogicalPlanBuilder::from(resolve.expected(None).await?)
            .project(wanted)
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| resolve.failed(error))?;
        self.run(plan, resolve.subject()).await
    }

    /// How many percent of the samples that a feature is computed from have been worked off at
    /// least once, stale ones included. `None` when there is no input at all, or for a root.
    pub async fn progress(
        &self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
    ) -> Result<Option<f64>, StoreError> {
        let feature = graph.feature(feature)?;
        if feature.spec().deps.is_empty() {
            return Ok(None);
        }
        let keys = feature.join_keys();
        let options = ResolveOptions { skip_comparison: true, ..ResolveOptions::default() };
        let all = self.resolve(graph, feature.key(), options).await?.new;
        let open = self.resolve(graph, feature.key(), ResolveOptions::default()).await?.new;
        let (all, open) = (self.distinct(&all, keys).await?, self.distinct(&open, keys).await?);
        Ok((all > 0).then(|| 100.0 * (all - open) as f64 / all as f64))
    }

    async fn distinct(&self, frame: &Frame, keys: &[String]) -> Result<usize, StoreError> {
        let plan = in_memory(frame)
            .and_then(|plan| plan.project(keys.iter().map(|name| column(name))))
            .and_then(LogicalPlanBuilder::distinct)
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| StoreError::engine("a count", error))?;
        self.run(plan, "a count").await?.count().await
    }
}

/// What came of asking a place for the increment.
enum Natively {
    Found(Box<Increment>),
    /// Nothing, and perhaps why.
    Not(Option<String>),
}

struct Resolve<'a> {
    store: &'a Store,
    graph: &'a FeatureGraph,
    feature: &'a Feature,
    options: ResolveOptions,
}

impl Resolve<'_> {
    async fn run(&self, to: &Outlet) -> Result<Resolved, StoreError> {
        let because = match self.natively().await? {
            Natively::Found(found) => return Ok(handed_on(*found, to).await),
            Natively::Not(because) => because,
        };
        if let Some(because) = &because {
            tracing::debug!(feature = %self.subject(), "not computed where the rows are: {because}");
        }
        let mut resolved = self.run_here(to).await?;
        if let Computed::Here { because: told, .. } = &mut resolved.computed {
            *told = because;
        }
        Ok(resolved)
    }

    /// Lets the place that has the rows find the increment.
    async fn natively(&self) -> Result<Natively, StoreError> {
        let not = |because: &str| Ok(Natively::Not(Some(because.to_owned())));
        let Some(resolver) = self.store.backend().resolver() else {
            return Ok(Natively::Not(None));
        };
        if self.options.compute.unwrap_or(self.store.compute) == Compute::Here {
            return not("`prefer_native` is false");
        }
        if self.store.fallback.is_some() {
            return not("features are read from several stores");
        }
        if self.options.samples.is_some() {
            return not("samples are given");
        }
        if self.feature.spec().deps.is_empty() {
            return not("a root has no upstreams");
        }
        let asked = question(self.store, self.graph, self.feature, &self.options).await;
        let question = match asked {
            Ok(question) => question,
            Err(Unasked::Because(because)) => return not(&because),
            Err(Unasked::Failed(error)) => return not(&error.to_string()),
        };
        match resolver.resolve(&question).await? {
            Answer::Found(found) => {
                let found = question.increment(found)?;
                tracing::debug!(feature = %self.subject(), "resolved where the rows are");
                Ok(Natively::Found(Box::new(found)))
            }
            Answer::Declined(because) => not(&because),
        }
    }

    async fn run_here(&self, to: &Outlet) -> Result<Resolved, StoreError> {
        let watched = self.watched().await?;
        let changed = match &watched {
            Some((watched, notes)) => watched.changed(*notes).await?.map(Arc::new),
            None => None,
        };
        let mut resolved = self.find(changed.as_ref(), to).await?;
        resolved.extent = changed.map_or(Extent::All, |changed| Extent::Changed(changed.samples()));
        tracing::debug!(feature = %self.subject(), extent = ?resolved.extent, "resolved");
        if let Some((watched, notes)) = watched
            && !to.has_rows()
        {
            watched.note(notes).await?;
        }
        Ok(resolved)
    }

    /// The tables that are read, where what changed in them since the last time can be told.
    async fn watched(&self) -> Result<Option<(Watched, &dyn Notes)>, StoreError> {
        let ResolveOptions { samples, filters, global_filters, target_filters, staleness, .. } =
            &self.options;
        let is_filtered = !(filters.values().all(Vec::is_empty)
            && global_filters.is_empty()
            && target_filters.is_empty()
            && staleness.is_empty());
        let Some(notes) = self.store.notes() else { return Ok(None) };
        if samples.is_some() || self.options.skip_comparison || is_filtered {
            return Ok(None);
        }
        let watched = Watched::tables(self.store, self.graph, self.feature).await?;
        Ok(watched.map(|watched| (watched, notes)))
    }

    /// Compares changed samples, or all.
    async fn find(
        &self,
        changed: Option<&Arc<Changed>>,
        to: &Outlet,
    ) -> Result<Resolved, StoreError> {
        let keys = match self.options.samples {
            Some(_) => self.feature.spec().id_columns.as_slice(),
            None => self.feature.join_keys(),
        };
        let stored = async {
            match self.options.skip_comparison {
                true => Ok(None),
                false => self.stored(keys, changed).await,
            }
        };
        let expected = self.expected(changed);
        // Finding a few rows mostly waits, finding all of them takes memory. What is wrong upstream
        // is told first.
        let (plan, stored) = match changed {
            Some(_) => join!(expected, stored),
            None => (Ok(expected.await?), stored.await),
        };
        let (plan, stored) = (plan?, stored?);
        let shown = self.options.explain.then(|| plan.display_indent().to_string());
        let computed = Computed::Here { because: None, plan: shown };
        let rows = Expected::new(plan);
        let expected = SchemaRef::clone(&rows.schema);
        let (store, subject, extent) = (self.store, self.subject(), Extent::All);
        let Some(stored) = stored else {
            let all_new = |batch| Ok(vec![(Finding::New, batch)]);
            rows.planned(store, subject).await?.judge(to, all_new).await?;
            let stored = SchemaRef::clone(&expected);
            return Ok(Resolved { expected, stored, extent, computed });
        };
        let of_feature = stored.rows.clone();
        let orphans = compare(store, subject, rows, stored, keys, to).await?;
        let orphaned = self.orphaned(&of_feature, &orphans, keys).await?;
        to.put_all(Finding::Orphaned, &orphaned).await;
        to.put_all(Finding::Waiting, &self.waiting(&orphaned, keys).await?).await;
        Ok(Resolved { expected, stored: orphaned.schema, extent, computed })
    }

    async fn expected(&self, changed: Option<&Arc<Changed>>) -> Result<LogicalPlan, StoreError> {
        let filters = Filters { changed, ..self.filters() };
        if let Some(samples) = &self.options.samples {
            // Samples stand for the feature itself, so what filters its rows filters them too.
            let mut on_target = filters.on(self.feature.key());
            on_target.extend(self.options.target_filters.iter().cloned());
            return given_samples(self.store, self.feature, samples, &on_target);
        }
        if self.feature.spec().deps.is_empty() {
            let problem = RequestProblem::SamplesRequired;
            return Err(StoreError::request(self.feature.key(), problem));
        }
        expected_rows(self.store, self.graph, self.feature, filters, UpstreamVersions::Current)
            .await
    }

    fn filters(&self) -> Filters<'_> {
        Filters {
            by_feature: &self.options.filters,
            global: &self.options.global_filters,
            changed: None,
        }
    }

    /// The stored side, or `None` when the feature has no table yet.
    async fn stored(
        &self,
        keys: &[String],
        changed: Option<&Arc<Changed>>,
    ) -> Result<Option<Stored>, StoreError> {
        let key = self.feature.key();
        let Some(table) = self.store.open_table(key).await? else { return Ok(None) };
        let schema = table.schema();
        if let Some(missing) = keys.iter().find(|name| schema.index_of(name).is_err()) {
            let problem = RequestProblem::UnknownColumn {
                of: key.clone(),
                part: "a join key",
                column: missing.clone(),
                known: schema.fields().iter().map(|field| field.name().clone()).collect(),
            };
            return Err(StoreError::request(key, problem));
        }
        let visibility = Visibility::current(self.feature.feature_version());
        let selection = match changed {
            Some(changed) => {
                select_changed(self.feature, &table, visibility, (changed, keys)).await?
            }
            None => self.store.select_visible(self.feature, &table, &visibility).await?,
        };
        let at_most = selection.rows(table.as_ref());
        let mut rows = scan(table, selection).map_err(|error| self.failed(error))?;
        let now = self.store.now();
        let filters =
            self.options.global_filters.iter().chain(&self.options.target_filters).cloned();
        let filters: Vec<Expr> = filters.collect();
        if let Some(filter) = lower_filters(key, &filters, rows.schema(), now)? {
            rows = rows.filter(filter).map_err(|error| self.failed(error))?;
        }
        let stale_if = lower_any(key, &self.options.staleness, rows.schema(), now)?;
        Ok(Some(Stored {
            rows: rows.build().map_err(|error| self.failed(error))?,
            at_most,
            stale_if,
            collapse: (self.options.samples.is_none() && self.expands()).then(|| self.ids()),
        }))
    }

    fn expands(&self) -> bool {
        let mut deps = self.feature.spec().deps.iter();
        deps.any(|dep| matches!(dep.lineage, Lineage::Expansion { .. }))
    }

    fn ids(&self) -> Vec<String> {
        self.feature.spec().id_columns.clone()
    }

    async fn orphaned(
        &self,
        rows: &LogicalPlan,
        orphans: &Frame,
        keys: &[String],
    ) -> Result<Frame, StoreError> {
        let shown = visible_columns(&compare::names(rows));
        let plan = rows_with_keys(rows.clone(), orphans, keys, JoinType::LeftSemi)
            .and_then(|plan| {
                LogicalPlanBuilder::from(plan).project(shown.iter().map(|it| column(it).alias(it)))
            })
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| self.failed(error))?;
        if orphans.rows() == 0 {
            return Ok(Frame::empty(plan.schema().as_arrow().clone().into()));
        }
        let frame = self.store.run(plan, self.subject()).await?.into_frame().await?;
        if self.expands() { newest_per_key(frame, (keys, &self.ids())) } else { Ok(frame) }
    }

    /// Orphans whose upstream exists under another feature version.
    async fn waiting(&self, orphaned: &Frame, keys: &[String]) -> Result<Frame, StoreError> {
        if orphaned.rows() == 0 || self.options.samples.is_some() {
            return Ok(Frame::empty(SchemaRef::clone(&orphaned.schema)));
        }
        let any = UpstreamVersions::Any;
        let ever = expected_rows(self.store, self.graph, self.feature, self.filters(), any).await?;
        let plan = LogicalPlanBuilder::from(ever)
            .project(keys.iter().map(|name| column(name)))
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| self.failed(error))?;
        let ever = self.store.run(plan, self.subject()).await?.into_frame().await?;
        let plan = in_memory(orphaned)
            .and_then(LogicalPlanBuilder::build)
            .and_then(|plan| rows_with_keys(plan, &ever, keys, JoinType::LeftSemi))
            .map_err(|error| self.failed(error))?;
        let rows = self.store.run(plan, self.subject()).await?;
        Ok(Frame { schema: SchemaRef::clone(&orphaned.schema), batches: rows.collect().await? })
    }

    fn subject(&self) -> &str {
        self.feature.key().as_str()
    }

    fn failed(&self, error: datafusion::error::DataFusionError) -> StoreError {
        StoreError::engine(self.subject(), error)
    }
}

/// What came of asking a place, handed on as if it had been found here.
async fn handed_on(found: Increment, to: &Outlet) -> Resolved {
    let Increment { new, stale, orphaned, waiting, extent, computed } = found;
    let pieces = [
        (Finding::New, &new),
        (Finding::Stale, &stale),
        (Finding::Orphaned, &orphaned),
        (Finding::Waiting, &waiting),
    ];
    for (finding, frame) in pieces {
        to.put_all(finding, frame).await;
    }
    Resolved { expected: new.schema, stored: orphaned.schema, extent, computed }
}
