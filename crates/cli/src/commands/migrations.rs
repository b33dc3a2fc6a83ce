//! `metalith migrations`.

use std::path::PathBuf;

use metalith_lifecycle::{
    migrations::{
        self, Applied, ApplyRequest, Figures, Folder, Migration, MigrationStatus, apply, find_file,
        generate, read_folder, rollback, scaffold, write_file,
    },
    snapshots,
};
use metalith_project::Project;
use metalith_store::{Execution, Mode, Store};
use serde_json::{Value, json};

use crate::{
    commands::confirm,
    context::{Context, work},
    failure::{Failure, Outcome, fail},
    printer::{number, table},
    progress,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Write a migration for everything that changed since a graph was pushed
    Generate(Generate),
    /// Write a migration without steps, with an example of each operation
    Scaffold(Scaffold),
    /// Do what a migration says; one that was interrupted goes on
    Apply(Apply),
    /// How migrations stand in the store
    Status(Status),
    /// Take a migration back, if nothing was built on top of it
    Rollback(Rollback),
}

#[derive(clap::Args)]
pub(crate) struct Generate {
    /// What to call it
    #[arg(long, default_value = "migration")]
    name: String,
    /// The recorded graph to compare with: `latest`, the beginning of a version, or TAG=VALUE
    #[arg(long, value_name = "GRAPH", default_value = "latest")]
    from: String,
    /// A reason for every step, instead of filling them in
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Scaffold {
    /// What to call it
    name: String,
    /// The recorded graph that samples are carried over from
    #[arg(long, value_name = "GRAPH")]
    from: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Apply {
    /// The migration: its id, or a file
    migration: String,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args)]
pub(crate) struct Status {
    /// Only this one, with its steps
    migration: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Rollback {
    /// The migration's id
    migration: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(command: Command, context: &Context) -> Result<Outcome, Failure> {
    match command {
        Command::Generate(args) => generated(&args, context).await,
        Command::Scaffold(args) => scaffolded(&args, context).await,
        Command::Apply(args) => applied(&args, context).await,
        Command::Status(args) => status(&args, context).await,
        Command::Rollback(args) => rolled_back(&args, context).await,
    }
}

fn folder(project: &Project) -> PathBuf {
    project.root().join("migrations")
}

async fn generated(args: &Generate, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Read).await?;
    let name = &project.settings().project;
    let recorded = snapshots::find(&store, name, &args.from).await.map_err(fail)?;
    let mut found = generate(&recorded, project.graph(), &args.name, store.now()).map_err(fail)?;
    for step in &mut found.migration.steps {
        step.reason = args.reason.clone().unwrap_or_default();
    }
    let migration = &found.migration;
    let file = write_file(&folder(&project), &migration.id, &found.to_yaml()).map_err(fail)?;
    let steps: Vec<Value> = migration
        .steps
        .iter()
        .map(|step| {
            let why = found.diff.feature(&step.feature).map(|it| it.why()).unwrap_or_default();
            json!({
                "feature": step.feature.as_str(),
                "operation": step.operation.name(),
                "why": why,
            })
        })
        .collect();
    let json = json!({
        "migration": migration.id,
        "file": file,
        "from": migration.from,
        "to": migration.to,
        "steps": steps,
    });
    context.printer.show(json, || {
        let rows: Vec<Vec<String>> = migration
            .steps
            .iter()
            .map(|step| {
                let why = found.diff.feature(&step.feature).map(|it| it.why()).unwrap_or_default();
                vec![step.feature.to_string(), step.operation.name().to_owned(), why.join("; ")]
            })
            .collect();
        let listed = table(&["FEATURE", "OPERATION", "WHY IT CHANGED"], &rows);
        let next = match args.reason {
            None => "give each step a reason, then",
            Some(_) => "see what it would do with",
        };
        let id = &migration.id;
        format!(
            "wrote {}\n{listed}\n{next} `metalith migrations apply {id} --dry-run`",
            file.display()
        )
    })?;
    Ok(Outcome::Done)
}

async fn scaffolded(args: &Scaffold, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Read).await?;
    let name = &project.settings().project;
    let from = match &args.from {
        Some(from) => {
            Some(snapshots::find(&store, name, from).await.map_err(fail)?.snapshot.version)
        }
        None => None,
    };
    let text = scaffold(name, from.as_deref(), project.graph(), &args.name, store.now());
    let text = text.map_err(fail)?;
    let id = Migration::parse("migration", &text).map_err(fail)?.id;
    let file = write_file(&folder(&project), &id, &text).map_err(fail)?;
    let json = json!({ "migration": id, "file": file });
    context.printer.show(json, || format!("wrote {}", file.display()))?;
    Ok(Outcome::Done)
}

async fn applied(args: &Apply, context: &Context) -> Result<Outcome, Failure> {
    let project = context.project()?;
    let migration = find_file(&folder(&project), &args.migration).map_err(fail)?;
    let (mode, execution) = match args.dry_run {
        true => (Mode::Read, Execution::DryRun),
        false => (Mode::Write, Execution::Apply),
    };
    let (project, store) = context.open(mode).await?;
    let done = carry_out(&project, &store, &migration, execution, context).await?;
    let json = json!({
        "migration": done.id,
        "dry_run": args.dry_run,
        "steps": done.steps.iter().map(|step| {
            let mut json = figures_json(Some(&step.figures));
            json["feature"] = step.feature.as_str().into();
            json["operation"] = step.operation.into();
            json["state"] = step.state.name().into();
            json
        }).collect::<Vec<_>>(),
    });
    context.printer.show(json, || {
        let rows: Vec<Vec<String>> = done
            .steps
            .iter()
            .map(|step| {
                let mut row = vec![step.feature.to_string(), step.operation.to_owned()];
                row.extend(figures_row(Some(&step.figures)));
                row.push(step.state.name().to_owned());
                row
            })
            .collect();
        let headers = ["FEATURE", "OPERATION", "SAMPLES", "WERE THERE", "TO COMPUTE", "STATE"];
        let mut text = table(&headers, &rows);
        if args.dry_run {
            text.push_str(
                "\nnothing was done; samples are at most so many, `-` where it is not known yet",
            );
        }
        text
    })?;
    if !args.dry_run {
        context.printer.remark("record the graph it led to with `metalith graph push`");
    }
    Ok(Outcome::Done)
}

async fn carry_out(
    project: &Project,
    store: &Store,
    migration: &Migration,
    execution: Execution,
    context: &Context,
) -> Result<Applied, Failure> {
    let places = project.places();
    let functions = context.functions.as_deref();
    let project_name = &project.settings().project;
    let request = ApplyRequest { project: project_name, migration, execution, functions };
    let bar = progress::bar(&context.printer, "migrating");
    let steps = migration.steps.len();
    let done = apply(work(project, store, &places), request, |number, step| {
        let name = step.operation.name();
        bar.set_message(format!("{} of {steps}: {name} {}", number + 1, step.feature));
    })
    .await;
    bar.finish_and_clear();
    done.map_err(fail)
}

fn figures_json(figures: Option<&Figures>) -> Value {
    json!({
        "samples": figures.and_then(|it| it.samples),
        "already": figures.map(|it| it.already),
        "left": figures.map(|it| it.left),
    })
}

fn figures_row(figures: Option<&Figures>) -> Vec<String> {
    let shown = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), number);
    vec![
        shown(figures.and_then(|it| it.samples)),
        shown(figures.map(|it| it.already)),
        shown(figures.map(|it| it.left)),
    ]
}

