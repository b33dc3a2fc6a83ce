//! `metalith metadata copy`.

use metalith_base::FeatureKey;
use metalith_store::{CopyOptions, Mode};
use serde_json::{Value, json};

use crate::{
    context::{Context, features, filters},
    failure::{Failure, Outcome, fail},
    printer::{number, table},
    progress,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The features [default: all that the source has]
    features: Vec<FeatureKey>,
    /// The store to copy from
    #[arg(long, value_name = "STORE")]
    from: String,
    /// The store to copy to
    #[arg(long, value_name = "STORE")]
    to: String,
    /// Only rows that meet this condition
    #[arg(long = "filter", value_name = "EXPR")]
    filters: Vec<String>,
    /// Rows of every feature version
    #[arg(long)]
    feature_history: bool,
    /// Every row of a sample, deleted ones included
    #[arg(long)]
    sample_history: bool,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let project = context.project()?;
    let source = project.open_store(Some(&args.from), Mode::Read).await.map_err(fail)?;
    let target = project.open_store(Some(&args.to), Mode::Write).await.map_err(fail)?;
    context.finish(&project, &target).await?;
    let options = CopyOptions {
        filters: filters(&args.filters)?,
        feature_history: args.feature_history,
        sample_history: args.sample_history,
    };
    let present = source.features().await.map_err(fail)?;
    let mut wanted = features(&project, &args.features)?;
    if args.features.is_empty() {
        wanted.retain(|key| present.contains(key));
    }
    let bar = progress::bar(&context.printer, "copying");
    let mut copied = Vec::new();
    for key in wanted {
        bar.set_message(format!("copying {key}"));
        let receipt = target.copy_from(&source, project.graph(), &key, &options).await;
        copied.push((key, receipt.map_err(fail)?.rows));
    }
    bar.finish_and_clear();
    let json: Vec<Value> =
        copied.iter().map(|(key, rows)| json!({"feature": key.as_str(), "rows": rows})).collect();
    context.printer.show(json!({"from": args.from, "to": args.to, "copied": json}), || {
        let rows: Vec<Vec<String>> =
            copied.iter().map(|(key, rows)| vec![key.to_string(), number(*rows)]).collect();
        table(&["FEATURE", "ROWS COPIED"], &rows)
    })?;
    Ok(Outcome::Done)
}
