//! Object storage by address: a folder, S3, Google Cloud Storage, Azure.
//!
//! An [`ObjectLocation`] is parsed from what a person writes; [`open`] turns it into a client that
//! gives up on an unreachable place within some fifteen seconds. What went wrong is told by
//! [`ObjectError`], and for errors that other libraries wrap around storage by [`classify`].
//!
//! What this crate is not: it knows no tables, no features and no settings files; options and
//! addresses come from the caller. Only credentials may also come from the environment, under the
//! names that each vendor's own tools use.
//!
//! ```
//! use metalith_objects::ObjectLocation;
//!
//! let location: ObjectLocation = "s3://media/videos/".parse()?;
//! assert_eq!(location.to_string(), "s3://media/videos");
//! # Ok::<(), metalith_objects::ObjectError>(())
//! ```

mod configured;
mod delete;
mod error;
mod list;
mod location;
mod open;
mod places;
mod put;
mod transfer;
mod uri;

pub use crate::{
    configured::configured,
    delete::{Deleted, delete_all},
    error::{ObjectError, ObjectReason, classify},
    list::{ObjectEntry, list, list_below},
    location::{ObjectLocation, without_secrets},
    open::{OpenedLocation, open},
    places::ObjectPlaces,
    put::put,
    transfer::{
        Finished, ObjectState, Upload, download, download_part, object_identity, object_state,
        tidied,
    },
    uri::{ObjectUri, UriProblem},
};
