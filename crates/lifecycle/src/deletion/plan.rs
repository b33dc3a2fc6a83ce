//! Finding what a deletion would do.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::{Direction, Feature, FeatureGraph, Start};
use metalith_store::{DeletionMode, DeletionPlan, DeletionRequest, Keys, StoreError};
use serde_json::Map;

use super::{
    Action, Blocker, Cascade, CascadePlan, CascadeRequest, DeletionError, Records, Step,
    protect::blockers,
    scope::{self, Scope},
    told,
    walk::{Reach, Walk},
};
use crate::{
    Context,
    journal::{Intent, IntentStep, OwnedObject},
    objects::{
        named::{self, Which},
        purge::{self, Doomed},
    },
};

/// Finds what a deletion would do, and does nothing.
pub(super) async fn make(
    context: Context<'_>,
    request: &CascadeRequest,
) -> Result<CascadePlan, DeletionError> {
    let Context { store, graph, .. } = context;
    if graph.feature(&request.feature).map_err(StoreError::from)?.is_external() {
        return Err(DeletionError::External { feature: request.feature.clone() });
    }
    let scope = scope::of_request(store, graph, request, Reach::AllInputs).await?;
    let mut walk = Walk::new(store, graph, request);
    walk.follow(&scope).await?;
    let mut plan = CascadePlan {
        made_at: Instant::now(),
        request: request.clone(),
        intent: Intent {
            id: uuid::Uuid::now_v7().to_string(),
            begun_at: store.now(),
            feature: request.feature.clone(),
            is_hard: request.mode == DeletionMode::Hard,
            cascade: request.cascade.name().to_owned(),
            actor: store.actor().map(str::to_owned),
            reason: request.reason.clone(),
            recoverable_until: request.recoverable_until,
            subject: Map::new(),
            subjects: Vec::new(),
            filter_columns: filter_columns(request),
            steps: Vec::new(),
            objects: Vec::new(),
        },
        steps: Vec::new(),
        blockers: Vec::new(),
    };
    for key in order(context, request, &walk)? {
        let feature = graph.feature(&key).map_err(StoreError::from)?;
        add_steps(context, request, &scope, &walk, feature, &mut plan).await?;
    }
    refuse_records(graph, request, &plan)?;
    told::enter_subjects(context, &mut plan.intent).await?;
    plan.made_at = Instant::now();
    plan.blockers = in_the_way(context, request, &plan.intent).await?;
    if request.mode == DeletionMode::Hard {
        plan.intent.objects = find_objects(context, &mut plan.steps).await?;
        for (step, intent) in plan.steps.iter().zip(&mut plan.intent.steps) {
            intent.objects = step.objects;
        }
    }
    Ok(plan)
}

/// What stands in the way of what was written down, however long ago that was.
pub(super) async fn in_the_way_of(
    context: Context<'_>,
    intent: &Intent,
) -> Result<Vec<Blocker>, DeletionError> {
    let request = CascadeRequest {
        feature_history: intent.steps.iter().any(|step| step.feature_history),
        ..CascadeRequest::new(intent.feature.clone(), intent.mode(), Vec::new())
    };
    in_the_way(context, &request, intent).await
}

/// What stands in the way of exactly what is planned: of every sample of which any row goes.
pub(super) async fn in_the_way(
    context: Context<'_>,
    request: &CascadeRequest,
    intent: &Intent,
) -> Result<Vec<Blocker>, DeletionError> {
    let mut walk = Walk::new(context.store, context.graph, request);
    let deleted = intent.steps.iter().filter(|step| step.set_null.is_empty());
    let keys = deleted.filter_map(|step| Some((step.feature.clone(), step.keys.clone()?)));
    walk.take(keys.filter(|(_, keys)| !keys.is_empty()).collect());
    blockers(&walk).await
}

/// Records go by their registry, which alone knows whether something is at work on them.
fn refuse_records(
    graph: &FeatureGraph,
    request: &CascadeRequest,
    plan: &CascadePlan,
) -> Result<(), DeletionError> {
    if request.records == Records::AtRest {
        return Ok(());
    }
    for step in plan.steps.iter().filter(|it| it.rows > 0 || it.feature == request.feature) {
        if graph.feature(&step.feature).map_err(StoreError::from)?.is_record() {
            return Err(DeletionError::Records { feature: step.feature.clone() });
        }
    }
    Ok(())
}

fn filter_columns(request: &CascadeRequest) -> Vec<String> {
    let named: BTreeSet<String> = request.filters.iter().flat_map(Expr::named_columns).collect();
    named.into_iter().collect()
}

/// The features in the order in which they are worked off.
fn order(
    context: Context<'_>,
    request: &CascadeRequest,
    walk: &Walk<'_>,
) -> Result<Vec<FeatureKey>, StoreError> {
    let graph = context.graph;
    let asked = |direction| graph.deletion_order(&request.feature, direction, Start::Included);
    let is_involved = |key: &FeatureKey| {
        *key == request.feature || !walk.doomed(key).is_empty() || !walk.detached(key).is_empty()
    };
    let involved: BTreeSet<FeatureKey> =
        asked(Direction::Both)?.into_iter().filter(is_involved).collect();
    let mut order = match request.cascade {
        Cascade::None => asked(Direction::Downstream)?,
        Cascade::Downstream => return Ok(asked(Direction::Downstream)?),
        Cascade::Both => return Ok(asked(Direction::Both)?),
        Cascade::Upstream => {
            let order = asked(Direction::Upstream)?;
            if involved.iter().all(|key| order.contains(key)) {
                return Ok(order);
            }
            asked(Direction::Both)?
        }
    };
    // Features that declared themselves bound to what goes come along, the others do not.
    order.retain(|key| involved.contains(key));
    Ok(order)
}

