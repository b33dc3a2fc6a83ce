//! `metalith scan`.

use std::collections::BTreeMap;

use metalith_base::FeatureKey;
use metalith_ingest::{Gone, ScanEvent, ScanOptions, ScanReport, scan};
use metalith_objects::ObjectLocation;
use metalith_store::Mode;
use serde_json::json;

use crate::{
    context::Context,
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
    let options = ScanOptions {
        glob: args.glob.clone(),
        quick: args.quick,
        gone: if args.delete_gone { Gone::SoftDelete } else { Gone::Report },
        parallelism: args.parallelism,
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
    show(args, context, &report)?;
    for (path, problem) in &report.unreadable {
        context.printer.remark(&format!("unreadable: {path}: {problem}"));
    }
    Ok(if report.unreadable.is_empty() { Outcome::Done } else { Outcome::CheckFailed })
}

fn show(args: &Args, context: &Context, report: &ScanReport) -> Result<(), Failure> {
    let unreadable: Vec<&str> = report.unreadable.iter().map(|(path, _)| path.as_str()).collect();
    let json = json!({
        "feature": args.feature.as_str(),
        "files": report.files,
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "gone": report.gone,
        "deletion": report.deletion,
        "bytes_read": report.bytes_read,
        "vanished": report.vanished,
        "unreadable": unreadable,
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
        match (&report.deletion, report.gone) {
            (Some(deletion), gone) => {
                text.push_str(&format!("\n{} gone, deleted as {deletion}", number(gone)));
            }
            (None, 0) => {}
            (None, gone) => text.push_str(&format!(
                "\n{} gone; delete their samples with `--delete-gone`",
                number(gone)
            )),
        }
        text
    })
}
