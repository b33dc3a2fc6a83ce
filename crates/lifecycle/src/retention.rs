//! How long things are kept: what has run its time, and what will next.
//!
//! Three rules, declared per feature or for all features of a file. Samples *expire* so long after
//! the time in a column: they are deleted softly, with what was computed from them. Deleted samples
//! are *kept deleted* for a while and then go for good, tombstone and all, so nothing comes back by
//! itself. And rows of *old feature versions* go when there are enough newer ones.
//!
//! Held samples stay, and what a reference protects stays; both are counted.

use std::{collections::BTreeMap, time::Duration};

use datafusion::arrow::{
    array::{Array as _, AsArray as _},
    compute::cast,
    datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
};
use futures::TryStreamExt as _;
use metalith_base::{FeatureKey, Timestamp};
use metalith_expr::parse;
use metalith_graph::{Expiry, Feature, columns};
use metalith_store::{DeletionMode, Keys, ReadOptions, StoreError};
use serde_json::json;

use crate::{
    Context,
    audit::{self, Event, Record},
    deletion::{Blocker, Cascade, CascadePlan, CascadeRequest, DeletionError, Done},
    holds,
};

/// Which rule has run its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Samples that are older than they may get.
    Expire,
    /// Deleted samples that are past their recovery.
    KeepDeleted,
    /// Rows of feature versions that are too old.
    KeepVersions,
}

impl Rule {
    /// The name, as it is declared.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expire => "expire",
            Self::KeepDeleted => "keep_deleted",
            Self::KeepVersions => "keep_versions",
        }
    }
}

/// What one rule of one feature asks for now, and when it will next.
#[derive(Debug)]
pub struct Due {
    /// The feature.
    pub feature: FeatureKey,
    /// The rule.
    pub rule: Rule,
    /// What would be done now; `None` when nothing is due.
    pub plan: Option<CascadePlan>,
    /// Samples that are due and stay because they are held.
    pub held: u64,
    /// When the next sample will be due, as things stand; `None` for rules that do not go by time.
    pub next: Option<Timestamp>,
}

/// What applying retention did.
#[derive(Debug, Default)]
pub struct Applied {
    /// What was deleted, with the rule that asked for it.
    pub done: Vec<(Rule, Done)>,
    /// What was due and could not go.
    pub blocked: Vec<(FeatureKey, Vec<Blocker>)>,
}

/// Finds what is due, and does nothing.
pub async fn plan(context: Context<'_>) -> Result<Vec<Due>, DeletionError> {
    let now = context.store.now();
    let mut found = Vec::new();
    for feature in context.graph.features().filter(|feature| !feature.is_external()) {
        if !has_samples(context, feature).await? {
            continue;
        }
        for rule in [Rule::Expire, Rule::KeepDeleted, Rule::KeepVersions] {
            found.extend(due(context, feature, rule, now).await?);
        }
    }
    Ok(found)
}

/// Does what is due. Each rule of each feature is a deletion of its own; one that is blocked does
/// not keep the others.
pub async fn apply(context: Context<'_>) -> Result<Applied, DeletionError> {
    let mut applied = Applied::default();
    // What expires is deleted first, so that plans for good see it.
    for rule in [Rule::Expire, Rule::KeepDeleted, Rule::KeepVersions] {
        let now = context.store.now();
        for feature in context.graph.features().filter(|feature| !feature.is_external()) {
            if !has_samples(context, feature).await? {
                continue;
            }
            let Some(Due { plan: Some(plan), .. }) = due(context, feature, rule, now).await? else {
                continue;
            };
            match plan.apply(context).await {
                Ok(done) => applied.done.push((rule, done)),
                Err(DeletionError::Blocked { blockers }) => {
                    applied.blocked.push((feature.key().clone(), blockers));
                }
                Err(error) => return Err(error),
            }
        }
    }
    if !applied.done.is_empty() {
        let rules: Vec<_> = applied
            .done
            .iter()
            .map(|(rule, done)| json!({ "rule": rule.name(), "deletion": done.id }))
            .collect();
        let details = json!({ "rules": rules, "blocked": applied.blocked.len() });
        let event = Event::RetentionApplied;
        audit::append(context.store, Record { event, deletion: None, details, once: None }).await?;
    }
    Ok(applied)
}

/// Whether a feature has a table, and in this very store: what is further down the fallback chain is
/// kept as long as is said there.
async fn has_samples(context: Context<'_>, feature: &Feature) -> Result<bool, StoreError> {
    let Context { store, graph, .. } = context;
    let has_table = store.stored_schema(graph, feature.key()).await?.is_some();
    Ok(has_table && store.read_from(feature.key()).await?.is_none())
}

