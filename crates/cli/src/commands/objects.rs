//! `metalith objects`.

use std::time::Duration;

use metalith_base::{Threshold, parse_age};
use metalith_lifecycle::{
    objects::audit::{ObjectsReport, compare, declared_prefixes, delete_orphans},
    quota::Meter,
};
use metalith_objects::ObjectUri;
use metalith_store::Mode;
use serde_json::{Value, json};

use crate::{
    commands::{
        confirm,
        delete::{purge_json, purge_text},
    },
    context::{Context, work},
    failure::{CliError, Failure, Outcome, fail},
    printer::{bytes, number, table},
    progress,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Find objects that nobody names, and names of objects that are gone
    Audit(Args),
    /// How many objects samples name, their bytes, and the project's quota
    Usage,
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to list, e.g. `s3://bucket/videos` [default: what templates of features declare]
    #[arg(value_name = "PREFIX")]
    prefixes: Vec<String>,
    /// Delete the objects that nobody names and that are old enough; without it, only tell
    #[arg(long)]
    fix: bool,
    /// Objects that were changed later than this long ago are left alone
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = parse_age)]
    min_age: Duration,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(command: &Command, context: &Context) -> Result<Outcome, Failure> {
    match command {
        Command::Audit(args) => audit(args, context).await,
        Command::Usage => usage(context).await,
    }
}

async fn usage(context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Read).await?;
    let places = project.places();
    let quota = project.settings().quota;
    let meter = Meter::read(work(&project, &store, &places), quota).await.map_err(fail)?;
    let held = meter.usage();
    let threshold = |it: Threshold| json!({ "warn": it.warn, "refuse": it.refuse });
    let json = json!({
        "objects": held.objects,
        "bytes": held.bytes,
        "quota": { "objects": threshold(quota.objects), "bytes": threshold(quota.bytes) },
    });
    context.printer.show(json, || {
        let limit = |limit: Option<u64>, shown: fn(u64) -> String| {
            limit.map_or_else(|| "-".to_owned(), shown)
        };
        let line = |what: &str, held: u64, quota: Threshold, shown: fn(u64) -> String| {
            let (warn, refuse) = (limit(quota.warn, shown), limit(quota.refuse, shown));
            vec![what.to_owned(), shown(held), warn, refuse]
        };
        let rows = [
            line("objects", held.objects, quota.objects, number),
            line("bytes", held.bytes, quota.bytes, bytes),
        ];
        table(&["OF", "HELD", "WARNED ABOVE", "REFUSED ABOVE"], &rows)
    })?;
    Ok(Outcome::Done)
}

async fn audit(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let mode = if args.fix { Mode::Write } else { Mode::Read };
    let (project, store) = context.open(mode).await?;
    let places = project.places();
    let work = work(&project, &store, &places);
    let prefixes = prefixes(args, declared_prefixes(work))?;
    let bar = progress::bar(&context.printer, "comparing");
    let report = compare(work, &prefixes, args.min_age).await;
    bar.finish_and_clear();
    let report = report.map_err(fail)?;
    if !args.fix {
        context.printer.show(report_json(&report), || report_text(&report))?;
        let is_clean = report.orphans == 0 && report.missing == 0;
        return Ok(if is_clean { Outcome::Done } else { Outcome::CheckFailed });
    }
    if report.old_orphans > 0 {
        let what = format!("deleting {} objects for good", number(report.old_orphans));
        confirm(&what, args.yes)?;
    }
    let bar = progress::bar(&context.printer, "deleting");
    let purged = delete_orphans(work, &prefixes, args.min_age).await;
    bar.finish_and_clear();
    let purged = purged.map_err(fail)?;
    let mut json = report_json(&report);
    json["fixed"] = purge_json(&purged);
    context.printer.show(json, || format!("{}\n{}", report_text(&report), purge_text(&purged)))?;
    Ok(if purged.failed > 0 { Outcome::CheckFailed } else { Outcome::Done })
}

fn prefixes(args: &Args, declared: Vec<ObjectUri>) -> Result<Vec<ObjectUri>, Failure> {
    let mut prefixes = Vec::new();
    for text in &args.prefixes {
        let address = match text.contains("://") {
            true => Ok(text.clone()),
            false => std::path::absolute(text)
                .map(|path| path.display().to_string())
                .map_err(|error| error.to_string()),
        };
        let parsed = address.and_then(|it| ObjectUri::parse(&it).map_err(|it| it.to_string()));
        prefixes.push(parsed.map_err(|problem| {
            fail(CliError::Argument {
                what: format!("`{text}` cannot be listed: {problem}"),
                hint: "name a folder, or an address with a folder such as `s3://bucket/videos`"
                    .to_owned(),
            })
        })?);
    }
    if prefixes.is_empty() {
        prefixes = declared;
    }
    if prefixes.is_empty() {
        return Err(fail(CliError::Argument {
            what: "there is nothing to list".to_owned(),
            hint: "name a folder or an address; features declare none by a template".to_owned(),
        }));
    }
    Ok(prefixes)
}

fn report_json(report: &ObjectsReport) -> Value {
    let orphans: Vec<Value> = report
        .orphan_examples
        .iter()
        .map(|it| {
            json!({
                "address": it.address,
                "bytes": it.bytes,
                "modified": it.modified.to_string(),
            })
        })
        .collect();
    let places = report.places.iter();
    let places = places
        .map(|(place, it)| json!({ "place": place, "objects": it.objects, "bytes": it.bytes }));
    json!({
        "prefixes": report.prefixes,
        "objects": report.objects,
        "bytes": report.bytes,
        "places": places.collect::<Vec<_>>(),
        "orphans": report.orphans,
        "orphan_bytes": report.orphan_bytes,
        "old_orphans": report.old_orphans,
        "orphan_examples": orphans,
        "missing": report.missing,
        "missing_examples": report.missing_examples,
        "unreadable": report.unreadable,
        "undeclared": report.undeclared.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn report_text(report: &ObjectsReport) -> String {
    let mut text = format!(
        "{} objects ({}) below {}\n{} that nobody names ({}), {} of them old enough to delete",
        number(report.objects),
        bytes(report.bytes),
        report.prefixes.join(", "),
        number(report.orphans),
        bytes(report.orphan_bytes),
        number(report.old_orphans),
    );
    for orphan in report.orphan_examples.iter().take(20) {
        let (size, modified) = (bytes(orphan.bytes), orphan.modified);
        text.push_str(&format!("\n  {} ({size}, {modified})", orphan.address));
    }
    text.push_str(&format!("\n{} that are named and not there", number(report.missing)));
    for address in report.missing_examples.iter().take(20) {
        text.push_str(&format!("\n  {address}"));
    }
    if report.unreadable > 0 {
        let rows = number(report.unreadable);
        text.push_str(&format!("\n{rows} rows name objects in a way that cannot be read"));
    }
    for feature in &report.undeclared {
        text.push_str(&format!(
            "\n`{feature}` has a table here and is not declared: what it names is not known"
        ));
    }
    text
}
