//! `metalith metadata delete`.

use metalith_base::FeatureKey;
use metalith_lifecycle::deletion::{Cascade, CascadePlan, CascadeRequest};
use metalith_store::{DeletionMode, DeletionReceipt, Mode};
use serde_json::json;

use crate::{
    commands::confirm,
    context::{Context, filters},
    failure::{CliError, Failure, Outcome, fail},
    printer::{number, table},
    progress,
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
    /// Take along what was computed from the samples (downstream), what they were computed from and
    /// nothing else needs (upstream), or both
    #[arg(long, value_name = "DIRECTION", default_value = "none")]
    cascade: Cascade,
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
    let request = CascadeRequest {
        cascade: args.cascade,
        feature_history: args.feature_history,
        sample_history: args.sample_history,
        reason: args.reason.clone(),
        ..CascadeRequest::new(
            feature.clone(),
            if hard { DeletionMode::Hard } else { DeletionMode::Soft },
            filters(&args.filters)?,
        )
    };
    let mode = if args.dry_run { Mode::Read } else { Mode::Write };
    let (project, store) = context.open(mode).await?;
    let bar = progress::bar(&context.printer, "finding what goes");
    let plan = CascadePlan::make(&store, project.graph(), &request).await;
    bar.finish_and_clear();
    let plan = plan.map_err(fail)?;
    let mut shown = Shown::new(feature, args.cascade, &plan);
    if args.dry_run {
        return shown.print(context, Stage::DryRun);
    }
    if hard && plan.samples() > 0 {
        confirm(&format!("removing {} for good", shown.summary()), args.yes)?;
    }
    let receipts = plan.apply(&store, project.graph()).await.map_err(fail)?;
    shown.done(&receipts);
    shown.print(context, Stage::Done)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    DryRun,
    Done,
}

/// What is planned or done, as it is printed.
struct Shown<'a> {
    feature: &'a FeatureKey,
    cascade: Cascade,
    mode: DeletionMode,
    deletion: String,
    steps: Vec<Line>,
}

struct Line {
    feature: FeatureKey,
    samples: u64,
    rows: u64,
    stale: u64,
    table_version: Option<u64>,
}

impl<'a> Shown<'a> {
    fn new(feature: &'a FeatureKey, cascade: Cascade, plan: &CascadePlan) -> Self {
        let steps = plan.steps().iter().map(|step| Line {
            feature: step.feature().clone(),
            samples: step.samples(),
            rows: step.rows(),
            stale: step.stale,
            table_version: None,
        });
        let (mode, deletion) = (plan.mode(), plan.id().to_owned());
        Self { feature, cascade, mode, deletion, steps: steps.collect() }
    }

    /// Takes over what was done, which differs from the plan where somebody wrote in between.
    fn done(&mut self, receipts: &[DeletionReceipt]) {
        for (line, receipt) in self.steps.iter_mut().zip(receipts) {
            line.samples = receipt.samples;
            line.rows = receipt.rows;
            line.table_version = receipt.table_version;
        }
    }

    fn samples(&self) -> u64 {
        self.steps.iter().map(|it| it.samples).sum()
    }

    fn rows(&self) -> u64 {
        self.steps.iter().map(|it| it.rows).sum()
    }

    fn summary(&self) -> String {
        let rows = match self.mode {
            DeletionMode::Soft => format!("{} tombstones", number(self.rows())),
            DeletionMode::Hard => format!("{} rows", number(self.rows())),
        };
        let samples = number(self.samples());
        match self.steps.as_slice() {
            [line] => format!("{samples} samples of `{}` ({rows})", line.feature),
            lines => format!("{samples} samples of {} features ({rows})", lines.len()),
        }
    }

    fn print(&self, context: &Context, stage: Stage) -> Result<Outcome, Failure> {
        let steps = self.steps.iter().enumerate().map(|(index, line)| {
            json!({
                "position": index + 1,
                "feature": line.feature.as_str(),
                "samples": line.samples,
                "rows": line.rows,
                "stale": line.stale,
                "table_version": line.table_version,
            })
        });
        let done = stage == Stage::Done && self.rows() > 0;
        let json = json!({
            "feature": self.feature.as_str(),
            "mode": if self.mode == DeletionMode::Soft { "soft" } else { "hard" },
            "cascade": self.cascade.name(),
            "dry_run": stage == Stage::DryRun,
            "samples": self.samples(),
            "rows": self.rows(),
            "deletion": done.then_some(&self.deletion),
            "steps": steps.collect::<Vec<_>>(),
        });
        context.printer.show(json, || self.text(stage))?;
        Ok(Outcome::Done)
    }

    fn text(&self, stage: Stage) -> String {
        let what = self.summary();
        let mut text = match (stage, self.rows(), self.mode) {
            (_, 0, _) => format!("no sample of `{}` matches", self.feature),
            (Stage::DryRun, _, DeletionMode::Soft) => format!("would hide {what}"),
            (Stage::DryRun, _, DeletionMode::Hard) => format!("would remove {what} for good"),
            (Stage::Done, _, DeletionMode::Soft) => format!("deleted {what}"),
            (Stage::Done, _, DeletionMode::Hard) => format!("removed {what}"),
        };
        if self.cascade != Cascade::None {
            text.push_str(&format!("\n{}", self.table()));
        }
        match (stage, self.mode) {
            (Stage::DryRun, _) => {}
            _ if self.rows() == 0 => {}
            (Stage::Done, DeletionMode::Soft) => text.push_str(&format!(
                "\nrestore with `metalith metadata restore --deletion {}`",
                self.deletion
            )),
            (Stage::Done, DeletionMode::Hard) => text.push_str(
                "\nfiles stay for readers at work until `metalith maintain` removes them",
            ),
        }
        text
    }

    /// Features in the order in which they are worked off.
    fn table(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .steps
            .iter()
            .enumerate()
            .map(|(index, line)| {
                vec![
                    number(index as u64 + 1),
                    line.feature.to_string(),
                    number(line.samples),
                    number(line.rows),
                    number(line.stale),
                ]
            })
            .collect();
        table(&["ORDER", "FEATURE", "SAMPLES", "ROWS", "STALE"], &rows)
    }
}
