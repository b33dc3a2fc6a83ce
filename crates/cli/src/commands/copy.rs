//! `metalith metadata copy`.

use metalith_base::FeatureKey;
use metalith_lifecycle::copying::{Copied, CopyRequest, copy};
use metalith_store::{CopyOptions, Mode};
use serde_json::{Value, json};

use crate::{
    context::{Context, OverFallbackArg, features, filters},
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
    /// Everything there is: both histories, features that the project does not declare, and the
    /// graphs that were recorded
    #[arg(long, conflicts_with_all = ["features", "filters"])]
    everything: bool,
    #[command(flatten)]
    over: OverFallbackArg,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let project = context.project()?;
    let source = project.open_store(Some(&args.from), Mode::Read).await.map_err(fail)?;
    let target = project.open_store(Some(&args.to), Mode::Write).await.map_err(fail)?;
    context.finish(&project, &target).await?;
    let over_fallback = args.over.over_fallback;
    let request = match (args.everything, args.features.is_empty()) {
        (true, _) => CopyRequest::everything(over_fallback),
        (false, is_all) => CopyRequest {
            features: (!is_all).then(|| features(&project, &args.features)).transpose()?,
            options: CopyOptions {
                filters: filters(&args.filters)?,
                feature_history: args.feature_history,
                sample_history: args.sample_history,
                over_fallback,
            },
            snapshots: false,
        },
    };
    let bar = progress::bar(&context.printer, "copying");
    let tell = |feature: &FeatureKey| bar.set_message(format!("copying {feature}"));
    let done = copy(&source, &target, project.graph(), &request, tell).await;
    bar.finish_and_clear();
    let done = done.map_err(fail)?;
    let json: Vec<Value> = done.iter().map(as_json).collect();
    context.printer.show(json!({"from": args.from, "to": args.to, "copied": json}), || {
        let rows: Vec<Vec<String>> = done
            .iter()
            .map(|Copied { feature, receipt }| {
                let digest = receipt.digest.chars().take(12).collect();
                vec![feature.to_string(), number(receipt.rows), number(receipt.already), digest]
            })
            .collect();
        table(&["FEATURE", "ROWS COPIED", "WERE THERE", "DIGEST"], &rows)
    })?;
    Ok(Outcome::Done)
}

fn as_json(Copied { feature, receipt }: &Copied) -> Value {
    json!({
        "feature": feature.as_str(),
        "rows": receipt.rows,
        "already": receipt.already,
        "digest": receipt.digest,
        "verified": true,
    })
}
