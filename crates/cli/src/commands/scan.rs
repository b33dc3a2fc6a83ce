//! `metalith scan`.

use std::{collections::BTreeMap, sync::Arc};

use metalith_base::FeatureKey;
use metalith_ingest::{Gone, Remark, Remarks, RowGuard, ScanEvent, ScanOptions, ScanReport, scan};
use metalith_lifecycle::{
    deletion::{CascadePlan, CascadeRequest},
    quota::Meter,
};
use metalith_objects::ObjectLocation;
use metalith_store::{DeletionMode, Mode};
use serde_json::json;

use crate::{
    context::{Context, OverFallbackArg, meter, work},
    failure::{CliError, Failure, Outcome, fail},
    printer::{bytes, number},
    progress,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder, or an address such as s3://bucket/prefix
    location: String,
    /// The root feature that gets the samples
    #[arg(long, value_name = "FEATURE")]
    feature: FeatureKey,
    /// Only paths that fit, e.g. '**/*.mp4'
    #[arg(long, value_name = "PATTERN")]
    glob: Option<String>,
    /// Tell changes by size and time instead of reading every file
    #[arg(long)]
    quick: bool,
    /// Delete samples softly whose files are gone
    #[arg(long)]
    delete_gone: bool,
    /// How many files are read at once
    #[arg(long, default_value_t = 8)]
    parallelism: usize,
    #[command(flatten)]
    over: OverFallbackArg,
    /// An option of the object storage, e.g. endpoint=http://localhost:9000
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Write).await?;
    let location: ObjectLocation = args.location.parse().map_err(fail)?;
    let mut storage = BTreeMap::new();
    for option in &args.options {
        let Some((key, value)) = option.split_once('=') else {
            let what = format!("`{option}` is no option");
            return Err(fail(CliError::Argument { what, hint: "write KEY=VALUE".to_owned() }));
        };
        storage.insert(key.to_owned(), value.to_owned());
    }
    let place = metalith_objects::open(&location, &storage).map_err(fail)?;
    let meter = meter(&project, &store).await?;
    let feature = project.graph().feature(&args.feature).map_err(fail)?.clone();
    let guard =
        meter.clone().map(|meter| RowGuard(Arc::new(move |rows| meter.guard(&feature, rows))));
    let options = ScanOptions {
        glob: args.glob.clone(),
        quick: args.quick,
        gone: if args.delete_gone { Gone::Choose } else { Gone::Report },
        parallelism: args.parallelism,
        guard,
        over_fallback: args.over.over_fallback,
    };
    let bar = progress::bar(&context.printer, "listing");
    let mut progress = |event| match event {
        ScanEvent::Listed { bytes, .. } => {
            progress::set_total(&bar, bytes);
            bar.set_message("scanning");
        }
        ScanEvent::Looked { bytes } => bar.inc(bytes),
    };
    let graph = project.graph();
    let report = scan(&place, &store, graph, &args.feature, &options, &mut progress).await;
    bar.finish_and_clear();
    let report = report.map_err(fail)?;
    let deletion = match &report.gone_samples {
        Some(gone) => {
            let filters = vec![gone.filter()];
            let request = CascadeRequest {
                reason: Some(format!("gone from {location}")),
                ..CascadeRequest::new(args.feature.clone(), DeletionMode::Soft, filters)
            };
            let places = project.places();
            let work = work(&project, &store, &places);
            let plan = CascadePlan::make(work, &request).await.map_err(fail)?;
            Some(plan.apply(work).await.map_err(fail)?.id)
        }
        None => None,
    };
    for warning in meter.iter().flat_map(Meter::warnings) {
        context.printer.remark(&warning);
    }
    show(args, context, &report, deletion.as_deref())?;
    remarks(context, "unreadable", &report.unreadable);
    remarks(context, "left out", &report.skipped);
    Ok(if report.unreadable.is_empty() { Outcome::Done } else { Outcome::CheckFailed })
}

fn remarks(context: &Context, what: &str, remarks: &Remarks) {
    for Remark { path, problem } in &remarks.first {
        context.printer.remark(&format!("{what}: {path}: {problem}"));
    }
    let more = remarks.count.saturating_sub(remarks.first.len() as u64);
    if more > 0 {
        context.printer.remark(&format!("{what}: {} more", number(more)));
    }
}

fn show(
    args: &Args,
    context: &Context,
    report: &ScanReport,
    deletion: Option<&str>,
) -> Result<(), Failure> {
    let paths = |remarks: &Remarks| {
        let paths: Vec<&str> = remarks.first.iter().map(|it| it.path.as_str()).collect();
        json!({ "count": remarks.count, "first": paths })
    };
    let json = json!({
        "feature": args.feature.as_str(),
        "files": report.files,
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "moved": report.moved,
        "gone": report.gone,
        "gone_examples": report.gone_examples,
        "elsewhere": report.elsewhere,
        "deletion": deletion,
        "bytes_read": report.bytes_read,
        "vanished": report.vanished,
        "unreadable": paths(&report.unreadable),
        "skipped": paths(&report.skipped),
    });
    context.printer.show(json, || {
        let mut text = format!(
            "{} files: {} new, {} changed, {} unchanged; {} read",
            number(report.files),
            number(report.new),
            number(report.changed),
            number(report.unchanged),
            bytes(report.bytes_read),
        );
        text.push_str(&gone(report, deletion));
        text
    })
}

fn gone(report: &ScanReport, deletion: Option<&str>) -> String {
    let examples = report.gone_examples.join(", ");
    match (deletion, report.gone) {
        (_, None) => {
            "\na part could not be listed, so nothing is said about files that are gone".to_owned()
        }
        (_, Some(0)) => String::new(),
        (Some(deletion), Some(gone)) => {
            format!("\n{} gone, deleted as {deletion}: {examples}", number(gone))
        }
        (None, Some(gone)) => format!(
            "\n{} gone: {examples}\ndelete their samples with `--delete-gone`",
            number(gone)
        ),
    }
}
