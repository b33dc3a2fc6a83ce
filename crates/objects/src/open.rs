//! From an address to a client.

use std::{collections::BTreeMap, env, path, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut},
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
    gcp::{GoogleCloudStorageBuilder, GoogleConfigKey},
    local::LocalFileSystem,
    path::Path,
};
use url::Url;

use crate::{ObjectError, ObjectLocation, location::Vendor};

/// How long to wait for a connection. A few tries of it fit into [`RETRY_TIMEOUT`].
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one request may take. A part of an upload is some megabytes.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// After this no request is tried again.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);

/// A place that was opened.
#[derive(Clone, Debug)]
pub struct OpenedLocation {
    /// The client, whose paths start at the root of the bucket or of the file system.
    pub store: Arc<dyn ObjectStore>,
    /// The path of the place in it.
    pub prefix: Path,
    /// The address, with a slash at its end.
    pub url: Url,
    /// The folder as an absolute path, for a local place.
    pub folder: Option<path::PathBuf>,
}

/// Makes the client for a place. Nothing is sent and nothing is created yet.
///
/// `options` are those of the kind of storage, by the names that its vendor's tools use, with or
/// without their prefix (`region` or `aws_region`). Options given win over the environment.
pub fn open(
    location: &ObjectLocation,
    options: &BTreeMap<String, String>,
) -> Result<OpenedLocation, ObjectError> {
    match location {
        ObjectLocation::Local(folder) => open_local(folder),
        ObjectLocation::Remote(url) => open_remote(location, url, options),
    }
}

fn open_local(folder: &path::Path) -> Result<OpenedLocation, ObjectError> {
    let shown = || folder.display().to_string();
    let failed = |source: std::io::Error| ObjectError::storage("find", shown(), source);
    let folder = normal(&path::absolute(folder).map_err(failed)?);
    let bad = || ObjectError::BadLocation { text: shown(), source: None };
    let url = Url::from_directory_path(&folder).map_err(|()| bad())?;
    let prefix = Path::from_url_path(url.path()).map_err(|_| bad())?;
    Ok(OpenedLocation {
        store: Arc::new(LocalFileSystem::new()),
        prefix,
        url,
        folder: Some(folder),
    })
}

/// Resolves `..` by name, so that the path and its address agree.
pub(crate) fn normal(folder: &path::Path) -> path::PathBuf {
    let mut normal = path::PathBuf::new();
    for component in folder.components() {
        if component == path::Component::ParentDir {
            normal.pop();
        } else {
            normal.push(component);
        }
    }
    normal
}

fn open_remote(
    location: &ObjectLocation,
    url: &Url,
    options: &BTreeMap<String, String>,
) -> Result<OpenedLocation, ObjectError> {
    let Some(vendor) = ObjectLocation::vendor(url) else {
        let text = location.to_string();
        return Err(ObjectError::UnknownScheme { text, scheme: url.scheme().to_owned() });
    };
    let store = match vendor {
        Vendor::Amazon => open_amazon(location, url, options),
        Vendor::Google => open_google(location, url, options),
        Vendor::Azure => open_azure(location, url, options),
    }?;
    let prefix = Path::from_url_path(url.path())
        .map_err(|_| ObjectError::BadLocation { text: location.to_string(), source: None })?;
    let mut url = url.clone();
    url.set_path(&format!("{}/", url.path().trim_end_matches('/')));
    Ok(OpenedLocation { store, prefix, url, folder: None })
}

macro_rules! configure {
    ($builder:expr, $key:ty, $location:expr, $options:expr) => {{
        let mut builder = $builder;
        for (name, value) in $options {
            let key: $key =
                name.to_lowercase().parse().map_err(|source| ObjectError::BadOption {
                    name: name.clone(),
                    location: $location.to_string(),
                    source,
                })?;
            builder = builder.with_config(key, value);
        }
        builder
    }};
}

fn open_amazon(
    location: &ObjectLocation,
    url: &Url,
    options: &BTreeMap<String, String>,
) -> Result<Arc<dyn ObjectStore>, ObjectError> {
    let plain = options.get("endpoint").or_else(|| options.get("aws_endpoint"));
    let plain = plain.is_some_and(|endpoint| endpoint.starts_with("http://"));
    let builder = AmazonS3Builder::from_env()
        .with_url(url.as_str())
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(client_options("AWS_ALLOW_HTTP", plain))
        .with_retry(retry_config());
    let builder = configure!(builder, AmazonS3ConfigKey, location, options);
    Ok(Arc::new(builder.build().map_err(|source| incomplete(location, source))?))
}

fn open_google(
    location: &ObjectLocation,
    url: &Url,
    options: &BTreeMap<String, String>,
) -> Result<Arc<dyn ObjectStore>, ObjectError> {
    let builder = GoogleCloudStorageBuilder::from_env()
        .with_url(url.as_str().replacen("gcs://", "gs://", 1))
        .with_client_options(client_options("GOOGLE_ALLOW_HTTP", false))
        .with_retry(retry_config());
    let builder = configure!(builder, GoogleConfigKey, location, options);
    Ok(Arc::new(builder.build().map_err(|source| incomplete(location, source))?))
}

fn open_azure(
    location: &ObjectLocation,
    url: &Url,
    options: &BTreeMap<String, String>,
) -> Result<Arc<dyn ObjectStore>, ObjectError> {
    let builder = MicrosoftAzureBuilder::from_env()
        .with_url(url.as_str())
        .with_client_options(client_options("AZURE_ALLOW_HTTP", false))
        .with_retry(retry_config());
    let builder = configure!(builder, AzureConfigKey, location, options);
    Ok(Arc::new(builder.build().map_err(|source| incomplete(location, source))?))
}

fn incomplete(location: &ObjectLocation, source: object_store::Error) -> ObjectError {
    ObjectError::Incomplete { location: location.to_string(), source }
}

/// Options of the HTTP client. They replace those that the builder took from the environment, so
/// the one of them that matters is read again.
fn client_options(allow_http: &str, plain: bool) -> ClientOptions {
    let allowed = env::var(allow_http).is_ok_and(|value| value == "true" || value == "1");
    ClientOptions::new()
        .with_allow_http(allowed || plain)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_timeout(REQUEST_TIMEOUT)
}

fn retry_config() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 6,
        retry_timeout: RETRY_TIMEOUT,
    }
}

#[cfg(test)]
mod tests;
