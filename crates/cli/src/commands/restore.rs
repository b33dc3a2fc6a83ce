//! `metalith metadata restore`.

use metalith_base::FeatureKey;
use metalith_lifecycle::deletion::{RestoreMode, restore};
use metalith_store::{Mode, RestoreRequest};
use serde_json::{Value, json};

use crate::{
    context::{Context, filters},
    failure::{Failure, Outcome, fail},
    printer::number,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The feature [default: every feature that the deletion was about]
    #[arg(long, value_name = "FEATURE", required_unless_present = "deletion")]
    feature: Option<FeatureKey>,
    /// Only what this deletion hid
    #[arg(long, value_name = "ID")]
    deletion: Option<String>,
    /// Only samples of the feature that meet this condition
    #[arg(long = "filter", value_name = "EXPR", requires = "feature")]
    filters: Vec<String>,
    /// Only say what would come back
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Write).await?;
    let graph = project.graph();
    let restored = match (&args.feature, &args.deletion) {
        (None, Some(deletion)) => {
            let mode = if args.dry_run { RestoreMode::DryRun } else { RestoreMode::Apply };
            restore(&store, graph, deletion, mode).await.map_err(fail)?
        }
        (None, None) => Vec::new(),
        (Some(feature), deletion) => {
            let request = RestoreRequest {
                deletion: deletion.clone(),
                filters: filters(&args.filters)?,
                dry_run: args.dry_run,
            };
            let receipt = store.restore(graph, feature, &request).await.map_err(fail)?;
            vec![(feature.clone(), receipt)]
        }
    };
    let json: Vec<Value> = restored
        .iter()
        .map(|(feature, receipt)| {
            json!({
                "feature": feature.as_str(),
                "samples": receipt.samples,
                "deletions": receipt.deletions,
                "table_version": receipt.table_version,
            })
        })
        .collect();
    context.printer.show(json!({"dry_run": args.dry_run, "restored": json}), || {
        let verb = if args.dry_run { "would restore" } else { "restored" };
        let lines = restored.iter().map(|(feature, receipt)| {
            format!("{verb} {} samples of `{feature}`", number(receipt.samples))
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(Outcome::Done)
}
