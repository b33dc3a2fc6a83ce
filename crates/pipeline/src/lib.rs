//! YAML pipelines: update, delete, aggregate, append, join and output over one working set.
//!
//! A [`Pipeline`] is read from a project file, checked as a whole against the columns of its inputs
//! ([`validate`]), and run in one pass over the rows ([`run`]). Each row of the working set has
//! `_row_id`, `_deleted` and `_modified_at`; a row that an operation deletes stays, unseen by all
//! operations but an output that asks for it.
//!
//! What this crate is not: it has no expression language of its own (`metalith-expr` checks,
//! `metalith-store` lowers), and it deletes no samples itself: deleting rows of a feature is a
//! deletion of `metalith-lifecycle`, with its plan and its protections.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the types of Arrow and of the query engine are many and grow"
)]

mod arithmetic;
mod bind;
mod confines;
mod engine;
mod error;
mod exact;
mod execute;
mod files;
mod input;
mod model;
mod placeholders;
mod provenance;
mod read;
mod reads;
mod records;
mod run;
mod scenario;
mod working;

pub use crate::{
    confines::Confines,
    error::{Mistake, PipelineError},
    execute::Published,
    model::Pipeline,
    records::{Outcome, Run, report_json, runs},
    run::{
        InputReport, OperationReport, Options, Report, Surroundings, run, seed_of, time_of,
        validate,
    },
    scenario::{Scenario, ScenarioOutcome},
    working::{DELETED, MODIFIED_AT, ROW_ID},
};

/// The JSON Schema of project files, for editors.
pub const SCHEMA: &str = include_str!("../schema/pipeline.schema.json");
