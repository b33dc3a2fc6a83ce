//! The features of the registry: jobs, datasets, samples and models.

use metalith_document::Format;
use metalith_graph::{FeatureDefinition, parse_features};

use crate::ProjectError;

/// The address below which datasets have their objects, unless the project says otherwise.
const DEFAULT_OBJECTS: &str = "s3://heimdall-synthetic-iq/synthetic";

/// What a project says about its registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrySettings {
    /// The address below which each dataset has a folder of its own.
    pub objects: String,
    /// The folder whose pipelines jobs may run, relative to the project; none may be run without it.
    pub pipelines: Option<String>,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self { objects: DEFAULT_OBJECTS.to_owned(), pipelines: None }
    }
}

impl RegistrySettings {
    /// Where the objects of datasets are. Those of a space have its name in their address, which is
    /// what tells them from those of others.
    pub fn place(&self, space: Option<&str>) -> String {
        let objects = self.objects.trim_end_matches('/');
        match space {
            Some(space) => format!("{objects}/{space}"),
            None => objects.to_owned(),
        }
    }
}

/// The features of a registry, as a file of features declares them.
pub(crate) fn definitions(
    settings: &RegistrySettings,
    space: Option<&str>,
) -> Result<Vec<FeatureDefinition>, ProjectError> {
    let text =
        include_str!("registry.toml").replace("OBJECTS/", &format!("{}/", settings.place(space)));
    Ok(parse_features("the registry", &text, Format::Toml)?)
}