async fn status(args: &Status, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Read).await?;
    let Folder { migrations: files, unreadable } = read_folder(&folder(&project)).map_err(fail)?;
    let files = files.into_iter().map(|(_, migration)| migration).collect();
    let mut found = migrations::status(&store, files).await.map_err(fail)?;
    if let Some(id) = &args.migration {
        let known = found.iter().map(|it| it.migration.id.clone()).collect();
        found.retain(|it| it.migration.id == *id);
        if found.is_empty() {
            let id = id.clone();
            return Err(fail(migrations::MigrationError::Unknown { id, known }));
        }
    }
    let json: Vec<Value> = found.iter().map(status_json).collect();
    let odd: Vec<Value> = unreadable
        .iter()
        .map(|(file, error)| json!({ "file": file, "error": error.to_string() }))
        .collect();
    for (file, error) in &unreadable {
        context.printer.remark(&format!("cannot read {}: {error}", file.display()));
    }
    context.printer.show(json!({ "migrations": json, "unreadable": odd }), || {
        match found.as_slice() {
            [] => "there are no migrations".to_owned(),
            [one] if args.migration.is_some() => steps_table(one),
            all => {
                let rows: Vec<Vec<String>> = all
                    .iter()
                    .map(|it| {
                        let done = it.done.iter().flatten().count();
                        vec![
                            it.migration.id.clone(),
                            it.state.name().to_owned(),
                            format!("{done} of {}", it.done.len()),
                            it.ended_at
                                .or(it.begun_at)
                                .map(|at| at.to_string())
                                .unwrap_or_default(),
                        ]
                    })
                    .collect();
                table(&["MIGRATION", "STATE", "STEPS", "SINCE"], &rows)
            }
        }
    })?;
    Ok(Outcome::Done)
}

