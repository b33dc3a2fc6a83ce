//! `metalith metadata resolve`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_ingest::{FileFormat, WrittenIncrement, read_samples, write_increment, write_work};
use metalith_store::{Compute, Computed, Extent, Finding, Increment, Mode, ResolveOptions};
use serde_json::{Value, json};

use crate::{
    commands::write::parse_format,
    context::{Context, filters, output_folder},
    failure::{CliError, Failure, Outcome, fail},
    output::Output,
    printer::{cells, number, table},
    progress,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The feature
    feature: FeatureKey,
    /// Compare these samples instead of what upstreams have
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
    /// Only rows of a feature that meet a condition
    #[arg(long = "filter", value_name = "FEATURE:EXPR")]
    filters: Vec<String>,
    /// A condition on the feature and all its upstreams
    #[arg(long = "global-filter", value_name = "EXPR")]
    global_filters: Vec<String>,
    /// A condition on the feature's own rows
    #[arg(long = "target-filter", value_name = "EXPR")]
    target_filters: Vec<String>,
    /// Take stored rows that meet this as stale
    #[arg(long = "stale-if", value_name = "EXPR")]
    stale_if: Vec<String>,
    /// Take everything as new
    #[arg(long)]
    skip_comparison: bool,
    /// Say how much was looked at, and by which statement or plan
    #[arg(long)]
    explain: bool,
    /// Compute here, even if the database could
    #[arg(long)]
    no_native: bool,
    /// Write new, stale and orphaned samples into files of this folder
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Write new and stale samples into one file, where `metalith_finding` says which they are; `-` is
    /// standard output, as an Arrow stream unless told otherwise
    #[arg(long, short, value_name = "FILE", conflicts_with = "output_dir")]
    output: Option<PathBuf>,
    /// The format of those files [default: Parquet in a folder, else by the file's ending]
    #[arg(long, value_parser = parse_format)]
    format: Option<FileFormat>,
    /// Show at most so many rows of each
    #[arg(long, default_value_t = 5)]
    limit: usize,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let output = args.output.as_ref().map(|file| Output::new(file, args.format)).transpose()?;
    let (project, store) = context.open(Mode::Read).await?;
    let options = options(args).await?;
    let sink = output.as_ref().map(Output::open).transpose()?;
    let bar = progress::bar(&context.printer, &format!("resolving {}", args.feature));
    let from = (&store, project.graph());
    if let Some(folder) = &args.output_dir {
        output_folder(folder)?;
        let format = args.format.unwrap_or(FileFormat::Parquet);
        let written = write_increment(from, &args.feature, options, folder, format).await;
        bar.finish_and_clear();
        return told(args, context, written.map_err(fail)?);
    }
    if let (Some(output), Some(sink)) = (output, sink) {
        let written = write_work(from, &args.feature, options, sink).await;
        bar.finish_and_clear();
        let Some(mut written) = output.written(written)? else { return Ok(Outcome::Done) };
        written.files.extend(output.file().map(Path::to_path_buf));
        return told(args, context, written);
    }
    let found = store.resolve(project.graph(), &args.feature, options).await;
    bar.finish_and_clear();
    show(args, context, &found.map_err(fail)?)
}

/// Tells of an increment whose rows were written: to files, or to standard output, where then nothing
/// else goes.
fn told(args: &Args, context: &Context, written: WrittenIncrement) -> Result<Outcome, Failure> {
    let WrittenIncrement { resolved, rows, files } = written;
    let rows = |finding| rows.get(&finding).copied().unwrap_or_default();
    let Found { mut json, text } =
        Found::new(args, context, rows, (resolved.extent, &resolved.computed));
    if files.is_empty() {
        context.printer.beside(&json, &text);
        return Ok(Outcome::Done);
    }
    json["files"] = json!(files);
    context.printer.show(json, || {
        let shown: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        format!("{text}\nwrote {}", shown.join(", "))
    })?;
    Ok(Outcome::Done)
}

/// What is told of an increment beside its rows.
struct Found {
    json: Value,
    text: String,
}