async fn add_steps(
    context: Context<'_>,
    request: &CascadeRequest,
    scope: &Scope,
    walk: &Walk<'_>,
    feature: &Feature,
    plan: &mut CascadePlan,
) -> Result<(), DeletionError> {
    let key = feature.key();
    if !walk.detached(key).is_empty() {
        context.store.require_here(key).await?;
    }
    for detached in walk.detached(key) {
        let intent = IntentStep {
            set_null: detached.references.names().to_vec(),
            references: Some(detached.references.clone()),
            samples: detached.ids.len() as u64,
            rows: detached.ids.len() as u64,
            keys: Some(detached.ids.clone()),
            ..empty(feature, request)
        };
        let action = Action::SetNull(intent.set_null.clone());
        plan.steps.push(Step::new(action, &intent, None));
        plan.intent.steps.push(intent);
    }
    let is_start = *key == request.feature;
    let doomed = walk.doomed(key);
    if doomed.is_empty() && !is_start && !walk.detached(key).is_empty() {
        return Ok(());
    }
    let mut intent = empty(feature, request);
    intent.stale = walk.stale(key);
    let mut of_store = request_of(&plan.intent, &intent)?;
    if is_start {
        intent.filters = scope.filters.iter().map(ToString::to_string).collect();
        of_store.filters.clone_from(&scope.filters);
        of_store.within.clone_from(&scope.within);
        if request.mode == DeletionMode::Soft {
            // Of superseded rows, too, only those of samples that go.
            of_store.within = Some(doomed.clone());
        }
    } else {
        of_store.within = Some(doomed.clone());
    }
    let planned = context.store.plan_deletion(context.graph, key, &of_store).await?;
    (intent.samples, intent.rows) = (planned.samples(), planned.rows());
    intent.keys = match request.mode {
        DeletionMode::Soft => Some(doomed),
        DeletionMode::Hard => Some(removed_ids(context, feature, &planned).await?),
    };
    plan.steps.push(Step::new(Action::Delete, &intent, Some(planned)));
    plan.intent.steps.push(intent);
    Ok(())
}

fn empty(feature: &Feature, request: &CascadeRequest) -> IntentStep {
    IntentStep {
        feature: feature.key().clone(),
        feature_version: feature.feature_version().to_owned(),
        set_null: Vec::new(),
        references: None,
        filters: Vec::new(),
        feature_history: request.feature_history,
        sample_history: request.sample_history,
        samples: 0,
        rows: 0,
        stale: 0,
        objects: 0,
        keys: Some(Keys::none()),
    }
}

/// What is asked of the store for a step.
pub(super) fn request_of(
    intent: &Intent,
    step: &IntentStep,
) -> Result<DeletionRequest, DeletionError> {
    let filters = step.filters.iter().map(|text| metalith_expr::parse(text));
    let filters = filters.collect::<Result<Vec<_>, _>>().map_err(DeletionError::Filter)?;
    Ok(DeletionRequest {
        id: Some(intent.id.clone()),
        within: step.keys.clone(),
        feature_history: step.feature_history,
        sample_history: step.sample_history,
        feature_version: Some(step.feature_version.clone()),
        reason: intent.reason.clone(),
        recoverable_until: intent.recoverable_until,
        ..DeletionRequest::new(intent.mode(), filters)
    })
}

/// The ids of every row that a hard deletion removes: also of samples of which only older rows go.
async fn removed_ids(
    context: Context<'_>,
    feature: &Feature,
    planned: &DeletionPlan,
) -> Result<Keys, StoreError> {
    let ids = &feature.spec().id_columns;
    let Some(rows) = context.store.read_removed(planned, &[], ids).await? else {
        return Ok(Keys::none());
    };
    let schema = rows.schema();
    Keys::new(ids, ids, &schema, &rows.collect().await?)
}

/// Finds the objects that go with the rows, and enters the figures into the steps.
async fn find_objects(
    context: Context<'_>,
    steps: &mut [Step],
) -> Result<Vec<OwnedObject>, DeletionError> {
    let mut by_step = Vec::new();
    let mut all = Doomed::default();
    for step in steps.iter() {
        let doomed = match &step.planned {
            Some(planned) => objects_of(context, planned).await?,
            None => Doomed::default(),
        };
        all.add_all(&doomed);
        by_step.push(doomed);
    }
    let owned = all.as_owned();
    let plans = steps.iter().filter_map(|step| Some((&step.feature, step.planned.as_ref()?)));
    let plans: BTreeMap<&FeatureKey, &DeletionPlan> = plans.collect();
    purge::keep_referenced(context, &mut all, &plans).await?;
    // It is asked again before anything goes; here it is about the figures.
    if let Err(error) = purge::keep_named_beside(context, &mut all).await {
        tracing::warn!(%error, "what stays of the objects is not known yet");
    }
    for (step, mut doomed) in steps.iter_mut().zip(by_step) {
        if !doomed.is_empty() {
            doomed.restrict_to(&all);
            (step.objects, step.bytes) = doomed.figures(context).await;
        }
    }
    Ok(owned)
}

/// The objects that samples own of which rows are removed.
pub(super) async fn objects_of(
    context: Context<'_>,
    planned: &DeletionPlan,
) -> Result<Doomed, DeletionError> {
    let feature = context.graph.feature(planned.feature()).map_err(StoreError::from)?;
    let mut doomed = Doomed::default();
    for objects in purge::owned(feature) {
        let add = |named, size| doomed.add(named, size);
        named::each(context, feature, Which::Removed(planned), objects, add).await?;
    }
    Ok(doomed)
}
