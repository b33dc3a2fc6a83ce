//! The words every other crate speaks: keys, reactions to failure, time.
//!
//! This is layer 0: no I/O, no clock reading, no randomness. A crate that needs the time takes a
//! [`Clock`]; a crate that fails says so with an error that implements [`Diagnostic`].
//!
//! ```
//! use metalith_base::FeatureKey;
//!
//! let key: FeatureKey = "video/raw".parse()?;
//! assert_eq!(key.table_name(), "video__raw");
//! # Ok::<(), metalith_base::KeyError>(())
//! ```

mod age;
mod clock;
mod diagnostic;
mod key;
mod nearest;
mod quota;

pub use crate::{
    age::{AgeError, parse_age},
    clock::{Clock, Timestamp},
    diagnostic::{Diagnostic, Kind},
    key::{FeatureKey, FieldKey, KeyError, QualifiedField},
    nearest::nearest,
    quota::{Quota, SizeError, Threshold, parse_size},
};
