//! Holds: samples that nobody may delete, whatever they ask for.
//!
//! A hold names a feature and conditions; samples that meet them when a deletion is planned are
//! held, so those that come later are held too. Holds are rows of the system table
//! `metalith-system/holds`; the newest row of an id counts.

use std::collections::BTreeMap;

use metalith_base::{FeatureKey, Timestamp};
use metalith_expr::Expr;
use metalith_graph::FeatureGraph;
use metalith_store::{CommitNote, DeletionMode, Keys, ReadOptions, Rows, Store, StoreError};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit::{self, Event, Record},
    deletion::{CascadeRequest, DeletionError, Reach, scope},
    system_rows::{self, Row, table, texts, time},
};

pub(crate) const TABLE: &str = "metalith-system/holds";

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// By which it is released.
    pub id: String,
    /// Whose samples are held.
    pub feature: FeatureKey,
    /// Conditions, all of which a sample must meet to be held. None: every sample.
    pub filters: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// Who placed it, or released it.
    pub actor: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Whether it is not in force any more.
    pub is_released: bool,
}

/// Places a hold. Its conditions are tried first: one that cannot be evaluated would block every
/// deletion of the feature. Samples of a store further down the fallback chain are refused: who
/// deletes there does not look here.
pub async fn add(
    store: &Store,
    graph: &FeatureGraph,
    feature: &FeatureKey,
    filters: &[Expr],
    reason: Option<&str>,
) -> Result<(Hold, u64), DeletionError> {
    let feature = graph.feature(feature).map_err(StoreError::from)?.key().clone();
    store.require_here(&feature).await?;
    let held = held(store, graph, &feature, filters).await?.map_or(0, |keys| keys.len() as u64);
    let hold = Hold {
        id: Uuid::now_v7().to_string(),
        feature,
        filters: filters.iter().map(ToString::to_string).collect(),
        reason: reason.map(str::to_owned),
        actor: store.actor().map(str::to_owned),
        at: store.now(),
        is_released: false,
    };
    record(store, &hold, Event::HoldAdded).await?;
    Ok((hold, held))
}

/// Releases a hold; returns it, or an error when there is none of this id in force.
pub async fn release(store: &Store, id: &str) -> Result<Hold, DeletionError> {
    let found = list(store).await?.into_iter().find(|hold| hold.id == id && !hold.is_released);
    let Some(hold) = found else { return Err(DeletionError::NoHold { hold: id.to_owned() }) };
    let released = Hold {
        actor: store.actor().map(str::to_owned),
        at: store.now(),
        is_released: true,
        ..hold
    };
    record(store, &released, Event::HoldReleased).await?;
    Ok(released)
}

/// Every hold there ever was, in the order of their ids, which is that of their making.
pub async fn list(store: &Store) -> Result<Vec<Hold>, StoreError> {
    let Some(rows) = store.read_system(&table(TABLE)).await? else { return Ok(Vec::new()) };
    let mut holds: BTreeMap<String, Hold> = BTreeMap::new();
    for row in system_rows::rows(&rows.collect().await?) {
        let hold = read_hold(row)?;
        let known = holds.get(&hold.id);
        if known.is_none_or(|known| known.at <= hold.at) {
            holds.insert(hold.id.clone(), hold);
        }
    }
    Ok(holds.into_values().collect())
}

/// The samples that conditions hold; `None` when the feature has no table.
pub(crate) async fn held(
    store: &Store,
    graph: &FeatureGraph,
    feature: &FeatureKey,
    filters: &[Expr],
) -> Result<Option<Keys>, DeletionError> {
    // As for ever, so that hidden samples are held too: they could be restored.
    let request = CascadeRequest {
        feature_history: true,
        ..CascadeRequest::new(feature.clone(), DeletionMode::Hard, filters.to_vec())
    };
    let scope = scope::of_request(store, graph, &request, Reach::AnyInput).await?;
    if store.stored_schema(graph, feature).await?.is_none() {
        return Ok(None);
    }
    let ids = graph.feature(feature).map_err(StoreError::from)?.spec().id_columns.clone();
    let options = ReadOptions {
        columns: Some(ids.clone()),
        feature_history: true,
        include_deleted: true,
        filters: scope.filters,
        within: scope.within,
        ..ReadOptions::default()
    };
    let rows = store.read_whole(graph, feature, &options).await?;
    Ok(Some(Keys::new(&ids, &ids, &rows.schema, &rows.batches)?))
}

async fn record(store: &Store, hold: &Hold, event: Event) -> Result<(), StoreError> {
    let filters = json!(hold.filters).to_string();
    let released = if hold.is_released { "released" } else { "in force" };
    let row = system_rows::batch(vec![
        ("id", texts([Some(hold.id.as_str())])),
        ("feature", texts([Some(hold.feature.as_str())])),
        ("filters", texts([Some(filters.as_str())])),
        ("reason", texts([hold.reason.as_deref()])),
        ("actor", texts([hold.actor.as_deref()])),
        ("at", time(hold.at)),
        ("state", texts([Some(released)])),
    ])?;
    store.append_system(&table(TABLE), Rows::from_batch(row), CommitNote::new("hold")).await?;
    let details =
        json!({ "hold": hold.id, "feature": hold.feature.as_str(), "reason": hold.reason });
    audit::append(store, Record { event, deletion: None, details, once: None }).await
}

fn read_hold(row: Row<'_>) -> Result<Hold, StoreError> {
    // A hold that cannot be understood must not be overlooked.
    let odd = |detail: &str| StoreError::Corrupt {
        feature: table(TABLE),
        location: row.text("id").unwrap_or_default().to_owned(),
        detail: detail.to_owned(),
    };
    let filters = row.text("filters").and_then(|text| serde_json::from_str(text).ok());
    Ok(Hold {
        id: row.text("id").ok_or_else(|| odd("a hold has no id"))?.to_owned(),
        feature: row
            .text("feature")
            .and_then(|feature| feature.parse().ok())
            .ok_or_else(|| odd("a hold names no feature"))?,
        filters: filters.ok_or_else(|| odd("a hold has filters that are no list of texts"))?,
        reason: row.text("reason").map(str::to_owned),
        actor: row.text("actor").map(str::to_owned),
        at: row.time("at").ok_or_else(|| odd("a hold has no time"))?,
        is_released: row.text("state") == Some("released"),
    })
}
