//! Removing a feature's table with everything in it.

use metalith_base::FeatureKey;
use metalith_store::DeletionMode;
use serde_json::json;

use super::{CascadePlan, CascadeRequest, DeletionError};
use crate::{
    Context,
    audit::{self, Event, Record},
};

/// Removes a feature's table with everything in it; `false` when there was none.
///
/// What protects any of its samples protects the table. A feature that the graph does not know has
/// nothing that could protect it. Objects of its samples stay; an audit of objects finds them.
pub async fn drop_feature(
    context: Context<'_>,
    feature: &FeatureKey,
) -> Result<bool, DeletionError> {
    if context.graph.feature(feature).is_ok() {
        let request = CascadeRequest {
            feature_history: true,
            ..CascadeRequest::new(feature.clone(), DeletionMode::Hard, Vec::new())
        };
        let plan = CascadePlan::make(context, &request).await?;
        if !plan.blockers.is_empty() {
            return Err(DeletionError::Blocked { blockers: plan.blockers });
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
