//! `metalith deletions` and `metalith purge`.

use metalith_lifecycle::deletion::{Deletion, DeletionState, list, retry_purges};
use metalith_store::Mode;
use serde_json::{Value, json};

use crate::{
    commands::delete::{purge_json, purge_text},
    context::{Context, work},
    failure::{CliError, Failure, Outcome, fail},
    printer::{number, table},
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Every deletion, the oldest first
    List,
    /// What one deletion did
    Show {
        /// Its id
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct PurgeArgs {
    /// Try again to delete what is waiting; without it, only list it
    #[arg(long)]
    resume: bool,
}

pub(crate) async fn run(command: &Command, context: &Context) -> Result<Outcome, Failure> {
    let (_, store) = context.open(Mode::Read).await?;
    let deletions = list(&store).await.map_err(fail)?;
    match command {
        Command::List => {
            let json: Vec<Value> = deletions.iter().map(deletion_json).collect();
            context.printer.show(json!({ "deletions": json }), || {
                let rows: Vec<Vec<String>> = deletions.iter().map(line).collect();
                table(&["DELETION", "AT", "FEATURE", "MODE", "STATE", "SAMPLES", "BY"], &rows)
            })?;
        }
        Command::Show { id } => {
            let found = deletions.into_iter().find(|it| it.id == *id);
            let deletion = found.ok_or_else(|| {
                fail(CliError::Missing {
                    what: format!("there is no deletion `{id}`"),
                    hint: "list them with `metalith deletions list`".to_owned(),
                })
            })?;
            context.printer.show(deletion_json(&deletion), || shown(&deletion))?;
        }
    }
    Ok(Outcome::Done)
}

pub(crate) async fn purge(args: &PurgeArgs, context: &Context) -> Result<Outcome, Failure> {
    if !args.resume {
        let (_, store) = context.open(Mode::Read).await?;
        let mut waiting = list(&store).await.map_err(fail)?;
        waiting.retain(|it| it.state == DeletionState::PurgePending);
        let json: Vec<Value> = waiting.iter().map(deletion_json).collect();
        context.printer.show(json!({ "waiting": json }), || {
            if waiting.is_empty() {
                return "no objects wait to be deleted".to_owned();
            }
            let lines = waiting.iter().map(|it| {
                format!("{}: {} objects failed last time", it.id, number(it.failures.len() as u64))
            });
            lines.collect::<Vec<_>>().join("\n")
        })?;
        return Ok(Outcome::Done);
    }
    let (project, store) = context.open(Mode::Write).await?;
    let places = project.places();
    let finished = retry_purges(work(&project, &store, &places)).await.map_err(fail)?;
    let mut done = Vec::new();
    let mut is_left = false;
    for finished in finished {
        match finished.outcome {
            Ok(outcome) => done.push(outcome),
            Err(error) => {
                is_left = true;
                let remark = format!("deletion {} is not finished: {error}", finished.id);
                context.printer.remark(&remark);
            }
        }
    }
    let purged: Vec<_> =
        done.iter().filter_map(|it| Some((&it.id, it.objects.as_ref()?))).collect();
    let json: Vec<Value> = purged
        .iter()
        .map(|(id, report)| json!({ "deletion": id, "objects": purge_json(report) }))
        .collect();
    context.printer.show(json!({ "purged": json }), || {
        if purged.is_empty() {
            return "no objects wait to be deleted".to_owned();
        }
        let lines = purged.iter().map(|(id, report)| format!("{id}: {}", purge_text(report)));
        lines.collect::<Vec<_>>().join("\n")
    })?;
    is_left |= purged.iter().any(|(_, report)| report.failed > 0);
    Ok(if is_left { Outcome::CheckFailed } else { Outcome::Done })
}

fn samples(deletion: &Deletion) -> u64 {
    deletion.steps.iter().filter_map(|step| step["samples"].as_u64()).sum()
}

fn line(deletion: &Deletion) -> Vec<String> {
    vec![
        deletion.id.clone(),
        deletion.at.to_string(),
        deletion.feature.as_ref().map(ToString::to_string).unwrap_or_default(),
        deletion.mode.clone(),
        deletion.state.name().to_owned(),
        number(samples(deletion)),
        deletion.actor.clone().unwrap_or_default(),
    ]
}

fn deletion_json(deletion: &Deletion) -> Value {
    let failures: Vec<Value> = deletion
        .failures
        .iter()
        .map(|(address, reason)| json!({ "address": address, "reason": reason }))
        .collect();
    json!({
        "deletion": deletion.id,
        "at": deletion.at.to_string(),
        "feature": deletion.feature.as_ref().map(metalith_base::FeatureKey::as_str),
        "mode": deletion.mode,
        "cascade": deletion.cascade,
        "state": deletion.state.name(),
        "actor": deletion.actor,
        "reason": deletion.reason,
        "samples": samples(deletion),
        "steps": deletion.steps,
        "failures": failures,
        "entries": deletion.entries.iter().map(super::audit::entry_json).collect::<Vec<_>>(),
    })
}

fn shown(deletion: &Deletion) -> String {
    let mut text = format!(
        "{} {} of {}\n{} at {}",
        deletion.mode,
        deletion.id,
        deletion.feature.as_ref().map(ToString::to_string).unwrap_or_default(),
        deletion.state.name(),
        deletion.at,
    );
    for (name, value) in [("by", &deletion.actor), ("because", &deletion.reason)] {
        if let Some(value) = value {
            text.push_str(&format!("\n{name} {value}"));
        }
    }
    let value = |step: &Value, name: &str| match &step[name] {
        Value::String(text) => text.clone(),
        Value::Number(count) => count.as_u64().map(number).unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    };
    let columns = ["feature", "action", "samples", "rows", "stale", "table_version"];
    let rows: Vec<Vec<String>> = deletion
        .steps
        .iter()
        .map(|step| columns.iter().map(|name| value(step, name)).collect())
        .collect();
    let headers = ["FEATURE", "ACTION", "SAMPLES", "ROWS", "STALE", "TABLE VERSION"];
    text.push_str(&format!("\n{}", table(&headers, &rows)));
    for entry in &deletion.entries {
        text.push_str(&format!("\n{} {} {}", entry.at, entry.event, entry.details));
    }
    for (address, reason) in &deletion.failures {
        text.push_str(&format!("\nnot deleted: {address}: {reason}"));
    }
    text
}
