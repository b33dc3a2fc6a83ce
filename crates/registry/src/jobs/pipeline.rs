//! A job that runs a pipeline.

use std::{collections::BTreeMap, path::PathBuf};

use async_trait::async_trait;
use metalith_base::Timestamp;
use metalith_pipeline::{
    Confines, Options, Outcome, Report, Surroundings, run, runs, seed_of, time_of, validate,
};
use metalith_project::Project;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{JobKind, Progress, kind::config_of};
use crate::{Job, RegistryError, Session};

/// Runs one of the pipelines that the project has in a folder: a caller from afar chooses among
/// them, and says nothing about what is read and written. Samples are not deleted for good.
///
/// A space has the pipelines of the folder that has its name in that folder, which read and write
/// its store, that folder, and what of the project's places has its name; nobody else's name those.
///
/// A run whose process ended before its outputs took their places is begun again; one that ended
/// while they did is not, since some may be where they belong.
#[derive(Debug)]
pub(super) struct RunPipeline;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The name of its file, without the ending.
    pipeline: String,
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

#[async_trait]
impl JobKind for RunPipeline {
    fn name(&self) -> &'static str {
        "pipeline"
    }

    async fn check(
        &self,
        session: &Session,
        config: Map<String, Value>,
    ) -> Result<Map<String, Value>, RegistryError> {
        let parsed = config_of::<Config>("pipeline", Value::Object(config.clone()))?;
        require_plain(&parsed.variables)?;
        let file = File::of(session, &parsed.pipeline).await?;
        let project = session.space().project();
        let surroundings = file.surroundings(project, session.store().now());
        let options = Options { variables: parsed.variables, ..Options::default() };
        Box::pin(validate(file.given(), &surroundings, &options)).await?;
        Ok(config)
    }

    async fn run(
        &self,
        session: &Session,
        job: &Job,
        progress: &Progress,
    ) -> Result<(), RegistryError> {
        let config = config_of::<Config>("pipeline", serde_json::from_str(&job.config)?)?;
        for before in runs(session.store()).await? {
            if before.id.starts_with(&format!("{}-", job.job_id)) {
                match before.outcome {
                    Outcome::Succeeded => return Ok(()),
                    Outcome::Failed(error) => return Err(RegistryError::Run { error }),
                    Outcome::Publishing(places) => {
                        return Err(RegistryError::HalfPublished { places });
                    }
                    Outcome::Begun | Outcome::Interrupted => {}
                }
            }
        }
        let file = File::of(session, &config.pipeline).await?;
        // The same time whenever it is begun, so that its rows have the same ids.
        let now = time_of(&job.created_at).unwrap_or_else(|| session.store().now());
        let project = session.space().project().acting_as(job.created_by.as_deref());
        let mut surroundings = file.surroundings(&project, now);
        surroundings.run = format!("{}-{}", job.job_id, job.attempts);
        let meter = progress.clone();
        let options = Options {
            variables: config.variables,
            seed: seed_of(&job.job_id),
            progress: Box::new(move |rows| meter.set_done(rows)),
            ..Options::default()
        };
        progress.check()?;
        let report = tokio::select! {
            report = Box::pin(run(file.given(), &surroundings, options)) => report?,
            () = progress.stopped() => return Err(RegistryError::Cancelled),
        };
        tell(&report, progress);
        Ok(())
    }
}

/// A project file of a pipeline.
struct File {
    folder: PathBuf,
    shown: String,
    text: String,
    confines: Option<Confines>,
}

impl File {
    async fn of(session: &Session, name: &str) -> Result<Self, RegistryError> {
        let odd = |problem: String| RegistryError::Setting { setting: "pipeline", problem };
        let settings = session.space().project().settings();
        let folder = settings.registry.as_ref().and_then(|it| it.pipelines.as_ref());
        let Some(folder) = folder else {
            let problem =
                "cannot be run: the project names no folder of `pipelines` in `[registry]`";
            return Err(odd(problem.to_owned()));
        };
        let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_".contains(it);
        let all = session.space().project().root().join(folder);
        let folder = session.space().name().map_or_else(|| all.clone(), |space| all.join(space));
        let file = folder.join(format!("{name}.yaml"));
        if name.is_empty() || !name.chars().all(is_plain) || !file.is_file() {
            return Err(odd(format!("is `{name}`, which the project does not have")));
        }
        let text = std::fs::read_to_string(&file)
            .map_err(|error| odd(format!("is `{name}`, whose file cannot be read: {error}")))?;
        let own = session.context().own().await?;
        let confines = match session.space().name() {
            Some(space) => {
                let beside = session.store().spaces_beside().await?;
                Some(Confines::within(&folder, (space, beside), settings.objects.clone()))
            }
            None if own.others().is_empty() => None,
            None => Some(Confines::beside(&all, own)),
        };
        Ok(Self { folder, shown: format!("{name}.yaml"), text, confines })
    }

    fn given(&self) -> (&str, &str) {
        (&self.shown, &self.text)
    }

    fn surroundings<'a>(&self, project: &'a Project, now: Timestamp) -> Surroundings<'a> {
        let mut surroundings = Surroundings::new(&self.folder, now);
        surroundings.project = Some(project);
        surroundings.confines.clone_from(&self.confines);
        surroundings
    }
}

/// Refuses values that lead a pipeline elsewhere: it may put variables into paths and addresses.
fn require_plain(variables: &BTreeMap<String, String>) -> Result<(), RegistryError> {
    let is_plain = |it: char| it.is_alphanumeric() || " _-+.,:".contains(it);
    let leads = |value: &str| value.contains("..") || !value.chars().all(is_plain);
    let Some((name, _)) = variables.iter().find(|(_, value)| leads(value)) else { return Ok(()) };
    let problem = format!(
        "gives the variable `{name}` a value with other characters than letters, digits, spaces \
         and `_ - + . , :`, or with two dots in a row"
    );
    Err(RegistryError::Setting { setting: "config", problem })
}

fn tell(report: &Report, progress: &Progress) {
    for it in &report.operations {
        progress.log(&format!(
            "{} {}: {} rows in, {} matched, {} out",
            it.number, it.kind, it.rows_in, it.matched, it.rows_out
        ));
    }
    for output in &report.outputs {
        progress.log(&format!("{} {}: {} rows", output.mode, output.destination, output.rows));
    }
}
