//! `metalith retention`.

use metalith_lifecycle::retention::{self, Applied, Due};
use metalith_store::Mode;
use serde_json::{Value, json};

use crate::{
    commands::confirm,
    context::{Context, work},
    failure::{Failure, Outcome, fail},
    printer::{number, table},
    progress,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to do [default: only say what is due, and what will be next]
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Do what is due
    Apply {
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let mode = if args.action.is_some() { Mode::Write } else { Mode::Read };
    let (project, store) = context.open(mode).await?;
    let places = project.places();
    let work = work(&project, &store, &places);
    let bar = progress::bar(&context.printer, "looking");
    let due = retention::plan(work).await;
    bar.finish_and_clear();
    let due = due.map_err(fail)?;
    let Some(Action::Apply { yes }) = &args.action else {
        let json: Vec<Value> = due.iter().map(due_json).collect();
        context.printer.show(json!({ "rules": json }), || due_text(&due))?;
        return Ok(Outcome::Done);
    };
    let samples: u64 = due.iter().filter_map(|it| Some(it.plan.as_ref()?.samples())).sum();
    if samples > 0 {
        confirm(&format!("deleting {} samples by retention", number(samples)), *yes)?;
    }
    let applied = retention::apply(work).await.map_err(fail)?;
    context.printer.show(applied_json(&applied), || applied_text(&applied))?;
    Ok(if applied.blocked.is_empty() { Outcome::Done } else { Outcome::CheckFailed })
}

fn due_json(due: &Due) -> Value {
    let plan = due.plan.as_ref();
    let blockers: Option<Vec<String>> =
        plan.map(|it| it.blockers().iter().map(ToString::to_string).collect());
    json!({
        "feature": due.feature.as_str(),
        "rule": due.rule.name(),
        "samples": plan.map_or(0, |plan| plan.samples()),
        "rows": plan.map_or(0, |plan| plan.steps().iter().map(|it| it.rows).sum::<u64>()),
        "objects": plan.map_or(0, |plan| plan.steps().iter().map(|it| it.objects).sum::<u64>()),
        "held": due.held,
        "blockers": blockers.unwrap_or_default(),
        "next": due.next.map(|it| it.to_string()),
    })
}

fn due_text(due: &[Due]) -> String {
    if due.is_empty() {
        return "no feature declares `retention`".to_owned();
    }
    let rows: Vec<Vec<String>> = due
        .iter()
        .map(|due| {
            let plan = due.plan.as_ref();
            let sum = |of: fn(&metalith_lifecycle::deletion::Step) -> u64| {
                number(plan.map_or(0, |plan| plan.steps().iter().map(of).sum()))
            };
            vec![
                due.feature.to_string(),
                due.rule.name().to_owned(),
                sum(|step| step.samples),
                sum(|step| step.rows),
                sum(|step| step.objects),
                number(due.held),
                plan.map_or(0, |plan| plan.blockers().len()).to_string(),
                due.next.map_or_else(|| "-".to_owned(), |it| it.to_string()),
            ]
        })
        .collect();
    let headers = ["FEATURE", "RULE", "DUE", "ROWS", "OBJECTS", "HELD", "BLOCKED", "NEXT DUE"];
    table(&headers, &rows)
}

fn applied_json(applied: &Applied) -> Value {
    let done: Vec<Value> = applied
        .done
        .iter()
        .map(|(rule, done)| {
            let steps: Vec<Value> = done
                .steps
                .iter()
                .map(|step| {
                    json!({
                        "feature": step.feature.as_str(),
                        "samples": step.samples,
                        "rows": step.rows,
                    })
                })
                .collect();
            json!({ "rule": rule.name(), "deletion": done.id, "steps": steps })
        })
        .collect();
    let blocked: Vec<Value> = applied
        .blocked
        .iter()
        .map(|(feature, blockers)| {
            let blockers: Vec<String> = blockers.iter().map(ToString::to_string).collect();
            json!({ "feature": feature.as_str(), "blockers": blockers })
        })
        .collect();
    json!({ "done": done, "blocked": blocked })
}

fn applied_text(applied: &Applied) -> String {
    let done = applied.done.iter().flat_map(|(rule, done)| {
        done.steps.iter().filter(|step| step.rows > 0).map(move |step| {
            let samples = number(step.samples);
            format!("{}: {samples} samples of `{}` ({})", rule.name(), step.feature, done.id)
        })
    });
    let blocked = applied.blocked.iter().flat_map(|(feature, blockers)| {
        blockers.iter().map(move |blocker| format!("blocked in `{feature}`: {blocker}"))
    });
    let lines: Vec<String> = done.chain(blocked).collect();
    if lines.is_empty() { "nothing is due".to_owned() } else { lines.join("\n") }
}
