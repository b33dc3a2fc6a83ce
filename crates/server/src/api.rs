//! The API, one file per resource.

pub(crate) mod audit;
pub(crate) mod datasets;
pub(crate) mod deletions;
pub(crate) mod features;
pub(crate) mod holds;
pub(crate) mod jobs;
pub(crate) mod models;
pub(crate) mod outcome;
pub(crate) mod runs;
pub(crate) mod storage;
pub(crate) mod system;

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// Every route of the API.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .merge(audit::routes())
        .merge(datasets::routes())
        .merge(deletions::routes())
        .merge(features::routes())
        .merge(holds::routes())
        .merge(jobs::routes())
        .merge(models::routes())
        .merge(runs::routes())
        .merge(storage::routes())
        .merge(system::routes())
}
