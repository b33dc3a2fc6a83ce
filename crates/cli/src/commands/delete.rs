//! `metalith metadata delete`.

use metalith_base::FeatureKey;
use metalith_store::{DeletionMode, DeletionReceipt, DeletionRequest, Mode};
use serde_json::json;

use crate::{
    commands::confirm,
    context::{Context, filters},
    failure::{CliError, Failure, Outcome, fail},
    printer::number,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The feature
    #[arg(value_name = "FEATURE", conflicts_with = "feature")]
    positional: Option<FeatureKey>,
    /// The feature
    #[arg(long, value_name = "FEATURE")]
    feature: Option<FeatureKey>,
    /// Only samples that meet this condition; give it again for more
    #[arg(long = "filter", value_name = "EXPR")]
    filters: Vec<String>,
    /// Hide samples so that they can be restored; `--soft=false` removes them for good
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    soft: bool,
    /// Remove samples for good, like `--soft=false`
    #[arg(long)]
    hard: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Only say what would be deleted
    #[arg(long)]
    dry_run: bool,
    /// Why, for the log of the table
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Rows of every feature version
    #[arg(long)]
    feature_history: bool,
    /// A tombstone for every row of a sample, not only for the latest
    #[arg(long)]
    sample_history: bool,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let feature = args.feature.as_ref().or(args.positional.as_ref()).ok_or_else(|| {
        fail(CliError::Argument {
            what: "no feature is named".to_owned(),
            hint: "name one with `--feature`".to_owned(),
        })
    })?;
    let hard = args.hard || !args.soft;
    let request = DeletionRequest {
        filters: filters(&args.filters)?,
        mode: if hard { DeletionMode::Hard } else { DeletionMode::Soft },
        feature_history: args.feature_history,
        sample_history: args.sample_history,
        reason: args.reason.clone(),
    };
    let mode = if args.dry_run { Mode::Read } else { Mode::Write };
    let (project, store) = context.open(mode).await?;
    let plan = store.plan_deletion(project.graph(), feature, &request).await.map_err(fail)?;
    let planned = DeletionReceipt {
        id: plan.id().to_owned(),
        feature: plan.feature().clone(),
        mode: plan.mode(),
        samples: plan.samples(),
        rows: plan.rows(),
        table_version: None,
    };
    if args.dry_run {
        return show(context, &planned, Stage::DryRun);
    }
    if hard && plan.samples() > 0 {
        let what = format!("removing {} for good", sentence(&planned));
        confirm(&what, args.yes)?;
    }
    let receipt = match store.apply_deletion(plan).await {
        // Somebody wrote since the plan was shown: with consent given, plan again.
        Err(metalith_store::StoreError::Conflict { .. }) => {
            store.delete(project.graph(), feature, &request).await
        }
        other => other,
    };
    show(context, &receipt.map_err(fail)?, Stage::Done)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    DryRun,
    Done,
}

fn sentence(receipt: &DeletionReceipt) -> String {
    let rows = match receipt.mode {
        DeletionMode::Soft => format!("{} tombstones", number(receipt.rows)),
        DeletionMode::Hard => format!("{} rows", number(receipt.rows)),
    };
    format!("{} samples of `{}` ({rows})", number(receipt.samples), receipt.feature)
}

fn show(context: &Context, receipt: &DeletionReceipt, stage: Stage) -> Result<Outcome, Failure> {
    let soft = receipt.mode == DeletionMode::Soft;
    let done = stage == Stage::Done && receipt.table_version.is_some();
    let json = json!({
        "feature": receipt.feature.as_str(),
        "mode": if soft { "soft" } else { "hard" },
        "dry_run": stage == Stage::DryRun,
        "samples": receipt.samples,
        "rows": receipt.rows,
        "deletion": done.then_some(&receipt.id),
        "table_version": receipt.table_version,
    });
    context.printer.show(json, || {
        let what = sentence(receipt);
        match (stage, receipt.samples, soft) {
            (_, 0, _) if receipt.rows == 0 => format!("no sample of `{}` matches", receipt.feature),
            (Stage::DryRun, _, true) => format!("would hide {what}"),
            (Stage::DryRun, _, false) => format!("would remove {what} for good"),
            (Stage::Done, _, true) => format!(
                "deleted {what}\nrestore with `metalith metadata restore --feature {} --deletion {}`",
                receipt.feature, receipt.id
            ),
            (Stage::Done, _, false) => format!(
                "removed {what}\nfiles stay for readers at work until `metalith maintain` removes them"
            ),
        }
    })?;
    Ok(Outcome::Done)
}