fn steps_table(status: &MigrationStatus) -> String {
    let steps = status.migration.steps.iter().zip(&status.done);
    let rows: Vec<Vec<String>> = steps
        .map(|(step, done)| {
            let mut row = vec![step.feature.to_string(), step.operation.name().to_owned()];
            row.extend(figures_row(done.as_ref()));
            row.push(if done.is_some() { "done" } else { "open" }.to_owned());
            row.push(step.reason.clone());
            row
        })
        .collect();
    let headers =
        ["FEATURE", "OPERATION", "SAMPLES", "WERE THERE", "TO COMPUTE", "STATE", "REASON"];
    format!("{} is {}\n{}", status.migration.id, status.state.name(), table(&headers, &rows))
}

fn status_json(status: &MigrationStatus) -> Value {
    let steps = status.migration.steps.iter().zip(&status.done);
    let steps: Vec<Value> = steps
        .map(|(step, done)| {
            let mut json = figures_json(done.as_ref());
            json["feature"] = step.feature.as_str().into();
            json["operation"] = step.operation.name().into();
            json["reason"] = step.reason.as_str().into();
            json["done"] = done.is_some().into();
            json
        })
        .collect();
    json!({
        "migration": status.migration.id,
        "state": status.state.name(),
        "from": status.migration.from,
        "to": status.migration.to,
        "begun_at": status.begun_at.map(|at| at.to_string()),
        "ended_at": status.ended_at.map(|at| at.to_string()),
        "actor": status.actor,
        "steps": steps,
    })
}

async fn rolled_back(args: &Rollback, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Write).await?;
    let id = &args.migration;
    confirm(&format!("removing what migration `{id}` wrote to {}", store.location()), args.yes)?;
    let places = project.places();
    let bar = progress::bar(&context.printer, "rolling back");
    let done = rollback(work(&project, &store, &places), id).await;
    bar.finish_and_clear();
    let done = done.map_err(fail)?;
    let steps: Vec<Value> = done
        .steps
        .iter()
        .map(|(feature, rows)| json!({ "feature": feature.as_str(), "rows": rows }))
        .collect();
    context.printer.show(json!({ "migration": done.id, "steps": steps }), || {
        let rows: Vec<Vec<String>> =
            done.steps.iter().map(|(key, rows)| vec![key.to_string(), number(*rows)]).collect();
        format!("rolled back {}\n{}", done.id, table(&["FEATURE", "ROWS"], &rows))
    })?;
    Ok(Outcome::Done)
}
