//! Deleting jobs, datasets and models.

use metalith_expr::Expr;
use metalith_lifecycle::deletion::{
    Action, Cascade, CascadePlan, CascadeRequest, DeletionError, Done, Records,
};
use metalith_store::DeletionMode;
use uuid::Uuid;

use crate::{
    Advice, Dataset, Job, Jobs, Model, Record, RegistryError, Session, find,
    record::{is, key},
};

/// What becomes of the datasets of a job that is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Datasets {
    /// They stay, and do not name a job any more.
    #[default]
    Stay,
    /// They go, with their samples and objects.
    Go,
}

/// What deleting a job did.
#[derive(Debug)]
pub struct JobDeleted {
    /// How many of its datasets went.
    pub datasets: u64,
    /// How many objects went.
    pub files: u64,
    /// All of it.
    pub done: Done,
}

/// Deletes a dataset for good, with its samples and its objects, unless an active model uses it, or
/// a job is still making it, which would write it again. A job that is over writes nothing.
pub async fn delete_dataset(session: &Session, id: Uuid) -> Result<Done, RegistryError> {
    let dataset = find::<Dataset>(session, id).await?;
    if let Some(job) = maker(session, &dataset).await?.filter(|job| !job.status.is_over()) {
        let (noun, id) = (Dataset::NOUN, dataset.dataset_id);
        return Err(RegistryError::BeingMade { noun, id, job: job.job_id });
    }
    let request = request::<Dataset>(is(Dataset::ID, id));
    let done = carry_out(session, Datasets::Stay, &request).await;
    gone::<Dataset>(done.map_err(|error| error.advise(Advice::Dataset))?, id)
}

/// The job that made a dataset, if it is still there.
async fn maker(session: &Session, dataset: &Dataset) -> Result<Option<Job>, RegistryError> {
    let id = dataset.created_by_job_id.as_deref().and_then(|id| Uuid::parse_str(id).ok());
    let Some(id) = id else { return Ok(None) };
    match find::<Job>(session, id).await {
        Ok(job) => Ok(Some(job)),
        Err(RegistryError::Unknown { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What was done, if it was this that deleted the record: of several who ask for it at once, one is
/// told that it is gone, and the others that there is none.
fn gone<R: Record>(done: Done, id: Uuid) -> Result<Done, RegistryError> {
    if deleted::<R>(&done) > 0 {
        return Ok(done);
    }
    Err(RegistryError::Unknown { noun: R::NOUN, id: id.to_string() })
}

/// What deleting a dataset would do.
pub async fn plan_dataset(session: &Session, id: Uuid) -> Result<CascadePlan, RegistryError> {
    find::<Dataset>(session, id).await?;
    Ok(plan(session, Datasets::Stay, &request::<Dataset>(is(Dataset::ID, id))).await?)
}

/// What deleting a job would do.
pub async fn plan_job(
    session: &Session,
    id: Uuid,
    datasets: Datasets,
) -> Result<CascadePlan, RegistryError> {
    find::<Job>(session, id).await?;
    Ok(plan(session, datasets, &request::<Job>(is(Job::ID, id))).await?)
}

/// Deletes a model for good, with what it says it uses. Its datasets stay.
pub async fn delete_model(session: &Session, id: Uuid) -> Result<Done, RegistryError> {
    find::<Model>(session, id).await?;
    let done = carry_out(session, Datasets::Stay, &request::<Model>(is(Model::ID, id))).await?;
    gone::<Model>(done, id)
}

/// Deletes a job for good.
///
/// Whether anything stands in the way is found out over all of its datasets before anything
/// happens. A job at work is stopped then, and only when it has stopped is it deleted, so that it
/// writes nothing after its things are gone.
pub async fn delete_job(
    jobs: &Jobs,
    session: &Session,
    id: Uuid,
    datasets: Datasets,
) -> Result<JobDeleted, RegistryError> {
    find::<Job>(session, id).await?;
    let request = request::<Job>(is(Job::ID, id));
    let advised = |error: RegistryError| error.advise(Advice::Job);
    let plan = plan(session, datasets, &request).await?;
    if !plan.blockers().is_empty() {
        // Applying it records that it was refused, and why.
        plan.apply(context(session, datasets)).await.map_err(|it| advised(it.into()))?;
    }
    let stopped = jobs.stop(session, id).await?;
    let done = carry_out(session, datasets, &request).await;
    stopped.release(session).await;
    let done = gone::<Job>(done.map_err(advised)?, id)?;
    Ok(JobDeleted {
        datasets: deleted::<Dataset>(&done),
        files: done.objects.as_ref().map_or(0, |it| it.deleted),
        done,
    })
}

/// How many records of a kind a deletion deleted.
pub fn deleted<R: Record>(done: &Done) -> u64 {
    let of_record = done.steps.iter().filter(|it| it.feature == key::<R>());
    of_record.filter(|it| it.action == Action::Delete).map(|it| it.samples).sum()
}

fn request<R: Record>(filter: Expr) -> CascadeRequest {
    CascadeRequest {
        cascade: Cascade::None,
        feature_history: true,
        records: Records::AtRest,
        ..CascadeRequest::new(key::<R>(), DeletionMode::Hard, vec![filter])
    }
}

fn context(session: &Session, datasets: Datasets) -> metalith_lifecycle::Context<'_> {
    match datasets {
        Datasets::Stay => session.context(),
        Datasets::Go => session.context_taking_datasets(),
    }
}

async fn plan(
    session: &Session,
    datasets: Datasets,
    request: &CascadeRequest,
) -> Result<CascadePlan, DeletionError> {
    CascadePlan::make(context(session, datasets), request).await
}

async fn carry_out(
    session: &Session,
    datasets: Datasets,
    request: &CascadeRequest,
) -> Result<Done, RegistryError> {
    let plan = plan(session, datasets, request).await?;
    session.begins_deletion(plan.id());
    Ok(plan.apply(context(session, datasets)).await?)
}
