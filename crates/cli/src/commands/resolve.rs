//! `metalith metadata resolve`.

use std::{collections::BTreeMap, path::PathBuf};

use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_ingest::{FileFormat, assemble_versions, read_file, write_file};
use metalith_store::{Compute, Computed, Extent, Frame, Increment, Mode, ResolveOptions, Rows};
use serde_json::{Value, json};

use crate::{
    commands::write::parse_format,
    context::{Context, filters, output_folder},
    failure::{CliError, Failure, Outcome, fail},
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
    /// The format of those files
    #[arg(long, value_parser = parse_format, default_value = "parquet")]
    format: FileFormat,
    /// Show at most so many rows of each
    #[arg(long, default_value_t = 5)]
    limit: usize,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Read).await?;
    let options = options(args).await?;
    let bar = progress::bar(&context.printer, &format!("resolving {}", args.feature));
    let found = store.resolve(project.graph(), &args.feature, options).await;
    bar.finish_and_clear();
    let found = found.map_err(fail)?;
    let mut counts = json!({
        "new": found.new.rows(),
        "stale": found.stale.rows(),
        "orphaned": found.orphaned.rows(),
        "waiting": found.waiting.rows(),
    });
    if args.explain {
        context.printer.remark(&explained(&found));
        if let Extent::Changed(samples) = found.extent {
            counts["looked_at"] = samples.into();
        }
    }
    let computed = args.explain.then(|| computed(&found.computed));
    let Some(folder) = &args.output_dir else {
        return show(args, context, &found, (counts, computed));
    };
    output_folder(folder)?;
    let mut files = Vec::new();
    for (name, frame) in frames(found) {
        let file = folder.join(format!("{name}.{}", args.format.ending()));
        let rows = Rows::from_batches(frame.schema, frame.batches);
        write_file(rows, &file, args.format).await.map_err(fail)?;
        files.push(file);
    }
    let mut json = document(args, &counts, computed);
    json["files"] = json!(files);
    context.printer.show(json, || {
        let shown: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        format!("{}\nwrote {}", counted(&counts), shown.join(", "))
    })?;
    Ok(Outcome::Done)
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
            let rows = read_file(file, None).and_then(|rows| assemble_versions(rows, &[]));
            Some(rows.map_err(fail)?.collect().await.map_err(fail)?)
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

fn explained(found: &Increment) -> String {
    let extent = match found.extent {
        Extent::All => "looked at every sample".to_owned(),
        Extent::Changed(samples) => format!(
            "looked at {} samples: the others have not changed since all was in order",
            number(samples as u64)
        ),
    };
    match &found.computed {
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

/// The same for programs.
fn computed(how: &Computed) -> Value {
    match how {
        Computed::Native { statements } => json!({"in": "the database", "statements": statements}),
        Computed::Here { because, plan } => {
            json!({"in": "this process", "because": because, "plan": plan})
        }
    }
}

fn document(args: &Args, counts: &Value, computed: Option<Value>) -> Value {
    let mut document = json!({"feature": args.feature.as_str(), "counts": counts});
    if let Some(computed) = computed {
        document["computed"] = computed;
    }
    document
}

fn frames(found: Increment) -> [(&'static str, Frame); 3] {
    [("new", found.new), ("stale", found.stale), ("orphaned", found.orphaned)]
}

fn counted(counts: &Value) -> String {
    let count = |name: &str| number(counts[name].as_u64().unwrap_or_default());
    let waiting = match counts["waiting"].as_u64() {
        Some(0) | None => String::new(),
        Some(waiting) => format!(" ({} of them wait for an upstream)", number(waiting)),
    };
    format!(
        "new {}, stale {}, orphaned {}{waiting}",
        count("new"),
        count("stale"),
        count("orphaned")
    )
}

fn show(
    args: &Args,
    context: &Context,
    found: &Increment,
    (counts, computed): (Value, Option<Value>),
) -> Result<Outcome, Failure> {
    let mut text = counted(&counts);
    for (name, frame) in
        [("new", &found.new), ("stale", &found.stale), ("orphaned", &found.orphaned)]
    {
        if frame.rows() == 0 {
            continue;
        }
        let (headers, rows) = cells(&frame.batches, args.limit)
            .map_err(|error| fail(metalith_store::StoreError::arrow(error)))?;
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        text.push_str(&format!("\n\n{name}:\n{}", table(&headers, &rows)));
    }
    context.printer.show(document(args, &counts, computed), || text)?;
    Ok(Outcome::Done)
}
