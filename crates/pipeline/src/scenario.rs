//! Tests of pipelines: given rows, a pipeline, and what is expected of its outputs.

mod compare;
mod read;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use metalith_base::Timestamp;
use metalith_store::Frame;
use serde_json::{Map, Value};

use self::{compare::difference, read::read_scenarios};
use crate::{Options, PipelineError, Report, Surroundings, run};

/// A test of a pipeline.
#[derive(Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    pipeline: Source,
    variables: BTreeMap<String, String>,
    now: Timestamp,
    given: BTreeMap<(String, String), Frame>,
    expected: Vec<Expected>,
    /// Part of the error that is expected, instead of outputs.
    error: Option<String>,
}

/// The pipeline that is tested.
#[derive(Clone, Debug)]
struct Source {
    file: String,
    text: String,
    folder: PathBuf,
}

/// What is expected of an output.
#[derive(Debug)]
struct Expected {
    destination: String,
    rows: Vec<Map<String, Value>>,
    is_exact: bool,
    is_ordered: bool,
}

/// How a scenario ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioOutcome {
    /// What it is called.
    pub name: String,
    /// What is not as expected; nothing when all is well.
    pub failures: Vec<String>,
}

impl ScenarioOutcome {
    /// Whether all is as expected.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl Scenario {
    /// Reads the scenarios of a file.
    pub async fn read_all(file: &Path) -> Result<Vec<Self>, PipelineError> {
        let text = read_text(file)?;
        read_scenarios(file, &text).await
    }

    /// Runs the pipeline over the given rows. Nothing is written anywhere.
    pub async fn run(&self) -> ScenarioOutcome {
        let mut surroundings = Surroundings::new(&self.pipeline.folder, self.now);
        surroundings.replaced.clone_from(&self.given);
        surroundings.captures = true;
        let options = Options { variables: self.variables.clone(), ..Options::default() };
        let source = (self.pipeline.file.as_str(), self.pipeline.text.as_str());
        let failures = match (run(source, &surroundings, options).await, &self.error) {
            (Ok(report), None) => self.differences(&report),
            (Ok(_), Some(error)) => vec![format!("expected an error with `{error}`, but it ran")],
            (Err(found), Some(error)) if found.to_string().contains(error) => Vec::new(),
            (Err(found), Some(error)) => {
                vec![format!("expected an error with `{error}`, found\n{found}")]
            }
            (Err(found), None) => vec![format!("the pipeline failed:\n{found}")],
        };
        ScenarioOutcome { name: self.name.clone(), failures }
    }

    fn differences(&self, report: &Report) -> Vec<String> {
        let mut found = Vec::new();
        for expected in &self.expected {
            let output = report.outputs.iter().find(|it| it.destination == expected.destination);
            let Some(captured) = output.and_then(|it| it.captured.as_ref()) else {
                let known: Vec<&str> =
                    report.outputs.iter().map(|it| it.destination.as_str()).collect();
                found.push(format!(
                    "there is no output {}; there are {}",
                    expected.destination,
                    known.join(", ")
                ));
                continue;
            };
            let difference = difference(expected, captured);
            found.extend(difference.map(|it| format!("{}: {it}", expected.destination)));
        }
        found
    }
}

fn read_text(file: &Path) -> Result<String, PipelineError> {
    std::fs::read_to_string(file).map_err(|source| PipelineError::File {
        action: "read",
        path: file.to_path_buf(),
        source,
    })
}
