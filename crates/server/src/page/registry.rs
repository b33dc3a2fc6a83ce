//! Jobs, datasets and models.

use std::sync::Arc;

use axum::{Router, extract::State, response::Html, routing::get};
use maud::{Markup, html};
use metalith_registry::{Dataset, Job, Model, Page, find, list};

use super::{
    number, size, time,
    visitor::{Refused, Visitor},
    whole,
};
use crate::{
    app::App,
    wire::{PageParams, Params, Path, id},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/jobs", get(jobs))
        .route("/jobs/{job_id}", get(job))
        .route("/datasets", get(datasets))
        .route("/datasets/{dataset_id}", get(dataset))
        .route("/models", get(models))
}

async fn jobs(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Params(params): Params<PageParams>,
) -> Result<Html<String>, Refused> {
    let page = params.within(&app);
    let (jobs, total) = list::<Job>(&caller.session, page).await?;
    let jobs: Vec<Job> = jobs.into_iter().map(|job| caller.desk.jobs.seen(job)).collect();
    let content = html! {
        form.line data-post="/api/v1/jobs/synthetic" data-job="iq_raw" {
            label { "Dataset " input name="dataset_name" required; }
            label { "Samples " input name="num_samples" type="number" min="1" value="10"; }
            button type="submit" { "Make a dataset" }
        }
        table {
            thead { tr { th { "Job" } th { "Does" } th { "State" } th { "Progress" } th { "Begun by" } th { "At" } th { "" } } }
            tbody { @for job in &jobs { (line(job, Shown::Listed)) } }
        }
        (pages(page, total))
    };
    Ok(whole("/jobs", "Jobs", content))
}

/// Whether something is one of many on a page, or what the page is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Listed,
    Alone,
}

