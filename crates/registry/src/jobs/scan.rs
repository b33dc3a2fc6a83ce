//! A job that turns what lies in a folder or bucket into samples.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use metalith_base::FeatureKey;
use metalith_ingest::{Gone, RowGuard, ScanEvent, ScanOptions, scan};
use metalith_objects::{ObjectLocation, configured, open};
use metalith_store::StoreError;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{JobKind, Progress, kind::config_of, limits::meter};
use crate::{Job, RegistryError, Session};

/// Scans a place. It goes on where it stopped, because what it found is written as it goes.
#[derive(Debug)]
pub(super) struct Scan;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    location: String,
    feature: FeatureKey,
    #[serde(default)]
    glob: Option<String>,
    #[serde(default)]
    quick: bool,
}

#[async_trait]
impl JobKind for Scan {
    fn name(&self) -> &'static str {
        "scan"
    }

    async fn check(
        &self,
        session: &Session,
        config: Map<String, Value>,
    ) -> Result<Map<String, Value>, RegistryError> {
        let parsed = config_of::<Config>("scan", Value::Object(config.clone()))?;
        require_files(session, &parsed.feature)?;
        require_configured(session, &parsed.location).await?;
        Ok(config)
    }

    async fn run(
        &self,
        session: &Session,
        job: &Job,
        progress: &Progress,
    ) -> Result<(), RegistryError> {
        let config = config_of::<Config>("scan", serde_json::from_str(&job.config)?)?;
        // The project may have changed since the job was written down.
        require_files(session, &config.feature)?;
        let options = require_configured(session, &config.location).await?;
        let location: ObjectLocation = config.location.parse()?;
        let place = open(&location, &options)?;
        let how = ScanOptions {
            glob: config.glob,
            quick: config.quick,
            gone: Gone::Report,
            guard: guard(session, &config.feature).await?,
            ..ScanOptions::default()
        };
        let mut looked = 0;
        let mut tell = |event| match event {
            ScanEvent::Listed { files, .. } => {
                progress.set_total(files as u64);
                progress.log(&format!("{files} files"));
            }
            ScanEvent::Looked { .. } => {
                looked += 1;
                progress.set_done(looked);
            }
        };
        let (store, graph) = (session.store(), session.graph());
        let report = tokio::select! {
            report = scan(&place, store, graph, &config.feature, &how, &mut tell) => report?,
            // What it has written stays, and is not read again the next time.
            () = progress.stopped() => return Err(RegistryError::Cancelled),
        };
        progress.log(&format!(
            "{} new, {} changed, {} unchanged, {} unreadable",
            report.new, report.changed, report.unchanged, report.unreadable.count
        ));
        if let Some(gone) = report.gone.filter(|gone| *gone > 0) {
            progress.log(&format!("the files of {gone} samples are gone"));
        }
        Ok(())
    }
}

/// Refuses features that have no samples of files: those of the registry are its own to write.
fn require_files(session: &Session, feature: &FeatureKey) -> Result<(), RegistryError> {
    let declared = session.graph().feature(feature).map_err(StoreError::from)?;
    if declared.is_record() {
        let problem = format!("is `{feature}`, whose samples are records of the registry");
        return Err(RegistryError::Setting { setting: "feature", problem });
    }
    Ok(())
}

/// What keeps a scan within the project's quota.
async fn guard(session: &Session, feature: &FeatureKey) -> Result<Option<RowGuard>, RegistryError> {
    let feature = session.graph().feature(feature).map_err(StoreError::from)?.clone();
    let meter = meter(session).await?;
    Ok(meter.map(|meter| RowGuard(Arc::new(move |rows| meter.guard(&feature, rows)))))
}

/// The options of a place, which must be at or below one that the project names under `[objects]`:
/// a caller from afar must not choose what this machine reads. It must be the space's own as well, or
/// the scan would tell what others have.
async fn require_configured(
    session: &Session,
    location: &str,
) -> Result<BTreeMap<String, String>, RegistryError> {
    let odd = |problem: String| RegistryError::Setting { setting: "location", problem };
    let refuse = || {
        odd(format!(
            "is `{location}`, which is not below any place under `[objects]` of the project"
        ))
    };
    let places = &session.space().project().settings().objects;
    let own = session.context().own().await?;
    let (asked, options) = configured(location, places).ok_or_else(refuse)?;
    if !own.has(&asked) {
        return Err(odd(format!("is `{location}`, which may be another space's")));
    }
    if !own.others().is_empty() {
        let problem = "can only be scanned in a space while there are spaces beside this one";
        return Err(odd(problem.to_owned()));
    }
    Ok(options.clone())
}
