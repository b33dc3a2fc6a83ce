//! `metalith metadata restore`.

use metalith_base::FeatureKey;
use metalith_lifecycle::deletion::{RestoreMode, Restored, restore};
use metalith_store::{Mode, RestoreRequest};
use serde_json::{Value, json};

use crate::{
    context::{Context, filters, work},
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
    /// Only samples that meet this condition, of the feature, or of the one that the deletion was
    /// asked for with all that hangs together with them
    #[arg(long = "filter", value_name = "EXPR")]
    filters: Vec<String>,
    /// Only say what would come back
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Write).await?;
    let (graph, places) = (project.graph(), project.places());
    let restored = match (&args.feature, &args.deletion) {
        (None, Some(deletion)) => {
            let mode = if args.dry_run { RestoreMode::DryRun } else { RestoreMode::Apply };
            let work = work(&project, &store, &places);
            restore(work, deletion, &filters(&args.filters)?, mode).await.map_err(fail)?
        }
        (None, None) => Vec::new(),
        (Some(feature), deletion) => {
            let request = RestoreRequest {
                deletion: deletion.clone(),
                filters: filters(&args.filters)?,
                dry_run: args.dry_run,
                ..RestoreRequest::default()
            };
            let receipt = store.restore(graph, feature, &request).await.map_err(fail)?;
            vec![Restored { feature: feature.clone(), receipt, reattached: 0 }]
        }
    };
    let json: Vec<Value> = restored
        .iter()
        .map(|Restored { feature, receipt, reattached }| {
            json!({
                "feature": feature.as_str(),
                "samples": receipt.samples,
                "deletions": receipt.deletions,
                "reattached": reattached,
                "table_version": receipt.table_version,
            })
        })
        .collect();
    context.printer.show(json!({"dry_run": args.dry_run, "restored": json}), || {
        let verb = if args.dry_run { "would restore" } else { "restored" };
        let lines = restored.iter().map(|Restored { feature, receipt, reattached }| {
            let refers = match reattached {
                0 => String::new(),
                count => format!("; {} refer again to what came back", number(*count)),
            };
            format!("{verb} {} samples of `{feature}`{refers}", number(receipt.samples))
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(Outcome::Done)
}
