//! Addresses of storage.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use url::Url;

use crate::ObjectError;

/// A folder, or an address of object storage.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum ObjectLocation {
    /// A folder of this machine, perhaps relative to the working directory.
    Local(PathBuf),
    /// A bucket or container with a prefix in it. The path of the address has no slash at its end.
    Remote(Url),
}

/// Schemes of object storage, each with the vendor that [`crate::open`] asks.
pub(crate) const SCHEMES: [(&str, Vendor); 8] = [
    ("s3", Vendor::Amazon),
    ("s3a", Vendor::Amazon),
    ("gs", Vendor::Google),
    ("gcs", Vendor::Google),
    ("az", Vendor::Azure),
    ("azure", Vendor::Azure),
    ("abfs", Vendor::Azure),
    ("abfss", Vendor::Azure),
];

/// Who runs the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    /// S3 and everything that speaks its protocol.
    Amazon,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

impl ObjectLocation {
    /// The folder, for a local one.
    pub fn as_local(&self) -> Option<&Path> {
        match self {
            Self::Local(path) => Some(path),
            Self::Remote(_) => None,
        }
    }

    pub(crate) fn vendor(url: &Url) -> Option<Vendor> {
        SCHEMES.iter().find(|(scheme, _)| *scheme == url.scheme()).map(|(_, vendor)| *vendor)
    }
}

impl FromStr for ObjectLocation {
    type Err = ObjectError;

    fn from_str(text: &str) -> Result<Self, ObjectError> {
        let bad = |source| ObjectError::BadLocation { text: without_secrets(text), source };
        if text.is_empty() {
            return Err(bad(None));
        }
        // Without `://` it is a path, whatever else is in it: `C:\data` and `a:b` are names.
        let Some((scheme, _)) = text.split_once("://") else {
            return Ok(Self::Local(PathBuf::from(text)));
        };
        let mut url = Url::parse(text).map_err(|source| bad(Some(source)))?;
        if url.scheme() == "file" {
            return url.to_file_path().map(Self::Local).map_err(|()| bad(None));
        }
        if Self::vendor(&url).is_none() {
            let scheme = scheme.to_owned();
            return Err(ObjectError::UnknownScheme { text: without_secrets(text), scheme });
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(bad(None));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self::Remote(url))
    }
}

/// An address as it is written, whether it is one or not, without what may be secret in it: a user
/// with a password, and the query. For messages and records.
pub fn without_secrets(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = match host.rsplit_once('@') {
        Some((user, plain)) if user.contains(':') => plain,
        _ => host,
    };
    format!("{scheme}://{host}{path}")
}

/// Shows the address without what may be secret in it.
impl fmt::Display for ObjectLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Remote(url) => {
                let user = match url.username() {
                    // Azure names the container where other addresses have a user.
                    container if url.password().is_none() && !container.is_empty() => {
                        format!("{container}@")
                    }
                    _ => String::new(),
                };
                let host = url.host_str().unwrap_or_default();
                let path = url.path().trim_end_matches('/');
                f.pad(&format!("{}://{user}{host}{path}", url.scheme()))
            }
        }
    }
}

impl fmt::Debug for ObjectLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectLocation({self})")
    }
}

#[cfg(test)]
mod tests;
