//! `metalith run` and `metalith runs`.

use std::{collections::BTreeMap, path::PathBuf};

use metalith_base::Timestamp;
use metalith_pipeline::{
    Options, Outcome as RunOutcome, PipelineError, Published, Report, Run, SCHEMA, Surroundings,
    report_json, runs as recorded, time_of,
};
use metalith_store::Mode;
use serde_json::{Value, json};

use crate::{
    context::Context,
    failure::{CliError, Failure, Outcome, fail},
    printer::{number, table},
    progress,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The project file of the pipeline
    #[arg(required_unless_present = "schema")]
    file: Option<PathBuf>,
    /// Print the JSON Schema of such files, for editors
    #[arg(long)]
    schema: bool,
    /// Read and compute everything, and write nothing
    #[arg(long, conflicts_with = "validate")]
    dry_run: bool,
    /// Only check the file against the columns of its inputs
    #[arg(long)]
    validate: bool,
    /// The value of a variable; give it again for more
    #[arg(long = "var", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// The time of the run, e.g. 2026-01-31T12:00:00Z: what today() and now() tell
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
    /// Write a line about every change of a row into this file
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "trace.jsonl")]
    trace: Option<PathBuf>,
    /// Do not ask before samples are deleted for good
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let Some(file) = args.file.as_ref().filter(|_| !args.schema) else {
        context.printer.data(SCHEMA.trim_end())?;
        return Ok(Outcome::Done);
    };
    let text = read(file)?;
    let project = context.project_if_any()?;
    let machine = machine_time();
    let now = match &args.now {
        Some(text) => time_of(text).ok_or_else(|| {
            let what = format!("`{text}` is no time");
            fail(CliError::Argument { what, hint: "write e.g. 2026-01-31T12:00:00Z".to_owned() })
        })?,
        None => machine,
    };
    let shown = file.display().to_string();
    let folder = file.parent().map_or_else(PathBuf::new, PathBuf::from);
    let mut surroundings = Surroundings::new(folder, now);
    surroundings.project = project.as_ref();
    let bar = progress::counter(&context.printer, "reading rows");
    let meter = bar.clone();
    let options = Options {
        variables: variables(&args.variables)?,
        dry_run: args.dry_run,
        trace: args.trace.clone().filter(|_| !args.dry_run),
        // A run at a given time is the same run each time.
        seed: if args.now.is_some() { 0 } else { metalith_pipeline::seed_of(&surroundings.run) },
        progress: Box::new(move |rows| meter.set_position(rows)),
        consent: args.yes,
        ..Options::default()
    };
    if args.validate {
        metalith_pipeline::validate((&shown, &text), &surroundings, &options)
            .await
            .map_err(fail)?;
        let json = json!({ "file": shown, "valid": true });
        context.printer.show(json, || format!("{shown} is valid"))?;
        return Ok(Outcome::Done);
    }
    if let Some(project) = project.as_ref().filter(|_| !args.dry_run) {
        let store = project.open_store(None, Mode::Write).await.map_err(fail)?;
        context.finish(project, &store).await?;
    }
    let done = metalith_pipeline::run((&shown, &text), &surroundings, options).await;
    bar.finish_and_clear();
    let report = done.map_err(fail)?;
    for remark in &report.remarks {
        context.printer.remark(remark);
    }
    let mut json = report_json(&report);
    json["run"] = surroundings.run.clone().into();
    json["dry_run"] = args.dry_run.into();
    context.printer.show(json, || shown_report(&report, args.dry_run))?;
    Ok(Outcome::Done)
}

fn read(file: &PathBuf) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|source| fail(PipelineError::File { action: "read", path: file.clone(), source }))
}

fn variables(given: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    given
        .iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => {
                let what = format!("`{text}` is no variable");
                Err(fail(CliError::Argument { what, hint: "write NAME=VALUE".to_owned() }))
            }
        })
        .collect()
}

