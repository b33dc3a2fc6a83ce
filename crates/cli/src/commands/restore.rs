//! `metalith metadata restore`.

use metalith_base::FeatureKey;
use metalith_store::{Mode, RestoreRequest};
use serde_json::json;

use crate::{
    context::{Context, filters},
    failure::{Failure, Outcome, fail},
    printer::number,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The feature
    #[arg(long, value_name = "FEATURE")]
    feature: FeatureKey,
    /// Only what this deletion hid
    #[arg(long, value_name = "ID")]
    deletion: Option<String>,
    /// Only samples that meet this condition
    #[arg(long = "filter", value_name = "EXPR")]
    filters: Vec<String>,
    /// Only say what would come back
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Write).await?;
    let request = RestoreRequest {
        deletion: args.deletion.clone(),
        filters: filters(&args.filters)?,
        dry_run: args.dry_run,
    };
    let receipt = store.restore(project.graph(), &args.feature, &request).await.map_err(fail)?;
    let json = json!({
        "feature": args.feature.as_str(),
        "dry_run": args.dry_run,
        "samples": receipt.samples,
        "deletions": receipt.deletions,
        "table_version": receipt.table_version,
    });
    context.printer.show(json, || {
        let verb = if args.dry_run { "would restore" } else { "restored" };
        format!("{verb} {} samples of `{}`", number(receipt.samples), args.feature)
    })?;
    Ok(Outcome::Done)
}
