//! A project on disk: `metalith.toml`, the feature files it names, and the stores it knows.
//!
//! Settings are resolved once, here: flags of the caller over environment over file over default.
//! The environment comes in as a map, so that resolving is a pure function of what is on disk and
//! what is passed. What this crate is not: it parses no command line and prints nothing.

mod config;
mod environment;
mod error;
mod init;
mod notes;
mod project;
mod registry;

pub use crate::{
    config::{Settings, StoreKind, StoreSettings},
    environment::{VARIABLES, Variable, variables},
    error::ProjectError,
    init::init,
    notes::CachedNotes,
    project::{ConfiguredPlace, Project, ProjectOptions, configured_place, find_config},
    registry::RegistrySettings,
};