impl Found {
    /// Explains at once where that was asked for.
    fn new(
        args: &Args,
        context: &Context,
        rows: impl Fn(Finding) -> u64,
        (extent, computed): (Extent, &Computed),
    ) -> Self {
        let findings = [Finding::New, Finding::Stale, Finding::Orphaned, Finding::Waiting];
        let counts = findings.map(|it| (it.name().to_owned(), json!(rows(it))));
        let mut counts = Value::Object(counts.into_iter().collect());
        let mut json = json!({"feature": args.feature.as_str()});
        if args.explain {
            context.printer.remark(&explained(extent, computed));
            if let Extent::Changed(samples) = extent {
                counts["looked_at"] = samples.into();
            }
            json["computed"] = for_programs(computed);
        }
        json["counts"] = counts;
        let waiting = match rows(Finding::Waiting) {
            0 => String::new(),
            waiting => format!(" ({} of them wait for an upstream)", number(waiting)),
        };
        let [new, stale, orphaned] =
            [Finding::New, Finding::Stale, Finding::Orphaned].map(|it| number(rows(it)));
        Self { json, text: format!("new {new}, stale {stale}, orphaned {orphaned}{waiting}") }
    }
}

async fn options(args: &Args) -> Result<ResolveOptions, Failure> {
    let mut by_feature: BTreeMap<FeatureKey, Vec<Expr>> = BTreeMap::new();
    for text in &args.filters {
        let split = text.split_once(':').and_then(|(key, expr)| Some((key.parse().ok()?, expr)));
        let Some((key, expr)) = split else {
            let what = format!("`{text}` names no feature");
            let hint = "write FEATURE:EXPR, e.g. `--filter \"video/raw:size > 0\"`".to_owned();
            return Err(fail(CliError::Argument { what, hint }));
        };
        by_feature.entry(key).or_default().extend(filters(&[expr.to_owned()])?);
    }
    let samples = match &args.samples {
        None => None,
        Some(file) => {
            let rows = read_samples(file, None, &[]).map_err(fail)?;
            Some(rows.collect().await.map_err(fail)?)
        }
    };
    Ok(ResolveOptions {
        samples,
        filters: by_feature,
        global_filters: filters(&args.global_filters)?,
        target_filters: filters(&args.target_filters)?,
        staleness: filters(&args.stale_if)?,
        skip_comparison: args.skip_comparison,
        compute: args.no_native.then_some(Compute::Here),
        explain: args.explain,
    })
}

fn explained(extent: Extent, computed: &Computed) -> String {
    let extent = match extent {
        Extent::All => "looked at every sample".to_owned(),
        Extent::Changed(samples) => format!(
            "looked at {} samples: the others have not changed since all was in order",
            number(samples as u64)
        ),
    };
    match computed {
        Computed::Native { statements } => {
            format!("{extent}, in the database:\n{}", statements.join(";\n"))
        }
        Computed::Here { because, plan } => {
            let because = because.iter().map(|it| format!("\nnot in the database: {it}"));
            let plan =
                plan.iter().map(|it| format!("\nwhat is expected is computed here by\n{it}"));
            because.chain(plan).fold(extent, |text, more| text + &more)
        }
    }
}

/// How an increment was found, for programs.
fn for_programs(computed: &Computed) -> Value {
    match computed {
        Computed::Native { statements } => json!({"in": "the database", "statements": statements}),
        Computed::Here { because, plan } => {
            json!({"in": "this process", "because": because, "plan": plan})
        }
    }
}

fn show(args: &Args, context: &Context, found: &Increment) -> Result<Outcome, Failure> {
    let frame = |finding| match finding {
        Finding::New => &found.new,
        Finding::Stale => &found.stale,
        Finding::Orphaned => &found.orphaned,
        Finding::Waiting => &found.waiting,
    };
    let rows = |finding| frame(finding).rows() as u64;
    let Found { json, mut text } = Found::new(args, context, rows, (found.extent, &found.computed));
    for finding in [Finding::New, Finding::Stale, Finding::Orphaned] {
        if rows(finding) == 0 {
            continue;
        }
        let (headers, rows) = cells(&frame(finding).batches, args.limit)
            .map_err(|error| fail(metalith_store::StoreError::arrow(error)))?;
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        text.push_str(&format!("\n\n{}:\n{}", finding.name(), table(&headers, &rows)));
    }
    context.printer.show(json, || text)?;
    Ok(Outcome::Done)
}