/// What a rule asks of the store.
struct Question {
    /// Conditions that samples which are due meet.
    filters: Vec<String>,
    reading: ReadOptions,
    mode: DeletionMode,
    cascade: Cascade,
    /// A column with times, and how long after them samples are due.
    time: Option<(String, Duration)>,
}

/// What a rule of a feature asks for; `None` when the feature does not have the rule.
async fn due(
    context: Context<'_>,
    feature: &Feature,
    rule: Rule,
    now: Timestamp,
) -> Result<Option<Due>, DeletionError> {
    let question = match rule {
        Rule::Expire => expired(feature, now),
        Rule::KeepDeleted => past_recovery(context, feature, now).await?,
        Rule::KeepVersions => outdated(context, feature).await?,
    };
    let Some(question) = question else { return Ok(None) };
    let mut due = Due { feature: feature.key().clone(), rule, plan: None, held: 0, next: None };
    let filters = question.filters.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>();
    let filters = filters.map_err(DeletionError::Filter)?;
    let reading = ReadOptions { filters: filters.clone(), ..question.reading.clone() };
    let found = read(context, feature, reading).await?;
    let (found, held) = without_held(context, feature, found).await?;
    due.held = held;
    if let Some(time) = &question.time {
        due.next = next(context, feature, &question, time, now).await?;
    }
    if found.is_empty() {
        return Ok(Some(due));
    }
    let request = CascadeRequest {
        within: Some(found),
        cascade: question.cascade,
        feature_history: question.mode == DeletionMode::Hard,
        reason: Some(format!("retention: {}", rule.name())),
        // Asked again with the deletion: a sample may come back, or be extended, in between.
        ..CascadeRequest::new(feature.key().clone(), question.mode, filters)
    };
    let plan = CascadePlan::make(context, &request).await?;
    due.plan = plan.steps().iter().any(|step| step.rows > 0).then_some(plan);
    Ok(Some(due))
}

/// Live samples that are older than they may get.
fn expired(feature: &Feature, now: Timestamp) -> Option<Question> {
    let Expiry { after, column } = feature.definition().retention.expire.as_ref()?;
    let limit = before(now, *after);
    Some(Question {
        filters: vec![format!("{} <= TIMESTAMP '{limit}'", quoted(column))],
        reading: ReadOptions::default(),
        mode: DeletionMode::Soft,
        cascade: Cascade::Downstream,
        time: Some((column.clone(), *after)),
    })
}

/// Samples whose latest row is a tombstone that has been there for long enough.
async fn past_recovery(
    context: Context<'_>,
    feature: &Feature,
    now: Timestamp,
) -> Result<Option<Question>, StoreError> {
    let Some(keep) = feature.definition().retention.keep_deleted else { return Ok(None) };
    let limit = before(now, keep);
    let schema = context.store.stored_schema(context.graph, feature.key()).await?;
    let has = |name: &str| schema.as_ref().is_some_and(|it| it.index_of(name).is_ok());
    let deleted_at = columns::DELETED_AT;
    let mut is_past = format!("{deleted_at} <= TIMESTAMP '{limit}'");
    // Samples that their owner marked have no tombstone of ours.
    if let Some(active) = feature.spec().active.as_ref().filter(|name| has(name)) {
        let (active, updated_at) = (quoted(active), columns::UPDATED_AT);
        is_past.push_str(&format!(
            " OR ({active} = FALSE AND {deleted_at} IS NULL AND {updated_at} <= TIMESTAMP '{limit}')"
        ));
    }
    let mut filters = vec![is_past];
    let until = columns::RECOVERABLE_UNTIL;
    if has(until) {
        filters.push(format!("{until} IS NULL OR {until} <= TIMESTAMP '{now}'"));
    }
    Ok(Some(Question {
        filters,
        reading: ReadOptions {
            include_deleted: true,
            feature_history: true,
            ..ReadOptions::default()
        },
        mode: DeletionMode::Hard,
        cascade: Cascade::None,
        time: Some((deleted_at.to_owned(), keep)),
    }))
}

/// Rows of feature versions beyond those that are kept.
async fn outdated(context: Context<'_>, feature: &Feature) -> Result<Option<Question>, StoreError> {
    let Some(count) = feature.definition().retention.keep_versions else { return Ok(None) };
    let old = old_versions(context, feature, count).await?;
    let texts: Vec<String> =
        old.iter().map(|version| format!("'{}'", version.replace('\'', "''"))).collect();
    let filter = match texts.as_slice() {
        [] => "FALSE".to_owned(),
        texts => format!("{} IN ({})", columns::FEATURE_VERSION, texts.join(", ")),
    };
    Ok(Some(Question {
        filters: vec![filter],
        reading: ReadOptions {
            include_deleted: true,
            feature_history: true,
            sample_history: true,
            ..ReadOptions::default()
        },
        mode: DeletionMode::Hard,
        cascade: Cascade::None,
        time: None,
    }))
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    let micros = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_sub(micros).max(0))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

