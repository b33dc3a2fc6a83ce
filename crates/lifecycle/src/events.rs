//! What happens, told to those who follow the log.
//!
//! An event is one JSON object, for the names of its fields follow the features it is about:
//! deleting a sample of `synthetic/dataset` tells `synthetic_dataset_deleted` with `dataset_id`.

use metalith_base::FeatureKey;
use serde_json::{Map, Value};

/// The target under which events are told; their one field `json` has the object.
pub const TARGET: &str = "metalith::event";

/// Tells an event.
pub(crate) fn tell(event: &str, mut fields: Map<String, Value>) {
    fields.insert("event".to_owned(), event.into());
    let json = Value::Object(fields);
    tracing::info!(target: TARGET, %json);
}

/// The name of the event that samples of a feature were deleted.
pub(crate) fn deleted(feature: &FeatureKey) -> String {
    format!("{}_deleted", feature.as_str().replace(['/', '-'], "_"))
}

/// The last part of a feature's name: what one of its samples is.
pub(crate) fn noun(feature: &FeatureKey) -> &str {
    feature.parts().last().unwrap_or_default()
}
