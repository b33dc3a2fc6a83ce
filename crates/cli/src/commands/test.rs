//! `metalith test`.

use std::{path::PathBuf, time::Instant};

use metalith_pipeline::{Scenario, ScenarioOutcome};
use serde_json::{Value, json};

use crate::{
    context::Context,
    failure::{Failure, Outcome, fail},
};

/// In which form results are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// One JSON document.
    Json,
    /// JUnit XML, as build servers read it.
    Junit,
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files of scenarios
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// In which form to tell the results
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
}

/// A scenario that was run.
struct Ran {
    file: String,
    outcome: ScenarioOutcome,
    seconds: f64,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let mut all = Vec::new();
    for file in &args.files {
        for scenario in Scenario::read_all(file).await.map_err(fail)? {
            let start = Instant::now();
            let outcome = scenario.run().await;
            let seconds = start.elapsed().as_secs_f64();
            all.push(Ran { file: file.display().to_string(), outcome, seconds });
        }
    }
    match args.format {
        Form::Junit => context.printer.data(&junit(&all))?,
        Form::Json => context.printer.data(&format!("{:#}", as_json(&all)))?,
        Form::Text => context.printer.show(as_json(&all), || as_text(&all))?,
    }
    let passed = all.iter().all(|ran| ran.outcome.passed());
    Ok(if passed { Outcome::Done } else { Outcome::CheckFailed })
}

fn failed(all: &[Ran]) -> usize {
    all.iter().filter(|ran| !ran.outcome.passed()).count()
}

fn as_text(all: &[Ran]) -> String {
    let mut text = String::new();
    for Ran { file, outcome, .. } in all {
        let verdict = if outcome.passed() { "ok" } else { "FAILED" };
        text.push_str(&format!("{verdict:<6} {file}: {}\n", outcome.name));
        for failure in &outcome.failures {
            for line in failure.lines() {
                text.push_str(&format!("         {line}\n"));
            }
        }
    }
    let failed = failed(all);
    text.push_str(&format!("{} passed, {failed} failed", all.len() - failed));
    text
}

fn as_json(all: &[Ran]) -> Value {
    let scenarios = all.iter().map(|ran| {
        json!({
            "file": ran.file,
            "name": ran.outcome.name,
            "passed": ran.outcome.passed(),
            "failures": ran.outcome.failures,
            "seconds": ran.seconds,
        })
    });
    let failed = failed(all);
    json!({
        "passed": all.len() - failed,
        "failed": failed,
        "scenarios": scenarios.collect::<Vec<_>>(),
    })
}

fn junit(all: &[Ran]) -> String {
    let seconds: f64 = all.iter().map(|ran| ran.seconds).sum();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"metalith\" \
         tests=\"{}\" failures=\"{}\" errors=\"0\" time=\"{seconds:.3}\">\n",
        all.len(),
        failed(all)
    );
    for Ran { file, outcome, seconds } in all {
        let (file, name) = (escaped(file), escaped(&outcome.name));
        text.push_str(&format!(
            "    <testcase classname=\"{file}\" name=\"{name}\" time=\"{seconds:.3}\""
        ));
        if outcome.passed() {
            text.push_str("/>\n");
            continue;
        }
        let told = escaped(&outcome.failures.join("\n"));
        let first =
            escaped(outcome.failures.first().and_then(|it| it.lines().next()).unwrap_or_default());
        text.push_str(&format!(
            ">\n      <failure message=\"{first}\">{told}</failure>\n    </testcase>\n"
        ));
    }
    text.push_str("  </testsuite>\n</testsuites>");
    text
}

/// Text as XML holds it. Characters that XML does not know are replaced.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(character),
            other if other.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}