async fn read(
    context: Context<'_>,
    feature: &Feature,
    options: ReadOptions,
) -> Result<Keys, StoreError> {
    let ids = &feature.spec().id_columns;
    let options = ReadOptions { columns: Some(ids.clone()), ..options };
    let rows = context.store.read_whole(context.graph, feature.key(), &options).await?;
    Keys::new(ids, ids, &rows.schema, &rows.batches)
}

/// The samples that no hold keeps, and how many are held.
async fn without_held(
    context: Context<'_>,
    feature: &Feature,
    mut found: Keys,
) -> Result<(Keys, u64), DeletionError> {
    let before = found.len();
    for hold in holds::list(context.store).await? {
        if hold.is_released || hold.feature != *feature.key() || found.is_empty() {
            continue;
        }
        let filters = hold.filters.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>();
        let filters = filters.map_err(DeletionError::Filter)?;
        if let Some(held) =
            holds::held(context.store, context.graph, feature.key(), &filters).await?
        {
            found = found.without(&held)?;
        }
    }
    let held = (before - found.len()) as u64;
    Ok((found, held))
}

/// When the next sample is due: the earliest time in a column after which it is not yet.
async fn next(
    context: Context<'_>,
    feature: &Feature,
    question: &Question,
    (column, after): &(String, Duration),
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let mut wanted = feature.spec().id_columns.clone();
    if !wanted.contains(column) {
        wanted.push(column.clone());
    }
    let schema = context.store.stored_schema(context.graph, feature.key()).await?;
    if schema.is_none_or(|schema| schema.index_of(column).is_err()) {
        return Ok(None);
    }
    let options = ReadOptions { columns: Some(wanted), ..question.reading.clone() };
    let rows = context.store.read(context.graph, feature.key(), &options).await?;
    let limit = before(now, *after).as_micros();
    let mut earliest: Option<i64> = None;
    let mut batches = rows.into_stream();
    while let Some(batch) = batches.try_next().await? {
        let Some(array) = batch.column_by_name(column) else { continue };
        let times = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None));
        let times = times.map_err(StoreError::arrow)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let later = times.iter().flatten().filter(|time| *time > limit).min();
        earliest = earliest.into_iter().chain(later).min();
    }
    let micros = i64::try_from(after.as_micros()).unwrap_or(i64::MAX);
    Ok(earliest.map(|time| Timestamp::from_micros(time.saturating_add(micros))))
}

/// The feature versions beyond the newest ones; the current one is among the newest whatever its
/// rows say.
async fn old_versions(
    context: Context<'_>,
    feature: &Feature,
    count: u32,
) -> Result<Vec<String>, StoreError> {
    let wanted = [columns::FEATURE_VERSION, columns::UPDATED_AT].map(str::to_owned);
    let rows = context.store.read_everything(feature.key(), &[], &wanted).await?;
    let Some(rows) = rows else { return Ok(Vec::new()) };
    let mut newest: BTreeMap<String, i64> = BTreeMap::new();
    let mut batches = rows.into_stream();
    while let Some(batch) = batches.try_next().await? {
        let (Some(versions), Some(times)) = (
            batch.column_by_name(columns::FEATURE_VERSION),
            batch.column_by_name(columns::UPDATED_AT),
        ) else {
            continue;
        };
        let versions = cast(versions, &DataType::Utf8).map_err(StoreError::arrow)?;
        let times = cast(times, &DataType::Timestamp(TimeUnit::Microsecond, None));
        let times = times.map_err(StoreError::arrow)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        for (row, version) in versions.as_string::<i32>().iter().enumerate() {
            let Some(version) = version else { continue };
            let time = if times.is_valid(row) { times.value(row) } else { i64::MIN };
            match newest.get_mut(version) {
                Some(known) => *known = (*known).max(time),
                None => {
                    newest.insert(version.to_owned(), time);
                }
            }
        }
    }
    newest.insert(feature.feature_version().to_owned(), i64::MAX);
    let mut versions: Vec<(i64, String)> =
        newest.into_iter().map(|(version, time)| (time, version)).collect();
    versions.sort();
    versions.reverse();
    let old = versions.into_iter().skip(count as usize);
    Ok(old.map(|(_, version)| version).collect())
}