fn machine_time() -> Timestamp {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = elapsed.map_or(0, |it| i64::try_from(it.as_micros()).unwrap_or(i64::MAX));
    Timestamp::from_micros(micros)
}

fn shown_report(report: &Report, dry_run: bool) -> String {
    let rows: Vec<Vec<String>> = report
        .operations
        .iter()
        .map(|it| {
            vec![
                it.number.to_string(),
                it.kind.to_owned(),
                it.alias.clone().unwrap_or_default(),
                number(it.rows_in),
                number(it.matched),
                number(it.rows_out),
            ]
        })
        .collect();
    let mut text = table(&["NO", "TYPE", "ALIAS", "ROWS IN", "MATCHED", "ROWS OUT"], &rows);
    for output in &report.outputs {
        text.push_str(&match (dry_run, output.mode) {
            (_, "delete") => deletion(output, dry_run),
            (false, _) => format!("\nwrote {} rows to {}", number(output.rows), output.destination),
            (true, _) => {
                format!("\nwould write {} rows to {}", number(output.rows), output.destination)
            }
        });
    }
    text
}

/// What became of samples, or would.
fn deletion(output: &Published, dry_run: bool) -> String {
    let details = &output.details;
    let samples = number(details["samples"].as_u64().unwrap_or(0));
    if !dry_run {
        let mut text = format!("\ndeleted {samples} samples, of {}", output.destination);
        if let Some(id) = details["deletion"].as_str() {
            text.push_str(&format!(" as deletion {id}"));
        }
        return text;
    }
    let mut text = format!("\nwould delete {samples} samples, of {}", output.destination);
    for step in details["steps"].as_array().into_iter().flatten() {
        let told = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
        let count = number(step["samples"].as_u64().unwrap_or(0));
        text.push_str(&format!("\n  {} {count} of {}", told("action"), told("feature")));
    }
    for blocker in details["blockers"].as_array().into_iter().flatten() {
        text.push_str(&format!("\n  blocked: {}", blocker.as_str().unwrap_or_default()));
    }
    text
}

#[derive(clap::Args)]
pub(crate) struct RunsArgs {
    /// At most so many, the latest ones
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
}

pub(crate) async fn runs(args: &RunsArgs, context: &Context) -> Result<Outcome, Failure> {
    let (_, store) = context.open(Mode::Read).await?;
    let all = recorded(&store).await.map_err(fail)?;
    let latest = &all[all.len().saturating_sub(args.limit)..];
    let json: Vec<Value> = latest.iter().map(run_json).collect();
    context.printer.show(json!({ "runs": json }), || {
        let rows: Vec<Vec<String>> = latest.iter().map(line).collect();
        table(&["RUN", "PIPELINE", "STARTED", "BY", "OUTCOME", "ERROR"], &rows)
    })?;
    Ok(Outcome::Done)
}

fn line(run: &Run) -> Vec<String> {
    let error = match &run.outcome {
        RunOutcome::Failed(error) => error.lines().next().unwrap_or_default().to_owned(),
        RunOutcome::Publishing(places) => format!("at {}", places.join(", ")),
        RunOutcome::Begun | RunOutcome::Succeeded | RunOutcome::Interrupted => String::new(),
    };
    vec![
        run.id.clone(),
        run.pipeline.clone(),
        run.started_at.to_string(),
        run.actor.clone().unwrap_or_default(),
        run.outcome.name().to_owned(),
        error,
    ]
}

fn run_json(run: &Run) -> Value {
    let error = match &run.outcome {
        RunOutcome::Failed(error) => Some(error),
        RunOutcome::Begun
        | RunOutcome::Publishing(_)
        | RunOutcome::Succeeded
        | RunOutcome::Interrupted => None,
    };
    json!({
        "run": run.id,
        "pipeline": run.pipeline,
        "file": run.file,
        "actor": run.actor,
        "started_at": run.started_at.to_string(),
        "finished_at": run.finished_at.map(|it| it.to_string()),
        "outcome": run.outcome.name(),
        "error": error,
        "details": run.details,
    })
}
