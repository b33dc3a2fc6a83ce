//! What jobs do. A new kind is a file beside this one and a line in [`KINDS`].

use std::fmt;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Progress, iq::Iq, pipeline::RunPipeline, scan::Scan};
use crate::{Job, RegistryError, Session};

/// Something that a job can do.
///
/// A job may be interrupted at any moment and begun again, by another process too. So `run` does
/// the same again when it is called again, and what it makes has ids that follow from its
/// configuration.
#[async_trait]
pub trait JobKind: fmt::Debug + Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Refuses a configuration that makes no sense, and completes it with everything that is to be
    /// the same whenever the job is begun.
    async fn check(
        &self,
        session: &Session,
        config: Map<String, Value>,
    ) -> Result<Map<String, Value>, RegistryError>;

    /// Does it. Asks [`Progress::check`] before it writes objects, and writes records by
    /// `Progress::write`.
    async fn run(
        &self,
        session: &Session,
        job: &Job,
        progress: &Progress,
    ) -> Result<(), RegistryError>;
}

/// Every kind of job.
pub static KINDS: &[&dyn JobKind] = &[&Iq, &RunPipeline, &Scan];

/// The kind of a name.
pub(super) fn kind_of(name: &str) -> Result<&'static dyn JobKind, RegistryError> {
    KINDS.iter().copied().find(|kind| kind.name() == name).ok_or_else(|| {
        let known = KINDS.iter().map(|kind| kind.name()).collect();
        RegistryError::UnknownKind { kind: name.to_owned(), known }
    })
}

/// The configuration of a job as its kind has it.
pub(super) fn config_of<T: DeserializeOwned>(
    kind: &str,
    config: Value,
) -> Result<T, RegistryError> {
    serde_json::from_value(config).map_err(|error| RegistryError::Setting {
        setting: "config",
        problem: format!("does not fit a {kind}: {error}"),
    })
}
