//! What people register themselves: datasets that were made elsewhere, models, and what these use.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use metalith_expr::{column, lit};
use metalith_lifecycle::deletion::being_deleted;
use metalith_store::Keys;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    Dataset, Job, Model, Record, RegistryError, Session, Usage, delete_model, find,
    record::{is, key, readable, select, write},
};

/// The longest name.
const NAME_LENGTH: usize = 200;

/// A dataset to be registered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDataset {
    /// What people call it.
    pub name: String,
    /// What is in it.
    pub dataset_type: String,
    /// The job that made it, if one of those here did.
    #[serde(default)]
    pub created_by_job_id: Option<String>,
}

/// A model to be registered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewModel {
    /// What people call it.
    pub name: String,
    /// Whether it is in use.
    #[serde(default)]
    pub is_active: bool,
    /// The datasets it was trained on.
    #[serde(default)]
    pub dataset_ids: Vec<String>,
}

/// Registers a dataset that was made elsewhere, or by a job for which somebody else works.
pub async fn register_dataset(
    session: &Session,
    new: NewDataset,
) -> Result<Dataset, RegistryError> {
    check_name("name", &new.name)?;
    check_name("dataset_type", &new.dataset_type)?;
    // However the caller spells it: what refers to the job is found by its id as it is stored.
    let job = new.created_by_job_id.map(|job| parse_id("job", &job)).transpose()?;
    if let Some(job) = job {
        find::<Job>(session, job).await?;
    }
    let dataset = Dataset {
        dataset_id: Uuid::now_v7().to_string(),
        name: new.name,
        dataset_type: new.dataset_type,
        created_by_job_id: job.map(|job| job.to_string()),
        num_samples: 0,
        bytes: 0,
        created_at: session.store().now().to_string(),
    };
    write(session, std::slice::from_ref(&dataset)).await?;
    let Some(job) = job else { return Ok(dataset) };
    if standing::<Job>(session, &[job]).await?.is_empty() {
        // It went meanwhile, and did not see what refers to it since.
        let dataset = Dataset { created_by_job_id: None, ..dataset };
        write(session, std::slice::from_ref(&dataset)).await?;
        return Ok(dataset);
    }
    Ok(dataset)
}

/// Registers a model and the datasets it was trained on, which must be there.
///
/// A deletion is written down before it looks who uses what it deletes, and here it is looked for
/// deletions after the use is written down: so either a dataset stays, or the model is not used.
pub async fn register_model(session: &Session, new: NewModel) -> Result<Model, RegistryError> {
    check_name("name", &new.name)?;
    let mut ids = Vec::new();
    for text in &new.dataset_ids {
        let id = parse_id("dataset", text)?;
        find::<Dataset>(session, id).await?;
        ids.push(id);
    }
    ids.sort_unstable();
    ids.dedup();
    let (model_id, created_at) = (Uuid::now_v7().to_string(), session.store().now().to_string());
    let usages: Vec<Usage> = ids
        .iter()
        .map(|id| Usage {
            model_id: model_id.clone(),
            dataset_id: id.to_string(),
            created_at: created_at.clone(),
        })
        .collect();
    let model = Model { model_id, name: new.name, is_active: new.is_active, created_at };
    // The model first: a use without its model would protect nothing and stay for ever.
    write(session, std::slice::from_ref(&model)).await?;
    let used = async {
        write(session, &usages).await?;
        require_standing(session, &model, &ids).await
    };
    if let Err(error) = used.await {
        let id = parse_id("model", &model.model_id)?;
        if let Err(error) = delete_model(session, id).await {
            tracing::error!(model = model.model_id, %error, "a model could not be taken back");
        }
        return Err(error);
    }
    Ok(model)
}

/// Refuses a model some of whose datasets are gone, or about to go.
async fn require_standing(
    session: &Session,
    model: &Model,
    datasets: &[Uuid],
) -> Result<(), RegistryError> {
    let standing = standing::<Dataset>(session, datasets).await?;
    let lost: Vec<String> =
        datasets.iter().filter(|id| !standing.contains(id)).map(Uuid::to_string).collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(RegistryError::LosesDatasets { model: model.name.clone(), datasets: lost })
}