impl Shown {
    /// Where to go when it is deleted; `None` to stay.
    fn then(self, list: &'static str) -> Option<&'static str> {
        match self {
            Self::Listed => None,
            Self::Alone => Some(list),
        }
    }
}

fn line(job: &Job, shown: Shown) -> Markup {
    html! {
        tr data-live=[(!job.status.is_over()).then_some(&job.job_id)] {
            td { a href={ "/jobs/" (job.job_id) } { (job.name) } }
            td { (job.kind) }
            td.state { (job.status.name()) }
            td {
                // Of some work it is not known beforehand how much there is.
                @if job.total == 0 && job.done > 0 {
                    span.count { (job.done) }
                } @else {
                    progress max=(job.total.max(1)) value=(job.done) aria-label="Progress" {}
                    " " span.count { (job.done) " of " (job.total) }
                }
            }
            td { (job.created_by.as_deref().unwrap_or_default()) }
            td { (time(&job.created_at)) }
            td.actions {
                @if !job.status.is_over() {
                    button data-post={ "/api/v1/jobs/synthetic/" (job.job_id) "/cancel" } { "Stop" }
                }
                button.danger data-delete={ "/api/v1/jobs/synthetic/" (job.job_id) } data-kind="job" data-name=(job.name) data-then=[shown.then("/jobs")] { "Delete…" }
            }
        }
    }
}

async fn job(Visitor(caller): Visitor, Path(job_id): Path) -> Result<Html<String>, Refused> {
    let found = find::<Job>(&caller.session, id("job", &job_id)?).await?;
    let job = caller.desk.jobs.seen(found);
    let content = html! {
        table { tbody { (line(&job, Shown::Alone)) } }
        @if let Some(error) = &job.error { p.warning role="alert" { (error) } }
        h2 { "What it was asked to do" }
        pre { (job.config) }
        h2 { "What it says" }
        pre #log data-log=[(!job.status.is_over()).then_some(&job.job_id)] { (job.log) }
    };
    Ok(whole("/jobs", &job.name, content))
}

async fn datasets(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Params(params): Params<PageParams>,
) -> Result<Html<String>, Refused> {
    let page = params.within(&app);
    let (datasets, total) = list::<Dataset>(&caller.session, page).await?;
    let content = html! {
        table {
            thead { tr { th { "Dataset" } th { "Type" } th.number { "Samples" } th.number { "Bytes" } th { "Made by" } th { "At" } th { "" } } }
            tbody {
                @for dataset in &datasets {
                    tr {
                        td { a href={ "/datasets/" (dataset.dataset_id) } { (dataset.name) } }
                        td { (dataset.dataset_type) }
                        td.number { (number(dataset.num_samples.unsigned_abs())) }
                        td.number { (size(dataset.bytes.unsigned_abs())) }
                        td { @if let Some(job) = &dataset.created_by_job_id { a href={ "/jobs/" (job) } { "a job" } } }
                        td { (time(&dataset.created_at)) }
                        td.actions { (delete_dataset(dataset, Shown::Listed)) }
                    }
                }
            }
        }
        (pages(page, total))
    };
    Ok(whole("/datasets", "Datasets", content))
}

fn delete_dataset(dataset: &Dataset, shown: Shown) -> Markup {
    let path = format!("/api/v1/jobs/synthetic/datasets/{}", dataset.dataset_id);
    html! {
        button.danger data-delete=(path) data-kind="dataset" data-name=(dataset.name) data-then=[shown.then("/datasets")] { "Delete…" }
    }
}

async fn dataset(
    Visitor(caller): Visitor,
    Path(dataset_id): Path,
) -> Result<Html<String>, Refused> {
    let dataset: Dataset = find(&caller.session, id("dataset", &dataset_id)?).await?;
    let models = dataset.models(&caller.session).await?;
    let filter = format!("dataset_id%20%3D%20%27{}%27", dataset.dataset_id);
    let content = html! {
        p { (dataset.dataset_type) ", " (number(dataset.num_samples.unsigned_abs())) " samples, " (size(dataset.bytes.unsigned_abs())) }
        p { a href={ "/features/synthetic__sample?filter=" (filter) } { "Its samples" } }
        h2 { "Models that were trained on it" }
        @if models.is_empty() { p { "None." } }
        ul {
            @for model in &models {
                li { a href={ "/models#" (anchor(&model.name)) } { (model.name) } @if model.is_active { " (active)" } }
            }
        }
        p { (delete_dataset(&dataset, Shown::Alone)) }
    };
    Ok(whole("/datasets", &dataset.name, content))
}

/// The place of a model on its page, by its name, for that is what messages tell.
fn anchor(name: &str) -> String {
    let fits = |it: char| if it.is_alphanumeric() { it } else { '-' };
    format!("model-{}", name.chars().map(fits).collect::<String>())
}

async fn models(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Params(params): Params<PageParams>,
) -> Result<Html<String>, Refused> {
    let page = params.within(&app);
    let (models, total) = list::<Model>(&caller.session, page).await?;
    let content = html! {
        table {
            thead { tr { th { "Model" } th { "State" } th { "At" } th { "" } } }
            tbody {
                @for model in &models {
                    @let path = format!("/api/v1/models/{}", model.model_id);
                    @let (verb, name) = if model.is_active { ("deactivate", "Deactivate") } else { ("activate", "Activate") };
                    tr id=(anchor(&model.name)) {
                        td { (model.name) }
                        td { @if model.is_active { "active" } @else { "not in use" } }
                        td { (time(&model.created_at)) }
                        td.actions {
                            button data-post={ (path) "/" (verb) } { (name) }
                            button.danger data-delete=(path) data-kind="model" data-name=(model.name) { "Delete…" }
                        }
                    }
                }
            }
        }
        (pages(page, total))
    };
    Ok(whole("/models", "Models", content))
}

/// The way to other parts of a list.
pub(super) fn pages(page: Page, total: usize) -> Markup {
    let (before, after) =
        (page.offset.saturating_sub(page.limit), page.offset.saturating_add(page.limit));
    html! {
        nav.line aria-label="Pages" {
            span { (number(total as u64)) " in all" }
            @if page.offset > 0 { a href={ "?offset=" (before) "&limit=" (page.limit) } { "Before" } }
            @if after < total { a href={ "?offset=" (after) "&limit=" (page.limit) } { "Further" } }
        }
    }
}
