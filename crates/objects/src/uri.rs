//! Addresses of single objects, told apart whatever way they are spelled.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

use url::Url;

use crate::{ObjectError, ObjectLocation, location::Vendor};

/// The address of an object, or of everything below a prefix.
///
/// Two addresses are equal when they name the same thing: the scheme's other names (`s3a`, `gcs`),
/// doubled slashes, `.` and percent-encoding make no difference. Where storage itself would tell
/// two such spellings apart, they still count as one here, so that what may be in use is kept.
#[derive(Clone, Debug)]
pub struct ObjectUri {
    place: String,
    key: String,
    /// The key as it was written, where that has percent-escapes: storage may have it like that.
    spelled: Option<String>,
}

impl PartialEq for ObjectUri {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for ObjectUri {}

impl PartialOrd for ObjectUri {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ObjectUri {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl Hash for ObjectUri {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

/// Why a text names no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriProblem {
    /// It is no address at all.
    #[error("it is no address of storage")]
    Unreadable,
    /// It is a path that depends on where one stands.
    #[error("it is a relative path, which names no file by itself")]
    Relative,
    /// It names a whole bucket or file system.
    #[error("it names no object within its bucket")]
    Everything,
    /// It climbs with `..`.
    #[error("it has `..` in it")]
    Climbs,
}

/// The place of local files.
const LOCAL: &str = "file://";

impl ObjectUri {
    /// Reads an address: `s3://bucket/key`, `file:///path`, an absolute path, and so on.
    pub fn parse(text: &str) -> Result<Self, UriProblem> {
        if !text.contains("://") {
            return Self::local(text);
        }
        let url = Url::parse(text).map_err(|_| UriProblem::Unreadable)?;
        let raw = raw_path(text);
        let key = decoded(raw);
        let spelled = |mut uri: Self| {
            uri.spelled = (key != raw).then(|| parts(raw).join("/"));
            uri
        };
        if url.scheme() == "file" {
            return Self::new(LOCAL.to_owned(), &key);
        }
        let vendor = ObjectLocation::vendor(&url).ok_or(UriProblem::Unreadable)?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(UriProblem::Unreadable)?;
        let place = match vendor {
            Vendor::Amazon => format!("s3://{host}"),
            Vendor::Google => format!("gs://{host}"),
            // The container stands where other addresses have a user, if the account is given;
            // which account it is belongs to the options.
            Vendor::Azure if !url.username().is_empty() => format!("az://{}", url.username()),
            Vendor::Azure => format!("az://{host}"),
        };
        Self::new(place, &key).map(spelled)
    }

    /// The address of a place: a folder, perhaps relative to the working directory, or a bucket,
    /// perhaps with a prefix in it.
    pub fn of_place(location: &str) -> Result<Self, UriProblem> {
        if location.contains("://") {
            let whole = |uri: Self| Self { key: String::new(), spelled: None, ..uri };
            return match Self::parse(location) {
                Err(UriProblem::Everything) => {
                    Self::parse(&format!("{}/all", location.trim_end_matches('/'))).map(whole)
                }
                other => other,
            };
        }
        let folder = std::path::absolute(location).map_err(|_| UriProblem::Unreadable)?;
        let folder = crate::open::normal(&folder);
        Self::local(folder.to_str().ok_or(UriProblem::Unreadable)?)
    }

    fn local(path: &str) -> Result<Self, UriProblem> {
        if !path.starts_with('/') {
            return Err(UriProblem::Relative);
        }
        Self::new(LOCAL.to_owned(), path)
    }

    fn new(place: String, path: &str) -> Result<Self, UriProblem> {
        let parts = parts(path);
        if parts.contains(&"..") {
            return Err(UriProblem::Climbs);
        }
        if parts.is_empty() {
            return Err(UriProblem::Everything);
        }
        Ok(Self { place, key: parts.join("/"), spelled: None })
    }

    fn identity(&self) -> (&str, &str) {
        (&self.place, &self.key)
    }

    /// An address from what [`place`](Self::place), [`key`](Self::key) and
    /// [`spelled`](Self::spelled) told.
    pub fn from_parts(place: &str, key: &str, spelled: Option<&str>) -> Result<Self, UriProblem> {
        let spelled = spelled.map(str::to_owned);
        Self::new(place.to_owned(), key).map(|uri| Self { spelled, ..uri })
    }

    /// The key as it was written, if that has percent-escapes. They may be an encoding, or part of
    /// the key itself.
    pub fn spelled(&self) -> Option<&str> {
        self.spelled.as_deref()
    }

    /// The addresses by which a row may name an object that was listed: its key as it is, and with
    /// percent-escapes in it decoded.
    pub fn readings(&self) -> Vec<Self> {
        let mut readings = vec![self.clone()];
        let decoded = decoded(&self.key);
        if decoded != self.key {
            readings.extend(Self::new(self.place.clone(), &decoded));
        }
        readings
    }

    /// The bucket, container or file system, e.g. `s3://bucket`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The key in it: decoded, parts joined with single slashes, none at the ends.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether `other` is this, or lies below it as below a folder.
    pub fn covers(&self, other: &Self) -> bool {
        let below = |rest: &str| self.key.is_empty() || rest.is_empty() || rest.starts_with('/');
        self.place == other.place && other.key.strip_prefix(&self.key).is_some_and(below)
    }

    /// An object of the same place.
    pub(crate) fn sibling(&self, key: &str) -> Result<Self, UriProblem> {
        Self::new(self.place.clone(), key)
    }

    /// The place, to be opened.
    pub(crate) fn location(&self) -> Result<ObjectLocation, ObjectError> {
        if self.place == LOCAL { "/".parse() } else { self.place.parse() }
    }
}

fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect()
}

/// The path of an address as it is written, before any normalization.
fn raw_path(text: &str) -> &str {
    let after = text.split_once("://").map_or("", |(_, after)| after);
    after.find('/').map_or("", |slash| &after[slash..])
}

/// A text with percent-encoded bytes decoded; one that would not be text is left as it is.
fn decoded(text: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map_or_else(|_| text.to_owned(), |it| it.into_owned())
}

/// Shows the address without encoding, as people read it.
impl fmt::Display for ObjectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.place, self.key))
    }
}

#[cfg(test)]
mod tests;