/// Those of some records that are there and that no deletion under way names.
async fn standing<R: Record>(session: &Session, ids: &[Uuid]) -> Result<Vec<Uuid>, RegistryError> {
    let mut standing = Vec::new();
    for id in ids {
        let column = Arc::new(StringArray::from(vec![id.to_string()])) as _;
        let row = RecordBatch::try_from_iter_with_nullable([(R::ID, column, true)])?;
        let names = [R::ID.to_owned()];
        let keys = Keys::new(&names, &names, &row.schema(), std::slice::from_ref(&row))?;
        // Deletions first: one that ends in between has removed the record by then.
        let is_going = being_deleted(session.store(), &key::<R>(), &keys).await?;
        if !is_going && !select::<R>(session, Some(is(R::ID, *id))).await?.is_empty() {
            standing.push(*id);
        }
    }
    Ok(standing)
}

/// Puts a model in use: its datasets may not go any more.
pub async fn activate(session: &Session, id: Uuid) -> Result<Model, RegistryError> {
    set_active(session, id, true).await
}

/// Takes a model out of use.
pub async fn deactivate(session: &Session, id: Uuid) -> Result<Model, RegistryError> {
    set_active(session, id, false).await
}

async fn set_active(session: &Session, id: Uuid, is_active: bool) -> Result<Model, RegistryError> {
    let model: Model = find(session, id).await?;
    if model.is_active == is_active {
        return Ok(model);
    }
    let datasets = if is_active { model.dataset_ids(session).await? } else { Vec::new() };
    let mut there = Vec::new();
    for id in datasets.iter().filter_map(|id| Uuid::parse_str(id).ok()) {
        // What went while the model was not in use is gone, and no reason against it.
        if !select::<Dataset>(session, Some(is(Dataset::ID, id))).await?.is_empty() {
            there.push(id);
        }
    }
    let changed = Model { is_active, ..model.clone() };
    write(session, std::slice::from_ref(&changed)).await?;
    if is_active && let Err(error) = require_standing(session, &changed, &there).await {
        write(session, &[model]).await?;
        return Err(error);
    }
    Ok(changed)
}

impl Dataset {
    /// The models that were trained on it, by name.
    pub async fn models(&self, session: &Session) -> Result<Vec<Model>, RegistryError> {
        let of_this = column("dataset_id").eq(lit(self.dataset_id.clone()));
        let mut models = Vec::new();
        for usage in select::<Usage>(session, Some(of_this)).await? {
            let Ok(id) = Uuid::parse_str(&usage.model_id) else { continue };
            models.extend(readable::<Model>(session, Some(is("model_id", id))).await?);
        }
        models.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(models)
    }
}

impl Model {
    /// The ids of the datasets it was trained on.
    pub async fn dataset_ids(&self, session: &Session) -> Result<Vec<String>, RegistryError> {
        let of_this = column("model_id").eq(lit(self.model_id.clone()));
        let usages = select::<Usage>(session, Some(of_this)).await?;
        let mut ids: Vec<String> = usages.into_iter().map(|it| it.dataset_id).collect();
        ids.sort();
        Ok(ids)
    }
}

/// The id that a text is.
pub fn parse_id(noun: &'static str, text: &str) -> Result<Uuid, RegistryError> {
    Uuid::parse_str(text).map_err(|_| RegistryError::NotAnId { noun, id: text.to_owned() })
}

/// Refuses what could not be shown on one line.
pub(crate) fn check_name(setting: &'static str, name: &str) -> Result<(), RegistryError> {
    let problem = if name.trim().is_empty() {
        "must not be empty"
    } else if name.chars().count() > NAME_LENGTH {
        "must not be longer than 200 characters"
    } else if name.chars().any(char::is_control) {
        "must not have control characters"
    } else {
        return Ok(());
    };
    Err(RegistryError::Setting { setting, problem: problem.to_owned() })
}
