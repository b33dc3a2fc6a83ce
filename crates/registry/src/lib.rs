//! Jobs, datasets, samples and models: who made what, and what may go.
//!
//! They are samples of built-in features, which a project gets by `[registry]` in `metalith.toml`:
//! `synthetic/job`, `synthetic/dataset`, `synthetic/sample`, `model` and `model/usage`. What
//! happens to one when another is deleted stands in the declarations of those features, so plans,
//! holds, the audit log, restore and retention know them like everything else. This crate adds what
//! a job *does* ([`Jobs`]), what has to be true before a job may go ([`delete_job`]), and who may ask
//! a server for it ([`tokens`]).
//!
//! What this crate is not: it speaks no HTTP and prints nothing.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the expressions and values of other crates are many; what is not named is refused"
)]

mod delete;
mod error;
mod jobs;
mod link;
mod record;
mod space;
pub mod tokens;

pub use crate::{
    delete::{
        Datasets, JobDeleted, delete_dataset, delete_job, delete_model, deleted, plan_dataset,
        plan_job,
    },
    error::{Advice, RegistryError},
    jobs::{JobKind, JobSettings, Jobs, KINDS, NewJob, Progress},
    link::{
        NewDataset, NewModel, activate, deactivate, parse_id, register_dataset, register_model,
    },
    record::{
        Dataset, Job, JobState, Model, Page, Record, Usage, find, job_table, list,
        list_without_samples,
    },
    space::{Session, Space},
};
