//! Removing a feature's table with everything in it.

use metalith_base::FeatureKey;
use metalith_store::DeletionMode;
use serde_json::json;

use super::{Blocker, CascadePlan, CascadeRequest, DeletionError};
use crate::{
    Context,
    audit::{self, Event, Record},
    holds,
};

/// Removes a feature's table with everything in it; `false` when there was none.
///
/// What protects any of its samples protects the table; of a feature that the graph does not know,
/// any hold does. Objects of its samples stay; an audit of objects finds them.
pub async fn drop_feature(
    context: Context<'_>,
    feature: &FeatureKey,
) -> Result<bool, DeletionError> {
    // What is further down the fallback chain stays, and is seen again.
    let context = Context { store: &context.store.alone(), ..context };
    if context.graph.feature(feature).is_ok() {
        let request = CascadeRequest {
            feature_history: true,
            ..CascadeRequest::new(feature.clone(), DeletionMode::Hard, Vec::new())
        };
        let plan = CascadePlan::make(context, &request).await?;
        if !plan.blockers.is_empty() {
            return Err(DeletionError::Blocked { blockers: plan.blockers });
        }
    } else {
        let holds = holds::list(context.store).await?.into_iter();
        let holds = holds.filter(|hold| !hold.is_released && hold.feature == *feature);
        let blockers: Vec<Blocker> = holds.map(Blocker::of_unknown).collect();
        if !blockers.is_empty() {
            return Err(DeletionError::Blocked { blockers });
        }
    }
    let was_there = context.store.drop_feature(feature).await?;
    if was_there {
        let details = json!({ "feature": feature.as_str() });
        let record = Record { event: Event::Dropped, deletion: None, details, once: None };
        audit::append(context.store, record).await?;
    }
    Ok(was_there)
}
